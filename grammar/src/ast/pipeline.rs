//! Pipelines: a source and the stages its rows flow through.
//!
//! Invariant: one `StageKind` per stage keyword, under the same noun.

use super::{Arg, Expr, Fields, Format, Name, Path, Record, StrLit};
use crate::span::Span;

/// `source | stage | stage`.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    /// Where rows come from.
    pub source: Source,
    /// What happens to them, in order.
    pub stages: Vec<Stage>,
    /// All of it.
    pub span: Span,
}

/// The head of a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Which.
    pub kind: SourceKind,
    /// All of it.
    pub span: Span,
}

/// The forms of sources.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceKind {
    /// A place that could not be read.
    Error,
    /// `read "..." ...`
    Read(Box<Read>),
    /// `from name`
    From(Path),
    /// `rows [{ ... }, { ... }]`
    Rows(Vec<Record>),
}

/// `read target as format schema S on_error policy`.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// What to read: a `Str`, `FStr` or `Dollar`.
    pub target: Expr,
    /// `as csv(...)`; without it the suffix of the target tells.
    pub format: Option<Format>,
    /// `schema S`; without it the file or a sample tells.
    pub schema: Option<SchemaRef>,
    /// `on_error policy`; without it a bad row stops the run.
    pub on_error: Option<OnError>,
}

/// `schema Name` or `schema { ... }`.
#[derive(Clone, Debug, PartialEq)]
pub enum SchemaRef {
    /// A declared schema.
    Named(Path),
    /// Written in place.
    Inline(Fields),
}

/// `on_error ...`.
#[derive(Clone, Debug, PartialEq)]
pub struct OnError {
    /// What happens to bad rows.
    pub policy: OnErrorPolicy,
    /// The policy without `on_error`.
    pub span: Span,
}

/// The policies for bad rows.
#[derive(Clone, Debug, PartialEq)]
pub enum OnErrorPolicy {
    /// `fail`
    Fail,
    /// `null`
    Null,
    /// `skip`
    Skip,
    /// `quarantine("file")`
    Quarantine(Expr),
}

/// `| keyword ...`.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Which.
    pub kind: StageKind,
    /// From the keyword to the end, without the `|`.
    pub span: Span,
    /// The keyword, or the name of a used pipe.
    pub keyword: Span,
    /// The `|` or `|>`; empty where it was forgotten.
    pub bar: Span,
}

/// The stages.
#[derive(Clone, Debug, PartialEq)]
pub enum StageKind {
    /// A place that could not be read; the row behind it is unknown.
    Error,
    /// `filter e`
    Filter(Expr),
    /// `map { ... }`
    Map(Record),
    /// `flat_map { ... }`
    FlatMap(Record),
    /// `check e, "why"`
    Check {
        /// What must hold.
        condition: Expr,
        /// Why.
        message: Option<StrLit>,
    },
    /// `reduce { ... }`
    Reduce(Record),
    /// `reduce_by_key k { ... }`
    ReduceByKey {
        /// At least one.
        keys: Vec<Key>,
        /// The aggregates.
        record: Record,
    },
    /// `group_by_key k into items`
    GroupByKey {
        /// At least one.
        keys: Vec<Key>,
        /// The field that holds the rows of a key.
        into: Name,
    },
    /// `count`
    Count,
    /// `distinct`, `distinct on k sort s`
    Distinct {
        /// Empty for whole rows.
        on: Vec<Key>,
        /// Which row of a key is first; empty for input order.
        sort: Vec<SortKey>,
    },
    /// `sort a desc, b`
    Sort(Vec<SortKey>),
    /// `take n per k sort s`
    Take {
        /// How many.
        count: Expr,
        /// Of each key; empty for all rows.
        per: Vec<Key>,
        /// In this order; empty for input order.
        sort: Vec<SortKey>,
    },
    /// `skip n`
    Skip(Expr),
    /// `sample 10% seed 42 with replacement`
    Sample {
        /// How much.
        amount: SampleAmount,
        /// Where the random numbers begin.
        seed: Option<Expr>,
        /// True if a row may be taken twice.
        with_replacement: bool,
    },
    /// `union a, b`
    Union(Vec<Dataset>),
    /// `intersect all d`
    Intersect {
        /// True if duplicates count.
        all: bool,
        /// The other side.
        dataset: Dataset,
    },
    /// `except all d`
    Except {
        /// True if duplicates count.
        all: bool,
        /// The other side.
        dataset: Dataset,
    },
    /// `left join d as n on k expect m:1 using broadcast`
    Join(Box<Join>),
    /// `window per k sort s frame -6..0 { ... }`
    Window(Box<Window>),
    /// `persist(memory)`
    Persist {
        /// The storage level as written.
        level: Option<Name>,
    },
    /// `repartition n by hash(k)`
    Repartition {
        /// How many parts.
        count: Expr,
        /// `hash(k)` or `range(k)`.
        by: Option<Expr>,
    },
    /// `coalesce n`
    Coalesce(Expr),
    /// `write "..." ...`
    Write(Box<Write>),
    /// `through "command" as jsonl schema S slots 4`
    Through(Box<Through>),
    /// `show n`
    Show {
        /// How many rows.
        count: Option<Expr>,
    },
    /// `name(args)`: a `pipe`.
    Use {
        /// The pipe.
        path: Path,
        /// Its arguments; empty also without parentheses.
        args: Vec<Arg>,
    },
}

/// The size of a sample.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleAmount {
    /// `10%`: the number as written before the `%`.
    Percent(Expr),
    /// `0.1` is a fraction, `1000` a number of rows.
    Value(Expr),
}

/// `key` or `name: key`.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// What the key is called; without it the expression must have a name of its own.
    pub name: Option<Name>,
    /// The key.
    pub value: Expr,
    /// Both.
    pub span: Span,
}

/// `key desc nulls first`.
#[derive(Clone, Debug, PartialEq)]
pub struct SortKey {
    /// The key.
    pub value: Expr,
    /// `asc` or `desc`, if written.
    pub direction: Option<Direction>,
    /// `nulls first` or `nulls last`, if written.
    pub nulls: Option<Nulls>,
    /// All of it.
    pub span: Span,
}

/// Which way a sort goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// `asc`
    Ascending,
    /// `desc`
    Descending,
}

/// Where nulls are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Nulls {
    /// `nulls first`
    First,
    /// `nulls last`
    Last,
}

/// A dataset as an argument of a stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Which.
    pub kind: DatasetKind,
    /// With its parentheses.
    pub span: Span,
}

/// The forms of datasets.
#[derive(Clone, Debug, PartialEq)]
pub enum DatasetKind {
    /// The name of a `let`.
    Named(Path),
    /// `(from x | ...)`
    Pipeline(Box<Pipeline>),
}

/// `join dataset ...`.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// `left`, `semi`, ...; `Inner` if nothing is written.
    pub kind: JoinKind,
    /// The other side.
    pub dataset: Dataset,
    /// `as n`: what the right row is called.
    pub alias: Option<Name>,
    /// `on ...`; empty only where nothing is written.
    pub on: Vec<JoinKey>,
    /// `expect m:1`.
    pub expect: Option<Cardinality>,
    /// `using broadcast`.
    pub using: Option<JoinHint>,
}

/// Which rows a join keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoinKind {
    /// `join`
    Inner,
    /// `left join`
    Left,
    /// `right join`
    Right,
    /// `full join`
    Full,
    /// `semi join`
    Semi,
    /// `anti join`
    Anti,
    /// `cross join`
    Cross,
}

/// One part of `on`.
#[derive(Clone, Debug, PartialEq)]
pub struct JoinKey {
    /// Which.
    pub kind: JoinKeyKind,
    /// All of it.
    pub span: Span,
}

/// The forms of join keys.
#[derive(Clone, Debug, PartialEq)]
pub enum JoinKeyKind {
    /// A field that both sides have.
    Same(Expr),
    /// `left == right`; the left side belongs to the pipeline.
    Equal {
        /// Of the pipeline.
        left: Expr,
        /// Of the joined dataset.
        right: Expr,
    },
}

/// `m:1` and its like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cardinality {
    /// True if many rows of the pipeline may match one of the dataset.
    pub left_many: bool,
    /// True if many rows of the dataset may match one of the pipeline.
    pub right_many: bool,
    /// Where it stands.
    pub span: Span,
}

/// `using ...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JoinHint {
    /// Which way to join.
    pub strategy: JoinStrategy,
    /// The word.
    pub span: Span,
}

/// Ways to join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoinStrategy {
    /// `broadcast`
    Broadcast,
    /// `shuffle`
    Shuffle,
    /// `merge`
    Merge,
}

/// `window per k sort s frame -6..0 { ... }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Of each key; empty for all rows.
    pub per: Vec<Key>,
    /// In this order; empty for none.
    pub sort: Vec<SortKey>,
    /// A `Range` of row offsets.
    pub frame: Option<Expr>,
    /// The added fields.
    pub record: Record,
}

/// `write target as format partition by k mode append unordered`.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Where to: a `Str`, `FStr` or `Dollar`.
    pub target: Expr,
    /// `as csv(...)`; without it the suffix of the target tells.
    pub format: Option<Format>,
    /// `partition by`; empty for none.
    pub partition: Vec<Key>,
    /// `mode ...`.
    pub mode: Option<WriteMode>,
    /// True if row order need not be kept.
    pub unordered: bool,
}

/// A `through` stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Through {
    /// The command: a `Str`, `FStr` or `Dollar`.
    pub command: Expr,
    /// `as jsonl`: how rows go to the command and come back.
    pub format: Option<Format>,
    /// `schema S`: the rows that come back.
    pub schema: Option<SchemaRef>,
    /// `slots n`: how many of it run at a time.
    pub slots: Option<Expr>,
}

/// `mode ...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WriteMode {
    /// Which.
    pub kind: WriteModeKind,
    /// The word.
    pub span: Span,
}

/// What `write` does if the target exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WriteModeKind {
    /// `replace`
    Replace,
    /// `append`
    Append,
    /// `error`
    Error,
}

impl StageKind {
    /// The word that begins the stage; `use` for a pipe.
    pub fn keyword(&self) -> &'static str {
        match self {
            StageKind::Error => "error",
            StageKind::Filter(_) => "filter",
            StageKind::Map(_) => "map",
            StageKind::FlatMap(_) => "flat_map",
            StageKind::Check { .. } => "check",
            StageKind::Reduce(_) => "reduce",
            StageKind::ReduceByKey { .. } => "reduce_by_key",
            StageKind::GroupByKey { .. } => "group_by_key",
            StageKind::Count => "count",
            StageKind::Distinct { .. } => "distinct",
            StageKind::Sort(_) => "sort",
            StageKind::Take { .. } => "take",
            StageKind::Skip(_) => "skip",
            StageKind::Sample { .. } => "sample",
            StageKind::Union(_) => "union",
            StageKind::Intersect { .. } => "intersect",
            StageKind::Except { .. } => "except",
            StageKind::Join(_) => "join",
            StageKind::Window(_) => "window",
            StageKind::Persist { .. } => "persist",
            StageKind::Repartition { .. } => "repartition",
            StageKind::Coalesce(_) => "coalesce",
            StageKind::Through(_) => "through",
            StageKind::Write(_) => "write",
            StageKind::Show { .. } => "show",
            StageKind::Use { .. } => "use",
        }
    }
}

impl JoinKind {
    /// The word in front of `join`; empty for an inner join.
    pub fn word(self) -> &'static str {
        match self {
            JoinKind::Inner => "",
            JoinKind::Left => "left",
            JoinKind::Right => "right",
            JoinKind::Full => "full",
            JoinKind::Semi => "semi",
            JoinKind::Anti => "anti",
            JoinKind::Cross => "cross",
        }
    }
}

impl JoinStrategy {
    /// As written behind `using`.
    pub fn word(self) -> &'static str {
        match self {
            JoinStrategy::Broadcast => "broadcast",
            JoinStrategy::Shuffle => "shuffle",
            JoinStrategy::Merge => "merge",
        }
    }
}

impl WriteModeKind {
    /// As written behind `mode`.
    pub fn word(self) -> &'static str {
        match self {
            WriteModeKind::Replace => "replace",
            WriteModeKind::Append => "append",
            WriteModeKind::Error => "error",
        }
    }
}

impl std::fmt::Display for Cardinality {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side = |many| if many { "m" } else { "1" };
        write!(f, "{}:{}", side(self.left_many), side(self.right_many))
    }
}
