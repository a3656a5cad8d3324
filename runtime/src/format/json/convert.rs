//! From places in a chunk to typed columns.
//!
//! The texts under the slots are right JSON. A value of another kind than the column's type is
//! `Malformed`; null (also a missing key) where it may not be is `Missing`. Strings without
//! escapes are views into the chunk; a morsel with escapes copies its strings.

use super::paths::{Slot, elements, members};
use super::syntax::is_space;
use super::unescape::{string_text, unescape};
use crate::kernels::structural_match::{IS_STRING, MAY_ESCAPE};
use flow_ir::column::{NULL, StrBuilder, VALID, View};
use flow_ir::{Column, DataType, ErrorCode, Status, StrColumn, Type, Value, Values, text};
use std::sync::Arc;

/// What a column is made from.
pub(crate) struct Morsel<'a> {
    /// The chunk's buffer.
    pub(crate) buffer: &'a Arc<Vec<u8>>,
    /// The slots of the first row, then those of the second, and so on.
    pub(crate) slots: &'a [u64],
    /// Slots a row.
    pub(crate) columns: usize,
    /// Which of them are converted.
    pub(crate) column: usize,
    /// The rows to convert, in order; all when `None`.
    pub(crate) rows: Option<&'a [u32]>,
}

impl Morsel<'_> {
    /// The column of type `ty`.
    pub(crate) fn convert(&self, ty: &DataType) -> Column {
        let missing = if ty.nullable { NULL } else { ErrorCode::Missing as u8 };
        match &ty.kind {
            Type::Int => self.build(missing, int, Values::I64),
            Type::Float => self.build(missing, |t, _| float(t), Values::F64),
            Type::Bool => self.build(missing, |t, _| bool(t), Values::Bool),
            Type::Date => {
                self.build(missing, |t, _| in_string(t, text::parse_date).map(i64::from), Values::I64)
            }
            Type::Timestamp => self.build(missing, |t, _| in_string(t, text::parse_timestamp), Values::I64),
            Type::Duration => self.build(missing, |t, _| in_string(t, text::parse_duration), Values::I64),
            Type::Decimal { precision, scale } => {
                self.build(missing, |t, _| decimal(t, *precision, *scale), Values::I128)
            }
            Type::String => self.strings(missing),
            kind => self.any(missing, kind),
        }
    }

    fn len(&self) -> usize {
        self.rows.map_or(self.slots.len() / self.columns.max(1), <[u32]>::len)
    }

    /// The slots of all rows of the morsel.
    fn all(&self) -> impl Iterator<Item = Slot> {
        self.slots.iter().skip(self.column).step_by(self.columns.max(1)).map(|s| Slot(*s))
    }

    /// The slots of the chosen rows.
    fn chosen(&self, rows: &[u32]) -> impl Iterator<Item = Slot> {
        rows.iter().map(|r| Slot(self.slots[*r as usize * self.columns + self.column]))
    }

    /// The text of a value, or the status of a row without one.
    #[inline(always)]
    fn text(&self, slot: Slot, missing: u8) -> Result<&[u8], u8> {
        let Some(range) = slot.range() else { return Err(self.without_value(slot, missing)) };
        let Some(mut text) = self.buffer.get(range) else { return Err(ErrorCode::Structure as u8) };
        while let [head @ .., last] = text
            && is_space(*last)
        {
            text = head;
        }
        if text.first() == Some(&b'n') { Err(missing) } else { Ok(text) }
    }

    /// What the buffer holds from the start of a value on.
    #[inline(always)]
    fn from(&self, slot: Slot) -> &[u8] {
        self.buffer.get(slot.start()..).unwrap_or(&[])
    }

    #[cold]
    fn without_value(&self, slot: Slot, missing: u8) -> u8 {
        match slot.parent() {
            _ if slot == Slot::BROKEN => ErrorCode::Structure as u8,
            Some(at) if self.buffer.get(at) != Some(&b'n') => ErrorCode::Malformed as u8,
            _ => missing,
        }
    }

    /// A column of values that `parse` makes of their texts, and of what starts with them.
    #[inline(always)]
    fn build<T: Copy + Default>(
        &self,
        missing: u8,
        parse: impl Fn(&[u8], &[u8]) -> Option<T>,
        wrap: impl FnOnce(Vec<T>) -> Values,
    ) -> Column {
        let (values, status) = match self.rows {
            None => self.parse(self.all(), missing, parse),
            Some(rows) => self.parse(self.chosen(rows), missing, parse),
        };
        Column { values: wrap(values), status }
    }

    #[inline(always)]
    fn parse<T: Copy + Default>(
        &self,
        slots: impl Iterator<Item = Slot>,
        missing: u8,
        parse: impl Fn(&[u8], &[u8]) -> Option<T>,
    ) -> (Vec<T>, Status) {
        let mut values = Vec::with_capacity(self.len());
        let mut statuses = Statuses::default();
        for slot in slots {
            let (value, status) = match self.text(slot, missing).map(|t| parse(t, self.from(slot))) {
                Ok(Some(v)) => (v, VALID),
                Ok(None) => (T::default(), ErrorCode::Malformed as u8),
                Err(status) => (T::default(), status),
            };
            statuses.push(values.len(), status);
            values.push(value);
        }
        let status = statuses.finish(values.len());
        (values, status)
    }

    fn strings(&self, missing: u8) -> Column {
        match self.rows {
            None => self.strings_of(self.all(), missing),
            Some(rows) => self.strings_of(self.chosen(rows), missing),
        }
    }

    #[inline(always)]
    fn strings_of(&self, slots: impl Iterator<Item = Slot>, missing: u8) -> Column {
        let mut views: Vec<View> = Vec::with_capacity(self.len());
        let mut statuses = Statuses::default();
        let mut escapes = 0;
        for Slot(slot) in slots {
            let (start, end) = (slot & (MAY_ESCAPE - 1), (slot & !IS_STRING) >> 32);
            let mut view = (start + 1) | end.wrapping_sub(start + 2) << 32;
            escapes |= slot & MAY_ESCAPE;
            if slot & IS_STRING == 0 {
                view = 0;
                let status = self
                    .text(Slot(slot), missing)
                    .map_or_else(|status| status, |_| ErrorCode::Malformed as u8);
                statuses.push(views.len(), status);
            } else {
                statuses.push(views.len(), VALID);
            }
            views.push(view);
        }
        let status = statuses.finish(views.len());
        let strings = if escapes == 0 {
            StrColumn { buffer: self.buffer.clone(), views }
        } else {
            self.unescaped(views)
        };
        Column { values: Values::Str(strings), status }
    }

    /// Strings of which some may hold escapes: the same views if none does, else copies.
    fn unescaped(&self, views: Vec<View>) -> StrColumn {
        let strings = StrColumn { buffer: self.buffer.clone(), views };
        let escaped = |s: &[u8]| memchr::memchr(b'\\', s).is_some();
        if !(0..strings.views.len()).any(|row| escaped(strings.bytes(row))) {
            return strings;
        }
        let mut copies = StrBuilder::with_capacity(strings.views.len(), 0);
        let mut text = Vec::new();
        for row in 0..strings.views.len() {
            text.clear();
            unescape(strings.bytes(row), &mut text);
            // What is copied is shorter than a chunk, and that is less than 2 GiB.
            copies.push(&text);
        }
        copies.finish()
    }

    fn any(&self, missing: u8, kind: &Type) -> Column {
        let mut values = Vec::with_capacity(self.len());
        let mut statuses = Statuses::default();
        let every = 0..self.slots.len() / self.columns.max(1);
        let slot = |row: usize| Slot(self.slots[row * self.columns + self.column]);
        let mut add = |slot| {
            let (value, status) = match self.text(slot, missing).map(|t| value(t, kind)) {
                Ok(Some(v)) => (v, VALID),
                Ok(None) => (Value::Null, ErrorCode::Malformed as u8),
                Err(status) => (Value::Null, status),
            };
            statuses.push(values.len(), status);
            values.push(value);
        };
        match self.rows {
            None => every.for_each(|row| add(slot(row))),
            Some(rows) => rows.iter().for_each(|row| add(slot(*row as usize))),
        }
        let status = statuses.finish(values.len());
        Column { values: Values::Any(values), status }
    }
}

/// The statuses of a column, which most often are all valid.
#[derive(Default)]
struct Statuses(Vec<u8>);

impl Statuses {
    /// The status of a row; rows come in order.
    #[inline(always)]
    fn push(&mut self, row: usize, status: u8) {
        if status != VALID {
            self.note(row, status);
        }
    }

    #[inline(never)]
    fn note(&mut self, row: usize, status: u8) {
        self.0.resize(row, VALID);
        self.0.push(status);
    }

    fn finish(mut self, rows: usize) -> Status {
        if self.0.is_empty() {
            return Status::AllValid;
        }
        self.0.resize(rows, VALID);
        Status::Rows(self.0)
    }
}

/// An integer: no point, no exponent, in the range of 64 bits.
#[inline(always)]
fn int(text: &[u8], rest: &[u8]) -> Option<i64> {
    if let (1..=8, Some(head)) = (text.len(), rest.first_chunk::<8>()) {
        return short_int(u64::from_le_bytes(*head), text.len());
    }
    long_int(text)
}

/// Up to eight digits, all at once; the first one is in the lowest byte.
#[inline(always)]
fn short_int(text: u64, length: usize) -> Option<i64> {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    let negative = text as u8 == b'-';
    let unused = 64 - 8 * length as u32;
    // The last digit goes to the highest byte, with zeros before the first one.
    let sign = u64::from(negative) * (u64::from(b'-' ^ b'0'));
    let digits = ((text ^ sign) << unused) | ZEROS.unbounded_shr(64 - unused);
    let values = digits ^ ZEROS;
    let right = (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080 == 0;
    let pairs = (values.wrapping_mul(10).wrapping_add(values >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100).wrapping_add(pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let n = (fours.wrapping_mul(10_000).wrapping_add(fours >> 32)) & 0xffff_ffff;
    let alone = negative && length == 1;
    (right && !alone).then_some(if negative { -(n as i64) } else { n as i64 })
}

fn long_int(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 18 {
        return std::str::from_utf8(text).ok()?.parse().ok();
    }
    let (mut n, mut right) = (0i64, true);
    for b in digits {
        let d = b.wrapping_sub(b'0');
        right &= d <= 9;
        n = n.wrapping_mul(10).wrapping_add(i64::from(d));
    }
    right.then_some(if negative { n.wrapping_neg() } else { n })
}

/// Any number whose nearest float is finite, and what sinks write for floats that are no numbers.
#[inline]
fn float(text: &[u8]) -> Option<f64> {
    if !matches!(text.first(), Some(b'-' | b'0'..=b'9')) {
        return match text {
            b"\"nan\"" => Some(f64::NAN),
            b"\"inf\"" => Some(f64::INFINITY),
            b"\"-inf\"" => Some(f64::NEG_INFINITY),
            _ => None,
        };
    }
    let x: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    x.is_finite().then_some(x)
}

#[inline]
fn bool(text: &[u8]) -> Option<u8> {
    match text {
        b"true" => Some(1),
        b"false" => Some(0),
        _ => None,
    }
}

/// A decimal, from a number's digits or from the text of a string.
fn decimal(text: &[u8], precision: u8, scale: u8) -> Option<i128> {
    if text.first() == Some(&b'"') {
        return in_string(text, |t| text::parse_decimal(t, precision, scale));
    }
    if matches!(text, b"true" | b"false") {
        return None;
    }
    text::parse_decimal(std::str::from_utf8(text).ok()?, precision, scale)
}

/// What `parse` makes of the text of a string; anything but a string is refused.
fn in_string<T>(text: &[u8], parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    if text.first() != Some(&b'"') {
        return None;
    }
    parse(std::str::from_utf8(&string_text(text)).ok()?)
}

/// Bytes as sinks write them: two hexadecimal digits each.
fn bytes(text: &str) -> Option<Value> {
    let digit = |b: u8| char::from(b).to_digit(16);
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let bytes = pairs.iter().map(|[a, b]| Some((digit(*a)? << 4 | digit(*b)?) as u8));
    Some(Value::Bytes(bytes.collect::<Option<Vec<u8>>>()?.into()))
}

/// A value of any type, not null itself; `None` if the text is not one.
fn value(text: &[u8], kind: &Type) -> Option<Value> {
    Some(match kind {
        Type::Bool => Value::Bool(bool(text)? != 0),
        Type::Int => Value::Int(int(text, &[])?),
        Type::Float => Value::Float(float(text)?),
        Type::Decimal { precision, scale } => {
            Value::Decimal { unscaled: decimal(text, *precision, *scale)?, scale: *scale }
        }
        Type::String => in_string(text, |t| Some(Value::string(t)))?,
        Type::Bytes => in_string(text, bytes)?,
        Type::Date => Value::Date(in_string(text, text::parse_date)?),
        Type::Timestamp => Value::Timestamp(in_string(text, text::parse_timestamp)?),
        Type::Duration => Value::Duration(in_string(text, text::parse_duration)?),
        Type::List(of) => {
            if text.first() != Some(&b'[') {
                return None;
            }
            let mut items = Some(Vec::new());
            elements(text, 0, |span| {
                let item = nullable_value(&text[span], of);
                items = items.take().and_then(|mut v| {
                    v.push(item?);
                    Some(v)
                });
            });
            Value::List(items?.into())
        }
        Type::Record(fields) => {
            if text.first() != Some(&b'{') {
                return None;
            }
            let mut spans = vec![None; fields.len()];
            members(text, 0, |key, span| {
                let key = string_text(&text[key]);
                if let Some(i) = fields.iter().position(|f| f.name.as_bytes() == &*key) {
                    spans[i] = Some(span);
                }
            });
            let of = |(f, span): (&flow_ir::Field, &Option<std::ops::Range<usize>>)| match span {
                Some(span) => nullable_value(&text[span.clone()], &f.ty),
                None => f.ty.nullable.then_some(Value::Null),
            };
            Value::Record(fields.iter().zip(&spans).map(of).collect::<Option<Vec<_>>>()?.into())
        }
        Type::Null | Type::Regex => return None,
    })
}

fn nullable_value(text: &[u8], ty: &DataType) -> Option<Value> {
    if text == b"null" {
        return ty.nullable.then_some(Value::Null);
    }
    value(text, &ty.kind)
}
