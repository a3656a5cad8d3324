//! Tests and measures of string columns: prefixes, search, patterns, order, membership, lengths.
//!
//! Comparing bytes is comparing texts: UTF-8 keeps the order of code points.

use super::argument::{Argument, Texts, bool_column, int_column, strict};
use super::text_case::{Region, parts};
use super::text_map::in_order;
use super::{VectorFunction, by_rows};
use crate::list::hash_bytes;
use crate::pattern::compiled;
use flow_ir::eval::compare;
use flow_ir::{Column, DataType, Function, Status, StrColumn, Type, Value, Values};
use memchr::memmem::{self, Finder};
use std::collections::HashSet;

pub(super) fn vectorized(function: Function, arguments: &[Type]) -> Option<VectorFunction> {
    use Function::*;
    use Type::{List, Null, Regex, String};
    Some(match (function, arguments) {
        (StartsWith, [String, String]) => |a, n, r| test(StartsWith, <[u8]>::starts_with, a, n, r),
        (EndsWith, [String, String]) => |a, n, r| test(EndsWith, <[u8]>::ends_with, a, n, r),
        (Contains, [String, String]) => contains,
        (Contains, [String, Regex]) => |a, n, r| matches(Contains, a, n, r),
        (Matches, [String, Regex]) => |a, n, r| matches(Matches, a, n, r),
        (Equal, [String, String]) => |a, n, r| test(Equal, <[u8]>::eq, a, n, r),
        (NotEqual, [String, String]) => |a, n, r| test(NotEqual, <[u8]>::ne, a, n, r),
        (Less, [String, String]) => |a, n, r| ordered(Less, a, n, r),
        (LessEqual, [String, String]) => |a, n, r| ordered(LessEqual, a, n, r),
        (Greater, [String, String]) => |a, n, r| ordered(Greater, a, n, r),
        (GreaterEqual, [String, String]) => |a, n, r| ordered(GreaterEqual, a, n, r),
        (Between, [String, String, String]) => between,
        (In, [String, List(element)]) if matches!(element.kind, String | Null) => is_in,
        (Len, [String]) => length,
        (ByteLen, [String]) => byte_length,
        (Hash, [String]) => hash,
        _ => return None,
    })
}

/// The texts of all arguments, or `None` if one is not text.
fn texts<'a, const N: usize>(arguments: &[Argument<'a>]) -> Option<[Texts<'a>; N]> {
    let arguments: &[Argument<'a>; N] = arguments.try_into().ok()?;
    let mut found = [Texts::Constant(""); N];
    for (slot, argument) in found.iter_mut().zip(arguments) {
        *slot = argument.texts()?;
    }
    Some(found)
}

#[inline]
fn test(
    function: Function,
    holds: impl Fn(&[u8], &[u8]) -> bool,
    arguments: &[Argument<'_>],
    rows: usize,
    result: &DataType,
) -> Column {
    let Some([a, b]) = texts(arguments) else { return by_rows(function, arguments, rows, result) };
    let status = strict(arguments, rows);
    match (a, b) {
        // The common case gets a loop of its own, without looking what the arguments are.
        (Texts::Column(a), Texts::Constant(b)) => {
            bool_column(status, rows, |row| holds(a.bytes(row), b.as_bytes()))
        }
        (a, b) => bool_column(status, rows, |row| holds(a.bytes(row), b.bytes(row))),
    }
}

fn ordered(function: Function, arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    test(function, |a, b| compare(function, a.cmp(b)), arguments, rows, result)
}

fn between(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let Some([x, low, high]) = texts(arguments) else {
        return by_rows(Function::Between, arguments, rows, result);
    };
    bool_column(strict(arguments, rows), rows, |row| {
        let x = x.bytes(row);
        x >= low.bytes(row) && x <= high.bytes(row)
    })
}

/// Lists longer than this are searched by hash.
const LINEAR_MAX: usize = 8;

fn is_in(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let by_interpreter = || by_rows(Function::In, arguments, rows, result);
    let [x, Argument::Constant(Value::List(items))] = arguments else { return by_interpreter() };
    let Some(x) = x.texts() else { return by_interpreter() };
    let mut wanted = Vec::with_capacity(items.len());
    for item in items.iter() {
        match item {
            Value::String(s) => wanted.push(s.as_bytes()),
            // With a null in the list, "not there" becomes null.
            _ => return by_interpreter(),
        }
    }
    let status = strict(arguments, rows);
    if wanted.len() <= LINEAR_MAX {
        return bool_column(status, rows, |row| wanted.contains(&x.bytes(row)));
    }
    let wanted: HashSet<&[u8]> = wanted.into_iter().collect();
    bool_column(status, rows, |row| wanted.contains(x.bytes(row)))
}

fn contains(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let Some([text, part]) = texts(arguments) else {
        return by_rows(Function::Contains, arguments, rows, result);
    };
    let status = strict(arguments, rows);
    match (text, part) {
        (Texts::Column(text), Texts::Constant(part)) => {
            let finder = Finder::new(part);
            if let Some(found) = find_in_region(text, &finder, &status, rows) {
                return Column { values: Values::Bool(found), status };
            }
            bool_column(status, rows, |row| finder.find(text.bytes(row)).is_some())
        }
        (text, part) => {
            bool_column(status, rows, |row| memmem::find(text.bytes(row), part.bytes(row)).is_some())
        }
    }
}

/// Searches all texts as one where they lie close together and in order: a part that is rare is
/// then found at the speed of memory, whatever the number of rows.
fn find_in_region(texts: &StrColumn, finder: &Finder<'_>, status: &Status, rows: usize) -> Option<Vec<u8>> {
    let length = finder.needle().len();
    let region = Region::of(texts, status);
    if length == 0 || !region.is_dense() || !in_order(&texts.views, status) {
        return None;
    }
    let bytes = texts.buffer.get(..region.end)?;
    let mut found = vec![0; rows];
    let mut views = texts
        .views
        .iter()
        .enumerate()
        .filter(|(row, v)| status.get(*row) == flow_ir::column::VALID && parts(**v).1 > 0);
    let mut current = views.next();
    let mut from = region.start;
    while let Some(at) = bytes.get(from..).and_then(|rest| finder.find(rest)).map(|at| from + at) {
        while let Some((_, &v)) = current
            && parts(v).0 + parts(v).1 <= at
        {
            current = views.next();
        }
        let Some((row, &v)) = current else { break };
        let (start, size) = parts(v);
        if at >= start && at + length <= start + size {
            if let Some(slot) = found.get_mut(row) {
                *slot = 1;
            }
            from = start + size;
        } else {
            // It began before the row or reached beyond it; another may begin inside.
            from = at + 1;
        }
    }
    Some(found)
}

fn matches(function: Function, arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let regex = arguments.get(1).and_then(Argument::constant_text).and_then(|p| compiled(p).ok());
    let (Some(regex), Some(text)) = (regex, arguments.first().and_then(Argument::texts)) else {
        return by_rows(function, arguments, rows, result);
    };
    bool_column(strict(arguments, rows), rows, |row| regex.is_match(text.text(row)))
}

fn length(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let Some([text]) = texts(arguments) else { return by_rows(Function::Len, arguments, rows, result) };
    let status = strict(arguments, rows);
    if let Texts::Column(text) = text
        && Region::of(text, &status).is_ascii(text)
    {
        return int_column(status, rows, |row| text.views.get(row).map_or(0, |v| parts(*v).1 as i64));
    }
    int_column(status, rows, |row| {
        // Every character has one byte that does not continue another; a chunk's count fits a byte.
        let begins = |b: &u8| u8::from((*b as i8) >= -0x40);
        text.bytes(row).chunks(255).map(|c| i64::from(c.iter().map(begins).sum::<u8>())).sum()
    })
}

fn byte_length(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let Some([text]) = texts(arguments) else { return by_rows(Function::ByteLen, arguments, rows, result) };
    int_column(strict(arguments, rows), rows, |row| text.bytes(row).len() as i64)
}

fn hash(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let Some([text]) = texts(arguments) else { return by_rows(Function::Hash, arguments, rows, result) };
    int_column(strict(arguments, rows), rows, |row| hash_bytes(text.bytes(row)) as i64)
}
