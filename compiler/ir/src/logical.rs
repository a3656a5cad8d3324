//! The logical plan: a graph of typed operators, one arena a program.
//!
//! Invariants (checked by `verify`): a node's inputs come before it; every column id is defined
//! by exactly one node and passed on unchanged by others; every expression reads only columns of
//! its node's input; records are flattened, so a column holds no record unless inside a list.

use crate::aggregate::Aggregate;
use crate::expr::{Expr, Span};
use crate::join::{Contract, JoinKind, JoinStrategy};
use crate::layout_of_rows::RowLayout;
use crate::persist::Persist;
use crate::sample::Sample;
use crate::set_operation::SetOperation;
use crate::source::{Sink, Source};
use crate::types::DataType;
use crate::value::Value;
use crate::window::Window;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A column's identity in a plan. Passing a column on keeps its id; computing makes a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ColumnId(pub u32);

/// A node's index in its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub u32);

/// A typed column of a node's output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputColumn {
    /// Its id.
    pub id: ColumnId,
    /// The path of names it has here: several inside records.
    pub path: Vec<String>,
    /// Its type.
    pub ty: DataType,
}

/// One key of a sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortKey {
    /// The column.
    pub column: ColumnId,
    /// Largest first.
    pub descending: bool,
    /// Nulls before everything else (they come last otherwise, in both directions).
    pub nulls_first: bool,
}

/// A computed column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Computed {
    /// The new column.
    pub id: ColumnId,
    /// How it is computed.
    pub expr: Expr,
}

/// One operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Operator {
    /// `read`.
    Read(Source),
    /// `rows [...]`: one vector a row, in the order of the node's columns.
    Rows(Vec<Vec<Value>>),
    /// `filter`. By `a and b` it is two filters: a row that one of them drops is no error in the other.
    Filter {
        /// The rows.
        input: NodeId,
        /// Kept where true.
        predicate: Expr,
    },
    /// `map`: the node's columns are inputs passed on or computed here.
    Map {
        /// The rows.
        input: NodeId,
        /// The computed columns, in order of definition. They read only the input's columns.
        computed: Vec<Computed>,
    },
    /// `flat_map`: one row for each element of `each`; the other computed columns are repeated.
    FlatMap {
        /// The rows.
        input: NodeId,
        /// The computed columns besides the exploded one.
        computed: Vec<Computed>,
        /// The exploded column; its expression is the list, its id the element.
        each: Computed,
    },
    /// `check`: a row error unless true. Filters do not cross it.
    Check {
        /// The rows.
        input: NodeId,
        /// What must be true.
        predicate: Expr,
        /// Why, as written.
        message: String,
    },
    /// `reduce` (no keys, always one row) and `reduce_by_key` (a row a key, in key order).
    ReduceByKey {
        /// The rows.
        input: NodeId,
        /// The key columns; they keep their ids.
        keys: Vec<ColumnId>,
        /// The aggregates.
        aggregates: Vec<Aggregate>,
    },
    /// `distinct`: the first row of each different `on`, where it stands.
    Distinct {
        /// The rows.
        input: NodeId,
        /// The columns compared.
        on: Vec<ColumnId>,
        /// Which row of several is the first: the least in this order, then the one that came first.
        sort: Vec<SortKey>,
    },
    /// `window`: every row as it is, where it is, with further columns.
    Window {
        /// The rows.
        input: NodeId,
        /// What is added.
        window: Window,
    },
    /// `take n per k`: the first rows of each different `per`, where they stand.
    TakePer {
        /// The rows.
        input: NodeId,
        /// How many of each.
        count: u64,
        /// The columns compared.
        per: Vec<ColumnId>,
    },
    /// `sort`: stable.
    Sort {
        /// The rows.
        input: NodeId,
        /// Most significant first.
        keys: Vec<SortKey>,
    },
    /// `take`.
    Take {
        /// The rows.
        input: NodeId,
        /// How many of the first.
        count: u64,
    },
    /// `skip`.
    Skip {
        /// The rows.
        input: NodeId,
        /// How many of the first to leave out.
        count: u64,
    },
    /// `union`: all rows of the first input, then of the second, and so on.
    Union {
        /// The inputs.
        inputs: Vec<NodeId>,
        /// For each input, its columns in the order of this node's columns (which have new ids).
        columns: Vec<Vec<ColumnId>>,
    },
    /// `join`, on equal keys: left order, then right order; right rows without a match that stay come
    /// last. Null keys match nothing.
    Join {
        /// Which rows stay.
        kind: JoinKind,
        /// The rows whose order leads.
        left: NodeId,
        /// The other side.
        right: NodeId,
        /// Pairs of equal columns (left, right); none in a cross join.
        on: Vec<(ColumnId, ColumnId)>,
        /// Right and full joins: new ids for the columns of the left side, which may be null there:
        /// (new, left's own). Empty in other joins, which pass left columns on.
        left_columns: Vec<(ColumnId, ColumnId)>,
        /// New ids for the columns of the right side that the output has: (new, right's own).
        right_columns: Vec<(ColumnId, ColumnId)>,
        /// The way that the program asks for; it never changes the result.
        using: Option<JoinStrategy>,
    },
    /// `intersect` and `except`: rows of the left side, where they stand. Nulls equal nulls.
    SetOperation {
        /// Which rows stay.
        operation: SetOperation,
        /// Duplicates count: of equal rows, the first ones stay. Otherwise only the first.
        all: bool,
        /// The rows.
        left: NodeId,
        /// What they are looked up in.
        right: NodeId,
        /// All fields: (left, right).
        on: Vec<(ColumnId, ColumnId)>,
    },
    /// `sample`: chosen by where rows stand; those that are, in order.
    Sample {
        /// The rows.
        input: NodeId,
        /// Which.
        sample: Sample,
    },
    /// `repartition` and `coalesce`: the rows pass as they are.
    Repartition {
        /// The rows.
        input: NodeId,
        /// The parts asked for.
        layout: RowLayout,
    },
    /// `persist` with a level that uses the disk: all rows, stored. Nothing crosses it: what is stored must not
    /// depend on who reads it.
    Persist {
        /// The rows.
        input: NodeId,
        /// How they are kept.
        persist: Persist,
    },
    /// `expect` of a join: fails unless no two rows have the same key. The rows pass unchanged.
    Expect {
        /// The rows.
        input: NodeId,
        /// The key; rows with a null in it do not count.
        on: Vec<ColumnId>,
        /// What is promised, for the message.
        contract: Contract,
    },
    /// `through`: the rows go to processes, and what they answer comes in their place, in order.
    Through {
        /// The rows.
        input: NodeId,
        /// How they go there; its target is [`crate::source::Target::Processes`].
        sink: Sink,
        /// What comes back; its one file is the command.
        answers: Source,
    },
    /// The rows of an `iterate` before the round that is running. Its columns are the loop's own; every
    /// expression below the loop's body that depends on them is computed once a round.
    LoopRows,
    /// `iterate`: the rows of `start`, replaced by those of `body` once a round.
    Iterate {
        /// The [`Operator::LoopRows`] of this loop, whose columns this node passes on.
        state: NodeId,
        /// The rows before the first round.
        start: NodeId,
        /// The rows of a round.
        body: NodeId,
        /// Ends the loop after a round: a node with one row, and its column that must be true.
        until: Option<(NodeId, ColumnId)>,
        /// For each column of the state, the one of `start`.
        start_columns: Vec<ColumnId>,
        /// For each column of the state, the one of `body`.
        body_columns: Vec<ColumnId>,
        /// How many rounds there are at most.
        rounds: u64,
    },
    /// `write`, `show`, or the print at the end of a pipeline without one.
    Write {
        /// The rows.
        input: NodeId,
        /// Where and how.
        sink: Sink,
    },
}

/// An operator with the shape of its output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// What it does.
    pub operator: Operator,
    /// The columns it delivers, in order. Empty for sinks.
    pub columns: Vec<OutputColumn>,
    /// The stage's span in the program.
    pub span: Span,
}

/// A whole program, checked and typed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogicalPlan {
    /// The arena; inputs come before their users.
    pub nodes: Vec<Node>,
    /// The sinks, in program order. Everything they do not reach is dead.
    pub sinks: Vec<NodeId>,
    /// Columns the program never uses, decided before any pass ran: their bad values are no errors.
    pub unused: BTreeSet<ColumnId>,
    /// One past the largest column id handed out.
    pub next_column: u32,
}

impl LogicalPlan {
    /// The node of that id.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// Appends a node.
    pub fn push(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId((self.nodes.len() - 1) as u32)
    }

    /// A column id nobody has.
    pub fn fresh_column(&mut self) -> ColumnId {
        self.next_column += 1;
        ColumnId(self.next_column - 1)
    }
}

impl Operator {
    /// The operator's inputs, in order.
    pub fn inputs(&self) -> Vec<NodeId> {
        match self {
            Operator::Read(_) | Operator::Rows(_) | Operator::LoopRows => Vec::new(),
            Operator::Iterate { state, start, body, until, .. } => {
                [*state, *start, *body].into_iter().chain(until.map(|(node, _)| node)).collect()
            }
            Operator::Union { inputs, .. } => inputs.clone(),
            Operator::Join { left, right, .. } | Operator::SetOperation { left, right, .. } => {
                vec![*left, *right]
            }
            Operator::Filter { input, .. }
            | Operator::Map { input, .. }
            | Operator::FlatMap { input, .. }
            | Operator::Check { input, .. }
            | Operator::Expect { input, .. }
            | Operator::Sample { input, .. }
            | Operator::Repartition { input, .. }
            | Operator::Persist { input, .. }
            | Operator::ReduceByKey { input, .. }
            | Operator::Distinct { input, .. }
            | Operator::Window { input, .. }
            | Operator::TakePer { input, .. }
            | Operator::Sort { input, .. }
            | Operator::Take { input, .. }
            | Operator::Skip { input, .. }
            | Operator::Through { input, .. }
            | Operator::Write { input, .. } => vec![*input],
        }
    }

    /// The word of the language for it.
    pub fn name(&self) -> &'static str {
        match self {
            Operator::Read(_) => "read",
            Operator::Rows(_) => "rows",
            Operator::LoopRows => "loop_rows",
            Operator::Iterate { .. } => "iterate",
            Operator::Filter { .. } => "filter",
            Operator::Map { .. } => "map",
            Operator::FlatMap { .. } => "flat_map",
            Operator::Check { .. } => "check",
            Operator::ReduceByKey { keys, .. } if keys.is_empty() => "reduce",
            Operator::ReduceByKey { .. } => "reduce_by_key",
            Operator::Distinct { .. } => "distinct",
            Operator::Window { .. } => "window",
            Operator::TakePer { .. } => "take",
            Operator::Sort { .. } => "sort",
            Operator::Take { .. } => "take",
            Operator::Skip { .. } => "skip",
            Operator::Union { .. } => "union",
            Operator::Join { kind, .. } => kind.name(),
            Operator::Expect { .. } => "expect",
            Operator::Sample { .. } => "sample",
            Operator::Repartition { layout, .. } => layout.name(),
            Operator::Persist { .. } => "persist",
            Operator::SetOperation { operation, .. } => operation.name(),
            Operator::Through { .. } => "through",
            Operator::Write { sink, .. } => sink.target.name(),
        }
    }
}
