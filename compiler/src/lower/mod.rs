//! Stages to plan nodes: every pipeline becomes a chain in the logical plan.
//!
//! One file per stage. Each takes the flow before it (a node and the names of its columns) and gives
//! the flow after it. Invariants: a node's inputs are made before it; a `let` is lowered once and
//! shared; after a mistake the flow goes on with what is known, and the plan is thrown away.

mod aggregate;
mod dataset;
mod file_fields;
mod folder_sink;
mod folders;
mod format;
mod group_by_key;
mod header;
mod iterate;
mod join;
mod join_key;
mod join_row;
mod map;
mod order;
mod persist;
mod pipe;
mod read;
mod read_of_write;
mod repartition;
mod rows;
mod sample;
mod set_operation;
mod sink;
mod test;
mod through;
mod union;
mod value;
mod window;

pub(crate) use dataset::{Flow, RowCount};
pub(crate) use format::{ARROW_COMPRESSION, PARQUET_COMPRESSION};
pub(crate) use iterate::LoopName;
pub use test::CompiledTest;

use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::import::Module;
use crate::row::Origin;
use flow_grammar::ast::{self, ItemKind, SourceKind, StageKind};
use flow_ir::logical::{Node, Operator, OutputColumn};
use flow_ir::{NodeId, SetOperation, Span};

/// How a pipeline must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// In a sink; one that prints is added if none is written.
    Sink,
    /// In rows that somebody else uses.
    Rows,
}

impl<'a> Compiler<'a> {
    /// Lowers every pipeline of the program, and checks the files it imports.
    pub(crate) fn programs(&mut self, modules: &'a [Module]) {
        let program = modules.first().map(|m| &m.program);
        if let Some(program) = program {
            self.program(program);
        }
        for (index, module) in modules.iter().enumerate().skip(1) {
            self.within(index, |compiler| compiler.imported(&module.program));
        }
        if let Some(program) = program {
            self.unused_datasets(program);
        }
    }

    /// Checks an imported file. Its datasets are looked at where something uses them.
    fn imported(&mut self, program: &'a ast::Program) {
        for item in &program.items {
            match &item.kind {
                ItemKind::Pipeline(_) => self.report(
                    Diagnostic::error("F4031", span(item.span), "an imported file only defines things")
                        .caption("this pipeline would run")
                        .help("name its rows with `let`, and write or print them in the program"),
                ),
                ItemKind::Schema(def) => self.check_schema(def),
                ItemKind::Const(def) => {
                    self.constant(&def.name.text, span(def.name.span));
                }
                _ => {}
            }
        }
        self.uncalled_functions();
    }

    fn program(&mut self, program: &'a ast::Program) {
        for item in &program.items {
            match &item.kind {
                // The name may be that of something else, which has been reported.
                ItemKind::Let(def) if self.symbols().datasets.contains_key(def.name.text.as_str()) => {
                    self.defined_dataset(&def.name);
                }
                ItemKind::Let(_) => {}
                ItemKind::Pipeline(pipeline) => {
                    self.pipeline(pipeline, Ending::Sink);
                }
                ItemKind::Schema(def) => self.check_schema(def),
                ItemKind::Const(def) => {
                    self.constant(&def.name.text, span(def.name.span));
                }
                // A test has a plan of its own.
                ItemKind::Test(_)
                | ItemKind::Error
                | ItemKind::Import(_)
                | ItemKind::Param(_)
                | ItemKind::Fn(_)
                | ItemKind::Pipe(_) => {}
            }
        }
        self.uncalled_functions();
    }

    /// Lowers a pipeline.
    pub(crate) fn pipeline(&mut self, pipeline: &'a ast::Pipeline, ending: Ending) -> Flow {
        let flow = self.source(&pipeline.source);
        let (stages, last) = match (ending, pipeline.stages.split_last()) {
            (Ending::Sink, Some((last, before))) if is_sink(last) => (before, Some(last)),
            _ => (pipeline.stages.as_slice(), None),
        };
        let flow = self.stages(flow, stages);
        if ending == Ending::Sink {
            self.sink(&flow, last, span(pipeline.span));
        }
        flow
    }

    fn source(&mut self, source: &'a ast::Source) -> Flow {
        let place = span(source.span);
        match &source.kind {
            SourceKind::Error => self.unknown_flow(place),
            SourceKind::Read(read) => self.read(read, place),
            SourceKind::From(path) => self.from(path),
            SourceKind::Rows(records) => self.rows(records, place),
        }
    }

    /// Lowers stages that follow each other.
    pub(crate) fn stages(&mut self, mut flow: Flow, stages: &'a [ast::Stage]) -> Flow {
        for stage in stages {
            flow = self.stage(flow, stage);
            if brings_rows_together(&stage.kind) {
                flow.row.origin = Origin::Lost(span(stage.keyword));
            }
        }
        flow
    }

    fn stage(&mut self, flow: Flow, stage: &'a ast::Stage) -> Flow {
        let place = span(stage.span);
        if self.is_too_large(place) {
            return Flow { row: crate::row::Row::unknown(), ..flow };
        }
        match &stage.kind {
            StageKind::Error => Flow { row: crate::row::Row::unknown(), ..flow },
            StageKind::Filter(e) => self.filter(flow, e, place),
            StageKind::Check { condition, message } => self.check(flow, condition, message.as_ref(), place),
            StageKind::Map(record) => self.map(flow, record, place),
            StageKind::FlatMap(record) => self.flat_map(flow, record, place),
            StageKind::Reduce(record) => self.reduce(flow, &[], record, place),
            StageKind::ReduceByKey { keys, record } => self.reduce(flow, keys, record, place),
            StageKind::GroupByKey { keys, into } => self.group_by_key(flow, keys, into, place),
            StageKind::Count => self.count(flow, place),
            StageKind::Distinct { on, sort } => self.distinct(flow, on, sort, place),
            StageKind::Sort(keys) => self.sort(flow, keys, place),
            StageKind::Take { count, per, sort } => self.take(flow, count, per, sort, place),
            StageKind::Skip(count) => self.skip(flow, count, place),
            StageKind::Union(datasets) => self.union(flow, datasets, place),
            StageKind::Sample { amount, seed, with_replacement } => {
                self.sample(flow, amount, seed.as_ref(), *with_replacement, place)
            }
            StageKind::Through(through) => self.through(flow, through, place),
            StageKind::Repartition { count, by } => self.repartition(flow, count, by.as_ref(), place),
            StageKind::Coalesce(count) => self.fewer_parts(flow, count, place),
            StageKind::Intersect { all, dataset } => {
                self.set_operation(flow, SetOperation::Intersect, *all, dataset, place)
            }
            StageKind::Except { all, dataset } => {
                self.set_operation(flow, SetOperation::Except, *all, dataset, place)
            }
            StageKind::Join(join) => self.join(flow, join, stage),
            StageKind::Window(window) => self.window(flow, window, place),
            StageKind::Persist { level } => self.persist(flow, level.as_ref(), place),
            StageKind::Use { path, args } => self.use_pipe(flow, path, args, place),
            StageKind::Write(_) | StageKind::Show { .. } => {
                self.report(
                    Diagnostic::error("F4007", span(stage.keyword), "a sink ends its pipeline")
                        .help("name the rows with `let`, then use them twice with `from`"),
                );
                flow
            }
        }
    }

    /// Appends a node.
    pub(crate) fn node(&mut self, operator: Operator, columns: Vec<OutputColumn>, place: Span) -> NodeId {
        self.plan.push(Node { operator, columns, span: place })
    }

    /// Appends a node that passes on all columns of its input.
    pub(crate) fn passing(&mut self, input: NodeId, operator: Operator, place: Span) -> NodeId {
        let columns = self.plan.node(input).columns.clone();
        self.node(operator, columns, place)
    }
}

/// Whether rows behind a stage are, or stand among, others than those of one `read`.
fn brings_rows_together(stage: &StageKind) -> bool {
    match stage {
        StageKind::Take { per, sort, .. } => !per.is_empty() || !sort.is_empty(),
        StageKind::Error
        | StageKind::Filter(_)
        | StageKind::Check { .. }
        | StageKind::Map(_)
        | StageKind::FlatMap(_)
        | StageKind::Skip(_)
        | StageKind::Sample { .. }
        | StageKind::Repartition { .. }
        | StageKind::Coalesce(_)
        | StageKind::Persist { .. }
        | StageKind::Use { .. }
        | StageKind::Write(_)
        | StageKind::Show { .. } => false,
        _ => true,
    }
}

fn is_sink(stage: &ast::Stage) -> bool {
    matches!(stage.kind, StageKind::Write(_) | StageKind::Show { .. })
}
