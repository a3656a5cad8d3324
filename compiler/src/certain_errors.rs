//! Expressions that are an error in every row: found before a row is read, and blamed on no row.
//!
//! Works on a copy of the plan from which unused columns are gone and in which constants are folded. Invariant: what
//! is reported is computed for every row that reaches its stage, and nothing there forgives it: no `try`, no branch,
//! no right side of `and`, `or` and `??`, no body of a lambda.

use crate::diagnostic::Diagnostic;
use crate::optimize;
use flow_ir::eval::{NoRow, eval};
use flow_ir::logical::Operator;
use flow_ir::{ColumnId, Expr, ExprKind, Function, LogicalPlan, Span};
use std::collections::BTreeMap;

/// What is wrong, and where.
type Failure = (String, Span);

/// The errors that every row would meet, in the order of the plan.
pub(crate) fn certain_errors(plan: &LogicalPlan) -> Vec<Diagnostic> {
    let plan = optimize::folded(plan);
    let mut failing: BTreeMap<ColumnId, Failure> = BTreeMap::new();
    let mut found: Vec<Failure> = Vec::new();
    for node in &plan.nodes {
        match &node.operator {
            Operator::Filter { predicate, .. } | Operator::Check { predicate, .. } => {
                found.extend(failure(predicate, &failing));
            }
            Operator::Map { computed, .. } => {
                let new: Vec<_> =
                    computed.iter().filter_map(|c| Some((c.id, failure(&c.expr, &failing)?))).collect();
                failing.extend(new);
            }
            Operator::FlatMap { each, .. } => found.extend(failure(&each.expr, &failing)),
            // These need the columns that they read, in every row.
            Operator::Sort { keys, .. } => {
                found.extend(keys.iter().filter_map(|k| failing.get(&k.column).cloned()));
            }
            Operator::ReduceByKey { keys, aggregates, .. } => {
                let read = aggregates.iter().flat_map(|a| a.reads()).chain(keys.iter().copied());
                found.extend(read.filter_map(|id| failing.get(&id).cloned()));
            }
            Operator::Write { sink, .. } => {
                found.extend(sink.columns.iter().filter_map(|c| failing.get(&c.id).cloned()));
            }
            _ => {}
        }
    }
    let mut diagnostics: Vec<Diagnostic> = Vec::new();
    for (message, span) in found {
        if !diagnostics.iter().any(|d| d.span == span) {
            diagnostics.push(
                Diagnostic::error("F4013", span, message)
                    .caption("an error in every row")
                    .help("correct it, or write try(...) if null will do"),
            );
        }
    }
    diagnostics
}

/// Why `e` is an error whatever the row, if it is.
fn failure(e: &Expr, failing: &BTreeMap<ColumnId, Failure>) -> Option<Failure> {
    match &e.kind {
        ExprKind::Column(id) => failing.get(id).cloned(),
        ExprKind::Call { function, arguments } => {
            let of_arguments = arguments.iter().find_map(|a| failure(a, failing));
            of_arguments.or_else(|| own_failure(*function, e, arguments))
        }
        ExprKind::And(a, _) | ExprKind::Or(a, _) | ExprKind::Coalesce(a, _) | ExprKind::IsNull(a) => {
            failure(a, failing)
        }
        ExprKind::If { condition, .. } => failure(condition, failing),
        ExprKind::Same(a, b) => failure(a, failing).or_else(|| failure(b, failing)),
        ExprKind::List(items) | ExprKind::Record(items) => items.iter().find_map(|e| failure(e, failing)),
        ExprKind::Literal(_)
        | ExprKind::Local(_)
        | ExprKind::Try(_)
        | ExprKind::Field(..)
        | ExprKind::Let { .. }
        | ExprKind::Lambda { .. } => None,
    }
}

/// Why a call of constants, which could not be folded, is an error.
fn own_failure(function: Function, e: &Expr, arguments: &[Expr]) -> Option<Failure> {
    let known = arguments.iter().all(|a| matches!(a.kind, ExprKind::Literal(_)));
    // Their results may be too large to try.
    let large =
        matches!(function, Function::Repeat | Function::PadLeft | Function::PadRight | Function::Range);
    if !known || large {
        return None;
    }
    let error = eval(e, &NoRow, flow_stdlib::library()).err()?;
    Some((error.message, e.span))
}
