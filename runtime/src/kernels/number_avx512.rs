//! The kernels of [`super::number`] with AVX-512: [`super::number_lanes`] reads eight plain numbers
//! at a time, this makes values of them and leaves the rest to the scalar path.
//!
//! Invariant: the values are, bit for bit, those of the scalar path.
// Vector stores take pointers, and instructions may be used only where they are.
#![allow(unsafe_code)]

use super::groups_avx512::Kernel;
use super::number::{decimal_at, float_at, int_at};
use super::number_lanes::lanes;
use flow_ir::column::View;
use std::arch::x86_64::*;

/// `int`.
pub(super) struct Ints;

impl Kernel for Ints {
    type Value = i64;

    #[inline(always)]
    unsafe fn eight(&self, buffer: &[u8], group: &[View; 8], out: *mut i64) -> __mmask8 {
        // SAFETY: the caller has the instructions and the room.
        unsafe {
            let lanes = lanes::<false>(buffer, group);
            let zero = _mm512_setzero_si512();
            let values = _mm512_mask_sub_epi64(lanes.digits, lanes.negative, zero, lanes.digits);
            _mm512_storeu_si512(out.cast(), values);
            lanes.done
        }
    }

    fn slow(&self, buffer: &[u8], view: View) -> Option<i64> {
        int_at(buffer, view)
    }
}

/// `float`.
pub(super) struct Floats;

impl Kernel for Floats {
    type Value = f64;

    #[inline(always)]
    unsafe fn eight(&self, buffer: &[u8], group: &[View; 8], out: *mut f64) -> __mmask8 {
        // SAFETY: the caller has the instructions and the room.
        unsafe {
            let lanes = lanes::<true>(buffer, group);
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

/// `decimal(precision, scale)`, unscaled.
pub(super) struct Decimals {
    precision: u8,
    scale: u8,
    /// What digits are multiplied by to raise them by 0 to 15 places.
    raise: [i64; 16],
    /// What digits must be less than to be raised by so many.
    limit: [i64; 16],
}

impl Decimals {
    pub(super) fn new(precision: u8, scale: u8) -> Self {
        let digits_max = usize::from(precision.min(18));
        Decimals {
            precision,
            scale,
            raise: std::array::from_fn(|r| 10i64.pow(r as u32)),
            limit: std::array::from_fn(|r| digits_max.checked_sub(r).map_or(0, |d| 10i64.pow(d as u32))),
        }
    }
}

impl Kernel for Decimals {
    type Value = i128;

    #[inline(always)]
    unsafe fn eight(&self, buffer: &[u8], group: &[View; 8], out: *mut i128) -> __mmask8 {
        // SAFETY: the caller has the instructions and the room; each table is two vectors.
        unsafe {
            let lanes = lanes::<true>(buffer, group);
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
