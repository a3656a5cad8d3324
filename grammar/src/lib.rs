//! The grammar of `.flow`: program text to syntax tree, and back again through the formatter.
//!
//! First phase of the pipeline. It knows the text only: no types, no plans, no files.
#![forbid(unsafe_code)]

pub mod ast;
mod error;
mod span;

pub use error::{CODES, Fix, SyntaxError};
pub use span::{LineColumn, LineIndex, Span};

/// The deepest nesting of brackets a program may have.
pub const NESTING_MAX: usize = 256;

/// The greatest height of an expression tree, counting each operator of a chain such as `a + b + c`.
pub const DEPTH_MAX: usize = 512;
