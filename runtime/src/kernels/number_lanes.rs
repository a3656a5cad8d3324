//! Reads plain numbers from their text with AVX-512, for [`super::number_avx512`].
//!
//! A 64-bit lane takes the text of up to 8 characters, or of up to 16 in two registers. Sign and
//! point are taken out, the digits are moved to the upper end and added up by multiply-add steps.
//! A lane that holds anything else than a short plain number is not [`Lanes::done`].
//! [`super::number_words`] does the same, a number at a time.
//!
//! Functions here are always inlined into one compiled for AVX-512 (which a function so compiled
//! cannot be), because passing [`Lanes`] through memory would take longer than the work.
// Vector loads take pointers, and instructions may be used only where they are.
#![allow(unsafe_code)]

use super::groups_avx512::gather;
use flow_ir::column::View;
use std::arch::x86_64::*;

/// Eight numbers: the digits as an integer, and how many of them follow the point.
pub(super) struct Lanes {
    pub(super) digits: __m512i,
    pub(super) places: __m512i,
    pub(super) negative: __mmask8,
    /// The lanes that hold a number; the others are undecided.
    pub(super) done: __mmask8,
    /// Whether no lane has more than eight digits.
    pub(super) short: bool,
}

/// Reads eight numbers of up to 16 characters, with at most one point if `POINT`.
///
/// # Safety
/// The machine has AVX-512.
#[inline(always)]
pub(super) unsafe fn lanes<const POINT: bool>(buffer: &[u8], group: &[View; 8]) -> Lanes {
    // SAFETY: the caller has the instructions. A group is eight views to load, and 16 bytes are read only
    // from starts behind which the buffer has them.
    unsafe {
        let views = _mm512_loadu_si512(group.as_ptr().cast());
        let starts = _mm512_and_si512(views, _mm512_set1_epi64(0xffff_ffff));
        let lengths = _mm512_srli_epi64::<32>(views);
        let Some(last) = buffer.len().checked_sub(16) else {
            return Lanes { digits: lengths, places: lengths, negative: 0, done: 0, short: true };
        };
        let inside = _mm512_cmple_epu64_mask(starts, _mm512_set1_epi64(last as i64));
        let base = buffer.as_ptr();
        if inside != 0xff {
            return Lanes { digits: lengths, places: lengths, negative: 0, done: 0, short: true };
        }
        let chars = gather(base, group, 0);
        let minus = _mm512_set1_epi64(i64::from(b'-'));
        let negative = _mm512_cmpeq_epi64_mask(_mm512_and_si512(chars, _mm512_set1_epi64(0xff)), minus);
        if _mm512_cmpgt_epu64_mask(lengths, _mm512_set1_epi64(8)) == 0 {
            return short_lanes::<POINT>(chars, lengths, negative, inside);
        }
        let more = gather(base, group, 8);
        long_lanes::<POINT>(chars, more, lengths, negative, inside)
    }
}

/// [`lanes`] of texts of up to 8 characters.
///
/// # Safety
/// As for [`lanes`].
#[inline(always)]
unsafe fn short_lanes<const POINT: bool>(
    chars: __m512i,
    lengths: __m512i,
    negative: __mmask8,
    inside: __mmask8,
) -> Lanes {
    // SAFETY: the caller has the instructions; there is no memory access.
    unsafe {
        let one = _mm512_set1_epi64(1);
        let chars = _mm512_mask_srli_epi64::<8>(chars, negative, chars);
        let lengths = _mm512_mask_sub_epi64(lengths, negative, lengths, one);
        // The last character goes to the highest byte; bytes below the first become the digit zero.
        let up = _mm512_sub_epi64(_mm512_set1_epi64(64), _mm512_slli_epi64::<3>(lengths));
        let mut text = _mm512_sllv_epi64(_mm512_xor_si512(chars, _mm512_set1_epi8(0x30)), up);
        let mut places = _mm512_setzero_si512();
        let mut digits_min = one;
        let mut done = inside;
        if POINT {
            let at = _mm512_cmpeq_epi8_mask(text, _mm512_set1_epi8(POINT_BYTE));
            let point = _mm512_maskz_mov_epi8(at, _mm512_set1_epi8(1));
            let has = _mm512_test_epi64_mask(point, point);
            let before = _mm512_maskz_sub_epi64(has, point, one);
            done &= _mm512_testn_epi64_mask(point, before);
            text = close_gap(_mm512_maskz_mov_epi8(!at, text), before);
            places = _mm512_maskz_srli_epi64::<3>(has, _mm512_lzcnt_epi64(point));
            digits_min = _mm512_mask_add_epi64(one, has, one, one);
        }
        done &= all_digits(text) & _mm512_cmpge_epi64_mask(lengths, digits_min);
        Lanes { digits: value_of_eight(text), places, negative, done, short: true }
    }
}

/// [`lanes`] of texts of up to 16 characters: `chars` the first eight, `more` the rest.
///
/// # Safety
/// As for [`lanes`].
#[inline(always)]
unsafe fn long_lanes<const POINT: bool>(
    chars: __m512i,
    more: __m512i,
    lengths: __m512i,
    negative: __mmask8,
    inside: __mmask8,
) -> Lanes {
    // SAFETY: the caller has the instructions; there is no memory access.
    unsafe {
        let (one, sixty_four) = (_mm512_set1_epi64(1), _mm512_set1_epi64(64));
        let zeros = _mm512_set1_epi8(0x30);
        let chars = _mm512_mask_shrdi_epi64::<8>(chars, negative, chars, more);
        let more = _mm512_mask_srli_epi64::<8>(more, negative, more);
        let lengths = _mm512_mask_sub_epi64(lengths, negative, lengths, one);
        let (chars, more) = (_mm512_xor_si512(chars, zeros), _mm512_xor_si512(more, zeros));
        // As in the short form, but over two registers. Shifts by 64 and more (negative ones too) give zero.
        let up = _mm512_sub_epi64(_mm512_set1_epi64(128), _mm512_slli_epi64::<3>(lengths));
        let mut head = _mm512_sllv_epi64(chars, up);
        let near = _mm512_or_si512(
            _mm512_sllv_epi64(more, up),
            _mm512_srlv_epi64(chars, _mm512_sub_epi64(sixty_four, up)),
        );
        let mut tail = _mm512_or_si512(near, _mm512_sllv_epi64(chars, _mm512_sub_epi64(up, sixty_four)));
        let mut places = _mm512_setzero_si512();
        let mut digits_min = one;
        let mut done = inside & _mm512_cmple_epi64_mask(lengths, _mm512_set1_epi64(16));
        if POINT {
            let point_char = _mm512_set1_epi8(POINT_BYTE);
            let (head_at, tail_at) =
                (_mm512_cmpeq_epi8_mask(head, point_char), _mm512_cmpeq_epi8_mask(tail, point_char));
            let head_point = _mm512_maskz_mov_epi8(head_at, _mm512_set1_epi8(1));
            let tail_point = _mm512_maskz_mov_epi8(tail_at, _mm512_set1_epi8(1));
            let in_head = _mm512_test_epi64_mask(head_point, head_point);
            let in_tail = _mm512_test_epi64_mask(tail_point, tail_point);
            let mut before_head = _mm512_maskz_sub_epi64(in_head, head_point, one);
            let before_tail = _mm512_maskz_sub_epi64(in_tail, tail_point, one);
            done &= _mm512_testn_epi64_mask(head_point, before_head)
                & _mm512_testn_epi64_mask(tail_point, before_tail);
            done &= !(in_head & in_tail);
            before_head = _mm512_mask_set1_epi64(before_head, in_tail, -1);
            head = _mm512_maskz_mov_epi8(!head_at, head);
            // The head's last digit moves over into the tail when the point is in the tail.
            let over = _mm512_maskz_srli_epi64::<56>(in_tail, head);
            tail = _mm512_or_si512(close_gap(_mm512_maskz_mov_epi8(!tail_at, tail), before_tail), over);
            head = close_gap(head, before_head);
            let from_head = _mm512_add_epi64(
                _mm512_set1_epi64(8),
                _mm512_srli_epi64::<3>(_mm512_lzcnt_epi64(head_point)),
            );
            places = _mm512_maskz_srli_epi64::<3>(in_tail, _mm512_lzcnt_epi64(tail_point));
            places = _mm512_mask_mov_epi64(places, in_head, from_head);
            digits_min = _mm512_mask_add_epi64(one, in_head | in_tail, one, one);
        }
        done &= all_digits(head) & all_digits(tail);
        done &= _mm512_cmpge_epi64_mask(lengths, digits_min);
        let high = _mm512_mul_epu32(value_of_eight(head), _mm512_set1_epi64(100_000_000));
        Lanes { digits: _mm512_add_epi64(high, value_of_eight(tail)), places, negative, done, short: false }
    }
}

/// `.` after digits have become the values 0 to 9.
const POINT_BYTE: i8 = (b'.' ^ b'0') as i8;

/// Moves the bytes under the mask `before` up by one.
#[inline]
#[target_feature(enable = "avx512f")]
fn close_gap(text: __m512i, before: __m512i) -> __m512i {
    let moved = _mm512_slli_epi64::<8>(_mm512_and_si512(text, before));
    _mm512_or_si512(_mm512_andnot_si512(before, text), moved)
}

/// The lanes in which every byte is at most 9.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn all_digits(text: __m512i) -> __mmask8 {
    let beyond = _mm512_or_si512(text, _mm512_add_epi8(text, _mm512_set1_epi8(0x76)));
    _mm512_testn_epi64_mask(beyond, _mm512_set1_epi8(-0x80))
}

/// The number that the eight digits of each lane make, the first in the lowest byte.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn value_of_eight(text: __m512i) -> __m512i {
    let pairs = _mm512_maddubs_epi16(text, _mm512_set1_epi16(0x010a));
    let fours = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x0001_0064));
    _mm512_add_epi64(_mm512_mul_epu32(fours, _mm512_set1_epi64(10_000)), _mm512_srli_epi64::<32>(fours))
}
