//! `flowc illustrate`: a few example rows behind every stage of a program.
//!
//! The plan as written gets a `show n` behind every stage that a sink reaches, in place of its sinks: so
//! the rows are the first ones that really come out of each stage, nothing is written, and what no stage
//! needs is not read. Bad rows that a run would set aside are left out. Of an `iterate`, the
//! result is shown. A stage that shows nothing has no rows in the whole input.

use crate::cli::IllustrateArgs;
use crate::command::run::{options, physical};
use crate::failure::{Failure, Status};
use crate::output::table;
use crate::program::{Program, colored};
use crate::run_failure::run_failure;
use crate::signals::Signals;
use flow_compiler::Compiled;
use flow_ir::logical::{Node, Operator};
use flow_ir::source::{OnError, Sink, SinkColumn, Target, WriteMode};
use flow_ir::{Batch, ColumnId, LogicalPlan, NodeId, Span};
use flow_runtime::{PrintFormat, Printer};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};

/// Shows example rows of every stage.
pub(crate) fn illustrate(args: &IllustrateArgs) -> Result<(), Failure> {
    let program = Program::load(&args.program)?;
    let compiled = program.compile(&args.program)?;
    let (plan, stages) = illustrated(&compiled.plan, args.rows);
    let plan = physical(&Compiled { plan, ..compiled }, &args.engine);
    let mut options = options(&args.engine);
    options.print = PrintFormat::Table;
    let signals = Signals::watch(&options.control)
        .map_err(|e| Failure::message(Status::Internal, format!("signals cannot be handled: {e}")))?;
    let mut printer = Stages { program: &program, stages, shown: 0 };
    flow_runtime::run(&plan, &options, &mut printer, &|span| program.place(span))
        .map(|_| ())
        .map_err(|e| run_failure(e, &program, &plan, signals.status(), colored(args.program.color)))
}

/// The plan that shows the first rows behind every stage, and the stages in the order of their sinks.
fn illustrated(plan: &LogicalPlan, rows: u64) -> (LogicalPlan, Vec<Span>) {
    let mut shown = plan.clone();
    shown.sinks.clear();
    for node in &mut shown.nodes {
        match &mut node.operator {
            Operator::Read(source) if matches!(source.on_error, OnError::Quarantine(_)) => {
                source.on_error = OnError::Skip;
            }
            // To keep all rows, all would have to be computed.
            Operator::Persist { input, .. } => {
                node.operator = Operator::Map { input: *input, computed: Vec::new() };
            }
            _ => {}
        }
    }
    let mut stages = Vec::new();
    for id in stage_nodes(plan) {
        let node = plan.node(id);
        let columns = visible(node, &plan.unused);
        if columns.is_empty() {
            continue;
        }
        let take = shown.push(Node {
            operator: Operator::Take { input: id, count: rows },
            columns: node.columns.clone(),
            span: node.span,
        });
        let number = u32::try_from(stages.len()).unwrap_or(u32::MAX);
        let target = Target::Print { limit: Some(rows) };
        let sink = Sink {
            number,
            target,
            format: None,
            mode: WriteMode::Replace,
            unordered: false,
            columns,
            optional: Vec::new(),
            span: node.span,
        };
        let write = shown.push(Node {
            operator: Operator::Write { input: take, sink },
            columns: Vec::new(),
            span: node.span,
        });
        shown.sinks.push(write);
        stages.push(node.span);
    }
    (shown, stages)
}

/// The last node of every stage that a sink reaches: a stage may have been lowered to several.
fn stage_nodes(plan: &LogicalPlan) -> Vec<NodeId> {
    let mut reached: BTreeSet<NodeId> = BTreeSet::new();
    let mut open: Vec<NodeId> = plan.sinks.clone();
    while let Some(id) = open.pop() {
        for input in plan.node(id).operator.inputs() {
            if reached.insert(input) {
                open.push(input);
            }
        }
    }
    let inside = nodes_in_loops(plan);
    let nodes: Vec<NodeId> = reached.into_iter().filter(|id| !inside.contains(id)).collect();
    let span = |id: &NodeId| plan.node(*id).span;
    nodes
        .iter()
        .enumerate()
        .filter(|(i, id)| nodes.get(i + 1).is_none_or(|next| span(next) != span(id)))
        .map(|(_, id)| *id)
        .collect()
}

/// The nodes whose rows are others in every round of an `iterate`: only the loop as a whole can be shown.
fn nodes_in_loops(plan: &LogicalPlan) -> BTreeSet<NodeId> {
    let mut loops: BTreeMap<NodeId, BTreeSet<NodeId>> = BTreeMap::new();
    for (i, node) in plan.nodes.iter().enumerate() {
        let id = NodeId(u32::try_from(i).unwrap_or(u32::MAX));
        let inputs = node.operator.inputs();
        let mut open: BTreeSet<NodeId> =
            inputs.iter().filter_map(|n| loops.get(n)).flatten().copied().collect();
        match &node.operator {
            Operator::LoopRows => {
                open.insert(id);
            }
            Operator::Iterate { state, .. } => {
                open.remove(state);
            }
            _ => {}
        }
        if !open.is_empty() {
            loops.insert(id, open);
        }
    }
    loops.into_keys().collect()
}

/// The columns of a node that programs can name and use. A field that the program never uses is not
/// read, so that its bad values stay no errors.
fn visible(node: &Node, unused: &BTreeSet<ColumnId>) -> Vec<SinkColumn> {
    node.columns
        .iter()
        .filter(|c| !unused.contains(&c.id) && !c.path.iter().any(|part| part.starts_with('$')))
        .map(|c| SinkColumn { id: c.id, path: c.path.clone(), ty: c.ty.clone() })
        .collect()
}

/// Prints each result below the text of its stage.
struct Stages<'a> {
    program: &'a Program,
    stages: Vec<Span>,
    shown: usize,
}

impl Printer for Stages<'_> {
    fn bytes(&mut self, bytes: &mut dyn Read) -> io::Result<()> {
        io::copy(bytes, &mut io::stdout().lock()).map(|_| ())
    }

    fn table(&mut self, sink: &Sink, batches: &[Batch], rows: u64) -> io::Result<()> {
        let span = self.stages.get(sink.number as usize).copied().unwrap_or(sink.span);
        let mut out = io::stdout().lock();
        if self.shown > 0 {
            out.write_all(b"\n")?;
        }
        self.shown += 1;
        let text = self.program.span_text(span);
        let first = text.lines().next().unwrap_or("").trim_end();
        let more = if text.trim_end().contains('\n') { " ..." } else { "" };
        writeln!(out, "{}  {first}{more}", self.program.place(span))?;
        if batches.iter().all(|b| b.rows == 0) {
            return out.write_all(b"(no rows)\n");
        }
        out.write_all(table(sink, batches, rows).as_bytes())
    }

    fn end(&mut self) -> io::Result<()> {
        io::stdout().lock().flush()
    }
}
