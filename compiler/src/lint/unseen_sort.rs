//! W4005: a `sort` whose order nobody can see, because an aggregation that does not depend on the order
//! follows. It costs time and memory at `-O 0` and misleads readers.
//!
//! Quiet about the sorts of other stages (`take n sort ...`), and about a sort in a pipe whose order some
//! user of the pipe sees. The fix removes the stage; there is none where the program would then no longer
//! read the keys, because a key that cannot be read is an error only as long as something uses it.

use super::Facts;
use crate::diagnostic::Diagnostic;
use crate::liveness::unused;
use crate::optimize::consumers::Consumers;
use crate::stage::row_order;
use flow_ir::logical::{Node, Operator};
use flow_ir::{LogicalPlan, NodeId, Span};

pub(super) fn find(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let consumers = Consumers::of(facts.plan);
    let order = row_order(facts.plan, &consumers);
    let is_seen = |i: usize, at: Span| {
        facts.plan.nodes.iter().zip(&order.seen).enumerate().any(|(other, (node, seen))| {
            let same = other == i || (node.span == at && matches!(node.operator, Operator::Sort { .. }));
            same && *seen
        })
    };
    for (i, node) in facts.plan.nodes.iter().enumerate() {
        let id = NodeId(u32::try_from(i).unwrap_or(u32::MAX));
        let is_stage = facts.text(node.span).trim_start_matches(['|', '>', ' ']).starts_with("sort");
        if !matches!(node.operator, Operator::Sort { .. }) || !is_stage || !consumers.is_reachable(id) {
            continue;
        }
        if is_seen(i, node.span) {
            continue;
        }
        let mut warning = Diagnostic::warning("W4005", node.span, "nobody sees the order of this sort");
        if let Some(end) = forgetful(facts.plan, &consumers, id) {
            let text = format!("`{}` does not depend on the order", end.operator.name());
            warning = warning.label(end.span, text);
        }
        found.push(match with_bar(facts, node.span) {
            Some(stage) if reads_the_same(facts.plan, node.span) => {
                warning.fix("remove this stage", stage, "")
            }
            _ => warning.help("remove this stage"),
        });
    }
}

/// The aggregation or sort behind a node that does not care for the order, if there is only one.
fn forgetful<'p>(plan: &'p LogicalPlan, consumers: &Consumers, id: NodeId) -> Option<&'p Node> {
    let mut at = id;
    while let [next] = consumers.consumers(at) {
        let node = plan.node(*next);
        match node.operator {
            Operator::ReduceByKey { .. } | Operator::Sort { .. } => return Some(node),
            _ => at = *next,
        }
    }
    None
}

/// Whether a program without the sort at `at` uses the same columns.
fn reads_the_same(plan: &LogicalPlan, at: Span) -> bool {
    let mut without = plan.clone();
    for node in without.nodes.iter_mut().filter(|node| node.span == at) {
        if let Operator::Sort { keys, .. } = &mut node.operator {
            keys.clear();
        }
    }
    unused(plan) == unused(&without)
}

/// The span of a stage with the `|` before it and the space before that.
fn with_bar(facts: &Facts<'_>, stage: Span) -> Option<Span> {
    if facts.text(stage).starts_with('|') {
        return Some(stage);
    }
    let before = facts.text(Span { start: 0, end: stage.start, ..stage }).trim_end();
    let head = before.strip_suffix("|>").or_else(|| before.strip_suffix('|'))?;
    Some(Span { start: u32::try_from(head.trim_end().len()).ok()?, ..stage })
}
