//! What one aggregate reads and which words it owns.

use super::in_words;
use crate::native::Class;
use flow_ir::layout::{StateKind, StateSlot};
use flow_ir::{AggregateKind, Type};

/// What a slot reads of its argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// There is no argument.
    Nothing,
    /// Only whether the row is valid.
    Status,
    /// Values of a class.
    Values(Class),
}

impl Input {
    /// The class of the values it reads.
    pub(super) fn class(self) -> Option<Class> {
        match self {
            Input::Values(class) => Some(class),
            Input::Nothing | Input::Status => None,
        }
    }
}

/// One aggregate of a kernel.
#[derive(Clone, Debug)]
pub(super) struct UpdateSlot {
    /// Its position among all aggregates.
    pub(super) aggregate: usize,
    /// Which aggregate.
    pub(super) kind: AggregateKind,
    /// What its words mean.
    pub(super) state: StateKind,
    /// Its first word.
    pub(super) word: usize,
    /// What it reads.
    pub(super) input: Input,
}

impl UpdateSlot {
    /// The slot of an aggregate, if a kernel can update it.
    pub(super) fn new(
        aggregate: usize,
        kind: AggregateKind,
        argument: Option<&Type>,
        slot: StateSlot,
    ) -> Option<Self> {
        let class = argument.and_then(Class::of);
        let input = match slot.kind {
            StateKind::Count if kind == AggregateKind::Count => match argument {
                None => Input::Nothing,
                Some(_) => Input::Status,
            },
            // Conditions and the rest read values, and a kernel has no other classes.
            _ => Input::Values(class?),
        };
        let fits = match (slot.kind, input) {
            (StateKind::Count, Input::Values(class)) | (StateKind::Flag, Input::Values(class)) => {
                class == Class::Bool
            }
            (StateKind::FloatSum | StateKind::FloatMean | StateKind::FloatExtreme, Input::Values(class)) => {
                class == Class::F64
            }
            (StateKind::IntSum | StateKind::IntMean | StateKind::IntExtreme, Input::Values(class)) => {
                class != Class::F64
            }
            _ => true,
        };
        (in_words(slot.kind) && fits).then_some(UpdateSlot {
            aggregate,
            kind,
            state: slot.kind,
            word: slot.offset,
            input,
        })
    }

    /// Whether it is a sum of floats, which can refuse a row.
    pub(super) fn is_float_sum(&self) -> bool {
        matches!(self.state, StateKind::FloatSum | StateKind::FloatMean)
    }

    /// How many of its first words are floats.
    pub(super) fn float_words(&self) -> usize {
        match self.state {
            StateKind::FloatSum | StateKind::FloatMean => 2,
            StateKind::FloatExtreme => 1,
            _ => 0,
        }
    }

    /// The word that counts rows, where there is one.
    pub(super) fn count_word(&self) -> Option<usize> {
        Some(match self.state {
            StateKind::Count | StateKind::Flag => 0,
            StateKind::IntExtreme | StateKind::FloatExtreme => 1,
            StateKind::IntMean => 2,
            StateKind::FloatMean => 3,
            StateKind::IntSum | StateKind::FloatSum | StateKind::Side => return None,
        })
    }
}
