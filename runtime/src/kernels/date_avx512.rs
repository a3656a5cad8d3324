//! The kernels of [`super::date`] with AVX-512: dates and timestamps of the plain ISO form, eight
//! at a time.
//!
//! Invariant: the values are those of the scalar path.
// Vector stores take pointers, and instructions may be used only where they are.
#![allow(unsafe_code)]

use super::date::{date_at, timestamp_at};
use super::groups_avx512::{Kernel, gather};
use flow_ir::column::View;
use std::arch::x86_64::*;

/// `YYYY-MM-DD`.
pub(super) struct Dates;

impl Kernel for Dates {
    type Value = i64;

    #[inline(always)]
    unsafe fn eight(&self, buffer: &[u8], group: &[View; 8], out: *mut i64) -> __mmask8 {
        // SAFETY: the caller has the instructions and the room; 16 bytes are read from starts behind
        // which the buffer has them.
        unsafe {
            let (starts, lengths) = starts_and_lengths(group);
            if !readable(buffer, starts, 16) {
                return 0;
            }
            let base = buffer.as_ptr();
            let (days, valid) = days(gather(base, group, 0), gather(base, group, 8));
            _mm512_storeu_si512(out.cast(), days);
            valid & _mm512_cmpeq_epi64_mask(lengths, _mm512_set1_epi64(10))
        }
    }

    fn slow(&self, buffer: &[u8], view: View) -> Option<i64> {
        date_at(buffer, view)
    }
}

/// `YYYY-MM-DDTHH:MM:SS`, also with a space, and with or without `Z`.
pub(super) struct Timestamps;

impl Kernel for Timestamps {
    type Value = i64;

    #[inline(always)]
    unsafe fn eight(&self, buffer: &[u8], group: &[View; 8], out: *mut i64) -> __mmask8 {
        // SAFETY: the caller has the instructions and the room; 20 bytes are read from starts behind
        // which the buffer has them.
        unsafe {
            let (starts, lengths) = starts_and_lengths(group);
            if !readable(buffer, starts, 20) {
                return 0;
            }
            let base = buffer.as_ptr();
            let middle = gather(base, group, 8);
            let (days, valid) = days(gather(base, group, 0), middle);
            let (seconds, timely) = seconds(gather(base, group, 11));
            let byte = |v: __m512i, b: u8| _mm512_cmpeq_epi64_mask(v, _mm512_set1_epi64(i64::from(b)));
            let small = _mm512_set1_epi64(0x20);
            let between = _mm512_and_si512(_mm512_srli_epi64::<16>(middle), _mm512_set1_epi64(0xff));
            let divided = byte(between, b' ') | byte(_mm512_or_si512(between, small), b't');
            let zone = _mm512_srli_epi64::<56>(gather(base, group, 12));
            let zoned = byte(_mm512_or_si512(zone, small), b'z') & byte(lengths, 20);
            let all = _mm512_add_epi64(_mm512_mul_epi32(days, _mm512_set1_epi64(86_400)), seconds);
            _mm512_storeu_si512(out.cast(), _mm512_mullo_epi64(all, _mm512_set1_epi64(1_000_000)));
            valid & timely & divided & (zoned | byte(lengths, 19))
        }
    }

    fn slow(&self, buffer: &[u8], view: View) -> Option<i64> {
        timestamp_at(buffer, view)
    }
}

/// # Safety
/// The machine has AVX-512. This holds for all functions below.
#[inline(always)]
unsafe fn starts_and_lengths(group: &[View; 8]) -> (__m512i, __m512i) {
    // SAFETY: the caller has the instructions, and a group is eight views.
    unsafe {
        let views = _mm512_loadu_si512(group.as_ptr().cast());
        (_mm512_and_si512(views, _mm512_set1_epi64(0xffff_ffff)), _mm512_srli_epi64::<32>(views))
    }
}

/// Whether so many bytes can be read from each start.
#[inline(always)]
unsafe fn readable(buffer: &[u8], starts: __m512i, bytes: usize) -> bool {
    let Some(last) = buffer.len().checked_sub(bytes) else { return false };
    // SAFETY: the caller has the instructions.
    unsafe { _mm512_cmpgt_epu64_mask(starts, _mm512_set1_epi64(last as i64)) == 0 }
}

/// Whether no byte is beyond its limit, where `room` is 0x7f less the limit.
#[inline(always)]
unsafe fn within(values: __m512i, room: &[u8; 8]) -> __mmask8 {
    // SAFETY: the caller has the instructions.
    unsafe {
        let room = _mm512_set1_epi64(i64::from_le_bytes(*room));
        let beyond = _mm512_or_si512(values, _mm512_add_epi8(values, room));
        _mm512_testn_epi64_mask(beyond, _mm512_set1_epi8(-0x80))
    }
}

/// The room of a digit, a digit up to 5, a digit up to 2, and of a byte that is zero when it is right.
const DIGIT: u8 = 0x76;
const UP_TO_5: u8 = 0x7a;
const UP_TO_2: u8 = 0x7d;
const FIXED: u8 = 0x7f;

/// Days since 1970-01-01 of `YYYY-MM-` and `DD`, which the second operand starts with, and whether
/// they exist.
#[inline(always)]
unsafe fn days(year_month: __m512i, day: __m512i) -> (__m512i, __mmask8) {
    // SAFETY: the caller has the instructions; each table is two vectors.
    unsafe {
        let text = |t: &[u8; 8]| _mm512_set1_epi64(i64::from_le_bytes(*t));
        let set = |x: i64| _mm512_set1_epi64(x);
        let head = _mm512_xor_si512(year_month, text(b"0000-00-"));
        let tail = _mm512_and_si512(_mm512_xor_si512(day, text(b"00000000")), set(0xffff));
        let mut valid = within(head, &[DIGIT, DIGIT, DIGIT, DIGIT, FIXED, DIGIT, DIGIT, FIXED]);
        valid &= within(tail, &[DIGIT, DIGIT, FIXED, FIXED, FIXED, FIXED, FIXED, FIXED]);
        // Two digits of the year in each of the first two words, then the digits of the month.
        let words = _mm512_maddubs_epi16(head, text(&[10, 1, 10, 1, 0, 10, 1, 0]));
        let halves = _mm512_madd_epi16(words, set(0x0001_0001_0001_0064));
        let (year, month) = (_mm512_and_si512(halves, set(0xffff_ffff)), _mm512_srli_epi64::<32>(halves));
        let day = _mm512_maddubs_epi16(tail, text(&[10, 1, 0, 0, 0, 0, 0, 0]));
        let table = |t: &[i64; 16]| {
            let (low, high) = (_mm512_loadu_epi64(t.as_ptr()), _mm512_loadu_epi64(t.as_ptr().add(8)));
            _mm512_permutex2var_epi64(low, month, high)
        };
        // Exact for years up to 10,399.
        let century = |y: __m512i| _mm512_srli_epi64::<19>(_mm512_mul_epu32(y, set(5243)));
        let hundreds = century(year);
        let zero = |v: __m512i| _mm512_testn_epi64_mask(v, v);
        let round = zero(_mm512_sub_epi64(year, _mm512_mul_epu32(hundreds, set(100))));
        let leap = zero(_mm512_and_si512(year, set(3))) & (!round | zero(_mm512_and_si512(hundreds, set(3))));
        let february = _mm512_cmpeq_epi64_mask(month, set(2));
        let length = table(&MONTH_LENGTHS);
        let length = _mm512_mask_add_epi64(length, leap & february, length, set(1));
        let from_zero = _mm512_sub_epi64(day, set(1));
        valid &= _mm512_cmplt_epu64_mask(from_zero, length) & _mm512_cmplt_epu64_mask(month, set(16));
        // Years start in March here, so that the leap day is the last of its year.
        let early = _mm512_cmple_epu64_mask(month, set(2));
        let year = _mm512_add_epi64(year, set(400));
        let year = _mm512_mask_sub_epi64(year, early, year, set(1));
        let hundreds = century(year);
        let mut days = _mm512_mul_epu32(year, set(365));
        days = _mm512_add_epi64(days, _mm512_srli_epi64::<2>(year));
        days = _mm512_sub_epi64(days, hundreds);
        days = _mm512_add_epi64(days, _mm512_srli_epi64::<2>(hundreds));
        days = _mm512_add_epi64(days, _mm512_add_epi64(table(&DAYS_FROM_MARCH), from_zero));
        (_mm512_sub_epi64(days, set(719_468 + 146_097)), valid)
    }
}

/// Days of each month; none for numbers that are no month.
const MONTH_LENGTHS: [i64; 16] = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0, 0, 0];
/// Days from the first of March to the first of each month.
const DAYS_FROM_MARCH: [i64; 16] = [0, 306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 0, 0, 0];

/// Seconds since midnight of `HH:MM:SS`, and whether that is a time.
#[inline(always)]
unsafe fn seconds(time: __m512i) -> (__m512i, __mmask8) {
    // SAFETY: the caller has the instructions.
    unsafe {
        let text = |t: &[u8; 8]| _mm512_set1_epi64(i64::from_le_bytes(*t));
        let values = _mm512_xor_si512(time, text(b"00:00:00"));
        let valid = within(values, &[UP_TO_2, DIGIT, FIXED, UP_TO_5, DIGIT, FIXED, UP_TO_5, DIGIT]);
        // Hours; tens of minutes; minutes; seconds.
        let words = _mm512_maddubs_epi16(values, text(&[10, 1, 0, 10, 1, 0, 10, 1]));
        let hours = _mm512_and_si512(words, _mm512_set1_epi64(0xffff));
        let halves = _mm512_madd_epi16(words, _mm512_set1_epi64(0x0001_003c_003c_0e10));
        let seconds = _mm512_add_epi64(
            _mm512_and_si512(halves, _mm512_set1_epi64(0xffff_ffff)),
            _mm512_srli_epi64::<32>(halves),
        );
        (seconds, valid & _mm512_cmplt_epu64_mask(hours, _mm512_set1_epi64(24)))
    }
}
