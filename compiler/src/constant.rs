//! Values that are known before any data is read: parameters, constants, paths, counts.
//!
//! Everything is computed by the reference interpreter, so a constant means what the same
//! expression means in a row.

use crate::ParamValue;
use crate::check::{Checked, Scope};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::suggest::closest;
use flow_grammar::ast;
use flow_ir::{DataType, Expr, ExprKind, Span, Type, Value};

impl<'a> Compiler<'a> {
    /// A constant expression as a literal.
    pub(crate) fn folded(&mut self, value: Checked) -> Option<Checked> {
        let place = value.expr.span;
        let (ty, number) = (value.ty().clone(), value.number.clone());
        let value = self.constant_value(value)?;
        Some(Checked { expr: Expr::literal(value, ty, place), number })
    }

    /// The value of a constant expression.
    pub(crate) fn constant_value(&mut self, value: Checked) -> Option<Value> {
        let place = value.expr.span;
        if let ExprKind::Literal(value) = value.expr.kind {
            return Some(value);
        }
        if reads_row(&value.expr) {
            self.report(
                Diagnostic::error("F3016", place, "this must be known before any data is read")
                    .note("only literals and `$` values can stand here"),
            );
            return None;
        }
        match flow_ir::eval::eval(&value.expr, &flow_ir::eval::NoRow, flow_stdlib::library()) {
            Ok(value) => Some(value),
            Err(error) => {
                self.report(Diagnostic::error("F4013", place, error.message));
                None
            }
        }
    }

    /// A constant text, such as a path.
    pub(crate) fn constant_text(&mut self, e: &'a ast::Expr, what: &str) -> Option<String> {
        let value = self.expr(e, &mut Scope::constant())?;
        let (ty, place) = (value.ty().clone(), value.expr.span);
        match (self.constant_value(value)?, &ty.kind) {
            (Value::String(text), _) => Some(text.to_string()),
            (Value::Null, _) => {
                self.report(Diagnostic::error("F4013", place, format!("{what} is null")));
                None
            }
            _ => {
                let message = format!("{what} is a `string`, not `{ty}`");
                self.report(Diagnostic::error("F3001", place, message).caption(ty.to_string()));
                None
            }
        }
    }

    /// A constant number of rows.
    pub(crate) fn constant_count(&mut self, e: &'a ast::Expr, what: &str) -> Option<u64> {
        let value = self.expr(e, &mut Scope::constant())?;
        let (ty, place) = (value.ty().clone(), value.expr.span);
        let wrong = |found: String| {
            Diagnostic::error("F3012", place, format!("{what} is a whole number of rows, not {found}"))
        };
        match self.constant_value(value)? {
            Value::Int(n) => match u64::try_from(n) {
                Ok(n) => Some(n),
                Err(_) => {
                    self.report(wrong(n.to_string()));
                    None
                }
            },
            _ => {
                self.report(wrong(format!("`{ty}`")));
                None
            }
        }
    }

    /// Gives every `param` its value: from the command line, else its default. Those of imported files are
    /// called as the program would call them, `name.param`.
    pub(crate) fn bind_params(&mut self, given: &[(String, String)]) {
        let prefixes = self.module_prefixes();
        let mut names = Vec::new();
        for (module, prefix) in &prefixes {
            let symbols = self.modules.get(*module).cloned().unwrap_or_default();
            names.extend(symbols.params.iter().map(|p| format!("{prefix}{}", p.name.text)));
        }
        for (name, _) in given.iter().filter(|(name, _)| !names.contains(name)) {
            self.unknown_param(name, &names);
        }
        for (module, prefix) in prefixes {
            self.within(module, |compiler| compiler.bind_module_params(&prefix, given));
        }
    }

    /// Every file with what stands before the names of its parameters, the program itself first.
    fn module_prefixes(&self) -> Vec<(usize, String)> {
        let mut found = vec![(0, String::new())];
        let mut next = 0;
        while let Some((module, prefix)) = found.get(next).cloned() {
            next += 1;
            let Some(symbols) = self.modules.get(module) else { continue };
            for (name, target) in &symbols.imports {
                if let Some(target) = target
                    && !found.iter().any(|(known, _)| known == target)
                {
                    found.push((*target, format!("{prefix}{name}.")));
                }
            }
        }
        found
    }

    fn unknown_param(&mut self, name: &str, names: &[String]) {
        let message = format!("this program has no parameter `{name}`");
        let mut diagnostic = Diagnostic::error("F2012", Span::default(), message);
        if let Some(near) = closest(name, names.iter().map(String::as_str)) {
            diagnostic = diagnostic.help(format!("did you mean `--param {near}=...`?"));
        } else if names.is_empty() {
            diagnostic = diagnostic.note("it has none at all");
        } else {
            diagnostic = diagnostic.note(format!("it has: {}", names.join(", ")));
        }
        self.report(diagnostic);
    }

    fn bind_module_params(&mut self, prefix: &str, given: &[(String, String)]) {
        for def in self.symbols().params.clone() {
            let name = format!("{prefix}{}", def.name.text);
            // The last one counts, as everywhere on a command line.
            let text = given.iter().rev().find(|(given, _)| *given == name).map(|(_, text)| text);
            let value = self.param(def, text.map(String::as_str));
            if let Some((value, ty)) = &value {
                let (ty, value) = (ty.clone(), value.clone());
                self.param_values.push(ParamValue { name, ty, value, given: text.is_some() });
            }
            self.params.insert((self.module, &def.name.text), value);
        }
    }

    fn param(&mut self, def: &'a ast::ParamDef, text: Option<&str>) -> Option<(Value, DataType)> {
        let ty = self.data_type(&def.ty)?;
        let place = span(def.name.span);
        let name = &def.name.text;
        // The default is checked even where the command line replaces it.
        let default = match &def.default {
            Some(e) => {
                let what = format!("parameter `{name}`");
                let value = self.expr(e, &mut Scope::constant());
                let value = value.and_then(|v| self.as_declared(v, &ty, &what, span(def.ty.span)));
                Some(value.and_then(|v| self.constant_value(v)))
            }
            None => None,
        };
        if let Some(text) = text {
            let parsed = match &ty.kind {
                _ if ty.nullable && text == "null" => Ok(Value::Null),
                Type::List(_) | Type::Record(_) => flow_stdlib::value_of_json(text, &ty),
                kind => {
                    flow_ir::text::parse(text, kind).ok_or_else(|| flow_ir::text::not_a_message(text, kind))
                }
            };
            let value = match parsed {
                Ok(value) => value,
                Err(message) => {
                    self.report(
                        Diagnostic::error("F3013", place, format!("--param {name}: {message}"))
                            .label(span(def.ty.span), "declared here"),
                    );
                    return None;
                }
            };
            return Some((value, ty));
        }
        match default {
            Some(value) => value.map(|value| (value, ty)),
            None => {
                self.report(
                    Diagnostic::error("F2011", place, format!("parameter `{name}` has no value")).help(
                        format!("run with --param {name}=..., or write a default: param {name}: {ty} = ..."),
                    ),
                );
                None
            }
        }
    }
}

/// Whether an expression needs a row.
fn reads_row(e: &Expr) -> bool {
    let mut columns = Vec::new();
    e.columns(&mut columns);
    !columns.is_empty()
}
