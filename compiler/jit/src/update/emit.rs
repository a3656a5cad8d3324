//! Emits update loops that take the rows one by one.
//!
//! Keyed, the words are in memory; otherwise those of group 0 stay in registers. Each row first
//! computes all float sums and leaves the loop if one is inexact; after that nothing can fail.

use super::slot::{Input, UpdateSlot};
use crate::abi::{InputAt, UpdateAt};
use crate::emit::{TRUSTED, element};
use crate::native::Class;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};
use cranelift_frontend::{FunctionBuilder, Variable};
use flow_ir::AggregateKind;
use flow_ir::layout::StateKind;

/// Which rows a kernel is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UpdateVariant {
    /// All arguments valid.
    Valid,
    /// Arguments with any status.
    General,
}

const WORD_BYTES: i32 = 8;

/// Where the words of the row's group are.
enum Words {
    /// From this address on.
    Memory(ir::Value),
    /// In variables; those that are floats have that type.
    Registers(Vec<Variable>),
}

impl Words {
    fn get(&self, builder: &mut FunctionBuilder<'_>, word: usize) -> ir::Value {
        self.read(builder, word, types::I64)
    }

    fn get_float(&self, builder: &mut FunctionBuilder<'_>, word: usize) -> ir::Value {
        self.read(builder, word, types::F64)
    }

    fn read(&self, builder: &mut FunctionBuilder<'_>, word: usize, ty: ir::Type) -> ir::Value {
        match self {
            Words::Memory(base) => builder.ins().load(ty, TRUSTED, *base, word as i32 * WORD_BYTES),
            Words::Registers(variables) => builder.use_var(variables[word]),
        }
    }

    fn set(&self, builder: &mut FunctionBuilder<'_>, word: usize, value: ir::Value) {
        match self {
            Words::Memory(base) => {
                builder.ins().store(TRUSTED, value, *base, word as i32 * WORD_BYTES);
            }
            Words::Registers(variables) => builder.def_var(variables[word], value),
        }
    }
}

pub(super) fn as_float(builder: &mut FunctionBuilder<'_>, bits: ir::Value) -> ir::Value {
    builder.ins().bitcast(types::F64, MemFlagsData::new(), bits)
}

pub(super) fn as_bits(builder: &mut FunctionBuilder<'_>, float: ir::Value) -> ir::Value {
    builder.ins().bitcast(types::I64, MemFlagsData::new(), float)
}

/// The pointers of a slot's argument.
pub(super) struct Base {
    pub(super) values: Option<ir::Value>,
    pub(super) status: Option<ir::Value>,
}

/// Loads the pointers of all arguments.
pub(super) fn argument_bases(
    builder: &mut FunctionBuilder<'_>,
    call: ir::Value,
    slots: &[UpdateSlot],
    with_status: bool,
) -> Vec<Base> {
    let inputs = builder.ins().load(types::I64, TRUSTED, call, UpdateAt::INPUTS);
    let mut bases = Vec::with_capacity(slots.len());
    for (i, slot) in slots.iter().enumerate() {
        let at = i as i32 * InputAt::SIZE;
        let mut pointer = |field| builder.ins().load(types::I64, TRUSTED, inputs, at + field);
        let values = slot.input.class().map(|_| pointer(InputAt::VALUES));
        let status = (with_status && slot.input != Input::Nothing).then(|| pointer(InputAt::STATUS));
        bases.push(Base { values, status });
    }
    bases
}

/// Emits a kernel that takes the rows one by one and returns the row it stopped at.
pub(super) fn emit_update(
    builder: &mut FunctionBuilder<'_>,
    slots: &[UpdateSlot],
    stride: usize,
    keyed: bool,
    variant: UpdateVariant,
) {
    let entry = builder.create_block();
    let body = builder.create_block();
    let exit = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.append_block_param(exit, types::I64);
    builder.switch_to_block(entry);
    let call = builder.block_params(entry)[0];
    let from = builder.ins().load(types::I64, TRUSTED, call, UpdateAt::FROM);
    let rows = builder.ins().load(types::I64, TRUSTED, call, UpdateAt::ROWS);
    let states = builder.ins().load(types::I64, TRUSTED, call, UpdateAt::STATES);
    let groups = builder.ins().load(types::I64, TRUSTED, call, UpdateAt::GROUPS);
    let bases = argument_bases(builder, call, slots, variant == UpdateVariant::General);
    let registers = (!keyed).then(|| load_words(builder, slots, states, stride));
    let row = builder.declare_var(types::I64);
    builder.def_var(row, from);
    builder.ins().jump(body, &[]);

    builder.switch_to_block(body);
    let current = builder.use_var(row);
    let words = match &registers {
        Some(variables) => Words::Registers(variables.clone()),
        None => Words::Memory(group_base(builder, states, groups, current, stride)),
    };
    one_row(builder, slots, &bases, &words, current, exit);
    let next = builder.ins().iadd_imm_s(current, 1);
    builder.def_var(row, next);
    let more = builder.ins().icmp(IntCC::UnsignedLessThan, next, rows);
    builder.ins().brif(more, body, &[], exit, &[ir::BlockArg::Value(next)]);
    builder.seal_block(body);

    builder.switch_to_block(exit);
    builder.seal_block(exit);
    if let Some(variables) = &registers {
        for (word, variable) in variables.iter().enumerate() {
            let value = builder.use_var(*variable);
            builder.ins().store(TRUSTED, value, states, word as i32 * WORD_BYTES);
        }
    }
    let stopped = builder.block_params(exit)[0];
    builder.ins().return_(&[stopped]);
}

/// The words of group 0 as variables.
fn load_words(
    builder: &mut FunctionBuilder<'_>,
    slots: &[UpdateSlot],
    states: ir::Value,
    stride: usize,
) -> Vec<Variable> {
    let is_float = |word: &usize| slots.iter().any(|s| (s.word..s.word + s.float_words()).contains(word));
    (0..stride)
        .map(|word| {
            let ty = if is_float(&word) { types::F64 } else { types::I64 };
            let variable = builder.declare_var(ty);
            let value = builder.ins().load(ty, TRUSTED, states, word as i32 * WORD_BYTES);
            builder.def_var(variable, value);
            variable
        })
        .collect()
}

/// The address of the words of a row's group.
fn group_base(
    builder: &mut FunctionBuilder<'_>,
    states: ir::Value,
    groups: ir::Value,
    row: ir::Value,
    stride: usize,
) -> ir::Value {
    let (address, offset) = element(builder, groups, row, 0, 4);
    let group = builder.ins().uload32(TRUSTED, address, offset);
    let bytes = builder.ins().imul_imm_u(group, stride as i64 * i64::from(WORD_BYTES));
    builder.ins().iadd(states, bytes)
}

/// An argument of the current row.
struct Argument {
    value: Option<ir::Value>,
    /// 1 where the row counts; `None` if all rows do.
    valid: Option<ir::Value>,
}

fn one_row(
    builder: &mut FunctionBuilder<'_>,
    slots: &[UpdateSlot],
    bases: &[Base],
    words: &Words,
    row: ir::Value,
    exit: ir::Block,
) {
    let arguments: Vec<Argument> =
        slots.iter().zip(bases).map(|(slot, base)| load_argument(builder, slot, base, row)).collect();
    let pairs = float_sums(builder, slots, &arguments, words, row, exit);
    for (slot, (s, e)) in slots.iter().filter(|s| s.is_float_sum()).zip(pairs) {
        words.set(builder, slot.word, s);
        words.set(builder, slot.word + 1, e);
    }
    for (slot, argument) in slots.iter().zip(&arguments) {
        update(builder, slot, argument, words);
        if let (StateKind::IntMean | StateKind::FloatMean, Some(count)) = (slot.state, slot.count_word()) {
            add_one(builder, words, slot.word + count, argument.valid);
        }
    }
}

fn load_argument(
    builder: &mut FunctionBuilder<'_>,
    slot: &UpdateSlot,
    base: &Base,
    row: ir::Value,
) -> Argument {
    let valid = base.status.map(|status| {
        let (address, offset) = element(builder, status, row, 0, 1);
        let byte = builder.ins().load(types::I8, TRUSTED, address, offset);
        builder.ins().icmp_imm_u(IntCC::Equal, byte, 0)
    });
    let value = slot.input.class().zip(base.values).map(|(class, values)| {
        let (address, offset) = element(builder, values, row, 0, class.bytes());
        match class {
            Class::Bool => {
                let byte = builder.ins().load(types::I8, TRUSTED, address, offset);
                // Under null the byte may be anything.
                builder.ins().band_imm_u(byte, 1)
            }
            Class::I64 => builder.ins().load(types::I64, TRUSTED, address, offset),
            Class::F64 => builder.ins().load(types::F64, TRUSTED, address, offset),
        }
    });
    Argument { value, valid }
}

/// The new pairs of all float sums. Leaves the loop if one of them would be inexact, or is kept in
/// the side storage already.
fn float_sums(
    builder: &mut FunctionBuilder<'_>,
    slots: &[UpdateSlot],
    arguments: &[Argument],
    words: &Words,
    row: ir::Value,
    exit: ir::Block,
) -> Vec<(ir::Value, ir::Value)> {
    let mut pairs = Vec::new();
    let mut refuse: Option<ir::Value> = None;
    for (slot, argument) in slots.iter().zip(arguments).filter(|(slot, _)| slot.is_float_sum()) {
        let Some(x) = argument.value else { continue };
        let x = match argument.valid {
            None => x,
            Some(valid) => {
                // Adding zero changes nothing, and a mask is cheaper than a branch.
                let bits = as_bits(builder, x);
                let mask = builder.ins().uextend(types::I64, valid);
                let mask = builder.ins().ineg(mask);
                let bits = builder.ins().band(bits, mask);
                as_float(builder, bits)
            }
        };
        let s = words.get_float(builder, slot.word);
        let e = words.get_float(builder, slot.word + 1);
        let (s, e, lost) = add_exactly(builder, (s, e), x);
        let lost = as_bits(builder, lost);
        let exact = words.get(builder, slot.word + 2);
        let this = builder.ins().bor(lost, exact);
        refuse = Some(match refuse {
            None => this,
            Some(others) => builder.ins().bor(others, this),
        });
        pairs.push((s, e));
    }
    if let Some(refuse) = refuse {
        let go_on = builder.create_block();
        builder.ins().brif(refuse, exit, &[ir::BlockArg::Value(row)], go_on, &[]);
        builder.switch_to_block(go_on);
        builder.seal_block(go_on);
    }
    pairs
}

/// `s + e + x` as a pair, and a float whose bits are all zero only if the pair is exact.
pub(super) fn add_exactly(
    builder: &mut FunctionBuilder<'_>,
    (s, e): (ir::Value, ir::Value),
    x: ir::Value,
) -> (ir::Value, ir::Value, ir::Value) {
    // The error of s + x (Knuth's TwoSum): exact whatever the sizes. It is NaN after an overflow.
    let sum = builder.ins().fadd(s, x);
    let x_part = builder.ins().fsub(sum, s);
    let s_part = builder.ins().fsub(sum, x_part);
    let s_lost = builder.ins().fsub(s, s_part);
    let x_lost = builder.ins().fsub(x, x_part);
    let rest = builder.ins().fadd(s_lost, x_lost);
    // The rest joins e exactly iff taking either out of the sum leaves the other: with
    // |e| >= |rest|, `sum - e == rest` says so (Dekker's FastTwoSum), and else the other way round.
    let error = builder.ins().fadd(e, rest);
    let without_e = builder.ins().fsub(error, e);
    let without_rest = builder.ins().fsub(error, rest);
    let first = builder.ins().bxor(without_e, rest);
    let second = builder.ins().bxor(without_rest, e);
    (sum, error, builder.ins().bor(first, second))
}

/// Adds 1 to a word if the row counts.
fn add_one(builder: &mut FunctionBuilder<'_>, words: &Words, word: usize, valid: Option<ir::Value>) {
    let count = words.get(builder, word);
    let count = match valid {
        None => builder.ins().iadd_imm_s(count, 1),
        Some(valid) => {
            let one = builder.ins().uextend(types::I64, valid);
            builder.ins().iadd(count, one)
        }
    };
    words.set(builder, word, count);
}

/// Updates everything of a slot but float sums and the count beside a sum.
fn update(builder: &mut FunctionBuilder<'_>, slot: &UpdateSlot, argument: &Argument, words: &Words) {
    match (slot.state, argument.value) {
        (StateKind::Count | StateKind::Flag, None) => add_one(builder, words, slot.word, argument.valid),
        (StateKind::Count | StateKind::Flag, Some(condition)) => {
            let counted = if slot.kind == AggregateKind::All {
                builder.ins().bxor_imm_u(condition, 1)
            } else {
                condition
            };
            let counted = match argument.valid {
                None => counted,
                Some(valid) => builder.ins().band(counted, valid),
            };
            add_one(builder, words, slot.word, Some(counted));
        }
        (StateKind::IntSum | StateKind::IntMean, Some(value)) => {
            let value = as_int(builder, value);
            let value = match argument.valid {
                None => value,
                Some(valid) => {
                    let zero = builder.ins().iconst(types::I64, 0);
                    builder.ins().select(valid, value, zero)
                }
            };
            add_wide(builder, words, slot.word, value);
        }
        (StateKind::IntExtreme, Some(value)) => {
            let value = as_int(builder, value);
            extreme(builder, slot, argument, words, value);
        }
        (StateKind::FloatExtreme, Some(value)) => extreme(builder, slot, argument, words, value),
        (StateKind::FloatSum | StateKind::FloatMean | StateKind::Side, _) | (_, None) => {}
    }
}

/// A bool or an integer as 64 bits.
fn as_int(builder: &mut FunctionBuilder<'_>, value: ir::Value) -> ir::Value {
    if builder.func.dfg.value_type(value) == types::I8 {
        builder.ins().uextend(types::I64, value)
    } else {
        value
    }
}

/// Adds to a 128-bit sum.
fn add_wide(builder: &mut FunctionBuilder<'_>, words: &Words, word: usize, value: ir::Value) {
    let low = words.get(builder, word);
    let high = words.get(builder, word + 1);
    let sum = builder.ins().iconcat(low, high);
    let sign = builder.ins().sshr_imm_u(value, 63);
    let value = builder.ins().iconcat(value, sign);
    let sum = builder.ins().iadd(sum, value);
    let (low, high) = builder.ins().isplit(sum);
    words.set(builder, word, low);
    words.set(builder, word + 1, high);
}

/// Takes a row into an extreme and its count.
fn extreme(
    builder: &mut FunctionBuilder<'_>,
    slot: &UpdateSlot,
    argument: &Argument,
    words: &Words,
    value: ir::Value,
) {
    let ty = builder.func.dfg.value_type(value);
    let old = words.read(builder, slot.word, ty);
    let seen = words.get(builder, slot.word + 1);
    let step = match argument.valid {
        None => builder.ins().iconst(types::I64, 1),
        Some(valid) => builder.ins().uextend(types::I64, valid),
    };
    match (words, argument.valid) {
        (Words::Memory(_), None) => replace_rarely(builder, slot, words, (value, old, seen)),
        (_, valid) => {
            let (take, value) = replaces(builder, slot, (value, old, seen));
            let take = match valid {
                None => take,
                Some(valid) => builder.ins().band(take, valid),
            };
            // Floats are chosen as integers, because Cranelift would branch.
            let kept = if ty == types::F64 {
                let (value, old) = (as_bits(builder, value), as_bits(builder, old));
                let kept = builder.ins().select(take, value, old);
                as_float(builder, kept)
            } else {
                builder.ins().select(take, value, old)
            };
            words.set(builder, slot.word, kept);
        }
    }
    let seen = builder.ins().iadd(seen, step);
    words.set(builder, slot.word + 1, seen);
}

/// Stores a new extreme, which is rare: the usual row costs two branches that are predicted.
fn replace_rarely(
    builder: &mut FunctionBuilder<'_>,
    slot: &UpdateSlot,
    words: &Words,
    (value, old, seen): (ir::Value, ir::Value, ir::Value),
) {
    let [no_better, doubt, store, after] = std::array::from_fn(|_| builder.create_block());
    builder.set_cold_block(doubt);
    builder.set_cold_block(store);
    let greatest = slot.kind == AggregateKind::Max;
    // False where one of the two is NaN, so that only numbers take the short way.
    let stays = if builder.func.dfg.value_type(value) == types::F64 {
        let order = if greatest { FloatCC::LessThanOrEqual } else { FloatCC::GreaterThanOrEqual };
        builder.ins().fcmp(order, value, old)
    } else {
        let order = if greatest { IntCC::SignedLessThanOrEqual } else { IntCC::SignedGreaterThanOrEqual };
        builder.ins().icmp(order, value, old)
    };
    builder.ins().brif(stays, no_better, &[], doubt, &[]);

    builder.switch_to_block(no_better);
    builder.seal_block(no_better);
    builder.ins().brif(seen, after, &[], doubt, &[]);

    builder.switch_to_block(doubt);
    builder.seal_block(doubt);
    let (take, value) = replaces(builder, slot, (value, old, seen));
    builder.ins().brif(take, store, &[], after, &[]);

    builder.switch_to_block(store);
    builder.seal_block(store);
    words.set(builder, slot.word, value);
    builder.ins().jump(after, &[]);

    builder.switch_to_block(after);
    builder.seal_block(after);
}

/// Whether a value takes an extreme's place, and the value as it is kept.
fn replaces(
    builder: &mut FunctionBuilder<'_>,
    slot: &UpdateSlot,
    (value, old, seen): (ir::Value, ir::Value, ir::Value),
) -> (ir::Value, ir::Value) {
    let greatest = slot.kind == AggregateKind::Max;
    let (better, value) = if builder.func.dfg.value_type(value) == types::F64 {
        // Adding zero makes -0.0 the zero it equals, so that no order of rows shows in the result.
        let zero = builder.ins().f64const(0.0);
        let value = builder.ins().fadd(value, zero);
        // NaN is above all numbers: it always wins a maximum, and never a minimum but against itself.
        let (order, nan) = if greatest { (FloatCC::GreaterThan, value) } else { (FloatCC::LessThan, old) };
        let better = builder.ins().fcmp(order, value, old);
        let nan = builder.ins().fcmp(FloatCC::Unordered, nan, nan);
        (builder.ins().bor(better, nan), value)
    } else {
        let order = if greatest { IntCC::SignedGreaterThan } else { IntCC::SignedLessThan };
        (builder.ins().icmp(order, value, old), value)
    };
    let first = builder.ins().icmp_imm_u(IntCC::Equal, seen, 0);
    (builder.ins().bor(better, first), value)
}
