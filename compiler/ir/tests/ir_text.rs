//! Properties of IR text: what is printed parses to the same plan, with and without spans, and
//! nothing that is not IR makes the parser panic.

use flow_ir::{
    ColumnId, DataType, Expr, ExprKind, Span, Type, Value, parse_expr, parse_logical, parse_physical,
    verify_logical, verify_physical,
};
use std::collections::BTreeMap;

const LOGICAL: &str = r##"
%0 = read "people/*.jsonl" as jsonl on_error quarantine "bad.jsonl" { age#0: int, name#1: list<string>, address.city#2: string? named "the city" } files ["people/a.jsonl" 0 [], "people/b.jsonl" 0 []] -> age#0: int, name#1: list<string>, address.city#2: string?
%1 = read "x.csv" as csv("|" header quote "\"" null ["-", "NA"]) { k#3: string, v#4: decimal(12, 2) } files ["x.csv" 21 [3, 20]] -> k#3: string, v#4: decimal(12, 2)
%2 = filter %0 ((age#0 >= 18) and (is_null(address.city#2) or (address.city#2 in '["a", "b"]))) -> age#0: int, name#1: list<string>, address.city#2: string?
%3 = map %2 { months#5 = (age#0 * 12), "odd name"#6 = (address.city#2 ?? "?") } -> months#5: int, "odd name"#6: string, n#1: list<string>
%4 = flat_map %3 { twice#7 = (months#5 + months#5) } each word#8 = n#1 -> "odd name"#6: string, twice#7: int, word#8: string
%5 = check %4 (twice#7 < 5000) "too \"old\"" -> "odd name"#6: string, twice#7: int, word#8: string
%6 = join %5 %1 on [word#8 == k#3] right [c.v#9 = v#4] -> "odd name"#6: string, twice#7: int, word#8: string, c.v#9: decimal(12, 2)
%7 = reduce_by_key %6 ["odd name"#6] { n#10: int = count(), s#11: decimal(38, 2) = sum(c.v#9) } -> "odd name"#6: string, n#10: int, s#11: decimal(38, 2)
%8 = sort %7 [n#10 desc, "odd name"#6 nulls first] -> "odd name"#6: string, n#10: int
%9 = skip %8 2 -> "odd name"#6: string, n#10: int
%10 = take %9 20 -> "odd name"#6: string, n#10: int
%11 = rows [("x", 1), ("y", -2)] -> a#12: string, b#13: int
%12 = distinct %11 [a#12] -> a#12: string, b#13: int
%13 = union [%10, %12] [["odd name"#6, n#10], [a#12, b#13]] -> a#14: string, b#15: int
%14 = write %13 "out.csv" as csv("," header quote "\"") number 0 { a#14: string, b#15: int } -> 
%15 = show %13 20 number 1 { a#14: string } -> 
%16 = show %13 all as jsonl number 2 { x.y#15: int } -> 
sinks [%14, %15, %16]
unused [n#1]
next #16
"##;

const PHYSICAL: &str = r##"
version 2
stage 0
  input read "x.csv" as csv("|" header) on_error null { k#0: string, v#1: int } files ["x.csv" 2 [0, 1]]
    > filter (v#1 > 0) -> k#0: string, v#1: int
    rename [#5 = k#0, #6 = v#1]
  input rows [("x", 1)] -> #2: string, #3: int
    rename [#5 = #2, #6 = #3]
  | map { #7 = (#6 + 1) } -> #5: string, #6: int, #7: int
  split
  {
    | filter (#7 > 3) -> #5: string, #6: int
    => reduce_by_key [#5] { #8: int = sum(#6) } unseen to dataset 0 -> #5: string, #8: int
  }
  {
    => sort [#7 desc] limit 7 to dataset 1 -> #7: int
  }
  {
    => collect to dataset 2 -> #5: string, #7: int
  }
stage 1
  input dataset 0 -> #5: string, #8: int
  | join dataset 2 (#5: string, #7: int) on [#5 == #5] right [#9 = #7] -> #5: string, #9: int
  | flat_map { } each #10 = split(#5, r"\\W+") -> #10: string, #9: int
  | check (#9 != 3) "three" -> #10: string, #9: int
  => distinct [#10] to dataset 3 -> #10: string, #9: int
stage 2
  input dataset 3 -> #10: string, #9: int
  split
  {
    => take skip 1 count 5 to dataset 4 -> #9: int
  }
  {
    => write "o.csv" as csv("," header) number 0 { w#10: string, v#9: int } -> #10: string, #9: int
  }
unused []
"##;

#[test]
fn a_logical_plan_survives_its_text() {
    let plan = parse_logical(LOGICAL).expect("the plan parses");
    verify_logical(&plan).expect("the plan is sound");
    assert_eq!(format!("\n{plan}"), LOGICAL);
    assert_eq!(parse_logical(&plan.to_string()).as_ref(), Ok(&plan));
}

#[test]
fn a_physical_plan_survives_its_text_and_json() {
    let plan = parse_physical(PHYSICAL).expect("the plan parses");
    verify_physical(&plan).expect("the plan is sound");
    assert_eq!(parse_physical(&plan.to_string()).as_ref(), Ok(&plan));
    let json = serde_json::to_string(&plan).expect("the plan is serializable");
    assert_eq!(serde_json::from_str::<flow_ir::PhysicalPlan>(&json).expect("it reads back"), plan);
}

/// Aggregates that know more than their argument.
const DETAILS: &str = r##"
%0 = rows [("x", 1, 0.5)] -> k#0: string, n#1: int, f#2: float
%1 = reduce_by_key %0 [k#0] { a#3: float = quantile(f#2) at 0.9, b#4: string = join_text(k#0) with ", ", c#5: int = min_by(n#1 by f#2), d#6: int = reduce(n#1) to int step (|$0, $1| ($0:int * $1:int)) in order, e#7: { s: int } = fold(n#1) to { s: int } from '{0} step (|$2, $3| { s: $3:int }) merge (|$4, $5| $5:{ s: int }) in parts } -> k#0: string, a#3: float, b#4: string, c#5: int, d#6: int, e#7: { s: int }
%2 = show %1 all number 0 { k#0: string } -> 
sinks [%2]
unused []
next #8
"##;

#[test]
fn details_of_aggregates_survive_their_text() {
    let plan = parse_logical(DETAILS).expect("the plan parses");
    verify_logical(&plan).expect("the plan is sound");
    assert_eq!(format!("\n{plan}"), DETAILS);
    let json = serde_json::to_string(&plan).expect("the plan is serializable");
    assert_eq!(serde_json::from_str::<flow_ir::LogicalPlan>(&json).expect("it reads back"), plan);
}

#[test]
fn spans_survive_the_long_form() {
    let mut plan = parse_logical(LOGICAL).expect("the plan parses");
    for (i, node) in plan.nodes.iter_mut().enumerate() {
        node.span = Span { file: 1, start: i as u32, end: i as u32 + 3 };
        if let flow_ir::logical::Operator::Filter { predicate, .. } = &mut node.operator {
            predicate.span = Span { file: 0, start: 7, end: 9 };
            predicate.for_each_child_mut(|c| c.span = Span { file: 0, start: 8, end: 9 });
        }
    }
    assert_eq!(parse_logical(&format!("{plan:#}")), Ok(plan));
}

fn columns() -> BTreeMap<ColumnId, DataType> {
    let list = Type::List(Box::new(DataType::required(Type::Int)));
    BTreeMap::from([
        (ColumnId(0), DataType::required(Type::Int)),
        (ColumnId(1), DataType::nullable(Type::String)),
        (ColumnId(2), DataType::required(list)),
        (ColumnId(3), DataType::required(Type::Timestamp)),
    ])
}

#[test]
fn every_form_of_expression_survives_its_text() {
    let texts = [
        "#0",
        "#1",
        "-9223372036854775808",
        "1.5",
        "-0.0",
        "1e300",
        "nan",
        "-inf",
        "12.50dec:decimal(4, 2)",
        "null",
        "null:int?",
        "\"a\\n\\u{0}\\\"é\"",
        "b\"00ff\"",
        "r\"\\\\W+\"",
        "@2024-05-01",
        "@2024-05-01T10:00:00Z",
        "@+5881580-07-11",
        "@-290308-12-21T19:59:05.224192Z",
        "30min",
        "-1500us",
        "0us",
        "'[1, 2]",
        "'[]:list<int>",
        "'{1, \"x\"}:{ a: int, \"b c\": string }",
        "[#0, 2]",
        "{ a: #0, \"b c\": #1 }",
        "field({ a: #0 }, 0)",
        "(if (#0 > 1) then \"x\" else null)",
        "(let $3 = (#0 + 1) then ($3:int * $3:int))",
        "map(#2, (|$1| ($1:int ** 2.0):float))",
        "try((#0 // 0))",
        "(#1 same null)",
        "not((is_null(#1) or false))",
        "neg(#0)",
        "between(#0, 1, 2)",
        "(#0 in '[1, 2])",
        "(#1 =~ r\"a\")",
        "(#3 + 1h)",
        "(#1 ?? \"x\")",
    ];
    for text in texts {
        let e = parse_expr(text, &columns()).unwrap_or_else(|e| panic!("{text}: {e}"));
        let printed = format!("{e}");
        let again = parse_expr(&printed, &columns()).unwrap_or_else(|e| panic!("{printed}: {e}"));
        assert_eq!(again, e, "{text} printed as {printed}");
        if !text.contains('#') {
            assert_eq!(printed, text);
        }
    }
}

#[test]
fn floats_keep_their_bits() {
    for x in [0.1, -0.0, f64::MIN_POSITIVE, f64::MAX, 5e-324, 1.0 / 3.0] {
        let e = Expr::literal(Value::Float(x), DataType::required(Type::Float), Span::default());
        let back = parse_expr(&e.to_string(), &BTreeMap::new()).expect("a float");
        assert!(matches!(back.kind, ExprKind::Literal(Value::Float(y)) if y.to_bits() == x.to_bits()));
    }
}

#[test]
fn every_prefix_and_every_missing_byte_is_an_error_or_a_plan() {
    for text in [LOGICAL, PHYSICAL] {
        for i in (0..text.len()).filter(|i| text.is_char_boundary(*i)) {
            let _ = parse_logical(&text[..i]);
            let _ = parse_physical(&text[..i]);
            let without = format!("{}{}", &text[..i], text.get(i + 1..).unwrap_or(""));
            // Whatever parses must be safe to verify and to print.
            if let Ok(plan) = parse_logical(&without) {
                let _ = (verify_logical(&plan), plan.to_string());
            }
            if let Ok(plan) = parse_physical(&without) {
                let _ = (verify_physical(&plan), plan.to_string());
            }
        }
    }
}

#[test]
fn deep_nesting_is_an_error_in_the_parser_and_in_verify() {
    let deep = format!("{}1{}", "try(".repeat(100_000), ")".repeat(100_000));
    assert!(parse_expr(&deep, &BTreeMap::new()).is_err());
    let int = DataType::required(Type::Int);
    let mut e = Expr::literal(Value::Int(1), int.clone(), Span::default());
    for _ in 0..flow_ir::verify::EXPR_DEPTH_MAX + 1 {
        let ty = int.with_nullable(true);
        e = Expr { kind: ExprKind::Try(Box::new(e)), ty, span: Span::default() };
    }
    let mut plan = parse_logical(
        "%0 = rows [(1)] -> a#0: int %1 = map %0 { b#1 = (a#0 + 1) } -> b#1: int sinks [] unused [] next #2",
    )
    .expect("the plan parses");
    verify_logical(&plan).expect("the plan is sound");
    if let flow_ir::logical::Operator::Map { computed, .. } = &mut plan.nodes[1].operator {
        computed[0].expr = e;
    }
    plan.nodes[1].columns[0].ty = int.with_nullable(true);
    let errors = verify_logical(&plan).expect_err("too deep");
    assert!(errors[0].message.contains("nested"), "{errors:?}");
}

/// One wrong plan a line, with a part of the error.
#[test]
fn unsound_plans_are_found() {
    let head = "%0 = rows [(1, \"x\")] -> a#0: int, s#1: string ";
    let tail = " sinks [] unused [] next #9";
    let cases = [
        ("%1 = filter %0 (a#0 + 1) -> a#0: int", "not bool"),
        ("%1 = filter %0 (#5:int > 1) -> a#0: int", "#5 is not defined"),
        ("%1 = filter %2 true -> ", "does not stand before it"),
        ("%1 = map %0 { b#1 = 1 } -> b#1: int", "defined twice"),
        ("%1 = map %0 { b#9 = 1 } -> b#9: int", "next free id"),
        ("%1 = map %0 { b#2 = (a#0 + 1):float } -> b#2: float", "gives int"),
        ("%1 = map %0 { b#2 = (a#0 + null):int } -> b#2: int", "not nullable"),
        ("%1 = map %0 { b#2 = \"x\":int } -> b#2: int", "is not int"),
        ("%1 = map %0 { b#2 = (a#0 == s#1) } -> b#2: bool", "does not take int and string"),
        ("%1 = map %0 { b#2 = $1:int } -> b#2: int", "not bound"),
        ("%1 = map %0 { b#2 = 300dec:decimal(2, 0) } -> b#2: decimal(2, 0)", "is not decimal"),
        ("%1 = sort %0 [#7] -> a#0: int", "#7 is not defined"),
        ("%1 = union [%0, %0] [[#0], [#1]] -> u#2: int", "is string"),
        ("%1 = reduce_by_key %0 [s#1] { n#2: string = sum(a#0) } -> n#2: string", "gives int"),
        ("%1 = reduce_by_key %0 [] { n#2: int = min(a#0) } -> n#2: int", "gives int?"),
        ("%1 = reduce_by_key %0 [s#1] { n#2: int = min_by(a#0) } -> n#2: int", "does not take this"),
        ("%1 = reduce_by_key %0 [] { n#2: float? = quantile(a#0) } -> n#2: float?", "lacks what it needs"),
        ("%1 = reduce_by_key %0 [] { n#2: float? = quantile(a#0) at 1.5 } -> n#2: float?", "between 0 and 1"),
        ("%1 = reduce_by_key %0 [s#1] { n#2: int = max(a#0) at 0.5 } -> n#2: int", "does not need"),
        (
            "%1 = reduce_by_key %0 [s#1] { n#2: int = reduce(a#0) to int step (|$0, $1| \"x\") in order } -> n#2: int",
            "the result of a lambda is string",
        ),
        (
            "%1 = reduce_by_key %0 [s#1] { n#2: int = reduce(a#0) to int step (|$0, $1| a#0:int) in order } -> n#2: int",
            "is not defined here",
        ),
        ("%1 = show %0 all number 0 { b#5: int } -> ", "#5 is not defined"),
        ("%1 = flat_map %0 { } each w#2 = a#0 -> w#2: int", "no list"),
        ("%1 = join %0 %0 on [a#0 == s#1] right [] -> a#0: int", "joins int with string"),
        ("%1 = map %0 { } -> b#2: int", "which it does not have"),
        ("%1 = read \"a\" as csv(\",\") { x#2: int } files [\"a\" 1 [1]] -> x#2: int", "positions"),
    ];
    for (node, expected) in cases {
        let plan =
            parse_logical(&format!("{head}\n{node}\n{tail}")).unwrap_or_else(|e| panic!("{node}: {e}"));
        let errors = verify_logical(&plan).expect_err(node);
        assert!(errors[0].message.contains(expected), "{node}: {errors:?}");
    }
}

#[test]
fn unsound_physical_plans_are_found() {
    let input = "version 2 stage 0 input rows [(1)] -> #0: int ";
    let cases = [
        ("=> collect -> #0: int", "either ends the rows or delivers"),
        ("=> collect to dataset 0 -> #1: int", "does not have"),
        ("| filter (#1:int > 0) -> #0: int => collect to dataset 0 -> #0: int", "not defined"),
        (
            "| join dataset 3 (#4: int) on [#0 == #4] right [] -> #0: int => collect to dataset 0 ->",
            "delivered",
        ),
        (
            "=> collect to dataset 0 -> #0: int stage 2 input dataset 0 -> #0: int => collect to dataset 1 ->",
            "position",
        ),
        (
            "=> collect to dataset 0 -> stage 1 input dataset 0 -> #0: int => collect to dataset 1 ->",
            "does not deliver",
        ),
        ("split { => collect to dataset 0 -> } { => collect to dataset 0 -> }", "again"),
    ];
    for (text, expected) in cases {
        let plan =
            parse_physical(&format!("{input}{text} unused []")).unwrap_or_else(|e| panic!("{text}: {e}"));
        let errors = verify_physical(&plan).expect_err(text);
        assert!(errors[0].message.contains(expected), "{text}: {errors:?}");
    }
}
