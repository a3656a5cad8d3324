//! Why something could not be compiled. None of these depends on data.

use flow_ir::ColumnId;
use std::fmt;

/// A failed compilation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JitError {
    /// The processor is not one that code can be generated for.
    Host(String),
    /// The code generator refused a kernel.
    Codegen(String),
    /// The system did not give executable memory.
    Memory(String),
    /// A kernel's code would be larger than [`crate::code::CODE_BYTES_MAX`].
    TooLarge(usize),
    /// An expression is nested deeper than plans may be.
    TooDeep,
    /// An expression reads a column that its input does not have.
    UnknownColumn(ColumnId),
    /// An expression uses a variable that nothing binds.
    UnboundLocal(u32),
}

impl fmt::Display for JitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JitError::Host(why) => write!(f, "no code can be generated for this processor: {why}"),
            JitError::Codegen(why) => write!(f, "the code generator failed: {why}"),
            JitError::Memory(why) => write!(f, "no executable memory: {why}"),
            JitError::TooLarge(bytes) => write!(f, "a kernel of {bytes} bytes is over the limit"),
            JitError::TooDeep => f.write_str("an expression is nested too deeply"),
            JitError::UnknownColumn(id) => write!(f, "an expression reads the unknown column {}", id.0),
            JitError::UnboundLocal(id) => write!(f, "an expression uses the unbound variable {id}"),
        }
    }
}

impl std::error::Error for JitError {}
