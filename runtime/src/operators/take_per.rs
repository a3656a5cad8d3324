//! First rows of keys: `take n per k`, and `distinct on k sort ...`.
//!
//! Every thread keeps its rows with their positions and now and then drops those that cannot be
//! among the first of their key any more, so that it never holds many more rows than are wanted.
//! Invariant: which rows stay depends on keys, order and positions only, so it does not matter when
//! and how often rows are dropped, nor which thread met them.

use super::sort::{RowOrder, ascending, order};
use crate::dataset::batches_bytes;
use crate::kernels::gather::{Place, batch_of, gather_batch, row_of, split_text};
use crate::memory::{Budget, NeedsMore, Reservation};
use flow_ir::logical::SortKey;
use flow_ir::{Batch, Column, ColumnId, Values};
use rayon::prelude::*;
use std::sync::Arc;

/// The column of positions, which no plan has.
const POSITION: ColumnId = ColumnId(u32::MAX);

/// New rows after which it is worth looking for those that can be dropped.
const MANY_ROWS: usize = 1 << 16;

/// Which rows are wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct FirstRowsSpec {
    /// What is compared.
    pub on: Vec<ColumnId>,
    /// The order within a key; equal rows stand as they came.
    pub sort: Vec<SortKey>,
    /// How many of each key.
    pub count: u64,
}

/// The rows of one thread.
#[derive(Debug)]
pub struct FirstRows {
    spec: Arc<FirstRowsSpec>,
    batches: Vec<Batch>,
    rows: usize,
    bytes: u64,
    /// Rows that were left when rows were dropped last.
    left: usize,
    memory: Reservation,
}

impl FirstRows {
    /// No rows.
    pub fn new(spec: Arc<FirstRowsSpec>, budget: &Budget) -> Self {
        FirstRows {
            spec,
            batches: Vec::new(),
            rows: 0,
            bytes: 0,
            left: 0,
            memory: budget.reserve("the first rows of each key"),
        }
    }

    /// Takes the rows of a batch, the first of which stands at `position`, the others right behind it.
    /// Batches come in the order of their positions.
    pub fn add(&mut self, mut batch: Batch, position: u64) -> Result<(), NeedsMore> {
        if self.spec.count == 0 {
            return Ok(());
        }
        let positions = (0..batch.rows as u64).map(|r| (position + r) as i64).collect();
        batch.columns.push((POSITION, Arc::new(Column::valid(Values::I64(positions)))));
        self.rows += batch.rows;
        self.bytes += batches_bytes(std::slice::from_ref(&batch));
        self.batches.push(batch);
        if self.rows - self.left >= MANY_ROWS.max(self.left) {
            self.drop_rows()?;
        }
        self.memory.cover(self.bytes)
    }

    fn drop_rows(&mut self) -> Result<(), NeedsMore> {
        let places = first_places(&self.spec, &self.batches, self.memory.budget())?;
        if places.len() < self.rows {
            self.batches = gather(&self.batches, &places);
            self.bytes = batches_bytes(&self.batches);
        }
        self.rows = places.len();
        self.left = places.len();
        Ok(())
    }
}

fn gather(batches: &[Batch], places: &[Place]) -> Vec<Batch> {
    split_text(batches, places).into_par_iter().map(|run| gather_batch(batches, run)).collect()
}

/// The first rows of every key, in the order of their positions.
fn first_places(spec: &FirstRowsSpec, batches: &[Batch], budget: &Budget) -> Result<Vec<Place>, NeedsMore> {
    let on: Vec<SortKey> = spec.on.iter().map(|c| ascending(*c)).collect();
    let mut keys = on.clone();
    keys.extend(spec.sort.iter().copied());
    keys.push(ascending(POSITION));
    let sorted = order(batches, &keys, None, budget)?;
    let same = RowOrder::new(batches, &on);
    let mut kept: Vec<(i64, Place)> = Vec::new();
    let (mut key, mut met) = (None, 0u64);
    for place in sorted {
        if key.is_none_or(|k| same.compare(k, place).is_ne()) {
            (key, met) = (Some(place), 0);
        }
        if met < spec.count {
            met += 1;
            kept.push((position(&batches[batch_of(place)], row_of(place)), place));
        }
    }
    kept.par_sort_unstable();
    Ok(kept.into_iter().map(|(_, place)| place).collect())
}

fn position(batch: &Batch, row: usize) -> i64 {
    match batch.columns.last().map(|(_, c)| &c.values) {
        Some(Values::I64(v)) => v[row],
        _ => 0,
    }
}

/// The first rows of every key among those of all threads, in the order of their positions.
pub fn merge_and_finish(parts: Vec<FirstRows>, budget: &Budget) -> Result<Vec<Batch>, NeedsMore> {
    let Some(spec) = parts.first().map(|p| p.spec.clone()) else { return Ok(Vec::new()) };
    let (mut batches, mut memory) = (Vec::new(), Vec::new());
    for part in parts {
        batches.extend(part.batches);
        memory.push(part.memory);
    }
    let places = first_places(&spec, &batches, budget)?;
    let (rows, bytes): (usize, u64) = (batches.iter().map(|b| b.rows).sum(), batches_bytes(&batches));
    // Until the copy is complete, both are there.
    let mut copied = budget.reserve("the first rows of each key");
    copied.cover((u128::from(bytes) * places.len() as u128 / rows.max(1) as u128) as u64)?;
    let mut out = gather(&batches, &places);
    for batch in &mut out {
        batch.columns.pop();
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::testing::{Random, column, random_value, values_of};
    use flow_ir::{Type, Value};
    use std::cmp::Ordering;
    use std::collections::BTreeMap;

    fn expected(rows: &[Vec<Value>], sorted: bool, count: usize) -> Vec<Vec<Value>> {
        let mut keys: BTreeMap<Value, Vec<usize>> = BTreeMap::new();
        for (i, row) in rows.iter().enumerate() {
            keys.entry(row[0].clone()).or_default().push(i);
        }
        let mut kept: Vec<usize> = Vec::new();
        for mut numbers in keys.into_values() {
            if sorted {
                numbers.sort_by(|a, b| match (rows[*a][1].is_null(), rows[*b][1].is_null()) {
                    (true, true) => Ordering::Equal,
                    (false, false) => rows[*b][1].cmp(&rows[*a][1]),
                    (a, b) => a.cmp(&b),
                });
            }
            kept.extend(numbers.into_iter().take(count));
        }
        kept.sort_unstable();
        kept.into_iter().map(|i| rows[i].clone()).collect()
    }

    #[test]
    fn the_first_rows_stay_however_they_are_split() {
        let types = [Type::String, Type::Float, Type::Int];
        let mut random = Random::new(11);
        for (variety, total) in [(3, 40), (200, 3_000), (9, 200_000)] {
            let rows: Vec<Vec<Value>> = (0..total)
                .map(|i| {
                    let mut row: Vec<Value> =
                        types[..2].iter().map(|t| random_value(&mut random, t, variety)).collect();
                    row.push(Value::Int(i));
                    row
                })
                .collect();
            for (sorted, count) in [(false, 1), (true, 1), (true, 3), (false, 2), (true, 0)] {
                let sort = SortKey { column: ColumnId(1), descending: true, nulls_first: false };
                let spec = Arc::new(FirstRowsSpec {
                    on: vec![ColumnId(0)],
                    sort: if sorted { vec![sort] } else { Vec::new() },
                    count,
                });
                let budget = Budget::unlimited();
                let mut parts: Vec<FirstRows> =
                    (0..3).map(|_| FirstRows::new(spec.clone(), &budget)).collect();
                for (n, chunk) in rows.chunks(7_001).enumerate() {
                    let columns = types.iter().enumerate().map(|(c, t)| {
                        let cells: Vec<Value> = chunk.iter().map(|r| r[c].clone()).collect();
                        (ColumnId(c as u32), Arc::new(column(t, &cells)))
                    });
                    let batch = Batch { rows: chunk.len(), columns: columns.collect() };
                    parts[random.below(3) as usize].add(batch, (n as u64) << 32).unwrap();
                }
                let out = merge_and_finish(parts, &budget).unwrap();
                let got = values_of(&out, &types);
                let want = expected(&rows, sorted, count as usize);
                assert_eq!(got.len(), want.len());
                assert!(got == want, "{sorted} {count} of {total}");
            }
        }
    }
}
