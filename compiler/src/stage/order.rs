//! Whose row order can be seen: `reduce_by_key` need not sort groups that nobody sees in order.
//!
//! A sort is stable, so it shows the order of its input among equal keys. Where all keys of the
//! groups still stand at the sort, appending them makes every row different, and the order before
//! is hidden: `reduce_by_key k {n} | sort n` = `reduce_by_key k {n} (any order) | sort n, k`.
//! An expression that can fail shows the order too: the first failing row is the one reported.

use crate::optimize::consumers::Consumers;
use crate::optimize::fallible::Fallible;
use flow_ir::aggregate::{Aggregate, AggregateKind};
use flow_ir::logical::{Node, Operator, SortKey};
use flow_ir::window::Frame;
use flow_ir::{ColumnId, DataType, LogicalPlan, NodeId, Type};
use std::collections::BTreeMap;

/// What the stage cut needs to know about order.
pub(crate) struct RowOrder {
    /// For each node: whether somebody can tell in which order its rows come.
    pub(crate) seen: Vec<bool>,
    /// For sorts: keys to append so that the order before them is hidden.
    pub(crate) appended: BTreeMap<NodeId, Vec<SortKey>>,
}

/// Analyses `plan`.
pub(crate) fn row_order(plan: &LogicalPlan, consumers: &Consumers) -> RowOrder {
    let fallible = Fallible::of(plan);
    let groups = group_sources(plan);
    let mut order = RowOrder { seen: vec![false; plan.nodes.len()], appended: BTreeMap::new() };
    // Users stand behind their inputs, so their answers are there first.
    for i in (0..plan.nodes.len()).rev() {
        let id = NodeId(i as u32);
        let mut seen = false;
        for consumer in consumers.consumers(id) {
            seen |= order.sees(plan, *consumer, id, &fallible, groups[i]);
        }
        order.seen[i] = seen;
    }
    order
}

/// For each node: the `reduce_by_key` whose groups its rows are, one row a group at most.
fn group_sources(plan: &LogicalPlan) -> Vec<Option<NodeId>> {
    let mut sources: Vec<Option<NodeId>> = Vec::with_capacity(plan.nodes.len());
    for (i, node) in plan.nodes.iter().enumerate() {
        sources.push(match &node.operator {
            Operator::ReduceByKey { .. } => Some(NodeId(i as u32)),
            Operator::Filter { input, .. } | Operator::Map { input, .. } | Operator::Window { input, .. } => {
                sources[input.0 as usize]
            }
            _ => None,
        });
    }
    sources
}

impl RowOrder {
    /// Whether `consumer` can tell in which order the rows of `id` come.
    fn sees(
        &mut self,
        plan: &LogicalPlan,
        consumer: NodeId,
        id: NodeId,
        fallible: &Fallible,
        groups: Option<NodeId>,
    ) -> bool {
        let later = self.seen[consumer.0 as usize];
        match &plan.node(consumer).operator {
            Operator::Filter { predicate, .. } => later || fallible.can_fail(predicate, id),
            Operator::Map { computed, .. } => {
                later || computed.iter().any(|c| fallible.can_fail(&c.expr, id))
            }
            Operator::Union { .. } | Operator::Join { .. } | Operator::Repartition { .. } => later,
            // Of equal rows the first stay, so the order of the left side shows in what they are.
            Operator::SetOperation { left, .. } => *left == id,
            Operator::ReduceByKey { keys, aggregates, .. } => {
                aggregates.iter().any(|a| depends_on_order(a, plan.node(id)))
                    || keys.iter().any(|k| column_type(plan.node(id), *k).is_none_or(holds_float))
            }
            Operator::Window { window, .. } => {
                let whole_keys = window.frame == Frame::Key && window.functions.is_empty();
                let by_order = |a: &Aggregate| depends_on_order(a, plan.node(id));
                later || !whole_keys || window.aggregates.iter().any(by_order)
            }
            Operator::Sort { keys, .. } if later => {
                match groups.and_then(|g| hiding_keys(plan, g, id, keys)) {
                    Some(more) => {
                        self.appended.insert(consumer, more);
                        false
                    }
                    None => true,
                }
            }
            Operator::Sort { .. } => false,
            Operator::FlatMap { .. }
            | Operator::Iterate { .. }
            | Operator::Check { .. }
            | Operator::Expect { .. }
            | Operator::Sample { .. }
            | Operator::Distinct { .. }
            | Operator::TakePer { .. }
            | Operator::Take { .. }
            | Operator::Skip { .. }
            // Stored rows are read by runs that see more.
            | Operator::Persist { .. }
            | Operator::Through { .. }
            | Operator::Write { .. } => true,
            Operator::Read(_) | Operator::Rows(_) | Operator::LoopRows => false,
        }
    }
}

/// The group keys that a sort of `input` lacks, if `input` still has them all.
fn hiding_keys(plan: &LogicalPlan, groups: NodeId, input: NodeId, keys: &[SortKey]) -> Option<Vec<SortKey>> {
    let Operator::ReduceByKey { keys: group_keys, .. } = &plan.node(groups).operator else { return None };
    let has = |id: &ColumnId| groups == input || plan.node(input).columns.iter().any(|c| c.id == *id);
    if !group_keys.iter().all(has) {
        return None;
    }
    let missing = group_keys.iter().filter(|k| !keys.iter().any(|s| s.column == **k));
    Some(missing.map(|k| SortKey { column: *k, descending: false, nulls_first: false }).collect())
}

fn column_type(node: &Node, id: ColumnId) -> Option<&DataType> {
    node.columns.iter().find(|c| c.id == id).map(|c| &c.ty)
}

/// Whether the result can differ when the rows come in another order. Of equal floats with
/// different bits (-0.0 and 0.0), the first may be the one that stays.
fn depends_on_order(aggregate: &Aggregate, input: &Node) -> bool {
    match aggregate.kind {
        AggregateKind::First
        | AggregateKind::Last
        // Of rows with equal keys, the first one counts.
        | AggregateKind::MinBy
        | AggregateKind::MaxBy
        | AggregateKind::Collect
        | AggregateKind::JoinText
        | AggregateKind::Reduce
        | AggregateKind::Fold => true,
        AggregateKind::Min | AggregateKind::Max | AggregateKind::CollectSet => {
            aggregate.argument.and_then(|id| column_type(input, id)).is_none_or(holds_float)
        }
        AggregateKind::Count
        | AggregateKind::CountIf
        | AggregateKind::CountDistinct
        | AggregateKind::Sum
        | AggregateKind::Mean
        | AggregateKind::Variance
        | AggregateKind::Stddev
        | AggregateKind::Median
        | AggregateKind::Quantile
        | AggregateKind::Any
        | AggregateKind::All => false,
    }
}

/// Whether values of this type can be equal without being the same bits.
pub(crate) fn holds_float(ty: &DataType) -> bool {
    match &ty.kind {
        Type::Float => true,
        Type::List(element) => holds_float(element),
        Type::Record(fields) => fields.iter().any(|f| holds_float(&f.ty)),
        _ => false,
    }
}
