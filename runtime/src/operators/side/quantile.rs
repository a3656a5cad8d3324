//! Exact quantiles of the values of a group.

use super::cells::Cells;
use flow_ir::Type;
use flow_ir::eval::decimal_to_float;
use flow_ir::value::float_order;
use std::cmp::Ordering;

/// The quantile `q` of the given cells: at place `q * (n - 1)` of the sorted values, between two of
/// them on the straight line that joins them. `None` of nothing, and of what are no numbers.
pub(crate) fn quantile(cells: &Cells, entries: &[u32], q: f64, ty: &Type) -> Option<f64> {
    let at = |v: &[u32], float: &dyn Fn(u32) -> f64, order: &dyn Fn(&u32, &u32) -> Ordering| {
        interpolate(v.to_vec(), q, float, order)
    };
    match cells {
        Cells::I64(c) => at(entries, &|e| c[e as usize] as f64, &|a, b| c[*a as usize].cmp(&c[*b as usize])),
        Cells::F64(c) => at(entries, &|e| c[e as usize], &|a, b| float_order(c[*a as usize], c[*b as usize])),
        Cells::I128(c) => {
            let scale = match ty {
                Type::Decimal { scale, .. } => *scale,
                _ => 0,
            };
            at(entries, &|e| decimal_to_float(c[e as usize], scale), &|a, b| {
                c[*a as usize].cmp(&c[*b as usize])
            })
        }
        _ => None,
    }
}

fn interpolate(
    mut entries: Vec<u32>,
    q: f64,
    float: &dyn Fn(u32) -> f64,
    order: &dyn Fn(&u32, &u32) -> Ordering,
) -> Option<f64> {
    let last = entries.len().checked_sub(1)?;
    let place = q * last as f64;
    let below = (place.floor() as usize).min(last);
    let (_, low, above) = entries.select_nth_unstable_by(below, order);
    let low = float(*low);
    let part = place - below as f64;
    // Equal floats may differ in bits: which of them is taken must not show.
    let plain = |x: f64| if x.is_nan() { f64::NAN } else { x + 0.0 };
    match above.iter().min_by(|a, b| order(a, b)) {
        Some(&high) if part > 0.0 => {
            let high = float(high);
            let step = high - low;
            // Between numbers so far apart that their difference is infinite, the weights serve.
            let line = if step.is_finite() || !low.is_finite() || !high.is_finite() {
                low + step * part
            } else {
                low * (1.0 - part) + high * part
            };
            Some(plain(line))
        }
        _ => Some(plain(low)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64], q: f64) -> Option<f64> {
        let entries: Vec<u32> = (0..values.len() as u32).collect();
        quantile(&Cells::F64(values.to_vec()), &entries, q, &Type::Float)
    }

    /// Against numpy's `quantile`, except where that gives NaN for data with NaN.
    #[test]
    fn quantiles_stand_between_values() {
        assert_eq!(of(&[], 0.5), None);
        assert_eq!(of(&[7.0], 0.9), Some(7.0));
        assert_eq!(of(&[3.0, 1.0], 0.5), Some(2.0));
        assert_eq!(of(&[10.0, 1.0, 2.0, 4.0], 0.25), Some(1.75));
        assert_eq!(of(&[10.0, 1.0, 2.0, 4.0], 1.0), Some(10.0));
        assert_eq!(of(&[10.0, 1.0, 2.0, 4.0], 0.0), Some(1.0));
        assert_eq!(of(&[f64::MAX, -f64::MAX], 0.5), Some(0.0));
        assert_eq!(of(&[f64::NAN, 1.0, 2.0], 0.5), Some(2.0));
        assert!(of(&[f64::NAN, 1.0], 0.5).is_some_and(f64::is_nan));
    }
}
