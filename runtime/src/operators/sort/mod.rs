//! `sort`: stable, by several keys, with an optional limit.
//!
//! Nulls come last in both directions unless a key says otherwise; floats order with NaN last
//! and -0.0 equal to 0.0; strings order by their bytes.

use crate::kernels::gather::{Place, batch_of, gather_batch, place, row_of, split_text};
use crate::memory::{Budget, NeedsMore};
use flow_ir::column::VALID;
use flow_ir::logical::SortKey;
use flow_ir::value::float_order;
use flow_ir::{Batch, Column, Values};
use rayon::prelude::*;
use std::cmp::Ordering;

/// The rows of `batches` in the order of `keys`, equal ones in the order they came; only the first
/// `limit` if given. All batches have the same columns in the same order.
pub fn sort(
    batches: Vec<Batch>,
    keys: &[SortKey],
    limit: Option<u64>,
    budget: &Budget,
) -> Result<Vec<Batch>, NeedsMore> {
    let rows: usize = batches.iter().map(|b| b.rows).sum();
    let mut memory = budget.reserve("the order of sort");
    memory.cover(rows as u64 * 8)?;
    let keys: Vec<KeyColumns<'_>> = keys.iter().filter_map(|k| KeyColumns::new(&batches, *k)).collect();
    let mut places: Vec<Place> =
        batches.iter().enumerate().flat_map(|(b, batch)| (0..batch.rows).map(move |r| place(b, r))).collect();
    places.par_sort_unstable_by(|a, b| {
        keys.iter().map(|k| k.compare(*a, *b)).find(|o| *o != Ordering::Equal).unwrap_or_else(|| a.cmp(b))
    });
    if let Some(limit) = limit {
        places.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    Ok(split_text(&batches, &places).into_par_iter().map(|run| gather_batch(&batches, run)).collect())
}

/// One key, in all batches.
struct KeyColumns<'a> {
    columns: Vec<&'a Column>,
    key: SortKey,
}

impl<'a> KeyColumns<'a> {
    fn new(batches: &'a [Batch], key: SortKey) -> Option<Self> {
        let columns =
            batches.iter().map(|b| b.column(key.column).map(AsRef::as_ref)).collect::<Option<_>>()?;
        Some(KeyColumns { columns, key })
    }

    fn compare(&self, a: Place, b: Place) -> Ordering {
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

#[cfg(test)]
mod tests;
