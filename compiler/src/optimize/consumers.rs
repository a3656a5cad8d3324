//! Who reads each node: what every pass and the stage cut need to know before they move anything.
//!
//! Only nodes that a sink reaches count, so a `let` that nobody uses shares nothing.

use flow_ir::logical::Operator;
use flow_ir::{LogicalPlan, NodeId};

/// The consumers of every node of a plan.
#[derive(Clone, Debug)]
pub(crate) struct Consumers {
    of: Vec<Vec<NodeId>>,
    reachable: Vec<bool>,
}

impl Consumers {
    /// Counts the uses in `plan`.
    pub(crate) fn of(plan: &LogicalPlan) -> Self {
        let mut reachable = vec![false; plan.nodes.len()];
        for sink in &plan.sinks {
            reachable[sink.0 as usize] = true;
        }
        let mut of = vec![Vec::new(); plan.nodes.len()];
        // Inputs stand before their users, so going backwards meets every user first.
        for i in (0..plan.nodes.len()).rev() {
            if reachable[i] {
                for input in plan.nodes[i].operator.inputs() {
                    reachable[input.0 as usize] = true;
                    of[input.0 as usize].push(NodeId(i as u32));
                }
            }
        }
        of.iter_mut().for_each(|consumers: &mut Vec<NodeId>| consumers.reverse());
        Consumers { of, reachable }
    }

    /// The nodes that read `id`, in order, once for each time they do.
    pub(crate) fn consumers(&self, id: NodeId) -> &[NodeId] {
        &self.of[id.0 as usize]
    }

    /// The only reader of `id`, if there is exactly one.
    pub(crate) fn only(&self, id: NodeId) -> Option<NodeId> {
        match self.consumers(id) {
            [one] => Some(*one),
            _ => None,
        }
    }

    /// Whether a sink needs `id`.
    pub(crate) fn is_reachable(&self, id: NodeId) -> bool {
        self.reachable[id.0 as usize]
    }

    /// Whether `id` is among the rows' ways from one `take` or `skip` to the next. Those two must not come to
    /// stand next to each other: reading stops where both together say so, and with it the search for bad rows,
    /// so what the program says decides whether they do, and no pass.
    pub(crate) fn between_ranges(&self, plan: &LogicalPlan, id: NodeId) -> bool {
        let mut at = id;
        while passes_rows_on(&plan.node(at).operator) {
            at = plan.node(at).operator.inputs()[0];
        }
        is_range(&plan.node(at).operator) && self.range_behind(plan, id)
    }

    fn range_behind(&self, plan: &LogicalPlan, id: NodeId) -> bool {
        self.consumers(id).iter().any(|c| {
            let operator = &plan.node(*c).operator;
            is_range(operator) || passes_rows_on(operator) && self.range_behind(plan, *c)
        })
    }
}

fn is_range(operator: &Operator) -> bool {
    matches!(operator, Operator::Take { .. } | Operator::Skip { .. })
}

/// The operators that passes remove when they have no effect.
fn passes_rows_on(operator: &Operator) -> bool {
    matches!(
        operator,
        Operator::Map { .. }
            | Operator::Filter { .. }
            | Operator::Check { .. }
            | Operator::Sort { .. }
            | Operator::Distinct { .. }
            | Operator::Window { .. }
    )
}
