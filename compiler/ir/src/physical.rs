//! The physical plan: stages cut at exchanges. Its serde form is what an executor receives.
//!
//! A stage reads one or more inputs in order, sends every batch down a tree of row-wise
//! operations, and ends in leaves. Each leaf either delivers a dataset that later stages read,
//! or is a sink. Stages stand in the order in which they run. Nothing refers to program names.

use crate::aggregate::Aggregate;
use crate::expr::{Expr, Span};
use crate::join::{Contract, JoinKind, JoinStrategy};
use crate::layout_of_rows::RowLayout;
use crate::logical::{ColumnId, Computed, SortKey};
use crate::persist::Persist;
use crate::sample::Sample;
use crate::set_operation::SetOperation;
use crate::source::{Sink, Source};
use crate::types::DataType;
use crate::value::Value;
use crate::window::Window;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The version of the serialized form; executors refuse others.
///
/// It goes up with every change after which a plan of one flowc could be read by another and mean something else, or
/// not be read: a field that comes, goes or gets another name, type or meaning; a variant that goes or gets another name
/// or meaning. A new variant needs no new version: who does not know it cannot read a plan that has it, and says so.
/// `plan_shape.txt` has the form of this version, and `tests/suite/plan_shape.rs` compares the two.
pub const PLAN_VERSION: u32 = 2;

/// A stage's index in its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StageId(pub u32);

/// A dataset that a leaf delivers to later stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DatasetId(pub u32);

/// A typed column, by id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TypedColumn {
    /// Its id.
    pub id: ColumnId,
    /// Its type.
    pub ty: DataType,
}

/// A whole program, ready to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhysicalPlan {
    /// [`PLAN_VERSION`] of the compiler that made it.
    pub version: u32,
    /// In running order: a stage's inputs come from stages before it.
    pub stages: Vec<Stage>,
    /// The loops, in running order; they do not overlap.
    pub loops: Vec<Loop>,
    /// Columns whose bad values are no errors, because the program does not use them.
    pub unused: BTreeSet<ColumnId>,
}

/// An `iterate`: a run of stages that is repeated with the rows it made before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loop {
    /// The first stage of a round.
    pub first: StageId,
    /// The stage behind the last one of a round; the same as `first` if a round needs no stage.
    pub end: StageId,
    /// The rows before the first round.
    pub start: DatasetId,
    /// The rows of a round.
    pub body: DatasetId,
    /// What the stages of a round read: the rows before it.
    pub state: DatasetId,
    /// What the stages behind the loop read: the rows of the last round.
    pub result: DatasetId,
    /// The columns of `state` and `result`, with those of `start` and `body` that become them.
    pub columns: Vec<LoopColumn>,
    /// Ends the loop after a round: a dataset of one row, and its column that must be true.
    pub until: Option<(DatasetId, ColumnId)>,
    /// How many rounds there are at most.
    pub rounds: u64,
    /// The span of the `iterate`.
    pub span: Span,
}

/// A column of a loop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoopColumn {
    /// Its id and type.
    pub column: TypedColumn,
    /// The column of the rows before the first round.
    pub start: ColumnId,
    /// The column of the rows of a round.
    pub body: ColumnId,
}

/// One pass over some inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its position.
    pub id: StageId,
    /// Read one after the other; the rows of the first come first.
    pub inputs: Vec<Input>,
    /// What happens to every batch.
    pub branch: Branch,
}

/// An input of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Where the rows come from.
    pub from: InputFrom,
    /// Operations on this input alone, before the common branch (for unions).
    pub operations: Vec<Operation>,
    /// Renames columns to the ids the branch uses: (branch's id, input's id). Empty: no renaming.
    pub rename: Vec<(ColumnId, ColumnId)>,
}

/// Where rows come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum InputFrom {
    /// Files.
    Read(Source),
    /// Literal rows, in the order of `columns`.
    Rows {
        /// The columns.
        columns: Vec<TypedColumn>,
        /// One vector a row.
        rows: Vec<Vec<Value>>,
        /// The span of the `rows`.
        span: Span,
    },
    /// What an earlier stage delivered.
    Dataset {
        /// Which.
        id: DatasetId,
        /// Its columns.
        columns: Vec<TypedColumn>,
    },
    /// What the processes of a `through` answered to an earlier stage.
    Answers {
        /// Delivered by the leaf that wrote to them.
        id: DatasetId,
        /// How they are read.
        source: Source,
    },
}

impl InputFrom {
    /// The rows as text that has to be read, if they are that.
    pub fn source(&self) -> Option<&Source> {
        match self {
            InputFrom::Read(source) | InputFrom::Answers { source, .. } => Some(source),
            InputFrom::Rows { .. } | InputFrom::Dataset { .. } => None,
        }
    }
}

/// A run of row-wise operations and how it ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Branch {
    /// Applied in order.
    pub operations: Vec<Operation>,
    /// Then.
    pub end: BranchEnd,
}

/// The end of a branch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum BranchEnd {
    /// Every batch goes down each of these.
    Split(Vec<Branch>),
    /// The rows leave the stage.
    Leaf(Leaf),
}

/// A row-wise operation with its place in the program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// What it does.
    pub kind: OperationKind,
    /// The columns it delivers. Every one exists in its input or is made by it.
    pub columns: Vec<TypedColumn>,
    /// The stage's span in the program.
    pub span: Span,
}

/// The row-wise operations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum OperationKind {
    /// Keeps the rows where the predicate is true. `a and b` is two filters: a row that one of them drops is no
    /// error in the other.
    Filter {
        /// The predicate.
        predicate: Expr,
    },
    /// Computes columns.
    Map {
        /// The new columns; they read only the input's columns.
        computed: Vec<Computed>,
    },
    /// One row for each element of a list.
    FlatMap {
        /// New columns besides the exploded one.
        computed: Vec<Computed>,
        /// The list; its id is the element's.
        each: Computed,
    },
    /// A row error unless true.
    Check {
        /// The predicate.
        predicate: Expr,
        /// Why.
        message: String,
    },
    /// Passes the rows as they are; says how they may be laid out.
    Repartition {
        /// The parts asked for.
        layout: RowLayout,
    },
    /// Looks every row up in a dataset and delivers a row for each match, or as the kind says. Build
    /// rows that no row of the whole stage matched follow behind all others, if they stay.
    Join {
        /// Which rows stay.
        kind: JoinKind,
        /// The build side, complete before this stage starts.
        build: DatasetId,
        /// Its columns.
        build_columns: Vec<TypedColumn>,
        /// (probe side, build side).
        on: Vec<(ColumnId, ColumnId)>,
        /// Right and full joins: (new, own) of every column of the probe side. All of them must be
        /// good before a row counts as a match, whether or not anybody reads them.
        left_columns: Vec<(ColumnId, ColumnId)>,
        /// New ids of build columns: (new, build's own).
        right_columns: Vec<(ColumnId, ColumnId)>,
        /// The way that the program asks for.
        using: Option<JoinStrategy>,
    },
}

/// In which order a leaf delivers its groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupOrder {
    /// By key.
    Key,
    /// Nobody can see the order.
    Unseen,
}

/// What happens to the rows that reach the end of a branch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leaf {
    /// How they leave.
    pub kind: LeafKind,
    /// The dataset delivered; `None` for sinks.
    pub output: Option<DatasetId>,
    /// The columns delivered.
    pub columns: Vec<TypedColumn>,
    /// The stage's span in the program.
    pub span: Span,
}

/// The ways to leave a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum LeafKind {
    /// All rows, in order.
    Collect,
    /// Groups.
    ReduceByKey {
        /// The keys; none for `reduce`.
        keys: Vec<ColumnId>,
        /// The aggregates.
        aggregates: Vec<Aggregate>,
        /// The order of the groups.
        order: GroupOrder,
    },
    /// First rows of groups, in input order.
    Distinct {
        /// The columns compared.
        on: Vec<ColumnId>,
        /// Which row of a group is the first: the least in this order, then the one that came first.
        sort: Vec<SortKey>,
    },
    /// All rows, in order, with further columns.
    Window(Window),
    /// The first rows of groups, in input order.
    TakePer {
        /// How many of each.
        count: u64,
        /// The columns compared.
        per: Vec<ColumnId>,
    },
    /// All rows, sorted (stable); only the first `limit` if given.
    Sort {
        /// Most significant first.
        keys: Vec<SortKey>,
        /// A `take` right behind the sort.
        limit: Option<u64>,
    },
    /// The rows from `skip` on, at most `count` of them; reading stops when they are there.
    Take {
        /// Rows left out at the start.
        skip: u64,
        /// Rows delivered at most.
        count: Option<u64>,
    },
    /// Rows that another dataset has, or does not have, in input order.
    SetOperation {
        /// Which rows stay.
        operation: SetOperation,
        /// Duplicates count.
        all: bool,
        /// What the rows are looked up in, complete before this stage starts.
        other: DatasetId,
        /// Its columns.
        other_columns: Vec<TypedColumn>,
        /// All fields: (own, other's).
        on: Vec<(ColumnId, ColumnId)>,
    },
    /// Rows chosen by where they stand among all rows that reach the leaf.
    Sample(Sample),
    /// All rows, in order, stored.
    Persist(Persist),
    /// Delivers nothing; fails if two rows have the same key.
    Expect {
        /// The key; rows with a null in it do not count.
        on: Vec<ColumnId>,
        /// What is promised.
        contract: Contract,
    },
    /// Written, printed, or sent through processes, whose answers are the dataset then.
    Write(Sink),
}
