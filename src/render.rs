//! Diagnostics as people see them: the message, the program text it is about, and the repair.

use crate::program::Program;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer as Snippets, Snippet};
use flow_compiler::diagnostic::{Diagnostic, Severity};
use std::ops::Range;

/// Renders diagnostics, coloured or not.
pub struct Renderer {
    snippets: Snippets,
}

impl Renderer {
    /// A renderer for a terminal (`colored`) or for files.
    pub fn new(colored: bool) -> Self {
        Renderer { snippets: if colored { Snippets::styled() } else { Snippets::plain() } }
    }

    /// One diagnostic, ending in a line break.
    pub fn diagnostic(&self, d: &Diagnostic, program: &Program) -> String {
        let level = match d.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let mut snippet = Snippet::source(program.text.as_str()).path(program.name.as_str()).line_start(1);
        let captions: Vec<&str> =
            d.labels.iter().filter(|l| l.span == d.span).map(|l| l.text.as_str()).collect();
        let mut primary = AnnotationKind::Primary.span(range(d.span, program));
        if let Some(caption) = captions.first().filter(|c| !c.is_empty()) {
            primary = primary.label(*caption);
        }
        snippet = snippet.annotation(primary);
        for label in d.labels.iter().filter(|l| l.span != d.span) {
            let mut context = AnnotationKind::Context.span(range(label.span, program));
            if !label.text.is_empty() {
                context = context.label(label.text.as_str());
            }
            snippet = snippet.annotation(context);
        }
        let mut group: Group<'_> = level.primary_title(d.message.as_str()).id(d.code).element(snippet);
        for note in &d.notes {
            group = group.element(Level::NOTE.no_name().message(note.as_str()));
        }
        for help in &d.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        for fix in &d.fixes {
            group = group.element(Level::HELP.with_name("fix").message(fix.title.as_str()));
        }
        let mut text = self.snippets.render(&[group]);
        text.push('\n');
        text
    }
}

/// A span inside the program's text, on character boundaries.
fn range(span: flow_ir::Span, program: &Program) -> Range<usize> {
    let text = &program.text;
    let floor = |at: u32| {
        let mut at = (at as usize).min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (start, end) = (floor(span.start), floor(span.end));
    start..end.max(start)
}
