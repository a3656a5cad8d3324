//! Expressions: everything that computes a value from the fields of a row.
//!
//! Invariants: operators are already grouped by precedence; parentheses leave only a mark; a comparison never
//! has an unparenthesized comparison as operand.

use super::{Doc, Name, Path};
use crate::span::Span;

/// One expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// All of it, without parentheses around it.
    pub span: Span,
    /// The parentheses around it, if there are some: they matter for places and layout only.
    pub parens: Option<Span>,
}

impl Expr {
    /// An expression without parentheses.
    pub fn new(kind: ExprKind, span: Span) -> Expr {
        Expr { kind, span, parens: None }
    }

    /// All of it, with its parentheses if it has some.
    pub fn outer(&self) -> Span {
        self.parens.unwrap_or(self.span)
    }
}

/// The forms of expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A place that could not be read; an error about it has been reported.
    Error,
    /// A bare name: a field of the row, or a lambda's or function's parameter.
    Ident(Name),
    /// `$name`: a value from outside the row. The name's span leaves the `$` out.
    Dollar(Name),
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// `1_000`.
    Int(IntLit),
    /// `0.1`, `1e-6`; the text is kept because it may become a decimal.
    Float(FloatLit),
    /// `"..."` with its escapes resolved.
    Str(String),
    /// `f"..."`.
    FStr(Vec<FPart>),
    /// `r"..."`: the pattern as written.
    Regex(String),
    /// `@2024-05-01`: days since 1970-01-01, a date that exists.
    Date(i32),
    /// `@2024-05-01T10:00:00Z`: microseconds since 1970-01-01 in UTC.
    Timestamp(i64),
    /// `30min`.
    Duration(DurationLit),
    /// `-x`, `not x`.
    Unary {
        /// Which.
        op: UnaryOp,
        /// The operator's place.
        op_span: Span,
        /// What it applies to.
        operand: Box<Expr>,
    },
    /// `a + b` and all other two-sided operators but `..`.
    Binary {
        /// Which.
        op: BinaryOp,
        /// The operator's place.
        op_span: Span,
        /// Left side.
        left: Box<Expr>,
        /// Right side.
        right: Box<Expr>,
    },
    /// `a..b`, both ends included.
    Range {
        /// First value.
        low: Box<Expr>,
        /// Last value.
        high: Box<Expr>,
        /// The place of `..`.
        op_span: Span,
    },
    /// `x is null`, `x is not null`.
    IsNull {
        /// What is asked about.
        operand: Box<Expr>,
        /// True for `is not null`.
        negated: bool,
        /// From `is` to `null`.
        op_span: Span,
    },
    /// `name(args)`.
    Call {
        /// The function.
        callee: Name,
        /// Its arguments.
        args: Vec<Arg>,
    },
    /// `receiver.name(args)`. `geo.haversine_m(..)` has this form too, with the module as an `Ident` receiver:
    /// only names tell the two apart.
    Method {
        /// The value in front of the dot.
        receiver: Box<Expr>,
        /// The function.
        name: Name,
        /// Its further arguments.
        args: Vec<Arg>,
    },
    /// `receiver.name`.
    Member {
        /// The value in front of the dot.
        receiver: Box<Expr>,
        /// The field.
        name: Name,
    },
    /// `receiver[index]`.
    Index {
        /// The list.
        receiver: Box<Expr>,
        /// The position.
        index: Box<Expr>,
    },
    /// `x -> e`, `(a, b) -> e`; only as an argument of a call.
    Lambda {
        /// Parameter names, at least one.
        params: Vec<Name>,
        /// The result.
        body: Box<Expr>,
    },
    /// `if c then a else b`.
    If {
        /// `c`.
        condition: Box<Expr>,
        /// `a`.
        then_value: Box<Expr>,
        /// `b`.
        else_value: Box<Expr>,
    },
    /// `match x { 1 => a, _ => b }`; without `x` the patterns are conditions.
    Match {
        /// `x`.
        subject: Option<Box<Expr>>,
        /// At least one.
        arms: Vec<Arm>,
    },
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `{ a: 1, b }`.
    Record(Record),
}

/// An integer literal that fits 128 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntLit {
    /// As written, underscores included.
    pub text: String,
    /// Its value; never negative.
    pub value: i128,
}

/// A literal with a fraction or an exponent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloatLit {
    /// As written, underscores included.
    pub text: String,
}

impl FloatLit {
    /// The digits without underscores, as number parsers want them.
    pub fn digits(&self) -> String {
        self.text.replace('_', "")
    }

    /// The nearest 64-bit float.
    pub fn value(&self) -> f64 {
        self.digits().parse().unwrap_or(f64::NAN)
    }
}

/// A duration literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurationLit {
    /// As written.
    pub text: String,
    /// Its length in microseconds.
    pub micros: i64,
}

/// A part of an interpolated string.
#[derive(Clone, Debug, PartialEq)]
pub enum FPart {
    /// Text with its escapes resolved.
    Text(String),
    /// `{expr:format}`.
    Hole {
        /// The value.
        expr: Expr,
        /// What stands after the `:`, such as `.2f`.
        format: Option<FormatSpec>,
    },
}

/// The text after `:` in a hole of an interpolated string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatSpec {
    /// As written.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// One-sided operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `-`
    Neg,
    /// `not`
    Not,
}

/// Two-sided operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `**`
    Pow,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `//`
    FloorDiv,
    /// `%`
    Rem,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `??`
    Coalesce,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `in`
    In,
    /// `not in`
    NotIn,
    /// `=~`
    Matches,
    /// `!~`
    NotMatches,
    /// `and`
    And,
    /// `or`
    Or,
}

impl UnaryOp {
    /// As written in programs.
    pub fn symbol(self) -> &'static str {
        match self {
            UnaryOp::Neg => "-",
            UnaryOp::Not => "not",
        }
    }
}

impl BinaryOp {
    /// As written in programs.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Pow => "**",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::FloorDiv => "//",
            BinaryOp::Rem => "%",
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Coalesce => "??",
            BinaryOp::Eq => "==",
            BinaryOp::Ne => "!=",
            BinaryOp::Lt => "<",
            BinaryOp::Le => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Ge => ">=",
            BinaryOp::In => "in",
            BinaryOp::NotIn => "not in",
            BinaryOp::Matches => "=~",
            BinaryOp::NotMatches => "!~",
            BinaryOp::And => "and",
            BinaryOp::Or => "or",
        }
    }

    /// True for the operators that do not chain.
    pub fn is_comparison(self) -> bool {
        use BinaryOp::*;
        matches!(self, Eq | Ne | Lt | Le | Gt | Ge | In | NotIn | Matches | NotMatches)
    }
}

/// An argument of a call, a format or a stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Arg {
    /// `name:` in front of the value.
    pub name: Option<Name>,
    /// The value.
    pub value: Expr,
    /// Both.
    pub span: Span,
}

/// `1 | 2 => value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// What is matched.
    pub pattern: Pattern,
    /// The result.
    pub value: Expr,
    /// Both.
    pub span: Span,
}

/// The left side of an arm.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// `_`
    Wildcard(Span),
    /// Values or ranges to compare the subject with; conditions if there is no subject.
    Any(Vec<Expr>),
}

/// `{ ... }` that builds a row or a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// In source order.
    pub entries: Vec<Entry>,
    /// With its braces.
    pub span: Span,
}

/// One entry of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it adds.
    pub kind: EntryKind,
    /// All of it.
    pub span: Span,
    /// `##` lines above it.
    pub doc: Option<Doc>,
}

/// The forms of record entries.
#[derive(Clone, Debug, PartialEq)]
pub enum EntryKind {
    /// A place that could not be read.
    Error,
    /// `name: value`.
    Named {
        /// The new field.
        name: Name,
        /// Its value.
        value: Expr,
    },
    /// `name: each list`, only meant in `flat_map`.
    Each {
        /// The new field.
        name: Name,
        /// The list that is taken apart.
        value: Expr,
    },
    /// `name` or `a.b.name`: the field under its own (last) name.
    Shorthand(Path),
    /// `*`, `c.*`, `* except (a, b)`.
    Spread {
        /// `c` of `c.*`.
        base: Option<Path>,
        /// Fields that are left out.
        except: Vec<Name>,
    },
}
