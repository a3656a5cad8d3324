//! Expressions: operands with their calls, members and indexes, and the forms with keywords.
//!
//! Invariant: the height of the tree stays below `DEPTH_MAX`; operators count one each, because a long chain
//! of them is as deep as it is long.

use super::operators::{Infix, Piece};
use super::{Builder, Children};
use crate::DEPTH_MAX;
use crate::ast::{Arg, Arm, BinaryOp, Expr, ExprKind, Pattern, UnaryOp};
use crate::error::SyntaxError;
use crate::parser::{Node, Rule};
use crate::span::Span;

impl Builder<'_> {
    /// An `expr` node.
    pub(crate) fn expr(&mut self, node: Node<'_>) -> Expr {
        let span = self.span(&node);
        let height = node.clone().into_inner().count();
        if self.depth + height > DEPTH_MAX {
            let error = SyntaxError::new("F1008", span, "this expression is nested too deeply")
                .label(
                    span.before(),
                    format!("more than {DEPTH_MAX} operators and brackets inside each other"),
                )
                .note("name a part of it with `fn`; for many alternatives, use `x in [a, b, c]` or `match`");
            self.error(error);
            return Expr::new(ExprKind::Error, span);
        }
        self.depth += height;
        let pieces = self.pieces(node);
        self.depth -= height;
        self.group_operators(pieces, span)
    }

    fn pieces(&mut self, node: Node<'_>) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for part in node.into_inner() {
            let span = self.span(&part);
            match part.as_rule() {
                Rule::prefix => pieces.push(Piece::Prefix(self.prefix(part, span), span)),
                Rule::primary => pieces.push(Piece::Operand(self.primary(part))),
                Rule::postfix => {
                    let operand = match pieces.pop() {
                        Some(Piece::Operand(operand)) => operand,
                        other => {
                            pieces.extend(other);
                            Expr::new(ExprKind::Error, span.before())
                        }
                    };
                    pieces.push(Piece::Operand(self.postfix(operand, part, span)));
                }
                Rule::is_null => {
                    let negated = part.into_inner().any(|word| word.as_rule() == Rule::kw_not);
                    pieces.push(Piece::IsNull(negated, span));
                }
                _ => pieces.push(Piece::Infix(self.infix(part, span), span)),
            }
        }
        pieces
    }

    fn prefix(&mut self, node: Node<'_>, span: Span) -> UnaryOp {
        match node.into_inner().next().map(|inner| inner.as_rule()) {
            None => UnaryOp::Neg,
            Some(Rule::bad_not) => {
                let error = SyntaxError::new("F1002", span, "to negate a condition, write `not`")
                    .label(span, "write `not`")
                    .fix(span, "not ");
                self.error(error);
                UnaryOp::Not
            }
            Some(_) => UnaryOp::Not,
        }
    }

    fn infix(&mut self, node: Node<'_>, span: Span) -> Infix {
        use BinaryOp::*;
        let text = node.as_str().to_string();
        let op = match text.as_str() {
            "**" => Pow,
            "*" => Mul,
            "/" => Div,
            "//" => FloorDiv,
            "%" => Rem,
            "+" => Add,
            "-" => Sub,
            "??" => Coalesce,
            "==" => Eq,
            "!=" => Ne,
            "<" => Lt,
            "<=" => Le,
            ">" => Gt,
            ">=" => Ge,
            "in" => In,
            "=~" => Matches,
            "!~" => NotMatches,
            "and" => And,
            "or" => Or,
            ".." => return Infix::Range,
            _ => match node.into_inner().next().map(|inner| inner.as_rule()) {
                Some(Rule::not_in) => NotIn,
                _ => self.foreign_operator(&text, span),
            },
        };
        Infix::Binary(op)
    }

    /// An operator of another language, which is taken for what it means there.
    fn foreign_operator(&mut self, text: &str, span: Span) -> BinaryOp {
        let (op, message) = match text {
            "&&" => (BinaryOp::And, "to combine conditions, write `and`".to_string()),
            "||" => (BinaryOp::Or, "for one condition or another, write `or`".to_string()),
            "=" => (BinaryOp::Eq, "`=` gives names; to compare, write `==`".to_string()),
            "===" => (BinaryOp::Eq, "to compare, write `==`".to_string()),
            "!==" => (BinaryOp::Ne, "for a difference, write `!=`".to_string()),
            "<>" => (BinaryOp::Ne, "for a difference, write `!=`".to_string()),
            "=<" => (BinaryOp::Le, "for less or equal, write `<=`".to_string()),
            "^" => (BinaryOp::Pow, "for a power, write `**`".to_string()),
            _ if text.starts_with("is") && text.ends_with("not") => {
                (BinaryOp::Ne, "`is not` asks for null only; for a difference, write `!=`".to_string())
            }
            _ => (BinaryOp::Eq, "`is` asks for null only; to compare, write `==`".to_string()),
        };
        let error = SyntaxError::new("F1002", span, message)
            .label(span, format!("write `{}`", op.symbol()))
            .fix(span, op.symbol());
        self.error(error);
        op
    }

    fn postfix(&mut self, operand: Expr, node: Node<'_>, span: Span) -> Expr {
        let whole = operand.outer().to(span);
        let Some(inner) = node.into_inner().next() else { return operand };
        let kind = match inner.as_rule() {
            Rule::call => {
                let args = inner.into_inner().next().map(|node| self.arguments(node)).unwrap_or_default();
                return self.call(operand, args, whole, span);
            }
            Rule::member => {
                let name = self.name_or_missing(Children::of(inner).accept(Rule::ident), span);
                ExprKind::Member { receiver: Box::new(operand), name }
            }
            _ => {
                let index = self.expr_or_missing(Children::of(inner).accept(Rule::expr), span);
                ExprKind::Index { receiver: Box::new(operand), index: Box::new(index) }
            }
        };
        Expr::new(kind, whole)
    }

    fn call(&mut self, operand: Expr, args: Vec<Arg>, whole: Span, call_span: Span) -> Expr {
        let kind = match operand {
            Expr { kind: ExprKind::Ident(callee), parens: None, .. } => ExprKind::Call { callee, args },
            Expr { kind: ExprKind::Member { receiver, name }, parens: None, .. } => {
                ExprKind::Method { receiver, name, args }
            }
            other => {
                let error = SyntaxError::new("F1020", call_span, "only a function can be called")
                    .label(other.outer(), "this is a value")
                    .label(call_span, "so it cannot be called")
                    .note("functions are called by name: `name(x)` or `x.name()`");
                self.error(error);
                ExprKind::Error
            }
        };
        Expr::new(kind, whole)
    }

    /// An `arguments` node.
    pub(super) fn arguments(&mut self, node: Node<'_>) -> Vec<Arg> {
        Children::of(node).map(|arg| self.arg(arg)).collect()
    }

    fn arg(&mut self, node: Node<'_>) -> Arg {
        let span = self.span(&node);
        let assigned = assigned_name(&node);
        let mut children = Children::of(node);
        let named = children.accept(Rule::ident).or_else(|| children.accept(Rule::null_name));
        let name = named.map(|ident| self.name(&ident));
        let errors_before = self.errors.len();
        let value = match children.next() {
            Some(value) if value.as_rule() == Rule::lambda => self.lambda(value),
            value => self.expr_or_missing(value, span),
        };
        if let (Some(argument), ExprKind::Binary { op_span, .. }) = (assigned, &value.kind) {
            let place = *op_span;
            let amended = self.errors.iter_mut().skip(errors_before).find(|error| error.span == place);
            if let Some(error) = amended {
                error.message = "an argument is named with `:`; to compare, write `==`".to_string();
                error.labels = vec![(place, format!("write `{argument}: ...`"))];
                error.fix = Some(crate::error::Fix { span: place, replacement: ":".to_string() });
            }
        }
        Arg { name, value, span }
    }

    fn lambda(&mut self, node: Node<'_>) -> Expr {
        let span = self.span(&node);
        let mut params = Vec::new();
        let mut body = None;
        for part in Children::of(node) {
            match part.as_rule() {
                Rule::ident => params.push(self.name(&part)),
                Rule::bad_arrow => {
                    let place = self.span(&part);
                    let error = SyntaxError::new("F1002", place, "a function value is written with `->`")
                        .label(place, "write `->`; `=>` belongs to `match`")
                        .fix(place, "->");
                    self.error(error);
                }
                _ => body = Some(self.expr(part)),
            }
        }
        let body = body.unwrap_or_else(|| Expr::new(ExprKind::Error, span.after()));
        Expr::new(ExprKind::Lambda { params, body: Box::new(body) }, span)
    }

    fn primary(&mut self, node: Node<'_>) -> Expr {
        let span = self.span(&node);
        let Some(inner) = node.into_inner().next() else { return Expr::new(ExprKind::Error, span) };
        let kind = match inner.as_rule() {
            Rule::ident => ExprKind::Ident(self.name(&inner)),
            Rule::dollar => self.dollar(inner, span),
            Rule::literal => self.literal(inner),
            Rule::string => ExprKind::Str(self.string_value(&inner)),
            Rule::bad_string => ExprKind::Str(self.single_quoted(&inner)),
            Rule::fstring => ExprKind::FStr(self.fstring(inner)),
            Rule::regex => {
                let text = inner.as_str();
                ExprKind::Regex(text.get(2..text.len().saturating_sub(1)).unwrap_or("").to_string())
            }
            Rule::list => ExprKind::List(Children::of(inner).map(|element| self.expr(element)).collect()),
            Rule::record => ExprKind::Record(self.record(inner)),
            Rule::group => {
                let expr = self.expr_or_missing(Children::of(inner).accept(Rule::expr), span);
                return Expr { parens: Some(span), ..expr };
            }
            Rule::if_else => self.if_else(inner, span),
            _ => self.match_arms(inner),
        };
        Expr::new(kind, span)
    }

    /// `$name`.
    pub(super) fn dollar(&mut self, node: Node<'_>, span: Span) -> ExprKind {
        ExprKind::Dollar(self.name_or_missing(node.into_inner().next(), span))
    }

    fn if_else(&mut self, node: Node<'_>, span: Span) -> ExprKind {
        let mut parts = Children::of(node);
        let mut next = || Box::new(self.expr_or_missing(parts.accept(Rule::expr), span));
        ExprKind::If { condition: next(), then_value: next(), else_value: next() }
    }

    fn match_arms(&mut self, node: Node<'_>) -> ExprKind {
        let mut children = Children::of(node);
        let subject = children.accept(Rule::expr).map(|subject| Box::new(self.expr(subject)));
        let arms = children.map(|arm| self.arm(arm)).collect();
        ExprKind::Match { subject, arms }
    }

    fn arm(&mut self, node: Node<'_>) -> Arm {
        let span = self.span(&node);
        let mut wildcard = None;
        let mut exprs = Vec::new();
        for part in Children::of(node) {
            let place = self.span(&part);
            match part.as_rule() {
                Rule::wild => wildcard = Some(place),
                Rule::bad_thin_arrow => {
                    let error = SyntaxError::new("F1002", place, "an arm of `match` is written with `=>`")
                        .label(place, "write `=>`; `->` belongs to function values")
                        .fix(place, "=>");
                    self.error(error);
                }
                _ => exprs.push(self.expr(part)),
            }
        }
        let value = exprs.pop().unwrap_or_else(|| Expr::new(ExprKind::Error, span.after()));
        let pattern = wildcard.map_or_else(|| Pattern::Any(exprs), Pattern::Wildcard);
        Arm { pattern, value, span }
    }
}

/// The name in front of a mistaken `=` in an argument: `sep` of `csv(sep = "|")`.
fn assigned_name(arg: &Node<'_>) -> Option<String> {
    let expr = arg.clone().into_inner().next().filter(|inner| inner.as_rule() == Rule::expr)?;
    let mut parts = expr.into_inner();
    let first = parts.next().filter(|part| part.as_rule() == Rule::primary)?;
    let name = first.into_inner().next().filter(|inner| inner.as_rule() == Rule::ident)?;
    let operator = parts.next().filter(|part| part.as_rule() == Rule::infix)?;
    (operator.as_str() == "=").then(|| name.as_str().to_string())
}
