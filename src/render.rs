//! Diagnostics as people see them: the message, the program text it is about, and the repair.

use crate::program::Program;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer as Snippets, Snippet};
use flow_compiler::diagnostic::{Diagnostic, Fix, Severity};
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
        let captions: Vec<&str> =
            d.labels.iter().filter(|l| l.span == d.span).map(|l| l.text.as_str()).collect();
        let caption = captions.first().copied().unwrap_or_default();
        let mut group = Group::with_title(level.primary_title(d.message.as_str()).id(d.code));
        let sources = program.sources();
        let first = sources.file_of(d.span.start);
        let files = (0..sources.files().len()).filter(|file| *file != first);
        // The file that is wrong comes first, then those that have to do with it.
        for file in std::iter::once(first).chain(files) {
            let labels = d.labels.iter().filter(|l| l.span != d.span);
            let mut labels = labels.filter(|l| sources.file_of(l.span.start) == file).peekable();
            if file != first && labels.peek().is_none() {
                continue;
            }
            let text = sources.text_of(file);
            let name = sources.files().get(file).map_or("", |f| f.name.as_str());
            let mut snippet = Snippet::source(text).path(name).line_start(1);
            if file == first {
                let primary = AnnotationKind::Primary.span(range(sources.local(d.span), text));
                snippet = snippet.annotation(labelled(primary, caption));
            }
            for label in labels {
                let context = AnnotationKind::Context.span(range(sources.local(label.span), text));
                snippet = snippet.annotation(labelled(context, &label.text));
            }
            group = group.element(snippet);
        }
        for note in &d.notes {
            group = group.element(Level::NOTE.no_name().message(note.as_str()));
        }
        for help in &d.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        for fix in &d.fixes {
            let shown = repaired_line(fix, program).unwrap_or_else(|| fix.title.clone());
            group = group.element(Level::HELP.with_name("fix").message(shown));
        }
        let mut text = self.snippets.render(&[group]);
        text.push('\n');
        text
    }
}

/// The line that an edit makes, if it changes one line and its title says no more than the edit itself.
fn repaired_line(fix: &Fix, program: &Program) -> Option<String> {
    const SHOWN_MAX: usize = 100;
    let plain = fix.title == fix.replacement.trim() || fix.title.starts_with("insert `");
    if !plain || fix.replacement.contains('\n') {
        return None;
    }
    let sources = program.sources();
    let line = sources.line_text(fix.span.start);
    let before = sources.span_text(fix.span);
    let column = sources.line_column(fix.span.start).column as usize - 1;
    let at = line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
    let after = line.get(at..)?.strip_prefix(before)?;
    let repaired = format!("{}{}{after}", line.get(..at)?, fix.replacement);
    let repaired = repaired.trim();
    (repaired.chars().count() <= SHOWN_MAX).then(|| repaired.to_owned())
}

/// An annotation with its caption, if it has one.
fn labelled<'a>(annotation: Annotation<'a>, caption: &'a str) -> Annotation<'a> {
    if caption.is_empty() { annotation } else { annotation.label(caption) }
}

/// A span inside a text, on character boundaries.
fn range(span: flow_ir::Span, text: &str) -> Range<usize> {
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
