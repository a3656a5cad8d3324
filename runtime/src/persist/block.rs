//! Rows as bytes: what a block of stored rows looks like.
//!
//! A block holds some rows, column by column, in little-endian numbers. The types are not in it: whoever reads it
//! knows them. Invariants: every value comes back with the same bits; reading never trusts a length before
//! it has seen that so many bytes are there, so any bytes at all are read or refused.
//!
//! | part | bytes |
//! |---|---|
//! | number of rows | 4 |
//! | for each column: 0, or 1 and a status byte a row | 1, or 1 + rows |
//! | `bool` | 1 a row |
//! | `int`, `date`, `timestamp`, `duration`, `float` | 8 a row |
//! | `decimal` | 16 a row |
//! | `string` | the bytes in all (8), a length a row (4), the bytes, 64 zeros |
//! | others | the bytes in all (8), then value after value: 0 for null, or 1 and the value |

use bytes::Bytes;
use flow_ir::column::{BUFFER_PADDING, NULL, VALID, view};
use flow_ir::physical::TypedColumn;
use flow_ir::{Batch, Column, DataType, Status, StrColumn, Type, Value, Values};
use std::sync::Arc;

/// How deep values may be nested: types are never that deep.
const DEPTH_MAX: u32 = 256;

/// The rows of `batches` as a block; `None` if some column is missing, is no value of its type, or is an error.
pub(super) fn encode(batches: &[Batch], columns: &[TypedColumn]) -> Option<Vec<u8>> {
    let rows: usize = batches.iter().map(|b| b.rows).sum();
    let mut out = Vec::with_capacity(16 + rows * columns.len() * 8);
    out.extend_from_slice(&u32::try_from(rows).ok()?.to_le_bytes());
    for c in columns {
        let mut parts = Vec::with_capacity(batches.len());
        for batch in batches {
            let column = batch.column(c.id)?;
            if column.len() != batch.rows {
                return None;
            }
            parts.push(column.as_ref());
        }
        put_status(&parts, &mut out)?;
        put_values(&parts, &c.ty.kind, &mut out)?;
    }
    Some(out)
}

fn put_status(parts: &[&Column], out: &mut Vec<u8>) -> Option<()> {
    if parts.iter().all(|c| matches!(c.status, Status::AllValid)) {
        out.push(0);
        return Some(());
    }
    out.push(1);
    for part in parts {
        match &part.status {
            Status::AllValid => out.resize(out.len() + part.len(), VALID),
            Status::Rows(status) if status.iter().all(|s| *s <= NULL) => out.extend_from_slice(status),
            // Rows that are errors have been dealt with before they are stored.
            Status::Rows(_) => return None,
        }
    }
    Some(())
}

fn put_values(parts: &[&Column], ty: &Type, out: &mut Vec<u8>) -> Option<()> {
    match ty {
        Type::String => return put_strings(parts, out),
        Type::Bool | Type::Float | Type::Decimal { .. } => {}
        ty if ty.is_i64() => {}
        _ => return put_any(parts, ty, out),
    }
    for part in parts {
        match (&part.values, ty) {
            (Values::Bool(v), Type::Bool) => out.extend_from_slice(v),
            (Values::F64(v), Type::Float) => {
                v.iter().for_each(|x| out.extend_from_slice(&x.to_bits().to_le_bytes()));
            }
            (Values::I128(v), Type::Decimal { .. }) => {
                v.iter().for_each(|x| out.extend_from_slice(&x.to_le_bytes()));
            }
            (Values::I64(v), ty) if ty.is_i64() => {
                v.iter().for_each(|x| out.extend_from_slice(&x.to_le_bytes()));
            }
            _ => return None,
        }
    }
    Some(())
}

/// A text of a row that is null has no bytes, whatever its slot holds.
fn put_strings(parts: &[&Column], out: &mut Vec<u8>) -> Option<()> {
    let at = out.len();
    out.extend_from_slice(&[0; 8]);
    let mut total = 0u64;
    let mut texts: Vec<(&StrColumn, &Status)> = Vec::with_capacity(parts.len());
    for part in parts {
        let Values::Str(s) = &part.values else { return None };
        texts.push((s, &part.status));
    }
    for (s, status) in &texts {
        for row in 0..s.views.len() {
            let length = if status.get(row) == VALID { s.bytes(row).len() } else { 0 };
            total += length as u64;
            out.extend_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
        }
    }
    // Views have 32 bits.
    u32::try_from(total).ok()?;
    out.get_mut(at..at + 8)?.copy_from_slice(&total.to_le_bytes());
    for (s, status) in &texts {
        for row in (0..s.views.len()).filter(|row| status.get(*row) == VALID) {
            out.extend_from_slice(s.bytes(row));
        }
    }
    out.resize(out.len() + BUFFER_PADDING, 0);
    Some(())
}

fn put_any(parts: &[&Column], ty: &Type, out: &mut Vec<u8>) -> Option<()> {
    let at = out.len();
    out.extend_from_slice(&[0; 8]);
    for part in parts {
        let Values::Any(values) = &part.values else { return None };
        for (row, value) in values.iter().enumerate() {
            let value = if part.status.get(row) == VALID { value } else { &Value::Null };
            put_value(value, ty, out, 0)?;
        }
    }
    let total = (out.len() - at - 8) as u64;
    out.get_mut(at..at + 8)?.copy_from_slice(&total.to_le_bytes());
    Some(())
}

fn put_value(value: &Value, ty: &Type, out: &mut Vec<u8>, depth: u32) -> Option<()> {
    if depth > DEPTH_MAX {
        return None;
    }
    if value.is_null() {
        out.push(0);
        return Some(());
    }
    out.push(1);
    match (value, ty) {
        (Value::Bool(x), Type::Bool) => out.push(u8::from(*x)),
        (Value::Int(x), Type::Int)
        | (Value::Timestamp(x), Type::Timestamp)
        | (Value::Duration(x), Type::Duration) => out.extend_from_slice(&x.to_le_bytes()),
        (Value::Date(x), Type::Date) => out.extend_from_slice(&x.to_le_bytes()),
        (Value::Float(x), Type::Float) => out.extend_from_slice(&x.to_bits().to_le_bytes()),
        (Value::Decimal { unscaled, scale }, Type::Decimal { .. }) => {
            out.push(*scale);
            out.extend_from_slice(&unscaled.to_le_bytes());
        }
        (Value::String(s), Type::String) => put_bytes(s.as_bytes(), out)?,
        (Value::Bytes(b), Type::Bytes) => put_bytes(b, out)?,
        (Value::List(items), Type::List(element)) => {
            out.extend_from_slice(&u32::try_from(items.len()).ok()?.to_le_bytes());
            for item in items.iter() {
                put_value(item, &element.kind, out, depth + 1)?;
            }
        }
        (Value::Record(items), Type::Record(fields)) if items.len() == fields.len() => {
            for (item, field) in items.iter().zip(fields) {
                put_value(item, &field.ty.kind, out, depth + 1)?;
            }
        }
        _ => return None,
    }
    Some(())
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.extend_from_slice(&u32::try_from(bytes.len()).ok()?.to_le_bytes());
    out.extend_from_slice(bytes);
    Some(())
}

/// The rows of a block; `None` if it is none, or holds rows of other types.
pub(super) fn decode(block: &Bytes, columns: &[TypedColumn]) -> Option<Batch> {
    let mut cursor = Cursor { bytes: block, at: 0 };
    let rows = cursor.u32()? as usize;
    let mut batch = Batch { rows, columns: Vec::with_capacity(columns.len()) };
    for c in columns {
        let status = cursor.status(rows, &c.ty)?;
        let values = cursor.values(rows, &c.ty.kind, &status, block)?;
        batch.columns.push((c.id, Arc::new(Column { values, status })));
    }
    (cursor.at == block.len()).then_some(batch)
}

/// Bytes that are read from front to back.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(n)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        Some(u8::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.array()?))
    }

    /// A length that 64 bits hold.
    fn length(&mut self) -> Option<usize> {
        usize::try_from(u64::from_le_bytes(self.array()?)).ok()
    }

    /// So many numbers of so many bytes.
    fn numbers<const N: usize, T>(&mut self, rows: usize, number: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
        let bytes = self.take(rows.checked_mul(N)?)?;
        let mut numbers = Vec::with_capacity(rows);
        for chunk in bytes.chunks_exact(N) {
            numbers.push(number(chunk.try_into().ok()?));
        }
        Some(numbers)
    }

    fn status(&mut self, rows: usize, ty: &DataType) -> Option<Status> {
        match self.u8()? {
            0 => Some(Status::AllValid),
            1 => {
                let status = self.take(rows)?;
                let fits = status.iter().all(|s| *s == VALID || *s == NULL && ty.nullable);
                fits.then(|| Status::from_bytes(status.to_vec()))
            }
            _ => None,
        }
    }

    fn values(&mut self, rows: usize, ty: &Type, status: &Status, block: &Bytes) -> Option<Values> {
        Some(match ty {
            Type::Bool => {
                let values = self.take(rows)?;
                if values.iter().any(|b| *b > 1) {
                    return None;
                }
                Values::Bool(values.to_vec())
            }
            Type::Float => Values::F64(self.numbers(rows, |b| f64::from_bits(u64::from_le_bytes(b)))?),
            Type::Decimal { .. } => Values::I128(self.numbers(rows, i128::from_le_bytes)?),
            Type::String => Values::Str(self.strings(rows, block)?),
            ty if ty.is_i64() => Values::I64(self.numbers(rows, i64::from_le_bytes)?),
            _ => Values::Any(self.any(rows, ty, status)?),
        })
    }

    /// The texts stay in the block, which the column keeps alive.
    fn strings(&mut self, rows: usize, block: &Bytes) -> Option<StrColumn> {
        let total = self.length()?;
        let lengths = self.take(rows.checked_mul(4)?)?;
        let begin = self.at;
        let text = self.take(total)?;
        self.take(BUFFER_PADDING)?;
        let mut views = Vec::with_capacity(rows);
        let mut at = 0usize;
        for length in lengths.chunks_exact(4) {
            let length = u32::from_le_bytes(length.try_into().ok()?);
            let end = at.checked_add(length as usize)?;
            std::str::from_utf8(text.get(at..end)?).ok()?;
            views.push(view(u32::try_from(at).ok()?, length));
            at = end;
        }
        (at == total).then(|| StrColumn { buffer: block.slice(begin..self.at), views })
    }

    fn any(&mut self, rows: usize, ty: &Type, status: &Status) -> Option<Vec<Value>> {
        let total = self.length()?;
        let end = self.at.checked_add(total)?;
        if end > self.bytes.len() || rows > total {
            return None;
        }
        let mut values = Vec::with_capacity(rows);
        for row in 0..rows {
            let value = self.value(ty, 0)?;
            if value.is_null() != (status.get(row) == NULL) {
                return None;
            }
            values.push(value);
        }
        (self.at == end).then_some(values)
    }

    fn value(&mut self, ty: &Type, depth: u32) -> Option<Value> {
        if depth > DEPTH_MAX {
            return None;
        }
        match self.u8()? {
            0 => return Some(Value::Null),
            1 => {}
            _ => return None,
        }
        Some(match ty {
            Type::Bool => match self.u8()? {
                0 => Value::Bool(false),
                1 => Value::Bool(true),
                _ => return None,
            },
            Type::Int => Value::Int(i64::from_le_bytes(self.array()?)),
            Type::Timestamp => Value::Timestamp(i64::from_le_bytes(self.array()?)),
            Type::Duration => Value::Duration(i64::from_le_bytes(self.array()?)),
            Type::Date => Value::Date(i32::from_le_bytes(self.array()?)),
            Type::Float => Value::Float(f64::from_bits(u64::from_le_bytes(self.array()?))),
            Type::Decimal { .. } => {
                let scale = self.u8()?;
                Value::Decimal { unscaled: i128::from_le_bytes(self.array()?), scale }
            }
            Type::String => {
                let length = self.u32()? as usize;
                Value::string(std::str::from_utf8(self.take(length)?).ok()?)
            }
            Type::Bytes => {
                let length = self.u32()? as usize;
                Value::Bytes(self.take(length)?.into())
            }
            Type::List(element) => {
                let count = self.u32()? as usize;
                // Every element takes a byte, so a count that is too large is found before it is believed.
                if count > self.bytes.len().saturating_sub(self.at) {
                    return None;
                }
                let mut items = Vec::with_capacity(count);
                for _ in 0..count {
                    items.push(self.value(&element.kind, depth + 1)?);
                }
                Value::List(items.into())
            }
            Type::Record(fields) => {
                let mut items = Vec::with_capacity(fields.len());
                for field in fields {
                    items.push(self.value(&field.ty.kind, depth + 1)?);
                }
                Value::Record(items.into())
            }
            Type::Null | Type::Regex => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow_ir::ColumnId;
    use flow_ir::Field;
    use flow_ir::column::ColumnBuilder;

    fn all_types() -> (Vec<TypedColumn>, Batch) {
        let record = Type::Record(vec![
            Field { name: "a".to_owned(), ty: DataType::nullable(Type::Decimal { precision: 38, scale: 4 }) },
            Field { name: "b".to_owned(), ty: DataType::required(Type::Bytes) },
        ]);
        let wide = Value::Decimal { unscaled: i128::MIN + 1, scale: 4 };
        let item = Value::Record([wide.clone(), Value::Bytes([0, 255].into())].into());
        let empty = Value::Record([Value::Null, Value::Bytes([].into())].into());
        let lists = Type::List(Box::new(DataType::nullable(record)));
        let cells: Vec<(Type, [Value; 3])> = vec![
            (Type::Bool, [Value::Bool(true), Value::Null, Value::Bool(false)]),
            (Type::Int, [Value::Int(i64::MIN), Value::Int(-1), Value::Null]),
            (
                Type::Float,
                [Value::Float(-0.0), Value::Float(f64::from_bits(0x7ff8_0000_0000_1234)), Value::Null],
            ),
            (
                Type::Decimal { precision: 38, scale: 4 },
                [wide, Value::Null, Value::Decimal { unscaled: 7, scale: 4 }],
            ),
            (Type::String, [Value::string("Zürich"), Value::string(""), Value::Null]),
            (Type::Date, [Value::Date(-719_162), Value::Null, Value::Date(1)]),
            (Type::Timestamp, [Value::Timestamp(i64::MAX), Value::Timestamp(0), Value::Null]),
            (Type::Duration, [Value::Duration(-1), Value::Null, Value::Duration(9)]),
            (Type::Bytes, [Value::Bytes([1, 2].into()), Value::Null, Value::Bytes([].into())]),
            (lists, [Value::List([item, Value::Null, empty].into()), Value::List([].into()), Value::Null]),
        ];
        let mut columns = Vec::new();
        let mut batch = Batch { rows: 3, columns: Vec::new() };
        for (i, (ty, values)) in cells.into_iter().enumerate() {
            let id = ColumnId(i as u32);
            let mut builder = ColumnBuilder::new(&ty, 3);
            values.iter().for_each(|v| builder.push(Ok(v)));
            batch.columns.push((id, Arc::new(builder.finish())));
            columns.push(TypedColumn { id, ty: DataType::nullable(ty) });
        }
        (columns, batch)
    }

    /// Every value with its bits.
    fn shown(batches: &[Batch], columns: &[TypedColumn]) -> Vec<String> {
        let mut out = Vec::new();
        for b in batches {
            for row in 0..b.rows {
                for c in columns {
                    let value = b.column(c.id).expect("a column").value(row, &c.ty.kind);
                    out.push(match value {
                        Ok(Value::Float(x)) => format!("{:x}", x.to_bits()),
                        other => format!("{other:?}"),
                    });
                }
            }
        }
        out
    }

    #[test]
    fn every_type_comes_back_with_its_bits() {
        let (columns, batch) = all_types();
        let batches = [batch.clone(), batch.gather(&[2, 0]), batch.gather(&[])];
        let block = Bytes::from(encode(&batches, &columns).expect("encoded"));
        let back = decode(&block, &columns).expect("decoded");
        assert_eq!(back.rows, 5);
        assert_eq!(shown(&[back], &columns), shown(&batches, &columns));
    }

    #[test]
    fn damaged_blocks_are_read_or_refused() {
        let (columns, batch) = all_types();
        let block = encode(&[batch], &columns).expect("encoded");
        for length in 0..block.len() {
            assert!(decode(&Bytes::copy_from_slice(&block[..length]), &columns).is_none(), "{length}");
        }
        for at in 0..block.len() * 8 {
            let mut damaged = block.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            // Without its checksum a block may well hold other values; it must only be possible to look at them.
            if let Some(batch) = decode(&Bytes::from(damaged), &columns) {
                shown(&[batch], &columns);
            }
        }
    }
}
