//! Aggregates: what the entries of `reduce` and `reduce_by_key` compute over many rows.
//!
//! An entry is any expression over aggregates, keys and `$` values; the aggregates are taken out of
//! it and become columns. Invariant: equal aggregates become one.

use super::call::Call;
use super::window::WindowCall;
use super::{Checked, Scope};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::row::Row;
use flow_grammar::ast;
use flow_ir::{Aggregate, AggregateKind, ColumnId, DataType, Detail, Expr, Span, Type, Value};

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
    /// In a `window`, whose entries also see the fields of the row: its other functions so far.
    pub(crate) window: Option<Vec<WindowCall>>,
}

/// One aggregate.
#[derive(Clone, Debug)]
pub(crate) struct AggregateCall {
    pub(crate) kind: AggregateKind,
    /// What it aggregates; `None` for `count()`.
    pub(crate) argument: Option<Expr>,
    /// By what it chooses a row.
    pub(crate) by: Option<Expr>,
    /// What else it needs to know.
    pub(crate) detail: Detail,
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
        self.argument_count(kind, call)?;
        if matches!(kind, AggregateKind::Reduce | AggregateKind::Fold) {
            return self.reducer(kind, call, scope);
        }
        if let Some(arg) = call.args.iter().find(|a| a.name.is_some()) {
            let message = format!("`{}` has no argument with a name", kind.name());
            self.report(Diagnostic::error("F3006", span(arg.span), message));
            return None;
        }
        let mut values = call.values();
        let argument = match values.next() {
            Some(e) => Some(self.aggregated(e, scope)?),
            None => None,
        };
        let (by, detail) = match (kind, values.next()) {
            (AggregateKind::MinBy | AggregateKind::MaxBy, Some(e)) => {
                (Some(self.aggregated(e, scope)?), Detail::None)
            }
            (AggregateKind::Quantile, Some(e)) => (None, self.quantile(e)?),
            (AggregateKind::JoinText, Some(e)) => {
                (None, Detail::Separator(self.constant_text(e, "the separator")?.into()))
            }
            _ => (None, Detail::None),
        };
        let expr = self.add_aggregate((kind, argument, by, detail), call.place, scope)?;
        Some(Checked::new(expr))
    }

    fn argument_count(&mut self, kind: AggregateKind, call: Call<'a>) -> Option<()> {
        let (least, most, takes) = match kind {
            AggregateKind::Count => (0, 1, "at most 1 argument"),
            AggregateKind::MinBy | AggregateKind::MaxBy => (2, 2, "a value and what to choose by"),
            AggregateKind::Quantile => (2, 2, "a value and a number from 0 to 1"),
            AggregateKind::JoinText => (2, 2, "a text and a separator"),
            AggregateKind::Reduce => (2, 2, "a value and a function of two values"),
            AggregateKind::Fold => (3, 4, "a start, a value, `step:` and perhaps `merge:`"),
            _ => (1, 1, "1 argument"),
        };
        let count = call.count();
        if (least..=most).contains(&count) {
            return Some(());
        }
        let message = format!("`{}` takes {takes}, not {count}", kind.name());
        let mut diagnostic = Diagnostic::error("F3006", span(call.name.span), message);
        let other = match kind {
            AggregateKind::Min => Some("least"),
            AggregateKind::Max => Some("greatest"),
            _ => None,
        };
        if let (Some(other), 2) = (other, count) {
            diagnostic = diagnostic.help(format!("of several values of one row: {other}(a, b)"));
        }
        diagnostic = match kind {
            AggregateKind::Reduce => diagnostic.help("reduce(x, (a, b) -> a + b)"),
            AggregateKind::Fold => diagnostic.help("fold(0, x, step: (acc, x) -> acc + x)"),
            _ => diagnostic,
        };
        self.report(diagnostic);
        None
    }

    /// The `q` of `quantile(x, q)`.
    fn quantile(&mut self, e: &'a ast::Expr) -> Option<Detail> {
        let value = self.expr(e, &mut Scope::constant())?;
        let place = span(e.span);
        let wrong = |found: String| {
            Diagnostic::error("F3012", place, format!("a quantile is a number from 0 to 1, not {found}"))
        };
        let ty = value.ty().to_string();
        let Ok(expr) = super::convert::fit(value, &Type::Float) else {
            self.report(wrong(format!("`{ty}`")));
            return None;
        };
        match self.constant_value(Checked::new(expr))? {
            Value::Float(q) if (0.0..=1.0).contains(&q) => Some(Detail::Quantile(q)),
            other => {
                self.report(wrong(flow_ir::text::display(&other)));
                None
            }
        }
    }

    /// The column of an aggregate, which may be there already.
    pub(super) fn add_aggregate(
        &mut self,
        (kind, argument, by, detail): (AggregateKind, Option<Expr>, Option<Expr>, Detail),
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Expr> {
        let aggregation = scope.aggregation.as_mut()?;
        let unknown = DataType::required(Type::Null);
        let mut aggregate = Aggregate::new(ColumnId(0), kind, None, unknown, place);
        aggregate.detail = detail;
        let types = [&argument, &by].map(|e| e.as_ref().map(|e| &e.ty));
        let Some(ty) = aggregate.result(types[0], types[1], aggregation.may_be_empty) else {
            let ty = argument.as_ref().map_or_else(String::new, |a| a.ty.to_string());
            let place = argument.as_ref().map_or(place, |a| a.span);
            let message = format!("`{}` cannot aggregate `{ty}`", kind.name());
            self.report(Diagnostic::error("F3001", place, message).caption(ty));
            return None;
        };
        let detail = aggregate.detail;
        let known = aggregation.calls.iter().find(|c| {
            c.kind == kind
                && c.detail == detail
                && same_argument(&c.argument, &argument)
                && same_argument(&c.by, &by)
        });
        let output = match known {
            Some(known) => known.output,
            None => {
                let output = self.plan.fresh_column();
                let ty = ty.clone();
                aggregation.calls.push(AggregateCall { kind, argument, by, detail, output, ty, span: place });
                output
            }
        };
        Some(Expr::column(output, ty, place))
    }

    /// The argument of an aggregate.
    pub(super) fn aggregated(&mut self, e: &'a ast::Expr, scope: &mut Scope<'_>) -> Option<Expr> {
        self.over_rows(e, scope).map(|value| value.expr)
    }

    /// An expression inside of an aggregate or a window function, which sees the rows.
    pub(super) fn over_rows(&mut self, e: &'a ast::Expr, scope: &mut Scope<'_>) -> Option<Checked> {
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
        value
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
        diagnostic = diagnostic
            .help(format!("to pick one: {name}: min({path}), first({path}), max_by({path}, ...)"))
            .help(format!("to keep them all: {name}: collect({path})"));
        self.report(diagnostic);
    }
}

/// Whether two arguments compute the same thing, wherever they stand.
pub(super) fn same_argument(a: &Option<Expr>, b: &Option<Expr>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => without_spans(a) == without_spans(b),
        _ => false,
    }
}

/// Whether two expressions of one row have the same value, as far as their form says.
pub(crate) fn is_same(a: &Expr, b: &Expr) -> bool {
    std::mem::discriminant(&a.kind) == std::mem::discriminant(&b.kind)
        && a.ty == b.ty
        && without_spans(a) == without_spans(b)
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
