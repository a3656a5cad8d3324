//! Splitting without lists: one piece of each text (`text.split(",")[2]`), or every piece as a row
//! of its own (`flat_map { x: each text.split(" ") }`). Pieces are views; nothing is copied.

use super::argument::{Argument, strict, try_fill};
use super::text_case::parts;
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
    let mut pieces =
        Pieces { rows: Vec::with_capacity(rows), views: Vec::with_capacity(rows), failed: Vec::new() };
    match separator {
        Value::String(s) => match s.as_bytes() {
            [] => return erroneous_rows(&failing(column, rows, ErrorCode::Argument)),
            [byte] => pieces.collect(column, texts, |bytes, out| {
                split_bytes(bytes, memchr_iter(*byte, bytes), 1, out);
            }),
            _ => {
                let finder = memmem::Finder::new(s.as_bytes());
                pieces.collect(column, texts, |bytes, out| {
                    split_bytes(bytes, finder.find_iter(bytes), s.len(), out);
                });
            }
        },
        Value::Regex(pattern) => match (compiled(pattern), AsciiRuns::of(pattern)) {
            (Err(_), _) => return erroneous_rows(&failing(column, rows, ErrorCode::Argument)),
            (Ok(regex), None) => {
                pieces.collect(column, texts, |bytes, out| split_regex(&regex, bytes, out));
            }
            (Ok(regex), Some(runs)) => pieces.collect(column, texts, |bytes, out| {
                if bytes.is_ascii() {
                    runs.split(bytes, out);
                } else {
                    split_regex(&regex, bytes, out);
                }
            }),
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
struct Pieces {
    rows: Vec<u32>,
    views: Vec<View>,
    /// Pieces that are errors, and their bytes.
    failed: Vec<(usize, u8)>,
}

impl Pieces {
    /// Splits the text of every valid row; `split` calls back with the range of each piece.
    fn collect(
        &mut self,
        column: &Column,
        texts: &StrColumn,
        mut split: impl FnMut(&[u8], &mut dyn FnMut(usize, usize)),
    ) {
        for (row, &whole) in texts.views.iter().enumerate() {
            match column.status.get(row) {
                VALID => {}
                NULL => continue,
                code => {
                    self.failed.push((self.rows.len(), code));
                    self.rows.push(row as u32);
                    self.views.push(0);
                    continue;
                }
            }
            let at = parts(whole).0;
            let (rows, views) = (&mut self.rows, &mut self.views);
            split(texts.bytes(row), &mut |from, to| {
                rows.push(row as u32);
                views.push(view((at + from) as u32, (to - from) as u32));
            });
        }
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

fn split_bytes(
    bytes: &[u8],
    separators: impl Iterator<Item = usize>,
    width: usize,
    out: &mut dyn FnMut(usize, usize),
) {
    let mut from = 0;
    for at in separators {
        out(from, at);
        from = at + width;
    }
    out(from, bytes.len());
}

fn split_regex(regex: &Regex, bytes: &[u8], out: &mut dyn FnMut(usize, usize)) {
    let text = std::str::from_utf8(bytes).unwrap_or("");
    let mut from = 0;
    for found in regex.find_iter(text) {
        out(from, found.start());
        from = found.end();
    }
    out(from, text.len());
}

/// The patterns `\W+`, `\s+` and `\d+` and their single forms, as a table over ASCII: most
/// programs split words with one of them, and ASCII texts need no automaton for it.
struct AsciiRuns {
    separates: [bool; 128],
    runs: bool,
}

impl AsciiRuns {
    fn of(pattern: &str) -> Option<Self> {
        let (class, runs) = match pattern.strip_suffix('+') {
            Some(class) => (class, true),
            None => (pattern, false),
        };
        // What Unicode's classes are within ASCII.
        let is_in: fn(u8) -> bool = match class {
            r"\W" | r"[^\w]" => |b| !(b.is_ascii_alphanumeric() || b == b'_'),
            r"\s" | r"[\s]" => |b| matches!(b, b'\t'..=b'\r' | b' '),
            r"\d" | "[0-9]" => |b| b.is_ascii_digit(),
            r"\D" | "[^0-9]" => |b| !b.is_ascii_digit(),
            "[^a-z]" => |b| !b.is_ascii_lowercase(),
            "[^a-zA-Z]" | "[^A-Za-z]" => |b| !b.is_ascii_alphabetic(),
            _ => return None,
        };
        let mut separates = [false; 128];
        for (slot, b) in separates.iter_mut().zip(0u8..) {
            *slot = is_in(b);
        }
        Some(AsciiRuns { separates, runs })
    }

    fn split(&self, bytes: &[u8], out: &mut dyn FnMut(usize, usize)) {
        let separates = |b: u8| self.separates.get(usize::from(b)).copied().unwrap_or(false);
        let mut from = 0;
        let mut inside = false;
        for (i, &b) in bytes.iter().enumerate() {
            if separates(b) {
                // Only the first separator of a run ends a piece.
                if !(self.runs && inside) {
                    out(from, i);
                }
                from = i + 1;
                inside = true;
            } else {
                inside = false;
            }
        }
        out(from, bytes.len());
    }
}
