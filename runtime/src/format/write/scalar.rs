//! One value of a column as text, exactly as `flow_ir::text` prints it but without a detour
//! through interpreter values where that costs time.

use flow_ir::column::VALID;
use flow_ir::{Column, Type, Values, text};

/// Buffers reused from value to value.
#[derive(Default)]
pub(super) struct Scratch {
    text: String,
    integer: itoa::Buffer,
}

impl Scratch {
    /// Appends the value of a row; nothing where it is null or an error.
    pub(super) fn text(&mut self, column: &Column, row: usize, ty: &Type, out: &mut Vec<u8>) {
        if column.status.get(row) != VALID {
            return;
        }
        match (&column.values, ty) {
            (Values::Bool(v), _) => out.extend_from_slice(if v[row] != 0 { b"true" } else { b"false" }),
            (Values::I64(v), Type::Date) => self.push(out, |t| match i32::try_from(v[row]) {
                Ok(days) => text::push_date(t, days),
                Err(_) => text::push_int(t, v[row]),
            }),
            (Values::I64(v), Type::Timestamp) => self.push(out, |t| text::push_timestamp(t, v[row])),
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
        // Small whole numbers are what most float columns of results hold.
        if x.fract() == 0.0 && x.abs() < 1e15 && (x != 0.0 || x.is_sign_positive()) {
            out.extend_from_slice(self.integer.format(x as i64).as_bytes());
            out.extend_from_slice(b".0");
        } else {
            self.push(out, |t| text::push_float(t, x));
        }
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
