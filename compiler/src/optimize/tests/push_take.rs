//! `push_take`: where it fires, and where it must not.

use super::{fires, stays};

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

/// Where two ranges meet, reading stops after both; that is for the program to say.
#[test]
fn ranges_of_a_file_stay_apart() {
    stays(
        "push_take",
        "%1 = skip %0 2 -> ALL
         %2 = map %1 { x#4 = float(v#1) } -> x#4: float
         %3 = take %2 10 -> x#4: float
         %4 = show %3 all number 0 { x#4: float } ->",
        "",
    );
    let between = |operator: &str| {
        format!(
            "%1 = take %0 10 -> ALL
             %2 = {operator} -> ALL
             %3 = take %2 5 -> ALL
             %4 = show %3 all number 0 {{ v#1: int }} ->"
        )
    };
    stays("fuse", &between("map %1 { }"), "");
    stays("fold_constants", &between("filter %1 true"), "");
    fires(
        "push_take",
        "%1 = sort %0 [v#1] -> ALL
         %2 = skip %1 2 -> ALL
         %3 = map %2 { x#4 = float(v#1) } -> x#4: float
         %4 = take %3 10 -> x#4: float
         %5 = show %4 all number 0 { x#4: float } ->",
        "%1 = sort %0 [v#1] -> ALL
         %2 = skip %1 2 -> ALL
         %3 = take %2 10 -> ALL
         %4 = map %3 { x#4 = float(v#1) } -> x#4: float
         %5 = show %4 all number 0 { x#4: float } ->",
    );
}
