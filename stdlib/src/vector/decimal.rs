//! Decimal arithmetic, comparison and rounding over columns.

use super::argument::{Argument, Numbers, bool_column, int_column, strict, try_decimal_column, try_fill};
use super::{VectorFunction, by_rows};
use crate::list::hash_decimal;
use crate::number::{round_decimal_unscaled, whole};
use flow_ir::eval::{
    PRECISION_MAX, compare, decimal_fits, decimal_operation, decimal_quotient, power_of_ten,
};
use flow_ir::value::decimal_order;
use flow_ir::{Column, DataType, ErrorCode, Function, Type, Values};

pub(super) fn vectorized(function: Function, arguments: &[Type]) -> Option<VectorFunction> {
    use Function::*;
    use Type::{Decimal, Int, Null};
    Some(match (function, arguments) {
        (Add, [Decimal { .. }, Decimal { .. }]) => |a, n, r| arithmetic(Add, a, n, r),
        (Subtract, [Decimal { .. }, Decimal { .. }]) => |a, n, r| arithmetic(Subtract, a, n, r),
        (Multiply, [Decimal { .. }, Decimal { .. }]) => |a, n, r| arithmetic(Multiply, a, n, r),
        (FloorDivide, [Decimal { .. }, Decimal { .. }]) => |a, n, r| arithmetic(FloorDivide, a, n, r),
        (Remainder, [Decimal { .. }, Decimal { .. }]) => |a, n, r| arithmetic(Remainder, a, n, r),
        (Divide, [Decimal { .. }, Decimal { .. }]) => divide,
        (Negate, [Decimal { .. }]) => |a, n, r| unary(Negate, i128::checked_neg, a, n, r),
        (Abs, [Decimal { .. }]) => |a, n, r| unary(Abs, i128::checked_abs, a, n, r),
        (Equal, [Decimal { .. }, Decimal { .. }]) => |a, n, r| comparison(Equal, a, n, r),
        (NotEqual, [Decimal { .. }, Decimal { .. }]) => |a, n, r| comparison(NotEqual, a, n, r),
        (Less, [Decimal { .. }, Decimal { .. }]) => |a, n, r| comparison(Less, a, n, r),
        (LessEqual, [Decimal { .. }, Decimal { .. }]) => |a, n, r| comparison(LessEqual, a, n, r),
        (Greater, [Decimal { .. }, Decimal { .. }]) => |a, n, r| comparison(Greater, a, n, r),
        (GreaterEqual, [Decimal { .. }, Decimal { .. }]) => |a, n, r| comparison(GreaterEqual, a, n, r),
        (Between, [Decimal { .. }, Decimal { .. }, Decimal { .. }]) => between,
        (Round, [Decimal { .. }]) => |a, n, r| to_whole(Round, a, n, r),
        (Floor, [Decimal { .. }]) => |a, n, r| to_whole(Floor, a, n, r),
        (Ceil, [Decimal { .. }]) => |a, n, r| to_whole(Ceil, a, n, r),
        (Round, [Decimal { .. }, Int | Null]) => round,
        (Sign, [Decimal { .. }]) => sign,
        (Hash, [Decimal { .. }]) => hash,
        _ => return None,
    })
}

/// A decimal argument and its scale.
type Scaled<'a> = (Numbers<'a, i128>, u8);

fn two<'a>(arguments: &[Argument<'a>]) -> Option<(Scaled<'a>, Scaled<'a>)> {
    match arguments {
        [a, b] => Some((a.decimals()?, b.decimals()?)),
        _ => None,
    }
}

fn arithmetic(function: Function, arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let Some(((x, s), (y, t))) = two(arguments) else { return by_rows(function, arguments, rows, result) };
    let precision = match result.kind {
        Type::Decimal { precision, .. } => precision,
        _ => PRECISION_MAX,
    };
    let limit = power_of_ten(precision).unwrap_or(i128::MAX);
    let status = strict(arguments, rows);
    let sum: Option<fn(i128, i128) -> Option<i128>> = match function {
        Function::Add => Some(i128::checked_add),
        Function::Subtract => Some(i128::checked_sub),
        _ => None,
    };
    if let (Some(sum), true) = (sum, s == t) {
        return try_decimal_column(status, rows, ErrorCode::Overflow, |row| {
            sum(x.get(row), y.get(row)).filter(|u| -limit < *u && *u < limit)
        });
    }
    let divides = matches!(function, Function::FloorDivide | Function::Remainder);
    let (values, status) = try_fill(status, rows, |row| {
        if divides && y.get(row) == 0 {
            return Err(ErrorCode::DivisionByZero as u8);
        }
        match decimal_operation(function, (x.get(row), s), (y.get(row), t)) {
            Some((unscaled, _)) if decimal_fits(unscaled, precision) => Ok(unscaled),
            _ => Err(ErrorCode::Overflow as u8),
        }
    });
    Column { values: Values::I128(values), status }
}

fn divide(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let Some(((x, s), (y, t))) = two(arguments) else {
        return by_rows(Function::Divide, arguments, rows, result);
    };
    let (values, status) = try_fill(strict(arguments, rows), rows, |row| match y.get(row) {
        0 => Err(ErrorCode::DivisionByZero as u8),
        y => Ok(decimal_quotient((x.get(row), s), (y, t))),
    });
    Column { values: Values::F64(values), status }
}

fn unary(
    function: Function,
    f: fn(i128) -> Option<i128>,
    arguments: &[Argument<'_>],
    rows: usize,
    result: &DataType,
) -> Column {
    match arguments.first().and_then(Argument::decimals) {
        Some((x, _)) => {
            try_decimal_column(strict(arguments, rows), rows, ErrorCode::Overflow, |row| f(x.get(row)))
        }
        None => by_rows(function, arguments, rows, result),
    }
}

fn comparison(function: Function, arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let Some(((x, s), (y, t))) = two(arguments) else { return by_rows(function, arguments, rows, result) };
    bool_column(strict(arguments, rows), rows, |row| {
        compare(function, decimal_order(x.get(row), s, y.get(row), t))
    })
}

fn between(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let [x, low, high] = arguments else { return by_rows(Function::Between, arguments, rows, result) };
    let (Some((x, s)), Some((low, l)), Some((high, h))) = (x.decimals(), low.decimals(), high.decimals())
    else {
        return by_rows(Function::Between, arguments, rows, result);
    };
    bool_column(strict(arguments, rows), rows, |row| {
        let x = x.get(row);
        decimal_order(x, s, low.get(row), l).is_ge() && decimal_order(x, s, high.get(row), h).is_le()
    })
}

fn to_whole(function: Function, arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    match arguments.first().and_then(Argument::decimals) {
        Some((x, scale)) => {
            let code = ErrorCode::Overflow;
            try_decimal_column(strict(arguments, rows), rows, code, |row| {
                Some(whole(function, x.get(row), scale))
            })
        }
        None => by_rows(function, arguments, rows, result),
    }
}

fn round(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let (Some((x, scale)), Some(digits), Type::Decimal { precision, .. }) = (
        arguments.first().and_then(Argument::decimals),
        arguments.get(1).and_then(Argument::ints),
        &result.kind,
    ) else {
        return by_rows(Function::Round, arguments, rows, result);
    };
    try_decimal_column(strict(arguments, rows), rows, ErrorCode::Overflow, |row| {
        round_decimal_unscaled(x.get(row), scale, digits.get(row), *precision)
    })
}

fn sign(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    match arguments.first().and_then(Argument::decimals) {
        Some((x, _)) => int_column(strict(arguments, rows), rows, |row| x.get(row).signum() as i64),
        None => by_rows(Function::Sign, arguments, rows, result),
    }
}

fn hash(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    match arguments.first().and_then(Argument::decimals) {
        Some((x, scale)) => {
            int_column(strict(arguments, rows), rows, |row| hash_decimal(x.get(row), scale) as i64)
        }
        None => by_rows(Function::Hash, arguments, rows, result),
    }
}
