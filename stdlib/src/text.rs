//! Functions on strings. Positions count characters (Unicode scalar values), never bytes.

use crate::library::{Outcome, argument_error};
use flow_ir::{ErrorCode, EvalError, Function, Value};

/// The largest string a function builds; what would be larger is an overflow of its row.
pub(crate) const TEXT_BYTES_MAX: usize = 1 << 30;

pub(crate) fn call(function: Function, arguments: &[Value]) -> Outcome {
    use Value::{Bytes, Int, String};
    Some(match (function, arguments) {
        (Function::Len, [String(s)]) => Ok(Int(char_count(s))),
        (Function::ByteLen, [String(s)]) => Ok(Int(s.len() as i64)),
        (Function::ByteLen | Function::Len, [Bytes(b)]) => Ok(Int(b.len() as i64)),
        (Function::Lower, [String(s)]) => Ok(Value::string(s.to_lowercase())),
        (Function::Upper, [String(s)]) => Ok(Value::string(s.to_uppercase())),
        (Function::Trim, [String(s)]) => Ok(Value::string(s.trim())),
        (Function::Replace, [String(s), String(from), String(to)]) => replace(s, from, to).map(Value::string),
        (Function::Split, [String(s), String(separator)]) => split(s, separator),
        (Function::StartsWith, [String(s), String(part)]) => Ok(Value::Bool(s.starts_with(&**part))),
        (Function::EndsWith, [String(s), String(part)]) => Ok(Value::Bool(s.ends_with(&**part))),
        (Function::Contains, [String(s), String(part)]) => Ok(Value::Bool(s.contains(&**part))),
        (Function::Slice, [Bytes(b), Int(from)]) => Ok(slice_bytes(b, *from, None)),
        (Function::Slice, [Bytes(b), Int(from), Int(to)]) => Ok(slice_bytes(b, *from, Some(*to))),
        (Function::Slice, [String(s), Int(from)]) => Ok(slice(s, *from, None)),
        (Function::Slice, [String(s), Int(from), Int(to)]) => Ok(slice(s, *from, Some(*to))),
        (Function::PadLeft, [String(s), Int(width)]) => pad(function, s, *width, " "),
        (Function::PadLeft, [String(s), Int(width), String(fill)]) => pad(function, s, *width, fill),
        (Function::PadRight, [String(s), Int(width)]) => pad(function, s, *width, " "),
        (Function::PadRight, [String(s), Int(width), String(fill)]) => pad(function, s, *width, fill),
        (Function::Repeat, [String(s), Int(times)]) => repeat(s, *times),
        (Function::Reverse, [String(s)]) => {
            Ok(Value::string(s.chars().rev().collect::<std::string::String>()))
        }
        _ => return None,
    })
}

/// The characters of a string.
pub(crate) fn char_count(s: &str) -> i64 {
    s.chars().count() as i64
}

/// All occurrences of a literal text replaced, left to right.
pub(crate) fn replace(s: &str, from: &str, to: &str) -> Result<String, EvalError> {
    if from.is_empty() {
        return Err(argument_error("cannot replace an empty text"));
    }
    let added = to.len().saturating_mul(s.len() / from.len());
    if s.len().saturating_add(added) > TEXT_BYTES_MAX {
        return Err(too_long("replace"));
    }
    Ok(s.replace(from, to))
}

/// The error of an empty separator.
pub(crate) fn empty_separator() -> EvalError {
    argument_error("cannot split at an empty text")
}

fn split(s: &str, separator: &str) -> Result<Value, EvalError> {
    if separator.is_empty() {
        return Err(empty_separator());
    }
    Ok(Value::List(s.split(separator).map(Value::string).collect()))
}

/// A half-open range of positions among `len`, where negative positions count from the end and
/// positions outside are moved to the nearest one inside.
pub(crate) fn slice_range(len: usize, from: i64, to: Option<i64>) -> std::ops::Range<usize> {
    let place = |position: i64| {
        let len = i64::try_from(len).unwrap_or(i64::MAX);
        let place = if position < 0 { position.saturating_add(len) } else { position };
        place.clamp(0, len) as usize
    };
    let start = place(from);
    start..to.map_or(len, place).max(start)
}

/// The characters `from..to` of a string, as a range of its bytes.
pub(crate) fn slice_text(s: &str, from: i64, to: Option<i64>) -> std::ops::Range<usize> {
    if s.is_ascii() {
        return slice_range(s.len(), from, to);
    }
    let range = slice_range(s.chars().count(), from, to);
    let mut starts = s.char_indices().map(|(at, _)| at).chain([s.len()]);
    let start = starts.nth(range.start).unwrap_or(s.len());
    let end = match range.end - range.start {
        0 => start,
        n => starts.nth(n - 1).unwrap_or(s.len()),
    };
    start..end
}

fn slice(s: &str, from: i64, to: Option<i64>) -> Value {
    Value::string(s.get(slice_text(s, from, to)).unwrap_or(""))
}

fn slice_bytes(bytes: &[u8], from: i64, to: Option<i64>) -> Value {
    Value::Bytes(bytes.get(slice_range(bytes.len(), from, to)).unwrap_or(&[]).into())
}

fn pad(function: Function, s: &str, width: i64, fill: &str) -> Result<Value, EvalError> {
    let missing = width.saturating_sub(char_count(s));
    if missing <= 0 {
        return Ok(Value::string(s));
    }
    if fill.is_empty() {
        return Err(argument_error("cannot pad with an empty text"));
    }
    let missing = usize::try_from(missing).unwrap_or(usize::MAX);
    if missing.saturating_mul(fill.len()) > TEXT_BYTES_MAX {
        return Err(too_long(function.name()));
    }
    let fill: String = fill.chars().cycle().take(missing).collect();
    Ok(Value::string(if function == Function::PadLeft { fill + s } else { s.to_owned() + &fill }))
}

fn repeat(s: &str, times: i64) -> Result<Value, EvalError> {
    let Ok(times) = usize::try_from(times) else {
        return Err(argument_error(format!("cannot repeat a text {times} times")));
    };
    if s.len().saturating_mul(times) > TEXT_BYTES_MAX {
        return Err(too_long("repeat"));
    }
    Ok(Value::string(s.repeat(times)))
}

/// The error of a result that would pass [`TEXT_BYTES_MAX`].
pub(crate) fn too_long(name: &str) -> EvalError {
    EvalError::new(ErrorCode::Overflow, format!("the result of `{name}` does not fit in a string"))
}
