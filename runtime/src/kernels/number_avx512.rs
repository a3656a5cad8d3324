//! [`super::number`] with AVX-512: eight fields at a time, one in each 64-bit lane.
//!
//! A lane takes the text of up to 8 characters, or of up to 16 in two registers. Sign and point
//! are taken out, the digits are moved to the upper end and added up by multiply-add steps. A lane
//! that holds anything else than a short plain number is not [`Lanes::done`], and goes to the scalar path.
//!
//! Invariant: the values are, bit for bit, those of the scalar path.
// Gathers and stores take pointers, and functions compiled for AVX-512 may be called only where it is.
#![allow(unsafe_code)]

use super::level::{Instructions, SimdLevel};
use super::number::{decimal_at, float_at, int_at, parse_each};
use flow_ir::column::View;
use std::arch::x86_64::*;

/// Parses as [`super::number::parse_ints`] does.
pub(super) fn parse_ints(level: SimdLevel, buffer: &[u8], views: &[View], bad: &mut Vec<u32>) -> Vec<i64> {
    if level.instructions() < Instructions::Avx512 {
        return parse_each(buffer, views, bad, int_at);
    }
    // SAFETY: the level says that the machine has these instructions.
    unsafe { ints(buffer, views, bad) }
}

/// Parses as [`super::number::parse_floats`] does.
pub(super) fn parse_floats(level: SimdLevel, buffer: &[u8], views: &[View], bad: &mut Vec<u32>) -> Vec<f64> {
    if level.instructions() < Instructions::Avx512 {
        return parse_each(buffer, views, bad, float_at);
    }
    // SAFETY: as above.
    unsafe { floats(buffer, views, bad) }
}

/// Parses as [`super::number::parse_decimals`] does.
pub(super) fn parse_decimals(
    level: SimdLevel,
    buffer: &[u8],
    views: &[View],
    precision: u8,
    scale: u8,
    bad: &mut Vec<u32>,
) -> Vec<i128> {
    if level.instructions() < Instructions::Avx512 {
        return parse_each(buffer, views, bad, |buffer, view| decimal_at(buffer, view, precision, scale));
    }
    // SAFETY: as above.
    unsafe { decimals(buffer, views, precision, scale, bad) }
}

/// Eight numbers: the digits as an integer, and how many of them follow the point.
struct Lanes {
    digits: __m512i,
    places: __m512i,
    negative: __mmask8,
    /// The lanes that hold a number; the others are undecided.
    done: __mmask8,
    /// Whether no lane has more than eight digits.
    short: bool,
}

/// Has `$group(views, out)` write the values of eight views at a time, the last ones filled up with
/// empty views, and parses the rows that it says are undecided with `$slow`.
macro_rules! in_groups {
    ($buffer:expr, $views:expr, $bad:expr, $value:ty, $group:expr, $slow:expr) => {{
        let (buffer, views): (&[u8], &[View]) = ($buffer, $views);
        let mut values: Vec<$value> = Vec::with_capacity(views.len() + 8);
        let (groups, rest) = views.as_chunks::<8>();
        let mut finish = |values: &mut Vec<$value>, first: usize, undecided: __mmask8| {
            let mut undecided = undecided;
            while undecided != 0 {
                let row = first + undecided.trailing_zeros() as usize;
                undecided &= undecided - 1;
                let Some(&view) = views.get(row) else { break };
                let value = $slow(buffer, view).unwrap_or_else(|| {
                    $bad.push(row as u32);
                    <$value>::default()
                });
                // SAFETY: `row` is below `views.len()`, for which there is room.
                unsafe { values.as_mut_ptr().add(row).write(value) };
            }
        };
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        // One loop for all groups, so that the work of a group stands in it once and is inlined.
        for g in 0..views.len().div_ceil(8) {
            let group = groups.get(g).unwrap_or(&last);
            // SAFETY: there is room for `views.len()` values and eight more.
            let done: __mmask8 = unsafe { $group(group, values.as_mut_ptr().add(8 * g)) };
            if done != 0xff {
                finish(&mut values, 8 * g, !done);
            }
        }
        // SAFETY: each group wrote its eight values.
        unsafe { values.set_len(views.len()) };
        values
    }};
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi,avx512vbmi2")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn ints(buffer: &[u8], views: &[View], bad: &mut Vec<u32>) -> Vec<i64> {
    let group = |views: &[View; 8], out: *mut i64| {
        // SAFETY: this is compiled for AVX-512.
        let lanes = unsafe { lanes::<false>(buffer, views) };
        let zero = _mm512_setzero_si512();
        let values = _mm512_mask_sub_epi64(lanes.digits, lanes.negative, zero, lanes.digits);
        // SAFETY: the caller has room for eight values.
        unsafe { _mm512_storeu_si512(out.cast(), values) };
        lanes.done
    };
    in_groups!(buffer, views, bad, i64, group, int_at)
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi,avx512vbmi2")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn floats(buffer: &[u8], views: &[View], bad: &mut Vec<u32>) -> Vec<f64> {
    let powers_low = _mm512_setr_pd(1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7);
    let powers_high = _mm512_setr_pd(1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15);
    let reciprocals = _mm512_setr_pd(1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7);
    let exact_max = _mm512_set1_epi64(1 << 53);
    let sign = _mm512_set1_pd(-0.0);
    let group = |views: &[View; 8], out: *mut f64| {
        // SAFETY: this is compiled for AVX-512.
        let lanes = unsafe { lanes::<true>(buffer, views) };
        let digits = _mm512_cvtepi64_pd(lanes.digits);
        let sizes = if lanes.short {
            // A quotient by way of the reciprocal, and one correction. It rounds correctly for all
            // seven-digit numbers and their places, which the tests check one by one.
            let power = _mm512_permutexvar_pd(lanes.places, powers_low);
            let reciprocal = _mm512_permutexvar_pd(lanes.places, reciprocals);
            let near = _mm512_mul_pd(digits, reciprocal);
            let rest = _mm512_fnmadd_pd(near, power, digits);
            _mm512_fmadd_pd(rest, reciprocal, near)
        } else {
            // Digits and power are exact, so the one division rounds correctly.
            _mm512_div_pd(digits, _mm512_permutex2var_pd(powers_low, lanes.places, powers_high))
        };
        let values = _mm512_mask_xor_pd(sizes, lanes.negative, sizes, sign);
        // SAFETY: the caller has room for eight values.
        unsafe { _mm512_storeu_pd(out, values) };
        lanes.done & _mm512_cmple_epu64_mask(lanes.digits, exact_max)
    };
    in_groups!(buffer, views, bad, f64, group, float_at)
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi,avx512vbmi2")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn decimals(buffer: &[u8], views: &[View], precision: u8, scale: u8, bad: &mut Vec<u32>) -> Vec<i128> {
    // What digits are multiplied by, and must be less than, when they are raised by 0 to 15 places.
    let raise: [i64; 16] = std::array::from_fn(|r| 10i64.pow(r as u32));
    let digits_max = precision.min(18);
    let limit: [i64; 16] =
        std::array::from_fn(|r| usize::from(digits_max).checked_sub(r).map_or(0, |d| 10i64.pow(d as u32)));
    // SAFETY: each load reads eight of sixteen numbers.
    let (raise_low, raise_high, limit_low, limit_high) = unsafe {
        (
            _mm512_loadu_epi64(raise.as_ptr()),
            _mm512_loadu_epi64(raise.as_ptr().add(8)),
            _mm512_loadu_epi64(limit.as_ptr()),
            _mm512_loadu_epi64(limit.as_ptr().add(8)),
        )
    };
    let scale_lanes = _mm512_set1_epi64(i64::from(scale));
    let (first, second) =
        (_mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11), _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15));
    let group = |views: &[View; 8], out: *mut i128| {
        // SAFETY: this is compiled for AVX-512.
        let lanes = unsafe { lanes::<true>(buffer, views) };
        let by = _mm512_sub_epi64(scale_lanes, lanes.places);
        let in_table = _mm512_cmplt_epu64_mask(by, _mm512_set1_epi64(16));
        let limits = _mm512_permutex2var_epi64(limit_low, by, limit_high);
        let fits = _mm512_cmplt_epu64_mask(lanes.digits, limits);
        let sizes = _mm512_mullo_epi64(lanes.digits, _mm512_permutex2var_epi64(raise_low, by, raise_high));
        let values = _mm512_mask_sub_epi64(sizes, lanes.negative, _mm512_setzero_si512(), sizes);
        let signs = _mm512_srai_epi64::<63>(values);
        // SAFETY: the caller has room for eight values of 16 bytes.
        unsafe {
            _mm512_storeu_si512(out.cast(), _mm512_permutex2var_epi64(values, first, signs));
            _mm512_storeu_si512(out.add(4).cast(), _mm512_permutex2var_epi64(values, second, signs));
        }
        lanes.done & in_table & fits
    };
    let slow = |buffer: &[u8], view: View| decimal_at(buffer, view, precision, scale);
    in_groups!(buffer, views, bad, i128, group, slow)
}

/// Reads eight numbers of up to 16 characters, with at most one point if `POINT`.
///
/// # Safety
/// The machine has AVX-512. (A function compiled for it cannot be one that is always inlined, and
/// passing [`Lanes`] through memory would take longer than the work.)
#[inline(always)]
unsafe fn lanes<const POINT: bool>(buffer: &[u8], group: &[View; 8]) -> Lanes {
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

/// The eight bytes at each view's start plus `past`.
///
/// # Safety
/// As for [`lanes`]; and they are readable from `base` on.
#[inline(always)]
unsafe fn gather(base: *const u8, group: &[View; 8], past: usize) -> __m512i {
    // SAFETY: the caller says that these bytes are readable.
    unsafe {
        let starts = group.as_ptr().cast::<u32>();
        let at = |lane: usize| {
            // Volatile, because the compiler would take the starts out of the vector again, which
            // costs several times as much as eight loads.
            let start = starts.add(2 * lane).read_volatile() as usize;
            base.add(start + past).cast::<i64>().read_unaligned()
        };
        _mm512_setr_epi64(at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7))
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
