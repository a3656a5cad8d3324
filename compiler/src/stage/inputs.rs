//! The inputs of stages: sources, datasets, and the row-wise chains below a `union`.
//!
//! A chain belongs to one union input alone. Its operations see the ids of the union's input; `map`
//! leads from the ids that the union's users see to the ids that the chain delivers.

use super::draft::Cutter;
use super::loops::Loops;
use super::{is_exchange, row_wise};
use crate::optimize::consumers::Consumers;
use flow_ir::logical::{Node, Operator};
use flow_ir::physical::{DatasetId, InputFrom, OperationKind, TypedColumn};
use flow_ir::{ColumnId, Expr, ExprKind, LogicalPlan, NodeId, Span};
use std::collections::BTreeMap;

/// An input of a stage under construction.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    pub(super) from: InputFrom,
    pub(super) operations: Vec<ChainOperation>,
    /// Outer id → the chain's own id.
    pub(super) map: BTreeMap<ColumnId, ColumnId>,
}

#[derive(Clone, Debug)]
pub(super) struct ChainOperation {
    pub(super) kind: OperationKind,
    pub(super) span: Span,
    /// What it can deliver, in order.
    pub(super) columns: Vec<ColumnId>,
}

impl Chain {
    fn new(from: InputFrom, node: &Node) -> Self {
        let map = node.columns.iter().map(|c| (c.id, c.id)).collect();
        Chain { from, operations: Vec::new(), map }
    }

    /// A dataset as it is.
    pub(super) fn dataset(id: DatasetId, node: &Node) -> Self {
        let mut columns: Vec<TypedColumn> = Vec::new();
        for c in &node.columns {
            if !columns.iter().any(|known| known.id == c.id) {
                columns.push(TypedColumn { id: c.id, ty: c.ty.clone() });
            }
        }
        Chain::new(InputFrom::Dataset { id, columns }, node)
    }

    /// The datasets it reads.
    pub(super) fn datasets(&self, out: &mut Vec<DatasetId>) {
        if let InputFrom::Dataset { id, .. } | InputFrom::Answers { id, .. } = &self.from {
            out.push(*id);
        }
        for operation in &self.operations {
            if let OperationKind::Join { build, .. } = &operation.kind {
                out.push(*build);
            }
        }
    }

    /// The chain's id of an outer column.
    fn own(&self, id: ColumnId) -> ColumnId {
        self.map.get(&id).copied().unwrap_or(id)
    }

    /// Appends a row-wise node.
    fn append(&mut self, node: &Node, kind: Option<OperationKind>) {
        let kind = kind.map(|mut kind| {
            match &mut kind {
                OperationKind::Filter { predicate } | OperationKind::Check { predicate, .. } => {
                    rename(predicate, &self.map);
                }
                OperationKind::Map { computed } => {
                    computed.iter_mut().for_each(|c| rename(&mut c.expr, &self.map));
                }
                OperationKind::FlatMap { computed, each } => {
                    computed.iter_mut().for_each(|c| rename(&mut c.expr, &self.map));
                    rename(&mut each.expr, &self.map);
                }
                OperationKind::Repartition { layout } => {
                    layout.keys.iter_mut().for_each(|key| *key = self.own(*key));
                }
                OperationKind::Join { on, .. } => on.iter_mut().for_each(|(left, _)| *left = self.own(*left)),
            }
            kind
        });
        // Columns the node makes keep their ids; the others are the chain's.
        let map: BTreeMap<_, _> = node.columns.iter().map(|c| (c.id, self.own(c.id))).collect();
        if let Some(kind) = kind {
            let mut columns: Vec<ColumnId> = Vec::new();
            for id in node.columns.iter().filter_map(|c| map.get(&c.id)) {
                if !columns.contains(id) {
                    columns.push(*id);
                }
            }
            self.operations.push(ChainOperation { kind, span: node.span, columns });
        }
        self.map = map;
    }
}

/// Replaces the columns an expression reads.
fn rename(e: &mut Expr, map: &BTreeMap<ColumnId, ColumnId>) {
    if let ExprKind::Column(id) = &mut e.kind
        && let Some(own) = map.get(id)
    {
        *id = *own;
    }
    e.for_each_child_mut(|c| rename(c, map));
}

impl Cutter<'_> {
    /// The inputs of a stage over `id`: a source, or all inputs of a union.
    pub(super) fn chains(&mut self, id: NodeId) -> Vec<Chain> {
        let plan = self.plan;
        let node = plan.node(id);
        match &node.operator {
            Operator::Read(source) => vec![Chain::new(InputFrom::Read(source.clone()), node)],
            Operator::Through { answers, .. } => match self.datasets[id.0 as usize] {
                Some(id) => vec![Chain::new(InputFrom::Answers { id, source: answers.clone() }, node)],
                None => Vec::new(),
            },
            Operator::Rows(rows) => {
                let columns =
                    node.columns.iter().map(|c| TypedColumn { id: c.id, ty: c.ty.clone() }).collect();
                let from = InputFrom::Rows { columns, rows: rows.clone(), span: node.span };
                vec![Chain::new(from, node)]
            }
            Operator::Union { inputs, columns } => {
                let mut all = Vec::new();
                for (input, ids) in inputs.iter().zip(columns) {
                    for mut chain in self.input_chains(*input, ids) {
                        let outer = node.columns.iter().zip(ids);
                        chain.map = outer.map(|(c, id)| (c.id, chain.own(*id))).collect();
                        all.push(chain);
                    }
                }
                all
            }
            _ => Vec::new(),
        }
    }

    /// The chains of something below a union.
    fn input_chains(&mut self, id: NodeId, columns: &[ColumnId]) -> Vec<Chain> {
        if self.absorbed[id.0 as usize] {
            return std::mem::take(&mut self.chains[id.0 as usize]);
        }
        let dataset = self.dataset_of(id, columns);
        vec![Chain::dataset(dataset, self.plan.node(id))]
    }

    /// Makes a node part of the chains of the union above it.
    pub(super) fn absorb(&mut self, id: NodeId) {
        let plan = self.plan;
        let node = plan.node(id);
        let chains = match &node.operator {
            Operator::Read(_) | Operator::Rows(_) | Operator::Union { .. } => self.chains(id),
            Operator::Join { left, .. } => {
                let kind = self.join(id);
                self.extended(*left, node, kind.as_ref())
            }
            operator => match operator.inputs().first() {
                Some(input) => self.extended(*input, node, row_wise(operator).as_ref()),
                None => Vec::new(),
            },
        };
        self.chains[id.0 as usize] = chains;
    }

    fn extended(&mut self, input: NodeId, node: &Node, kind: Option<&OperationKind>) -> Vec<Chain> {
        // What is not absorbed here is an exchange, whose dataset does not depend on its readers.
        let mut chains = self.input_chains(input, &[]);
        chains.iter_mut().for_each(|chain| chain.append(node, kind.cloned()));
        chains
    }
}

/// Row-wise operators: what streams by without leaving the stage. A join that keeps right rows delivers
/// some of them behind all others of its stage, and what `expect` checks is a branch of its own, so
/// both stand in the tree.
fn streams(operator: &Operator) -> bool {
    match operator {
        Operator::Join { kind, .. } => !kind.keeps_right(),
        Operator::Write { .. } | Operator::Expect { .. } | Operator::Through { .. } => false,
        _ => !is_exchange(operator),
    }
}

/// The input whose rows stream through `operator`; the right side of a join does not.
fn streaming_input(operator: &Operator) -> Option<NodeId> {
    match operator {
        Operator::Filter { input, .. }
        | Operator::Map { input, .. }
        | Operator::FlatMap { input, .. }
        | Operator::Check { input, .. }
        | Operator::Repartition { input, .. } => Some(*input),
        Operator::Join { left, .. } => Some(*left),
        _ => None,
    }
}

/// The nodes that become part of a union's input: nobody else reads them or anything they stream from.
pub(super) fn absorbed_nodes(plan: &LogicalPlan, consumers: &Consumers, loops: &Loops) -> Vec<bool> {
    let n = plan.nodes.len();
    let mut below_union = vec![false; n];
    for i in (0..n).rev() {
        let id = NodeId(i as u32);
        let Some(consumer) = consumers.only(id) else { continue };
        let operator = &plan.node(consumer).operator;
        // What is the same in every round of a loop is not read again in each.
        below_union[i] = streams(&plan.nodes[i].operator)
            && loops.of(id) == loops.of(consumer)
            && (matches!(operator, Operator::Union { .. })
                || below_union[consumer.0 as usize] && streaming_input(operator) == Some(id));
    }
    let mut absorbed = vec![false; n];
    for i in 0..n {
        absorbed[i] = below_union[i]
            && streaming_input(&plan.nodes[i].operator)
                .is_none_or(|input| is_exchange(&plan.node(input).operator) || absorbed[input.0 as usize]);
    }
    absorbed
}

/// What a `take` or `skip` does together with those right below it.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowRange {
    /// The rows it counts.
    pub(super) input: NodeId,
    pub(super) skip: u64,
    pub(super) count: Option<u64>,
    /// Whether a sort below already delivers just these rows.
    pub(super) by_sort: bool,
}

/// The `take`s and `skip`s of a plan.
pub(super) struct RowRanges {
    of: Vec<Option<RowRange>>,
    /// Ranges that are part of the one above them.
    merged: Vec<bool>,
    sort_limits: BTreeMap<NodeId, u64>,
}

impl RowRanges {
    /// Merges `take` and `skip` chains and finds sorts of which only the first rows are read.
    pub(super) fn of_plan(plan: &LogicalPlan, consumers: &Consumers) -> Self {
        let n = plan.nodes.len();
        let mut ranges =
            RowRanges { of: vec![None; n], merged: vec![false; n], sort_limits: BTreeMap::new() };
        for (i, node) in plan.nodes.iter().enumerate() {
            let (input, skip, count) = match &node.operator {
                Operator::Take { input, count } => (*input, 0, Some(*count)),
                Operator::Skip { input, count } => (*input, *count, None),
                _ => continue,
            };
            let below = ranges.of[input.0 as usize].filter(|_| consumers.only(input).is_some());
            ranges.of[i] = Some(match below {
                None => RowRange { input, skip, count, by_sort: false },
                Some(below) => {
                    ranges.merged[input.0 as usize] = true;
                    // Skipping more than a `take` below delivers must not move its cut: rows and
                    // errors behind that do not exist.
                    let skip = below.count.map_or(skip, |c| c.min(skip));
                    let left = below.count.map(|c| c - skip);
                    let count = match (left, count) {
                        (Some(a), Some(b)) => Some(a.min(b)),
                        (a, b) => a.or(b),
                    };
                    RowRange {
                        input: below.input,
                        skip: below.skip.saturating_add(skip),
                        count,
                        by_sort: false,
                    }
                }
            });
        }
        for i in 0..n {
            if ranges.merged[i] {
                ranges.of[i] = None;
            }
            let Some(range) = ranges.of[i] else { continue };
            let sorted = matches!(plan.node(range.input).operator, Operator::Sort { .. });
            if let (true, Some(_), Some(count)) = (sorted, consumers.only(range.input), range.count) {
                ranges.sort_limits.insert(range.input, range.skip.saturating_add(count));
                ranges.of[i] = Some(RowRange { by_sort: range.skip == 0, ..range });
            }
        }
        ranges
    }

    /// What the leaf of node `id` does; `None` if it is part of another one.
    pub(super) fn of(&self, id: NodeId) -> Option<RowRange> {
        self.of[id.0 as usize]
    }

    /// How many rows of a sort are read, if not all.
    pub(super) fn sort_limit(&self, id: NodeId) -> Option<u64> {
        self.sort_limits.get(&id).copied()
    }
}
