//! The door to the standard library: one place that knows how its vector functions are called.

use crate::select::Operand;
use flow_ir::{Column, DataType, Function, Type, Value};
use flow_stdlib::Argument;

/// Whether a vector function exists for arguments of these types.
pub(crate) fn has_vector(function: Function, arguments: &[Type]) -> bool {
    flow_stdlib::vectorized(function, arguments).is_some()
}

/// Calls the vector function; `None` if there is none.
pub(crate) fn call_vector(
    function: Function,
    operands: &[(Operand<'_>, &Type)],
    rows: usize,
    result: &DataType,
) -> Option<Column> {
    let kinds: Vec<Type> = operands.iter().map(|(_, ty)| (*ty).clone()).collect();
    let vector = flow_stdlib::vectorized(function, &kinds)?;
    let arguments: Vec<Argument<'_>> = operands
        .iter()
        .map(|(operand, ty)| match operand {
            Operand::Column(column) => Argument::Column(column, ty),
            Operand::Constant(value) => Argument::Constant(value),
        })
        .collect();
    Some(vector(&arguments, rows, result))
}

/// Computes `split(text, separator)[index]` for a constant separator and index.
pub(crate) fn split_part(operands: &[(Operand<'_>, &Type)]) -> Option<Column> {
    match operands {
        [
            (Operand::Column(text), _),
            (Operand::Constant(Value::String(separator)), _),
            (Operand::Constant(Value::Int(index)), _),
        ] => Some(flow_stdlib::split_part(text, separator, *index)),
        _ => None,
    }
}
