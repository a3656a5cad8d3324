//! The functions over whole columns: what the engine calls where generated loops cannot help.
//!
//! A vector function computes, row by row, exactly what the interpreter would ([`by_rows`] *is* the
//! interpreter): the leftmost error among the arguments, else null if one is null, else the scalar
//! function's value or error code. Rows that are not valid hold zeros and empty views.

mod argument;
mod convert;
mod decimal;
mod number;
mod split;
mod text_case;
mod text_map;
mod text_test;
mod time;

pub use argument::Argument;
pub use split::{split_each, split_part};

use crate::library;
use flow_ir::column::{ColumnBuilder, NULL};
use flow_ir::eval::apply;
use flow_ir::{Column, DataType, Function, Type, Value};

/// A function over `rows` rows of its arguments, giving a column of the type.
pub type VectorFunction = fn(arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column;

/// The vector function for arguments of these types; `None` where there is only the interpreter.
pub fn vectorized(function: Function, arguments: &[Type]) -> Option<VectorFunction> {
    text_test::vectorized(function, arguments)
        .or_else(|| text_map::vectorized(function, arguments))
        .or_else(|| convert::vectorized(function, arguments))
        .or_else(|| time::vectorized(function, arguments))
        .or_else(|| decimal::vectorized(function, arguments))
        .or_else(|| number::vectorized(function, arguments))
}

/// A function without lambda over whole columns by calling its scalar form on every row.
pub fn by_rows(function: Function, arguments: &[Argument<'_>], rows: usize, result: &DataType) -> Column {
    let mut builder = ColumnBuilder::new(&result.kind, rows);
    let mut values: Vec<Value> = Vec::with_capacity(arguments.len());
    for row in 0..rows {
        values.clear();
        let mut error = None;
        for argument in arguments {
            match argument.value(row) {
                Ok(value) => values.push(value),
                Err(code) => error = error.or(Some(code)),
            }
        }
        match error {
            Some(code) => builder.push(Err(code)),
            None => match apply(function, &values, result, library()) {
                Ok(value) => builder.push(Ok(&value)),
                Err(error) => builder.push(Err(error.code as u8)),
            },
        }
    }
    builder.finish()
}

/// The status byte of a row whose value may be null.
fn optional_status(is_some: bool) -> u8 {
    if is_some { flow_ir::column::VALID } else { NULL }
}

#[cfg(test)]
mod tests;
