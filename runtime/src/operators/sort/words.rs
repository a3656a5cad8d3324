//! Keys as words that order like them.

use super::Item;
use crate::kernels::gather::{Place, batch_of, row_of};
use flow_ir::column::VALID;
use flow_ir::logical::SortKey;
use flow_ir::value::float_order;
use flow_ir::{Batch, Column, Status, StrColumn, Values};
use std::cmp::Ordering;

/// Which word of which key. Rows that are alike before it may be null or not only in its first part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// The key, by its place.
    pub(super) key: usize,
    /// 0 tells nulls apart, the next ones the values. A key without nulls starts at 1.
    part: usize,
}

/// Words of one key after which whole keys are compared.
const DEEP: usize = 6;

impl Step {
    /// The first word.
    pub(super) fn first() -> Self {
        Step { key: 0, part: 0 }
    }

    /// The first word of the next key.
    pub(super) fn next_key(self) -> Self {
        Step { key: self.key + 1, part: 0 }
    }
}

/// How rows that are alike before a step are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// By the words of the step.
    Words,
    /// Not by this key.
    Alike,
    /// By whole values.
    Compare,
}

/// One key, in all batches.
pub(super) struct KeyColumns<'a> {
    columns: Vec<&'a Column>,
    key: SortKey,
    nullable: bool,
}

impl<'a> KeyColumns<'a> {
    /// The key's columns; `None` if some batch does not have it.
    pub(super) fn new(batches: &'a [Batch], key: SortKey) -> Option<Self> {
        let columns: Vec<&Column> =
            batches.iter().map(|b| b.column(key.column).map(AsRef::as_ref)).collect::<Option<_>>()?;
        let nullable = columns.iter().any(|c| c.status != Status::AllValid);
        Some(KeyColumns { columns, key, nullable })
    }

    /// The part of the key that a step is about: nulls, or the n-th word of the values.
    fn word_of(&self, step: Step) -> Option<usize> {
        if self.nullable { step.part.checked_sub(1) } else { Some(step.part) }
    }

    /// The step that tells apart rows which `step` does not; `None` if they are alike.
    pub(super) fn next_step(&self, step: Step, keys: usize) -> Option<Step> {
        let more = match (self.word_of(step), self.columns.first().map(|c| &c.values)) {
            (None, _) => true,
            // A word that holds the whole value.
            (_, Some(Values::Bool(_) | Values::I64(_) | Values::F64(_)) | None) => false,
            (Some(word), Some(Values::I128(_))) => word == 0,
            (_, Some(Values::Str(_) | Values::Any(_))) => true,
        };
        match more {
            true => Some(Step { key: step.key, part: step.part + 1 }),
            false if step.key + 1 < keys => Some(step.next_key()),
            // What is left is the order in which the rows came, and they are sorted by that too.
            false => None,
        }
    }

    /// How rows that are alike before a step are told apart.
    pub(super) fn look(&self, items: &[Item], step: Step) -> Look {
        let Some(part) = self.word_of(step) else { return Look::Words };
        let valid = |i: &Item| self.columns[batch_of(i.1)].status.get(row_of(i.1)) == VALID;
        if self.nullable && !items.first().is_some_and(valid) {
            // The step before told nulls from values.
            return Look::Alike;
        }
        match self.columns.first().map(|c| &c.values) {
            Some(Values::Str(_)) if part > 0 => self.look_at_texts(items, part),
            Some(Values::Any(_)) => Look::Compare,
            _ => Look::Words,
        }
    }

    /// Texts that have all ended are alike if they are equally long: what ends in zero bytes is not
    /// told by words from what has ended.
    fn look_at_texts(&self, items: &[Item], part: usize) -> Look {
        let length = |i: &Item| match &self.columns[batch_of(i.1)].values {
            Values::Str(s) => (s.views[row_of(i.1)] >> 32) as usize,
            _ => 0,
        };
        let first = items.first().map_or(0, length);
        let (mut ended, mut same) = (true, true);
        for n in items.iter().map(length) {
            ended &= n <= part * 8;
            same &= n == first;
            if !ended && part <= DEEP {
                return Look::Words;
            }
        }
        if ended && same { Look::Alike } else { Look::Compare }
    }

    /// Sets the words of rows.
    pub(super) fn fill(&self, items: &mut [Item], step: Step) {
        let flip = if self.key.descending { !0 } else { 0 };
        match self.word_of(step) {
            None => {
                let null = u64::from(!self.key.nulls_first);
                for (word, place) in items {
                    let valid = self.columns[batch_of(*place)].status.get(row_of(*place)) == VALID;
                    *word = if valid { 1 - null } else { null };
                }
            }
            Some(part) => {
                // Rows come batch by batch, mostly: look the column up once a run of them.
                for run in items.chunk_by_mut(|a, b| batch_of(a.1) == batch_of(b.1)) {
                    if let Some(first) = run.first() {
                        fill_values(run, &self.columns[batch_of(first.1)].values, part, flip);
                    }
                }
            }
        }
    }

    /// The order of two rows by the whole key.
    pub(super) fn compare(&self, a: Place, b: Place) -> Ordering {
        let (x, i, y, j) = (self.columns[batch_of(a)], row_of(a), self.columns[batch_of(b)], row_of(b));
        match (x.status.get(i) == VALID, y.status.get(j) == VALID) {
            (true, true) if self.key.descending => compare(&y.values, j, &x.values, i),
            (true, true) => compare(&x.values, i, &y.values, j),
            (false, false) => Ordering::Equal,
            (a_valid, _) if a_valid == self.key.nulls_first => Ordering::Greater,
            _ => Ordering::Less,
        }
    }
}

/// Sets the words of rows of one batch.
fn fill_values(items: &mut [Item], values: &Values, part: usize, flip: u64) {
    fn set(items: &mut [Item], flip: u64, word: impl Fn(usize) -> u64) {
        for (w, place) in items {
            *w = word(row_of(*place)) ^ flip;
        }
    }
    match values {
        Values::Bool(v) => set(items, flip, |r| u64::from(v[r] != 0)),
        Values::I64(v) => set(items, flip, |r| v[r] as u64 ^ (1 << 63)),
        Values::F64(v) => set(items, flip, |r| float_word(v[r])),
        Values::I128(v) if part == 0 => set(items, flip, |r| (v[r] >> 64) as u64 ^ (1 << 63)),
        Values::I128(v) => set(items, flip, |r| v[r] as u64),
        Values::Str(v) => set(items, flip, |r| text_word(v, r, part * 8)),
        // Nothing is known of these but how to compare them.
        Values::Any(_) => set(items, flip, |_| 0),
    }
}

/// Orders like the language orders floats.
fn float_word(x: f64) -> u64 {
    if x.is_nan() {
        return !0;
    }
    let bits = (x + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// Eight bytes of a text from `at` on, zeros where it has ended. A text and the same with zero
/// bytes behind it are not told apart.
#[inline(always)]
fn text_word(texts: &StrColumn, row: usize, at: usize) -> u64 {
    let view = texts.views[row];
    let (start, length) = ((view & 0xffff_ffff) as usize, (view >> 32) as usize);
    let left = length.saturating_sub(at);
    let from = start + at;
    match texts.buffer.get(from..from + 8).and_then(|b| b.first_chunk::<8>()) {
        Some(bytes) if left >= 8 => u64::from_be_bytes(*bytes),
        Some(bytes) if left > 0 => u64::from_be_bytes(*bytes) & (!0 << (8 * (8 - left))),
        _ => short_word(texts.buffer.get(from..from + left.min(8)).unwrap_or_default()),
    }
}

fn short_word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_be_bytes(word)
}

fn compare(a: &Values, i: usize, b: &Values, j: usize) -> Ordering {
    match (a, b) {
        (Values::Bool(a), Values::Bool(b)) => a[i].cmp(&b[j]),
        (Values::I64(a), Values::I64(b)) => a[i].cmp(&b[j]),
        (Values::F64(a), Values::F64(b)) => float_order(a[i], b[j]),
        (Values::I128(a), Values::I128(b)) => a[i].cmp(&b[j]),
        (Values::Str(a), Values::Str(b)) => a.bytes(i).cmp(b.bytes(j)),
        (Values::Any(a), Values::Any(b)) => a[i].cmp(&b[j]),
        _ => Ordering::Equal,
    }
}
