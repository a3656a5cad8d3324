//! `rows [...]`: literal data.
//!
//! Every record has the same fields; a column's type is the one all its values convert to.

use super::map::Columns;
use super::value::hidden;
use super::{Flow, RowCount};
use crate::check::{Checked, DatasetValue, EntryValue, Scope, is_storable, unify};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::row::{Row, RowField, Shape};
use flow_grammar::ast;
use flow_ir::logical::{Operator, OutputColumn};
use flow_ir::{DataType, Expr, ExprKind, Span, Type, Value};

/// A column of literal rows.
struct RowsColumn {
    name: String,
    values: Vec<Option<Checked>>,
}

impl<'a> Compiler<'a> {
    pub(super) fn rows(&mut self, records: &'a [ast::Record], place: Span) -> Flow {
        let mut scope = Scope::constant();
        scope.data_values = true;
        let columns = self.rows_columns(records, &mut scope);
        let values = scope.datasets;
        let Some(columns) = columns else { return self.unknown_flow(place) };
        if !values.is_empty() {
            return self.rows_of_data(columns, records.len(), values, place);
        }
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
    fn rows_columns(&mut self, records: &'a [ast::Record], scope: &mut Scope<'_>) -> Option<Vec<RowsColumn>> {
        let mut columns: Vec<RowsColumn> = Vec::new();
        let mut failed = false;
        for (i, record) in records.iter().enumerate() {
            let (entries, open) = self.entries(record, scope);
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

    /// Rows with values that are computed from data: numbered rows, and for each field its value by number.
    fn rows_of_data(
        &mut self,
        columns: Vec<RowsColumn>,
        count: usize,
        values: Vec<DatasetValue>,
        place: Span,
    ) -> Flow {
        let number = self.fresh();
        let ty = DataType::required(Type::Int);
        let column = OutputColumn { id: number, path: hidden("number", number), ty: ty.clone() };
        let rows = (0..count).map(|i| vec![Value::Int(i as i64)]).collect();
        let input = self.node(Operator::Rows(rows), vec![column], place);
        let input = self.with_values(input, values, place);
        let mut computed = Columns::default();
        let mut fields = Vec::with_capacity(columns.len());
        let mut open = false;
        for column in columns {
            let name = column.name.clone();
            let shape = match self.one_type(column) {
                Some((values, ty)) => {
                    let chosen =
                        by_number(values, Expr::column(number, DataType::required(Type::Int), place), &ty);
                    chosen.map_or(Shape::Unknown, |e| self.stored(e, &mut computed, place))
                }
                None => Shape::Unknown,
            };
            open |= matches!(shape, Shape::Unknown);
            fields.push(RowField { name, shape, from: Some("rows".into()) });
        }
        let row = Row { fields, open, dropped: Vec::new() };
        let node = self.node(Operator::Map { input, computed: computed.computed }, row.columns(), place);
        let count = match count {
            1 => RowCount::One,
            n => RowCount::many(place, format!("{n} rows")),
        };
        Flow { node, row, count, keys: None }
    }

    fn rows_column(&mut self, column: RowsColumn, data: &mut [Vec<Value>]) -> Option<RowField> {
        let name = column.name.clone();
        let (values, ty) = self.one_type(column)?;
        for (row, value) in data.iter_mut().zip(values) {
            let value = self.constant_value(Checked::new(value))?;
            flatten(value, &ty, row);
        }
        let shape = Shape::of(&ty, false, &mut Vec::new(), &mut |_, _| self.plan.fresh_column());
        Some(RowField { name, shape, from: Some("rows".into()) })
    }

    /// The values of a field as values of one type.
    fn one_type(&mut self, column: RowsColumn) -> Option<(Vec<Expr>, DataType)> {
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
        Some((values, ty))
    }
}

/// The value whose position is `number`.
fn by_number(values: Vec<Expr>, number: Expr, ty: &DataType) -> Option<Expr> {
    let mut values = values.into_iter().enumerate().rev();
    let (_, mut chosen) = values.next()?;
    for (i, value) in values {
        let place = value.span;
        let at = Expr::literal(Value::Int(i as i64), DataType::required(Type::Int), place);
        let is_it = Expr {
            kind: ExprKind::Same(Box::new(number.clone()), Box::new(at)),
            ty: DataType::required(Type::Bool),
            span: place,
        };
        let kind =
            ExprKind::If { condition: Box::new(is_it), then: Box::new(value), otherwise: Box::new(chosen) };
        chosen = Expr { kind, ty: ty.clone(), span: place };
    }
    Some(chosen)
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
