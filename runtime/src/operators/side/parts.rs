//! Reducers whose rows may be reduced in parts: one accumulator for every run of rows of a group
//! that a thread met in one task, merged in row order at the end.

use super::by_group::ByGroup;
use super::cells::heap_bytes;
use super::reduce;
use crate::memory::NeedsMore;
use flow_ir::{EvalError, Reducer, Value};
use std::sync::OnceLock;

/// The parts of all groups of an aggregate.
#[derive(Debug)]
pub(crate) struct Parts {
    reducer: Reducer,
    accumulators: Vec<Value>,
    groups: Vec<u32>,
    /// The position of the first row of each part: its task in the upper half.
    positions: Vec<u64>,
    heap: usize,
    /// Made when the first group is read, after which nothing is added.
    index: OnceLock<ByGroup>,
}

impl Parts {
    /// No parts.
    pub(crate) fn new(reducer: Reducer) -> Self {
        Parts {
            reducer,
            accumulators: Vec::new(),
            groups: Vec::new(),
            positions: Vec::new(),
            heap: 0,
            index: OnceLock::new(),
        }
    }

    /// Adds a row's value to the part `at` of its group, or to a new one; returns its handle. A task's
    /// rows come one after the other, so the last part of a group is the one to go on with.
    pub(crate) fn row(
        &mut self,
        at: Option<usize>,
        group: u32,
        value: Value,
        position: u64,
    ) -> Result<u64, NeedsMore> {
        let same_task = |at: &usize| self.positions.get(*at).is_some_and(|p| p >> 32 == position >> 32);
        match at.filter(same_task) {
            Some(at) => {
                let acc = std::mem::replace(&mut self.accumulators[at], Value::Null);
                self.heap = self.heap.saturating_sub(heap_bytes(&acc));
                self.accumulators[at] = self.stepped(Some(acc), value);
                self.heap += heap_bytes(&self.accumulators[at]);
                Ok(at as u64 + 1)
            }
            None => {
                let acc = self.stepped(None, value);
                self.push(group, acc, position)
            }
        }
    }

    /// Functions that can fail are not applied in parts.
    fn stepped(&self, acc: Option<Value>, value: Value) -> Value {
        reduce::step(&self.reducer, acc, value).unwrap_or(Value::Null)
    }

    fn push(&mut self, group: u32, acc: Value, position: u64) -> Result<u64, NeedsMore> {
        if self.groups.len() >= u32::MAX as usize - 1 {
            return Err(NeedsMore { needed: 0, left: 0, what: "more than four billion parts of groups" });
        }
        self.heap += heap_bytes(&acc);
        self.accumulators.push(acc);
        self.groups.push(group);
        self.positions.push(position);
        Ok(self.groups.len() as u64)
    }

    /// Takes over the parts of a group of `other`; a handle if there were any.
    pub(crate) fn merge(
        &mut self,
        group: u32,
        other: &Self,
        index: &ByGroup,
        from: u32,
    ) -> Result<Option<u64>, NeedsMore> {
        let mut handle = None;
        for &entry in index.of(from) {
            let at = entry as usize;
            handle = Some(self.push(group, other.accumulators[at].clone(), other.positions[at])?);
        }
        Ok(handle)
    }

    /// The parts in order of their groups, of which there are `groups` and which will have the
    /// numbers `targets`, if there are such.
    pub(crate) fn by_group(&self, groups: usize, targets: Option<&[u32]>) -> ByGroup {
        ByGroup::new(self.groups.len() as u32, groups, |entry| {
            let g = self.groups[entry as usize] as usize;
            targets.map_or(g, |t| t[g] as usize)
        })
    }

    /// Bytes held.
    pub(crate) fn bytes_used(&self) -> usize {
        self.accumulators.capacity() * size_of::<Value>()
            + self.groups.capacity() * 4
            + self.positions.capacity() * 8
            + self.heap
    }

    /// What a group is reduced to. Nothing is added any more.
    pub(crate) fn value(&self, group: u32, groups: usize) -> Result<Value, EvalError> {
        let index = self.index.get_or_init(|| self.by_group(groups, None));
        let mut entries = index.of(group).to_vec();
        entries.sort_unstable_by_key(|e| self.positions[*e as usize]);
        let mut acc: Option<Value> = None;
        for entry in entries {
            let later = self.accumulators[entry as usize].clone();
            acc = Some(match acc {
                Some(acc) => reduce::merge(&self.reducer, acc, later)?,
                None => later,
            });
        }
        Ok(acc.or_else(|| self.reducer.start.clone()).unwrap_or(Value::Null))
    }
}
