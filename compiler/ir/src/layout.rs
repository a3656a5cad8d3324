//! How the running state of aggregates lies in memory: 64-bit words, one run of words a group.
//!
//! The runtime allocates and merges states, and the JIT generates code that updates them; both
//! take every offset from here. A state starts as all zero words, whatever the aggregate.

use crate::aggregate::{Aggregate, AggregateKind};
use crate::types::Type;

/// What the words of one aggregate's state mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StateKind {
    /// `[n]`: rows (no argument), non-null arguments, or true arguments (`count_if`).
    Count,
    /// `[low, high]`: the sum of 64-bit integers in 128 bits.
    IntSum,
    /// `[low, high, n]`: the same and how many.
    IntMean,
    /// `[s, e, exact]`: two floats whose exact sum is the sum so far, and 0; or, once that no longer
    /// holds, a non-zero handle of an accumulator in the side storage.
    FloatSum,
    /// `[s, e, exact, n]`.
    FloatMean,
    /// `[value, n]`: least or greatest 64-bit integer (bools as 0 and 1) of `n` seen.
    IntExtreme,
    /// `[value, n]`: least or greatest float, NaN above all.
    FloatExtreme,
    /// `[n]`: for `any`: how many were true; for `all`: how many were false.
    Flag,
    /// `[handle]`: 0, or a handle into the aggregate's side storage (texts, decimals, sets, first, last).
    Side,
}

impl StateKind {
    /// The state an aggregate over arguments of type `argument` needs.
    pub fn of(kind: AggregateKind, argument: Option<&Type>) -> Self {
        let int = argument.is_some_and(|t| t.is_i64() || *t == Type::Bool);
        let float = argument == Some(&Type::Float);
        match kind {
            AggregateKind::Count | AggregateKind::CountIf => StateKind::Count,
            AggregateKind::Any | AggregateKind::All => StateKind::Flag,
            AggregateKind::Sum if int => StateKind::IntSum,
            AggregateKind::Sum if float => StateKind::FloatSum,
            AggregateKind::Mean if int => StateKind::IntMean,
            AggregateKind::Mean if float => StateKind::FloatMean,
            AggregateKind::Min | AggregateKind::Max if int => StateKind::IntExtreme,
            AggregateKind::Min | AggregateKind::Max if float => StateKind::FloatExtreme,
            _ => StateKind::Side,
        }
    }

    /// Words of the state.
    pub fn words(self) -> usize {
        match self {
            StateKind::Count | StateKind::Flag | StateKind::Side => 1,
            StateKind::IntSum | StateKind::IntExtreme | StateKind::FloatExtreme => 2,
            StateKind::IntMean | StateKind::FloatSum => 3,
            StateKind::FloatMean => 4,
        }
    }
}

/// The state of one aggregate inside a group's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateSlot {
    /// What the words mean.
    pub kind: StateKind,
    /// The first word.
    pub offset: usize,
}

/// The states of all aggregates of a `reduce_by_key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateLayout {
    /// One slot an aggregate, in order.
    pub slots: Vec<StateSlot>,
    /// Words a group.
    pub stride: usize,
}

impl StateLayout {
    /// Lays out `aggregates`; `arguments` are the types of their arguments, in order.
    pub fn new(aggregates: &[Aggregate], arguments: &[Option<Type>]) -> Self {
        let mut stride = 0;
        let slots = aggregates
            .iter()
            .zip(arguments)
            .map(|(a, t)| {
                let kind = StateKind::of(a.kind, t.as_ref());
                let slot = StateSlot { kind, offset: stride };
                stride += kind.words();
                slot
            })
            .collect();
        StateLayout { slots, stride }
    }
}
