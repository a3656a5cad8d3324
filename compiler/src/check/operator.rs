//! Operators: arithmetic, comparison, logic, `in`, `??`, `=~`.
//!
//! What an operator takes is the standard library's knowledge; this file adapts literals to the
//! other side, widens what widens, and explains what does not fit.

use super::{Checked, Scope, convert, not};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use flow_grammar::ast::{self, BinaryOp, ExprKind as Ast, UnaryOp};
use flow_ir::{DataType, Expr, ExprKind, Function, Span, Type};

impl<'a> Compiler<'a> {
    pub(super) fn unary(
        &mut self,
        op: UnaryOp,
        op_span: Span,
        operand: &'a ast::Expr,
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        if op == UnaryOp::Not {
            let operand = self.condition(operand, "`not`", scope)?;
            return Some(Checked::new(not(operand, place)));
        }
        // The sign belongs to the literal: the smallest int has no positive counterpart.
        let literal = match &operand.kind {
            Ast::Int(literal) => Some(&literal.text),
            Ast::Float(literal) => Some(&literal.text),
            _ => None,
        };
        if let Some(text) = literal {
            return self.number(super::Number::new(text).negated(), place);
        }
        let operand = self.expr(operand, scope)?;
        if let Some(number) = &operand.number {
            return self.number(number.negated(), place);
        }
        let ty = operand.ty().clone();
        let operand_span = operand.expr.span;
        self.try_native(Function::Negate, vec![operand], place).unwrap_or_else(|_| {
            self.report(
                Diagnostic::error("F3001", op_span, format!("cannot negate `{ty}`"))
                    .label(operand_span, ty.to_string()),
            );
            None
        })
    }

    pub(super) fn binary(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        match op {
            BinaryOp::And | BinaryOp::Or => self.connective(op, left, right, place, scope),
            BinaryOp::In | BinaryOp::NotIn => {
                let found = self.is_in(left, right, op_span, place, scope)?;
                Some(Checked::new(if op == BinaryOp::NotIn { not(found, place) } else { found }))
            }
            BinaryOp::Coalesce => {
                let l = self.expr(left, scope);
                let r = self.expr(right, scope);
                self.coalesce(l?, r?, op_span, place)
            }
            BinaryOp::Eq | BinaryOp::Ne if is_null(left) || is_null(right) => {
                self.null_comparison(op, left, right, place, scope)
            }
            BinaryOp::NotMatches => {
                let found = self.operator(BinaryOp::Matches, op_span, left, right, place, scope)?;
                Some(Checked::new(not(found.expr, place)))
            }
            _ => self.operator(op, op_span, left, right, place, scope),
        }
    }

    fn connective(
        &mut self,
        op: BinaryOp,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        let (what, join): (_, super::choice::Connective) = match op {
            BinaryOp::And => ("`and`", ExprKind::And),
            _ => ("`or`", ExprKind::Or),
        };
        // A chain is one list of conditions, however long.
        let mut operands = vec![right];
        let mut rest = left;
        while let Ast::Binary { op: inner, left, right, .. } = &rest.kind
            && *inner == op
        {
            operands.push(right);
            rest = left;
        }
        operands.push(rest);
        let mut conditions = Vec::with_capacity(operands.len());
        let mut failed = false;
        for operand in operands.into_iter().rev() {
            let condition = self.condition(operand, what, scope);
            failed |= condition.is_none();
            conditions.extend(condition);
        }
        if failed {
            return None;
        }
        super::choice::balanced(conditions, place, join).map(Checked::new)
    }

    /// `x == null` is null for every row, which nobody means.
    fn null_comparison(
        &mut self,
        op: BinaryOp,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        let asked = if is_null(right) { left } else { right };
        self.expr(asked, scope);
        let test = if op == BinaryOp::Eq { "is null" } else { "is not null" };
        let replacement = format!("{} {test}", self.text(span(asked.outer())));
        self.report(Diagnostic::error("F3009", place, "comparing with `null` gives null, never true").fix(
            replacement.clone(),
            place,
            replacement,
        ));
        None
    }

    fn operator(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        let l = self.expr(left, scope);
        let r = self.expr(right, scope);
        let (l, r) = (l?, r?);
        if op == BinaryOp::Add && l.ty().kind == Type::String && r.ty().kind == Type::String {
            return Some(Checked::new(super::text::concat(vec![l.expr, r.expr], place)));
        }
        let function = function_of(op)?;
        let types = [l.ty().clone(), r.ty().clone()];
        let values = if op.is_comparison() { compared(l, r) } else { convert::adapt(vec![l, r]) };
        self.try_native(function, values, place).unwrap_or_else(|_| {
            self.operands_do_not_fit(op, op_span, [left, right], types);
            None
        })
    }

    fn operands_do_not_fit(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        sides: [&'a ast::Expr; 2],
        types: [DataType; 2],
    ) {
        let [l, r] = &types;
        let message = match op {
            BinaryOp::Add => format!("cannot add `{l}` and `{r}`"),
            BinaryOp::Sub => format!("cannot subtract `{r}` from `{l}`"),
            BinaryOp::Mul => format!("cannot multiply `{l}` and `{r}`"),
            BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Rem => format!("cannot divide `{l}` by `{r}`"),
            BinaryOp::Pow => format!("cannot raise `{l}` to the power of `{r}`"),
            BinaryOp::Matches => {
                format!("`=~` needs a `string` and a regex like r\"\\d+\", not `{l}` and `{r}`")
            }
            _ => format!("cannot compare `{l}` and `{r}`"),
        };
        let mut diagnostic = Diagnostic::error("F3001", op_span, message)
            .label(span(sides[0].outer()), l.to_string())
            .label(span(sides[1].outer()), r.to_string());
        let is_text = |t: &DataType| t.kind == Type::String;
        if op == BinaryOp::Add && (is_text(l) || is_text(r)) {
            let whole = span(sides[0].outer().to(sides[1].outer()));
            let replacement = self.as_interpolated(sides);
            diagnostic = diagnostic.fix(replacement.clone(), whole, replacement);
        } else if let Some((side, other)) = [(0, 1), (1, 0)].into_iter().find(|(i, _)| is_text(&types[*i])) {
            diagnostic = self.explain_text_operand(diagnostic, sides[side], &types[other]);
        } else if let Some(i) = decimal_beside_float(&types) {
            let text = self.text(span(sides[i].outer()));
            diagnostic = diagnostic
                .note("a decimal is exact and a float is not, so neither becomes the other by itself")
                .help(format!("float({text})"));
        }
        self.report(diagnostic);
    }

    /// Help for a text beside something else: a literal of the other type, or a conversion.
    fn explain_text_operand(&self, diagnostic: Diagnostic, text: &ast::Expr, other: &DataType) -> Diagnostic {
        let place = span(text.outer());
        if let Ast::Str(content) = &text.kind {
            let literal = match other.kind {
                Type::Date | Type::Timestamp => format!("@{content}"),
                _ => content.clone(),
            };
            if flow_ir::text::parse(content, &other.kind).is_some() {
                return diagnostic.fix(format!("write `{literal}`"), place, literal);
            }
            return diagnostic;
        }
        let conversion = match other.kind {
            Type::Int => "int",
            Type::Float => "float",
            Type::Date => "date",
            Type::Timestamp => "timestamp",
            _ => return diagnostic,
        };
        diagnostic.help(format!("{conversion}({})", self.text(place)))
    }

    /// `a + b + c` as `f"{a}{b}{c}"`.
    fn as_interpolated(&self, sides: [&'a ast::Expr; 2]) -> String {
        let mut operands = vec![sides[1]];
        let mut rest = sides[0];
        while let Ast::Binary { op: BinaryOp::Add, left, right, .. } = &rest.kind {
            if rest.parens.is_some() {
                break;
            }
            operands.push(right);
            rest = left;
        }
        operands.push(rest);
        let mut out = String::from("f\"");
        for operand in operands.into_iter().rev() {
            let text = self.text(span(operand.span));
            match &operand.kind {
                Ast::Str(_) => {
                    let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
                    out.push_str(&inner.replace('{', "\\{"));
                }
                Ast::FStr(_) => {
                    out.push_str(text.strip_prefix("f\"").and_then(|t| t.strip_suffix('"')).unwrap_or(text));
                }
                _ => {
                    out.push('{');
                    out.push_str(text);
                    out.push('}');
                }
            }
        }
        out.push('"');
        out
    }

    /// `a ?? b`.
    pub(super) fn coalesce(
        &mut self,
        left: Checked,
        right: Checked,
        op_span: Span,
        place: Span,
    ) -> Option<Checked> {
        let types = [left.ty().clone(), right.ty().clone()];
        let spans = [left.expr.span, right.expr.span];
        let nullable = right.ty().nullable && left.ty().nullable;
        match convert::unify(vec![left, right]) {
            Ok((mut sides, ty)) => {
                let right = Box::new(sides.pop()?);
                let left = Box::new(sides.pop()?);
                let ty = ty.with_nullable(nullable);
                Some(Checked::new(Expr { kind: ExprKind::Coalesce(left, right), ty, span: place }))
            }
            Err(_) => {
                self.report(
                    Diagnostic::error("F3001", op_span, "both sides of `??` must have one type")
                        .label(spans[0], types[0].to_string())
                        .label(spans[1], types[1].to_string()),
                );
                None
            }
        }
    }
}

/// The sides of a comparison: a number literal takes the very type of the other side if it is one
/// of its values, so that nothing has to be rescaled for every row.
fn compared(l: Checked, r: Checked) -> Vec<Checked> {
    let as_other = |literal: &Checked, other: &Checked| {
        let number = literal.number.as_ref().filter(|_| other.number.is_none())?;
        number.literal(&other.ty().kind, literal.expr.span).map(Checked::new)
    };
    if let Some(l) = as_other(&l, &r) {
        return vec![l, r];
    }
    if let Some(r) = as_other(&r, &l) {
        return vec![l, r];
    }
    convert::adapt(vec![l, r])
}

fn is_null(e: &ast::Expr) -> bool {
    matches!(e.kind, Ast::Null)
}

fn decimal_beside_float(types: &[DataType; 2]) -> Option<usize> {
    let is_decimal = |t: &DataType| matches!(t.kind, Type::Decimal { .. });
    match types {
        [a, b] if is_decimal(a) && b.kind == Type::Float => Some(0),
        [a, b] if is_decimal(b) && a.kind == Type::Float => Some(1),
        _ => None,
    }
}

fn function_of(op: BinaryOp) -> Option<Function> {
    Some(match op {
        BinaryOp::Pow => Function::Power,
        BinaryOp::Mul => Function::Multiply,
        BinaryOp::Div => Function::Divide,
        BinaryOp::FloorDiv => Function::FloorDivide,
        BinaryOp::Rem => Function::Remainder,
        BinaryOp::Add => Function::Add,
        BinaryOp::Sub => Function::Subtract,
        BinaryOp::Eq => Function::Equal,
        BinaryOp::Ne => Function::NotEqual,
        BinaryOp::Lt => Function::Less,
        BinaryOp::Le => Function::LessEqual,
        BinaryOp::Gt => Function::Greater,
        BinaryOp::Ge => Function::GreaterEqual,
        BinaryOp::Matches => Function::Matches,
        BinaryOp::Coalesce
        | BinaryOp::In
        | BinaryOp::NotIn
        | BinaryOp::NotMatches
        | BinaryOp::And
        | BinaryOp::Or => return None,
    })
}
