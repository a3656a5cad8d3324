//! Which columns a program uses, decided on the plan as written, before any pass.
//!
//! Bad values of unused columns are no errors; because this looks at the unoptimized plan, what
//! passes do later never changes which rows are bad. A column is used if a sink, a filter, a check, a
//! key, a sort, a `distinct`, an `each` or a used result needs it.

use flow_ir::logical::{LogicalPlan, Node, Operator};
use flow_ir::source::Target;
use flow_ir::window::Window;
use flow_ir::{ColumnId, Expr, ExprKind, NodeId, Span};
use std::collections::{BTreeMap, BTreeSet};

/// The columns that nothing a sink reaches needs.
pub fn unused(plan: &LogicalPlan) -> BTreeSet<ColumnId> {
    let mut used = Used::default();
    used.reached_from_sinks(plan);
    (0..plan.next_column).map(ColumnId).filter(|id| !used.ids.contains(id)).collect()
}

/// Tells every source column the first place of the program that uses it, for messages about bad values: the
/// same one whatever becomes of that place in passes.
pub fn note_uses(plan: &mut LogicalPlan) {
    let mut used = Used::default();
    used.reached_from_sinks(plan);
    for node in &mut plan.nodes {
        if let Operator::Read(source) | Operator::Through { answers: source, .. } = &mut node.operator {
            for column in &mut source.columns {
                column.used = used.places.get(&column.id).map_or(Span::default(), |(_, place)| *place);
            }
        }
    }
}

/// A window without what nobody uses.
pub(crate) fn used_part(window: &Window, is_used: impl Fn(ColumnId) -> bool) -> Window {
    let mut window = window.clone();
    window.aggregates.retain(|a| is_used(a.output));
    window.functions.retain(|f| is_used(f.output));
    window
}

#[derive(Default)]
struct Used {
    ids: BTreeSet<ColumnId>,
    /// Where each is used first, in the order of the program's text, and whether that is only the printing of a
    /// pipeline without a sink, whose place is the whole pipeline.
    places: BTreeMap<ColumnId, (bool, Span)>,
}

impl Used {
    fn reached_from_sinks(&mut self, plan: &LogicalPlan) {
        let mut reached: BTreeSet<NodeId> = plan.sinks.iter().copied().collect();
        // Inputs come before their users, so going down meets every user before its inputs.
        while let Some(id) = reached.pop_last() {
            let Some(node) = plan.nodes.get(id.0 as usize) else { continue };
            self.node(node);
            reached.extend(node.operator.inputs());
        }
    }

    fn note(&mut self, id: ColumnId, place: Span) {
        self.note_place(id, (false, place));
    }

    fn note_place(&mut self, id: ColumnId, place: (bool, Span)) {
        self.ids.insert(id);
        let order = |(printed, span): (bool, Span)| (printed, span.file, span.start);
        let first = self.places.entry(id).or_insert(place);
        if order(place) < order(*first) {
            *first = place;
        }
    }

    fn note_all(&mut self, ids: impl IntoIterator<Item = ColumnId>, place: Span) {
        ids.into_iter().for_each(|id| self.note(id, place));
    }

    /// Another name of a column: it is used where the other is.
    fn renamed(&mut self, own: ColumnId, new: ColumnId) {
        if let Some(place) = self.places.get(&new).copied() {
            self.note_place(own, place);
        }
    }

    fn expr(&mut self, e: &Expr) {
        if let ExprKind::Column(id) = e.kind {
            self.note(id, e.span);
        }
        e.for_each_child(|child| self.expr(child));
    }

    fn has(&self, id: ColumnId) -> bool {
        self.ids.contains(&id)
    }

    fn node(&mut self, node: &Node) {
        let at = node.span;
        match &node.operator {
            Operator::Read(_)
            | Operator::Rows(_)
            | Operator::LoopRows
            | Operator::Take { .. }
            | Operator::Skip { .. } => {}
            Operator::Iterate { until, start_columns, body_columns, .. } => {
                self.note_all(start_columns.iter().chain(body_columns).copied(), at);
                self.note_all(until.iter().map(|(_, column)| *column), at);
            }
            Operator::Filter { predicate, .. } | Operator::Check { predicate, .. } => self.expr(predicate),
            Operator::Map { computed, .. } => self.computed(computed),
            Operator::FlatMap { computed, each, .. } => {
                self.computed(computed);
                self.expr(&each.expr);
            }
            Operator::ReduceByKey { keys, aggregates, .. } => {
                self.note_all(keys.iter().copied(), at);
                for a in aggregates.iter().filter(|a| self.ids.contains(&a.output)).collect::<Vec<_>>() {
                    self.note_all(a.reads(), a.span);
                }
            }
            Operator::Distinct { on, sort, .. } => {
                self.note_all(on.iter().copied().chain(sort.iter().map(|k| k.column)), at);
            }
            Operator::Window { window, .. } => {
                let used = used_part(window, |id| self.has(id));
                self.note_all(used.reads(), at);
            }
            Operator::TakePer { per, .. } => self.note_all(per.iter().copied(), at),
            Operator::Sort { keys, .. } => self.note_all(keys.iter().map(|k| k.column), at),
            Operator::Union { columns, .. } => {
                for (i, output) in node.columns.iter().enumerate() {
                    for own in columns.iter().filter_map(|own| own.get(i)) {
                        self.renamed(*own, output.id);
                    }
                }
            }
            Operator::Sample { .. } => {}
            Operator::Repartition { layout, .. } => self.note_all(layout.keys.iter().copied(), at),
            // What is stored is the same whoever reads it.
            Operator::Persist { .. } => self.note_all(node.columns.iter().map(|c| c.id), at),
            Operator::Expect { on, .. } => self.note_all(on.iter().copied(), at),
            Operator::SetOperation { on, .. } => self.note_all(on.iter().flat_map(|(l, r)| [*l, *r]), at),
            Operator::Join { on, left_columns, right_columns, .. } => {
                self.note_all(on.iter().flat_map(|(l, r)| [*l, *r]), at);
                for (new, own) in left_columns.iter().chain(right_columns) {
                    self.renamed(*own, *new);
                }
            }
            Operator::Write { sink, .. } | Operator::Through { sink, .. } => {
                let printed = matches!(sink.target, Target::Print { limit: None });
                sink.columns.iter().for_each(|c| self.note_place(c.id, (printed, at)));
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
