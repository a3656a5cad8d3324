//! `if` and `match`: one of several values, chosen by conditions.
//!
//! A `match` becomes nested `If`s. Invariant: the subject of a `match` is computed once.

use super::{Checked, Scope, bool_expr, convert};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use flow_grammar::ast::{self, ExprKind as Ast, Pattern};
use flow_ir::{DataType, Expr, ExprKind, Function, Span};

/// More arms would nest deeper than the phases after this one like to recurse.
const ARMS_MAX: usize = 200;

impl<'a> Compiler<'a> {
    pub(super) fn if_else(
        &mut self,
        condition: &'a ast::Expr,
        then_value: &'a ast::Expr,
        else_value: &'a ast::Expr,
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        let condition = self.condition(condition, "`if`", scope);
        let then = self.expr(then_value, scope);
        let otherwise = self.expr(else_value, scope);
        let (condition, then, otherwise) = (condition?, then?, otherwise?);
        let (mut values, ty) = self.branches(vec![then, otherwise], place)?;
        let otherwise = values.pop()?;
        let then = values.pop()?;
        Some(Checked::new(choose(condition, then, otherwise, &ty, place)))
    }

    /// Gives the values of all branches one type.
    fn branches(&mut self, values: Vec<Checked>, place: Span) -> Option<(Vec<Expr>, DataType)> {
        let spans: Vec<Span> = values.iter().map(|v| v.expr.span).collect();
        let types: Vec<DataType> = values.iter().map(|v| v.ty().clone()).collect();
        match convert::unify(values) {
            Ok(unified) => Some(unified),
            Err((first, other)) => {
                let message =
                    format!("these values have different types, `{}` and `{}`", types[first], types[other]);
                self.report(
                    Diagnostic::error("F3001", place, message)
                        .label(spans[first], types[first].to_string())
                        .label(spans[other], types[other].to_string()),
                );
                None
            }
        }
    }

    pub(super) fn match_arms(
        &mut self,
        subject: Option<&'a ast::Expr>,
        arms: &'a [ast::Arm],
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        let subject = subject.map(|e| self.expr(e, scope));
        let arms = self.reachable(arms, place)?;
        // A subject that is more than a name is computed once and bound.
        let (binding, subject) = match subject {
            Some(Some(value)) if !is_cheap(&value.expr) => {
                let local = self.fresh_local();
                let name = Expr { kind: ExprKind::Local(local), ..value.expr.clone() };
                (Some((local, value.expr)), Some(Some(Checked::new(name))))
            }
            other => (None, other),
        };
        let mut conditions = Vec::with_capacity(arms.len());
        let mut values = Vec::with_capacity(arms.len());
        let mut failed = matches!(subject, Some(None));
        let depth = scope.depth;
        for arm in arms {
            // Every arm is nested in the one before.
            scope.depth += 1;
            if let Pattern::Any(patterns) = &arm.pattern {
                let condition = self.pattern(subject.as_ref(), patterns, span(arm.span), scope);
                failed |= condition.is_none();
                conditions.extend(condition);
            }
            let value = self.expr(&arm.value, scope);
            failed |= value.is_none();
            values.extend(value);
        }
        scope.depth = depth;
        if failed {
            return None;
        }
        let (mut values, ty) = self.branches(values, place)?;
        let mut result = values.pop()?;
        for (condition, value) in conditions.into_iter().rev().zip(values.into_iter().rev()) {
            result = choose(condition, value, result, &ty, place);
        }
        if let Some((local, value)) = binding {
            let ty = result.ty.clone();
            let kind = ExprKind::Let { local, value: Box::new(value), body: Box::new(result) };
            result = Expr { kind, ty, span: place };
        }
        Some(Checked::new(result))
    }

    /// The arms up to the one with `_`, which must be there.
    fn reachable(&mut self, arms: &'a [ast::Arm], place: Span) -> Option<&'a [ast::Arm]> {
        if arms.len() > ARMS_MAX {
            let message = format!("a `match` has at most {ARMS_MAX} arms, this one has {}", arms.len());
            self.report(
                Diagnostic::error("F4011", place, message).help("read the table as a file and join with it"),
            );
            return None;
        }
        let Some(last) = arms.iter().position(|a| matches!(a.pattern, Pattern::Wildcard(_))) else {
            self.report(
                Diagnostic::error("F3007", place, "this `match` does not say what happens otherwise")
                    .help("end it with an arm `_ => ...`; `_ => null` if there is no other value"),
            );
            return None;
        };
        if let Some(next) = arms.get(last + 1) {
            self.report(
                Diagnostic::error("F4014", span(next.span), "this arm is never reached")
                    .label(span(arms[last].span), "`_` matches everything before it"),
            );
        }
        arms.get(..=last)
    }

    /// Whether the subject (or, without one, the condition) is one of the patterns.
    fn pattern(
        &mut self,
        subject: Option<&Option<Checked>>,
        patterns: &'a [ast::Expr],
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Expr> {
        let mut tests = Vec::with_capacity(patterns.len());
        let mut failed = false;
        for pattern in patterns {
            let test = match subject {
                None => self.condition(pattern, "an arm of a `match` without a subject", scope),
                Some(Some(subject)) => self.pattern_test(subject, pattern, scope),
                Some(None) => None,
            };
            failed |= test.is_none();
            tests.extend(test);
        }
        if failed { None } else { any(tests, place) }
    }

    fn pattern_test(
        &mut self,
        subject: &Checked,
        pattern: &'a ast::Expr,
        scope: &mut Scope<'_>,
    ) -> Option<Expr> {
        let place = span(pattern.span);
        match &pattern.kind {
            Ast::Null => {
                let kind = ExprKind::IsNull(Box::new(subject.expr.clone()));
                Some(bool_expr(kind, false, place))
            }
            Ast::Range { low, high, op_span } => {
                let low = self.expr(low, scope);
                let high = self.expr(high, scope);
                self.between(subject.clone(), low?, high?, span(*op_span), place)
            }
            _ => {
                let value = self.expr(pattern, scope)?;
                let types = (subject.ty().clone(), value.ty().clone());
                let values = convert::adapt(vec![subject.clone(), value]);
                match self.try_native(Function::Equal, values, place) {
                    Ok(test) => Some(test?.expr),
                    Err(_) => {
                        let message = format!("cannot compare `{}` and `{}`", types.0, types.1);
                        self.report(
                            Diagnostic::error("F3001", place, message)
                                .caption(types.1.to_string())
                                .label(subject.expr.span, types.0.to_string()),
                        );
                        None
                    }
                }
            }
        }
    }
}

/// Whether computing it twice costs nothing.
pub(super) fn is_cheap(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Column(_) | ExprKind::Literal(_) | ExprKind::Local(_) => true,
        ExprKind::Field(record, _) => is_cheap(record),
        ExprKind::Record(items) => items.iter().all(is_cheap),
        _ => false,
    }
}

/// `if condition then a else b`, both of type `ty`.
pub(super) fn choose(condition: Expr, then: Expr, otherwise: Expr, ty: &DataType, place: Span) -> Expr {
    let nullable = then.ty.nullable || otherwise.ty.nullable;
    let kind =
        ExprKind::If { condition: Box::new(condition), then: Box::new(then), otherwise: Box::new(otherwise) };
    Expr { kind, ty: ty.with_nullable(nullable), span: place }
}

/// `a or b or c`.
pub(super) fn any(tests: Vec<Expr>, place: Span) -> Option<Expr> {
    balanced(tests, place, ExprKind::Or)
}

/// `And` or `Or`.
pub(super) type Connective = fn(Box<Expr>, Box<Expr>) -> ExprKind;

/// Several conditions in one, as a balanced tree in the same order, so that long lists do not nest
/// deeply.
pub(super) fn balanced(mut tests: Vec<Expr>, place: Span, join: Connective) -> Option<Expr> {
    while tests.len() > 1 {
        let mut next = Vec::with_capacity(tests.len().div_ceil(2));
        let mut rest = tests.into_iter();
        while let Some(a) = rest.next() {
            next.push(match rest.next() {
                Some(b) => {
                    let nullable = a.ty.nullable || b.ty.nullable;
                    bool_expr(join(Box::new(a), Box::new(b)), nullable, place)
                }
                None => a,
            });
        }
        tests = next;
    }
    tests.pop()
}
