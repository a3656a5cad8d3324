//! Compares rows of JSON lines with the shape of an earlier row.
//!
//! A [`Shape`] is what rows written by one program have in common: the same tokens in the same
//! order, and the same keys. A row of that shape is right JSON exactly if its literals are, its
//! strings hold no control characters and its escapes and UTF-8 are right; then the n-th token is
//! the same field in every row. What this kernel does not vouch for it leaves to the caller.
// Checking every load against the end of the buffer costs a tenth of the time.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use super::level::Instructions;
use super::level::SimdLevel;
use super::structural::{LINE_END, SLACK, STRING, Tokens};

/// Set in the slot of a string, whose end is then one past its closing quote.
pub const IS_STRING: u64 = 1 << 63;
/// Set in the slot of a string where an escape may be in it.
pub const MAY_ESCAPE: u64 = 1 << 31;
/// Words of literals that are noted at a time.
const LITERAL_WORDS: usize = 64;
/// Bytes of a key that are compared at once.
const KEY_MAX: usize = 32;
/// Readable bytes that the buffer must have past the last token.
pub const READ_PAST: usize = 64;

/// The tokens that rows of one shape have in common.
#[derive(Debug, Default)]
pub struct Shape {
    /// The tokens, 64 at a time, the line end included.
    words: Vec<Word>,
    tokens: usize,
    keys: Vec<Key>,
    long_keys: Vec<(usize, Box<[u8]>)>,
    /// The places of the wanted columns.
    columns: Vec<Place>,
}

/// 64 tokens.
#[derive(Clone, Copy, Debug)]
struct Word {
    kinds: [u8; 64],
    /// Which of them there are.
    present: u64,
    /// Which of them may be a string or a literal.
    values: u64,
}

/// A key that must stand at a token.
#[derive(Clone, Copy, Debug)]
struct Key {
    token: u32,
    text: [u8; KEY_MAX],
    /// All ones in the bytes that count.
    mask: [u8; KEY_MAX],
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
            shape.words.push(Word { kinds: padded, present: u64::MAX >> (64 - part.len()), values: 0 });
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
        let (mut padded, mut mask) = ([0; KEY_MAX], [0; KEY_MAX]);
        padded[..text.len()].copy_from_slice(text);
        mask[..text.len()].fill(u8::MAX);
        self.keys.push(Key { token: token as u32, text: padded, mask });
    }

    /// Token `token` is a value: in other rows a literal may stand for a string and the reverse.
    pub fn value(&mut self, token: usize) {
        if let Some(word) = self.words.get_mut(token / 64) {
            word.values |= 1 << (token % 64);
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

    /// The tokens that are values, but for objects and lists.
    pub(crate) fn value_tokens(&self) -> impl Iterator<Item = usize> {
        let of = |(i, word): (usize, &Word)| {
            let values = word.values & word.present;
            (0..64).filter(move |bit| values >> bit & 1 == 1).map(move |bit| 64 * i + bit)
        };
        self.words.iter().enumerate().flat_map(of)
    }

    /// For each column the tokens its value reaches from and up to, what is added to the start of
    /// the first one, and which bits of the slot count.
    pub(crate) fn places(&self) -> impl Iterator<Item = (usize, usize, u64, u64)> {
        self.columns.iter().map(|c| (c.first as usize, c.last as usize, c.add, c.keep))
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
    /// The first control character in a string that is not before the next row, as an index.
    pub control: usize,
    /// The first escape that is not before the next row, as an index.
    pub escape: usize,
}

/// Why matching stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// No more whole rows, or no more that may be taken.
    Limit,
    /// The next row is of another shape, reaches [`Cursor::clean`], or is wrong.
    Other,
}

/// What the comparison needs from a set of instructions.
pub(crate) trait Compare {
    /// Of the tokens in `row`: those that differ from `shape` where they must not, and the literals.
    fn kinds(row: &[u8; 64], shape: &[u8; 64], values: u64) -> (u64, u64);
    /// Differences of several texts from keys, gathered.
    type Differ: Copy;
    /// No differences.
    fn none() -> Self::Differ;
    /// Adds those of one text in the bytes that count.
    fn key(so_far: Self::Differ, text: &[u8; 32], key: &[u8; 32], mask: &[u8; 32]) -> Self::Differ;
    /// Whether there are some.
    fn any(differ: Self::Differ) -> bool;
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
        #[cfg(target_arch = "x86_64")]
        Instructions::Baseline => take::<super::structural_sse2::Sse2>(shape, tokens, buffer, cursor, rows),
        #[cfg(not(target_arch = "x86_64"))]
        _ => take::<super::structural_portable::Portable>(shape, tokens, buffer, cursor, rows),
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
    if shape.tokens == 0 || tokens.end() + READ_PAST > buffer.len() {
        return Stop::Other;
    }
    let mut literals = [0; LITERAL_WORDS];
    let batch = LITERAL_WORDS / shape.words.len();
    loop {
        let wanted = ((cursor.tokens - cursor.token) / shape.tokens).min(cursor.rows).min(batch);
        let mut found = same_kinds::<C>(shape, tokens, cursor.token, wanted, &mut literals);
        let starts = &tokens.starts()[cursor.token..cursor.token + found * shape.tokens];
        // SAFETY: all starts of tokens have `READ_PAST` more bytes in the buffer.
        unsafe {
            found = found.min(right_literals::<C>(shape, starts, buffer, &literals));
            found = found.min(same_keys::<C>(shape, starts, buffer));
        }
        if let Some(stop) = push_rows(shape, tokens, buffer, found, cursor, rows) {
            return stop;
        }
        if found < wanted {
            return Stop::Other;
        }
        if cursor.rows == 0 || cursor.token == cursor.tokens {
            return Stop::Limit;
        }
        if wanted == 0 {
            // The rest is a shorter row: of another shape.
            return Stop::Other;
        }
    }
}

/// Of `rows` rows from `token` on, how many from the first on have the tokens of the shape. Notes
/// which of their tokens are literals.
#[inline(always)]
fn same_kinds<C: Compare>(
    shape: &Shape,
    tokens: &Tokens,
    token: usize,
    rows: usize,
    literals: &mut [u64; LITERAL_WORDS],
) -> usize {
    let kinds = tokens.kinds_with_slack().get(token..).unwrap_or(&[]);
    if let [word] = &shape.words[..] {
        // Most rows have at most 64 tokens.
        let word = *word;
        for (row, noted) in literals.iter_mut().enumerate().take(rows) {
            let at = row * shape.tokens;
            let Some(here) = kinds.get(at..at + 64).and_then(<[u8]>::as_array) else { return row };
            let (differ, literals) = C::kinds(here, &word.kinds, word.values);
            *noted = literals & word.present;
            if differ & word.present != 0 {
                return row;
            }
        }
        return rows;
    }
    let mut noted = literals.iter_mut();
    for row in 0..rows {
        let mut at = row * shape.tokens;
        for (word, noted) in shape.words.iter().zip(&mut noted) {
            let Some(here) = kinds.get(at..at + 64).and_then(<[u8]>::as_array) else { return row };
            let (differ, literals) = C::kinds(here, &word.kinds, word.values);
            *noted = literals & word.present;
            if differ & word.present != 0 {
                return row;
            }
            at += 64;
        }
    }
    rows
}

/// The `N` bytes from a position on.
///
/// # Safety
///
/// `start + N` must not be beyond the end of the buffer.
#[inline(always)]
unsafe fn text_at<const N: usize>(buffer: &[u8], start: u32) -> &[u8; N] {
    debug_assert!(start as usize + N <= buffer.len());
    // SAFETY: the caller says that the bytes are there, and an array of bytes has no alignment.
    unsafe { &*buffer.as_ptr().add(start as usize).cast() }
}

/// How many rows from the first on have right literals.
///
/// # Safety
///
/// All `starts` must have [`READ_PAST`] more bytes in the buffer.
#[inline(always)]
unsafe fn right_literals<C: Compare>(
    shape: &Shape,
    starts: &[u32],
    buffer: &[u8],
    literals: &[u64; LITERAL_WORDS],
) -> usize {
    let words = shape.words.len();
    for (i, row) in starts.chunks_exact(shape.tokens).enumerate() {
        for (word, literals) in literals.iter().skip(i * words).take(words).enumerate() {
            let mut literals = *literals;
            while literals != 0 {
                let Some(start) = row.get(64 * word + literals.trailing_zeros() as usize) else { return i };
                // SAFETY: as the caller says.
                if !is_literal::<C>(unsafe { text_at(buffer, *start) }) {
                    return i;
                }
                literals &= literals - 1;
            }
        }
    }
    usize::MAX
}

/// How many rows from the first on have the keys of the shape.
///
/// # Safety
///
/// All `starts` must have [`READ_PAST`] more bytes in the buffer.
#[inline(always)]
unsafe fn same_keys<C: Compare>(shape: &Shape, starts: &[u32], buffer: &[u8]) -> usize {
    // SAFETY: as the caller says.
    if shape.long_keys.is_empty() && unsafe { all_same_keys::<C>(shape, starts, buffer) } {
        return usize::MAX;
    }
    for (i, row) in starts.chunks_exact(shape.tokens).enumerate() {
        // SAFETY: as the caller says.
        let mut same = unsafe { all_same_keys::<C>(shape, row, buffer) };
        for (token, key) in &shape.long_keys {
            let start = row.get(*token).map_or(usize::MAX, |s| *s as usize);
            same &= buffer.get(start..start.saturating_add(key.len())) == Some(key);
        }
        if !same {
            return i;
        }
    }
    usize::MAX
}

/// Whether all rows have the keys of the shape, but for those too long to compare at once.
///
/// # Safety
///
/// All `starts` must have [`READ_PAST`] more bytes in the buffer.
#[inline(always)]
unsafe fn all_same_keys<C: Compare>(shape: &Shape, starts: &[u32], buffer: &[u8]) -> bool {
    let mut differ = C::none();
    // One key in row after row, since all are expected to be there.
    for key in &shape.keys {
        for start in starts.iter().skip(key.token as usize).step_by(shape.tokens) {
            // SAFETY: as the caller says; a key is compared in less than `READ_PAST` bytes.
            let text = unsafe { text_at(buffer, *start) };
            differ = C::key(differ, text, &key.text, &key.mask);
        }
    }
    !C::any(differ)
}

/// Adds the next `found` rows, which are as they must be but for their strings, as far as these
/// are right and the limits allow.
#[inline(always)]
fn push_rows(
    shape: &Shape,
    tokens: &Tokens,
    buffer: &[u8],
    found: usize,
    cursor: &mut Cursor,
    rows: &mut Rows,
) -> Option<Stop> {
    let mut at = *cursor;
    let mut stop = None;
    rows.spans.reserve(found);
    let slots_before = rows.slots.len();
    rows.slots.resize(slots_before + found * shape.columns.len(), 0);
    let mut slots = rows.slots[slots_before..].chunks_exact_mut(shape.columns.len().max(1));
    let range = at.token..at.token + found * shape.tokens;
    let (kinds, starts) = (&tokens.kinds()[range.clone()], &tokens.starts()[range]);
    let mut taken = 0;
    for (row, kinds) in starts.chunks_exact(shape.tokens).zip(kinds.chunks_exact(shape.tokens)) {
        let end = row[shape.tokens - 1];
        if end > at.end_max {
            stop = Some(Stop::Limit);
            break;
        }
        let escapes = tokens.escapes.get(at.escape).is_some_and(|p| *p < end);
        if end >= at.clean || escapes && !right_escapes(&tokens.escapes, buffer, end, &mut at.escape) {
            stop = Some(Stop::Other);
            break;
        }
        rows.spans.push((at.start, end));
        for (slot, column) in slots.next().into_iter().flatten().zip(&shape.columns) {
            *slot = slot_of(column, row, kinds, buffer, escapes);
        }
        at.start = end + 1;
        taken += 1;
    }
    at.token += taken * shape.tokens;
    at.rows -= taken;
    rows.slots.truncate(slots_before + taken * shape.columns.len());
    *cursor = at;
    stop
}

/// The slot of a column in a row with these tokens.
#[inline(always)]
fn slot_of(column: &Place, row: &[u32], kinds: &[u8], buffer: &[u8], escapes: bool) -> u64 {
    let (at, last) = (column.first as usize, column.last as usize);
    let (Some(first), Some(last), Some(kind)) = (row.get(at), row.get(last), kinds.get(at)) else { return 0 };
    let (first, mut last) = (*first, *last);
    if *kind != STRING || column.keep != u64::MAX {
        return ((u64::from(first) + column.add) | u64::from(last) << 32) & column.keep;
    }
    while last > first + 2 && buffer.get(last as usize - 1) != Some(&b'"') {
        last -= 1;
    }
    u64::from(first) | u64::from(last) << 32 | IS_STRING | u64::from(escapes) << 31
}

/// Checks the escapes before `end`, from the one with the index `next` on, and passes them.
pub fn right_escapes(escapes: &[u32], buffer: &[u8], end: u32, next: &mut usize) -> bool {
    let mut half = None;
    while let Some(&at) = escapes.get(*next).filter(|p| **p < end) {
        let text = buffer.get(at as usize..).unwrap_or(&[]);
        let code = match text.get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 0,
            Some(b'u') => match hex4(text, 2) {
                Some(code) => code,
                None => return false,
            },
            _ => return false,
        };
        let is_low = (0xDC00..0xE000).contains(&code);
        // The first half of a pair needs the second right behind it, and the second the first.
        if is_low != (half == Some(at)) || (half.is_some() && !is_low) {
            return false;
        }
        half = (0xD800..0xDC00).contains(&code).then_some(at + 6);
        *next += 1;
    }
    half.is_none()
}

/// The four hexadecimal digits at `at`.
pub(crate) fn hex4(text: &[u8], at: usize) -> Option<u32> {
    text.get(at..at + 4)?.iter().try_fold(0u32, |n, b| Some(n << 4 | char::from(*b).to_digit(16)?))
}

/// Whether a right literal starts here. Says no to some that are right but rare.
#[inline(always)]
fn is_literal<C: Compare>(text: &[u8; 32]) -> bool {
    let negative = usize::from(text[0] == b'-');
    let digits = u64::from(C::digits(text)) >> negative;
    let whole = (!digits).trailing_zeros() as usize;
    if whole == 0 {
        return is_word(text);
    }
    let mut at = negative + whole;
    let Some(mut next) = text.get(at) else { return false };
    let mut right = !((whole > 1) & (text[negative] == b'0'));
    if *next == b'.' {
        let part = (!(digits >> (whole + 1))).trailing_zeros() as usize;
        at += 1 + part;
        right &= part > 0;
        let Some(after) = text.get(at) else { return false };
        next = after;
    }
    right & (ENDS_LITERAL[usize::from(*next)] || (*next | 0x20 == b'e' && is_exponent(&text[at + 1..])))
}

/// Whether `true`, `false` or `null` stands here; without branches, as nobody can predict them.
#[inline(always)]
fn is_word(text: &[u8; 32]) -> bool {
    let word = u64::from_le_bytes([text[0], text[1], text[2], text[3], text[4], text[5], text[6], text[7]]);
    let is_false = word & 0xff_ffff_ffff == u64::from_le_bytes(*b"false\0\0\0");
    let four = word as u32;
    let is_other = (four == u32::from_le_bytes(*b"true")) | (four == u32::from_le_bytes(*b"null"));
    (is_false | is_other) & ENDS_LITERAL[usize::from(text[4 + usize::from(is_false)])]
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

const _: () = assert!(SLACK >= 64 && LINE_END != STRING && READ_PAST >= 32);
