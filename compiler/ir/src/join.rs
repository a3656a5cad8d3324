//! The kinds of joins, how they may be carried out, and what a program promises about their keys.

use crate::expr::Span;
use serde::{Deserialize, Serialize};

/// Which rows a join keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum JoinKind {
    /// Pairs of rows with equal keys.
    Inner,
    /// Also left rows that match nothing.
    Left,
    /// Also right rows that match nothing.
    Right,
    /// Both.
    Full,
    /// Left rows that match something, once each, without the right side.
    Semi,
    /// Left rows that match nothing.
    Anti,
    /// Every left row with every right row.
    Cross,
}

impl JoinKind {
    /// All of them.
    pub const ALL: [JoinKind; 7] = [
        JoinKind::Inner,
        JoinKind::Left,
        JoinKind::Right,
        JoinKind::Full,
        JoinKind::Semi,
        JoinKind::Anti,
        JoinKind::Cross,
    ];

    /// The words of the language.
    pub fn name(self) -> &'static str {
        match self {
            JoinKind::Inner => "join",
            JoinKind::Left => "left join",
            JoinKind::Right => "right join",
            JoinKind::Full => "full join",
            JoinKind::Semi => "semi join",
            JoinKind::Anti => "anti join",
            JoinKind::Cross => "cross join",
        }
    }

    /// The word in front of `join`; empty for an inner join.
    pub fn word(self) -> &'static str {
        self.name().strip_suffix("join").map_or("", str::trim)
    }

    /// The kind with that word in front of `join`.
    pub fn from_word(word: &str) -> Option<Self> {
        JoinKind::ALL.into_iter().find(|k| *k != JoinKind::Inner && k.word() == word)
    }

    /// Whether left rows without a match stay, with nulls on the right.
    pub fn keeps_left(self) -> bool {
        matches!(self, JoinKind::Left | JoinKind::Full)
    }

    /// Whether right rows without a match stay, with nulls on the left.
    pub fn keeps_right(self) -> bool {
        matches!(self, JoinKind::Right | JoinKind::Full)
    }

    /// Whether the right side's columns are part of the result.
    pub fn adds_columns(self) -> bool {
        !matches!(self, JoinKind::Semi | JoinKind::Anti)
    }
}

/// Ways to join, as a program may ask for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum JoinStrategy {
    /// One table of the right side, shared by all.
    Broadcast,
    /// Both sides divided by the hash of their keys.
    Shuffle,
    /// Both sides sorted by their keys.
    Merge,
}

impl JoinStrategy {
    /// All of them.
    pub const ALL: [JoinStrategy; 3] = [JoinStrategy::Broadcast, JoinStrategy::Shuffle, JoinStrategy::Merge];

    /// The word of the language.
    pub fn name(self) -> &'static str {
        match self {
            JoinStrategy::Broadcast => "broadcast",
            JoinStrategy::Shuffle => "shuffle",
            JoinStrategy::Merge => "merge",
        }
    }

    /// The strategy of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        JoinStrategy::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// What `expect` promises about one side of a join: no key is there twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// As written: `m:1`.
    pub text: String,
    /// What the side is called: a dataset's name, or `the pipeline`.
    pub side: String,
    /// The keys as written.
    pub keys: Vec<String>,
    /// The clause.
    pub span: Span,
}
