//! Literals and lists.

use super::{Checked, Number, Scope, convert};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use flow_grammar::ast::{self, ExprKind as Ast};
use flow_ir::{DataType, Expr, ExprKind, Span, Type, Value};

impl<'a> Compiler<'a> {
    /// A literal other than an f-string, a list or a record.
    pub(super) fn literal(&mut self, kind: &'a Ast, place: Span) -> Option<Checked> {
        let simple = |value, kind| Some(Checked::new(Expr::literal(value, DataType::required(kind), place)));
        match kind {
            Ast::Null => Some(Checked::new(super::null(Type::Null, place))),
            Ast::Bool(b) => simple(Value::Bool(*b), Type::Bool),
            Ast::Str(s) => simple(Value::string(s.as_str()), Type::String),
            Ast::Date(days) => simple(Value::Date(*days), Type::Date),
            Ast::Timestamp(micros) => simple(Value::Timestamp(*micros), Type::Timestamp),
            Ast::Duration(literal) => simple(Value::Duration(literal.micros), Type::Duration),
            Ast::Int(literal) => self.number(Number::new(&literal.text), place),
            Ast::Float(literal) => self.number(Number::new(&literal.text), place),
            Ast::Regex(pattern) => {
                self.check_regex(pattern, place)?;
                simple(Value::Regex(pattern.as_str().into()), Type::Regex)
            }
            _ => None,
        }
    }

    /// A number literal: an int if it is written as one and fits, otherwise a float; whole numbers
    /// too large for an int are decimals, which context may turn into floats.
    pub(super) fn number(&mut self, number: Number, place: Span) -> Option<Checked> {
        let literal = if number.is_whole() {
            number.literal(&Type::Int, place).or_else(|| {
                let kind = number.decimal_type()?;
                number.literal(&kind, place)
            })
        } else {
            number.literal(&Type::Float, place)
        };
        let Some(expr) = literal else {
            self.report(Diagnostic::error(
                "F3012",
                place,
                format!("`{}` is too large for a number", number.text()),
            ));
            return None;
        };
        Some(Checked { expr, number: Some(number) })
    }

    /// `[a, b]`: the elements get one type.
    pub(super) fn list(
        &mut self,
        items: &'a [ast::Expr],
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        let checked: Vec<Option<Checked>> = items.iter().map(|item| self.expr(item, scope)).collect();
        let checked = checked.into_iter().collect::<Option<Vec<_>>>()?;
        self.list_of(checked, place)
    }

    /// A list of expressions that are typed already.
    pub(super) fn list_of(&mut self, items: Vec<Checked>, place: Span) -> Option<Checked> {
        let spans: Vec<Span> = items.iter().map(|i| i.expr.span).collect();
        let types: Vec<DataType> = items.iter().map(|i| i.ty().clone()).collect();
        match convert::unify(items) {
            Ok((items, ty)) => {
                let ty = DataType::required(Type::List(Box::new(ty)));
                Some(Checked::new(Expr { kind: ExprKind::List(items), ty, span: place }))
            }
            Err((first, other)) => {
                self.report(
                    Diagnostic::error("F3001", spans[other], "the elements of a list must have one type")
                        .label(spans[other], types[other].to_string())
                        .label(spans[first], types[first].to_string()),
                );
                None
            }
        }
    }

    pub(super) fn index(
        &mut self,
        receiver: &'a ast::Expr,
        index: &'a ast::Expr,
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        let list = self.expr(receiver, scope);
        let at = self.expr(index, scope);
        let (list, at) = (list?, at?);
        match (&list.ty().kind, &at.ty().kind) {
            (Type::List(_), Type::Int) => self.native(flow_ir::Function::Index, vec![list, at], place),
            (Type::List(_), other) => {
                let message = format!("an index is an `int`, not `{other}`");
                self.report(Diagnostic::error("F3001", at.expr.span, message));
                None
            }
            (other, _) => {
                let mut diagnostic =
                    Diagnostic::error("F3001", list.expr.span, format!("`{other}` has no elements"))
                        .caption(list.ty().to_string());
                if *other == Type::String {
                    let text = self.text(span(receiver.outer()));
                    let at = self.text(span(index.outer()));
                    diagnostic =
                        diagnostic.help(format!("one character of it: {text}.slice({at}, {at} + 1)"));
                }
                self.report(diagnostic);
                None
            }
        }
    }

    pub(super) fn misplaced_range(&mut self, place: Span) -> Option<Checked> {
        self.report(
            Diagnostic::error("F3001", place, "a range is not a value")
                .note("ranges stand after `in` and in the patterns of `match`; `range(a, b)` makes a list"),
        );
        None
    }

    pub(super) fn misplaced_lambda(&mut self, place: Span) -> Option<Checked> {
        self.report(
            Diagnostic::error("F3015", place, "a lambda is not a value")
                .note("lambdas are arguments of `map`, `filter` and their like: tags.filter(t -> t != \"\")"),
        );
        None
    }
}
