//! [`super::structural`] and [`super::structural_match`] with SSE2, which every x86-64 machine has.
//!
//! Invariant: tokens and matches equal those of the portable pass.
// Vector loads take pointers.
#![allow(unsafe_code)]

use super::structural::{Blocks, Masks, STRING, Specials, emit_each, prefix_xor};
use super::structural_match::Compare;
use std::arch::x86_64::*;

pub(super) struct Sse2;

pub(super) type Block = [__m128i; 4];

#[inline(always)]
fn load(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: SSE2 is part of x86-64, and the load reads 16 bytes.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline(always)]
pub(super) fn quarters(block: &[u8; 64]) -> Block {
    let [a, b, c, d] = block.as_chunks::<16>().0 else { return [load(&[0; 16]); 4] };
    [load(a), load(b), load(c), load(d)]
}

/// One bit for each byte whose highest bit is set.
#[inline(always)]
pub(super) fn high_bits(v: Block) -> u64 {
    let mut bits = 0;
    for (i, part) in v.into_iter().enumerate() {
        // SAFETY: SSE2 is part of x86-64.
        bits |= u64::from(unsafe { _mm_movemask_epi8(part) } as u32) << (16 * i);
    }
    bits
}

/// All ones in the bytes that equal `byte`.
#[inline(always)]
pub(super) fn same(v: __m128i, byte: u8) -> __m128i {
    // SAFETY: SSE2 is part of x86-64.
    unsafe { _mm_cmpeq_epi8(v, _mm_set1_epi8(byte as i8)) }
}

#[inline(always)]
pub(super) fn or(a: __m128i, b: __m128i) -> __m128i {
    // SAFETY: SSE2 is part of x86-64.
    unsafe { _mm_or_si128(a, b) }
}

#[inline(always)]
pub(super) fn equal(v: Block, byte: u8) -> u64 {
    let [a, b, c, d] = v;
    high_bits([same(a, byte), same(b, byte), same(c, byte), same(d, byte)])
}

/// Brackets, colons and commas.
#[inline(always)]
fn operators(v: __m128i) -> __m128i {
    // SAFETY: SSE2 is part of x86-64.
    let folded = or(v, unsafe { _mm_set1_epi8(0x20) });
    or(or(same(folded, b'{'), same(folded, b'}')), or(same(v, b','), same(v, b':')))
}

/// White space and line ends.
#[inline(always)]
fn spaces(v: __m128i) -> __m128i {
    or(or(same(v, b' '), same(v, b'\n')), or(same(v, b'\t'), same(v, b'\r')))
}

/// Control characters and backslashes.
#[inline(always)]
pub(super) fn specials(v: __m128i) -> __m128i {
    // SAFETY: SSE2 is part of x86-64.
    let control = unsafe { _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v) };
    or(control, same(v, b'\\'))
}

impl Blocks for Sse2 {
    type Seen = __m128i;

    #[inline(always)]
    fn nothing() -> __m128i {
        load(&[0; 16])
    }

    #[inline(always)]
    fn masks(block: &[u8; 64], seen: &mut __m128i) -> Masks {
        let v = quarters(block);
        let [a, b, c, d] = v;
        *seen = or(*seen, or(or(a, b), or(c, d)));
        let quote = equal(v, STRING);
        let operator = high_bits([operators(a), operators(b), operators(c), operators(d)]);
        let space = high_bits([spaces(a), spaces(b), spaces(c), spaces(d)]);
        Masks {
            quote,
            operator: operator | equal(v, b'\n'),
            known: operator | space | quote,
            special: high_bits([specials(a), specials(b), specials(c), specials(d)]),
        }
    }

    #[inline(always)]
    fn specials(block: &[u8; 64]) -> Specials {
        let v = quarters(block);
        Specials { backslash: equal(v, b'\\'), newline: equal(v, b'\n') }
    }

    #[inline(always)]
    fn beyond_ascii(seen: __m128i) -> bool {
        // SAFETY: SSE2 is part of x86-64.
        unsafe { _mm_movemask_epi8(seen) != 0 }
    }

    #[inline(always)]
    fn prefix_xor(bits: u64) -> u64 {
        prefix_xor(bits)
    }

    #[inline(always)]
    fn emit(block: &[u8; 64], tokens: u64, base: u32, kinds: &mut [u8; 64], starts: &mut [u32; 64]) {
        emit_each(block, tokens, base, kinds, starts);
    }
}

impl Compare for Sse2 {
    #[inline(always)]
    fn kinds(row: &[u8; 64], shape: &[u8; 64], values: u64) -> (u64, u64) {
        let (r, s) = (quarters(row), quarters(shape));
        let mut alike = r;
        for ((alike, r), s) in alike.iter_mut().zip(r).zip(s) {
            // SAFETY: SSE2 is part of x86-64.
            *alike = unsafe { _mm_cmpeq_epi8(r, s) };
        }
        let mut known = r;
        for (known, r) in known.iter_mut().zip(r) {
            *known = or(operators(r), spaces(r));
        }
        let string = equal(r, STRING);
        let literals = !(high_bits(known) | string);
        (!high_bits(alike) & !(values & (literals | string)), literals)
    }

    type Differ = __m128i;

    #[inline(always)]
    fn none() -> __m128i {
        load(&[0; 16])
    }

    #[inline(always)]
    fn key(so_far: __m128i, text: &[u8; 32], key: &[u8; 32], mask: &[u8; 32]) -> __m128i {
        let halves = |bytes: &[u8; 32]| {
            let [a, b] = bytes.as_chunks::<16>().0 else { return [load(&[0; 16]); 2] };
            [load(a), load(b)]
        };
        let ([a, b], [c, d], [m, n]) = (halves(text), halves(key), halves(mask));
        // SAFETY: SSE2 is part of x86-64.
        unsafe {
            let first = _mm_and_si128(_mm_xor_si128(a, c), m);
            or(so_far, or(first, _mm_and_si128(_mm_xor_si128(b, d), n)))
        }
    }

    #[inline(always)]
    fn any(differ: __m128i) -> bool {
        // SAFETY: SSE2 is part of x86-64.
        unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(differ, _mm_setzero_si128())) != 0xffff }
    }

    #[inline(always)]
    fn digits(text: &[u8; 32]) -> u32 {
        let mut bits = 0;
        for (i, part) in text.as_chunks::<16>().0.iter().enumerate() {
            // SAFETY: SSE2 is part of x86-64.
            let digits = unsafe {
                let d = _mm_sub_epi8(load(part), _mm_set1_epi8(b'0' as i8));
                _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(d, _mm_set1_epi8(9)), d)) as u32
            };
            bits |= digits << (16 * i);
        }
        bits
    }
}
