//! `x in ...`: ranges, lists as written, and lists that are values.
//!
//! The elements and bounds take part in choosing the type, so number literals adapt to `x`.

use super::{Checked, Scope, bool_expr, convert};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use flow_grammar::ast::{self, ExprKind as Ast};
use flow_ir::{DataType, Expr, ExprKind, Function, Span, Type, Value};

impl<'a> Compiler<'a> {
    /// `x in lo..hi`, `x in [a, b]`, `x in list`.
    pub(super) fn is_in(
        &mut self,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
        op_span: Span,
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Expr> {
        let x = self.expr(left, scope);
        match &right.kind {
            Ast::Range { low, high, .. } => {
                let low = self.expr(low, scope);
                let high = self.expr(high, scope);
                self.between(x?, low?, high?, op_span, place)
            }
            Ast::List(items) => {
                let items: Vec<Option<Checked>> = items.iter().map(|i| self.expr(i, scope)).collect();
                let items = items.into_iter().collect::<Option<Vec<_>>>();
                self.in_list(x?, items?, op_span, span(right.span), place)
            }
            _ => {
                let list = self.expr(right, scope);
                let (x, list) = (x?, list?);
                if let ExprKind::Literal(Value::List(items)) = &list.expr.kind
                    && let Type::List(item) = &list.ty().kind
                {
                    let item_span = list.expr.span;
                    let items = items
                        .iter()
                        .map(|v| Checked::new(Expr::literal(v.clone(), (**item).clone(), item_span)))
                        .collect();
                    return self.in_list(x, items, op_span, item_span, place);
                }
                if let ExprKind::List(items) = &list.expr.kind {
                    let items = items.iter().cloned().map(Checked::new).collect();
                    return self.in_list(x, items, op_span, list.expr.span, place);
                }
                let (l, r) = (x.ty().clone(), list.ty().clone());
                let spans = [x.expr.span, list.expr.span];
                match self.try_native(Function::In, vec![x, list], place) {
                    Ok(found) => Some(found?.expr),
                    Err(_) => {
                        self.report(
                            Diagnostic::error("F3001", op_span, format!("cannot look for `{l}` in `{r}`"))
                                .label(spans[0], l.to_string())
                                .label(spans[1], r.to_string())
                                .note("`in` takes a list or a range: x in [1, 2], x in 1..9"),
                        );
                        None
                    }
                }
            }
        }
    }

    fn in_list(
        &mut self,
        x: Checked,
        items: Vec<Checked>,
        op_span: Span,
        list_span: Span,
        place: Span,
    ) -> Option<Expr> {
        let types: Vec<DataType> =
            std::iter::once(x.ty().clone()).chain(items.iter().map(|i| i.ty().clone())).collect();
        let spans: Vec<Span> =
            std::iter::once(x.expr.span).chain(items.iter().map(|i| i.expr.span)).collect();
        let x_nullable = x.ty().nullable;
        let all = std::iter::once(x).chain(items).collect();
        match convert::unify(all) {
            Ok((mut all, ty)) => {
                let items_nullable = all.iter().skip(1).any(|i| i.ty.nullable);
                let items = all.split_off(1);
                let x = all.pop()?;
                let list = Expr {
                    kind: ExprKind::List(items),
                    ty: DataType::required(Type::List(Box::new(ty.with_nullable(items_nullable)))),
                    span: list_span,
                };
                let kind = ExprKind::Call { function: Function::In, arguments: vec![x, list] };
                Some(bool_expr(kind, x_nullable || items_nullable, place))
            }
            Err((first, other)) => {
                let message = format!("cannot compare `{}` and `{}`", types[first], types[other]);
                self.report(
                    Diagnostic::error("F3001", op_span, message)
                        .label(spans[first], types[first].to_string())
                        .label(spans[other], types[other].to_string()),
                );
                None
            }
        }
    }

    /// `low <= x and x <= high`.
    pub(super) fn between(
        &mut self,
        x: Checked,
        low: Checked,
        high: Checked,
        op_span: Span,
        place: Span,
    ) -> Option<Expr> {
        let types = [x.ty().clone(), low.ty().clone(), high.ty().clone()];
        let spans = [x.expr.span, low.expr.span, high.expr.span];
        match convert::unify(vec![x, low, high]) {
            Ok((arguments, ty)) if ty.kind.is_ordered() => {
                let kind = ExprKind::Call { function: Function::Between, arguments };
                Some(bool_expr(kind, ty.nullable, place))
            }
            Ok(_) => None,
            Err((first, other)) => {
                let message = format!("cannot compare `{}` and `{}`", types[first], types[other]);
                self.report(
                    Diagnostic::error("F3001", op_span, message)
                        .label(spans[first], types[first].to_string())
                        .label(spans[other], types[other].to_string()),
                );
                None
            }
        }
    }
}
