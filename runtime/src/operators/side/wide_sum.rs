//! Sums of decimals that cannot overflow, and what they finish as.

use crate::operators::exact_sum::round_ratio;

/// The largest decimal: 38 nines.
const DECIMAL_MAX: u128 = 10u128.pow(38) - 1;

/// A sum of 128-bit integers in 192 bits, and how many there were.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WideSum {
    low: u128,
    high: i64,
    count: u64,
}

impl WideSum {
    /// Adds a number.
    pub(crate) fn add(&mut self, v: i128) {
        self.add_parts(v as u128, if v < 0 { -1 } else { 0 }, 1);
    }

    /// Takes a number out again that was added.
    pub(crate) fn remove(&mut self, v: i128) {
        self.add_parts((v as u128).wrapping_neg(), if v > 0 { -1 } else { 0 }, 0);
        self.count -= 1;
    }

    /// Adds a sum.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.add_parts(other.low, other.high, other.count);
    }

    fn add_parts(&mut self, low: u128, high: i64, count: u64) {
        let (sum, carry) = self.low.overflowing_add(low);
        self.low = sum;
        // Fewer than 2^63 numbers are ever added, so this does not wrap.
        self.high = self.high.wrapping_add(high).wrapping_add(i64::from(carry));
        self.count += count;
    }

    /// The sum as a decimal's digits; `None` if there are more than 38.
    pub(crate) fn sum(&self) -> Option<i128> {
        let v = self.low as i128;
        let fits = self.high == if v < 0 { -1 } else { 0 };
        (fits && v.unsigned_abs() <= DECIMAL_MAX).then_some(v)
    }

    /// The mean of decimals of that scale, correctly rounded; `None` of nothing.
    pub(crate) fn mean(&self, scale: u8) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let negative = self.high < 0;
        let (mut low, mut high) = (self.low, self.high as u64);
        if negative {
            low = (!low).wrapping_add(1);
            high = (!high).wrapping_add(u64::from(low == 0));
        }
        let mut numerator: Vec<u32> = (0..4).map(|i| (low >> (32 * i)) as u32).collect();
        numerator.extend([high as u32, (high >> 32) as u32]);
        Some(round_ratio(negative, numerator, &scaled(self.count, scale), 0))
    }
}

/// `n * 10^scale` in limbs.
fn scaled(n: u64, scale: u8) -> Vec<u32> {
    let mut limbs = vec![n as u32, (n >> 32) as u32];
    for _ in 0..scale {
        let mut carry = 0u64;
        for l in &mut limbs {
            let v = u64::from(*l) * 10 + carry;
            *l = v as u32;
            carry = v >> 32;
        }
        if carry != 0 {
            limbs.push(carry as u32);
        }
    }
    limbs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_past_128_bits_come_back() {
        let mut s = WideSum::default();
        for _ in 0..10 {
            s.add(i128::MAX);
        }
        assert_eq!(s.sum(), None);
        for _ in 0..10 {
            s.add(-i128::MAX);
        }
        assert_eq!(s.sum(), Some(0));
        s.add(-(DECIMAL_MAX as i128));
        assert_eq!(s.sum(), Some(-(DECIMAL_MAX as i128)));
        s.add(-1);
        assert_eq!(s.sum(), None);
        for v in [-1, -(DECIMAL_MAX as i128), 0] {
            s.add(0);
            s.remove(v);
        }
        assert_eq!(s.sum(), Some(0));
    }

    #[test]
    fn means_are_the_nearest_floats() {
        let mean = |values: &[i128], scale| {
            let mut s = WideSum::default();
            values.iter().for_each(|&v| s.add(v));
            s.mean(scale)
        };
        assert_eq!(mean(&[], 2), None);
        assert_eq!(mean(&[10, 20], 1), Some(1.5));
        assert_eq!(mean(&[-1], 1), Some(-0.1));
        assert_eq!(mean(&[1, 0, 0], 0), Some(1.0 / 3.0));
        assert_eq!(mean(&[0, 0], 38), Some(0.0));
        assert_eq!(mean(&[i128::MIN; 5], 0), Some(-(2f64.powi(127))));
        assert_eq!(mean(&[123_456_789_012_345_678_901_234_567_890], 20), Some(1_234_567_890.123_456_8));
    }
}
