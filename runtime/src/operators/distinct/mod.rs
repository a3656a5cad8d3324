//! `distinct`: the first row of every different key, in row order.
//!
//! Each thread feeds a [`Distinct`] of its own; [`merge_and_finish`] keeps, of all rows with equal
//! keys, the one with the smallest position, however the rows were dealt to threads.

use crate::kernels::gather::{Place, RowStore, gather_batch, place, row_of, split_text};
use crate::memory::{Budget, NeedsMore, Reservation};
use crate::operators::reduce_by_key::GroupTable;
use flow_ir::physical::TypedColumn;
use flow_ir::{Batch, Column, Type};
use std::sync::Arc;

/// What is compared and what is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct DistinctSpec {
    /// The types of the columns compared.
    pub keys: Vec<Type>,
    /// The columns delivered.
    pub columns: Vec<TypedColumn>,
}

/// One thread's first rows.
#[derive(Debug)]
pub struct Distinct {
    table: GroupTable,
    /// For each group: the position of its first row, and where that row is stored.
    first: Vec<(u64, Place)>,
    rows: RowStore,
    groups: Vec<u32>,
    memory: Reservation,
}

impl Distinct {
    /// No rows.
    pub fn new(spec: Arc<DistinctSpec>, budget: &Budget) -> Self {
        Distinct {
            table: GroupTable::new(spec.keys.clone(), budget),
            first: Vec::new(),
            rows: RowStore::new(spec.columns.iter().map(|c| c.id).collect()),
            groups: Vec::new(),
            memory: budget.reserve("the rows of distinct"),
        }
    }

    /// Adds the rows of a batch: the columns compared, and the columns delivered, in the order of
    /// the spec. Row `i` has the position `base_position + i` in the order of all rows.
    pub fn update(
        &mut self,
        keys: &[&Column],
        columns: &[&Column],
        rows: usize,
        base_position: u64,
    ) -> Result<(), NeedsMore> {
        self.table.assign(keys, rows, &mut self.groups)?;
        let mut kept: Vec<u32> = Vec::new();
        let mut owners: Vec<u32> = Vec::new();
        for (row, &g) in self.groups.iter().enumerate() {
            let position = base_position + row as u64;
            match self.first.get_mut(g as usize) {
                Some(first) if first.0 <= position => continue,
                Some(first) => first.0 = position,
                None => self.first.push((position, 0)),
            }
            kept.push(row as u32);
            owners.push(g);
        }
        let mut places = Vec::with_capacity(kept.len());
        self.rows.append(columns, &kept, &mut places);
        for (g, p) in owners.into_iter().zip(places) {
            self.first[g as usize].1 = p;
        }
        let bytes = self.rows.bytes_used() + self.first.capacity() * 16;
        self.memory.cover(bytes as u64)
    }

    /// Different keys so far.
    pub fn groups(&self) -> usize {
        self.first.len()
    }

    /// Bytes held.
    pub fn bytes_used(&self) -> usize {
        self.table.bytes_used() + self.rows.bytes_used() + self.first.capacity() * 16
    }
}

/// The first rows of all threads, in order of their positions.
pub fn merge_and_finish(parts: Vec<Distinct>) -> Result<Vec<Batch>, NeedsMore> {
    let mut parts = parts.into_iter();
    let Some(all) = parts.next() else { return Ok(Vec::new()) };
    let mut table = all.table;
    let mut first = all.first;
    let mut batches = all.rows.into_batches();
    for part in parts {
        let shift = batches.len();
        for (g, &(position, p)) in part.first.iter().enumerate() {
            let to = table.insert_from(&part.table, g as u32)?;
            let here = (position, place(shift + crate::kernels::gather::batch_of(p), row_of(p)));
            match first.get_mut(to as usize) {
                Some(f) if f.0 <= position => {}
                Some(f) => *f = here,
                None => first.push(here),
            }
        }
        batches.extend(part.rows.into_batches());
    }
    first.sort_unstable();
    let places: Vec<Place> = first.into_iter().map(|(_, p)| p).collect();
    Ok(split_text(&batches, &places).into_iter().map(|run| gather_batch(&batches, run)).collect())
}

#[cfg(test)]
mod tests;
