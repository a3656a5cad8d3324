//! drop_redundant: removes a `sort` whose order nobody sees and a `distinct` of rows that all differ.
//!
//! **Laws.**
//! ```text
//! sort k | reduce { .. }                =  reduce { .. }        without first, last, or min and max of floats
//! reduce_by_key k { .. } | distinct on k, ..  =  reduce_by_key k { .. }
//! distinct on k | distinct on k, ..     =  distinct on k
//! ```
//!
//! **When it must not fire.** An exchange is where rows that are errors are found: it stays if a
//! filter, check or column before it can fail, or if it reads something of files that the exchange or sink right
//! behind it does not. `first`, `last`, `take`, `distinct`, sinks, checks and
//! expressions that can fail all see the order.
//!
//! ```text
//! %1 = sort %0 [a#0]                                 %1 = reduce_by_key %0 [] { n#1: int = count() }
//! %2 = reduce_by_key %1 [] { n#1: int = count() }    ==>
//! ```

use super::consumers::Consumers;
use super::fallible::Fallible;
use super::rebuild::Rebuild;
use super::unique::unique_columns;
use super::{Note, Notes, Pass};
use crate::stage::row_order;
use flow_ir::logical::Operator;
use flow_ir::source::Target;
use flow_ir::{ColumnId, LogicalPlan, NodeId};

pub(super) const PASS: Pass = Pass {
    name: "drop_redundant",
    law: "sort k | reduce { .. }  =  reduce { .. }",
    required: false,
    run: drop_redundant,
};

fn drop_redundant(plan: &LogicalPlan, notes: &mut Notes) -> LogicalPlan {
    let consumers = Consumers::of(plan);
    let order = row_order(plan, &consumers);
    let fallible = Fallible::of(plan);
    let unique = unique_columns(plan);
    let mut rebuild = Rebuild::of(plan);
    for id in Rebuild::walk(plan) {
        let node = plan.node(id);
        let redundant = match &node.operator {
            Operator::Sort { input, .. } => (!order.seen[id.0 as usize]).then_some(*input),
            Operator::Distinct { input, on, .. } => unique[input.0 as usize]
                .as_ref()
                .filter(|keys| keys.iter().all(|k| on.contains(k)))
                .map(|_| *input),
            Operator::Window { input, window } => {
                let adds_nothing = window.outputs().next().is_none();
                (adds_nothing && settled_at_once(plan, &consumers, &fallible, id)).then_some(*input)
            }
            _ => None,
        };
        let redundant = redundant.filter(|_| !consumers.between_ranges(plan, id));
        let Some(input) = redundant else {
            rebuild.copy(id, |_| ());
            continue;
        };
        // What the next exchange finds anyway need not be found here.
        let after = consumers.consumers(id);
        let found_later = after.iter().all(|c| settles(&plan.node(*c).operator));
        let read_later = !fallible.of_files(input) || reads_are_later(plan, after, &unique, (id, input));
        if !fallible.fails_columns(plan, input) && read_later && (found_later || !fallible.fails_rows(input))
        {
            let new = rebuild.id(input);
            rebuild.replace(id, new);
        } else {
            let message = format!(
                "the `{}` has no effect but stays: rows that fail before it or in it are errors",
                node.operator.name()
            );
            notes.push(Note { span: node.span, message });
            rebuild.copy(id, |_| ());
        }
    }
    rebuild.finish()
}

/// Whether the rows of `id` go to exchanges and sinks that take all of them, and nothing fails on the
/// way: else a failure would belong to a row of a source, where it belongs to none behind an exchange.
fn settled_at_once(plan: &LogicalPlan, consumers: &Consumers, fallible: &Fallible, id: NodeId) -> bool {
    let mut open = vec![id];
    while let Some(at) = open.pop() {
        for consumer in consumers.consumers(at) {
            match &plan.node(*consumer).operator {
                Operator::Map { computed, .. }
                    if !computed.iter().any(|c| fallible.can_fail(&c.expr, at)) =>
                {
                    open.push(*consumer);
                }
                Operator::Write { sink, .. } if !matches!(sink.target, Target::Print { limit: Some(_) }) => {}
                operator if settles(operator) => {}
                _ => return false,
            }
        }
    }
    true
}

/// Whether what a node of rows from files reads is read anyway: by what made its input, or by all exchanges and
/// sinks right behind it. Else a bad field would be found with the node, and not without it.
fn reads_are_later(
    plan: &LogicalPlan,
    after: &[NodeId],
    unique: &[Option<Vec<ColumnId>>],
    (id, input): (NodeId, NodeId),
) -> bool {
    let keys = unique[input.0 as usize].as_deref().unwrap_or_default();
    let takes_all = |operator: &Operator| match operator {
        Operator::Write { sink, .. } => !matches!(sink.target, Target::Print { limit: Some(_) }),
        operator => settles(operator),
    };
    let read_by = |consumer: &NodeId, column: &ColumnId| {
        let passed = plan.node(*consumer).columns.iter().any(|c| c.id == *column);
        passed || reads(plan, *consumer).contains(column)
    };
    after.iter().all(|c| takes_all(&plan.node(*c).operator))
        && reads(plan, id)
            .iter()
            .all(|column| keys.contains(column) || after.iter().all(|c| read_by(c, column)))
}

/// The columns that an exchange or sink reads of every row, besides those that it passes on.
fn reads(plan: &LogicalPlan, id: NodeId) -> Vec<ColumnId> {
    match &plan.node(id).operator {
        Operator::Sort { keys, .. } => keys.iter().map(|k| k.column).collect(),
        Operator::Window { window, .. } => window.reads(),
        Operator::TakePer { per, .. } => per.clone(),
        Operator::Distinct { on, sort, .. } => {
            on.iter().copied().chain(sort.iter().map(|k| k.column)).collect()
        }
        Operator::ReduceByKey { keys, aggregates, .. } => {
            keys.iter().copied().chain(aggregates.iter().flat_map(|a| a.reads())).collect()
        }
        Operator::Write { sink, .. } => sink.columns.iter().map(|c| c.id).collect(),
        _ => Vec::new(),
    }
}

/// Whether every erroneous row that enters the operator is found there.
fn settles(operator: &Operator) -> bool {
    matches!(
        operator,
        Operator::ReduceByKey { .. }
            | Operator::Distinct { .. }
            | Operator::Window { .. }
            | Operator::TakePer { .. }
            | Operator::Sort { .. }
    )
}
