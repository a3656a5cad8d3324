//! What explanations look like.

use super::*;
use crate::optimize::{OptLevel, optimize};
use crate::stage::cut_stages;
use flow_ir::parse_logical;

const PLAN: &str = r##"
%0 = read "fec/a.txt" as csv("|") { NAME#0: string, AMT#1: int, STATE#2: string } files ["fec/a.txt" 21 [7, 14, 9]] -> NAME#0: string, AMT#1: int, STATE#2: string
%1 = sort %0 [AMT#1] -> NAME#0: string, AMT#1: int, STATE#2: string
%2 = filter %1 (((AMT#1 - (1 - 2)) > (100 + 100)) and not(is_null(STATE#2))) -> NAME#0: string, AMT#1: int, STATE#2: string
%3 = reduce_by_key %2 [STATE#2] { total#3: int = sum(AMT#1), n#4: int = count() } -> STATE#2: string, total#3: int, n#4: int
%4 = sort %3 [total#3 desc] -> STATE#2: string, total#3: int, n#4: int
%5 = take %4 20 -> STATE#2: string, total#3: int, n#4: int
%6 = show %5 20 number 0 { STATE#2: string, total#3: int } ->
sinks [%6] unused [NAME#0] next #5
"##;

fn report() -> Report {
    let plan = parse_logical(PLAN).expect("the plan parses");
    let mut recorder = Recorder::new();
    let optimized = optimize(plan, OptLevel::Full, &mut |run| recorder.observe(run));
    let stages = cut_stages(&optimized);
    Report::new(&optimized, &stages, recorder)
}

#[test]
fn the_logical_plan_reads_like_a_program() {
    insta::assert_snapshot!("logical", report().logical);
}

#[test]
fn stages_say_what_they_read_and_how_they_run() {
    let report = report();
    let mut names = Names::of(&parse_logical(PLAN).expect("the plan parses"));
    names.add(&parse_logical(PLAN).expect("the plan parses"));
    insta::assert_snapshot!("physical", explain_physical(&report.plan, &names));
}

#[test]
fn passes_show_what_they_changed_and_what_they_could_not() {
    let text: Vec<String> =
        report().passes.iter().map(|p| p.text(&|span| format!("p.flow:{}", span.start))).collect();
    insta::assert_snapshot!("passes", text.join("\n"));
}

#[test]
fn shared_rows_have_a_name() {
    let plan = parse_logical(
        r##"
        %0 = rows [(1, "x")] -> a#0: int, s#1: string
        %1 = filter %0 (a#0 > 1) -> a#0: int, s#1: string
        %2 = map %1 { t#2 = (upper(s#1) ?? "-") } -> b#0: int, t#2: string
        %3 = rows [(2, "y")] -> c#3: int, d#4: string
        %4 = join %2 %3 on [b#0 == c#3] right [r.d#5 = d#4] -> b#0: int, t#2: string, r.d#5: string
        %5 = union [%1, %3] [[a#0, s#1], [c#3, d#4]] -> a#6: int, s#7: string
        %6 = flat_map %5 { } each w#8 = split(s#7, " ") -> a#6: int, w#8: string
        %7 = show %6 all number 0 { a#6: int, w#8: string } ->
        %8 = write %4 "o.csv" as csv("," header quote "\"") number 1 { b#0: int, t#2: string } ->
        sinks [%7, %8] unused [] next #9
        "##,
    )
    .expect("the plan parses");
    insta::assert_snapshot!("shared_logical", explain_logical(&plan));
    insta::assert_snapshot!("shared_physical", explain_physical(&cut_stages(&plan), &Names::of(&plan)));
}

#[test]
fn expressions_have_no_needless_parentheses() {
    let text = |e: &str| {
        let types = (0..3).map(|i| (ColumnId(i), flow_ir::DataType::nullable(flow_ir::Type::Int))).collect();
        let e = flow_ir::parse_expr(e, &types).unwrap_or_else(|err| panic!("{e}: {err}"));
        expr::expr_text(&e, &|id| ["a", "b", "c"][id.0 as usize].to_owned())
    };
    assert_eq!(text("((#0 + #1) * #2)"), "(a + b) * c");
    assert_eq!(text("(#0 + (#1 * #2))"), "a + b * c");
    assert_eq!(text("(#0 - (#1 - #2))"), "a - (b - c)");
    assert_eq!(
        text("(((#0 ?? 0) > 1) and not((is_null(#1) or (#2 == 3))))"),
        "a ?? 0 > 1 and not (b is null or c == 3)"
    );
    assert_eq!(text("not(is_null(#1))"), "b is not null");
    assert_eq!(text("between(#0, 1, 5)"), "a in 1..5");
    assert_eq!(text("(if (#0 > 1) then #1 else neg(#2))"), "if a > 1 then b else -c");
    assert_eq!(text("((if (#0 > 1) then #1 else #2) + 1)"), "(if a > 1 then b else c) + 1");
    assert_eq!(text("len(map('[1, 2], (|$0| ($0:int * #0))))"), "len(map([1, 2], x0 -> x0 * a))");
    assert_eq!(text("index(split(\"a b\", r\"\\\\W+\"), 1)"), "split(\"a b\", r\"\\W+\")[1]");
    assert_eq!(text("(30min > 1h)"), format!("{} > {}", "30min", "1h"));
}

/// The benchmark programs, from text to stages: what runs is what one would write by hand.
#[test]
fn the_benchmarks_become_few_stages() {
    let wide: Vec<String> = (0..21).map(|i| format!("f{i}")).collect();
    let wide: Vec<(&str, flow_ir::Type)> = wide.iter().map(|n| (n.as_str(), flow_ir::Type::String)).collect();
    let catalog = crate::MemoryCatalog::new()
        .with("benches/data/stations.txt", &wide[..2])
        .with("benches/data/words.txt", &wide[..1])
        .with("benches/data/people/0.json", &[])
        .with("benches/data/fec/a.txt", &wide)
        .with("benches/data/fec/b.txt", &wide)
        .with("benches/data/access.log", &wide[..10]);
    let programs = [
        ("w1", include_str!("../../../benches/w1.flow")),
        ("w2", include_str!("../../../benches/w2.flow")),
        ("w3", include_str!("../../../benches/w3.flow")),
        ("w4", include_str!("../../../benches/w4.flow")),
        ("w4b", include_str!("../../../benches/w4b.flow")),
        ("w5", include_str!("../../../benches/w5.flow")),
    ];
    for (name, source) in programs {
        let compiled =
            crate::compile(source, name, &[], &catalog).unwrap_or_else(|d| panic!("{name}: {d:?}"));
        flow_ir::verify_logical(&compiled.plan).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        let mut recorder = Recorder::new();
        let optimized = optimize(compiled.plan, OptLevel::Full, &mut |run| recorder.observe(run));
        let stages = cut_stages(&optimized);
        flow_ir::verify_physical(&stages).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        let text = explain_physical(&stages, recorder.names());
        insta::assert_snapshot!(name, text);
    }
}
