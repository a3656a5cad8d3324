//! The standard library of the `.flow` language: the types of its functions, their meaning one
//! value at a time, and the same functions over whole columns.
//!
//! It knows plans' types and values (`flow-ir`) but neither the compiler nor the runtime. What a
//! function means is said once, by the scalar implementation behind [`library`]; a vectorized
//! kernel ([`vectorized`]) must agree with it bit for bit, and tests compare the two.
#![forbid(unsafe_code)]

pub mod signature;

pub use signature::{
    Resolved, SignatureError, SignatureErrorKind, common_type, conversion, lambda_parameters, lambda_result,
    lookup, names, resolve, resolve_decimal, resolve_function, takes_lambda, widen,
};
