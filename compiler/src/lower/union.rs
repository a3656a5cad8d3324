//! `union`: the rows of several datasets, matched by field name.
//!
//! Invariant: all inputs have the same names and types; the result's columns have new ids.

use super::{Flow, RowCount};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::row::{Row, RowField, Shape};
use flow_grammar::ast;
use flow_ir::logical::{Operator, OutputColumn};
use flow_ir::{ColumnId, Span};

impl<'a> Compiler<'a> {
    pub(super) fn union(&mut self, flow: Flow, datasets: &'a [ast::Dataset], place: Span) -> Flow {
        let mut others = Vec::with_capacity(datasets.len());
        for dataset in datasets {
            others.push((dataset, self.dataset_argument(dataset)));
        }
        let count = RowCount::many(place, "the rows of several datasets");
        if flow.row.open || others.iter().any(|(_, o)| o.row.open) {
            return Flow { row: Row { open: true, ..flow.row }, count, ..flow };
        }
        let own = flow.row.columns();
        let mut nullable: Vec<bool> = own.iter().map(|c| c.ty.nullable).collect();
        let mut inputs = vec![flow.node];
        let mut columns = vec![own.iter().map(|c| c.id).collect::<Vec<_>>()];
        let mut failed = false;
        for (dataset, other) in &others {
            let theirs = other.row.columns();
            match matched(&own, &theirs) {
                Ok(ids) => {
                    for (flag, id) in nullable.iter_mut().zip(&ids) {
                        *flag |= theirs.iter().any(|c| c.id == *id && c.ty.nullable);
                    }
                    inputs.push(other.node);
                    columns.push(ids);
                }
                Err(differences) => {
                    self.rows_differ("union", dataset, &differences);
                    failed = true;
                }
            }
        }
        if failed {
            return Flow { count, ..flow };
        }
        let mut leaf = 0;
        let fields = flow.row.fields.iter().map(|f| self.renumbered(f, &nullable, &mut leaf)).collect();
        let row = flow.row.next(fields, place);
        let node = self.node(Operator::Union { inputs, columns }, row.columns(), place);
        Flow { node, row, count, keys: None }
    }

    pub(super) fn rows_differ(&mut self, word: &str, dataset: &'a ast::Dataset, differences: &[String]) {
        let name = self.dataset_name(dataset);
        let mut diagnostic = Diagnostic::error(
            "F3011",
            span(dataset.span),
            format!("the rows of `{name}` are not like those of the pipeline"),
        );
        for difference in differences.iter().take(8) {
            diagnostic = diagnostic.note(difference.clone());
        }
        if differences.len() > 8 {
            diagnostic = diagnostic.note(format!("and {} more differences", differences.len() - 8));
        }
        self.report(diagnostic.help(format!("make them alike: {word} (from {name} | map {{ ... }})")));
    }

    /// A field of the result: new ids, nullable where any input is.
    pub(super) fn renumbered(&mut self, field: &RowField, nullable: &[bool], leaf: &mut usize) -> RowField {
        let shape = match &field.shape {
            Shape::Column(_, ty) => {
                let is_nullable = nullable.get(*leaf).copied().unwrap_or(ty.nullable);
                *leaf += 1;
                Shape::Column(self.fresh(), ty.with_nullable(is_nullable))
            }
            Shape::Record { fields, nullable: whole } => {
                let fields = fields.iter().map(|f| self.renumbered(f, nullable, leaf)).collect();
                Shape::Record { fields, nullable: *whole }
            }
            Shape::Unknown => Shape::Unknown,
        };
        RowField { name: field.name.clone(), shape, from: field.from.clone() }
    }
}

/// Their columns in the order of ours, or how the two differ.
pub(super) fn matched(ours: &[OutputColumn], theirs: &[OutputColumn]) -> Result<Vec<ColumnId>, Vec<String>> {
    let mut ids = Vec::with_capacity(ours.len());
    let mut differences = Vec::new();
    for column in ours {
        let name = column.path.join(".");
        match theirs.iter().find(|c| c.path == column.path) {
            Some(other) if other.ty.kind == column.ty.kind => ids.push(other.id),
            Some(other) => {
                differences.push(format!("`{name}` is `{}` there and `{}` here", other.ty, column.ty))
            }
            None => differences.push(format!("`{name}: {}` is missing there", column.ty)),
        }
    }
    for other in theirs.iter().filter(|o| !ours.iter().any(|c| c.path == o.path)) {
        differences.push(format!("`{}: {}` is missing here", other.path.join("."), other.ty));
    }
    if differences.is_empty() { Ok(ids) } else { Err(differences) }
}
