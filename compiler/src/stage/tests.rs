//! The stage cut on IR text: what becomes a stage, a branch, an input, a leaf.

use super::cut_stages;
use flow_ir::{parse_logical, verify_logical, verify_physical};

/// Cuts the plan and compares it, without indentation.
fn cut(logical: &str, physical: &str) {
    let plan = parse_logical(logical).unwrap_or_else(|e| panic!("{e}"));
    verify_logical(&plan).unwrap_or_else(|e| panic!("{e:?}"));
    let stages = cut_stages(&plan);
    verify_physical(&stages).unwrap_or_else(|e| panic!("{e:?}\n{stages}"));
    let lines =
        |text: &str| text.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n");
    let found = stages.to_string();
    assert_eq!(lines(&found), lines(physical), "found:\n{found}");
}

const READ: &str = r##"
%0 = read "a.csv" as csv("," header) { k#0: string, v#1: int, w#2: int } files ["a.csv" 3 [0, 1, 2]] -> k#0: string, v#1: int, w#2: int
"##;

#[test]
fn one_scan_feeds_several_answers() {
    cut(
        &format!(
            r##"{READ}
            %1 = filter %0 (v#1 > 0) -> k#0: string, v#1: int, w#2: int
            %2 = reduce_by_key %1 [k#0] {{ n#3: int = count() }} -> k#0: string, n#3: int
            %3 = show %2 20 number 0 {{ k#0: string, n#3: int }} ->
            %4 = map %1 {{ x#4: int = 1 }} -> x#4: int
            %5 = reduce_by_key %1 [] {{ s#5: int = sum(w#2) }} -> s#5: int
            %6 = show %5 20 number 1 {{ s#5: int }} ->
            sinks [%3, %6] unused [] next #6"##
        )
        .replace("x#4: int = 1", "x#4 = 1"),
        r##"
        version 2
        stage 0
          input read "a.csv" as csv("," header) { k#0: string, v#1: int, w#2: int } files ["a.csv" 3 [0, 1, 2]]
          | filter (v#1 > 0) -> k#0: string, w#2: int
          split
          {
            => reduce_by_key [k#0] { #3: int = count() } by key to dataset 0 -> k#0: string, #3: int
          }
          {
            => reduce_by_key [] { #5: int = sum(w#2) } by key to dataset 1 -> #5: int
          }
        stage 1
          input dataset 0 -> k#0: string, #3: int
          => show 20 number 0 { k#0: string, n#3: int } -> k#0: string, #3: int
        stage 2
          input dataset 1 -> #5: int
          => show 20 number 1 { s#5: int } -> #5: int
        unused []
        "##,
    );
}

#[test]
fn a_sort_with_a_take_has_a_limit_and_hides_the_order_of_groups() {
    cut(
        &format!(
            r##"{READ}
            %1 = reduce_by_key %0 [k#0, w#2] {{ n#3: int = count() }} -> k#0: string, w#2: int, n#3: int
            %2 = sort %1 [n#3 desc, k#0] -> k#0: string, w#2: int, n#3: int
            %3 = take %2 20 -> k#0: string, n#3: int
            %4 = show %3 20 number 0 {{ k#0: string, n#3: int }} ->
            sinks [%4] unused [] next #4"##
        ),
        r##"
        version 2
        stage 0
          input read "a.csv" as csv("," header) { k#0: string, v#1: int, w#2: int } files ["a.csv" 3 [0, 1, 2]]
          => reduce_by_key [k#0, w#2] { #3: int = count() } unseen to dataset 0 -> k#0: string, w#2: int, #3: int
        stage 1
          input dataset 0 -> k#0: string, w#2: int, #3: int
          => sort [#3 desc, k#0, w#2] limit 20 to dataset 1 -> k#0: string, w#2: int, #3: int
        stage 2
          input dataset 1 -> k#0: string, #3: int
          => show 20 number 0 { k#0: string, n#3: int } -> k#0: string, #3: int
        unused []
        "##,
    );
}

#[test]
fn hidden_keys_are_delivered_even_if_nothing_else_reads_them() {
    cut(
        &format!(
            r##"{READ}
            %1 = reduce_by_key %0 [k#0] {{ n#3: int = count() }} -> n#3: int
            %2 = sort %1 [n#3 desc] -> n#3: int
            %3 = show %2 20 number 0 {{ n#3: int }} ->
            sinks [%3] unused [] next #4"##
        ),
        r##"
        version 2
        stage 0
          input read "a.csv" as csv("," header) { k#0: string, v#1: int, w#2: int } files ["a.csv" 3 [0, 1, 2]]
          => reduce_by_key [k#0] { #3: int = count() } unseen to dataset 0 -> #3: int, k#0: string
        stage 1
          input dataset 0 -> #3: int, k#0: string
          => sort [#3 desc, k#0] to dataset 1 -> #3: int
        stage 2
          input dataset 1 -> #3: int
          => show 20 number 0 { n#3: int } -> #3: int
        unused []
        "##,
    );
}

#[test]
fn a_union_reads_its_inputs_in_order_with_their_own_operations() {
    cut(
        &format!(
            r##"{READ}
            %1 = filter %0 (v#1 > 0) -> k#0: string, v#1: int
            %2 = rows [("x", 1)] -> a#3: string, b#4: int
            %3 = union [%1, %2] [[k#0, v#1], [a#3, b#4]] -> a#5: string, b#6: int
            %4 = map %3 {{ c#7 = (b#6 * 2) }} -> a#5: string, c#7: int
            %5 = union [%4, %2] [[a#5, c#7], [a#3, b#4]] -> a#8: string, c#9: int
            %6 = reduce_by_key %5 [] {{ s#10: int = sum(c#9) }} -> s#10: int
            %7 = show %6 20 number 0 {{ s#10: int }} ->
            sinks [%7] unused [] next #11"##
        ),
        r##"
        version 2
        stage 0
          input rows [("x", 1)] -> #3: string, #4: int
          => collect to dataset 0 -> #3: string, #4: int
        stage 1
          input read "a.csv" as csv("," header) { k#0: string, v#1: int, w#2: int } files ["a.csv" 3 [0, 1, 2]]
            > filter (v#1 > 0) -> v#1: int
            > map { #7 = (v#1 * 2) } -> #7: int
            rename [#9 = #7]
          input dataset 0 -> #4: int
            > map { #7 = (#4 * 2) } -> #7: int
            rename [#9 = #7]
          input dataset 0 -> #4: int
            rename [#9 = #4]
          => reduce_by_key [] { #10: int = sum(#9) } by key to dataset 1 -> #10: int
        stage 2
          input dataset 1 -> #10: int
          => show 20 number 0 { s#10: int } -> #10: int
        unused []
        "##,
    );
}

#[test]
fn a_shared_union_input_is_collected_by_its_scan() {
    cut(
        &format!(
            r##"{READ}
            %1 = filter %0 (v#1 > 0) -> k#0: string, v#1: int
            %2 = union [%1, %1] [[v#1], [v#1]] -> v#3: int
            %3 = show %2 all number 0 {{ v#3: int }} ->
            %4 = show %1 all number 1 {{ k#0: string }} ->
            sinks [%3, %4] unused [] next #4"##
        ),
        r##"
        version 2
        stage 0
          input read "a.csv" as csv("," header) { k#0: string, v#1: int, w#2: int } files ["a.csv" 3 [0, 1, 2]]
          | filter (v#1 > 0) -> k#0: string, v#1: int
          split
          {
            => collect to dataset 0 -> v#1: int
          }
          {
            => show all number 1 { k#0: string } -> k#0: string
          }
        stage 1
          input dataset 0 -> v#1: int
            rename [#3 = v#1]
          input dataset 0 -> v#1: int
            rename [#3 = v#1]
          => show all number 0 { v#3: int } -> #3: int
        unused []
        "##,
    );
}

#[test]
fn the_right_side_of_a_join_is_collected_first() {
    cut(
        r##"
        %0 = rows [(1, "x")] -> id#0: int, s#1: string
        %1 = rows [(1, "y", 2)] -> id#2: int, t#3: string, z#4: int
        %2 = filter %1 (z#4 > 1) -> id#2: int, t#3: string
        %3 = join %0 %2 on [id#0 == id#2] right [t#5 = t#3] -> id#0: int, s#1: string, t#5: string
        %4 = write %3 "o.csv" as csv(",") number 0 { id#0: int, t#5: string } ->
        sinks [%4] unused [] next #6
        "##,
        r##"
        version 2
        stage 0
          input rows [(1, "y", 2)] -> #2: int, #3: string, #4: int
          | filter (#4 > 1) -> #2: int, #3: string
          => collect to dataset 0 -> #2: int, #3: string
        stage 1
          input rows [(1, "x")] -> #0: int, #1: string
          | join dataset 0 (#2: int, #3: string) on [#0 == #2] right [#5 = #3] -> #0: int, #5: string
          => write "o.csv" as csv(",") number 0 { id#0: int, t#5: string } -> #0: int, #5: string
        unused []
        "##,
    );
}

#[test]
fn a_self_join_does_not_wait_for_itself() {
    // Left and right come from one scan, so the left side is collected too.
    cut(
        &format!(
            r##"{READ}
            %1 = filter %0 (v#1 > 0) -> k#0: string, v#1: int
            %2 = map %0 {{ k2#3 = lower(k#0) }} -> k2#3: string, w#2: int
            %3 = join %1 %2 on [k#0 == k2#3] right [w#4 = w#2] -> v#1: int, w#4: int
            %4 = show %3 all number 0 {{ v#1: int, w#4: int }} ->
            sinks [%4] unused [] next #5"##
        ),
        r##"
        version 2
        stage 0
          input read "a.csv" as csv("," header) { k#0: string, v#1: int, w#2: int } files ["a.csv" 3 [0, 1, 2]]
          split
          {
            | filter (v#1 > 0) -> k#0: string, v#1: int
            => collect to dataset 1 -> k#0: string, v#1: int
          }
          {
            | map { #3 = lower(k#0) } -> #3: string, w#2: int
            => collect to dataset 0 -> #3: string, w#2: int
          }
        stage 1
          input dataset 1 -> k#0: string, v#1: int
          | join dataset 0 (#3: string, w#2: int) on [k#0 == #3] right [#4 = w#2] -> v#1: int, #4: int
          => show all number 0 { v#1: int, w#4: int } -> v#1: int, #4: int
        unused []
        "##,
    );
}

#[test]
fn two_joins_crosswise_run_one_after_the_other() {
    // a needs b's rows and b needs a's: one of them must be collected.
    let plan = parse_logical(
        r##"
        %0 = rows [(1)] -> a#0: int
        %1 = rows [(1)] -> b#1: int
        %2 = join %0 %1 on [a#0 == b#1] right [b#2 = b#1] -> a#0: int, b#2: int
        %3 = join %1 %0 on [b#1 == a#0] right [a#3 = a#0] -> b#1: int, a#3: int
        %4 = show %2 all number 0 { a#0: int, b#2: int } ->
        %5 = show %3 all number 1 { b#1: int, a#3: int } ->
        sinks [%4, %5] unused [] next #4
        "##,
    )
    .expect("the plan parses");
    let stages = cut_stages(&plan);
    verify_physical(&stages).unwrap_or_else(|e| panic!("{e:?}\n{stages}"));
    let text = stages.to_string();
    assert_eq!(text.matches("input rows").count(), 2, "{text}");
    assert_eq!(text.matches("=> show").count(), 2, "{text}");
}

#[test]
fn take_and_skip_are_one_leaf() {
    cut(
        &format!(
            r##"{READ}
            %1 = skip %0 5 -> v#1: int
            %2 = take %1 10 -> v#1: int
            %3 = skip %2 2 -> v#1: int
            %4 = show %3 all number 0 {{ v#1: int }} ->
            sinks [%4] unused [] next #3"##
        ),
        r##"
        version 2
        stage 0
          input read "a.csv" as csv("," header) { k#0: string, v#1: int, w#2: int } files ["a.csv" 3 [0, 1, 2]]
          => take skip 7 count 8 to dataset 0 -> v#1: int
        stage 1
          input dataset 0 -> v#1: int
          => show all number 0 { v#1: int } -> v#1: int
        unused []
        "##,
    );
}

#[test]
fn the_order_of_groups_is_kept_where_it_shows() {
    let order = |middle: &str, last: &str, columns: &str| {
        let text = format!(
            r##"{READ}
            %1 = reduce_by_key %0 [k#0] {{ n#3: int = count() }} -> k#0: string, n#3: int
            {middle}
            {last} number 0 {{ {columns} }} ->
            sinks [%3] unused [] next #9"##
        );
        let plan = parse_logical(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        verify_logical(&plan).unwrap_or_else(|e| panic!("{e:?}"));
        cut_stages(&plan).to_string().lines().any(|l| l.contains("[k#0]") && l.contains("unseen"))
    };
    let last = "%3 = show %2 all";
    // Hidden: a further aggregate, a sort that still has the key, also behind a map that cannot fail.
    assert!(order(
        "%2 = reduce_by_key %1 [n#3] { c#4: int = count() } -> n#3: int, c#4: int",
        last,
        "c#4: int"
    ));
    assert!(order("%2 = sort %1 [n#3] -> k#0: string, n#3: int", last, "n#3: int"));
    // Seen: nothing in between, a filter, `first`, `take`, `distinct`, a map that can fail.
    assert!(!order("%2 = filter %1 (n#3 > 1) -> k#0: string, n#3: int", last, "n#3: int"));
    assert!(!order(
        "%2 = reduce_by_key %1 [n#3] { c#4: string = first(k#0) } -> n#3: int, c#4: string",
        last,
        "n#3: int"
    ));
    assert!(!order("%2 = take %1 3 -> k#0: string, n#3: int", last, "n#3: int"));
    assert!(!order("%2 = distinct %1 [n#3] -> k#0: string, n#3: int", last, "n#3: int"));
}

/// What does not depend on the rows of a loop is read once, before it; what does is repeated.
#[test]
fn a_loop_repeats_only_what_depends_on_it() {
    let logical = "\
%0 = read \"a.csv\" as csv(\",\" header) { k#0: string, v#1: int } files [\"a.csv\" 2 [0, 1]] -> k#0: string, v#1: int
%1 = rows [(1)] -> x#2: int
%2 = loop_rows -> x#3: int
%3 = filter %0 (v#1 > 0) -> v#1: int
%4 = join %3 %2 on [v#1 == x#3] right [y#4 = x#3] -> v#1: int, y#4: int
%5 = reduce_by_key %4 [] { n#5: int = sum(y#4) } -> n#5: int
%6 = iterate %2 %1 [x#2] %5 [n#5] rounds 7 -> x#3: int
%7 = show %6 all number 0 { x#3: int } -> 
sinks [%7]
unused []
next #6
";
    let logical = flow_ir::parse_logical(logical).expect("a plan");
    assert_eq!(flow_ir::verify_logical(&logical), Ok(()));
    let physical = super::cut_stages(&logical);
    assert_eq!(flow_ir::verify_physical(&physical), Ok(()));
    let text = physical.to_string();
    assert_eq!(flow_ir::parse_physical(&text).expect("its own text"), physical);
    let [one] = physical.loops.as_slice() else { panic!("one loop: {text}") };
    let repeated = &physical.stages[one.first.0 as usize..one.end.0 as usize];
    assert!(!repeated.is_empty(), "{text}");
    let reads = |stage: &flow_ir::physical::Stage| {
        stage.inputs.iter().any(|i| matches!(i.from, flow_ir::physical::InputFrom::Read(_)))
    };
    assert!(!repeated.iter().any(reads), "{text}");
    assert!(physical.stages[..one.first.0 as usize].iter().any(reads), "{text}");
}
