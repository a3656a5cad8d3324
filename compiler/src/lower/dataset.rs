//! Datasets: `let`, `from`, and the datasets that stages take as arguments.
//!
//! Invariant: a `let` is lowered when it is first met and only then, so everything that uses it
//! shares one node.

use super::{Compiler, Ending};
use crate::compiler::DatasetState;
use crate::diagnostic::{Diagnostic, Severity, span};
use crate::resolve::Lookup;
use crate::row::{Row, Shape};
use crate::suggest::closest;
use flow_grammar::ast::{self, DatasetKind, LetValue};
use flow_ir::logical::Operator;
use flow_ir::{NodeId, Span};
use std::rc::Rc;

/// Rows at a point of a pipeline.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    /// What delivers them.
    pub(crate) node: NodeId,
    /// Their fields.
    pub(crate) row: Row,
    /// How many there are, as far as it is known.
    pub(crate) count: RowCount,
    /// The keys they were last reduced by, as written.
    pub(crate) keys: Option<Rc<str>>,
}

/// What is known about the number of rows.
#[derive(Clone, Debug)]
pub(crate) enum RowCount {
    /// Exactly one.
    One,
    /// Perhaps another number.
    Many {
        /// The place that says so.
        span: Span,
        /// In words.
        why: String,
    },
}

impl RowCount {
    /// Any number of rows, because of the stage at `span`.
    pub(crate) fn many(span: Span, why: impl Into<String>) -> Self {
        RowCount::Many { span, why: why.into() }
    }

    /// The same, unless it was one row, which the stage at `span` may drop.
    pub(crate) fn fewer(self, span: Span, why: &str) -> Self {
        match self {
            RowCount::One => RowCount::many(span, why),
            many @ RowCount::Many { .. } => many,
        }
    }
}

impl<'a> Compiler<'a> {
    /// A flow about which nothing is known, after a mistake.
    pub(crate) fn unknown_flow(&mut self, place: Span) -> Flow {
        let node = self.node(Operator::Rows(Vec::new()), Vec::new(), place);
        Flow { node, row: Row::unknown(), count: RowCount::One, keys: None }
    }

    /// `from name`.
    pub(super) fn from(&mut self, path: &'a ast::Path) -> Flow {
        let place = span(path.span);
        if let Some(name) = path.as_single()
            && let Some(known) = self.loops.iter().rev().find(|l| l.name == name.text)
        {
            return known.rows.clone();
        }
        let flow = match self.symbols().lookup(path) {
            Lookup::Here(name) => self.dataset(name),
            Lookup::In(module, name) => self.within(module, |compiler| compiler.dataset(name)),
            Lookup::Broken => None,
            Lookup::Nowhere => {
                self.unknown_dataset(&path.to_string(), place);
                None
            }
        };
        flow.unwrap_or_else(|| self.unknown_flow(place))
    }

    /// The dataset of that name, which somebody uses.
    pub(crate) fn dataset(&mut self, name: &'a ast::Name) -> Option<Flow> {
        self.used_datasets.insert((self.module, &name.text));
        self.defined_dataset(name)
    }

    /// The dataset of that name.
    pub(super) fn defined_dataset(&mut self, name: &'a ast::Name) -> Option<Flow> {
        let place = span(name.span);
        let Some(&def) = self.symbols().datasets.get(name.text.as_str()) else {
            self.unknown_dataset(&name.text, place);
            return None;
        };
        let key = (self.module, def.name.text.as_str());
        match self.datasets.get(&key) {
            Some(DatasetState::Done(flow)) => return Some(flow.clone()),
            Some(DatasetState::Open) => {
                self.report(
                    Diagnostic::error("F2015", place, format!("`{}` needs its own rows", name.text))
                        .label(span(def.name.span), "defined here"),
                );
                return None;
            }
            None => {}
        }
        if self.datasets.values().filter(|s| matches!(s, DatasetState::Open)).count() >= DATASETS_DEPTH_MAX {
            self.report(Diagnostic::error("F4011", place, "too many datasets are defined by each other"));
            return None;
        }
        self.datasets.insert(key, DatasetState::Open);
        // What is written outside of a pipe does not see the pipe's parameters.
        let open_pipes = std::mem::take(&mut self.open_pipes);
        let given = self.givens.get(&key).copied().filter(|_| !self.types_only);
        let flow = self.outside(|compiler| match given {
            Some(given) => compiler.given_rows(def, given),
            None => compiler.dataset_definition(def),
        });
        self.open_pipes = open_pipes;
        self.datasets.insert(key, DatasetState::Done(flow.clone()));
        Some(flow)
    }

    /// The rows that a `let` says.
    pub(super) fn dataset_definition(&mut self, def: &'a ast::LetDef) -> Flow {
        match &def.value {
            LetValue::Pipeline(pipeline) => self.pipeline(pipeline, Ending::Rows),
            LetValue::Iterate(iterate) => self.iterate(iterate),
        }
    }

    /// Warns of `let`s that nothing uses, in programs that are right otherwise.
    pub(super) fn unused_datasets(&mut self, program: &ast::Program) {
        if self.diagnostics.iter().any(|d| d.severity == Severity::Error) {
            return;
        }
        let unused: Vec<&'a ast::LetDef> = self
            .symbols()
            .datasets
            .iter()
            .filter(|(name, _)| !self.used_datasets.contains(&(self.module, **name)))
            .filter(|(name, _)| !self.is_tested(program, name))
            .map(|(_, def)| *def)
            .collect();
        for def in unused {
            let name = &def.name.text;
            self.report(
                Diagnostic::warning("W4401", span(def.name.span), format!("`{name}` is never used"))
                    .help(format!("print it with `from {name}`, or remove it")),
            );
        }
    }

    /// The rows of a dataset argument.
    pub(super) fn dataset_argument(&mut self, dataset: &'a ast::Dataset) -> Flow {
        match &dataset.kind {
            DatasetKind::Named(path) => self.from(path),
            DatasetKind::Pipeline(pipeline) => self.pipeline(pipeline, Ending::Rows),
        }
    }

    fn unknown_dataset(&mut self, name: &str, place: Span) {
        let mut diagnostic =
            Diagnostic::error("F2007", place, format!("there is no dataset called `{name}`"));
        if let Some(near) = closest(name, self.symbols().datasets.keys().copied()) {
            diagnostic = diagnostic.caption(format!("did you mean `{near}`?")).fix(near, place, near);
        } else if name.contains('.') || name.contains('/') {
            diagnostic = diagnostic.help(format!("to read a file: read \"{name}\""));
        } else {
            diagnostic = diagnostic.help(format!("define it: let {name} = read \"...\""));
        }
        self.report(diagnostic);
    }

    /// The name of a dataset argument, for messages.
    pub(super) fn dataset_name(&self, dataset: &ast::Dataset) -> String {
        match &dataset.kind {
            DatasetKind::Named(path) => path.to_string(),
            DatasetKind::Pipeline(_) => "the other side".to_owned(),
        }
    }
}

/// How many `let`s may be lowered inside of each other.
const DATASETS_DEPTH_MAX: usize = 128;

/// The columns of a shape that is used as a key.
pub(super) fn leaves(shape: &Shape) -> Vec<flow_ir::ColumnId> {
    shape.ids().into_iter().map(|(id, _)| id).collect()
}
