//! The build side of a join: a table shared by all threads that probe it.
//!
//! Matches come in the order of the probing rows, and for each of those in the order of the build
//! rows. A key with a null in it matches nothing. Large build sides are split by the hash of their
//! keys, and the parts are built in parallel; probing chooses the part of every key by its hash.

mod build;
mod matched;

pub use matched::MatchedRows;

use crate::kernels::gather::{batch_of, gather_across, place, row_of};
use crate::kernels::hash::Seeds;
use crate::kernels::level::SimdLevel;
use crate::kernels::probe::{BLOCK, MidBucket, NO_GROUP, ShortBucket};
use crate::memory::{Budget, Reservation};
use crate::operators::reduce_by_key::GroupTable;
use crate::operators::reduce_by_key::block::{Block, EncodedRows};
use crate::operators::reduce_by_key::lookup::{Finder, KeyForm, Lookup};
use crate::operators::reduce_by_key::store::{KeyStore, LongKeys};
use flow_ir::column::{ColumnBuilder, NULL, VALID};
use flow_ir::{Batch, Column, ColumnId, Status, Type, Value, Values};
use std::sync::{Arc, OnceLock};

/// The rows of a build side, by key.
#[derive(Debug)]
pub struct JoinTable {
    form: KeyForm,
    parts: Vec<Part>,
    /// The part of a hash is in its highest bits.
    part_bits: u32,
    matches: Matches,
    batches: Vec<Batch>,
    /// The first row of each batch.
    firsts: Vec<u32>,
    /// Whole columns, made when rows of them are first gathered; `None` where the text is too much.
    columns: Vec<(ColumnId, OnceLock<Option<WholeColumn>>)>,
    memory: Reservation,
}

/// A column of all batches, and what the copy takes of the budget.
#[derive(Debug)]
struct WholeColumn {
    column: Arc<Column>,
    _memory: Reservation,
}

/// Stands for a build row where a probing row has none.
pub const NO_ROW: u32 = u32::MAX;

/// The keys of which the hash has certain highest bits.
#[derive(Debug)]
struct Part {
    /// Its numbers are what [`Matches`] says, but for long keys.
    table: GroupTable,
    /// What the numbers of long keys stand for.
    numbers: Vec<u32>,
}

/// What the number of a key leads to.
#[derive(Debug)]
enum Matches {
    /// No key has two rows: the number is the row.
    One,
    /// The number is a key's, and its rows are `rows[starts[number]..starts[number + 1]]`.
    Many { starts: Vec<u32>, rows: Vec<u32> },
}

impl JoinTable {
    /// Rows of the build side.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(|b| b.rows).sum()
    }

    /// The first two rows with the same key, by where the second of them stands.
    pub fn first_equal(&self) -> Option<(u32, u32)> {
        let Matches::Many { starts, rows } = &self.matches else { return None };
        let pairs = starts.windows(2).filter_map(|s| match rows.get(s[0] as usize..s[1] as usize)? {
            [first, second, ..] => Some((*first, *second)),
            _ => None,
        });
        pairs.min_by_key(|(_, second)| *second)
    }

    /// The budget that the table is part of.
    pub fn budget(&self) -> &Budget {
        self.memory.budget()
    }

    /// All matches of a batch of `rows` rows with the given keys: its rows, and for each the
    /// matching row of the build side. `None` if there are more than `limit`.
    pub fn probe(&self, keys: &[&Column], rows: usize, limit: usize) -> Option<(Vec<u32>, Vec<u32>)> {
        let (mut left, mut right) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        let fits = self.find(keys, rows, |from, numbers| {
            self.matches.append(numbers, from, limit, &mut left, &mut right)
        });
        fits.then_some((left, right))
    }

    /// The rows whose keys match something (or nothing), in order.
    pub fn filter(&self, keys: &[&Column], rows: usize, matching: bool) -> Vec<u32> {
        let mut kept = Vec::with_capacity(rows);
        self.find(keys, rows, |from, numbers| {
            let there = numbers.iter().enumerate().filter(|(_, n)| (**n != NO_GROUP) == matching);
            kept.extend(there.map(|(row, _)| (from + row) as u32));
            true
        });
        kept
    }

    /// Looks all keys up, a block at a time, and hands on the number of the first row and those of
    /// the keys, while `each` wants more.
    fn find(&self, keys: &[&Column], rows: usize, mut each: impl FnMut(usize, &[u32]) -> bool) -> bool {
        let mut block = Block::new();
        let mut encoded = EncodedRows::default();
        let finder = Finder { form: self.form, level: SimdLevel::detect(), lookup: self, null: NO_GROUP };
        for from in (0..rows).step_by(BLOCK) {
            let to = rows.min(from + BLOCK);
            finder.find(keys, from, to, &mut block, &mut encoded);
            for &(row, hash) in &block.long {
                let number = &mut block.numbers.rows[usize::from(row)];
                if *number != NO_GROUP {
                    *number = self.part(hash).numbers[*number as usize];
                }
            }
            let numbers = &mut block.numbers.rows[..to - from];
            forget_nulls(keys, from, numbers);
            if !each(from, numbers) {
                return false;
            }
        }
        true
    }

    /// The column `id`, of type `ty`, of the given build rows, null for [`NO_ROW`]; `None` if the build
    /// side has no such column.
    pub fn gather_or_null(&self, id: ColumnId, ty: &Type, rows: &[u32]) -> Option<Column> {
        if self.rows() == 0 {
            // Without batches nothing tells which columns there would be.
            return Some(nulls(ty, rows.len()));
        }
        if !rows.contains(&NO_ROW) {
            return self.gather(id, rows);
        }
        let there: Vec<u32> = rows.iter().map(|&r| if r == NO_ROW { 0 } else { r }).collect();
        let mut column = self.gather(id, &there)?;
        let status = rows.iter().enumerate();
        let status = status.map(|(i, &r)| if r == NO_ROW { NULL } else { column.status.get(i) }).collect();
        column.status = Status::Rows(status);
        if let Values::Any(values) = &mut column.values {
            rows.iter().zip(values).filter(|(r, _)| **r == NO_ROW).for_each(|(_, v)| *v = Value::Null);
        }
        Some(column)
    }

    /// The column `id` of the given build rows; `None` if the build side has no such column.
    pub fn gather(&self, id: ColumnId, rows: &[u32]) -> Option<Column> {
        let (_, whole) = self.columns.iter().find(|(c, _)| *c == id)?;
        let across: Vec<Arc<Column>> =
            self.batches.iter().map(|b| b.column(id).cloned()).collect::<Option<_>>()?;
        if let Some(whole) = whole.get_or_init(|| build::whole_column(&across, self.budget())) {
            return Some(whole.column.gather(rows));
        }
        let across: Vec<&Column> = across.iter().map(AsRef::as_ref).collect();
        let places: Vec<u64> = rows
            .iter()
            .map(|&r| {
                let batch = self.firsts.partition_point(|&f| f <= r).saturating_sub(1);
                place(batch, (r - self.firsts[batch]) as usize)
            })
            .collect();
        debug_assert!(places.iter().all(|&p| row_of(p) < self.batches[batch_of(p)].rows));
        Some(gather_across(&across, &places))
    }

    #[inline(always)]
    fn part(&self, hash: u64) -> &Part {
        // No bits: the rotation leaves the hash, and the only part is the last.
        let at = hash.rotate_left(self.part_bits) as usize & (self.parts.len() - 1);
        &self.parts[at]
    }
}

impl Lookup for JoinTable {
    fn seeds(&self) -> &Seeds {
        self.parts[0].table.seeds()
    }

    #[inline(always)]
    fn short(&self, hash: u64) -> &[ShortBucket] {
        self.part(hash).table.short(hash)
    }

    #[inline(always)]
    fn mid(&self, hash: u64) -> &[MidBucket] {
        self.part(hash).table.mid(hash)
    }

    fn long(&self, hash: u64) -> (&LongKeys, &KeyStore) {
        self.part(hash).table.long(hash)
    }

    fn is_far(&self) -> (bool, bool) {
        let far = self.parts.iter().map(|p| p.table.is_far());
        let many = self.parts.len() > 1;
        far.fold((many, many), |a, b| (a.0 | b.0, a.1 | b.1))
    }
}

impl Matches {
    /// Appends the matches of rows from `from` on, whose keys have the given numbers. False if that
    /// makes more than `limit`; then not all of them are there.
    fn append(
        &self,
        numbers: &[u32],
        from: usize,
        limit: usize,
        left: &mut Vec<u32>,
        right: &mut Vec<u32>,
    ) -> bool {
        match self {
            Matches::One => {
                for (row, &number) in numbers.iter().enumerate() {
                    if number != NO_GROUP {
                        left.push((from + row) as u32);
                        right.push(number);
                    }
                }
            }
            Matches::Many { starts, rows } => {
                for &number in numbers {
                    crate::kernels::probe::fetch(starts.as_ptr().wrapping_add(number as usize));
                }
                for (row, &number) in numbers.iter().enumerate() {
                    if number != NO_GROUP {
                        let matches = starts[number as usize] as usize..starts[number as usize + 1] as usize;
                        if left.len() + matches.len() > limit {
                            return false;
                        }
                        left.resize(left.len() + matches.len(), (from + row) as u32);
                        right.extend_from_slice(&rows[matches]);
                    }
                }
            }
        }
        left.len() <= limit
    }
}

/// A column of nulls.
pub fn nulls(ty: &Type, rows: usize) -> Column {
    let mut builder = ColumnBuilder::new(ty, rows);
    (0..rows).for_each(|_| builder.push(Ok(&Value::Null)));
    builder.finish()
}

/// Takes rows with a null key, from `from` on, out of all groups.
fn forget_nulls(keys: &[&Column], from: usize, numbers: &mut [u32]) {
    for key in keys {
        if let Status::Rows(s) = &key.status {
            for (number, &s) in numbers.iter_mut().zip(&s[from..]) {
                if s != VALID {
                    *number = NO_GROUP;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
