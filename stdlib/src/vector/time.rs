//! Calendar functions over columns of dates, timestamps and durations.

use super::argument::{
    Argument, float_column, int_column, strict, sure_text_column, try_fill, try_int_column,
};
use super::{VectorFunction, by_rows};
use crate::time::{
    Unit, add_months, add_months_to_timestamp, date_part, seconds, time_part, truncate_date,
    truncate_timestamp,
};
use crate::time_format::TimeFormat;
use crate::zone::Zone;
use flow_ir::text::civil::{DAY, date_of_timestamp};
use flow_ir::{Column, DataType, ErrorCode, Function, Type, Values};

pub(super) fn vectorized(function: Function, arguments: &[Type]) -> Option<VectorFunction> {
    use Function::*;
    use Type::{Date, Duration, Int, Null, String, Timestamp};
    Some(match (function, arguments) {
        (Year, [Date | Timestamp]) => |a, n, r| part_of_date(Year, a, n, r),
        (Month, [Date | Timestamp]) => |a, n, r| part_of_date(Month, a, n, r),
        (Day, [Date | Timestamp]) => |a, n, r| part_of_date(Day, a, n, r),
        (Weekday, [Date | Timestamp]) => |a, n, r| part_of_date(Weekday, a, n, r),
        (Hour, [Timestamp]) => |a, n, r| part_of_time(Hour, a, n, r),
        (Minute, [Timestamp]) => |a, n, r| part_of_time(Minute, a, n, r),
        (Second, [Timestamp]) => |a, n, r| part_of_time(Second, a, n, r),
        (Seconds, [Duration]) => seconds_of,
        (Trunc, [Date | Timestamp, String]) => truncate,
        (FormatTime, [Date | Timestamp, String]) => format,
        (AddMonths, [Date | Timestamp, Int | Null]) => shift_months,
        (AtZone, [Timestamp, String]) => |a, n, r| convert_zone(AtZone, a, n, r),
        (FromZone, [Timestamp, String]) => |a, n, r| convert_zone(FromZone, a, n, r),
        _ => return None,
    })
}

fn part_of_date(function: Function, arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let (Some(at), [argument]) = (arguments.first().and_then(Argument::ints), arguments) else {
        return by_rows(function, arguments, rows, result);
    };
    let status = strict(arguments, rows);
    let part = |days| date_part(function, days).unwrap_or(0);
    if argument.is_timestamp() {
        int_column(status, rows, |row| part(date_of_timestamp(at.get(row))))
    } else {
        int_column(status, rows, |row| part(at.get(row)))
    }
}

fn part_of_time(function: Function, arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    match arguments.first().and_then(Argument::ints) {
        Some(at) => int_column(strict(arguments, rows), rows, |row| time_part(function, at.get(row))),
        None => by_rows(function, arguments, rows, result),
    }
}

fn seconds_of(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    match arguments.first().and_then(Argument::ints) {
        Some(x) => float_column(strict(arguments, rows), rows, |row| seconds(x.get(row))),
        None => by_rows(Function::Seconds, arguments, rows, result),
    }
}

fn truncate(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let unit = arguments.get(1).and_then(Argument::constant_text).and_then(|u| Unit::parse(u).ok());
    let (Some(unit), Some(first)) = (unit, arguments.first()) else {
        return by_rows(Function::Trunc, arguments, rows, result);
    };
    let Some(at) = first.ints() else { return by_rows(Function::Trunc, arguments, rows, result) };
    let status = strict(arguments, rows);
    if first.is_timestamp() {
        try_int_column(status, rows, ErrorCode::Overflow, |row| truncate_timestamp(at.get(row), unit).ok())
    } else {
        try_int_column(status, rows, ErrorCode::Overflow, |row| truncate_date(at.get(row), unit).ok())
    }
}

fn format(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let format = arguments.get(1).and_then(Argument::constant_text).and_then(|f| TimeFormat::parse(f).ok());
    let (Some(format), Some(first)) = (format, arguments.first()) else {
        return by_rows(Function::FormatTime, arguments, rows, result);
    };
    let Some(at) = first.ints() else { return by_rows(Function::FormatTime, arguments, rows, result) };
    let is_timestamp = first.is_timestamp();
    sure_text_column(strict(arguments, rows), rows, |row, out| {
        let at = at.get(row);
        if is_timestamp {
            format.write(out, date_of_timestamp(at), at.rem_euclid(DAY));
        } else {
            format.write(out, at, 0);
        }
    })
}

fn convert_zone(function: Function, arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let zone = arguments.get(1).and_then(Argument::constant_text).and_then(|name| Zone::find(name).ok());
    let (Some(zone), Some(at)) = (zone, arguments.first().and_then(Argument::ints)) else {
        return by_rows(function, arguments, rows, result);
    };
    let (values, status) = try_fill(strict(arguments, rows), rows, |row| {
        zone.convert(function, at.get(row)).map_err(|e| e.code as u8)
    });
    Column { values: Values::I64(values), status }
}

fn shift_months(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let (Some(first), Some(n)) = (arguments.first(), arguments.get(1).and_then(Argument::ints)) else {
        return by_rows(Function::AddMonths, arguments, rows, result);
    };
    let Some(at) = first.ints() else { return by_rows(Function::AddMonths, arguments, rows, result) };
    let is_timestamp = first.is_timestamp();
    try_int_column(strict(arguments, rows), rows, ErrorCode::Overflow, |row| {
        if is_timestamp {
            add_months_to_timestamp(at.get(row), n.get(row))
        } else {
            add_months(at.get(row), n.get(row)).filter(|days| i32::try_from(*days).is_ok())
        }
    })
}
