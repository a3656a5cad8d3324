//! The line on which each row begins, as a column.
//!
//! [`NumberedScanner`] puts it behind the columns that a scanner of bytes delivers; scanners of columnar files
//! count rows by themselves. Invariant: the line depends on the file alone, because a chunk knows its first one.

use super::{BrokenRow, Chunk, Scanner, forward_places};
use flow_ir::column::ColumnBuilder;
use flow_ir::{Column, Type, Value};
use std::ops::Range;

/// A column of numbers, which are never errors.
pub(crate) fn number_column(numbers: impl ExactSizeIterator<Item = u64>) -> Column {
    let mut builder = ColumnBuilder::new(&Type::Int, numbers.len());
    for number in numbers {
        builder.push(Ok(&Value::Int(i64::try_from(number).unwrap_or(i64::MAX))));
    }
    builder.finish()
}

/// A scanner with the line of each row behind its own columns.
pub(crate) struct NumberedScanner {
    inner: Box<dyn Scanner>,
    /// The column's number.
    index: usize,
    /// A place in the chunk's buffer at which a line begins: where the morsel's first row does.
    at: usize,
    /// That line.
    line: u64,
}

impl NumberedScanner {
    /// `columns` of them are the scanner's own.
    pub(crate) fn new(inner: Box<dyn Scanner>, columns: usize) -> Self {
        NumberedScanner { inner, index: columns, at: 0, line: 1 }
    }

    /// Line ends in a part of the buffer.
    fn line_ends(&self, range: Range<usize>) -> u64 {
        memchr::memchr_iter(b'\n', self.inner.bytes(range)).count() as u64
    }
}

impl Scanner for NumberedScanner {
    fn begin(&mut self, chunk: &Chunk) {
        (self.at, self.line) = (chunk.start, chunk.first_line);
        self.inner.begin(chunk);
    }

    fn next_morsel(&mut self) -> bool {
        let more = self.inner.next_morsel();
        if more && self.inner.rows() > 0 {
            let start = self.inner.row_span(0).start;
            self.line += self.line_ends(self.at..start.max(self.at));
            self.at = start.max(self.at);
        }
        more
    }

    fn rows(&self) -> usize {
        self.inner.rows()
    }

    fn column(&self, index: usize, rows: Option<&[u32]>) -> Column {
        if index != self.index {
            return self.inner.column(index, rows);
        }
        let (mut at, mut line) = (self.at, self.line);
        let mut line_of = |row: usize| {
            let start = self.inner.row_span(row).start;
            if start < at {
                (at, line) = (self.at, self.line);
            }
            line += self.line_ends(at..start.max(at));
            at = start.max(at);
            line
        };
        match rows {
            Some(rows) => number_column(rows.iter().map(|row| line_of(*row as usize))),
            None => number_column((0..self.inner.rows()).map(line_of)),
        }
    }

    forward_places!();
}
