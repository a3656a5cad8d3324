//! W4004: a filter with `!=`, `not in` or `!~` on something that may be null. A comparison with null
//! is null, and a filter keeps only true, so rows without a value go too, which few expect.
//!
//! Quiet if the same condition, or a filter before it, says `is not null` of it.

use super::{Facts, conjuncts, walk};
use crate::diagnostic::Diagnostic;
use flow_ir::logical::Operator;
use flow_ir::{Expr, ExprKind, Function, LogicalPlan, NodeId};

pub(super) fn find(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for node in &facts.plan.nodes {
        let Operator::Filter { input, predicate } = &node.operator else { continue };
        for part in conjuncts(predicate) {
            let Some(subject) = denied(part).filter(|e| e.ty.nullable) else { continue };
            if asked(predicate, subject) || asked_before(facts.plan, *input, subject) {
                continue;
            }
            let (x, whole) = (facts.text(subject.span), facts.text(part.span));
            if x.is_empty() || whole.is_empty() || x.contains('\n') {
                continue;
            }
            found.push(
                Diagnostic::warning(
                    "W4004",
                    part.span,
                    format!("rows where `{x}` is null are dropped by this filter"),
                )
                .caption("of null this is null, and filter keeps only true")
                .help(format!("to keep them: {x} is null or {whole}"))
                .help(format!("if they should go, say so: {x} is not null and {whole}")),
            );
        }
    }
}

/// What a condition says something is *not*.
fn denied(e: &Expr) -> Option<&Expr> {
    let ExprKind::Call { function, arguments } = &e.kind else { return None };
    match (function, arguments.as_slice()) {
        (Function::NotEqual, [a, b]) => match (is_literal(a), is_literal(b)) {
            (false, true) => Some(a),
            (true, false) => Some(b),
            _ => None,
        },
        (Function::Not, [inner]) => match &inner.kind {
            ExprKind::Call { function: Function::In | Function::Equal | Function::Matches, arguments } => {
                arguments.first().filter(|x| !is_literal(x))
            }
            _ => None,
        },
        _ => None,
    }
}

fn is_literal(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Literal(_))
}

/// Whether a condition asks if `subject` is null.
fn asked(predicate: &Expr, subject: &Expr) -> bool {
    let mut asked = false;
    walk(predicate, &mut |e| {
        if let ExprKind::IsNull(x) = &e.kind {
            asked = asked || x.kind == subject.kind;
        }
    });
    asked
}

/// Whether a filter on the way to a node has asked so.
fn asked_before(plan: &LogicalPlan, node: NodeId, subject: &Expr) -> bool {
    let mut at = node;
    loop {
        let operator = &plan.node(at).operator;
        if let Operator::Filter { predicate, .. } | Operator::Check { predicate, .. } = operator
            && asked(predicate, subject)
        {
            return true;
        }
        match operator.inputs().as_slice() {
            [input] => at = *input,
            _ => return false,
        }
    }
}
