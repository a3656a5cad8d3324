//! The types of functions and operators: which arguments each takes, what they widen to, and the
//! type and nullability of the result.
//!
//! The checker calls [`resolve`] for every call and operator, [`lambda_parameters`] and
//! [`lambda_result`] for list functions with a lambda, and [`common_type`] where several
//! expressions become one value (`if`, `??`, list literals). Widening is `int -> float`,
//! `int -> decimal`, `decimal` to a wider decimal, and `T -> T?`; nothing else is implicit.

mod call;
mod lambda;
mod operators;
mod prelude;
mod widen;

pub use lambda::{lambda_parameters, lambda_result, takes_lambda};
pub use widen::{common_type, conversion, widen};

use flow_ir::{DataType, Function};
use std::sync::OnceLock;

/// A call that fits.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The function.
    pub function: Function,
    /// What to widen each argument to (by the function [`conversion`] names) before the call.
    pub arguments: Vec<DataType>,
    /// The type of the call.
    pub result: DataType,
}

/// A call that does not fit.
#[derive(Clone, Debug, PartialEq)]
pub struct SignatureError {
    /// What is wrong.
    pub kind: SignatureErrorKind,
    /// A sentence without full stop: "cannot add `string` and `int`".
    pub message: String,
    /// A sentence on how to repair it, where there is one.
    pub help: Option<String>,
}

/// The kinds of wrong calls, so that the checker can choose a code and a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureErrorKind {
    /// There is no such function.
    Unknown,
    /// Too few or too many arguments.
    Count,
    /// The argument of that index has a type the function does not take.
    Argument(usize),
    /// The operand types do not go together.
    Operands,
}

/// The function a program calls by this name; operators and internal functions have none.
pub fn lookup(name: &str) -> Option<Function> {
    match name {
        "pow" => Some(Function::Power),
        _ => Function::from_name(name).filter(|f| is_callable(*f)),
    }
}

/// The names of all functions a program can call, sorted, for completion and did-you-mean.
pub fn names() -> &'static [&'static str] {
    static NAMES: OnceLock<Vec<&'static str>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let mut names: Vec<_> =
            Function::ALL.iter().filter(|f| is_callable(**f)).map(|f| f.name()).chain(["pow"]).collect();
        names.sort_unstable();
        names
    })
}

/// Whether programs call it by name rather than write an operator or an f-string.
fn is_callable(function: Function) -> bool {
    let name = function.name();
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && !matches!(
            function,
            Function::Negate
                | Function::Not
                | Function::In
                | Function::Between
                | Function::Index
                | Function::Concat
                | Function::FormatNumber
        )
}

/// Types a call by the name it has in programs or, for operators, in IR text (`+`, `neg`, `in`,
/// `between`, `index`, `concat`, ...).
pub fn resolve(name: &str, arguments: &[DataType]) -> Result<Resolved, SignatureError> {
    match lookup(name).or_else(|| Function::from_name(name)) {
        Some(function) => resolve_function(function, arguments),
        None => Err(SignatureError {
            kind: SignatureErrorKind::Unknown,
            message: format!("there is no function `{name}`"),
            help: None,
        }),
    }
}

/// Types a call.
pub fn resolve_function(function: Function, arguments: &[DataType]) -> Result<Resolved, SignatureError> {
    let call = call::Call { function, arguments };
    match operators::resolve(&call) {
        Some(outcome) => outcome,
        None => prelude::resolve(&call),
    }
}

/// Types `decimal(x, precision, scale)`: the two numbers are part of the type, so they must be
/// constants and are not arguments of the call.
pub fn resolve_decimal(argument: &DataType, precision: u8, scale: u8) -> Result<Resolved, SignatureError> {
    prelude::resolve_decimal(argument, precision, scale)
}

#[cfg(test)]
mod tests;
