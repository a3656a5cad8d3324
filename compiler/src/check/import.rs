//! Names of imported files in expressions: `geo.haversine_m(...)`, `$crm.SINCE`, `$crm.total.amount`.
//!
//! Invariants: a field or parameter called like an import hides it, unless a function of the import is
//! called; what an imported file says means the same wherever it is used.

use super::{Checked, Scope, is_local};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::suggest::closest;
use flow_grammar::ast;
use flow_ir::Span;

impl<'a> Compiler<'a> {
    /// Whether a bare name is that of an import.
    pub(super) fn is_import(&self, name: &ast::Name, scope: &Scope<'_>) -> bool {
        self.symbols().imports.contains_key(name.text.as_str())
            && !is_local(name, scope)
            && scope.row.is_none_or(|r| r.get(&name.text).is_none())
    }

    /// The import whose function `import.function(...)` calls, if it is one.
    pub(super) fn import_of_call(
        &self,
        import: &ast::Name,
        function: &ast::Name,
        scope: &Scope<'_>,
    ) -> Option<Option<usize>> {
        let module = *self.symbols().imports.get(import.text.as_str())?;
        let defines =
            |m: usize| self.modules.get(m).is_some_and(|s| s.functions.contains_key(function.text.as_str()));
        let is_called =
            self.is_import(import, scope) || module.is_some_and(defines) && !is_local(import, scope);
        is_called.then_some(module)
    }

    /// Says that `geo.x` without a call is nothing, and what may be meant.
    pub(super) fn value_of_import(&mut self, import: &ast::Name, names: &[&ast::Name]) {
        let Some(Some(module)) = self.symbols().imports.get(import.text.as_str()).copied() else { return };
        let (Some(first), Some(symbols)) = (names.first(), self.modules.get(module).cloned()) else { return };
        let place = span(import.span.to(first.span));
        let (import, name) = (&import.text, first.text.as_str());
        let message = format!("no field `{import}` here: it is an import");
        let diagnostic = Diagnostic::error("F2001", place, message);
        let value = symbols.param(name).is_some() || symbols.consts.contains_key(name);
        self.report(if symbols.functions.contains_key(name) {
            diagnostic.help(format!("functions are called with brackets: {import}.{name}(...)"))
        } else if value || symbols.datasets.contains_key(name) {
            let replacement = format!("${import}.{name}");
            diagnostic.fix(replacement.clone(), place, replacement)
        } else {
            diagnostic
        });
    }

    /// Whether `$name` is an import.
    pub(super) fn is_value_of_import(&self, name: &ast::Name) -> bool {
        let hidden = self.pipe_values.iter().any(|(known, _)| *known == name.text);
        !hidden && self.symbols().imports.contains_key(name.text.as_str())
    }

    /// Whether an import has a value or dataset of that name; if not, says so.
    fn has_value(&mut self, module: usize, import: &ast::Name, name: &ast::Name) -> bool {
        let Some(symbols) = self.modules.get(module).cloned() else { return false };
        let params = symbols.params.iter().map(|p| p.name.text.as_str());
        let known: Vec<&str> =
            params.chain(symbols.consts.keys().copied()).chain(symbols.datasets.keys().copied()).collect();
        if known.contains(&name.text.as_str()) {
            return true;
        }
        let place = span(name.span);
        let message = format!("`{}` has no value called `{}`", import.text, name.text);
        let mut diagnostic = Diagnostic::error("F2010", place, message);
        if let Some(near) = closest(&name.text, known) {
            diagnostic = diagnostic.caption(format!("did you mean `{near}`?")).fix(near, place, near);
        }
        self.report(diagnostic);
        false
    }

    /// `$import.NAME` and what stands behind it.
    pub(super) fn imported_value(
        &mut self,
        import: &'a ast::Name,
        names: &[&'a ast::Name],
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        let module = self.symbols().imports.get(import.text.as_str()).copied().flatten()?;
        let (first, rest) = names.split_first()?;
        if !self.has_value(module, import, first) {
            return None;
        }
        let inside = |compiler: &mut Self| {
            if compiler.symbols().datasets.contains_key(first.text.as_str()) {
                return compiler.dataset_value(first, rest, place, scope);
            }
            let value = compiler.dollar(first, span(first.span), scope)?;
            rest.iter().try_fold(value, |value, name| compiler.member_of(&value, name))
        };
        let value = self.outside(|compiler| compiler.within(module, inside));
        value.map(|value| Checked { expr: flow_ir::Expr { span: place, ..value.expr }, ..value })
    }
}
