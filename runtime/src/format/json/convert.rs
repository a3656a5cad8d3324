//! From places in a chunk to typed columns.
//!
//! The texts under the slots are right JSON. A value of another kind than the column's type is
//! `Malformed`; null (also a missing key) where it may not be is `Missing`. Strings without
//! escapes are views into the chunk; a morsel with escapes copies its strings. Numbers and times
//! are parsed by the kernels that delimited text uses too.

use super::paths::Slot;
use super::syntax::is_space;
use super::unescape::unescape;
use super::value::{bool, decimal, float, in_string, int, value};
use crate::kernels::level::SimdLevel;
use crate::kernels::structural_match::{IS_STRING, MAY_ESCAPE};
use crate::kernels::{date, number};
use bytes::Bytes;
use flow_ir::column::{NULL, StrBuilder, VALID, View};
use flow_ir::{Column, DataType, ErrorCode, Status, StrColumn, Type, Value, Values, text};

/// What a column is made from.
pub(crate) struct Morsel<'a> {
    /// The chunk's buffer.
    pub(crate) buffer: &'a Bytes,
    /// The slots of the first row, then those of the second, and so on.
    pub(crate) slots: &'a [u64],
    /// Slots a row.
    pub(crate) columns: usize,
    /// Which of them are converted.
    pub(crate) column: usize,
    /// The rows to convert, in order; all when `None`.
    pub(crate) rows: Option<&'a [u32]>,
    /// The instructions to use.
    pub(crate) level: SimdLevel,
}

/// Which text of a value is parsed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Texts {
    /// All of it: of strings with their quotes, which nothing but a string has.
    Whole,
    /// The inside of a string; other values have none.
    Strings,
    /// The inside of a string, or a literal.
    Either,
}

impl Morsel<'_> {
    /// The column of type `ty`.
    pub(crate) fn convert(&self, ty: &DataType) -> Column {
        let missing = if ty.nullable { NULL } else { ErrorCode::Missing as u8 };
        let level = self.level;
        match &ty.kind {
            Type::Int => {
                let kernel = |b: &[u8], v: &[View], bad: &mut Vec<u32>| number::parse_ints(level, b, v, bad);
                self.parsed(missing, Texts::Whole, kernel, int, Values::I64)
            }
            Type::Float => {
                let kernel = |b: &[u8], v: &[View], bad: &mut Vec<u32>| floats(level, b, v, bad);
                self.parsed(missing, Texts::Whole, kernel, float, Values::F64)
            }
            Type::Bool => {
                let kernel =
                    |b: &[u8], v: &[View], bad: &mut Vec<u32>| number::parse_each(b, v, bad, bool_at);
                self.parsed(missing, Texts::Whole, kernel, bool, Values::Bool)
            }
            Type::Date => {
                let kernel = |b: &[u8], v: &[View], bad: &mut Vec<u32>| date::parse_dates(level, b, v, bad);
                let odd = |t: &[u8]| in_string(t, text::parse_date).map(i64::from);
                self.parsed(missing, Texts::Strings, kernel, odd, Values::I64)
            }
            Type::Timestamp => {
                let kernel =
                    |b: &[u8], v: &[View], bad: &mut Vec<u32>| date::parse_timestamps(level, b, v, bad);
                let odd = |t: &[u8]| in_string(t, text::parse_timestamp);
                self.parsed(missing, Texts::Strings, kernel, odd, Values::I64)
            }
            Type::Duration => {
                let kernel = |b: &[u8], v: &[View], bad: &mut Vec<u32>| date::parse_durations(b, v, bad);
                let odd = |t: &[u8]| in_string(t, text::parse_duration);
                self.parsed(missing, Texts::Strings, kernel, odd, Values::I64)
            }
            Type::Decimal { precision: p, scale: s } => {
                let kernel = |b: &[u8], v: &[View], bad: &mut Vec<u32>| {
                    number::parse_decimals(level, b, v, *p, *s, bad)
                };
                self.parsed(missing, Texts::Either, kernel, |t| decimal(t, *p, *s), Values::I128)
            }
            Type::String => self.strings(missing),
            kind => self.any(missing, kind),
        }
    }

    fn len(&self) -> usize {
        self.rows.map_or(self.slots.len() / self.columns.max(1), <[u32]>::len)
    }

    /// The slot of a row of the column.
    fn slot(&self, row: usize) -> Slot {
        let row = self.rows.map_or(row, |rows| rows[row] as usize);
        Slot(self.slots[row * self.columns + self.column])
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

    #[cold]
    fn without_value(&self, slot: Slot, missing: u8) -> u8 {
        match slot.parent() {
            _ if slot == Slot::BROKEN => ErrorCode::Structure as u8,
            Some(at) if self.buffer.get(at) != Some(&b'n') => ErrorCode::Malformed as u8,
            _ => missing,
        }
    }

    /// A column of values that `kernel` makes of views of their texts. What it refuses (also
    /// strings with escapes) `odd` makes of the whole text of the value.
    #[inline(always)]
    fn parsed<T: Copy>(
        &self,
        missing: u8,
        texts: Texts,
        kernel: impl FnOnce(&[u8], &[View], &mut Vec<u32>) -> Vec<T>,
        odd: impl Fn(&[u8]) -> Option<T>,
        wrap: impl FnOnce(Vec<T>) -> Values,
    ) -> Column {
        let (views, mut statuses) = match self.rows {
            None => self.views(self.all(), missing, texts),
            Some(rows) => self.views(self.chosen(rows), missing, texts),
        };
        let mut bad = Vec::new();
        let mut values = kernel(self.buffer, &views, &mut bad);
        for row in bad {
            let row = row as usize;
            if statuses.get(row) != VALID {
                continue;
            }
            match self.text(self.slot(row), missing).map(&odd) {
                Ok(Some(value)) => values[row] = value,
                Ok(None) => statuses.set(row, ErrorCode::Malformed as u8, views.len()),
                Err(status) => statuses.set(row, status, views.len()),
            }
        }
        Column { values: wrap(values), status: statuses.finish() }
    }

    /// Views of the texts that are to be parsed; rows without one have an empty view.
    #[inline(always)]
    fn views(&self, slots: impl Iterator<Item = Slot>, missing: u8, texts: Texts) -> (Vec<View>, Statuses) {
        let rows = self.len();
        let mut views: Vec<View> = Vec::with_capacity(rows);
        let mut statuses = Statuses::default();
        for slot in slots {
            let start = slot.start() as u64;
            views.push(if texts != Texts::Whole && slot.0 & IS_STRING != 0 {
                inside(slot)
            } else {
                match self.text(slot, missing) {
                    Ok(_) if texts == Texts::Strings => {
                        statuses.set(views.len(), ErrorCode::Malformed as u8, rows);
                        0
                    }
                    Ok(text) => start | (text.len() as u64) << 32,
                    Err(status) => {
                        statuses.set(views.len(), status, rows);
                        0
                    }
                }
            });
        }
        (views, statuses)
    }

    fn strings(&self, missing: u8) -> Column {
        match self.rows {
            None => self.strings_of(self.all(), missing),
            Some(rows) => self.strings_of(self.chosen(rows), missing),
        }
    }

    #[inline(always)]
    fn strings_of(&self, slots: impl Iterator<Item = Slot>, missing: u8) -> Column {
        let rows = self.len();
        let mut views: Vec<View> = Vec::with_capacity(rows);
        let mut statuses = Statuses::default();
        let mut escapes = 0;
        for slot in slots {
            views.push(if slot.0 & IS_STRING != 0 {
                escapes |= slot.0 & MAY_ESCAPE;
                inside(slot)
            } else {
                let status = self.text(slot, missing).err().unwrap_or(ErrorCode::Malformed as u8);
                statuses.set(views.len(), status, rows);
                0
            });
        }
        let strings = if escapes == 0 {
            StrColumn { buffer: self.buffer.clone(), views }
        } else {
            self.unescaped(views, &mut statuses)
        };
        Column { values: Values::Str(strings), status: statuses.finish() }
    }

    /// Strings of which some may hold escapes: the same views if none does, else copies.
    fn unescaped(&self, views: Vec<View>, statuses: &mut Statuses) -> StrColumn {
        let strings = StrColumn { buffer: self.buffer.clone(), views };
        let rows = strings.views.len();
        if !(0..rows).any(|row| memchr::memchr(b'\\', strings.bytes(row)).is_some()) {
            return strings;
        }
        let mut copies = StrBuilder::with_capacity(rows, 0);
        let mut text = Vec::new();
        for row in 0..rows {
            text.clear();
            unescape(strings.bytes(row), &mut text);
            if !copies.push(&text) && !copies.push(b"") {
                statuses.set(row, ErrorCode::Overflow as u8, rows);
            }
        }
        copies.finish()
    }

    fn any(&self, missing: u8, kind: &Type) -> Column {
        let rows = self.len();
        let mut values = Vec::with_capacity(rows);
        let mut statuses = Statuses::default();
        for row in 0..rows {
            values.push(match self.text(self.slot(row), missing).map(|t| value(t, kind)) {
                Ok(Some(value)) => value,
                Ok(None) => {
                    statuses.set(row, ErrorCode::Malformed as u8, rows);
                    Value::Null
                }
                Err(status) => {
                    statuses.set(row, status, rows);
                    Value::Null
                }
            });
        }
        Column { values: Values::Any(values), status: statuses.finish() }
    }
}

/// The view of what is between the quotes of a string.
#[inline(always)]
fn inside(slot: Slot) -> View {
    let (start, end) = (slot.0 & (MAY_ESCAPE - 1), (slot.0 & !IS_STRING) >> 32);
    (start + 1) | end.wrapping_sub(start + 2) << 32
}

/// Floats; those too large for one are refused.
fn floats(level: SimdLevel, buffer: &[u8], views: &[View], bad: &mut Vec<u32>) -> Vec<f64> {
    let values = number::parse_floats(level, buffer, views, bad);
    if values.iter().any(|x| !x.is_finite()) {
        let infinite = values.iter().enumerate().filter(|(_, x)| !x.is_finite());
        bad.extend(infinite.map(|(row, _)| row as u32));
    }
    values
}

fn bool_at(buffer: &[u8], view: View) -> Option<u8> {
    bool(number::bytes_at(buffer, view)?)
}

/// The statuses of a column, which most often are all valid.
#[derive(Default)]
struct Statuses(Vec<u8>);

impl Statuses {
    fn get(&self, row: usize) -> u8 {
        self.0.get(row).copied().unwrap_or(VALID)
    }

    /// Changes the status of a row of so many.
    #[inline(never)]
    fn set(&mut self, row: usize, status: u8, rows: usize) {
        if self.0.is_empty() {
            self.0.resize(rows, VALID);
        }
        self.0[row] = status;
    }

    fn finish(self) -> Status {
        if self.0.is_empty() { Status::AllValid } else { Status::from_bytes(self.0) }
    }
}
