//! The slow, complete way to find the rows of a block of delimited text.
//!
//! [`super::rows`] calls this for blocks that the vector pass could not vouch for. It decides
//! which rows are broken, where, and says why in words.

use super::rows::{BROKEN, ROW_BYTES_MAX};
use crate::format::BrokenRow;
use memchr::memchr;
use std::ops::Range;

/// A block whose fields are known.
pub(super) struct Block<'a> {
    pub(super) buffer: &'a [u8],
    pub(super) chunk_end: usize,
    /// As in [`crate::kernels::tokenize::Tokens::starts`]; the last row is complete.
    pub(super) starts: &'a [u32],
    pub(super) fields: usize,
    /// The quote, if the block has any.
    pub(super) quote: Option<u8>,
    /// Whether the whole block is UTF-8.
    pub(super) utf8: bool,
}

/// The fields of a broken row.
#[derive(Debug)]
pub(super) struct BrokenSpan {
    pub(super) row: u32,
    pub(super) token: u32,
    pub(super) fields: u32,
}

impl Block<'_> {
    /// Appends a slot for each row of the block, and the broken ones to their lists.
    pub(super) fn find_rows(
        &self,
        slots: &mut Vec<u32>,
        broken: &mut Vec<BrokenRow>,
        spans: &mut Vec<BrokenSpan>,
    ) {
        let mut token = 0;
        for last in 1..self.starts.len() {
            if !self.ends_row(last) {
                continue;
            }
            let (first, fields) = (token, last - token);
            token = last;
            let span = self.span(first, last, true);
            if span.is_empty() && fields == 1 && self.fields > 1 {
                continue;
            }
            match self.defect(first, last, span) {
                None => slots.push(first as u32),
                Some((at, message)) => {
                    let row = slots.len() as u32;
                    broken.push(BrokenRow { row, at, message });
                    spans.push(BrokenSpan { row, token: first as u32, fields: fields as u32 });
                    slots.push(BROKEN);
                }
            }
        }
    }

    fn ends_row(&self, token: usize) -> bool {
        let at = self.starts[token] as usize - 1;
        at >= self.chunk_end || self.buffer.get(at) == Some(&b'\n')
    }

    /// The bytes of the fields from `first` up to `last`; without the line end if `last` ends the row.
    fn span(&self, first: usize, last: usize, ends: bool) -> Range<usize> {
        let (start, end) = (self.starts[first] as usize, self.starts[last] as usize - 1);
        let returned =
            ends && end > start && end < self.chunk_end && self.buffer.get(end - 1) == Some(&b'\r');
        start..end - usize::from(returned)
    }

    /// What is wrong with a row, and where.
    fn defect(&self, first: usize, last: usize, span: Range<usize>) -> Option<(usize, String)> {
        if span.len() > ROW_BYTES_MAX {
            return Some((span.start, too_long()));
        }
        if let Some(quote) = self.quote {
            let stray = (first..last).find_map(|field| self.stray_quote(field, field + 1 == last, quote));
            if stray.is_some() {
                return stray;
            }
        }
        if !self.utf8
            && let Err(error) = std::str::from_utf8(self.buffer.get(span.clone()).unwrap_or_default())
        {
            return Some((span.start + error.valid_up_to(), "these bytes are not UTF-8".to_owned()));
        }
        let (found, expected) = (last - first, self.fields);
        if found == expected {
            return None;
        }
        let at = if found > expected { self.starts[first + expected] as usize } else { span.end };
        let plural = if found == 1 { "" } else { "s" };
        Some((at, format!("{found} field{plural}, expected {expected}")))
    }

    /// Where a quote stands in a field that does not end with it, or may not have it, and why.
    fn stray_quote(&self, field: usize, ends_row: bool, quote: u8) -> Option<(usize, String)> {
        let span = self.span(field, field + 1, ends_row);
        let bytes = self.buffer.get(span.clone())?;
        let opened = memchr(quote, bytes)?;
        let at = span.start + opened;
        if opened > 0 {
            return Some((at, "a quote opens here, inside a field that does not start with one".to_owned()));
        }
        let mut from = 1;
        loop {
            let Some(close) = memchr(quote, &bytes[from..]).map(|i| from + i) else {
                return Some((at, "the quote that opens here is never closed".to_owned()));
            };
            if close + 1 == bytes.len() {
                return None;
            }
            if bytes[close + 1] != quote {
                return Some((at, "text follows the end of the quote that opens here".to_owned()));
            }
            from = close + 2;
        }
    }
}

/// What is said of rows beyond [`ROW_BYTES_MAX`].
pub(super) fn too_long() -> String {
    format!("the row is longer than {} MiB", ROW_BYTES_MAX >> 20)
}
