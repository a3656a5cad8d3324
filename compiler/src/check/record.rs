//! Records: `{ a, b: e, *, c.* except (x) }` as new rows and as values.
//!
//! Rules of the names: what is written beats what a `*` brings, whichever stands first; a field
//! stands where its name first occurs; the same name written twice is an error.

use super::name::{is_local, shape_value};
use super::{Checked, Scope};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::row::{RowField, Shape};
use crate::suggest::closest;
use flow_grammar::ast::{self, EntryKind, ExprKind as Ast};
use flow_ir::{DataType, Expr, ExprKind, Field, Span, Type};

/// A field of a new row.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) value: EntryValue,
}

/// What a new field is.
#[derive(Clone, Debug)]
pub(crate) enum EntryValue {
    /// A field of the row before, perhaps under a new name.
    Field(RowField),
    /// Something computed.
    Value(Checked),
    /// A list that is taken apart.
    Each(Checked),
    /// The result of a mistake.
    Unknown,
}

impl<'a> Compiler<'a> {
    /// The fields a record names, in order; and whether there may be more, after a mistake.
    pub(crate) fn entries(&mut self, record: &'a ast::Record, scope: &mut Scope<'_>) -> (Vec<Entry>, bool) {
        let written: Vec<(&'a str, Span)> = record.entries.iter().filter_map(written_name).collect();
        let mut out: Vec<Entry> = Vec::new();
        // Which entries are placeholders that a `*` left for a name written later.
        let mut waiting: Vec<String> = Vec::new();
        let mut open = false;
        let around = std::mem::take(&mut self.siblings);
        for (i, entry) in record.entries.iter().enumerate() {
            let place = span(entry.span);
            if let EntryKind::Spread { base, except } = &entry.kind {
                open |= self.spread(base.as_ref(), except, place, &written, (&mut out, &mut waiting), scope);
                continue;
            }
            let Some((name, name_span)) = written_name(entry) else {
                open = true;
                continue;
            };
            if written_before(record, i, name) {
                let first = written.iter().find(|(n, _)| *n == name).map_or(name_span, |(_, s)| *s);
                self.report(
                    Diagnostic::error("F2006", name_span, format!("the field `{name}` is given twice"))
                        .label(first, "first given here"),
                );
                continue;
            }
            self.siblings = made(record, i);
            let value = self.entry_value(&entry.kind, scope);
            let new = Entry { name: name.to_owned(), span: place, value };
            match waiting.iter().position(|w| w == name) {
                Some(at) => {
                    waiting.remove(at);
                    if let Some(placeholder) = out.iter_mut().find(|e| e.name == name) {
                        *placeholder = new;
                    }
                }
                None => out.push(new),
            }
        }
        self.siblings = around;
        (out, open)
    }

    fn entry_value(&mut self, kind: &'a EntryKind, scope: &mut Scope<'_>) -> EntryValue {
        match kind {
            EntryKind::Error | EntryKind::Spread { .. } => EntryValue::Unknown,
            EntryKind::Each { value, .. } => match self.expr(value, scope) {
                Some(list) => EntryValue::Each(list),
                None => EntryValue::Unknown,
            },
            EntryKind::Shorthand(path) => {
                let names: Vec<&ast::Name> = path.names.iter().collect();
                self.path_value(&names, span(path.span), scope)
            }
            EntryKind::Named { value, .. } => match path_of(value) {
                Some(names) if !names.first().is_some_and(|n| self.is_import(n, scope)) => {
                    self.path_value(&names, span(value.span), scope)
                }
                _ => match self.expr(value, scope) {
                    Some(value) => EntryValue::Value(value),
                    None => EntryValue::Unknown,
                },
            },
        }
    }

    /// A dotted name: a field as it is, or a value below a local.
    fn path_value(&mut self, names: &[&'a ast::Name], place: Span, scope: &mut Scope<'_>) -> EntryValue {
        let Some((first, rest)) = names.split_first() else { return EntryValue::Unknown };
        if is_local(first, scope) {
            let mut value = self.name(first, scope);
            for name in rest {
                value = value.and_then(|v| self.member_of(&v, name));
            }
            return value.map_or(EntryValue::Unknown, EntryValue::Value);
        }
        if scope.aggregation.as_ref().is_none_or(|a| a.window.is_some()) && scope.row.is_some() {
            return match self.field(names, scope) {
                Some(shape) => {
                    let from = scope.row.and_then(|r| r.get(&first.text)).and_then(|f| f.from.clone());
                    let name = names.last().map_or_else(String::new, |n| n.text.clone());
                    EntryValue::Field(RowField { name, shape, from })
                }
                None => EntryValue::Unknown,
            };
        }
        match self.field(names, scope).and_then(|shape| shape_value(&shape, place)) {
            Some(expr) => EntryValue::Value(Checked::new(expr)),
            None => EntryValue::Unknown,
        }
    }

    /// `*`, `c.*`, `* except (a)`; true if the row may have fields that are not known.
    fn spread(
        &mut self,
        base: Option<&'a ast::Path>,
        except: &'a [ast::Name],
        place: Span,
        written: &[(&'a str, Span)],
        (out, waiting): (&mut Vec<Entry>, &mut Vec<String>),
        scope: &mut Scope<'_>,
    ) -> bool {
        let (fields, open) = match (base, scope.row) {
            (Some(path), _) => {
                let names: Vec<&ast::Name> = path.names.iter().collect();
                match self.field(&names, scope) {
                    Some(Shape::Record { fields, .. }) => (fields, false),
                    Some(shape) => {
                        let ty = shape.ty().map_or_else(String::new, |t| t.to_string());
                        let message = format!("`{path}` is not a record, so it has no `*`");
                        self.report(Diagnostic::error("F3001", place, message).caption(ty));
                        return true;
                    }
                    None => return true,
                }
            }
            (None, Some(row)) => (row.fields.clone(), row.open),
            (None, None) => {
                self.report(Diagnostic::error(
                    "F3016",
                    place,
                    "there is no row here, so `*` stands for nothing",
                ));
                return true;
            }
        };
        for name in except {
            if !open && !fields.iter().any(|f| f.name == name.text) {
                self.unknown_except(name, &fields);
            }
        }
        for field in fields {
            if except.iter().any(|n| n.text == field.name) {
                continue;
            }
            let is_written = written.iter().any(|(n, _)| *n == field.name);
            if let Some(before) = out.iter().find(|e| e.name == field.name) {
                if !is_written {
                    self.report(
                        Diagnostic::error(
                            "F2006",
                            place,
                            format!("the field `{}` is there twice", field.name),
                        )
                        .label(before.span, "it also comes from here")
                        .help(format!("leave one out: * except ({})", field.name)),
                    );
                }
                continue;
            }
            if is_written {
                waiting.push(field.name.clone());
            }
            out.push(Entry { name: field.name.clone(), span: place, value: EntryValue::Field(field) });
        }
        open
    }

    fn unknown_except(&mut self, name: &ast::Name, fields: &[RowField]) {
        let place = span(name.span);
        let mut diagnostic =
            Diagnostic::error("F2001", place, format!("no field `{}` to leave out", name.text));
        if let Some(near) = closest(&name.text, fields.iter().map(|f| f.name.as_str())) {
            let near = flow_ir::types::quote_name(near);
            diagnostic = diagnostic.caption(format!("did you mean `{near}`?")).fix(near.clone(), place, near);
        }
        self.report(diagnostic);
    }

    /// A record as a value.
    pub(super) fn record_value(&mut self, record: &'a ast::Record, scope: &mut Scope<'_>) -> Option<Checked> {
        let place = span(record.span);
        let (entries, open) = self.entries(record, scope);
        let mut failed = open;
        let mut fields = Vec::with_capacity(entries.len());
        let mut items = Vec::with_capacity(entries.len());
        for entry in entries {
            let item = match entry.value {
                EntryValue::Field(field) => shape_value(&field.shape, entry.span),
                EntryValue::Value(value) => Some(value.expr),
                // Outside of `flat_map` the parser has refused an `each`.
                EntryValue::Each(_) | EntryValue::Unknown => None,
            };
            match item {
                Some(item) => {
                    fields.push(Field { name: entry.name, ty: item.ty.clone() });
                    items.push(item);
                }
                None => failed = true,
            }
        }
        if failed {
            return None;
        }
        let ty = DataType::required(Type::Record(fields));
        Some(Checked::new(Expr { kind: ExprKind::Record(items), ty, span: place }))
    }
}

/// The name that an entry gives, if it gives one.
fn written_name(entry: &ast::Entry) -> Option<(&str, Span)> {
    match &entry.kind {
        EntryKind::Named { name, .. } | EntryKind::Each { name, .. } => Some((&name.text, span(name.span))),
        EntryKind::Shorthand(path) => path.last().map(|n| (n.text.as_str(), span(path.span))),
        EntryKind::Spread { .. } | EntryKind::Error => None,
    }
}

fn written_before(record: &ast::Record, before: usize, name: &str) -> bool {
    record.entries.iter().take(before).filter_map(written_name).any(|(n, _)| n == name)
}

/// The names of a dotted name; `None` for any other expression.
pub(crate) fn path_of(e: &ast::Expr) -> Option<Vec<&ast::Name>> {
    let mut names = Vec::new();
    let mut head = e;
    loop {
        match &head.kind {
            Ast::Member { receiver, name } => {
                names.push(name);
                head = receiver;
            }
            Ast::Ident(name) => {
                names.push(name);
                names.reverse();
                return Some(names);
            }
            _ => return None,
        }
    }
}

/// The names that entries other than the one at `at` give to what they compute.
fn made(record: &ast::Record, at: usize) -> Vec<&str> {
    let others = record.entries.iter().enumerate().filter(|(i, _)| *i != at);
    let computed = others.filter(|(_, e)| matches!(e.kind, EntryKind::Named { .. } | EntryKind::Each { .. }));
    computed.filter_map(|(_, e)| written_name(e)).map(|(name, _)| name).collect()
}
