//! [`super::structural`] and [`super::structural_match`] with AVX2 and with AVX-512.
//!
//! Kinds and starts are compressed in a register and then stored whole, because compressing
//! straight into memory takes hundreds of cycles on some processors.
//!
//! Invariant: tokens and matches equal those of the portable pass.
// Vector loads take pointers, and functions compiled for instructions may be called only where they are.
#![allow(unsafe_code)]

use super::level::{Instructions, SimdLevel};
use super::structural::{Blocks, Masks, STRING, Specials, Tokens, emit_each};
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
pub(super) struct Avx2;

/// Only functions compiled for AVX-512 use this type.
pub(super) struct Avx512;

#[inline(always)]
fn load_32(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: the load reads 32 bytes, and only code for AVX2 calls this.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline(always)]
pub(super) fn halves(block: &[u8; 64]) -> [__m256i; 2] {
    // SAFETY: both loads read 32 of the block's 64 bytes, and only code for AVX2 calls this.
    unsafe { [_mm256_loadu_si256(block.as_ptr().cast()), _mm256_loadu_si256(block.as_ptr().add(32).cast())] }
}

/// One bit for each byte whose highest bit is set.
#[inline(always)]
pub(super) fn high_bits(v: [__m256i; 2]) -> u64 {
    // SAFETY: only code for AVX2 calls this.
    let (a, b) = unsafe { (_mm256_movemask_epi8(v[0]), _mm256_movemask_epi8(v[1])) };
    u64::from(a as u32) | u64::from(b as u32) << 32
}

#[inline(always)]
pub(super) fn equal(v: [__m256i; 2], byte: u8) -> u64 {
    // SAFETY: only code for AVX2 calls this.
    unsafe {
        let wanted = _mm256_set1_epi8(byte as i8);
        high_bits([_mm256_cmpeq_epi8(v[0], wanted), _mm256_cmpeq_epi8(v[1], wanted)])
    }
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

/// The bytes that `table` holds at their low four bits; bytes beyond ASCII are none of them.
#[inline(always)]
fn looked_up(v: __m256i, wanted: __m256i, table: &[u8; 16]) -> __m256i {
    // SAFETY: only code for AVX2 calls this, and the table is 16 bytes.
    unsafe {
        let table = _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast()));
        _mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, v), wanted)
    }
}

/// White space and line ends, and operators but for line ends; of bytes that may not stand outside
/// of strings, some count as operators.
#[inline(always)]
fn spaces_and_operators(v: [__m256i; 2]) -> (u64, u64) {
    // The fillers are bytes whose own low bits lead elsewhere.
    const SPACE: [u8; 16] = [b' ', 2, 1, 1, 1, 1, 1, 1, 1, b'\t', b'\n', 1, 1, b'\r', 1, 1];
    const OPERATOR: [u8; 16] = [1, 0, 1, 1, 1, 1, 1, 1, 1, 1, b':', b'{', b',', b'}', 1, 1];
    let [a, b] = v;
    let space = high_bits([looked_up(a, a, &SPACE), looked_up(b, b, &SPACE)]);
    // SAFETY: only code for AVX2 calls this.
    let (c, d) = unsafe {
        let fold = _mm256_set1_epi8(0x20);
        (_mm256_or_si256(a, fold), _mm256_or_si256(b, fold))
    };
    (space, high_bits([looked_up(a, c, &OPERATOR), looked_up(b, d, &OPERATOR)]))
}

/// Control characters and backslashes.
#[inline(always)]
fn specials(v: __m256i) -> __m256i {
    // SAFETY: only code for AVX2 calls this.
    unsafe {
        let control = _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(0x1f)), v);
        _mm256_or_si256(control, _mm256_cmpeq_epi8(v, _mm256_set1_epi8(b'\\' as i8)))
    }
}

impl Blocks for Avx2 {
    type Seen = __m256i;

    #[inline(always)]
    fn nothing() -> __m256i {
        // SAFETY: only code for AVX2 uses this type.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    fn masks(block: &[u8; 64], seen: &mut __m256i) -> Masks {
        let v = halves(block);
        let (space, operator) = spaces_and_operators(v);
        let quote = equal(v, b'"');
        // SAFETY: only code for AVX2 uses this type.
        *seen = unsafe { _mm256_or_si256(*seen, _mm256_or_si256(v[0], v[1])) };
        Masks {
            quote,
            operator: operator | equal(v, b'\n'),
            known: operator | quote | space,
            special: high_bits([specials(v[0]), specials(v[1])]),
        }
    }

    #[inline(always)]
    fn specials(block: &[u8; 64]) -> Specials {
        let v = halves(block);
        Specials { backslash: equal(v, b'\\'), newline: equal(v, b'\n') }
    }

    #[inline(always)]
    fn beyond_ascii(seen: __m256i) -> bool {
        // SAFETY: only code for AVX2 uses this type.
        unsafe { _mm256_movemask_epi8(seen) != 0 }
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

impl Compare for Avx2 {
    #[inline(always)]
    fn kinds(row: &[u8; 64], shape: &[u8; 64], values: u64) -> (u64, u64) {
        let (r, [s, t]) = (halves(row), halves(shape));
        // SAFETY: only code for AVX2 uses this type.
        let same = unsafe { [_mm256_cmpeq_epi8(r[0], s), _mm256_cmpeq_epi8(r[1], t)] };
        let (space, operator) = spaces_and_operators(r);
        let string = equal(r, STRING);
        let literals = !(space | operator | string);
        (!high_bits(same) & !(values & (literals | string)), literals)
    }

    type Differ = __m256i;

    #[inline(always)]
    fn none() -> __m256i {
        // SAFETY: only code for AVX2 uses this type.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    fn key(so_far: __m256i, text: &[u8; 32], key: &[u8; 32], mask: &[u8; 32]) -> __m256i {
        // SAFETY: only code for AVX2 uses this type.
        unsafe {
            _mm256_or_si256(
                so_far,
                _mm256_and_si256(_mm256_xor_si256(load_32(text), load_32(key)), load_32(mask)),
            )
        }
    }

    #[inline(always)]
    fn any(differ: __m256i) -> bool {
        // SAFETY: only code for AVX2 uses this type.
        unsafe { _mm256_testz_si256(differ, differ) == 0 }
    }

    #[inline(always)]
    fn digits(text: &[u8; 32]) -> u32 {
        let v = load_32(text);
        // SAFETY: only code for AVX2 uses this type.
        unsafe {
            let d = _mm256_sub_epi8(v, _mm256_set1_epi8(b'0' as i8));
            _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(d, _mm256_set1_epi8(9)), d)) as u32
        }
    }
}

const OPERATOR: u8 = 1;
const KNOWN: u8 = 2;
const SPECIAL: u8 = 4;

/// What each ASCII byte is.
const CLASSES: [u8; 128] = {
    let mut table = [0; 128];
    let mut b = 0;
    while b < 128 {
        table[b] = match b as u8 {
            b'{' | b'}' | b'[' | b']' | b':' | b',' => OPERATOR | KNOWN,
            b'"' | b' ' => KNOWN,
            b'\n' => OPERATOR | KNOWN | SPECIAL,
            b'\t' | b'\r' => KNOWN | SPECIAL,
            0..0x20 | b'\\' => SPECIAL,
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
pub(super) fn load(block: &[u8; 64]) -> __m512i {
    // SAFETY: the load reads 64 bytes, and only code for AVX-512 calls this.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

/// What each byte is; bytes beyond ASCII are nothing.
#[inline(always)]
fn classes(v: __m512i) -> __m512i {
    // SAFETY: only code for AVX-512 calls this, and both halves of the table are 64 bytes.
    unsafe {
        let low = _mm512_loadu_si512(CLASSES.as_ptr().cast());
        let high = _mm512_loadu_si512(CLASSES.as_ptr().add(64).cast());
        let ascii = _mm512_testn_epi8_mask(v, _mm512_set1_epi8(-128));
        _mm512_maskz_permutex2var_epi8(ascii, low, v, high)
    }
}

impl Blocks for Avx512 {
    type Seen = __m512i;

    #[inline(always)]
    fn nothing() -> __m512i {
        // SAFETY: only code for AVX-512 uses this type.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    fn masks(block: &[u8; 64], seen: &mut __m512i) -> Masks {
        let v = load(block);
        let class = classes(v);
        // SAFETY: only code for AVX-512 uses this type.
        unsafe {
            *seen = _mm512_or_si512(*seen, v);
            let has = |bit: u8| _mm512_test_epi8_mask(class, _mm512_set1_epi8(bit as i8));
            Masks {
                quote: _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(STRING as i8)),
                operator: has(OPERATOR),
                known: has(KNOWN),
                special: has(SPECIAL),
            }
        }
    }

    #[inline(always)]
    fn specials(block: &[u8; 64]) -> Specials {
        let v = load(block);
        // SAFETY: only code for AVX-512 uses this type.
        unsafe {
            Specials {
                backslash: _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(b'\\' as i8)),
                newline: _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(b'\n' as i8)),
            }
        }
    }

    #[inline(always)]
    fn beyond_ascii(seen: __m512i) -> bool {
        // SAFETY: only code for AVX-512 uses this type.
        unsafe { _mm512_movepi8_mask(seen) != 0 }
    }

    #[inline(always)]
    fn prefix_xor(bits: u64) -> u64 {
        prefix_xor(bits)
    }

    #[inline(always)]
    fn emit(block: &[u8; 64], tokens: u64, base: u32, kinds: &mut [u8; 64], starts: &mut [u32; 64]) {
        // SAFETY: only code for AVX-512 uses this type; the stores fill `kinds` and, 16 at a time, `starts`.
        unsafe {
            let kind = _mm512_maskz_compress_epi8(tokens, load(block));
            _mm512_storeu_si512(kinds.as_mut_ptr().cast(), kind);
            let index = _mm512_maskz_compress_epi8(tokens, load(&INDICES));
            let base = _mm512_set1_epi32(base as i32);
            let to = starts.as_mut_ptr();
            let count = tokens.count_ones();
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
            let literals = !_mm512_test_epi8_mask(classes(r), _mm512_set1_epi8(KNOWN as i8));
            let strings = _mm512_cmpeq_epi8_mask(r, _mm512_set1_epi8(STRING as i8));
            (_mm512_cmpneq_epi8_mask(r, s) & !(values & (literals | strings)), literals)
        }
    }

    type Differ = __m256i;

    #[inline(always)]
    fn none() -> __m256i {
        // SAFETY: only code for AVX-512 uses this type.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    fn key(so_far: __m256i, text: &[u8; 32], key: &[u8; 32], mask: &[u8; 32]) -> __m256i {
        // SAFETY: only code for AVX-512 uses this type.
        unsafe {
            let differ = _mm256_xor_si256(load_32(text), load_32(key));
            // a | b & c
            _mm256_ternarylogic_epi64::<0xf8>(so_far, differ, load_32(mask))
        }
    }

    #[inline(always)]
    fn any(differ: __m256i) -> bool {
        // SAFETY: only code for AVX-512 uses this type.
        unsafe { _mm256_testz_si256(differ, differ) == 0 }
    }

    #[inline(always)]
    fn digits(text: &[u8; 32]) -> u32 {
        let v = load_32(text);
        // SAFETY: only code for AVX-512 uses this type.
        unsafe {
            let d = _mm256_sub_epi8(v, _mm256_set1_epi8(b'0' as i8));
            _mm256_cmple_epu8_mask(d, _mm256_set1_epi8(9))
        }
    }
}
