//! Parses columns of numbers and truth values from views of their text.
//!
//! Scanners call this for the fields of a morsel. `flow_ir::text` defines what a number is; the
//! paths here only recognise common forms sooner, and hand everything else to it.
//! Invariant: every path gives the value (bit for bit) that `flow_ir::text` gives, or none if it gives none.

use crate::kernels::level::SimdLevel;
use crate::kernels::number_words::{PlainNumber, digits_of_word, plain_number};
#[cfg(target_arch = "x86_64")]
use crate::kernels::{groups_avx512, level::Instructions, number_avx512};
use flow_ir::column::View;
use flow_ir::text;

/// Parses each view of `buffer` as an `int`; rows that are not one are added to `bad`, in order.
pub fn parse_ints(level: SimdLevel, buffer: &[u8], views: &[View], bad: &mut Vec<u32>) -> Vec<i64> {
    #[cfg(target_arch = "x86_64")]
    if level.instructions() >= Instructions::Avx512 {
        return groups_avx512::parse(level, &number_avx512::Ints, buffer, views, bad);
    }
    let _ = level;
    parse_each(buffer, views, bad, int_at)
}

/// Parses each view of `buffer` as a `float`; rows that are not one are added to `bad`, in order.
pub fn parse_floats(level: SimdLevel, buffer: &[u8], views: &[View], bad: &mut Vec<u32>) -> Vec<f64> {
    #[cfg(target_arch = "x86_64")]
    if level.instructions() >= Instructions::Avx512 {
        return groups_avx512::parse(level, &number_avx512::Floats, buffer, views, bad);
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
        let decimals = number_avx512::Decimals::new(precision, scale);
        return groups_avx512::parse(level, &decimals, buffer, views, bad);
    }
    let _ = level;
    parse_each(buffer, views, bad, |buffer, view| decimal_at(buffer, view, precision, scale))
}

/// Parses each view of `buffer` as a `bool`; rows that are not one are added to `bad`, in order.
pub fn parse_bools(buffer: &[u8], views: &[View], bad: &mut Vec<u32>) -> Vec<u8> {
    parse_each(buffer, views, bad, |buffer, view| match bytes_at(buffer, view)? {
        b"true" => Some(1),
        b"false" => Some(0),
        other => text::parse_bool(std::str::from_utf8(other).ok()?).map(u8::from),
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
    if let Some(number) = plain_number::<false>(buffer, view) {
        let size = number.digits as i64;
        return Some(if number.negative { -size } else { size });
    }
    let bytes = bytes_at(buffer, view)?;
    if let [b'1'..=b'9', rest @ ..] = bytes
        && (16..=18).contains(&rest.len())
    {
        // Identifiers are often that long. 19 digits fit 64 bits without a sign, but not all of them with one.
        let (high, low) = bytes.split_at(bytes.len() - 16);
        let high =
            high.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + u64::from(b - b'0')))?;
        let (words, _) = low.as_chunks::<8>();
        let low = words
            .iter()
            .try_fold(0, |n, &w| Some(n * 100_000_000 + digits_of_word(u64::from_le_bytes(w))?))?;
        return i64::try_from(high * 10_000_000_000_000_000 + low).ok();
    }
    text::parse_int(text_at(buffer, view)?)
}

/// The `float` under a view.
pub(crate) fn float_at(buffer: &[u8], view: View) -> Option<f64> {
    if let Some(number) = plain_number::<true>(buffer, view)
        && number.digits <= 1 << 53
    {
        // Both operands are exact, so the one division rounds correctly.
        let size = number.digits as f64 / POWERS_F64[number.places as usize & 15];
        return Some(if number.negative { -size } else { size });
    }
    text::parse_float(text_at(buffer, view)?)
}

/// The `decimal` under a view.
pub(crate) fn decimal_at(buffer: &[u8], view: View, precision: u8, scale: u8) -> Option<i128> {
    if let Some(number) = plain_number::<true>(buffer, view)
        && let Some(unscaled) = unscaled(number, precision, scale)
    {
        return Some(unscaled);
    }
    text::parse_decimal(text_at(buffer, view)?, precision, scale)
}

/// A number at a scale, if it has no more places than that and fits the precision.
fn unscaled(number: PlainNumber, precision: u8, scale: u8) -> Option<i128> {
    let raise = scale.checked_sub(number.places)?;
    let limit = 10i128.checked_pow(u32::from(precision))?;
    let size = i128::from(number.digits).checked_mul(10i128.checked_pow(u32::from(raise))?)?;
    (size < limit).then_some(if number.negative { -size } else { size })
}

/// `10^i`, exact.
const POWERS_F64: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
