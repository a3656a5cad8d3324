//! `reduce(x, (a, b) -> e)` and `fold(z, x, step: (acc, x) -> e, merge: (a, b) -> e)`.
//!
//! The functions see their two parameters and `$` values. The accumulator's type is the least one
//! that the start (or the values) and every result convert to; it is found by typing the step again
//! with a wider accumulator until its result fits.

use super::call::Call;
use super::{Checked, Local, Scope, convert, is_storable, reducer_forms};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::laws;
use crate::optimize::fallible::can_fail;
use flow_grammar::ast::{self, ExprKind as Ast};
use flow_ir::{AggregateKind, DataType, Detail, Expr, ExprKind, Field, LocalId, Reducer, Span, Type};
use std::collections::BTreeSet;

/// How often the accumulator may get a wider type.
const WIDER_MAX: usize = 8;

/// A function of two values as written.
#[derive(Clone, Copy)]
struct Lambda<'a> {
    params: &'a [ast::Name],
    body: &'a ast::Expr,
}

/// The arguments of a `reduce` or `fold`.
struct Arguments<'a> {
    start: Option<&'a ast::Expr>,
    value: &'a ast::Expr,
    step: Lambda<'a>,
    merge: Option<Lambda<'a>>,
}

impl<'a> Compiler<'a> {
    pub(super) fn reducer(
        &mut self,
        kind: AggregateKind,
        call: Call<'a>,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        let arguments = self.reducer_arguments(kind, call)?;
        let value = self.aggregated(arguments.value, scope);
        let start = match arguments.start {
            Some(e) => Some(self.expr(e, &mut Scope::constant())?),
            None => None,
        };
        let value = value?;
        if !is_storable(&value.ty) {
            let message = "the type of this value is not known";
            self.report(Diagnostic::error("F3008", span(arguments.value.span), message));
            return None;
        }
        let step = span(arguments.step.body.span);
        let merge = arguments.merge.map_or(step, |m| span(m.body.span));
        let (value, reducer) = self.accumulate(value, start, arguments)?;
        let findings = laws::check(&reducer, &value.ty, reducer_forms::form(&reducer, &value).is_some());
        let text = self.text(value.span).to_owned();
        let suggestion = reducer_forms::suggestion(&reducer, &value, &text);
        let stop = findings.iter().any(laws::Finding::is_error);
        for finding in findings {
            let places = (step, merge, text.as_str(), suggestion.as_deref());
            self.report(laws::diagnostic(&finding, &reducer, places));
        }
        if stop {
            return None;
        }
        if let Some(form) = reducer_forms::form(&reducer, &value) {
            return self.recognised(form, &reducer, value, call.place, scope).map(Checked::new);
        }
        let detail = Detail::Reducer(Box::new(reducer));
        self.add_aggregate((kind, Some(value), None, detail), call.place, scope).map(Checked::new)
    }

    fn reducer_arguments(&mut self, kind: AggregateKind, call: Call<'a>) -> Option<Arguments<'a>> {
        let mut plain =
            call.receiver.into_iter().chain(call.args.iter().filter(|a| a.name.is_none()).map(|a| &a.value));
        if kind == AggregateKind::Reduce {
            if let Some(arg) = call.args.iter().find(|a| a.name.is_some()) {
                let message = "`reduce` has no argument with a name";
                self.report(
                    Diagnostic::error("F3006", span(arg.span), message)
                        .help("reduce(x, (a, b) -> ...); with a start and a step: fold(z, x, step: ...)"),
                );
                return None;
            }
            let (value, step) = (plain.next()?, plain.next()?);
            let step = self.two_values(step, "reduce(x, (a, b) -> ...)")?;
            return Some(Arguments { start: None, value, step, merge: None });
        }
        let usage = "fold(z, x, step: (acc, x) -> ..., merge: (a, b) -> ...)";
        let named = |name: &str| {
            call.args.iter().find(|a| a.name.as_ref().is_some_and(|n| n.text == name)).map(|a| &a.value)
        };
        let unknown = call
            .args
            .iter()
            .find(|a| a.name.as_ref().is_some_and(|n| !matches!(n.text.as_str(), "step" | "merge")));
        let (start, value, more, step) = (plain.next(), plain.next(), plain.next(), named("step"));
        let (Some(start), Some(value), None, Some(step), None) = (start, value, more, step, unknown) else {
            let place = unknown.map_or(span(call.name.span), |a| span(a.span));
            let message = "`fold` takes a start, a value, and functions called `step` and `merge`";
            self.report(Diagnostic::error("F3006", place, message).help(usage));
            return None;
        };
        let step = self.two_values(step, usage)?;
        let merge = match named("merge") {
            Some(merge) => Some(self.two_values(merge, usage)?),
            None => None,
        };
        Some(Arguments { start: Some(start), value, step, merge })
    }

    /// A lambda of two parameters.
    fn two_values(&mut self, e: &'a ast::Expr, usage: &str) -> Option<Lambda<'a>> {
        match &e.kind {
            Ast::Lambda { params, body } if params.len() == 2 => Some(Lambda { params, body }),
            Ast::Lambda { params, .. } => {
                let message = format!("this function needs 2 parameters, not {}", params.len());
                self.report(Diagnostic::error("F3006", span(e.span), message).help(usage));
                None
            }
            _ => {
                let message = "a function of two values is needed here";
                self.report(Diagnostic::error("F3015", span(e.span), message).help(usage));
                None
            }
        }
    }

    /// Finds the type of the accumulator; returns the value as it takes it.
    fn accumulate(
        &mut self,
        value: Expr,
        start: Option<Checked>,
        arguments: Arguments<'a>,
    ) -> Option<(Expr, Reducer)> {
        let item = value.ty.with_nullable(false);
        let mut acc = start.as_ref().map_or_else(|| item.clone(), |z| z.ty().clone());
        for _ in 0..WIDER_MAX {
            let second = if start.is_some() { item.clone() } else { acc.clone() };
            let (parameters, result) = self.function(arguments.step, [acc.clone(), second])?;
            let place = span(arguments.step.body.span);
            let Some(both) = convert::common(&acc, result.ty()) else {
                let message = format!("the result is `{}`, but it goes on with `{acc}`", result.ty());
                self.report(Diagnostic::error("F3001", place, message).caption(result.ty().to_string()));
                return None;
            };
            if both != acc {
                acc = widest(&both);
                continue;
            }
            let step = self.lambda_of(parameters, result, &acc, place)?;
            let merge = match arguments.merge {
                Some(merge) => {
                    let (parameters, result) = self.function(merge, [acc.clone(), acc.clone()])?;
                    Some(self.lambda_of(parameters, result, &acc, span(merge.body.span))?)
                }
                None => None,
            };
            return self.finished(value, start, step, merge, acc);
        }
        let place = span(arguments.step.body.span);
        let message = format!("the accumulator has no type: each step makes it wider, at last `{acc}`");
        self.report(Diagnostic::error("F3001", place, message));
        None
    }

    /// Types a function of two values of the given types.
    fn function(&mut self, lambda: Lambda<'a>, types: [DataType; 2]) -> Option<([LocalId; 2], Checked)> {
        let ids = [self.fresh_local(), self.fresh_local()];
        let mut scope = Scope::constant();
        for ((param, id), ty) in lambda.params.iter().zip(ids).zip(types) {
            let value = Checked::new(Expr { kind: ExprKind::Local(id), ty, span: span(param.span) });
            scope.locals.push(Local { name: param.text.clone(), value: Some(value) });
        }
        let result = self.expr(lambda.body, &mut scope)?;
        if !scope.datasets.is_empty() {
            let message = "a value that is computed from data cannot stand here";
            self.report(
                Diagnostic::error("F3016", span(lambda.body.span), message)
                    .note("the function of a reduction must be known before any data is read"),
            );
            return None;
        }
        Some((ids, result))
    }

    fn lambda_of(
        &mut self,
        parameters: [LocalId; 2],
        result: Checked,
        acc: &DataType,
        place: Span,
    ) -> Option<Expr> {
        let ty = result.ty().clone();
        match convert::fit(result, &acc.kind) {
            Ok(body) if flow_ir::typing::fits(&body.ty, acc) => {
                let ty = body.ty.clone();
                let kind = ExprKind::Lambda { parameters: parameters.to_vec(), body: Box::new(body) };
                Some(Expr { kind, ty, span: place })
            }
            _ => {
                let message = format!("the result is `{ty}`, but the accumulator is `{acc}`");
                self.report(Diagnostic::error("F3001", place, message).caption(ty.to_string()));
                None
            }
        }
    }

    fn finished(
        &mut self,
        value: Expr,
        start: Option<Checked>,
        step: Expr,
        merge: Option<Expr>,
        accumulator: DataType,
    ) -> Option<(Expr, Reducer)> {
        let place = value.span;
        let no_fit = |ty: &DataType| {
            Diagnostic::error("F3001", place, format!("`{ty}` does not become `{accumulator}`"))
        };
        let (value, start) = match start {
            None => match convert::fit(Checked::new(value), &accumulator.kind) {
                Ok(value) => (value, None),
                Err(value) => {
                    self.report(no_fit(value.ty()));
                    return None;
                }
            },
            Some(start) => match convert::fit(start, &accumulator.kind) {
                Ok(start) => (value, Some(self.constant_value(Checked::new(start))?)),
                Err(start) => {
                    self.report(no_fit(start.ty()));
                    return None;
                }
            },
        };
        let safe = |e: &Expr| !can_fail(e, &BTreeSet::new()) && !reducer_forms::rounds(e);
        let in_parts = (start.is_none() || merge.is_some()) && safe(&step) && merge.iter().all(safe);
        Some((value, Reducer { start, step, merge, accumulator, in_parts }))
    }
}

/// The type with room for sums of decimals.
fn widest(ty: &DataType) -> DataType {
    let kind = match &ty.kind {
        Type::Decimal { scale, .. } => Type::Decimal { precision: 38, scale: *scale },
        Type::Record(fields) => {
            Type::Record(fields.iter().map(|f| Field { name: f.name.clone(), ty: widest(&f.ty) }).collect())
        }
        other => other.clone(),
    };
    DataType { kind, nullable: ty.nullable }
}
