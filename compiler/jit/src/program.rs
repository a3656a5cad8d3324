//! The compiled steps of a set of expressions, and how they run over a morsel.

use crate::describe::{KernelText, StepDescription, StepKind};
use crate::engine::{Engine, Options};
use crate::error::JitError;
use crate::graph::{Graph, GraphBuilder, NodeId, Op};
use crate::interpret::interpret;
use crate::kernel::LoopKernel;
use crate::library;
use crate::loops::{LoopInput, LoopSpec, Sink};
use crate::native::{Class, Execution};
use crate::plan::{PlannedStep, columns_read, plan};
use crate::select::{Operand, copy, select};
use flow_ir::physical::TypedColumn;
use flow_ir::{Column, ColumnId, Expr, Type};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// Compiled steps.
pub(crate) struct Program {
    graph: Arc<Graph>,
    inputs: Vec<(NodeId, ColumnId)>,
    input_ids: Vec<ColumnId>,
    steps: Vec<Step>,
    outputs: Vec<NodeId>,
    /// The loop of a filter, at the end of the steps.
    pub(crate) sink: Option<LoopKernel>,
}

enum Step {
    Loop(Box<LoopKernel>),
    Single(NodeId),
}

/// The columns of a morsel by node: the inputs, and what the steps have made so far.
pub(crate) type Slots<'c> = Vec<Option<Cow<'c, Column>>>;

impl Program {
    /// Compiles expressions over the given columns. With `filter`, there is one expression, a
    /// condition, and it ends in a selection if a loop can compute it.
    pub(crate) fn compile(
        exprs: &[Expr],
        columns: &[TypedColumn],
        options: Options,
        filter: bool,
    ) -> Result<Program, JitError> {
        match Self::compile_as(exprs, columns, options, filter) {
            // Where no code can be made executable, everything still works, only slower.
            Err(JitError::Host(_) | JitError::Memory(_)) if options.engine == Engine::Jit => {
                let options = Options { engine: Engine::Interpreter, ..options };
                Self::compile_as(exprs, columns, options, filter)
            }
            outcome => outcome,
        }
    }

    fn compile_as(
        exprs: &[Expr],
        columns: &[TypedColumn],
        options: Options,
        filter: bool,
    ) -> Result<Program, JitError> {
        let mut builder = GraphBuilder::new(columns.iter().map(|c| (c.id, c.ty.clone())), options);
        let outputs = exprs.iter().map(|e| builder.root(e)).collect::<Result<Vec<_>, _>>()?;
        let graph = Arc::new(builder.finish());
        let root = outputs.first().copied().filter(|_| filter && options.engine == Engine::Jit);
        let native = root.filter(|id| graph.node(*id).execution == Execution::Native);
        let wanted = if native.is_some() { &[] } else { outputs.as_slice() };
        let plan = plan(&graph, wanted, native);
        let steps = plan
            .steps
            .iter()
            .map(|step| Step::compile(&graph, step, options))
            .collect::<Result<Vec<_>, _>>()?;
        // A condition that is not native becomes a column, and the loop reads that.
        let sink = match root {
            Some(root) if graph.literal(root).is_none() => {
                let (body, inputs) = if native.is_some() { plan.sink } else { (Vec::new(), vec![root]) };
                let spec = LoopSpec {
                    inputs: loop_inputs(&graph, &body, &inputs, &[root]),
                    body,
                    sink: Sink::Selection(root),
                };
                Some(LoopKernel::compile(&graph, spec, options)?)
            }
            _ => None,
        };
        let inputs = columns_read(&graph, &outputs);
        let input_ids = inputs.iter().map(|(_, id)| *id).collect();
        Ok(Program { graph, inputs, input_ids, steps, outputs, sink })
    }

    /// The columns it reads.
    pub(crate) fn inputs(&self) -> &[ColumnId] {
        &self.input_ids
    }

    /// Runs the steps over `columns`, which stand in the order of [`Program::inputs`].
    pub(crate) fn run<'c>(&self, columns: &[&'c Column], rows: usize) -> Slots<'c> {
        assert_eq!(columns.len(), self.inputs.len(), "expressions got the wrong number of columns");
        let mut slots: Slots<'c> = vec![None; self.graph.len()];
        for ((node, _), column) in self.inputs.iter().zip(columns) {
            slots[node.index()] = Some(Cow::Borrowed(*column));
        }
        for step in &self.steps {
            match step {
                Step::Loop(kernel) => self.run_loop(kernel, &mut slots, rows),
                Step::Single(id) => {
                    let column = self.single(*id, &slots, rows);
                    slots[id.index()] = Some(Cow::Owned(column));
                }
            }
        }
        slots
    }

    /// The outputs' columns, after [`Program::run`].
    pub(crate) fn take_outputs(&self, mut slots: Slots<'_>, rows: usize) -> Vec<Column> {
        let mut columns = Vec::with_capacity(self.outputs.len());
        for (i, id) in self.outputs.iter().enumerate() {
            let again = self.outputs[i + 1..].contains(id);
            let made = if again { slots[id.index()].clone() } else { slots[id.index()].take() };
            columns.push(match made {
                Some(column) => column.into_owned(),
                None => {
                    let node = self.graph.node(*id);
                    copy((self.operand(*id, &slots), &node.ty.kind), rows, &node.ty)
                }
            });
        }
        columns
    }

    /// The columns the filter's loop reads.
    pub(crate) fn sink_columns<'s>(&self, kernel: &LoopKernel, slots: &'s Slots<'_>) -> Vec<&'s Column> {
        kernel.spec().inputs.iter().map(|input| self.column(input.node, slots)).collect()
    }

    fn run_loop(&self, kernel: &LoopKernel, slots: &mut Slots<'_>, rows: usize) {
        let columns: Vec<&Column> =
            kernel.spec().inputs.iter().map(|input| self.column(input.node, slots)).collect();
        let Sink::Columns(outputs) = &kernel.spec().sink else { return };
        let made = match kernel.columns(&columns, rows) {
            Ok(made) => made,
            // The second variant could not be compiled any more: compute the nodes one by one.
            Err(_) => outputs.iter().map(|id| self.by_interpreter(*id, slots, rows)).collect(),
        };
        for (id, column) in outputs.iter().zip(made) {
            slots[id.index()] = Some(Cow::Owned(column));
        }
    }

    fn column<'s>(&self, id: NodeId, slots: &'s Slots<'_>) -> &'s Column {
        match &slots[id.index()] {
            Some(column) => column,
            None => panic!("step order: node {} is not computed yet", id.index()),
        }
    }

    fn operand<'s>(&'s self, id: NodeId, slots: &'s Slots<'_>) -> Operand<'s> {
        match self.graph.literal(id) {
            Some(value) => Operand::Constant(value),
            None => Operand::Column(self.column(id, slots)),
        }
    }

    /// Computes a node that is not native.
    fn single(&self, id: NodeId, slots: &Slots<'_>, rows: usize) -> Column {
        let node = self.graph.node(id);
        let operands: Vec<(Operand<'_>, &Type)> =
            node.arguments.iter().map(|a| (self.operand(*a, slots), self.graph.kind(*a))).collect();
        match &node.op {
            Op::Interpret(expr) => interpret(expr, &operands, rows),
            Op::SplitPart => {
                library::split_part(&operands).unwrap_or_else(|| self.by_interpreter(id, slots, rows))
            }
            Op::Call(function) => library::call_vector(*function, &operands, rows, &node.ty)
                .unwrap_or_else(|| self.by_interpreter(id, slots, rows)),
            op => {
                select(op, &operands, rows, &node.ty).unwrap_or_else(|| self.by_interpreter(id, slots, rows))
            }
        }
    }

    /// Computes any node by the interpreter, from what the slots hold.
    pub(crate) fn by_interpreter(&self, id: NodeId, slots: &Slots<'_>, rows: usize) -> Column {
        let mut read = Vec::new();
        let expr = self.graph.expression(id, &|node| slots[node.index()].is_some(), &mut read);
        let operands: Vec<(Operand<'_>, &Type)> =
            read.iter().map(|a| (self.operand(*a, slots), self.graph.kind(*a))).collect();
        interpret(&expr, &operands, rows)
    }

    /// The condition's column, computed without native code, for a filter whose loop is not available.
    pub(crate) fn condition(&self, slots: &Slots<'_>, rows: usize) -> Option<Column> {
        let id = *self.outputs.first()?;
        Some(match &slots[id.index()] {
            Some(column) => column.clone().into_owned(),
            None => self.by_interpreter(id, slots, rows),
        })
    }

    /// How long native code has taken to compile so far.
    pub(crate) fn compile_time(&self) -> Duration {
        self.kernels().map(LoopKernel::compile_time).sum()
    }

    /// The native code's texts, if they were asked for.
    pub(crate) fn texts(&self) -> Vec<KernelText> {
        self.kernels().flat_map(LoopKernel::texts).collect()
    }

    fn kernels(&self) -> impl Iterator<Item = &LoopKernel> {
        let steps = self.steps.iter().filter_map(|s| if let Step::Loop(k) = s { Some(&**k) } else { None });
        steps.chain(&self.sink)
    }

    /// The steps, for `explain`.
    pub(crate) fn describe(&self) -> Vec<StepDescription> {
        let native =
            |text: String| StepDescription { kind: StepKind::NativeLoop, text, reason: String::new() };
        let mut steps: Vec<StepDescription> = self
            .steps
            .iter()
            .map(|step| match step {
                Step::Loop(kernel) => native(self.graph.loop_text(kernel.spec())),
                Step::Single(id) => StepDescription {
                    kind: if self.graph.node(*id).execution == Execution::Interpreter {
                        StepKind::Interpreter
                    } else {
                        StepKind::Vector
                    },
                    text: self.graph.text(*id),
                    reason: self.graph.node(*id).reason.to_owned(),
                },
            })
            .collect();
        steps.extend(self.sink.iter().map(|kernel| native(self.graph.loop_text(kernel.spec()))));
        steps
    }
}

impl Step {
    fn compile(graph: &Arc<Graph>, step: &PlannedStep, options: Options) -> Result<Step, JitError> {
        Ok(match step {
            PlannedStep::Single(id) => Step::Single(*id),
            PlannedStep::Loop { inputs, body, outputs } => {
                let inputs = loop_inputs(graph, body, inputs, &[]);
                let spec = LoopSpec { inputs, body: body.clone(), sink: Sink::Columns(outputs.clone()) };
                Step::Loop(Box::new(LoopKernel::compile(graph, spec, options)?))
            }
        })
    }
}

/// The inputs of a loop, with the class of those whose values it needs.
fn loop_inputs(graph: &Graph, body: &[NodeId], inputs: &[NodeId], roots: &[NodeId]) -> Vec<LoopInput> {
    inputs
        .iter()
        .map(|input| {
            let asked = body.iter().any(|id| {
                let node = graph.node(*id);
                let status_only = match node.op {
                    Op::IsNull => 1,
                    Op::After => node.arguments.iter().position(|a| a == input).map_or(0, |i| i + 1) % 2,
                    _ => 0,
                };
                let uses = node.arguments.iter().filter(|a| *a == input).count();
                uses > status_only
            });
            let needed = asked || roots.contains(input);
            LoopInput { node: *input, class: Class::of(graph.kind(*input)).filter(|_| needed) }
        })
        .collect()
}
