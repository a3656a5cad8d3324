//! Adds rows to states, one aggregate after the other, in plain Rust.
//!
//! This is what interpreted runs use, and where the rows go that a JIT kernel refuses.

use super::States;
use crate::memory::NeedsMore;
use crate::operators::exact_sum::{Accumulator, add_to_pair};
use crate::operators::side::{Cells, Side, index_of};
use flow_ir::aggregate::AggregateKind;
use flow_ir::column::VALID;
use flow_ir::layout::StateKind;
use flow_ir::value::float_order;
use flow_ir::{Column, Status, Type, Value, Values};
use std::cmp::Ordering;
use std::ops::Range;

/// Which aggregates an update is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slots {
    /// All.
    All,
    /// Those whose state is in the words.
    Words,
    /// Those whose state is outside.
    Side,
}

/// The rows of one update of one aggregate.
#[derive(Clone, Copy)]
struct Rows<'a> {
    groups: &'a [u32],
    from: usize,
    to: usize,
    stride: usize,
    offset: usize,
}

impl Rows<'_> {
    /// Calls `f(row, first word of the state)` for every row that is valid.
    #[inline(always)]
    fn each(&self, status: &Status, mut f: impl FnMut(usize, usize)) {
        let rows = self.from..self.to;
        match status {
            Status::AllValid => {
                for (row, &g) in rows.clone().zip(&self.groups[rows]) {
                    f(row, g as usize * self.stride + self.offset);
                }
            }
            Status::Rows(s) => {
                for ((row, &g), &s) in rows.clone().zip(&self.groups[rows.clone()]).zip(&s[rows]) {
                    if s == VALID {
                        f(row, g as usize * self.stride + self.offset);
                    }
                }
            }
        }
    }
}

impl States {
    /// Adds rows `rows` of a batch to the states of their groups. Row `i` has the position
    /// `base_position + i`, by which `first` and `last` decide.
    pub fn update_generic(
        &mut self,
        groups: &[u32],
        arguments: &[Option<&Column>],
        rows: Range<usize>,
        base_position: u64,
        slots: Slots,
    ) -> Result<(), NeedsMore> {
        let spec = self.spec.clone();
        let choosers = spec.choosers();
        for (i, slot) in spec.layout.slots.iter().enumerate() {
            let side = slot.kind == StateKind::Side;
            if (slots == Slots::Words && side) || (slots == Slots::Side && !side) {
                continue;
            }
            let rows = Rows {
                groups,
                from: rows.start,
                to: rows.end.min(groups.len()),
                stride: spec.layout.stride,
                offset: slot.offset,
            };
            let kind = spec.aggregates[i].kind;
            match arguments.get(i).copied().flatten() {
                Some(column) if side => {
                    let by = choosers[i].and_then(|at| arguments.get(at).copied().flatten());
                    let ty = spec.arguments[i].as_ref().unwrap_or(&Type::Null);
                    let columns = (column, ty, by);
                    update_side(&mut self.words, &mut self.side[i], rows, columns, base_position)?
                }
                Some(column) => {
                    update_words(&mut self.words, &mut self.side[i], rows, column, kind, slot.kind)
                }
                None => rows.each(&Status::AllValid, |_, w| self.words[w] += 1),
            }
        }
        self.account()
    }
}

fn update_words(
    words: &mut [u64],
    side: &mut Side,
    rows: Rows<'_>,
    column: &Column,
    kind: AggregateKind,
    state: StateKind,
) {
    let status = &column.status;
    match (state, &column.values) {
        (StateKind::Count, Values::Bool(v)) if kind == AggregateKind::CountIf => {
            rows.each(status, |r, w| words[w] += u64::from(v[r] != 0));
        }
        // A null-typed predicate is never true.
        (StateKind::Count, _) if kind == AggregateKind::CountIf => {}
        (StateKind::Count, _) => rows.each(status, |_, w| words[w] += 1),
        (StateKind::Flag, Values::Bool(v)) => {
            let counted = kind == AggregateKind::Any;
            rows.each(status, |r, w| words[w] += u64::from((v[r] != 0) == counted));
        }
        (StateKind::IntSum, Values::I64(v)) => rows.each(status, |r, w| add_int(&mut words[w..w + 2], v[r])),
        (StateKind::IntMean, Values::I64(v)) => rows.each(status, |r, w| {
            add_int(&mut words[w..w + 2], v[r]);
            words[w + 2] += 1;
        }),
        (StateKind::FloatSum, Values::F64(v)) => {
            if let Side::Sums(sums) = side {
                rows.each(status, |r, w| add_float(&mut words[w..w + 3], sums, v[r]));
            }
        }
        (StateKind::FloatMean, Values::F64(v)) => {
            if let Side::Sums(sums) = side {
                rows.each(status, |r, w| {
                    add_float(&mut words[w..w + 3], sums, v[r]);
                    words[w + 3] += 1;
                });
            }
        }
        (StateKind::IntExtreme, values) => {
            let greatest = kind == AggregateKind::Max;
            match values {
                Values::I64(v) => rows.each(status, |r, w| int_extreme(&mut words[w..w + 2], v[r], greatest)),
                Values::Bool(v) => {
                    rows.each(status, |r, w| {
                        int_extreme(&mut words[w..w + 2], i64::from(v[r] != 0), greatest)
                    });
                }
                _ => {}
            }
        }
        (StateKind::FloatExtreme, Values::F64(v)) => {
            let greatest = kind == AggregateKind::Max;
            rows.each(status, |r, w| float_extreme(&mut words[w..w + 2], v[r], greatest));
        }
        _ => {}
    }
}

/// Adds to a sum of 128 bits.
#[inline(always)]
pub(super) fn add_int(words: &mut [u64], v: i64) {
    add_wide(words, v as u64, (v >> 63) as u64);
}

#[inline(always)]
pub(super) fn add_wide(words: &mut [u64], low: u64, high: u64) {
    let (sum, carry) = words[0].overflowing_add(low);
    words[0] = sum;
    words[1] = words[1].wrapping_add(high).wrapping_add(u64::from(carry));
}

/// Adds to an exact float sum.
#[inline(always)]
pub(super) fn add_float(words: &mut [u64], sums: &mut Vec<Accumulator>, x: f64) {
    if words[2] == 0
        && let Some((s, e)) = add_to_pair(f64::from_bits(words[0]), f64::from_bits(words[1]), x)
    {
        words[0] = s.to_bits();
        words[1] = e.to_bits();
        return;
    }
    promote(words, sums).add(x);
}

/// The accumulator of a float sum, made from the pair if there is none yet.
#[cold]
pub(super) fn promote<'a>(words: &mut [u64], sums: &'a mut Vec<Accumulator>) -> &'a mut Accumulator {
    let at = match index_of(words[2]) {
        Some(at) => at,
        None => {
            let mut sum = Accumulator::default();
            sum.add(f64::from_bits(words[0]));
            sum.add(f64::from_bits(words[1]));
            sums.push(sum);
            words[2] = sums.len() as u64;
            sums.len() - 1
        }
    };
    &mut sums[at]
}

#[inline(always)]
pub(super) fn int_extreme(words: &mut [u64], v: i64, greatest: bool) {
    let old = words[0] as i64;
    let better = if greatest { v > old } else { v < old };
    if words[1] == 0 || better {
        words[0] = v as u64;
    }
    words[1] += 1;
}

#[inline(always)]
pub(super) fn float_extreme(words: &mut [u64], v: f64, greatest: bool) {
    let order = float_order(v, f64::from_bits(words[0]));
    let better = order == if greatest { Ordering::Greater } else { Ordering::Less };
    if words[1] == 0 || better {
        words[0] = v.to_bits();
    }
    words[1] += 1;
}

fn update_side(
    words: &mut [u64],
    side: &mut Side,
    rows: Rows<'_>,
    (column, ty, by): (&Column, &Type, Option<&Column>),
    base: u64,
) -> Result<(), NeedsMore> {
    let values = &column.values;
    match side {
        Side::None | Side::Sums(_) => {}
        Side::Extreme { cells, greatest } => {
            let wanted = wanted(*greatest);
            rows.each(&column.status, |r, w| match index_of(words[w]) {
                Some(at) if cells.compare(at, values, r) != wanted => {}
                Some(at) => cells.set(at, values, r),
                None => words[w] = push(cells, values, r),
            });
        }
        Side::End { cells, positions, last } => rows.each(&column.status, |r, w| {
            let position = base + r as u64;
            match index_of(words[w]) {
                Some(at) if (position < positions[at]) == *last => {}
                Some(at) => {
                    positions[at] = position;
                    cells.set(at, values, r);
                }
                None => {
                    words[w] = push(cells, values, r);
                    positions.push(position);
                }
            }
        }),
        Side::Wide(sums) => {
            if let Values::I128(v) = values {
                rows.each(&column.status, |r, w| cell_of(words, sums, w).add(v[r]));
            }
        }
        Side::Moments(moments) => match values {
            Values::I64(v) => {
                rows.each(&column.status, |r, w| cell_of(words, moments, w).add_int(i128::from(v[r])));
            }
            Values::F64(v) => rows.each(&column.status, |r, w| cell_of(words, moments, w).add_float(v[r])),
            Values::I128(v) => rows.each(&column.status, |r, w| cell_of(words, moments, w).add_int(v[r])),
            _ => {}
        },
        Side::Chosen(chosen) => {
            if let Some(key) = by {
                rows.each(&column.status, |r, w| {
                    if key.status.get(r) != VALID {
                        return;
                    }
                    if let Some(handle) = chosen.row(index_of(words[w]), column, key, r, base + r as u64) {
                        words[w] = handle;
                    }
                });
            }
        }
        Side::Listed(listed) => {
            let mut outcome = Ok(());
            let stride = rows.stride;
            rows.each(&column.status, |r, w| {
                if outcome.is_ok() {
                    outcome = listed.push((w / stride) as u32, values, r, base + r as u64);
                    words[w] += u64::from(outcome.is_ok());
                }
            });
            return outcome;
        }
        Side::Parts(parts) => {
            let mut outcome = Ok(());
            let stride = rows.stride;
            rows.each(&column.status, |r, w| {
                let value = column.value(r, ty).unwrap_or(Value::Null);
                if outcome.is_ok() {
                    match parts.row(index_of(words[w]), (w / stride) as u32, value, base + r as u64) {
                        Ok(handle) => words[w] = handle,
                        Err(e) => outcome = Err(e),
                    }
                }
            });
            return outcome;
        }
        Side::Different(set) => {
            let (stride, offset) = (rows.stride, rows.offset);
            let mut pairs: Vec<(u32, u32)> = Vec::with_capacity(rows.to - rows.from);
            rows.each(&column.status, |r, w| pairs.push(((w / stride) as u32, r as u32)));
            return set.add(&pairs, values, |group| words[group as usize * stride + offset] += 1);
        }
    }
    Ok(())
}

/// The order a value must have to a cell to replace it.
pub(super) fn wanted(greatest: bool) -> Ordering {
    if greatest { Ordering::Greater } else { Ordering::Less }
}

fn push(cells: &mut Cells, values: &Values, row: usize) -> u64 {
    cells.push(values, row);
    cells.len() as u64
}

/// The cell behind a word, made if there is none yet.
pub(super) fn cell_of<'a, T: Default>(words: &mut [u64], cells: &'a mut Vec<T>, w: usize) -> &'a mut T {
    let at = index_of(words[w]).unwrap_or_else(|| {
        cells.push(T::default());
        words[w] = cells.len() as u64;
        cells.len() - 1
    });
    &mut cells[at]
}
