//! Interpolated strings, joined text, and regular expressions.

use super::{Checked, Scope};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use flow_grammar::ast::{self, FPart};
use flow_ir::{DataType, Expr, ExprKind, Function, Span, Type, Value};

impl<'a> Compiler<'a> {
    /// `f"{name}: {amount:.2f}"`: every hole becomes a string; a null hole makes the whole null.
    pub(super) fn interpolated(
        &mut self,
        parts: &'a [FPart],
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        let mut pieces = Vec::with_capacity(parts.len());
        let mut failed = false;
        for part in parts {
            match part {
                FPart::Text(text) => pieces.push(literal(text, place)),
                FPart::Hole { expr, format } => match self.hole(expr, format.as_ref(), scope) {
                    Some(piece) => pieces.push(piece),
                    None => failed = true,
                },
            }
        }
        (!failed).then(|| Checked::new(concat(pieces, place)))
    }

    fn hole(
        &mut self,
        e: &'a ast::Expr,
        format: Option<&'a ast::FormatSpec>,
        scope: &mut Scope<'_>,
    ) -> Option<Expr> {
        let value = self.expr(e, scope)?;
        let place = span(e.span);
        if let Some(format) = format {
            let spec = Checked::new(literal(&format.text, span(format.span)));
            let ty = value.ty().clone();
            return match self.try_native(Function::FormatNumber, vec![value, spec], place) {
                Ok(formatted) => Some(formatted?.expr),
                Err(_) => {
                    let message = format!("the format `{}` does not fit `{ty}`", format.text);
                    self.report(
                        Diagnostic::error("F3001", span(format.span), message)
                            .note("formats are for numbers, such as {x:.2f}"),
                    );
                    None
                }
            };
        }
        self.text_of(value)
    }

    /// A value as the text that `write` would print.
    pub(crate) fn text_of(&mut self, value: Checked) -> Option<Expr> {
        let place = value.expr.span;
        match value.ty().kind {
            Type::String => Some(value.expr),
            Type::Null => Some(super::null(Type::String, place)),
            _ => Some(self.native(Function::ToString, vec![value], place)?.expr),
        }
    }

    /// A pattern that is no regular expression is a mistake of the program, not of the data.
    pub(super) fn check_regex(&mut self, pattern: &str, place: Span) -> Option<()> {
        let Err(error) = regex::Regex::new(pattern) else { return Some(()) };
        let why = error.to_string();
        let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        self.report(Diagnostic::error("F3017", place, "this regular expression cannot be read").caption(why));
        None
    }
}

/// Text pieces as one string, nested joins flattened and neighbouring literals merged.
pub(super) fn concat(pieces: Vec<Expr>, place: Span) -> Expr {
    let mut flat: Vec<Expr> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match piece.kind {
            ExprKind::Call { function: Function::Concat, arguments } => {
                arguments.into_iter().for_each(|a| append(&mut flat, a));
            }
            kind => append(&mut flat, Expr { kind, ty: piece.ty, span: piece.span }),
        }
    }
    let nullable = flat.iter().any(|p| p.ty.nullable);
    match flat.len() {
        0 => literal("", place),
        1 => {
            let only = flat.remove(0);
            Expr { span: place, ..only }
        }
        _ => Expr {
            kind: ExprKind::Call { function: Function::Concat, arguments: flat },
            ty: DataType { kind: Type::String, nullable },
            span: place,
        },
    }
}

fn append(pieces: &mut Vec<Expr>, piece: Expr) {
    if let ExprKind::Literal(Value::String(text)) = &piece.kind {
        if text.is_empty() {
            return;
        }
        if let Some(Expr { kind: ExprKind::Literal(Value::String(before)), .. }) = pieces.last_mut() {
            *before = format!("{before}{text}").into();
            return;
        }
    }
    pieces.push(piece);
}

fn literal(text: &str, place: Span) -> Expr {
    Expr::literal(Value::string(text), DataType::required(Type::String), place)
}
