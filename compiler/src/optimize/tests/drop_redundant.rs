//! `drop_redundant`: where it fires, and where it must not.

use super::{fires, run, stays};

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

/// Fields of files may be bad, which is found where they are read.
#[test]
fn drop_redundant_keeps_what_reads_fields() {
    const READ: &str = r##"%1 = read "a.csv" as csv("," header quote "\"") { k#20: string, v#21: int } files ["a.csv" 2 [0, 1]] -> k#20: string, v#21: int"##;
    // What is left, and what was noted.
    let after = |nodes: &str| {
        let (found, notes) = run("drop_redundant", &format!("{READ}\n{nodes}"), "%4");
        (found, notes.iter().map(|n| n.message.clone()).collect::<String>())
    };
    let sorted = "%2 = sort %1 [v#21] -> k#20: string, v#21: int";
    let why = "has no effect but stays";
    // Nothing else would find a bad `v`.
    let counted = "%3 = reduce_by_key %2 [k#20] { n#4: int = count() } -> k#20: string, n#4: int
         %4 = show %3 all number 0 { n#4: int } ->";
    let (found, noted) = after(&format!("{sorted}\n{counted}"));
    assert!(found.contains("sort") && noted.contains(why), "{found}\n{noted}");
    // Nor a bad `k`.
    let windowed =
        "%2 = window %1 per [k#20] sort [v#21] frame key { } functions { } -> k#20: string, v#21: int
         %3 = map %2 { w#5 = 1 } -> v#21: int, w#5: int
         %4 = show %3 all number 0 { v#21: int } ->";
    let (found, noted) = after(windowed);
    assert!(found.contains("window") && noted.contains(why), "{found}\n{noted}");
    // The reduction reads `v` itself.
    let (found, noted) = after(&format!("{sorted}\n{}", counted.replace("count()", "sum(v#21)")));
    assert!(!found.contains("sort") && noted.is_empty(), "{found}\n{noted}");
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
