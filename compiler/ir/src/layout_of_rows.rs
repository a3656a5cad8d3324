//! `repartition` and `coalesce`: how rows are to be divided into parts. Never which rows there are.

use crate::logical::ColumnId;
use serde::{Deserialize, Serialize};

/// How rows are assigned to parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Division {
    /// Evenly: `repartition n`.
    Even,
    /// By the hash of keys.
    Hash,
    /// By the order of keys.
    Range,
    /// Into fewer parts, neighbours together: `coalesce n`.
    Coalesce,
}

/// Parts that rows are divided into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowLayout {
    /// By what.
    pub division: Division,
    /// Into how many.
    pub parts: u64,
    /// The keys, if it is by hash or range.
    pub keys: Vec<ColumnId>,
}

impl RowLayout {
    /// The word of the language.
    pub fn name(&self) -> &'static str {
        match self.division {
            Division::Coalesce => "coalesce",
            _ => "repartition",
        }
    }
}
