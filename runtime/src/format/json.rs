//! JSON lines: one object a line, with columns named by paths of keys.
//!
//! Every row is checked against RFC 8259 as a whole, also where nobody reads it. Blank lines are
//! no rows. A key that occurs twice counts where it occurs last.

mod convert;
mod paths;
mod syntax;
mod unescape;

pub use syntax::{DEPTH_MAX, Fault, check};

use super::{BrokenRow, Chunk, MorselLimits, Scanner};
use convert::Morsel;
use flow_ir::source::Source;
use flow_ir::{Column, DataType};
use paths::{Paths, Slot};
use std::ops::Range;
use std::sync::Arc;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// The scanner of JSON lines.
pub struct JsonScanner {
    paths: Paths,
    types: Vec<DataType>,
    limits: MorselLimits,
    buffer: Arc<Vec<u8>>,
    /// Where the next row starts, and where the chunk ends.
    rest: Range<usize>,
    /// The place of each row of the morsel, without its line end.
    spans: Vec<Range<usize>>,
    /// For each column the place of its value in each row.
    slots: Vec<Vec<Slot>>,
    broken: Vec<BrokenRow>,
    escapes: bool,
    /// The slots of one row.
    scratch: Vec<Slot>,
}

impl JsonScanner {
    /// A scanner that delivers the columns of `source`.
    pub fn new(source: &Source, limits: MorselLimits) -> Self {
        let types: Vec<DataType> = source.columns.iter().map(|c| c.ty.clone()).collect();
        JsonScanner {
            paths: Paths::new(&source.columns),
            limits,
            buffer: Arc::new(Vec::new()),
            rest: 0..0,
            spans: Vec::new(),
            slots: vec![Vec::new(); types.len()],
            broken: Vec::new(),
            escapes: false,
            scratch: vec![Slot::ABSENT; types.len()],
            types,
        }
    }

    fn slow_row(&mut self, span: Range<usize>) {
        let buffer = self.buffer.clone();
        let text = buffer.get(span.clone()).unwrap_or(&[]);
        match syntax::check_object(text) {
            Ok(()) => {
                self.escapes |= memchr::memchr(b'\\', text).is_some();
                self.paths.locate(&buffer, span.clone(), &mut self.scratch);
            }
            Err(fault) => {
                self.scratch.fill(Slot::BROKEN);
                let row = self.spans.len() as u32;
                self.broken.push(BrokenRow { row, at: span.start + fault.at, message: fault.message });
            }
        }
        for (column, slot) in self.slots.iter_mut().zip(&self.scratch) {
            column.push(*slot);
        }
        self.spans.push(span);
    }
}

impl Scanner for JsonScanner {
    fn begin(&mut self, chunk: &Chunk) {
        self.buffer = chunk.buffer.clone();
        let end = chunk.end.min(self.buffer.len());
        let mut start = chunk.start.min(end);
        if chunk.offset == 0 && self.buffer[start..end].starts_with(BOM) {
            start += BOM.len();
        }
        self.rest = start..end;
    }

    fn next_morsel(&mut self) -> bool {
        self.spans.clear();
        self.broken.clear();
        self.escapes = false;
        self.slots.iter_mut().for_each(Vec::clear);
        let first = self.rest.start;
        while !self.rest.is_empty() && self.spans.len() < self.limits.rows_max.max(1) {
            let line = &self.buffer[self.rest.clone()];
            let length = memchr::memchr(b'\n', line).unwrap_or(line.len());
            let span = self.rest.start..self.rest.start + length;
            if !self.spans.is_empty() && span.end - first > self.limits.bytes_max {
                break;
            }
            self.rest.start = (span.end + 1).min(self.rest.end);
            let line = &self.buffer[span.clone()];
            if line.iter().all(|b| syntax::is_space(*b)) {
                continue;
            }
            let length = line.strip_suffix(b"\r").unwrap_or(line).len();
            self.slow_row(span.start..span.start + length);
        }
        !self.spans.is_empty()
    }

    fn rows(&self) -> usize {
        self.spans.len()
    }

    fn column(&self, index: usize, rows: Option<&[u32]>) -> Column {
        let morsel = Morsel { buffer: &self.buffer, slots: &self.slots[index], rows, escapes: self.escapes };
        morsel.column(&self.types[index])
    }

    fn broken(&self) -> &[BrokenRow] {
        &self.broken
    }

    fn row_span(&self, row: usize) -> Range<usize> {
        self.spans[row].clone()
    }

    fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.buffer.get(range).unwrap_or(&[])
    }

    fn field_span(&self, row: usize, index: usize) -> Option<Range<usize>> {
        let slot = *self.slots[index].get(row)?;
        if slot == Slot::BROKEN {
            return None;
        }
        let start = slot.range().map(|r| r.start).or(slot.parent())?;
        Some(start..paths::value_end(&self.buffer, start))
    }
}
