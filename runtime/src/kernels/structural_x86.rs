//! [`super::structural`] and [`super::structural_match`] with AVX2 and with AVX-512.
//!
//! Kinds and starts are compressed in a register and then stored whole, because compressing
//! straight into memory takes hundreds of cycles on some processors.
//!
//! Invariant: tokens and matches equal those of the portable pass.
// Vector loads take pointers, and functions compiled for instructions may be called only where they are.
#![allow(unsafe_code)]

use super::level::{Instructions, SimdLevel};
use super::structural::{Blocks, Found, LITERAL, Masks, STRING, Tokens, emit_each};
use super::structural_match::{Compare, Cursor, Rows, Shape, Stop, take};
use std::arch::x86_64::*;

pub(super) fn strip_avx2(level: SimdLevel, tokens: &mut Tokens, strip: &[u8], base: u32) {
    if level.instructions() >= Instructions::Avx2 {
        // SAFETY: the level says that the machine has these instructions.
        unsafe { strip_avx2_as(tokens, strip, base) }
    }
}

pub(super) fn strip_avx512(level: SimdLevel, tokens: &mut Tokens, strip: &[u8], base: u32) {
    if level.instructions() >= Instructions::Avx512 {
        // SAFETY: the level says that the machine has these instructions.
        unsafe { strip_avx512_as(tokens, strip, base) }
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq")]
fn strip_avx2_as(tokens: &mut Tokens, strip: &[u8], base: u32) {
    tokens.strip::<Avx2>(strip, base);
}

#[target_feature(
    enable = "avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2"
)]
fn strip_avx512_as(tokens: &mut Tokens, strip: &[u8], base: u32) {
    tokens.strip::<Avx512>(strip, base);
}

pub(super) fn take_avx2(
    level: SimdLevel,
    shape: &Shape,
    tokens: &Tokens,
    buffer: &[u8],
    cursor: &mut Cursor,
    rows: &mut Rows,
) -> Stop {
    if level.instructions() < Instructions::Avx2 {
        return Stop::Other;
    }
    // SAFETY: the level says that the machine has these instructions.
    unsafe { take_avx2_as(shape, tokens, buffer, cursor, rows) }
}

pub(super) fn take_avx512(
    level: SimdLevel,
    shape: &Shape,
    tokens: &Tokens,
    buffer: &[u8],
    cursor: &mut Cursor,
    rows: &mut Rows,
) -> Stop {
    if level.instructions() < Instructions::Avx512 {
        return Stop::Other;
    }
    // SAFETY: the level says that the machine has these instructions.
    unsafe { take_avx512_as(shape, tokens, buffer, cursor, rows) }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq")]
fn take_avx2_as(shape: &Shape, tokens: &Tokens, buffer: &[u8], cursor: &mut Cursor, rows: &mut Rows) -> Stop {
    take::<Avx2>(shape, tokens, buffer, cursor, rows)
}

#[target_feature(
    enable = "avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2"
)]
fn take_avx512_as(
    shape: &Shape,
    tokens: &Tokens,
    buffer: &[u8],
    cursor: &mut Cursor,
    rows: &mut Rows,
) -> Stop {
    take::<Avx512>(shape, tokens, buffer, cursor, rows)
}

/// Only functions compiled for AVX2 use this type.
struct Avx2;

/// Only functions compiled for AVX-512 use this type.
struct Avx512;

#[inline(always)]
fn halves(block: &[u8; 64]) -> [__m256i; 2] {
    // SAFETY: both loads read 32 of the block's 64 bytes, and only code for AVX2 calls this.
    unsafe { [_mm256_loadu_si256(block.as_ptr().cast()), _mm256_loadu_si256(block.as_ptr().add(32).cast())] }
}

/// One bit for each byte whose highest bit is set.
#[inline(always)]
fn high_bits(v: [__m256i; 2]) -> u64 {
    // SAFETY: only code for AVX2 calls this.
    let [a, b] = v.map(|x| unsafe { _mm256_movemask_epi8(x) as u32 });
    u64::from(a) | u64::from(b) << 32
}

#[inline(always)]
fn equal(v: [__m256i; 2], byte: u8) -> u64 {
    // SAFETY: only code for AVX2 calls this.
    high_bits(v.map(|x| unsafe { _mm256_cmpeq_epi8(x, _mm256_set1_epi8(byte as i8)) }))
}

/// The exclusive or of all bits up to each bit: a product without carries with all ones.
#[inline(always)]
fn prefix_xor(bits: u64) -> u64 {
    // SAFETY: only code for AVX2, which comes with PCLMULQDQ here, calls this.
    unsafe {
        let product = _mm_clmulepi64_si128(_mm_set_epi64x(0, bits as i64), _mm_set1_epi8(-1), 0);
        _mm_cvtsi128_si64(product) as u64
    }
}

impl Blocks for Avx2 {
    #[inline(always)]
    fn masks(block: &[u8; 64]) -> Masks {
        // Looked up by the low four bits of a byte: the one byte of its class with these bits. The
        // fillers are bytes whose own low bits lead elsewhere.
        const SPACE: [u8; 16] = [b' ', 2, 1, 1, 1, 1, 1, 1, 1, b'\t', b'\n', 1, 1, b'\r', 1, 1];
        const OPERATOR: [u8; 16] = [1, 0, 1, 1, 1, 1, 1, 1, 1, 1, b':', b'{', b',', b'}', 1, 1];
        let v = halves(block);
        // SAFETY: only code for AVX2 uses this type, and the tables are 16 bytes.
        let (space, operator) = unsafe {
            let spaces = _mm256_broadcastsi128_si256(_mm_loadu_si128(SPACE.as_ptr().cast()));
            let operators = _mm256_broadcastsi128_si256(_mm_loadu_si128(OPERATOR.as_ptr().cast()));
            let fold = _mm256_set1_epi8(0x20);
            (
                v.map(|x| _mm256_cmpeq_epi8(_mm256_shuffle_epi8(spaces, x), x)),
                v.map(|x| _mm256_cmpeq_epi8(_mm256_shuffle_epi8(operators, x), _mm256_or_si256(x, fold))),
            )
        };
        // SAFETY: as above.
        let control = v.map(|x| unsafe { _mm256_cmpeq_epi8(_mm256_min_epu8(x, _mm256_set1_epi8(0x1f)), x) });
        let (quote, operator) = (equal(v, b'"'), high_bits(operator));
        Masks {
            quote,
            backslash: equal(v, b'\\'),
            newline: equal(v, b'\n'),
            operator,
            known: operator | quote | high_bits(space),
            control: high_bits(control),
            beyond_ascii: high_bits(v),
        }
    }

    #[inline(always)]
    fn prefix_xor(bits: u64) -> u64 {
        prefix_xor(bits)
    }

    #[inline(always)]
    fn emit(block: &[u8; 64], found: Found, base: u32, kinds: &mut [u8; 64], starts: &mut [u32; 64]) {
        emit_each(block, found, base, kinds, starts);
    }
}

impl Compare for Avx2 {
    #[inline(always)]
    fn kinds(row: &[u8; 64], shape: &[u8; 64], values: u64) -> (u64, u64) {
        let (r, [s, t]) = (halves(row), halves(shape));
        // SAFETY: only code for AVX2 uses this type.
        let same = unsafe { [_mm256_cmpeq_epi8(r[0], s), _mm256_cmpeq_epi8(r[1], t)] };
        let literals = equal(r, LITERAL);
        (!high_bits(same) & !(values & (literals | equal(r, STRING))), literals)
    }

    #[inline(always)]
    fn key(text: &[u8; 32], key: &[u8; 32], mask: u32) -> bool {
        // SAFETY: both loads read 32 bytes, and only code for AVX2 uses this type.
        let same = unsafe {
            let (a, b) = (_mm256_loadu_si256(text.as_ptr().cast()), _mm256_loadu_si256(key.as_ptr().cast()));
            _mm256_movemask_epi8(_mm256_cmpeq_epi8(a, b)) as u32
        };
        !same & mask == 0
    }

    #[inline(always)]
    fn digits(text: &[u8; 32]) -> u32 {
        // SAFETY: the load reads 32 bytes, and only code for AVX2 uses this type.
        unsafe {
            let v = _mm256_loadu_si256(text.as_ptr().cast());
            let d = _mm256_sub_epi8(v, _mm256_set1_epi8(b'0' as i8));
            _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(d, _mm256_set1_epi8(9)), d)) as u32
        }
    }
}

const OPERATOR: u8 = 1;
const KNOWN: u8 = 2;
const CONTROL: u8 = 4;

/// What each ASCII byte is.
const CLASSES: [u8; 128] = {
    let mut table = [0; 128];
    let mut b = 0;
    while b < 128 {
        table[b] = match b as u8 {
            b'{' | b'}' | b'[' | b']' | b':' | b',' => OPERATOR | KNOWN,
            b'"' | b' ' => KNOWN,
            b'\t' | b'\r' | b'\n' => KNOWN | CONTROL,
            0..0x20 => CONTROL,
            _ => 0,
        };
        b += 1;
    }
    table
};

/// The numbers 0 to 63.
const INDICES: [u8; 64] = {
    let mut table = [0; 64];
    let mut i = 0;
    while i < 64 {
        table[i] = i as u8;
        i += 1;
    }
    table
};

#[inline(always)]
fn load(block: &[u8; 64]) -> __m512i {
    // SAFETY: the load reads 64 bytes, and only code for AVX-512 calls this.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

impl Blocks for Avx512 {
    #[inline(always)]
    fn masks(block: &[u8; 64]) -> Masks {
        let v = load(block);
        // SAFETY: only code for AVX-512 uses this type, and both halves of the table are 64 bytes.
        unsafe {
            let low = _mm512_loadu_si512(CLASSES.as_ptr().cast());
            let high = _mm512_loadu_si512(CLASSES.as_ptr().add(64).cast());
            let class = _mm512_permutex2var_epi8(low, v, high);
            let is = |b: u8| _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(b as i8));
            let has = |bit: u8| _mm512_test_epi8_mask(class, _mm512_set1_epi8(bit as i8));
            // The lookup leaves out the highest bit: bytes beyond ASCII look like others.
            let beyond_ascii = _mm512_movepi8_mask(v);
            Masks {
                quote: is(b'"'),
                backslash: is(b'\\'),
                newline: is(b'\n'),
                operator: has(OPERATOR),
                known: has(KNOWN) & !beyond_ascii,
                control: has(CONTROL) & !beyond_ascii,
                beyond_ascii,
            }
        }
    }

    #[inline(always)]
    fn prefix_xor(bits: u64) -> u64 {
        prefix_xor(bits)
    }

    #[inline(always)]
    fn emit(block: &[u8; 64], found: Found, base: u32, kinds: &mut [u8; 64], starts: &mut [u32; 64]) {
        let v = load(block);
        // SAFETY: only code for AVX-512 uses this type; the stores fill `kinds` and, 16 at a time, `starts`.
        unsafe {
            let kind = _mm512_mask_blend_epi8(found.literals, v, _mm512_set1_epi8(LITERAL as i8));
            let kind = _mm512_maskz_compress_epi8(found.tokens, kind);
            _mm512_storeu_si512(kinds.as_mut_ptr().cast(), kind);
            let index = _mm512_maskz_compress_epi8(found.tokens, load(&INDICES));
            let base = _mm512_set1_epi32(base as i32);
            let to = starts.as_mut_ptr();
            let count = found.tokens.count_ones();
            let part = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(index));
            _mm512_storeu_si512(to.cast(), _mm512_add_epi32(part, base));
            if count > 16 {
                let part = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32::<1>(index));
                _mm512_storeu_si512(to.add(16).cast(), _mm512_add_epi32(part, base));
            }
            if count > 32 {
                let part = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32::<2>(index));
                _mm512_storeu_si512(to.add(32).cast(), _mm512_add_epi32(part, base));
                let part = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32::<3>(index));
                _mm512_storeu_si512(to.add(48).cast(), _mm512_add_epi32(part, base));
            }
        }
    }
}

impl Compare for Avx512 {
    #[inline(always)]
    fn kinds(row: &[u8; 64], shape: &[u8; 64], values: u64) -> (u64, u64) {
        let (r, s) = (load(row), load(shape));
        // SAFETY: only code for AVX-512 uses this type.
        unsafe {
            let literals = _mm512_cmpeq_epi8_mask(r, _mm512_set1_epi8(LITERAL as i8));
            let strings = _mm512_cmpeq_epi8_mask(r, _mm512_set1_epi8(STRING as i8));
            (_mm512_cmpneq_epi8_mask(r, s) & !(values & (literals | strings)), literals)
        }
    }

    #[inline(always)]
    fn key(text: &[u8; 32], key: &[u8; 32], mask: u32) -> bool {
        // SAFETY: both loads read 32 bytes, and only code for AVX-512 uses this type.
        unsafe {
            let (a, b) = (_mm256_loadu_si256(text.as_ptr().cast()), _mm256_loadu_si256(key.as_ptr().cast()));
            _mm256_mask_cmpneq_epi8_mask(mask, a, b) == 0
        }
    }

    #[inline(always)]
    fn digits(text: &[u8; 32]) -> u32 {
        // SAFETY: the load reads 32 bytes, and only code for AVX-512 uses this type.
        unsafe {
            let v = _mm256_loadu_si256(text.as_ptr().cast());
            let d = _mm256_sub_epi8(v, _mm256_set1_epi8(b'0' as i8));
            _mm256_cmple_epu8_mask(d, _mm256_set1_epi8(9))
        }
    }
}
