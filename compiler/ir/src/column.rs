//! Columns and batches: the form in which a stage holds its rows.
//!
//! A batch is dense: filters compact it. Every column carries a status byte per row, so that
//! null and row errors travel as values until the row is known to survive every filter. Where
//! the status is not valid the value slot holds an unspecified but initialised value.

use crate::logical::ColumnId;
use crate::types::Type;
use crate::value::Value;
use bytes::Bytes;
use std::sync::Arc;

/// Status byte of a value that is there.
pub const VALID: u8 = 0;
/// Status byte of null. Larger bytes are [`crate::ErrorCode`]s.
pub const NULL: u8 = 1;

/// Readable bytes every string buffer has past its last used one, so that kernels may load whole vectors.
pub const BUFFER_PADDING: usize = 64;

/// The status of each row of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Every row is valid.
    AllValid,
    /// One byte a row.
    Rows(Vec<u8>),
}

impl Status {
    /// The byte of a row.
    pub fn get(&self, row: usize) -> u8 {
        match self {
            Status::AllValid => VALID,
            Status::Rows(s) => s[row],
        }
    }

    /// `Rows`, or `AllValid` when every byte is 0.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        if bytes.iter().all(|&b| b == VALID) { Status::AllValid } else { Status::Rows(bytes) }
    }

    /// Whether some row is an error.
    pub fn has_error(&self) -> bool {
        matches!(self, Status::Rows(s) if s.iter().any(|&b| b > NULL))
    }

    /// The bytes of the chosen rows.
    pub fn gather(&self, rows: &[u32]) -> Self {
        match self {
            Status::AllValid => Status::AllValid,
            Status::Rows(s) => Status::from_bytes(rows.iter().map(|&r| s[r as usize]).collect()),
        }
    }
}

/// Where a string lies in its column's buffer: byte offset in the low half, length in the high half.
pub type View = u64;

/// A view of `length` bytes at `offset`.
pub const fn view(offset: u32, length: u32) -> View {
    offset as u64 | (length as u64) << 32
}

/// Strings as views into one shared buffer. The bytes under every view of a valid row are UTF-8,
/// and the buffer has [`BUFFER_PADDING`] readable bytes after the last byte of any view.
#[derive(Clone, Debug)]
pub struct StrColumn {
    /// The bytes: owned, or a part of a mapped file.
    pub buffer: Bytes,
    /// One view a row.
    pub views: Vec<View>,
}

impl StrColumn {
    /// The bytes of a row.
    pub fn bytes(&self, row: usize) -> &[u8] {
        let v = self.views[row];
        let (at, n) = ((v & 0xffff_ffff) as usize, (v >> 32) as usize);
        &self.buffer[at..at + n]
    }

    /// The text of a row; invalid UTF-8 (only under rows that are not valid) reads as empty.
    pub fn text(&self, row: usize) -> &str {
        std::str::from_utf8(self.bytes(row)).unwrap_or("")
    }
}

/// Collects strings into a [`StrColumn`].
#[derive(Debug, Default)]
pub struct StrBuilder {
    bytes: Vec<u8>,
    views: Vec<View>,
}

impl StrBuilder {
    /// A builder with room for `rows` strings of `bytes` bytes in all.
    pub fn with_capacity(rows: usize, bytes: usize) -> Self {
        StrBuilder { bytes: Vec::with_capacity(bytes + BUFFER_PADDING), views: Vec::with_capacity(rows) }
    }

    /// Appends one string. Returns false, without appending, when the buffer would pass 4 GiB.
    pub fn push(&mut self, s: &[u8]) -> bool {
        let at = self.bytes.len();
        if at + s.len() + BUFFER_PADDING > u32::MAX as usize {
            return false;
        }
        self.bytes.extend_from_slice(s);
        self.views.push(view(at as u32, s.len() as u32));
        true
    }

    /// Bytes used so far.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// The column.
    pub fn finish(mut self) -> StrColumn {
        self.bytes.resize(self.bytes.len() + BUFFER_PADDING, 0);
        StrColumn { buffer: self.bytes.into(), views: self.views }
    }
}

/// The values of a column, by storage class.
#[derive(Clone, Debug)]
pub enum Values {
    /// `bool`: 0 or 1.
    Bool(Vec<u8>),
    /// `int`, `date` (days), `timestamp` and `duration` (microseconds).
    I64(Vec<i64>),
    /// `float`.
    F64(Vec<f64>),
    /// `decimal`: unscaled; the scale is in the column's type.
    I128(Vec<i128>),
    /// `string`.
    Str(StrColumn),
    /// Everything else, one [`Value`] a row (`Null` where the status is not valid).
    Any(Vec<Value>),
}

impl Values {
    /// Rows.
    pub fn len(&self) -> usize {
        match self {
            Values::Bool(v) => v.len(),
            Values::I64(v) => v.len(),
            Values::F64(v) => v.len(),
            Values::I128(v) => v.len(),
            Values::Str(v) => v.views.len(),
            Values::Any(v) => v.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values of the chosen rows.
    pub fn gather(&self, rows: &[u32]) -> Self {
        fn pick<T: Clone>(v: &[T], rows: &[u32]) -> Vec<T> {
            rows.iter().map(|&r| v[r as usize].clone()).collect()
        }
        match self {
            Values::Bool(v) => Values::Bool(pick(v, rows)),
            Values::I64(v) => Values::I64(pick(v, rows)),
            Values::F64(v) => Values::F64(pick(v, rows)),
            Values::I128(v) => Values::I128(pick(v, rows)),
            Values::Str(v) => {
                Values::Str(StrColumn { buffer: v.buffer.clone(), views: pick(&v.views, rows) })
            }
            Values::Any(v) => Values::Any(pick(v, rows)),
        }
    }
}

/// One column of a batch.
#[derive(Clone, Debug)]
pub struct Column {
    /// The values.
    pub values: Values,
    /// Which of them are there.
    pub status: Status,
}

impl Column {
    /// A column without nulls or errors.
    pub fn valid(values: Values) -> Self {
        Column { values, status: Status::AllValid }
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The chosen rows, in the given order.
    pub fn gather(&self, rows: &[u32]) -> Self {
        Column { values: self.values.gather(rows), status: self.status.gather(rows) }
    }

    /// The value of a row as the interpreter sees it; an error row reads as its status byte.
    pub fn value(&self, row: usize, ty: &Type) -> Result<Value, u8> {
        match self.status.get(row) {
            VALID => {}
            NULL => return Ok(Value::Null),
            code => return Err(code),
        }
        Ok(match (&self.values, ty) {
            (Values::Bool(v), _) => Value::Bool(v[row] != 0),
            (Values::I64(v), Type::Date) => Value::Date(v[row] as i32),
            (Values::I64(v), Type::Timestamp) => Value::Timestamp(v[row]),
            (Values::I64(v), Type::Duration) => Value::Duration(v[row]),
            (Values::I64(v), _) => Value::Int(v[row]),
            (Values::F64(v), _) => Value::Float(v[row]),
            (Values::I128(v), Type::Decimal { scale, .. }) => {
                Value::Decimal { unscaled: v[row], scale: *scale }
            }
            (Values::I128(v), _) => Value::Decimal { unscaled: v[row], scale: 0 },
            (Values::Str(v), _) => Value::string(v.text(row)),
            (Values::Any(v), _) => v[row].clone(),
        })
    }
}

/// Collects interpreter values into a column of the storage class of a type.
#[derive(Debug)]
pub struct ColumnBuilder {
    values: BuilderValues,
    status: Vec<u8>,
}

#[derive(Debug)]
enum BuilderValues {
    Bool(Vec<u8>),
    I64(Vec<i64>),
    F64(Vec<f64>),
    I128(Vec<i128>),
    Str(StrBuilder),
    Any(Vec<Value>),
}

impl ColumnBuilder {
    /// A builder for columns of type `ty` with room for `rows`.
    pub fn new(ty: &Type, rows: usize) -> Self {
        let values = match ty {
            Type::Bool => BuilderValues::Bool(Vec::with_capacity(rows)),
            t if t.is_i64() => BuilderValues::I64(Vec::with_capacity(rows)),
            Type::Float => BuilderValues::F64(Vec::with_capacity(rows)),
            Type::Decimal { .. } => BuilderValues::I128(Vec::with_capacity(rows)),
            Type::String => BuilderValues::Str(StrBuilder::with_capacity(rows, 0)),
            _ => BuilderValues::Any(Vec::with_capacity(rows)),
        };
        ColumnBuilder { values, status: Vec::with_capacity(rows) }
    }

    /// Appends a value, null, or an error's status byte. A value of another storage class, or a
    /// string that does not fit, becomes an [`crate::ErrorCode::Overflow`] row: callers check types first.
    pub fn push(&mut self, value: Result<&Value, u8>) {
        let (value, status) = match value {
            Ok(Value::Null) => (&Value::Null, NULL),
            Ok(v) => (v, VALID),
            Err(code) => (&Value::Null, code),
        };
        let mut fits = true;
        match (&mut self.values, value) {
            (BuilderValues::Bool(v), Value::Bool(x)) => v.push(u8::from(*x)),
            (BuilderValues::Bool(v), _) => v.push(0),
            (BuilderValues::I64(v), Value::Int(x) | Value::Timestamp(x) | Value::Duration(x)) => v.push(*x),
            (BuilderValues::I64(v), Value::Date(x)) => v.push(i64::from(*x)),
            (BuilderValues::I64(v), _) => v.push(0),
            (BuilderValues::F64(v), Value::Float(x)) => v.push(*x),
            (BuilderValues::F64(v), _) => v.push(0.0),
            (BuilderValues::I128(v), Value::Decimal { unscaled, .. }) => v.push(*unscaled),
            (BuilderValues::I128(v), _) => v.push(0),
            (BuilderValues::Str(v), Value::String(s)) => {
                fits = v.push(s.as_bytes()) || !v.push(b"");
            }
            (BuilderValues::Str(v), _) => {
                v.push(b"");
            }
            (BuilderValues::Any(v), x) => v.push(x.clone()),
        }
        self.status.push(if fits { status } else { crate::ErrorCode::Overflow as u8 });
    }

    /// The column.
    pub fn finish(self) -> Column {
        let values = match self.values {
            BuilderValues::Bool(v) => Values::Bool(v),
            BuilderValues::I64(v) => Values::I64(v),
            BuilderValues::F64(v) => Values::F64(v),
            BuilderValues::I128(v) => Values::I128(v),
            BuilderValues::Str(v) => Values::Str(v.finish()),
            BuilderValues::Any(v) => Values::Any(v),
        };
        Column { values, status: Status::from_bytes(self.status) }
    }
}

/// Rows of several columns, all of the same length.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Rows.
    pub rows: usize,
    /// The columns, with the ids they have in the plan.
    pub columns: Vec<(ColumnId, Arc<Column>)>,
}

impl Batch {
    /// The column of that id.
    pub fn column(&self, id: ColumnId) -> Option<&Arc<Column>> {
        self.columns.iter().find(|(c, _)| *c == id).map(|(_, c)| c)
    }

    /// The chosen rows of every column.
    pub fn gather(&self, rows: &[u32]) -> Self {
        let columns = self.columns.iter().map(|(id, c)| (*id, Arc::new(c.gather(rows)))).collect();
        Batch { rows: rows.len(), columns }
    }
}
