//! `reduce` and `reduce_by_key`: groups rows by key and keeps aggregates of every group.
//!
//! Each thread feeds an [`Aggregator`] of its own; [`merge_and_finish`] makes one result of all.
//! The result does not depend on how the rows were dealt to threads or cut into batches.

pub(crate) mod block;
pub(crate) mod keys;
pub(crate) mod lookup;
mod merge;
pub(crate) mod partition;
pub(crate) mod store;
pub(crate) mod table;

pub use merge::merge_and_finish;
pub use table::{GroupTable, NO_GROUP};

use crate::memory::{Budget, NeedsMore};
use crate::operators::states::{Slots, StateSpec, States};
use flow_ir::aggregate::Aggregate;
use flow_ir::physical::TypedColumn;
use flow_ir::{Column, EvalError, Type, Value};
use std::fmt;
use std::sync::Arc;

/// What is grouped by what.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregatorSpec {
    /// The key columns; none for `reduce`, which always delivers one row.
    pub keys: Vec<TypedColumn>,
    /// The aggregates and their states.
    pub states: Arc<StateSpec>,
}

impl AggregatorSpec {
    /// Groups by `keys` and computes `aggregates`, whose arguments have the given types (`None`
    /// for `count()`).
    pub fn new(keys: Vec<TypedColumn>, aggregates: Vec<Aggregate>, arguments: Vec<Option<Type>>) -> Self {
        AggregatorSpec { keys, states: Arc::new(StateSpec::new(aggregates, arguments)) }
    }

    /// The same, with the functions of reducers run by `engine`.
    pub fn with_engine(self, engine: flow_jit::Engine) -> Self {
        let states = StateSpec { engine, ..(*self.states).clone() };
        AggregatorSpec { states: Arc::new(states), ..self }
    }
}

/// Compiled code that adds rows to states. It covers every aggregate whose state kind is not
/// `Side`; those are left to the aggregator.
pub trait UpdateRows: Send + Sync {
    /// Adds rows `from..rows` to the states of their groups, where `states` holds the words of all
    /// groups. Returns the row at which it stopped without touching any of its states, or `rows`.
    fn run(
        &self,
        states: &mut [u64],
        groups: &[u32],
        arguments: &[Option<&Column>],
        from: usize,
        rows: usize,
    ) -> usize;
}

/// Why a result could not be made.
#[derive(Clone, Debug, PartialEq)]
pub enum AggregateError {
    /// The budget does not suffice.
    Memory(NeedsMore),
    /// An aggregate has no result for a group.
    NoResult {
        /// The aggregate, by its place in the list.
        aggregate: usize,
        /// The key of the group, in the order of the key columns.
        key: Vec<Value>,
        /// Why; `None` for a sum that does not fit into its type.
        error: Option<EvalError>,
    },
}

impl From<NeedsMore> for AggregateError {
    fn from(e: NeedsMore) -> Self {
        AggregateError::Memory(e)
    }
}

impl fmt::Display for AggregateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AggregateError::Memory(e) => e.fmt(f),
            AggregateError::NoResult { error: Some(e), .. } => f.write_str(&e.message),
            AggregateError::NoResult { .. } => f.write_str("a sum does not fit into its type"),
        }
    }
}

impl std::error::Error for AggregateError {}

/// One thread's groups.
pub struct Aggregator {
    spec: Arc<AggregatorSpec>,
    kernel: Option<Arc<dyn UpdateRows>>,
    table: GroupTable,
    states: States,
    groups: Vec<u32>,
}

impl fmt::Debug for Aggregator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aggregator").field("groups", &self.states.groups()).finish_non_exhaustive()
    }
}

impl Aggregator {
    /// An aggregator without rows. Without a kernel, rows are added in plain Rust.
    pub fn new(spec: Arc<AggregatorSpec>, kernel: Option<Arc<dyn UpdateRows>>, budget: &Budget) -> Self {
        let types = spec.keys.iter().map(|k| k.ty.kind.clone()).collect();
        let states = States::new(spec.states.clone(), budget);
        Aggregator { kernel, table: GroupTable::new(types, budget), states, groups: Vec::new(), spec }
    }

    /// Adds the rows of a batch. `keys` and `arguments` stand in the order of the spec; row `i`
    /// has the position `base_position + i` in the order of all rows of all threads.
    pub fn update(
        &mut self,
        keys: &[&Column],
        arguments: &[Option<&Column>],
        rows: usize,
        base_position: u64,
    ) -> Result<(), NeedsMore> {
        if rows == 0 {
            return Ok(());
        }
        if self.spec.keys.is_empty() {
            self.groups.clear();
            self.groups.resize(rows, 0);
            self.states.grow(1)?;
        } else {
            let states = &self.states;
            self.table.assign_and(keys, rows, &mut self.groups, |block| states.fetch(block))?;
            self.states.grow(self.table.len())?;
        }
        match self.kernel.clone() {
            None => self.states.update_generic(&self.groups, arguments, 0..rows, base_position, Slots::All),
            Some(kernel) => self.update_compiled(kernel.as_ref(), arguments, rows, base_position),
        }
    }

    /// The kernel takes what it can; rows that it stops at are added in plain Rust, in runs that
    /// double while it keeps stopping.
    fn update_compiled(
        &mut self,
        kernel: &dyn UpdateRows,
        arguments: &[Option<&Column>],
        rows: usize,
        base_position: u64,
    ) -> Result<(), NeedsMore> {
        if self.states.has_word_slots() {
            // What aggregates choose by stands behind their arguments, and no kernel chooses.
            let own = arguments.get(..self.spec.states.aggregates.len()).unwrap_or(arguments);
            let mut from = 0;
            let mut run = 1;
            while from < rows {
                let stopped = kernel.run(self.states.words_mut(), &self.groups, own, from, rows);
                if stopped >= rows {
                    break;
                }
                let to = rows.min(stopped + run);
                self.states.update_generic(
                    &self.groups,
                    arguments,
                    stopped..to,
                    base_position,
                    Slots::Words,
                )?;
                from = to;
                run *= 2;
            }
        }
        if self.states.has_side_slots() {
            self.states.update_generic(&self.groups, arguments, 0..rows, base_position, Slots::Side)?;
        }
        Ok(())
    }

    /// Groups so far.
    pub fn groups(&self) -> usize {
        self.states.groups()
    }

    /// Bytes held.
    pub fn bytes_used(&self) -> usize {
        self.table.bytes_used() + self.states.bytes_used() + self.groups.capacity() * 4
    }
}

#[cfg(test)]
mod tests;
