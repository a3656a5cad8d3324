//! [`super::split`] with AVX-512: 64 bytes of a string a step, sixteen pieces a store.
//!
//! Invariant: the pieces equal those of the scalar path.
// Vector loads and stores take pointers, and functions compiled for AVX-512 may be called only where it is.
#![allow(unsafe_code)]

use super::level::{Instructions, SimdLevel};
use super::split::split_one;
use flow_ir::column::View;
use std::arch::x86_64::*;

/// Splits as [`super::split::split_each`] does.
pub(super) fn split_each(
    level: SimdLevel,
    buffer: &[u8],
    views: &[View],
    separator: u8,
    out_rows: &mut Vec<u32>,
    out_views: &mut Vec<View>,
) {
    if level.instructions() < Instructions::Avx512 {
        return;
    }
    // SAFETY: the level says that the machine has these instructions.
    unsafe { split(buffer, views, separator, out_rows, out_views) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi,avx512vbmi2")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn split(buffer: &[u8], views: &[View], separator: u8, out_rows: &mut Vec<u32>, out_views: &mut Vec<View>) {
    let wanted = _mm512_set1_epi8(separator as i8);
    let indices = byte_indices();
    let one = _mm512_set1_epi32(1);
    // Lane 15 of the first operand, then lanes 0 to 14 of the second: the lane before each lane.
    let previous = _mm512_setr_epi32(15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
    let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    let high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    for (row, &whole) in views.iter().enumerate() {
        let (at, length) = ((whole & 0xffff_ffff) as usize, (whole >> 32) as usize);
        if buffer.len() < at + length + 64 {
            split_one(buffer, whole, separator, row as u32, out_rows, out_views);
            continue;
        }
        // The most pieces there can be, and what the last store writes too much.
        out_rows.reserve(length + 1 + 64);
        out_views.reserve(length + 1 + 64);
        let mut used = out_rows.len();
        let row_lanes = _mm512_set1_epi32(row as i32);
        // One past the last separator, in all lanes.
        let mut last = _mm512_set1_epi32(at as i32);
        let mut done = 0;
        loop {
            // SAFETY: `at + done` is at most `at + length`, behind which 64 bytes are readable.
            let v = unsafe { _mm512_loadu_si512(buffer.as_ptr().add(at + done).cast()) };
            let rest = length - done;
            let mut ends = _mm512_cmpeq_epi8_mask(v, wanted);
            if rest < 64 {
                // The end of the string ends its last piece.
                ends = _bzhi_u64(ends, rest as u32) | 1 << rest;
            }
            let base = _mm512_set1_epi32((at + done) as i32);
            let mut compressed = _mm512_maskz_compress_epi8(ends, indices);
            let mut left = ends.count_ones() as usize;
            while left > 0 {
                let end = _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(compressed)), base);
                let next = _mm512_add_epi32(end, one);
                let start = _mm512_permutex2var_epi32(last, previous, next);
                let size = _mm512_sub_epi32(end, start);
                let count = left.min(16);
                // SAFETY: `used` is at most the pieces before this vector, which with 16 more are below the capacity.
                unsafe {
                    let pieces = out_views.as_mut_ptr().add(used);
                    _mm512_storeu_si512(pieces.cast(), _mm512_permutex2var_epi32(start, low, size));
                    _mm512_storeu_si512(pieces.add(8).cast(), _mm512_permutex2var_epi32(start, high, size));
                    _mm512_storeu_si512(out_rows.as_mut_ptr().add(used).cast(), row_lanes);
                }
                last = _mm512_permutexvar_epi32(_mm512_set1_epi32(count as i32 - 1), next);
                used += count;
                left -= count;
                compressed = _mm512_shuffle_i32x4::<0b11_11_10_01>(compressed, compressed);
            }
            if rest < 64 {
                break;
            }
            done += 64;
        }
        // SAFETY: `used` pieces were written to both.
        unsafe {
            out_rows.set_len(used);
            out_views.set_len(used);
        }
    }
}

/// The bytes 0 to 63.
#[inline]
#[target_feature(enable = "avx512f")]
fn byte_indices() -> __m512i {
    let word = |first: u8| i64::from_le_bytes(std::array::from_fn(|i| first + i as u8));
    _mm512_set_epi64(word(56), word(48), word(40), word(32), word(24), word(16), word(8), word(0))
}
