//! Copies a plan node by node: how every pass writes its result.
//!
//! A pass walks the old plan in order and either copies a node, puts something else in its place, or
//! lets another new node stand for it. Nodes no sink reaches are left out.

use super::consumers::Consumers;
use flow_ir::logical::{Node, Operator};
use flow_ir::{Expr, LogicalPlan, NodeId, Span};

/// A plan under construction.
pub(crate) struct Rebuild<'a> {
    old: &'a LogicalPlan,
    /// The new plan so far.
    pub(crate) new: LogicalPlan,
    ids: Vec<NodeId>,
}

impl<'a> Rebuild<'a> {
    /// An empty copy of `old`.
    pub(crate) fn of(old: &'a LogicalPlan) -> Self {
        let new = LogicalPlan {
            unused: old.unused.clone(),
            next_column: old.next_column,
            ..LogicalPlan::default()
        };
        Rebuild { old, new, ids: vec![NodeId(0); old.nodes.len()] }
    }

    /// The reachable nodes of the old plan, in order.
    pub(crate) fn walk(old: &LogicalPlan) -> Vec<NodeId> {
        let consumers = Consumers::of(old);
        (0..old.nodes.len()).map(|i| NodeId(i as u32)).filter(|id| consumers.is_reachable(*id)).collect()
    }

    /// The new node that stands for an old one.
    pub(crate) fn id(&self, old: NodeId) -> NodeId {
        self.ids[old.0 as usize]
    }

    /// Lets `new` stand for `old`.
    pub(crate) fn replace(&mut self, old: NodeId, new: NodeId) {
        self.ids[old.0 as usize] = new;
    }

    /// Copies `old`, with its inputs replaced, after `edit` has changed what it wants to.
    pub(crate) fn copy(&mut self, old: NodeId, edit: impl FnOnce(&mut Node)) -> NodeId {
        let mut node = self.old.node(old).clone();
        edit(&mut node);
        for input in inputs_mut(&mut node.operator) {
            *input = self.ids[input.0 as usize];
        }
        let new = self.new.push(node);
        self.replace(old, new);
        new
    }

    /// Puts a filter on top of a new node.
    pub(crate) fn filter(&mut self, input: NodeId, predicate: Expr, span: Span) -> NodeId {
        let columns = self.new.node(input).columns.clone();
        self.new.push(Node { operator: Operator::Filter { input, predicate }, columns, span })
    }

    /// The new plan.
    pub(crate) fn finish(mut self) -> LogicalPlan {
        self.new.sinks = self.old.sinks.iter().map(|id| self.ids[id.0 as usize]).collect();
        self.new
    }

    /// The new plan without the nodes that no sink reaches any more.
    pub(crate) fn finish_reachable(self) -> LogicalPlan {
        let result = self.finish();
        let mut compact = Rebuild::of(&result);
        for id in Rebuild::walk(&result) {
            compact.copy(id, |_| ());
        }
        compact.finish()
    }
}

/// The operator's inputs, in order, to be replaced.
pub(crate) fn inputs_mut(operator: &mut Operator) -> Vec<&mut NodeId> {
    match operator {
        Operator::Read(_) | Operator::Rows(_) | Operator::LoopRows => Vec::new(),
        Operator::Iterate { state, start, body, until, .. } => {
            [state, start, body].into_iter().chain(until.as_mut().map(|(node, _)| node)).collect()
        }
        Operator::Union { inputs, .. } => inputs.iter_mut().collect(),
        Operator::Join { left, right, .. } | Operator::SetOperation { left, right, .. } => vec![left, right],
        Operator::Filter { input, .. }
        | Operator::Map { input, .. }
        | Operator::FlatMap { input, .. }
        | Operator::Check { input, .. }
        | Operator::Expect { input, .. }
        | Operator::Sample { input, .. }
        | Operator::Repartition { input, .. }
        | Operator::Persist { input, .. }
        | Operator::ReduceByKey { input, .. }
        | Operator::Distinct { input, .. }
        | Operator::Window { input, .. }
        | Operator::TakePer { input, .. }
        | Operator::Sort { input, .. }
        | Operator::Take { input, .. }
        | Operator::Skip { input, .. }
        | Operator::Through { input, .. }
        | Operator::Write { input, .. } => vec![input],
    }
}

/// The expressions of an operator, to be changed.
pub(crate) fn exprs_mut(operator: &mut Operator) -> Vec<&mut Expr> {
    match operator {
        Operator::Filter { predicate, .. } | Operator::Check { predicate, .. } => vec![predicate],
        Operator::Map { computed, .. } => computed.iter_mut().map(|c| &mut c.expr).collect(),
        Operator::FlatMap { computed, each, .. } => {
            computed.iter_mut().chain(std::iter::once(each)).map(|c| &mut c.expr).collect()
        }
        _ => Vec::new(),
    }
}
