//! `filter`, `check`, `map` and `flat_map`: the stages that look at one row at a time.

use super::value::hidden;
use super::{Flow, RowCount};
use crate::check::{Checked, Entry, EntryValue, Scope, is_storable, project};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::row::{Row, RowField, Shape};
use flow_grammar::ast;
use flow_ir::logical::{Computed, Operator, OutputColumn};
use flow_ir::{ColumnId, DataType, Expr, ExprKind, Span, Type};
use std::collections::BTreeSet;

/// New columns of a stage: what is computed, and which ids its row has already.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) computed: Vec<Computed>,
    used: BTreeSet<ColumnId>,
}

impl<'a> Compiler<'a> {
    pub(super) fn filter(&mut self, flow: Flow, e: &'a ast::Expr, place: Span) -> Flow {
        let mut scope = Scope::of(&flow.row);
        let predicate = self.condition(e, "`filter`", &mut scope);
        let values = scope.datasets;
        let Some(predicate) = predicate else { return flow };
        let joined = !values.is_empty();
        let input = self.with_values(flow.node, values, place);
        let node = self.passing(input, Operator::Filter { input, predicate }, place);
        let node = if joined { self.projected(node, &flow.row, place) } else { node };
        Flow { node, count: flow.count.fewer(place, "this filter may drop the row"), ..flow }
    }

    pub(super) fn check(
        &mut self,
        flow: Flow,
        e: &'a ast::Expr,
        message: Option<&'a ast::StrLit>,
        place: Span,
    ) -> Flow {
        let mut scope = Scope::of(&flow.row);
        let predicate = self.condition(e, "`check`", &mut scope);
        let values = scope.datasets;
        let Some(predicate) = predicate else { return flow };
        let message = message.map_or_else(|| self.text(span(e.outer())).to_owned(), |m| m.value.clone());
        let joined = !values.is_empty();
        let input = self.with_values(flow.node, values, place);
        let node = self.passing(input, Operator::Check { input, predicate, message }, place);
        let node = if joined { self.projected(node, &flow.row, place) } else { node };
        // A row that fails may be set aside, so one row may become none.
        Flow { node, count: flow.count.fewer(place, "this check may drop the row"), ..flow }
    }

    /// A node with the columns of `row` only, and those that say where it was read.
    pub(super) fn projected(&mut self, input: flow_ir::NodeId, row: &Row, place: Span) -> flow_ir::NodeId {
        self.node(Operator::Map { input, computed: Vec::new() }, row.carried(), place)
    }

    pub(super) fn map(&mut self, flow: Flow, record: &'a ast::Record, place: Span) -> Flow {
        let mut scope = Scope::of(&flow.row);
        let (entries, open) = self.entries(record, &mut scope);
        let values = scope.datasets;
        let mut columns = Columns::default();
        let mut fields = Vec::with_capacity(entries.len());
        for entry in entries {
            fields.push(self.new_field(entry, &mut columns));
        }
        let origin = flow.row.origin;
        let row = Row { open, origin, ..flow.row.next(fields, span(record.span)) };
        let input = self.with_values(flow.node, values, place);
        let node = self.node(Operator::Map { input, computed: columns.computed }, row.carried(), place);
        Flow { node, row, ..flow }
    }

    pub(super) fn flat_map(&mut self, flow: Flow, record: &'a ast::Record, place: Span) -> Flow {
        let mut scope = Scope::of(&flow.row);
        let (entries, open) = self.entries(record, &mut scope);
        let values = scope.datasets;
        let mut columns = Columns::default();
        let mut fields = Vec::with_capacity(entries.len());
        let mut lists: Vec<(Expr, ColumnId, DataType)> = Vec::new();
        for entry in entries {
            match entry.value {
                EntryValue::Each(list) => {
                    // The parser has refused a second one.
                    if !lists.is_empty() {
                        continue;
                    }
                    let id = self.fresh();
                    match self.element(list, entry.span) {
                        Some((list, element)) => {
                            fields.push(RowField::column(entry.name, id, element.clone()));
                            lists.push((list, id, element));
                        }
                        None => fields.push(unknown(entry.name)),
                    }
                }
                _ => fields.push(self.new_field(entry, &mut columns)),
            }
        }
        let origin = flow.row.origin;
        let mut row = Row { open, origin, ..flow.row.next(fields, span(record.span)) };
        // Without one, which is a mistake that has been reported, the rows are as far as they are known.
        let Some((list, id, element)) = lists.pop() else {
            return Flow { row, count: RowCount::many(place, "any number of rows"), ..flow };
        };
        let input = self.with_values(flow.node, values, place);
        let each = Computed { id, expr: list };
        let operator = Operator::FlatMap { input, computed: columns.computed, each };
        let mut node = self.node(operator, row.carried(), place);
        if let Type::Record(_) = element.kind {
            node = self.split_element(node, &mut row, (id, element), place);
        }
        Flow { node, row, count: RowCount::many(place, "one row for each element"), keys: None }
    }

    /// The list of an `each` and the type of its elements.
    fn element(&mut self, list: Checked, place: Span) -> Option<(Expr, DataType)> {
        let Type::List(element) = list.ty().kind.clone() else {
            let ty = list.ty().to_string();
            let mut diagnostic =
                Diagnostic::error("F3001", list.expr.span, format!("`each` needs a list, not `{ty}`"))
                    .caption(ty.clone());
            if list.ty().kind == Type::String {
                let text = self.text(list.expr.span);
                diagnostic = diagnostic.help(format!("to take a text apart: each {text}.split(\" \")"));
            }
            self.report(diagnostic);
            return None;
        };
        if !is_storable(&element) {
            self.untyped(place, &element);
            return None;
        }
        Some((list.expr, *element))
    }

    /// Takes the record that is the element of a list apart into columns.
    fn split_element(
        &mut self,
        input: flow_ir::NodeId,
        row: &mut Row,
        (id, element): (ColumnId, DataType),
        place: Span,
    ) -> flow_ir::NodeId {
        let mut columns = Columns::default();
        let value = Expr::column(id, element, place);
        let shape = self.stored(value, &mut columns, place);
        for field in &mut row.fields {
            if matches!(field.shape, Shape::Column(own, _) if own == id) {
                field.shape = shape.clone();
            }
        }
        self.node(Operator::Map { input, computed: columns.computed }, row.carried(), place)
    }

    /// A field of a new row.
    pub(super) fn new_field(&mut self, entry: Entry, columns: &mut Columns) -> RowField {
        match entry.value {
            EntryValue::Unknown | EntryValue::Each(_) => unknown(entry.name),
            EntryValue::Field(field) => {
                let shape = self.kept(field.shape, columns, entry.span);
                RowField { name: entry.name, shape, from: field.from }
            }
            EntryValue::Value(value) => {
                let shape = self.stored(value.expr, columns, entry.span);
                RowField { name: entry.name, shape, from: None }
            }
        }
    }

    /// A field that is passed on. A column that the row has already is copied, so that ids stay unique.
    fn kept(&mut self, shape: Shape, columns: &mut Columns, place: Span) -> Shape {
        match shape {
            Shape::Column(id, ty) => {
                if columns.used.insert(id) {
                    return Shape::Column(id, ty);
                }
                self.computed(Expr::column(id, ty, place), columns)
            }
            Shape::Record { fields, nullable } => {
                let fields = fields
                    .into_iter()
                    .map(|f| RowField { shape: self.kept(f.shape, columns, place), ..f })
                    .collect();
                Shape::Record { fields, nullable }
            }
            Shape::Unknown => Shape::Unknown,
        }
    }

    /// A computed value as columns.
    pub(super) fn stored(&mut self, value: Expr, columns: &mut Columns, place: Span) -> Shape {
        if !is_storable(&value.ty) {
            self.untyped(place, &value.ty);
            return Shape::Unknown;
        }
        match (&value.kind, &value.ty.kind) {
            (_, Type::Record(fields)) => {
                let nullable = value.ty.nullable;
                let parts = fields
                    .iter()
                    .enumerate()
                    .filter_map(|(i, f)| {
                        let part = project(&value, i)?;
                        Some(RowField {
                            name: f.name.clone(),
                            shape: self.stored(part, columns, place),
                            from: None,
                        })
                    })
                    .collect();
                Shape::Record { fields: parts, nullable }
            }
            (ExprKind::Column(id), _) if columns.used.insert(*id) => Shape::Column(*id, value.ty),
            _ => self.computed(value, columns),
        }
    }

    pub(super) fn computed(&mut self, expr: Expr, columns: &mut Columns) -> Shape {
        let id = self.fresh();
        let ty = expr.ty.clone();
        columns.computed.push(Computed { id, expr });
        columns.used.insert(id);
        Shape::Column(id, ty)
    }

    /// A value that no column can hold.
    fn untyped(&mut self, place: Span, ty: &DataType) {
        let diagnostic = match ty.kind {
            Type::Regex => Diagnostic::error("F3008", place, "a regex is not a value of a row")
                .help("use it in a function: =~, extract, split, replace"),
            _ => Diagnostic::error("F3008", place, "the type of this value is not known").help(
                "`null` and `[]` take their type from what stands beside them: if ... then x else null",
            ),
        };
        self.report(diagnostic);
    }

    /// Columns of a key, a sort or the like: those of the row as they are, others computed.
    pub(super) fn key_columns(
        &mut self,
        e: &'a ast::Expr,
        scope: &mut Scope<'_>,
        computed: &mut Vec<Computed>,
        extra: &mut Vec<OutputColumn>,
    ) -> Option<Vec<ColumnId>> {
        let value = match crate::check::path_of(e) {
            Some(names) if !crate::check::is_local(names.first()?, scope) => {
                return self.field(&names, scope).map(|shape| super::dataset::leaves(&shape));
            }
            _ => self.expr(e, scope)?,
        };
        if !is_storable(value.ty()) {
            self.untyped(span(e.span), &value.ty().clone());
            return None;
        }
        if let ExprKind::Column(id) = value.expr.kind {
            return Some(vec![id]);
        }
        if let Type::Record(fields) = &value.ty().kind {
            let mut columns = Columns::default();
            let count = fields.len();
            let mut ids = Vec::new();
            for i in 0..count {
                let part = project(&value.expr, i)?;
                let place = part.span;
                ids.extend(self.stored(part, &mut columns, place).ids());
            }
            for c in columns.computed {
                extra.push(OutputColumn { id: c.id, path: hidden("key", c.id), ty: c.expr.ty.clone() });
                computed.push(c);
            }
            return Some(ids.into_iter().map(|(id, _)| id).collect());
        }
        let id = self.fresh();
        extra.push(OutputColumn { id, path: hidden("key", id), ty: value.ty().clone() });
        computed.push(Computed { id, expr: value.expr });
        Some(vec![id])
    }
}

fn unknown(name: String) -> RowField {
    RowField { name, shape: Shape::Unknown, from: None }
}
