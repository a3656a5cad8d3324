//! Exact first and second moments: what the variance of any numbers is computed from.
//!
//! Sum and sum of squares are kept exactly, as whole numbers with a power of two, so no order or
//! grouping changes them; the variance and its root are rounded once.

use super::{bit_length, compare, round_ratio, scale, shift_left, subtract};
use std::cmp::Ordering;

/// A whole number of any size times a power of two.
#[derive(Clone, Debug, Default)]
pub(crate) struct BigSum {
    /// Two's complement, little-endian.
    limbs: Vec<u64>,
    /// What bit 0 counts, as a power of two: a multiple of 64.
    low: i32,
}

impl BigSum {
    /// Adds `magnitude * 2^exponent`, negated if `negative`.
    pub(crate) fn add(&mut self, magnitude: u128, negative: bool, exponent: i32) {
        if magnitude == 0 {
            return;
        }
        let floor = exponent.div_euclid(64) * 64;
        if self.limbs.is_empty() {
            self.low = floor;
        } else if floor < self.low {
            let missing = ((self.low - floor) / 64) as usize;
            self.limbs.splice(0..0, std::iter::repeat_n(0, missing));
            self.low = floor;
        }
        let at = ((floor - self.low) / 64) as usize;
        let shift = exponent - floor;
        let parts = if shift == 0 {
            [magnitude as u64, (magnitude >> 64) as u64, 0]
        } else {
            let low = magnitude << shift;
            [low as u64, (low >> 64) as u64, (magnitude >> (128 - shift)) as u64]
        };
        // One limb more than the number has: the sign, and room for 2^63 additions.
        if self.limbs.len() < at + 4 {
            let sign = if self.is_negative() { u64::MAX } else { 0 };
            self.limbs.resize(at + 4, sign);
        }
        let mut carry = false;
        for (i, limb) in self.limbs[at..].iter_mut().enumerate() {
            let part = parts.get(i).copied().unwrap_or(0);
            if i >= parts.len() && !carry {
                break;
            }
            let (sum, first, second);
            if negative {
                (sum, first) = limb.overflowing_sub(part);
                (*limb, second) = sum.overflowing_sub(u64::from(carry));
            } else {
                (sum, first) = limb.overflowing_add(part);
                (*limb, second) = sum.overflowing_add(u64::from(carry));
            }
            carry = first || second;
        }
    }

    /// Adds another sum.
    pub(crate) fn merge(&mut self, other: &Self) {
        let (negative, limbs) = other.magnitude();
        for (i, limb) in limbs.into_iter().enumerate() {
            self.add(u128::from(limb), negative, other.low + 64 * i as i32);
        }
    }

    fn is_negative(&self) -> bool {
        self.limbs.last().is_some_and(|&l| (l as i64) < 0)
    }

    fn magnitude(&self) -> (bool, Vec<u64>) {
        if !self.is_negative() {
            return (false, self.limbs.clone());
        }
        let mut carry = true;
        let negated = self.limbs.iter().map(|&l| {
            let (v, overflow) = (!l).overflowing_add(u64::from(carry));
            carry = overflow;
            v
        });
        (true, negated.collect())
    }

    /// The size in limbs of 32 bits, and what bit 0 counts.
    fn size(&self) -> (Vec<u32>, i32) {
        let limbs = self.magnitude().1.into_iter().flat_map(|l| [l as u32, (l >> 32) as u32]);
        (limbs.collect(), self.low)
    }

    fn bytes_used(&self) -> usize {
        self.limbs.capacity() * 8
    }
}

/// How many numbers, their sum and the sum of their squares.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moments {
    count: u64,
    sum: BigSum,
    squares: BigSum,
    /// Whether there was an infinity or NaN: then there is no variance in the reals.
    special: bool,
}

impl Moments {
    /// Adds a float.
    pub(crate) fn add_float(&mut self, x: f64) {
        self.count += 1;
        if !x.is_finite() {
            self.special = true;
            return;
        }
        let bits = x.to_bits();
        let exponent = ((bits >> 52) & 0x7ff) as i32;
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, exponent) =
            if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
        let mantissa = u128::from(mantissa);
        self.sum.add(mantissa, x < 0.0, exponent);
        self.squares.add(mantissa * mantissa, false, 2 * exponent);
    }

    /// Adds an integer, perhaps the digits of a decimal.
    pub(crate) fn add_int(&mut self, v: i128) {
        self.count += 1;
        let size = v.unsigned_abs();
        self.sum.add(size, v < 0, 0);
        let (low, high) = (size & u128::from(u64::MAX), size >> 64);
        self.squares.add(low * low, false, 0);
        self.squares.add(low * high, false, 65);
        self.squares.add(high * high, false, 128);
    }

    /// Adds what another has.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.special |= other.special;
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
    }

    /// Bytes held.
    pub(crate) fn bytes_used(&self) -> usize {
        size_of::<Self>() + self.sum.bytes_used() + self.squares.bytes_used()
    }

    /// The sample variance, or its root, of numbers whose digits were added and that have so many
    /// decimals; `None` of fewer than two.
    pub(crate) fn variance(&self, decimals: u8, root: bool) -> Option<f64> {
        if self.count < 2 {
            return None;
        }
        if self.special {
            return Some(f64::NAN);
        }
        // (n * squares - sum^2) / (n * (n - 1) * 100^decimals)
        let (sum, sum_low) = self.sum.size();
        let (squares, squares_low) = self.squares.size();
        let low = (2 * sum_low).min(squares_low);
        let raise = |limbs: Vec<u32>, from: i32| shift_left(&limbs, (from - low) as usize);
        let n = [self.count as u32, (self.count >> 32) as u32];
        let mut numerator = raise(multiply(&squares, &n), squares_low);
        subtract(&mut numerator, &raise(multiply(&sum, &sum), 2 * sum_low));
        let pairs = u128::from(self.count) * u128::from(self.count - 1);
        let mut denominator = super::limbs128(pairs);
        for _ in 0..decimals {
            denominator = multiply(&denominator, &[100]);
        }
        Some(if root {
            root_ratio(numerator, denominator, low)
        } else {
            round_ratio(false, numerator, &denominator, low)
        })
    }
}

/// The float nearest to the root of `numerator / denominator * 2^exponent`.
fn root_ratio(numerator: Vec<u32>, denominator: Vec<u32>, exponent: i32) -> f64 {
    let n_bits = bit_length(&numerator) as i64;
    if n_bits == 0 {
        return 0.0;
    }
    // The quotient gets 117 to 119 bits and an even exponent, so its root has 59 or 60 bits.
    let ratio_bits = n_bits - bit_length(&denominator) as i64;
    let mut up = 118 - ratio_bits;
    up -= (up - i64::from(exponent)).rem_euclid(2);
    let (mut rest, divisor) = if up >= 0 {
        (shift_left(&numerator, up as usize), denominator)
    } else {
        (numerator, shift_left(&denominator, up.unsigned_abs() as usize))
    };
    let mut quotient = 0u128;
    for bit in (0..120).rev() {
        let part = shift_left(&divisor, bit);
        if compare(&rest, &part) != Ordering::Less {
            subtract(&mut rest, &part);
            quotient |= 1 << bit;
        }
    }
    let root = quotient.isqrt();
    let lost = root * root != quotient || bit_length(&rest) != 0;
    scale(root as u64, lost, (i64::from(exponent) - up) / 2)
}

/// `a * b`.
fn multiply(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut out = vec![0u32; a.len() + b.len()];
    for (i, &x) in a.iter().enumerate() {
        let mut carry = 0u64;
        for (j, &y) in b.iter().enumerate() {
            let v = u64::from(x) * u64::from(y) + u64::from(out[i + j]) + carry;
            out[i + j] = v as u32;
            carry = v >> 32;
        }
        if let Some(top) = out.get_mut(i + b.len()) {
            *top = carry as u32;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Moments {
        let mut m = Moments::default();
        values.iter().for_each(|&v| m.add_float(v));
        m
    }

    #[test]
    fn variances_are_the_nearest_floats() {
        assert_eq!(of(&[]).variance(0, false), None);
        assert_eq!(of(&[3.0]).variance(0, false), None);
        assert_eq!(of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).variance(0, false), Some(32.0 / 7.0));
        assert_eq!(of(&[0.0, 4.0]).variance(0, true), Some(8f64.sqrt()));
        assert_eq!(of(&[0.0, 2.0, 4.0]).variance(0, true), Some(2.0));
        assert_eq!(of(&[5.5; 9]).variance(0, true), Some(0.0));
        // Subtracting the mean of such values in floats loses everything.
        assert_eq!(of(&[1e16, 1e16 + 2.0]).variance(0, false), Some(2.0));
        assert_eq!(of(&[1e200, -1e200]).variance(0, false), Some(f64::INFINITY));
        assert_eq!(of(&[5e-324, 0.0]).variance(0, true), Some(5e-324));
        assert!(of(&[f64::INFINITY, 1.0]).variance(0, false).is_some_and(f64::is_nan));
    }

    #[test]
    fn integers_and_decimals() {
        let mut m = Moments::default();
        [i64::MIN, i64::MAX].iter().for_each(|&v| m.add_int(i128::from(v)));
        assert_eq!(m.variance(0, false), Some(2f64.powi(127)));
        let mut m = Moments::default();
        [10, 20, 40].iter().for_each(|&v| m.add_int(v));
        assert_eq!(m.variance(1, false), Some(7.0 / 3.0));
        let mut m = Moments::default();
        [i128::MAX, -i128::MAX].iter().for_each(|&v| m.add_int(v));
        assert_eq!(m.variance(0, false), Some(2f64.powi(255)));
    }

    #[test]
    fn the_grouping_does_not_matter() {
        let values: Vec<f64> =
            (0..200).map(|i| f64::from(i * 37 % 101) * 10f64.powi(i % 40 - 20) - f64::from(i)).collect();
        let whole = of(&values);
        for cut in [0, 1, 77, 200] {
            let mut parts = of(&values[cut..]);
            parts.merge(&of(&values[..cut]));
            for root in [false, true] {
                assert_eq!(
                    parts.variance(0, root).map(f64::to_bits),
                    whole.variance(0, root).map(f64::to_bits)
                );
            }
        }
        // Sums that pass through zero and change their sign.
        let mut sum = BigSum::default();
        sum.add(5, true, 200);
        sum.add(5, false, 200);
        sum.add(3, true, -200);
        assert_eq!(sum.magnitude().1.iter().filter(|l| **l != 0).count(), 1);
        assert!(sum.is_negative());
    }
}
