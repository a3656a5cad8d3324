//! Cuts chunks of delimited text into rows and fields, without looking at what they mean.
//!
//! A chunk is worked on in blocks that fit the cache. The vector pass finds the fields of a
//! block; if every row has as many as expected, which a cheap check proves, rows need no table of
//! their own. Blocks that may hold anything else go through [`super::check`], row by row.
//! Invariants: a block starts where a row starts, outside quotes; which rows there are and which
//! are broken depends on the chunk only, not on blocks and morsels.

use super::check::{self, BrokenSpan};
use crate::format::{BrokenRow, Chunk, MorselLimits};
use crate::kernels::level::SimdLevel;
use crate::kernels::newline::row_end;
use crate::kernels::tokenize::{Facts, Quoting, Tokens, tokenize};
use crate::kernels::utf8::is_utf8;
use bytes::Bytes;
use std::ops::Range;

/// The longest row in bytes; also what keeps positions within 32 bits.
pub(super) const ROW_BYTES_MAX: usize = 64 << 20;

/// Larger buffers have no positions; only a row beyond [`ROW_BYTES_MAX`] can make one so large.
const BUFFER_BYTES_MAX: usize = u32::MAX as usize - 1024;

/// How rows are delimited.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delimiters {
    /// Between fields; the newline itself where rows are not divided.
    pub(crate) separator: u8,
    /// The quote, if there are quotes.
    pub(crate) quote: Option<u8>,
    /// Whether the first line of a file is not a row.
    pub(crate) header: bool,
}

/// How the rows of a block lie in its tokens.
#[derive(Debug)]
pub(super) enum Shape {
    /// Row `r` starts at token `r * fields`.
    Regular,
    /// Row `r` starts at the token in its slot, or is broken ([`BROKEN`]).
    Irregular(Vec<u32>),
    /// One broken row, too long for positions.
    Giant(Range<usize>),
}

/// The slot of a broken row in [`Shape::Irregular`].
pub(super) const BROKEN: u32 = u32::MAX;

/// The rows of a chunk, morsel by morsel.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(super) level: SimdLevel,
    delimiters: Delimiters,
    limits: MorselLimits,
    pub(crate) buffer: Bytes,
    chunk_end: usize,
    /// Fields a row must have.
    pub(super) fields: usize,
    /// The first byte after the current block.
    next: usize,
    /// Whether quotes are expected in the next block.
    expect_quotes: bool,
    pub(super) tokens: Tokens,
    pub(super) shape: Shape,
    block_rows: usize,
    block_broken: Vec<BrokenRow>,
    block_spans: Vec<BrokenSpan>,
    /// The morsel's rows in the block.
    pub(super) morsel: Range<usize>,
    broken: Vec<BrokenRow>,
}

impl Rows {
    pub(crate) fn new(level: SimdLevel, delimiters: Delimiters, limits: MorselLimits) -> Self {
        Rows {
            level,
            delimiters,
            limits,
            buffer: Bytes::new(),
            chunk_end: 0,
            fields: 1,
            next: 0,
            expect_quotes: false,
            tokens: Tokens::default(),
            shape: Shape::Regular,
            block_rows: 0,
            block_broken: Vec::new(),
            block_spans: Vec::new(),
            morsel: 0..0,
            broken: Vec::new(),
        }
    }

    /// Starts on a chunk whose rows must have `fields` fields.
    pub(crate) fn begin(&mut self, chunk: &Chunk, fields: usize) {
        self.buffer = chunk.buffer.clone();
        self.chunk_end = chunk.end.min(self.buffer.len());
        self.fields = fields.max(1);
        self.tokens.expect_pairs = self.fields == 2;
        self.next = chunk.start.min(self.chunk_end);
        if chunk.offset == 0 {
            self.next += preamble(&self.buffer[self.next..self.chunk_end], self.delimiters);
        }
        self.block_rows = 0;
        self.morsel = 0..0;
        self.broken.clear();
    }

    /// Finds the next rows; false when there are none left.
    pub(crate) fn next_morsel(&mut self) -> bool {
        if self.morsel.end >= self.block_rows {
            self.morsel = 0..0;
            self.block_rows = 0;
            while self.block_rows == 0 {
                if self.next >= self.chunk_end {
                    self.broken.clear();
                    return false;
                }
                self.next_block();
            }
        }
        let first = self.morsel.end;
        self.morsel = first..self.block_rows.min(first.saturating_add(self.limits.rows_max.max(1)));
        self.broken.clear();
        for row in &self.block_broken {
            if self.morsel.contains(&(row.row as usize)) {
                self.broken.push(BrokenRow { row: row.row - first as u32, ..row.clone() });
            }
        }
        true
    }

    /// Rows of the morsel.
    pub(crate) fn len(&self) -> usize {
        self.morsel.len()
    }

    /// The broken rows of the morsel.
    pub(crate) fn broken(&self) -> &[BrokenRow] {
        &self.broken
    }

    /// Bytes of the buffer; those it does not have are left out.
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.buffer.get(range).unwrap_or_default()
    }

    /// What the vector pass saw in the block.
    pub(super) fn facts(&self) -> Facts {
        self.tokens.facts
    }

    /// The quote, if it means something in this block.
    pub(super) fn quote(&self) -> Option<u8> {
        self.delimiters.quote.filter(|_| self.facts().quotes)
    }

    /// Where a row of the morsel lies, without its line end.
    pub(crate) fn row_span(&self, row: usize) -> Range<usize> {
        let Some((token, fields)) = self.row_tokens(row) else {
            return match &self.shape {
                Shape::Giant(range) => range.clone(),
                _ => self.next..self.next,
            };
        };
        let starts = self.tokens.starts();
        let (Some(&from), Some(&to)) = (starts.get(token), starts.get(token + fields)) else {
            return self.next..self.next;
        };
        from as usize..self.without_return(from as usize, to as usize - 1)
    }

    /// Where a field of a row of the morsel lies, with its quotes.
    pub(crate) fn field_span(&self, row: usize, field: usize) -> Option<Range<usize>> {
        let (token, fields) = self.row_tokens(row)?;
        if field >= fields {
            return None;
        }
        let starts = self.tokens.starts();
        let (&from, &to) = starts.get(token + field).zip(starts.get(token + field + 1))?;
        let end = to as usize - 1;
        let end = if field + 1 == fields { self.without_return(from as usize, end) } else { end };
        Some(from as usize..end)
    }

    /// The first token of a row and how many fields it has.
    fn row_tokens(&self, row: usize) -> Option<(usize, usize)> {
        let row = self.morsel.start + row;
        match &self.shape {
            Shape::Regular => Some((row * self.fields, self.fields)),
            Shape::Irregular(slots) => match *slots.get(row)? {
                BROKEN => {
                    let at = self.block_spans.binary_search_by_key(&(row as u32), |s| s.row).ok()?;
                    let span = self.block_spans.get(at)?;
                    Some((span.token as usize, span.fields as usize))
                }
                token => Some((token as usize, self.fields)),
            },
            Shape::Giant(_) => None,
        }
    }

    /// The end of a line without the carriage return before its newline.
    pub(super) fn without_return(&self, start: usize, end: usize) -> usize {
        // The end of a chunk without a last newline is no line end: a carriage return there is text.
        let returned = end > start && end < self.chunk_end && self.buffer.get(end - 1) == Some(&b'\r');
        end - usize::from(returned)
    }

    /// Tokenizes as many whole rows as fit a block, at least one.
    fn next_block(&mut self) {
        self.block_broken.clear();
        self.block_spans.clear();
        if self.chunk_end > BUFFER_BYTES_MAX {
            self.giant();
            return;
        }
        let mut size = self.limits.bytes_max.max(64);
        let start = self.next;
        loop {
            let to = self.chunk_end.min(start.saturating_add(size));
            self.tokenize(start..to);
            if to == self.chunk_end {
                self.end_last_row();
                break;
            }
            if self.cut_tail() {
                break;
            }
            size = size.saturating_mul(2);
        }
        self.next = self.tokens.starts().last().map_or(self.chunk_end, |&s| s as usize).min(self.chunk_end);
        self.find_rows(start);
    }

    fn tokenize(&mut self, range: Range<usize>) {
        let separator = self.delimiters.separator;
        let quoting = match self.delimiters.quote {
            None => Quoting::Off,
            Some(quote) if self.expect_quotes => Quoting::On(quote),
            Some(quote) => Quoting::Watch(quote),
        };
        tokenize(self.level, &self.buffer, range.clone(), separator, quoting, &mut self.tokens);
        self.expect_quotes = self.tokens.facts.quotes;
        if self.expect_quotes
            && let Quoting::Watch(quote) = quoting
        {
            tokenize(self.level, &self.buffer, range, separator, Quoting::On(quote), &mut self.tokens);
        }
    }

    /// Ends the chunk's last row where the file ends without a newline.
    fn end_last_row(&mut self) {
        let starts = self.tokens.starts();
        let complete = starts.len() > 1
            && starts.last() == Some(&(self.chunk_end as u32))
            && self.buffer.get(self.chunk_end - 1) == Some(&b'\n');
        if !complete {
            // A carriage return after a closing quote is no line end here; the pass took it for one.
            self.tokens.facts.stray |= self.tokens.facts.returns;
            self.tokens.push_end(self.chunk_end);
        }
    }

    /// Leaves the unfinished last row to the next block; false if there is no other row.
    fn cut_tail(&mut self) -> bool {
        let buffer = &self.buffer;
        let newline = |&start: &u32| buffer.get(start as usize - 1) == Some(&b'\n');
        let last = self.tokens.starts().get(1..).and_then(|s| s.iter().rposition(newline));
        if let Some(last) = last {
            self.tokens.keep(last + 1);
        }
        // Quotes may be open at the end of the part that was cut off.
        self.tokens.facts.inside = false;
        last.is_some()
    }

    /// Decides how the block's rows lie in its tokens.
    fn find_rows(&mut self, start: usize) {
        let facts = self.tokens.facts;
        let bytes = self.buffer.get(start..self.next).unwrap_or_default();
        let utf8 = !facts.beyond_ascii || is_utf8(self.level, bytes);
        let long = bytes.len() > ROW_BYTES_MAX;
        if utf8 && !long && !facts.stray && !facts.inside && self.rows_are_regular() {
            self.shape = Shape::Regular;
            self.block_rows = self.tokens.newlines;
            return;
        }
        let mut slots = match std::mem::replace(&mut self.shape, Shape::Regular) {
            Shape::Irregular(slots) => slots,
            Shape::Regular | Shape::Giant(_) => Vec::new(),
        };
        slots.clear();
        let block = check::Block {
            buffer: &self.buffer,
            chunk_end: self.chunk_end,
            starts: self.tokens.starts(),
            fields: self.fields,
            quote: self.quote(),
            utf8,
        };
        block.find_rows(&mut slots, &mut self.block_broken, &mut self.block_spans);
        self.block_rows = slots.len();
        self.shape = Shape::Irregular(slots);
    }

    /// Whether each line end follows the expected number of fields.
    fn rows_are_regular(&self) -> bool {
        let starts = self.tokens.starts();
        let Some(fields) = starts.len().checked_sub(1) else { return false };
        let rows = self.tokens.newlines;
        if rows.checked_mul(self.fields) != Some(fields) {
            return false;
        }
        if self.fields == 1 || (self.fields == 2 && self.tokens.facts.paired) {
            return true;
        }
        // As many line ends as rows, and one at the end of each row: so there are none elsewhere.
        // The last row's is known.
        let ends = starts[1..].chunks_exact(self.fields).take(rows.saturating_sub(1));
        let newline = |row: &[u32]| self.buffer.get(row[self.fields - 1] as usize - 1) == Some(&b'\n');
        ends.fold(true, |all, row| all & newline(row))
    }

    /// Makes all that is left one broken row.
    fn giant(&mut self) {
        let range = self.next..self.chunk_end;
        self.block_broken.push(BrokenRow { row: 0, at: range.start, message: check::too_long() });
        self.tokens.facts = Facts::default();
        self.shape = Shape::Giant(range);
        self.block_rows = 1;
        self.next = self.chunk_end;
    }
}

/// The bytes at the start of a file that are not part of a row.
fn preamble(bytes: &[u8], delimiters: Delimiters) -> usize {
    let mark = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    if !delimiters.header {
        return mark;
    }
    row_end(bytes, mark, delimiters.quote, false).unwrap_or(bytes.len())
}
