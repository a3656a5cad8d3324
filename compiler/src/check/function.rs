//! Calls of the program's own functions: the body is typed and inlined at every call.
//!
//! Arguments are computed once, before the body, so that a function behaves like one: an argument
//! that more than names something is bound with `Let`. A body sees its parameters and `$` values only.

use super::call::Call;
use super::choice::is_cheap;
use super::{Checked, Local, Scope, convert};
use crate::compiler::{CALLS_DEPTH_MAX, Compiler};
use crate::diagnostic::{Diagnostic, span};
use flow_grammar::ast;
use flow_ir::{DataType, Expr, ExprKind, LocalId, Span, Type};

impl<'a> Compiler<'a> {
    pub(super) fn user_call(
        &mut self,
        module: usize,
        def: &'a ast::FnDef,
        call: Call<'a>,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        self.called.insert((module, &def.name.text));
        // Arguments are the caller's, everything else belongs to the file of the function.
        let arguments: Vec<Option<Checked>> = call.values().map(|e| self.expr(e, scope)).collect();
        self.within(module, |compiler| {
            compiler.may_call(def, call)?;
            let mut lets = Vec::new();
            let mut locals = Vec::with_capacity(def.params.len());
            for (param, argument) in def.params.iter().zip(arguments) {
                let value = argument.and_then(|a| compiler.as_parameter(param, a));
                locals.push(compiler.bind(&param.name.text, value, &mut lets));
            }
            let result = compiler.body(def, locals, &mut lets, scope)?;
            Some(wrap(result, lets))
        })
    }

    /// Refuses recursion, too much inlining and a wrong number of arguments.
    fn may_call(&mut self, def: &'a ast::FnDef, call: Call<'_>) -> Option<()> {
        let name = def.name.text.as_str();
        let place = span(call.name.span);
        if self.open_functions.contains(&(self.module, name)) {
            self.report(
                Diagnostic::error("F4004", place, format!("`{name}` calls itself"))
                    .label(span(def.name.span), "defined here")
                    .note("functions are not recursive, so that every program ends"),
            );
            return None;
        }
        if let Some(arg) = call.args.iter().find(|a| a.name.is_some()) {
            let message = format!("the arguments of `{name}` have no names");
            self.report(Diagnostic::error("F3006", span(arg.span), message));
            return None;
        }
        let (takes, given) = (def.params.len(), call.count());
        if takes != given {
            let plural = if takes == 1 { "argument" } else { "arguments" };
            self.report(
                Diagnostic::error("F3006", place, format!("`{name}` takes {takes} {plural}, not {given}"))
                    .label(span(def.name.span), "defined here"),
            );
            return None;
        }
        if self.open_functions.len() >= CALLS_DEPTH_MAX {
            let message = format!("functions call functions more than {CALLS_DEPTH_MAX} deep here");
            self.report(Diagnostic::error("F4011", place, message));
            return None;
        }
        (!self.is_too_large(place)).then_some(())
    }

    /// An argument as its parameter wants it.
    fn as_parameter(&mut self, param: &'a ast::FnParam, argument: Checked) -> Option<Checked> {
        let Some(ty) = &param.ty else { return Some(argument) };
        let ty = self.data_type(ty)?;
        let what = format!("parameter `{}`", param.name.text);
        self.as_declared(argument, &ty, &what, span(param.span))
    }

    /// A value as a declared type.
    pub(crate) fn as_declared(
        &mut self,
        value: Checked,
        ty: &DataType,
        what: &str,
        declared: Span,
    ) -> Option<Checked> {
        let own = value.ty().clone();
        let place = value.expr.span;
        let number = value.number.clone().filter(|_| ty.kind.is_numeric());
        let is_null = own.nullable && !ty.nullable;
        match convert::fit(value, &ty.kind) {
            Ok(expr) if !is_null => Some(Checked::new(expr)),
            Ok(expr) => {
                let message = format!("{what} is never null, but this may be");
                let mut diagnostic = Diagnostic::error("F3001", place, message)
                    .caption(own.to_string())
                    .label(declared, ty.to_string());
                if !matches!(expr.kind, ExprKind::Literal(_)) {
                    diagnostic = diagnostic.help(format!("say what null means: {} ?? ...", self.text(place)));
                }
                self.report(diagnostic);
                None
            }
            Err(_) => {
                let (code, message) = match number {
                    Some(number) => ("F3012", format!("`{}` is no `{ty}`", number.text())),
                    None => ("F3001", format!("{what} is `{ty}`, not `{own}`")),
                };
                self.report(
                    Diagnostic::error(code, place, message)
                        .caption(own.to_string())
                        .label(declared, "declared here"),
                );
                None
            }
        }
    }

    /// A name for a value: directly if it is as cheap as a name, otherwise bound.
    fn bind(&mut self, name: &str, value: Option<Checked>, lets: &mut Vec<(LocalId, Expr)>) -> Local {
        let value = value.map(|value| {
            if value.number.is_some() || is_cheap(&value.expr) || value.ty().kind == Type::Regex {
                return value;
            }
            let local = self.fresh_local();
            let name = Expr { kind: ExprKind::Local(local), ..value.expr.clone() };
            lets.push((local, value.expr));
            Checked::new(name)
        });
        Local { name: name.to_owned(), value }
    }

    fn body(
        &mut self,
        def: &'a ast::FnDef,
        locals: Vec<Local>,
        lets: &mut Vec<(LocalId, Expr)>,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        self.open_functions.push((self.module, &def.name.text));
        // The body has a scope of its own; only what datasets it reads concerns the caller.
        let mut inner = Scope {
            locals,
            function: Some(&def.name.text),
            datasets: std::mem::take(&mut scope.datasets),
            depth: scope.depth + lets.len() + def.body.lets.len(),
            too_deep: scope.too_deep,
            after_aggregation: scope.after_aggregation || scope.aggregation.is_some(),
            ..Scope::default()
        };
        let result = self.outside(|compiler| {
            for binding in &def.body.lets {
                let value = compiler.expr(&binding.value, &mut inner);
                let local = compiler.bind(&binding.name.text, value, lets);
                inner.locals.push(local);
            }
            compiler.expr(&def.body.value, &mut inner)
        });
        scope.datasets = inner.datasets;
        scope.too_deep = inner.too_deep;
        self.open_functions.pop();
        let result = result?;
        match &def.result {
            None => Some(result),
            Some(written) => {
                let ty = self.data_type(written)?;
                let what = format!("the result of `{}`", def.name.text);
                self.as_declared(result, &ty, &what, span(written.span))
            }
        }
    }

    /// Checks functions that nothing calls: their names, and their types as far as they are written.
    pub(crate) fn uncalled_functions(&mut self) {
        let all: Vec<&'a ast::FnDef> = self.symbols().functions.values().copied().collect();
        for def in all {
            if self.called.contains(&(self.module, def.name.text.as_str())) {
                continue;
            }
            let mut locals = Vec::with_capacity(def.params.len());
            for param in &def.params {
                let ty = param.ty.as_ref().and_then(|ty| self.data_type(ty));
                let value = ty.map(|ty| {
                    let kind = ExprKind::Local(self.fresh_local());
                    Checked::new(Expr { kind, ty, span: span(param.span) })
                });
                locals.push(Local { name: param.name.text.clone(), value });
            }
            self.body(def, locals, &mut Vec::new(), &mut Scope::default());
        }
    }
}

/// The result with its bindings around it; the ones it does not mention are not computed.
fn wrap(result: Checked, lets: Vec<(LocalId, Expr)>) -> Checked {
    if lets.is_empty() {
        return result;
    }
    let mut body = result.expr;
    for (local, value) in lets.into_iter().rev() {
        if mentions(&body, local) {
            let (ty, place) = (body.ty.clone(), body.span);
            let kind = ExprKind::Let { local, value: Box::new(value), body: Box::new(body) };
            body = Expr { kind, ty, span: place };
        }
    }
    Checked::new(body)
}

fn mentions(e: &Expr, local: LocalId) -> bool {
    if matches!(e.kind, ExprKind::Local(l) if l == local) {
        return true;
    }
    let mut found = false;
    e.for_each_child(|child| found = found || mentions(child, local));
    found
}
