//! `json(x)`: the names of a record's fields are in its type, so its JSON text is put together here.
//!
//! A value without named fields is the library's `json`. A record is the concatenation of the texts
//! of its names and fields, a list of records the joined texts of its elements. Inside, null is
//! written `null`; `json(null)` itself is null, like every function of null.

use super::call::Call;
use super::{Checked, Scope, convert, null};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use flow_ir::text::push_json_string;
use flow_ir::{DataType, Expr, ExprKind, Function, Span, Type, Value};

impl<'a> Compiler<'a> {
    pub(super) fn json_call(&mut self, call: Call<'a>, scope: &mut Scope<'_>) -> Option<Checked> {
        let x = self.arguments(call, scope)?.pop()?.expr;
        if x.ty.kind == Type::Regex {
            let message = "a regular expression has no JSON text";
            self.report(Diagnostic::error("F3001", span(call.name.span), message).label(x.span, "regex"));
            return None;
        }
        let x = if x.ty.kind == Type::Null { null(Type::String, x.span) } else { x };
        Some(Checked::new(self.json_text(x, call.place)))
    }

    /// The JSON text of a value; null if the value is.
    fn json_text(&mut self, x: Expr, place: Span) -> Expr {
        match x.ty.kind.clone() {
            Type::Record(fields) => {
                // A record that more than names something is computed once.
                let (name, bound) = match x.kind {
                    ExprKind::Record(_) | ExprKind::Local(_) | ExprKind::Column(_) | ExprKind::Field(..) => {
                        (x, None)
                    }
                    _ => {
                        let local = self.fresh_local();
                        let name = Expr { kind: ExprKind::Local(local), ..x.clone() };
                        (name, Some((local, x)))
                    }
                };
                let mut pieces = Vec::with_capacity(2 * fields.len() + 1);
                for (i, field) in fields.iter().enumerate() {
                    let mut text = String::from(if i == 0 { "{" } else { "," });
                    push_json_string(&mut text, &field.name);
                    text.push(':');
                    pieces.push(text_literal(text, place));
                    if let Some(value) = convert::project(&name, i) {
                        pieces.push(self.inner_json(value, place));
                    }
                }
                pieces.push(text_literal(if fields.is_empty() { "{}" } else { "}" }, place));
                let mut body = call(Function::Concat, pieces, false, place);
                if name.ty.nullable {
                    let is_null = super::bool_expr(ExprKind::IsNull(Box::new(name)), false, place);
                    body =
                        super::choice::choose(is_null, null(Type::String, place), body, &text_type(), place);
                }
                match bound {
                    None => body,
                    Some((local, value)) => {
                        let ty = body.ty.clone();
                        let kind = ExprKind::Let { local, value: Box::new(value), body: Box::new(body) };
                        Expr { kind, ty, span: place }
                    }
                }
            }
            Type::List(element) if has_names(&element.kind) => {
                let nullable = x.ty.nullable;
                let local = self.fresh_local();
                let item = Expr { kind: ExprKind::Local(local), ty: (*element).clone(), span: place };
                let body = self.inner_json(item, place);
                let texts = DataType { kind: Type::List(Box::new(body.ty.clone())), nullable };
                let lambda_type = body.ty.clone();
                let kind = ExprKind::Lambda { parameters: vec![local], body: Box::new(body) };
                let lambda = Expr { kind, ty: lambda_type, span: place };
                let kind = ExprKind::Call { function: Function::ListMap, arguments: vec![x, lambda] };
                let mapped = Expr { kind, ty: texts, span: place };
                let joined =
                    call(Function::JoinText, vec![mapped, text_literal(",", place)], nullable, place);
                let pieces = vec![text_literal("[", place), joined, text_literal("]", place)];
                call(Function::Concat, pieces, nullable, place)
            }
            _ => {
                let nullable = x.ty.nullable;
                call(Function::ToJson, vec![x], nullable, place)
            }
        }
    }

    /// The JSON text of a part of a value, where null is written too.
    fn inner_json(&mut self, x: Expr, place: Span) -> Expr {
        let text = self.json_text(x, place);
        if !text.ty.nullable {
            return text;
        }
        let kind = ExprKind::Coalesce(Box::new(text), Box::new(text_literal("null", place)));
        Expr { kind, ty: DataType::required(Type::String), span: place }
    }
}

fn has_names(ty: &Type) -> bool {
    match ty {
        Type::Record(_) => true,
        Type::List(element) => has_names(&element.kind),
        _ => false,
    }
}

fn text_type() -> DataType {
    DataType::required(Type::String)
}

fn text_literal(text: impl AsRef<str>, place: Span) -> Expr {
    Expr::literal(Value::string(text.as_ref()), DataType::required(Type::String), place)
}

fn call(function: Function, arguments: Vec<Expr>, nullable: bool, place: Span) -> Expr {
    let ty = DataType { kind: Type::String, nullable };
    Expr { kind: ExprKind::Call { function, arguments }, ty, span: place }
}
