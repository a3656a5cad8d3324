//! Functions on columns of ints and floats that generated loops do not compute.

use super::argument::{Argument, bool_column, float_column, int_column, strict, try_fill, try_int_column};
use super::{VectorFunction, by_rows};
use crate::list::{hash_float, hash_int};
use crate::number::{float_function, float_sign, power, round_int};
use flow_ir::eval::{float_floor_divide, float_remainder, round_float};
use flow_ir::value::float_order;
use flow_ir::{Column, DataType, ErrorCode, Function, Type, Values};

pub(super) fn vectorized(function: Function, arguments: &[Type]) -> Option<VectorFunction> {
    use Function::*;
    use Type::{Bool, Date, Duration, Float, Int, Timestamp};
    Some(match (function, arguments) {
        (Abs, [Int | Duration]) => abs,
        (Abs, [Float]) => |a, n, r| floats(Abs, f64::abs, a, n, r),
        (Round, [Float]) => |a, n, r| floats(Round, f64::round, a, n, r),
        (Floor, [Float]) => |a, n, r| floats(Floor, f64::floor, a, n, r),
        (Ceil, [Float]) => |a, n, r| floats(Ceil, f64::ceil, a, n, r),
        (Sign, [Float]) => |a, n, r| floats(Sign, float_sign, a, n, r),
        (Round, [Int]) => |a, n, r| ints(Round, |x| x, a, n, r),
        (Floor, [Int]) => |a, n, r| ints(Floor, |x| x, a, n, r),
        (Ceil, [Int]) => |a, n, r| ints(Ceil, |x| x, a, n, r),
        (Sign, [Int | Duration]) => |a, n, r| ints(Sign, i64::signum, a, n, r),
        (Round, [Float, Int]) => round_floats,
        (Round, [Int, Int]) => round_ints,
        (Sqrt, [Float]) => |a, n, r| partial(Sqrt, a, n, r),
        (Exp, [Float]) => |a, n, r| partial(Exp, a, n, r),
        (Ln, [Float]) => |a, n, r| partial(Ln, a, n, r),
        (Log10, [Float]) => |a, n, r| partial(Log10, a, n, r),
        (Sin, [Float]) => |a, n, r| partial(Sin, a, n, r),
        (Cos, [Float]) => |a, n, r| partial(Cos, a, n, r),
        (Tan, [Float]) => |a, n, r| partial(Tan, a, n, r),
        (Asin, [Float]) => |a, n, r| partial(Asin, a, n, r),
        (Acos, [Float]) => |a, n, r| partial(Acos, a, n, r),
        (Atan, [Float]) => |a, n, r| partial(Atan, a, n, r),
        (Atan2, [Float, Float]) => angles,
        (IsNan, [Float]) => is_nan,
        (Power, [Float, Float]) => powers,
        (FloorDivide, [Float, Float]) => |a, n, r| divide(FloorDivide, float_floor_divide, a, n, r),
        (Remainder, [Float, Float]) => |a, n, r| divide(Remainder, float_remainder, a, n, r),
        (Least, all) if same(all, &Float) => |a, n, r| extreme_floats(Least, a, n, r),
        (Greatest, all) if same(all, &Float) => |a, n, r| extreme_floats(Greatest, a, n, r),
        (Least, all) if all.first().is_some_and(|t| t.is_i64() && same(all, t)) => {
            |a, n, r| extreme_ints(Least, a, n, r)
        }
        (Greatest, all) if all.first().is_some_and(|t| t.is_i64() && same(all, t)) => {
            |a, n, r| extreme_ints(Greatest, a, n, r)
        }
        (Hash, [Int | Date | Timestamp | Duration]) => |a, n, r| ints(Hash, |x| hash_int(x) as i64, a, n, r),
        (Hash, [Float]) => hash_floats,
        (Hash, [Bool]) => hash_bools,
        _ => return None,
    })
}

fn same(all: &[Type], ty: &Type) -> bool {
    !all.is_empty() && all.iter().all(|t| t == ty)
}

fn floats(
    function: Function,
    f: impl Fn(f64) -> f64,
    arguments: &[Argument<'_>],
    rows: usize,
    result: &DataType,
) -> Column {
    match arguments {
        [x] if x.floats().is_some() => {
            let x = x.floats();
            float_column(strict(arguments, rows), rows, |row| x.map_or(0.0, |x| f(x.get(row))))
        }
        _ => by_rows(function, arguments, rows, result),
    }
}

fn ints(
    function: Function,
    f: impl Fn(i64) -> i64,
    arguments: &[Argument<'_>],
    rows: usize,
    result: &DataType,
) -> Column {
    match arguments.first().and_then(Argument::ints) {
        Some(x) => int_column(strict(arguments, rows), rows, |row| f(x.get(row))),
        None => by_rows(function, arguments, rows, result),
    }
}

fn abs(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    match arguments.first().and_then(Argument::ints) {
        Some(x) => {
            let code = ErrorCode::Overflow;
            try_int_column(strict(arguments, rows), rows, code, |row| x.get(row).checked_abs())
        }
        None => by_rows(Function::Abs, arguments, rows, result),
    }
}

fn partial(function: Function, arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let Some(x) = arguments.first().and_then(Argument::floats) else {
        return by_rows(function, arguments, rows, result);
    };
    try_floats(arguments, rows, |row| float_function(function, x.get(row)).map_err(|e| e.code as u8))
}

fn try_floats(arguments: &[Argument<'_>], rows: usize, f: impl FnMut(usize) -> Result<f64, u8>) -> Column {
    let (values, status) = try_fill(strict(arguments, rows), rows, f);
    Column { values: Values::F64(values), status }
}

fn powers(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let operands =
        (arguments.first().and_then(Argument::floats), arguments.get(1).and_then(Argument::floats));
    let (Some(x), Some(y)) = operands else { return by_rows(Function::Power, arguments, rows, result) };
    try_floats(arguments, rows, |row| power(x.get(row), y.get(row)).map_err(|e| e.code as u8))
}

fn angles(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let operands =
        (arguments.first().and_then(Argument::floats), arguments.get(1).and_then(Argument::floats));
    let (Some(y), Some(x)) = operands else { return by_rows(Function::Atan2, arguments, rows, result) };
    float_column(strict(arguments, rows), rows, |row| libm::atan2(y.get(row), x.get(row)))
}

fn divide(
    function: Function,
    f: impl Fn(f64, f64) -> f64,
    arguments: &[Argument<'_>],
    rows: usize,
    result: &DataType,
) -> Column {
    let operands =
        (arguments.first().and_then(Argument::floats), arguments.get(1).and_then(Argument::floats));
    let (Some(x), Some(y)) = operands else { return by_rows(function, arguments, rows, result) };
    try_floats(arguments, rows, |row| match y.get(row) {
        0.0 => Err(ErrorCode::DivisionByZero as u8),
        y => Ok(f(x.get(row), y)),
    })
}

fn round_floats(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let operands = (arguments.first().and_then(Argument::floats), arguments.get(1).and_then(Argument::ints));
    let (Some(x), Some(digits)) = operands else { return by_rows(Function::Round, arguments, rows, result) };
    float_column(strict(arguments, rows), rows, |row| round_float(x.get(row), digits.get(row)))
}

fn round_ints(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let operands = (arguments.first().and_then(Argument::ints), arguments.get(1).and_then(Argument::ints));
    let (Some(x), Some(digits)) = operands else { return by_rows(Function::Round, arguments, rows, result) };
    try_int_column(strict(arguments, rows), rows, ErrorCode::Overflow, |row| {
        round_int(x.get(row), digits.get(row)).ok()
    })
}

fn is_nan(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    match arguments.first().and_then(Argument::floats) {
        Some(x) => bool_column(strict(arguments, rows), rows, |row| x.get(row).is_nan()),
        None => by_rows(Function::IsNan, arguments, rows, result),
    }
}

fn extreme_floats(function: Function, arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let Some(all) = arguments.iter().map(Argument::floats).collect::<Option<Vec<_>>>() else {
        return by_rows(function, arguments, rows, result);
    };
    let least = function == Function::Least;
    float_column(strict(arguments, rows), rows, |row| {
        let better = |best: f64, x: f64| {
            let order = float_order(x, best);
            if if least { order.is_lt() } else { order.is_gt() } { x } else { best }
        };
        all.iter().map(|x| x.get(row)).reduce(better).unwrap_or(0.0)
    })
}

fn extreme_ints(function: Function, arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let Some(all) = arguments.iter().map(Argument::ints).collect::<Option<Vec<_>>>() else {
        return by_rows(function, arguments, rows, result);
    };
    let better = if function == Function::Least { i64::min } else { i64::max };
    int_column(strict(arguments, rows), rows, |row| {
        all.iter().map(|x| x.get(row)).reduce(better).unwrap_or(0)
    })
}

fn hash_floats(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    match arguments.first().and_then(Argument::floats) {
        Some(x) => int_column(strict(arguments, rows), rows, |row| hash_float(x.get(row)) as i64),
        None => by_rows(Function::Hash, arguments, rows, result),
    }
}

fn hash_bools(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    match arguments.first().and_then(Argument::bools) {
        Some(x) => {
            int_column(strict(arguments, rows), rows, |row| hash_int(i64::from(x.get(row) != 0)) as i64)
        }
        None => by_rows(Function::Hash, arguments, rows, result),
    }
}
