//! Explicit conversions, and the texts of f-strings. A value that cannot be converted is an error.
//!
//! `int(x)` of a float or decimal drops the digits after the point; `decimal(x)` rounds halves away
//! from zero. Texts are read exactly as fields of files are.

use crate::format_number::NumberFormat;
use crate::library::{Outcome, argument_error};
use crate::text::{TEXT_BYTES_MAX, too_long};
use crate::time_format::TimeFormat;
use flow_ir::eval::{decimal_fits, decimal_rescale, decimal_to_float, float_to_decimal, power_of_ten};
use flow_ir::text::civil::{DAY, date_of_timestamp};
use flow_ir::text::{display, not_a, parse, push_value};
use flow_ir::{DataType, ErrorCode, EvalError, Function, Type, Value};

pub(crate) fn call(function: Function, arguments: &[Value], result: &DataType) -> Outcome {
    use Value::{Date, String, Timestamp};
    Some(match (function, arguments) {
        (Function::ToFloat | Function::ToDecimal, [Value::List(items)]) => {
            return widen_list(function, items, result);
        }
        (Function::ToInt, [x]) => return to_int(x),
        (Function::ToFloat, [x]) => return to_float(x),
        (Function::ToDecimal, [x]) => return to_decimal(x, &result.kind),
        (Function::ToString, [String(_)]) => Ok(arguments.first()?.clone()),
        (Function::ToString, [x]) => {
            let mut out = std::string::String::new();
            push_value(&mut out, x, &Type::Null);
            Ok(Value::string(out))
        }
        (Function::ToDate, [Date(x)]) => Ok(Date(*x)),
        (Function::ToDate, [Timestamp(x)]) => Ok(Date(date_of_timestamp(*x) as i32)),
        (Function::ToDate, [String(s)]) => from_text(s, &Type::Date),
        (Function::ToDate, [String(s), String(format)]) => {
            read_time(s, format, |f| f.read(s).map(|(days, _)| days).and_then(to_date).map(Date))
        }
        (Function::ToTimestamp, [Timestamp(x)]) => Ok(Timestamp(*x)),
        (Function::ToTimestamp, [Date(x)]) => midnight(*x).map(Timestamp),
        (Function::ToTimestamp, [String(s)]) => from_text(s, &Type::Timestamp),
        (Function::ToTimestamp, [String(s), String(format)]) => {
            read_time(s, format, |f| f.read(s).and_then(to_timestamp).map(Timestamp))
        }
        (Function::ToDuration, [Value::Duration(x)]) => Ok(Value::Duration(*x)),
        (Function::ToDuration, [String(s)]) => from_text(s, &Type::Duration),
        (Function::ToBytes, [String(s)]) => Ok(Value::Bytes(s.as_bytes().into())),
        (Function::Concat, pieces) => concat(pieces),
        (Function::FormatNumber, [x, String(spec)]) => format_number(x, spec),
        _ => return None,
    })
}

/// A text as a scalar of a type.
pub(crate) fn from_text(s: &str, ty: &Type) -> Result<Value, EvalError> {
    parse(s, ty).ok_or_else(|| not_a(s, ty, ErrorCode::Conversion))
}

fn does_not_fit(x: &Value, ty: &Type) -> EvalError {
    EvalError::new(ErrorCode::Conversion, format!("{} does not fit in {ty}", display(x)))
}

/// A float without its digits after the point, if an int holds that.
pub(crate) fn float_to_int(x: f64) -> Option<i64> {
    // Both bounds are exact floats; the upper is the first float too large.
    (x >= i64::MIN as f64 && x < -(i64::MIN as f64)).then_some(x as i64)
}

/// A decimal without its digits after the point, if an int holds that.
pub(crate) fn decimal_to_int(unscaled: i128, scale: u8) -> Option<i64> {
    i64::try_from(unscaled / power_of_ten(scale)?).ok()
}

fn to_int(x: &Value) -> Outcome {
    let converted = match x {
        Value::Int(x) => Some(*x),
        Value::Bool(x) => Some(i64::from(*x)),
        Value::Float(x) => float_to_int(*x),
        Value::Decimal { unscaled, scale } => decimal_to_int(*unscaled, *scale),
        Value::String(s) => return Some(from_text(s, &Type::Int)),
        _ => return None,
    };
    Some(converted.map(Value::Int).ok_or_else(|| does_not_fit(x, &Type::Int)))
}

fn to_float(x: &Value) -> Outcome {
    Some(match x {
        Value::Int(x) => Ok(Value::Float(*x as f64)),
        Value::Float(x) => Ok(Value::Float(*x)),
        Value::Decimal { unscaled, scale } => Ok(Value::Float(decimal_to_float(*unscaled, *scale))),
        Value::String(s) => from_text(s, &Type::Float),
        _ => return None,
    })
}

/// An unscaled decimal at another scale, if the precision holds it.
pub(crate) fn fit_decimal(unscaled: i128, from: u8, precision: u8, scale: u8) -> Option<i128> {
    decimal_rescale(unscaled, from, scale).filter(|u| decimal_fits(*u, precision))
}

fn to_decimal(x: &Value, ty: &Type) -> Outcome {
    let Type::Decimal { precision, scale } = *ty else { return None };
    let converted = match x {
        Value::Int(x) => fit_decimal(i128::from(*x), 0, precision, scale),
        Value::Decimal { unscaled, scale: from } => fit_decimal(*unscaled, *from, precision, scale),
        Value::Float(x) => float_to_decimal(*x, scale).filter(|u| decimal_fits(*u, precision)),
        Value::String(s) => return Some(from_text(s, ty)),
        _ => return None,
    };
    let converted = converted.map(|unscaled| Value::Decimal { unscaled, scale });
    Some(converted.ok_or_else(|| does_not_fit(x, ty)))
}

/// The implicit widening of a list's elements; nulls among them stay.
fn widen_list(function: Function, items: &[Value], result: &DataType) -> Outcome {
    let Type::List(element) = &result.kind else { return None };
    let mut widened = Vec::with_capacity(items.len());
    for item in items {
        let outcome = match item {
            Value::Null => Ok(Value::Null),
            Value::List(items) => widen_list(function, items, element)?,
            x if function == Function::ToFloat => to_float(x)?,
            x => to_decimal(x, &element.kind)?,
        };
        match outcome {
            Ok(value) => widened.push(value),
            Err(error) => return Some(Err(error)),
        }
    }
    Some(Ok(Value::List(widened.into())))
}

/// A timestamp at the start of a day.
pub(crate) fn midnight(date: i32) -> Result<i64, EvalError> {
    i64::from(date).checked_mul(DAY).ok_or_else(|| does_not_fit(&Value::Date(date), &Type::Timestamp))
}

fn to_date(days: i64) -> Option<i32> {
    i32::try_from(days).ok()
}

/// A day and the microseconds into it as a timestamp.
pub(crate) fn to_timestamp((days, of_day): (i64, i64)) -> Option<i64> {
    i64::try_from(i128::from(days) * i128::from(DAY) + i128::from(of_day)).ok()
}

fn read_time(
    s: &str,
    format: &str,
    read: impl FnOnce(&TimeFormat) -> Option<Value>,
) -> Result<Value, EvalError> {
    let parsed = TimeFormat::parse(format).map_err(argument_error)?;
    read(&parsed).ok_or_else(|| {
        let shown = flow_ir::text::quoted(s);
        EvalError::new(ErrorCode::Conversion, format!("{shown} does not match the format `{format}`"))
    })
}

fn concat(pieces: &[Value]) -> Result<Value, EvalError> {
    let mut out = String::new();
    for piece in pieces {
        let Value::String(s) = piece else { return Err(crate::library::wrong_arguments(Function::Concat)) };
        out.push_str(s);
        if out.len() > TEXT_BYTES_MAX {
            return Err(too_long("an f-string"));
        }
    }
    Ok(Value::string(out))
}

fn format_number(x: &Value, spec: &str) -> Result<Value, EvalError> {
    let format = NumberFormat::parse(spec);
    let text = format.and_then(|f| f.apply(x));
    text.map(Value::string)
        .ok_or_else(|| argument_error(format!("`{spec}` is not a number format for {}", display(x))))
}
