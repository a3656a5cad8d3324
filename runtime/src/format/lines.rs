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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::CHUNK_PADDING;

    #[test]
    fn lines_are_those_between_newlines() {
        let mut seed = 0x0f0f_1234_5678_9abcu64;
        let mut below = |limit: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed >> 33) as usize % limit
        };
        let pieces: [&[u8]; 8] =
            [b"\n", b"\r\n", b"a", b"some words ", "é".as_bytes(), b"\xff", b"\r", b"\"\n"];
        for round in 0..5000 {
            let choices = [5, 8][round % 2];
            let text: Vec<u8> = (0..below(90)).flat_map(|_| pieces[below(choices)].to_vec()).collect();
            let mut expected: Vec<&[u8]> = text.split(|&b| b == b'\n').collect();
            let last = expected.pop().unwrap_or_default();
            for line in &mut expected {
                *line = line.strip_suffix(b"\r").unwrap_or(line);
            }
            // What follows the last newline is a line if it is not empty, and keeps its carriage return.
            expected.extend((!last.is_empty()).then_some(last));
            let mut buffer = text.clone();
            buffer.resize(text.len() + CHUNK_PADDING, b'\n');
            let chunk =
                Chunk { buffer: buffer.into(), start: 0, end: text.len(), file: 0, offset: 9, first_line: 1 };
            for level in SimdLevel::available() {
                let limits = MorselLimits { rows_max: 1 + below(9), bytes_max: below(300) };
                let mut scanner = LinesScanner::with_level(level, limits);
                scanner.begin(&chunk);
                let mut lines = Vec::new();
                while scanner.next_morsel() {
                    let column = scanner.column(0, None);
                    let Values::Str(strings) = &column.values else { panic!("lines are strings") };
                    for row in 0..scanner.rows() {
                        let line = &text[scanner.row_span(row)];
                        let broken = scanner.broken().iter().any(|b| b.row as usize == row);
                        assert_eq!(broken, std::str::from_utf8(line).is_err());
                        assert_eq!(
                            column.status.get(row),
                            if broken { ErrorCode::Structure as u8 } else { 0 }
                        );
                        assert!(broken || strings.bytes(row) == line);
                        lines.push(line);
                    }
                }
                assert_eq!(lines, expected, "{level:?}");
            }
        }
    }
}
