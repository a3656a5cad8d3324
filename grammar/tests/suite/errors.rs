//! Every mistake has its code, its place, its words and, where there is one, its repair.

use flow_grammar::{CODES, LineIndex, SyntaxError, parse};

/// Parses and renders each error as `code line:column message | captions`.
fn errors(source: &str) -> Vec<String> {
    let index = LineIndex::new(source);
    let render = |error: &SyntaxError| {
        let at = index.line_column(source, error.span.start);
        let captions: Vec<&str> = error.labels.iter().map(|(_, text)| text.as_str()).collect();
        format!("{} {}:{} {} | {}", error.code, at.line, at.column, error.message, captions.join(" | "))
    };
    parse(source).1.iter().map(render).collect()
}

/// The program after applying the fixes of its errors, last one first.
fn fixed(source: &str) -> String {
    let mut text = source.to_string();
    let mut fixes: Vec<_> = parse(source).1.into_iter().filter_map(|error| error.fix).collect();
    fixes.sort_by_key(|fix| std::cmp::Reverse((fix.span.start, fix.span.end)));
    for fix in fixes {
        text.replace_range(fix.span.start as usize..fix.span.end as usize, &fix.replacement);
    }
    text
}

/// Checks the only error of `source` and that its fix, if it has one, leaves a program without errors.
fn one(source: &str, start: &str, contains: &str) {
    let found = errors(source);
    assert_eq!(found.len(), 1, "{source}\n{found:#?}");
    assert!(found[0].starts_with(start), "{source}\n{}", found[0]);
    assert!(found[0].contains(contains), "{source}\n{}", found[0]);
    if parse(source).1.iter().any(|error| error.fix.is_some()) {
        let repaired = fixed(source);
        let rest = errors(&repaired);
        assert!(rest.is_empty(), "the fix does not help: {repaired}\n{rest:#?}");
    }
}

#[test]
fn sql_words_name_the_stage_that_is_meant() {
    let source = "read \"a.csv\"\n| where age > 3\n| take 3";
    one(
        source,
        "F1001 2:3 there is no stage called `where`",
        "to keep rows that satisfy a condition, write `filter`",
    );
    assert_eq!(fixed(source), "read \"a.csv\"\n| filter age > 3\n| take 3");
    for (word, stage) in [
        ("select { a }", "map"),
        ("derive { a }", "map"),
        ("with_columns { a }", "map"),
        ("mutate { a }", "map"),
        ("group_by a { n: count() }", "reduce_by_key"),
        ("limit 3", "take"),
        ("head 3", "take"),
        ("order_by a", "sort"),
        ("aggregate { n: count() }", "reduce"),
        ("agg { n: count() }", "reduce"),
    ] {
        one(&format!("from a | {word} | count"), "F1001 1:10 there is no stage called", &format!("`{stage}"));
    }
    let found = errors("from a | explode items");
    assert!(found[0].contains("flat_map { *, x: each list }"), "{found:?}");
    one("from a | limit(3)", "F1001 1:10", "write `take`");
    one("from a | fliter b > 3", "F1001 1:10", "did you mean `filter`?");
    one("from a | join (from b | where c > 3) on k", "F1001 1:25", "filter");
    assert!(errors("pipe limit { | take 3 }\nfrom a | limit").is_empty());
}

#[test]
fn operators_of_other_languages() {
    one("read \"a.csv\" | filter age = 3", "F1002 1:27 `=` gives names; to compare, write `==`", "`==`");
    for (operator, meant) in
        [("&&", "and"), ("||", "or"), ("===", "=="), ("<>", "!="), ("!==", "!="), ("=<", "<="), ("^", "**")]
    {
        one(&format!("from a | filter b {operator} c"), "F1002 1:19", &format!("write `{meant}`"));
    }
    one("from a | filter !b", "F1002 1:17", "`not`");
    one("from a | filter b & c", "F1002 1:19", "`and`");
    one("from a | filter b is 3", "F1002 1:19 `is` asks for null only", "`==`");
    one("from a | filter b is not 3", "F1002 1:19 `is not` asks for null only", "`!=`");
    one("from a | map { b = 3 }", "F1002 1:18 in a record, a name is followed by `:`", "`:`");
    one("read \"a\" as csv(sep = \"|\")", "F1002 1:21 an argument is named with `:`", "`sep: ...`");
    one("from a | map { x: f(b, c => c) }", "F1002 1:26", "`->`");
    one("from a | map { x: match b { 1 -> 2 } }", "F1002 1:31", "`=>`");
}

#[test]
fn a_forgotten_bar() {
    let source = "read \"a.csv\"\nfilter age > 3\n| take 3";
    one(
        source,
        "F1003 2:1 `filter` is a stage, so it needs a `|` before it",
        "the pipeline that begins on line 1",
    );
    one("let a = read \"b\" filter c", "F1003 1:18", "add `|` here");
    one("pipe p { filter a | count }", "F1003 1:10", "add `|` here");
    one("from a | union (from b filter c)", "F1003 1:24", "add `|` here");
    one(
        "filter age > 3",
        "F1003 1:1 `filter` is a stage, and there is no pipeline",
        "`read`, `from` or `rows`",
    );
    one("| filter age > 3", "F1003 1:1 there is no pipeline here", "`read`, `from` or `rows`");
}

#[test]
fn a_bracket_that_is_never_closed() {
    let source = "read \"a.csv\"\n| map { a, b\n| take 3";
    one(source, "F1004 2:7 this `{` is never closed", "expected `}` here, before the next stage");
    one(
        "from a | filter (b > 3\n| take 3",
        "F1004 1:17 this `(` is never closed",
        "expected `)` here, before the next stage",
    );
    one("from a | filter b in [1, 2\n| take 3", "F1004 1:22 this `[` is never closed", "expected `]`");
    one("from a\n| map { b, c\n\nlet d = from e", "F1004 2:7", "expected `}` here");
    one("schema S {\n  a: int\n\nlet d = from e", "F1004 1:10", "before the next item");
    one("from a | map { b: f(c }", "F1004 1:20 this `(` is never closed", "before this bracket closes");
    one("from a | map { b", "F1004 1:14", "at the end");
    one("from a | join (from b | map { c) on d", "F1004 1:29", "before this bracket closes");
    one("from a | filter b)", "F1022 1:18 this `)` closes nothing", "");
}

#[test]
fn durations_that_are_not() {
    let source = "from a\n| map { gap: b - c }\n| filter gap > 30m";
    one(
        source,
        "F1005 3:16 `30m` could be minutes or months",
        "write `30min`; for months use `add_months(at, 30)`",
    );
    one("from a | filter b > 3months", "F1005 1:21", "add_months(at, 3)");
    one("from a | filter b > 5sec", "F1005 1:21", "write `5s`");
    one("from a | filter b > 1.5h", "F1005 1:21", "a smaller unit");
    one("from a | filter b > 12px", "F1005 1:21", "not a number");
}

#[test]
fn quotes() {
    one("read 'a.csv' | count", "F1006 1:6 strings are written in double quotes", "write \"a.csv\"");
    assert_eq!(fixed("from a | filter b == 'say \"x\"'"), "from a | filter b == \"say \\\"x\\\"\"");
    one("from a | check b, 'why'", "F1006 1:19", "\"why\"");
    let found = errors("from a | filter b == “x”");
    assert!(found[0].starts_with("F1006 1:22"), "{found:?}");
    one("from a\n| filter b == \"x\n| count", "F1010 2:15 this string is never closed", "on this line");
    one("from a | map { c: f\"x {b }\n| count", "F1010 1:19 this string is never closed", "");
    one("from a | filter `b > 3\n| count", "F1010 1:17 this name is never closed", "");
    one("from a | filter b == \"\\d\"", "F1019 1:23 there is no escape `\\d`", "write `\\\\d`");
    one("read people.csv | count", "F1009 1:6 a path is written in quotes", "write \"people.csv\"");
}

#[test]
fn chains_of_comparisons() {
    let source = "from a | filter 1 < b < 3";
    one(source, "F1007 1:23 comparisons do not chain", "the first comparison");
    assert_eq!(fixed(source), "from a | filter 1 < b and b < 3");
    one("from a | filter b == c is null", "F1007 1:24", "");
    one("from a | filter b in 1..2..3", "F1007 1:26 a range has two ends", "");
}

#[test]
fn values_and_names() {
    one("from a | map { d: @2024-02-30 }", "F1011 1:19 there is no date `2024-02-30`", "");
    one("from a | map { d: @2024-01-01T25:00:00Z }", "F1011 1:19 there is no time", "");
    one("from a | map { d: @today }", "F1011 1:19", "");
    one("from a | reduce { count() }", "F1012 1:19 a computed value needs a name", "write `n: count()`");
    one("from a | map { b + c }", "F1012 1:16", "`name: b + c`");
    one("let x = 3", "F1013 1:9 `let` names a dataset", "for a value, write `const`");
    one("let x = orders", "F1013 1:9", "write `from orders`");
    one("let x = orders | count", "F1009 1:9 a pipeline begins with", "write `from orders`");
    one("orders | count", "F1009 1:1 a pipeline begins with", "write `from orders`");
    one(
        "read \"a\" schema T { b: int } | count",
        "F1014 1:17 a schema has a name or a body",
        "define `schema T` above",
    );
    one("let q = read \"a\" schema T { b: int }", "F1014 1:25", "drop the name");
    one("const A = 999999999999999999999999999999999999999999", "F1015 1:11", "38 digits");
    one("const A = 99999999999999999w", "F1015 1:11 this duration is too long", "");
    one("from a | take 3 per b per c", "F1016 1:23 `per` is given twice", "");
    one("from a | join b on c using brodcast", "F1017 1:28", "did you mean `broadcast`?");
    one("read \"a\" on_error quarantin(\"b\")", "F1017 1:19", "did you mean `quarantine`?");
    one("from a | window frame 3 { b: sum(c) }", "F1017 1:23 a frame is a range", "-6..0");
    one("from a | map { b: each c }", "F1018 1:16 `each` makes rows", "");
    one("from a | flat_map { b: c }", "F1018 1:10 `flat_map` needs a list", "");
    one("from a | flat_map { b: each c, d: each e }", "F1018 1:32 `flat_map` takes one list apart", "");
    one("from a | filter f(x)(y)", "F1020 1:21 only a function can be called", "");
    one("from a | map { in: 3 }", "F1023 1:16 `in` is a reserved word", "back-quotes");
    one("from a | filter b.match > 3", "F1023 1:19 `match` is a reserved word", "");
}

#[test]
fn statements_of_other_languages() {
    one(
        "select name from people where age > 3",
        "F1024 1:1 a program has no statement `select`",
        "read \"people.csv\"",
    );
    one("x = read \"a.csv\"", "F1024 1:1 `x` is named without `let`", "write `let`");
    one("def f(x): x", "F1024 1:1", "fn name(a, b)");
    one("lte x = from a", "F1009 1:1 `lte` begins neither", "did you mean `let`?");
    one("from a | count;", "F1009 1:15 `;` is not needed", "remove this");
    one("from a | filter b ? 1 : 2", "F1009 1:19 there is no operator `?`", "if condition then a else b");
    one("from a || filter b", "F1009 1:8 stages are separated by a single `|`", "");
    one("from a | count()", "F1009 1:15 the `count` stage takes no arguments", "");
    one("from a | filter (b | c)", "F1009 1:20 a stage cannot begin inside these brackets", "write `or`");
    one("from a | map { b: 1 c: 2 }", "F1009 1:20 a `,` is missing", "");
}

#[test]
fn what_was_expected_is_said_in_words_of_the_language() {
    one("from a | filter b >", "F1009 1:20 this `filter` stage ends too early", "expected a value");
    one("from a | filter b c", "F1009 1:19 unexpected `c` in this `filter` stage", "expected an operator");
    one("param x = 3", "F1009 1:9 unexpected `=` in this `param`", "expected `:`");
    one("schema S { a int }", "F1009 1:14 unexpected `int` in this `schema`", "expected `:`");
    one("fn f(a b) = a", "F1009 1:8 unexpected `b` in this `fn`", "expected `)`, `,` or `:`");
    one("from a | group_by_key b", "F1009 1:24 this `group_by_key` stage ends too early", "expected `into`");
    one("from a | filter if b then c", "F1009 1:28", "expected `else` or an operator");
    one("from a | | count", "F1009 1:8 a stage is missing", "");
    one("from a |", "F1009 1:8 a stage is missing", "");
    one("test \"x\" { from a }", "F1009 1:12", "`given` or `expect`");
    one("let = from a", "F1009 1:5", "a name");
    one("from a | join", "F1009 1:14", "a dataset");
    one("from a | join b expect 2:1", "F1009 1:24", "`m:1`");
}

#[test]
fn one_run_reports_many_errors() {
    let source = "\
from a
| where b > 3
| filter c >
| map { d, e: 30m }
| sort

let f = from g | filter h = 3
const I 3
pipe j { | filter | take 3 | sort ) }
test \"k\" {
  given l = rows [{ m: 1 + }]
  expect from n == rows [{ o: 'p' }]
}
from q | count
";
    let found = errors(source);
    let codes: Vec<&str> = found.iter().map(|error| error.split(' ').next().unwrap_or("")).collect();
    let expected = ["F1001", "F1009", "F1005", "F1009", "F1002", "F1009", "F1009", "F1022", "F1009", "F1006"];
    assert_eq!(codes, expected, "{found:#?}");
    let (program, _) = parse(source);
    assert_eq!(program.items.len(), 6);
    assert!(program.dump().contains("(map (record (path `d`) (: `e` error)))"), "{}", program.dump());
}

#[test]
fn the_parser_generator_never_speaks() {
    let words = ["EOI", "expected item", "kw_", "bad_", "open_brace", "close_paren", "_def", "rule"];
    for (_, source) in crate::programs() {
        for end in (0..source.len()).step_by(7).filter(|end| source.is_char_boundary(*end)) {
            for error in parse(&source[..end]).1 {
                let text = format!("{} {:?} {:?}", error.message, error.labels, error.notes);
                assert!(!words.iter().any(|word| text.contains(word)), "{text}");
            }
        }
    }
}

#[test]
fn codes_are_unique_and_have_titles() {
    let mut codes: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
    codes.dedup();
    assert_eq!(codes.len(), CODES.len());
    assert!(codes.is_sorted());
    assert!(CODES.iter().all(|(code, title)| code.len() == 5 && code.starts_with("F1") && !title.is_empty()));
}
