//! `push_filter`: where it fires, and where it must not.

use super::{fires, stays};

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
