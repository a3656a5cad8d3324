//! Builds join tables.

use super::{JoinTable, Matches, Part, WholeColumn};
use crate::dataset::column_bytes;
use crate::kernels::gather::{gather_across, place};
use crate::kernels::probe::{BLOCK, NO_GROUP};
use crate::memory::{Budget, NeedsMore};
use crate::operators::reduce_by_key::GroupTable;
use crate::operators::reduce_by_key::block::{Block, EncodedRows};
use crate::operators::reduce_by_key::lookup::KeyForm;
use flow_ir::column::VALID;
use flow_ir::{Batch, Column, ColumnId, JoinStrategy, Status, Type, Values};
use rayon::prelude::*;
use std::sync::{Arc, OnceLock};

/// Rows from which a build side is split.
const SPLIT_ROWS: usize = 1 << 16;

/// Text bytes of a column up to which it is made one column.
const WHOLE_TEXT: usize = 1 << 31;

/// The rows of one part of one batch.
type Rows = Vec<u32>;

impl JoinTable {
    /// Builds the table from the rows of `batches`, keyed by the columns `on`. Without keys, nothing can
    /// be looked up, but rows can be gathered.
    pub fn build(
        batches: &[Batch],
        on: &[ColumnId],
        using: Option<JoinStrategy>,
        budget: &Budget,
    ) -> Result<Self, NeedsMore> {
        let total: usize = batches.iter().map(|b| b.rows).sum();
        if total >= NO_GROUP as usize {
            return Err(NeedsMore { needed: 0, left: 0, what: "more than four billion rows to join with" });
        }
        let mut memory = budget.reserve("the rows to join with");
        memory.cover(if on.is_empty() { 0 } else { total as u64 * 12 })?;
        let mut firsts = Vec::with_capacity(batches.len());
        let mut first = 0;
        for batch in batches {
            firsts.push(first as u32);
            first += batch.rows;
        }
        let types = key_types(batches, on);
        let form = KeyForm::of(&types);
        let small = total < SPLIT_ROWS || rayon::current_num_threads() < 2;
        let part_bits = match using {
            Some(JoinStrategy::Broadcast) => 0,
            None | Some(JoinStrategy::Merge) if small => 0,
            _ => (rayon::current_num_threads() * 2).next_power_of_two().trailing_zeros().min(6),
        };
        let split = match on.is_empty() {
            true => Vec::new(),
            false => split_rows(batches, on, &types, part_bits, budget)?,
        };
        let mut parts = Vec::with_capacity(split.len());
        let mut groups = Vec::with_capacity(split.len());
        let built: Vec<_> = split
            .into_par_iter()
            .map(|rows| build_part(batches, on, &types, &firsts, &rows, budget))
            .collect::<Result<_, NeedsMore>>()?;
        for (part, rows) in built {
            parts.push(part);
            groups.push(rows);
        }
        let matches = number(&mut parts, &groups);
        let columns =
            batches.first().map(|b| b.columns.iter().map(|(id, _)| (*id, OnceLock::new())).collect());
        Ok(JoinTable {
            form,
            parts,
            part_bits,
            matches,
            batches: batches.to_vec(),
            firsts,
            columns: columns.unwrap_or_default(),
            memory,
        })
    }
}

/// A type for each key column by which its storage class is known; which of the types of that class
/// it is makes no difference here.
fn key_types(batches: &[Batch], on: &[ColumnId]) -> Vec<Type> {
    let class = |id: &ColumnId| match batches.first().and_then(|b| b.column(*id)).map(|c| &c.values) {
        Some(Values::Bool(_)) => Type::Bool,
        Some(Values::I64(_)) => Type::Int,
        Some(Values::F64(_)) => Type::Float,
        Some(Values::I128(_)) => Type::Decimal { precision: 38, scale: 0 },
        Some(Values::Str(_)) => Type::String,
        Some(Values::Any(_)) | None => Type::Bytes,
    };
    on.iter().map(class).collect()
}

/// For every part, the rows of each batch that belong to it: all but those with a null key.
fn split_rows(
    batches: &[Batch],
    on: &[ColumnId],
    types: &[Type],
    part_bits: u32,
    budget: &Budget,
) -> Result<Vec<Vec<Rows>>, NeedsMore> {
    let table = GroupTable::new(types.to_vec(), budget);
    let by_batch: Vec<Vec<Rows>> = batches
        .par_iter()
        .map(|batch| {
            let keys = key_columns(batch, on);
            let mut parts: Vec<Rows> = vec![Vec::new(); 1 << part_bits];
            let there = |row: usize| keys.iter().all(|k| k.status.get(row) == VALID);
            if part_bits == 0 {
                parts[0].extend((0..batch.rows).filter(|&r| there(r)).map(|r| r as u32));
                return parts;
            }
            let mut block = Block::new();
            let mut encoded = EncodedRows::default();
            let mut hashes = [0; BLOCK];
            for from in (0..batch.rows).step_by(BLOCK) {
                let to = batch.rows.min(from + BLOCK);
                // Nothing is found in an empty table, but the keys are hashed on the way.
                table.finder().find(&keys, from, to, &mut block, &mut encoded);
                block.hashes(&mut hashes);
                for row in (from..to).filter(|&r| there(r)) {
                    parts[(hashes[row - from] >> (64 - part_bits)) as usize].push(row as u32);
                }
            }
            parts
        })
        .collect();
    let mut parts: Vec<Vec<Rows>> =
        (0..1usize << part_bits).map(|_| Vec::with_capacity(batches.len())).collect();
    for batch in by_batch {
        for (part, rows) in parts.iter_mut().zip(batch) {
            part.push(rows);
        }
    }
    Ok(parts)
}

fn key_columns<'a>(batch: &'a Batch, on: &[ColumnId]) -> Vec<&'a Column> {
    on.iter().filter_map(|id| batch.column(*id)).map(AsRef::as_ref).collect()
}

/// The group of each row of a part, and the row's number in the whole build side.
type GroupedRows = Vec<(u32, u32)>;

fn build_part(
    batches: &[Batch],
    on: &[ColumnId],
    types: &[Type],
    firsts: &[u32],
    rows: &[Rows],
    budget: &Budget,
) -> Result<(Part, GroupedRows), NeedsMore> {
    let mut table = GroupTable::new(types.to_vec(), budget);
    let mut grouped = Vec::with_capacity(rows.iter().map(Vec::len).sum());
    let mut groups = Vec::new();
    for ((batch, rows), first) in batches.iter().zip(rows).zip(firsts) {
        let keys = key_columns(batch, on);
        if rows.len() == batch.rows {
            table.assign(&keys, rows.len(), &mut groups)?;
        } else {
            let picked: Vec<Column> = keys.iter().map(|k| k.gather(rows)).collect();
            table.assign(&picked.iter().collect::<Vec<_>>(), rows.len(), &mut groups)?;
        }
        grouped.extend(groups.iter().zip(rows).map(|(&g, &r)| (g, first + r)));
    }
    Ok((Part { table, numbers: Vec::new() }, grouped))
}

/// Gives all keys the numbers by which their rows are found.
fn number(parts: &mut [Part], grouped: &[GroupedRows]) -> Matches {
    let unique = parts.iter().zip(grouped).all(|(p, rows)| p.table.len() == rows.len());
    if unique {
        parts.par_iter_mut().zip(grouped).for_each(|(part, rows)| {
            // Groups are numbered in row order, and every row has its own.
            part.renumber(rows.iter().map(|r| r.1).collect());
        });
        return Matches::One;
    }
    let keys: usize = parts.iter().map(|p| p.table.len()).sum();
    let mut starts = Vec::with_capacity(keys + 1);
    starts.push(0);
    let mut rows = Vec::with_capacity(grouped.iter().map(Vec::len).sum());
    for (part, grouped) in parts.iter_mut().zip(grouped) {
        let first = (starts.len() - 1) as u32;
        part.renumber((0..part.table.len() as u32).map(|g| first + g).collect());
        append_by_group(grouped, part.table.len(), &mut starts, &mut rows);
    }
    Matches::Many { starts, rows }
}

impl Part {
    /// Replaces the number of every key by what the list has for it.
    fn renumber(&mut self, numbers: Vec<u32>) {
        self.table.renumber(|n| numbers[n as usize]);
        if self.table.has_long_keys() {
            self.numbers = numbers;
        }
    }
}

/// Appends the rows of each group, in order, and where they end.
fn append_by_group(grouped: &[(u32, u32)], groups: usize, starts: &mut Vec<u32>, rows: &mut Vec<u32>) {
    let base = rows.len();
    let mut next = vec![0u32; groups + 1];
    grouped.iter().for_each(|(g, _)| next[*g as usize + 1] += 1);
    for g in 0..groups {
        next[g + 1] += next[g];
    }
    starts.extend(next[1..].iter().map(|n| base as u32 + n));
    rows.resize(base + grouped.len(), 0);
    for &(g, row) in grouped {
        let at = &mut next[g as usize];
        rows[base + *at as usize] = row;
        *at += 1;
    }
}

/// All rows of a column, as one; `None` where its text does not fit into one buffer, or where there is
/// no memory for a copy: then rows are picked out of the batches.
pub(super) fn whole_column(columns: &[Arc<Column>], budget: &Budget) -> Option<WholeColumn> {
    let mut memory = budget.reserve("the rows to join with");
    if let [one] = columns {
        return Some(WholeColumn { column: one.clone(), _memory: memory });
    }
    let text: usize = columns
        .iter()
        .map(|c| match &c.values {
            Values::Str(s) => s.views.iter().map(|v| (v >> 32) as usize).sum(),
            _ => 0,
        })
        .sum();
    if text > WHOLE_TEXT || memory.cover(columns.iter().map(|c| column_bytes(c)).sum()).is_err() {
        return None;
    }
    let columns: Vec<&Column> = columns.iter().map(AsRef::as_ref).collect();
    let places: Vec<u64> =
        columns.iter().enumerate().flat_map(|(b, c)| (0..c.len()).map(move |r| place(b, r))).collect();
    let whole = gather_across(&columns, &places);
    debug_assert!(matches!(whole.status, Status::AllValid) || whole.len() == places.len());
    Some(WholeColumn { column: Arc::new(whole), _memory: memory })
}
