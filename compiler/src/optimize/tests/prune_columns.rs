//! `prune_columns`: where it fires, and where it must not.

use super::{Notes, PASSES, fires, lines, run, stays};
use flow_ir::{parse_logical, verify_logical};

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
