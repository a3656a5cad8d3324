//! The door to the standard library: the only file that names `flow_stdlib`'s functions.

use flow_ir::eval::Natives;
use flow_ir::{Column, DataType, Function, Type, Value};

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

/// The functions one value at a time.
pub(crate) fn natives() -> &'static dyn Natives {
    flow_stdlib::library()
}
