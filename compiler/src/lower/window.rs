//! `window`: the fields it adds to every row.
//!
//! Lowered like `reduce`: a map that computes keys and arguments, the window over columns, and a map
//! that combines its results with the fields of the row. All fields of the row stay, in their place;
//! one that is named again is replaced.

use super::Flow;
use super::map::Columns;
use super::value::hidden;
use crate::check::aggregate::{AggregateCall, Aggregation, is_same};
use crate::check::window::WindowCall;
use crate::check::{Entry, EntryValue, Scope};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::row::{Row, RowField};
use flow_grammar::ast::{self, EntryKind, ExprKind as Ast};
use flow_ir::logical::{Computed, Operator, OutputColumn, SortKey};
use flow_ir::window::{Frame, Window, WindowFunction};
use flow_ir::{Aggregate, ColumnId, Expr, ExprKind, Span, Value};

/// What is computed below a window for it to read, besides the columns of the row.
struct Below {
    columns: Vec<OutputColumn>,
    computed: Vec<Computed>,
}

impl<'a> Compiler<'a> {
    pub(super) fn window(&mut self, flow: Flow, window: &'a ast::Window, place: Span) -> Flow {
        let (keyed, _, keys) = self.window_keys(&flow, &window.per, &window.sort, place);
        let frame = self.frame(window);
        self.no_spreads(&window.record);
        let mut scope = Scope::of(&flow.row);
        scope.aggregation = Some(Aggregation {
            row: &flow.row,
            keys: Row::default(),
            keys_text: String::new(),
            may_be_empty: frame.is_some_and(Frame::may_be_empty),
            calls: Vec::new(),
            window: Some(Vec::new()),
        });
        let (entries, open) = self.entries(&window.record, &mut scope);
        let (before, after): (Vec<_>, Vec<_>) = scope.datasets.into_iter().partition(|v| !v.after);
        let (Some((per, sort)), Some(frame), Some(found)) = (keys, frame, scope.aggregation) else {
            return self.after_mistake(flow, entries);
        };
        let input = self.with_values(keyed, before, place);
        let mut below = Below { columns: self.plan.node(input).columns.clone(), computed: Vec::new() };
        let names = direct_names(&entries);
        let mut outputs: Vec<OutputColumn> = Vec::new();
        let mut output = |id: ColumnId, ty: &flow_ir::DataType| {
            let named = names.iter().find(|(known, _)| *known == id);
            let path = named.map_or_else(|| hidden("window", id), |(_, name)| vec![(*name).to_owned()]);
            outputs.push(OutputColumn { id, path, ty: ty.clone() });
        };
        found.calls.iter().for_each(|c| output(c.output, &c.ty));
        found.window.iter().flatten().for_each(|c| output(c.output, &c.ty));
        let aggregates = found.calls.into_iter().map(|c| self.window_aggregate(c, &mut below)).collect();
        let functions = found.window.into_iter().flatten();
        let functions = functions.map(|c| self.shift_of_columns(c, &mut below)).collect();
        let input = match below.computed.is_empty() {
            true => input,
            false => {
                let operator = Operator::Map { input, computed: below.computed };
                self.node(operator, below.columns.clone(), place)
            }
        };
        let mut columns = below.columns;
        columns.extend(outputs);
        let operator = Operator::Window { input, window: Window { per, sort, frame, aggregates, functions } };
        let node = self.node(operator, columns, place);
        let node = self.with_values(node, after, place);
        self.widened(Flow { node, ..flow }, entries, open, place)
    }

    /// The rows with the new fields, without what only the window needed.
    fn widened(&mut self, flow: Flow, entries: Vec<Entry>, open: bool, place: Span) -> Flow {
        let mut columns = Columns::default();
        let mut fields: Vec<RowField> = Vec::with_capacity(flow.row.fields.len() + entries.len());
        let mut entries: Vec<Option<Entry>> = entries.into_iter().map(Some).collect();
        for field in flow.row.fields.clone() {
            let again = entries.iter_mut().find(|e| e.as_ref().is_some_and(|e| e.name == field.name));
            let entry = again.and_then(Option::take).unwrap_or_else(|| Entry {
                name: field.name.clone(),
                span: place,
                value: EntryValue::Field(field),
            });
            fields.push(self.new_field(entry, &mut columns));
        }
        for entry in entries.into_iter().flatten() {
            fields.push(self.new_field(entry, &mut columns));
        }
        let row = Row { open: open || flow.row.open, ..flow.row.next(fields, place) };
        let input = flow.node;
        let node = self.node(Operator::Map { input, computed: columns.computed }, row.columns(), place);
        Flow { node, row, ..flow }
    }

    /// After a mistake: the fields are known by name at least.
    fn after_mistake(&mut self, flow: Flow, entries: Vec<Entry>) -> Flow {
        let mut row = flow.row.clone();
        row.fields.retain(|f| !entries.iter().any(|e| e.name == f.name));
        let unknown = |e: Entry| RowField { name: e.name, shape: crate::row::Shape::Unknown, from: None };
        row.fields.extend(entries.into_iter().map(unknown));
        Flow { row: Row { open: true, ..row }, ..flow }
    }

    /// Keys that only compare rows make no field, so a name for one would say nothing.
    fn nameless(&mut self, key: &ast::Key) {
        let Some(name) = &key.name else { return };
        let value = span(key.value.outer());
        let place = Span { end: value.start, ..span(key.span) };
        let message = format!("this key makes no field that could be called `{}`", name.text);
        self.report(
            Diagnostic::error("F4034", span(name.span), message)
                .help(format!(
                    "for a field of that name: | map {{ *, {}: {} }} before",
                    name.text,
                    self.text(value)
                ))
                .fix("remove the name", place, ""),
        );
    }

    /// The rows with the columns of keys and sort keys, whether there are new ones, and the keys;
    /// those are `None` after a mistake.
    #[allow(clippy::type_complexity)]
    pub(super) fn window_keys(
        &mut self,
        flow: &Flow,
        per: &'a [ast::Key],
        sort: &'a [ast::SortKey],
        place: Span,
    ) -> (flow_ir::NodeId, bool, Option<(Vec<ColumnId>, Vec<SortKey>)>) {
        let (mut per_columns, mut sort_keys, mut failed) = (Vec::new(), Vec::new(), false);
        let (node, hidden) = self.with_keys(flow, place, |this, scope, computed, extra| {
            for key in per {
                this.nameless(key);
                match this.key_columns(&key.value, scope, computed, extra) {
                    Some(ids) => per_columns.extend(ids),
                    None => failed = true,
                }
            }
            for key in sort {
                match this.key_columns(&key.value, scope, computed, extra) {
                    Some(ids) => {
                        sort_keys.extend(ids.into_iter().map(|column| super::order::sort_key(key, column)));
                    }
                    None => failed = true,
                }
            }
        });
        (node, hidden, (!failed).then_some((per_columns, sort_keys)))
    }

    /// What the aggregates see; `None` after a mistake.
    fn frame(&mut self, window: &'a ast::Window) -> Option<Frame> {
        let Some(frame) = &window.frame else {
            return Some(if window.sort.is_empty() { Frame::Key } else { Frame::Running });
        };
        // Anything but a range is a syntax error that has been reported.
        let Ast::Range { low, high, .. } = &frame.kind else { return None };
        let (from, to) = (self.frame_end(low), self.frame_end(high));
        let (from, to) = (from?, to?);
        if from > to {
            let message = format!("this frame ends at row {to}, before its first row {from}");
            self.report(
                Diagnostic::error("F3018", span(frame.span), message)
                    .help(format!("the smaller offset stands first: frame {to}..{from}")),
            );
            return None;
        }
        Some(Frame::Rows { from, to })
    }

    fn frame_end(&mut self, e: &'a ast::Expr) -> Option<i64> {
        let value = self.expr(e, &mut Scope::constant())?;
        let (ty, place) = (value.ty().clone(), value.expr.span);
        match self.constant_value(value)? {
            Value::Int(n) => Some(n),
            _ => {
                let message = format!("a frame is counted in rows, by whole numbers, not by `{ty}`");
                self.report(Diagnostic::error("F3012", place, message).caption(ty.to_string()));
                None
            }
        }
    }

    /// `*` would say nothing here.
    fn no_spreads(&mut self, record: &'a ast::Record) {
        for entry in &record.entries {
            if let EntryKind::Spread { .. } = entry.kind {
                self.report(
                    Diagnostic::error("F3019", span(entry.span), "a `window` keeps every field by itself")
                        .help("to leave fields out: | map { * except (...) }"),
                );
            }
        }
    }

    fn window_aggregate(&mut self, call: AggregateCall, below: &mut Below) -> Aggregate {
        let argument = call.argument.map(|e| self.column_below(e, below));
        let by = call.by.map(|e| self.column_below(e, below));
        let (output, kind, detail, ty, span) = (call.output, call.kind, call.detail, call.ty, call.span);
        Aggregate { output, kind, argument, by, detail, ty, span }
    }

    fn shift_of_columns(&mut self, call: WindowCall, below: &mut Below) -> WindowFunction {
        let argument = call.argument.map(|e| self.column_below(e, below));
        let default = call.default.map(|e| self.column_below(e, below));
        WindowFunction {
            output: call.output,
            kind: call.kind,
            argument,
            offset: call.offset,
            default,
            ty: call.ty,
            span: call.span,
        }
    }

    /// The column that holds the value of `e` below the window.
    fn column_below(&mut self, e: Expr, below: &mut Below) -> ColumnId {
        if let ExprKind::Column(id) = e.kind {
            return id;
        }
        if let Some(known) = below.computed.iter().find(|c| is_same(&c.expr, &e)) {
            return known.id;
        }
        let id = self.fresh();
        below.columns.push(OutputColumn { id, path: hidden("argument", id), ty: e.ty.clone() });
        below.computed.push(Computed { id, expr: e });
        id
    }
}

/// The names of entries that are one column and nothing else.
fn direct_names(entries: &[Entry]) -> Vec<(ColumnId, &str)> {
    let mut names: Vec<(ColumnId, &str)> = Vec::new();
    for entry in entries {
        if let EntryValue::Value(value) = &entry.value
            && let ExprKind::Column(id) = value.expr.kind
            && !names.iter().any(|(known, _)| *known == id)
        {
            names.push((id, &entry.name));
        }
    }
    names
}
