//! The operators on scalars: arithmetic, comparison, `not`, `between`.
//!
//! Integers, decimals, dates, timestamps and durations are checked for overflow. Floats follow
//! IEEE 754, except that a zero divisor is an error as it is for integers.

use super::decimal;
use super::malformed_plan;
use crate::error::{ErrorCode, EvalError};
use crate::function::Function;
use crate::text;
use crate::types::DataType;
use crate::value::Value;
use std::cmp::Ordering;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Applies a scalar operator to non-null operands; `None` if `function` is not one.
pub fn operator(function: Function, values: &[Value], result: &DataType) -> Option<Result<Value, EvalError>> {
    let outcome = match (function, values) {
        (
            Function::Equal
            | Function::NotEqual
            | Function::Less
            | Function::LessEqual
            | Function::Greater
            | Function::GreaterEqual,
            [a, b],
        ) => Ok(Value::Bool(compare(function, a.cmp(b)))),
        (Function::Between, [x, low, high]) => Ok(Value::Bool(x >= low && x <= high)),
        (Function::Not, [Value::Bool(a)]) => Ok(Value::Bool(!a)),
        (Function::Negate, [a]) => negate(a),
        (
            Function::Add
            | Function::Subtract
            | Function::Multiply
            | Function::Divide
            | Function::FloorDivide
            | Function::Remainder,
            [a, b],
        ) => arithmetic(function, a, b, result),
        (Function::Not | Function::Between, _) => Err(wrong_operands(function)),
        _ => return None,
    };
    Some(outcome)
}

/// Whether two values in the given order satisfy a comparison.
pub fn compare(function: Function, order: Ordering) -> bool {
    match function {
        Function::Equal => order.is_eq(),
        Function::NotEqual => order.is_ne(),
        Function::Less => order.is_lt(),
        Function::LessEqual => order.is_le(),
        Function::Greater => order.is_gt(),
        _ => order.is_ge(),
    }
}

fn arithmetic(function: Function, a: &Value, b: &Value, result: &DataType) -> Result<Value, EvalError> {
    match (a, b) {
        (Value::Int(x), Value::Int(y)) => int(function, *x, *y),
        (Value::Float(x), Value::Float(y)) => float(function, *x, *y).map(Value::Float),
        (Value::Decimal { .. }, Value::Decimal { .. }) => decimal::arithmetic(function, a, b, result),
        _ => time(function, a, b),
    }
}

fn int(function: Function, x: i64, y: i64) -> Result<Value, EvalError> {
    let outcome = match function {
        Function::Add => x.checked_add(y),
        Function::Subtract => x.checked_sub(y),
        Function::Multiply => x.checked_mul(y),
        Function::Divide => return float(function, x as f64, y as f64).map(Value::Float),
        _ if y == 0 => return Err(division_by_zero()),
        Function::FloorDivide => int_floor_divide(x, y),
        _ => int_remainder(x, y),
    };
    outcome.map(Value::Int).ok_or_else(|| does_not_fit(function, &Value::Int(x), &Value::Int(y), "int"))
}

/// `x // y`, rounded down; `None` where `y` is zero or the result does not fit.
pub fn int_floor_divide(x: i64, y: i64) -> Option<i64> {
    let quotient = x.checked_div(y)?;
    Some(if x % y != 0 && (x < 0) != (y < 0) { quotient - 1 } else { quotient })
}

/// `x % y`, with the sign of `y`; `None` where `y` is zero.
pub fn int_remainder(x: i64, y: i64) -> Option<i64> {
    if y == 0 {
        return None;
    }
    let remainder = x.wrapping_rem(y);
    Some(if remainder != 0 && (remainder < 0) != (y < 0) { remainder + y } else { remainder })
}

fn float(function: Function, x: f64, y: f64) -> Result<f64, EvalError> {
    Ok(match function {
        Function::Add => x + y,
        Function::Subtract => x - y,
        Function::Multiply => x * y,
        _ if y == 0.0 => return Err(division_by_zero()),
        Function::Divide => x / y,
        Function::FloorDivide => float_floor_divide(x, y),
        _ => float_remainder(x, y),
    })
}

/// `x % y` of floats: the exact remainder with the sign of `y` (`y` is not zero).
pub fn float_remainder(x: f64, y: f64) -> f64 {
    let remainder = x % y;
    if remainder == 0.0 {
        0.0f64.copysign(y)
    } else if (remainder < 0.0) != (y < 0.0) {
        remainder + y
    } else {
        remainder
    }
}

/// `x // y` of floats (`y` is not zero): the whole number next to `(x - x % y) / y`, so that
/// `1.0 // 0.1` is 9.0 and fits its remainder, where `floor(x / y)` would round up to 10.0.
pub fn float_floor_divide(x: f64, y: f64) -> f64 {
    let remainder = x % y;
    let mut quotient = (x - remainder) / y;
    if remainder != 0.0 && (remainder < 0.0) != (y < 0.0) {
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return 0.0f64.copysign(x / y);
    }
    let below = quotient.floor();
    if quotient - below > 0.5 { below + 1.0 } else { below }
}

fn negate(a: &Value) -> Result<Value, EvalError> {
    let (negated, kind) = match a {
        Value::Int(x) => (x.checked_neg().map(Value::Int), "int"),
        Value::Float(x) => return Ok(Value::Float(-x)),
        Value::Decimal { unscaled, scale } => {
            (unscaled.checked_neg().map(|unscaled| Value::Decimal { unscaled, scale: *scale }), "decimal")
        }
        Value::Duration(x) => (x.checked_neg().map(Value::Duration), "duration"),
        _ => return Err(wrong_operands(Function::Negate)),
    };
    negated.ok_or_else(|| {
        EvalError::new(ErrorCode::Overflow, format!("-({}) does not fit in {kind}", text::display(a)))
    })
}

/// Arithmetic on dates, timestamps and durations.
fn time(function: Function, a: &Value, b: &Value) -> Result<Value, EvalError> {
    let (outcome, kind) = match (function, a, b) {
        (Function::Add, Value::Duration(x), Value::Duration(y)) => {
            (x.checked_add(*y).map(Value::Duration), "duration")
        }
        (Function::Subtract, Value::Duration(x), Value::Duration(y)) => {
            (x.checked_sub(*y).map(Value::Duration), "duration")
        }
        (Function::Multiply, Value::Duration(x), Value::Int(y))
        | (Function::Multiply, Value::Int(x), Value::Duration(y)) => {
            (x.checked_mul(*y).map(Value::Duration), "duration")
        }
        (Function::Divide, Value::Duration(x), Value::Duration(y)) => {
            return float(function, *x as f64, *y as f64).map(Value::Float);
        }
        (Function::Add, Value::Timestamp(x), Value::Duration(y))
        | (Function::Add, Value::Duration(y), Value::Timestamp(x)) => {
            (x.checked_add(*y).map(Value::Timestamp), "timestamp")
        }
        (Function::Subtract, Value::Timestamp(x), Value::Duration(y)) => {
            (x.checked_sub(*y).map(Value::Timestamp), "timestamp")
        }
        (Function::Subtract, Value::Timestamp(x), Value::Timestamp(y)) => {
            (x.checked_sub(*y).map(Value::Duration), "duration")
        }
        (Function::Add, Value::Date(x), Value::Duration(y))
        | (Function::Add, Value::Duration(y), Value::Date(x)) => {
            (shift_date(*x, whole_days(*y)?, i64::checked_add), "date")
        }
        (Function::Subtract, Value::Date(x), Value::Duration(y)) => {
            (shift_date(*x, whole_days(*y)?, i64::checked_sub), "date")
        }
        (Function::Subtract, Value::Date(x), Value::Date(y)) => {
            ((i64::from(*x) - i64::from(*y)).checked_mul(DAY).map(Value::Duration), "duration")
        }
        _ => return Err(wrong_operands(function)),
    };
    outcome.ok_or_else(|| does_not_fit(function, a, b, kind))
}

fn shift_date(date: i32, days: i64, shift: fn(i64, i64) -> Option<i64>) -> Option<Value> {
    shift(i64::from(date), days).and_then(|d| i32::try_from(d).ok()).map(Value::Date)
}

/// The days of a duration that is added to a date: an error unless it is whole days, because a
/// date has no place for the rest.
pub fn whole_days(duration: i64) -> Result<i64, EvalError> {
    if duration % DAY == 0 {
        return Ok(duration / DAY);
    }
    let shown = text::display(&Value::Duration(duration));
    Err(EvalError::new(
        ErrorCode::Argument,
        format!("{shown} is not a whole number of days, so it cannot shift a date"),
    ))
}

/// The overflow error of a binary operator.
pub(super) fn does_not_fit(function: Function, a: &Value, b: &Value, kind: &str) -> EvalError {
    let (a, b) = (text::display(a), text::display(b));
    EvalError::new(ErrorCode::Overflow, format!("{a} {} {b} does not fit in {kind}", function.name()))
}

pub(super) fn division_by_zero() -> EvalError {
    EvalError::new(ErrorCode::DivisionByZero, "division by zero")
}

pub(super) fn wrong_operands(function: Function) -> EvalError {
    malformed_plan(&format!("`{}` got operands it does not take", function.name()))
}
