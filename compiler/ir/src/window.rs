//! Windows: what `window` adds to every row from the rows around it.
//!
//! Rows with equal `per` columns are a *key*; within a key they stand in the order of `sort`, equal
//! ones as they came. A frame is the run of rows around the current one that aggregates see.
//! Invariant: windows add columns and never change, drop or move a row.

use crate::aggregate::Aggregate;
use crate::expr::Span;
use crate::logical::{ColumnId, SortKey};
use crate::types::{DataType, Type};
use crate::typing::fits;
use serde::{Deserialize, Serialize};

/// The rows that the aggregates of a window see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frame {
    /// All rows of the key.
    Key,
    /// From the first row of the key to the current one.
    Running,
    /// From one offset to another, both counted from the current row and both included.
    Rows {
        /// The first row: -6 is the sixth before the current one.
        from: i64,
        /// The last row.
        to: i64,
    },
}

impl Frame {
    /// Whether the frame of some row may hold no rows.
    pub fn may_be_empty(self) -> bool {
        match self {
            Frame::Key | Frame::Running => false,
            Frame::Rows { from, to } => from > 0 || to < 0,
        }
    }

    /// The rows seen from row `at` of a key with `rows` rows: the first, and one past the last.
    pub fn bounds(self, at: usize, rows: usize) -> (usize, usize) {
        match self {
            Frame::Key => (0, rows),
            Frame::Running => (0, at.saturating_add(1).min(rows)),
            Frame::Rows { from, to } => {
                let start = shifted(at, from).clamp(0, rows as i128) as usize;
                let end = (shifted(at, to) + 1).clamp(0, rows as i128) as usize;
                (start, end.max(start))
            }
        }
    }
}

fn shifted(at: usize, by: i64) -> i128 {
    at as i128 + i128::from(by)
}

/// The functions that look at other rows by their place, besides aggregates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WindowKind {
    /// `lag(x, n, default)`: the value `n` rows before.
    Lag,
    /// `lead(x, n, default)`: the value `n` rows behind.
    Lead,
    /// `row_number()`: 1 for the first row of the key.
    RowNumber,
    /// `rank()`: one more than the rows that sort before this one.
    Rank,
    /// `dense_rank()`: one more than the different sort keys before this one.
    DenseRank,
}

impl WindowKind {
    /// Every kind.
    pub const ALL: &'static [WindowKind] =
        &[WindowKind::Lag, WindowKind::Lead, WindowKind::RowNumber, WindowKind::Rank, WindowKind::DenseRank];

    /// The name in programs and plans.
    pub fn name(self) -> &'static str {
        match self {
            WindowKind::Lag => "lag",
            WindowKind::Lead => "lead",
            WindowKind::RowNumber => "row_number",
            WindowKind::Rank => "rank",
            WindowKind::DenseRank => "dense_rank",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|k| k.name() == name)
    }

    /// Whether it takes a value from another row.
    pub fn is_shift(self) -> bool {
        matches!(self, WindowKind::Lag | WindowKind::Lead)
    }

    /// The type of the result over `argument`, where rows outside of the key read as `default`;
    /// `None` where the function does not take them.
    pub fn result(self, argument: Option<&DataType>, default: Option<&DataType>) -> Option<DataType> {
        match (self.is_shift(), argument, default) {
            (true, Some(argument), None) => Some(argument.with_nullable(true)),
            (true, Some(argument), Some(default)) => {
                let (a, b) = (argument.with_nullable(false), default.with_nullable(false));
                let wider = if fits(&a, &b) { Some(b) } else { fits(&b, &a).then_some(a) };
                wider.map(|ty| ty.with_nullable(argument.nullable || default.nullable))
            }
            (false, None, None) => Some(DataType::required(Type::Int)),
            _ => None,
        }
    }
}

/// One function of a window that is no aggregate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowFunction {
    /// The column it makes.
    pub output: ColumnId,
    /// Which function.
    pub kind: WindowKind,
    /// The column it reads; `None` for those that only count.
    pub argument: Option<ColumnId>,
    /// How many rows away `lag` and `lead` look; 0 for the others.
    pub offset: u64,
    /// The column that stands in, on the current row, where there is no such row; null without it.
    pub default: Option<ColumnId>,
    /// The type of the result.
    pub ty: DataType,
    /// Where it stands in the program.
    pub span: Span,
}

/// A whole window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// The key; none: all rows are one key.
    pub per: Vec<ColumnId>,
    /// The order within a key; none: as the rows came.
    pub sort: Vec<SortKey>,
    /// What the aggregates see.
    pub frame: Frame,
    /// The aggregates.
    pub aggregates: Vec<Aggregate>,
    /// The other functions.
    pub functions: Vec<WindowFunction>,
}

impl Window {
    /// Every column it adds.
    pub fn outputs(&self) -> impl Iterator<Item = ColumnId> + '_ {
        self.aggregates.iter().map(|a| a.output).chain(self.functions.iter().map(|f| f.output))
    }

    /// Every column it adds, with its type.
    pub fn typed_outputs(&self) -> impl Iterator<Item = (ColumnId, &DataType)> + '_ {
        let aggregates = self.aggregates.iter().map(|a| (a.output, &a.ty));
        aggregates.chain(self.functions.iter().map(|f| (f.output, &f.ty)))
    }

    /// The columns that keys and order read.
    pub fn keys(&self) -> impl Iterator<Item = ColumnId> + '_ {
        self.per.iter().copied().chain(self.sort.iter().map(|k| k.column))
    }

    /// Every column it reads.
    pub fn reads(&self) -> Vec<ColumnId> {
        let functions = self.functions.iter().flat_map(|f| [f.argument, f.default]).flatten();
        self.keys().chain(self.aggregates.iter().flat_map(Aggregate::reads)).chain(functions).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_end_where_the_key_ends() {
        let frame = Frame::Rows { from: -2, to: 1 };
        let bounds: Vec<_> = (0..4).map(|at| frame.bounds(at, 4)).collect();
        assert_eq!(bounds, [(0, 2), (0, 3), (0, 4), (1, 4)]);
        let ahead = Frame::Rows { from: 1, to: i64::MAX };
        assert_eq!((ahead.bounds(0, 3), ahead.bounds(2, 3)), ((1, 3), (3, 3)));
        assert!(ahead.may_be_empty());
        let behind = Frame::Rows { from: i64::MIN, to: -2 };
        assert_eq!((behind.bounds(1, 3), behind.bounds(2, 3)), ((0, 0), (0, 1)));
        assert_eq!((Frame::Key.bounds(1, 3), Frame::Running.bounds(1, 3)), ((0, 3), (0, 2)));
        assert!(!Frame::Rows { from: -1, to: 0 }.may_be_empty());
    }
}
