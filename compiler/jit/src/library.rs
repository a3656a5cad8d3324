//! The door to the standard library: the only file that names `flow_stdlib`'s functions.
//!
//! Until the library delivers its functions here, everything that is not an operator is an error.

use flow_ir::eval::Natives;
use flow_ir::{Column, DataType, ErrorCode, EvalError, Function, Type, Value};

/// An argument of a vector function.
pub(crate) enum Argument<'a> {
    /// One value a row.
    Column(&'a Column),
    /// One value for all rows.
    Constant(&'a Value),
}

/// A function over whole columns.
pub(crate) type VectorFunction = fn(&[Argument<'_>], usize, &DataType) -> Column;

/// The vector function for arguments of these types.
pub(crate) fn vectorized(_function: Function, _arguments: &[Type]) -> Option<VectorFunction> {
    None
}

struct NoLibrary;

impl Natives for NoLibrary {
    fn call(&self, function: Function, _: &[Value], _: &DataType) -> Result<Value, EvalError> {
        Err(EvalError::new(ErrorCode::Argument, format!("`{}` is not available", function.name())))
    }
}

/// The functions one value at a time.
pub(crate) fn natives() -> &'static dyn Natives {
    &NoLibrary
}
