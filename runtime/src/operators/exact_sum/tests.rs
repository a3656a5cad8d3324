//! Exact sums against sums in big integers, on random and on adversarial floats.

use super::*;
use std::cmp::Ordering;

/// A small generator, so that failures repeat.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let x = self.0 ^ (self.0 >> 33);
        x.wrapping_mul(0xff51_afd7_ed55_8ccd) ^ (x >> 29)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// A finite float with an exponent in the given range.
    fn float(&mut self, low: u64, high: u64) -> f64 {
        let exponent = low + self.below(high - low);
        let fraction = if self.below(4) == 0 { 0 } else { self.next() >> 12 };
        f64::from_bits((self.next() & 1) << 63 | exponent << 52 | fraction)
    }
}

/// A signed fixed-point number in units of 2^-1074, in bytes, written without regard to speed.
#[derive(Clone, PartialEq)]
struct Oracle {
    /// Little-endian, two's complement.
    bits: Vec<bool>,
}

const WIDTH: usize = 2_300;

impl Oracle {
    fn zero() -> Self {
        Oracle { bits: vec![false; WIDTH] }
    }

    fn of(x: f64) -> Self {
        let bits = x.to_bits();
        let exponent = (bits >> 52) & 0x7ff;
        let fraction = bits & ((1 << 52) - 1);
        let (m, shift) =
            if exponent == 0 { (fraction, 0) } else { (fraction | 1 << 52, exponent as usize - 1) };
        let mut out = Oracle::zero();
        for i in 0..53 {
            out.bits[shift + i] = m >> i & 1 == 1;
        }
        if bits >> 63 == 1 { out.negated() } else { out }
    }

    fn negated(&self) -> Self {
        let mut out = self.clone();
        let mut carry = true;
        for b in &mut out.bits {
            let v = !*b;
            *b = v ^ carry;
            carry &= v;
        }
        out
    }

    fn plus(&self, other: &Self) -> Self {
        let mut out = Oracle::zero();
        let mut carry = false;
        for i in 0..WIDTH {
            let (a, b) = (self.bits[i], other.bits[i]);
            out.bits[i] = a ^ b ^ carry;
            carry = (a & b) | (carry & (a ^ b));
        }
        out
    }

    fn negative(&self) -> bool {
        self.bits[WIDTH - 1]
    }

    fn times(&self, n: u64) -> Self {
        let mut out = Oracle::zero();
        let mut shifted = self.clone();
        for i in 0..64 {
            if n >> i & 1 == 1 {
                out = out.plus(&shifted);
            }
            shifted.bits.rotate_right(1);
            shifted.bits[0] = false;
        }
        out
    }

    fn compare(&self, other: &Self) -> Ordering {
        let d = self.plus(&other.negated());
        match (d.negative(), d.bits.iter().any(|&b| b)) {
            (true, _) => Ordering::Less,
            (_, false) => Ordering::Equal,
            _ => Ordering::Greater,
        }
    }
}

/// Whether `x` is the float nearest to `sum / n`, with ties to even.
fn is_nearest(x: f64, sum: &Oracle, n: u64) -> bool {
    if x.is_infinite() {
        // Beyond half a unit past the largest float; `sum` is not wide enough to say more.
        let limit = Oracle::of(f64::MAX).plus(&Oracle::of(2f64.powi(970))).times(n);
        let size = if sum.negative() { sum.negated() } else { sum.clone() };
        return sum.negative() == (x < 0.0) && size.compare(&limit) != Ordering::Less;
    }
    // 2 * sum against n * (x + neighbour), on both sides.
    let twice = sum.times(2);
    let side = |neighbour: f64| {
        if neighbour.is_infinite() {
            let over = Oracle::of(f64::MAX).plus(&Oracle::of(2f64.powi(970)));
            let over = if neighbour < 0.0 { over.negated() } else { over };
            return (twice.compare(&over.times(2 * n)), true);
        }
        (twice.compare(&Oracle::of(x).plus(&Oracle::of(neighbour)).times(n)), x.to_bits() & 1 == 0)
    };
    let (up, even) = side(x.next_up());
    let (down, _) = side(x.next_down());
    (up == Ordering::Less || (up == Ordering::Equal && even))
        && (down == Ordering::Greater || (down == Ordering::Equal && even))
}

/// Sum and mean through the pair, the way states compute them.
fn by_pair(values: &[f64], n: u64) -> (f64, f64) {
    let mut pair = Some((0.0, 0.0));
    let mut wide = Accumulator::default();
    for &x in values {
        pair = pair.and_then(|(s, e)| add_to_pair(s, e, x));
        wide.add(x);
    }
    match pair {
        Some((s, e)) => (two_sum(s, e).0, pair_mean(s, e, n).unwrap_or_else(|| wide.mean(n))),
        None => (wide.round(), wide.mean(n)),
    }
}

fn check(values: &[f64], random: &mut Random) {
    let n = values.len() as u64;
    let oracle = values.iter().fold(Oracle::zero(), |a, &x| a.plus(&Oracle::of(x)));
    let mut wide = Accumulator::default();
    values.iter().for_each(|&x| wide.add(x));
    let (sum, mean) = (wide.round(), wide.mean(n));
    assert!(is_nearest(sum, &oracle, 1), "sum {sum:e} of {values:?}");
    assert!(is_nearest(mean, &oracle, n), "mean {mean:e} of {values:?}");
    assert_eq!(by_pair(values, n), (sum, mean), "{values:?}");

    // Any order, cut anywhere, merged.
    let mut shuffled = values.to_vec();
    for i in (1..shuffled.len()).rev() {
        shuffled.swap(i, random.below(i as u64 + 1) as usize);
    }
    assert_eq!(by_pair(&shuffled, n), (sum, mean), "{shuffled:?}");
    let cut = random.below(n + 1) as usize;
    let (mut a, mut b) = (Accumulator::default(), Accumulator::default());
    shuffled[..cut].iter().for_each(|&x| a.add(x));
    shuffled[cut..].iter().for_each(|&x| b.add(x));
    a.merge(&b);
    assert_eq!((a.round(), a.mean(n)), (sum, mean));
}

#[test]
fn random_sums_are_the_nearest_floats() {
    let mut random = Random(1);
    for (low, high) in [(1_000, 1_040), (1, 2_047), (0, 60), (1_990, 2_047), (960, 1_100), (1_023, 1_024)] {
        for _ in 0..25 {
            let n = 1 + random.below(12) as usize;
            let values: Vec<f64> = (0..n).map(|_| random.float(low, high)).collect();
            check(&values, &mut random);
        }
    }
}

#[test]
fn ties_cancellation_and_limits() {
    let mut random = Random(2);
    let tiny = f64::from_bits(1);
    let u = 2f64.powi(-53);
    let max = f64::MAX;
    let half = 2f64.powi(970);
    let cases: &[&[f64]] = &[
        &[1.0, u],
        &[1.0, u, tiny],
        &[1.0, u, -tiny],
        &[1.0 + 2.0 * u, u],
        &[1.0, -u / 2.0],
        &[1.0, -u / 2.0, -tiny],
        &[1e308, 1e308, -1e308, -1e308],
        &[1e308, 1e308, -1e308],
        &[max, half],
        &[max, half, -tiny],
        &[max, max, max],
        &[-max, -half],
        &[tiny, tiny, tiny],
        &[tiny, 0.0],
        &[tiny, -tiny, tiny],
        &[f64::MIN_POSITIVE, -tiny],
        &[1e16, 1.0, 1.0, -1e16],
        &[0.1; 10],
        &[3.0, 3.0, 4.0],
        &[1e100, 1.0, -1e100, 1e-100],
        &[2f64.powi(60), 1.0, 2f64.powi(-60), 2f64.powi(-120), 2f64.powi(-180)],
        &[0.0, -0.0],
        &[-0.0],
    ];
    for values in cases {
        check(values, &mut random);
    }
}

#[test]
fn what_is_not_finite_wins() {
    let sum = |values: &[f64]| {
        let mut a = Accumulator::default();
        values.iter().for_each(|&x| a.add(x));
        a.round()
    };
    let inf = f64::INFINITY;
    assert_eq!(sum(&[1.0, inf, -1e308]), inf);
    assert_eq!(sum(&[-inf, 1.0]), -inf);
    assert!(sum(&[inf, -inf]).is_nan());
    assert!(sum(&[f64::NAN, inf]).is_nan());
    for x in [inf, -inf, f64::NAN] {
        assert!(add_to_pair(1.0, 0.0, x).is_none());
        assert!(add_to_pair(0.0, 0.0, x).is_none());
    }
    assert!(add_to_pair(f64::MAX, 0.0, f64::MAX).is_none());
}

#[test]
fn carries_of_many_additions_arrive() {
    let mut a = Accumulator { spare: 3, ..Accumulator::default() };
    let mut b = Accumulator::default();
    for i in 0..100 {
        let x = if i % 2 == 0 { 1.5e300 } else { -1.5e-300 };
        a.add(x);
        b.add(x);
    }
    b.spare = 1;
    b.merge(&a);
    assert_eq!(b.round(), 2.0 * a.round());
    let mut many = Accumulator::default();
    (0..70_000).for_each(|_| many.add(f64::MAX));
    assert_eq!(many.mean(70_000), f64::MAX);
    assert_eq!(many.round(), f64::INFINITY);
}

#[test]
fn means_of_integers_are_the_nearest_floats() {
    assert_eq!(int_mean(0, 5), 0.0);
    assert_eq!(int_mean(-7, 2), -3.5);
    assert_eq!(int_mean(i128::from(i64::MAX) * 3, 3), i64::MAX as f64);
    assert_eq!(int_mean((1 << 53) + 1, 1), 2f64.powi(53));
    assert_eq!(int_mean((1 << 53) + 3, 1), 2f64.powi(53) + 4.0);
    // Rounding the sum first would give 2^53 / 3 here.
    let mut random = Random(3);
    for _ in 0..200 {
        let sum = i128::from(random.next() as i64) * i128::from(random.below(1 << 40));
        let n = 1 + random.below(1 << 40);
        let x = int_mean(sum, n);
        let twice = 2 * sum;
        let exact = |y: f64| {
            // Means here are below 2^64 in size with at most 2^-40 granularity times n: compare in 2^-12 units.
            let m = (y * 4096.0) as i128;
            (m as f64 == y * 4096.0).then_some(m)
        };
        if let (Some(a), Some(b), Some(c)) = (exact(x), exact(x.next_up()), exact(x.next_down())) {
            let n = i128::from(n);
            assert!(twice * 4096 <= (a + b) * n && twice * 4096 >= (a + c) * n, "{sum} / {n} = {x}");
        }
    }
}
