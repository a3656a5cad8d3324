//! Each pass on IR text: where it fires, and where it must not.

use super::{Notes, PASSES, Pass};
use flow_ir::{LogicalPlan, parse_logical, verify_logical};

const SOURCE: &str = r##"%0 = rows [("x", 1, 2.0, "t")] -> k#0: string, v#1: int, f#2: float, s#3: string?"##;
const ALL: &str = "k#0: string, v#1: int, f#2: float, s#3: string?";

fn plan(nodes: &str, sinks: &str) -> LogicalPlan {
    let text = format!("{SOURCE}\n{nodes}\nsinks [{sinks}] unused [] next #50").replace("ALL", ALL);
    let plan = parse_logical(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    verify_logical(&plan).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
    plan
}

fn pass(name: &str) -> &'static Pass {
    PASSES.iter().rev().find(|p| p.name == name).expect("a pass of that name")
}

fn run(name: &str, nodes: &str, sinks: &str) -> (String, Notes) {
    let mut notes = Notes::new();
    let after = (pass(name).run)(&plan(nodes, sinks), &mut notes);
    verify_logical(&after).unwrap_or_else(|e| panic!("{e:?}\n{after}"));
    let text = after.to_string();
    let lines = text.lines().skip(1).take_while(|l| !l.starts_with("sinks"));
    (lines.map(|l| l.trim().replace(ALL, "ALL")).collect::<Vec<_>>().join("\n"), notes)
}

fn lines(text: &str) -> String {
    text.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n")
}

/// The pass makes `after` of `before`; both leave out the source, and end in a sink.
fn fires(name: &str, before: &str, after: &str) {
    let sink = lines(before).lines().count();
    let (found, _) = run(name, before, &format!("%{sink}"));
    assert_eq!(found, lines(after), "found:\n{found}");
}

/// The pass changes nothing; the reason it notes contains `why` (nothing, if that is empty).
fn stays(name: &str, nodes: &str, why: &str) {
    let sink = lines(nodes).lines().count();
    let (found, notes) = run(name, nodes, &format!("%{sink}"));
    assert_eq!(found, lines(&nodes.replace("-> \n", "->\n")), "found:\n{found}");
    let messages: Vec<&str> = notes.iter().map(|n| n.message.as_str()).collect();
    match why {
        "" => assert!(messages.is_empty(), "{messages:?}"),
        why => assert!(messages.iter().any(|m| m.contains(why)), "{messages:?}"),
    }
}

#[test]
fn push_filter_moves_conditions_to_the_source() {
    let p = "push_filter";
    fires(
        p,
        "%1 = map %0 { x#4 = (v#1 + 1) } -> k#0: string, x#4: int
         %2 = sort %1 [k#0] -> k#0: string, x#4: int
         %3 = filter %2 ((x#4 > 3) and (k#0 == \"a\")) -> k#0: string, x#4: int
         %4 = show %3 all number 0 { x#4: int } ->",
        "%1 = filter %0 ((v#1 + 1) > 3) -> ALL
         %2 = filter %1 (k#0 == \"a\") -> ALL
         %3 = map %2 { x#4 = (v#1 + 1) } -> k#0: string, x#4: int
         %4 = sort %3 [k#0] -> k#0: string, x#4: int
         %5 = show %4 all number 0 { x#4: int } ->",
    );
    fires(
        p,
        "%1 = reduce_by_key %0 [k#0] { n#4: int = count() } -> k#0: string, n#4: int
         %2 = filter %1 ((n#4 > 3) and (k#0 == \"a\")) -> k#0: string, n#4: int
         %3 = show %2 all number 0 { n#4: int } ->",
        "%1 = filter %0 (k#0 == \"a\") -> ALL
         %2 = reduce_by_key %1 [k#0] { n#4: int = count() } -> k#0: string, n#4: int
         %3 = filter %2 (n#4 > 3) -> k#0: string, n#4: int
         %4 = show %3 all number 0 { n#4: int } ->",
    );
    fires(
        p,
        "%1 = distinct %0 [s#3] -> ALL
         %2 = filter %1 not(is_null(s#3)) -> ALL
         %3 = show %2 all number 0 { k#0: string } ->",
        "%1 = filter %0 not(is_null(s#3)) -> ALL
         %2 = distinct %1 [s#3] -> ALL
         %3 = show %2 all number 0 { k#0: string } ->",
    );
    fires(
        p,
        "%1 = flat_map %0 { } each w#4 = split(k#0, \" \") -> v#1: int, w#4: string
         %2 = filter %1 ((w#4 != \"\") and (v#1 > 0)) -> v#1: int, w#4: string
         %3 = show %2 all number 0 { v#1: int } ->",
        "%1 = filter %0 (v#1 > 0) -> ALL
         %2 = flat_map %1 { } each w#4 = split(k#0, \" \") -> v#1: int, w#4: string
         %3 = filter %2 (w#4 != \"\") -> v#1: int, w#4: string
         %4 = show %3 all number 0 { v#1: int } ->",
    );
}

#[test]
fn push_filter_goes_into_the_sides_of_unions_and_joins() {
    let p = "push_filter";
    fires(
        p,
        "%1 = rows [(\"y\", 3)] -> a#4: string, b#5: int
         %2 = map %0 { } -> k#0: string, v#1: int
         %3 = union [%2, %1] [[k#0, v#1], [a#4, b#5]] -> a#6: string, b#7: int
         %4 = filter %3 (b#7 > 1) -> a#6: string, b#7: int
         %5 = show %4 all number 0 { b#7: int } ->",
        "%1 = filter %0 (v#1 > 1) -> ALL
         %2 = rows [(\"y\", 3)] -> a#4: string, b#5: int
         %3 = filter %2 (b#5 > 1) -> a#4: string, b#5: int
         %4 = map %1 { } -> k#0: string, v#1: int
         %5 = union [%4, %3] [[k#0, v#1], [a#4, b#5]] -> a#6: string, b#7: int
         %6 = show %5 all number 0 { b#7: int } ->",
    );
    fires(
        p,
        "%1 = rows [(\"y\", 3)] -> a#4: string, b#5: int
         %2 = join %0 %1 on [k#0 == a#4] right [b#6 = b#5] -> k#0: string, v#1: int, b#6: int
         %3 = filter %2 (((v#1 > 1) and (b#6 < 5)) and (v#1 < b#6)) -> v#1: int
         %4 = show %3 all number 0 { v#1: int } ->",
        "%1 = filter %0 (v#1 > 1) -> ALL
         %2 = rows [(\"y\", 3)] -> a#4: string, b#5: int
         %3 = filter %2 (b#5 < 5) -> a#4: string, b#5: int
         %4 = join %1 %3 on [k#0 == a#4] right [b#6 = b#5] -> k#0: string, v#1: int, b#6: int
         %5 = filter %4 (v#1 < b#6) -> k#0: string, v#1: int, b#6: int
         %6 = show %5 all number 0 { v#1: int } ->",
    );
}

#[test]
fn push_filter_stops_where_it_must() {
    let behind = |stage: &str, condition: &str, why: &str| {
        stays(
            "push_filter",
            &format!(
                "%1 = {stage}
                 %2 = filter %1 {condition} -> {}
                 %3 = show %2 all number 0 {{  }} ->",
                stage.split("-> ").last().unwrap_or("")
            ),
            why,
        );
    };
    behind("take %0 3 -> ALL", "(v#1 > 1)", "it counts rows");
    behind("skip %0 3 -> ALL", "(v#1 > 1)", "it counts rows");
    behind("check %0 (v#1 > 0) \"no\" -> ALL", "(v#1 > 1)", "a check also holds");
    behind("distinct %0 [k#0] -> ALL", "(v#1 > 1)", "not compared");
    behind("distinct %0 [f#2] -> ALL", "(f#2 > 1.0)", "-0.0");
    behind("reduce_by_key %0 [] { n#4: int = count() } -> n#4: int", "(n#4 > 1)", "a row even of no rows");
    behind(
        "reduce_by_key %0 [k#0] { n#4: int = count() } -> k#0: string, n#4: int",
        "(n#4 > 1)",
        "an aggregate",
    );
    behind("reduce_by_key %0 [f#2] { } -> f#2: float", "(f#2 > 1.0)", "-0.0");
    behind("flat_map %0 { } each w#4 = split(k#0, \" \") -> w#4: string", "(w#4 != \"\")", "");
    // Costly to compute twice, and nothing gained.
    behind("map %0 { x#4 = lower(k#0) } -> x#4: string", "(x#4 == \"a\")", "");
}

#[test]
fn push_filter_computes_twice_only_to_pass_an_exchange() {
    fires(
        "push_filter",
        "%1 = distinct %0 [k#0] -> ALL
         %2 = map %1 { x#4 = lower(k#0) } -> x#4: string
         %3 = filter %2 (x#4 == \"a\") -> x#4: string
         %4 = show %3 all number 0 { x#4: string } ->",
        "%1 = filter %0 (lower(k#0) == \"a\") -> ALL
         %2 = distinct %1 [k#0] -> ALL
         %3 = map %2 { x#4 = lower(k#0) } -> x#4: string
         %4 = show %3 all number 0 { x#4: string } ->",
    );
}

#[test]
fn push_filter_leaves_shared_rows_and_failing_conditions_alone() {
    // The other reader of %1 sees every row.
    let shared = "%1 = sort %0 [k#0] -> ALL
         %2 = filter %1 (v#1 > 1) -> ALL
         %3 = union [%2, %1] [[v#1], [v#1]] -> u#4: int
         %4 = show %3 all number 0 { u#4: int } ->";
    stays("push_filter", shared, "");
    // A row of the left side that matches nothing must not become an error.
    stays(
        "push_filter",
        "%1 = rows [(\"y\", 3)] -> a#4: string, b#5: int
         %2 = join %0 %1 on [k#0 == a#4] right [b#6 = b#5] -> v#1: int, b#6: int
         %3 = filter %2 ((10 // v#1) > 1) -> v#1: int, b#6: int
         %4 = show %3 all number 0 { v#1: int } ->",
        "it can fail",
    );
}

#[test]
fn push_filter_keeps_to_the_side_that_cannot_be_missing() {
    let p = "push_filter";
    // What stands behind the join's word, whether the sides are named, and the filters that pass.
    let fires_below = |join: &str, condition: &str, at_left: bool, below: &str| {
        let rows = "rows [(\"y\", 3)] -> a#4: string, b#5: int";
        let columns = join.split(" -> ").last().unwrap_or("");
        let operator = join.split(" -> ").next().unwrap_or("");
        let before = format!(
            "%1 = {rows}
             %2 = join {} -> {columns}
             %3 = filter %2 {condition} -> {columns}
             %4 = show %3 all number 0 {{  }} ->",
            operator.replace("LEFT", "%0").replace("RIGHT", "%1")
        );
        let after = if at_left {
            format!(
                "%1 = filter %0 {below} -> ALL
                 %2 = {rows}
                 %3 = join {} -> {columns}
                 %4 = show %3 all number 0 {{  }} ->",
                operator.replace("LEFT", "%1").replace("RIGHT", "%2")
            )
        } else {
            format!(
                "%1 = {rows}
                 %2 = filter %1 {below} -> a#4: string, b#5: int
                 %3 = join {} -> {columns}
                 %4 = show %3 all number 0 {{  }} ->",
                operator.replace("LEFT", "%0").replace("RIGHT", "%2")
            )
        };
        fires(p, &before, &after);
    };
    let left = "left LEFT RIGHT on [k#0 == a#4] right [b#6 = b#5] -> k#0: string, v#1: int, b#6: int?";
    let right = "right LEFT RIGHT on [k#0 == a#4] left [v#6 = v#1] right [b#7 = b#5] -> v#6: int?, b#7: int";
    let full = "full LEFT RIGHT on [k#0 == a#4] left [v#6 = v#1] right [b#7 = b#5] -> v#6: int?, b#7: int?";
    let anti = "anti LEFT RIGHT on [k#0 == a#4] right [] -> k#0: string, v#1: int";
    let cross = "cross LEFT RIGHT on [] right [b#6 = b#5] -> v#1: int, b#6: int";
    fires_below(left, "(v#1 > 1)", true, "(v#1 > 1)");
    fires_below(right, "(b#7 > 1)", false, "(b#5 > 1)");
    fires_below(right, "(1 > 2)", false, "(1 > 2)");
    fires_below(anti, "(v#1 > 1)", true, "(v#1 > 1)");
    fires_below(cross, "(b#6 > 1)", false, "(b#5 > 1)");
    let stays_behind = |join: &str, condition: &str, why: &str| {
        let columns = join.split(" -> ").last().unwrap_or("");
        let join = join.replace("LEFT", "%0").replace("RIGHT", "%1");
        let nodes = format!(
            "%1 = rows [(\"y\", 3)] -> a#4: string, b#5: int
             %2 = join {join}
             %3 = filter %2 {condition} -> {columns}
             %4 = show %3 all number 0 {{  }} ->"
        );
        stays(p, &nodes, why);
    };
    stays_behind(left, "is_null(b#6)", "would match nothing");
    stays_behind(right, "(v#6 > 1)", "would match nothing");
    stays_behind(full, "(v#6 > 1)", "would match nothing");
    stays_behind(full, "(b#7 > 1)", "would match nothing");
    stays_behind(full, "(1 > 2)", "would match nothing");
    stays_behind(cross, "(v#1 > b#6)", "it reads both sides");
    stays_behind(anti, "((1 // v#1) > 1)", "it can fail");
}

#[test]
fn push_filter_and_whole_rows() {
    let nodes = |operator: &str, condition: &str| {
        format!(
            "%1 = rows [(\"y\", 3)] -> a#4: string, b#5: int
             %2 = map %0 {{ }} -> k#0: string, v#1: int
             %3 = {operator} -> k#0: string, v#1: int
             %4 = filter %3 {condition} -> k#0: string, v#1: int
             %5 = show %4 all number 0 {{  }} ->"
        )
    };
    let alone = |operator: &str| {
        format!(
            "%1 = map %0 {{ }} -> k#0: string, v#1: int
             %2 = {operator} -> k#0: string, v#1: int
             %3 = filter %2 (v#1 > 1) -> k#0: string, v#1: int
             %4 = show %3 all number 0 {{  }} ->"
        )
    };
    let except = "except all %2 %1 on [k#0 == a#4, v#1 == b#5]";
    stays("push_filter", &nodes(except, "((1 // v#1) > 1)"), "it can fail");
    stays("push_filter", &alone("sample %1 rows 3 seed 1"), "it counts rows");
    let contract = "expect %1 [k#0] \"1:m\" of \"the pipeline\" keys [\"k\"]";
    stays("push_filter", &alone(contract), "it is checked for all rows");
    fires(
        "push_filter",
        &nodes(except, "(v#1 > 1)"),
        "%1 = filter %0 (v#1 > 1) -> ALL
         %2 = rows [(\"y\", 3)] -> a#4: string, b#5: int
         %3 = map %1 { } -> k#0: string, v#1: int
         %4 = except all %3 %2 on [k#0 == a#4, v#1 == b#5] -> k#0: string, v#1: int
         %5 = show %4 all number 0 {  } ->",
    );
    fires(
        "push_filter",
        &alone("repartition %1 4 by hash [k#0]"),
        "%1 = filter %0 (v#1 > 1) -> ALL
         %2 = map %1 { } -> k#0: string, v#1: int
         %3 = repartition %2 4 by hash [k#0] -> k#0: string, v#1: int
         %4 = show %3 all number 0 {  } ->",
    );
}

#[test]
fn fold_constants_computes_and_simplifies() {
    fires(
        "fold_constants",
        "%1 = check %0 (not(false) or (v#1 > 1)) \"no\" -> ALL
         %2 = filter %1 ((1 < 2) and (v#1 > (2 * 50))) -> ALL
         %3 = map %2 { a#4 = (if (1 == 1) then v#1 else (v#1 // 0)), b#5 = (null ?? s#3), c#6 = (k#0 ?? \"x\"), d#7 = lower(\"ABC\"), e#8 = try(wrapping_add(v#1, 1)):int?, f#9 = ((v#1 > 1) and false), g#10 = [1, (1 + 1)], h#11 = map('[1, 2], (|$0| ($0:int * 2))) } -> a#4: int, b#5: string?, c#6: string, d#7: string, e#8: int?, f#9: bool, g#10: list<int>, h#11: list<int>
         %4 = show %3 all number 0 { a#4: int } ->",
        "%1 = filter %0 (v#1 > 100) -> ALL
         %2 = map %1 { a#4 = v#1, b#5 = s#3, c#6 = k#0, d#7 = \"abc\", e#8 = wrapping_add(v#1, 1), f#9 = false, g#10 = '[1, 2], h#11 = '[2, 4] } -> a#4: int, b#5: string?, c#6: string, d#7: string, e#8: int?, f#9: bool, g#10: list<int>, h#11: list<int>
         %3 = show %2 all number 0 { a#4: int } ->",
    );
}

#[test]
fn fold_constants_keeps_errors_and_false_filters() {
    stays(
        "fold_constants",
        "%1 = filter %0 false -> ALL
         %2 = map %1 { a#4 = (1 // 0), b#5 = (((1 // v#1) > 1) and false), c#6 = try((1 // v#1)), d#7 = (s#3 ?? k#0), e#8 = repeat(\"x\", 5), f#9 = (1e308 * 10.0), g#10 = (if (v#1 > 1) then 1 else 2) } -> a#4: int, b#5: bool, c#6: int?, d#7: string, e#8: string, f#9: float, g#10: int
         %3 = show %2 all number 0 { a#4: int } ->",
        "",
    );
}

#[test]
fn fold_constants_keeps_a_check_that_makes_failures_final() {
    stays(
        "fold_constants",
        "%1 = filter %0 ((1 // v#1) > 0) -> ALL
         %2 = check %1 true \"no\" -> ALL
         %3 = show %2 all number 0 { v#1: int } ->",
        "",
    );
}

#[test]
fn fuse_merges_filters_and_maps() {
    fires(
        "fuse",
        "%1 = filter %0 (v#1 > 1) -> ALL
         %2 = filter %1 (f#2 < 5.0) -> ALL
         %3 = map %2 { x#4 = (v#1 + 1) } -> k#0: string, x#4: int
         %4 = map %3 { } -> k#0: string, x#4: int
         %5 = map %4 { y#5 = (x#4 * 2), z#6 = k#0 } -> k#0: string, y#5: int, z#6: string
         %6 = show %5 all number 0 { y#5: int } ->",
        "%1 = filter %0 ((v#1 > 1) and (f#2 < 5.0)) -> ALL
         %2 = map %1 { y#5 = ((v#1 + 1) * 2), z#6 = k#0 } -> k#0: string, y#5: int, z#6: string
         %3 = show %2 all number 0 { y#5: int } ->",
    );
}

#[test]
fn fuse_puts_the_condition_that_cannot_fail_first() {
    fires(
        "fuse",
        "%1 = filter %0 ((1 // v#1) > 0) -> ALL
         %2 = filter %1 (v#1 > 1) -> ALL
         %3 = show %2 all number 0 { v#1: int } ->",
        "%1 = filter %0 ((v#1 > 1) and ((1 // v#1) > 0)) -> ALL
         %2 = show %1 all number 0 { v#1: int } ->",
    );
}

#[test]
fn fuse_keeps_what_must_stay_apart() {
    let two = |p: &str, q: &str, why: &str| {
        let nodes = format!(
            "%1 = filter %0 {p} -> ALL
             %2 = filter %1 {q} -> ALL
             %3 = show %2 all number 0 {{ v#1: int }} ->"
        );
        stays("fuse", &nodes, why);
    };
    two("((1 // v#1) > 0)", "((2 // v#1) > 0)", "stay apart");
    two("((1 // v#1) > 0)", "(s#3 == \"a\")", "stay apart");
    two("(s#3 == \"a\")", "((1 // v#1) > 0)", "stay apart");
    two("(v#1 > 1)", "contains(k#0, \"x\")", "");
    let maps = |first: &str, second: &str| {
        let nodes = format!(
            "%1 = map %0 {{ x#4 = {first} }} -> x#4: int
             %2 = map %1 {{ {second} }} -> y#5: int
             %3 = show %2 all number 0 {{ y#5: int }} ->"
        );
        stays("fuse", &nodes, "");
    };
    maps("(v#1 + 1)", "y#5 = (x#4 * x#4)");
    maps("(v#1 + 1)", "y#5 = len(map('[1, 2], (|$0| ($0:int + x#4))))");
    // Passed on and read again: computed once, read twice.
    stays(
        "fuse",
        "%1 = map %0 { x#4 = (v#1 + 1) } -> x#4: int
         %2 = map %1 { y#5 = (x#4 * 2) } -> x#4: int, y#5: int
         %3 = show %2 all number 0 { y#5: int } ->",
        "",
    );
    // The other reader needs %1 as it is.
    stays(
        "fuse",
        "%1 = filter %0 (v#1 > 1) -> ALL
         %2 = filter %1 (v#1 < 9) -> ALL
         %3 = union [%1, %2] [[v#1], [v#1]] -> u#4: int
         %4 = show %3 all number 0 { u#4: int } ->",
        "",
    );
}

#[test]
fn drop_redundant_removes_what_nobody_sees() {
    fires(
        "drop_redundant",
        "%1 = sort %0 [v#1] -> ALL
         %2 = reduce_by_key %1 [k#0] { n#4: int = sum(v#1) } -> k#0: string, n#4: int
         %3 = distinct %2 [k#0, n#4] -> k#0: string, n#4: int
         %4 = show %3 all number 0 { n#4: int } ->",
        "%1 = reduce_by_key %0 [k#0] { n#4: int = sum(v#1) } -> k#0: string, n#4: int
         %2 = show %1 all number 0 { n#4: int } ->",
    );
}

#[test]
fn drop_redundant_keeps_what_shows() {
    let sorted = |next: &str, why: &str| {
        let nodes = format!(
            "%1 = map %0 {{ x#4 = (1 // v#1) }} -> k#0: string, v#1: int, f#2: float, x#4: int
             %2 = sort %1 [v#1] -> k#0: string, v#1: int, f#2: float{}
             %3 = {next}
             %4 = show %3 all number 0 {{  }} ->",
            if why.is_empty() { "" } else { ", x#4: int" }
        );
        let nodes = if why.is_empty() {
            nodes.replace(", x#4: int", "").replace(" x#4 = (1 // v#1)", "")
        } else {
            nodes
        };
        stays("drop_redundant", &nodes, why);
    };
    sorted("reduce_by_key %2 [k#0] { n#5: int = first(v#1) } -> n#5: int", "");
    sorted("reduce_by_key %2 [k#0] { n#5: float = max(f#2) } -> n#5: float", "");
    sorted("reduce_by_key %2 [f#2] { } -> f#2: float", "");
    sorted("take %2 3 -> k#0: string", "");
    sorted("distinct %2 [k#0] -> k#0: string", "");
    // A filter that fails before a `distinct` fails even for rows behind the cut of a `take`.
    stays(
        "drop_redundant",
        "%1 = distinct %0 [k#0] -> ALL
         %2 = filter %1 ((1 // v#1) > 0) -> ALL
         %3 = distinct %2 [k#0] -> ALL
         %4 = take %3 1 -> ALL
         %5 = show %4 all number 0 {  } ->",
        "has no effect but stays",
    );
    // Rows where `1 // v` fails are errors at the sort.
    sorted("reduce_by_key %2 [k#0] { n#5: int = count() } -> n#5: int", "has no effect but stays");
}

#[test]
fn push_take_reaches_the_sort() {
    fires(
        "push_take",
        "%1 = sort %0 [v#1] -> ALL
         %2 = map %1 { x#4 = float(v#1) } -> x#4: float
         %3 = map %2 { y#5 = (x#4 * 2.0) } -> y#5: float
         %4 = take %3 10 -> y#5: float
         %5 = show %4 all number 0 { y#5: float } ->",
        "%1 = sort %0 [v#1] -> ALL
         %2 = take %1 10 -> ALL
         %3 = map %2 { x#4 = float(v#1) } -> x#4: float
         %4 = map %3 { y#5 = (x#4 * 2.0) } -> y#5: float
         %5 = show %4 all number 0 { y#5: float } ->",
    );
    stays(
        "push_take",
        "%1 = sort %0 [v#1] -> ALL
         %2 = map %1 { x#4 = (1 // v#1) } -> x#4: int
         %3 = take %2 10 -> x#4: int
         %4 = show %3 all number 0 { x#4: int } ->",
        "does not count",
    );
    stays(
        "push_take",
        "%1 = map %0 { x#4 = float(v#1) } -> x#4: float
         %2 = take %1 10 -> x#4: float
         %3 = show %2 all number 0 { x#4: float } ->",
        "",
    );
}

#[test]
fn prune_columns_drops_what_nobody_needs() {
    let text = r##"
        %0 = read "a.csv" as csv(",") { k#0: string, v#1: int, w#2: int, u#3: int } files ["a.csv" 9 [1, 3, 5, 7]] -> k#0: string, v#1: int, w#2: int, u#3: int
        %1 = map %0 { x#4 = (v#1 + 1), y#5 = (w#2 * 2) } -> k#0: string, x#4: int, y#5: int
        %2 = reduce_by_key %1 [k#0] { a#6: int = sum(x#4), b#7: int = max(y#5) } -> k#0: string, a#6: int, b#7: int
        %3 = show %2 all number 0 { b#7: int } ->
        %4 = sort %1 [x#4] -> x#4: int
        sinks [%3] unused [u#3, x#4] next #8"##;
    let plan = parse_logical(text).expect("the plan parses");
    verify_logical(&plan).expect("the plan is sound");
    let first = PASSES.first().expect("a pass");
    assert_eq!(first.name, "prune_columns");
    let after = (first.run)(&plan, &mut Notes::new());
    verify_logical(&after).expect("still sound");
    let expected = r##"
        %0 = read "a.csv" as csv(",") { k#0: string, v#1: int, w#2: int } files ["a.csv" 9 [1, 3, 5]] -> k#0: string, w#2: int
        %1 = map %0 { y#5 = (w#2 * 2) } -> k#0: string, y#5: int
        %2 = reduce_by_key %1 [k#0] { b#7: int = max(y#5) } -> b#7: int
        %3 = show %2 all number 0 { b#7: int } ->
        sinks [%3]
        unused [#3, #4]
        next #8"##;
    let found: Vec<String> = after.to_string().lines().map(|l| l.trim().to_owned()).collect();
    assert_eq!(found.join("\n"), lines(expected));
}

#[test]
fn the_second_prune_keeps_what_can_fail_at_an_exchange() {
    let nodes = "%1 = map %0 { x#4 = (1 // v#1), y#5 = (v#1 > 1) } -> k#0: string, x#4: int, y#5: bool
         %2 = sort %1 [k#0] -> k#0: string, x#4: int, y#5: bool
         %3 = show %2 all number 0 { k#0: string } ->";
    let (found, notes) = run("prune_columns", nodes, "%3");
    // `y` goes; `x` is an error at the sort where `v` is 0, whoever reads it.
    assert!(found.contains("sort %1 [k#0] -> k#0: string, x#4: int\n"), "{found}");
    assert!(!found.contains("y#5"), "{found}");
    assert!(notes.iter().any(|n| n.message.contains("`x` is not used any more")), "{notes:?}");
    let sums = "%1 = reduce_by_key %0 [k#0] { s#4: int = sum(v#1), m#5: int = max(v#1) } -> k#0: string, s#4: int, m#5: int
         %2 = show %1 all number 0 { k#0: string } ->";
    let (found, _) = run("prune_columns", sums, "%2");
    assert!(found.contains("{ #4: int = sum(v#1) } -> k#0: string"), "{found}");
}

#[test]
fn push_filter_passes_windows_and_first_rows_on_their_keys_only() {
    let p = "push_filter";
    let window =
        "per [k#0] sort [v#1] frame running { n#4: int = sum(v#1) } functions { b#5: int? = lag(v#1, 1) }";
    let out = "ALL, n#4: int, b#5: int?";
    fires(
        p,
        &format!(
            "%1 = window %0 {window} -> {out}
             %2 = filter %1 ((k#0 == \"a\") and (n#4 > 3)) -> {out}
             %3 = show %2 all number 0 {{ n#4: int }} ->"
        ),
        &format!(
            "%1 = filter %0 (k#0 == \"a\") -> ALL
             %2 = window %1 {window} -> {out}
             %3 = filter %2 (n#4 > 3) -> {out}
             %4 = show %3 all number 0 {{ n#4: int }} ->"
        ),
    );
    fires(
        p,
        "%1 = take_per %0 2 per [k#0] -> ALL
         %2 = filter %1 (k#0 == \"a\") -> ALL
         %3 = show %2 all number 0 { v#1: int } ->",
        "%1 = filter %0 (k#0 == \"a\") -> ALL
         %2 = take_per %1 2 per [k#0] -> ALL
         %3 = show %2 all number 0 { v#1: int } ->",
    );
    let behind = |operator: &str, out: &str, predicate: &str| {
        format!(
            "%1 = {operator} -> {out}\n%2 = filter %1 {predicate} -> {out}\n%3 = show %2 all number 0 {{ v#1: int }} ->"
        )
    };
    // A sort key, an argument, a result and a field that the window does not know.
    for predicate in ["(v#1 > 3)", "(n#4 > 3)", "(b#5 > 3)", "(s#3 == \"x\")"] {
        stays(p, &behind(&format!("window %0 {window}"), out, predicate), "the others see them");
    }
    let all = window.replace("per [k#0]", "per []");
    stays(p, &behind(&format!("window %0 {all}"), out, "(k#0 == \"a\")"), "the others see them");
    let floats = window.replace("per [k#0]", "per [f#2]");
    stays(p, &behind(&format!("window %0 {floats}"), out, "(f#2 > 1.0)"), "0.0 and -0.0 are one key");
    stays(p, &behind("take_per %0 2 per [k#0]", "ALL", "(v#1 > 3)"), "counts the rows of a key");
    stays(p, &behind("take_per %0 2 per [f#2]", "ALL", "(f#2 > 1.0)"), "0.0 and -0.0 are one key");
    stays(p, &behind("distinct %0 [k#0] sort [v#1]", "ALL", "(v#1 > 3)"), "not compared");
}

#[test]
fn prune_columns_drops_unread_parts_of_windows() {
    let p = "prune_columns";
    fires(
        p,
        "%1 = window %0 per [k#0] sort [v#1] frame key { n#4: int = count(s#3), m#5: float = sum(f#2) } functions { b#6: string? = lag(s#3, 1) } -> k#0: string, v#1: int, f#2: float, s#3: string?, n#4: int, m#5: float, b#6: string?
         %2 = show %1 all number 0 { m#5: float } ->",
        "%1 = window %0 per [k#0] sort [v#1] frame key { m#5: float = sum(f#2) } functions { } -> m#5: float
         %2 = show %1 all number 0 { m#5: float } ->",
    );
    // A sum that can overflow stops the run whether or not it is read.
    stays(
        p,
        "%1 = window %0 per [k#0] sort [] frame key { #5: int = sum(v#1) } functions { } -> v#1: int
         %2 = show %1 all number 0 { v#1: int } ->",
        "",
    );
}

#[test]
fn drop_redundant_looks_into_windows() {
    let p = "drop_redundant";
    let out = "ALL, n#4: int";
    // A window that adds nothing is nothing.
    fires(
        p,
        "%1 = window %0 per [k#0] sort [v#1] frame key { } functions { } -> ALL
         %2 = show %1 all number 0 { v#1: int } ->",
        "%1 = show %0 all number 0 { v#1: int } ->",
    );
    // Nobody sees the order of the rows, neither in the window nor behind it.
    fires(
        p,
        &format!(
            "%1 = sort %0 [v#1] -> ALL
             %2 = window %1 per [k#0] sort [] frame key {{ n#4: int = count(s#3) }} functions {{ }} -> {out}
             %3 = reduce_by_key %2 [n#4] {{ m#5: int = sum(v#1) }} -> n#4: int, m#5: int
             %4 = show %3 all number 0 {{ m#5: int }} ->"
        ),
        &format!(
            "%1 = window %0 per [k#0] sort [] frame key {{ n#4: int = count(s#3) }} functions {{ }} -> {out}
             %2 = reduce_by_key %1 [n#4] {{ m#5: int = sum(v#1) }} -> n#4: int, m#5: int
             %3 = show %2 all number 0 {{ m#5: int }} ->"
        ),
    );
    // A running frame and the first value show it.
    for (frame, aggregate) in [("running", "int = count(s#3)"), ("key", "string? = first(s#3)")] {
        let ty = aggregate.split(' ').next().unwrap_or_default();
        let out = out.replace("n#4: int", &format!("n#4: {ty}"));
        stays(
            p,
            &format!(
                "%1 = sort %0 [v#1] -> ALL
                 %2 = window %1 per [k#0] sort [] frame {frame} {{ n#4: {aggregate} }} functions {{ }} -> {out}
                 %3 = reduce_by_key %2 [n#4] {{ m#5: int = sum(v#1) }} -> n#4: {ty}, m#5: int
                 %4 = show %3 all number 0 {{ m#5: int }} ->"
            ),
            "",
        );
    }
}
