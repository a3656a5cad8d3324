//! Dates, timestamps and durations from text.

use super::civil::{self, DAY, HOUR, MINUTE, SECOND};

/// `YYYY-MM-DD`; years beyond four digits need a sign: `+12024-05-01`.
pub fn parse_date(text: &str) -> Option<i32> {
    let (date, rest) = date_prefix(text.as_bytes())?;
    rest.is_empty().then_some(date)
}

/// RFC 3339 (`2024-05-01T10:00:00.25+02:00`, also with a space or without the zone, which then is
/// UTC, or without seconds). Digits below the microsecond are cut off.
pub fn parse_timestamp(text: &str) -> Option<i64> {
    let (date, rest) = date_prefix(text.as_bytes())?;
    let [b'T' | b't' | b' ', rest @ ..] = rest else { return None };
    let (hour, rest) = two_digits(rest, 23)?;
    let (minute, mut rest) = two_digits(rest.strip_prefix(b":")?, 59)?;
    let (mut second, mut microsecond) = (0, 0);
    if let Some(after) = rest.strip_prefix(b":") {
        (second, rest) = two_digits(after, 59)?;
        if let Some(after) = rest.strip_prefix(b".") {
            (microsecond, rest) = fraction(after)?;
        }
    }
    let local = hour * HOUR + minute * MINUTE + second * SECOND + microsecond;
    let offset = offset(rest)?;
    // The sum may only fit 64 bits as a whole, so it is taken in 128.
    i64::try_from(i128::from(date) * i128::from(DAY) + i128::from(local) - i128::from(offset)).ok()
}

/// Numbers with units, largest first, after an optional sign: `1h30min`, `-250ms`, `0s`.
/// The units are `w d h min s ms us`.
pub fn parse_duration(text: &str) -> Option<i64> {
    const UNITS: [(&str, i64); 7] = [
        ("w", 7 * DAY),
        ("d", DAY),
        ("h", HOUR),
        ("min", MINUTE),
        ("s", SECOND),
        ("ms", SECOND / 1000),
        ("us", 1),
    ];
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut total: i128 = 0;
    let mut next_unit = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let at = UNITS.iter().position(|(name, _)| *name == &rest[..letters])?;
        if at < next_unit {
            return None;
        }
        next_unit = at + 1;
        rest = &rest[letters..];
        total += i128::from(count) * i128::from(UNITS[at].1);
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

/// A date at the start of a text, and what follows it.
fn date_prefix(text: &[u8]) -> Option<(i32, &[u8])> {
    let (negative, digits, signed) = match text {
        [b'-', rest @ ..] => (true, rest, true),
        [b'+', rest @ ..] => (false, rest, true),
        _ => (false, text, false),
    };
    let width = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    if if signed { !(4..=7).contains(&width) } else { width != 4 } {
        return None;
    }
    let year = number(&digits[..width])?;
    let rest = digits[width..].strip_prefix(b"-")?;
    let (month, rest) = two_digits(rest, 12)?;
    let (day, rest) = two_digits(rest.strip_prefix(b"-")?, 31)?;
    let year = if negative { -year } else { year };
    let date = civil::date_from_civil(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?)?;
    Some((date, rest))
}

/// Two digits that make a number up to `max`, and what follows them.
fn two_digits(text: &[u8], max: i64) -> Option<(i64, &[u8])> {
    let [a @ b'0'..=b'9', b @ b'0'..=b'9', rest @ ..] = text else { return None };
    let value = i64::from(a - b'0') * 10 + i64::from(b - b'0');
    (value <= max).then_some((value, rest))
}

/// The digits behind the point of seconds, in microseconds.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let width = text.iter().take_while(|b| b.is_ascii_digit()).count();
    if width == 0 {
        return None;
    }
    let mut microseconds = 0;
    for i in 0..6 {
        let digit = text.get(i).filter(|_| i < width).map_or(0, |b| i64::from(b - b'0'));
        microseconds = microseconds * 10 + digit;
    }
    Some((microseconds, &text[width..]))
}

/// `Z`, nothing, or `+HH:MM`, in microseconds ahead of UTC.
fn offset(text: &[u8]) -> Option<i64> {
    let (negative, rest) = match text {
        [] | [b'Z' | b'z'] => return Some(0),
        [b'+', rest @ ..] => (false, rest),
        [b'-', rest @ ..] => (true, rest),
        _ => return None,
    };
    let (hours, rest) = two_digits(rest, 23)?;
    let (minutes, rest) = two_digits(rest.strip_prefix(b":")?, 59)?;
    let ahead = hours * HOUR + minutes * MINUTE;
    rest.is_empty().then_some(if negative { -ahead } else { ahead })
}

/// The value of at most seven ASCII digits.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
}
