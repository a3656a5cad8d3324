//! [`super::tokenize`] with SSE2, which every x86-64 machine has, and with AVX2.
//!
//! Invariant: positions and facts equal those of the portable pass.
// Vector loads take pointers, and functions compiled for AVX2 may be called only where it is.
#![allow(unsafe_code)]

use super::level::{Instructions, SimdLevel};
use super::tokenize::{Compare64, Quoting, Tokens, run};
use std::arch::x86_64::*;

struct Sse2;

impl Compare64 for Sse2 {
    #[inline(always)]
    fn equal(block: &[u8; 64], byte: u8) -> u64 {
        let mut mask = 0;
        for (i, part) in block.as_chunks::<16>().0.iter().enumerate() {
            // SAFETY: SSE2 is part of x86-64, and `part` is 16 readable bytes.
            let bits = unsafe {
                let v = _mm_loadu_si128(part.as_ptr().cast());
                _mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(byte as i8)))
            };
            mask |= u64::from(bits as u32) << (16 * i);
        }
        mask
    }

    #[inline(always)]
    fn beyond_ascii(block: &[u8; 64]) -> bool {
        let mut bits = 0;
        for part in block.as_chunks::<16>().0 {
            // SAFETY: SSE2 is part of x86-64, and `part` is 16 readable bytes.
            bits |= unsafe { _mm_movemask_epi8(_mm_loadu_si128(part.as_ptr().cast())) };
        }
        bits != 0
    }
}

struct Avx2;

impl Compare64 for Avx2 {
    #[inline(always)]
    fn equal(block: &[u8; 64], byte: u8) -> u64 {
        let (low, high) = halves(block);
        // SAFETY: only `run_avx2_as` uses this type, and it runs only where AVX2 is.
        unsafe {
            let wanted = _mm256_set1_epi8(byte as i8);
            let low = _mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted)) as u32;
            let high = _mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted)) as u32;
            u64::from(low) | u64::from(high) << 32
        }
    }

    #[inline(always)]
    fn beyond_ascii(block: &[u8; 64]) -> bool {
        let (low, high) = halves(block);
        // SAFETY: as above.
        unsafe { _mm256_movemask_epi8(_mm256_or_si256(low, high)) != 0 }
    }

    #[inline(always)]
    fn prefix_parity(mask: u64) -> u64 {
        // SAFETY: the level also has PCLMULQDQ. A product without carries with all ones adds up, at each bit, all bits below.
        unsafe {
            let product = _mm_clmulepi64_si128(_mm_set_epi64x(0, mask as i64), _mm_set1_epi8(-1), 0);
            _mm_cvtsi128_si64(product) as u64
        }
    }
}

#[inline(always)]
fn halves(block: &[u8; 64]) -> (__m256i, __m256i) {
    // SAFETY: both loads read 32 of the block's 64 bytes, and only code that runs where AVX2 is calls this.
    unsafe { (_mm256_loadu_si256(block.as_ptr().cast()), _mm256_loadu_si256(block.as_ptr().add(32).cast())) }
}

pub(super) fn run_sse2(bytes: &[u8], base: u32, separator: u8, quoting: Quoting, tokens: &mut Tokens) {
    run::<Sse2>(bytes, base, separator, quoting, tokens);
}

pub(super) fn run_avx2(
    level: SimdLevel,
    bytes: &[u8],
    base: u32,
    separator: u8,
    quoting: Quoting,
    tokens: &mut Tokens,
) {
    if level.instructions() >= Instructions::Avx2 {
        // SAFETY: the level says that the machine has these instructions.
        unsafe { run_avx2_as(bytes, base, separator, quoting, tokens) }
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq")]
fn run_avx2_as(bytes: &[u8], base: u32, separator: u8, quoting: Quoting, tokens: &mut Tokens) {
    run::<Avx2>(bytes, base, separator, quoting, tokens);
}
