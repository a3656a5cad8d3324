//! One value of a column as text, exactly as `flow_ir::text` prints it but without a detour
//! through interpreter values where that costs time.

use flow_ir::column::VALID;
use flow_ir::text::civil;
use flow_ir::{Column, Type, Values, text};

/// Buffers reused from value to value.
#[derive(Default)]
pub(super) struct Scratch {
    text: String,
    integer: itoa::Buffer,
    float: zmij::Buffer,
}

impl Scratch {
    /// Appends the value of a row; nothing where it is null or an error.
    pub(super) fn text(&mut self, column: &Column, row: usize, ty: &Type, out: &mut Vec<u8>) {
        if column.status.get(row) != VALID {
            return;
        }
        match (&column.values, ty) {
            (Values::Bool(v), _) => out.extend_from_slice(if v[row] != 0 { b"true" } else { b"false" }),
            (Values::I64(v), Type::Date) => {
                if !date(v[row], out) {
                    self.push(out, |t| match i32::try_from(v[row]) {
                        Ok(days) => text::push_date(t, days),
                        Err(_) => text::push_int(t, v[row]),
                    });
                }
            }
            (Values::I64(v), Type::Timestamp) => {
                if !timestamp(v[row], out) {
                    self.push(out, |t| text::push_timestamp(t, v[row]));
                }
            }
            (Values::I64(v), Type::Duration) => self.push(out, |t| text::push_duration(t, v[row])),
            (Values::I64(v), _) => out.extend_from_slice(self.integer.format(v[row]).as_bytes()),
            (Values::F64(v), _) => self.float(v[row], out),
            (Values::I128(v), Type::Decimal { scale, .. }) => self.decimal(v[row], *scale, out),
            (Values::I128(v), _) => self.decimal(v[row], 0, out),
            (Values::Str(v), _) => out.extend_from_slice(v.bytes(row)),
            (Values::Any(v), _) => self.push(out, |t| text::push_value(t, &v[row], ty)),
        }
    }

    /// Appends the value of a row as JSON, null where it is null or an error.
    pub(super) fn json(&mut self, column: &Column, row: usize, ty: &Type, out: &mut Vec<u8>) {
        if column.status.get(row) != VALID {
            out.extend_from_slice(b"null");
            return;
        }
        match (&column.values, ty) {
            (Values::Str(v), _) => json_string(v.bytes(row), out),
            (Values::Any(v), _) => self.push(out, |t| text::push_json(t, &v[row], ty)),
            (Values::I64(_), Type::Date | Type::Timestamp | Type::Duration) => {
                self.quoted(column, row, ty, out);
            }
            (Values::F64(v), _) if !v[row].is_finite() => self.quoted(column, row, ty, out),
            _ => self.text(column, row, ty, out),
        }
    }

    fn quoted(&mut self, column: &Column, row: usize, ty: &Type, out: &mut Vec<u8>) {
        out.push(b'"');
        self.text(column, row, ty, out);
        out.push(b'"');
    }

    fn push(&mut self, out: &mut Vec<u8>, print: impl FnOnce(&mut String)) {
        self.text.clear();
        print(&mut self.text);
        out.extend_from_slice(self.text.as_bytes());
    }

    fn float(&mut self, x: f64, out: &mut Vec<u8>) {
        // Where no exponent is written, the fast printer writes the same digits as the canonical
        // one, unless two texts of the same length are equally near.
        if (1e-4..1e16).contains(&x.abs()) {
            let text = self.float.format_finite(x).as_bytes();
            let written = text.iter().rev().position(|b| *b == b'.').unwrap_or(0);
            if fraction_digits(x) != written as u32 + 1 {
                out.extend_from_slice(text);
                return;
            }
        }
        self.push(out, |t| text::push_float(t, x));
    }

    fn decimal(&mut self, unscaled: i128, scale: u8, out: &mut Vec<u8>) {
        let scale = usize::from(scale);
        if unscaled < 0 {
            out.push(b'-');
        }
        let digits = self.integer.format(unscaled.unsigned_abs()).as_bytes();
        let whole = digits.len().saturating_sub(scale);
        if whole == 0 {
            out.push(b'0');
        }
        out.extend_from_slice(&digits[..whole]);
        if scale > 0 {
            out.push(b'.');
            out.resize(out.len() + scale.saturating_sub(digits.len()), b'0');
            out.extend_from_slice(&digits[whole..]);
        }
    }
}

/// Appends a date of the years 0 to 9999; false, without appending, for others.
fn date(days: i64, out: &mut Vec<u8>) -> bool {
    // Everything the calendar needs fits where the year has four digits.
    if !(-719_528..2_932_897).contains(&days) {
        return false;
    }
    let civil = civil::civil_from_days(days);
    let (year, month, day) = (civil.year as u64, u64::from(civil.month), u64::from(civil.day));
    let mut text = *b"0000-00-00";
    digits(&mut text[..4], year);
    digits(&mut text[5..7], month);
    digits(&mut text[8..], day);
    out.extend_from_slice(&text);
    true
}

/// Appends a timestamp of the years 0 to 9999; false, without appending, for others.
fn timestamp(microseconds: i64, out: &mut Vec<u8>) -> bool {
    if !date(microseconds.div_euclid(civil::DAY), out) {
        return false;
    }
    let of_day = microseconds.rem_euclid(civil::DAY) as u64;
    let (seconds, fraction) = (of_day / 1_000_000, of_day % 1_000_000);
    let mut text = *b"T00:00:00.000000Z";
    digits(&mut text[1..3], seconds / 3600);
    digits(&mut text[4..6], seconds / 60 % 60);
    digits(&mut text[7..9], seconds % 60);
    if fraction == 0 {
        text[9] = b'Z';
        out.extend_from_slice(&text[..10]);
    } else {
        digits(&mut text[10..16], fraction);
        out.extend_from_slice(&text);
    }
    true
}

/// Fills a field with the last digits of a number.
fn digits(field: &mut [u8], mut n: u64) {
    for place in field.iter_mut().rev() {
        *place = b'0' + (n % 10) as u8;
        n /= 10;
    }
}

/// How many digits the exact value of a normal float has after the point.
fn fraction_digits(x: f64) -> u32 {
    let bits = x.to_bits();
    let mantissa = bits & ((1 << 52) - 1) | 1 << 52;
    // The value is `mantissa * 2^exponent`, and each power of two below one adds a digit.
    let exponent = (bits >> 52 & 0x7ff) as i32 - 1075;
    0.max(-exponent - mantissa.trailing_zeros() as i32) as u32
}

/// Appends a text as a JSON string, escaped as `text::push_json_string` does.
pub(super) fn json_string(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|b| *b < 0x20 || *b == b'"' || *b == b'\\') {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', b]),
            b => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let (high, low) = (DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]);
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            }
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}
