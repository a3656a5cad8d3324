//! String columns from string columns: `lower upper trim slice extract replace concat` and others.
//!
//! What only cuts (`trim slice extract`) makes views into the argument's buffer and copies nothing.

use super::argument::{Argument, strict, text_column, try_fill};
use super::text_case::{lower, parts, upper};
use super::{VectorFunction, by_rows, optional_status};
use crate::pattern::compiled;
use crate::text::{TEXT_BYTES_MAX, slice_text};
use flow_ir::column::{VALID, View, view};
use flow_ir::{Column, DataType, ErrorCode, Function, Status, StrColumn, Type, Values};
use memchr::memmem::Finder;
use regex::Regex;

pub(super) fn vectorized(function: Function, arguments: &[Type]) -> Option<VectorFunction> {
    use Type::{Int, Null, Regex, String};
    Some(match (function, arguments) {
        (Function::Lower, [String]) => lower,
        (Function::Upper, [String]) => upper,
        (Function::Trim, [String]) => trim,
        (Function::Slice, [String, Int | Null] | [String, Int | Null, Int | Null]) => slice,
        (Function::Extract, [String, Regex]) => extract,
        (Function::Replace, [String, String | Regex, String]) => replace,
        (Function::Concat, pieces) if pieces.iter().all(|t| matches!(t, String | Null)) => concat,
        _ => return None,
    })
}

/// A column of cuts of the texts: `f` gives the range of a row's text that stays.
fn cut(
    texts: &StrColumn,
    status: Status,
    rows: usize,
    mut f: impl FnMut(usize) -> Result<(usize, usize), u8>,
) -> Column {
    let (views, status) = try_fill(status, rows, |row| {
        let (at, _) = texts.views.get(row).map_or((0, 0), |v| parts(*v));
        f(row).map(|(from, to)| view((at + from) as u32, (to - from) as u32))
    });
    Column { values: Values::Str(StrColumn { buffer: texts.buffer.clone(), views }), status }
}

fn trim(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let Some(texts) = arguments.first().and_then(|a| a.text_column(rows)) else {
        return by_rows(Function::Trim, arguments, rows, result);
    };
    cut(&texts, strict(arguments, rows), rows, |row| {
        let bytes = texts.bytes(row);
        Ok(trimmed_ascii(bytes).unwrap_or_else(|| {
            let text = texts.text(row);
            let from = text.len() - text.trim_start().len();
            (from, from + text.trim().len())
        }))
    })
}

/// The range without white space at both ends; `None` if a byte there is not ASCII, since other
/// characters may be white space too.
fn trimmed_ascii(bytes: &[u8]) -> Option<(usize, usize)> {
    let is_space = |b: u8| matches!(b, b'\t'..=b'\r' | b' ');
    let from = bytes.iter().position(|b| !is_space(*b)).unwrap_or(bytes.len());
    let to = bytes.iter().rposition(|b| !is_space(*b)).map_or(from, |last| last + 1);
    let ascii = |at: usize| bytes.get(at).is_none_or(u8::is_ascii);
    (ascii(from) && (to == from || ascii(to - 1))).then_some((from, to))
}

fn slice(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let (Some(texts), Some(from), to) = (
        arguments.first().and_then(|a| a.text_column(rows)),
        arguments.get(1).and_then(Argument::ints),
        arguments.get(2).map(Argument::ints),
    ) else {
        return by_rows(Function::Slice, arguments, rows, result);
    };
    let to = to.flatten();
    cut(&texts, strict(arguments, rows), rows, |row| {
        let range = slice_text(texts.text(row), from.get(row), to.map(|to| to.get(row)));
        Ok((range.start, range.end))
    })
}

fn extract(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let regex = arguments.get(1).and_then(Argument::constant_text).and_then(|p| compiled(p).ok());
    let texts = arguments.first().and_then(|a| a.text_column(rows));
    let (Some(regex), Some(texts)) = (regex, texts) else {
        return by_rows(Function::Extract, arguments, rows, result);
    };
    let status = strict(arguments, rows);
    let missing = optional_status(false);
    if regex.captures_len() == 1 {
        return cut(&texts, status, rows, |row| {
            regex.find(texts.text(row)).map(|m| (m.start(), m.end())).ok_or(missing)
        });
    }
    let mut locations = regex.capture_locations();
    cut(&texts, status, rows, |row| {
        regex.captures_read(&mut locations, texts.text(row)).and_then(|_| locations.get(1)).ok_or(missing)
    })
}

fn replace(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let [text, pattern, with] = arguments else {
        return by_rows(Function::Replace, arguments, rows, result);
    };
    let (Some(from), Some(with)) = (pattern.constant_text(), with.constant_text()) else {
        return by_rows(Function::Replace, arguments, rows, result);
    };
    let Some(texts) = text.texts() else { return by_rows(Function::Replace, arguments, rows, result) };
    let status = strict(arguments, rows);
    if let Argument::Constant(flow_ir::Value::Regex(_)) = pattern {
        let Ok(regex) = compiled(from) else { return by_rows(Function::Replace, arguments, rows, result) };
        return text_column(status, rows, |row, out| replace_regex(&regex, texts.text(row), with, out));
    }
    if from.is_empty() {
        return text_column(status, rows, |_, _| Err(ErrorCode::Argument as u8));
    }
    let finder = Finder::new(from);
    text_column(status, rows, |row, out| {
        let text = texts.text(row);
        let added = with.len().saturating_mul(text.len() / from.len());
        if text.len().saturating_add(added) > TEXT_BYTES_MAX {
            return Err(ErrorCode::Overflow as u8);
        }
        let mut copied = 0;
        for at in finder.find_iter(text.as_bytes()) {
            // A match of valid UTF-8 in valid UTF-8 stands between characters.
            out.push_str(text.get(copied..at).unwrap_or(""));
            out.push_str(with);
            copied = at + from.len();
        }
        out.push_str(text.get(copied..).unwrap_or(""));
        Ok(())
    })
}

fn replace_regex(regex: &Regex, text: &str, with: &str, out: &mut String) -> Result<(), u8> {
    match crate::pattern::replace(regex, text, with) {
        Ok(replaced) => {
            out.push_str(&replaced);
            Ok(())
        }
        Err(error) => Err(error.code as u8),
    }
}

fn concat(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let Some(pieces) = arguments.iter().map(Argument::texts).collect::<Option<Vec<_>>>() else {
        return by_rows(Function::Concat, arguments, rows, result);
    };
    text_column(strict(arguments, rows), rows, |row, out| {
        for piece in &pieces {
            out.push_str(piece.text(row));
        }
        if out.len() > TEXT_BYTES_MAX { Err(ErrorCode::Overflow as u8) } else { Ok(()) }
    })
}

/// Whether every view of a valid row begins where or after the one before ends.
pub(super) fn in_order(views: &[View], status: &Status) -> bool {
    let mut end_so_far = 0;
    views.iter().enumerate().all(|(row, &v)| {
        let (at, length) = parts(v);
        if length == 0 || status.get(row) != VALID {
            return true;
        }
        let ordered = at >= end_so_far;
        end_so_far = at + length;
        ordered
    })
}
