//! Why a value could not be computed: the row errors of the language.
//!
//! Inside columns an error is a status byte ([`ErrorCode`]); at the edges it becomes an
//! [`EvalError`] with words. Row errors are values: they travel with the row until the row is
//! known to survive every filter.

use serde::{Deserialize, Serialize};

/// A reason, small enough for a status byte. Bytes 0 and 1 mean valid and null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum ErrorCode {
    /// A field's text is not a value of its declared type.
    Malformed = 2,
    /// A field that may not be null is.
    Missing = 3,
    /// The row itself is broken: field count, quotes, UTF-8, JSON syntax.
    Structure = 4,
    /// An integer or decimal result does not fit.
    Overflow = 5,
    /// Division or remainder by zero.
    DivisionByZero = 6,
    /// A conversion of a value that cannot be converted.
    Conversion = 7,
    /// An index outside its list.
    OutOfRange = 8,
    /// A `check` that did not hold.
    Check = 9,
    /// An argument outside what the function is defined for.
    Argument = 10,
}

impl ErrorCode {
    /// The code of a status byte; `None` for valid and null.
    pub fn from_status(status: u8) -> Option<Self> {
        Some(match status {
            2 => ErrorCode::Malformed,
            3 => ErrorCode::Missing,
            4 => ErrorCode::Structure,
            5 => ErrorCode::Overflow,
            6 => ErrorCode::DivisionByZero,
            7 => ErrorCode::Conversion,
            8 => ErrorCode::OutOfRange,
            9 => ErrorCode::Check,
            10 => ErrorCode::Argument,
            _ => return None,
        })
    }

    /// A short stable word for quarantine files and statistics.
    pub fn word(self) -> &'static str {
        match self {
            ErrorCode::Malformed => "malformed",
            ErrorCode::Missing => "missing",
            ErrorCode::Structure => "structure",
            ErrorCode::Overflow => "overflow",
            ErrorCode::DivisionByZero => "division_by_zero",
            ErrorCode::Conversion => "conversion",
            ErrorCode::OutOfRange => "out_of_range",
            ErrorCode::Check => "check",
            ErrorCode::Argument => "argument",
        }
    }
}

/// A row error with its explanation, as the reference interpreter reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvalError {
    /// The reason.
    pub code: ErrorCode,
    /// A sentence without a full stop, lower case: ``"`forty` is not an int"``.
    pub message: String,
}

impl EvalError {
    /// An error of the given code and sentence.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        EvalError { code, message: message.into() }
    }
}
