//! `reduce`, `reduce_by_key` and `count`: many rows to one, or to one per key.
//!
//! Lowered to three nodes of which two may be missing: a map that computes keys and arguments, the
//! aggregation over columns, and a map that combines its results.

use super::map::Columns;
use super::value::hidden;
use super::{Flow, RowCount};
use crate::check::aggregate::{AggregateCall, Aggregation, is_same};
use crate::check::{Entry, EntryValue, Scope, path_of};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::row::{Row, RowField};
use flow_grammar::ast;
use flow_ir::logical::{Computed, Operator, OutputColumn};
use flow_ir::{Aggregate, AggregateKind, ColumnId, DataType, Expr, ExprKind, NodeId, Span, Type};

impl<'a> Compiler<'a> {
    pub(super) fn count(&mut self, flow: Flow, place: Span) -> Flow {
        let output = self.fresh();
        let ty = DataType::required(Type::Int);
        let aggregate = Aggregate::new(output, AggregateKind::Count, None, ty.clone(), place);
        let row = flow.row.next(vec![RowField::column("count", output, ty)], place);
        let row = Row { open: false, ..row };
        let operator =
            Operator::ReduceByKey { input: flow.node, keys: Vec::new(), aggregates: vec![aggregate] };
        let node = self.node(operator, row.columns(), place);
        Flow { node, row, count: RowCount::One, keys: None }
    }

    pub(super) fn reduce(
        &mut self,
        flow: Flow,
        keys: &'a [ast::Key],
        record: &'a ast::Record,
        place: Span,
    ) -> Flow {
        let mut columns = Columns::default();
        let mut scope = Scope::of(&flow.row);
        let key_row = self.keys(keys, &mut scope, &mut columns);
        let keys_text = keys.iter().map(|k| self.text(span(k.span))).collect::<Vec<_>>().join(", ");
        scope.aggregation = Some(Aggregation {
            row: &flow.row,
            keys: key_row.clone(),
            keys_text: keys_text.clone(),
            may_be_empty: keys.is_empty(),
            calls: Vec::new(),
            window: None,
        });
        let (entries, open) = self.entries(record, &mut scope);
        let calls = scope.aggregation.take().map(|a| a.calls).unwrap_or_default();
        let (after, before): (Vec<_>, Vec<_>) = scope.datasets.into_iter().partition(|v| v.after);
        let names = direct_names(&entries, &calls);

        let input = self.with_values(flow.node, before, place);
        let (input, aggregates) = self.arguments_below(input, &key_row, columns.computed, calls, place);
        let mut output = key_row.columns();
        let key_ids = output.iter().map(|c| c.id).collect();
        for aggregate in &aggregates {
            let path = match names.iter().find(|(id, _)| *id == aggregate.output) {
                Some((_, name)) => vec![(*name).to_owned()],
                None => hidden("aggregate", aggregate.output),
            };
            output.push(OutputColumn { id: aggregate.output, path, ty: aggregate.ty.clone() });
        }
        let operator = Operator::ReduceByKey { input, keys: key_ids, aggregates };
        let mut node = self.node(operator, output, place);
        node = self.with_values(node, after, place);

        let mut columns = Columns::default();
        let mut fields: Vec<RowField> = Vec::new();
        for field in key_row.fields {
            let (name, span) = (field.name.clone(), place);
            fields.push(self.new_field(Entry { name, span, value: EntryValue::Field(field) }, &mut columns));
        }
        for entry in entries {
            if fields.iter().take(keys.len()).any(|f| f.name == entry.name) {
                self.repeated_key(&entry);
                continue;
            }
            fields.push(self.new_field(entry, &mut columns));
        }
        let row = Row { open, ..flow.row.next(fields, place) };
        let have: Vec<ColumnId> = self.plan.node(node).columns.iter().map(|c| c.id).collect();
        let want: Vec<ColumnId> = row.columns().iter().map(|c| c.id).collect();
        if have != want {
            node = self.node(Operator::Map { input: node, computed: columns.computed }, row.columns(), place);
        }
        match keys {
            [] => Flow { node, row, count: RowCount::One, keys: None },
            [first, .., last] | [first @ last] => {
                let keys_span = span(first.span.to(last.span));
                let count = RowCount::many(keys_span, format!("one row per {keys_text}"));
                Flow { node, row, count, keys: Some(keys_text.into()) }
            }
        }
    }

    /// The keys under their names; those that are computed go into `columns`.
    pub(super) fn keys(&mut self, keys: &'a [ast::Key], scope: &mut Scope<'_>, columns: &mut Columns) -> Row {
        let mut row = Row::default();
        for key in keys {
            let path = path_of(&key.value);
            let name = match (&key.name, &path) {
                (Some(name), _) => Some((name.text.clone(), span(name.span))),
                (None, Some(names)) => names.last().map(|n| (n.text.clone(), span(n.span))),
                (None, None) => None,
            };
            let value = match path {
                Some(names) => match self.field(&names, scope) {
                    Some(shape) => EntryValue::Field(RowField { name: String::new(), shape, from: None }),
                    None => EntryValue::Unknown,
                },
                None => match self.expr(&key.value, scope) {
                    Some(value) => EntryValue::Value(value),
                    None => EntryValue::Unknown,
                },
            };
            let Some((name, name_span)) = name else {
                let place = span(key.span);
                let text = self.text(place);
                self.report(Diagnostic::error("F4003", place, "a computed key needs a name").fix(
                    format!("name: {text}"),
                    Span { end: place.start, ..place },
                    "name: ",
                ));
                row.open = true;
                continue;
            };
            if row.get(&name).is_some() {
                self.report(Diagnostic::error("F2006", name_span, format!("two keys are called `{name}`")));
                continue;
            }
            let field = self.new_field(Entry { name, span: span(key.span), value }, columns);
            row.fields.push(field);
        }
        row
    }

    /// Computes keys and arguments below the aggregation, and points the aggregates at the columns.
    pub(super) fn arguments_below(
        &mut self,
        input: NodeId,
        keys: &Row,
        mut computed: Vec<Computed>,
        calls: Vec<AggregateCall>,
        place: Span,
    ) -> (NodeId, Vec<Aggregate>) {
        let mut columns = keys.columns();
        let mut aggregates = Vec::with_capacity(calls.len());
        let of_keys = computed.len();
        for call in calls {
            let mut column = |e: Expr| {
                let ty = e.ty.clone();
                let id = match e.kind {
                    ExprKind::Column(id) => id,
                    // Several aggregates of one value: it is computed once.
                    _ => match computed[of_keys..].iter().find(|c| is_same(&c.expr, &e)) {
                        Some(known) => known.id,
                        None => {
                            let id = self.fresh();
                            computed.push(Computed { id, expr: e });
                            id
                        }
                    },
                };
                if !columns.iter().any(|c| c.id == id) {
                    let path = hidden("argument", id);
                    columns.push(OutputColumn { id, path, ty });
                }
                id
            };
            aggregates.push(Aggregate {
                output: call.output,
                kind: call.kind,
                argument: call.argument.map(&mut column),
                by: call.by.map(&mut column),
                detail: call.detail,
                ty: call.ty,
                span: call.span,
            });
        }
        if computed.is_empty() {
            return (input, aggregates);
        }
        // Columns that are passed on keep the names they have.
        let known = &self.plan.node(input).columns;
        for column in &mut columns {
            if let Some(below) = known.iter().find(|c| c.id == column.id) {
                column.path.clone_from(&below.path);
            }
        }
        (self.node(Operator::Map { input, computed }, columns, place), aggregates)
    }

    fn repeated_key(&mut self, entry: &Entry) {
        self.report(
            Diagnostic::error("F2006", entry.span, format!("`{}` is in the result already", entry.name))
                .note("the keys come first in the result, by themselves"),
        );
    }
}

/// The names of entries that are one aggregate and nothing else.
fn direct_names<'e>(entries: &'e [Entry], calls: &[AggregateCall]) -> Vec<(ColumnId, &'e str)> {
    let mut names: Vec<(ColumnId, &str)> = Vec::new();
    for entry in entries {
        if let EntryValue::Value(value) = &entry.value
            && let ExprKind::Column(id) = value.expr.kind
            && calls.iter().any(|c| c.output == id)
            && !names.iter().any(|(known, _)| *known == id)
        {
            names.push((id, &entry.name));
        }
    }
    names
}
