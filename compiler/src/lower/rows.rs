//! `rows [...]`: literal data.
//!
//! Every record has the same fields; a column's type is the one all its values convert to.

use super::{Flow, RowCount};
use crate::check::{Checked, EntryValue, Scope, is_storable, unify};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::row::{Row, RowField, Shape};
use flow_grammar::ast;
use flow_ir::logical::Operator;
use flow_ir::{DataType, Span, Type, Value};

/// A column of literal rows.
struct RowsColumn {
    name: String,
    values: Vec<Option<Checked>>,
}

impl<'a> Compiler<'a> {
    pub(super) fn rows(&mut self, records: &'a [ast::Record], place: Span) -> Flow {
        let Some(columns) = self.rows_columns(records) else { return self.unknown_flow(place) };
        let mut fields = Vec::with_capacity(columns.len());
        let mut data: Vec<Vec<Value>> = vec![Vec::new(); records.len()];
        let mut failed = false;
        for column in columns {
            match self.rows_column(column, &mut data) {
                Some(field) => fields.push(field),
                None => failed = true,
            }
        }
        let row = Row { fields, open: failed, dropped: Vec::new() };
        let data = if failed { Vec::new() } else { data };
        let node = self.node(Operator::Rows(data), row.columns(), place);
        let count = match records.len() {
            1 => RowCount::One,
            n => RowCount::many(place, format!("{n} rows")),
        };
        Flow { node, row, count, keys: None }
    }

    /// The values by column; every record must have the fields of the first.
    fn rows_columns(&mut self, records: &'a [ast::Record]) -> Option<Vec<RowsColumn>> {
        let mut columns: Vec<RowsColumn> = Vec::new();
        let mut failed = false;
        for (i, record) in records.iter().enumerate() {
            let (entries, open) = self.entries(record, &mut Scope::constant());
            failed |= open;
            for entry in entries {
                let value = match entry.value {
                    EntryValue::Value(value) => Some(value),
                    EntryValue::Each(_) | EntryValue::Field(_) | EntryValue::Unknown => None,
                };
                match columns.iter_mut().find(|c| c.name == entry.name) {
                    Some(column) => column.values.push(value),
                    None if i == 0 => columns.push(RowsColumn { name: entry.name, values: vec![value] }),
                    None => {
                        let message = format!("the rows before have no field `{}`", entry.name);
                        self.report(Diagnostic::error("F3011", entry.span, message));
                        failed = true;
                    }
                }
            }
            for column in columns.iter_mut().filter(|c| c.values.len() <= i) {
                column.values.push(None);
                if !open {
                    let message = format!("this row has no field `{}`", column.name);
                    let help = format!("write `{}: null` if it has none", column.name);
                    self.report(Diagnostic::error("F3011", span(record.span), message).help(help));
                }
                failed = true;
            }
        }
        (!failed).then_some(columns)
    }

    fn rows_column(&mut self, column: RowsColumn, data: &mut [Vec<Value>]) -> Option<RowField> {
        let values = column.values.into_iter().collect::<Option<Vec<_>>>()?;
        let spans: Vec<Span> = values.iter().map(|v| v.expr.span).collect();
        let types: Vec<DataType> = values.iter().map(|v| v.ty().clone()).collect();
        let name = column.name;
        let (values, ty) = match unify(values) {
            Ok(unified) => unified,
            Err((first, other)) => {
                self.report(
                    Diagnostic::error(
                        "F3001",
                        spans[other],
                        format!("the values of `{name}` must have one type"),
                    )
                    .label(spans[other], types[other].to_string())
                    .label(spans[first], types[first].to_string()),
                );
                return None;
            }
        };
        if !is_storable(&ty) {
            let place = spans.first().copied().unwrap_or_default();
            let message = format!("the type of `{name}` is not known");
            self.report(Diagnostic::error("F3008", place, message).caption(ty.to_string()));
            return None;
        }
        for (row, value) in data.iter_mut().zip(values) {
            let value = self.constant_value(Checked::new(value))?;
            flatten(value, &ty, row);
        }
        let shape = Shape::of(&ty, false, &mut Vec::new(), &mut |_, _| self.plan.fresh_column());
        Some(RowField { name, shape, from: Some("rows".into()) })
    }
}

/// A value as the values of its columns.
fn flatten(value: Value, ty: &DataType, out: &mut Vec<Value>) {
    match (&ty.kind, value) {
        (Type::Record(fields), Value::Record(values)) => {
            fields.iter().zip(values.iter()).for_each(|(f, v)| flatten(v.clone(), &f.ty, out));
        }
        (Type::Record(fields), _) => fields.iter().for_each(|f| flatten(Value::Null, &f.ty, out)),
        (_, value) => out.push(value),
    }
}
