//! Parses columns of numbers and truth values from views of their text.
//!
//! Scanners call this for the fields of a morsel. `flow_ir::text` defines what a number is; the
//! paths here only recognise common forms sooner, and hand everything else to it.
//! Invariant: every path gives the value (bit for bit) that `flow_ir::text` gives, or none if it gives none.

use crate::kernels::level::SimdLevel;
#[cfg(target_arch = "x86_64")]
use crate::kernels::{level::Instructions, number_avx512};
use flow_ir::column::View;
use flow_ir::text;

/// Parses each view of `buffer` as an `int`; rows that are not one are added to `bad`, in order.
pub fn parse_ints(level: SimdLevel, buffer: &[u8], views: &[View], bad: &mut Vec<u32>) -> Vec<i64> {
    #[cfg(target_arch = "x86_64")]
    if level.instructions() >= Instructions::Avx512 {
        return number_avx512::parse_ints(level, buffer, views, bad);
    }
    let _ = level;
    parse_each(buffer, views, bad, int_at)
}

/// Parses each view of `buffer` as a `float`; rows that are not one are added to `bad`, in order.
pub fn parse_floats(level: SimdLevel, buffer: &[u8], views: &[View], bad: &mut Vec<u32>) -> Vec<f64> {
    #[cfg(target_arch = "x86_64")]
    if level.instructions() >= Instructions::Avx512 {
        return number_avx512::parse_floats(level, buffer, views, bad);
    }
    let _ = level;
    parse_each(buffer, views, bad, float_at)
}

/// Parses each view of `buffer` as a `decimal(precision, scale)`, unscaled; rows that are not one
/// are added to `bad`, in order.
pub fn parse_decimals(
    level: SimdLevel,
    buffer: &[u8],
    views: &[View],
    precision: u8,
    scale: u8,
    bad: &mut Vec<u32>,
) -> Vec<i128> {
    #[cfg(target_arch = "x86_64")]
    if level.instructions() >= Instructions::Avx512 {
        return number_avx512::parse_decimals(level, buffer, views, precision, scale, bad);
    }
    let _ = level;
    parse_each(buffer, views, bad, |buffer, view| decimal_at(buffer, view, precision, scale))
}

/// Parses each view of `buffer` as a `bool`; rows that are not one are added to `bad`, in order.
pub fn parse_bools(buffer: &[u8], views: &[View], bad: &mut Vec<u32>) -> Vec<u8> {
    parse_each(buffer, views, bad, |buffer, view| match text_at(buffer, view)? {
        "true" => Some(1),
        "false" => Some(0),
        other => text::parse_bool(other).map(u8::from),
    })
}

/// Parses view by view. A row without a value holds the default.
pub(crate) fn parse_each<T: Copy + Default>(
    buffer: &[u8],
    views: &[View],
    bad: &mut Vec<u32>,
    parse: impl Fn(&[u8], View) -> Option<T>,
) -> Vec<T> {
    let mut values = Vec::with_capacity(views.len());
    for (row, &view) in views.iter().enumerate() {
        values.push(parse(buffer, view).unwrap_or_else(|| {
            bad.push(row as u32);
            T::default()
        }));
    }
    values
}

/// The bytes under a view, where the buffer has them.
#[inline]
pub(crate) fn bytes_at(buffer: &[u8], view: View) -> Option<&[u8]> {
    let (at, length) = ((view & 0xffff_ffff) as usize, (view >> 32) as usize);
    buffer.get(at..at + length)
}

/// The text under a view. Numbers and dates are ASCII: for anything else it is `None` sooner.
pub(crate) fn text_at(buffer: &[u8], view: View) -> Option<&str> {
    std::str::from_utf8(bytes_at(buffer, view)?).ok()
}

/// The `int` under a view.
pub(crate) fn int_at(buffer: &[u8], view: View) -> Option<i64> {
    let bytes = bytes_at(buffer, view)?;
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let magnitude = match digits.len() {
        1..=8 => eight_digits(digits),
        9..=16 => {
            let (high, low) = digits.split_at(digits.len() - 8);
            eight_digits(high).zip(eight_digits(low)).map(|(h, l)| h * 100_000_000 + l)
        }
        17..=18 => {
            let (high, low) = digits.split_at(digits.len() - 16);
            let (middle, low) = low.split_at(8);
            let pair = eight_digits(middle).zip(eight_digits(low)).map(|(m, l)| m * 100_000_000 + l);
            eight_digits(high).zip(pair).map(|(h, p)| h * 10_000_000_000_000_000 + p)
        }
        _ => None,
    };
    match magnitude {
        Some(m) if negative => Some(-(m as i64)),
        Some(m) => Some(m as i64),
        None => text::parse_int(text_at(buffer, view)?),
    }
}

/// The `float` under a view.
pub(crate) fn float_at(buffer: &[u8], view: View) -> Option<f64> {
    if let Some(short) = short_number(bytes_at(buffer, view)?)
        && short.digits <= 1 << 53
    {
        // Both operands are exact, so the one division rounds correctly.
        let value = short.digits as f64 / POWERS_F64[short.places as usize];
        return Some(if short.negative { -value } else { value });
    }
    text::parse_float(text_at(buffer, view)?)
}

/// The `decimal` under a view.
pub(crate) fn decimal_at(buffer: &[u8], view: View, precision: u8, scale: u8) -> Option<i128> {
    if let Some(short) = short_number(bytes_at(buffer, view)?)
        && let Some(unscaled) = short.unscaled(precision, scale)
    {
        return Some(unscaled);
    }
    text::parse_decimal(text_at(buffer, view)?, precision, scale)
}

/// `10^i`, exact.
pub(crate) const POWERS_F64: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// `digits / 10^places`.
#[derive(Clone, Copy)]
pub(crate) struct ShortNumber {
    pub(crate) negative: bool,
    pub(crate) digits: u64,
    pub(crate) places: u8,
}

impl ShortNumber {
    /// The number at a scale, if it has no more places than that and fits the precision. `None`
    /// also for what only the slow path decides.
    #[inline]
    pub(crate) fn unscaled(self, precision: u8, scale: u8) -> Option<i128> {
        let raise = scale.checked_sub(self.places)?;
        let limit = 10i128.checked_pow(u32::from(precision))?;
        let unscaled = i128::from(self.digits).checked_mul(10i128.checked_pow(u32::from(raise))?)?;
        let signed = if self.negative { -unscaled } else { unscaled };
        (unscaled < limit).then_some(signed)
    }
}

/// Reads `-?[0-9]+(\.[0-9]+)?` of at most 18 digits.
pub(crate) fn short_number(bytes: &[u8]) -> Option<ShortNumber> {
    let (negative, unsigned) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    if unsigned.len() > 19 {
        return None;
    }
    let (mut digits, mut point) = (0u64, None);
    for (i, &b) in unsigned.iter().enumerate() {
        match b {
            b'0'..=b'9' => digits = digits * 10 + u64::from(b - b'0'),
            b'.' if point.is_none() && i > 0 => point = Some(i),
            _ => return None,
        }
    }
    let places = point.map_or(0, |p| unsigned.len() - p - 1);
    let count = unsigned.len() - usize::from(point.is_some());
    let complete = count > 0 && count <= 18 && (point.is_none() || places > 0);
    complete.then_some(ShortNumber { negative, digits, places: places as u8 })
}

/// The number written by one to eight digits.
#[inline]
fn eight_digits(digits: &[u8]) -> Option<u64> {
    let mut word = [b'0'; 8];
    word[8usize.checked_sub(digits.len())?..].copy_from_slice(digits);
    digits_of_word(u64::from_le_bytes(word))
}

/// The number written by eight digits, the first in the lowest byte.
#[inline]
pub(crate) fn digits_of_word(word: u64) -> Option<u64> {
    let x = word ^ 0x3030_3030_3030_3030;
    if (x | x.wrapping_add(0x0606_0606_0606_0606)) & 0xf0f0_f0f0_f0f0_f0f0 != 0 {
        return None;
    }
    // Neighbouring digits, then pairs, then quadruples are put together; no lane overflows.
    let x = (x.wrapping_mul(10) + (x >> 8)) & 0x00ff_00ff_00ff_00ff;
    let x = (x.wrapping_mul(100) + (x >> 16)) & 0x0000_ffff_0000_ffff;
    Some((x.wrapping_mul(10_000) + (x >> 32)) & 0xffff_ffff)
}
