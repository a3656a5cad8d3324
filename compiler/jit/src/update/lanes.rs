//! Emits updates of one group over valid rows, two rows at a time in vector registers.
//!
//! Each lane sums its own rows exactly, and the lanes meet at the end. If anything was inexact the
//! kernel returns the row it started from and has changed nothing; the caller then takes the rows
//! one by one. Minimum and maximum of floats keep numbers and NaN apart, because the processor's
//! own minimum leaves out NaN but the language's does not.

use super::emit::{Base, add_exactly, argument_bases};
use super::slot::UpdateSlot;
use crate::abi::UpdateAt;
use crate::emit::{TRUSTED, element};
use crate::native::Class;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{self, Endianness, InstBuilder, MemFlagsData, types};
use cranelift_frontend::{FunctionBuilder, Variable};
use flow_ir::AggregateKind;
use flow_ir::layout::StateKind;

const WORD_BYTES: i32 = 8;
const LANES: i64 = 2;

/// The accumulators of a slot.
enum State {
    /// `s`, `e` and everything lost, a lane each.
    Sum { s: Variable, e: Variable, lost: Variable },
    /// The best number, a lane each; and a mask: for a minimum, whether there was a number; for a
    /// maximum, whether there was a NaN.
    FloatExtreme { best: Variable, mask: Variable },
    /// The best integer.
    IntExtreme(Variable),
    /// A sum of 128 bits.
    Wide { low: Variable, high: Variable },
    /// Rows that count.
    Counted(Variable),
    /// All rows count: nothing to do in the loop.
    Rows,
}

struct Lanes<'s> {
    slots: &'s [UpdateSlot],
    bases: Vec<Base>,
    states: Vec<State>,
    words: ir::Value,
}

/// Emits the kernel. It returns the last row, or the first if it gave up.
pub(super) fn emit_lanes(builder: &mut FunctionBuilder<'_>, slots: &[UpdateSlot]) {
    let entry = builder.create_block();
    let give_up = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    let call = builder.block_params(entry)[0];
    let from = builder.ins().load(types::I64, TRUSTED, call, UpdateAt::FROM);
    let rows = builder.ins().load(types::I64, TRUSTED, call, UpdateAt::ROWS);
    let words = builder.ins().load(types::I64, TRUSTED, call, UpdateAt::STATES);
    let bases = argument_bases(builder, call, slots, false);
    refuse_promoted(builder, slots, words, give_up);
    let states = slots.iter().map(|slot| State::load(builder, slot, words)).collect();
    let lanes = Lanes { slots, bases, states, words };

    let row = builder.declare_var(types::I64);
    builder.def_var(row, from);
    let count = builder.ins().isub(rows, from);
    let odd = builder.ins().band_imm_u(count, LANES - 1);
    let pairs_end = builder.ins().isub(rows, odd);
    lanes.pairs(builder, row, pairs_end);
    lanes.last_row(builder, row, odd);
    lanes.store(builder, count, give_up);
    builder.ins().return_(&[rows]);

    builder.switch_to_block(give_up);
    builder.seal_block(give_up);
    builder.ins().return_(&[from]);
}

/// Gives up at once where a sum is kept in the side storage.
fn refuse_promoted(
    builder: &mut FunctionBuilder<'_>,
    slots: &[UpdateSlot],
    words: ir::Value,
    give_up: ir::Block,
) {
    let mut promoted: Option<ir::Value> = None;
    for slot in slots.iter().filter(|slot| slot.is_float_sum()) {
        let exact = builder.ins().load(types::I64, TRUSTED, words, (slot.word + 2) as i32 * WORD_BYTES);
        promoted = Some(match promoted {
            None => exact,
            Some(others) => builder.ins().bor(others, exact),
        });
    }
    if let Some(promoted) = promoted {
        let go_on = builder.create_block();
        builder.ins().brif(promoted, give_up, &[], go_on, &[]);
        builder.switch_to_block(go_on);
        builder.seal_block(go_on);
    }
}

fn variable(builder: &mut FunctionBuilder<'_>, value: ir::Value) -> Variable {
    let ty = builder.func.dfg.value_type(value);
    let variable = builder.declare_var(ty);
    builder.def_var(variable, value);
    variable
}

fn load_word(builder: &mut FunctionBuilder<'_>, words: ir::Value, word: usize, ty: ir::Type) -> ir::Value {
    builder.ins().load(ty, TRUSTED, words, word as i32 * WORD_BYTES)
}

fn zeros(builder: &mut FunctionBuilder<'_>) -> ir::Value {
    let zero = builder.ins().iconst(types::I64, 0);
    builder.ins().splat(types::I64X2, zero)
}

/// The same bits as a vector of the other kind.
fn recast(builder: &mut FunctionBuilder<'_>, ty: ir::Type, value: ir::Value) -> ir::Value {
    builder.ins().bitcast(ty, MemFlagsData::new().with_endianness(Endianness::Little), value)
}

impl State {
    fn load(builder: &mut FunctionBuilder<'_>, slot: &UpdateSlot, words: ir::Value) -> State {
        let greatest = slot.kind == AggregateKind::Max;
        match slot.state {
            StateKind::FloatSum | StateKind::FloatMean => {
                let lane = |builder: &mut FunctionBuilder<'_>, word| {
                    let value = load_word(builder, words, word, types::F64);
                    let lanes = builder.ins().scalar_to_vector(types::F64X2, value);
                    variable(builder, lanes)
                };
                let s = lane(builder, slot.word);
                let e = lane(builder, slot.word + 1);
                let lost = zeros(builder);
                State::Sum { s, e, lost: variable(builder, lost) }
            }
            StateKind::FloatExtreme => {
                // The state's own value joins at the end, so the lanes start neutral.
                let neutral = if greatest { f64::NEG_INFINITY } else { f64::INFINITY };
                let neutral = builder.ins().f64const(neutral);
                let best = builder.ins().splat(types::F64X2, neutral);
                let mask = zeros(builder);
                State::FloatExtreme { best: variable(builder, best), mask: variable(builder, mask) }
            }
            StateKind::IntExtreme => {
                let seen = load_word(builder, words, slot.word + 1, types::I64);
                let value = load_word(builder, words, slot.word, types::I64);
                let neutral = builder.ins().iconst(types::I64, if greatest { i64::MIN } else { i64::MAX });
                let start = builder.ins().select(seen, value, neutral);
                State::IntExtreme(variable(builder, start))
            }
            StateKind::IntSum | StateKind::IntMean => {
                let low = load_word(builder, words, slot.word, types::I64);
                let high = load_word(builder, words, slot.word + 1, types::I64);
                State::Wide { low: variable(builder, low), high: variable(builder, high) }
            }
            StateKind::Count | StateKind::Flag if slot.input.class().is_some() => {
                let count = load_word(builder, words, slot.word, types::I64);
                State::Counted(variable(builder, count))
            }
            StateKind::Count | StateKind::Flag | StateKind::Side => State::Rows,
        }
    }
}

impl Lanes<'_> {
    /// The loop over pairs of rows.
    fn pairs(&self, builder: &mut FunctionBuilder<'_>, row: Variable, end: ir::Value) {
        let body = builder.create_block();
        let after = builder.create_block();
        let start = builder.use_var(row);
        let any = builder.ins().icmp(IntCC::UnsignedLessThan, start, end);
        builder.ins().brif(any, body, &[], after, &[]);
        builder.switch_to_block(body);
        let current = builder.use_var(row);
        for i in 0..self.slots.len() {
            self.step(builder, i, current, true);
        }
        let next = builder.ins().iadd_imm_s(current, LANES);
        builder.def_var(row, next);
        let more = builder.ins().icmp(IntCC::UnsignedLessThan, next, end);
        builder.ins().brif(more, body, &[], after, &[]);
        builder.seal_block(body);
        builder.switch_to_block(after);
        builder.seal_block(after);
    }

    /// The one row that is left of an odd number.
    fn last_row(&self, builder: &mut FunctionBuilder<'_>, row: Variable, odd: ir::Value) {
        let body = builder.create_block();
        let after = builder.create_block();
        builder.ins().brif(odd, body, &[], after, &[]);
        builder.switch_to_block(body);
        builder.seal_block(body);
        let current = builder.use_var(row);
        for i in 0..self.slots.len() {
            self.step(builder, i, current, false);
        }
        builder.ins().jump(after, &[]);
        builder.switch_to_block(after);
        builder.seal_block(after);
    }

    /// Takes in a pair of rows, or one.
    fn step(&self, builder: &mut FunctionBuilder<'_>, i: usize, row: ir::Value, pair: bool) {
        let (slot, state) = (&self.slots[i], &self.states[i]);
        let Some((class, values)) = slot.input.class().zip(self.bases[i].values) else { return };
        match state {
            State::Sum { s, e, lost } => {
                let x = floats(builder, values, row, pair, 0.0);
                let before = (builder.use_var(*s), builder.use_var(*e));
                let (sum, error, new_lost) = add_exactly(builder, before, x);
                builder.def_var(*s, sum);
                builder.def_var(*e, error);
                let new_lost = recast(builder, types::I64X2, new_lost);
                or_into(builder, *lost, new_lost);
            }
            State::FloatExtreme { best, mask } => {
                let greatest = slot.kind == AggregateKind::Max;
                let x =
                    floats(builder, values, row, pair, if greatest { f64::NEG_INFINITY } else { f64::NAN });
                let old = builder.use_var(*best);
                // These are the processor's minimum and maximum, which keep `old` where x is NaN.
                let (smaller, asked) = if greatest {
                    (builder.ins().fcmp(FloatCC::LessThan, old, x), FloatCC::Unordered)
                } else {
                    (builder.ins().fcmp(FloatCC::LessThan, x, old), FloatCC::Ordered)
                };
                let smaller = recast(builder, types::F64X2, smaller);
                let new = builder.ins().bitselect(smaller, x, old);
                builder.def_var(*best, new);
                let asked = builder.ins().fcmp(asked, x, x);
                or_into(builder, *mask, asked);
            }
            State::IntExtreme(best) => each(builder, class, values, row, pair, |builder, x| {
                let old = builder.use_var(*best);
                let new = if slot.kind == AggregateKind::Max {
                    builder.ins().smax(x, old)
                } else {
                    builder.ins().smin(x, old)
                };
                builder.def_var(*best, new);
            }),
            State::Wide { low, high } => each(builder, class, values, row, pair, |builder, x| {
                let (a, b) = (builder.use_var(*low), builder.use_var(*high));
                let sum = builder.ins().iconcat(a, b);
                let sign = builder.ins().sshr_imm_u(x, 63);
                let x = builder.ins().iconcat(x, sign);
                let sum = builder.ins().iadd(sum, x);
                let (a, b) = builder.ins().isplit(sum);
                builder.def_var(*low, a);
                builder.def_var(*high, b);
            }),
            State::Counted(count) => each(builder, class, values, row, pair, |builder, x| {
                let x = if slot.kind == AggregateKind::All { builder.ins().bxor_imm_u(x, 1) } else { x };
                let old = builder.use_var(*count);
                let new = builder.ins().iadd(old, x);
                builder.def_var(*count, new);
            }),
            State::Rows => {}
        }
    }

    /// Joins the lanes and writes the words; gives up if a sum was inexact.
    fn store(&self, builder: &mut FunctionBuilder<'_>, count: ir::Value, give_up: ir::Block) {
        let mut joined = Vec::new();
        let mut refuse: Option<ir::Value> = None;
        for state in &self.states {
            if let State::Sum { s, e, lost } = state {
                let (sum, error, inexact) = join_sums(builder, (*s, *e, *lost));
                joined.push((sum, error));
                refuse = Some(match refuse {
                    None => inexact,
                    Some(others) => builder.ins().bor(others, inexact),
                });
            }
        }
        if let Some(refuse) = refuse {
            let go_on = builder.create_block();
            builder.ins().brif(refuse, give_up, &[], go_on, &[]);
            builder.switch_to_block(go_on);
            builder.seal_block(go_on);
        }
        let mut joined = joined.into_iter();
        for (slot, state) in self.slots.iter().zip(&self.states) {
            let put = |builder: &mut FunctionBuilder<'_>, word: usize, value| {
                builder.ins().store(TRUSTED, value, self.words, (slot.word + word) as i32 * WORD_BYTES);
            };
            match state {
                State::Sum { .. } => {
                    if let Some((sum, error)) = joined.next() {
                        put(builder, 0, sum);
                        put(builder, 1, error);
                    }
                }
                State::FloatExtreme { best, mask } => {
                    let value = self.join_extreme(builder, slot, *best, *mask);
                    put(builder, 0, value);
                }
                State::IntExtreme(best) => {
                    let value = builder.use_var(*best);
                    put(builder, 0, value);
                }
                State::Wide { low, high } => {
                    let (low, high) = (builder.use_var(*low), builder.use_var(*high));
                    put(builder, 0, low);
                    put(builder, 1, high);
                }
                State::Counted(counted) => {
                    let value = builder.use_var(*counted);
                    put(builder, 0, value);
                }
                State::Rows => {}
            }
            let counts_rows = !matches!(state, State::Counted(_));
            if let Some(word) = slot.count_word().filter(|_| counts_rows) {
                let seen = load_word(builder, self.words, slot.word + word, types::I64);
                let seen = builder.ins().iadd(seen, count);
                put(builder, word, seen);
            }
        }
    }

    /// The extreme of both lanes and the state.
    fn join_extreme(
        &self,
        builder: &mut FunctionBuilder<'_>,
        slot: &UpdateSlot,
        best: Variable,
        mask: Variable,
    ) -> ir::Value {
        let greatest = slot.kind == AggregateKind::Max;
        let best = builder.use_var(best);
        let (a, b) = (builder.ins().extractlane(best, 0), builder.ins().extractlane(best, 1));
        let best = pick(builder, greatest, a, b);
        let zero = builder.ins().f64const(0.0);
        // Adding zero makes -0.0 the zero it equals, so that no order of rows shows in the result.
        let best = builder.ins().fadd(best, zero);
        let mask = builder.use_var(mask);
        let (a, b) = (builder.ins().extractlane(mask, 0), builder.ins().extractlane(mask, 1));
        let any = builder.ins().bor(a, b);
        // A NaN decides a maximum, and is a minimum only where there was no number.
        let nan = builder.ins().f64const(f64::NAN);
        let rows = if greatest {
            builder.ins().select(any, nan, best)
        } else {
            builder.ins().select(any, best, nan)
        };
        let old = load_word(builder, self.words, slot.word, types::F64);
        let seen = load_word(builder, self.words, slot.word + 1, types::I64);
        let (order, nan) = if greatest { (FloatCC::GreaterThan, rows) } else { (FloatCC::LessThan, old) };
        let better = builder.ins().fcmp(order, rows, old);
        let nan = builder.ins().fcmp(FloatCC::Unordered, nan, nan);
        let better = builder.ins().bor(better, nan);
        let first = builder.ins().icmp_imm_u(IntCC::Equal, seen, 0);
        let take = builder.ins().bor(better, first);
        builder.ins().select(take, rows, old)
    }
}

/// The smaller or the greater of two numbers.
fn pick(builder: &mut FunctionBuilder<'_>, greatest: bool, a: ir::Value, b: ir::Value) -> ir::Value {
    let less = builder.ins().fcmp(FloatCC::LessThan, a, b);
    if greatest { builder.ins().select(less, b, a) } else { builder.ins().select(less, a, b) }
}

/// The pair of both lanes, and an integer that is 0 only if nothing was lost.
fn join_sums(
    builder: &mut FunctionBuilder<'_>,
    (s, e, lost): (Variable, Variable, Variable),
) -> (ir::Value, ir::Value, ir::Value) {
    let (s, e, lost) = (builder.use_var(s), builder.use_var(e), builder.use_var(lost));
    let (s0, s1) = (builder.ins().extractlane(s, 0), builder.ins().extractlane(s, 1));
    let (e0, e1) = (builder.ins().extractlane(e, 0), builder.ins().extractlane(e, 1));
    let (sum, error, first) = add_exactly(builder, (s0, e0), s1);
    // `(error, 0) + e1` is exact if the second part stays 0.
    let zero = builder.ins().f64const(0.0);
    let (error, rest, _) = add_exactly(builder, (error, zero), e1);
    let first = builder.ins().bitcast(types::I64, MemFlagsData::new(), first);
    let rest = builder.ins().bitcast(types::I64, MemFlagsData::new(), rest);
    let (a, b) = (builder.ins().extractlane(lost, 0), builder.ins().extractlane(lost, 1));
    let lost = builder.ins().bor(a, b);
    let lost = builder.ins().bor(lost, first);
    (sum, error, builder.ins().bor(lost, rest))
}

fn or_into(builder: &mut FunctionBuilder<'_>, variable: Variable, value: ir::Value) {
    let old = builder.use_var(variable);
    let new = builder.ins().bor(old, value);
    builder.def_var(variable, new);
}

/// A pair of floats, or one beside a filler.
fn floats(
    builder: &mut FunctionBuilder<'_>,
    values: ir::Value,
    row: ir::Value,
    pair: bool,
    filler: f64,
) -> ir::Value {
    let (address, offset) = element(builder, values, row, 0, Class::F64.bytes());
    if pair {
        // A pair is aligned as one float is.
        return builder.ins().load(types::F64X2, MemFlagsData::new().with_notrap(), address, offset);
    }
    let x = builder.ins().load(types::F64, TRUSTED, address, offset);
    let filler = builder.ins().f64const(filler);
    let fillers = builder.ins().splat(types::F64X2, filler);
    builder.ins().insertlane(fillers, x, 0)
}

/// Calls `f` with the 64-bit value of each row of the step.
fn each(
    builder: &mut FunctionBuilder<'_>,
    class: Class,
    values: ir::Value,
    row: ir::Value,
    pair: bool,
    f: impl Fn(&mut FunctionBuilder<'_>, ir::Value),
) {
    for lane in 0..if pair { 2 } else { 1 } {
        let (address, offset) = element(builder, values, row, lane, class.bytes());
        let x = match class {
            Class::Bool => builder.ins().uload8(types::I64, TRUSTED, address, offset),
            Class::I64 | Class::F64 => builder.ins().load(types::I64, TRUSTED, address, offset),
        };
        f(builder, x);
    }
}
