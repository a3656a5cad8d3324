//! The state of one compilation: what the program declares, the plan so far, and the findings.
//!
//! Checking and lowering are one walk over the tree: every stage is typed against the row before
//! it and becomes plan nodes at once (`check/` types expressions, `lower/` makes nodes). Invariant:
//! a mistake never stops the walk; it leaves unknown fields behind, about which nothing more is said.

use crate::catalog::Catalog;
use crate::check::Checked;
use crate::diagnostic::Diagnostic;
use crate::kept_files::{FolderRead, KnownFiles};
use crate::lower::{Flow, LoopName};
use crate::resolve::Symbols;
use crate::sources::Sources;
use crate::{InferredSchema, ParamValue};
use flow_grammar::ast;
use flow_ir::{ColumnId, DataType, LocalId, LogicalPlan, Span, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// How much inlined functions and pipes may be in all: a chain of functions that each call the one
/// before twice doubles with every link.
pub(crate) const INLINED_MAX: u32 = 50_000;

/// Where reporting stops: after so many mistakes, more do not help.
const DIAGNOSTICS_MAX: usize = 200;

/// How deep functions may call functions.
pub(crate) const CALLS_DEPTH_MAX: usize = 48;

/// A name of a file: which file, and the name there.
pub(crate) type Key<'a> = (usize, &'a str);

/// A compilation in progress.
pub(crate) struct Compiler<'a> {
    /// What each file declares; the program itself is the first.
    pub(crate) modules: Vec<Rc<Symbols<'a>>>,
    /// The file whose names are meant.
    pub(crate) module: usize,
    /// The files.
    pub(crate) catalog: &'a dyn Catalog,
    /// The program text, for messages that quote it.
    pub(crate) sources: &'a Sources,
    /// The plan so far.
    pub(crate) plan: LogicalPlan,
    /// The findings so far.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Datasets that are lowered or being lowered.
    pub(crate) datasets: BTreeMap<Key<'a>, DatasetState>,
    /// The rows that the test which is being lowered gives for datasets.
    pub(crate) givens: BTreeMap<Key<'a>, &'a ast::Pipeline>,
    /// Whether only the types of rows matter, so that files need not be there.
    pub(crate) types_only: bool,
    /// Datasets that something reads.
    pub(crate) used_datasets: BTreeSet<Key<'a>>,
    /// The values of parameters; `None` after an error.
    pub(crate) params: BTreeMap<Key<'a>, Option<(Value, DataType)>>,
    /// The constants that have been checked.
    pub(crate) consts: BTreeMap<Key<'a>, ConstState>,
    /// Schemas whose fields are being resolved.
    pub(crate) open_schemas: Vec<Key<'a>>,
    /// Functions that are being inlined, the innermost last.
    pub(crate) open_functions: Vec<Key<'a>>,
    /// Pipes that are being expanded with the places that use them, the innermost last.
    pub(crate) open_pipes: Vec<(Key<'a>, Span)>,
    /// The values of the parameters of the pipe that is being expanded.
    pub(crate) pipe_values: Vec<(String, Option<Checked>)>,
    /// The names that the innermost record gives, whose entries do not see each other.
    pub(crate) siblings: Vec<&'a str>,
    /// The names of the loop that is being lowered, the innermost last.
    pub(crate) loops: Vec<LoopName>,
    /// Functions that have been inlined at least once.
    pub(crate) called: BTreeSet<Key<'a>>,
    /// How many expressions and stages have been inlined.
    pub(crate) inlined: u32,
    /// One past the largest local handed out.
    pub(crate) next_local: u32,
    /// The paths that sinks and quarantines write.
    pub(crate) writes: Vec<(String, Span)>,
    /// The patterns that are read.
    pub(crate) reads: Vec<(String, Span)>,
    /// The files that they name.
    pub(crate) read_files: Vec<(String, Span)>,
    /// Whether the program may ask where a row was read, so that every `read` tells.
    pub(crate) places: bool,
    /// Schemas that came from samples.
    pub(crate) inferred: Vec<InferredSchema>,
    /// Which files below folders are looked at.
    pub(crate) known_files: KnownFiles,
    /// The `read`s of files below folders that name values.
    pub(crate) folder_reads: Vec<FolderRead>,
    /// How many fields each file of the `read` that is lowered has, if it brings its own schema.
    pub(crate) field_counts: Vec<u32>,
    /// The parameters' final values.
    pub(crate) param_values: Vec<ParamValue>,
}

/// How far a `let` is.
#[derive(Clone, Debug)]
pub(crate) enum DatasetState {
    /// It is being lowered: meeting it again is a cycle.
    Open,
    /// Its node and row.
    Done(Flow),
}

/// How far a `const` is.
#[derive(Clone, Debug)]
pub(crate) enum ConstState {
    /// It is being checked: meeting it again is a cycle.
    Open,
    /// Its value, if it has one.
    Done(Option<Checked>),
}

impl<'a> Compiler<'a> {
    /// A compilation of nothing yet.
    pub(crate) fn new(
        sources: &'a Sources,
        modules: Vec<Symbols<'a>>,
        catalog: &'a dyn Catalog,
        diagnostics: Vec<Diagnostic>,
    ) -> Self {
        Compiler {
            modules: modules.into_iter().map(Rc::new).collect(),
            module: 0,
            catalog,
            sources,
            plan: LogicalPlan::default(),
            diagnostics,
            datasets: BTreeMap::new(),
            givens: BTreeMap::new(),
            types_only: false,
            used_datasets: BTreeSet::new(),
            params: BTreeMap::new(),
            consts: BTreeMap::new(),
            open_schemas: Vec::new(),
            open_functions: Vec::new(),
            open_pipes: Vec::new(),
            pipe_values: Vec::new(),
            loops: Vec::new(),
            siblings: Vec::new(),
            called: BTreeSet::new(),
            inlined: 0,
            next_local: 0,
            writes: Vec::new(),
            reads: Vec::new(),
            read_files: Vec::new(),
            // A name in a comment does no harm: columns that nothing uses go.
            places: sources.contain("source_file") || sources.contain("source_line"),
            inferred: Vec::new(),
            known_files: KnownFiles::default(),
            folder_reads: Vec::new(),
            field_counts: Vec::new(),
            param_values: Vec::new(),
        }
    }

    /// Adds a finding, unless the same one is there: code that is inlined twice is wrong once.
    pub(crate) fn report(&mut self, mut diagnostic: Diagnostic) {
        let known = self.diagnostics.iter().any(|d| {
            d.code == diagnostic.code && d.span == diagnostic.span && d.message == diagnostic.message
        });
        if known || self.diagnostics.len() >= DIAGNOSTICS_MAX {
            return;
        }
        // What is wrong with a pipe depends on the rows it is used on.
        for ((_, name), place) in self.open_pipes.iter().rev() {
            diagnostic = diagnostic.label(*place, format!("`{name}` is used here"));
        }
        self.diagnostics.push(diagnostic);
    }

    /// What the file that is being looked at declares.
    pub(crate) fn symbols(&self) -> Rc<Symbols<'a>> {
        self.modules.get(self.module).cloned().unwrap_or_default()
    }

    /// Does something outside of the pipe and the loop that are being lowered: what they name means nothing
    /// there.
    pub(crate) fn outside<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let values = std::mem::take(&mut self.pipe_values);
        let loops = std::mem::take(&mut self.loops);
        let result = work(self);
        (self.pipe_values, self.loops) = (values, loops);
        result
    }

    /// Does something with the names of another file.
    pub(crate) fn within<T>(&mut self, module: usize, work: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.module, module);
        let result = work(self);
        self.module = outer;
        result
    }

    /// Counts what is inlined; whether that has become too much, which is reported once.
    pub(crate) fn is_too_large(&mut self, place: Span) -> bool {
        if self.open_functions.is_empty() && self.open_pipes.is_empty() {
            return false;
        }
        self.inlined = self.inlined.saturating_add(1);
        if self.inlined == INLINED_MAX {
            self.report(
                Diagnostic::error(
                    "F4011",
                    place,
                    "this program is too large with its functions and pipes written out",
                )
                .note("functions that call functions several times multiply"),
            );
        }
        self.inlined >= INLINED_MAX
    }

    /// Reports that a construct is not supported yet.
    pub(crate) fn not_yet(&mut self, code: &'static str, place: Span, construct: &str) {
        self.report(
            Diagnostic::error(code, place, format!("{construct} cannot be compiled yet"))
                .note("it is part of the language, but this version of flowc does not run it"),
        );
    }

    /// A column id nobody has.
    pub(crate) fn fresh(&mut self) -> ColumnId {
        self.plan.fresh_column()
    }

    /// A local nobody has.
    pub(crate) fn fresh_local(&mut self) -> LocalId {
        self.next_local += 1;
        LocalId(self.next_local - 1)
    }

    /// The program text at `place`.
    pub(crate) fn text(&self, place: Span) -> &'a str {
        self.sources.span_text(place)
    }
}
