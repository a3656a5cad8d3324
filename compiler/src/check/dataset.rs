//! Values of one-row datasets: `$total.amount`, `$model` as a whole, and the rows of a loop by its name.
//!
//! Invariant: a dataset is a value only if it provably has one row, which is said where it is used.

use super::{Checked, DatasetValue, Scope, shape_value};
use crate::compiler::Compiler;
use crate::diagnostic::Diagnostic;
use crate::lower::{Flow, RowCount};
use crate::row::{RowField, Shape};
use flow_grammar::ast;
use flow_ir::{ColumnId, DataType, NodeId, Span};

impl<'a> Compiler<'a> {
    /// `$dataset.field`, or `$dataset` without names: a value if the dataset provably has one row.
    pub(super) fn dataset_value(
        &mut self,
        dataset: &'a ast::Name,
        names: &[&ast::Name],
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        let flow = self.dataset(dataset)?;
        self.value_of(&flow, &dataset.text, names, place, scope)
    }

    /// `$w.field` or `$w` inside of the loop `w`.
    pub(super) fn loop_value(
        &mut self,
        name: &str,
        names: &[&ast::Name],
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        let known = self.loops.iter_mut().rev().find(|l| l.name == name)?;
        known.used.get_or_insert(place);
        let rows = known.rows.clone();
        self.value_of(&rows, name, names, place, scope)
    }

    fn value_of(
        &mut self,
        flow: &Flow,
        dataset: &str,
        names: &[&ast::Name],
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        if let RowCount::Many { span: because, why } = &flow.count {
            let written = self.text(place);
            let message = format!("`{dataset}` may have any number of rows, so `{written}` is not one value");
            let mut diagnostic = Diagnostic::error("F3005", place, message).label(*because, why.clone());
            let field = names.last().map_or("n", |n| n.text.as_str());
            diagnostic = diagnostic.help(format!("for one value over all rows: reduce {{ {field}: ... }}"));
            if let Some(keys) = &flow.keys {
                diagnostic =
                    diagnostic.help(format!("for the value of this row's {keys}: join {dataset} on {keys}"));
            }
            self.report(diagnostic);
            return None;
        }
        if scope.row.is_none() && scope.function.is_none() && !scope.data_values {
            self.report(
                Diagnostic::error("F3016", place, "a value that is computed from data cannot stand here")
                    .note("it must be known before any data is read"),
            );
            return None;
        }
        let shape = if names.is_empty() {
            if flow.row.open {
                return None;
            }
            Shape::Record { fields: flow.row.fields.clone(), nullable: false }
        } else {
            self.field(names, &mut Scope::of(&flow.row))?
        };
        let after = scope.aggregation.is_some() || scope.after_aggregation;
        let shape = self.attached(&shape, flow.node, after, &mut scope.datasets);
        shape_value(&shape, place).map(Checked::new)
    }

    /// A field of a dataset as the columns that rows get of it.
    fn attached(
        &mut self,
        shape: &Shape,
        node: NodeId,
        after: bool,
        values: &mut Vec<DatasetValue>,
    ) -> Shape {
        match shape {
            Shape::Column(column, ty) => {
                Shape::Column(self.attached_column(*column, ty, node, after, values), ty.clone())
            }
            Shape::Record { fields, nullable } => {
                let fields = fields.iter().map(|f| RowField {
                    name: f.name.clone(),
                    shape: self.attached(&f.shape, node, after, values),
                    from: None,
                });
                Shape::Record { fields: fields.collect(), nullable: *nullable }
            }
            Shape::Unknown => Shape::Unknown,
        }
    }

    fn attached_column(
        &mut self,
        column: ColumnId,
        ty: &DataType,
        node: NodeId,
        after: bool,
        values: &mut Vec<DatasetValue>,
    ) -> ColumnId {
        let known = values.iter().find(|d| d.node == node && d.column == column && d.after == after);
        if let Some(value) = known {
            return value.id;
        }
        let id = self.fresh();
        values.push(DatasetValue { node, column, id, ty: ty.clone(), after });
        id
    }
}
