//! Columns as Arrow arrays: the types that files get, and the values in them.

use arrow_array::builder::BooleanBuilder;
use arrow_array::types::{
    Decimal128Type, DurationMicrosecondType, Float64Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BinaryArray, Date32Array, ListArray, NullArray, PrimitiveArray,
    StringArray, StructArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType as Arrow, Field as ArrowField, TimeUnit};
use flow_ir::column::{ColumnBuilder, VALID};
use flow_ir::{Column, DataType, Status, Type, Value, Values};
use std::sync::Arc;

/// The type that a file has for a type of the language.
pub(super) fn arrow_type(ty: &Type) -> Arrow {
    match ty {
        Type::Null | Type::Regex => Arrow::Null,
        Type::Bool => Arrow::Boolean,
        Type::Int => Arrow::Int64,
        Type::Float => Arrow::Float64,
        Type::Decimal { precision, scale } => Arrow::Decimal128(*precision, *scale as i8),
        Type::String => Arrow::Utf8,
        Type::Bytes => Arrow::Binary,
        Type::Date => Arrow::Date32,
        Type::Timestamp => Arrow::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Type::Duration => Arrow::Duration(TimeUnit::Microsecond),
        Type::List(item) => Arrow::List(Arc::new(arrow_field("element", item))),
        Type::Record(fields) => Arrow::Struct(fields.iter().map(|f| arrow_field(&f.name, &f.ty)).collect()),
    }
}

fn arrow_field(name: &str, ty: &DataType) -> ArrowField {
    ArrowField::new(name, arrow_type(&ty.kind), ty.nullable || ty.kind == Type::Null)
}

/// The first `rows` rows of a column.
pub(super) fn array_of(column: &Column, ty: &DataType, rows: usize) -> Result<ArrayRef, ArrowError> {
    let nulls = nulls_of(&column.status, rows);
    Ok(match (&column.values, &ty.kind) {
        (Values::Bool(v), _) => {
            let mut builder = BooleanBuilder::with_capacity(rows);
            for (row, truth) in v.iter().enumerate().take(rows) {
                builder.append_option((column.status.get(row) == VALID).then_some(*truth != 0));
            }
            Arc::new(builder.finish())
        }
        (Values::I64(v), Type::Date) => {
            let days: Vec<i32> = v[..rows].iter().map(|d| *d as i32).collect();
            Arc::new(Date32Array::try_new(days.into(), nulls)?)
        }
        (Values::I64(v), Type::Timestamp) => {
            Arc::new(primitive::<TimestampMicrosecondType>(v[..rows].to_vec(), nulls)?.with_timezone("UTC"))
        }
        (Values::I64(v), Type::Duration) => {
            Arc::new(primitive::<DurationMicrosecondType>(v[..rows].to_vec(), nulls)?)
        }
        (Values::I64(v), _) => Arc::new(primitive::<Int64Type>(v[..rows].to_vec(), nulls)?),
        (Values::F64(v), _) => Arc::new(primitive::<Float64Type>(v[..rows].to_vec(), nulls)?),
        (Values::I128(v), Type::Decimal { precision, scale }) => {
            let array = primitive::<Decimal128Type>(v[..rows].to_vec(), nulls)?;
            Arc::new(array.with_precision_and_scale(*precision, *scale as i8)?)
        }
        (Values::I128(v), _) => Arc::new(primitive::<Decimal128Type>(v[..rows].to_vec(), nulls)?),
        (Values::Str(v), _) => strings(v, &column.status, nulls, rows)?,
        (Values::Any(v), kind) => {
            let values: Vec<&Value> = v[..rows].iter().collect();
            from_values(&values, kind)?
        }
    })
}

fn nulls_of(status: &Status, rows: usize) -> Option<NullBuffer> {
    match status {
        Status::AllValid => None,
        Status::Rows(s) => Some(NullBuffer::from_iter(s[..rows].iter().map(|s| *s == VALID))),
    }
}

fn primitive<T: ArrowPrimitiveType>(
    values: Vec<T::Native>,
    nulls: Option<NullBuffer>,
) -> Result<PrimitiveArray<T>, ArrowError> {
    PrimitiveArray::try_new(ScalarBuffer::from(values), nulls)
}

fn strings(
    v: &flow_ir::StrColumn,
    status: &Status,
    nulls: Option<NullBuffer>,
    rows: usize,
) -> Result<ArrayRef, ArrowError> {
    let mut bytes = Vec::new();
    let mut ends = Vec::with_capacity(rows + 1);
    ends.push(0i32);
    for row in 0..rows {
        if status.get(row) == VALID {
            bytes.extend_from_slice(v.bytes(row));
        }
        ends.push(i32::try_from(bytes.len()).map_err(|_| too_long())?);
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
    Ok(Arc::new(StringArray::try_new(offsets, bytes.into(), nulls)?))
}

fn too_long() -> ArrowError {
    ArrowError::InvalidArgumentError("the texts of these rows have more than 2 GiB".to_owned())
}

/// The array of values, each a value of the type or null.
fn from_values(values: &[&Value], ty: &Type) -> Result<ArrayRef, ArrowError> {
    let valid = || NullBuffer::from_iter(values.iter().map(|v| !v.is_null()));
    let nulls = values.iter().any(|v| v.is_null()).then(valid);
    Ok(match ty {
        Type::List(item) => {
            let mut inner: Vec<&Value> = Vec::new();
            let mut ends = vec![0i32];
            for value in values {
                if let Value::List(items) = value {
                    inner.extend(items.iter());
                }
                ends.push(i32::try_from(inner.len()).map_err(|_| too_long())?);
            }
            let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
            let inner = from_values(&inner, &item.kind)?;
            Arc::new(ListArray::try_new(Arc::new(arrow_field("element", item)), offsets, inner, nulls)?)
        }
        Type::Record(fields) => {
            let mut arrays = Vec::with_capacity(fields.len());
            for (i, f) in fields.iter().enumerate() {
                let part = values.iter().map(|v| match v {
                    Value::Record(parts) => parts.get(i).unwrap_or(&Value::Null),
                    _ => &Value::Null,
                });
                arrays.push(from_values(&part.collect::<Vec<_>>(), &f.ty.kind)?);
            }
            let types = fields.iter().map(|f| arrow_field(&f.name, &f.ty)).collect();
            Arc::new(StructArray::try_new(types, arrays, nulls)?)
        }
        Type::Bytes => Arc::new(BinaryArray::from_iter(values.iter().map(|v| match v {
            Value::Bytes(b) => Some(&b[..]),
            _ => None,
        }))),
        Type::Null | Type::Regex => Arc::new(NullArray::new(values.len())),
        _ => {
            let mut builder = ColumnBuilder::new(ty, values.len());
            values.iter().for_each(|v| builder.push(Ok(v)));
            array_of(&builder.finish(), &DataType::nullable(ty.clone()), values.len())?
        }
    })
}
