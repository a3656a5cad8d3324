//! Arrow arrays as columns.
//!
//! What the file holds is converted in one pass for the rows that are asked for; a value that the
//! language cannot hold (a `u64` beyond `int`, a timestamp out of range) is an error of its row.
//! Timestamps and times finer than a microsecond are cut off to whole microseconds, towards the past.

use super::nested::value_at;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, OffsetSizeTrait, PrimitiveArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType as Arrow, TimeUnit};
use flow_ir::column::{BUFFER_PADDING, NULL, StrBuilder, VALID, view};
use flow_ir::{Column, DataType, ErrorCode, Status, StrColumn, Type, Value, Values};

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;

/// The rows of an array that are asked for.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) chosen: Option<&'a [u32]>,
    pub(super) all: usize,
}

impl Rows<'_> {
    pub(super) fn len(self) -> usize {
        self.chosen.map_or(self.all, <[u32]>::len)
    }

    pub(super) fn map<T>(self, mut f: impl FnMut(usize) -> T) -> Vec<T> {
        match self.chosen {
            None => (0..self.all).map(f).collect(),
            Some(rows) => rows.iter().map(|r| f(*r as usize)).collect(),
        }
    }
}

/// An array and which of its rows are null, by itself or because a record around it is.
pub(super) struct Leaf {
    pub(super) array: ArrayRef,
    pub(super) nulls: Option<NullBuffer>,
}

/// Values, and the rows (of those asked for) that are not values of the type.
struct Converted {
    values: Values,
    bad: Vec<u32>,
}

impl Converted {
    fn good(values: Values) -> Option<Self> {
        Some(Converted { values, bad: Vec::new() })
    }
}

/// The column of type `ty` that the leaf holds; `None` if the types do not fit each other.
pub(super) fn column(leaf: &Leaf, ty: &DataType, rows: Rows<'_>) -> Option<Column> {
    let natural = natural_type(leaf.array.data_type(), &ty.kind);
    let converted = convert(&leaf.array, &natural, rows)?;
    let converted = if natural == ty.kind { converted } else { widen(converted, &natural, &ty.kind)? };
    let missing = if ty.nullable { NULL } else { ErrorCode::Missing as u8 };
    let nulls = leaf.nulls.as_ref().filter(|n| n.null_count() > 0);
    let all_null = *leaf.array.data_type() == Arrow::Null;
    if nulls.is_none() && converted.bad.is_empty() && !all_null {
        return Some(Column { values: converted.values, status: Status::AllValid });
    }
    let mut status = match nulls {
        _ if all_null => vec![missing; rows.len()],
        None => vec![VALID; rows.len()],
        Some(nulls) => rows.map(|r| if nulls.is_valid(r) { VALID } else { missing }),
    };
    for row in converted.bad {
        if let Some(s) = status.get_mut(row as usize).filter(|s| **s == VALID) {
            *s = ErrorCode::Malformed as u8;
        }
    }
    let mut values = converted.values;
    if let Values::Any(values) = &mut values {
        for (value, status) in values.iter_mut().zip(&status) {
            if *status != VALID {
                *value = Value::Null;
            }
        }
    }
    Some(Column { values, status: Status::from_bytes(status) })
}

/// The type that the array's values have before they widen to the declared one.
fn natural_type(array: &Arrow, declared: &Type) -> Type {
    match array {
        Arrow::Dictionary(_, values) => natural_type(values, declared),
        Arrow::Int8 | Arrow::Int16 | Arrow::Int32 | Arrow::Int64 => Type::Int,
        Arrow::UInt8 | Arrow::UInt16 | Arrow::UInt32 | Arrow::UInt64 => Type::Int,
        Arrow::Decimal32(p, s)
        | Arrow::Decimal64(p, s)
        | Arrow::Decimal128(p, s)
        | Arrow::Decimal256(p, s) => Type::Decimal { precision: *p, scale: u8::try_from(*s).unwrap_or(0) },
        _ => declared.clone(),
    }
}

fn convert(array: &ArrayRef, ty: &Type, rows: Rows<'_>) -> Option<Converted> {
    if let Arrow::Dictionary(..) = array.data_type() {
        return dictionary(array, ty, rows);
    }
    match ty {
        Type::Bool => {
            let bools = array.as_boolean_opt()?;
            Converted::good(Values::Bool(rows.map(|r| u8::from(bools.value(r)))))
        }
        Type::Int => ints(array, rows),
        Type::Float => floats(array, rows),
        Type::String => strings(array, rows).map(Values::Str).and_then(Converted::good),
        Type::Date | Type::Timestamp | Type::Duration => times(array, ty, rows),
        Type::Decimal { precision, .. } => decimals(array, *precision, rows),
        Type::Bytes | Type::List(_) | Type::Record(_) => {
            let mut bad = Vec::new();
            let mut at = 0;
            let values = rows.map(|r| {
                at += 1;
                value_at(array, r, ty).unwrap_or_else(|| {
                    bad.push(at - 1);
                    Value::Null
                })
            });
            Some(Converted { values: Values::Any(values), bad })
        }
        Type::Null | Type::Regex => None,
    }
}

/// `None` in the result of `f` marks a row as bad.
fn checked<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    rows: Rows<'_>,
    f: impl Fn(T::Native) -> Option<i64>,
) -> Converted {
    let (mut bad, mut at) = (Vec::new(), 0u32);
    let values = array.values();
    let values = rows.map(|r| {
        at += 1;
        f(values[r]).unwrap_or_else(|| {
            bad.push(at - 1);
            0
        })
    });
    Converted { values: Values::I64(values), bad }
}

fn plain<T: ArrowPrimitiveType>(array: &ArrayRef, rows: Rows<'_>) -> Option<Converted>
where
    T::Native: Into<i64>,
{
    let values = array.as_primitive_opt::<T>()?.values();
    Converted::good(Values::I64(rows.map(|r| values[r].into())))
}

fn ints(array: &ArrayRef, rows: Rows<'_>) -> Option<Converted> {
    match array.data_type() {
        Arrow::Int8 => plain::<Int8Type>(array, rows),
        Arrow::Int16 => plain::<Int16Type>(array, rows),
        Arrow::Int32 => plain::<Int32Type>(array, rows),
        Arrow::Int64 if rows.chosen.is_none() => {
            Converted::good(Values::I64(array.as_primitive_opt::<Int64Type>()?.values().to_vec()))
        }
        Arrow::Int64 => plain::<Int64Type>(array, rows),
        Arrow::UInt8 => plain::<UInt8Type>(array, rows),
        Arrow::UInt16 => plain::<UInt16Type>(array, rows),
        Arrow::UInt32 => plain::<UInt32Type>(array, rows),
        Arrow::UInt64 => {
            Some(checked(array.as_primitive_opt::<UInt64Type>()?, rows, |x| i64::try_from(x).ok()))
        }
        _ => None,
    }
}

fn floats(array: &ArrayRef, rows: Rows<'_>) -> Option<Converted> {
    let values = match array.data_type() {
        Arrow::Float16 => {
            let values = array.as_primitive_opt::<Float16Type>()?.values();
            rows.map(|r| values[r].to_f64())
        }
        Arrow::Float32 => {
            let values = array.as_primitive_opt::<Float32Type>()?.values();
            rows.map(|r| f64::from(values[r]))
        }
        Arrow::Float64 => {
            let values = array.as_primitive_opt::<Float64Type>()?.values();
            rows.map(|r| values[r])
        }
        _ => return None,
    };
    Converted::good(Values::F64(values))
}

/// Units of a microsecond: what to multiply with, or to divide by.
fn scale(unit: TimeUnit) -> (i64, i64) {
    match unit {
        TimeUnit::Second => (1_000_000, 1),
        TimeUnit::Millisecond => (1000, 1),
        TimeUnit::Microsecond => (1, 1),
        TimeUnit::Nanosecond => (1, 1000),
    }
}

fn scaled<T: ArrowPrimitiveType>(array: &ArrayRef, unit: TimeUnit, rows: Rows<'_>) -> Option<Converted>
where
    T::Native: Into<i64>,
{
    let (times, per) = scale(unit);
    let array = array.as_primitive_opt::<T>()?;
    Some(checked(array, rows, |x| Into::<i64>::into(x).checked_mul(times).map(|us| us.div_euclid(per))))
}

fn times(array: &ArrayRef, ty: &Type, rows: Rows<'_>) -> Option<Converted> {
    let unit = match array.data_type() {
        Arrow::Timestamp(unit, _) | Arrow::Duration(unit) | Arrow::Time32(unit) | Arrow::Time64(unit) => {
            *unit
        }
        _ => TimeUnit::Second,
    };
    Some(match (array.data_type(), ty) {
        (Arrow::Date32, Type::Date) => plain::<Date32Type>(array, rows)?,
        (Arrow::Date64, Type::Date) => {
            let day = DAY_US / 1000;
            let days = |ms: i64| i32::try_from(ms.div_euclid(day)).ok().map(i64::from);
            checked(array.as_primitive_opt::<Date64Type>()?, rows, days)
        }
        (Arrow::Timestamp(TimeUnit::Second, _), Type::Timestamp) => {
            scaled::<TimestampSecondType>(array, unit, rows)?
        }
        (Arrow::Timestamp(TimeUnit::Millisecond, _), Type::Timestamp) => {
            scaled::<TimestampMillisecondType>(array, unit, rows)?
        }
        (Arrow::Timestamp(TimeUnit::Microsecond, _), Type::Timestamp) => {
            plain::<TimestampMicrosecondType>(array, rows)?
        }
        (Arrow::Timestamp(TimeUnit::Nanosecond, _), Type::Timestamp) => {
            scaled::<TimestampNanosecondType>(array, unit, rows)?
        }
        (Arrow::Time32(TimeUnit::Second), Type::Duration) => scaled::<Time32SecondType>(array, unit, rows)?,
        (Arrow::Time32(_), Type::Duration) => scaled::<Time32MillisecondType>(array, unit, rows)?,
        (Arrow::Time64(TimeUnit::Microsecond), Type::Duration) => {
            plain::<Time64MicrosecondType>(array, rows)?
        }
        (Arrow::Time64(_), Type::Duration) => scaled::<Time64NanosecondType>(array, unit, rows)?,
        (Arrow::Duration(TimeUnit::Second), Type::Duration) => {
            scaled::<DurationSecondType>(array, unit, rows)?
        }
        (Arrow::Duration(TimeUnit::Millisecond), Type::Duration) => {
            scaled::<DurationMillisecondType>(array, unit, rows)?
        }
        (Arrow::Duration(TimeUnit::Microsecond), Type::Duration) => {
            plain::<DurationMicrosecondType>(array, rows)?
        }
        (Arrow::Duration(TimeUnit::Nanosecond), Type::Duration) => {
            scaled::<DurationNanosecondType>(array, unit, rows)?
        }
        _ => return None,
    })
}

fn decimals(array: &ArrayRef, precision: u8, rows: Rows<'_>) -> Option<Converted> {
    let (mut bad, mut at) = (Vec::new(), 0u32);
    let limit = 10i128.checked_pow(u32::from(precision))?;
    let mut keep = |x: Option<i128>| {
        at += 1;
        match x.filter(|x| -limit < *x && *x < limit) {
            Some(x) => x,
            None => {
                bad.push(at - 1);
                0
            }
        }
    };
    let values = match array.data_type() {
        Arrow::Decimal32(..) => {
            let values = array.as_primitive_opt::<Decimal32Type>()?.values();
            rows.map(|r| keep(Some(i128::from(values[r]))))
        }
        Arrow::Decimal64(..) => {
            let values = array.as_primitive_opt::<Decimal64Type>()?.values();
            rows.map(|r| keep(Some(i128::from(values[r]))))
        }
        Arrow::Decimal128(..) => {
            let values = array.as_primitive_opt::<Decimal128Type>()?.values();
            rows.map(|r| keep(Some(values[r])))
        }
        Arrow::Decimal256(..) => {
            let values = array.as_primitive_opt::<Decimal256Type>()?.values();
            rows.map(|r| keep(values[r].to_i128()))
        }
        _ => return None,
    };
    Some(Converted { values: Values::I128(values), bad })
}

/// The strings of the rows; a null row's is empty.
fn strings(array: &ArrayRef, rows: Rows<'_>) -> Option<StrColumn> {
    match array.data_type() {
        Arrow::Utf8 => offset_strings::<i32>(array, rows),
        Arrow::LargeUtf8 => offset_strings::<i64>(array, rows),
        Arrow::Utf8View => {
            let strings = array.as_string_view_opt()?;
            gathered(rows, |r| if strings.is_null(r) { "" } else { strings.value(r) })
        }
        Arrow::Null => gathered(rows, |_| ""),
        _ => None,
    }
}

fn offset_strings<O: OffsetSizeTrait>(array: &ArrayRef, rows: Rows<'_>) -> Option<StrColumn> {
    let strings = array.as_string_opt::<O>()?;
    let offsets = strings.value_offsets();
    let (first, last) = (offsets.first()?.as_usize(), offsets.last()?.as_usize());
    if rows.chosen.is_some_and(|c| c.len() * 4 < rows.all) || last - first > (u32::MAX / 2) as usize {
        return gathered(rows, |r| if strings.is_null(r) { "" } else { strings.value(r) });
    }
    let mut buffer = Vec::with_capacity(last - first + BUFFER_PADDING);
    buffer.extend_from_slice(strings.value_data().get(first..last)?);
    buffer.resize(last - first + BUFFER_PADDING, 0);
    let views = rows.map(|r| {
        let (from, to) = (offsets[r].as_usize() - first, offsets[r + 1].as_usize() - first);
        view(from as u32, (to - from) as u32)
    });
    Some(StrColumn { buffer: buffer.into(), views })
}

fn gathered<'a>(rows: Rows<'_>, text: impl Fn(usize) -> &'a str) -> Option<StrColumn> {
    let mut builder = StrBuilder::with_capacity(rows.len(), 0);
    let mut fits = true;
    rows.map(|r| fits &= builder.push(text(r).as_bytes()));
    fits.then(|| builder.finish())
}

/// A dictionary's values, converted once, and taken by key.
fn dictionary(array: &ArrayRef, ty: &Type, rows: Rows<'_>) -> Option<Converted> {
    let dictionary = array.as_any_dictionary_opt()?;
    let values = dictionary.values();
    let all = Rows { chosen: None, all: values.len() };
    let converted = convert(values, ty, all)?;
    let nulls = array.nulls();
    if values.is_empty() {
        // Every row is null.
        let mut builder = flow_ir::column::ColumnBuilder::new(ty, rows.len());
        rows.map(|_| builder.push(Ok(&Value::Null)));
        return Converted::good(builder.finish().values);
    }
    let keys = dictionary.normalized_keys();
    let taken: Vec<u32> = rows
        .map(|r| if nulls.is_some_and(|n| n.is_null(r)) { 0 } else { keys[r].min(values.len() - 1) as u32 });
    let mut bad = Vec::new();
    if !converted.bad.is_empty() {
        bad.extend((0u32..).zip(&taken).filter(|(_, k)| converted.bad.contains(k)).map(|(row, _)| row));
    }
    Some(Converted { values: converted.values.gather(&taken), bad })
}

/// From the type of the file to a wider one that a schema declares.
fn widen(converted: Converted, from: &Type, to: &Type) -> Option<Converted> {
    let Converted { values, mut bad } = converted;
    let values = match (from, to, values) {
        (Type::Int, Type::Float, Values::I64(v)) => Values::F64(v.iter().map(|x| *x as f64).collect()),
        (Type::Int, Type::Decimal { precision, scale }, Values::I64(v)) => {
            Values::I128(rescale(v.iter().map(|x| i128::from(*x)), *precision, *scale, &mut bad)?)
        }
        (Type::Decimal { scale: old, .. }, Type::Decimal { precision, scale }, Values::I128(v)) => {
            Values::I128(rescale(v.iter().copied(), *precision, scale.checked_sub(*old)?, &mut bad)?)
        }
        _ => return None,
    };
    Some(Converted { values, bad })
}

fn rescale(
    values: impl Iterator<Item = i128>,
    precision: u8,
    digits: u8,
    bad: &mut Vec<u32>,
) -> Option<Vec<i128>> {
    let factor = 10i128.checked_pow(u32::from(digits))?;
    let limit = 10i128.checked_pow(u32::from(precision))?;
    let scaled = values.enumerate().map(|(row, x)| {
        x.checked_mul(factor).filter(|x| -limit < *x && *x < limit).unwrap_or_else(|| {
            bad.push(row as u32);
            0
        })
    });
    Some(scaled.collect())
}
