//! `test "..." { given ... expect ... }`: a plan of its own for each test, with the given rows in place of datasets.
//!
//! A test looks at the program's datasets as everything else does, but finds the `given` rows where there are
//! some. Invariants: given rows have exactly the fields and types of the dataset they stand for, which is
//! lowered once without its files to know them; a test has a pair of printing sinks for each `expect`, the
//! found rows first, with the same columns.

use super::rows::Wanted;
use super::{Ending, Flow};
use crate::check::{Checked, fit};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::row::Row;
use crate::suggest::closest;
use flow_grammar::ast::{self, ItemKind, SourceKind, TestStep};
use flow_ir::logical::{Computed, Operator, OutputColumn};
use flow_ir::source::Target;
use flow_ir::{ColumnId, Expr, LogicalPlan, NodeId, Span};

/// A test that compiles.
#[derive(Clone, Debug)]
pub struct CompiledTest {
    /// What it shows.
    pub name: String,
    /// The place of its name.
    pub span: Span,
    /// What it computes: the found and the expected rows of every expectation, in turn.
    pub plan: LogicalPlan,
    /// The place of the found side of every `expect`.
    pub expectations: Vec<Span>,
}

impl<'a> Compiler<'a> {
    /// Lowers a test of the program.
    pub(crate) fn test(&mut self, def: &'a ast::TestDef) -> Vec<Span> {
        for step in &def.steps {
            if let TestStep::Given { name, value, .. } = step {
                self.note_given(name, value);
            }
        }
        let mut expectations = Vec::new();
        for step in &def.steps {
            if let TestStep::Expect { actual, expected, .. } = step {
                expectations.extend(self.expectation(actual, expected));
            }
        }
        if !def.steps.iter().any(|s| matches!(s, TestStep::Expect { .. })) {
            self.report(
                Diagnostic::error(
                    "F4033",
                    span(def.name.span),
                    "this test expects nothing, so it cannot fail",
                )
                .help("say what the rows should be: expect from name == rows [{ ... }]"),
            );
        }
        self.unused_givens(def);
        expectations
    }

    fn note_given(&mut self, name: &'a ast::Name, value: &'a ast::Pipeline) {
        let symbols = self.symbols();
        let place = span(name.span);
        let Some(def) = symbols.datasets.get(name.text.as_str()) else {
            let mut d =
                Diagnostic::error("F2007", place, format!("there is no dataset called `{}`", name.text));
            if let Some(near) = closest(&name.text, symbols.datasets.keys().copied()) {
                d = d.caption(format!("did you mean `{near}`?")).fix(near, place, near);
            } else {
                d = d.note("rows are given for a `let` of this file");
            }
            return self.report(d);
        };
        let key = (self.module, def.name.text.as_str());
        if self.givens.insert(key, value).is_some() {
            let message = format!("the rows of `{}` are given twice", name.text);
            self.report(Diagnostic::error("F2006", place, message));
        }
    }

    /// Given rows are checked even where nothing reads them, which is probably not meant.
    fn unused_givens(&mut self, def: &'a ast::TestDef) {
        for step in &def.steps {
            let TestStep::Given { name, .. } = step else { continue };
            let symbols = self.symbols();
            let Some(dataset) = symbols.datasets.get(name.text.as_str()) else { continue };
            if !self.used_datasets.contains(&(self.module, dataset.name.text.as_str())) {
                let message = format!("nothing that this test expects reads `{}`", name.text);
                self.report(
                    Diagnostic::warning("W4402", span(name.span), message)
                        .help("expect something of it, or leave the rows out"),
                );
                self.defined_dataset(&dataset.name);
            }
        }
    }

    fn expectation(&mut self, actual: &'a ast::Pipeline, expected: &'a ast::Pipeline) -> Option<Span> {
        let place = span(actual.source.span);
        let found = self.pipeline(actual, Ending::Rows);
        let wanted = Wanted { row: &found.row, what: "the found rows", may_leave_out: false };
        let rows = self.rows_like(expected, &wanted);
        if !wanted.is_known() || rows.row.open {
            return None;
        }
        let (columns, optional) = (found.row.columns(), found.row.optional());
        let theirs = self.conformed(&rows, &wanted, span(expected.span))?;
        let as_found = columns.iter().zip(&theirs.1);
        let expected_columns =
            as_found.map(|(c, (id, ty))| OutputColumn { id: *id, path: c.path.clone(), ty: ty.clone() });
        let expected_columns = expected_columns.collect();
        self.put_columns(found.node, Target::Print { limit: None }, None, columns, optional.clone(), place);
        let place = span(expected.span);
        self.put_columns(theirs.0, Target::Print { limit: None }, None, expected_columns, optional, place);
        Some(span(actual.source.span))
    }

    /// The rows that are given for a dataset, as rows of its type.
    pub(super) fn given_rows(&mut self, def: &'a ast::LetDef, given: &'a ast::Pipeline) -> Flow {
        let known = self.datasets.clone();
        let files = std::mem::replace(&mut self.types_only, true);
        let meant = self.dataset_definition(def);
        self.types_only = files;
        self.datasets = known;
        let name = format!("`{}`", def.name.text);
        let wanted = Wanted { row: &meant.row, what: &name, may_leave_out: true };
        let flow = self.rows_like(given, &wanted);
        if !wanted.is_known() || flow.row.open {
            return flow;
        }
        match self.conformed(&flow, &wanted, span(given.span)) {
            Some((node, ids)) => {
                self.retyped(&flow, node, ids.into_iter().map(|(id, _)| id).collect(), &meant.row)
            }
            None => Flow { row: Row { open: true, ..meant.row }, ..flow },
        }
    }

    /// A pipeline of a test. Literal rows take the types that are wanted.
    fn rows_like(&mut self, pipeline: &'a ast::Pipeline, wanted: &Wanted<'_>) -> Flow {
        match (&pipeline.source.kind, pipeline.stages.as_slice()) {
            (SourceKind::Rows(records), []) if wanted.is_known() => {
                self.rows_as(records, span(pipeline.source.span), Some(wanted))
            }
            _ => self.pipeline(pipeline, Ending::Rows),
        }
    }

    /// The columns of `flow` in the order and with the types of the wanted row, as far as they convert by
    /// themselves; `None` (and reported) if they do not.
    fn conformed(
        &mut self,
        flow: &Flow,
        wanted: &Wanted<'_>,
        place: Span,
    ) -> Option<(NodeId, Vec<(ColumnId, flow_ir::DataType)>)> {
        let theirs = flow.row.columns();
        let mut columns = Vec::new();
        let mut computed = Vec::new();
        let mut differences = Vec::new();
        for column in wanted.row.columns() {
            let name = column.path.join(".");
            let Some(own) = theirs.iter().find(|c| c.path == column.path) else {
                differences.push(format!("`{name}: {}` is missing", column.ty));
                continue;
            };
            if wanted.may_leave_out && own.ty.nullable && !column.ty.nullable {
                differences.push(format!("`{name}` is `{}` here and `{}` there", own.ty, column.ty));
                continue;
            }
            if own.ty.kind == column.ty.kind {
                columns.push((own.id, own.ty.clone()));
                continue;
            }
            match fit(Checked::new(Expr::column(own.id, own.ty.clone(), place)), &column.ty.kind) {
                Ok(expr) => {
                    let id = self.fresh();
                    columns.push((id, expr.ty.clone()));
                    computed.push(Computed { id, expr });
                }
                Err(_) => {
                    differences.push(format!("`{name}` is `{}` here and `{}` there", own.ty, column.ty))
                }
            }
        }
        let wanted_columns = wanted.row.columns();
        for own in theirs.iter().filter(|c| !wanted_columns.iter().any(|w| w.path == c.path)) {
            differences.push(format!("`{}: {}` is not there", own.path.join("."), own.ty));
        }
        if !differences.is_empty() {
            let message = format!("these rows are not like {}", wanted.what);
            let mut d = Diagnostic::error("F3020", place, message);
            for difference in differences.into_iter().take(8) {
                d = d.note(difference);
            }
            self.report(d.note(format!("there a row is {}", wanted.row.ty())));
            return None;
        }
        if computed.is_empty() {
            return Some((flow.node, columns));
        }
        let mut out = self.plan.node(flow.node).columns.clone();
        out.extend(computed.iter().map(|c| OutputColumn {
            id: c.id,
            path: super::value::hidden("as", c.id),
            ty: c.expr.ty.clone(),
        }));
        Some((self.node(Operator::Map { input: flow.node, computed }, out, place), columns))
    }

    /// `ids` of a node as the columns of `row`: nullable where that says so.
    fn retyped(&mut self, flow: &Flow, node: NodeId, ids: Vec<ColumnId>, row: &Row) -> Flow {
        let nullable: Vec<bool> = row.columns().iter().map(|c| c.ty.nullable).collect();
        let mut leaf = 0;
        let fields = row.fields.iter().map(|f| self.renumbered(f, &nullable, &mut leaf)).collect();
        let row = Row { fields, ..Row::default() };
        let place = self.plan.node(node).span;
        let union = Operator::Union { inputs: vec![node], columns: vec![ids] };
        let node = self.node(union, row.columns(), place);
        Flow { node, row, count: flow.count.clone(), keys: None }
    }

    /// Whether some test of the program mentions a dataset.
    pub(super) fn is_tested(&self, program: &ast::Program, name: &str) -> bool {
        let tests = program.items.iter().filter(|i| matches!(i.kind, ItemKind::Test(_)));
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        tests.into_iter().any(|t| self.text(span(t.span)).split(|c| !is_name(c)).any(|word| word == name))
    }
}
