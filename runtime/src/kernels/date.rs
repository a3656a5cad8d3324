//! Parses columns of dates, timestamps and durations from views of their text.
//!
//! Scanners call this for the fields of a morsel. `flow_ir::text` defines what a date is; the
//! paths here only recognise the common forms sooner, and hand everything else to it.

use crate::kernels::level::SimdLevel;
use crate::kernels::number::{bytes_at, parse_each, text_at};
#[cfg(target_arch = "x86_64")]
use crate::kernels::{date_avx512, groups_avx512, level::Instructions};
use flow_ir::column::View;
use flow_ir::text;

/// Parses each view of `buffer` as a `date`, in days; rows that are not one are added to `bad`.
pub fn parse_dates(level: SimdLevel, buffer: &[u8], views: &[View], bad: &mut Vec<u32>) -> Vec<i64> {
    #[cfg(target_arch = "x86_64")]
    if level.instructions() >= Instructions::Avx512 {
        return groups_avx512::parse(level, &date_avx512::Dates, buffer, views, bad);
    }
    let _ = level;
    parse_each(buffer, views, bad, date_at)
}

/// Parses each view of `buffer` as a `timestamp`; rows that are not one are added to `bad`.
pub fn parse_timestamps(level: SimdLevel, buffer: &[u8], views: &[View], bad: &mut Vec<u32>) -> Vec<i64> {
    #[cfg(target_arch = "x86_64")]
    if level.instructions() >= Instructions::Avx512 {
        return groups_avx512::parse(level, &date_avx512::Timestamps, buffer, views, bad);
    }
    let _ = level;
    parse_each(buffer, views, bad, timestamp_at)
}

/// Parses each view of `buffer` as a `duration`; rows that are not one are added to `bad`.
pub fn parse_durations(buffer: &[u8], views: &[View], bad: &mut Vec<u32>) -> Vec<i64> {
    parse_each(buffer, views, bad, |buffer, view| text::parse_duration(text_at(buffer, view)?))
}

/// The `date` under a view.
pub(crate) fn date_at(buffer: &[u8], view: View) -> Option<i64> {
    if let Some(ten) = bytes_at(buffer, view)?.as_array::<10>()
        && let Some(days) = iso_date(ten)
    {
        return Some(days);
    }
    text::parse_date(text_at(buffer, view)?).map(i64::from)
}

/// The `timestamp` under a view.
pub(crate) fn timestamp_at(buffer: &[u8], view: View) -> Option<i64> {
    if let Some((date, rest)) = bytes_at(buffer, view)?.split_first_chunk::<10>()
        && let [b'T' | b' ', rest @ ..] = rest
        && let Some((time, rest)) = rest.split_first_chunk::<8>()
        && let Some(days) = iso_date(date)
        && let Some(seconds) = iso_time(time)
        && let Some(microseconds) = fraction(rest)
    {
        return Some((days * 86_400 + seconds) * 1_000_000 + microseconds);
    }
    text::parse_timestamp(text_at(buffer, view)?)
}

/// Seconds since midnight of `HH:MM:SS`.
#[inline]
fn iso_time(text: &[u8; 8]) -> Option<i64> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = *text else { return None };
    let (digits, [hour, minute, second]) = pairs([[h1, h2], [m1, m2], [s1, s2]]);
    (digits && hour < 24 && minute < 60 && second < 60).then_some(hour * 3600 + minute * 60 + second)
}

/// The microseconds of nothing or `.ffffff` with up to six digits, and an optional `Z` behind them.
fn fraction(text: &[u8]) -> Option<i64> {
    let text = text.strip_suffix(b"Z").unwrap_or(text);
    let digits = match text {
        [] => return Some(0),
        [b'.', digits @ ..] if (1..=6).contains(&digits.len()) => digits,
        _ => return None,
    };
    let (mut value, mut unit) = (0, 1_000_000);
    for b in digits {
        if !b.is_ascii_digit() {
            return None;
        }
        unit /= 10;
        value += i64::from(b - b'0') * unit;
    }
    Some(value)
}

/// Whether all bytes are digits, and the numbers the pairs make if so.
#[inline]
fn pairs<const N: usize>(text: [[u8; 2]; N]) -> (bool, [i64; N]) {
    let digits = text.as_flattened().iter().fold(true, |all, b| all & b.is_ascii_digit());
    let value = |b: u8| i64::from(b.wrapping_sub(b'0'));
    (digits, text.map(|[tens, ones]| value(tens) * 10 + value(ones)))
}

/// The day `YYYY-MM-DD`, if it exists.
#[inline]
pub(crate) fn iso_date(text: &[u8; 10]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else { return None };
    let (digits, [century, year, month, day]) = pairs([[y1, y2], [y3, y4], [m1, m2], [d1, d2]]);
    let year = century * 100 + year;
    if !digits || !(1..=12).contains(&month) || day < 1 || day > month_days(year, month) {
        return None;
    }
    Some(days(year, month, day))
}

fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a day of the proleptic Gregorian calendar, year 0 to 9999.
#[inline]
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years start in March here, so that the leap day is the last of its year.
    let year = year + 400 - i64::from(month <= 2);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468 - 146_097
}
