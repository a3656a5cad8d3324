//! Operator precedence: a flat run of operands and operators becomes a tree.
//!
//! Tight to loose: `**` (right to left), unary `-`, `* / // %`, `+ -`, `??`, `..`, comparisons with `in`, `=~`
//! and `is null`, `not`, `and`, `or`. Comparisons and ranges do not chain.

use super::Builder;
use crate::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use crate::error::SyntaxError;
use crate::span::Span;
use std::iter::Peekable;
use std::vec::IntoIter;

/// One element of a flat expression.
pub(super) enum Piece {
    /// A complete operand with its calls, members and indexes.
    Operand(Expr),
    /// A one-sided operator in front of an operand.
    Prefix(UnaryOp, Span),
    /// A two-sided operator.
    Infix(Infix, Span),
    /// `is null` or, if true, `is not null`.
    IsNull(bool, Span),
}

/// Two-sided operators, `..` among them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Infix {
    /// All but `..`.
    Binary(BinaryOp),
    /// `..`
    Range,
}

const NOT: u8 = 2;
const COMPARISON: u8 = 3;
const RANGE: u8 = 4;
const POWER: u8 = 9;

impl Infix {
    fn binding(self) -> u8 {
        use BinaryOp::*;
        match self {
            Infix::Binary(Or) => 0,
            Infix::Binary(And) => 1,
            Infix::Binary(Eq | Ne | Lt | Le | Gt | Ge | In | NotIn | Matches | NotMatches) => COMPARISON,
            Infix::Range => RANGE,
            Infix::Binary(Coalesce) => 5,
            Infix::Binary(Add | Sub) => 6,
            Infix::Binary(Mul | Div | FloorDiv | Rem) => 7,
            Infix::Binary(Pow) => POWER,
        }
    }
}

type Pieces = Peekable<IntoIter<Piece>>;

impl Builder<'_> {
    /// Groups `pieces`; the caller has checked that there are not too many.
    pub(super) fn group_operators(&mut self, pieces: Vec<Piece>, near: Span) -> Expr {
        self.climb(&mut pieces.into_iter().peekable(), 0, near)
    }

    /// Reads an operand and all operators that bind at least as tightly as `minimum`.
    fn climb(&mut self, pieces: &mut Pieces, minimum: u8, near: Span) -> Expr {
        let mut left = match pieces.next() {
            Some(Piece::Operand(operand)) => operand,
            Some(Piece::Prefix(op, op_span)) => {
                let tightest_inside = if op == UnaryOp::Not { NOT + 1 } else { POWER };
                let operand = self.climb(pieces, tightest_inside, near);
                let span = op_span.to(operand.outer());
                Expr::new(ExprKind::Unary { op, op_span, operand: Box::new(operand) }, span)
            }
            _ => return Expr::new(ExprKind::Error, near.after()),
        };
        loop {
            let binding = match pieces.peek() {
                Some(Piece::Infix(infix, _)) => infix.binding(),
                Some(Piece::IsNull(..)) => COMPARISON,
                _ => return left,
            };
            if binding < minimum {
                return left;
            }
            left = match pieces.next() {
                Some(Piece::Infix(infix, op_span)) => {
                    let next_minimum = if binding == POWER { binding } else { binding + 1 };
                    let right = self.climb(pieces, next_minimum, near);
                    if self.is_chain(&left, infix, op_span, &right) {
                        // What it would mean has been asked; its types would only be asked about again.
                        Expr::new(ExprKind::Error, left.outer().to(right.outer()))
                    } else {
                        join(left, infix, op_span, right)
                    }
                }
                Some(Piece::IsNull(negated, op_span)) => {
                    if is_comparison(&left) {
                        self.chain_error(&left, op_span, None);
                    }
                    let span = left.outer().to(op_span);
                    Expr::new(ExprKind::IsNull { operand: Box::new(left), negated, op_span }, span)
                }
                _ => return left,
            };
        }
    }

    /// Whether two operators chain that do not, which is reported.
    fn is_chain(&mut self, left: &Expr, infix: Infix, op_span: Span, right: &Expr) -> bool {
        match infix {
            Infix::Binary(op) if op.is_comparison() && is_comparison(left) => {
                self.chain_error(left, op_span, Some(right));
                true
            }
            Infix::Range if matches!(left.kind, ExprKind::Range { .. }) && left.parens.is_none() => {
                let error = SyntaxError::new("F1007", op_span, "a range has two ends, not three")
                    .label(op_span, "remove this `..`");
                self.error(error);
                true
            }
            _ => false,
        }
    }

    fn chain_error(&mut self, left: &Expr, op_span: Span, right: Option<&Expr>) {
        let mut error = SyntaxError::new("F1007", op_span, "comparisons do not chain")
            .label(op_span, "this would compare the result, true or false");
        if let ExprKind::Binary { right: middle, op_span: first, .. } = &left.kind {
            let text = |span: Span| span.text(self.source);
            let middle_text = text(middle.outer());
            let first_half = text(left.outer());
            let second_half = text(op_span.to(right.map_or(op_span, Expr::outer)));
            error = error.label(*first, "the first comparison");
            error = error.note(format!("to ask for both: {first_half} and {middle_text} {second_half}"));
            error = error.fix(op_span.before(), format!("and {middle_text} "));
        }
        error = error.note("to compare a result with true or false, put it in parentheses");
        self.error(error);
    }
}

fn is_comparison(expr: &Expr) -> bool {
    let compares = match &expr.kind {
        ExprKind::Binary { op, .. } => op.is_comparison(),
        ExprKind::IsNull { .. } => true,
        _ => false,
    };
    compares && expr.parens.is_none()
}

fn join(left: Expr, infix: Infix, op_span: Span, right: Expr) -> Expr {
    let span = left.outer().to(right.outer());
    let (left, right) = (Box::new(left), Box::new(right));
    let kind = match infix {
        Infix::Binary(op) => ExprKind::Binary { op, op_span, left, right },
        Infix::Range => ExprKind::Range { low: left, high: right, op_span },
    };
    Expr::new(kind, span)
}
