//! Compares rows of JSON lines with the shape of an earlier row.
//!
//! A [`Shape`] is what rows written by one program have in common: the same tokens in the same
//! order, and the same keys. A row of that shape is right JSON exactly if its literals are, its
//! strings hold no control characters and its escapes and UTF-8 are right; then the n-th token is
//! the same field in every row. What this kernel does not vouch for it leaves to the caller.

use super::level::{Instructions, SimdLevel};
use super::structural::{LINE_END, LITERAL, Portable, SLACK, STRING, Tokens, equal};

/// Bytes of a key that are compared at once.
const KEY_MAX: usize = 32;
/// Readable bytes that the buffer must have past the last token.
pub const READ_PAST: usize = 64;

/// The tokens that rows of one shape have in common.
#[derive(Debug, Default)]
pub struct Shape {
    /// The kinds of the tokens, the line end included.
    kinds: Vec<[u8; 64]>,
    /// Of each 64 tokens: which there are.
    present: Vec<u64>,
    /// Of each 64 tokens: which may be a string or a literal.
    values: Vec<u64>,
    tokens: usize,
    keys: Vec<Key>,
    long_keys: Vec<(usize, Box<[u8]>)>,
    /// The places of the wanted columns.
    columns: Vec<Place>,
}

/// A key that must stand at a token.
#[derive(Clone, Copy, Debug)]
struct Key {
    token: u32,
    /// One bit for each byte that counts.
    mask: u32,
    text: [u8; KEY_MAX],
}

/// How the slot of a column follows from the starts of two tokens:
/// `(starts[first] + add | starts[last] << 32) & keep`.
#[derive(Clone, Copy, Debug)]
struct Place {
    first: u32,
    last: u32,
    add: u64,
    keep: u64,
}

impl Shape {
    /// A shape of the given kinds of tokens (with the line end), without keys, for `columns` columns.
    pub fn new(kinds: &[u8], columns: usize) -> Self {
        let mut shape = Shape { tokens: kinds.len(), ..Shape::default() };
        for part in kinds.chunks(64) {
            let mut padded = [0; 64];
            padded[..part.len()].copy_from_slice(part);
            shape.kinds.push(padded);
            shape.present.push(u64::MAX >> (64 - part.len()));
            shape.values.push(0);
        }
        shape.columns = vec![Place { first: 0, last: 0, add: 0, keep: 0 }; columns];
        shape
    }

    /// How many tokens its rows have, the line end included.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Token `token` is a key, with `text` between and including its quotes.
    pub fn key(&mut self, token: usize, text: &[u8]) {
        if text.len() > KEY_MAX {
            self.long_keys.push((token, text.into()));
            return;
        }
        let mut padded = [0; KEY_MAX];
        padded[..text.len()].copy_from_slice(text);
        let mask = (u64::MAX >> (64 - text.len().max(1))) as u32;
        self.keys.push(Key { token: token as u32, mask, text: padded });
    }

    /// Token `token` is a value: in other rows a literal may stand for a string and the reverse.
    pub fn value(&mut self, token: usize) {
        if let Some(word) = self.values.get_mut(token / 64) {
            *word |= 1 << (token % 64);
        }
    }

    /// The value of a column reaches from token `first` up to token `last`.
    pub fn column(&mut self, column: usize, first: usize, last: usize) {
        self.columns[column] = Place { first: first as u32, last: last as u32, add: 0, keep: u64::MAX };
    }

    /// Where an object around a column's value should be, token `token` is.
    pub fn column_inside(&mut self, column: usize, token: usize) {
        self.columns[column] =
            Place { first: token as u32, last: token as u32, add: 1, keep: u64::from(u32::MAX) };
    }

    /// Rows of this shape do not have the column.
    pub fn column_absent(&mut self, column: usize) {
        self.columns[column] = Place { first: 0, last: 0, add: 0, keep: 0 };
    }
}

/// The rows of a morsel as they are found.
#[derive(Debug, Default)]
pub struct Rows {
    /// Where each row starts and ends, without its line end.
    pub spans: Vec<(u32, u32)>,
    /// The slots of the first row, then those of the second, and so on.
    pub slots: Vec<u64>,
}

/// How far the matching of rows got, and how far it may go.
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    /// The next token.
    pub token: usize,
    /// Tokens of whole rows.
    pub tokens: usize,
    /// The start of the next row.
    pub start: u32,
    /// Rows that may still be taken.
    pub rows: usize,
    /// Rows must end before or at this byte.
    pub end_max: u32,
    /// Rows must end before this byte: what follows needs a closer look.
    pub clean: u32,
}

/// Why matching stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// No more whole rows, or no more that may be taken.
    Limit,
    /// The next row is of another shape, or wrong.
    Other,
    /// The next row is of the shape, but reaches [`Cursor::clean`].
    Unclean,
}

/// What the comparison needs from a set of instructions.
pub(crate) trait Compare {
    /// Of the tokens in `row`: those that differ from `shape` where they must not, and the literals.
    fn kinds(row: &[u8; 64], shape: &[u8; 64], values: u64) -> (u64, u64);
    /// Whether the bytes that count are those of the key.
    fn key(text: &[u8; 32], key: &[u8; 32], mask: u32) -> bool;
    /// One bit for each digit.
    fn digits(text: &[u8; 32]) -> u32;
}

/// Takes rows from `cursor` on for as long as they are of the shape and nothing else is special
/// about them. The tokens are those of `buffer`, which has [`READ_PAST`] bytes more.
pub fn take_rows(
    level: SimdLevel,
    shape: &Shape,
    tokens: &Tokens,
    buffer: &[u8],
    cursor: &mut Cursor,
    rows: &mut Rows,
) -> Stop {
    match level.instructions() {
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => {
            super::structural_x86::take_avx512(level, shape, tokens, buffer, cursor, rows)
        }
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => super::structural_x86::take_avx2(level, shape, tokens, buffer, cursor, rows),
        _ => take::<Portable>(shape, tokens, buffer, cursor, rows),
    }
}

#[inline(always)]
pub(crate) fn take<C: Compare>(
    shape: &Shape,
    tokens: &Tokens,
    buffer: &[u8],
    cursor: &mut Cursor,
    rows: &mut Rows,
) -> Stop {
    let (kinds, starts) = (tokens.kinds_with_slack(), tokens.starts());
    let mut at = *cursor;
    let stop = loop {
        if at.rows == 0 || at.tokens - at.token < shape.tokens {
            // A shorter row may be there: of this shape it is not.
            break if at.rows == 0 || at.tokens == at.token { Stop::Limit } else { Stop::Other };
        }
        let Some(row) = starts.get(at.token..at.token + shape.tokens) else { break Stop::Limit };
        if !is_of_shape::<C>(shape, &kinds[at.token..], row, buffer) {
            break Stop::Other;
        }
        let end = row[shape.tokens - 1];
        if end > at.end_max {
            break Stop::Limit;
        }
        if end >= at.clean {
            break Stop::Unclean;
        }
        rows.spans.push((at.start, end));
        push_slots(shape, row, &mut rows.slots);
        at.start = end + 1;
        at.token += shape.tokens;
        at.rows -= 1;
    };
    *cursor = at;
    stop
}

/// Adds the slots of a row of which `row` are the starts of the tokens.
#[inline(always)]
fn push_slots(shape: &Shape, row: &[u32], slots: &mut Vec<u64>) {
    slots.extend(shape.columns.iter().map(|c| {
        let (first, last) = (row.get(c.first as usize), row.get(c.last as usize));
        let (first, last) = (u64::from(*first.unwrap_or(&0)), u64::from(*last.unwrap_or(&0)));
        ((first + c.add) | (last << 32)) & c.keep
    }));
}

/// Whether the tokens, keys and literals of a row are as they must be.
#[inline(always)]
fn is_of_shape<C: Compare>(shape: &Shape, kinds: &[u8], row: &[u32], buffer: &[u8]) -> bool {
    let words = shape.kinds.iter().zip(&shape.present).zip(&shape.values);
    for (i, ((wanted, present), values)) in words.enumerate() {
        let Some(here) = kinds.get(64 * i..).and_then(<[u8]>::first_chunk) else { return false };
        let (differ, literals) = C::kinds(here, wanted, *values);
        if differ & present != 0 {
            return false;
        }
        let mut literals = literals & present;
        while literals != 0 {
            let Some(start) = row.get(64 * i + literals.trailing_zeros() as usize) else { return false };
            if !is_literal::<C>(buffer.get(*start as usize..).unwrap_or(&[])) {
                return false;
            }
            literals &= literals - 1;
        }
    }
    for key in &shape.keys {
        let text = row.get(key.token as usize).and_then(|s| buffer.get(*s as usize..)?.first_chunk());
        if !text.is_some_and(|text| C::key(text, &key.text, key.mask)) {
            return false;
        }
    }
    shape.long_keys.iter().all(|(token, key)| {
        let start = row.get(*token).map_or(usize::MAX, |s| *s as usize);
        buffer.get(start..start.saturating_add(key.len())) == Some(key)
    })
}

/// Whether a right literal starts here. Says no to some that are right but rare.
#[inline(always)]
fn is_literal<C: Compare>(text: &[u8]) -> bool {
    let Some(head) = text.first_chunk::<32>() else { return false };
    let negative = usize::from(head[0] == b'-');
    let digits = u64::from(C::digits(head)) >> negative;
    let whole = (!digits).trailing_zeros() as usize;
    if whole == 0 {
        return is_word(head);
    }
    if whole > 1 && head[negative] == b'0' {
        return false;
    }
    let mut at = negative + whole;
    let Some(mut next) = head.get(at) else { return false };
    if *next == b'.' {
        let part = (!(digits >> (whole + 1))).trailing_zeros() as usize;
        at += 1 + part;
        match head.get(at) {
            Some(b) if part > 0 => next = b,
            _ => return false,
        }
    }
    if ENDS_LITERAL[usize::from(*next)] {
        return true;
    }
    matches!(*next, b'e' | b'E') && is_exponent(&head[at + 1..])
}

fn is_word(head: &[u8; 32]) -> bool {
    let n = match head {
        [b't', b'r', b'u', b'e', ..] | [b'n', b'u', b'l', b'l', ..] => 4,
        [b'f', b'a', b'l', b's', b'e', ..] => 5,
        _ => return false,
    };
    ENDS_LITERAL[usize::from(head[n])]
}

fn is_exponent(text: &[u8]) -> bool {
    let digits = match text {
        [b'+' | b'-', rest @ ..] => rest,
        rest => rest,
    };
    let n = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    n > 0 && digits.get(n).is_some_and(|b| ENDS_LITERAL[usize::from(*b)])
}

const ENDS_LITERAL: [bool; 256] = {
    let mut table = [false; 256];
    let ends = b" \t\r\n,:[]{}\"";
    let mut i = 0;
    while i < ends.len() {
        table[ends[i] as usize] = true;
        i += 1;
    }
    table
};

impl Compare for Portable {
    #[inline(always)]
    fn kinds(row: &[u8; 64], shape: &[u8; 64], values: u64) -> (u64, u64) {
        let mut differ = [0; 64];
        for ((d, a), b) in differ.iter_mut().zip(row).zip(shape) {
            *d = a ^ b;
        }
        let literals = equal(row, LITERAL);
        let either = literals | equal(row, STRING);
        (!equal(&differ, 0) & !(values & either), literals)
    }

    #[inline(always)]
    fn key(text: &[u8; 32], key: &[u8; 32], mask: u32) -> bool {
        let n = mask.trailing_ones() as usize;
        text.iter().zip(key).take(n).all(|(a, b)| a == b)
    }

    #[inline(always)]
    fn digits(text: &[u8; 32]) -> u32 {
        text.iter().enumerate().fold(0, |m, (i, b)| m | u32::from(b.is_ascii_digit()) << i)
    }
}

const _: () = assert!(SLACK >= 64 && LINE_END != STRING && READ_PAST >= 32);
