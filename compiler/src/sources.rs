//! The texts of a program: its own and those of the files it imports.
//!
//! They stand behind each other in one text, the program's own first, so that an offset names its file
//! too and every span of the tree, the plan and the diagnostics is unambiguous. Invariants: texts do not
//! overlap and are in the order in which they were added; all of them together fit 32-bit offsets.

use flow_grammar::{LineColumn, LineIndex};
use flow_ir::Span;

/// One text among the sources.
#[derive(Clone, Debug)]
pub struct SourceText {
    /// What messages call it: a path, or the name of a module of the library.
    pub name: String,
    /// Where it begins among the sources.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
    lines: LineIndex,
}

/// The program and what it imports.
#[derive(Clone, Debug)]
pub struct Sources {
    text: String,
    files: Vec<SourceText>,
}

impl Sources {
    /// A program that imports nothing (yet).
    pub fn new(name: impl Into<String>, text: &str) -> Self {
        let mut sources = Sources { text: String::new(), files: Vec::new() };
        sources.add(name.into(), text);
        sources
    }

    /// Adds a text; where it begins.
    pub(crate) fn add(&mut self, name: String, text: &str) -> u32 {
        if !self.files.is_empty() {
            // An end that belongs to one file is never the start of another.
            self.text.push('\n');
        }
        let start = offset(self.text.len());
        self.text.push_str(text);
        let end = offset(self.text.len());
        self.files.push(SourceText { name, start, end, lines: LineIndex::new(text) });
        start
    }

    /// Whether a word stands somewhere in them.
    pub(crate) fn contain(&self, word: &str) -> bool {
        self.text.contains(word)
    }

    /// All texts, one behind the other: what spans are offsets in.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The texts, the program's own first.
    pub fn files(&self) -> &[SourceText] {
        &self.files
    }

    /// The file that a place is in, as an index of [`Sources::files`].
    pub fn file_of(&self, at: u32) -> usize {
        self.files.partition_point(|f| f.start <= at).saturating_sub(1)
    }

    /// The text of a file.
    pub fn text_of(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |f| slice(&self.text, f.start, f.end))
    }

    /// The text of a span.
    pub fn span_text(&self, span: Span) -> &str {
        slice(&self.text, span.start, span.end)
    }

    /// The span as offsets in its own file, whose index it carries.
    pub fn local(&self, span: Span) -> Span {
        let file = self.file_of(span.start);
        let start = self.files.get(file).map_or(0, |f| f.start);
        let within = |at: u32| at.saturating_sub(start);
        Span { file: u16::try_from(file).unwrap_or(0), start: within(span.start), end: within(span.end) }
    }

    /// Line and column of a place in its file.
    pub fn line_column(&self, at: u32) -> LineColumn {
        let file = self.file_of(at);
        match self.files.get(file) {
            Some(f) => f.lines.line_column(self.text_of(file), at.saturating_sub(f.start)),
            None => LineColumn { line: 1, column: 1 },
        }
    }

    /// `name:line:column` of a span.
    pub fn place(&self, span: Span) -> String {
        let at = self.line_column(span.start);
        let name = self.files.get(self.file_of(span.start)).map_or("", |f| f.name.as_str());
        format!("{name}:{}:{}", at.line, at.column)
    }

    /// The line that a place stands on.
    pub fn line_text(&self, at: u32) -> &str {
        let file = self.file_of(at);
        let text = self.text_of(file);
        let line = self.line_column(at).line;
        let span = self.files.get(file).and_then(|f| f.lines.line_span(text, line));
        span.map_or("", |s| s.text(text))
    }
}

fn slice(text: &str, start: u32, end: u32) -> &str {
    text.get(start as usize..end as usize).unwrap_or("")
}

/// An offset as spans hold it; what is larger is refused before it is added.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_name_their_file() {
        let mut sources = Sources::new("main.flow", "ab\ncd");
        let start = sources.add("other.flow".to_owned(), "x\nyz");
        assert_eq!(start, 6);
        assert_eq!(sources.place(Span { file: 0, start: 3, end: 4 }), "main.flow:2:1");
        // The end of the first text is still its own.
        assert_eq!(sources.place(Span { file: 0, start: 5, end: 5 }), "main.flow:2:3");
        let z = Span { file: 0, start: start + 3, end: start + 4 };
        assert_eq!(sources.place(z), "other.flow:2:2");
        assert_eq!(sources.span_text(z), "z");
        assert_eq!(sources.line_text(z.start), "yz");
        assert_eq!(sources.local(z), Span { file: 1, start: 3, end: 4 });
    }
}
