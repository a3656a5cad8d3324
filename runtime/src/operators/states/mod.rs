//! The running states of aggregates, one run of words a group, and everything done with them.
//!
//! The words are laid out by `flow_ir::layout`, which the JIT's update kernels share; what does
//! not fit into words is in [`Side`] storage. Updates, merges and the splitting of rows over
//! threads may come in any order: the finished columns are the same, bit for bit.

mod finish;
mod merge;
mod update;

pub use finish::NoResult;
pub(crate) use finish::plain;
pub(crate) use merge::MergeIndex;
pub use update::Slots;

use crate::kernels::probe::fetch;
use crate::kernels::probe_lines::Lines;
use crate::memory::{Budget, NeedsMore, Reservation};
use crate::operators::side::Side;
use flow_ir::Type;
use flow_ir::aggregate::Aggregate;
use flow_ir::layout::StateLayout;
use flow_jit::Engine;
use std::sync::Arc;

/// Words that room is made for at least.
const MIN_WORDS: usize = 64;

/// Bytes of words up to which they are expected to stay in the near caches.
const FAR: usize = 512 << 10;

/// The aggregates whose states these are.
#[derive(Clone, Debug, PartialEq)]
pub struct StateSpec {
    /// The aggregates.
    pub aggregates: Vec<Aggregate>,
    /// The types of the columns they read: their arguments in order (`None` for `count()`), then what
    /// `min_by` and `max_by` choose by, in order.
    pub arguments: Vec<Option<Type>>,
    /// Where their states lie.
    pub layout: StateLayout,
    /// How the functions of reducers are applied to many groups.
    pub engine: Engine,
}

impl StateSpec {
    /// Lays out the states of `aggregates` over arguments of the given types.
    pub fn new(aggregates: Vec<Aggregate>, arguments: Vec<Option<Type>>) -> Self {
        let layout = StateLayout::new(&aggregates, &arguments);
        StateSpec { aggregates, arguments, layout, engine: Engine::Interpreter }
    }

    /// For each aggregate, where among the columns is the one that it chooses by.
    pub(crate) fn choosers(&self) -> Vec<Option<usize>> {
        let mut next = self.aggregates.len();
        let place = |a: &Aggregate| {
            a.by.map(|_| {
                next += 1;
                next - 1
            })
        };
        self.aggregates.iter().map(place).collect()
    }
}

/// The states of a run of groups.
#[derive(Debug)]
pub struct States {
    spec: Arc<StateSpec>,
    /// The words of all groups, and zeros.
    words: Lines<u64>,
    groups: usize,
    side: Vec<Side>,
    memory: Reservation,
}

impl States {
    /// States of no groups.
    pub fn new(spec: Arc<StateSpec>, budget: &Budget) -> Self {
        let side = spec
            .aggregates
            .iter()
            .zip(&spec.arguments)
            .zip(spec.choosers())
            .map(|((a, t), by)| {
                let by = by.and_then(|at| spec.arguments.get(at)?.as_ref());
                Side::new(a, t.as_ref(), by, budget)
            })
            .collect();
        States {
            spec,
            words: Lines::new(0),
            groups: 0,
            side,
            memory: budget.reserve("the states of aggregates"),
        }
    }

    /// Groups.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Makes room for groups up to `groups`; new ones start empty.
    pub fn grow(&mut self, groups: usize) -> Result<(), NeedsMore> {
        if groups <= self.groups {
            return Ok(());
        }
        let words = groups.saturating_mul(self.spec.layout.stride);
        if words > self.words.len() {
            let capacity = words.next_power_of_two().max(MIN_WORDS);
            self.memory.cover((capacity * 8 + self.side_bytes()) as u64)?;
            let mut grown = Lines::new(capacity);
            grown[..self.words.len()].copy_from_slice(&self.words);
            self.words = grown;
        }
        self.groups = groups;
        Ok(())
    }

    /// The words of all groups.
    pub fn words_mut(&mut self) -> &mut [u64] {
        let used = self.groups * self.spec.layout.stride;
        &mut self.words[..used]
    }

    /// Starts fetching the words of some groups, if all words are too many for the near caches.
    pub(crate) fn fetch(&self, groups: &[u32]) {
        let stride = self.spec.layout.stride;
        if self.groups * stride * 8 > FAR {
            for &g in groups {
                fetch(self.words.as_ptr().wrapping_add(g as usize * stride));
            }
        }
    }

    /// Whether some aggregate keeps its state outside the words only.
    pub fn has_side_slots(&self) -> bool {
        self.spec.layout.slots.iter().any(|s| s.kind == flow_ir::layout::StateKind::Side)
    }

    /// Whether some aggregate keeps its state in the words.
    pub fn has_word_slots(&self) -> bool {
        self.spec.layout.slots.iter().any(|s| s.kind != flow_ir::layout::StateKind::Side)
    }

    /// Bytes held.
    pub fn bytes_used(&self) -> usize {
        self.words.len() * 8 + self.side_bytes()
    }

    fn side_bytes(&self) -> usize {
        self.side.iter().map(Side::bytes_used).sum()
    }

    /// Accounts for what the side storage has grown by.
    fn account(&mut self) -> Result<(), NeedsMore> {
        let bytes = self.bytes_used() as u64;
        self.memory.cover(bytes)
    }
}

#[cfg(test)]
mod tests;
