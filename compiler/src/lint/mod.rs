//! Lints: programs that are right by the rules of the language and probably not what is meant.
//!
//! They look at the plan as written, before any pass; only `fan_out` has the catalog look at the first rows of files. One file a lint; each says
//! what it looks for and when it keeps quiet. A fix never changes what a program computes, so that a
//! tool may apply it unasked; everything else is help in words.

mod fan_out;
mod float_equality;
mod group_could_reduce;
mod mean_of_means;
mod nulls_vanish;
mod unseen_sort;

use crate::Sources;
use crate::catalog::Catalog;
use crate::diagnostic::Diagnostic;
use flow_ir::aggregate::Aggregate;
use flow_ir::logical::Operator;
use flow_ir::{ColumnId, Expr, ExprKind, LogicalPlan, NodeId, Span};
use std::collections::BTreeMap;

/// Everything the lints find in a plan as written, in the order of the program; what it imports is left
/// alone.
pub fn lint(plan: &LogicalPlan, sources: &Sources, catalog: &dyn Catalog) -> Vec<Diagnostic> {
    let facts = Facts::of(plan, sources);
    let mut found = Vec::new();
    for lint in [
        mean_of_means::find,
        nulls_vanish::find,
        unseen_sort::find,
        float_equality::find,
        group_could_reduce::find,
    ] {
        lint(&facts, &mut found);
    }
    fan_out::find(&facts, catalog, &mut found);
    found.sort_by_key(|d| (d.span.file, d.span.start, d.span.end, d.code));
    found.retain(|d| sources.file_of(d.span.start) == 0);
    // What is inlined several times is one place of the program.
    found.dedup_by(|a, b| a.code == b.code && a.span == b.span);
    found
}

/// Where a column comes from.
#[derive(Clone, Copy, Debug)]
enum Origin<'p> {
    /// A `map` or `flat_map` computes it.
    Computed(&'p Expr),
    /// An aggregation makes it.
    Aggregate(NodeId, &'p Aggregate),
    /// It is another column under a new id.
    Alias(ColumnId),
}

/// What all lints want to know about a plan.
struct Facts<'p> {
    plan: &'p LogicalPlan,
    sources: &'p Sources,
    origins: BTreeMap<ColumnId, Origin<'p>>,
}

impl<'p> Facts<'p> {
    fn of(plan: &'p LogicalPlan, sources: &'p Sources) -> Self {
        let mut origins = BTreeMap::new();
        for (i, node) in plan.nodes.iter().enumerate() {
            let id = NodeId(u32::try_from(i).unwrap_or(u32::MAX));
            match &node.operator {
                Operator::Map { computed, .. } | Operator::FlatMap { computed, .. } => {
                    origins.extend(computed.iter().map(|c| (c.id, Origin::Computed(&c.expr))));
                }
                Operator::ReduceByKey { aggregates, .. } => {
                    origins.extend(aggregates.iter().map(|a| (a.output, Origin::Aggregate(id, a))));
                }
                Operator::Join { left_columns, right_columns, .. } => {
                    let renamed = left_columns.iter().chain(right_columns);
                    origins.extend(renamed.map(|(new, own)| (*new, Origin::Alias(*own))));
                }
                _ => {}
            }
        }
        Facts { plan, sources, origins }
    }

    /// The text of a span, as written.
    fn text(&self, span: Span) -> &'p str {
        self.sources.span_text(span)
    }

    /// The aggregate a column is the unchanged result of.
    fn aggregate_behind(&self, column: ColumnId) -> Option<(NodeId, &'p Aggregate)> {
        let mut column = column;
        // Ids grow along the plan, so every step leads to an earlier column.
        for _ in 0..=self.origins.len() {
            match self.origins.get(&column)? {
                Origin::Aggregate(node, aggregate) => return Some((*node, aggregate)),
                Origin::Alias(other) => column = *other,
                Origin::Computed(Expr { kind: ExprKind::Column(other), .. }) => column = *other,
                Origin::Computed(_) => return None,
            }
        }
        None
    }

    /// The name of a column where a node delivers it.
    fn name(&self, node: NodeId, column: ColumnId) -> Option<String> {
        let found = self.plan.node(node).columns.iter().find(|c| c.id == column)?;
        Some(crate::explain::path_name(&found.path))
    }

    /// Calls `f` on every expression of every node.
    fn for_each_expr(&self, mut f: impl FnMut(NodeId, &'p Expr)) {
        for (i, node) in self.plan.nodes.iter().enumerate() {
            let id = NodeId(u32::try_from(i).unwrap_or(u32::MAX));
            match &node.operator {
                Operator::Filter { predicate, .. } | Operator::Check { predicate, .. } => f(id, predicate),
                Operator::Map { computed, .. } => computed.iter().for_each(|c| f(id, &c.expr)),
                Operator::FlatMap { computed, each, .. } => {
                    computed.iter().chain([each]).for_each(|c| f(id, &c.expr));
                }
                _ => {}
            }
        }
    }
}

/// The parts of a condition that must all be true.
fn conjuncts(e: &Expr) -> Vec<&Expr> {
    match &e.kind {
        ExprKind::And(a, b) => {
            let mut parts = conjuncts(a);
            parts.extend(conjuncts(b));
            parts
        }
        _ => vec![e],
    }
}

/// Calls `f` on an expression and everything inside of it.
fn walk<'e>(e: &'e Expr, f: &mut impl FnMut(&'e Expr)) {
    f(e);
    e.for_each_child(|child| walk(child, f));
}
