//! The standard library of the `.flow` language: the types of its functions, their meaning one
//! value at a time, and the same functions over whole columns.
//!
//! It knows plans' types and values (`flow-ir`) but neither the compiler nor the runtime. What a
//! function means is said once, by the scalar implementation behind [`library`]; a vectorized
//! kernel ([`vectorized`]) must agree with it bit for bit, and tests compare the two.
#![forbid(unsafe_code)]

mod constants;
mod convert;
mod documentation;
mod encoding;
mod exact_sum;
mod format_number;
mod json;
mod library;
mod list;
mod modules;
mod number;
mod pattern;
pub mod signature;
mod text;
mod time;
mod time_format;
mod vector;
mod zone;

pub use constants::check_constants;
pub use documentation::{Documented, PRELUDE, documentation, documented};
pub use format_number::check_number_format;
pub use json::value_of_json;
pub use library::library;
pub use modules::{module, modules};
pub use pattern::check_regex;
pub use signature::{
    Resolved, SignatureError, SignatureErrorKind, common_type, conversion, lambda_parameters, lambda_result,
    lookup, names, resolve, resolve_decimal, resolve_function, takes_lambda, widen,
};
pub use time::check_unit;
pub use time_format::check_time_format;
pub use vector::{Argument, VectorFunction, by_rows, split_each, split_part, vectorized};
pub use zone::check_zone;

#[cfg(test)]
mod tests;
