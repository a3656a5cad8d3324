//! `fuse`: where it fires, and where it must not.

use super::{fires, stays};

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
