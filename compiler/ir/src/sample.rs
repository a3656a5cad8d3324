//! `sample`: which rows are chosen, as a function of the seed and of where a row stands.
//!
//! The generator is SplitMix64: number `i` of seed `s` is `mix(s + (i + 1) * 0x9E3779B97F4A7C15)` in 64-bit
//! arithmetic. Every number can be had by itself, so a choice depends on nothing but the row's position.

use serde::{Deserialize, Serialize};

/// How many rows are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum SampleAmount {
    /// Each with this probability; with replacement, each this often on average.
    Fraction(f64),
    /// Exactly so many; without replacement, all of them if there are fewer.
    Rows(u64),
}

/// A sample of the rows that reach it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// How many.
    pub amount: SampleAmount,
    /// Where the numbers begin.
    pub seed: u64,
    /// Whether a row may be chosen more than once.
    pub with_replacement: bool,
}

/// The largest fraction with replacement.
pub const FRACTION_MAX: f64 = 100.0;

/// Number `index` of the generator with that seed.
pub fn random(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The same as a float from 0 up to, not including, 1: its highest 53 bits.
fn unit(seed: u64, index: u64) -> f64 {
    (random(seed, index) >> 11) as f64 / (1u64 << 53) as f64
}

impl Sample {
    /// Whether the amount is one that can be drawn.
    pub fn is_possible(&self) -> bool {
        match self.amount {
            SampleAmount::Rows(_) => true,
            SampleAmount::Fraction(p) => {
                let most = if self.with_replacement { FRACTION_MAX } else { 1.0 };
                (0.0..=most).contains(&p)
            }
        }
    }

    /// How often the row at `position` is in a sample of a fraction.
    pub fn copies(&self, position: u64) -> u64 {
        let SampleAmount::Fraction(p) = self.amount else { return 0 };
        let u = unit(self.seed, position);
        if self.with_replacement { poisson(p, u) } else { u64::from(u < p) }
    }

    /// What orders the rows of an exact sample without replacement: the smallest are chosen.
    pub fn rank(&self, position: u64) -> (u64, u64) {
        (random(self.seed, position), position)
    }

    /// The position that draw `draw` of an exact sample with replacement chooses among `rows`.
    pub fn drawn(&self, draw: u64, rows: u64) -> u64 {
        ((u128::from(random(self.seed, draw)) * u128::from(rows)) >> 64) as u64
    }
}

/// The number of events at quantile `u` of a Poisson distribution with that mean.
fn poisson(mean: f64, u: f64) -> u64 {
    let mut probability = exp_of_minus(mean);
    let mut below = probability;
    let mut events = 0u64;
    // The sum may stay short of the largest `u` by rounding.
    while u >= below && events < 1000 {
        events += 1;
        probability *= mean / events as f64;
        below += probability;
    }
    events
}

/// `e^-x` for `0 <= x <= FRACTION_MAX` by arithmetic alone, so that it has the same bits everywhere.
fn exp_of_minus(x: f64) -> f64 {
    let small = -x / 1024.0;
    let (mut term, mut sum) = (1.0, 1.0);
    for i in 1..=14u32 {
        term *= small / f64::from(i);
        sum += term;
    }
    (0..10).fold(sum, |power, _| power * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_splitmix64() {
        // The first numbers of the reference implementation with seed 1234567.
        let expected: [u64; 3] = [6457827717110365317, 3203168211198807973, 9817491932198370423];
        assert_eq!([0, 1, 2].map(|i| random(1234567, i)), expected);
        assert_ne!(random(0, u64::MAX), random(0, 0));
    }

    #[test]
    fn fractions_are_about_right() {
        let n = 200_000;
        for (p, with_replacement) in [(0.1, false), (0.5, false), (0.3, true), (2.5, true)] {
            let sample = Sample { amount: SampleAmount::Fraction(p), seed: 7, with_replacement };
            let copies: u64 = (0..n).map(|i| sample.copies(i)).sum();
            assert!((copies as f64 / n as f64 - p).abs() < 0.02, "{p}: {copies}");
        }
        let all = Sample { amount: SampleAmount::Fraction(1.0), seed: 7, with_replacement: false };
        assert!((0..n).all(|i| all.copies(i) == 1));
        let none = Sample { amount: SampleAmount::Fraction(0.0), seed: 7, with_replacement: true };
        assert!((0..n).all(|i| none.copies(i) == 0));
    }

    #[test]
    fn powers_of_e_are_close() {
        for x in [0.0, 1e-9, 0.1, 1.0, 7.3, 100.0] {
            let expected = (-x_of(x)).exp();
            assert!((exp_of_minus(x) - expected).abs() <= expected * 1e-11, "{x}");
        }
    }

    fn x_of(x: f64) -> f64 {
        x
    }
}
