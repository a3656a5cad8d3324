//! [`super::probe`] and the loading of short keys with AVX-512.
//!
//! Invariant: keys, hashes and numbers equal those of the portable versions.
// Vector loads and stores take pointers.
#![allow(unsafe_code)]

use super::hash::{MID_MAX, SHORT_MAX, Seeds, WINDOW};
use super::probe::{BLOCK, Bucket, KeyPlace, Numbers, SLACK, ShortBucket, ShortKeys, find_in};
use std::arch::x86_64::*;

/// Finds the numbers of a block's short keys, each in the lines that `lines` chooses by hash.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn probe_short<'a>(lines: impl Fn(u64) -> &'a [ShortBucket], keys: &ShortKeys, out: &mut Numbers) {
    let n = keys.count.min(BLOCK);
    let rows = keys.rows[..n].iter().zip(&keys.hashes[..n]).zip(&keys.words[..n]).zip(&keys.tails[..n]);
    for (i, (((&row, &hash), &word), &tail)) in rows.enumerate() {
        let word = _mm256_set1_epi64x(word as i64);
        let tail = _mm_set1_epi32(tail as i32);
        let number = find_in(lines(hash), hash, |line| {
            // SAFETY: both loads are of whole arrays of the line, and the line is aligned.
            let (words, tails) = unsafe {
                (_mm256_load_si256(line.words.as_ptr().cast()), _mm_load_si128(line.tails.as_ptr().cast()))
            };
            let same = _mm256_cmpeq_epi64_mask(words, word);
            u32::from(_mm_mask_cmpeq_epi32_mask(same, tails, tail))
        });
        out.set(row, number, || KeyPlace::Short(i as u8));
    }
}

const _: () = assert!(ShortBucket::PLACES == 4 && SHORT_MAX == 11 && WINDOW >= 16 && MID_MAX < 255);

/// Loads and hashes the short keys among `views` (at most a block) into `keys`, and writes the
/// numbers of the rows whose keys are longer to `rest`; their count is returned. `None`, with
/// nothing done, if some view is too close to the end of the buffer for whole windows.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn load_short(
    buffer: &[u8],
    views: &[u64],
    seeds: &Seeds,
    keys: &mut ShortKeys,
    rest: &mut [u8; BLOCK + SLACK],
) -> Option<usize> {
    let limit = buffer.len().checked_sub(WINDOW)?;
    let views = &views[..views.len().min(BLOCK)];
    let low = _mm512_set1_epi64(0xffff_ffff);
    let (whole, part) = views.as_chunks::<8>();
    let mut last = [0; 8];
    last[..part.len()].copy_from_slice(part);
    let mut end = _mm512_and_si512(vector(&last), low);
    for eight in whole {
        end = _mm512_max_epu64(end, _mm512_and_si512(vector(eight), low));
    }
    if _mm512_reduce_max_epu64(end) as usize > limit {
        return None;
    }
    let (mut n, mut others) = (0, 0);
    let count = views.len();
    for (i, eight) in whole.iter().chain((!part.is_empty()).then_some(&last)).enumerate() {
        let there = if i < whole.len() { 0xff } else { (1u8 << (count % 8)) - 1 };
        let length = _mm512_srli_epi64::<32>(vector(eight));
        let fits = _mm512_mask_cmple_epu64_mask(there, length, _mm512_set1_epi64(SHORT_MAX as i64));
        // SAFETY: every offset is at most `limit`, so a window from there on lies in the buffer.
        let (a, b) = unsafe { (four_windows(buffer, eight, 0), four_windows(buffer, eight, 4)) };
        let a = keep_bytes(a, _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 0, 1, 1, 2, 2, 3, 3), length));
        let b = keep_bytes(b, _mm512_permutexvar_epi64(_mm512_setr_epi64(4, 4, 5, 5, 6, 6, 7, 7), length));
        let words = _mm512_permutex2var_epi64(a, _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14), b);
        let bytes = _mm512_permutex2var_epi64(a, _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15), b);
        let code = _mm512_slli_epi64::<24>(_mm512_add_epi64(length, _mm512_set1_epi64(1)));
        let tails = _mm512_or_si512(_mm512_and_si512(bytes, _mm512_set1_epi64(0xff_ffff)), code);
        let hashes = hash(words, tails, seeds);
        let rows =
            _mm512_add_epi64(_mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7), _mm512_set1_epi64(8 * i as i64));
        // SAFETY: `n` and `others` are at most 8 * i, which is less than BLOCK, and every array has
        // room for eight more.
        unsafe {
            let put = |to: *mut u64, v| _mm512_storeu_si512(to.cast(), _mm512_maskz_compress_epi64(fits, v));
            put(keys.words.as_mut_ptr().add(n), words);
            put(keys.hashes.as_mut_ptr().add(n), hashes);
            let tails = _mm512_cvtepi64_epi32(_mm512_maskz_compress_epi64(fits, tails));
            _mm256_storeu_si256(keys.tails.as_mut_ptr().add(n).cast(), tails);
            store_rows(keys.rows.as_mut_ptr().add(n), fits, rows);
            store_rows(rest.as_mut_ptr().add(others), there & !fits, rows);
        }
        n += fits.count_ones() as usize;
        others += (there & !fits).count_ones() as usize;
    }
    keys.count = n;
    Some(others)
}

/// Eight words as a vector.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn vector(words: &[u64; 8]) -> __m512i {
    // SAFETY: the array is as long as the vector.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

/// Sixteen bytes from each of the offsets of four views on.
///
/// # Safety
/// Sixteen bytes must be readable from the offset of each of `views[from..from + 4]` on.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn four_windows(buffer: &[u8], views: &[u64; 8], from: usize) -> __m512i {
    // SAFETY: by the function's contract.
    unsafe {
        let window =
            |i: usize| _mm_loadu_si128(buffer.as_ptr().add((views[from + i] & 0xffff_ffff) as usize).cast());
        let low = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(window(0)), window(1));
        let high = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(window(2)), window(3));
        _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
    }
}

/// Clears, in each of four windows, the bytes past its length (modulo 256).
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn keep_bytes(windows: __m512i, lengths: __m512i) -> __m512i {
    let index = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    let lengths = _mm512_shuffle_epi8(lengths, _mm512_setzero_si512());
    _mm512_maskz_mov_epi8(_mm512_cmplt_epu8_mask(index, lengths), windows)
}

/// The hashes of eight short keys.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn hash(words: __m512i, tails: __m512i, seeds: &Seeds) -> __m512i {
    let seed = |i: usize| _mm512_set1_epi64(seeds.0[i] as i64);
    let sum = _mm512_add_epi64(_mm512_mullo_epi64(words, seed(0)), _mm512_mullo_epi64(tails, seed(1)));
    let h = _mm512_mullo_epi64(_mm512_xor_si512(sum, _mm512_srli_epi64::<32>(sum)), seed(4));
    let h = _mm512_mullo_epi64(_mm512_xor_si512(h, _mm512_srli_epi64::<29>(h)), seed(5));
    _mm512_xor_si512(h, _mm512_srli_epi64::<32>(h))
}

/// Stores the chosen row numbers as bytes, and up to seven bytes of nothing behind them.
///
/// # Safety
/// Eight bytes must be writable at `to`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn store_rows(to: *mut u8, chosen: __mmask8, rows: __m512i) {
    let bytes = _mm512_cvtepi64_epi8(_mm512_maskz_compress_epi64(chosen, rows));
    // SAFETY: by the function's contract.
    unsafe { _mm_storel_epi64(to.cast(), bytes) };
}
