//! Reads plain numbers from their text in ordinary registers, for [`super::number`].
//!
//! The text goes into one 64- or 128-bit word, the first character in the lowest byte. Sign and
//! point are taken out, the digits are moved to the upper end and added up pairwise, without a
//! loop or a branch on any character.

use flow_ir::column::View;

/// `digits / 10^places`, of up to 16 characters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainNumber {
    pub(crate) negative: bool,
    pub(crate) digits: u64,
    pub(crate) places: u8,
}

/// Reads `-?[0-9]+`, with at most one point before, after or between the digits if `POINT`. `None`
/// for anything else and for more than 16 characters.
#[inline]
pub(crate) fn plain_number<const POINT: bool>(buffer: &[u8], view: View) -> Option<PlainNumber> {
    let (at, length) = ((view & 0xffff_ffff) as usize, (view >> 32) as usize);
    if length > 16 || at + length > buffer.len() {
        return None;
    }
    let rest = buffer.get(at..)?;
    if length <= 8 {
        let word = match rest.first_chunk::<8>() {
            Some(chars) => *chars,
            None => copied(rest),
        };
        return of_eight::<POINT>(u64::from_le_bytes(word), length as u32);
    }
    let word = match rest.first_chunk::<16>() {
        Some(chars) => *chars,
        None => copied(rest),
    };
    of_sixteen::<POINT>(u128::from_le_bytes(word), length as u32)
}

/// Less than `N` bytes, with zeros after them.
#[cold]
fn copied<const N: usize>(bytes: &[u8]) -> [u8; N] {
    std::array::from_fn(|i| bytes.get(i).copied().unwrap_or(0))
}

const ZEROS: u64 = 0x3030_3030_3030_3030;
const ONES: u64 = 0x0101_0101_0101_0101;
/// `.` after digits have become the values 0 to 9.
const POINT_BYTE: u64 = (b'.' ^ b'0') as u64;

#[inline]
fn of_eight<const POINT: bool>(word: u64, length: u32) -> Option<PlainNumber> {
    let negative = length > 0 && word as u8 == b'-';
    let (word, length) = if negative { (word >> 8, length - 1) } else { (word, length) };
    if length == 0 {
        return None;
    }
    let mut text = (word ^ ZEROS) << (64 - 8 * length);
    let mut places = 0;
    if POINT {
        // The lowest bit of each byte that is a point.
        let points = equal_bytes(text, POINT_BYTE * ONES);
        if points != 0 {
            let before = points - 1;
            if points & before != 0 || length == 1 {
                return None;
            }
            text &= !(points * 0xff);
            text = text & !before | (text & before) << 8;
            places = (points.leading_zeros() / 8) as u8;
        }
    }
    Some(PlainNumber { negative, digits: digits_of_values(text)?, places })
}

#[inline]
fn of_sixteen<const POINT: bool>(word: u128, length: u32) -> Option<PlainNumber> {
    let negative = word as u8 == b'-';
    let (word, length) = if negative { (word >> 8, length - 1) } else { (word, length) };
    let mut text = (word ^ (u128::from(ZEROS) << 64 | u128::from(ZEROS))) << (128 - 8 * length);
    let mut places = 0;
    if POINT {
        let wanted = POINT_BYTE * ONES;
        let (low, high) = (equal_bytes(text as u64, wanted), equal_bytes((text >> 64) as u64, wanted));
        let points = u128::from(high) << 64 | u128::from(low);
        if points != 0 {
            let before = points - 1;
            if points & before != 0 {
                return None;
            }
            text &= !(points * 0xff);
            text = text & !before | (text & before) << 8;
            places = (points.leading_zeros() / 8) as u8;
        }
    }
    let (high, low) = (digits_of_values(text as u64)?, digits_of_values((text >> 64) as u64)?);
    Some(PlainNumber { negative, digits: high * 100_000_000 + low, places })
}

/// The lowest bit of each byte of `word` that equals that of `wanted`.
#[inline]
fn equal_bytes(word: u64, wanted: u64) -> u64 {
    const LOW: u64 = 0x7f * ONES;
    let x = word ^ wanted;
    !((((x & LOW) + LOW) | x) >> 7) & ONES
}

/// The number written by eight digits, the first in the lowest byte.
#[inline]
pub(crate) fn digits_of_word(word: u64) -> Option<u64> {
    digits_of_values(word ^ ZEROS)
}

/// The number that eight values of 0 to 9 make, the first in the lowest byte.
#[inline]
fn digits_of_values(x: u64) -> Option<u64> {
    if (x | x.wrapping_add(6 * ONES)) & (0xf0 * ONES) != 0 {
        return None;
    }
    // Neighbouring digits, then pairs, then quadruples are put together; no lane overflows.
    let x = (x * 10 + (x >> 8)) & 0x00ff_00ff_00ff_00ff;
    let x = (x * 100 + (x >> 16)) & 0x0000_ffff_0000_ffff;
    Some((x * 10_000 + (x >> 32)) & 0xffff_ffff)
}
