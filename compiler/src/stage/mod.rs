//! Cuts the optimized logical plan into stages: the last step of the compiler, total by design.
//!
//! * One stage for each source (or dataset) that is read; everything row-wise above it hangs in the
//!   stage's tree of branches, so that one scan feeds several answers.
//! * Exchanges (`reduce_by_key`, `distinct`, `window`, `sort`, `take`, `skip`) are leaves and deliver datasets.
//! * A `persist` on disk is a leaf, too; what reads its rows reads what it stored.
//! * The processes of a `through` are a leaf as well; what they answer is read as a source of the next stage.
//! * The right side of a `join` is collected first; the left side streams through.
//! * What depends on the rows of an `iterate` makes the stages of a round; they read everything else from
//!   datasets that are complete before the first round.
//! * A `union` is a stage with several inputs. An input that something else reads too is collected.
//!
//! Invariants: stages only read datasets of stages before them; a row passes the operations of the
//! program in program order; no source is read twice, but by a `take` that shares it (see `separate`).

mod draft;
mod inputs;
mod live;
mod loops;
mod order;
mod running_order;
mod separate;
#[cfg(test)]
mod tests;

pub(crate) use order::{holds_float, row_order};

use crate::optimize::consumers::Consumers;
use draft::{Cutter, Place};
use flow_ir::logical::Operator;
use flow_ir::physical::{GroupOrder, LeafKind, OperationKind, PhysicalPlan};
use flow_ir::{ColumnId, LogicalPlan, NodeId};
use loops::LoopEnds;

/// Cuts `plan` into stages.
pub fn cut_stages(plan: &LogicalPlan) -> PhysicalPlan {
    let consumers = Consumers::of(plan);
    let mut cutter = Cutter::new(plan, &consumers);
    for i in 0..plan.nodes.len() {
        let id = NodeId(i as u32);
        if consumers.is_reachable(id) {
            cutter.node(id);
        }
    }
    let mut physical = live::finish(cutter);
    separate::separate_takes(&mut physical);
    physical
}

impl Cutter<'_> {
    /// Places one node; its inputs have been placed.
    fn node(&mut self, id: NodeId) {
        let plan = self.plan;
        self.current_loop = self.loops.of(id);
        if self.absorbed[id.0 as usize] {
            self.absorb(id);
            return;
        }
        match &plan.node(id).operator {
            Operator::Read(_) | Operator::Rows(_) | Operator::Union { .. } => {
                let chains = self.chains(id);
                self.start_stage(id, chains);
            }
            Operator::Filter { input, .. }
            | Operator::Map { input, .. }
            | Operator::FlatMap { input, .. }
            | Operator::Check { input, .. }
            | Operator::Repartition { input, .. } => {
                let kind = row_wise(&plan.node(id).operator);
                let at = self.place_of(*input);
                self.add_operation(id, at, kind);
            }
            Operator::Join { left, on, left_columns, .. } => self.join_rows(id, *left, on, left_columns),
            Operator::SetOperation { .. } => self.set_operation(id),
            Operator::Expect { input, on, contract } => {
                self.expect(id, *input, LeafKind::Expect { on: on.clone(), contract: contract.clone() });
            }
            Operator::ReduceByKey { input, keys, aggregates } => {
                let unseen = !keys.is_empty() && !self.order.seen[id.0 as usize];
                let order = if unseen { GroupOrder::Unseen } else { GroupOrder::Key };
                let kind =
                    LeafKind::ReduceByKey { keys: keys.clone(), aggregates: aggregates.clone(), order };
                self.add_leaf(id, *input, kind);
            }
            Operator::Distinct { input, on, sort } => {
                self.add_leaf(id, *input, LeafKind::Distinct { on: on.clone(), sort: sort.clone() });
            }
            Operator::Window { input, window } => {
                self.add_leaf(id, *input, LeafKind::Window(window.clone()));
            }
            Operator::TakePer { input, count, per } => {
                self.add_leaf(id, *input, LeafKind::TakePer { count: *count, per: per.clone() });
            }
            Operator::Sort { input, keys } => {
                let mut keys = keys.clone();
                keys.extend(self.order.appended.get(&id).into_iter().flatten());
                let limit = self.ranges.sort_limit(id);
                self.add_leaf(id, *input, LeafKind::Sort { keys, limit });
            }
            Operator::Take { .. } | Operator::Skip { .. } => self.row_range(id),
            Operator::Sample { input, sample } => {
                self.add_leaf(id, *input, LeafKind::Sample(*sample));
            }
            Operator::Persist { input, persist } => {
                self.add_leaf(id, *input, LeafKind::Persist(persist.clone()));
            }
            Operator::Through { input, sink, .. } => {
                self.add_leaf(id, *input, LeafKind::Write(sink.clone()));
                // The rows are those that the answers are read as.
                let chains = self.chains(id);
                self.datasets[id.0 as usize] = None;
                self.start_stage(id, chains);
            }
            Operator::Write { input, sink } => {
                self.add_leaf(id, *input, LeafKind::Write(sink.clone()));
            }
            Operator::LoopRows => self.loop_head(id),
            Operator::Iterate { state, start, body, until, start_columns, body_columns, .. } => {
                let start = self.dataset_of(*start, start_columns);
                let body = self.dataset_of(*body, body_columns);
                let until = until.map(|(node, column)| (self.dataset_of(node, &[column]), column));
                self.loop_tail(id, *state, LoopEnds { start, body, until });
            }
        }
    }

    /// Joins rows with a dataset that is complete before their stage.
    fn join_rows(
        &mut self,
        id: NodeId,
        left: NodeId,
        on: &[(ColumnId, ColumnId)],
        left_columns: &[(ColumnId, ColumnId)],
    ) {
        let Some(kind) = self.join(id) else { return };
        let OperationKind::Join { build, .. } = kind else { return };
        let passed = self.plan.node(id).columns.iter().map(|c| c.id);
        let own = left_columns.iter().map(|(_, own)| *own);
        let needed: Vec<ColumnId> = on.iter().map(|(key, _)| *key).chain(own).chain(passed).collect();
        let at = self.place_for_join(left, &needed, build);
        self.depend(at.stage, build);
        self.add_operation(id, at, Some(kind));
    }

    /// Looks rows up in a dataset that is complete before their stage.
    fn set_operation(&mut self, id: NodeId) {
        let Operator::SetOperation { operation, all, left, right, on } = &self.plan.node(id).operator else {
            return;
        };
        let (lefts, rights): (Vec<_>, Vec<_>) = on.iter().copied().unzip();
        let other = self.dataset_of(*right, &rights);
        let at = self.place_for_join(*left, &lefts, other);
        self.depend(at.stage, other);
        let (operation, all, on) = (*operation, *all, on.clone());
        let other_columns = Vec::new();
        self.add_leaf_at(id, at, LeafKind::SetOperation { operation, all, other, other_columns, on });
    }

    /// A promise about rows: they are those before it, wherever they are.
    fn expect(&mut self, id: NodeId, input: NodeId, leaf: LeafKind) {
        let at = self.add_leaf(id, input, leaf);
        match self.datasets[input.0 as usize] {
            Some(dataset) => self.datasets[id.0 as usize] = Some(dataset),
            None => self.add_operation(id, at, None),
        }
    }

    /// The operation of a join; its right side is collected for it.
    fn join(&mut self, id: NodeId) -> Option<OperationKind> {
        let plan = self.plan;
        let Operator::Join { kind, right, on, left_columns, right_columns, using, .. } =
            &plan.node(id).operator
        else {
            return None;
        };
        let columns: Vec<ColumnId> = on.iter().chain(right_columns).map(|(_, own)| *own).collect();
        let build = self.dataset_of(*right, &columns);
        Some(OperationKind::Join {
            kind: *kind,
            build,
            build_columns: Vec::new(),
            on: on.clone(),
            left_columns: left_columns.clone(),
            right_columns: right_columns.clone(),
            using: *using,
        })
    }

    /// A `take` or `skip`: with its neighbours one leaf, or none right behind a sort.
    fn row_range(&mut self, id: NodeId) {
        let Some(range) = self.ranges.of(id) else { return };
        if range.by_sort {
            let dataset = self.dataset_of(range.input, &[]);
            self.datasets[id.0 as usize] = Some(dataset);
        } else {
            self.add_leaf(id, range.input, LeafKind::Take { skip: range.skip, count: range.count });
        }
    }
}

/// The operation of a row-wise node; `None` for a `map` that computes nothing.
fn row_wise(operator: &Operator) -> Option<OperationKind> {
    match operator {
        Operator::Filter { predicate, .. } => Some(OperationKind::Filter { predicate: predicate.clone() }),
        Operator::Map { computed, .. } if computed.is_empty() => None,
        Operator::Map { computed, .. } => Some(OperationKind::Map { computed: computed.clone() }),
        Operator::FlatMap { computed, each, .. } => {
            Some(OperationKind::FlatMap { computed: computed.clone(), each: each.clone() })
        }
        Operator::Check { predicate, message, .. } => {
            Some(OperationKind::Check { predicate: predicate.clone(), message: message.clone() })
        }
        Operator::Repartition { layout, .. } => Some(OperationKind::Repartition { layout: layout.clone() }),
        _ => None,
    }
}

/// Whether the operator's rows leave their stage.
fn is_exchange(operator: &Operator) -> bool {
    matches!(
        operator,
        Operator::ReduceByKey { .. }
            | Operator::Distinct { .. }
            | Operator::Window { .. }
            | Operator::TakePer { .. }
            | Operator::SetOperation { .. }
            | Operator::Sample { .. }
            | Operator::Sort { .. }
            | Operator::Take { .. }
            | Operator::Skip { .. }
            | Operator::Persist { .. }
            | Operator::LoopRows
            | Operator::Iterate { .. }
    )
}

/// Where a stage's tree may be cut, so that deeply shared plans do not nest without limit.
const SPLIT_DEPTH_MAX: u32 = 64;

impl Place {
    /// Whether a further split may hang here.
    fn may_split(self) -> bool {
        self.splits < SPLIT_DEPTH_MAX
    }
}
