//! Calls: of standard functions, of the program's own, and of the forms that look like functions.
//!
//! `x.f(y)` is `f(x, y)` everywhere. The program's functions come first, so a later standard
//! function never changes what a program means.

use super::{Checked, Scope, convert};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::suggest::closest;
use flow_grammar::ast::{self, ExprKind as Ast};
use flow_ir::window::WindowKind;
use flow_ir::{AggregateKind, DataType, Expr, ExprKind, Function, Span, Type, Value};
use flow_stdlib::{SignatureError, SignatureErrorKind};

/// How many names of an import a message lists.
const NAMES_SHOWN_MAX: usize = 12;

/// A call before its arguments are typed.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) name: &'a ast::Name,
    /// What stands before the dot.
    pub(super) receiver: Option<&'a ast::Expr>,
    pub(super) args: &'a [ast::Arg],
    pub(super) place: Span,
}

impl<'a> Call<'a> {
    /// The arguments, the receiver first.
    pub(super) fn values(&self) -> impl Iterator<Item = &'a ast::Expr> + use<'a> {
        self.receiver.into_iter().chain(self.args.iter().map(|a| &a.value))
    }

    /// How many arguments there are.
    pub(super) fn count(&self) -> usize {
        self.args.len() + usize::from(self.receiver.is_some())
    }
}

impl<'a> Compiler<'a> {
    pub(super) fn method(
        &mut self,
        receiver: &'a ast::Expr,
        name: &'a ast::Name,
        args: &'a [ast::Arg],
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        if let Ast::Ident(import) = &receiver.kind
            && let Some(module) = self.import_of_call(import, name, scope)
        {
            let call = Call { name, receiver: None, args, place };
            return self.imported_call(&import.text, module, call, scope);
        }
        self.call(name, Some(receiver), args, place, scope)
    }

    pub(super) fn call(
        &mut self,
        name: &'a ast::Name,
        receiver: Option<&'a ast::Expr>,
        args: &'a [ast::Arg],
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        let call = Call { name, receiver, args, place };
        let text = name.text.as_str();
        if let Some(def) = self.symbols().functions.get(text).copied() {
            return self.user_call(self.module, def, call, scope);
        }
        if scope.aggregation.is_some() {
            // `tags.any(t -> ...)` is about the elements of a list, whatever stands around it.
            let on_list = call.values().any(|e| matches!(e.kind, Ast::Lambda { .. }))
                && flow_stdlib::lookup(text).is_some_and(flow_stdlib::takes_lambda);
            if let Some(kind) = AggregateKind::from_name(text).filter(|_| !on_list) {
                return self.aggregate(kind, call, scope);
            }
            if let Some(kind) = WindowKind::from_name(text)
                && scope.aggregation.as_ref().is_some_and(|a| a.window.is_some())
            {
                return self.window_function(kind, call, scope);
            }
        }
        self.no_named_arguments(call)?;
        match text {
            "try" | "same" | "coalesce" => self.special(text, call, scope),
            "source_file" | "source_line" => self.source_place(call, scope),
            "decimal" if call.count() == 3 => self.decimal_call(call, scope),
            "json" if call.count() == 1 => self.json_call(call, scope),
            _ => match flow_stdlib::lookup(text) {
                Some(function) if flow_stdlib::takes_lambda(function) => {
                    self.lambda_call(function, call, scope)
                }
                Some(function) => self.standard_call(function, call, scope),
                None => self.unknown_function(call, scope),
            },
        }
    }

    /// A call of a function of an imported file; nothing is known about an import that has not been read.
    fn imported_call(
        &mut self,
        import: &str,
        module: Option<usize>,
        call: Call<'a>,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        let symbols = module.and_then(|m| self.modules.get(m).cloned());
        let found = symbols.as_ref().and_then(|s| s.functions.get(call.name.text.as_str()).copied());
        if let (Some(module), Some(def)) = (module, found) {
            return self.user_call(module, def, call, scope);
        }
        self.arguments(call, scope);
        let symbols = symbols?;
        let (name, place) = (call.name.text.as_str(), span(call.name.span));
        let mut diagnostic =
            Diagnostic::error("F2009", place, format!("`{import}` has no function called `{name}`"));
        if let Some(near) = closest(name, symbols.functions.keys().copied()) {
            diagnostic = diagnostic.caption(format!("did you mean `{near}`?")).fix(near, place, near);
        } else if symbols.functions.is_empty() {
            diagnostic = diagnostic.note("it has no functions at all");
        } else {
            let names: Vec<&str> = symbols.functions.keys().copied().take(NAMES_SHOWN_MAX).collect();
            diagnostic = diagnostic.note(format!("it has {}", names.join(", ")));
        }
        self.report(diagnostic);
        None
    }

    pub(super) fn no_named_arguments(&mut self, call: Call<'_>) -> Option<()> {
        let Some(name) = call.args.iter().find_map(|a| a.name.as_ref()) else { return Some(()) };
        let message = format!("`{}` has no argument called `{}`", call.name.text, name.text);
        self.report(Diagnostic::error("F3006", span(name.span), message));
        None
    }

    /// Types all arguments; `None` if one is wrong.
    pub(super) fn arguments(&mut self, call: Call<'a>, scope: &mut Scope<'_>) -> Option<Vec<Checked>> {
        let checked: Vec<Option<Checked>> = call.values().map(|e| self.expr(e, scope)).collect();
        checked.into_iter().collect()
    }

    fn standard_call(
        &mut self,
        function: Function,
        call: Call<'a>,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        let arguments = self.arguments(call, scope)?;
        let spans: Vec<Span> = arguments.iter().map(|a| a.expr.span).collect();
        let types: Vec<DataType> = arguments.iter().map(|a| a.ty().clone()).collect();
        match self.try_native(function, arguments, call.place) {
            Ok(value) => value,
            Err(error) => {
                // `sum(x)` of a list is a function, of anything else it is an aggregate out of place.
                let lone = call.receiver.is_none() && types.len() == 1;
                if lone && AggregateKind::from_name(call.name.text.as_str()).is_some() {
                    self.aggregate_out_of_place(call);
                } else {
                    self.report_signature(&error, call, &spans, &types);
                }
                None
            }
        }
    }

    /// A call of a standard function whose arguments are known to fit.
    pub(super) fn native(
        &mut self,
        function: Function,
        arguments: Vec<Checked>,
        place: Span,
    ) -> Option<Checked> {
        match self.try_native(function, arguments, place) {
            Ok(value) => value,
            Err(error) => {
                self.report(Diagnostic::error("F3001", place, error.message));
                None
            }
        }
    }

    /// A call of a standard function: typed, its arguments widened. Number literals take part with
    /// their own types first, then with those of the other arguments.
    pub(super) fn try_native(
        &mut self,
        function: Function,
        arguments: Vec<Checked>,
        place: Span,
    ) -> Result<Option<Checked>, SignatureError> {
        let types =
            |arguments: &[Checked]| -> Vec<DataType> { arguments.iter().map(|a| a.ty().clone()).collect() };
        let (resolved, arguments) = match flow_stdlib::resolve_function(function, &types(&arguments)) {
            Ok(resolved) => (resolved, arguments),
            Err(error) => {
                let adapted = convert::adapt(arguments);
                match flow_stdlib::resolve_function(function, &types(&adapted)) {
                    Ok(resolved) => (resolved, adapted),
                    Err(_) => return Err(error),
                }
            }
        };
        let mut fitted = Vec::with_capacity(arguments.len());
        for (argument, target) in arguments.into_iter().zip(&resolved.arguments) {
            match convert::fit(argument, &target.kind) {
                Ok(expr) => fitted.push(expr),
                Err(argument) => {
                    return Err(SignatureError {
                        kind: SignatureErrorKind::Operands,
                        message: format!("`{}` does not fit `{target}`", argument.ty()),
                        help: None,
                    });
                }
            }
        }
        let constants: Vec<Option<&Value>> = fitted
            .iter()
            .map(|e| match &e.kind {
                ExprKind::Literal(value) => Some(value),
                _ => None,
            })
            .collect();
        // A pattern, unit or format that is wrong for every row is wrong now.
        if let Err((argument, message)) = flow_stdlib::check_constants(resolved.function, &constants) {
            return Err(SignatureError { kind: SignatureErrorKind::Argument(argument), message, help: None });
        }
        let kind = ExprKind::Call { function: resolved.function, arguments: fitted };
        Ok(Some(Checked::new(Expr { kind, ty: resolved.result, span: place })))
    }

    fn report_signature(
        &mut self,
        error: &SignatureError,
        call: Call<'_>,
        spans: &[Span],
        types: &[DataType],
    ) {
        let name = call.name.text.as_str();
        let mut diagnostic = match error.kind {
            SignatureErrorKind::Count => {
                Diagnostic::error("F3006", span(call.name.span), error.message.clone())
            }
            SignatureErrorKind::Argument(i) => {
                let place = spans.get(i).copied().unwrap_or(call.place);
                let d = Diagnostic::error("F3001", place, error.message.clone());
                match types.get(i) {
                    Some(ty) => d.caption(ty.to_string()),
                    None => d,
                }
            }
            SignatureErrorKind::Unknown | SignatureErrorKind::Operands => {
                let mut d = Diagnostic::error("F3001", span(call.name.span), error.message.clone());
                for (place, ty) in spans.iter().zip(types) {
                    d = d.label(*place, ty.to_string());
                }
                d
            }
        };
        if let Some(help) = &error.help {
            diagnostic = diagnostic.help(help.clone());
        }
        if AggregateKind::from_name(name).is_some() {
            diagnostic = diagnostic.note(format!(
                "over the rows of a dataset, `{name}` is an aggregate: write it inside `reduce` or `reduce_by_key`"
            ));
            if matches!(name, "min" | "max") && call.count() > 1 {
                let other = if name == "min" { "least" } else { "greatest" };
                diagnostic = diagnostic.fix(format!("write `{other}`"), span(call.name.span), other);
            }
        }
        self.report(diagnostic);
    }

    /// `try(e)`, `same(a, b)`, `coalesce(a, b, ...)`.
    fn special(&mut self, name: &str, call: Call<'a>, scope: &mut Scope<'_>) -> Option<Checked> {
        let count = call.count();
        let (fits, takes) = match name {
            "try" => (count == 1, "1 argument"),
            "same" => (count == 2, "2 arguments"),
            _ => (count >= 1, "at least 1 argument"),
        };
        let arguments = self.arguments(call, scope)?;
        if !fits {
            let message = format!("`{name}` takes {takes}, not {count}");
            self.report(Diagnostic::error("F3006", span(call.name.span), message));
            return None;
        }
        let place = call.place;
        let mut arguments = arguments.into_iter();
        match name {
            "try" => {
                let e = arguments.next()?.expr;
                let ty = e.ty.with_nullable(true);
                Some(Checked::new(Expr { kind: ExprKind::Try(Box::new(e)), ty, span: place }))
            }
            "same" => self.same(arguments.next()?, arguments.next()?, call),
            _ => {
                // `coalesce(a, b, c)` is `a ?? (b ?? c)`.
                let mut result = arguments.next_back()?;
                while let Some(before) = arguments.next_back() {
                    result = self.coalesce(before, result, span(call.name.span), place)?;
                }
                Some(result)
            }
        }
    }

    fn same(&mut self, a: Checked, b: Checked, call: Call<'_>) -> Option<Checked> {
        let (spans, types) = ([a.expr.span, b.expr.span], [a.ty().clone(), b.ty().clone()]);
        match convert::unify(vec![a, b]) {
            Ok((mut sides, _)) => {
                let b = Box::new(sides.pop()?);
                let a = Box::new(sides.pop()?);
                Some(Checked::new(super::bool_expr(ExprKind::Same(a, b), false, call.place)))
            }
            Err(_) => {
                let message = format!("cannot compare `{}` and `{}`", types[0], types[1]);
                self.report(
                    Diagnostic::error("F3001", span(call.name.span), message)
                        .label(spans[0], types[0].to_string())
                        .label(spans[1], types[1].to_string()),
                );
                None
            }
        }
    }

    /// `decimal(x, 12, 2)`: the two numbers are part of the type.
    fn decimal_call(&mut self, call: Call<'a>, scope: &mut Scope<'_>) -> Option<Checked> {
        let mut arguments = self.arguments(call, scope)?.into_iter();
        let x = arguments.next()?;
        let mut digits = Vec::with_capacity(2);
        for argument in arguments {
            let place = argument.expr.span;
            match self.constant_value(argument)? {
                Value::Int(n @ 0..=38) => digits.push(u8::try_from(n).ok()?),
                _ => {
                    let message = "the digits of a decimal are whole numbers up to 38";
                    self.report(Diagnostic::error("F3012", place, message));
                    return None;
                }
            }
        }
        let (types, spans) = ([x.ty().clone()], [x.expr.span]);
        match flow_stdlib::resolve_decimal(x.ty(), *digits.first()?, *digits.get(1)?) {
            Ok(resolved) => {
                let target = resolved.arguments.first()?;
                let argument = convert::fit(x, &target.kind).ok()?;
                let kind = ExprKind::Call { function: resolved.function, arguments: vec![argument] };
                Some(Checked::new(Expr { kind, ty: resolved.result, span: call.place }))
            }
            Err(error) => {
                self.report_signature(&error, call, &spans, &types);
                None
            }
        }
    }
}

/// Whether a type can be stored in a column.
pub(crate) fn is_storable(ty: &DataType) -> bool {
    match &ty.kind {
        Type::Null | Type::Regex => false,
        Type::List(item) => is_storable(item),
        Type::Record(fields) => fields.iter().all(|f| is_storable(&f.ty)),
        _ => true,
    }
}
