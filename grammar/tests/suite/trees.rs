//! The tree says what the text says: precedence, literals, clauses, documentation, places.

use flow_grammar::ast::*;
use flow_grammar::parse;

/// The dump of one expression.
fn expr(text: &str) -> String {
    let source = format!("from t | filter {text}");
    let (program, errors) = parse(&source);
    assert!(errors.is_empty(), "{text}: {errors:#?}");
    let dump = program.dump();
    let start = dump.find("(filter ").expect("a filter") + "(filter ".len();
    dump[start..].trim_end().strip_suffix("))").expect("two closing parentheses").to_string()
}

fn stage(text: &str) -> String {
    let source = format!("from t | {text}");
    let (program, errors) = parse(&source);
    assert!(errors.is_empty(), "{text}: {errors:#?}");
    let dump = program.dump();
    let rest = dump.trim_end().strip_prefix("(pipeline (from (path `t`)) ").expect("a pipeline");
    rest.strip_suffix(')').expect("a closing parenthesis").to_string()
}

#[test]
fn precedence_is_as_described() {
    for (text, tree) in [
        ("-a ** b", "(- (** `a` `b`))"),
        ("a ** b ** c", "(** `a` (** `b` `c`))"),
        ("a ** -b * c", "(* (** `a` (- `b`)) `c`)"),
        ("-a * b", "(* (- `a`) `b`)"),
        ("a - b - c", "(- (- `a` `b`) `c`)"),
        ("a + b * c // d % e", "(+ `a` (% (// (* `b` `c`) `d`) `e`))"),
        ("a ?? b + c", "(?? `a` (+ `b` `c`))"),
        ("a ?? b < c", "(< (?? `a` `b`) `c`)"),
        ("a in b ?? c .. d + e", "(in `a` (.. (?? `b` `c`) (+ `d` `e`)))"),
        ("not a == b", "(not (== `a` `b`))"),
        ("not a in b and c", "(and (not (in `a` `b`)) `c`)"),
        ("a not in b", "(not in `a` `b`)"),
        ("a or b and c", "(or `a` (and `b` `c`))"),
        ("a + b is null and c is not null", "(and (is null (+ `a` `b`)) (is not null `c`))"),
        ("a == not b", "(== `a` (not `b`))"),
        ("a =~ r\"x\" or a !~ r\"\\d\"", "(or (=~ `a` (regex \"x\")) (!~ `a` (regex \"\\\\d\")))"),
        ("a.b[0].c(d).e", "(. (method (index (. `a` `b`) 0) `c` (args `d`)) `e`)"),
        ("(a < b) == (c < d)", "(== (< `a` `b`) (< `c` `d`))"),
        ("if a then b else if c then d else e", "(if `a` `b` (if `c` `d` `e`))"),
        ("a..b", "(.. `a` `b`)"),
        ("1..2", "(.. 1 2)"),
        ("a -b", "(- `a` `b`)"),
    ] {
        assert_eq!(expr(text), tree, "{text}");
    }
}

#[test]
fn literals_have_their_values() {
    for (text, tree) in [
        ("1_000", "1_000"),
        ("1e-6", "1e-6"),
        ("@1970-01-02", "@1d"),
        ("@1970-01-01T00:00:00.5Z", "@500000us"),
        ("90min", "90min"),
        (r#""a\"\\\n\u{e9}""#, "\"a\\\"\\\\\\né\""),
        (r#"f"{a:.2f} and {f"{b}"}""#, "(f (hole `a` (format \".2f\")) \" and \" (hole (f (hole `b`))))"),
        (r#"f"\{a\}""#, "(f \"{a}\")"),
        ("`credit-card`", "`credit-card`"),
        ("$total.amount", "(. $`total` `amount`)"),
        (
            "{ a, b.c, d: 1, *, e.* except (f) }",
            "(record (path `a`) (path `b` `c`) (: `d` 1) (* (except)) (* (base (path `e`)) (except `f`)))",
        ),
        (
            "match x { 1 | 2 => a, 3..4 => b, _ => c }",
            "(match (subject `x`) (=> (any 1 2) `a`) (=> (any (.. 3 4)) `b`) (=> _ `c`))",
        ),
        ("match { a => b }", "(match (=> (any `a`) `b`))"),
        (
            "f(x -> y, n: (a, b) -> c)",
            "(call `f` (args (-> (params `x`) `y`) (name `n`) (-> (params `a` `b`) `c`)))",
        ),
    ] {
        assert_eq!(expr(text), tree, "{text}");
    }
    let (program, _) = parse("const A = 90min const B = 3_0 const C = 1_0.5");
    let values: Vec<&ExprKind> = program
        .items
        .iter()
        .filter_map(|item| match &item.kind {
            ItemKind::Const(constant) => Some(&constant.value.kind),
            _ => None,
        })
        .collect();
    assert!(matches!(values[0], ExprKind::Duration(literal) if literal.micros == 90 * 60 * 1_000_000));
    assert!(matches!(values[1], ExprKind::Int(literal) if literal.value == 30));
    assert!(matches!(values[2], ExprKind::Float(literal) if literal.value() == 10.5));
}

#[test]
fn stages_keep_their_clauses() {
    for (text, tree) in [
        (
            "left join d as n on k, l == r expect m:1 using broadcast",
            "(join Left (path `d`) (as `n`) (on `k` (== `l` `r`)) (expect m:1) (using broadcast))",
        ),
        ("right join d on k", "(join Right (path `d`) (on `k`))"),
        ("full join d on k", "(join Full (path `d`) (on `k`))"),
        ("semi join d on k", "(join Semi (path `d`) (on `k`))"),
        ("anti join d on k", "(join Anti (path `d`) (on `k`))"),
        ("cross join d", "(join Cross (path `d`) (on))"),
        ("join d using merge expect 1:m on k", "(join Inner (path `d`) (on `k`) (expect 1:m) (using merge))"),
        ("sort a desc nulls first, b", "(sort (by `a` (direction Descending) (nulls First) `b`))"),
        ("sample 10% seed 42 with replacement", "(sample (percent 10) (seed 42) with_replacement)"),
        ("take 3 sort x per k", "(take 3 (per `k`) (by `x`))"),
        ("count", "(count)"),
        ("clean", "(use (path `clean`) (args))"),
        ("crm.clean(1, n: 2)", "(use (path `crm` `clean`) (args 1 (name `n`) 2))"),
        ("except all d", "(except all (path `d`))"),
        ("union a, (from b | count)", "(union (path `a`) (pipeline (from (path `b`)) (count)))"),
        ("persist(disk)", "(persist (level `disk`))"),
        (
            "reduce_by_key k, d: day(at) { n: count() }",
            "(reduce_by_key (keys `k` (name `d`) (call `day` (args `at`))) (record (: `n` (call `count` (args)))))",
        ),
    ] {
        let dumped = stage(text).replace("  ", " ").replace(" )", ")");
        assert_eq!(dumped, tree, "{text}");
    }
}

#[test]
fn contextual_words_are_names_everywhere_else() {
    for word in flow_grammar::CONTEXTUAL.iter().chain(flow_grammar::STAGES).chain(flow_grammar::ITEMS) {
        let source = format!(
            "from t | map {{ {word}, b: {word} + 1, {word}: c.{word} }} | sort {word} desc | filter {word} > 3"
        );
        let (_, errors) = parse(&source);
        assert!(errors.is_empty(), "{word}: {errors:#?}");
    }
}

#[test]
fn documentation_belongs_to_what_follows_it() {
    let source = "# not this\n\n## First line.\n## Second line.\nschema P {\n  ## A field.\n  a: int # trailing\n  # plain\n  b: int\n}\n## Lost.\n\nlet x = from y";
    let (program, errors) = parse(source);
    assert!(errors.is_empty());
    assert_eq!(program.items[0].doc.as_ref().map(|doc| doc.text.as_str()), Some("First line.\nSecond line."));
    let ItemKind::Schema(schema) = &program.items[0].kind else { panic!("a schema") };
    assert_eq!(schema.fields.fields[0].doc.as_ref().map(|doc| doc.text.as_str()), Some("A field."));
    assert!(schema.fields.fields[1].doc.is_none());
    assert!(program.items[1].doc.is_none(), "a blank line separates");
    assert_eq!(program.comments.len(), 7);
    assert!(!program.comments[4].own_line);
}

#[test]
fn spans_cover_exactly_their_text() {
    let source =
        "from t # c\n| left join d on k # e\n| filter (a + b) * c == 1 # f\n\n# g\nlet x = from y # h\n";
    let (program, errors) = parse(source);
    assert!(errors.is_empty());
    let ItemKind::Pipeline(pipeline) = &program.items[0].kind else { panic!("a pipeline") };
    assert_eq!(pipeline.source.span.text(source), "from t");
    assert_eq!(pipeline.stages[0].span.text(source), "left join d on k");
    assert_eq!(pipeline.stages[0].keyword.text(source), "left join");
    assert_eq!(pipeline.stages[0].bar.text(source), "|");
    assert_eq!(pipeline.stages[1].keyword.text(source), "filter");
    let StageKind::Filter(condition) = &pipeline.stages[1].kind else { panic!("a filter") };
    assert_eq!(condition.span.text(source), "(a + b) * c == 1");
    let ExprKind::Binary { left, op_span, .. } = &condition.kind else { panic!("a comparison") };
    assert_eq!(op_span.text(source), "==");
    let ExprKind::Binary { left: sum, .. } = &left.kind else { panic!("a product") };
    assert_eq!((sum.span.text(source), sum.outer().text(source)), ("a + b", "(a + b)"));
    assert_eq!(program.items[1].span.text(source), "let x = from y");
}

#[test]
fn items_need_no_separators() {
    let source = "let a = read \"x\" let b = from a | filter c == d const E = f param g: int = 3 from b | count from a schema S { x: int } test \"t\" { }";
    let (program, errors) = parse(source);
    assert!(errors.is_empty(), "{errors:#?}");
    assert_eq!(program.items.len(), 8);
}

#[test]
fn a_schema_on_the_next_line_is_the_next_item() {
    let (program, errors) = parse("read \"a.csv\"\nschema T { a: int }\nread \"b.csv\"\nschema T");
    assert!(errors.is_empty(), "{errors:#?}");
    assert_eq!(program.items.len(), 3);
}
