//! What aggregates remember outside their state words: texts, decimals, wide sums, first and last
//! rows, rows chosen by a key, sets of different values, and all values.
//!
//! A state word holds 0 or one plus an index into its aggregate's [`Side`]. Nothing here depends
//! on the order in which rows arrive or states are merged.

mod by_group;
mod cells;
mod chosen;
mod different;
mod listed;
mod parts;
mod quantile;
mod reduce;
mod rounds;
mod wide_sum;

pub(crate) use by_group::ByGroup;
pub(crate) use cells::Cells;
pub(crate) use chosen::Chosen;
pub(crate) use different::Different;
pub(crate) use listed::Listed;
pub(crate) use parts::Parts;
pub(crate) use quantile::quantile;
pub(crate) use reduce::in_order;
pub(crate) use rounds::rounds;
pub(crate) use wide_sum::WideSum;

use crate::memory::Budget;
use crate::operators::exact_sum::{Accumulator, Moments};
use flow_ir::Type;
use flow_ir::aggregate::{Aggregate, AggregateKind};
use flow_ir::layout::StateKind;

/// The side storage of one aggregate.
#[derive(Debug)]
pub(crate) enum Side {
    /// The words hold everything.
    None,
    /// Float sums that two floats cannot hold.
    Sums(Vec<Accumulator>),
    /// `min` (or `max`, if `greatest`) of texts, decimals, lists and records.
    Extreme {
        /// One cell a handle.
        cells: Cells,
        /// Which of the two.
        greatest: bool,
    },
    /// `first` (or `last`): the value and where its row stands.
    End {
        /// One cell a handle.
        cells: Cells,
        /// The row's position, for each handle.
        positions: Vec<u64>,
        /// Which of the two.
        last: bool,
    },
    /// `sum` and `mean` of decimals.
    Wide(Vec<WideSum>),
    /// `count_distinct` and `collect_set`: the state word is the count, this the values counted.
    Different(Box<Different>),
    /// `variance` and `stddev`.
    Moments(Vec<Moments>),
    /// `min_by` and `max_by`.
    Chosen(Box<Chosen>),
    /// The state word is the number of values, this the values.
    Listed(Box<Listed>),
    /// `reduce` and `fold` in parts: the state word is the handle of a group's last part.
    Parts(Box<Parts>),
}

impl Side {
    /// The storage for an aggregate over arguments of type `argument` that chooses by a column of
    /// type `by`.
    pub(crate) fn new(
        aggregate: &Aggregate,
        argument: Option<&Type>,
        by: Option<&Type>,
        budget: &Budget,
    ) -> Self {
        if let Some(reducer) = aggregate.reducer().filter(|r| r.in_parts) {
            return Side::Parts(Box::new(Parts::new(reducer.clone())));
        }
        let kind = aggregate.kind;
        let ty = argument.unwrap_or(&Type::Null);
        match StateKind::of(kind, argument) {
            StateKind::FloatSum | StateKind::FloatMean => Side::Sums(Vec::new()),
            StateKind::Side => match kind {
                AggregateKind::Min | AggregateKind::Max => {
                    Side::Extreme { cells: Cells::new(ty), greatest: kind == AggregateKind::Max }
                }
                AggregateKind::First | AggregateKind::Last => Side::End {
                    cells: Cells::new(ty),
                    positions: Vec::new(),
                    last: kind == AggregateKind::Last,
                },
                AggregateKind::Sum | AggregateKind::Mean => Side::Wide(Vec::new()),
                AggregateKind::Variance | AggregateKind::Stddev => Side::Moments(Vec::new()),
                AggregateKind::MinBy | AggregateKind::MaxBy => {
                    let by = by.unwrap_or(&Type::Null);
                    Side::Chosen(Box::new(Chosen::new(ty, by, kind == AggregateKind::MaxBy)))
                }
                AggregateKind::Median | AggregateKind::Quantile => {
                    Side::Listed(Box::new(Listed::new(ty, false)))
                }
                AggregateKind::Collect
                | AggregateKind::JoinText
                | AggregateKind::Reduce
                | AggregateKind::Fold => Side::Listed(Box::new(Listed::new(ty, true))),
                _ => Side::Different(Box::new(Different::new(ty, budget))),
            },
            _ => Side::None,
        }
    }

    /// Bytes held.
    pub(crate) fn bytes_used(&self) -> usize {
        match self {
            Side::None => 0,
            Side::Sums(v) => v.len() * Accumulator::BYTES,
            Side::Extreme { cells, .. } => cells.bytes_used(),
            Side::End { cells, positions, .. } => cells.bytes_used() + positions.capacity() * 8,
            Side::Wide(v) => v.capacity() * size_of::<WideSum>(),
            // Its table has a reservation of its own.
            Side::Different(_) => 0,
            Side::Moments(v) => v.iter().map(Moments::bytes_used).sum(),
            Side::Chosen(chosen) => chosen.bytes_used(),
            Side::Listed(listed) => listed.bytes_used(),
            Side::Parts(parts) => parts.bytes_used(),
        }
    }
}

/// The index behind a state word; `None` for 0.
pub(crate) fn index_of(handle: u64) -> Option<usize> {
    (handle as usize).checked_sub(1)
}
