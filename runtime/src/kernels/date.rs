//! Parses columns of dates, timestamps and durations from views of their text.
//!
//! Scanners call this for the fields of a morsel. `flow_ir::text` defines what a date is; the
//! paths here only recognise the common forms sooner, and hand everything else to it.

use crate::kernels::level::SimdLevel;
use crate::kernels::number::{bytes_at, parse_each, text_at};
use flow_ir::column::View;
use flow_ir::text;

/// Parses each view of `buffer` as a `date`, in days; rows that are not one are added to `bad`.
pub fn parse_dates(_level: SimdLevel, buffer: &[u8], views: &[View], bad: &mut Vec<u32>) -> Vec<i64> {
    parse_each(buffer, views, bad, |buffer, view| {
        let bytes = bytes_at(buffer, view)?;
        if let Some(ten) = bytes.as_array::<10>()
            && let Some(days) = iso_date(ten)
        {
            return Some(days);
        }
        text::parse_date(text_at(buffer, view)?).map(i64::from)
    })
}

/// Parses each view of `buffer` as a `timestamp`; rows that are not one are added to `bad`.
pub fn parse_timestamps(_level: SimdLevel, buffer: &[u8], views: &[View], bad: &mut Vec<u32>) -> Vec<i64> {
    parse_each(buffer, views, bad, |buffer, view| text::parse_timestamp(text_at(buffer, view)?))
}

/// Parses each view of `buffer` as a `duration`; rows that are not one are added to `bad`.
pub fn parse_durations(buffer: &[u8], views: &[View], bad: &mut Vec<u32>) -> Vec<i64> {
    parse_each(buffer, views, bad, |buffer, view| text::parse_duration(text_at(buffer, view)?))
}

/// The day `YYYY-MM-DD`, if it exists.
#[inline]
pub(crate) fn iso_date(text: &[u8; 10]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else { return None };
    let mut all_digits = true;
    let mut digit = |b: u8| {
        all_digits &= b.is_ascii_digit();
        i64::from(b.wrapping_sub(b'0'))
    };
    let year = digit(y1) * 1000 + digit(y2) * 100 + digit(y3) * 10 + digit(y4);
    let month = digit(m1) * 10 + digit(m2);
    let day = digit(d1) * 10 + digit(d2);
    if !all_digits || !(1..=12).contains(&month) || day < 1 || day > month_days(year, month) {
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
