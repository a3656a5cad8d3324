//! Window functions: what `lag`, `lead`, `row_number`, `rank` and `dense_rank` mean in a `window`.
//!
//! Like aggregates they are taken out of the expressions around them and become columns. Their
//! arguments see the row they belong to; equal calls become one.

use super::aggregate::same_argument;
use super::call::Call;
use super::{Checked, Scope, project, unify};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use flow_ir::window::WindowKind;
use flow_ir::{ColumnId, DataType, Expr, ExprKind, Span, Type};

/// One window function found in the entries of a `window`.
#[derive(Clone, Debug)]
pub(crate) struct WindowCall {
    pub(crate) kind: WindowKind,
    pub(crate) argument: Option<Expr>,
    pub(crate) offset: u64,
    pub(crate) default: Option<Expr>,
    pub(crate) output: ColumnId,
    pub(crate) ty: DataType,
    pub(crate) span: Span,
}

impl<'a> Compiler<'a> {
    pub(super) fn window_function(
        &mut self,
        kind: WindowKind,
        call: Call<'a>,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        let name = kind.name();
        let count = call.count();
        let (fits, takes) = match kind.is_shift() {
            true => ((1..=3).contains(&count), "1 to 3 arguments"),
            false => (count == 0, "no argument"),
        };
        if !fits {
            let message = format!("`{name}` takes {takes}, not {count}");
            let mut diagnostic = Diagnostic::error("F3006", span(call.name.span), message);
            if kind.is_shift() {
                diagnostic = diagnostic.note(format!(
                    "{name}(x): the value one row away; {name}(x, n): n rows away; {name}(x, n, default)"
                ));
            }
            self.report(diagnostic);
            return None;
        }
        self.no_named_arguments(call)?;
        if !kind.is_shift() {
            let ty = kind.result(None, None)?;
            let found = (kind, None, 0, None);
            return Some(Checked::new(self.window_column(found, ty, call.place, scope)?));
        }
        let mut arguments = call.values();
        let argument = self.over_rows(arguments.next()?, scope);
        let offset = match arguments.next() {
            Some(n) => self.constant_count(n, &format!("the second argument of `{name}`")),
            None => Some(1),
        };
        let default = match arguments.next() {
            Some(default) => Some(self.over_rows(default, scope)?),
            None => None,
        };
        let (argument, offset) = (argument?, offset?);
        let (spans, types) = (argument.expr.span, argument.ty().clone());
        let (argument, default) = match default {
            None => (argument.expr, None),
            Some(default) => {
                let (place, ty) = (default.expr.span, default.ty().clone());
                let Ok((mut both, _)) = unify(vec![argument, default]) else {
                    let message = format!("the default of `{name}` is `{ty}`, but the value is `{types}`");
                    let diagnostic = Diagnostic::error("F3001", place, message);
                    self.report(diagnostic.label(place, ty.to_string()).label(spans, types.to_string()));
                    return None;
                };
                let default = both.pop()?;
                (both.pop()?, Some(default))
            }
        };
        if !super::is_storable(&argument.ty) {
            let message = format!("the type of what `{name}` looks up is not known");
            self.report(Diagnostic::error("F3008", argument.span, message).caption(argument.ty.to_string()));
            return None;
        }
        self.shifted(kind, argument, offset, default, call.place, scope).map(Checked::new)
    }

    /// `lag` or `lead` of a value; of a record, that of each of its fields.
    fn shifted(
        &mut self,
        kind: WindowKind,
        argument: Expr,
        offset: u64,
        default: Option<Expr>,
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Expr> {
        let Type::Record(fields) = &argument.ty.kind else {
            let ty = kind.result(Some(&argument.ty), default.as_ref().map(|d| &d.ty))?;
            return self.window_column((kind, Some(argument), offset, default), ty, place, scope);
        };
        let mut parts = Vec::with_capacity(fields.len());
        for i in 0..fields.len() {
            let default = match &default {
                Some(default) => Some(project(default, i)?),
                None => None,
            };
            parts.push(self.shifted(kind, project(&argument, i)?, offset, default, place, scope)?);
        }
        let nullable = argument.ty.nullable || default.is_none_or(|d| d.ty.nullable);
        let types: Vec<DataType> = parts.iter().map(|p| p.ty.clone()).collect();
        let named = fields.iter().zip(types).map(|(f, ty)| flow_ir::Field { name: f.name.clone(), ty });
        let ty = DataType::required(Type::Record(named.collect()));
        if !nullable {
            return Some(Expr { kind: ExprKind::Record(parts), ty, span: place });
        }
        // As everywhere, a record is null exactly if all of its fields are.
        let present = parts.iter().map(|p| {
            let is_null = super::bool_expr(ExprKind::IsNull(Box::new(p.clone())), false, place);
            super::not(is_null, place)
        });
        let present = super::choice::any(present.collect(), place)?;
        let whole = ty.with_nullable(true);
        let record = Expr { kind: ExprKind::Record(parts), ty, span: place };
        Some(super::choice::choose(present, record, super::null(whole.kind.clone(), place), &whole, place))
    }

    /// The column of a call, shared by equal calls.
    fn window_column(
        &mut self,
        (kind, argument, offset, default): (WindowKind, Option<Expr>, u64, Option<Expr>),
        ty: DataType,
        span: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Expr> {
        let calls = scope.aggregation.as_mut()?.window.as_mut()?;
        let known = calls.iter().find(|c| {
            (c.kind, c.offset) == (kind, offset)
                && same_argument(&c.argument, &argument)
                && same_argument(&c.default, &default)
        });
        let output = match known {
            Some(known) => known.output,
            None => {
                let output = self.plan.fresh_column();
                calls.push(WindowCall { kind, argument, offset, default, output, ty: ty.clone(), span });
                output
            }
        };
        Some(Expr::column(output, ty, span))
    }

    /// `lag(x)` where there are no rows around it.
    pub(super) fn misplaced_window_function(&mut self, kind: WindowKind, place: Span) {
        let name = kind.name();
        let message = format!("`{name}` looks at the rows around it, and here is one row");
        self.report(Diagnostic::error("F3010", place, message).help(format!(
            "add it as a field first: window {} {{ field: {name}({}) }}",
            "sort ...",
            if kind.is_shift() { "x" } else { "" }
        )));
    }
}
