//! `distinct`: the first row of every different key, in row order.
//!
//! Each thread feeds a [`Distinct`] of its own; [`merge_and_finish`] keeps, of all rows with equal
//! keys, the one with the smallest position, however the rows were dealt to threads.

use crate::dataset::batches_bytes;
use crate::kernels::gather::{Place, RowStore, batch_of, gather_batch, place, row_of, split_text};
use crate::memory::{Budget, NeedsMore, Reservation};
use crate::operators::reduce_by_key::GroupTable;
use crate::operators::reduce_by_key::partition::{MANY_GROUPS, Partitions, part_bits};
use flow_ir::physical::TypedColumn;
use flow_ir::{Batch, Column, Type};
use rayon::prelude::*;
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
pub fn merge_and_finish(parts: Vec<Distinct>, budget: &Budget) -> Result<Vec<Batch>, NeedsMore> {
    let mut tables = Vec::with_capacity(parts.len());
    let mut batches = Vec::new();
    for mut part in parts.into_iter().filter(|p| !p.first.is_empty()) {
        // All rows become one list of batches.
        let shift = batches.len();
        part.first.iter_mut().for_each(|f| f.1 = place(shift + batch_of(f.1), row_of(f.1)));
        batches.extend(part.rows.into_batches());
        tables.push((part.table, part.first, part.memory));
    }
    let total: usize = tables.iter().map(|t| t.1.len()).sum();
    let mut copies = budget.reserve("the rows of distinct");
    let mut first = if tables.len() < 2 {
        // The reservation stays: the rows are still there.
        tables.first_mut().map(|t| std::mem::take(&mut t.1)).unwrap_or_default()
    } else if total < MANY_GROUPS {
        first_of_all(&tables, None)?
    } else {
        let bits = part_bits(total);
        let sizes = tables[0].0.sizes();
        copies.cover(tables.iter().map(|t| (t.0.bytes_used() + t.1.len() * 16) as u64).sum())?;
        let split: Vec<Partitions> = tables
            .par_iter_mut()
            .map(|(table, rows, _)| {
                let partitions = Partitions::new(table, bits);
                table.reorder(partitions.targets());
                let mut reordered = vec![(0, 0); rows.len()];
                partitions.targets().iter().zip(rows.iter()).for_each(|(&t, &r)| reordered[t as usize] = r);
                *rows = reordered;
                partitions
            })
            .collect();
        let parts: Vec<Vec<(u64, Place)>> = (0..1usize << bits)
            .into_par_iter()
            .map(|n| first_of_all(&tables, Some((&split, n, sizes))))
            .collect::<Result<_, NeedsMore>>()?;
        parts.concat()
    };
    first.par_sort_unstable();
    // What is delivered is a copy: until it is complete, both are there.
    copies.cover(batches_bytes(&batches))?;
    let places: Vec<Place> = first.into_iter().map(|(_, p)| p).collect();
    Ok(split_text(&batches, &places).into_par_iter().map(|run| gather_batch(&batches, run)).collect())
}

/// A thread's keys, the position and place of the first row of each, and the memory they take.
type FirstRows = (GroupTable, Vec<(u64, Place)>, Reservation);

/// The first row of every key (of part `n` of the split tables, if they are split).
fn first_of_all(
    tables: &[FirstRows],
    split: Option<(&[Partitions], usize, (usize, usize))>,
) -> Result<Vec<(u64, Place)>, NeedsMore> {
    let Some((table, _, memory)) = tables.first() else { return Ok(Vec::new()) };
    let mut merged = table.empty_like(memory.budget());
    if let Some((partitions, n, sizes)) = split {
        merged.reserve(partitions.iter().map(|p| p.part(n).len()).sum(), table, sizes)?;
    }
    let mut first: Vec<(u64, Place)> = Vec::new();
    let mut to = Vec::new();
    for (i, (table, rows, _)) in tables.iter().enumerate() {
        let groups = split.map_or(0..rows.len() as u32, |(partitions, n, _)| partitions[i].part(n));
        merged.assign_from(table, groups.clone(), &mut to)?;
        for (g, &t) in groups.zip(&to) {
            let here = rows[g as usize];
            match first.get_mut(t as usize) {
                Some(f) if *f <= here => {}
                Some(f) => *f = here,
                None => first.push(here),
            }
        }
    }
    Ok(first)
}

#[cfg(test)]
mod tests;
