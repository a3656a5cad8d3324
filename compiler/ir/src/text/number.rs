//! Bools, bytes and numbers from text.

/// `true` or `false`, in any case.
pub fn parse_bool(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Bytes, two hexadecimal digits each, in any case.
pub fn parse_bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16);
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[a, b]| Some((digit(*a)? << 4 | digit(*b)?) as u8)).collect()
}

/// `[+-]?[0-9]+` within 64 bits.
pub fn parse_int(text: &str) -> Option<i64> {
    // `i64::from_str` reads exactly this grammar.
    text.parse().ok()
}

/// `[+-]?` then `inf`, `infinity` or `nan` in any case, or digits with at most one point among
/// them and an optional exponent; the nearest float.
pub fn parse_float(text: &str) -> Option<f64> {
    // `f64::from_str` reads exactly this grammar and rounds correctly.
    text.parse().ok()
}

/// The unscaled value of a decimal(precision, scale), written with or without point and exponent.
/// Digits that would be lost are an error unless they are zeros: money is never rounded by reading.
pub fn parse_decimal(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let (unscaled, written_scale) = parse_digits(text)?;
    let unscaled = shift(unscaled, i64::from(scale) - written_scale)?;
    crate::eval::decimal_fits(unscaled, precision).then_some(unscaled)
}

/// The unscaled value and scale of a decimal literal as written: `12.50` is (1250, 2).
pub fn parse_decimal_literal(text: &str) -> Option<(i128, u8)> {
    let (unscaled, scale) = parse_digits(text)?;
    let (unscaled, scale) = if scale < 0 { (shift(unscaled, -scale)?, 0) } else { (unscaled, scale) };
    let scale = u8::try_from(scale).ok().filter(|s| *s <= 38)?;
    crate::eval::decimal_fits(unscaled, 38).then_some((unscaled, scale))
}

/// Sign, digits, point and exponent as digits and the power of ten they are divided by.
fn parse_digits(text: &str) -> Option<(i128, i64)> {
    let (negative, rest) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    let (digits, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], rest[at + 1..].parse::<i16>().ok()?),
        None => (rest, 0),
    };
    let mut unscaled: i128 = 0;
    let mut scale = -i64::from(exponent);
    let (mut any, mut point) = (false, false);
    // Zeros after the last other digit are counted, not multiplied: `1.000…` may be long.
    let mut zeros = 0u32;
    for b in digits.bytes() {
        match b {
            b'.' if !point => point = true,
            b'0'..=b'9' => {
                any = true;
                scale += i64::from(point);
                if b == b'0' {
                    zeros += 1;
                    continue;
                }
                if unscaled != 0 {
                    unscaled = unscaled.checked_mul(10i128.checked_pow(zeros)?)?;
                }
                zeros = 0;
                unscaled = unscaled.checked_mul(10)?.checked_add(i128::from(b - b'0'))?;
            }
            _ => return None,
        }
    }
    if !any {
        return None;
    }
    if unscaled == 0 {
        return Some((0, scale.clamp(0, 38)));
    }
    let unscaled = if negative { -unscaled } else { unscaled };
    // The trailing zeros come back as far as they were written after the point.
    let kept = i64::from(zeros).min(scale.max(0));
    match shift(unscaled, kept) {
        Some(u) if kept > 0 => Some((shift(u, i64::from(zeros) - kept)?, scale)),
        _ => Some((unscaled, scale - i64::from(zeros))),
    }
}

/// `unscaled * 10^by`; a division must leave no rest.
fn shift(unscaled: i128, by: i64) -> Option<i128> {
    if unscaled == 0 {
        return Some(0);
    }
    let power = 10i128.checked_pow(u32::try_from(by.unsigned_abs()).ok()?)?;
    if by >= 0 { unscaled.checked_mul(power) } else { (unscaled % power == 0).then_some(unscaled / power) }
}
