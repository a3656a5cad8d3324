//! Finishes the cut: orders the stages, finds the columns each operation must pass on, and writes
//! the physical plan.
//!
//! Going from the last stage to the first, readers say which columns of a dataset they need before
//! its stage is finished. Exchange leaves deliver every column of their node all the same, because
//! which rows are errors at an exchange must not depend on what happens behind it.

use super::draft::{Cutter, Draft, DraftKind, TreeKind};
use super::inputs::Chain;
use super::running_order::running_order;
use flow_ir::logical::{Computed, Operator};
use flow_ir::physical::{
    Branch, BranchEnd, DatasetId, Input, InputFrom, Leaf, LeafKind, Operation, OperationKind, PLAN_VERSION,
    PhysicalPlan, Stage, StageId, TypedColumn,
};
use flow_ir::{ColumnId, DataType, Expr, LogicalPlan, NodeId};
use std::collections::{BTreeMap, BTreeSet};

type Ids = BTreeSet<ColumnId>;

/// Turns the drafts into the plan.
pub(super) fn finish(cutter: Cutter<'_>) -> PhysicalPlan {
    let order = running_order(&cutter.stages);
    let mut finisher =
        Finisher { plan: cutter.plan, types: column_types(cutter.plan), needed: BTreeMap::new() };
    let mut stages: Vec<Stage> = Vec::with_capacity(order.len());
    let mut loops = Vec::new();
    let mut position = order.iter().filter(|i| cutter.stages[**i].kind == DraftKind::Stage).count() as u32;
    let mut end = position;
    for draft in order.iter().rev().map(|i| &cutter.stages[*i]) {
        match draft.kind {
            DraftKind::Stage => {
                position -= 1;
                stages.push(finisher.stage(StageId(position), draft));
            }
            DraftKind::Tail(number) => {
                end = position;
                for (dataset, columns) in cutter.needs_of_loop(number) {
                    finisher.needed.entry(dataset).or_default().extend(columns);
                }
            }
            DraftKind::Head(number) => loops.extend(cutter.finished_loop(number, position, end)),
        }
    }
    stages.reverse();
    loops.reverse();
    PhysicalPlan { version: PLAN_VERSION, stages, loops, unused: cutter.plan.unused.clone() }
}

/// The type of every column of the plan, as its definition has it.
fn column_types(plan: &LogicalPlan) -> BTreeMap<ColumnId, DataType> {
    let mut types = BTreeMap::new();
    let mut note = |id: ColumnId, ty: &DataType| {
        types.entry(id).or_insert_with(|| ty.clone());
    };
    for node in &plan.nodes {
        if let Operator::Read(source) | Operator::Through { answers: source, .. } = &node.operator {
            source.delivered().for_each(|c| note(c.id, &c.ty));
        }
        node.columns.iter().for_each(|c| note(c.id, &c.ty));
        // Columns that nothing passes on are still typed.
        match &node.operator {
            Operator::Map { computed, .. } => computed.iter().for_each(|c| note(c.id, &c.expr.ty)),
            Operator::ReduceByKey { aggregates, .. } => aggregates.iter().for_each(|a| note(a.output, &a.ty)),
            Operator::Window { window, .. } => window.typed_outputs().for_each(|(id, ty)| note(id, ty)),
            _ => {}
        }
    }
    types
}

struct Finisher<'a> {
    plan: &'a LogicalPlan,
    types: BTreeMap<ColumnId, DataType>,
    /// The columns of each dataset that somebody reads.
    needed: BTreeMap<DatasetId, Ids>,
}

/// What flows out of and into each node of a stage's tree.
struct Flows {
    out: Vec<Ids>,
}

impl Finisher<'_> {
    fn stage(&mut self, id: StageId, draft: &Draft) -> Stage {
        let flows = self.flows(draft);
        let root = &draft.tree[0];
        let order: Vec<ColumnId> = self.plan.node(root.node).columns.iter().map(|c| c.id).collect();
        let mut wanted = ordered(&order, &flows.out[0]);
        // Keys that hide the order of groups may be missing in the columns of the groups.
        flows.out[0].iter().for_each(|id| push_new(&mut wanted, *id));
        let branch = self.branch(draft, &flows, 0);
        let is_union = matches!(self.plan.node(root.node).operator, Operator::Union { .. });
        let inputs = draft.inputs.iter().map(|chain| self.input(chain, &wanted, is_union)).collect();
        Stage { id, inputs, branch }
    }

    /// Goes from the leaves to the root; children stand behind their parents.
    fn flows(&mut self, draft: &Draft) -> Flows {
        let mut flows = Flows { out: vec![Ids::new(); draft.tree.len()] };
        let mut into: Vec<Ids> = vec![Ids::new(); draft.tree.len()];
        for (i, node) in draft.tree.iter().enumerate().rev() {
            let mut out = Ids::new();
            for child in &node.children {
                out.append(&mut into[*child].clone());
            }
            into[i] = match &node.kind {
                TreeKind::Root => Ids::new(),
                TreeKind::Operation(kind) => self.before(kind, &out),
                TreeKind::Leaf(kind, dataset) => self.leaf_reads(node.node, kind, *dataset),
            };
            flows.out[i] = out;
        }
        flows
    }

    /// What an operation needs of its input to deliver `out`. Joins note what they look up.
    fn before(&mut self, kind: &OperationKind, out: &Ids) -> Ids {
        let mut ids = out.clone();
        let mut reads: Vec<ColumnId> = Vec::new();
        match kind {
            OperationKind::Filter { predicate } | OperationKind::Check { predicate, .. } => {
                predicate.columns(&mut reads);
            }
            OperationKind::Repartition { layout } => reads.extend(&layout.keys),
            OperationKind::Map { computed } => make(computed, out, &mut ids, &mut reads),
            OperationKind::FlatMap { computed, each } => {
                make(computed, out, &mut ids, &mut reads);
                ids.remove(&each.id);
                each.expr.columns(&mut reads);
            }
            OperationKind::Join { build, on, left_columns, right_columns, .. } => {
                let own = build_columns(on, right_columns);
                self.needed.entry(*build).or_default().extend(own);
                left_columns.iter().chain(right_columns).for_each(|(new, _)| {
                    ids.remove(new);
                });
                reads.extend(left_columns.iter().map(|(_, own)| *own));
                reads.extend(on.iter().map(|(left, _)| *left));
            }
        }
        ids.extend(reads);
        ids
    }

    fn leaf_reads(&mut self, node: NodeId, kind: &LeafKind, dataset: Option<DatasetId>) -> Ids {
        match kind {
            LeafKind::ReduceByKey { keys, aggregates, .. } => {
                keys.iter().copied().chain(aggregates.iter().flat_map(|a| a.reads())).collect()
            }
            LeafKind::Write(sink) => sink.columns.iter().map(|c| c.id).collect(),
            LeafKind::Expect { on, .. } => on.iter().copied().collect(),
            LeafKind::SetOperation { other, on, .. } => {
                self.needed.entry(*other).or_default().extend(on.iter().map(|(_, r)| *r));
                let keys = on.iter().map(|(l, _)| *l);
                self.delivered(node, kind, dataset).into_iter().chain(keys).collect()
            }
            LeafKind::Distinct { on, sort } => {
                let keys = on.iter().copied().chain(sort.iter().map(|k| k.column));
                self.delivered(node, kind, dataset).into_iter().chain(keys).collect()
            }
            LeafKind::Window(window) => {
                let made: Ids = window.outputs().collect();
                let passed = self.delivered(node, kind, dataset).into_iter().filter(|id| !made.contains(id));
                passed.chain(window.reads()).collect()
            }
            LeafKind::TakePer { per, .. } => {
                self.delivered(node, kind, dataset).into_iter().chain(per.clone()).collect()
            }
            LeafKind::Sort { keys, .. } => {
                let keys = keys.iter().map(|k| k.column);
                self.delivered(node, kind, dataset).into_iter().chain(keys).collect()
            }
            LeafKind::Collect | LeafKind::Take { .. } | LeafKind::Sample(_) | LeafKind::Persist(_) => {
                self.delivered(node, kind, dataset).into_iter().collect()
            }
        }
    }

    /// The columns a leaf delivers, in order.
    fn delivered(&self, node: NodeId, kind: &LeafKind, dataset: Option<DatasetId>) -> Vec<ColumnId> {
        if let LeafKind::Write(sink) = kind {
            let mut ids = Vec::new();
            sink.columns.iter().for_each(|c| push_new(&mut ids, c.id));
            return ids;
        }
        if let LeafKind::Expect { .. } = kind {
            return Vec::new();
        }
        let needed = dataset.and_then(|d| self.needed.get(&d));
        let mut ids: Vec<ColumnId> = Vec::new();
        for column in &self.plan.node(node).columns {
            // Only collected rows may lack columns of their node; see the head of this file.
            if *kind != LeafKind::Collect || needed.is_some_and(|n| n.contains(&column.id)) {
                push_new(&mut ids, column.id);
            }
        }
        // A sort that hides the order of groups needs their keys, even if nothing else does.
        needed.into_iter().flatten().for_each(|id| push_new(&mut ids, *id));
        ids
    }

    fn typed(&self, ids: &[ColumnId]) -> Vec<TypedColumn> {
        ids.iter().filter_map(|id| Some(TypedColumn { id: *id, ty: self.types.get(id)?.clone() })).collect()
    }

    /// The operations from tree node `at` down, to a split or a leaf. As deep as splits are nested.
    fn branch(&self, draft: &Draft, flows: &Flows, at: usize) -> Branch {
        let mut operations = Vec::new();
        let mut at = at;
        loop {
            let node = &draft.tree[at];
            match &node.kind {
                TreeKind::Root => {}
                TreeKind::Operation(kind) => {
                    let order: Vec<_> = self.plan.node(node.node).columns.iter().map(|c| c.id).collect();
                    let out = ordered(&order, &flows.out[at]);
                    operations.extend(self.operation(kind, node.span, &flows.out[at], &out));
                }
                TreeKind::Leaf(kind, output) => {
                    let columns = self.typed(&self.delivered(node.node, kind, *output));
                    let mut kind = kind.clone();
                    if let LeafKind::SetOperation { other_columns, on, .. } = &mut kind {
                        *other_columns = self.typed(&on.iter().map(|(_, r)| *r).collect::<Vec<_>>());
                    }
                    let leaf = Leaf { kind, output: *output, columns, span: node.span };
                    return Branch { operations, end: BranchEnd::Leaf(leaf) };
                }
            }
            match node.children.as_slice() {
                [one] => at = *one,
                several => {
                    let branches = several.iter().map(|c| self.branch(draft, flows, *c)).collect();
                    return Branch { operations, end: BranchEnd::Split(branches) };
                }
            }
        }
    }

    /// An operation that delivers only what is needed; none if a `map` computes nothing of that.
    fn operation(
        &self,
        kind: &OperationKind,
        span: flow_ir::Span,
        out: &Ids,
        columns: &[ColumnId],
    ) -> Option<Operation> {
        let live = |computed: &[Computed]| {
            computed.iter().filter(|c| out.contains(&c.id)).cloned().collect::<Vec<_>>()
        };
        let kind = match kind {
            OperationKind::Map { computed } => {
                let computed = live(computed);
                if computed.is_empty() {
                    return None;
                }
                OperationKind::Map { computed }
            }
            OperationKind::FlatMap { computed, each } => {
                OperationKind::FlatMap { computed: live(computed), each: each.clone() }
            }
            OperationKind::Join { kind, build, on, left_columns, right_columns, using, .. } => {
                OperationKind::Join {
                    kind: *kind,
                    build: *build,
                    build_columns: self.typed(&build_columns(on, right_columns)),
                    on: on.clone(),
                    left_columns: left_columns.clone(),
                    right_columns: right_columns
                        .iter()
                        .filter(|(new, _)| out.contains(new))
                        .copied()
                        .collect(),
                    using: *using,
                }
            }
            other => other.clone(),
        };
        Some(Operation { kind, columns: self.typed(columns), span })
    }

    /// An input that delivers the columns `wanted` by the branch.
    fn input(&mut self, chain: &Chain, wanted: &[ColumnId], is_union: bool) -> Input {
        let own = |id: &ColumnId| chain.map.get(id).copied().unwrap_or(*id);
        let rename: Vec<_> = wanted.iter().map(|id| (*id, own(id))).collect();
        let is_identity = rename.iter().all(|(new, old)| new == old);
        let mut out: Ids = rename.iter().map(|(_, old)| *old).collect();
        let mut operations = Vec::new();
        for operation in chain.operations.iter().rev() {
            let columns = ordered(&operation.columns, &out);
            operations.extend(self.operation(&operation.kind, operation.span, &out, &columns));
            out = self.before(&operation.kind, &out);
        }
        operations.reverse();
        let from = match &chain.from {
            InputFrom::Dataset { id, columns } => {
                let columns = columns.iter().map(|c| c.id).collect::<Vec<_>>();
                let mut read = ordered(&columns, &out);
                out.iter().for_each(|id| push_new(&mut read, *id));
                let needed = self.needed.entry(*id).or_default();
                needed.extend(read.iter().copied());
                if is_union && operations.is_empty() {
                    // A union's input is collected with every column the union has.
                    needed.extend(chain.map.values().filter(|id| columns.contains(id)));
                }
                InputFrom::Dataset { id: *id, columns: self.typed(&read) }
            }
            from => from.clone(),
        };
        Input { from, operations, rename: if is_identity { Vec::new() } else { rename } }
    }
}

/// Replaces the needed ones among `computed` by what they read.
fn make(computed: &[Computed], out: &Ids, ids: &mut Ids, reads: &mut Vec<ColumnId>) {
    let expr = |e: &Expr, reads: &mut Vec<ColumnId>| e.columns(reads);
    for c in computed {
        ids.remove(&c.id);
        if out.contains(&c.id) {
            expr(&c.expr, reads);
        }
    }
}

/// The columns of a join's right side that are compared or passed on. Like an exchange leaf, the
/// right side is collected with every column the plan gives it.
fn build_columns(on: &[(ColumnId, ColumnId)], right_columns: &[(ColumnId, ColumnId)]) -> Vec<ColumnId> {
    let mut ids = Vec::new();
    on.iter().for_each(|(_, right)| push_new(&mut ids, *right));
    right_columns.iter().for_each(|(_, own)| push_new(&mut ids, *own));
    ids
}

/// The ids of `set` in the order of `order`, each once.
fn ordered(order: &[ColumnId], set: &Ids) -> Vec<ColumnId> {
    let mut ids = Vec::new();
    order.iter().filter(|id| set.contains(id)).for_each(|id| push_new(&mut ids, *id));
    ids
}

fn push_new(ids: &mut Vec<ColumnId>, id: ColumnId) {
    if !ids.contains(&id) {
        ids.push(id);
    }
}
