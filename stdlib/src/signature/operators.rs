//! The types of operators.
//!
//! Decimals: `+ -` keep the larger scale and one more digit in front; `*` adds the scales and the
//! digits; `//` gives whole numbers and `%` the larger scale. Precision is capped at 38; beyond
//! that a result is an overflow of its row. A product of more than 38 digits after the point has
//! no type.

use super::call::Call;
use super::widen::{INT_AS_DECIMAL, common_type};
use super::{Resolved, SignatureError};
use flow_ir::eval::PRECISION_MAX;
use flow_ir::{DataType, Function, Type};

/// The type of an operator call; `None` if the function is no operator.
pub(super) fn resolve(call: &Call<'_>) -> Option<Result<Resolved, SignatureError>> {
    use Function::*;
    Some(match call.function {
        Add | Subtract | Multiply | Divide | FloorDivide | Remainder => arithmetic(call),
        Power => power(call),
        Negate => negate(call),
        Not => call.count(1, 1).and_then(|()| call.strict(vec![call.take(0, &Type::Bool)?], Type::Bool)),
        Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual => comparison(call),
        Between => between(call),
        In => membership(call),
        Matches => matches(call),
        Index => index(call),
        _ => return None,
    })
}

fn arithmetic(call: &Call<'_>) -> Result<Resolved, SignatureError> {
    call.count(2, 2)?;
    let (a, b) = operand_kinds(call);
    let function = call.function;
    if let Some((a, b, result)) = number_operands(function, &a, &b).transpose_kind(call)? {
        return call.strict(vec![call.take(0, &a)?, call.take(1, &b)?], result);
    }
    match time_operands(function, &a, &b) {
        Some(result) => call.strict(vec![call.take(0, &a)?, call.take(1, &b)?], result),
        None => Err(cannot(call)),
    }
}

/// The operand kinds; a bare `null` takes the other's kind, and two of them count as ints.
fn operand_kinds(call: &Call<'_>) -> (Type, Type) {
    match (call.kind(0), call.kind(1)) {
        (Type::Null, Type::Null) => (Type::Int, Type::Int),
        (Type::Null, b) => (b.clone(), b.clone()),
        (a, Type::Null) => (a.clone(), a.clone()),
        (a, b) => (a.clone(), b.clone()),
    }
}

/// What two numbers widen to and give.
enum Numbers {
    /// The kinds of both operands and the result.
    Fit(Type, Type, Type),
    /// A decimal result with so many digits after the point.
    TooFine(u8),
    /// A decimal and a float.
    Mixed,
    /// Not two numbers.
    No,
}

impl Numbers {
    fn transpose_kind(self, call: &Call<'_>) -> Result<Option<(Type, Type, Type)>, SignatureError> {
        match self {
            Numbers::Fit(a, b, result) => Ok(Some((a, b, result))),
            Numbers::No => Ok(None),
            Numbers::TooFine(scale) => {
                let mut error = call.operands(&format!(
                    "this product would have {scale} digits after the point; a decimal has at most {PRECISION_MAX}"
                ));
                error.help = Some("round one side first: decimal(x, 38, 2)".to_owned());
                Err(error)
            }
            Numbers::Mixed => {
                let mut error = cannot(call);
                error.help = Some(
                    "a decimal is exact and a float is not: convert one, float(x) or decimal(x, 12, 2)"
                        .to_owned(),
                );
                Err(error)
            }
        }
    }
}

fn number_operands(function: Function, a: &Type, b: &Type) -> Numbers {
    match (a, b) {
        (Type::Int, Type::Int) => {
            let result = if function == Function::Divide { Type::Float } else { Type::Int };
            Numbers::Fit(Type::Int, Type::Int, result)
        }
        (Type::Int | Type::Float, Type::Int | Type::Float) => {
            Numbers::Fit(Type::Float, Type::Float, Type::Float)
        }
        (Type::Decimal { .. }, Type::Float) | (Type::Float, Type::Decimal { .. }) => Numbers::Mixed,
        (Type::Decimal { .. }, Type::Int) => decimal_operands(function, a, &INT_AS_DECIMAL),
        (Type::Int, Type::Decimal { .. }) => decimal_operands(function, &INT_AS_DECIMAL, b),
        (Type::Decimal { .. }, Type::Decimal { .. }) => decimal_operands(function, a, b),
        _ => Numbers::No,
    }
}

fn decimal_operands(function: Function, a: &Type, b: &Type) -> Numbers {
    let (Type::Decimal { precision: p, scale: s }, Type::Decimal { precision: q, scale: t }) = (a, b) else {
        return Numbers::No;
    };
    let result = match function {
        Function::Divide => Type::Float,
        Function::Multiply => {
            let scale = s + t;
            if scale > PRECISION_MAX {
                return Numbers::TooFine(scale);
            }
            Type::Decimal { precision: (p + q).min(PRECISION_MAX), scale }
        }
        // The quotient may be as large as the dividend in units of the divisor's last digit.
        Function::FloorDivide => Type::Decimal { precision: (p - s + t + 1).min(PRECISION_MAX), scale: 0 },
        // A remainder has the larger scale and is smaller than the divisor.
        Function::Remainder => {
            let scale = *s.max(t);
            Type::Decimal { precision: (q - t + scale).min(PRECISION_MAX), scale }
        }
        _ => {
            let scale = *s.max(t);
            let whole = (p - s).max(q - t) + 1;
            Type::Decimal { precision: (whole + scale).min(PRECISION_MAX), scale }
        }
    };
    Numbers::Fit(a.clone(), b.clone(), result)
}

/// The result of an operator on dates, timestamps and durations; the operands stay as they are.
fn time_operands(function: Function, a: &Type, b: &Type) -> Option<Type> {
    use Type::{Date, Duration, Int, Timestamp};
    Some(match (function, a, b) {
        (Function::Add | Function::Subtract, Duration, Duration) => Duration,
        (Function::Add, Timestamp, Duration) | (Function::Add, Duration, Timestamp) => Timestamp,
        (Function::Add, Date, Duration) | (Function::Add, Duration, Date) => Date,
        (Function::Subtract, Timestamp, Duration) => Timestamp,
        (Function::Subtract, Date, Duration) => Date,
        (Function::Subtract, Timestamp, Timestamp) | (Function::Subtract, Date, Date) => Duration,
        (Function::Multiply, Duration, Int) | (Function::Multiply, Int, Duration) => Duration,
        (Function::Divide, Duration, Duration) => Type::Float,
        _ => return None,
    })
}

/// The error of operands an arithmetic operator or comparison does not take.
fn cannot(call: &Call<'_>) -> SignatureError {
    let (a, b) = (call.kind(0), call.kind(1));
    let message = match call.function {
        Function::Add => format!("cannot add `{a}` and `{b}`"),
        Function::Subtract => format!("cannot subtract `{b}` from `{a}`"),
        Function::Multiply => format!("cannot multiply `{a}` by `{b}`"),
        Function::Divide | Function::FloorDivide | Function::Remainder => {
            format!("cannot divide `{a}` by `{b}`")
        }
        Function::Power => format!("cannot raise `{a}` to the power of `{b}`"),
        _ => format!("cannot compare `{a}` and `{b}`"),
    };
    let mut error = call.operands(&message);
    error.help = match (call.function, a, b) {
        (Function::Add, Type::String, _) | (Function::Add, _, Type::String) => {
            Some("to join texts, write f\"{a}{b}\"".to_owned())
        }
        (Function::Add | Function::Subtract, Type::Date | Type::Timestamp, Type::Int) => {
            Some("add a duration such as 7d, or use add_months(at, n)".to_owned())
        }
        (_, Type::Date, Type::Timestamp) | (_, Type::Timestamp, Type::Date) => {
            Some("convert one side: date(x) or timestamp(x)".to_owned())
        }
        (_, Type::String, other) | (_, other, Type::String) if other.is_numeric() => {
            let name = if let Type::Decimal { .. } = other { "decimal(12, 2)" } else { &other.to_string() };
            let convert = name.split('(').next().unwrap_or(name);
            Some(format!("if the text is always a number, convert it: {convert}(x)"))
        }
        _ => None,
    };
    error
}

fn power(call: &Call<'_>) -> Result<Resolved, SignatureError> {
    call.count(2, 2)?;
    let to_float = |i| call.take(i, &Type::Float).map_err(|_| cannot(call));
    call.strict(vec![to_float(0)?, to_float(1)?], Type::Float)
}

fn negate(call: &Call<'_>) -> Result<Resolved, SignatureError> {
    call.count(1, 1)?;
    let kind = match call.kind(0) {
        Type::Null => Type::Int,
        kind @ (Type::Int | Type::Float | Type::Decimal { .. } | Type::Duration) => kind.clone(),
        other => return Err(call.operands(&format!("cannot negate a `{other}`"))),
    };
    call.strict(vec![call.take(0, &kind)?], kind)
}

/// What two compared values widen to. Decimals of different scales compare as they are.
fn compared(call: &Call<'_>, i: usize, j: usize) -> Result<(DataType, DataType), SignatureError> {
    let (a, b) = (call.kind(i), call.kind(j));
    let (a, b) = match (a, b) {
        (Type::Decimal { .. }, Type::Decimal { .. }) => (a.clone(), b.clone()),
        (Type::Decimal { .. }, Type::Int) => (a.clone(), INT_AS_DECIMAL),
        (Type::Int, Type::Decimal { .. }) => (INT_AS_DECIMAL, b.clone()),
        _ => {
            let (a, b) = (DataType::required(a.clone()), DataType::required(b.clone()));
            let common = common_type(&a, &b).filter(|t| t.kind.is_ordered()).ok_or_else(|| cannot(call))?;
            (common.kind.clone(), common.kind)
        }
    };
    Ok((call.take(i, &a)?, call.take(j, &b)?))
}

fn comparison(call: &Call<'_>) -> Result<Resolved, SignatureError> {
    call.count(2, 2)?;
    let (a, b) = compared(call, 0, 1)?;
    call.strict(vec![a, b], Type::Bool)
}

fn between(call: &Call<'_>) -> Result<Resolved, SignatureError> {
    call.count(3, 3)?;
    let mut kind = DataType::required(call.kind(0).clone());
    for i in 1..3 {
        let bound = DataType::required(call.kind(i).clone());
        kind = common_type(&kind, &bound).filter(|t| t.kind.is_ordered()).ok_or_else(|| {
            call.operands(&format!("a `{}` cannot be in a range of `{}`", call.kind(0), call.kind(i)))
        })?;
    }
    // Decimals are compared as they are: widening one to 38 digits could overflow.
    let keep = |i: usize| match (call.kind(i), &kind.kind) {
        (own @ Type::Decimal { .. }, Type::Decimal { .. }) => call.take(i, own),
        (Type::Int, Type::Decimal { .. }) => call.take(i, &INT_AS_DECIMAL),
        _ => call.take(i, &kind.kind),
    };
    call.strict(vec![keep(0)?, keep(1)?, keep(2)?], Type::Bool)
}

fn membership(call: &Call<'_>) -> Result<Resolved, SignatureError> {
    call.count(2, 2)?;
    if *call.kind(1) == Type::Null {
        return call.strict(call.arguments.to_vec(), Type::Bool);
    }
    let (list, x) = call.take_element(1, 0)?;
    let nullable_element = call.element(1).is_some_and(|e| e.nullable);
    let mut resolved = call.strict(vec![x, list], Type::Bool)?;
    resolved.result.nullable |= nullable_element;
    Ok(resolved)
}

fn matches(call: &Call<'_>) -> Result<Resolved, SignatureError> {
    call.count(2, 2)?;
    let text = call.take(0, &Type::String)?;
    let pattern = call.take(1, &Type::Regex).map_err(|mut e| {
        if *call.kind(1) == Type::String {
            e.help =
                Some("a pattern is written r\"...\"; for literal text use contains(text, part)".to_owned());
        }
        e
    })?;
    call.strict(vec![text, pattern], Type::Bool)
}

fn index(call: &Call<'_>) -> Result<Resolved, SignatureError> {
    call.count(2, 2)?;
    let Some(element) = call.element(0) else {
        let mut error = call.operands(&format!("cannot take an element of a `{}`", call.kind(0)));
        if *call.kind(0) == Type::String {
            error.help = Some("for characters use slice(text, from, to)".to_owned());
        }
        return Err(error);
    };
    let list = call.take(0, call.kind(0))?;
    call.element_result(vec![list, call.take(1, &Type::Int)?], element)
}
