//! The one implementation of the native functions: dispatch by family.
//!
//! Every function here is total and deterministic: bad values are errors, and results do not
//! depend on the machine (no platform mathematics, no locale; time zones come from the tables in the program).

use crate::{convert, encoding, json, list, number, pattern, text, time, zone};
use flow_ir::eval::{Natives, operator};
use flow_ir::{DataType, ErrorCode, EvalError, Function, Value};

/// The native functions.
pub fn library() -> &'static dyn Natives {
    &Library
}

struct Library;

impl Natives for Library {
    fn call(&self, function: Function, arguments: &[Value], result: &DataType) -> Result<Value, EvalError> {
        use Function::*;
        let outcome = match function {
            ToInt | ToFloat | ToDecimal | ToString | ToDate | ToTimestamp | ToDuration | ToBytes | Concat
            | FormatNumber => convert::call(function, arguments, result),
            ToJson | JsonGet => json::call(function, arguments),
            Levenshtein | UrlEncode | UrlDecode | Base64 | FromBase64 | Hex | FromHex | Utf8 => {
                encoding::call(function, arguments)
            }
            AtZone | FromZone => zone::call(function, arguments),
            Matches | Extract | ExtractAll => pattern::call(function, arguments),
            Replace | Split | Contains if matches!(arguments.get(1), Some(Value::Regex(_))) => {
                pattern::call(function, arguments)
            }
            Len | ByteLen | Lower | Upper | Trim | Replace | Split | StartsWith | EndsWith | Contains
            | Slice | PadLeft | PadRight | Repeat | Reverse
                if matches!(arguments.first(), Some(Value::String(_) | Value::Bytes(_))) =>
            {
                text::call(function, arguments)
            }
            Abs | Round | Floor | Ceil | Sqrt | Exp | Ln | Log10 | Sin | Cos | Tan | Asin | Acos | Atan
            | Atan2 | Power | Least | Greatest | Sign | IsNan | WrappingAdd | WrappingSub | WrappingMul => {
                number::call(function, arguments, result)
            }
            Year | Month | Day | Weekday | Hour | Minute | Second | Trunc | FormatTime | Seconds
            | AddMonths => time::call(function, arguments),
            _ => list::call(function, arguments, result),
        };
        outcome.unwrap_or_else(|| {
            // The interpreter applies operators itself; others may ask for any function.
            operator(function, arguments, result).unwrap_or_else(|| Err(wrong_arguments(function)))
        })
    }
}

/// What a family returns: `None` where the arguments are not of the types the checker lets through.
pub(crate) type Outcome = Option<Result<Value, EvalError>>;

/// The error of a call the checker cannot have let through.
pub(crate) fn wrong_arguments(function: Function) -> EvalError {
    EvalError::new(
        ErrorCode::Argument,
        format!("malformed plan: `{}` got arguments it does not take", function.name()),
    )
}

/// An error about the value of an argument.
pub(crate) fn argument_error(message: impl Into<String>) -> EvalError {
    EvalError::new(ErrorCode::Argument, message)
}
