//! `write`, `show`, and the print at the end of a pipeline that has neither.

use super::Flow;
use super::folder_sink::overlap;
use super::format::Use;
use super::value::hidden;
use crate::check::Scope;
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::glob;
use crate::row::Row;
use flow_grammar::ast::{self, StageKind, WriteModeKind};
use flow_ir::location::Location;
use flow_ir::logical::{Computed, Operator, OutputColumn};
use flow_ir::source::{Format, Sink, SinkColumn, Target, WriteMode};
use flow_ir::{Expr, NodeId, Span, Type};

/// How a sink writes.
#[derive(Clone, Copy, Debug, Default)]
struct Manner {
    mode: WriteMode,
    unordered: bool,
}

impl<'a> Compiler<'a> {
    /// Ends a pipeline: with its last stage if that is a sink, otherwise by printing.
    pub(super) fn sink(&mut self, flow: &Flow, last: Option<&'a ast::Stage>, pipeline: Span) {
        match last.map(|stage| (&stage.kind, span(stage.span))) {
            Some((StageKind::Write(write), place)) => self.write(flow, write, place),
            Some((StageKind::Show { count }, place)) => {
                let mut node = flow.node;
                let mut limit = None;
                if let Some(count) = count {
                    let Some(count) = self.constant_count(count, "`show`") else { return };
                    // Rows that are not shown need not be read: `show n` is `take n`, printed.
                    node = self.passing(node, Operator::Take { input: node, count }, place);
                    limit = Some(count);
                }
                self.put(node, Target::Print { limit }, None, &flow.row, place);
            }
            _ => self.put(flow.node, Target::Print { limit: None }, None, &flow.row, pipeline),
        }
    }

    fn put(&mut self, input: NodeId, target: Target, format: Option<Format>, row: &Row, place: Span) {
        self.put_columns(input, target, format, row.columns(), row.optional(), place);
    }

    pub(super) fn put_columns(
        &mut self,
        input: NodeId,
        target: Target,
        format: Option<Format>,
        columns: Vec<OutputColumn>,
        optional: Vec<Vec<String>>,
        place: Span,
    ) {
        let manner = Manner::default();
        self.put_in_manner(input, (target, format, manner), columns, optional, place);
    }

    fn put_in_manner(
        &mut self,
        input: NodeId,
        (target, format, manner): (Target, Option<Format>, Manner),
        columns: Vec<OutputColumn>,
        optional: Vec<Vec<String>>,
        place: Span,
    ) {
        let columns = columns.into_iter().map(|c| SinkColumn { id: c.id, path: c.path, ty: c.ty }).collect();
        let number = u32::try_from(self.plan.sinks.len()).unwrap_or(u32::MAX);
        let Manner { mode, unordered } = manner;
        let sink = Sink { number, target, format, mode, unordered, columns, optional, span: place };
        let node = self.node(Operator::Write { input, sink }, Vec::new(), place);
        self.plan.sinks.push(node);
    }

    fn write(&mut self, flow: &Flow, write: &'a ast::Write, place: Span) {
        let target = span(write.target.span);
        let path = self.constant_text(&write.target, "a path");
        let is_text = write.format.as_ref().is_some_and(|f| f.name.text == "text");
        let line = match &write.format {
            Some(format) if is_text => self.text_line(flow, format),
            _ => None,
        };
        let Some(path) = path else { return };
        if !self.path_is_supported(&path, target, Use::Write) || !self.partition_fits(write, &path, target) {
            return;
        }
        let format = match &write.format {
            Some(_) if is_text => Some(Format::Text),
            Some(format) => self.named_format(format, Use::Write),
            None => self.format_by_suffix(&path, target, Use::Write),
        };
        let format = format.filter(|f| self.columns_fit(&path, f, target));
        let manner = self.manner(write, &path, format.as_ref());
        let to = match Location::of(&path) {
            Location::Standard => Target::Print { limit: None },
            Location::Command(_) => Target::File(path),
            Location::File(_) if path.ends_with('/') => {
                self.note_write(&path, target);
                let Some(folder) = self.folder_target(flow, write, path) else { return };
                folder
            }
            Location::File(_) | Location::Url(_) => {
                self.note_write(&path, target);
                Target::File(path)
            }
        };
        let (Some(format), Some(manner)) = (format, manner) else { return };
        if is_text {
            let Some((node, column)) = line else { return };
            let (to, columns) = self.text_columns(flow, node, to, column);
            return self.put_in_manner(node, (to, Some(format), manner), columns, Vec::new(), place);
        }
        if matches!(format, Format::Delimited(_)) && !self.fits_delimited(flow, target) {
            return;
        }
        let (columns, optional) = (flow.row.columns(), flow.row.optional());
        self.put_in_manner(flow.node, (to, Some(format), manner), columns, optional, place);
    }

    /// Notes that a file is written, which nothing else may do.
    fn note_write(&mut self, path: &str, target: Span) {
        if let Some((_, first)) = self.writes.iter().find(|(p, _)| overlap(p, path)) {
            let first = *first;
            let other = self.writes.iter().find(|(p, _)| overlap(p, path)).map_or(path, |(p, _)| p);
            let message = match glob::normal(other) == glob::normal(path) {
                true => format!("`{path}` is written twice"),
                false => format!("`{path}` and `{other}` are written, one of which is inside of the other"),
            };
            self.report(Diagnostic::error("F4006", target, message).label(first, "first written here"));
        }
        self.writes.push((path.to_owned(), target));
    }

    /// `mode` and `unordered`; `None` where the target or the format does not allow them.
    fn manner(&mut self, write: &'a ast::Write, path: &str, format: Option<&Format>) -> Option<Manner> {
        let mut manner = Manner { mode: WriteMode::Replace, unordered: write.unordered };
        let Some(mode) = &write.mode else { return Some(manner) };
        manner.mode = match mode.kind {
            WriteModeKind::Replace => WriteMode::Replace,
            WriteModeKind::Append => WriteMode::Append,
            WriteModeKind::Error => WriteMode::Error,
        };
        let place = span(mode.span);
        if !matches!(Location::of(path), Location::File(_)) {
            let message = format!("`mode {}` is about a file, and `{path}` is none", manner.mode.name());
            self.report(Diagnostic::error("F4017", place, message));
            return None;
        }
        // A directory gets further files: no file of it is changed.
        let append_to_file = manner.mode == WriteMode::Append && !path.ends_with('/');
        if append_to_file && format == Some(&Format::Json) {
            self.report(
                Diagnostic::error("F4017", place, "nothing can be appended to the one array of `json`")
                    .help("write one object a line, `as jsonl`, or append to a directory"),
            );
            return None;
        }
        if append_to_file && format.is_some_and(Format::is_columnar) {
            self.report(
                Diagnostic::error("F4017", place, "nothing can be appended to a file of columns")
                    .help("append to a directory, which gets one file more: write \"parts/\" as parquet mode append"),
            );
            return None;
        }
        Some(manner)
    }

    /// The column that `as text(e)` writes.
    fn text_line(&mut self, flow: &Flow, format: &'a ast::Format) -> Option<(NodeId, OutputColumn)> {
        let place = span(format.span);
        let [ast::Arg { name: None, value, .. }] = format.args.as_slice() else {
            self.report(
                Diagnostic::error("F4009", place, "`text` needs the text of a line")
                    .help("as text(user + \" \" + page)"),
            );
            return None;
        };
        let mut scope = Scope::of(&flow.row);
        let line = self.expr(value, &mut scope);
        let values = scope.datasets;
        let line = line?;
        if line.ty().kind != Type::String {
            let text = self.text(span(value.outer()));
            let ty = line.ty().to_string();
            self.report(
                Diagnostic::error("F3001", span(value.span), format!("a line is a `string`, not `{ty}`"))
                    .caption(ty)
                    .help(format!("f\"{{{text}}}\"")),
            );
            return None;
        }
        let input = self.with_values(flow.node, values, place);
        let expr: Expr = line.expr;
        let id = self.fresh();
        let column = OutputColumn { id, path: hidden("line", id), ty: expr.ty.clone() };
        let computed = vec![Computed { id, expr }];
        let node = self.node(Operator::Map { input, computed }, vec![column.clone()], place);
        Some((node, OutputColumn { path: vec!["line".to_owned()], ..column }))
    }

    /// Delimited files hold one text in each field.
    fn fits_delimited(&mut self, flow: &Flow, target: Span) -> bool {
        let mut fits = true;
        for column in flow.row.columns() {
            if matches!(column.ty.kind, Type::List(_)) {
                let name = column.path.join(".");
                let message = format!("a delimited file cannot hold `{name}`, a `{}`", column.ty);
                self.report(
                    Diagnostic::error("F3014", target, message)
                        .help(format!("write JSON lines (`as jsonl`), or join it: {name}.join(\";\")")),
                );
                fits = false;
            }
        }
        fits
    }
}
