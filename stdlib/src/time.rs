//! Functions on dates, timestamps and durations. Timestamps are UTC; weeks start on Monday.

use crate::library::{Outcome, argument_error};
use crate::time_format::TimeFormat;
use flow_ir::text::civil::{
    Civil, DAY, HOUR, MINUTE, SECOND, civil_from_days, date_of_timestamp, days_from_civil, days_in_month,
    time_of_timestamp, weekday,
};
use flow_ir::text::{display, with_article};
use flow_ir::{ErrorCode, EvalError, Function, Type, Value};

pub(crate) fn call(function: Function, arguments: &[Value]) -> Outcome {
    use Value::{Date, Duration, Float, Int, String, Timestamp};
    Some(match (function, arguments) {
        (Function::Seconds, [Duration(x)]) => Ok(Float(seconds(*x))),
        (Function::Hour | Function::Minute | Function::Second, [Timestamp(x)]) => {
            Ok(Int(time_part(function, *x)))
        }
        (Function::Trunc, [Date(x), String(unit)]) => {
            Unit::parse(unit).and_then(|unit| truncate_date(i64::from(*x), unit)).map(|x| Date(x as i32))
        }
        (Function::Trunc, [Timestamp(x), String(unit)]) => {
            Unit::parse(unit).and_then(|unit| truncate_timestamp(*x, unit)).map(Timestamp)
        }
        (Function::FormatTime, [at @ (Date(_) | Timestamp(_)), String(format)]) => {
            TimeFormat::parse(format).map_err(argument_error).map(|format| {
                let (days, of_day) = moment(at);
                let mut out = std::string::String::new();
                format.write(&mut out, days, of_day);
                Value::string(out)
            })
        }
        (Function::AddMonths, [Date(x), Int(n)]) => add_months(i64::from(*x), *n)
            .and_then(|days| i32::try_from(days).ok())
            .map(Date)
            .ok_or_else(|| months_overflow(&Date(*x), *n, &Type::Date)),
        (Function::AddMonths, [Timestamp(x), Int(n)]) => add_months_to_timestamp(*x, *n)
            .map(Timestamp)
            .ok_or_else(|| months_overflow(&Timestamp(*x), *n, &Type::Timestamp)),
        (_, [at @ (Date(_) | Timestamp(_))]) => return date_part(function, moment(at).0).map(|x| Ok(Int(x))),
        _ => return None,
    })
}

/// The day of a date or timestamp and the microseconds into it.
fn moment(at: &Value) -> (i64, i64) {
    match at {
        Value::Date(x) => (i64::from(*x), 0),
        Value::Timestamp(x) => (date_of_timestamp(*x), x.rem_euclid(DAY)),
        _ => (0, 0),
    }
}

/// Seconds of a duration, as the nearest float.
pub(crate) fn seconds(duration: i64) -> f64 {
    // A plain quotient would round twice: the int beyond 53 bits, and the division.
    flow_ir::eval::decimal_to_float(i128::from(duration), 6)
}

/// `year`, `month`, `day` or `weekday` of a day; `None` for other functions.
pub(crate) fn date_part(function: Function, days: i64) -> Option<i64> {
    Some(match function {
        Function::Weekday => weekday(days),
        Function::Year => civil_from_days(days).year,
        Function::Month => i64::from(civil_from_days(days).month),
        Function::Day => i64::from(civil_from_days(days).day),
        _ => return None,
    })
}

/// `hour`, `minute` or `second` of a timestamp.
pub(crate) fn time_part(function: Function, timestamp: i64) -> i64 {
    let time = time_of_timestamp(timestamp);
    i64::from(match function {
        Function::Hour => time.hour,
        Function::Minute => time.minute,
        _ => time.second,
    })
}

/// What `trunc` cuts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Year,
    Quarter,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
}

/// Says in one sentence what is wrong with a unit of `trunc`, if anything is.
pub fn check_unit(unit: &str) -> Result<(), String> {
    Unit::parse(unit).map(|_| ()).map_err(|e| e.message)
}

impl Unit {
    pub(crate) fn parse(name: &str) -> Result<Self, EvalError> {
        Ok(match name {
            "year" => Unit::Year,
            "quarter" => Unit::Quarter,
            "month" => Unit::Month,
            "week" => Unit::Week,
            "day" => Unit::Day,
            "hour" => Unit::Hour,
            "minute" => Unit::Minute,
            "second" => Unit::Second,
            _ => {
                return Err(argument_error(format!(
                    "`{name}` is not one of year, quarter, month, week, day, hour, minute, second"
                )));
            }
        })
    }
}

/// The first day of the unit a day is in. Only days at the far end of the range have none.
pub(crate) fn truncate_date(days: i64, unit: Unit) -> Result<i64, EvalError> {
    let Civil { year, month, .. } = civil_from_days(days);
    let first = match unit {
        Unit::Year => days_from_civil(year, 1, 1),
        Unit::Quarter => days_from_civil(year, (month - 1) / 3 * 3 + 1, 1),
        Unit::Month => days_from_civil(year, month, 1),
        Unit::Week => days - weekday(days) + 1,
        Unit::Day | Unit::Hour | Unit::Minute | Unit::Second => days,
    };
    if first >= i64::from(i32::MIN) { Ok(first) } else { Err(trunc_overflow(&Type::Date)) }
}

/// The first microsecond of the unit a timestamp is in.
pub(crate) fn truncate_timestamp(timestamp: i64, unit: Unit) -> Result<i64, EvalError> {
    let whole = |unit: i64| timestamp.checked_sub(timestamp.rem_euclid(unit));
    let truncated = match unit {
        Unit::Second => whole(SECOND),
        Unit::Minute => whole(MINUTE),
        Unit::Hour => whole(HOUR),
        Unit::Day => whole(DAY),
        _ => truncate_date(date_of_timestamp(timestamp), unit)?.checked_mul(DAY),
    };
    truncated.ok_or_else(|| trunc_overflow(&Type::Timestamp))
}

fn trunc_overflow(ty: &Type) -> EvalError {
    let text = format!("the start of the unit does not fit in {}", with_article(ty));
    EvalError::new(ErrorCode::Overflow, text)
}

/// The same day so many months later, or the month's last; `None` far outside the calendar.
pub(crate) fn add_months(days: i64, n: i64) -> Option<i64> {
    let Civil { year, month, day } = civil_from_days(days);
    let months = year.checked_mul(12)?.checked_add(i64::from(month) - 1)?.checked_add(n)?;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) as u8 + 1);
    if year.unsigned_abs() > 10_000_000 {
        return None;
    }
    Some(days_from_civil(year, month, day.min(days_in_month(year, month))))
}

/// The same for a timestamp, which keeps its time of day.
pub(crate) fn add_months_to_timestamp(timestamp: i64, n: i64) -> Option<i64> {
    let days = add_months(date_of_timestamp(timestamp), n)?;
    crate::convert::to_timestamp((days, timestamp.rem_euclid(DAY)))
}

fn months_overflow(at: &Value, n: i64, ty: &Type) -> EvalError {
    let text = format!("add_months({}, {n}) does not fit in {ty}", display(at));
    EvalError::new(ErrorCode::Overflow, text)
}
