//! Exact sums of floats: no order, split or grouping of the additions changes a bit.
//!
//! A running sum is two floats whose exact sum is the sum so far; when that no longer holds, it
//! becomes an [`Accumulator`], a fixed-point number wide enough for every float. Results are
//! rounded once, to nearest even. Infinities and NaN behave as if the additions were done in the
//! reals: any NaN, or both infinities, give NaN.

mod moments;

pub(crate) use moments::Moments;

use std::cmp::Ordering;

/// Bits below the point: the least float is 2^-1074.
const FRACTION_BITS: i32 = 1074;
/// Limbs of 32 bits: 1074 + 1024 bits for one float, and 63 for how many there may be.
const LIMBS: usize = 68;

/// `a + b` as a rounded sum and the exact rest. Only meaningful while nothing overflows.
#[inline(always)]
pub fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    let bb = s - a;
    (s, (a - (s - bb)) + (b - bb))
}

/// Adds `x` to the exact pair `(s, e)`. `None` when the sum is no longer a pair.
#[inline(always)]
pub fn add_to_pair(s: f64, e: f64, x: f64) -> Option<(f64, f64)> {
    let (s, r) = two_sum(s, x);
    let (e, lost) = two_sum(e, r);
    // Anything infinite or NaN makes `lost` NaN, which is not 0 either.
    (lost == 0.0).then_some((s, e))
}

/// A sum of any floats, exactly, in units of 2^-1074.
#[derive(Clone, Debug)]
pub struct Accumulator {
    /// Little-endian limbs of 32 bits, each in 64 so that carries can wait.
    limbs: Box<[i64; LIMBS]>,
    /// Additions until the carries must be moved on.
    spare: u32,
    positive_infinity: bool,
    negative_infinity: bool,
    nan: bool,
}

/// Each addition changes a limb by less than 2^32, and a limb holds 2^63.
const SPARE: u32 = 1 << 30;

impl Default for Accumulator {
    fn default() -> Self {
        Accumulator {
            limbs: Box::new([0; LIMBS]),
            spare: SPARE,
            positive_infinity: false,
            negative_infinity: false,
            nan: false,
        }
    }
}

impl Accumulator {
    /// Bytes one takes.
    pub const BYTES: usize = LIMBS * 8 + 32;

    /// Adds a float.
    pub fn add(&mut self, x: f64) {
        let bits = x.to_bits();
        let exponent = ((bits >> 52) & 0x7ff) as usize;
        let fraction = bits & ((1 << 52) - 1);
        if exponent == 0x7ff {
            match (fraction != 0, x > 0.0) {
                (true, _) => self.nan = true,
                (false, true) => self.positive_infinity = true,
                (false, false) => self.negative_infinity = true,
            }
            return;
        }
        // A subnormal has the exponent of the least normal and no hidden bit.
        let (mantissa, shift) =
            if exponent == 0 { (fraction, 0) } else { (fraction | 1 << 52, exponent - 1) };
        let wide = u128::from(mantissa) << (shift % 32);
        let at = shift / 32;
        let negative = (bits >> 63) != 0;
        for (limb, part) in self.limbs[at..at + 3].iter_mut().zip([wide, wide >> 32, wide >> 64]) {
            let part = (part & 0xffff_ffff) as i64;
            *limb += if negative { -part } else { part };
        }
        self.spare -= 1;
        if self.spare == 0 {
            self.carry();
        }
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        other.carry();
        self.carry();
        for (a, b) in self.limbs.iter_mut().zip(other.limbs.iter()) {
            *a += b;
        }
        self.spare -= 1;
        self.positive_infinity |= other.positive_infinity;
        self.negative_infinity |= other.negative_infinity;
        self.nan |= other.nan;
    }

    /// Moves carries on, so that every limb but the last is in 0..2^32.
    fn carry(&mut self) {
        let mut carry = 0i64;
        let last = LIMBS - 1;
        for limb in &mut self.limbs[..last] {
            let v = *limb + carry;
            *limb = v & 0xffff_ffff;
            carry = v >> 32;
        }
        self.limbs[last] += carry;
        self.spare = SPARE;
    }

    /// The sum, rounded to nearest even.
    pub fn round(&self) -> f64 {
        self.mean(1)
    }

    /// The sum divided by `n`, rounded once. `n` is at least 1.
    pub fn mean(&self, n: u64) -> f64 {
        if self.nan || (self.positive_infinity && self.negative_infinity) {
            return f64::NAN;
        }
        if self.positive_infinity || self.negative_infinity {
            return if self.positive_infinity { f64::INFINITY } else { f64::NEG_INFINITY };
        }
        let mut sum = self.clone();
        sum.carry();
        let negative = sum.limbs[LIMBS - 1] < 0;
        if negative {
            sum.limbs.iter_mut().for_each(|l| *l = -*l);
            sum.carry();
        }
        let limbs: Vec<u32> = split_last(&sum.limbs);
        round_ratio(negative, limbs, &[n as u32, (n >> 32) as u32], -FRACTION_BITS)
    }
}

/// The limbs as 32-bit ones; the last may be wider.
fn split_last(limbs: &[i64; LIMBS]) -> Vec<u32> {
    let mut out: Vec<u32> = limbs.iter().map(|&l| l as u32).collect();
    out.push((limbs[LIMBS - 1] >> 32) as u32);
    out
}

/// The float nearest to `numerator / denominator * 2^exponent` (little-endian limbs, ties to
/// even), negated if `negative`. A zero denominator gives NaN; a zero numerator, +0.0.
pub fn round_ratio(negative: bool, numerator: Vec<u32>, denominator: &[u32], exponent: i32) -> f64 {
    let (n_bits, d_bits) = (bit_length(&numerator), bit_length(denominator));
    if d_bits == 0 {
        return f64::NAN;
    }
    if n_bits == 0 {
        return 0.0;
    }
    let magnitude = if d_bits <= 64 {
        let low = u64::from(denominator.first().copied().unwrap_or(0));
        let high = u64::from(denominator.get(1).copied().unwrap_or(0));
        round_short_ratio(&numerator, low | high << 32, exponent)
    } else {
        round_long_ratio(numerator, denominator, n_bits as i64 - d_bits as i64, exponent)
    };
    if negative { -magnitude } else { magnitude }
}

/// The nearest float of a ratio with a short denominator: limb by limb from the top, until the
/// quotient has more bits than a float; what is left only says that the quotient is not exact.
fn round_short_ratio(numerator: &[u32], denominator: u64, exponent: i32) -> f64 {
    let divisor = u128::from(denominator);
    let (mut quotient, mut rest) = (0u128, 0u128);
    let mut limbs = numerator.len();
    let mut exponent = i64::from(exponent) + 32 * limbs as i64;
    while quotient >> 57 == 0 && (limbs > 0 || rest != 0) {
        let limb = limbs.checked_sub(1).map_or(0, |at| numerator[at]);
        limbs = limbs.saturating_sub(1);
        // The rest is less than 2^64, so this is less than 2^96 and its quotient less than 2^32.
        let part = (rest << 32) | u128::from(limb);
        quotient = (quotient << 32) | (part / divisor);
        rest = part % divisor;
        exponent -= 32;
    }
    let lost = rest != 0 || numerator[..limbs].iter().any(|&l| l != 0);
    // More bits than a float has, and few enough for `scale`.
    let drop = (128 - quotient.leading_zeros()).saturating_sub(60);
    let sticky = lost || quotient & ((1 << drop) - 1) != 0;
    scale((quotient >> drop) as u64, sticky, exponent + i64::from(drop))
}

/// The nearest float of a ratio with any denominator; `ratio_bits` is the difference of the
/// lengths in bits.
fn round_long_ratio(numerator: Vec<u32>, denominator: &[u32], ratio_bits: i64, exponent: i32) -> f64 {
    // Scale so that the quotient has 56 or 57 bits, or fewer where the result is subnormal: the
    // quotient counts units of 2^(exponent - up), and two bits below the least float suffice.
    let up = (56 - ratio_bits).min(i64::from(exponent) + i64::from(FRACTION_BITS) + 2);
    let (mut rest, divisor) = if up >= 0 {
        (shift_left(&numerator, up as usize), denominator.to_vec())
    } else {
        (numerator, shift_left(denominator, up.unsigned_abs() as usize))
    };
    let mut quotient: u64 = 0;
    for bit in (0..=57).rev() {
        let part = shift_left(&divisor, bit);
        if compare(&rest, &part) != Ordering::Less {
            subtract(&mut rest, &part);
            quotient |= 1 << bit;
        }
    }
    scale(quotient, bit_length(&rest) != 0, i64::from(exponent) - up)
}

/// `(quotient + a bit if sticky) * 2^exponent`, rounded to nearest even. The quotient has at
/// least two bits more than the result keeps, or nothing is lost, and 60 bits at most.
fn scale(quotient: u64, sticky: bool, exponent: i64) -> f64 {
    let bits = i64::from(64 - quotient.leading_zeros());
    // The weight of the result's last bit, at least that of the least float.
    let ulp = (bits - 53 + exponent).max(-i64::from(FRACTION_BITS));
    let drop = ulp - exponent;
    if drop >= 64 {
        return 0.0;
    }
    let (kept, lost) =
        if drop <= 0 { (quotient << -drop, 0) } else { (quotient >> drop, quotient & ((1u64 << drop) - 1)) };
    let half = if drop > 0 { 1u64 << (drop - 1) } else { 0 };
    let up = drop > 0 && (lost > half || (lost == half && (sticky || kept & 1 == 1)));
    let kept = kept + u64::from(up);
    // `kept` has at most 53 bits (or is 2^53), so both factors and the product are exact.
    if ulp > 971 {
        return f64::INFINITY;
    }
    let weight = if ulp >= -1022 {
        f64::from_bits(((ulp + 1023) as u64) << 52)
    } else {
        f64::from_bits(1u64 << (ulp + i64::from(FRACTION_BITS)))
    };
    kept as f64 * weight
}

fn bit_length(limbs: &[u32]) -> usize {
    match limbs.iter().rposition(|&l| l != 0) {
        Some(i) => i * 32 + 32 - limbs[i].leading_zeros() as usize,
        None => 0,
    }
}

fn shift_left(limbs: &[u32], by: usize) -> Vec<u32> {
    let mut out = vec![0u32; by / 32];
    let small = by % 32;
    let mut carry = 0u32;
    for &l in limbs {
        let wide = u64::from(l) << small;
        out.push(wide as u32 | carry);
        carry = (wide >> 32) as u32;
    }
    out.push(carry);
    out
}

fn compare(a: &[u32], b: &[u32]) -> Ordering {
    let limb = |v: &[u32], i: usize| v.get(i).copied().unwrap_or(0);
    (0..a.len().max(b.len()))
        .rev()
        .map(|i| limb(a, i).cmp(&limb(b, i)))
        .find(|o| *o != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
}

/// `a -= b`, where `a >= b`.
fn subtract(a: &mut [u32], b: &[u32]) {
    let mut borrow = 0i64;
    for (i, limb) in a.iter_mut().enumerate() {
        let v = i64::from(*limb) - i64::from(b.get(i).copied().unwrap_or(0)) + borrow;
        *limb = v as u32;
        borrow = v >> 32;
    }
}

/// The mean of an exact pair over `n`, correctly rounded; `None` where the short way cannot
/// vouch for it.
pub fn pair_mean(s: f64, e: f64, n: u64) -> Option<f64> {
    let (s, e) = two_sum(s, e);
    if s == 0.0 {
        return Some(0.0);
    }
    let magnitude = s.abs();
    // Far from overflow and from where remainders lose bits; the count must be exact too.
    if !(1e-200..=1e200).contains(&magnitude) || n > 1 << 53 {
        return None;
    }
    if n == 1 {
        return Some(s);
    }
    let d = n as f64;
    let q = s / d;
    let rest = (-q).mul_add(d, s);
    let low = (rest + e) / d;
    let (result, error) = two_sum(q, low);
    // The next float towards zero is at least this far away; at a power of two it is half an ulp.
    let gap = result.abs() - f64::from_bits(result.abs().to_bits() - 1);
    // `low` is off by a few units in its last place.
    let doubt = low.abs() * (8.0 * f64::EPSILON);
    (error.abs() + doubt < gap * 0.5).then_some(result)
}

/// The mean of an exact pair over `n`, correctly rounded, whichever way it takes.
pub fn mean_of_pair(s: f64, e: f64, n: u64) -> f64 {
    pair_mean(s, e, n).unwrap_or_else(|| {
        let mut sum = Accumulator::default();
        sum.add(s);
        sum.add(e);
        sum.mean(n)
    })
}

/// The mean of `n` integers whose sum is `sum`, correctly rounded.
pub fn int_mean(sum: i128, n: u64) -> f64 {
    const EXACT: u128 = 1 << 53;
    if sum.unsigned_abs() <= EXACT && u128::from(n) <= EXACT {
        // Both are floats, so the division rounds once.
        return sum as f64 / n as f64;
    }
    round_ratio(sum < 0, limbs128(sum.unsigned_abs()), &[n as u32, (n >> 32) as u32], 0)
}

/// Little-endian limbs of an integer.
pub fn limbs128(v: u128) -> Vec<u32> {
    (0..4).map(|i| (v >> (32 * i)) as u32).collect()
}

#[cfg(test)]
mod tests;
