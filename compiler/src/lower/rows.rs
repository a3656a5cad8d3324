//! `rows [...]`: literal data.
//!
//! Every record has the same fields; a column's type is the one all its values convert to.

use super::map::Columns;
use super::value::hidden;
use super::{Flow, RowCount};
use crate::check::{Checked, DatasetValue, EntryValue, Scope, fit, is_storable, null, unify};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::row::{Row, RowField, Shape};
use crate::suggest::closest;
use flow_grammar::ast;
use flow_ir::logical::{Operator, OutputColumn};
use flow_ir::{DataType, Expr, ExprKind, Span, Type, Value};

/// A column of literal rows.
struct RowsColumn {
    name: String,
    values: Vec<Option<Checked>>,
    /// The type it must have, if something else decides that.
    wanted: Option<DataType>,
}

/// What the literal rows of a test must be like.
pub(super) struct Wanted<'r> {
    /// The fields.
    pub(super) row: &'r Row,
    /// Whose they are, for messages.
    pub(super) what: &'r str,
    /// Whether fields that may be null may also be left out.
    pub(super) may_leave_out: bool,
}

impl Wanted<'_> {
    /// Whether all fields are known.
    pub(super) fn is_known(&self) -> bool {
        !self.row.open && self.row.fields.iter().all(|f| f.shape.ty().is_some())
    }

    fn columns(&self) -> Vec<RowsColumn> {
        let fields = self.row.fields.iter();
        fields
            .map(|f| RowsColumn { name: f.name.clone(), values: Vec::new(), wanted: f.shape.ty() })
            .collect()
    }
}

impl<'a> Compiler<'a> {
    pub(super) fn rows(&mut self, records: &'a [ast::Record], place: Span) -> Flow {
        self.rows_as(records, place, None)
    }

    /// Literal rows; with `wanted`, of these fields and types.
    pub(super) fn rows_as(
        &mut self,
        records: &'a [ast::Record],
        place: Span,
        wanted: Option<&Wanted<'_>>,
    ) -> Flow {
        let mut scope = Scope::constant();
        scope.data_values = true;
        let columns = self.rows_columns(records, wanted, &mut scope);
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
        let row = Row { fields, open: failed, ..Row::default() };
        let data = if failed { Vec::new() } else { data };
        let node = self.node(Operator::Rows(data), row.columns(), place);
        let count = match records.len() {
            1 => RowCount::One,
            n => RowCount::many(place, format!("{n} rows")),
        };
        Flow { node, row, count, keys: None }
    }

    /// The values by column; every record must have the fields of the first.
    fn rows_columns(
        &mut self,
        records: &'a [ast::Record],
        wanted: Option<&Wanted<'_>>,
        scope: &mut Scope<'_>,
    ) -> Option<Vec<RowsColumn>> {
        let mut columns: Vec<RowsColumn> = wanted.map_or_else(Vec::new, Wanted::columns);
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
                    None if i == 0 && wanted.is_none() => {
                        columns.push(RowsColumn { name: entry.name, values: vec![value], wanted: None });
                    }
                    None => {
                        failed = true;
                        if let Some(wanted) = wanted {
                            self.not_wanted(wanted, &entry.name, entry.span);
                            continue;
                        }
                        let message = format!("the rows before have no field `{}`", entry.name);
                        self.report(Diagnostic::error("F3011", entry.span, message));
                    }
                }
            }
            for column in columns.iter_mut().filter(|c| c.values.len() <= i) {
                if let (Some(wanted), Some(ty)) = (wanted, &column.wanted) {
                    let left_out = wanted.may_leave_out && ty.nullable;
                    let value = Checked::new(null(ty.kind.clone(), span(record.span)));
                    column.values.push(left_out.then_some(value));
                    if !left_out && !open {
                        self.left_out(wanted, &column.name, ty, span(record.span));
                    }
                    failed |= !left_out;
                    continue;
                }
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

    /// A field of a test's rows that has no place there.
    fn not_wanted(&mut self, wanted: &Wanted<'_>, name: &str, place: Span) {
        let message = format!("{} has no field `{name}`", wanted.what);
        let message = if wanted.may_leave_out { message } else { message.replace("rows has", "rows have") };
        let mut diagnostic = Diagnostic::error("F3020", place, message);
        if let Some(near) = closest(name, wanted.row.fields.iter().map(|f| f.name.as_str())) {
            diagnostic = diagnostic.caption(format!("did you mean `{near}`?"));
        }
        self.report(diagnostic.note(format!("there a row is {}", wanted.row.ty())));
    }

    /// A field that a test's row lacks.
    fn left_out(&mut self, wanted: &Wanted<'_>, name: &str, ty: &DataType, place: Span) {
        let message = format!("this row lacks `{name}: {ty}`");
        let mut diagnostic = Diagnostic::error("F3020", place, message);
        diagnostic = match wanted.may_leave_out {
            true => diagnostic.note("only fields that may be null can be left out"),
            false => diagnostic.help(format!(
                "to compare some of the fields only, choose them: expect from ... | map {{ ... }} without `{name}`"
            )),
        };
        self.report(diagnostic);
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
        let row = Row { fields, open, ..Row::default() };
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
        if let Some(wanted) = column.wanted {
            let values = values.into_iter().map(|v| self.wanted_value(v, &column.name, &wanted));
            // Every value that does not fit is worth a message.
            let values: Vec<Option<Expr>> = values.collect();
            return Some((values.into_iter().collect::<Option<Vec<_>>>()?, wanted));
        }
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

    /// A value of a test's row as a value of the wanted type. A number adapts as it would beside a value of it.
    fn wanted_value(&mut self, value: Checked, name: &str, wanted: &DataType) -> Option<Expr> {
        let (place, own) = (value.expr.span, value.ty().clone());
        if nulls_fit(&value.expr, wanted)
            && let Ok(value) = fit(value, &wanted.kind)
        {
            return Some(value);
        }
        let message = format!("`{name}` is `{wanted}`, and this is no value of it");
        self.report(Diagnostic::error("F3020", place, message).caption(own.to_string()));
        None
    }
}

/// Whether a value is null only where `wanted` may be.
fn nulls_fit(value: &Expr, wanted: &DataType) -> bool {
    let typed = |own: &DataType| own.nullable <= wanted.nullable && parts_fit(&own.kind, &wanted.kind);
    match (&value.kind, &wanted.kind) {
        (ExprKind::List(items), Type::List(item)) => items.iter().all(|i| nulls_fit(i, item)),
        (ExprKind::Record(items), Type::Record(fields)) => {
            items.iter().zip(fields).all(|(i, f)| nulls_fit(i, &f.ty))
        }
        _ => typed(&value.ty),
    }
}

/// The same of the parts of a type.
fn parts_fit(own: &Type, wanted: &Type) -> bool {
    let fits = |a: &DataType, b: &DataType| a.nullable <= b.nullable && parts_fit(&a.kind, &b.kind);
    match (own, wanted) {
        (Type::List(a), Type::List(b)) => fits(a, b),
        (Type::Record(a), Type::Record(b)) => a.iter().zip(b).all(|(a, b)| fits(&a.ty, &b.ty)),
        _ => true,
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
