//! Conversions over columns: texts to numbers and times, and back.

use super::argument::{
    Argument, Numbers, float_column, int_column, strict, sure_text_column, text_column, try_decimal_column,
    try_fill, try_int_column,
};
use super::{VectorFunction, by_rows};
use crate::convert::{decimal_to_int, fit_decimal, float_to_int, to_timestamp};
use crate::format_number::NumberFormat;
use crate::time_format::TimeFormat;
use flow_ir::eval::{decimal_fits, decimal_to_float, float_to_decimal};
use flow_ir::text::civil::{DAY, date_of_timestamp};
use flow_ir::text::{
    parse_date, parse_decimal, parse_float, parse_int, parse_timestamp, push_date, push_decimal,
    push_duration, push_float, push_int, push_timestamp,
};
use flow_ir::{Column, DataType, ErrorCode, Function, Type, Value, Values};

pub(super) fn vectorized(function: Function, arguments: &[Type]) -> Option<VectorFunction> {
    use Function::*;
    use Type::{Bool, Date, Decimal, Duration, Float, Int, Null, String, Timestamp};
    Some(match (function, arguments) {
        (ToInt, [String | Float | Decimal { .. } | Bool | Int]) => to_int,
        (ToFloat, [String | Float | Decimal { .. } | Int]) => to_float,
        (ToDecimal, [String | Float | Decimal { .. } | Int]) => to_decimal,
        (ToString, [String | Bool | Int | Float | Decimal { .. } | Date | Timestamp | Duration]) => to_string,
        (ToDate, [String | Date | Timestamp]) => to_date,
        (ToDate, [String, String]) => date_by_format,
        (ToTimestamp, [String | Date | Timestamp]) => to_timestamps,
        (ToTimestamp, [String, String]) => timestamp_by_format,
        (FormatNumber, [Int | Float | Decimal { .. }, String | Null]) => format_number,
        _ => return None,
    })
}

fn to_int(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let [x] = arguments else { return by_rows(Function::ToInt, arguments, rows, result) };
    let status = strict(arguments, rows);
    let column = |f: &mut dyn FnMut(usize) -> Option<i64>| {
        try_int_column(status.clone(), rows, ErrorCode::Conversion, f)
    };
    if let Some(texts) = x.texts() {
        return column(&mut |row| parse_int_bytes(texts.bytes(row)));
    }
    if let Some(x) = x.floats() {
        return column(&mut |row| float_to_int(x.get(row)));
    }
    if let Some((x, scale)) = x.decimals() {
        return column(&mut |row| decimal_to_int(x.get(row), scale));
    }
    if let Some(x) = x.bools() {
        return int_column(status, rows, |row| i64::from(x.get(row)));
    }
    match x.ints() {
        Some(x) => int_column(status, rows, |row| x.get(row)),
        None => by_rows(Function::ToInt, arguments, rows, result),
    }
}

/// An int from the bytes of a text, without a check for UTF-8: digits are ASCII.
fn parse_int_bytes(bytes: &[u8]) -> Option<i64> {
    const SURELY_FIT: usize = 18;
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, bytes),
    };
    if digits.is_empty() || digits.len() > SURELY_FIT {
        return std::str::from_utf8(bytes).ok().and_then(parse_int);
    }
    let mut value = 0i64;
    for b in digits {
        let digit = b.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(if negative { -value } else { value })
}

fn to_float(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let [x] = arguments else { return by_rows(Function::ToFloat, arguments, rows, result) };
    let status = strict(arguments, rows);
    if let Some(texts) = x.texts() {
        let code = ErrorCode::Conversion as u8;
        let (values, status) = try_fill(status, rows, |row| parse_float(texts.text(row)).ok_or(code));
        return Column { values: Values::F64(values), status };
    }
    if let Some((x, scale)) = x.decimals() {
        return float_column(status, rows, |row| decimal_to_float(x.get(row), scale));
    }
    if let Some(x) = x.ints() {
        return float_column(status, rows, |row| x.get(row) as f64);
    }
    match x.floats() {
        Some(x) => float_column(status, rows, |row| x.get(row)),
        None => by_rows(Function::ToFloat, arguments, rows, result),
    }
}

fn to_decimal(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let ([x], Type::Decimal { precision, scale }) = (arguments, &result.kind) else {
        return by_rows(Function::ToDecimal, arguments, rows, result);
    };
    let (precision, scale) = (*precision, *scale);
    let status = strict(arguments, rows);
    let column = |f: &mut dyn FnMut(usize) -> Option<i128>| {
        try_decimal_column(status.clone(), rows, ErrorCode::Conversion, f)
    };
    if let Some(texts) = x.texts() {
        return column(&mut |row| parse_decimal(texts.text(row), precision, scale));
    }
    if let Some((x, from)) = x.decimals() {
        return column(&mut |row| fit_decimal(x.get(row), from, precision, scale));
    }
    if let Some(x) = x.ints() {
        return column(&mut |row| fit_decimal(i128::from(x.get(row)), 0, precision, scale));
    }
    match x.floats() {
        Some(x) => {
            column(&mut |row| float_to_decimal(x.get(row), scale).filter(|u| decimal_fits(*u, precision)))
        }
        None => by_rows(Function::ToDecimal, arguments, rows, result),
    }
}

fn to_string(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let [x] = arguments else { return by_rows(Function::ToString, arguments, rows, result) };
    let status = strict(arguments, rows);
    if let Some(texts) = x.text_column(rows) {
        return Column { values: Values::Str(texts.into_owned()), status };
    }
    if let Some((x, scale)) = x.decimals() {
        return sure_text_column(status, rows, |row, out| push_decimal(out, x.get(row), scale));
    }
    if let Some(x) = x.floats() {
        return sure_text_column(status, rows, |row, out| push_float(out, x.get(row)));
    }
    if let Some(x) = x.bools() {
        return sure_text_column(status, rows, |row, out| {
            out.push_str(if x.get(row) != 0 { "true" } else { "false" });
        });
    }
    let push: fn(&mut String, i64) = match x {
        Argument::Column(_, Type::Date) | Argument::Constant(Value::Date(_)) => {
            |out, days| push_date(out, days as i32)
        }
        Argument::Column(_, Type::Timestamp) | Argument::Constant(Value::Timestamp(_)) => push_timestamp,
        Argument::Column(_, Type::Duration) | Argument::Constant(Value::Duration(_)) => push_duration,
        _ => push_int,
    };
    match x.ints() {
        Some(x) => sure_text_column(status, rows, |row, out| push(out, x.get(row))),
        None => by_rows(Function::ToString, arguments, rows, result),
    }
}

fn to_date(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let [x] = arguments else { return by_rows(Function::ToDate, arguments, rows, result) };
    let status = strict(arguments, rows);
    if let Some(texts) = x.texts() {
        return try_int_column(status, rows, ErrorCode::Conversion, |row| {
            parse_date(texts.text(row)).map(i64::from)
        });
    }
    match x.ints() {
        Some(x_values) if x.is_timestamp() => {
            int_column(status, rows, |row| date_of_timestamp(x_values.get(row)))
        }
        Some(x_values) => int_column(status, rows, |row| x_values.get(row)),
        None => by_rows(Function::ToDate, arguments, rows, result),
    }
}

fn to_timestamps(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let [x] = arguments else { return by_rows(Function::ToTimestamp, arguments, rows, result) };
    let status = strict(arguments, rows);
    if let Some(texts) = x.texts() {
        return try_int_column(status, rows, ErrorCode::Conversion, |row| parse_timestamp(texts.text(row)));
    }
    match x.ints() {
        Some(x_values) if x.is_timestamp() => int_column(status, rows, |row| x_values.get(row)),
        Some(x_values) => {
            try_int_column(status, rows, ErrorCode::Conversion, |row| x_values.get(row).checked_mul(DAY))
        }
        None => by_rows(Function::ToTimestamp, arguments, rows, result),
    }
}

fn date_by_format(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    by_format(Function::ToDate, arguments, rows, result, |(days, _)| i32::try_from(days).ok().map(i64::from))
}

fn timestamp_by_format(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    by_format(Function::ToTimestamp, arguments, rows, result, to_timestamp)
}

fn by_format(
    function: Function,
    arguments: &[Argument<'_>],
    rows: usize,
    result: &DataType,
    value: impl Fn((i64, i64)) -> Option<i64>,
) -> Column {
    let format = arguments.get(1).and_then(Argument::constant_text).and_then(|f| TimeFormat::parse(f).ok());
    let (Some(format), Some(texts)) = (format, arguments.first().and_then(Argument::texts)) else {
        return by_rows(function, arguments, rows, result);
    };
    try_int_column(strict(arguments, rows), rows, ErrorCode::Conversion, |row| {
        format.read(texts.text(row)).and_then(&value)
    })
}

fn format_number(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let format = arguments.get(1).and_then(Argument::constant_text).and_then(NumberFormat::parse);
    let (Some(format), Some(x)) = (format, arguments.first()) else {
        return by_rows(Function::FormatNumber, arguments, rows, result);
    };
    let numbers: Box<dyn Fn(usize) -> Value> = if let Some((x, scale)) = x.decimals() {
        Box::new(move |row| Value::Decimal { unscaled: x.get(row), scale })
    } else if let Some(x) = x.floats() {
        Box::new(move |row| Value::Float(x.get(row)))
    } else {
        let x = x.ints().unwrap_or(Numbers::Constant(0));
        Box::new(move |row| Value::Int(x.get(row)))
    };
    text_column(strict(arguments, rows), rows, |row, out| match format.apply(&numbers(row)) {
        Some(text) => {
            out.push_str(&text);
            Ok(())
        }
        None => Err(ErrorCode::Argument as u8),
    })
}
