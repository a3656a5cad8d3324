//! Splitting without lists: one piece of each text (`text.split(",")[2]`), or every piece as a row
//! of its own (`flat_map { x: each text.split(" ") }`). Pieces are views; nothing is copied.

use super::argument::{Argument, strict, try_fill};
use super::text_case::{Region, parts};
use crate::pattern::compiled;
use flow_ir::column::{NULL, VALID, View, view};
use flow_ir::{Column, ErrorCode, Status, StrColumn, Type, Value, Values};
use memchr::{memchr_iter, memmem};
use regex::Regex;

/// `column.split(separator)[index]`: an error where there is no such piece.
pub fn split_part(column: &Column, separator: &str, index: i64) -> Column {
    let rows = column.len();
    let arguments = [Argument::Column(column, &Type::String)];
    let status = strict(&arguments, rows);
    let Values::Str(texts) = &column.values else { return failing(column, rows, ErrorCode::Argument) };
    if separator.is_empty() {
        return failing(column, rows, ErrorCode::Argument);
    }
    let Ok(index) = usize::try_from(index) else { return failing(column, rows, ErrorCode::OutOfRange) };
    let finder = memmem::Finder::new(separator);
    let missing = ErrorCode::OutOfRange as u8;
    let (views, status) = try_fill(status, rows, |row| {
        let (at, bytes) = (parts(texts.views.get(row).copied().unwrap_or(0)).0, texts.bytes(row));
        let piece = match separator.as_bytes() {
            [byte] => nth_piece(bytes, memchr_iter(*byte, bytes), 1, index),
            _ => nth_piece(bytes, finder.find_iter(bytes), separator.len(), index),
        };
        piece.map(|(from, to)| view((at + from) as u32, (to - from) as u32)).ok_or(missing)
    });
    Column { values: Values::Str(StrColumn { buffer: texts.buffer.clone(), views }), status }
}

/// Where the piece of that index lies between separators of `width` bytes.
fn nth_piece(
    bytes: &[u8],
    mut separators: impl Iterator<Item = usize>,
    width: usize,
    index: usize,
) -> Option<(usize, usize)> {
    let from = match index.checked_sub(1) {
        None => 0,
        Some(before) => separators.nth(before)? + width,
    };
    Some((from, separators.next().unwrap_or(bytes.len())))
}

/// A column of empty texts where every valid row fails with a code.
fn failing(column: &Column, rows: usize, code: ErrorCode) -> Column {
    let status = (0..rows).map(|row| match column.status.get(row) {
        VALID => code as u8,
        other => other,
    });
    let empty = flow_ir::column::StrBuilder::default().finish();
    let texts = StrColumn { buffer: empty.buffer, views: vec![0; rows] };
    Column { values: Values::Str(texts), status: Status::from_bytes(status.collect()) }
}

/// Every piece of every text at a separator (a string or a regex), and the row each comes from.
/// A null text has no pieces; an erroneous one keeps one erroneous row.
pub fn split_each(column: &Column, separator: &Value) -> (Vec<u32>, Column) {
    let rows = column.len();
    let Values::Str(texts) = &column.values else {
        return erroneous_rows(&failing(column, rows, ErrorCode::Argument));
    };
    let mut pieces = Pieces::default();
    match separator {
        Value::String(s) => match s.as_bytes() {
            [] => return erroneous_rows(&failing(column, rows, ErrorCode::Argument)),
            [byte] => {
                let byte = *byte;
                pieces.collect(column, texts, |bytes, row| {
                    split_where(&texts.buffer, bytes.len(), |b| b == byte, false, row);
                });
            }
            _ => {
                let finder = memmem::Finder::new(s.as_bytes());
                pieces.collect(column, texts, |bytes, row| {
                    let mut from = 0;
                    for at in finder.find_iter(bytes) {
                        row.piece(from, at);
                        from = at + s.len();
                    }
                    row.piece(from, bytes.len());
                });
            }
        },
        Value::Regex(pattern) => match (compiled(pattern), ClassPattern::of(pattern)) {
            (Err(_), _) => return erroneous_rows(&failing(column, rows, ErrorCode::Argument)),
            (Ok(regex), None) => pieces.collect(column, texts, |bytes, row| split_regex(&regex, bytes, row)),
            (Ok(regex), Some(class)) => split_at_class(column, texts, &regex, class, &mut pieces),
        },
        // `split(text, null)` is null, which has no elements; errors stay.
        _ => return erroneous_rows(column),
    }
    pieces.finish(texts)
}

/// The rows of a column that are errors, as pieces.
fn erroneous_rows(column: &Column) -> (Vec<u32>, Column) {
    let rows: Vec<u32> =
        (0..column.len() as u32).filter(|row| column.status.get(*row as usize) > NULL).collect();
    let status = Status::from_bytes(rows.iter().map(|row| column.status.get(*row as usize)).collect());
    let empty = flow_ir::column::StrBuilder::default().finish();
    let texts = StrColumn { buffer: empty.buffer, views: vec![0; rows.len()] };
    (rows, Column { values: Values::Str(texts), status })
}

/// The pieces found so far.
#[derive(Default)]
struct Pieces {
    rows: Vec<u32>,
    views: Vec<View>,
    /// Pieces that are errors, and their bytes.
    failed: Vec<(usize, u8)>,
}

/// Where the pieces of one row go.
struct RowPieces<'a> {
    pieces: &'a mut Pieces,
    row: u32,
    /// The row's first byte in its buffer.
    at: usize,
}

impl RowPieces<'_> {
    /// Takes the bytes `from..to` of the row's text as a piece.
    #[inline(always)]
    fn piece(&mut self, from: usize, to: usize) {
        self.pieces.rows.push(self.row);
        self.pieces.views.push(view((self.at + from) as u32, (to - from) as u32));
    }
}

impl Pieces {
    /// Splits the text of every valid row.
    #[inline(always)]
    fn collect(
        &mut self,
        column: &Column,
        texts: &StrColumn,
        mut split: impl FnMut(&[u8], &mut RowPieces<'_>),
    ) {
        // Words are about this long; a second allocation would cost more than a generous first.
        const BYTES_A_PIECE: usize = 6;
        let bytes = Region::of(texts, &column.status).total;
        self.rows.reserve(texts.views.len() + bytes / BYTES_A_PIECE);
        self.views.reserve(texts.views.len() + bytes / BYTES_A_PIECE);
        for (row, &whole) in texts.views.iter().enumerate() {
            match column.status.get(row) {
                VALID => {
                    let mut pieces = RowPieces { pieces: self, row: row as u32, at: parts(whole).0 };
                    split(texts.bytes(row), &mut pieces);
                }
                NULL => {}
                code => {
                    self.failed.push((self.rows.len(), code));
                    self.rows.push(row as u32);
                    self.views.push(0);
                }
            }
        }
    }

    /// Splits ASCII texts at the bytes that separate, and the others by the pattern.
    #[inline(always)]
    fn collect_ascii(
        &mut self,
        column: &Column,
        texts: &StrColumn,
        regex: &Regex,
        runs: bool,
        separates: impl Fn(u8) -> bool,
    ) {
        self.collect(column, texts, |bytes, row| {
            if bytes.is_ascii() {
                split_where(&texts.buffer, bytes.len(), &separates, runs, row);
            } else {
                split_regex(regex, bytes, row);
            }
        });
    }

    fn finish(self, texts: &StrColumn) -> (Vec<u32>, Column) {
        let status = if self.failed.is_empty() {
            Status::AllValid
        } else {
            let mut bytes = vec![VALID; self.rows.len()];
            for (at, code) in self.failed {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = code;
                }
            }
            Status::Rows(bytes)
        };
        let values = Values::Str(StrColumn { buffer: texts.buffer.clone(), views: self.views });
        (self.rows, Column { values, status })
    }
}

fn split_regex(regex: &Regex, bytes: &[u8], row: &mut RowPieces<'_>) {
    let text = std::str::from_utf8(bytes).unwrap_or("");
    let mut from = 0;
    for found in regex.find_iter(text) {
        row.piece(from, found.start());
        from = found.end();
    }
    row.piece(from, text.len());
}

/// Splits a row's text of `length` bytes at the bytes that separate, or at runs of them.
///
/// One bit a byte is computed for 64 bytes at a time, without a branch; what is left to do then
/// depends on the number of pieces only.
#[inline(always)]
fn split_where(
    buffer: &[u8],
    length: usize,
    separates: impl Fn(u8) -> bool,
    runs: bool,
    row: &mut RowPieces<'_>,
) {
    let (mut from, mut inside) = (0, 0);
    let mut at = 0;
    while at < length {
        let mut mask = separator_bits(buffer, row.at + at, &separates);
        let left = length - at;
        if left < 64 {
            mask &= (1 << left) - 1;
        }
        if runs {
            // The bytes at which a run begins or, behind it, ends.
            let mut edges = mask ^ (mask << 1 | inside);
            if left < 64 {
                edges &= (1 << left) - 1;
            }
            while edges != 0 {
                let edge = at + edges.trailing_zeros() as usize;
                if inside == 0 {
                    row.piece(from, edge);
                }
                from = edge;
                inside ^= 1;
                edges &= edges - 1;
            }
        } else {
            while mask != 0 {
                let found = at + mask.trailing_zeros() as usize;
                row.piece(from, found);
                from = found + 1;
                mask &= mask - 1;
            }
        }
        at += 64;
    }
    row.piece(if inside == 1 { length } else { from }, length);
}

/// One bit for each of the 64 bytes at a place; bytes beyond the buffer count as zeros.
#[inline(always)]
fn separator_bits(buffer: &[u8], at: usize, separates: impl Fn(u8) -> bool) -> u64 {
    let mut flags = [0u8; 64];
    match buffer.get(at..).and_then(|rest| rest.first_chunk::<64>()) {
        Some(block) => flags = block.map(|b| u8::from(separates(b))),
        None => {
            let rest = buffer.get(at..).unwrap_or_default();
            flags.iter_mut().zip(rest).for_each(|(flag, b)| *flag = u8::from(separates(*b)));
        }
    }
    let mut bits = 0;
    for (i, eight) in flags.chunks_exact(8).enumerate() {
        let eight = eight.iter().rev().fold(0u64, |word, flag| word << 8 | u64::from(*flag));
        // The product gathers the lowest bits of the eight bytes in its highest byte.
        bits |= (eight.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i);
    }
    bits
}

/// A common character class, as it is within ASCII: most programs split words with one of them,
/// and ASCII texts need no automaton for it.
#[derive(Clone, Copy)]
enum AsciiClass {
    Word,
    Space,
    Digit,
    Letter,
    LowerLetter,
}

/// A pattern that is a class or its complement, once or repeated: `\W+`, `\s`, `[^a-z]+`.
#[derive(Clone, Copy)]
struct ClassPattern {
    class: AsciiClass,
    complement: bool,
    runs: bool,
}

impl ClassPattern {
    fn of(pattern: &str) -> Option<Self> {
        let (class, runs) = match pattern.strip_suffix('+') {
            Some(class) => (class, true),
            None => (pattern, false),
        };
        let (class, complement) = match class {
            r"\W" | r"[^\w]" => (AsciiClass::Word, true),
            r"\s" | r"[\s]" => (AsciiClass::Space, false),
            r"\d" | "[0-9]" => (AsciiClass::Digit, false),
            r"\D" | "[^0-9]" => (AsciiClass::Digit, true),
            "[^a-z]" => (AsciiClass::LowerLetter, true),
            "[^a-zA-Z]" | "[^A-Za-z]" => (AsciiClass::Letter, true),
            _ => return None,
        };
        Some(ClassPattern { class, complement, runs })
    }
}

/// Splits every text at a class, each class with a loop of its own.
fn split_at_class(
    column: &Column,
    texts: &StrColumn,
    regex: &Regex,
    pattern: ClassPattern,
    pieces: &mut Pieces,
) {
    let ClassPattern { class, complement, runs } = pattern;
    let within = |b: u8, low: u8, count: u8| b.wrapping_sub(low) < count;
    match class {
        AsciiClass::Word => pieces.collect_ascii(column, texts, regex, runs, |b| {
            (within(b | 0x20, b'a', 26) | within(b, b'0', 10) | (b == b'_')) != complement
        }),
        AsciiClass::Space => pieces
            .collect_ascii(column, texts, regex, runs, |b| (within(b, b'\t', 5) | (b == b' ')) != complement),
        AsciiClass::Digit => {
            pieces.collect_ascii(column, texts, regex, runs, |b| within(b, b'0', 10) != complement);
        }
        AsciiClass::Letter => {
            pieces.collect_ascii(column, texts, regex, runs, |b| within(b | 0x20, b'a', 26) != complement);
        }
        AsciiClass::LowerLetter => {
            pieces.collect_ascii(column, texts, regex, runs, |b| within(b, b'a', 26) != complement);
        }
    }
}
