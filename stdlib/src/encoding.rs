//! Texts and bytes in other spellings: base 64, hexadecimal, percent encoding, UTF-8; and the
//! distance between two spellings.

use crate::library::{Outcome, argument_error};
use crate::text::{TEXT_BYTES_MAX, too_long};
use flow_ir::text::quoted;
use flow_ir::{ErrorCode, EvalError, Function, Value};

/// Texts whose lengths multiply to more than this have no distance: it would take seconds.
const DISTANCE_STEPS_MAX: usize = 1 << 28;

pub(crate) fn call(function: Function, arguments: &[Value]) -> Outcome {
    use Value::{Bytes, String};
    Some(match (function, arguments) {
        (Function::Base64, [String(s)]) => base64(s.as_bytes()),
        (Function::Base64, [Bytes(b)]) => base64(b),
        (Function::Hex, [String(s)]) => hex(s.as_bytes()),
        (Function::Hex, [Bytes(b)]) => hex(b),
        (Function::FromBase64, [String(s)]) => {
            from_base64(s).map(|b| Bytes(b.into())).ok_or_else(|| not_encoded(s, "base 64"))
        }
        (Function::FromHex, [String(s)]) => {
            from_hex(s.as_bytes()).map(|b| Bytes(b.into())).ok_or_else(|| not_encoded(s, "hexadecimal"))
        }
        (Function::Utf8, [Bytes(b)]) => match std::str::from_utf8(b) {
            Ok(text) => Ok(Value::string(text)),
            Err(e) => {
                let text = format!("the bytes are not UTF-8 (byte {} is not)", e.valid_up_to());
                Err(EvalError::new(ErrorCode::Conversion, text))
            }
        },
        (Function::UrlEncode, [String(s)]) => url_encode(s),
        (Function::UrlDecode, [String(s)]) => {
            url_decode(s).map(Value::string).ok_or_else(|| not_encoded(s, "percent encoding of UTF-8"))
        }
        (Function::Levenshtein, [String(a), String(b)]) => levenshtein(a, b).map(Value::Int),
        _ => return None,
    })
}

fn not_encoded(s: &str, encoding: &str) -> EvalError {
    EvalError::new(ErrorCode::Conversion, format!("{} is not {encoding}", quoted(s)))
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> Result<Value, EvalError> {
    if bytes.len() > TEXT_BYTES_MAX / 4 * 3 {
        return Err(too_long("base64"));
    }
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let sextet = BASE64.get((bits >> (18 - 6 * i) & 63) as usize).copied().unwrap_or(b'A');
            // Three bytes are four letters, two are three, one is two.
            out.push(if i <= group.len() { char::from(sextet) } else { '=' });
        }
    }
    Ok(Value::string(out))
}

/// The bytes of a text in base 64, with or without padding, in the usual or the URL alphabet.
fn from_base64(s: &str) -> Option<Vec<u8>> {
    let digits = match s.len() % 4 {
        0 => s.strip_suffix("==").or_else(|| s.strip_suffix('=')).unwrap_or(s),
        _ => s,
    };
    let mut out = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.as_bytes().chunks(4) {
        let mut bits = 0u32;
        for i in 0..4 {
            bits = bits << 6 | group.get(i).map_or(Some(0), |b| sextet(*b))?;
        }
        let bytes = group.len().checked_sub(1).filter(|n| *n > 0)?;
        // The bits behind the last byte must be zero, so that a text has one spelling.
        let unused = bits & ((1 << (8 * (3 - bytes))) - 1);
        if unused != 0 {
            return None;
        }
        out.extend(bits.to_be_bytes().iter().skip(1).take(bytes));
    }
    Some(out)
}

fn sextet(letter: u8) -> Option<u32> {
    Some(match letter {
        b'A'..=b'Z' => u32::from(letter - b'A'),
        b'a'..=b'z' => u32::from(letter - b'a') + 26,
        b'0'..=b'9' => u32::from(letter - b'0') + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

fn hex(bytes: &[u8]) -> Result<Value, EvalError> {
    if bytes.len() > TEXT_BYTES_MAX / 2 {
        return Err(too_long("hex"));
    }
    let mut out = String::with_capacity(bytes.len() * 2);
    for b in bytes {
        for nibble in [b >> 4, b & 15] {
            out.extend(char::from_digit(u32::from(nibble), 16));
        }
    }
    Ok(Value::string(out))
}

fn from_hex(digits: &[u8]) -> Option<Vec<u8>> {
    digits
        .chunks(2)
        .map(|pair| match pair {
            [a, b] => Some(nibble(*a)? << 4 | nibble(*b)?),
            _ => None,
        })
        .collect()
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// Everything but letters, digits and `-._~` as the hexadecimal digits of its bytes.
fn url_encode(s: &str) -> Result<Value, EvalError> {
    if s.len() > TEXT_BYTES_MAX / 3 {
        return Err(too_long("url_encode"));
    }
    let mut out = String::with_capacity(s.len());
    for b in s.bytes() {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            out.push(char::from(b));
        } else {
            out.push('%');
            for nibble in [b >> 4, b & 15] {
                out.extend(char::from_digit(u32::from(nibble), 16).map(|d| d.to_ascii_uppercase()));
            }
        }
    }
    Ok(Value::string(out))
}

fn url_decode(s: &str) -> Option<String> {
    let mut out = Vec::with_capacity(s.len());
    let mut rest = s.as_bytes().iter();
    while let Some(b) = rest.next() {
        out.push(match b {
            b'%' => nibble(*rest.next()?)? << 4 | nibble(*rest.next()?)?,
            other => *other,
        });
    }
    String::from_utf8(out).ok()
}

/// The fewest insertions, deletions and replacements of characters that make one text the other.
fn levenshtein(a: &str, b: &str) -> Result<i64, EvalError> {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().saturating_mul(b.len()) > DISTANCE_STEPS_MAX {
        return Err(argument_error("these texts are too long for `edit_distance`"));
    }
    // `row[j]` is the distance between the characters of `a` so far and the first `j` of `b`.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let (mut diagonal, mut left) = (i, i + 1);
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let replaced = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = replaced.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    Ok(row.last().map_or(0, |d| i64::try_from(*d).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(function: Function, argument: Value) -> String {
        match call(function, &[argument]) {
            Some(Ok(Value::String(s))) => s.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn spellings_go_both_ways() {
        // The test vectors of RFC 4648.
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
        ] {
            assert_eq!(text(Function::Base64, Value::string(plain)), coded);
            assert_eq!(from_base64(coded).as_deref(), Some(plain.as_bytes()));
            assert_eq!(from_base64(coded.trim_end_matches('=')).as_deref(), Some(plain.as_bytes()));
        }
        for wrong in ["Z", "Zg=", "Zh==", "Zg===", "Z\u{e9}==", "Zm9v="] {
            assert_eq!(from_base64(wrong), None, "{wrong}");
        }
        let all: Vec<u8> = (0..=255).collect();
        let coded = text(Function::Base64, Value::Bytes(all.clone().into()));
        assert_eq!(from_base64(&coded), Some(all.clone()));
        let digits = text(Function::Hex, Value::Bytes(all.clone().into()));
        assert_eq!(from_hex(digits.to_uppercase().as_bytes()), Some(all));
        assert_eq!(from_hex(b"abc"), None);
        assert_eq!(from_hex("é0".as_bytes()), None);
        assert_eq!(text(Function::UrlEncode, Value::string("a b/é~")), "a%20b%2F%C3%A9~");
        assert_eq!(url_decode("a%20b%2f%C3%A9~+").as_deref(), Some("a b/é~+"));
        for wrong in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(url_decode(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn distances_count_characters() {
        for (a, b, distance) in [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("naïve", "naive", 1),
            ("flaw", "lawn", 2),
        ] {
            assert_eq!(levenshtein(a, b), Ok(distance), "{a} {b}");
            assert_eq!(levenshtein(b, a), Ok(distance), "{b} {a}");
        }
        let long = "x".repeat(1 << 15);
        assert!(levenshtein(&long, &long).is_err());
    }
}
