//! Stages under construction: trees of operations and leaves, and who delivers which dataset.

use super::inputs::{Chain, RowRanges, absorbed_nodes};
use super::is_exchange;
use super::loops::Loops;
use super::order::{RowOrder, row_order};
use crate::optimize::consumers::Consumers;
use crate::optimize::fallible::Fallible;
use flow_ir::location::Location;
use flow_ir::logical::Operator;
use flow_ir::physical::{DatasetId, LeafKind, OperationKind};
use flow_ir::{ColumnId, LogicalPlan, NodeId, Span};
use std::collections::{BTreeMap, BTreeSet};

/// A spot in the tree of a stage.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) stage: usize,
    /// The index of the tree node whose rows are meant.
    pub(super) at: usize,
    /// How many splits lie above it.
    pub(super) splits: u32,
}

/// A node of a stage's tree. Parents stand before their children; the first is the root.
#[derive(Clone, Debug)]
pub(super) struct TreeNode {
    pub(super) kind: TreeKind,
    pub(super) node: NodeId,
    pub(super) span: Span,
    pub(super) children: Vec<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum TreeKind {
    /// The rows of the stage's inputs.
    Root,
    Operation(OperationKind),
    Leaf(LeafKind, Option<DatasetId>),
}

/// A stage under construction.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) inputs: Vec<Chain>,
    pub(super) tree: Vec<TreeNode>,
    /// The stages whose datasets it reads.
    pub(super) depends: BTreeSet<usize>,
    /// What it is: a stage, or a mark where a loop begins or ends.
    pub(super) kind: DraftKind,
    /// The loop in whose rounds it runs.
    pub(super) in_loop: Option<usize>,
}

/// What a draft stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DraftKind {
    Stage,
    /// Before the first stage of the loop.
    Head(usize),
    /// Behind its last stage.
    Tail(usize),
}

/// The state of the cut.
pub(super) struct Cutter<'a> {
    pub(super) plan: &'a LogicalPlan,
    pub(super) consumers: &'a Consumers,
    pub(super) order: RowOrder,
    pub(super) ranges: RowRanges,
    /// Nodes whose rows come from a stream that can be read only once: what several read is collected.
    live: Vec<bool>,
    /// Nodes that become part of an input of a union's stage.
    pub(super) absorbed: Vec<bool>,
    pub(super) loops: Loops,
    /// The loop to which the node that is being placed belongs.
    pub(super) current_loop: Option<usize>,
    pub(super) stages: Vec<Draft>,
    /// Where the rows of each node stream by.
    pub(super) places: Vec<Option<Place>>,
    /// The dataset of each exchange.
    pub(super) datasets: Vec<Option<DatasetId>>,
    /// The datasets of streaming nodes, by the columns in them that can be errors: who reads fewer of
    /// those must not lose rows to the errors of the others.
    collected: BTreeMap<(NodeId, Vec<ColumnId>), DatasetId>,
    fallible: Fallible,
    /// The inputs made of absorbed nodes, until the union takes them.
    pub(super) chains: Vec<Vec<Chain>>,
    /// The stage that delivers each dataset.
    producers: Vec<usize>,
    /// The stages that read a dataset as their only input.
    readers: BTreeMap<DatasetId, Vec<usize>>,
}

impl<'a> Cutter<'a> {
    pub(super) fn new(plan: &'a LogicalPlan, consumers: &'a Consumers) -> Self {
        let loops = Loops::of_plan(plan);
        let absorbed = absorbed_nodes(plan, consumers, &loops);
        let n = plan.nodes.len();
        Cutter {
            order: row_order(plan, consumers),
            ranges: RowRanges::of_plan(plan, consumers),
            collected: BTreeMap::new(),
            fallible: Fallible::of(plan),
            absorbed,
            live: live_nodes(plan),
            loops,
            current_loop: None,
            plan,
            consumers,
            stages: Vec::new(),
            places: vec![None; n],
            datasets: vec![None; n],
            chains: vec![Vec::new(); n],
            producers: Vec::new(),
            readers: BTreeMap::new(),
        }
    }

    /// A new stage over `inputs`, whose rows are those of `id`.
    pub(super) fn start_stage(&mut self, id: NodeId, inputs: Vec<Chain>) -> Place {
        let stage = self.stages.len();
        let span = self.plan.node(id).span;
        let root = TreeNode { kind: TreeKind::Root, node: id, span, children: Vec::new() };
        let mut read: Vec<DatasetId> = Vec::new();
        inputs.iter().for_each(|chain| chain.datasets(&mut read));
        let in_loop = self.current_loop;
        let (depends, kind) = (BTreeSet::new(), DraftKind::Stage);
        self.stages.push(Draft { inputs, tree: vec![root], depends, kind, in_loop });
        read.into_iter().for_each(|dataset| self.depend(stage, dataset));
        let place = Place { stage, at: 0, splits: 0 };
        // Rows of an exchange or of a collected node are also found through `readers`.
        self.places[id.0 as usize].get_or_insert(place);
        place
    }

    /// Notes that `stage` reads `dataset`.
    pub(super) fn depend(&mut self, stage: usize, dataset: DatasetId) {
        let producer = self.producers[dataset.0 as usize];
        self.stages[stage].depends.insert(producer);
    }

    /// Whether `stage` must run after `other`, or is it.
    fn needs(&self, stage: usize, other: usize) -> bool {
        let mut open = vec![stage];
        let mut met = BTreeSet::new();
        while let Some(s) = open.pop() {
            if s == other {
                return true;
            }
            if met.insert(s) {
                open.extend(&self.stages[s].depends);
            }
        }
        false
    }

    /// Where to hang what reads the rows of `input`.
    pub(super) fn place_of(&mut self, input: NodeId) -> Place {
        let shared = self.consumers.only(input).is_none();
        let collected = is_exchange(&self.plan.node(input).operator) || shared && self.live[input.0 as usize];
        match self.places[input.0 as usize] {
            // Rows that are the same in every round are not made again in each.
            Some(place) if self.stages[place.stage].in_loop != self.current_loop => {
                let columns: Vec<ColumnId> = self.plan.node(input).columns.iter().map(|c| c.id).collect();
                self.reading_stage(input, &columns, None)
            }
            Some(place) if !collected && (place.may_split() || self.consumers.only(input).is_some()) => place,
            _ => {
                let columns: Vec<ColumnId> = self.plan.node(input).columns.iter().map(|c| c.id).collect();
                self.reading_stage(input, &columns, None)
            }
        }
    }

    /// Where to hang a join that looks up in `build`: not in a stage that `build` waits for. `columns`
    /// are what it needs of its left side.
    pub(super) fn place_for_join(&mut self, left: NodeId, columns: &[ColumnId], build: DatasetId) -> Place {
        let producer = self.producers[build.0 as usize];
        let here = self.places[left.0 as usize]
            .is_some_and(|place| self.stages[place.stage].in_loop == self.current_loop);
        if here && !is_exchange(&self.plan.node(left).operator) {
            let place = self.place_of(left);
            if !self.needs(producer, place.stage) {
                return place;
            }
        }
        self.reading_stage(left, columns, Some(producer))
    }

    /// A stage that reads the rows of `id` as a dataset and that `producer` does not wait for.
    fn reading_stage(&mut self, id: NodeId, columns: &[ColumnId], producer: Option<usize>) -> Place {
        let dataset = self.dataset_of(id, columns);
        let fits = |stage: &usize| {
            self.stages[*stage].in_loop == self.current_loop
                && producer.is_none_or(|p| !self.needs(p, *stage))
        };
        let readers = self.readers.get(&dataset).into_iter().flatten();
        if let Some(stage) = readers.copied().find(fits) {
            return Place { stage, at: 0, splits: 0 };
        }
        let chain = Chain::dataset(dataset, self.plan.node(id));
        let place = self.start_stage(id, vec![chain]);
        self.readers.entry(dataset).or_default().push(place.stage);
        place
    }

    /// The rows of a node as a dataset, for a reader of `columns`. What streams is collected for it.
    pub(super) fn dataset_of(&mut self, id: NodeId, columns: &[ColumnId]) -> DatasetId {
        if let Some(dataset) = self.datasets[id.0 as usize] {
            return dataset;
        }
        let mut failing: Vec<ColumnId> =
            columns.iter().copied().filter(|c| self.fallible.columns(id).contains(c)).collect();
        failing.sort();
        failing.dedup();
        if let Some(dataset) = self.collected.get(&(id, failing.clone())) {
            return *dataset;
        }
        let place = match self.places[id.0 as usize] {
            Some(place) => place,
            // Unreachable: nodes are placed before anything reads them. An empty input is harmless.
            None => self.start_stage(id, Vec::new()),
        };
        let dataset = self.new_dataset(place.stage);
        self.collected.insert((id, failing), dataset);
        let span = self.plan.node(id).span;
        self.push(place, TreeKind::Leaf(LeafKind::Collect, Some(dataset)), id, span);
        dataset
    }

    pub(super) fn new_dataset(&mut self, producer: usize) -> DatasetId {
        self.producers.push(producer);
        DatasetId((self.producers.len() - 1) as u32)
    }

    fn push(&mut self, at: Place, kind: TreeKind, node: NodeId, span: Span) -> usize {
        let tree = &mut self.stages[at.stage].tree;
        tree.push(TreeNode { kind, node, span, children: Vec::new() });
        let index = tree.len() - 1;
        tree[at.at].children.push(index);
        index
    }

    /// Hangs an operation at `at`; without one, the node's rows are those at `at`.
    pub(super) fn add_operation(&mut self, id: NodeId, at: Place, kind: Option<OperationKind>) {
        let mut place = at;
        if let Some(kind) = kind {
            place.at = self.push(at, TreeKind::Operation(kind), id, self.plan.node(id).span);
        }
        place.splits += u32::from(self.consumers.only(id).is_none());
        self.places[id.0 as usize] = Some(place);
    }

    /// Ends a branch over `input` with what `id` does.
    pub(super) fn add_leaf(&mut self, id: NodeId, input: NodeId, kind: LeafKind) -> Place {
        let at = self.place_of(input);
        self.add_leaf_at(id, at, kind);
        at
    }

    /// Ends a branch at `at` with what `id` does.
    pub(super) fn add_leaf_at(&mut self, id: NodeId, at: Place, kind: LeafKind) {
        let output = match self.plan.node(id).operator {
            Operator::Write { .. } | Operator::Expect { .. } => None,
            _ => Some(self.new_dataset(at.stage)),
        };
        self.datasets[id.0 as usize] = output;
        self.push(at, TreeKind::Leaf(kind, output), id, self.plan.node(id).span);
    }
}

/// The nodes through which the rows of a live source stream.
fn live_nodes(plan: &LogicalPlan) -> Vec<bool> {
    let mut live = vec![false; plan.nodes.len()];
    for (i, node) in plan.nodes.iter().enumerate() {
        live[i] = match &node.operator {
            Operator::Read(source) => source.files.iter().any(|f| Location::of(&f.path).is_live()),
            Operator::Through { .. } => true,
            operator if is_exchange(operator) => false,
            operator => operator.inputs().iter().any(|input| live[input.0 as usize]),
        };
    }
    live
}
