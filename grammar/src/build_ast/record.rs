//! Records, keys and types.
//!
//! Invariant: `each` appears in the record of a `flat_map` only, exactly once; elsewhere it is an error here.

use super::{Builder, Children};
use crate::ast::{
    Direction, Entry, EntryKind, Expr, ExprKind, FieldDef, Fields, IntLit, Key, Name, Nulls, Path, Record,
    SortKey, Type, TypeKind,
};
use crate::error::SyntaxError;
use crate::parser::{Node, Rule};
use crate::span::Span;

impl Builder<'_> {
    /// A `record` node that takes no list apart.
    pub(super) fn record(&mut self, node: Node<'_>) -> Record {
        let record = self.any_record(node);
        for entry in &record.entries {
            if let EntryKind::Each { name, value } = &entry.kind {
                let error =
                    SyntaxError::new("F1018", entry.span, "`each` makes rows, so it belongs to `flat_map`")
                        .label(entry.span, "takes a list apart")
                        .note(format!(
                            "for one row per element: flat_map {{ *, {}: each {} }}",
                            name.text,
                            value.outer().text(self.source)
                        ));
                self.error(error);
            }
        }
        record
    }

    /// The record of a `flat_map`.
    pub(super) fn each_record(&mut self, node: Node<'_>, keyword: Span) -> Record {
        let record = self.any_record(node);
        let broken = record.entries.iter().any(|entry| entry.kind == EntryKind::Error);
        let mut eaches = record.entries.iter().filter(|entry| matches!(entry.kind, EntryKind::Each { .. }));
        match (eaches.next(), eaches.next()) {
            (None, _) if !broken => {
                let error = SyntaxError::new("F1018", keyword, "`flat_map` needs a list to take apart")
                    .label(keyword, "one entry must be `name: each list`")
                    .note("for one row per row, use `map`");
                self.error(error);
            }
            (Some(first), Some(second)) => {
                let error =
                    SyntaxError::new("F1018", second.span, "`flat_map` takes one list apart, not two")
                        .label(second.span, "the second `each`")
                        .label(first.span, "the first `each`")
                        .note("for all combinations, use two `flat_map`s; for pairs, `each zip(a, b)`");
                self.error(error);
            }
            _ => {}
        }
        record
    }

    fn any_record(&mut self, node: Node<'_>) -> Record {
        let mut span = self.span(&node);
        let mut entries: Vec<Entry> = Vec::new();
        for part in Children::of(node) {
            let place = self.span(&part);
            match part.as_rule() {
                Rule::entry => entries.push(self.entry(part)),
                Rule::missing_comma => {
                    let after = entries.last().map_or(place, |entry| entry.span.after());
                    let error = SyntaxError::new("F1009", after, "a `,` is missing between these entries")
                        .label(after, "add `,` here")
                        .fix(after, ",");
                    self.error(error);
                }
                _ => {
                    let end =
                        entries.last().map_or(Span::new(span.start, span.start + 1), |entry| entry.span);
                    span = Span::new(span.start, end.end);
                    self.unclosed_record(Span::new(span.start, span.start + 1), end.after(), place);
                }
            }
        }
        Record { entries, span }
    }

    fn unclosed_record(&mut self, open: Span, end: Span, next: Span) {
        let before = match Span::new(next.start, next.start + 1).text(self.source) {
            "|" => "before the next stage",
            ")" | "]" => "before this bracket closes",
            _ => "at the end",
        };
        let error = SyntaxError::new("F1004", open, "this `{` is never closed")
            .label(open, "")
            .label(end, format!("expected `}}` here, {before}"))
            .fix(end, " }");
        self.error(error);
    }

    fn entry(&mut self, node: Node<'_>) -> Entry {
        let span = self.span(&node);
        let doc = self.doc_before(span.start);
        let kind = match node.into_inner().next() {
            Some(inner) => self.entry_kind(inner, span),
            None => EntryKind::Error,
        };
        Entry { kind, span, doc }
    }

    fn entry_kind(&mut self, node: Node<'_>, span: Span) -> EntryKind {
        let rule = node.as_rule();
        let mut children = Children::of(node);
        match rule {
            Rule::spread => {
                let base = children.accept(Rule::path).map(|path| self.path(path));
                let except =
                    children.accept(Rule::spread_except).map(|node| self.names(node)).unwrap_or_default();
                EntryKind::Spread { base, except }
            }
            Rule::shorthand => EntryKind::Shorthand(self.path_or_missing(children.accept(Rule::path), span)),
            Rule::unnamed => {
                let value = self.expr_or_missing(children.accept(Rule::expr), span);
                self.unnamed_entry(&value);
                EntryKind::Error
            }
            _ => {
                let name = self.name_or_missing(children.accept(Rule::ident), span);
                if let Some(assign) = children.accept(Rule::bad_assign) {
                    let place = self.span(&assign);
                    let error = SyntaxError::new("F1002", place, "in a record, a name is followed by `:`")
                        .label(place, "write `:`")
                        .fix(place, ":");
                    self.error(error);
                }
                let value = self.expr_or_missing(children.accept(Rule::expr), span);
                if rule == Rule::each_named {
                    EntryKind::Each { name, value }
                } else {
                    EntryKind::Named { name, value }
                }
            }
        }
    }

    fn unnamed_entry(&mut self, value: &Expr) {
        let span = value.outer();
        let name = suggested_name(value);
        let text = span.text(self.source);
        let error = SyntaxError::new("F1012", span, "a computed value needs a name")
            .label(span, format!("write `{name}: {text}`"))
            .fix(span.before(), format!("{name}: "));
        self.error(error);
    }

    fn names(&mut self, node: Node<'_>) -> Vec<Name> {
        Children::of(node).map(|ident| self.name(&ident)).collect()
    }

    /// A `keys` node.
    pub(super) fn keys(&mut self, node: Option<Node<'_>>) -> Vec<Key> {
        node.map(|node| Children::of(node).map(|key| self.key(key)).collect()).unwrap_or_default()
    }

    fn key(&mut self, node: Node<'_>) -> Key {
        let span = self.span(&node);
        let mut children = Children::of(node);
        let name = children.accept(Rule::ident).map(|ident| self.name(&ident));
        let value = self.expr_or_missing(children.accept(Rule::expr), span);
        Key { name, value, span }
    }

    /// A `sort_keys` node.
    pub(super) fn sort_keys(&mut self, node: Option<Node<'_>>) -> Vec<SortKey> {
        node.map(|node| Children::of(node).map(|key| self.sort_key(key)).collect()).unwrap_or_default()
    }

    fn sort_key(&mut self, node: Node<'_>) -> SortKey {
        let span = self.span(&node);
        let mut key = SortKey { value: Expr::new(ExprKind::Error, span), direction: None, nulls: None, span };
        for part in Children::of(node) {
            match part.as_rule() {
                Rule::kw_asc => key.direction = Some(Direction::Ascending),
                Rule::kw_desc => key.direction = Some(Direction::Descending),
                Rule::kw_first => key.nulls = Some(Nulls::First),
                Rule::kw_last => key.nulls = Some(Nulls::Last),
                Rule::expr => key.value = self.expr(part),
                _ => {}
            }
        }
        key
    }

    /// A `fields` node.
    pub(super) fn fields(&mut self, node: Node<'_>) -> Fields {
        let span = self.span(&node);
        Fields { fields: Children::of(node).map(|field| self.field(field)).collect(), span }
    }

    fn field(&mut self, node: Node<'_>) -> FieldDef {
        let span = self.span(&node);
        let doc = self.doc_before(span.start);
        let mut children = Children::of(node);
        let name = self.name_or_missing(children.accept(Rule::ident), span);
        let ty = self.ty(children.accept(Rule::ty), span);
        FieldDef { name, ty, span, doc }
    }

    /// A `ty` node.
    pub(super) fn ty(&mut self, node: Option<Node<'_>>, near: Span) -> Type {
        let Some(node) = node else {
            return Type { kind: TypeKind::Error, nullable: false, span: near.after() };
        };
        let span = self.span(&node);
        let mut kind = TypeKind::Error;
        let mut nullable = false;
        for part in Children::of(node) {
            match part.as_rule() {
                Rule::nullable => nullable = true,
                Rule::fields => kind = TypeKind::Record(self.fields(part)),
                Rule::path => kind = named_type(self.path(part)),
                Rule::list_ty => {
                    let element = self.ty(Children::of(part).accept(Rule::ty), span);
                    kind = TypeKind::List(Box::new(element));
                }
                _ => kind = self.decimal(part),
            }
        }
        Type { kind, nullable, span }
    }

    fn decimal(&mut self, node: Node<'_>) -> TypeKind {
        let mut children = Children::of(node);
        let mut digits = || {
            let node = children.accept(Rule::int)?;
            let span = self.span(&node);
            match self.int(node.as_str(), span) {
                ExprKind::Int(IntLit { value, .. }) => Some(u32::try_from(value).unwrap_or(u32::MAX)),
                _ => None,
            }
        };
        match (digits(), digits()) {
            (Some(precision), Some(scale)) => TypeKind::Decimal { precision, scale },
            _ => TypeKind::Error,
        }
    }
}

/// The type a name stands for.
fn named_type(path: Path) -> TypeKind {
    match path.as_single().map(|name| name.text.as_str()) {
        Some("bool") => TypeKind::Bool,
        Some("int") => TypeKind::Int,
        Some("float") => TypeKind::Float,
        Some("string") => TypeKind::String,
        Some("bytes") => TypeKind::Bytes,
        Some("date") => TypeKind::Date,
        Some("timestamp") => TypeKind::Timestamp,
        Some("duration") => TypeKind::Duration,
        _ => TypeKind::Named(path),
    }
}

/// A name for a value that has none: that of its outermost call or value.
fn suggested_name(value: &Expr) -> &str {
    match &value.kind {
        ExprKind::Call { callee, .. } if callee.text == "count" => "n",
        ExprKind::Call { callee, .. } => &callee.text,
        ExprKind::Method { name, .. } => &name.text,
        ExprKind::Dollar(name) => &name.text,
        ExprKind::Member { name, .. } => &name.text,
        _ => "name",
    }
}
