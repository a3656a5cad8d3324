//! Typed expressions: what a stage computes for one row.
//!
//! Every node carries its type and the span of program text it came from, so that a row error
//! can name the place that needed the value. There are no names inside: columns are
//! [`ColumnId`]s, lambda parameters are [`LocalId`]s. Record fields are positional.

use crate::function::Function;
use crate::logical::ColumnId;
use crate::types::DataType;
use crate::value::Value;
use serde::{Deserialize, Serialize};

/// A byte range of the program text (or of an imported file's).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    /// The source file: 0 is the program itself.
    pub file: u16,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// A variable bound inside an expression (a lambda parameter or a block `let`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LocalId(pub u32);

/// An expression with its type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expr {
    /// What it computes.
    pub kind: ExprKind,
    /// The type of the result.
    pub ty: DataType,
    /// Where it stands in the program.
    pub span: Span,
}

/// The forms of expressions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ExprKind {
    /// A field of the row.
    Column(ColumnId),
    /// A constant (also a parameter's value).
    Literal(Value),
    /// A variable bound by an enclosing `Lambda` or `Let`.
    Local(LocalId),
    /// A strict function: null if an argument is null, an error if an argument is one.
    Call {
        /// Which.
        function: Function,
        /// Its arguments, already widened to the types it takes.
        arguments: Vec<Expr>,
    },
    /// Kleene `and`; the right side's error does not matter when the left is false.
    And(Box<Expr>, Box<Expr>),
    /// Kleene `or`; the right side's error does not matter when the left is true.
    Or(Box<Expr>, Box<Expr>),
    /// `x is null`; an error in `x` stays an error.
    IsNull(Box<Expr>),
    /// `a ?? b`: `b` only matters when `a` is null.
    Coalesce(Box<Expr>, Box<Expr>),
    /// `if c then a else b`; a null condition counts as false. `match` lowers to nested `If`s.
    If {
        /// The condition.
        condition: Box<Expr>,
        /// The value where it is true.
        then: Box<Expr>,
        /// The value where it is false or null.
        otherwise: Box<Expr>,
    },
    /// `try(e)`: null where `e` is an error.
    Try(Box<Expr>),
    /// `same(a, b)`: null-safe equality.
    Same(Box<Expr>, Box<Expr>),
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `{ a: x, b: y }`; the names are in the type.
    Record(Vec<Expr>),
    /// A field of a record value.
    Field(Box<Expr>, u32),
    /// Binds `local` to `value` in `body`.
    Let {
        /// The variable.
        local: LocalId,
        /// What it stands for.
        value: Box<Expr>,
        /// Where it may be used.
        body: Box<Expr>,
    },
    /// An argument of a list function such as `map` or `filter`.
    Lambda {
        /// The parameters.
        parameters: Vec<LocalId>,
        /// The result.
        body: Box<Expr>,
    },
}

impl Expr {
    /// A literal of the given type.
    pub fn literal(value: Value, ty: DataType, span: Span) -> Self {
        Expr { kind: ExprKind::Literal(value), ty, span }
    }

    /// A column reference.
    pub fn column(id: ColumnId, ty: DataType, span: Span) -> Self {
        Expr { kind: ExprKind::Column(id), ty, span }
    }

    /// Calls `f` on every direct child.
    pub fn for_each_child<'a>(&'a self, mut f: impl FnMut(&'a Expr)) {
        match &self.kind {
            ExprKind::Column(_) | ExprKind::Literal(_) | ExprKind::Local(_) => {}
            ExprKind::Call { arguments, .. } => arguments.iter().for_each(f),
            ExprKind::List(items) | ExprKind::Record(items) => items.iter().for_each(f),
            ExprKind::And(a, b) | ExprKind::Or(a, b) | ExprKind::Coalesce(a, b) | ExprKind::Same(a, b) => {
                f(a);
                f(b);
            }
            ExprKind::IsNull(a) | ExprKind::Try(a) | ExprKind::Field(a, _) => f(a),
            ExprKind::If { condition, then, otherwise } => {
                f(condition);
                f(then);
                f(otherwise);
            }
            ExprKind::Let { value, body, .. } => {
                f(value);
                f(body);
            }
            ExprKind::Lambda { body, .. } => f(body),
        }
    }

    /// Calls `f` on every direct child, mutably.
    pub fn for_each_child_mut(&mut self, mut f: impl FnMut(&mut Expr)) {
        match &mut self.kind {
            ExprKind::Column(_) | ExprKind::Literal(_) | ExprKind::Local(_) => {}
            ExprKind::Call { arguments, .. } => arguments.iter_mut().for_each(f),
            ExprKind::List(items) | ExprKind::Record(items) => items.iter_mut().for_each(f),
            ExprKind::And(a, b) | ExprKind::Or(a, b) | ExprKind::Coalesce(a, b) | ExprKind::Same(a, b) => {
                f(a);
                f(b);
            }
            ExprKind::IsNull(a) | ExprKind::Try(a) | ExprKind::Field(a, _) => f(a),
            ExprKind::If { condition, then, otherwise } => {
                f(condition);
                f(then);
                f(otherwise);
            }
            ExprKind::Let { value, body, .. } => {
                f(value);
                f(body);
            }
            ExprKind::Lambda { body, .. } => f(body),
        }
    }

    /// Calls `f` on each part of a chain of `and`s, in order: a filter by the chain is a filter by each.
    pub fn for_each_conjunct<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        if let ExprKind::And(a, b) = &self.kind {
            a.for_each_conjunct(f);
            b.for_each_conjunct(f);
        } else {
            f(self);
        }
    }

    /// Adds every column this expression reads to `out`, each once, in order of first use.
    pub fn columns(&self, out: &mut Vec<ColumnId>) {
        if let ExprKind::Column(id) = self.kind
            && !out.contains(&id)
        {
            out.push(id);
        }
        self.for_each_child(|c| c.columns(out));
    }
}
