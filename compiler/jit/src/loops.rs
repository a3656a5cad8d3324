//! Emits whole loops: one row's computation, repeated over a morsel, with a sink for the results.
//!
//! Accumulators stay in registers. Small bodies are unrolled, because for a comparison the loop's
//! own counting would cost as much as the work. Nothing in a loop calls or branches.

use crate::abi::{InputAt, LoopAt, OutputAt, SelectionAt};
use crate::emit::{Base, Emitted, Emitter, Status, TRUSTED, Variant, element};
use crate::graph::{Graph, NodeId};
use crate::native::Class;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, types};
use cranelift_frontend::{FunctionBuilder, Variable};
use flow_ir::column::NULL;
use std::collections::HashMap;

/// The most nodes an unrolled body computes for all of its rows together: beyond that the registers
/// run out, and spilling costs more than counting.
const UNROLLED_NODES_MAX: usize = 4;

/// A column a loop reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoopInput {
    /// The node it belongs to.
    pub(crate) node: NodeId,
    /// Its class; `None` where only the status is asked for.
    pub(crate) class: Option<Class>,
}

/// What a loop makes of its results.
#[derive(Clone, Debug)]
pub(crate) enum Sink {
    /// A column for each of these nodes.
    Columns(Vec<NodeId>),
    /// The numbers of the rows where the node is true, and of those where it is an error.
    Selection(NodeId),
}

/// Everything a loop's code depends on.
#[derive(Clone, Debug)]
pub(crate) struct LoopSpec {
    /// The columns it reads.
    pub(crate) inputs: Vec<LoopInput>,
    /// The nodes it computes, arguments first.
    pub(crate) body: Vec<NodeId>,
    /// What becomes of them.
    pub(crate) sink: Sink,
}

/// What the emitter found out about an output column in the variant for valid rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutputShape {
    /// Whether the loop writes status bytes; otherwise every row is valid.
    pub(crate) status: bool,
}

/// Emits the loop. Returns what it writes for each output. The function's result is not 0 if the
/// variant for valid rows met an error, in which case its outputs are worthless.
pub(crate) fn emit_loop(
    builder: &mut FunctionBuilder<'_>,
    graph: &Graph,
    spec: &LoopSpec,
    variant: Variant,
) -> Vec<OutputShape> {
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    let call = builder.block_params(entry)[0];
    let rows = builder.ins().load(types::I64, TRUSTED, call, LoopAt::ROWS);
    let bases = input_bases(builder, call, spec, variant);
    let sink = SinkState::prepare(builder, call, &spec.sink);
    let sticky = builder.declare_var(types::I8);
    let none = builder.ins().iconst(types::I8, 0);
    builder.def_var(sticky, none);

    let mut looping = Looping { graph, spec, variant, bases, sink, sticky, shapes: Vec::new() };
    let row = builder.declare_var(types::I64);
    let zero = builder.ins().iconst(types::I64, 0);
    builder.def_var(row, zero);
    let unroll = match spec.body.len() {
        0..=1 => UNROLLED_NODES_MAX as i32,
        nodes if nodes * 2 <= UNROLLED_NODES_MAX => 2,
        _ => 1,
    };
    if unroll > 1 {
        let whole = builder.ins().band_imm_s(rows, -i64::from(unroll));
        looping.run(builder, row, whole, unroll);
    }
    looping.run(builder, row, rows, 1);
    looping.finish(builder);
    looping.shapes
}

fn input_bases(
    builder: &mut FunctionBuilder<'_>,
    call: ir::Value,
    spec: &LoopSpec,
    variant: Variant,
) -> HashMap<NodeId, Base> {
    let inputs = builder.ins().load(types::I64, TRUSTED, call, LoopAt::INPUTS);
    let mut bases = HashMap::new();
    for (i, input) in spec.inputs.iter().enumerate() {
        let at = i as i32 * InputAt::SIZE;
        let mut pointer = |field| builder.ins().load(types::I64, TRUSTED, inputs, at + field);
        let values = input.class.map(|_| pointer(InputAt::VALUES));
        let status = (variant == Variant::General).then(|| pointer(InputAt::STATUS));
        bases.insert(input.node, Base { values, class: input.class.unwrap_or(Class::Bool), status });
    }
    bases
}

/// The sink's pointers and accumulators.
enum SinkState {
    Columns(Vec<OutputState>),
    Selection { record: ir::Value, kept: ir::Value, rows: ir::Value, codes: ir::Value, counts: [Variable; 2] },
}

struct OutputState {
    node: NodeId,
    values: ir::Value,
    status: ir::Value,
    seen: Variable,
    record: ir::Value,
    at: i32,
}

impl SinkState {
    fn prepare(builder: &mut FunctionBuilder<'_>, call: ir::Value, sink: &Sink) -> SinkState {
        match sink {
            Sink::Columns(outputs) => {
                let record = builder.ins().load(types::I64, TRUSTED, call, LoopAt::OUTPUTS);
                let state = outputs.iter().enumerate().map(|(i, node)| {
                    let at = i as i32 * OutputAt::SIZE;
                    let values = builder.ins().load(types::I64, TRUSTED, record, at + OutputAt::VALUES);
                    let status = builder.ins().load(types::I64, TRUSTED, record, at + OutputAt::STATUS);
                    let seen = accumulator(builder, types::I8);
                    OutputState { node: *node, values, status, seen, record, at }
                });
                SinkState::Columns(state.collect())
            }
            Sink::Selection(_) => {
                let record = builder.ins().load(types::I64, TRUSTED, call, LoopAt::SELECTION);
                let mut pointer = |field| builder.ins().load(types::I64, TRUSTED, record, field);
                let kept = pointer(SelectionAt::KEPT);
                let rows = pointer(SelectionAt::ERROR_ROWS);
                let codes = pointer(SelectionAt::ERROR_CODES);
                let counts = [accumulator(builder, types::I64), accumulator(builder, types::I64)];
                SinkState::Selection { record, kept, rows, codes, counts }
            }
        }
    }
}

/// A variable that starts at zero.
fn accumulator(builder: &mut FunctionBuilder<'_>, ty: ir::Type) -> Variable {
    let variable = builder.declare_var(ty);
    let zero = builder.ins().iconst(ty, 0);
    builder.def_var(variable, zero);
    variable
}

/// Ors a value into a variable.
fn accumulate(builder: &mut FunctionBuilder<'_>, variable: Variable, value: ir::Value) {
    let so_far = builder.use_var(variable);
    let both = builder.ins().bor(so_far, value);
    builder.def_var(variable, both);
}

struct Looping<'a> {
    graph: &'a Graph,
    spec: &'a LoopSpec,
    variant: Variant,
    bases: HashMap<NodeId, Base>,
    sink: SinkState,
    /// Not 0 after an error, in the variant for valid rows.
    sticky: Variable,
    shapes: Vec<OutputShape>,
}

impl Looping<'_> {
    /// Emits a loop that takes `row` up to `end` in steps of `step`, which divides the distance.
    fn run(&mut self, builder: &mut FunctionBuilder<'_>, row: Variable, end: ir::Value, step: i32) {
        let body = builder.create_block();
        let after = builder.create_block();
        let start = builder.use_var(row);
        let any = builder.ins().icmp(IntCC::UnsignedLessThan, start, end);
        builder.ins().brif(any, body, &[], after, &[]);

        builder.switch_to_block(body);
        let current = builder.use_var(row);
        self.shapes.clear();
        for lane in 0..step {
            self.one_row(builder, current, lane);
        }
        let next = builder.ins().iadd_imm_s(current, i64::from(step));
        builder.def_var(row, next);
        let more = builder.ins().icmp(IntCC::UnsignedLessThan, next, end);
        builder.ins().brif(more, body, &[], after, &[]);

        builder.seal_block(body);
        builder.switch_to_block(after);
        builder.seal_block(after);
    }

    fn one_row(&mut self, builder: &mut FunctionBuilder<'_>, row: ir::Value, lane: i32) {
        let mut emitter = Emitter::new(builder, self.graph, self.variant, &self.bases, (row, lane));
        emitter.body(&self.spec.body);
        match &self.sink {
            SinkState::Columns(outputs) => {
                let results: Vec<Emitted> = outputs
                    .iter()
                    .map(|o| {
                        emitter.argument(o.node, Class::of(self.graph.kind(o.node)).unwrap_or(Class::Bool))
                    })
                    .collect();
                self.shapes = outputs
                    .iter()
                    .zip(&results)
                    .map(|(output, result)| store(builder, output, *result, self.sticky, (row, lane)))
                    .collect();
            }
            SinkState::Selection { .. } => {
                let Sink::Selection(root) = self.spec.sink else { return };
                let result = emitter.argument(root, Class::Bool);
                self.select(builder, result, (row, lane));
            }
        }
    }

    /// Appends the row's number where the result is true, without a branch: the number is always
    /// written, and the count moves on only if it is to stay.
    fn select(&self, builder: &mut FunctionBuilder<'_>, result: Emitted, (row, lane): (ir::Value, i32)) {
        let SinkState::Selection { kept, rows, codes, counts, .. } = &self.sink else { return };
        let number = builder.ins().iadd_imm_s(row, i64::from(lane));
        let number = builder.ins().ireduce(types::I32, number);
        let keep = match result.status {
            Status::Valid => result.value,
            Status::Flag(flag) => {
                accumulate(builder, self.sticky, flag);
                result.value
            }
            Status::Byte(byte) => {
                let valid = builder.ins().icmp_imm_u(IntCC::Equal, byte, 0);
                let error = builder.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, byte, i64::from(NULL));
                if self.variant == Variant::Valid {
                    accumulate(builder, self.sticky, error);
                } else {
                    // Errors are rare, so here a branch is cheaper than two idle stores.
                    let noted = builder.create_block();
                    let after = builder.create_block();
                    builder.ins().brif(error, noted, &[], after, &[]);
                    builder.switch_to_block(noted);
                    builder.seal_block(noted);
                    append(builder, counts[1], error, &[(*rows, number, 4), (*codes, byte, 1)]);
                    builder.ins().jump(after, &[]);
                    builder.switch_to_block(after);
                    builder.seal_block(after);
                }
                builder.ins().band(result.value, valid)
            }
        };
        append(builder, counts[0], keep, &[(*kept, number, 4)]);
    }

    fn finish(&self, builder: &mut FunctionBuilder<'_>) {
        match &self.sink {
            SinkState::Columns(outputs) => {
                for output in outputs {
                    let seen = builder.use_var(output.seen);
                    let seen = builder.ins().uextend(types::I64, seen);
                    builder.ins().store(TRUSTED, seen, output.record, output.at + OutputAt::SEEN);
                }
            }
            SinkState::Selection { record, counts, .. } => {
                for (count, field) in counts.iter().zip([SelectionAt::KEPT_COUNT, SelectionAt::ERROR_COUNT]) {
                    let count = builder.use_var(*count);
                    builder.ins().store(TRUSTED, count, *record, field);
                }
            }
        }
        let sticky = builder.use_var(self.sticky);
        let sticky = builder.ins().uextend(types::I64, sticky);
        builder.ins().return_(&[sticky]);
    }
}

/// Stores a row of an output column.
fn store(
    builder: &mut FunctionBuilder<'_>,
    output: &OutputState,
    result: Emitted,
    sticky: Variable,
    (row, lane): (ir::Value, i32),
) -> OutputShape {
    let ty = builder.func.dfg.value_type(result.value);
    let (address, offset) = element(builder, output.values, row, lane, ty.bytes() as usize);
    builder.ins().store(TRUSTED, result.value, address, offset);
    match result.status {
        Status::Valid => OutputShape { status: false },
        Status::Flag(flag) => {
            accumulate(builder, sticky, flag);
            OutputShape { status: false }
        }
        Status::Byte(byte) => {
            let (address, offset) = element(builder, output.status, row, lane, 1);
            builder.ins().store(TRUSTED, byte, address, offset);
            accumulate(builder, output.seen, byte);
            OutputShape { status: true }
        }
    }
}

/// Writes each value at the array's end, and moves the end on by `keep`.
fn append(
    builder: &mut FunctionBuilder<'_>,
    count: Variable,
    keep: ir::Value,
    arrays: &[(ir::Value, ir::Value, usize)],
) {
    let end = builder.use_var(count);
    for (base, value, bytes) in arrays {
        let (address, offset) = element(builder, *base, end, 0, *bytes);
        builder.ins().store(TRUSTED, *value, address, offset);
    }
    let keep = builder.ins().uextend(types::I64, keep);
    let end = builder.ins().iadd(end, keep);
    builder.def_var(count, end);
}
