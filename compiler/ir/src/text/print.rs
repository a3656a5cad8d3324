//! Values to text. Whatever is printed reads back (`text::parse`) as the same value.
//!
//! * float: the shortest digits that read back, always recognisably a float: `1.0`, `0.1`,
//!   `1e16`, `1e-7` (exponents from 1e16 up and below 1e-5), `nan`, `inf`, `-inf`;
//! * decimal: all digits of its scale: `12.50`;
//! * timestamp: `2024-05-01T10:00:00Z`, with six digits of microseconds only if they are not zero;
//! * date: `2024-05-01`; years before 0 or beyond 9999 carry a sign;
//! * duration: `1d2h30min`, the literal's units, largest first, `0s` for none;
//! * lists and records: JSON.

use super::civil::{self, DAY, HOUR, MINUTE, SECOND};
use crate::types::Type;
use crate::value::Value;
use std::fmt::Write;

/// Appends an int.
pub fn push_int(out: &mut String, x: i64) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    let mut rest = x.unsigned_abs();
    for (i, slot) in digits.iter_mut().enumerate().rev() {
        *slot = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            start = i;
            break;
        }
    }
    if x < 0 {
        out.push('-');
    }
    push_ascii(out, digits.get(start..).unwrap_or_default());
}

/// Appends bytes that are ASCII.
fn push_ascii(out: &mut String, bytes: &[u8]) {
    out.push_str(std::str::from_utf8(bytes).unwrap_or_default());
}

/// The two digits of a number below 100.
fn two(n: u32) -> [u8; 2] {
    [b'0' + (n / 10 % 10) as u8, b'0' + (n % 10) as u8]
}

/// Appends a float.
pub fn push_float(out: &mut String, x: f64) {
    if x.is_finite() {
        let _ = write!(out, "{x:?}");
    } else if x.is_nan() {
        out.push_str("nan");
    } else {
        out.push_str(if x > 0.0 { "inf" } else { "-inf" });
    }
}

/// Appends a decimal.
pub fn push_decimal(out: &mut String, unscaled: i128, scale: u8) {
    if scale == 0 {
        let _ = write!(out, "{unscaled}");
        return;
    }
    if unscaled < 0 {
        out.push('-');
    }
    let scale = usize::from(scale);
    let start = out.len();
    let _ = write!(out, "{:0width$}", unscaled.unsigned_abs(), width = scale + 1);
    let point = out.len() - scale.min(out.len() - start);
    out.insert(point, '.');
}

/// Appends a date.
pub fn push_date(out: &mut String, date: i32) {
    push_civil(out, i64::from(date));
}

fn push_civil(out: &mut String, days: i64) {
    let civil::Civil { year, month, day } = civil::civil_from_days(days);
    if let Ok(year @ 0..=9999) = u32::try_from(year) {
        let ([a, b], [c, d]) = (two(year / 100), two(year % 100));
        let ([e, f], [g, h]) = (two(u32::from(month)), two(u32::from(day)));
        return push_ascii(out, &[a, b, c, d, b'-', e, f, b'-', g, h]);
    }
    let sign = if year < 0 { '-' } else { '+' };
    let _ = write!(out, "{sign}{:04}-{month:02}-{day:02}", year.unsigned_abs());
}

/// Appends a timestamp.
pub fn push_timestamp(out: &mut String, timestamp: i64) {
    push_civil(out, civil::date_of_timestamp(timestamp));
    let time = civil::time_of_timestamp(timestamp);
    let [a, b] = two(u32::from(time.hour));
    let ([c, d], [e, f]) = (two(u32::from(time.minute)), two(u32::from(time.second)));
    push_ascii(out, &[b'T', a, b, b':', c, d, b':', e, f]);
    if time.microsecond != 0 {
        let _ = write!(out, ".{:06}", time.microsecond);
    }
    out.push('Z');
}

/// Appends a duration.
pub fn push_duration(out: &mut String, duration: i64) {
    const UNITS: [(&str, u64); 6] = [
        ("d", DAY as u64),
        ("h", HOUR as u64),
        ("min", MINUTE as u64),
        ("s", SECOND as u64),
        ("ms", SECOND as u64 / 1000),
        ("us", 1),
    ];
    if duration == 0 {
        out.push_str("0s");
        return;
    }
    if duration < 0 {
        out.push('-');
    }
    let mut rest = duration.unsigned_abs();
    for (name, unit) in UNITS {
        if rest >= unit {
            let _ = write!(out, "{}{name}", rest / unit);
            rest %= unit;
        }
    }
}

/// Appends a value as `string(x)` and the sinks print it; null appends nothing.
pub fn push_value(out: &mut String, value: &Value, ty: &Type) {
    match value {
        Value::Null => {}
        Value::Bool(x) => out.push_str(if *x { "true" } else { "false" }),
        Value::Int(x) => push_int(out, *x),
        Value::Float(x) => push_float(out, *x),
        Value::Decimal { unscaled, scale } => push_decimal(out, *unscaled, *scale),
        Value::String(s) | Value::Regex(s) => out.push_str(s),
        Value::Bytes(bytes) => push_hex(out, bytes),
        Value::Date(x) => push_date(out, *x),
        Value::Timestamp(x) => push_timestamp(out, *x),
        Value::Duration(x) => push_duration(out, *x),
        Value::List(_) | Value::Record(_) => push_json(out, value, ty),
    }
}

/// Appends a value as JSON. Non-finite floats, decimals' digits, times and bytes are written as
/// JSON can hold them without loss: floats that are no JSON numbers and times are strings.
pub fn push_json(out: &mut String, value: &Value, ty: &Type) {
    match (value, ty) {
        (Value::Null, _) => out.push_str("null"),
        (Value::List(items), ty) => {
            let element = if let Type::List(t) = ty { &t.kind } else { &Type::Null };
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                push_json(out, item, element);
            }
            out.push(']');
        }
        (Value::Record(values), ty) => {
            let fields: &[_] = if let Type::Record(fields) = ty { fields } else { &[] };
            out.push('{');
            for (i, value) in values.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                match fields.get(i) {
                    Some(f) => push_json_string(out, &f.name),
                    None => push_json_string(out, &i.to_string()),
                }
                out.push(':');
                push_json(out, value, fields.get(i).map_or(&Type::Null, |f| &f.ty.kind));
            }
            out.push('}');
        }
        (Value::Float(x), _) if !x.is_finite() => {
            out.push('"');
            push_float(out, *x);
            out.push('"');
        }
        (Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Decimal { .. }, _) => {
            push_value(out, value, ty);
        }
        (Value::String(s) | Value::Regex(s), _) => push_json_string(out, s),
        (Value::Bytes(_) | Value::Date(_) | Value::Timestamp(_) | Value::Duration(_), _) => {
            out.push('"');
            push_value(out, value, ty);
            out.push('"');
        }
    }
}

/// Appends a JSON string with its quotes.
pub fn push_json_string(out: &mut String, s: &str) {
    out.push('"');
    let mut plain = 0;
    for (i, b) in s.bytes().enumerate() {
        let escape = match b {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(&s[plain..i]);
        if escape.is_empty() {
            let _ = write!(out, "\\u{b:04x}");
        } else {
            out.push_str(escape);
        }
        plain = i + 1;
    }
    out.push_str(&s[plain..]);
    out.push('"');
}

fn push_hex(out: &mut String, bytes: &[u8]) {
    for b in bytes {
        let _ = write!(out, "{b:02x}");
    }
}

/// A value as messages show it: as it is printed, strings quoted, null as `null`.
pub fn display(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Null => out.push_str("null"),
        Value::String(s) => push_json_string(&mut out, s),
        _ => push_value(&mut out, value, &Type::Null),
    }
    out
}
