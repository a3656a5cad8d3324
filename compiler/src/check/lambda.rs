//! List functions that take a lambda: `tags.map(t -> t.lower())`.
//!
//! The parameter's type comes from the list, the call's type from the body.

use super::call::Call;
use super::{Checked, Local, Scope};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use flow_grammar::ast::{self, ExprKind as Ast};
use flow_ir::{DataType, Expr, ExprKind, Function, Type};

impl<'a> Compiler<'a> {
    /// The two arguments of a list function.
    fn list_and_lambda(
        &mut self,
        call: Call<'a>,
        scope: &mut Scope<'_>,
    ) -> Option<(&'a ast::Expr, &'a [ast::Name], &'a ast::Expr)> {
        let name = call.name.text.as_str();
        let values: Vec<_> = call.values().collect();
        match values.as_slice() {
            [list, lambda] => match &lambda.kind {
                Ast::Lambda { params, body } => Some((*list, params, body)),
                _ => {
                    self.expr(list, scope);
                    let message = format!("`{name}` takes a lambda here");
                    self.report(
                        Diagnostic::error("F3015", span(lambda.span), message)
                            .help(format!("write it with an arrow: {name}(x -> ...)")),
                    );
                    None
                }
            },
            _ => {
                let message = format!("`{name}` takes a list and a lambda");
                self.report(
                    Diagnostic::error("F3006", span(call.name.span), message)
                        .help(format!("tags.{name}(t -> ...)")),
                );
                None
            }
        }
    }

    pub(super) fn lambda_call(
        &mut self,
        function: Function,
        call: Call<'a>,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        let (list, params, body) = self.list_and_lambda(call, scope)?;
        let list_value = self.expr(list, scope)?;
        let types = match flow_stdlib::lambda_parameters(function, list_value.ty()) {
            Ok(types) => types,
            Err(error) => {
                self.report(
                    Diagnostic::error("F3001", list_value.expr.span, error.message)
                        .caption(list_value.ty().to_string()),
                );
                return None;
            }
        };
        if params.len() != types.len() {
            let message = format!("this lambda needs {} parameter, not {}", types.len(), params.len());
            self.report(Diagnostic::error("F3006", span(body.span), message));
            return None;
        }
        let mut parameters = Vec::with_capacity(params.len());
        for (param, ty) in params.iter().zip(types) {
            let local = self.fresh_local();
            parameters.push(local);
            let value = Checked::new(Expr { kind: ExprKind::Local(local), ty, span: span(param.span) });
            scope.locals.push(Local { name: param.text.clone(), value: Some(value) });
        }
        let body_value = self.expr(body, scope);
        scope.locals.truncate(scope.locals.len() - params.len());
        let body_value = body_value?.expr;
        let result = match flow_stdlib::lambda_result(function, list_value.ty(), &body_value.ty) {
            Ok(result) => result,
            Err(error) => {
                self.report(
                    Diagnostic::error("F3001", span(body.span), error.message)
                        .caption(body_value.ty.to_string()),
                );
                return None;
            }
        };
        let ty = DataType { kind: body_value.ty.kind.clone(), nullable: body_value.ty.nullable };
        let ty = if ty.kind == Type::Null { DataType::nullable(Type::Bool) } else { ty };
        let place = span(body.span);
        let lambda =
            Expr { kind: ExprKind::Lambda { parameters, body: Box::new(body_value) }, ty, span: place };
        let kind = ExprKind::Call { function, arguments: vec![list_value.expr, lambda] };
        Some(Checked::new(Expr { kind, ty: result, span: call.place }))
    }
}
