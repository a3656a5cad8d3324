//! Aggregates: what `reduce` and `reduce_by_key` compute over the rows of a group.
//!
//! All of them skip nulls, and no grouping of the work changes a bit of a result: an aggregate is
//! either exact, so that parts merge in any order, or keeps what it needs to go through the rows in
//! input order at the end.

use crate::expr::Expr;
use crate::logical::ColumnId;
use crate::types::{DataType, Type};
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

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
    /// `variance(x)` of a sample, a correctly rounded float; null of fewer than two values.
    Variance,
    /// `stddev(x)`: the correctly rounded root of the sample variance; null of fewer than two.
    Stddev,
    /// `median(x)`: the middle value, or the mean of the two in the middle; null of nothing.
    Median,
    /// `quantile(x, q)`: interpolated between the two nearest values; null of nothing.
    Quantile,
    /// `min_by(x, k)`: `x` of the first row with the least `k`; null of nothing.
    MinBy,
    /// `max_by(x, k)`: `x` of the first row with the greatest `k`; null of nothing.
    MaxBy,
    /// `collect(x)`: a list in row order; empty of nothing.
    Collect,
    /// `collect_set(x)`: a list of the different values in their order; empty of nothing.
    CollectSet,
    /// `join_text(x, sep)`: the texts in row order; the empty text of nothing.
    JoinText,
    /// `reduce(x, (a, b) -> e)`; null of nothing.
    Reduce,
    /// `fold(z, x, step: (acc, x) -> e)`; `z` of nothing.
    Fold,
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
        AggregateKind::Variance,
        AggregateKind::Stddev,
        AggregateKind::Median,
        AggregateKind::Quantile,
        AggregateKind::MinBy,
        AggregateKind::MaxBy,
        AggregateKind::Collect,
        AggregateKind::CollectSet,
        AggregateKind::JoinText,
        AggregateKind::Reduce,
        AggregateKind::Fold,
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
            AggregateKind::Variance => "variance",
            AggregateKind::Stddev => "stddev",
            AggregateKind::Median => "median",
            AggregateKind::Quantile => "quantile",
            AggregateKind::MinBy => "min_by",
            AggregateKind::MaxBy => "max_by",
            AggregateKind::Collect => "collect",
            AggregateKind::CollectSet => "collect_set",
            AggregateKind::JoinText => "join_text",
            AggregateKind::Reduce => "reduce",
            AggregateKind::Fold => "fold",
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
            (AggregateKind::MinBy | AggregateKind::MaxBy, Some(a)) => Some(same(a)),
            // Of fewer than two values there is no sample variance, whatever the rows.
            (AggregateKind::Variance | AggregateKind::Stddev, Some(a)) => {
                a.kind.is_numeric().then_some(DataType::nullable(Type::Float))
            }
            (AggregateKind::Median | AggregateKind::Quantile, Some(a)) => a
                .kind
                .is_numeric()
                .then_some(DataType { kind: Type::Float, nullable: a.nullable || may_be_empty }),
            (AggregateKind::Collect | AggregateKind::CollectSet, Some(a)) => {
                Some(DataType::required(Type::List(Box::new(a.with_nullable(false)))))
            }
            (AggregateKind::JoinText, Some(a)) => {
                matches!(a.kind, Type::String).then_some(DataType::required(Type::String))
            }
            // What the functions say decides.
            (AggregateKind::Reduce | AggregateKind::Fold, Some(_)) => None,
        }
    }
}

/// What an aggregate needs to know besides its columns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Detail {
    /// Nothing.
    #[default]
    None,
    /// `quantile`: between 0 and 1.
    Quantile(f64),
    /// `join_text`: what stands between two texts.
    Separator(Arc<str>),
    /// `reduce` and `fold`.
    Reducer(Box<Reducer>),
}

/// The functions of a `reduce` or `fold`. They see their two parameters and nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reducer {
    /// What a `fold` begins with; a `reduce` begins with the first value.
    pub start: Option<Value>,
    /// `(acc, x) -> acc`, a lambda.
    pub step: Expr,
    /// `(acc, acc) -> acc`, a lambda; a `reduce` merges with its step.
    pub merge: Option<Expr>,
    /// The type of the accumulator.
    pub accumulator: DataType,
    /// Whether runs of rows may be reduced on their own and merged in input order. Only where the
    /// functions are exact, cannot fail and keep the laws; else every key goes from its first row to its last.
    pub in_parts: bool,
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
    /// The column by which `min_by` and `max_by` choose a row.
    pub by: Option<ColumnId>,
    /// What else it needs to know.
    pub detail: Detail,
    /// The type of the result.
    pub ty: DataType,
    /// Where it stands in the program.
    pub span: crate::expr::Span,
}

impl Aggregate {
    /// An aggregate that needs to know nothing but its argument.
    pub fn new(
        output: ColumnId,
        kind: AggregateKind,
        argument: Option<ColumnId>,
        ty: DataType,
        span: crate::expr::Span,
    ) -> Self {
        Aggregate { output, kind, argument, by: None, detail: Detail::None, ty, span }
    }

    /// The columns it reads.
    pub fn reads(&self) -> impl Iterator<Item = ColumnId> + use<> {
        self.argument.into_iter().chain(self.by)
    }

    /// The functions of a `reduce` or `fold`.
    pub fn reducer(&self) -> Option<&Reducer> {
        match &self.detail {
            Detail::Reducer(reducer) => Some(reducer),
            _ => None,
        }
    }

    /// The type of the result over columns of the given types, in a group that may be empty or not;
    /// `None` where the aggregate does not take those types.
    pub fn result(
        &self,
        argument: Option<&DataType>,
        by: Option<&DataType>,
        may_be_empty: bool,
    ) -> Option<DataType> {
        if let Some(reducer) = self.reducer() {
            let argument = argument?;
            let of_nothing = reducer.start.is_none() && (may_be_empty || argument.nullable);
            let ty = &reducer.accumulator;
            return Some(ty.with_nullable(ty.nullable || of_nothing));
        }
        let ty = self.kind.result(argument, may_be_empty)?;
        match (by, matches!(self.kind, AggregateKind::MinBy | AggregateKind::MaxBy)) {
            (Some(by), true) => by.kind.is_ordered().then(|| ty.with_nullable(ty.nullable || by.nullable)),
            (None, false) => Some(ty),
            _ => None,
        }
    }
}
