//! `intersect` and `except`: which rows stay, by looking whole rows up in a table of the other side.
//!
//! Rows equal by the rules of keys: nulls equal nulls, NaN equals NaN, -0.0 equals 0.0. Of equal rows the
//! first stay, in input order.

use crate::memory::{Budget, NeedsMore};
use crate::operators::reduce_by_key::GroupTable;
use flow_ir::{Batch, Column, ColumnId, SetOperation, Type};

/// What is compared.
#[derive(Debug)]
pub struct Sides<'a> {
    /// The columns of the rows.
    pub own: &'a [ColumnId],
    /// The rows of the other side.
    pub other: &'a [Batch],
    /// Their columns, in the order of `own`.
    pub others: &'a [ColumnId],
    /// The types of the columns.
    pub types: Vec<Type>,
}

/// The rows that stay. Unless duplicates count (`all`), no two of `rows` are equal.
pub fn keep(
    operation: SetOperation,
    all: bool,
    rows: Vec<Batch>,
    sides: Sides<'_>,
    budget: &Budget,
) -> Result<Vec<Batch>, NeedsMore> {
    let mut table = GroupTable::new(sides.types, budget);
    let mut groups = Vec::new();
    // How often the other side has each row.
    let mut others: Vec<u64> = Vec::new();
    for batch in sides.other {
        table.assign(&columns(batch, sides.others), batch.rows, &mut groups)?;
        count(&mut others, &groups, table.len());
    }
    let mut kept = Vec::with_capacity(rows.len());
    if !all {
        for batch in rows {
            table.find(&columns(&batch, sides.own), batch.rows, &mut groups);
            let stays = |row: &u32| {
                let group = groups.get(*row as usize).map(|g| *g as usize);
                operation.keeps(group.is_some_and(|g| g < others.len()))
            };
            kept.push(pick(batch, stays));
        }
        return Ok(kept);
    }
    let total: usize = rows.iter().map(|b| b.rows).sum();
    let mut memory = budget.reserve("the rows to compare");
    memory.cover(total as u64 * 4)?;
    let mut own: Vec<u64> = Vec::new();
    let mut groups_of = Vec::with_capacity(rows.len());
    for batch in &rows {
        let mut groups = Vec::new();
        table.assign(&columns(batch, sides.own), batch.rows, &mut groups)?;
        count(&mut own, &groups, table.len());
        groups_of.push(groups);
    }
    others.resize(table.len(), 0);
    own.resize(table.len(), 0);
    let mut left: Vec<u64> = own.iter().zip(&others).map(|(l, r)| operation.kept(*l, *r)).collect();
    for (batch, groups) in rows.into_iter().zip(groups_of) {
        let stays = |row: &u32| {
            let left = groups.get(*row as usize).and_then(|g| left.get_mut(*g as usize));
            left.is_some_and(|left| std::mem::replace(left, left.saturating_sub(1)) > 0)
        };
        kept.push(pick(batch, stays));
    }
    Ok(kept)
}

fn columns<'a>(batch: &'a Batch, ids: &[ColumnId]) -> Vec<&'a Column> {
    ids.iter().filter_map(|id| batch.column(*id)).map(AsRef::as_ref).collect()
}

fn count(counts: &mut Vec<u64>, groups: &[u32], len: usize) {
    counts.resize(len.max(counts.len()), 0);
    for group in groups {
        if let Some(count) = counts.get_mut(*group as usize) {
            *count += 1;
        }
    }
}

fn pick(batch: Batch, stays: impl FnMut(&u32) -> bool) -> Batch {
    let rows: Vec<u32> = (0..batch.rows as u32).filter(stays).collect();
    if rows.len() == batch.rows { batch } else { batch.gather(&rows) }
}
