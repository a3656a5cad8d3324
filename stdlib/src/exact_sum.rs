//! Sums and means rounded once, whatever the order: fixed-point numbers wide enough for all.

/// Bits below the point: the least positive float is 2^-1074.
const FRACTION_BITS: i32 = 1074;
/// 32-bit digits: 1074 + 1024 bits of a float and 64 for how many there are.
const DIGITS: usize = 68;

/// A running sum.
#[derive(Clone, Debug)]
pub(crate) struct ExactSum {
    /// Little-endian, in units of 2^-1074; each digit has room for 2^31 additions.
    digits: [i64; DIGITS],
    pending: u32,
    /// The sum of the infinities and NaN among the addends.
    special: f64,
}

impl Default for ExactSum {
    fn default() -> Self {
        ExactSum { digits: [0; DIGITS], pending: 0, special: 0.0 }
    }
}

impl ExactSum {
    /// Adds a float.
    pub(crate) fn add(&mut self, x: f64) {
        if !x.is_finite() {
            self.special += x;
            return;
        }
        let bits = x.to_bits();
        let exponent = ((bits >> 52) & 0x7ff) as u32;
        let fraction = bits & ((1 << 52) - 1);
        // In units of 2^-1074 the mantissa stands at this bit.
        let (mantissa, shift) =
            if exponent == 0 { (fraction, 0) } else { (fraction | 1 << 52, exponent - 1) };
        let mut wide = u128::from(mantissa) << (shift % 32);
        for digit in self.digits.iter_mut().skip(shift as usize / 32).take(3) {
            let part = (wide & 0xffff_ffff) as i64;
            *digit += if x < 0.0 { -part } else { part };
            wide >>= 32;
        }
        self.pending += 1;
        if self.pending == 1 << 30 {
            self.carry();
        }
    }

    /// Brings every digit but the last, which keeps the sign, into 0 to 2^32 - 1.
    fn carry(&mut self) {
        let mut carry = 0;
        for (i, digit) in self.digits.iter_mut().enumerate() {
            *digit += carry;
            if i + 1 < DIGITS {
                carry = *digit >> 32;
                *digit &= 0xffff_ffff;
            }
        }
        self.pending = 0;
    }

    /// The float next to the sum, halves to even; 0.0 of nothing.
    pub(crate) fn finish(self) -> f64 {
        self.mean(1)
    }

    /// The float next to the sum divided by `n`, which is not zero.
    pub(crate) fn mean(mut self, n: u64) -> f64 {
        if self.special != 0.0 {
            return self.special;
        }
        self.carry();
        let negative = self.digits[DIGITS - 1] < 0;
        if negative {
            self.digits.iter_mut().for_each(|d| *d = -*d);
            self.carry();
        }
        // Three digits more give a quotient bits below the least float.
        let digits = [0; 3].into_iter().chain(self.digits.iter().map(|d| *d as u32)).collect();
        let magnitude = ratio(digits, &[n], -96 - FRACTION_BITS);
        if negative { -magnitude } else { magnitude }
    }
}

/// A sum of ints or decimals of one scale that cannot overflow.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WholeSum {
    /// The sum is `high * 2^64 + low`; fewer than 2^63 numbers are ever added.
    high: i128,
    low: u128,
}

impl WholeSum {
    /// Adds a number.
    pub(crate) fn add(&mut self, x: i128) {
        self.high += x >> 64;
        self.low += (x as u128) & u128::from(u64::MAX);
    }

    /// The float next to the sum of `n` numbers in units of `10^-scale`, divided by `n`.
    pub(crate) fn mean(self, n: u64, scale: u8) -> f64 {
        let (mut high, mut low) = (self.high + (self.low >> 64) as i128, self.low as u64);
        let negative = high < 0;
        if negative {
            high = -high - i128::from(low != 0);
            low = low.wrapping_neg();
        }
        // The divisors have fewer than 192 bits, so that a float's worth of quotient is left.
        let limb = |x: u128, i: u32| (x >> (32 * i)) as u32;
        let parts = (0..2).map(|i| limb(u128::from(low), i)).chain((0..4).map(|i| limb(high as u128, i)));
        let digits = [0; 8].into_iter().chain(parts).collect();
        let ten_to = |n: u8| 10u64.pow(u32::from(n));
        let rest = scale.saturating_sub(18);
        let divisors =
            [n, ten_to(scale.min(18)), ten_to(rest.min(18)), ten_to(rest.saturating_sub(18).min(18))];
        let magnitude = ratio(digits, &divisors, -256);
        if negative { -magnitude } else { magnitude }
    }
}

/// The float next to a number of little-endian 32-bit digits, divided by all divisors, times
/// `2^scale`. A zero divisor counts as one.
fn ratio(mut digits: Vec<u32>, divisors: &[u64], scale: i32) -> f64 {
    let mut rest = false;
    // Cutting after each division is cutting after all of them.
    for divisor in divisors.iter().map(|d| u128::from(*d).max(1)).filter(|d| *d > 1) {
        let mut remainder = 0u128;
        for digit in digits.iter_mut().rev() {
            let part = remainder << 32 | u128::from(*digit);
            *digit = (part / divisor) as u32;
            remainder = part % divisor;
        }
        rest |= remainder != 0;
    }
    let Some(top) = digits.iter().rposition(|d| *d != 0) else { return 0.0 };
    // The top 96 bits, and whether there is something below them.
    let at = |i: usize| top.checked_sub(i).and_then(|i| digits.get(i)).map_or(0, |d| u128::from(*d));
    rest |= digits.iter().take(top.saturating_sub(2)).any(|d| *d != 0);
    round(at(0) << 64 | at(1) << 32 | at(2), rest, (top as i32 - 2) * 32 + scale)
}

/// The float next to `wide * 2^scale`, where `rest` says that a little was left out.
fn round(wide: u128, rest: bool, scale: i32) -> f64 {
    let length = 128 - wide.leading_zeros() as i32;
    // Normal floats keep 53 bits; those below 2^-1022 keep what stands above 2^-1074.
    let dropped = (length - 53).max(-FRACTION_BITS - scale);
    if dropped <= 0 {
        return wide as f64 * two_to(scale);
    }
    let kept = wide >> dropped;
    let below = wide & ((1 << dropped) - 1);
    let half = 1u128 << (dropped - 1);
    let up = below > half || (below == half && (rest || kept & 1 == 1));
    // `kept` has at most 54 bits with its carry, so both factors and their product are exact,
    // or the product is beyond the largest float and infinite, as it must be.
    (kept + u128::from(up)) as f64 * two_to(scale + dropped)
}

/// `2^n` for n from -1074 to 1023; infinite above.
fn two_to(n: i32) -> f64 {
    if n >= 1024 {
        f64::INFINITY
    } else if n >= -1022 {
        f64::from_bits(((n + 1023) as u64) << 52)
    } else {
        f64::from_bits(1u64 << (n + FRACTION_BITS).clamp(0, 51))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(xs: &[f64]) -> f64 {
        let mut total = ExactSum::default();
        xs.iter().for_each(|x| total.add(*x));
        total.finish()
    }

    #[test]
    fn sums_are_rounded_once() {
        assert_eq!(sum(&[]), 0.0);
        assert_eq!(sum(&[0.1; 10]), 1.0);
        assert_eq!(sum(&[1e308, 1e308, -1e308]), 1e308);
        assert_eq!(sum(&[1e16, 1.0, -1e16]), 1.0);
        assert_eq!(sum(&[f64::MAX, f64::MAX]), f64::INFINITY);
        assert_eq!(sum(&[5e-324, 5e-324]), 1e-323);
        assert_eq!(sum(&[-5e-324]), -5e-324);
        assert_eq!(sum(&[1.0, 2f64.powi(-53)]), 1.0);
        assert_eq!(sum(&[1.0, 2f64.powi(-53), 5e-324]), 1.0 + f64::EPSILON);
        assert_eq!(sum(&[-1.0, -2f64.powi(-53), -5e-324]), -1.0 - f64::EPSILON);
        assert_eq!(sum(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
    }

    #[test]
    fn means_are_rounded_once() {
        let mean = |xs: &[f64]| {
            let mut total = ExactSum::default();
            xs.iter().for_each(|x| total.add(*x));
            total.mean(xs.len() as u64)
        };
        // Expected values: Python's float(sum(map(Fraction, xs)) / len(xs)).
        assert_eq!(mean(&[0.1, 0.2, 0.4]), 0.23333333333333334);
        assert_eq!(mean(&[1e308, 1e308, 1e308]), 1e308);
        assert_eq!(mean(&[5e-324, 0.0]), 0.0);
        assert_eq!(mean(&[5e-324, 5e-324, 0.0]), 5e-324);
        assert_eq!(mean(&[-1.0, -2.0, -2.0]), -5.0 / 3.0);
        let whole = |xs: &[i128], scale: u8| {
            let mut total = WholeSum::default();
            xs.iter().for_each(|x| total.add(*x));
            total.mean(xs.len() as u64, scale)
        };
        assert_eq!(whole(&[1, 2], 0), 1.5);
        assert_eq!(whole(&[-1, -2, -2], 0), -5.0 / 3.0);
        assert_eq!(whole(&[1, 1, 0], 38), 6.666666666666667e-39);
        assert_eq!(whole(&[10i128.pow(38) - 1; 7], 0), 1e38);
        assert_eq!(whole(&[i128::MIN, i128::MAX], 0), -0.5);
        assert_eq!(whole(&[-12_345, 5], 2), -61.7);
        assert_eq!(whole(&[i128::from(i64::MAX), i128::from(i64::MAX) - 1], 0), 9_223_372_036_854_775_807.0);
    }

    #[test]
    fn one_addend_is_its_own_sum_and_order_does_not_matter() {
        let mut state = 1u64;
        let mut xs = Vec::new();
        for _ in 0..5000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let x = f64::from_bits(state ^ state >> 29);
            if x.is_finite() {
                assert_eq!(sum(&[x]).to_bits(), if x == 0.0 { 0 } else { x.to_bits() });
                xs.push(x);
            }
        }
        let forward = sum(&xs);
        xs.reverse();
        assert_eq!(forward.to_bits(), sum(&xs).to_bits());
        let negated: Vec<f64> = xs.iter().map(|x| -x).chain(xs.iter().copied()).collect();
        assert_eq!(sum(&negated), 0.0);
    }
}
