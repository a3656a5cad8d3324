//! `intersect` and `except`: the rows of one dataset that are, or are not, in another.

use serde::{Deserialize, Serialize};

/// Which rows of the left side stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SetOperation {
    /// Those that the right side has, too.
    Intersect,
    /// Those that the right side does not have.
    Except,
}

impl SetOperation {
    /// The word of the language.
    pub fn name(self) -> &'static str {
        match self {
            SetOperation::Intersect => "intersect",
            SetOperation::Except => "except",
        }
    }

    /// How many of `left` equal rows of the left side stay, if the right side has `right` of them and
    /// duplicates count.
    pub fn kept(self, left: u64, right: u64) -> u64 {
        match self {
            SetOperation::Intersect => left.min(right),
            SetOperation::Except => left.saturating_sub(right),
        }
    }

    /// Whether a row stays once, when duplicates do not count.
    pub fn keeps(self, is_right: bool) -> bool {
        is_right == (self == SetOperation::Intersect)
    }
}
