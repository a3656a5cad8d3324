//! Aggregates: what `reduce` and `reduce_by_key` compute over the rows of a group.
//!
//! All of them skip nulls, and every one can be split, merged in input order and finished, so
//! that no grouping of the work changes a bit of the result.

use crate::logical::ColumnId;
use crate::types::{DataType, Type};
use serde::{Deserialize, Serialize};

/// Which aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AggregateKind {
    /// `count()` (no argument: rows) or `count(x)` (non-nulls).
    Count,
    /// `count_if(p)`: rows where `p` is true.
    CountIf,
    /// `count_distinct(x)`: different non-null values.
    CountDistinct,
    /// `sum(x)`: 0 of nothing; ints in 128 bits, floats correctly rounded.
    Sum,
    /// `mean(x)`: a correctly rounded float; null of nothing.
    Mean,
    /// `min(x)`; null of nothing.
    Min,
    /// `max(x)`; null of nothing.
    Max,
    /// `first(x)` non-null value in row order; null of nothing.
    First,
    /// `last(x)` non-null value in row order; null of nothing.
    Last,
    /// `any(p)`: is one true? False of nothing.
    Any,
    /// `all(p)`: is none false? True of nothing.
    All,
}

impl AggregateKind {
    /// Every kind.
    pub const ALL: &'static [AggregateKind] = &[
        AggregateKind::Count,
        AggregateKind::CountIf,
        AggregateKind::CountDistinct,
        AggregateKind::Sum,
        AggregateKind::Mean,
        AggregateKind::Min,
        AggregateKind::Max,
        AggregateKind::First,
        AggregateKind::Last,
        AggregateKind::Any,
        AggregateKind::All,
    ];

    /// The name in programs and plans.
    pub fn name(self) -> &'static str {
        match self {
            AggregateKind::Count => "count",
            AggregateKind::CountIf => "count_if",
            AggregateKind::CountDistinct => "count_distinct",
            AggregateKind::Sum => "sum",
            AggregateKind::Mean => "mean",
            AggregateKind::Min => "min",
            AggregateKind::Max => "max",
            AggregateKind::First => "first",
            AggregateKind::Last => "last",
            AggregateKind::Any => "any",
            AggregateKind::All => "all",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|k| k.name() == name)
    }

    /// The type of the result over arguments of type `argument` (`None` for `count()`), in a
    /// group that may be empty or not; `None` where the aggregate does not take that type.
    pub fn result(self, argument: Option<&DataType>, may_be_empty: bool) -> Option<DataType> {
        let same = |a: &DataType| a.with_nullable(a.nullable || may_be_empty);
        match (self, argument) {
            (AggregateKind::Count, _) => Some(DataType::required(Type::Int)),
            (_, None) => None,
            (AggregateKind::CountDistinct, Some(_)) => Some(DataType::required(Type::Int)),
            (AggregateKind::CountIf, Some(a)) => {
                matches!(a.kind, Type::Bool | Type::Null).then_some(DataType::required(Type::Int))
            }
            (AggregateKind::Any | AggregateKind::All, Some(a)) => {
                matches!(a.kind, Type::Bool | Type::Null).then_some(DataType::required(Type::Bool))
            }
            (AggregateKind::Sum, Some(a)) => match &a.kind {
                Type::Int | Type::Float | Type::Duration => Some(DataType::required(a.kind.clone())),
                Type::Decimal { scale, .. } => {
                    Some(DataType::required(Type::Decimal { precision: 38, scale: *scale }))
                }
                _ => None,
            },
            (AggregateKind::Mean, Some(a)) => a
                .kind
                .is_numeric()
                .then_some(DataType { kind: Type::Float, nullable: a.nullable || may_be_empty }),
            (AggregateKind::Min | AggregateKind::Max, Some(a)) => a.kind.is_ordered().then(|| same(a)),
            (AggregateKind::First | AggregateKind::Last, Some(a)) => Some(same(a)),
        }
    }
}

/// One aggregate of a `reduce` or `reduce_by_key`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    /// The column it makes.
    pub output: ColumnId,
    /// Which aggregate.
    pub kind: AggregateKind,
    /// The column it reads; `None` only for `count()`.
    pub argument: Option<ColumnId>,
    /// The type of the result.
    pub ty: DataType,
    /// Where it stands in the program.
    pub span: crate::expr::Span,
}
