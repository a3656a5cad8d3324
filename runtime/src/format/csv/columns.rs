//! Turns the texts of a column into values: null rules, missing values, and the parse kernels.
//!
//! Invariant: a value depends on the field's text, the column's type and the dialect only.

use super::fields::Fields;
use crate::kernels::level::SimdLevel;
use crate::kernels::{date, number};
use bytes::Bytes;
use flow_ir::column::{BUFFER_PADDING, NULL, StrBuilder, VALID, View, view};
use flow_ir::{Column, DataType, ErrorCode, Status, StrColumn, Type, Values, text};
use memchr::memchr;

/// One column of a source as the scanner needs it.
#[derive(Clone, Debug)]
pub(super) struct ColumnFormat {
    ty: DataType,
    /// Whether a spelling of null is also a value of the type, so that every field must be compared.
    ambiguous: bool,
}

impl ColumnFormat {
    pub(super) fn new(ty: DataType, nulls: &[Vec<u8>]) -> Self {
        let value = |n: &Vec<u8>| std::str::from_utf8(n).is_ok_and(|t| text::parse(t, &ty.kind).is_some());
        let ambiguous = nulls.iter().any(value);
        ColumnFormat { ty, ambiguous }
    }
}

/// What the texts of a column lie in, and what they may mean.
pub(super) struct Context<'a> {
    pub(super) level: SimdLevel,
    pub(super) buffer: &'a Bytes,
    /// Spellings of null besides the empty one.
    pub(super) nulls: &'a [Vec<u8>],
    /// The quote, where fields may hold doubled ones.
    pub(super) escapes: Option<u8>,
}

impl Context<'_> {
    /// The column of the given texts.
    pub(super) fn column(&self, format: &ColumnFormat, fields: Fields) -> Column {
        if format.ty.kind == Type::String {
            return self.strings(format, fields);
        }
        if format.ty.kind == Type::Bytes {
            return self.byte_values(format, &fields);
        }
        let mut bad = Vec::new();
        let values = self.values(&format.ty.kind, &fields.views, &mut bad);
        let status = self.value_status(format, &fields, &bad);
        Column { values, status }
    }

    fn values(&self, ty: &Type, views: &[View], bad: &mut Vec<u32>) -> Values {
        let buffer = &self.buffer[..];
        match ty {
            Type::Bool => Values::Bool(number::parse_bools(buffer, views, bad)),
            Type::Int => Values::I64(number::parse_ints(self.level, buffer, views, bad)),
            Type::Float => Values::F64(number::parse_floats(self.level, buffer, views, bad)),
            Type::Decimal { precision, scale } => {
                Values::I128(number::parse_decimals(self.level, buffer, views, *precision, *scale, bad))
            }
            Type::Date => Values::I64(date::parse_dates(self.level, buffer, views, bad)),
            Type::Timestamp => Values::I64(date::parse_timestamps(self.level, buffer, views, bad)),
            Type::Duration => Values::I64(date::parse_durations(buffer, views, bad)),
            Type::Null | Type::String | Type::Bytes | Type::Regex | Type::List(_) | Type::Record(_) => {
                bad.extend(0..views.len() as u32);
                Values::Any(vec![flow_ir::Value::Null; views.len()])
            }
        }
    }

    /// Bytes in hexadecimal. An empty field holds none if it is quoted, and is null otherwise.
    fn byte_values(&self, format: &ColumnFormat, fields: &Fields) -> Column {
        let mut bad = Vec::new();
        let mut values = Vec::with_capacity(fields.views.len());
        for (row, &v) in fields.views.iter().enumerate() {
            let text = number::bytes_at(self.buffer, v).and_then(|bytes| std::str::from_utf8(bytes).ok());
            let parsed = text.filter(|_| !self.is_null(fields, row));
            values.push(parsed.and_then(|t| text::parse(t.trim_ascii(), &Type::Bytes)).unwrap_or_else(
                || {
                    bad.push(row as u32);
                    flow_ir::Value::Null
                },
            ));
        }
        let status = self.value_status(format, fields, &bad);
        Column { values: Values::Any(values), status }
    }

    /// The status of a column of anything but strings, of which the rows `bad` are not values.
    fn value_status(&self, format: &ColumnFormat, fields: &Fields, bad: &[u32]) -> Status {
        if bad.is_empty() && !format.ambiguous {
            return Status::AllValid;
        }
        let missing = if format.ty.nullable { NULL } else { ErrorCode::Missing as u8 };
        let mut status = vec![VALID; fields.views.len()];
        if format.ambiguous {
            for (row, s) in status.iter_mut().enumerate() {
                if self.is_null(fields, row) {
                    *s = missing;
                }
            }
        }
        for &row in bad {
            let null = self.is_null(fields, row as usize);
            status[row as usize] = if null { missing } else { ErrorCode::Malformed as u8 };
        }
        mark_broken(&mut status, fields);
        Status::from_bytes(status)
    }

    fn strings(&self, format: &ColumnFormat, fields: Fields) -> Column {
        let status = self.string_status(format, &fields);
        let escaped = self.escapes.filter(|&quote| self.any_escape(&fields, quote));
        let strings = match escaped {
            Some(quote) => self.unescape(&fields, quote),
            None => StrColumn { buffer: self.buffer.clone(), views: fields.views },
        };
        Column { values: Values::Str(strings), status }
    }

    fn string_status(&self, format: &ColumnFormat, fields: &Fields) -> Status {
        let empty = || fields.views.iter().fold(false, |any, v| any | (v >> 32 == 0));
        if fields.broken.is_empty() && self.nulls.is_empty() && !(format.ty.nullable && empty()) {
            return Status::AllValid;
        }
        let spelled = if format.ty.nullable { NULL } else { ErrorCode::Missing as u8 };
        let empty = if format.ty.nullable { NULL } else { VALID };
        let mut status: Vec<u8> = (0..fields.views.len())
            .map(|row| match fields.views[row] >> 32 {
                0 if fields.is_quoted(row) => VALID,
                0 => empty,
                _ if self.is_null(fields, row) => spelled,
                _ => VALID,
            })
            .collect();
        mark_broken(&mut status, fields);
        Status::from_bytes(status)
    }

    /// Whether a field is unquoted and empty or a spelling of null.
    fn is_null(&self, fields: &Fields, row: usize) -> bool {
        let v = fields.views[row];
        if fields.is_quoted(row) {
            return false;
        }
        v >> 32 == 0 || {
            let bytes = number::bytes_at(self.buffer, v).unwrap_or_default();
            self.nulls.iter().any(|n| n == bytes)
        }
    }

    fn any_escape(&self, fields: &Fields, quote: u8) -> bool {
        let escaped = |(&v, &quoted): (&View, &bool)| quoted && self.has_quote(v, quote);
        fields.views.iter().zip(&fields.quoted).any(escaped)
    }

    fn has_quote(&self, v: View, quote: u8) -> bool {
        number::bytes_at(self.buffer, v).is_some_and(|bytes| memchr(quote, bytes).is_some())
    }

    /// Copies the texts, each doubled quote once. A column has one buffer, so all of them move.
    fn unescape(&self, fields: &Fields, quote: u8) -> StrColumn {
        let bytes = fields.views.iter().map(|v| (v >> 32) as usize).sum();
        let mut strings = StrBuilder::with_capacity(fields.views.len(), bytes);
        let mut single = Vec::new();
        for (row, &v) in fields.views.iter().enumerate() {
            let text = number::bytes_at(self.buffer, v).unwrap_or_default();
            if !fields.is_quoted(row) || memchr(quote, text).is_none() {
                strings.push(text);
                continue;
            }
            single.clear();
            let mut rest = text;
            while let Some(at) = memchr(quote, rest) {
                single.extend_from_slice(&rest[..=at]);
                rest = rest.get(at + 2..).unwrap_or_default();
            }
            single.extend_from_slice(rest);
            strings.push(&single);
        }
        strings.finish()
    }
}

fn mark_broken(status: &mut [u8], fields: &Fields) {
    for &row in &fields.broken {
        status[row as usize] = ErrorCode::Structure as u8;
    }
}

/// A column for rows of which nothing can be read.
pub(super) fn unreadable(ty: &DataType, rows: usize) -> Column {
    let values = match &ty.kind {
        Type::Bool => Values::Bool(vec![0; rows]),
        t if t.is_i64() => Values::I64(vec![0; rows]),
        Type::Float => Values::F64(vec![0.0; rows]),
        Type::Decimal { .. } => Values::I128(vec![0; rows]),
        Type::String => {
            Values::Str(StrColumn { buffer: vec![0; BUFFER_PADDING].into(), views: vec![view(0, 0); rows] })
        }
        _ => Values::Any(vec![flow_ir::Value::Null; rows]),
    };
    Column { values, status: Status::Rows(vec![ErrorCode::Structure as u8; rows]) }
}
