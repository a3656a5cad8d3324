//! The quotient of two decimals as the float next to it: divided exactly, rounded once.
//!
//! Numbers whose digits fit a float's are divided as floats, which is one rounding. Others are divided bit by bit
//! as whole numbers of up to 76 digits. Invariant: quotients lie between 1e-76 and 1e76, far from the ends of the
//! floats, so every result is a normal number.

use super::decimal::power_of_ten;
use std::cmp::Ordering;

/// Up to here every whole number is a float.
const EXACT: u128 = 1 << 53;

/// The float next to `(x / 10^s) / (y / 10^t)`, ties to even; `y` is not zero.
pub fn decimal_quotient((x, s): (i128, u8), (y, t): (i128, u8)) -> f64 {
    let (n, d) = (x.unsigned_abs(), y.unsigned_abs());
    let raised = |v: u128, digits: u8| power_of_ten(digits).and_then(|p| v.checked_mul(p.unsigned_abs()));
    let (up, down) = (t.saturating_sub(s), s.saturating_sub(t));
    let magnitude = match (raised(n, up), raised(d, down)) {
        (Some(n), Some(d)) if n <= EXACT && d <= EXACT => n as f64 / d as f64,
        _ if n == 0 => 0.0,
        _ => divided(Wide::of(n, up), Wide::of(d, down)),
    };
    if (x < 0) != (y < 0) { -magnitude } else { magnitude }
}

/// The float next to `n / d`; neither is zero.
fn divided(mut n: Wide, mut d: Wide) -> f64 {
    let mut exponent = n.bits() as i32 - d.bits() as i32;
    for _ in exponent..0 {
        n.double();
    }
    for _ in 0..exponent {
        d.double();
    }
    // Now both have the same number of bits, so the quotient is between a half and two.
    if n.order(&d) == Ordering::Less {
        n.double();
        exponent -= 1;
    }
    // 53 bits and one to round by; what is left says whether there are more.
    let mut quotient: u64 = 0;
    for _ in 0..54 {
        quotient <<= 1;
        if n.order(&d) != Ordering::Less {
            n.subtract(&d);
            quotient |= 1;
        }
        n.double();
    }
    let mut mantissa = quotient >> 1;
    if quotient & 1 == 1 && (n.bits() > 0 || mantissa & 1 == 1) {
        mantissa += 1;
    }
    let power = f64::from_bits(((1023 + exponent - 52) as u64) << 52);
    mantissa as f64 * power
}

/// A whole number of 320 bits, the lowest first.
#[derive(Clone, Debug)]
struct Wide([u64; 5]);

impl Wide {
    /// `v * 10^digits`, at most 76 digits in all.
    fn of(v: u128, digits: u8) -> Wide {
        let mut wide = Wide([v as u64, (v >> 64) as u64, 0, 0, 0]);
        for _ in 0..digits {
            let mut carry = 0u128;
            for part in &mut wide.0 {
                let product = u128::from(*part) * 10 + carry;
                *part = product as u64;
                carry = product >> 64;
            }
        }
        wide
    }

    /// How many bits it has.
    fn bits(&self) -> u32 {
        let top = self.0.iter().rposition(|part| *part != 0);
        top.map_or(0, |at| at as u32 * 64 + 64 - self.0[at].leading_zeros())
    }

    fn double(&mut self) {
        let mut carry = 0;
        for part in &mut self.0 {
            let next = *part >> 63;
            *part = *part << 1 | carry;
            carry = next;
        }
    }

    fn order(&self, other: &Wide) -> Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }

    /// Takes away a number that is not larger.
    fn subtract(&mut self, other: &Wide) {
        let mut borrow = false;
        for (part, taken) in self.0.iter_mut().zip(other.0) {
            let (less, first) = part.overflowing_sub(taken);
            let (less, second) = less.overflowing_sub(u64::from(borrow));
            (*part, borrow) = (less, first || second);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::decimal_to_float;

    #[test]
    fn quotients_are_rounded_once() {
        // By Python: float(Fraction(x, 10**s) / Fraction(y, 10**t)).
        for (x, s, y, t, quotient) in CASES {
            assert_eq!(decimal_quotient((x, s), (y, t)), quotient, "{x} {s} / {y} {t}");
            assert_eq!(decimal_quotient((-x, s), (y, t)), -quotient);
        }
        assert_eq!(decimal_quotient((0, 3), (7, 38)), 0.0);
    }

    /// Division by one is the conversion, and by the number itself one.
    #[test]
    fn quotients_agree_with_conversions() {
        let mut state = 7u64;
        for i in 0..3000u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let wide = i128::from(state as i64) * i128::from(state >> 7 | 1);
            let x = (wide >> (state % 120)).clamp(-(10i128.pow(38) - 1), 10i128.pow(38) - 1);
            let s = (i % 39) as u8;
            let one = (i / 39 % 39) as u8;
            let unit = power_of_ten(one.min(37)).expect("a power");
            assert_eq!(
                decimal_quotient((x, s), (unit, one.min(37))),
                decimal_to_float(x, s),
                "{x} {s} {one}"
            );
            if x != 0 {
                assert_eq!(decimal_quotient((x, s), (x, s)), 1.0);
            }
        }
    }

    const CASES: [(i128, u8, i128, u8, f64); 24] = [
        (13690, 2, 265647, 2, 0.05153455525565882),
        (1, 0, 3, 0, 0.3333333333333333),
        (99999999999999999999999999999999999999, 0, 3, 38, 3.3333333333333335e+75),
        (3, 38, 99999999999999999999999999999999999999, 0, 3e-76),
        (9007199254740993, 0, 2, 0, 4503599627370496.0),
        (9007199254740993, 0, 1, 1, 9.007199254740994e+16),
        (9007199254740993, 2, 10000000000000000000, 2, 0.0009007199254740993),
        (12345678901234567890123456789012345678, 10, 98765432109876543210, 38, 1.249999988609375e+45),
        (51670413966950554, 33, 60, 15, 0.0008611735661158426),
        (2570, 7, 298096957478143983413411, 24, 0.0008621356023697184),
        (2178952679482125490007552869203592, 13, 482100044234598058676047006, 10, 4519.710598536702),
        (18189, 28, 141992543, 0, 1.2809827625947935e-32),
        (4, 13, 25221799297, 18, 1.5859296765063778e-05),
        (630858158977220570099, 13, 217714649368, 24, 2.8976376224959024e+20),
        (62003010494970306589, 10, 1133063677, 21, 5.472155868515261e+21),
        (84912392052689413509, 0, 6701885813375975741671, 19, 1.266992521466373e+17),
        (4847557157497379896567345484178, 30, 279417691380, 1, 1.7348783942620304e-10),
        (2737576032463334546747, 35, 716171621153701028129817610, 0, 3.8225139779391093e-41),
        (93562081010782516723238457080, 12, 33029210, 29, 2.8327072010133613e+38),
        (89118213843719743689333, 23, 7987010093916925930, 5, 1.1157894230231916e-14),
        (72182683846043, 23, 5755082353, 34, 1254242414244788.8),
        (327628, 20, 14734772482429890301, 9, 2.2235022657504335e-25),
        (27371163992789187855, 3, 629827, 34, 4.34582258188188e+44),
        (8620276872490272605882645, 2, 21170324366089244688048288770780, 36, 4.071868112846813e+27),
    ];
}
