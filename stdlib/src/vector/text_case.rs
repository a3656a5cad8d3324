//! `lower` and `upper` over columns.
//!
//! Where the texts lie close together and are ASCII, one pass over the bytes between the first and
//! the last of them changes them all, and the views stay as they are but for their offset.

use super::argument::Argument;
use super::argument::{strict, sure_text_column};
use super::by_rows;
use flow_ir::column::{BUFFER_PADDING, VALID, View, view};
use flow_ir::{Column, DataType, Function, Status, StrColumn, Values};

/// The bytes at the offset and of the length of a view.
pub(super) fn parts(v: View) -> (usize, usize) {
    ((v & 0xffff_ffff) as usize, (v >> 32) as usize)
}

pub(super) fn lower(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    change(Function::Lower, arguments, rows, result)
}

pub(super) fn upper(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    change(Function::Upper, arguments, rows, result)
}

fn change(function: Function, arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let [argument] = arguments else { return by_rows(function, arguments, rows, result) };
    let Some(texts) = argument.text_column(rows) else {
        return by_rows(function, arguments, rows, result);
    };
    let status = strict(arguments, rows);
    if let Some(changed) = change_region(function, &texts, &status) {
        return Column { values: Values::Str(changed), status };
    }
    sure_text_column(status, rows, |row, out| {
        let text = texts.text(row);
        match (function, text.is_ascii()) {
            (Function::Lower, true) => out.extend(text.bytes().map(|b| char::from(b.to_ascii_lowercase()))),
            (_, true) => out.extend(text.bytes().map(|b| char::from(b.to_ascii_uppercase()))),
            (Function::Lower, false) => out.push_str(&text.to_lowercase()),
            (_, false) => out.push_str(&text.to_uppercase()),
        }
    })
}

/// Where the texts of the valid rows lie: the first byte, one past the last, and their total length.
pub(super) struct Region {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) total: usize,
}

impl Region {
    pub(super) fn of(texts: &StrColumn, status: &Status) -> Region {
        let mut region = Region { start: usize::MAX, end: 0, total: 0 };
        for (row, &v) in texts.views.iter().enumerate() {
            let (at, length) = parts(v);
            if length > 0 && status.get(row) == VALID {
                region.start = region.start.min(at);
                region.end = region.end.max(at + length);
                region.total += length;
            }
        }
        region.start = region.start.min(region.end);
        region
    }

    /// Whether most of the bytes belong to texts.
    pub(super) fn is_dense(&self) -> bool {
        self.end - self.start <= self.total.saturating_mul(2).saturating_add(1024)
    }

    /// Whether that is so and all of them are ASCII.
    pub(super) fn is_ascii(&self, texts: &StrColumn) -> bool {
        self.is_dense() && texts.buffer.get(self.start..self.end).is_some_and(<[u8]>::is_ascii)
    }
}

fn change_region(function: Function, texts: &StrColumn, status: &Status) -> Option<StrColumn> {
    let region = Region::of(texts, status);
    if !region.is_dense() {
        return None;
    }
    let bytes = texts.buffer.get(region.start..region.end).filter(|b| b.is_ascii())?;
    let mut changed = Vec::with_capacity(bytes.len() + BUFFER_PADDING);
    changed.extend_from_slice(bytes);
    match function {
        Function::Lower => changed.make_ascii_lowercase(),
        _ => changed.make_ascii_uppercase(),
    }
    changed.resize(bytes.len() + BUFFER_PADDING, 0);
    let shift = |(row, &v): (usize, &View)| {
        let (at, length) = parts(v);
        // Empty texts and rows that are not valid may lie anywhere.
        if length > 0 && status.get(row) == VALID {
            view((at - region.start) as u32, length as u32)
        } else {
            0
        }
    };
    let views = texts.views.iter().enumerate().map(shift).collect();
    Some(StrColumn { buffer: changed.into(), views })
}
