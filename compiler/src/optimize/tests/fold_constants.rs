//! `fold_constants`: where it fires, and where it must not.

use super::{fires, stays};

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
