//! JSON lines: one object a line, with columns named by paths of keys.
//!
//! Every row is checked against RFC 8259 as a whole, also where nobody reads it. Blank lines are
//! no rows. A key that occurs twice counts where it occurs last.
//!
//! Rows that share all bytes but their values with an earlier row are taken by comparing these
//! (`kernels::template`). Others are cut into tokens once. Rows whose tokens and keys are those of
//! an earlier row are taken by comparing them (`kernels::structural_match`), others by walking
//! over their tokens; what none of these vouches for goes through the complete check of every
//! byte. All four find the same values: what a morsel delivers does not depend on earlier rows.

mod alike;
mod convert;
mod learn;
mod paths;
mod syntax;
mod unescape;
mod value;
mod walk;

pub use syntax::{DEPTH_MAX, Fault, check};

use super::{BrokenRow, CHUNK_PADDING, Chunk, MorselLimits, Scanner};
use crate::kernels::level::SimdLevel;
use crate::kernels::structural::Tokens;
use crate::kernels::structural_match::{Cursor, Rows, Shape, Stop, right_escapes, take_rows};
use crate::kernels::utf8::is_utf8;
use alike::{Templates, Tried};
use bytes::Bytes;
use convert::Morsel;
use flow_ir::source::Source;
use flow_ir::{Column, DataType};
use paths::{Paths, Slot};
use std::ops::Range;

const BOM: &[u8] = b"\xEF\xBB\xBF";
/// Bytes cut into tokens at a time; a multiple of 64, small enough that the tokens stay in the cache.
const BLOCK: usize = 16 << 10;
/// Chunks that end beyond this byte are refused.
const GIANT: usize = (1 << 31) - (1 << 20);
/// The span of a row that was refused for its length.
const REFUSED: (u32, u32) = (u32::MAX, 0);
/// The most shapes that are kept.
const SHAPES_MAX: usize = 16;
/// How many rows must have been taken for each shape that is learned: where rows have no shapes in
/// common, learning them takes longer than it saves.
const ROWS_A_SHAPE: usize = 32;
/// After so many rows in a row without a known shape, few rows are compared with shapes.
const STREAK: usize = 64;
/// Of how many rows without a known shape it is remembered what they looked like.
const SEEN: usize = 256;

/// The scanner of JSON lines.
pub struct JsonScanner {
    level: SimdLevel,
    paths: Paths,
    types: Vec<DataType>,
    limits: MorselLimits,
    /// Shapes of rows, the last used one first.
    shapes: Vec<Shape>,
    /// What rows without a known shape looked like: a shape is learned when it comes again.
    seen: Vec<u64>,
    /// Rows taken and not yet spent on learning.
    credit: usize,
    /// Rows without a known shape since the last one with.
    streak: usize,
    templates: Templates,
    tokens: Tokens,
    /// The tokens were cut up to a line end only: the next ones start afresh.
    afresh: bool,
    buffer: Bytes,
    /// The end of the chunk.
    end: usize,
    /// The end of the bytes that have been cut into tokens.
    cut: usize,
    /// The next token, and how many tokens belong to whole rows.
    next: usize,
    whole: usize,
    /// The start of the next row.
    start: usize,
    /// Whether the bytes that have been cut are known to be UTF-8.
    utf8: bool,
    /// The rows of the morsel, with one slot a column.
    rows: Rows,
    broken: Vec<BrokenRow>,
    /// A chunk too long for positions of 31 bits. Only a single row makes a chunk that long.
    giant: Option<Range<usize>>,
    /// Where the row lies that was refused for its length.
    refused: Range<usize>,
    /// Rows that were taken by walking over their tokens.
    walked: u64,
    /// Rows that went through the complete check.
    checked: u64,
}

impl JsonScanner {
    /// A scanner that delivers the columns of `source`.
    pub fn new(source: &Source, limits: MorselLimits) -> Self {
        Self::with_level(source, limits, SimdLevel::detect())
    }

    /// The same, with the given instructions.
    pub fn with_level(source: &Source, limits: MorselLimits, level: SimdLevel) -> Self {
        JsonScanner {
            level,
            paths: Paths::new(&source.columns),
            types: source.columns.iter().map(|c| c.ty.clone()).collect(),
            limits,
            shapes: Vec::new(),
            seen: vec![0; SEEN],
            credit: SHAPES_MAX * ROWS_A_SHAPE,
            streak: 0,
            templates: Templates::default(),
            tokens: Tokens::default(),
            afresh: false,
            buffer: Bytes::new(),
            end: 0,
            cut: 0,
            next: 0,
            whole: 0,
            start: 0,
            utf8: true,
            rows: Rows::default(),
            broken: Vec::new(),
            giant: None,
            refused: 0..0,
            walked: 0,
            checked: 0,
        }
    }

    /// How many rows so far were taken by templates.
    pub fn rows_alike(&self) -> u64 {
        self.templates.taken
    }

    /// How many rows so far were of no known shape, but right.
    pub fn rows_walked(&self) -> u64 {
        self.walked
    }

    /// How many rows so far went through the complete check of every byte.
    pub fn rows_checked(&self) -> u64 {
        self.checked
    }

    /// Forgets all tokens; the next ones are those from the next row on.
    fn forget_tokens(&mut self) {
        self.tokens.clear();
        self.cut = self.start;
        (self.next, self.whole) = (0, 0);
        self.afresh = false;
    }

    /// Cuts more bytes into tokens until there is a whole row, but none from `limit` on, which is
    /// the start of a row; false at the end of the chunk.
    fn cut_more(&mut self, limit: Option<usize>) -> bool {
        let buffer = self.buffer.clone();
        if self.afresh {
            self.forget_tokens();
        }
        self.afresh = limit.is_some();
        self.tokens.forget(self.next, self.start as u32);
        (self.next, self.whole) = (0, 0);
        while self.cut < self.end {
            let seen = self.tokens.kinds().len();
            let end = self.end.min(self.cut + BLOCK).min(limit.unwrap_or(usize::MAX));
            self.tokens.extend(self.level, &buffer, self.cut..end);
            self.cut = end;
            if end == self.end && buffer.get(end - 1) != Some(&b'\n') {
                self.tokens.push_line_end(end);
            }
            if let Some(last) = memchr::memrchr(b'\n', &self.tokens.kinds()[seen..]) {
                self.whole = seen + last + 1;
                break;
            }
        }
        if self.whole == 0 {
            return false;
        }
        self.utf8 = true;
        if self.tokens.beyond_ascii {
            let rows_end = self.tokens.starts()[self.whole - 1] as usize;
            self.utf8 = is_utf8(self.level, &buffer[self.start..rows_end]);
            self.tokens.beyond_ascii = !buffer[rows_end..self.cut].is_ascii();
        }
        true
    }

    /// Where matching starts: it may take `rows` rows that end at or before `end_max`.
    fn cursor(&self, rows: usize, end_max: u32) -> Cursor {
        let start = self.start as u32;
        let control = self.tokens.control.partition_point(|p| *p < start);
        let clean = self.tokens.control.get(control).copied().unwrap_or(u32::MAX);
        Cursor {
            token: self.next,
            tokens: self.whole,
            start,
            rows,
            end_max,
            clean: if self.utf8 { clean } else { start },
            control,
            escape: self.tokens.escapes.partition_point(|p| *p < start),
        }
    }

    /// Whether it is worth while to compare the next row with shapes.
    fn expects_shapes(&self) -> bool {
        self.streak < STREAK || self.streak.is_multiple_of(8)
    }

    /// Takes rows of the shape that was used last.
    fn take_many(&mut self, end_max: u32) -> Stop {
        let Some(shape) = self.shapes.first().filter(|_| self.expects_shapes()) else { return Stop::Other };
        let mut cursor = self.cursor(self.limits.rows_max.max(1) - self.rows.spans.len(), end_max);
        let stop = take_rows(self.level, shape, &self.tokens, &self.buffer, &mut cursor, &mut self.rows);
        if cursor.token > self.next {
            self.streak = 0;
        }
        (self.next, self.start) = (cursor.token, cursor.start as usize);
        stop
    }

    /// Takes the next row, whatever it is; false if it belongs to the next morsel.
    fn take_one(&mut self, end_max: u32) -> bool {
        let kinds = &self.tokens.kinds()[self.next..self.whole];
        let Some(tokens) = memchr::memchr(b'\n', kinds).map(|n| n + 1) else { return false };
        let end = self.tokens.starts()[self.next + tokens - 1];
        if tokens == 1 {
            self.next += 1;
            self.start = end as usize + 1;
            return true;
        }
        if end > end_max && !self.rows.spans.is_empty() {
            return false;
        }
        let cursor = Cursor { tokens: self.next + tokens, ..self.cursor(1, u32::MAX) };
        let mut escape = cursor.escape;
        let right = (self.utf8 || is_utf8(self.level, &self.buffer[self.start..end as usize]))
            && self.tokens.control.get(cursor.control).is_none_or(|p| *p >= end)
            && right_escapes(&self.tokens.escapes, &self.buffer, end, &mut escape);
        let cursor = Cursor { clean: u32::MAX, ..cursor };
        let escapes = escape > cursor.escape;
        let (row, start) = (self.next..self.next + tokens, self.start);
        let learns = std::mem::take(&mut self.templates.learns) && !escapes && (end as usize) < self.end;
        if !(right && (self.take_known(tokens, cursor) || self.take_walking(tokens, end, escapes))) {
            self.take_slowly(tokens, end as usize);
        } else if learns {
            self.learn_template(row, start);
        }
        true
    }

    /// Takes the next row, which has so many tokens, if its shape is known.
    fn take_known(&mut self, tokens: usize, cursor: Cursor) -> bool {
        if !self.expects_shapes() {
            return false;
        }
        for (i, shape) in self.shapes.iter().enumerate() {
            if shape.tokens() != tokens {
                continue;
            }
            let mut cursor = cursor;
            take_rows(self.level, shape, &self.tokens, &self.buffer, &mut cursor, &mut self.rows);
            if cursor.rows == 0 {
                (self.next, self.start) = (cursor.token, cursor.start as usize);
                self.streak = 0;
                self.credit = (self.credit + 2).min(SHAPES_MAX * ROWS_A_SHAPE);
                self.shapes[..=i].rotate_right(1);
                return true;
            }
        }
        false
    }

    /// Takes the next row, which has so many tokens and ends at `end`, if its tokens are right.
    fn take_walking(&mut self, tokens: usize, end: u32, escapes: bool) -> bool {
        let row = self.next..self.next + tokens;
        let (kinds, starts) = (&self.tokens.kinds()[row.clone()], &self.tokens.starts()[row]);
        let row = walk::RowTokens { kinds, starts, buffer: &self.buffer, escapes };
        let (first, columns) = (self.rows.slots.len(), self.types.len());
        self.rows.slots.resize(first + columns, 0);
        let Some(hash) = walk::walk(&self.paths, &row, &mut self.rows.slots[first..]) else {
            self.rows.slots.truncate(first);
            return false;
        };
        let seen = &mut self.seen[hash as usize % SEEN];
        let again = std::mem::replace(seen, hash) == hash;
        self.credit += 1;
        if again
            && self.credit >= ROWS_A_SHAPE
            && let Some(shape) = learn::learn(&self.paths, columns, kinds, starts, &self.buffer)
        {
            self.credit -= ROWS_A_SHAPE;
            self.shapes.truncate(SHAPES_MAX - 1);
            self.shapes.insert(0, shape);
        }
        self.walked += 1;
        self.streak += 1;
        self.rows.spans.push((self.start as u32, end));
        self.next += tokens;
        self.start = end as usize + 1;
        true
    }

    /// Makes one broken row of bytes that are too many.
    fn refuse(&mut self, span: Range<usize>) {
        self.rows.spans.push(REFUSED);
        self.rows.slots.resize(self.types.len(), Slot::BROKEN.0);
        self.broken.push(BrokenRow {
            row: 0,
            at: span.start,
            message: "the row is longer than 2 GiB".into(),
        });
        self.refused = span;
    }

    /// Takes the next row, which has so many tokens and ends at `end`, by the complete check.
    fn take_slowly(&mut self, tokens: usize, end: usize) {
        let buffer = self.buffer.clone();
        let text = &buffer[self.start..end];
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let columns = self.types.len();
        self.checked += 1;
        match syntax::check_object(text) {
            Ok(()) => {
                let first = self.rows.slots.len();
                self.rows.slots.resize(first + columns, 0);
                self.paths.locate(&buffer, self.start..end, &mut self.rows.slots[first..]);
            }
            Err(fault) => {
                self.rows.slots.resize(self.rows.slots.len() + columns, Slot::BROKEN.0);
                let row = self.rows.spans.len() as u32;
                self.broken.push(BrokenRow { row, at: self.start + fault.at, message: fault.message });
            }
        }
        self.rows.spans.push((self.start as u32, end as u32));
        self.next += tokens;
        self.start = end + 1;
    }
}

impl Scanner for JsonScanner {
    fn begin(&mut self, chunk: &Chunk) {
        self.buffer = chunk.buffer.clone();
        let before = self.end;
        self.end = chunk.end.min(self.buffer.len());
        self.start = chunk.start.min(self.end);
        if self.buffer.len() - self.end < CHUNK_PADDING {
            // The kernels read whole vectors.
            let mut padded = self.buffer[..self.end].to_vec();
            padded.resize(self.end + CHUNK_PADDING, 0);
            self.buffer = padded.into();
        }
        if chunk.offset == 0 && self.buffer[self.start..self.end].starts_with(BOM) {
            self.start += BOM.len();
        }
        if self.end > GIANT {
            self.giant = Some(self.start..self.end);
            (self.start, self.end) = (0, 0);
        }
        self.templates.begin(self.start, before);
        self.forget_tokens();
    }

    fn next_morsel(&mut self) -> bool {
        self.rows.spans.clear();
        self.rows.slots.clear();
        self.broken.clear();
        if let Some(span) = self.giant.take() {
            self.refuse(span);
            return true;
        }
        let bytes_max = u32::try_from(self.limits.bytes_max).unwrap_or(u32::MAX);
        let end_max = (self.start as u32).saturating_add(bytes_max);
        while self.rows.spans.len() < self.limits.rows_max.max(1) {
            if self.next == self.whole {
                let Tried::Cut(limit) = self.take_alike(end_max) else { break };
                if !self.cut_more(limit) {
                    break;
                }
            }
            if !self.templates.learns && self.take_many(end_max) == Stop::Limit && self.next == self.whole {
                continue;
            }
            if self.rows.spans.len() >= self.limits.rows_max.max(1) || !self.take_one(end_max) {
                break;
            }
        }
        !self.rows.spans.is_empty()
    }

    fn rows(&self) -> usize {
        self.rows.spans.len()
    }

    fn column(&self, index: usize, rows: Option<&[u32]>) -> Column {
        let morsel = Morsel {
            buffer: &self.buffer,
            slots: &self.rows.slots,
            columns: self.types.len(),
            column: index,
            rows,
            level: self.level,
        };
        morsel.convert(&self.types[index])
    }

    fn broken(&self) -> &[BrokenRow] {
        &self.broken
    }

    fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.buffer.get(range).unwrap_or(&[])
    }

    fn row_span(&self, row: usize) -> Range<usize> {
        let (start, end) = self.rows.spans[row];
        if (start, end) == REFUSED {
            return self.refused.clone();
        }
        let (start, mut end) = (start as usize, end as usize);
        if end > start && self.buffer[end - 1] == b'\r' {
            end -= 1;
        }
        start..end
    }

    fn field_span(&self, row: usize, index: usize) -> Option<Range<usize>> {
        let slot = Slot(*self.rows.slots.get(row * self.types.len() + index)?);
        if slot == Slot::BROKEN {
            return None;
        }
        let start = slot.range().map(|r| r.start).or(slot.parent())?;
        Some(start..paths::value_end(&self.buffer, start))
    }
}

#[cfg(test)]
mod tests;
