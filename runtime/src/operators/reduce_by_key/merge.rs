//! Makes one result of the groups of all threads.

use super::{AggregateError, Aggregator, AggregatorSpec};
use crate::memory::Budget;
use crate::operators::sort::sort;
use crate::operators::states::SumOverflow;
use flow_ir::logical::SortKey;
use flow_ir::physical::GroupOrder;
use flow_ir::{Batch, Value};
use std::sync::Arc;

/// Rows of a result batch.
const BATCH_ROWS: usize = 1 << 16;

/// Merges what all threads have and delivers one row a group: the keys, then the aggregates.
/// `reduce` (no keys) delivers one row even of nothing.
pub fn merge_and_finish(
    spec: &Arc<AggregatorSpec>,
    parts: Vec<Aggregator>,
    order: GroupOrder,
    budget: &Budget,
) -> Result<Vec<Batch>, AggregateError> {
    let mut parts = parts.into_iter();
    let mut all = match parts.next() {
        Some(first) => first,
        None => Aggregator::new(spec.clone(), None, budget),
    };
    if spec.keys.is_empty() {
        all.states.grow(1)?;
    }
    for part in parts {
        all.merge(&part)?;
    }
    let batches = all.finish()?;
    if order == GroupOrder::Unseen || spec.keys.is_empty() {
        return Ok(batches);
    }
    Ok(sort(batches, &key_order(spec), None, budget)?)
}

/// Ascending by every key, nulls last.
fn key_order(spec: &AggregatorSpec) -> Vec<SortKey> {
    spec.keys.iter().map(|k| SortKey { column: k.id, descending: false, nulls_first: false }).collect()
}

impl Aggregator {
    /// Adds another thread's groups.
    fn merge(&mut self, other: &Aggregator) -> Result<(), AggregateError> {
        let from: Vec<u32> = (0..other.states.groups() as u32).collect();
        let mut to = Vec::with_capacity(from.len());
        for &g in &from {
            to.push(if self.spec.keys.is_empty() { 0 } else { self.table.insert_from(&other.table, g)? });
        }
        self.states.grow(self.table.len())?;
        let index = other.states.merge_index();
        self.states.merge(&other.states, &index, &from, &to)?;
        Ok(())
    }

    /// The rows of all groups, in the order of the groups.
    fn finish(&self) -> Result<Vec<Batch>, AggregateError> {
        let groups: Vec<u32> = (0..self.states.groups() as u32).collect();
        let batches = groups.chunks(BATCH_ROWS).map(|g| self.finish_groups(g)).collect::<Result<_, _>>();
        batches.map_err(|e| self.explain(e))
    }

    fn finish_groups(&self, groups: &[u32]) -> Result<Batch, SumOverflow> {
        let keys = if self.spec.keys.is_empty() { Vec::new() } else { self.table.key_columns(groups) };
        let mut columns: Vec<_> = self.spec.keys.iter().zip(keys).map(|(k, c)| (k.id, Arc::new(c))).collect();
        for (i, a) in self.spec.states.aggregates.iter().enumerate() {
            columns.push((a.output, Arc::new(self.states.finish(i, groups)?)));
        }
        Ok(Batch { rows: groups.len(), columns })
    }

    fn explain(&self, e: SumOverflow) -> AggregateError {
        let key = if self.spec.keys.is_empty() { Vec::new() } else { self.table.key_columns(&[e.group]) };
        let key = key.iter().zip(&self.spec.keys).map(|(c, k)| c.value(0, &k.ty.kind).unwrap_or(Value::Null));
        AggregateError::Overflow { aggregate: e.aggregate, key: key.collect() }
    }
}
