//! Decimal arithmetic: exact, at most 38 digits, rounding half away from zero where digits go.

use super::arithmetic::{division_by_zero, does_not_fit, wrong_operands};
use super::quotient::decimal_quotient;
use crate::error::EvalError;
use crate::function::Function;
use crate::text::push_decimal;
use crate::types::{DataType, Type};
use crate::value::Value;

/// The most digits a decimal has.
pub const PRECISION_MAX: u8 = 38;

/// `10^n`; `None` beyond 38.
pub fn power_of_ten(n: u8) -> Option<i128> {
    (n <= PRECISION_MAX).then(|| 10i128.pow(u32::from(n)))
}

/// Whether `unscaled` has at most `precision` digits.
pub fn decimal_fits(unscaled: i128, precision: u8) -> bool {
    power_of_ten(precision).is_none_or(|limit| unscaled.unsigned_abs() < limit.unsigned_abs())
}

/// The same number at another scale, rounded half away from zero; `None` on overflow.
pub fn decimal_rescale(unscaled: i128, from: u8, to: u8) -> Option<i128> {
    if to >= from {
        unscaled.checked_mul(power_of_ten(to - from)?)
    } else {
        Some(decimal_round_half_away(unscaled, from - to))
    }
}

/// `unscaled / 10^digits`, rounded half away from zero.
pub fn decimal_round_half_away(unscaled: i128, digits: u8) -> i128 {
    let Some(power) = power_of_ten(digits) else { return 0 };
    let (quotient, rest) = (unscaled / power, unscaled % power);
    if rest.unsigned_abs() >= power.unsigned_abs().div_ceil(2) && power > 1 {
        quotient + rest.signum()
    } else {
        quotient
    }
}

/// The float next to a decimal, correctly rounded.
pub fn decimal_to_float(unscaled: i128, scale: u8) -> f64 {
    const EXACT: u128 = 1 << 53;
    // Both are exact floats in this range, so the one division is the one rounding.
    if unscaled.unsigned_abs() <= EXACT && scale <= 22 {
        return unscaled as f64 / power_of_ten(scale).unwrap_or(1) as f64;
    }
    format!("{unscaled}e-{scale}").parse().unwrap_or(f64::NAN)
}

/// The decimal next to a float at a scale, halves away from zero; `None` if it is not finite or
/// does not fit 38 digits.
pub fn float_to_decimal(x: f64, scale: u8) -> Option<i128> {
    if !x.is_finite() || x.abs() >= 1e38 {
        return None;
    }
    if let Some(magnitude) = scaled_round(x, i64::from(scale)) {
        return Some(i128::from(if x < 0.0 { -magnitude } else { magnitude }));
    }
    let digits = exactly_rounded_text(x, i32::from(scale));
    let unscaled: i128 = digits.replace('.', "").parse().ok()?;
    decimal_fits(unscaled, PRECISION_MAX).then_some(unscaled)
}

/// `x` rounded to `digits` digits after the point (before it, if negative), halves away from zero:
/// the float next to the exact decimal result.
pub fn round_float(x: f64, digits: i64) -> f64 {
    // Past these limits every float is its own rounding, or rounds to zero.
    if !x.is_finite() || digits > 1074 {
        return x;
    }
    if digits < -309 {
        return 0.0f64.copysign(x);
    }
    if digits == 0 {
        return x.round();
    }
    if let (Some(magnitude), Some(power)) = (scaled_round(x, digits), float_power_of_ten(digits)) {
        // Both are exact, so the one division is the one rounding.
        return (magnitude as f64 / power).copysign(x);
    }
    exactly_rounded_text(x, digits as i32).parse().unwrap_or(x)
}

/// `10^n` where a float holds it exactly.
fn float_power_of_ten(n: i64) -> Option<f64> {
    const POWERS: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
        1e18, 1e19, 1e20, 1e21, 1e22,
    ];
    POWERS.get(usize::try_from(n).ok()?).copied()
}

/// `|x| * 10^digits` rounded half away from zero, where floats can tell; `None` next to a tie and
/// for large numbers, which need the exact digits.
fn scaled_round(x: f64, digits: i64) -> Option<i64> {
    const LIMIT: f64 = (1i64 << 51) as f64;
    let scaled = x.abs() * float_power_of_ten(digits)?;
    if scaled.is_nan() || scaled >= LIMIT {
        return None;
    }
    let below = scaled.floor();
    let fraction = scaled - below;
    // The product is off by at most half a unit in its last place.
    if (fraction - 0.5).abs() <= scaled * f64::EPSILON {
        return None;
    }
    Some(below as i64 + i64::from(fraction > 0.5))
}

/// The exact decimal expansion of a finite float, rounded half away from zero to `digits` digits
/// after the point, as text with exactly that many (none if `digits` <= 0).
pub fn rounded_text(x: f64, digits: i32) -> String {
    let Some(magnitude) = scaled_round(x, i64::from(digits)) else { return exactly_rounded_text(x, digits) };
    let mut out = String::new();
    if x.is_sign_negative() {
        out.push('-');
    }
    push_decimal(&mut out, i128::from(magnitude), u8::try_from(digits).unwrap_or(0));
    out
}

/// The same by the digits themselves, for every finite float.
fn exactly_rounded_text(x: f64, digits: i32) -> String {
    // A float with binary exponent -k has exactly k digits after the point, or fewer.
    let exact = 1074.min(binary_fraction_digits(x));
    let expansion = format!("{:.*}", exact, x.abs());
    let (whole, fraction) = expansion.split_once('.').unwrap_or((&expansion, ""));
    let mut kept: Vec<u8> = whole.bytes().collect();
    let round_up;
    if digits >= 0 {
        let wanted = digits as usize;
        kept.extend(fraction.bytes().chain(std::iter::repeat(b'0')).take(wanted));
        round_up = fraction.as_bytes().get(wanted).is_some_and(|&d| d >= b'5');
    } else {
        let cleared = digits.unsigned_abs() as usize;
        round_up = kept.len() >= cleared && kept[kept.len() - cleared] >= b'5';
        let from = kept.len().saturating_sub(cleared);
        kept.truncate(from);
    }
    if round_up {
        increment(&mut kept);
    }
    if digits < 0 {
        kept.extend(std::iter::repeat_n(b'0', digits.unsigned_abs() as usize));
    }
    let point = kept.len() - (digits.max(0) as usize).min(kept.len());
    let mut out = String::with_capacity(kept.len() + 2);
    if x.is_sign_negative() {
        out.push('-');
    }
    out.extend(kept.iter().enumerate().flat_map(|(i, &d)| {
        let dot = (i == point && digits > 0).then_some('.');
        dot.into_iter().chain(std::iter::once(char::from(d)))
    }));
    out
}

/// How many binary, and so decimal, digits a finite float has after its point.
fn binary_fraction_digits(x: f64) -> usize {
    let bits = x.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32;
    let mantissa = bits & ((1 << 52) - 1);
    let (mantissa, exponent) =
        if exponent == 0 { (mantissa, -1074) } else { (mantissa | 1 << 52, exponent - 1075) };
    if mantissa == 0 {
        return 0;
    }
    usize::try_from(-(exponent + mantissa.trailing_zeros() as i32)).unwrap_or(0)
}

/// Adds one to a number written in ASCII digits.
fn increment(digits: &mut Vec<u8>) {
    for d in digits.iter_mut().rev() {
        if *d == b'9' {
            *d = b'0';
        } else {
            *d += 1;
            return;
        }
    }
    digits.insert(0, b'1');
}

/// `a function b` of two decimals. Sums and products are exact; `/` is the float next to the quotient.
pub(super) fn arithmetic(
    function: Function,
    a: &Value,
    b: &Value,
    result: &DataType,
) -> Result<Value, EvalError> {
    let (Value::Decimal { unscaled: x, scale: s }, Value::Decimal { unscaled: y, scale: t }) = (a, b) else {
        return Err(wrong_operands(function));
    };
    let (x, s, y, t) = (*x, *s, *y, *t);
    if matches!(function, Function::Divide | Function::FloorDivide | Function::Remainder) && y == 0 {
        return Err(division_by_zero());
    }
    if function == Function::Divide {
        return Ok(Value::Float(decimal_quotient((x, s), (y, t))));
    }
    let precision = match result.kind {
        Type::Decimal { precision, .. } => precision,
        _ => PRECISION_MAX,
    };
    match decimal_operation(function, (x, s), (y, t)).filter(|(u, _)| decimal_fits(*u, precision)) {
        Some((unscaled, scale)) => Ok(Value::Decimal { unscaled, scale }),
        None => {
            let scale = if let Type::Decimal { scale, .. } = result.kind { scale } else { s.max(t) };
            Err(does_not_fit(function, a, b, &Type::Decimal { precision, scale }.to_string()))
        }
    }
}

/// The exact result of `+ - * // %` and its scale; `None` on overflow of 128 bits (or a zero divisor).
pub fn decimal_operation(function: Function, (x, s): (i128, u8), (y, t): (i128, u8)) -> Option<(i128, u8)> {
    if function == Function::Multiply {
        return Some((x.checked_mul(y)?, s.checked_add(t)?));
    }
    let scale = s.max(t);
    let (x, y) = (decimal_rescale(x, s, scale)?, decimal_rescale(y, t, scale)?);
    match function {
        Function::Add => Some((x.checked_add(y)?, scale)),
        Function::Subtract => Some((x.checked_sub(y)?, scale)),
        Function::FloorDivide => {
            let quotient = x.checked_div(y)?;
            Some((if x % y != 0 && (x < 0) != (y < 0) { quotient - 1 } else { quotient }, 0))
        }
        Function::Remainder => {
            let remainder = x.checked_rem(y)?;
            Some((
                if remainder != 0 && (remainder < 0) != (y < 0) { remainder + y } else { remainder },
                scale,
            ))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_by_floats_agrees_with_rounding_by_digits() {
        let mut state = 1u64;
        let mut by_floats = 0;
        for i in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let x = match i % 4 {
                0 => f64::from_bits(state ^ state >> 31),
                // Numbers with few digits, which lie next to ties.
                1 => (state >> 40) as f64 / 1000.0,
                2 => -((state >> 50) as f64 / 8.0),
                _ => (state >> 44) as f64 * 0.005,
            };
            let digits = (state >> 33) as i32 % 9;
            if !x.is_finite() {
                continue;
            }
            by_floats += i32::from(scaled_round(x, i64::from(digits)).is_some());
            let exact = exactly_rounded_text(x, digits);
            assert_eq!(rounded_text(x, digits), exact, "{x:?} {digits}");
            let rounded = round_float(x, i64::from(digits));
            assert_eq!(rounded.to_bits(), exact.parse::<f64>().map_or(0, f64::to_bits), "{x:?} {digits}");
            let unscaled = exact.replace('.', "").parse::<i128>().ok().filter(|u| decimal_fits(*u, 38));
            assert_eq!(float_to_decimal(x, digits as u8), unscaled.filter(|_| x.abs() < 1e38), "{x:?}");
        }
        assert!(by_floats > 5000);
    }
}
