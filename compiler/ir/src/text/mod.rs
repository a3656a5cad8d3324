//! The canonical texts of scalar values: how fields are read and how results are written.
//!
//! Scans, sinks, `int(x)`, `string(x)`, literals, parameters and messages all go through here (or
//! are tested against it), so that every text that is printed reads back as the same value.

pub mod civil;
mod number;
mod print;
mod time;

pub use number::{parse_bool, parse_bytes, parse_decimal, parse_decimal_literal, parse_float, parse_int};
pub use print::{
    display, push_date, push_decimal, push_duration, push_float, push_int, push_json, push_json_string,
    push_timestamp, push_value,
};
pub use time::{parse_date, parse_duration, parse_timestamp};

use crate::error::{ErrorCode, EvalError};
use crate::types::Type;
use crate::value::Value;

/// Reads a field's text as a value of a scalar type; `None` if it is not one. Nothing is trimmed.
pub fn parse(text: &str, ty: &Type) -> Option<Value> {
    Some(match ty {
        Type::Bool => Value::Bool(parse_bool(text)?),
        Type::Int => Value::Int(parse_int(text)?),
        Type::Float => Value::Float(parse_float(text)?),
        Type::Decimal { precision, scale } => {
            Value::Decimal { unscaled: parse_decimal(text, *precision, *scale)?, scale: *scale }
        }
        Type::String => Value::string(text),
        Type::Date => Value::Date(parse_date(text)?),
        Type::Timestamp => Value::Timestamp(parse_timestamp(text)?),
        Type::Duration => Value::Duration(parse_duration(text)?),
        Type::Bytes => Value::Bytes(parse_bytes(text)?.into()),
        Type::Null | Type::Regex | Type::List(_) | Type::Record(_) => return None,
    })
}

/// The error of a text that is not a value of a type: ``"`forty` is not an int"``.
pub fn not_a(text: &str, ty: &Type, code: ErrorCode) -> EvalError {
    EvalError::new(code, not_a_message(text, ty))
}

/// ``"`forty` is not an int"``; long texts are cut and control characters escaped.
pub fn not_a_message(text: &str, ty: &Type) -> String {
    format!("{} is not {}", quoted(text), with_article(ty))
}

/// A text between back-quotes, as messages show data: cut when long, control characters escaped.
pub fn quoted(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    let mut shown = String::from("`");
    let mut chars = text.chars();
    for c in chars.by_ref().take(SHOWN_MAX) {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown.push_str(if chars.next().is_some() { "…`" } else { "`" });
    shown
}

/// A type's name behind its indefinite article: `an int`, `a date`.
pub fn with_article(ty: &Type) -> String {
    let name = ty.to_string();
    if *ty == Type::Bytes {
        return name;
    }
    let article = if name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {name}")
}

#[cfg(test)]
mod tests;
