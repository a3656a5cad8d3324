//! Functions on numbers.
//!
//! What IEEE 754 rounds exactly (`sqrt`, `floor`, ...) is the machine's; everything else comes
//! from the bundled software library, so that a result has the same bits everywhere.

use crate::library::{Outcome, argument_error};
use flow_ir::eval::{
    PRECISION_MAX, decimal_fits, decimal_rescale, decimal_round_half_away, power_of_ten, round_float,
};
use flow_ir::text::display;
use flow_ir::{DataType, ErrorCode, EvalError, Function, Type, Value};

pub(crate) fn call(function: Function, arguments: &[Value], result: &DataType) -> Outcome {
    use Function::*;
    use Value::{Decimal, Float, Int};
    Some(match (function, arguments) {
        (Abs, [x]) => return abs(x),
        (Sign, [x]) => return sign(x),
        (Round | Floor | Ceil, [Int(x)]) => Ok(Int(*x)),
        (Round, [Int(x), Int(digits)]) => round_int(*x, *digits).map(Int),
        (Round, [Float(x)]) => Ok(Float(x.round())),
        (Round, [Float(x), Int(digits)]) => Ok(Float(round_float(*x, *digits))),
        (Floor, [Float(x)]) => Ok(Float(x.floor())),
        (Ceil, [Float(x)]) => Ok(Float(x.ceil())),
        (Round | Floor | Ceil, [Decimal { unscaled, scale }]) => {
            Ok(Decimal { unscaled: whole(function, *unscaled, *scale), scale: 0 })
        }
        (Round, [Decimal { unscaled, scale }, Int(digits)]) => {
            round_decimal(*unscaled, *scale, *digits, &result.kind)
        }
        (Sqrt | Exp | Ln | Log10 | Sin | Cos | Tan | Asin | Acos | Atan, [Float(x)]) => {
            float_function(function, *x).map(Float)
        }
        (Atan2, [Float(y), Float(x)]) => Ok(Float(libm::atan2(*y, *x))),
        (Power, [Float(x), Float(y)]) => power(*x, *y).map(Float),
        (IsNan, [Float(x)]) => Ok(Value::Bool(x.is_nan())),
        (Least, [first, rest @ ..]) => Ok(extreme(first, rest, |a, b| a < b)),
        (Greatest, [first, rest @ ..]) => Ok(extreme(first, rest, |a, b| a > b)),
        (WrappingAdd, [Int(x), Int(y)]) => Ok(Int(x.wrapping_add(*y))),
        (WrappingSub, [Int(x), Int(y)]) => Ok(Int(x.wrapping_sub(*y))),
        (WrappingMul, [Int(x), Int(y)]) => Ok(Int(x.wrapping_mul(*y))),
        _ => return None,
    })
}

fn abs(x: &Value) -> Outcome {
    let (outcome, kind) = match x {
        Value::Int(x) => (x.checked_abs().map(Value::Int), "int"),
        Value::Float(x) => (Some(Value::Float(x.abs())), "float"),
        Value::Decimal { unscaled, scale } => {
            (unscaled.checked_abs().map(|unscaled| Value::Decimal { unscaled, scale: *scale }), "decimal")
        }
        Value::Duration(x) => (x.checked_abs().map(Value::Duration), "duration"),
        _ => return None,
    };
    Some(outcome.ok_or_else(|| {
        EvalError::new(ErrorCode::Overflow, format!("abs({}) does not fit in {kind}", display(x)))
    }))
}

fn sign(x: &Value) -> Outcome {
    Some(Ok(match x {
        Value::Int(x) | Value::Duration(x) => Value::Int(x.signum()),
        Value::Float(x) => Value::Float(float_sign(*x)),
        Value::Decimal { unscaled, .. } => Value::Int(unscaled.signum() as i64),
        _ => return None,
    }))
}

/// -1, 0 or 1 as a float; NaN of NaN.
pub(crate) fn float_sign(x: f64) -> f64 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else if x.is_nan() {
        f64::NAN
    } else {
        0.0
    }
}

/// `round(x, digits)` of an int: only negative digits change anything.
pub(crate) fn round_int(x: i64, digits: i64) -> Result<i64, EvalError> {
    if digits >= 0 {
        return Ok(x);
    }
    let rounded = u8::try_from(-digits.max(-64)).ok().map_or(0, |cleared| {
        let quotient = decimal_round_half_away(i128::from(x), cleared);
        power_of_ten(cleared).map_or(0, |power| quotient * power)
    });
    i64::try_from(rounded)
        .map_err(|_| EvalError::new(ErrorCode::Overflow, format!("round({x}, {digits}) does not fit in int")))
}

/// A decimal without its digits after the point.
pub(crate) fn whole(function: Function, unscaled: i128, scale: u8) -> i128 {
    let power = power_of_ten(scale).unwrap_or(i128::MAX);
    match function {
        Function::Round => decimal_round_half_away(unscaled, scale),
        Function::Floor => unscaled.div_euclid(power),
        _ => unscaled.div_euclid(power) + i128::from(unscaled.rem_euclid(power) != 0),
    }
}

/// `round(x, digits)` of a decimal, at the scale it had.
pub(crate) fn round_decimal_unscaled(unscaled: i128, scale: u8, digits: i64, precision: u8) -> Option<i128> {
    let cleared = i64::from(scale).saturating_sub(digits);
    if cleared <= 0 {
        return Some(unscaled);
    }
    let Some(cleared) = u8::try_from(cleared).ok().filter(|c| *c <= PRECISION_MAX) else { return Some(0) };
    let rounded = decimal_round_half_away(unscaled, cleared);
    decimal_rescale(rounded, 0, cleared).filter(|u| decimal_fits(*u, precision))
}

fn round_decimal(unscaled: i128, scale: u8, digits: i64, result: &Type) -> Result<Value, EvalError> {
    let precision = if let Type::Decimal { precision, .. } = result { *precision } else { PRECISION_MAX };
    match round_decimal_unscaled(unscaled, scale, digits, precision) {
        Some(unscaled) => Ok(Value::Decimal { unscaled, scale }),
        None => {
            let x = display(&Value::Decimal { unscaled, scale });
            Err(EvalError::new(ErrorCode::Overflow, format!("round({x}, {digits}) does not fit in {result}")))
        }
    }
}

/// A function of one float.
pub(crate) fn float_function(function: Function, x: f64) -> Result<f64, EvalError> {
    Ok(match function {
        Function::Sqrt if x < 0.0 => return Err(undefined("sqrt", x)),
        Function::Sqrt => x.sqrt(),
        Function::Exp => libm::exp(x),
        Function::Ln | Function::Log10 if x <= 0.0 => return Err(undefined(function.name(), x)),
        Function::Ln => libm::log(x),
        Function::Log10 => libm::log10(x),
        Function::Sin => libm::sin(x),
        Function::Cos => libm::cos(x),
        Function::Asin | Function::Acos if x.abs() > 1.0 => return Err(undefined(function.name(), x)),
        Function::Asin => libm::asin(x),
        Function::Acos => libm::acos(x),
        Function::Atan => libm::atan(x),
        _ => libm::tan(x),
    })
}

/// `x ** y`. Zero to a negative power is a division by zero; a negative number to a broken power
/// is undefined.
pub(crate) fn power(x: f64, y: f64) -> Result<f64, EvalError> {
    if x == 0.0 && y < 0.0 {
        return Err(EvalError::new(ErrorCode::DivisionByZero, "division by zero"));
    }
    if x < 0.0 && x.is_finite() && y.is_finite() && y.fract() != 0.0 {
        let (x, y) = (display(&Value::Float(x)), display(&Value::Float(y)));
        return Err(argument_error(format!("{x} ** {y} is not defined")));
    }
    Ok(libm::pow(x, y))
}

fn undefined(name: &str, x: f64) -> EvalError {
    argument_error(format!("{name}({}) is not defined", display(&Value::Float(x))))
}

/// The first of the values that no other is better than.
fn extreme(first: &Value, rest: &[Value], better: impl Fn(&Value, &Value) -> bool) -> Value {
    rest.iter().fold(first, |best, x| if better(x, best) { x } else { best }).clone()
}
