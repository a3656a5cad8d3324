//! [`super::number`] with AVX-512: [`super::number_lanes`] reads eight plain numbers at a time,
//! this makes values of them and leaves the rest to the scalar path.
//!
//! Invariant: the values are, bit for bit, those of the scalar path.
// Vector stores take pointers, and functions compiled for AVX-512 may be called only where it is.
#![allow(unsafe_code)]

use super::level::{Instructions, SimdLevel};
use super::number::{decimal_at, float_at, int_at, parse_each};
use super::number_lanes::{Lanes, lanes};
use flow_ir::column::View;
use std::arch::x86_64::*;

/// Parses as [`super::number::parse_ints`] does.
pub(super) fn parse_ints(level: SimdLevel, buffer: &[u8], views: &[View], bad: &mut Vec<u32>) -> Vec<i64> {
    if level.instructions() < Instructions::Avx512 {
        return parse_each(buffer, views, bad, int_at);
    }
    // SAFETY: the level says that the machine has these instructions.
    unsafe { parse::<Ints, false>(&Ints, buffer, views, bad) }
}

/// Parses as [`super::number::parse_floats`] does.
pub(super) fn parse_floats(level: SimdLevel, buffer: &[u8], views: &[View], bad: &mut Vec<u32>) -> Vec<f64> {
    if level.instructions() < Instructions::Avx512 {
        return parse_each(buffer, views, bad, float_at);
    }
    // SAFETY: as above.
    unsafe { parse::<Floats, true>(&Floats, buffer, views, bad) }
}

/// Parses as [`super::number::parse_decimals`] does.
pub(super) fn parse_decimals(
    level: SimdLevel,
    buffer: &[u8],
    views: &[View],
    precision: u8,
    scale: u8,
    bad: &mut Vec<u32>,
) -> Vec<i128> {
    if level.instructions() < Instructions::Avx512 {
        return parse_each(buffer, views, bad, |buffer, view| decimal_at(buffer, view, precision, scale));
    }
    let digits_max = usize::from(precision.min(18));
    let decimals = Decimals {
        precision,
        scale,
        raise: std::array::from_fn(|r| 10i64.pow(r as u32)),
        limit: std::array::from_fn(|r| digits_max.checked_sub(r).map_or(0, |d| 10i64.pow(d as u32))),
    };
    // SAFETY: as above.
    unsafe { parse::<Decimals, true>(&decimals, buffer, views, bad) }
}

/// What is made of numbers.
trait Target {
    type Value: Copy + Default;

    /// Writes the values of eight lanes to `out` and returns which are right; the others are undecided.
    ///
    /// # Safety
    /// The machine has AVX-512, and eight values can be written to `out`.
    unsafe fn write(&self, lanes: &Lanes, out: *mut Self::Value) -> __mmask8;

    /// The value of any text.
    fn slow(&self, buffer: &[u8], view: View) -> Option<Self::Value>;
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi,avx512vbmi2")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn parse<T: Target, const POINT: bool>(
    target: &T,
    buffer: &[u8],
    views: &[View],
    bad: &mut Vec<u32>,
) -> Vec<T::Value> {
    let mut values: Vec<T::Value> = Vec::with_capacity(views.len() + 8);
    let (groups, rest) = views.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    // One loop for all groups, so that the work of a group stands in it once and is inlined.
    for g in 0..views.len().div_ceil(8) {
        let group = groups.get(g).unwrap_or(&last);
        let out = values.as_mut_ptr().wrapping_add(8 * g);
        // SAFETY: this is compiled for AVX-512, and there is room for `views.len()` values and eight more.
        let done = unsafe { target.write(&lanes::<POINT>(buffer, group), out) };
        let mut undecided = !done;
        while undecided != 0 {
            let row = 8 * g + undecided.trailing_zeros() as usize;
            undecided &= undecided - 1;
            let Some(&view) = views.get(row) else { break };
            let value = target.slow(buffer, view).unwrap_or_else(|| {
                bad.push(row as u32);
                T::Value::default()
            });
            // SAFETY: `row` is below `views.len()`, for which there is room.
            unsafe { values.as_mut_ptr().add(row).write(value) };
        }
    }
    // SAFETY: each group wrote its eight values.
    unsafe { values.set_len(views.len()) };
    values
}

struct Ints;

impl Target for Ints {
    type Value = i64;

    #[inline(always)]
    unsafe fn write(&self, lanes: &Lanes, out: *mut i64) -> __mmask8 {
        // SAFETY: the caller has the instructions and the room.
        unsafe {
            let zero = _mm512_setzero_si512();
            let values = _mm512_mask_sub_epi64(lanes.digits, lanes.negative, zero, lanes.digits);
            _mm512_storeu_si512(out.cast(), values);
        }
        lanes.done
    }

    fn slow(&self, buffer: &[u8], view: View) -> Option<i64> {
        int_at(buffer, view)
    }
}

struct Floats;

impl Target for Floats {
    type Value = f64;

    #[inline(always)]
    unsafe fn write(&self, lanes: &Lanes, out: *mut f64) -> __mmask8 {
        // SAFETY: the caller has the instructions and the room.
        unsafe {
            let powers = _mm512_setr_pd(1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7);
            let digits = _mm512_cvtepi64_pd(lanes.digits);
            let sizes = if lanes.short {
                // A quotient by way of the reciprocal, and one correction. It rounds correctly for all
                // seven-digit numbers and their places, which the tests check one by one.
                let reciprocals = _mm512_setr_pd(1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7);
                let power = _mm512_permutexvar_pd(lanes.places, powers);
                let reciprocal = _mm512_permutexvar_pd(lanes.places, reciprocals);
                let near = _mm512_mul_pd(digits, reciprocal);
                let rest = _mm512_fnmadd_pd(near, power, digits);
                _mm512_fmadd_pd(rest, reciprocal, near)
            } else {
                // Digits and power are exact, so the one division rounds correctly.
                let more = _mm512_setr_pd(1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15);
                _mm512_div_pd(digits, _mm512_permutex2var_pd(powers, lanes.places, more))
            };
            let values = _mm512_mask_xor_pd(sizes, lanes.negative, sizes, _mm512_set1_pd(-0.0));
            _mm512_storeu_pd(out, values);
            if lanes.short {
                return lanes.done;
            }
            lanes.done & _mm512_cmple_epu64_mask(lanes.digits, _mm512_set1_epi64(1 << 53))
        }
    }

    fn slow(&self, buffer: &[u8], view: View) -> Option<f64> {
        float_at(buffer, view)
    }
}

struct Decimals {
    precision: u8,
    scale: u8,
    /// What digits are multiplied by to raise them by 0 to 15 places.
    raise: [i64; 16],
    /// What digits must be less than to be raised by so many.
    limit: [i64; 16],
}

impl Target for Decimals {
    type Value = i128;

    #[inline(always)]
    unsafe fn write(&self, lanes: &Lanes, out: *mut i128) -> __mmask8 {
        // SAFETY: the caller has the instructions and the room; each table is two vectors.
        unsafe {
            let table = |t: &[i64; 16], by: __m512i| {
                let (low, high) = (_mm512_loadu_epi64(t.as_ptr()), _mm512_loadu_epi64(t.as_ptr().add(8)));
                _mm512_permutex2var_epi64(low, by, high)
            };
            let by = _mm512_sub_epi64(_mm512_set1_epi64(i64::from(self.scale)), lanes.places);
            let in_table = _mm512_cmplt_epu64_mask(by, _mm512_set1_epi64(16));
            let fits = _mm512_cmplt_epu64_mask(lanes.digits, table(&self.limit, by));
            let sizes = _mm512_mullo_epi64(lanes.digits, table(&self.raise, by));
            let values = _mm512_mask_sub_epi64(sizes, lanes.negative, _mm512_setzero_si512(), sizes);
            let signs = _mm512_srai_epi64::<63>(values);
            let first = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
            let second = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
            _mm512_storeu_si512(out.cast(), _mm512_permutex2var_epi64(values, first, signs));
            _mm512_storeu_si512(out.add(4).cast(), _mm512_permutex2var_epi64(values, second, signs));
            lanes.done & in_table & fits
        }
    }

    fn slow(&self, buffer: &[u8], view: View) -> Option<i128> {
        decimal_at(buffer, view, self.precision, self.scale)
    }
}
