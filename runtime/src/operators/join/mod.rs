//! The build side of an inner join: a table shared by all threads that probe it.
//!
//! Matches come in the order of the probing rows, and for each of those in the order of the build
//! rows. A key with a null in it matches nothing.

use crate::kernels::gather::{batch_of, gather_across, place, row_of};
use crate::memory::{Budget, NeedsMore, Reservation};
use crate::operators::reduce_by_key::{GroupTable, NO_GROUP};
use flow_ir::column::VALID;
use flow_ir::{Batch, Column, ColumnId, Status, Type, Values};

/// The rows of a build side, by key.
#[derive(Debug)]
pub struct JoinTable {
    table: GroupTable,
    /// Rows of group `g`: `rows[starts[g]..starts[g + 1]]`.
    starts: Vec<u32>,
    rows: Vec<u32>,
    batches: Vec<Batch>,
    /// The first row of each batch.
    firsts: Vec<u32>,
    _memory: Reservation,
}

impl JoinTable {
    /// Builds the table from the rows of `batches`, keyed by the columns `on`.
    pub fn build(batches: &[Batch], on: &[ColumnId], budget: &Budget) -> Result<Self, NeedsMore> {
        let total: usize = batches.iter().map(|b| b.rows).sum();
        if total >= NO_GROUP as usize {
            return Err(NeedsMore { needed: 0, left: 0, what: "more than four billion rows to join with" });
        }
        let mut memory = budget.reserve("the rows to join with");
        memory.cover(total as u64 * 12)?;
        let mut table = GroupTable::new(key_types(batches, on), budget);
        let mut group_of = Vec::with_capacity(total);
        let mut firsts = Vec::with_capacity(batches.len());
        let mut groups = Vec::new();
        for batch in batches {
            firsts.push(group_of.len() as u32);
            let keys: Vec<&Column> =
                on.iter().filter_map(|id| batch.column(*id)).map(AsRef::as_ref).collect();
            table.assign(&keys, batch.rows, &mut groups)?;
            forget_nulls(&keys, &mut groups);
            group_of.extend_from_slice(&groups);
        }
        let (starts, rows) = rows_by_group(&group_of, table.len());
        Ok(JoinTable { table, starts, rows, batches: batches.to_vec(), firsts, _memory: memory })
    }

    /// Rows of the build side.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(|b| b.rows).sum()
    }

    /// All matches of a batch of `rows` rows with the given keys: its rows, and for each the
    /// matching row of the build side.
    pub fn probe(&self, keys: &[&Column], rows: usize) -> (Vec<u32>, Vec<u32>) {
        let mut groups = Vec::new();
        self.table.find(keys, rows, &mut groups);
        forget_nulls(keys, &mut groups);
        let (mut left, mut right) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        for (row, &g) in groups.iter().enumerate() {
            if g != NO_GROUP {
                let matches = self.starts[g as usize] as usize..self.starts[g as usize + 1] as usize;
                left.resize(left.len() + matches.len(), row as u32);
                right.extend_from_slice(&self.rows[matches]);
            }
        }
        (left, right)
    }

    /// The column `id` of the given build rows; `None` if the build side has no such column.
    pub fn gather(&self, id: ColumnId, rows: &[u32]) -> Option<Column> {
        let columns: Vec<&Column> =
            self.batches.iter().map(|b| b.column(id).map(AsRef::as_ref)).collect::<Option<_>>()?;
        let places: Vec<u64> = rows
            .iter()
            .map(|&r| {
                let batch = self.firsts.partition_point(|&f| f <= r) - 1;
                place(batch, (r - self.firsts[batch]) as usize)
            })
            .collect();
        debug_assert!(places.iter().all(|&p| row_of(p) < self.batches[batch_of(p)].rows));
        Some(gather_across(&columns, &places))
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

/// Takes rows with a null key out of all groups.
fn forget_nulls(keys: &[&Column], groups: &mut [u32]) {
    for key in keys {
        if let Status::Rows(s) = &key.status {
            for (g, &s) in groups.iter_mut().zip(s) {
                if s != VALID {
                    *g = NO_GROUP;
                }
            }
        }
    }
}

/// The rows of each group, in order.
fn rows_by_group(group_of: &[u32], groups: usize) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0u32; groups + 1];
    group_of.iter().filter(|&&g| g != NO_GROUP).for_each(|&g| starts[g as usize + 1] += 1);
    for g in 0..groups {
        starts[g + 1] += starts[g];
    }
    let mut next = starts.clone();
    let mut rows = vec![0u32; starts[groups] as usize];
    for (row, &g) in group_of.iter().enumerate() {
        if g != NO_GROUP {
            rows[next[g as usize] as usize] = row as u32;
            next[g as usize] += 1;
        }
    }
    (starts, rows)
}

#[cfg(test)]
mod tests;
