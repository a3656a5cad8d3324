//! Each pass on IR text: where it fires, and where it must not.

mod drop_redundant;
mod fold_constants;
mod fuse;
mod preaggregate;
mod prune_columns;
mod prune_files;
mod push_filter;
mod push_take;

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
