//! `group_by_key k into items`: the rows of every key as a list.
//!
//! Lowered to a `reduce_by_key` that collects the record of the other fields, so the plan has one way
//! to group.

use super::map::Columns;
use super::value::hidden;
use super::{Flow, RowCount};
use crate::check::aggregate::AggregateCall;
use crate::check::{Scope, shape_value};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::row::{Row, RowField, Shape};
use flow_grammar::ast;
use flow_ir::logical::{Operator, OutputColumn};
use flow_ir::{AggregateKind, ColumnId, DataType, Detail, Expr, ExprKind, Field, Span, Type};

impl<'a> Compiler<'a> {
    pub(super) fn group_by_key(
        &mut self,
        flow: Flow,
        keys: &'a [ast::Key],
        into: &'a ast::Name,
        place: Span,
    ) -> Flow {
        let mut columns = Columns::default();
        let mut scope = Scope::of(&flow.row);
        let key_row = self.keys(keys, &mut scope, &mut columns);
        let values = scope.datasets;
        if key_row.get(&into.text).is_some() {
            let message = format!("a key is called `{}` already", into.text);
            self.report(Diagnostic::error("F2006", span(into.span), message));
        }
        let keys_text = keys.iter().map(|k| self.text(span(k.span))).collect::<Vec<_>>().join(", ");
        let Some(items) = self.other_fields(&flow.row, &key_row, &keys_text, place) else {
            let fields = vec![RowField { name: into.text.clone(), shape: Shape::Unknown, from: None }];
            let row = Row { open: true, ..flow.row.next(fields, place) };
            return Flow { row, ..flow };
        };
        let output = self.fresh();
        let ty = DataType::required(Type::List(Box::new(items.ty.clone())));
        let call = AggregateCall {
            kind: AggregateKind::Collect,
            argument: Some(items),
            by: None,
            detail: Detail::None,
            output,
            ty: ty.clone(),
            span: place,
        };
        let input = self.with_values(flow.node, values, place);
        let (input, aggregates) = self.arguments_below(input, &key_row, columns.computed, vec![call], place);
        let mut fields = key_row.fields.clone();
        fields.push(RowField::column(into.text.clone(), output, ty.clone()));
        let row = flow.row.next(fields, place);
        let mut out = key_row.columns();
        let key_ids = out.iter().map(|c| c.id).collect();
        let path =
            if key_row.get(&into.text).is_some() { hidden("items", output) } else { vec![into.text.clone()] };
        out.push(OutputColumn { id: output, path, ty });
        let node = self.node(Operator::ReduceByKey { input, keys: key_ids, aggregates }, out, place);
        let count = RowCount::many(place, format!("one row per {keys_text}"));
        Flow { node, row, count, keys: Some(keys_text.into()) }
    }

    /// The record of the fields that are no keys; `None` after a mistake.
    fn other_fields(&mut self, row: &Row, keys: &Row, keys_text: &str, place: Span) -> Option<Expr> {
        let key_ids: Vec<ColumnId> = keys.columns().into_iter().map(|c| c.id).collect();
        let is_key = |field: &RowField| {
            let ids = field.shape.ids();
            !ids.is_empty() && ids.iter().all(|(id, _)| key_ids.contains(id))
        };
        let mut fields = Vec::new();
        let mut values = Vec::new();
        for field in row.fields.iter().filter(|f| !is_key(f)) {
            let value = shape_value(&field.shape, place)?;
            fields.push(Field { name: field.name.clone(), ty: value.ty.clone() });
            values.push(value);
        }
        if row.open {
            return None;
        }
        if fields.is_empty() {
            self.report(
                Diagnostic::error(
                    "F3004",
                    place,
                    format!("beside `{keys_text}` there are no fields to group"),
                )
                .help(format!("to count the rows of each: reduce_by_key {keys_text} {{ n: count() }}")),
            );
            return None;
        }
        let ty = DataType::required(Type::Record(fields));
        Some(Expr { kind: ExprKind::Record(values), ty, span: place })
    }
}
