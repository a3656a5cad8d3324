//! The grammar of `.flow`: program text to syntax tree, and back again through the formatter.
//!
//! First phase of the pipeline. It knows the text only: no types, no plans, no files.
#![forbid(unsafe_code)]

pub mod ast;
mod build_ast;
mod error;
mod format;
mod parse;
mod parser;
mod scan;
mod span;
mod words;

pub use error::{CODES, Fix, SyntaxError};
pub use format::format;
pub use parse::{parse, parse_from};
pub use span::{LineColumn, LineIndex, Span};
pub use words::{CONTEXTUAL, ITEMS, RESERVED, STAGES, TYPES, foreign_stage, similar};

/// The deepest nesting of brackets a program may have.
pub const NESTING_MAX: usize = 256;

/// The greatest height of an expression tree, counting each operator of a chain such as `a + b + c`.
pub const DEPTH_MAX: usize = 512;

/// The longest program text that is accepted.
pub const SOURCE_BYTES_MAX: usize = 32 << 20;

/// Where reporting stops: a text with this many mistakes is probably not a program.
pub(crate) const ERRORS_MAX: usize = 100;

/// The TextMate grammar, for editors that highlight with one.
pub const TEXTMATE: &str = include_str!("../editors/flow.tmLanguage.json");
