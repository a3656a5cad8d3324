//! Byte positions in a program text; the first thing every phase after the parser relies on.
//!
//! Invariants: `start <= end`, both lie on character boundaries of the text they came from, and both are
//! relative to the text exactly as it was given (a byte order mark or `#!` line is counted, not removed).

/// A half-open range of byte offsets, `start..end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset just after the last byte.
    pub end: u32,
}

impl Span {
    /// The range `start..end`; a reversed pair becomes the empty range at `start`.
    pub fn new(start: u32, end: u32) -> Span {
        Span { start, end: end.max(start) }
    }

    /// The empty range just before `offset`.
    pub fn at(offset: u32) -> Span {
        Span { start: offset, end: offset }
    }

    /// The smallest range that covers both.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The empty range at the beginning of this one.
    pub fn before(self) -> Span {
        Span::at(self.start)
    }

    /// The empty range at the end of this one.
    pub fn after(self) -> Span {
        Span::at(self.end)
    }

    /// True if no byte is covered.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// True if `offset` lies inside, or just behind the last byte (where an editor's cursor may stand).
    pub fn touches(self, offset: u32) -> bool {
        self.start <= offset && offset <= self.end
    }

    /// The covered text; empty if the span does not belong to `source`.
    pub fn text(self, source: &str) -> &str {
        source.get(self.start as usize..self.end as usize).unwrap_or("")
    }
}

/// A 1-based position as people count: `column` is in characters, not bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineColumn {
    /// Line number, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// Finds line and column of a byte offset in logarithmic time.
#[derive(Clone, Debug)]
pub struct LineIndex {
    line_starts: Vec<u32>,
}

impl LineIndex {
    /// Notes where every line of `source` begins.
    pub fn new(source: &str) -> LineIndex {
        let newlines = source.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        let line_starts = std::iter::once(0).chain(newlines.map(|(at, _)| offset(at + 1))).collect();
        LineIndex { line_starts }
    }

    /// Number of lines; a text without any newline has one.
    pub fn line_count(&self) -> u32 {
        offset(self.line_starts.len())
    }

    /// Line and column of `at` in the `source` this index was built from; a leading byte order mark takes no
    /// column.
    pub fn line_column(&self, source: &str, at: u32) -> LineColumn {
        let line = self.line_starts.partition_point(|&start| start <= at).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let before = Span::new(start, at).text(source);
        let before = before.strip_prefix('\u{feff}').unwrap_or(before);
        LineColumn { line: offset(line), column: offset(before.chars().count() + 1) }
    }

    /// The range of the 1-based `line` without its line break, or `None` past the end.
    pub fn line_span(&self, source: &str, line: u32) -> Option<Span> {
        let index = (line as usize).checked_sub(1)?;
        let start = *self.line_starts.get(index)?;
        let end = self.line_starts.get(index + 1).copied().unwrap_or(offset(source.len()));
        let text = Span::new(start, end).text(source).trim_end_matches(['\n', '\r']);
        Some(Span::new(start, start + offset(text.len())))
    }
}

/// A byte offset as the 32 bits a [`Span`] stores; the parser refuses longer texts before this can saturate.
pub(crate) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The 1-based line of `at` in the text that begins at `start`, for a message; counting is fine where one error
/// needs one line.
pub(crate) fn line_of(source: &str, start: u32, at: u32) -> usize {
    1 + Span::new(start, at).text(source).bytes().filter(|&byte| byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_and_column_count_characters() {
        let source = "ab\nçé x\r\nlast";
        let index = LineIndex::new(source);
        let x = offset(source.find('x').unwrap_or(0));
        assert_eq!(index.line_column(source, x), LineColumn { line: 2, column: 4 });
        assert_eq!(index.line_column(source, 0), LineColumn { line: 1, column: 1 });
        assert_eq!(index.line_column(source, offset(source.len())), LineColumn { line: 3, column: 5 });
        assert_eq!(index.line_count(), 3);
    }

    #[test]
    fn line_span_leaves_the_line_break_out() {
        let source = "ab\r\ncd";
        let index = LineIndex::new(source);
        assert_eq!(index.line_span(source, 1).map(|span| span.text(source)), Some("ab"));
        assert_eq!(index.line_span(source, 2).map(|span| span.text(source)), Some("cd"));
        assert_eq!(index.line_span(source, 3), None);
        assert_eq!(index.line_span(source, 0), None);
    }
}
