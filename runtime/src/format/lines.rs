//! `lines`: every line of a file is one string, with nothing in it divided, quoted or null.
//!
//! The rows are those of delimited text whose separator is the line end itself.
//! Invariant: every line is a row, the empty ones too; a line that is not UTF-8 is broken.

use super::csv::fields;
use super::csv::rows::{Delimiters, Rows};
use super::{BrokenRow, Chunk, MorselLimits, Scanner};
use crate::kernels::level::SimdLevel;
use flow_ir::{Column, ErrorCode, Status, StrColumn, Values};
use std::ops::Range;

/// Scans lines of text.
#[derive(Debug)]
pub struct LinesScanner {
    rows: Rows,
}

impl LinesScanner {
    /// A scanner for any source of lines.
    pub fn new(limits: MorselLimits) -> Self {
        Self::with_level(SimdLevel::detect(), limits)
    }

    /// A scanner that uses the given instructions.
    pub fn with_level(level: SimdLevel, limits: MorselLimits) -> Self {
        let delimiters = Delimiters { separator: b'\n', quote: None, header: false };
        LinesScanner { rows: Rows::new(level, delimiters, limits) }
    }
}

impl Scanner for LinesScanner {
    fn begin(&mut self, chunk: &Chunk) {
        self.rows.begin(chunk, 1);
    }

    fn next_morsel(&mut self) -> bool {
        self.rows.next_morsel()
    }

    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn column(&self, _index: usize, rows: Option<&[u32]>) -> Column {
        let found = fields(&self.rows, 0, rows);
        let mut status = Status::AllValid;
        if !found.broken.is_empty() {
            let mut bytes = vec![0; found.views.len()];
            for &row in &found.broken {
                bytes[row as usize] = ErrorCode::Structure as u8;
            }
            status = Status::Rows(bytes);
        }
        let buffer = self.rows.buffer.clone();
        Column { values: Values::Str(StrColumn { buffer, views: found.views }), status }
    }

    fn broken(&self) -> &[BrokenRow] {
        self.rows.broken()
    }

    fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.rows.bytes(range)
    }

    fn row_span(&self, row: usize) -> Range<usize> {
        self.rows.row_span(row)
    }

    fn field_span(&self, row: usize, _index: usize) -> Option<Range<usize>> {
        self.rows.field_span(row, 0)
    }
}
