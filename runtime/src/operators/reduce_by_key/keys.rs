//! The bytes by which rows are grouped: equal keys have equal bytes, and bytes lead back to keys.
//!
//! A single string is its own text; everything else is encoded column after column, short values
//! in few bytes. Floats are canonical (one NaN, one zero) and null has a code of its own.

use flow_ir::column::{NULL, StrBuilder, VALID};
use flow_ir::value::float_key;
use flow_ir::{Column, Status, StrColumn, Type, Value, Values};
use std::sync::Arc;

/// First byte of a null.
const NULL_CODE: u8 = 0;
/// First byte of a text or value whose length follows in eight bytes.
const LONG_CODE: u8 = 255;
/// Bytes of a text that are copied at once.
const SHORT_TEXT: usize = 32;

/// Appends the key of a row.
pub(crate) fn encode_row(columns: &[&Column], row: usize, out: &mut Vec<u8>) {
    for column in columns {
        if column.status.get(row) == VALID {
            encode_value(&column.values, row, out);
        } else {
            out.push(NULL_CODE);
        }
    }
}

/// Appends the value of a row that is valid.
pub(crate) fn encode_value(values: &Values, row: usize, out: &mut Vec<u8>) {
    match values {
        Values::Bool(v) => out.push(1 + u8::from(v[row] != 0)),
        Values::I64(v) => encode_int(v[row], out),
        Values::F64(v) => encode_word(float_key(v[row]).swap_bytes(), out),
        Values::I128(v) => {
            out.push(1);
            out.extend_from_slice(&v[row].to_le_bytes());
        }
        Values::Str(v) => encode_text(v, row, out),
        Values::Any(v) => {
            let mut bytes = Vec::new();
            encode_any(&v[row], &mut bytes);
            encode_bytes(&bytes, out);
        }
    }
}

/// A code of 1 plus the number of bytes that follow, then the bytes of a number that is not negative or
/// whose sign was moved to its lowest bit.
fn encode_int(v: i64, out: &mut Vec<u8>) {
    encode_word(((v << 1) ^ (v >> 63)) as u64, out);
}

fn encode_word(word: u64, out: &mut Vec<u8>) {
    let bytes = 8 - word.leading_zeros() as usize / 8;
    out.push(1 + bytes as u8);
    // Eight bytes are one store; how many count is cut off behind it.
    let end = out.len() + bytes;
    out.extend_from_slice(&word.to_le_bytes());
    out.truncate(end);
}

/// A text like any bytes. A short one is copied with what follows it in its buffer, which is then
/// cut off: a copy of a fixed length is a few stores.
fn encode_text(texts: &StrColumn, row: usize, out: &mut Vec<u8>) {
    let view = texts.views[row];
    let (at, length) = ((view & 0xffff_ffff) as usize, (view >> 32) as usize);
    match texts.buffer.get(at..at + SHORT_TEXT).and_then(|b| b.first_chunk::<SHORT_TEXT>()) {
        Some(window) if length <= SHORT_TEXT => {
            out.push(1 + length as u8);
            let end = out.len() + length;
            out.extend_from_slice(window);
            out.truncate(end);
        }
        _ => encode_bytes(texts.bytes(row), out),
    }
}

fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.len() < usize::from(LONG_CODE) - 1 {
        out.push(1 + bytes.len() as u8);
    } else {
        out.push(LONG_CODE);
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    }
    out.extend_from_slice(bytes);
}

/// Lists and records: every value with a byte for its kind. Types bound the depth.
fn encode_any(value: &Value, out: &mut Vec<u8>) {
    let mut tagged = |tag: u8, bytes: &[u8]| {
        out.push(tag);
        out.extend_from_slice(bytes);
    };
    match value {
        Value::Null => tagged(0, &[]),
        Value::Bool(v) => tagged(1, &[u8::from(*v)]),
        Value::Int(v) => tagged(2, &v.to_le_bytes()),
        Value::Float(v) => tagged(3, &float_key(*v).to_le_bytes()),
        Value::Decimal { unscaled, scale } => {
            tagged(4, &unscaled.to_le_bytes());
            out.push(*scale);
        }
        Value::String(v) => encode_tagged_bytes(5, v.as_bytes(), out),
        Value::Bytes(v) => encode_tagged_bytes(6, v, out),
        Value::Date(v) => tagged(7, &v.to_le_bytes()),
        Value::Timestamp(v) => tagged(8, &v.to_le_bytes()),
        Value::Duration(v) => tagged(9, &v.to_le_bytes()),
        Value::Regex(v) => encode_tagged_bytes(10, v.as_bytes(), out),
        Value::List(v) => encode_items(11, v, out),
        Value::Record(v) => encode_items(12, v, out),
    }
}

fn encode_tagged_bytes(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn encode_items(tag: u8, items: &[Value], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(&(items.len() as u64).to_le_bytes());
    items.iter().for_each(|v| encode_any(v, out));
}

/// Reads encoded keys. They were made by this module, so running out of bytes cannot happen; it
/// reads as zeros.
pub(crate) struct KeyReader<'a> {
    bytes: &'a [u8],
}

impl<'a> KeyReader<'a> {
    /// Starts at the first column of a key.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        KeyReader { bytes }
    }

    fn take(&mut self, n: usize) -> &'a [u8] {
        let (head, tail) = self.bytes.split_at(n.min(self.bytes.len()));
        self.bytes = tail;
        head
    }

    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    fn fixed<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        let bytes = self.take(N);
        out[..bytes.len()].copy_from_slice(bytes);
        out
    }

    fn word(&mut self, code: u8) -> u64 {
        let mut out = [0; 8];
        let bytes = self.take(usize::from(code.saturating_sub(1)).min(8));
        out[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(out)
    }

    fn bytes(&mut self, code: u8) -> &'a [u8] {
        let n = if code == LONG_CODE { self.length() } else { usize::from(code.saturating_sub(1)) };
        self.take(n)
    }

    fn length(&mut self) -> usize {
        usize::try_from(u64::from_le_bytes(self.fixed())).unwrap_or(usize::MAX)
    }

    fn any(&mut self) -> Value {
        match self.byte() {
            1 => Value::Bool(self.byte() != 0),
            2 => Value::Int(i64::from_le_bytes(self.fixed())),
            3 => Value::Float(f64::from_bits(u64::from_le_bytes(self.fixed()))),
            4 => Value::Decimal { unscaled: i128::from_le_bytes(self.fixed()), scale: self.byte() },
            5 => Value::String(self.text()),
            6 => {
                let n = self.length();
                Value::Bytes(Arc::from(self.take(n)))
            }
            7 => Value::Date(i32::from_le_bytes(self.fixed())),
            8 => Value::Timestamp(i64::from_le_bytes(self.fixed())),
            9 => Value::Duration(i64::from_le_bytes(self.fixed())),
            10 => Value::Regex(self.text()),
            11 => Value::List(self.items()),
            12 => Value::Record(self.items()),
            _ => Value::Null,
        }
    }

    fn text(&mut self) -> Arc<str> {
        let n = self.length();
        Arc::from(String::from_utf8_lossy(self.take(n)))
    }

    fn items(&mut self) -> Arc<[Value]> {
        let n = self.length().min(self.bytes.len());
        (0..n).map(|_| self.any()).collect()
    }
}

/// Collects decoded keys into a column.
pub(crate) struct KeyColumn {
    values: KeyValues,
    status: Vec<u8>,
}

enum KeyValues {
    Bool(Vec<u8>),
    I64(Vec<i64>),
    F64(Vec<f64>),
    I128(Vec<i128>),
    Str(StrBuilder),
    Any(Vec<Value>),
}

impl KeyColumn {
    /// A column for keys of type `ty` with room for `rows`.
    pub(crate) fn new(ty: &Type, rows: usize) -> Self {
        let values = match ty {
            Type::Bool => KeyValues::Bool(Vec::with_capacity(rows)),
            t if t.is_i64() => KeyValues::I64(Vec::with_capacity(rows)),
            Type::Float => KeyValues::F64(Vec::with_capacity(rows)),
            Type::Decimal { .. } => KeyValues::I128(Vec::with_capacity(rows)),
            Type::String => KeyValues::Str(StrBuilder::with_capacity(rows, 16 * rows)),
            _ => KeyValues::Any(Vec::with_capacity(rows)),
        };
        KeyColumn { values, status: Vec::with_capacity(rows) }
    }

    /// Appends the reader's next column.
    pub(crate) fn push(&mut self, reader: &mut KeyReader<'_>) {
        let code = reader.byte();
        if code == NULL_CODE {
            return self.push_null();
        }
        match &mut self.values {
            KeyValues::Bool(v) => v.push(u8::from(code == 2)),
            KeyValues::I64(v) => {
                let word = reader.word(code);
                v.push((word >> 1) as i64 ^ -((word & 1) as i64));
            }
            KeyValues::F64(v) => v.push(f64::from_bits(reader.word(code).swap_bytes())),
            KeyValues::I128(v) => v.push(i128::from_le_bytes(reader.fixed())),
            KeyValues::Str(v) => {
                v.push(reader.bytes(code));
            }
            KeyValues::Any(v) => v.push(KeyReader::new(reader.bytes(code)).any()),
        }
        self.status.push(VALID);
    }

    /// Appends a string that is a whole key.
    pub(crate) fn push_text(&mut self, bytes: &[u8]) {
        if let KeyValues::Str(v) = &mut self.values {
            v.push(bytes);
            self.status.push(VALID);
        }
    }

    /// Appends a whole key of eight bytes.
    pub(crate) fn push_word(&mut self, word: u64) {
        match &mut self.values {
            KeyValues::Bool(v) => v.push(u8::from(word != 0)),
            KeyValues::I64(v) => v.push(word as i64),
            KeyValues::F64(v) => v.push(f64::from_bits(word)),
            _ => return,
        }
        self.status.push(VALID);
    }

    /// Appends null.
    pub(crate) fn push_null(&mut self) {
        match &mut self.values {
            KeyValues::Bool(v) => v.push(0),
            KeyValues::I64(v) => v.push(0),
            KeyValues::F64(v) => v.push(0.0),
            KeyValues::I128(v) => v.push(0),
            KeyValues::Str(v) => {
                v.push(b"");
            }
            KeyValues::Any(v) => v.push(Value::Null),
        }
        self.status.push(NULL);
    }

    /// The column.
    pub(crate) fn finish(self) -> Column {
        let values = match self.values {
            KeyValues::Bool(v) => Values::Bool(v),
            KeyValues::I64(v) => Values::I64(v),
            KeyValues::F64(v) => Values::F64(v),
            KeyValues::I128(v) => Values::I128(v),
            KeyValues::Str(v) => Values::Str(v.finish()),
            KeyValues::Any(v) => Values::Any(v),
        };
        Column { values, status: Status::from_bytes(self.status) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow_ir::column::ColumnBuilder;

    /// Values of a type come back from their bytes, and their bytes are equal where they are.
    fn round_trip(ty: &Type, values: &[Value]) {
        let mut builder = ColumnBuilder::new(ty, values.len());
        values.iter().for_each(|v| builder.push(Ok(v)));
        let column = builder.finish();
        let mut out = KeyColumn::new(ty, values.len());
        let mut keys = Vec::new();
        for row in 0..values.len() {
            let mut bytes = Vec::new();
            encode_row(&[&column, &column], row, &mut bytes);
            let mut reader = KeyReader::new(&bytes);
            KeyColumn::new(ty, 1).push(&mut reader);
            out.push(&mut reader);
            assert!(reader.bytes.is_empty());
            keys.push(bytes);
        }
        let back = out.finish();
        for (i, v) in values.iter().enumerate() {
            assert_eq!(back.value(i, ty), Ok(v.clone()));
            for (j, w) in values.iter().enumerate() {
                assert_eq!(keys[i] == keys[j], v == w, "{v:?} {w:?}");
            }
        }
    }

    #[test]
    fn every_type_round_trips() {
        let null = Value::Null;
        round_trip(&Type::Bool, &[Value::Bool(true), null.clone(), Value::Bool(false)]);
        let ints = [0, 1, -1, 127, 128, -129, 65_535, i64::MAX, i64::MIN, 1 << 40];
        let mut v: Vec<Value> = ints.iter().map(|&i| Value::Int(i)).collect();
        v.push(null.clone());
        round_trip(&Type::Int, &v);
        let floats = [0.0, -0.0, f64::NAN, -f64::NAN, 1.5, -1.5, f64::INFINITY, f64::MIN_POSITIVE, 5e-324];
        let mut v: Vec<Value> = floats.iter().map(|&x| Value::Float(x)).collect();
        v.push(null.clone());
        round_trip(&Type::Float, &v);
        let decimals = [0, 1, -1, i128::MAX, i128::MIN];
        let v: Vec<Value> = decimals.iter().map(|&unscaled| Value::Decimal { unscaled, scale: 2 }).collect();
        round_trip(&Type::Decimal { precision: 38, scale: 2 }, &v);
        let texts =
            ["", "a", "\0", "a\0", &"x".repeat(252), &"x".repeat(253), &"y".repeat(254), &"z".repeat(9_000)];
        let mut v: Vec<Value> = texts.iter().map(|&s| Value::string(s)).collect();
        v.push(null.clone());
        round_trip(&Type::String, &v);
        let list = |items: &[Value]| Value::List(items.to_vec().into());
        let v = [
            list(&[]),
            null.clone(),
            list(std::slice::from_ref(&null)),
            list(&[Value::Int(1), Value::string("x")]),
            list(&[list(&[Value::Float(-0.0)])]),
            list(&[list(&[Value::Float(0.0)])]),
            Value::Record(Arc::from([Value::Bool(true), Value::Date(3)])),
            Value::Bytes(Arc::from(*b"abc")),
        ];
        round_trip(&Type::Bytes, &v);
    }
}
