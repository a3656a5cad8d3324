//! Aggregates: what the entries of `reduce` and `reduce_by_key` compute over many rows.
//!
//! An entry is any expression over aggregates, keys and `$` values; the aggregates are taken out of
//! it and become columns. Invariant: equal aggregates become one.

use super::call::Call;
use super::{Checked, Scope};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::row::Row;
use flow_grammar::ast::{self, ExprKind as Ast};
use flow_ir::{AggregateKind, ColumnId, DataType, Expr, Span};

/// What the entries of an aggregation see, and the aggregates found in them.
#[derive(Debug)]
pub(crate) struct Aggregation<'r> {
    /// The rows that are aggregated.
    pub(crate) row: &'r Row,
    /// The keys under the names they have in the result.
    pub(crate) keys: Row,
    /// The keys as written, for messages.
    pub(crate) keys_text: String,
    /// Whether a group may have no rows.
    pub(crate) may_be_empty: bool,
    /// The aggregates so far.
    pub(crate) calls: Vec<AggregateCall>,
}

/// One aggregate.
#[derive(Clone, Debug)]
pub(crate) struct AggregateCall {
    pub(crate) kind: AggregateKind,
    /// What it aggregates; `None` for `count()`.
    pub(crate) argument: Option<Expr>,
    pub(crate) output: ColumnId,
    pub(crate) ty: DataType,
    pub(crate) span: Span,
}

impl<'a> Compiler<'a> {
    pub(super) fn aggregate(
        &mut self,
        kind: AggregateKind,
        call: Call<'a>,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        let (least, most) = if kind == AggregateKind::Count { (0, 1) } else { (1, 1) };
        let count = call.count();
        if count < least || count > most {
            let takes = if least == most { "1 argument" } else { "at most 1 argument" };
            let message = format!("`{}` takes {takes}, not {count}", kind.name());
            let mut diagnostic = Diagnostic::error("F3006", span(call.name.span), message);
            if count == 2 && matches!(kind, AggregateKind::Min | AggregateKind::Max) {
                let other = if kind == AggregateKind::Min { "least" } else { "greatest" };
                diagnostic = diagnostic.help(format!("of several values of one row: {other}(a, b)"));
            }
            self.report(diagnostic);
            return None;
        }
        if let Some(arg) = call.args.iter().find(|a| a.name.is_some()) {
            let message = format!("`{}` has no argument with a name", kind.name());
            self.report(Diagnostic::error("F3006", span(arg.span), message));
            return None;
        }
        let argument = match call.values().next() {
            Some(e) => Some(self.aggregated(kind, e, scope)?),
            None => None,
        };
        let aggregation = scope.aggregation.as_mut()?;
        let ty = argument.as_ref().map(|a| &a.ty);
        let Some(ty) = kind.result(ty, aggregation.may_be_empty) else {
            let ty = argument.as_ref().map_or_else(String::new, |a| a.ty.to_string());
            let place = argument.as_ref().map_or(call.place, |a| a.span);
            let message = format!("`{}` cannot aggregate `{ty}`", kind.name());
            self.report(Diagnostic::error("F3001", place, message).caption(ty));
            return None;
        };
        let known =
            aggregation.calls.iter().find(|c| c.kind == kind && same_argument(&c.argument, &argument));
        let output = match known {
            Some(known) => known.output,
            None => {
                let output = self.plan.fresh_column();
                let ty = ty.clone();
                aggregation.calls.push(AggregateCall { kind, argument, output, ty, span: call.place });
                output
            }
        };
        Some(Checked::new(Expr::column(output, ty, call.place)))
    }

    /// The argument of an aggregate, which sees the rows.
    fn aggregated(&mut self, kind: AggregateKind, e: &'a ast::Expr, scope: &mut Scope<'_>) -> Option<Expr> {
        let aggregation = scope.aggregation.take();
        let outer = scope.row;
        // The rows outlive this call, but not the scope's own lifetime parameter: a scope made
        // for the argument keeps the two apart.
        let value = match &aggregation {
            Some(aggregation) => {
                let mut inner = Scope {
                    row: Some(aggregation.row),
                    locals: std::mem::take(&mut scope.locals),
                    datasets: std::mem::take(&mut scope.datasets),
                    function: scope.function,
                    depth: scope.depth,
                    too_deep: scope.too_deep,
                    ..Scope::default()
                };
                let value = self.expr(e, &mut inner);
                scope.locals = inner.locals;
                scope.datasets = inner.datasets;
                scope.too_deep = inner.too_deep;
                value
            }
            None => None,
        };
        scope.row = outer;
        scope.aggregation = aggregation;
        let value = value?;
        if let Ast::Lambda { .. } = e.kind {
            return None;
        }
        if matches!(value.ty().kind, flow_ir::Type::Record(_)) {
            let place = span(e.span);
            self.not_yet("F4913", place, &format!("`{}` of a record", kind.name()));
            return None;
        }
        Some(value.expr)
    }

    /// `city` in `reduce_by_key country { city }`.
    pub(super) fn report_plain_field(&mut self, names: &[&ast::Name], aggregation: &Aggregation<'_>) {
        let path = names.iter().map(|n| n.text.as_str()).collect::<Vec<_>>().join(".");
        let (Some(first), Some(last)) = (names.first(), names.last()) else { return };
        let place = span(first.span.to(last.span));
        let keys = &aggregation.keys_text;
        let name = &last.text;
        let mut diagnostic = if keys.is_empty() {
            Diagnostic::error(
                "F3004",
                place,
                format!("`{path}` has a value in every row, and the result is one row"),
            )
            .help(format!("for one result for each: reduce_by_key {path} {{ ... }}"))
        } else {
            Diagnostic::error("F3004", place, format!("`{path}` has many values per `{keys}`"))
                .help(format!("to group by it too: reduce_by_key {keys}, {path} {{ ... }}"))
        };
        diagnostic = diagnostic.help(format!("to pick one: {name}: min({path}), first({path})"));
        self.report(diagnostic);
    }
}

/// Whether two arguments compute the same thing, wherever they stand.
fn same_argument(a: &Option<Expr>, b: &Option<Expr>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => without_spans(a) == without_spans(b),
        _ => false,
    }
}

fn without_spans(e: &Expr) -> Expr {
    let mut e = e.clone();
    clear_spans(&mut e);
    e
}

fn clear_spans(e: &mut Expr) {
    e.span = Span::default();
    e.for_each_child_mut(clear_spans);
}
