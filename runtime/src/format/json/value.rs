//! One JSON value as a value of a type, for what no kernel takes: elements of lists, fields of
//! records, strings with escapes.

use super::paths::{elements, members};
use super::unescape::string_text;
use flow_ir::{DataType, Type, Value, text};

/// An integer: no point, no exponent, in the range of 64 bits.
pub(super) fn int(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Any number whose nearest float is finite, and what sinks write for floats that are no numbers.
pub(super) fn float(text: &[u8]) -> Option<f64> {
    if !matches!(text.first(), Some(b'-' | b'0'..=b'9')) {
        return match text {
            b"\"nan\"" => Some(f64::NAN),
            b"\"inf\"" => Some(f64::INFINITY),
            b"\"-inf\"" => Some(f64::NEG_INFINITY),
            _ => None,
        };
    }
    let x: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    x.is_finite().then_some(x)
}

pub(super) fn bool(text: &[u8]) -> Option<u8> {
    match text {
        b"true" => Some(1),
        b"false" => Some(0),
        _ => None,
    }
}

/// A decimal, from a number's digits or from the text of a string.
pub(super) fn decimal(text: &[u8], precision: u8, scale: u8) -> Option<i128> {
    if text.first() == Some(&b'"') {
        return in_string(text, |t| text::parse_decimal(t, precision, scale));
    }
    if matches!(text, b"true" | b"false") {
        return None;
    }
    text::parse_decimal(std::str::from_utf8(text).ok()?, precision, scale)
}

/// What `parse` makes of the text of a string; anything but a string is refused.
pub(super) fn in_string<T>(text: &[u8], parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    if text.first() != Some(&b'"') {
        return None;
    }
    parse(std::str::from_utf8(&string_text(text)).ok()?)
}

/// A value of any type, not null itself; `None` if the text is not one.
pub(super) fn value(text: &[u8], kind: &Type) -> Option<Value> {
    Some(match kind {
        Type::Bool => Value::Bool(bool(text)? != 0),
        Type::Int => Value::Int(int(text)?),
        Type::Float => Value::Float(float(text)?),
        Type::Decimal { precision, scale } => {
            Value::Decimal { unscaled: decimal(text, *precision, *scale)?, scale: *scale }
        }
        Type::String => in_string(text, |t| Some(Value::string(t)))?,
        Type::Bytes => Value::Bytes(in_string(text, text::parse_bytes)?.into()),
        Type::Date => Value::Date(in_string(text, text::parse_date)?),
        Type::Timestamp => Value::Timestamp(in_string(text, text::parse_timestamp)?),
        Type::Duration => Value::Duration(in_string(text, text::parse_duration)?),
        Type::List(of) => {
            if text.first() != Some(&b'[') {
                return None;
            }
            let mut items = Some(Vec::new());
            elements(text, 0, |span| {
                let item = nullable_value(&text[span], of);
                items = items.take().and_then(|mut v| {
                    v.push(item?);
                    Some(v)
                });
            });
            Value::List(items?.into())
        }
        Type::Record(fields) => {
            if text.first() != Some(&b'{') {
                return None;
            }
            let mut spans = vec![None; fields.len()];
            members(text, 0, |key, span| {
                let key = string_text(&text[key]);
                if let Some(i) = fields.iter().position(|f| f.name.as_bytes() == &*key) {
                    spans[i] = Some(span);
                }
            });
            let of = |(f, span): (&flow_ir::Field, &Option<std::ops::Range<usize>>)| match span {
                Some(span) => nullable_value(&text[span.clone()], &f.ty),
                None => f.ty.nullable.then_some(Value::Null),
            };
            Value::Record(fields.iter().zip(&spans).map(of).collect::<Option<Vec<_>>>()?.into())
        }
        Type::Null | Type::Regex => return None,
    })
}

fn nullable_value(text: &[u8], ty: &DataType) -> Option<Value> {
    if text == b"null" {
        return ty.nullable.then_some(Value::Null);
    }
    value(text, &ty.kind)
}
