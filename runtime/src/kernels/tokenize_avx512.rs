//! [`super::tokenize`] with AVX-512: 64 bytes a step, positions written by compressing byte indices.
//!
//! Indices are compressed in a register and then stored whole, because compressing straight into
//! memory takes hundreds of cycles on some processors.
//!
//! Invariant: positions and facts equal those of the portable pass.
// Vector loads and stores take pointers, and functions compiled for AVX-512 may be called only where it is.
#![allow(unsafe_code)]

use super::level::{Instructions, SimdLevel};
use super::tokenize::{Facts, QuoteState, Quoting, STRIP, Tokens};
use std::arch::x86_64::*;

pub(super) fn run(
    level: SimdLevel,
    bytes: &[u8],
    base: u32,
    separator: u8,
    quoting: Quoting,
    tokens: &mut Tokens,
) {
    if level.instructions() < Instructions::Avx512 {
        return;
    }
    // SAFETY: the level says that the machine has these instructions.
    unsafe {
        match (quoting, tokens.expect_pairs) {
            (Quoting::Off, false) => run_as::<false, false, false>(bytes, base, separator, 0, tokens),
            (Quoting::Off, true) => run_as::<false, false, true>(bytes, base, separator, 0, tokens),
            (Quoting::Watch(quote), false) => {
                run_as::<true, false, false>(bytes, base, separator, quote, tokens)
            }
            (Quoting::Watch(quote), true) => {
                run_as::<true, false, true>(bytes, base, separator, quote, tokens)
            }
            (Quoting::On(quote), _) => run_as::<true, true, false>(bytes, base, separator, quote, tokens),
        }
    }
}

/// What is looked for, in every lane, and what was seen.
struct Pass {
    separator: __m512i,
    newline: __m512i,
    carriage_return: __m512i,
    quote: __m512i,
    indices: __m512i,
    state: QuoteState,
    any: __m512i,
    returned: u64,
    newlines: usize,
    /// Ends found.
    ends: usize,
    /// Not zero where an end is not what it must be in pairs of fields.
    unpaired: u64,
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi,avx512vbmi2")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq")]
fn run_as<const WATCH: bool, const QUOTED: bool, const PAIRS: bool>(
    bytes: &[u8],
    base: u32,
    separator: u8,
    quote: u8,
    tokens: &mut Tokens,
) {
    let mut pass = Pass {
        separator: _mm512_set1_epi8(separator as i8),
        newline: _mm512_set1_epi8(b'\n' as i8),
        carriage_return: _mm512_set1_epi8(b'\r' as i8),
        quote: _mm512_set1_epi8(quote as i8),
        indices: byte_indices(),
        state: QuoteState::START,
        any: _mm512_setzero_si512(),
        returned: 0,
        newlines: 0,
        ends: 0,
        unpaired: 0,
    };
    let mut at = base.wrapping_add(1);
    for strip in bytes.chunks(STRIP) {
        let room = tokens.room();
        let (blocks, rest) = strip.as_chunks::<64>();
        let mut used = 0;
        for block in blocks {
            // SAFETY: the block is 64 readable bytes.
            let v = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
            used = pass.step::<WATCH, QUOTED, PAIRS>(v, !0, at, room, used);
            at = at.wrapping_add(64);
        }
        if !rest.is_empty() {
            let valid = (1u64 << rest.len()) - 1;
            // SAFETY: the masked load reads only the bytes of `rest`.
            let v = unsafe { _mm512_maskz_loadu_epi8(valid, rest.as_ptr().cast()) };
            used = pass.step::<WATCH, QUOTED, PAIRS>(v, valid, at, room, used);
        }
        tokens.used += used;
    }
    tokens.newlines += pass.newlines;
    tokens.facts = Facts {
        quotes: pass.state.quotes != 0,
        escapes: pass.state.escapes != 0,
        stray: pass.state.stray != 0,
        inside: pass.state.inside != 0,
        beyond_ascii: _mm512_movepi8_mask(pass.any) != 0,
        returns: pass.returned != 0,
        paired: PAIRS && pass.unpaired == 0,
    };
}

impl Pass {
    /// Takes in 64 bytes, of which those of `valid` are there and the rest are zero.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi,avx512vbmi2")]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq")]
    fn step<const WATCH: bool, const QUOTED: bool, const PAIRS: bool>(
        &mut self,
        v: __m512i,
        valid: u64,
        at: u32,
        room: &mut [u32],
        used: usize,
    ) -> usize {
        let mut lines = _mm512_mask_cmpeq_epi8_mask(valid, v, self.newline);
        let mut ends = _mm512_mask_cmpeq_epi8_mask(valid, v, self.separator) | lines;
        let returns = _mm512_cmpeq_epi8_mask(v, self.carriage_return);
        if WATCH {
            let quotes = _mm512_mask_cmpeq_epi8_mask(valid, v, self.quote);
            if QUOTED {
                let outside = self.state.step(prefix_parity(quotes), quotes, ends, returns, valid);
                ends &= outside;
                lines &= outside;
            } else {
                self.state.quotes |= quotes;
            }
        }
        self.any = _mm512_or_si512(self.any, v);
        self.returned |= returns;
        self.newlines += lines.count_ones() as usize;
        let count = ends.count_ones() as usize;
        if PAIRS {
            let odd = 0xaaaa_aaaa_aaaa_aaaa_u64.rotate_right(self.ends as u32 & 1);
            self.unpaired |= _bzhi_u64(_pext_u64(lines, ends) ^ odd, count as u32);
            self.ends += count;
        }
        let compressed = _mm512_maskz_compress_epi8(ends, self.indices);
        let at = _mm512_set1_epi32(at as i32);
        let Some(slots) = room.get_mut(used..used + 64) else { return used };
        let out = slots.as_mut_ptr();
        let first = _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(compressed)), at);
        // SAFETY: `slots` is 64 positions, that is four vectors.
        unsafe { _mm512_storeu_si512(out.cast(), first) };
        if count > 16 {
            let second = _mm512_extracti32x4_epi32::<1>(compressed);
            let third = _mm512_extracti32x4_epi32::<2>(compressed);
            let fourth = _mm512_extracti32x4_epi32::<3>(compressed);
            for (i, part) in [second, third, fourth].into_iter().enumerate() {
                let part = _mm512_add_epi32(_mm512_cvtepu8_epi32(part), at);
                // SAFETY: vectors 1 to 3 of the four that fit into `slots`.
                unsafe { _mm512_storeu_si512(out.add(16 * (i + 1)).cast(), part) };
            }
        }
        used + count
    }
}

/// A product without carries with all ones adds up, at each bit, all bits at and below it.
#[inline]
#[target_feature(enable = "pclmulqdq")]
fn prefix_parity(mask: u64) -> u64 {
    let product = _mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, mask as i64), _mm_set1_epi8(-1));
    _mm_cvtsi128_si64(product) as u64
}

/// The bytes 0 to 63.
#[inline]
#[target_feature(enable = "avx512f")]
fn byte_indices() -> __m512i {
    let word = |first: u8| i64::from_le_bytes(std::array::from_fn(|i| first + i as u8));
    _mm512_set_epi64(word(56), word(48), word(40), word(32), word(24), word(16), word(8), word(0))
}
