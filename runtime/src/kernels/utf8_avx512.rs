//! [`super::utf8`] with AVX-512 for text of ASCII and two-byte letters.
// Vector loads take pointers, and functions compiled for AVX-512 may be called only where it is.
#![allow(unsafe_code)]

use super::level::{Instructions, SimdLevel};
use std::arch::x86_64::*;

/// How far the bytes are UTF-8 without characters of more than two bytes, at least: the rest,
/// which starts with a character, is still to be checked. `Err` when they are not UTF-8.
pub(super) fn short_letters(level: SimdLevel, bytes: &[u8]) -> Result<usize, ()> {
    if level.instructions() < Instructions::Avx512 {
        return Ok(0);
    }
    // SAFETY: the level says that the machine has these instructions.
    unsafe { check(bytes) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi,avx512vbmi2")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn check(bytes: &[u8]) -> Result<usize, ()> {
    // Whether the byte before was the first of two.
    let mut open = 0;
    let mut wrong = 0;
    let (quads, rest) = bytes.as_chunks::<256>();
    for (q, quad) in quads.iter().enumerate() {
        // SAFETY: four vectors of 64 bytes lie in the quad's 256.
        let v: [__m512i; 4] =
            std::array::from_fn(|i| unsafe { _mm512_loadu_si512(quad.as_ptr().add(64 * i).cast()) });
        let any = _mm512_or_si512(_mm512_or_si512(v[0], v[1]), _mm512_or_si512(v[2], v[3]));
        if _mm512_movepi8_mask(any) == 0 {
            wrong |= open;
            open = 0;
            continue;
        }
        let before = open;
        let mut longer = 0;
        for v in v {
            (wrong, open, longer) = step(v, wrong, open, longer);
        }
        if longer != 0 {
            return Ok(256 * q - before as usize);
        }
        if wrong != 0 {
            return Err(());
        }
    }
    let before = open;
    let mut longer = 0;
    for part in rest.chunks(64) {
        // SAFETY: the masked load reads only the bytes of `part`; the others become ASCII.
        let v = unsafe { _mm512_maskz_loadu_epi8(!0 >> (64 - part.len()), part.as_ptr().cast()) };
        (wrong, open, longer) = step(v, wrong, open, longer);
    }
    match (longer, wrong | open) {
        (0, 0) => Ok(bytes.len()),
        (0, _) => Err(()),
        _ => Ok(256 * quads.len() - before as usize),
    }
}

/// Takes in 64 bytes: what is wrong so far, whether a letter is open after them, and whether
/// there are longer letters.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn step(v: __m512i, wrong: u64, open: u64, longer: u64) -> (u64, u64, u64) {
    let beyond = _mm512_movepi8_mask(v);
    let first = _mm512_cmpge_epu8_mask(v, _mm512_set1_epi8(0xc2u8 as i8));
    let second = _mm512_cmplt_epi8_mask(v, _mm512_set1_epi8(0xc0u8 as i8));
    let longer = longer | _mm512_cmpge_epu8_mask(v, _mm512_set1_epi8(0xe0u8 as i8));
    let wrong = wrong | (beyond ^ (first | second)) | (second ^ (first << 1 | open));
    (wrong, first >> 63, longer)
}
