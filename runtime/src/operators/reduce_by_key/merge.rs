//! Makes one result of the groups of all threads.
//!
//! Few groups are merged one thread after the other. Many are split by the hash of their keys,
//! and each part is merged and finished on its own, by all cores.

use super::partition::{MANY_GROUPS, Partitions, part_bits};
use super::{AggregateError, Aggregator, AggregatorSpec, GroupTable};
use crate::memory::{Budget, NeedsMore};
use crate::operators::sort::sort;
use crate::operators::states::{MergeIndex, States};
use flow_ir::logical::SortKey;
use flow_ir::physical::GroupOrder;
use flow_ir::{Batch, EvalError, Value};
use rayon::prelude::*;
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

/// Rows of a result batch.
const BATCH_ROWS: usize = 1 << 16;

/// Groups and their states, without the means to add rows.
struct Merged {
    table: GroupTable,
    states: States,
}

/// The least key that has no result for an aggregate, and why.
struct NoResult {
    key: Vec<Value>,
    aggregate: usize,
    error: Option<EvalError>,
}

impl NoResult {
    fn is_before(&self, other: &Self) -> bool {
        (&self.key, self.aggregate).cmp(&(&other.key, other.aggregate)) == Ordering::Less
    }
}

/// Why the groups of one part could not be finished.
enum PartError {
    Memory(NeedsMore),
    NoResult(NoResult),
}

impl From<NeedsMore> for PartError {
    fn from(e: NeedsMore) -> Self {
        PartError::Memory(e)
    }
}

/// Merges what all threads have and delivers one row a group: the keys, then the aggregates.
/// `reduce` (no keys) delivers one row even of nothing.
pub fn merge_and_finish(
    spec: &Arc<AggregatorSpec>,
    parts: Vec<Aggregator>,
    order: GroupOrder,
    budget: &Budget,
) -> Result<Vec<Batch>, AggregateError> {
    let mut parts: Vec<Merged> = parts
        .into_iter()
        .filter(|p| p.states.groups() > 0)
        .map(|p| Merged { table: p.table, states: p.states })
        .collect();
    // The largest first: it takes in the others.
    parts.sort_by_key(|p| std::cmp::Reverse(p.states.groups()));
    let total: usize = parts.iter().map(|p| p.states.groups()).sum();
    let finished = if spec.keys.is_empty() || parts.len() < 2 || total < MANY_GROUPS {
        vec![merge_in_turn(spec, parts, budget)]
    } else {
        merge_in_parts(spec, parts, part_bits(total), budget)
    };
    let batches = collect(finished)?;
    if order == GroupOrder::Unseen || spec.keys.is_empty() {
        return Ok(batches);
    }
    Ok(sort(batches, &key_order(spec), None, budget)?)
}

/// Ascending by every key, nulls last.
fn key_order(spec: &AggregatorSpec) -> Vec<SortKey> {
    spec.keys.iter().map(|k| SortKey { column: k.id, descending: false, nulls_first: false }).collect()
}

/// The batches of all parts, or the error that comes first whatever the parts: too little memory,
/// then the least key without a result.
fn collect(parts: Vec<Result<Vec<Batch>, PartError>>) -> Result<Vec<Batch>, AggregateError> {
    let mut batches = Vec::new();
    let mut worst: Option<NoResult> = None;
    for part in parts {
        match part {
            Ok(b) => batches.extend(b),
            Err(PartError::Memory(e)) => return Err(AggregateError::Memory(e)),
            Err(PartError::NoResult(here)) => {
                if worst.as_ref().is_none_or(|w| here.is_before(w)) {
                    worst = Some(here);
                }
            }
        }
    }
    match worst {
        Some(NoResult { key, aggregate, error }) => Err(AggregateError::NoResult { aggregate, key, error }),
        None => Ok(batches),
    }
}

fn merge_in_turn(
    spec: &AggregatorSpec,
    parts: Vec<Merged>,
    budget: &Budget,
) -> Result<Vec<Batch>, PartError> {
    let mut parts = parts.into_iter();
    let mut all = parts.next().unwrap_or_else(|| Merged::new(spec, budget));
    if spec.keys.is_empty() {
        all.states.grow(1)?;
    }
    for part in parts {
        let index = part.states.merge_index(None);
        all.merge(spec, &part, &index, 0..part.states.groups() as u32)?;
    }
    all.finish(spec)
}

fn merge_in_parts(
    spec: &AggregatorSpec,
    mut parts: Vec<Merged>,
    bits: u32,
    budget: &Budget,
) -> Vec<Result<Vec<Batch>, PartError>> {
    let sizes: Vec<(usize, usize)> = parts.iter().map(|p| p.table.sizes()).collect();
    let split: Result<Vec<(Partitions, MergeIndex)>, NeedsMore> = parts
        .par_iter_mut()
        .map(|part| {
            // Until its new order is complete, a part is there twice.
            let mut copy = budget.reserve("the merging of groups");
            copy.cover((part.table.bytes_used() + part.states.bytes_used()) as u64)?;
            // In their new order, each part's keys and states are read one after the other.
            let partitions = Partitions::new(&part.table, bits);
            let index = part.states.merge_index(Some(partitions.targets()));
            part.table.reorder(partitions.targets());
            part.states.reorder(partitions.targets());
            Ok((partitions, index))
        })
        .collect();
    let split = match split {
        Ok(split) => split,
        Err(e) => return vec![Err(PartError::Memory(e))],
    };
    (0..1usize << bits)
        .into_par_iter()
        .map(|n| {
            let mut merged = Merged::new(spec, budget);
            let keys = split.iter().map(|s| s.0.part(n).len()).sum();
            merged.table.reserve(keys, &parts[0].table, sizes[0])?;
            for (part, (partitions, index)) in parts.iter().zip(&split) {
                merged.merge(spec, part, index, partitions.part(n))?;
            }
            merged.finish(spec)
        })
        .collect()
}

impl Merged {
    fn new(spec: &AggregatorSpec, budget: &Budget) -> Self {
        let types = spec.keys.iter().map(|k| k.ty.kind.clone()).collect();
        Merged { table: GroupTable::new(types, budget), states: States::new(spec.states.clone(), budget) }
    }

    /// Adds some groups of another thread's.
    fn merge(
        &mut self,
        spec: &AggregatorSpec,
        other: &Merged,
        index: &MergeIndex,
        groups: Range<u32>,
    ) -> Result<(), NeedsMore> {
        let mut to = vec![0; groups.len()];
        if !spec.keys.is_empty() {
            self.table.assign_from(&other.table, groups.clone(), &mut to)?;
            self.states.grow(self.table.len())?;
        }
        self.states.merge(&other.states, index, groups, &to)
    }

    /// The rows of all groups, in the order of the groups.
    fn finish(&self, spec: &AggregatorSpec) -> Result<Vec<Batch>, PartError> {
        let groups: Vec<u32> = (0..self.states.groups() as u32).collect();
        let batches: Option<Vec<Batch>> =
            groups.par_chunks(BATCH_ROWS).map(|g| self.finish_groups(spec, g)).collect();
        batches.ok_or_else(|| self.least_without_result(spec, &groups))
    }

    /// The rows of some groups; `None` if a sum does not fit.
    fn finish_groups(&self, spec: &AggregatorSpec, groups: &[u32]) -> Option<Batch> {
        let keys = if spec.keys.is_empty() { Vec::new() } else { self.table.key_columns(groups) };
        let mut columns: Vec<_> = spec.keys.iter().zip(keys).map(|(k, c)| (k.id, Arc::new(c))).collect();
        for (i, a) in spec.states.aggregates.iter().enumerate() {
            columns.push((a.output, Arc::new(self.states.finish(i, groups).ok()?)));
        }
        Some(Batch { rows: groups.len(), columns })
    }

    /// The least key without a result: which one is met first depends on how rows were dealt.
    fn least_without_result(&self, spec: &AggregatorSpec, groups: &[u32]) -> PartError {
        let mut worst = NoResult { key: Vec::new(), aggregate: usize::MAX, error: None };
        for &g in groups {
            let failed = (0..spec.states.aggregates.len()).find_map(|i| self.states.finish(i, &[g]).err());
            let Some(failed) = failed else { continue };
            let here = NoResult { key: self.key(spec, g), aggregate: failed.aggregate, error: failed.error };
            if worst.aggregate == usize::MAX || here.is_before(&worst) {
                worst = here;
            }
        }
        PartError::NoResult(worst)
    }

    fn key(&self, spec: &AggregatorSpec, group: u32) -> Vec<Value> {
        if spec.keys.is_empty() {
            return Vec::new();
        }
        let columns = self.table.key_columns(&[group]);
        columns.iter().zip(&spec.keys).map(|(c, k)| c.value(0, &k.ty.kind).unwrap_or(Value::Null)).collect()
    }
}
