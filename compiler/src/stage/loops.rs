//! Loops in the cut: which nodes run once a round, and the marks between which their stages stand.
//!
//! A node belongs to a loop if it depends on the loop's rows. Its stages read what does not depend on them
//! from datasets that are complete before the first round. Invariants: loops do not contain each other,
//! because only the body and the end condition of an `iterate` see its rows; a stage belongs to one
//! loop or to none.

use super::draft::{Cutter, Draft, DraftKind};
use flow_ir::logical::Operator;
use flow_ir::physical::{DatasetId, Loop, LoopColumn, Stage, StageId, TypedColumn};
use flow_ir::{ColumnId, LogicalPlan, NodeId};
use std::collections::BTreeSet;

/// The loop of every node.
pub(super) struct Loops {
    of: Vec<Option<usize>>,
    /// What is known of each loop so far.
    all: Vec<Known>,
}

/// A loop of the plan.
struct Known {
    iterate: NodeId,
    state: NodeId,
    head: Option<usize>,
    ends: Option<(LoopEnds, DatasetId)>,
}

/// The datasets that a loop begins with and that a round makes.
#[derive(Clone, Copy, Debug)]
pub(super) struct LoopEnds {
    pub(super) start: DatasetId,
    pub(super) body: DatasetId,
    pub(super) until: Option<(DatasetId, ColumnId)>,
}

impl Loops {
    /// Finds the loops of `plan` and what belongs to them.
    pub(super) fn of_plan(plan: &LogicalPlan) -> Self {
        let mut loops = Loops { of: vec![None; plan.nodes.len()], all: Vec::new() };
        for (i, node) in plan.nodes.iter().enumerate() {
            if let Operator::Iterate { state, .. } = &node.operator {
                let number = loops.all.len();
                let iterate = NodeId(i as u32);
                loops.all.push(Known { iterate, state: *state, head: None, ends: None });
                loops.of[state.0 as usize] = Some(number);
            }
        }
        for (i, node) in plan.nodes.iter().enumerate() {
            if !matches!(node.operator, Operator::Iterate { .. } | Operator::LoopRows) {
                loops.of[i] = node.operator.inputs().iter().find_map(|input| loops.of[input.0 as usize]);
            }
        }
        loops
    }

    /// The loop in whose rounds the node runs.
    pub(super) fn of(&self, id: NodeId) -> Option<usize> {
        self.of.get(id.0 as usize).copied().flatten()
    }
}

impl Cutter<'_> {
    fn mark(&mut self, kind: DraftKind, number: usize) -> usize {
        let in_loop = Some(number);
        self.stages.push(Draft {
            inputs: Vec::new(),
            tree: Vec::new(),
            depends: BTreeSet::new(),
            kind,
            in_loop,
        });
        self.stages.len() - 1
    }

    /// The rows of a loop, as its stages read them.
    pub(super) fn loop_head(&mut self, id: NodeId) {
        let Some(number) = self.loops.of(id) else { return };
        let head = self.mark(DraftKind::Head(number), number);
        self.loops.all[number].head = Some(head);
        let dataset = self.new_dataset(head);
        self.datasets[id.0 as usize] = Some(dataset);
    }

    /// The rows behind a loop.
    pub(super) fn loop_tail(&mut self, id: NodeId, state: NodeId, ends: LoopEnds) {
        let Some(number) = self.loops.of(state) else { return };
        let tail = self.mark(DraftKind::Tail(number), number);
        if let Some(head) = self.loops.all[number].head {
            self.depend(head, ends.start);
            self.stages[tail].depends.insert(head);
        }
        self.depend(tail, ends.body);
        if let Some((dataset, _)) = ends.until {
            self.depend(tail, dataset);
        }
        let result = self.new_dataset(tail);
        self.datasets[id.0 as usize] = Some(result);
        self.loops.all[number].ends = Some((ends, result));
    }

    /// The loop as the plan has it; its stages are those from `first` to before `end`.
    pub(super) fn finished_loop(&self, number: usize, first: u32, end: u32) -> Option<Loop> {
        let known = self.loops.all.get(number)?;
        let node = self.plan.node(known.iterate);
        let Operator::Iterate { start_columns, body_columns, rounds, .. } = &node.operator else {
            return None;
        };
        let (ends, result) = known.ends?;
        let columns = &self.plan.node(known.state).columns;
        let columns = columns.iter().zip(start_columns).zip(body_columns).map(|((c, start), body)| {
            LoopColumn { column: TypedColumn { id: c.id, ty: c.ty.clone() }, start: *start, body: *body }
        });
        Some(Loop {
            first: StageId(first),
            end: StageId(end),
            start: ends.start,
            body: ends.body,
            state: self.datasets[known.state.0 as usize]?,
            result,
            columns: columns.collect(),
            until: ends.until,
            rounds: *rounds,
            span: node.span,
        })
    }

    /// The datasets and columns that a loop needs besides those its stages read.
    pub(super) fn needs_of_loop(&self, number: usize) -> Vec<(DatasetId, Vec<ColumnId>)> {
        let Some(known) = self.loops.all.get(number) else { return Vec::new() };
        let Operator::Iterate { start_columns, body_columns, .. } = &self.plan.node(known.iterate).operator
        else {
            return Vec::new();
        };
        let Some((ends, _)) = known.ends else { return Vec::new() };
        let mut needs = vec![(ends.start, start_columns.clone()), (ends.body, body_columns.clone())];
        needs.extend(ends.until.map(|(dataset, column)| (dataset, vec![column])));
        needs
    }
}

/// Lets loops refer to the stages again after new ones have been put between them: `starts` has the new
/// position of every old stage, and of the end.
pub(super) fn renumber(loops: &mut [Loop], starts: &[usize], stages: &[Stage]) {
    let moved = |id: StageId| {
        let at = starts.get(id.0 as usize).copied().unwrap_or(stages.len());
        StageId(u32::try_from(at).unwrap_or(u32::MAX))
    };
    for l in loops {
        (l.first, l.end) = (moved(l.first), moved(l.end));
    }
}
