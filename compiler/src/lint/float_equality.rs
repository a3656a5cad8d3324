//! W4009: `==` or `!=` between computed floats. `0.1 + 0.2 == 0.3` is false.
//!
//! Quiet where the numbers are compared as they were read, and beside whole numbers, infinities and
//! other values that computations hit exactly.

use super::{Facts, Origin, walk};
use crate::diagnostic::Diagnostic;
use flow_ir::{Expr, ExprKind, Function, Type, Value};

pub(super) fn find(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    facts.for_each_expr(|_, root| {
        walk(root, &mut |e| {
            let ExprKind::Call { function: function @ (Function::Equal | Function::NotEqual), arguments } =
                &e.kind
            else {
                return;
            };
            let [a, b] = arguments.as_slice() else { return };
            let floats = a.ty.kind == Type::Float && b.ty.kind == Type::Float;
            if !floats || is_exact(a) || is_exact(b) || !(is_rounded(facts, a) || is_rounded(facts, b)) {
                return;
            }
            let (x, y) = (facts.text(a.span), facts.text(b.span));
            let y = if y.contains(' ') { format!("({y})") } else { y.to_owned() };
            let (word, sign) =
                if *function == Function::Equal { ("equal", "<") } else { ("different", ">=") };
            found.push(
                Diagnostic::warning("W4009", e.span, "computed floats are compared exactly")
                    .note(format!("rounding decides whether they are {word}: 0.1 + 0.2 == 0.3 is false"))
                    .help(format!("allow for it: abs({x} - {y}) {sign} 1e-9, or compute with decimals")),
            );
        });
    });
}

/// Whether a value is one that computations hit exactly.
fn is_exact(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Literal(Value::Float(x)) => !x.is_finite() || x.fract() == 0.0,
        ExprKind::Call { function: Function::Round | Function::Floor | Function::Ceil, .. } => true,
        ExprKind::Call { function: Function::ToFloat, arguments } => {
            arguments.first().is_some_and(|x| x.ty.kind == Type::Int)
        }
        _ => false,
    }
}

/// Whether a value is the rounded result of a computation.
fn is_rounded(facts: &Facts<'_>, e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Call { function, .. } => matches!(
            function,
            Function::Add
                | Function::Subtract
                | Function::Multiply
                | Function::Divide
                | Function::Power
                | Function::Sqrt
                | Function::Exp
                | Function::Ln
                | Function::Log10
                | Function::Sin
                | Function::Cos
                | Function::Tan
                | Function::Asin
                | Function::Acos
                | Function::Atan
                | Function::Atan2
        ),
        // One step back is enough: what a column computes from columns is rounded there.
        ExprKind::Column(id) => match facts.origins.get(id) {
            Some(Origin::Computed(inner)) => {
                !matches!(inner.kind, ExprKind::Column(_)) && is_rounded(facts, inner)
            }
            Some(Origin::Aggregate(_, a)) => {
                matches!(a.kind, flow_ir::AggregateKind::Mean | flow_ir::AggregateKind::Sum)
            }
            _ => false,
        },
        _ => false,
    }
}
