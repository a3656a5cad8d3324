//! Cuts a graph into steps: which nodes one native loop computes, and in which order everything runs.
//!
//! Nodes get levels such that a step only reads columns of lower levels; all native nodes of one
//! level share a loop, so that a column is loaded once whatever uses it. A native node that only
//! native nodes read moves up to their level and is never stored.

use crate::graph::{Graph, NodeId, Op};
use crate::native::Execution;

/// The most nodes one native loop computes; more are cut into several loops.
const LOOP_NODES_MAX: usize = 200;

/// One step.
#[derive(Clone, Debug)]
pub(crate) enum PlannedStep {
    /// A native loop that stores these nodes.
    Loop {
        /// Nodes whose columns it reads.
        inputs: Vec<NodeId>,
        /// Nodes it computes, arguments first.
        body: Vec<NodeId>,
        /// Those of them it stores.
        outputs: Vec<NodeId>,
    },
    /// A single node computed from columns.
    Single(NodeId),
}

/// The steps of a graph.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// In running order.
    pub(crate) steps: Vec<PlannedStep>,
    /// The body and the inputs of the loop that ends in the sink.
    pub(crate) sink: (Vec<NodeId>, Vec<NodeId>),
}

/// The steps that compute `outputs`. A native `sink` is left to a loop of the caller's, but what
/// that loop reads is computed.
pub(crate) fn plan(graph: &Graph, outputs: &[NodeId], sink: Option<NodeId>) -> Plan {
    let mut planner = Planner::new(graph, outputs, sink);
    planner.mark_live();
    planner.assign_levels();
    planner.lift();
    let level = sink.map_or(0, |id| planner.level[id.index()]);
    let sink = loop_nodes(graph, sink.as_slice(), |id| planner.level[id.index()] < level);
    Plan { steps: planner.steps(), sink }
}

/// The nodes a loop computes for `outputs`, arguments first, and the columns it reads. `stored`
/// says which nodes are columns by the time it runs; constants are never read.
pub(crate) fn loop_nodes(
    graph: &Graph,
    outputs: &[NodeId],
    stored: impl Fn(NodeId) -> bool,
) -> (Vec<NodeId>, Vec<NodeId>) {
    let mut inside = vec![false; graph.len()];
    let mut read = vec![false; graph.len()];
    for output in outputs {
        // An output may be a column itself: then the loop just reads it.
        let own = graph.node(*output).execution == Execution::Native;
        if own { inside[output.index()] = true } else { read[output.index()] = true }
    }
    for id in graph.ids().rev().filter(|id| graph.node(*id).execution == Execution::Native) {
        if !inside[id.index()] {
            continue;
        }
        for argument in &graph.node(id).arguments {
            if graph.literal(*argument).is_some() {
                continue;
            }
            if graph.node(*argument).execution == Execution::Native && !stored(*argument) {
                inside[argument.index()] = true;
            } else {
                read[argument.index()] = true;
            }
        }
    }
    let chosen = |flags: &[bool]| graph.ids().filter(|id| flags[id.index()]).collect();
    (chosen(&inside), chosen(&read))
}

struct Planner<'g> {
    graph: &'g Graph,
    sink: Option<NodeId>,
    /// Whether the caller reads the node's column.
    wanted: Vec<bool>,
    live: Vec<bool>,
    level: Vec<usize>,
}

impl<'g> Planner<'g> {
    fn new(graph: &'g Graph, outputs: &[NodeId], sink: Option<NodeId>) -> Self {
        let mut wanted = vec![false; graph.len()];
        for output in outputs {
            wanted[output.index()] = true;
        }
        Planner { graph, sink, wanted, live: vec![false; graph.len()], level: vec![0; graph.len()] }
    }

    fn execution(&self, id: NodeId) -> Execution {
        self.graph.node(id).execution
    }

    fn mark_live(&mut self) {
        for id in self.graph.ids().rev() {
            if self.wanted[id.index()] || self.sink == Some(id) {
                self.live[id.index()] = true;
            }
            if self.live[id.index()] {
                for argument in &self.graph.node(id).arguments {
                    self.live[argument.index()] = true;
                }
            }
        }
    }

    fn assign_levels(&mut self) {
        for id in self.graph.ids() {
            let own = self.execution(id);
            if own == Execution::Source {
                continue;
            }
            let mut level = 1;
            for argument in &self.graph.node(id).arguments {
                let below = self.level[argument.index()];
                let together = own == Execution::Native && self.execution(*argument) == Execution::Native;
                level = level.max(if together { below } else { below + 1 });
            }
            self.level[id.index()] = level;
        }
    }

    /// Moves native nodes that only native nodes read up to the lowest level that reads them.
    fn lift(&mut self) {
        let mut readers: Vec<Option<usize>> = vec![None; self.graph.len()];
        for id in self.graph.ids().rev().filter(|id| self.live[id.index()]) {
            if self.execution(id) == Execution::Native
                && !self.wanted[id.index()]
                && let Some(level) = readers[id.index()]
            {
                self.level[id.index()] = level;
            }
            // Others need their arguments stored one level below; that is where they are anyway.
            let level = self.level[id.index()];
            let needed = if self.execution(id) == Execution::Native { level } else { 0 };
            for argument in &self.graph.node(id).arguments {
                let own = self.level[argument.index()];
                let needed = needed.max(own);
                let reader = &mut readers[argument.index()];
                *reader = Some(reader.map_or(needed, |r| r.min(needed)));
            }
        }
    }

    /// Whether the node's column exists after its level: it is wanted, or read by another step.
    fn stored(&self) -> Vec<bool> {
        let mut stored = self.wanted.clone();
        for id in self.graph.ids().filter(|id| self.live[id.index()]) {
            for argument in &self.graph.node(id).arguments {
                let same_loop = self.execution(id) == Execution::Native
                    && self.execution(*argument) == Execution::Native
                    && self.level[id.index()] == self.level[argument.index()];
                if !same_loop {
                    stored[argument.index()] = true;
                }
            }
        }
        stored
    }

    fn steps(&self) -> Vec<PlannedStep> {
        let stored = self.stored();
        let last = self.level.iter().copied().max().unwrap_or(0);
        let mut steps = Vec::new();
        for level in 1..=last {
            let here: Vec<NodeId> = self
                .graph
                .ids()
                .filter(|id| {
                    self.live[id.index()] && self.level[id.index()] == level && self.sink != Some(*id)
                })
                .collect();
            let outputs: Vec<NodeId> = here
                .iter()
                .copied()
                .filter(|id| self.execution(*id) == Execution::Native && stored[id.index()])
                .collect();
            self.loops(&outputs, level, &mut steps);
            steps.extend(
                here.iter()
                    .filter(|id| self.execution(**id) != Execution::Native)
                    .map(|id| PlannedStep::Single(*id)),
            );
        }
        steps
    }

    /// One loop for the outputs of a level, or several if they need very many nodes.
    fn loops(&self, outputs: &[NodeId], level: usize, steps: &mut Vec<PlannedStep>) {
        let mut rest = outputs;
        while !rest.is_empty() {
            let mut count = rest.len();
            loop {
                let chunk = &rest[..count];
                let (body, inputs) = loop_nodes(self.graph, chunk, |id| self.level[id.index()] < level);
                if body.len() <= LOOP_NODES_MAX || count == 1 {
                    steps.push(PlannedStep::Loop { inputs, body, outputs: chunk.to_vec() });
                    break;
                }
                count = count.div_ceil(2);
            }
            rest = &rest[count..];
        }
    }
}

/// The input columns a graph's live part reads, in order of first use.
pub(crate) fn columns_read(graph: &Graph, outputs: &[NodeId]) -> Vec<(NodeId, flow_ir::ColumnId)> {
    let mut planner = Planner::new(graph, outputs, None);
    planner.mark_live();
    graph
        .ids()
        .filter(|id| planner.live[id.index()])
        .filter_map(|id| if let Op::Column(column) = graph.node(id).op { Some((id, column)) } else { None })
        .collect()
}
