//! Which columns a program uses, decided on the plan as written, before any pass.
//!
//! Bad values of unused columns are no errors; because this looks at the unoptimized plan, what
//! passes do later never changes which rows are bad. A column is used if a sink, a filter, a check, a
//! key, a sort, a `distinct`, an `each` or a used result needs it.

use flow_ir::logical::{LogicalPlan, Node, Operator};
use flow_ir::window::Window;
use flow_ir::{ColumnId, Expr, NodeId};
use std::collections::BTreeSet;

/// The columns that nothing a sink reaches needs.
pub fn unused(plan: &LogicalPlan) -> BTreeSet<ColumnId> {
    let mut used = Used { ids: BTreeSet::new() };
    let mut reached: BTreeSet<NodeId> = plan.sinks.iter().copied().collect();
    // Inputs come before their users, so going down meets every user before its inputs.
    while let Some(id) = reached.pop_last() {
        let Some(node) = plan.nodes.get(id.0 as usize) else { continue };
        used.node(node);
        reached.extend(node.operator.inputs());
    }
    (0..plan.next_column).map(ColumnId).filter(|id| !used.ids.contains(id)).collect()
}

/// A window without what nobody uses.
pub(crate) fn used_part(window: &Window, is_used: impl Fn(ColumnId) -> bool) -> Window {
    let mut window = window.clone();
    window.aggregates.retain(|a| is_used(a.output));
    window.functions.retain(|f| is_used(f.output));
    window
}

struct Used {
    ids: BTreeSet<ColumnId>,
}

impl Used {
    fn expr(&mut self, e: &Expr) {
        let mut columns = Vec::new();
        e.columns(&mut columns);
        self.ids.extend(columns);
    }

    fn has(&self, id: ColumnId) -> bool {
        self.ids.contains(&id)
    }

    fn node(&mut self, node: &Node) {
        match &node.operator {
            Operator::Read(_)
            | Operator::Rows(_)
            | Operator::LoopRows
            | Operator::Take { .. }
            | Operator::Skip { .. } => {}
            Operator::Iterate { until, start_columns, body_columns, .. } => {
                self.ids.extend(start_columns.iter().chain(body_columns));
                self.ids.extend(until.iter().map(|(_, column)| *column));
            }
            Operator::Filter { predicate, .. } | Operator::Check { predicate, .. } => self.expr(predicate),
            Operator::Map { computed, .. } => self.computed(computed),
            Operator::FlatMap { computed, each, .. } => {
                self.computed(computed);
                self.expr(&each.expr);
            }
            Operator::ReduceByKey { keys, aggregates, .. } => {
                self.ids.extend(keys);
                let arguments: Vec<ColumnId> =
                    aggregates.iter().filter(|a| self.has(a.output)).flat_map(|a| a.reads()).collect();
                self.ids.extend(arguments);
            }
            Operator::Distinct { on, sort, .. } => {
                self.ids.extend(on.iter().copied().chain(sort.iter().map(|k| k.column)));
            }
            Operator::Window { window, .. } => {
                let used = used_part(window, |id| self.has(id));
                self.ids.extend(used.reads());
            }
            Operator::TakePer { per, .. } => self.ids.extend(per),
            Operator::Sort { keys, .. } => self.ids.extend(keys.iter().map(|k| k.column)),
            Operator::Union { columns, .. } => {
                for (i, output) in node.columns.iter().enumerate() {
                    if self.has(output.id) {
                        self.ids.extend(columns.iter().filter_map(|own| own.get(i)));
                    }
                }
            }
            Operator::Sample { .. } => {}
            Operator::Repartition { layout, .. } => self.ids.extend(&layout.keys),
            Operator::Expect { on, .. } => self.ids.extend(on),
            Operator::SetOperation { on, .. } => self.ids.extend(on.iter().flat_map(|(l, r)| [*l, *r])),
            Operator::Join { on, left_columns, right_columns, .. } => {
                self.ids.extend(on.iter().flat_map(|(l, r)| [*l, *r]));
                let renamed = left_columns.iter().chain(right_columns);
                let own: Vec<ColumnId> =
                    renamed.filter(|(new, _)| self.has(*new)).map(|(_, own)| *own).collect();
                self.ids.extend(own);
            }
            Operator::Write { sink, .. } | Operator::Through { sink, .. } => {
                self.ids.extend(sink.columns.iter().map(|c| c.id))
            }
        }
    }

    fn computed(&mut self, computed: &[flow_ir::logical::Computed]) {
        for c in computed {
            if self.has(c.id) {
                self.expr(&c.expr);
            }
        }
    }
}
