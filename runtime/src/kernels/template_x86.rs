//! [`super::template`] with SSE2, with AVX2 and with AVX-512.
//!
//! Invariant: the rows are those of the portable comparison.
// Vector loads take pointers, and functions compiled for instructions may be called only where they are.
#![allow(unsafe_code)]

use super::level::{Instructions, SimdLevel};
use super::structural::{Blocks, STRING};
use super::structural_match::Rows;
use super::structural_sse2::{self as sse2, Sse2};
use super::structural_x86::{Avx2, Avx512, equal, halves, high_bits, load};
use super::template::{Candidates, LANES, Run, Runs, Start, Template, lines, take};
use std::arch::x86_64::*;

/// Two of the bytes that end strings become neighbours of the others when they are flipped by
/// this: quotes and control characters, and nothing else, are then at most [`ENDS_MAX`].
const FLIP: u8 = 0x02;
const ENDS_MAX: u8 = 0x20;

const _: () = {
    let mut b = 0;
    while b < 256 {
        let ends = (b as u8) < 0x20 || b as u8 == STRING;
        assert!((b as u8 ^ FLIP <= ENDS_MAX) == ends);
        b += 1;
    }
};

pub(super) fn take_avx2(
    level: SimdLevel,
    template: &Template,
    candidates: Candidates<'_>,
    starts: &mut Vec<[Start; LANES]>,
    rows: &mut Rows,
) -> usize {
    if level.instructions() < Instructions::Avx2 {
        return 0;
    }
    // SAFETY: the level says that the machine has these instructions.
    unsafe { take_avx2_as(template, candidates, starts, rows) }
}

pub(super) fn take_avx512(
    level: SimdLevel,
    template: &Template,
    candidates: Candidates<'_>,
    starts: &mut Vec<[Start; LANES]>,
    rows: &mut Rows,
) -> usize {
    if level.instructions() < Instructions::Avx512 {
        return 0;
    }
    // SAFETY: the level says that the machine has these instructions.
    unsafe { take_avx512_as(template, candidates, starts, rows) }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq")]
fn take_avx2_as(
    template: &Template,
    candidates: Candidates<'_>,
    starts: &mut Vec<[Start; LANES]>,
    rows: &mut Rows,
) -> usize {
    take::<Avx2>(template, candidates, starts, rows)
}

#[target_feature(
    enable = "avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2"
)]
fn take_avx512_as(
    template: &Template,
    candidates: Candidates<'_>,
    starts: &mut Vec<[Start; LANES]>,
    rows: &mut Rows,
) -> usize {
    take::<Avx512>(template, candidates, starts, rows)
}

pub(super) fn lines_avx2(level: SimdLevel, bytes: &[u8], from: u32, ends: &mut [u32]) -> (usize, bool) {
    if level.instructions() < Instructions::Avx2 {
        return lines::<Sse2>(bytes, from, ends);
    }
    // SAFETY: the level says that the machine has these instructions.
    unsafe { lines_avx2_as(bytes, from, ends) }
}

pub(super) fn lines_avx512(level: SimdLevel, bytes: &[u8], from: u32, ends: &mut [u32]) -> (usize, bool) {
    if level.instructions() < Instructions::Avx512 {
        return lines::<Sse2>(bytes, from, ends);
    }
    // SAFETY: the level says that the machine has these instructions.
    unsafe { lines_avx512_as(bytes, from, ends) }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq")]
fn lines_avx2_as(bytes: &[u8], from: u32, ends: &mut [u32]) -> (usize, bool) {
    lines::<Avx2>(bytes, from, ends)
}

#[target_feature(
    enable = "avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2"
)]
fn lines_avx512_as(bytes: &[u8], from: u32, ends: &mut [u32]) -> (usize, bool) {
    lines::<Avx512>(bytes, from, ends)
}

impl Runs for Sse2 {
    type Run = (sse2::Block, sse2::Block, u64);
    type Differences = __m128i;

    #[inline(always)]
    fn run(run: &Run) -> Self::Run {
        (sse2::quarters(&run.text), sse2::quarters(&run.mask), run.behind)
    }

    #[inline(always)]
    fn alike() -> __m128i {
        // SAFETY: SSE2 is part of x86-64.
        unsafe { _mm_setzero_si128() }
    }

    #[inline(always)]
    fn compare(text: &[u8; 64], (run, mask, _): Self::Run, differences: &mut __m128i) {
        for ((a, b), m) in sse2::quarters(text).into_iter().zip(run).zip(mask) {
            // SAFETY: SSE2 is part of x86-64.
            *differences = sse2::or(*differences, unsafe { _mm_and_si128(_mm_xor_si128(a, b), m) });
        }
    }

    #[inline(always)]
    fn compare_string(text: &[u8; 64], run: Self::Run, differences: &mut __m128i) -> u64 {
        Self::compare(text, run, differences);
        let ends = |v| sse2::or(sse2::specials(v), sse2::same(v, STRING));
        sse2::high_bits(sse2::quarters(text).map(ends)) & run.2
    }

    #[inline(always)]
    fn differ(differences: __m128i) -> bool {
        Sse2::any_set(differences)
    }

    #[inline(always)]
    fn line_ends(block: &[u8; 64], seen: &mut <Self as Blocks>::Seen) -> u64 {
        let v = sse2::quarters(block);
        let [a, b, c, d] = v;
        *seen = sse2::or(*seen, sse2::or(sse2::or(a, b), sse2::or(c, d)));
        sse2::equal(v, b'\n')
    }
}

impl Sse2 {
    #[inline(always)]
    fn any_set(v: __m128i) -> bool {
        // SAFETY: SSE2 is part of x86-64.
        unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_setzero_si128())) != 0xffff }
    }
}

impl Runs for Avx2 {
    type Run = ([__m256i; 2], [__m256i; 2], u64);
    type Differences = __m256i;

    #[inline(always)]
    fn run(run: &Run) -> Self::Run {
        (halves(&run.text), halves(&run.mask), run.behind)
    }

    #[inline(always)]
    fn alike() -> __m256i {
        // SAFETY: only code for AVX2 uses this type.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    fn compare(text: &[u8; 64], (run, mask, _): Self::Run, differences: &mut __m256i) {
        for ((a, b), m) in halves(text).into_iter().zip(run).zip(mask) {
            // SAFETY: only code for AVX2 uses this type.
            *differences =
                unsafe { _mm256_or_si256(*differences, _mm256_and_si256(_mm256_xor_si256(a, b), m)) };
        }
    }

    #[inline(always)]
    fn compare_string(text: &[u8; 64], run: Self::Run, differences: &mut __m256i) -> u64 {
        Self::compare(text, run, differences);
        let ends = |v: __m256i| {
            // SAFETY: only code for AVX2 uses this type.
            unsafe {
                let flipped = _mm256_xor_si256(v, _mm256_set1_epi8(FLIP as i8));
                let max = _mm256_set1_epi8(ENDS_MAX as i8);
                let low = _mm256_cmpeq_epi8(_mm256_min_epu8(flipped, max), flipped);
                _mm256_or_si256(low, _mm256_cmpeq_epi8(v, _mm256_set1_epi8(b'\\' as i8)))
            }
        };
        high_bits(halves(text).map(ends)) & run.2
    }

    #[inline(always)]
    fn differ(differences: __m256i) -> bool {
        // SAFETY: only code for AVX2 uses this type.
        unsafe { _mm256_testz_si256(differences, differences) == 0 }
    }

    #[inline(always)]
    fn line_ends(block: &[u8; 64], seen: &mut <Self as Blocks>::Seen) -> u64 {
        let v = halves(block);
        // SAFETY: only code for AVX2 uses this type.
        *seen = unsafe { _mm256_or_si256(*seen, _mm256_or_si256(v[0], v[1])) };
        equal(v, b'\n')
    }
}

impl Runs for Avx512 {
    /// The bytes, flipped; which of them count; the bytes behind.
    type Run = (__m512i, __m512i, u64);
    type Differences = __m512i;

    #[inline(always)]
    fn run(run: &Run) -> Self::Run {
        // SAFETY: only code for AVX-512 uses this type.
        let text = unsafe { _mm512_xor_si512(load(&run.text), _mm512_set1_epi8(FLIP as i8)) };
        (text, load(&run.mask), run.behind)
    }

    #[inline(always)]
    fn alike() -> __m512i {
        // SAFETY: only code for AVX-512 uses this type.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    fn compare(text: &[u8; 64], run: Self::Run, differences: &mut __m512i) {
        flipped_and_compared(text, run, differences);
    }

    #[inline(always)]
    fn compare_string(text: &[u8; 64], run: Self::Run, differences: &mut __m512i) -> u64 {
        let flipped = flipped_and_compared(text, run, differences);
        // SAFETY: only code for AVX-512 uses this type.
        unsafe {
            let low = _mm512_mask_cmple_epu8_mask(run.2, flipped, _mm512_set1_epi8(ENDS_MAX as i8));
            let escape = _mm512_set1_epi8((b'\\' ^ FLIP) as i8);
            low | _mm512_mask_cmpeq_epi8_mask(run.2, flipped, escape)
        }
    }

    #[inline(always)]
    fn differ(differences: __m512i) -> bool {
        // SAFETY: only code for AVX-512 uses this type.
        unsafe { _mm512_test_epi8_mask(differences, differences) != 0 }
    }

    #[inline(always)]
    fn line_ends(block: &[u8; 64], seen: &mut <Self as Blocks>::Seen) -> u64 {
        let v = load(block);
        // SAFETY: only code for AVX-512 uses this type.
        unsafe {
            *seen = _mm512_or_si512(*seen, v);
            _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(b'\n' as i8))
        }
    }
}

#[inline(always)]
fn flipped_and_compared(
    text: &[u8; 64],
    (run, mask, _): <Avx512 as Runs>::Run,
    differences: &mut __m512i,
) -> __m512i {
    // SAFETY: only code for AVX-512 calls this.
    unsafe {
        let flipped = _mm512_xor_si512(load(text), _mm512_set1_epi8(FLIP as i8));
        // a | b & c
        *differences = _mm512_ternarylogic_epi64::<0xf8>(*differences, _mm512_xor_si512(flipped, run), mask);
        flipped
    }
}
