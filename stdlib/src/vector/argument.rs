//! How vector functions read their arguments and build their results: typed views of columns and
//! constants, the strict status of several arguments, and loops that skip rows that are not valid.

use flow_ir::column::{NULL, StrBuilder, VALID};
use flow_ir::{Column, ErrorCode, Status, StrColumn, Type, Value, Values};
use std::borrow::Cow;

/// An argument of a vector function.
#[derive(Clone, Copy, Debug)]
pub enum Argument<'a> {
    /// One value a row. The type tells the scale of decimals and dates from timestamps.
    Column(&'a Column, &'a Type),
    /// One value for all rows.
    Constant(&'a Value),
}

impl<'a> Argument<'a> {
    /// The value of a row, or its error byte.
    pub fn value(&self, row: usize) -> Result<Value, u8> {
        match self {
            Argument::Column(column, ty) => column.value(row, ty),
            Argument::Constant(value) => Ok((*value).clone()),
        }
    }

    /// The texts of a string argument; a null constant reads as empty texts.
    pub(super) fn texts(&self) -> Option<Texts<'a>> {
        match self {
            Argument::Column(Column { values: Values::Str(column), .. }, _) => Some(Texts::Column(column)),
            Argument::Constant(Value::String(s) | Value::Regex(s)) => Some(Texts::Constant(s)),
            Argument::Constant(Value::Null) => Some(Texts::Constant("")),
            _ => None,
        }
    }

    /// The texts of a string argument as a column, also where it is a constant.
    pub(super) fn text_column(&self, rows: usize) -> Option<Cow<'a, StrColumn>> {
        match self.texts()? {
            Texts::Column(column) => Some(Cow::Borrowed(column)),
            Texts::Constant(s) => {
                let mut builder = StrBuilder::with_capacity(1, s.len());
                builder.push(s.as_bytes());
                let one = builder.finish();
                let view = one.views.first().copied().unwrap_or(0);
                Some(Cow::Owned(StrColumn { buffer: one.buffer, views: vec![view; rows] }))
            }
        }
    }

    /// The text of a constant string or regex.
    pub(super) fn constant_text(&self) -> Option<&'a str> {
        match self {
            Argument::Constant(Value::String(s) | Value::Regex(s)) => Some(s),
            _ => None,
        }
    }

    /// The 64-bit integers of an int, date, timestamp or duration; 0 for a null constant.
    pub(super) fn ints(&self) -> Option<Numbers<'a, i64>> {
        Some(match self {
            Argument::Column(Column { values: Values::I64(v), .. }, _) => Numbers::Column(v),
            Argument::Constant(Value::Int(x) | Value::Timestamp(x) | Value::Duration(x)) => {
                Numbers::Constant(*x)
            }
            Argument::Constant(Value::Date(x)) => Numbers::Constant(i64::from(*x)),
            Argument::Constant(Value::Null) => Numbers::Constant(0),
            _ => return None,
        })
    }

    /// The values of a float; 0 for a null constant.
    pub(super) fn floats(&self) -> Option<Numbers<'a, f64>> {
        Some(match self {
            Argument::Column(Column { values: Values::F64(v), .. }, _) => Numbers::Column(v),
            Argument::Constant(Value::Float(x)) => Numbers::Constant(*x),
            Argument::Constant(Value::Null) => Numbers::Constant(0.0),
            _ => return None,
        })
    }

    /// The values of a bool; 0 for a null constant.
    pub(super) fn bools(&self) -> Option<Numbers<'a, u8>> {
        Some(match self {
            Argument::Column(Column { values: Values::Bool(v), .. }, _) => Numbers::Column(v),
            Argument::Constant(Value::Bool(x)) => Numbers::Constant(u8::from(*x)),
            Argument::Constant(Value::Null) => Numbers::Constant(0),
            _ => return None,
        })
    }

    /// The unscaled values of a decimal and their scale; 0 for a null constant.
    pub(super) fn decimals(&self) -> Option<(Numbers<'a, i128>, u8)> {
        Some(match self {
            Argument::Column(Column { values: Values::I128(v), .. }, Type::Decimal { scale, .. }) => {
                (Numbers::Column(v), *scale)
            }
            Argument::Constant(Value::Decimal { unscaled, scale }) => (Numbers::Constant(*unscaled), *scale),
            Argument::Constant(Value::Null) => (Numbers::Constant(0), 0),
            _ => return None,
        })
    }

    /// The type the argument has, as far as its storage tells; the type of a constant's value.
    pub(super) fn is_timestamp(&self) -> bool {
        matches!(self, Argument::Column(_, Type::Timestamp) | Argument::Constant(Value::Timestamp(_)))
    }
}

/// The texts of an argument.
#[derive(Clone, Copy)]
pub(super) enum Texts<'a> {
    Column(&'a StrColumn),
    Constant(&'a str),
}

impl<'a> Texts<'a> {
    pub(super) fn bytes(&self, row: usize) -> &'a [u8] {
        match self {
            Texts::Column(column) => column.bytes(row),
            Texts::Constant(s) => s.as_bytes(),
        }
    }

    pub(super) fn text(&self, row: usize) -> &'a str {
        match self {
            Texts::Column(column) => column.text(row),
            Texts::Constant(s) => s,
        }
    }
}

/// The fixed-width values of an argument.
#[derive(Clone, Copy)]
pub(super) enum Numbers<'a, T> {
    Column(&'a [T]),
    Constant(T),
}

impl<T: Copy + Default> Numbers<'_, T> {
    pub(super) fn get(&self, row: usize) -> T {
        match self {
            Numbers::Column(v) => v.get(row).copied().unwrap_or_default(),
            Numbers::Constant(x) => *x,
        }
    }
}

/// The status of a strict call: the leftmost error, else null if an argument is, else valid.
pub(super) fn strict(arguments: &[Argument<'_>], rows: usize) -> Status {
    let mut merged: Option<Vec<u8>> = None;
    for argument in arguments {
        match argument {
            Argument::Column(column, _) => {
                let Status::Rows(bytes) = &column.status else { continue };
                match &mut merged {
                    None => merged = Some(bytes.clone()),
                    Some(merged) => {
                        for (left, right) in merged.iter_mut().zip(bytes) {
                            let take = (*left <= NULL && *right > NULL) || *left == VALID;
                            *left = if take { *right } else { *left };
                        }
                    }
                }
            }
            Argument::Constant(Value::Null) => {
                for byte in merged.get_or_insert_with(|| vec![VALID; rows]).iter_mut() {
                    *byte = (*byte).max(NULL);
                }
            }
            Argument::Constant(_) => {}
        }
    }
    merged.map_or(Status::AllValid, Status::from_bytes)
}

/// `f` of every valid row, and the default elsewhere.
pub(super) fn fill<T: Default>(status: &Status, rows: usize, mut f: impl FnMut(usize) -> T) -> Vec<T> {
    match status {
        Status::AllValid => (0..rows).map(f).collect(),
        Status::Rows(bytes) => {
            let value = |(row, byte): (usize, &u8)| if *byte == VALID { f(row) } else { T::default() };
            bytes.iter().enumerate().map(value).collect()
        }
    }
}

/// The same for an `f` that may fail or be null: the status takes the byte it fails with.
pub(super) fn try_fill<T: Default>(
    status: Status,
    rows: usize,
    mut f: impl FnMut(usize) -> Result<T, u8>,
) -> (Vec<T>, Status) {
    let mut failed: Vec<(usize, u8)> = Vec::new();
    let values = fill(&status, rows, |row| {
        f(row).unwrap_or_else(|code| {
            failed.push((row, code));
            T::default()
        })
    });
    (values, with_failures(status, rows, &failed))
}

fn with_failures(status: Status, rows: usize, failed: &[(usize, u8)]) -> Status {
    if failed.is_empty() {
        return status;
    }
    let mut bytes = match status {
        Status::AllValid => vec![VALID; rows],
        Status::Rows(bytes) => bytes,
    };
    for (row, code) in failed {
        if let Some(byte) = bytes.get_mut(*row) {
            *byte = *code;
        }
    }
    Status::Rows(bytes)
}

/// A bool column of `f` over the valid rows.
pub(super) fn bool_column(status: Status, rows: usize, mut f: impl FnMut(usize) -> bool) -> Column {
    let values = fill(&status, rows, |row| u8::from(f(row)));
    Column { values: Values::Bool(values), status }
}

/// A column of 64-bit integers of `f` over the valid rows.
pub(super) fn int_column(status: Status, rows: usize, f: impl FnMut(usize) -> i64) -> Column {
    let values = fill(&status, rows, f);
    Column { values: Values::I64(values), status }
}

/// A float column of `f` over the valid rows.
pub(super) fn float_column(status: Status, rows: usize, f: impl FnMut(usize) -> f64) -> Column {
    let values = fill(&status, rows, f);
    Column { values: Values::F64(values), status }
}

/// A column of 64-bit integers of an `f` that fails with a code where it is `None`.
pub(super) fn try_int_column(
    status: Status,
    rows: usize,
    code: ErrorCode,
    mut f: impl FnMut(usize) -> Option<i64>,
) -> Column {
    let (values, status) = try_fill(status, rows, |row| f(row).ok_or(code as u8));
    Column { values: Values::I64(values), status }
}

/// A decimal column of an `f` that fails with a code where it is `None`.
pub(super) fn try_decimal_column(
    status: Status,
    rows: usize,
    code: ErrorCode,
    mut f: impl FnMut(usize) -> Option<i128>,
) -> Column {
    let (values, status) = try_fill(status, rows, |row| f(row).ok_or(code as u8));
    Column { values: Values::I128(values), status }
}

/// A string column whose `f` appends the text of a valid row to a buffer, or fails with a byte.
pub(super) fn text_column(
    status: Status,
    rows: usize,
    mut f: impl FnMut(usize, &mut String) -> Result<(), u8>,
) -> Column {
    let mut builder = StrBuilder::with_capacity(rows, rows * 8);
    let mut failed = Vec::new();
    let mut text = String::new();
    for row in 0..rows {
        text.clear();
        if status.get(row) == VALID
            && let Err(code) = f(row, &mut text)
        {
            failed.push((row, code));
            text.clear();
        }
        if !builder.push(text.as_bytes()) {
            failed.push((row, ErrorCode::Overflow as u8));
            builder.push(b"");
        }
    }
    let status = with_failures(status, rows, &failed);
    Column { values: Values::Str(builder.finish()), status }
}

/// The same for an `f` that cannot fail.
pub(super) fn sure_text_column(status: Status, rows: usize, mut f: impl FnMut(usize, &mut String)) -> Column {
    text_column(status, rows, |row, out| {
        f(row, out);
        Ok(())
    })
}
