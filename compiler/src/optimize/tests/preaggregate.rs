//! `preaggregate`: where it fires, and where it must not.

use super::{fires, stays};

/// A right side, a join with it, and a reduction of the pairs.
fn reduction(join: &str, reduction: &str) -> String {
    format!(
        r##"%1 = rows [] -> a#4: string, b#5: int?, g#6: float, p#7: decimal(9, 2)
           %2 = {join}
           %3 = {reduction}
           %4 = show %3 all number 0 {{ c#20: int }} ->"##
    )
}

const PAIRS: &str = "join %0 %1 on [k#0 == a#4] right [a#10 = a#4, b#11 = b#5, g#12 = g#6, p#13 = p#7] \
                     -> k#0: string, v#1: int, a#10: string, b#11: int?, g#12: float, p#13: decimal(9, 2)";

fn stays_a_join(join: &str, by: &str) {
    stays("preaggregate", &reduction(join, by), "");
}

#[test]
fn preaggregate_counts_the_right_side() {
    fires(
        "preaggregate",
        &reduction(PAIRS, "reduce_by_key %2 [v#1] { c#20: int = count() } -> v#1: int, c#20: int"),
        r##"%1 = rows [] -> a#4: string, b#5: int?, g#6: float, p#7: decimal(9, 2)
           %2 = reduce_by_key %1 [a#4] { "$part50"#50: int = count() } -> a#4: string, "$part50"#50: int
           %3 = join %0 %2 on [k#0 == a#4] right [a#10 = a#4, "$part51"#51 = "$part50"#50] -> k#0: string, v#1: int, a#10: string, "$part51"#51: int
           %4 = reduce_by_key %3 [v#1] { c#20: int = sum("$part51"#51) } -> v#1: int, c#20: int
           %5 = show %4 all number 0 { c#20: int } ->"##,
    );
}

/// Rows of the left side that match nothing count once, and are part of no other aggregate.
#[test]
fn preaggregate_of_a_left_join() {
    let pairs = "join left %0 %1 on [k#0 == a#4] right [b#11 = b#5, p#13 = p#7] -> k#0: string, v#1: int, b#11: int?, p#13: decimal(9, 2)?";
    let by = "reduce_by_key %2 [] { c#20: int = count(), d#21: int? = max(b#11), e#22: decimal(38, 2) = sum(p#13), m#23: int? = min(v#1) } -> c#20: int, d#21: int?, e#22: decimal(38, 2), m#23: int?";
    fires(
        "preaggregate",
        &reduction(pairs, by),
        r##"%1 = rows [] -> a#4: string, b#5: int?, g#6: float, p#7: decimal(9, 2)
           %2 = reduce_by_key %1 [a#4] { "$part50"#50: int = count(), "$part53"#53: int? = max(b#5), "$part55"#55: decimal(38, 2) = sum(p#7) } -> a#4: string, "$part50"#50: int, "$part53"#53: int?, "$part55"#55: decimal(38, 2)
           %3 = join left %0 %2 on [k#0 == a#4] right ["$part51"#51 = "$part50"#50, "$part54"#54 = "$part53"#53, "$part56"#56 = "$part55"#55] -> k#0: string, v#1: int, "$part51"#51: int?, "$part54"#54: int?, "$part56"#56: decimal(38, 2)?
           %4 = map %3 { "$part52"#52 = ("$part51"#51 ?? 1) } -> k#0: string, v#1: int, "$part51"#51: int?, "$part54"#54: int?, "$part56"#56: decimal(38, 2)?, "$part52"#52: int
           %5 = reduce_by_key %4 [] { c#20: int = sum("$part52"#52), d#21: int? = max("$part54"#54), e#22: decimal(38, 2) = sum("$part56"#56), m#23: int? = min(v#1) } -> c#20: int, d#21: int?, e#22: decimal(38, 2), m#23: int?
           %6 = show %5 all number 0 { c#20: int } ->"##,
    );
}

#[test]
fn preaggregate_stays_where_pairs_matter() {
    let of = |aggregate: &str, ty: &str| {
        format!(
            "reduce_by_key %2 [v#1] {{ c#20: int = count(), d#21: {ty} = {aggregate} }} -> v#1: int, c#20: int, d#21: {ty}"
        )
    };
    // A group for every row of the right side.
    stays_a_join(PAIRS, "reduce_by_key %2 [b#11] { c#20: int = count() } -> b#11: int?, c#20: int");
    // Nothing is gained.
    stays_a_join(PAIRS, "reduce_by_key %2 [a#10] { c#20: int = max(v#1) } -> a#10: string, c#20: int");
    // Overflow in parts, rounding, values of the left side many times, the order of the pairs, equal floats.
    stays_a_join(PAIRS, &of("sum(b#11)", "int"));
    stays_a_join(PAIRS, &of("sum(g#12)", "float"));
    stays_a_join(PAIRS, &of("sum(v#1)", "int"));
    stays_a_join(PAIRS, &of("first(b#11)", "int?"));
    stays_a_join(PAIRS, &of("max(g#12)", "float"));
    stays_a_join(PAIRS, &of("count_distinct(b#11)", "int"));
    stays_a_join(
        "join %0 %1 on [f#2 == g#6] right [] -> k#0: string, v#1: int",
        "reduce_by_key %2 [v#1] { c#20: int = count() } -> v#1: int, c#20: int",
    );
    for kind in ["right", "full"] {
        stays_a_join(
            &format!("join {kind} %0 %1 on [k#0 == a#4] left [v#9 = v#1] right [] -> v#9: int?"),
            "reduce_by_key %2 [v#9] { c#20: int = count() } -> v#9: int?, c#20: int",
        );
    }
    // One row a key already.
    stays(
        "preaggregate",
        "%1 = distinct %0 [k#0] -> ALL
         %2 = map %0 { a#4 = k#0 } -> a#4: string
         %3 = join %2 %1 on [a#4 == k#0] right [] -> a#4: string
         %4 = reduce_by_key %3 [] { c#20: int = count() } -> c#20: int
         %5 = show %4 all number 0 { c#20: int } ->",
        "",
    );
}
