//! Names that mean nothing here: where they went, or what may have been meant.
//!
//! A name is looked for in this order: a `$` value of that name, a field that was dropped earlier, a
//! field with a name like it, a field of that name inside a record.

use super::Scope;
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::row::{Row, RowField, Shape};
use crate::suggest::closest;
use flow_grammar::ast;
use flow_ir::Span;

impl<'a> Compiler<'a> {
    /// Says that there is no such field, and why, as well as it can be known.
    pub(super) fn unknown_field(
        &mut self,
        name: &ast::Name,
        scope: &Scope<'_>,
        row: Option<&Row>,
    ) -> Option<Shape> {
        let place = span(name.span);
        let text = &name.text;
        if row.is_some_and(|r| r.open) {
            return None;
        }
        if let Some(kind) = self.value_kind(text) {
            let here = if row.is_some() {
                format!("no field `{text}` here")
            } else {
                format!("`{text}` is no value here")
            };
            let message = format!("{here}, but there is a {kind} `${text}`");
            let replacement = format!("${}", flow_ir::types::quote_name(text));
            self.report(
                Diagnostic::error("F2003", place, message).caption(format!("write `{replacement}`")).fix(
                    replacement.clone(),
                    place,
                    replacement,
                ),
            );
            return None;
        }
        let Some(row) = row else {
            self.unknown_local(name, scope);
            return None;
        };
        if let Some(dropped) = row.dropped(text) {
            let line = self.sources.line_column(dropped.span.start).line;
            let diagnostic = Diagnostic::error("F2002", place, format!("no field `{text}` here any more"))
                .label(dropped.span, format!("`{text}` was dropped here"))
                .help(format!("add `{text}` to this record, or move this stage above line {line}"));
            self.report(diagnostic);
            return None;
        }
        let mut diagnostic = Diagnostic::error("F2001", place, format!("no field `{text}` here"));
        let locals = scope.locals.iter().map(|l| l.name.as_str());
        let fields = row.fields.iter().map(|f| f.name.as_str());
        let columns = row.columns();
        let nested = columns.iter().find(|c| c.path.len() > 1 && c.path.last() == Some(text));
        if matches!(text.to_lowercase().as_str(), "none" | "nil" | "undefined" | "na") || text == "NULL" {
            diagnostic = diagnostic
                .caption("no value is written `null`")
                .fix("null", place, "null")
                .help("to ask for it: x is null, x is not null");
        } else if self.siblings.contains(&text.as_str()) {
            diagnostic = diagnostic
                .caption("it is made in this record, whose fields see only the row before it")
                .help(format!("make `{text}` in one stage and use it in the next: | map {{ *, ... }}"));
        } else if let Some(near) = closest(text, fields.chain(locals)) {
            diagnostic = diagnostic.caption(format!("did you mean `{near}`?")).fix(
                near,
                place,
                flow_ir::types::quote_name(near),
            );
        } else if let Some(nested) = nested {
            let path: Vec<String> = nested.path.iter().map(|p| flow_ir::types::quote_name(p)).collect();
            let path = path.join(".");
            diagnostic = diagnostic.caption(format!("did you mean `{path}`?")).fix(path.clone(), place, path);
        }
        if let [only] = row.fields.as_slice()
            && let Some(separator) = [';', '\t', '|'].into_iter().find(|s| only.name.contains(*s))
        {
            let separator = separator.escape_default();
            diagnostic = diagnostic
                .help(format!("if `{separator}` separates the fields: as csv(sep: \"{separator}\")"));
        }
        self.report(diagnostic.note(format!("here the row is {}", shorten(row))));
        None
    }

    /// A name that means nothing in a function's body or in a constant.
    fn unknown_local(&mut self, name: &ast::Name, scope: &Scope<'_>) {
        let place = span(name.span);
        let text = &name.text;
        let diagnostic = match scope.function {
            Some(function) => {
                let mut d =
                    Diagnostic::error("F2001", place, format!("no parameter `{text}` in `{function}`"))
                        .note("a function sees its parameters and `$` values, not the fields of the row");
                if let Some(near) = closest(text, scope.locals.iter().map(|l| l.name.as_str())) {
                    d = d.caption(format!("did you mean `{near}`?")).fix(near, place, near);
                }
                d
            }
            None => Diagnostic::error("F3016", place, format!("there is no row here, so no field `{text}`"))
                .note("only literals and `$` values can stand here"),
        };
        self.report(diagnostic);
    }

    /// What kind of value `$name` is.
    fn value_kind(&self, name: &str) -> Option<&'static str> {
        if self.loops.iter().any(|l| l.name == name) {
            Some("loop")
        } else if self.pipe_values.iter().any(|(n, _)| n == name) || self.symbols().param(name).is_some() {
            Some("parameter")
        } else if self.symbols().consts.contains_key(name) {
            Some("constant")
        } else {
            None
        }
    }

    /// Says that there is no `$name`.
    pub(super) fn unknown_value(&mut self, text: &str, place: Span, scope: &Scope<'_>) {
        let mut diagnostic = Diagnostic::error("F2010", place, format!("there is no value called `${text}`"));
        let symbols = self.symbols();
        let known: Vec<&str> = symbols
            .params
            .iter()
            .map(|p| p.name.text.as_str())
            .chain(symbols.consts.keys().copied())
            .chain(symbols.datasets.keys().copied())
            .chain(self.pipe_values.iter().map(|(n, _)| n.as_str()))
            .chain(self.loops.iter().map(|l| l.name.as_str()))
            .collect();
        if let Some(near) = closest(text, known) {
            let replacement = format!("${near}");
            diagnostic = diagnostic.caption(format!("did you mean `{replacement}`?")).fix(
                replacement.clone(),
                place,
                replacement,
            );
        } else if scope.row.is_some_and(|r| r.get(text).is_some()) {
            diagnostic = diagnostic.caption(format!("to use the field, write `{text}`")).fix(
                text,
                place,
                flow_ir::types::quote_name(text),
            );
        }
        self.report(diagnostic);
    }
}

/// The row's type, cut where it is long.
fn shorten(row: &Row) -> String {
    const FIELDS_MAX: usize = 12;
    let fields: Vec<String> = row.fields.iter().filter_map(RowField::field).map(|f| f.to_string()).collect();
    if fields.is_empty() {
        return "empty".to_owned();
    }
    let shown = fields.iter().take(FIELDS_MAX).cloned().collect::<Vec<_>>().join(", ");
    match fields.len().checked_sub(FIELDS_MAX) {
        Some(more @ 1..) => format!("{{ {shown}, and {more} more }}"),
        _ => format!("{{ {shown} }}"),
    }
}
