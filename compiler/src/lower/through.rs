//! `through`: rows to processes as JSON lines, and their answers back as rows.

use super::format::Use;
use super::{Flow, RowCount};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use flow_grammar::ast;
use flow_ir::Span;
use flow_ir::logical::Operator;
use flow_ir::source::{Folders, Format, OnError, Sink, SinkColumn, Source, SourceFile, Target, WriteMode};

/// More processes than a machine has cores are of use only while they wait for others.
const SLOTS_MAX: u64 = 1024;

impl<'a> Compiler<'a> {
    pub(super) fn through(&mut self, flow: Flow, through: &'a ast::Through, place: Span) -> Flow {
        let target = span(through.command.span);
        let command = self.constant_text(&through.command, "a command").filter(|text| {
            let is_one = !text.trim().is_empty();
            if !is_one {
                self.report(Diagnostic::error("F4018", target, "there is no command"));
            }
            is_one
        });
        let speaks = self.speaks_json_lines(through, target);
        let slots = self.slots(through);
        let fields = match &through.schema {
            Some(schema) => self.schema(schema),
            None => {
                let message = "what a command answers is not known before it runs";
                self.report(
                    Diagnostic::error("F2016", target, message)
                        .help("say what its fields are: schema { name: string, ... }"),
                );
                None
            }
        };
        let holds = fields.as_ref().is_some_and(|f| self.format_holds(&Format::JsonLines, f));
        let (Some(command), Some(slots), Some(fields), true) = (command, slots, fields, speaks && holds)
        else {
            return self.unknown_flow(place);
        };
        let (row, columns) = self.source_columns(&fields, &command);
        let path = format!("cmd:{command}");
        let answers = Source {
            pattern: path.clone(),
            files: vec![SourceFile { path, positions: Vec::new(), fields: 0, keys: Vec::new() }],
            format: Format::JsonLines,
            columns,
            folders: Folders::default(),
            line: None,
            on_error: OnError::Fail,
            span: place,
        };
        let given = flow.row.columns().into_iter();
        let sink = Sink {
            number: 0,
            target: Target::Processes { command, slots },
            format: Some(Format::JsonLines),
            mode: WriteMode::Replace,
            unordered: false,
            columns: given.map(|c| SinkColumn { id: c.id, path: c.path, ty: c.ty }).collect(),
            optional: flow.row.optional(),
            span: place,
        };
        let operator = Operator::Through { input: flow.node, sink, answers };
        let node = self.node(operator, row.columns(), place);
        Flow { node, row, count: RowCount::many(place, "any number of answers"), keys: None }
    }

    /// Whether the format is JSON lines, as it must be said.
    fn speaks_json_lines(&mut self, through: &'a ast::Through, target: Span) -> bool {
        let Some(format) = &through.format else {
            self.report(
                Diagnostic::error("F4008", target, "how the rows go to the command is not said")
                    .help("one JSON object a line, both ways: as jsonl"),
            );
            return false;
        };
        match self.named_format(format, Use::Read) {
            Some(Format::JsonLines) => true,
            Some(_) => {
                let place = span(format.span);
                let message = "the rows of `through` go to the command as JSON lines, and come back so";
                self.report(Diagnostic::error("F2014", place, message).caption("write `jsonl`"));
                false
            }
            None => false,
        }
    }

    fn slots(&mut self, through: &'a ast::Through) -> Option<u32> {
        let Some(e) = &through.slots else { return Some(1) };
        let slots = self.constant_count(e, "`slots`")?;
        if (1..=SLOTS_MAX).contains(&slots) {
            return u32::try_from(slots).ok();
        }
        let message = format!("`slots` is from 1 to {SLOTS_MAX}, not {slots}");
        self.report(Diagnostic::error("F4036", span(e.span), message));
        None
    }
}
