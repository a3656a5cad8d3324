//! Which columns tell the rows of a node apart: what makes a `distinct` superfluous, and a count of equal rows useless.

use flow_ir::logical::Operator;
use flow_ir::{ColumnId, JoinKind, LogicalPlan, NodeId};

/// For each node: columns that tell all its rows apart, if known. No columns: one row at most.
pub(super) fn unique_columns(plan: &LogicalPlan) -> Vec<Option<Vec<ColumnId>>> {
    let mut unique: Vec<Option<Vec<ColumnId>>> = Vec::with_capacity(plan.nodes.len());
    let of = |unique: &[Option<Vec<ColumnId>>], input: NodeId| unique[input.0 as usize].clone();
    for node in &plan.nodes {
        unique.push(match &node.operator {
            Operator::ReduceByKey { keys, .. } => Some(keys.clone()),
            Operator::Distinct { input, on, .. } => of(&unique, *input).or_else(|| Some(on.clone())),
            Operator::Filter { input, .. }
            | Operator::Map { input, .. }
            | Operator::Check { input, .. }
            | Operator::Expect { input, .. }
            | Operator::Repartition { input, .. }
            | Operator::Persist { input, .. }
            | Operator::Sort { input, .. }
            | Operator::Window { input, .. }
            | Operator::TakePer { input, .. }
            | Operator::Take { input, .. }
            | Operator::Skip { input, .. } => of(&unique, *input),
            Operator::Join { kind: JoinKind::Semi | JoinKind::Anti, left, .. } => of(&unique, *left),
            Operator::Sample { input, sample } => of(&unique, *input).filter(|_| !sample.with_replacement),
            Operator::SetOperation { all, left, on, .. } => {
                of(&unique, *left).or_else(|| (!all).then(|| on.iter().map(|(l, _)| *l).collect()))
            }
            Operator::Read(_)
            | Operator::Rows(_)
            | Operator::LoopRows
            | Operator::Iterate { .. }
            | Operator::FlatMap { .. }
            | Operator::Union { .. }
            | Operator::Join { .. }
            | Operator::Through { .. }
            | Operator::Write { .. } => None,
        });
    }
    unique
}
