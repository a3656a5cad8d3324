//! `sort`: stable, by several keys, with an optional limit.
//!
//! Nulls come last in both directions unless a key says otherwise; floats order with NaN last
//! and -0.0 equal to 0.0; strings order by their bytes. Every key becomes a word that orders like
//! it as far as it goes, and sorts with the row's place, which makes the order stable; rows that
//! a word does not tell apart are sorted by the next word.

mod words;

use crate::dataset::batches_bytes;
use crate::kernels::gather::{Place, gather_batch, place, split_text};
use crate::memory::{Budget, NeedsMore};
use flow_ir::logical::SortKey;
use flow_ir::{Batch, ColumnId};
use rayon::prelude::*;
use std::cmp::Ordering;
use words::{KeyColumns, Look, Step};

/// A row: the word it is sorted by now, and its place.
type Item = (u64, Place);

/// Rows from which a run is sorted by all cores.
const PARALLEL_ROWS: usize = 1 << 14;

/// Rows from which sorting byte by byte pays, and how many bytes may differ.
const RADIX_ROWS: usize = 1 << 10;
const RADIX_BYTES: usize = 4;

/// Rows up to which a run is sorted by whole keys at once.
const FEW_ROWS: usize = 24;

/// The rows of `batches` in the order of `keys`, equal ones in the order they came; only the first
/// `limit` if given. All batches have the same columns in the same order.
pub fn sort(
    batches: Vec<Batch>,
    keys: &[SortKey],
    limit: Option<u64>,
    budget: &Budget,
) -> Result<Vec<Batch>, NeedsMore> {
    let places = order(&batches, keys, limit, budget)?;
    let rows: usize = batches.iter().map(|b| b.rows).sum();
    let mut memory = budget.reserve("the order of sort");
    // The sorted rows are a copy: until it is complete, both are there.
    let copied = (u128::from(batches_bytes(&batches)) * places.len() as u128 / rows.max(1) as u128) as u64;
    memory.cover(copied.saturating_add((places.len() * size_of::<Place>()) as u64))?;
    Ok(split_text(&batches, &places).into_par_iter().map(|run| gather_batch(&batches, run)).collect())
}

/// Where the rows of `batches` stand in the order of `keys`, as [`sort`] would put them.
pub fn order(
    batches: &[Batch],
    keys: &[SortKey],
    limit: Option<u64>,
    budget: &Budget,
) -> Result<Vec<Place>, NeedsMore> {
    let rows: usize = batches.iter().map(|b| b.rows).sum();
    let limit = limit.map_or(rows, |l| usize::try_from(l).unwrap_or(rows).min(rows));
    let mut memory = budget.reserve("the order of sort");
    memory.cover(rows as u64 * (size_of::<Item>() + size_of::<Place>()) as u64)?;
    let keys: Vec<KeyColumns<'_>> = keys.iter().filter_map(|k| KeyColumns::new(batches, *k)).collect();
    let sorter = Sorter { keys: &keys };
    let (mut items, ordered) = sorter.first_items(batches, limit);
    sorter.sort_run(&mut items, Step::first(), limit, ordered);
    items.truncate(limit);
    Ok(items.into_iter().map(|i| i.1).collect())
}

/// Compares rows by some keys, for who has the places of sorted rows.
pub struct RowOrder<'a> {
    keys: Vec<KeyColumns<'a>>,
}

impl<'a> RowOrder<'a> {
    /// The order of the rows of `batches` by `keys`.
    pub fn new(batches: &'a [Batch], keys: &[SortKey]) -> Self {
        RowOrder { keys: keys.iter().filter_map(|k| KeyColumns::new(batches, *k)).collect() }
    }

    /// The order of two rows.
    pub fn compare(&self, a: Place, b: Place) -> Ordering {
        self.keys.iter().map(|k| k.compare(a, b)).find(|o| *o != Ordering::Equal).unwrap_or(Ordering::Equal)
    }
}

/// An ascending key over a column, nulls last.
pub fn ascending(column: ColumnId) -> SortKey {
    SortKey { column, descending: false, nulls_first: false }
}

struct Sorter<'a> {
    keys: &'a [KeyColumns<'a>],
}

impl Sorter<'_> {
    /// All rows with their first words, and whether their places ascend. Where few of them are
    /// wanted, each batch leaves out rows that cannot be among them.
    fn first_items(&self, batches: &[Batch], limit: usize) -> (Vec<Item>, bool) {
        let fill = |b: usize, batch: &Batch| {
            let mut items: Vec<Item> = (0..batch.rows).map(|r| (0, place(b, r))).collect();
            if let Some(key) = self.keys.first() {
                key.fill(&mut items, Step::first());
            }
            let kept = keep_least(&mut items, limit).len();
            items.truncate(kept);
            items
        };
        let parts: Vec<Vec<Item>> = batches.par_iter().enumerate().map(|(b, batch)| fill(b, batch)).collect();
        (parts.concat(), batches.iter().all(|b| keeps_all(b.rows, limit)))
    }

    /// Sorts rows that have their words of `step` and are alike before it, so far that the first
    /// `limit` stand where they belong. `ordered` tells that their places ascend.
    fn sort_run(&self, items: &mut [Item], step: Step, limit: usize, ordered: bool) {
        let Some(key) = self.keys.get(step.key) else { return items.sort_unstable_by_key(|i| i.1) };
        if limit == 0 {
            return;
        }
        let ordered = ordered && keeps_all(items.len(), limit);
        let items = keep_least(items, limit);
        sort_words(items, ordered);
        let next = key.next_step(step, self.keys.len());
        let mut runs = Vec::new();
        let mut from = 0;
        while from < items.len() && from < limit {
            let word = items[from].0;
            let length = items[from..].iter().position(|i| i.0 != word).unwrap_or(items.len() - from);
            if length > 1 {
                runs.push((from, length));
            }
            from += length;
        }
        if let Some(next) = next {
            self.sort_runs(items, &runs, next, limit);
        }
    }

    /// Sorts runs (start, length) of rows that the words so far do not tell apart and whose places
    /// ascend.
    fn sort_runs(&self, items: &mut [Item], runs: &[(usize, usize)], step: Step, limit: usize) {
        let mut rest = items;
        let mut offset = 0;
        let mut parts = Vec::with_capacity(runs.len());
        for &(from, length) in runs {
            let (_, tail) = std::mem::take(&mut rest).split_at_mut(from - offset);
            let (run, tail) = tail.split_at_mut(length);
            parts.push((run, limit - from));
            rest = tail;
            offset = from + length;
        }
        if parts.iter().map(|p| p.0.len()).sum::<usize>() >= PARALLEL_ROWS {
            parts.into_par_iter().for_each(|(run, limit)| self.sort_alike(run, step, limit));
        } else {
            parts.into_iter().for_each(|(run, limit)| self.sort_alike(run, step, limit));
        }
    }

    /// Sorts a run of rows that are alike before `step` and whose places ascend. The depth of the
    /// recursion is bounded by the number of keys and the words of a key.
    fn sort_alike(&self, run: &mut [Item], step: Step, limit: usize) {
        if run.len() <= FEW_ROWS {
            return run.sort_unstable_by(|a, b| self.compare(a.1, b.1, step));
        }
        let Some(key) = self.keys.get(step.key) else { return };
        match key.look(run, step) {
            Look::Words => {
                key.fill(run, step);
                self.sort_run(run, step, limit, true);
            }
            Look::Alike => self.sort_alike(run, step.next_key(), limit),
            Look::Compare => {
                let order = |a: &Item, b: &Item| self.compare(a.1, b.1, step);
                let mut run = run;
                if limit < run.len() / 2 {
                    run.select_nth_unstable_by(limit, order);
                    run = &mut run[..limit];
                }
                if run.len() >= PARALLEL_ROWS {
                    run.par_sort_unstable_by(order)
                } else {
                    run.sort_unstable_by(order)
                }
            }
        }
    }

    /// The order of two rows that are alike before `step`, by all that is left of their keys.
    fn compare(&self, a: Place, b: Place, step: Step) -> Ordering {
        let keys = self.keys.get(step.key..).unwrap_or_default();
        keys.iter().map(|k| k.compare(a, b)).find(|o| *o != Ordering::Equal).unwrap_or_else(|| a.cmp(&b))
    }
}

/// Sorts by word, then place. `ordered` tells that the places ascend.
fn sort_words(items: &mut [Item], ordered: bool) {
    let differing = items.iter().fold(0, |d, i| d | (i.0 ^ items[0].0));
    let bytes = (0..8).filter(|b| differing >> (8 * b) & 0xff != 0).count();
    if ordered && bytes == 0 {
        return;
    }
    if ordered && items.len() >= RADIX_ROWS && bytes <= RADIX_BYTES {
        radix_sort(items, differing);
    } else if items.len() >= PARALLEL_ROWS {
        items.par_sort_unstable();
    } else {
        items.sort_unstable();
    }
}

/// Sorts by the bytes of the words that differ, the last first, each time leaving alike ones in
/// their order.
fn radix_sort(items: &mut [Item], differing: u64) {
    let mut other = vec![(0, 0); items.len()];
    let (mut from, mut to): (&mut [Item], &mut [Item]) = (items, &mut other);
    let mut swapped = false;
    for shift in (0..64).step_by(8).filter(|s| differing >> s & 0xff != 0) {
        let mut next = [0usize; 256];
        from.iter().for_each(|i| next[(i.0 >> shift & 0xff) as usize] += 1);
        let mut start = 0;
        for n in &mut next {
            start += std::mem::replace(n, start);
        }
        for &item in from.iter() {
            let at = &mut next[(item.0 >> shift & 0xff) as usize];
            to[*at] = item;
            *at += 1;
        }
        std::mem::swap(&mut from, &mut to);
        swapped = !swapped;
    }
    if swapped {
        to.copy_from_slice(from);
    }
}

/// Whether finding the least `limit` of so many rows is not worth it.
fn keeps_all(rows: usize, limit: usize) -> bool {
    limit >= rows / 2
}

/// Moves the least `limit` rows, and all that their last word does not tell apart from them, to
/// the front, in any order, and returns those.
fn keep_least(items: &mut [Item], limit: usize) -> &mut [Item] {
    if limit == 0 {
        return &mut [];
    }
    if keeps_all(items.len(), limit) {
        return items;
    }
    let (_, &mut (word, _), _) = items.select_nth_unstable_by_key(limit - 1, |i| i.0);
    let mut kept = limit;
    for at in limit..items.len() {
        if items[at].0 == word {
            items.swap(kept, at);
            kept += 1;
        }
    }
    &mut items[..kept]
}

#[cfg(test)]
mod tests;
