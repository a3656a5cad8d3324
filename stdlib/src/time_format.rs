//! The formats of `format(at, "%Y-%m")` and `date(x, "%d/%m/%Y")`: strftime's directives, in English.
//!
//! `%Y %m %d %e %j %y %H %I %M %S %f %p %a %A %b %B %u %V %G %F %T %s %z %Z %%`; anything else is
//! literal text. A read format must name a day: `%F`, `%s`, or a year, whose missing month and day
//! are 1. `%a %A %u %V %G` are written only.

use flow_ir::text::civil::{
    self, Civil, DAY, HOUR, MINUTE, SECOND, civil_from_days, date_from_civil, days_from_civil,
    time_of_timestamp, weekday,
};
use std::fmt::Write;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A parsed format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TimeFormat {
    items: Vec<Item>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Text(String),
    Directive(u8),
}

/// Says in one sentence what is wrong with a time format, if anything is; `reading` formats have
/// to name a day.
pub fn check_time_format(format: &str, reading: bool) -> Result<(), String> {
    let parsed = TimeFormat::parse(format)?;
    let has =
        |wanted: &[u8]| parsed.items.iter().any(|i| matches!(i, Item::Directive(d) if wanted.contains(d)));
    if reading && has(b"aAuVG") {
        return Err("%a %A %u %V %G can be written but not read".to_owned());
    }
    if reading && !has(b"YyFs") {
        return Err(format!("the format `{format}` has no year: add %Y"));
    }
    Ok(())
}

impl TimeFormat {
    pub(crate) fn parse(format: &str) -> Result<Self, String> {
        let mut items = Vec::new();
        let mut text = String::new();
        let mut chars = format.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                text.push(c);
                continue;
            }
            match chars.next() {
                Some('%') => text.push('%'),
                Some(d) if d.is_ascii() && b"YmdejyHIMSfpaAbBuVGFTszZ".contains(&(d as u8)) => {
                    if !text.is_empty() {
                        items.push(Item::Text(std::mem::take(&mut text)));
                    }
                    items.push(Item::Directive(d as u8));
                }
                Some(d) => return Err(format!("there is no `%{d}` in time formats")),
                None => return Err("a time format ends in `%`; write `%%` for a percent sign".to_owned()),
            }
        }
        if !text.is_empty() {
            items.push(Item::Text(text));
        }
        Ok(TimeFormat { items })
    }

    /// Appends the text of a moment, given as a day and the microseconds into it.
    pub(crate) fn write(&self, out: &mut String, days: i64, of_day: i64) {
        let date = civil_from_days(days);
        for item in &self.items {
            match item {
                Item::Text(text) => out.push_str(text),
                Item::Directive(d) => write_directive(out, *d, days, date, of_day),
            }
        }
    }

    /// The day and the microseconds into it that a text says; `None` if it does not fit.
    pub(crate) fn read(&self, text: &str) -> Option<(i64, i64)> {
        let mut fields = Fields::default();
        let mut rest = text;
        for item in &self.items {
            rest = match item {
                Item::Text(literal) => rest.strip_prefix(literal.as_str())?,
                Item::Directive(d) => fields.read(*d, rest)?,
            };
        }
        if rest.is_empty() { fields.moment() } else { None }
    }
}

fn write_directive(out: &mut String, directive: u8, days: i64, date: Civil, of_day: i64) {
    let time = time_of_timestamp(of_day);
    let hour12 = if time.hour.is_multiple_of(12) { 12 } else { time.hour % 12 };
    let name = |names: &[&'static str], at: i64| names.get(at as usize).copied().unwrap_or("");
    let (weekday, month) = (weekday(days) - 1, i64::from(date.month) - 1);
    let _ = match directive {
        b'Y' => write_year(out, date.year),
        b'G' => write_year(out, iso_week(days).0),
        b'V' => write!(out, "{:02}", iso_week(days).1),
        b'm' => write!(out, "{:02}", date.month),
        b'd' => write!(out, "{:02}", date.day),
        b'e' => write!(out, "{:2}", date.day),
        b'j' => write!(out, "{:03}", days - days_from_civil(date.year, 1, 1) + 1),
        b'y' => write!(out, "{:02}", date.year.rem_euclid(100)),
        b'H' => write!(out, "{:02}", time.hour),
        b'I' => write!(out, "{hour12:02}"),
        b'M' => write!(out, "{:02}", time.minute),
        b'S' => write!(out, "{:02}", time.second),
        b'f' => write!(out, "{:06}", time.microsecond),
        b'p' => out.write_str(if time.hour < 12 { "AM" } else { "PM" }),
        b'a' => out.write_str(name(&DAYS, weekday).get(..3).unwrap_or("")),
        b'A' => out.write_str(name(&DAYS, weekday)),
        b'b' => out.write_str(name(&MONTHS, month).get(..3).unwrap_or("")),
        b'B' => out.write_str(name(&MONTHS, month)),
        b'u' => write!(out, "{}", weekday + 1),
        b'F' => write_year(out, date.year).and_then(|()| write!(out, "-{:02}-{:02}", date.month, date.day)),
        b'T' => write!(out, "{:02}:{:02}:{:02}", time.hour, time.minute, time.second),
        b's' => write!(out, "{}", days * (DAY / SECOND) + of_day / SECOND),
        b'z' => out.write_str("+0000"),
        _ => out.write_str("UTC"),
    };
}

fn write_year(out: &mut String, year: i64) -> std::fmt::Result {
    let sign = match year {
        0..=9999 => "",
        ..0 => "-",
        _ => "+",
    };
    write!(out, "{sign}{:04}", year.unsigned_abs())
}

/// The ISO year and week of a day: the week's Thursday decides.
fn iso_week(days: i64) -> (i64, i64) {
    let thursday = days - weekday(days) + 4;
    let year = civil_from_days(thursday).year;
    (year, (thursday - days_from_civil(year, 1, 1)) / 7 + 1)
}

/// What has been read so far.
#[derive(Default)]
struct Fields {
    year: Option<i64>,
    month: Option<u8>,
    day: Option<u8>,
    day_of_year: Option<i64>,
    hour: i64,
    hour12: bool,
    afternoon: Option<bool>,
    minute: i64,
    second: i64,
    microsecond: i64,
    offset: i64,
    epoch: Option<i64>,
}

impl Fields {
    /// Reads one directive at the start of `text` and returns what follows.
    fn read<'a>(&mut self, directive: u8, text: &'a str) -> Option<&'a str> {
        let rest;
        match directive {
            b'Y' => (self.year, rest) = some(number(text, 4, 4, 9999)?),
            b'y' => {
                let (year, after) = number(text, 2, 2, 99)?;
                self.year = Some(if year < 69 { 2000 + year } else { 1900 + year });
                rest = after;
            }
            b'm' => (self.month, rest) = some_small(number(text, 1, 2, 12)?),
            b'd' => (self.day, rest) = some_small(number(text, 1, 2, 31)?),
            b'e' => (self.day, rest) = some_small(number(text.trim_start_matches(' '), 1, 2, 31)?),
            b'j' => (self.day_of_year, rest) = some(number(text, 1, 3, 366)?),
            b'H' => (self.hour, rest) = number(text, 1, 2, 23)?,
            b'I' => {
                (self.hour, rest) = number(text, 1, 2, 12).filter(|(hour, _)| *hour > 0)?;
                self.hour12 = true;
            }
            b'M' => (self.minute, rest) = number(text, 1, 2, 59)?,
            b'S' => (self.second, rest) = number(text, 1, 2, 59)?,
            b'f' => {
                let width = text.bytes().take_while(u8::is_ascii_digit).count().min(9);
                let (fraction, after) = number(text, 1, 9, i64::MAX)?;
                let power = |n: usize| 10i64.pow(n as u32);
                self.microsecond =
                    if width <= 6 { fraction * power(6 - width) } else { fraction / power(width - 6) };
                rest = after;
            }
            b'p' => {
                let half = text.get(..2)?;
                self.afternoon = Some(half.eq_ignore_ascii_case("pm"));
                rest = text.get(2..).filter(|_| ["am", "pm"].iter().any(|h| half.eq_ignore_ascii_case(h)))?;
            }
            b'b' | b'B' => (self.month, rest) = month_name(text)?,
            b'F' => {
                let after = self.read(b'Y', text)?.strip_prefix('-')?;
                let after = self.read(b'm', after)?.strip_prefix('-')?;
                rest = self.read(b'd', after)?;
            }
            b'T' => {
                let after = self.read(b'H', text)?.strip_prefix(':')?;
                let after = self.read(b'M', after)?.strip_prefix(':')?;
                rest = self.read(b'S', after)?;
            }
            b's' => {
                let sign = usize::from(text.starts_with('-'));
                let width = sign + text.bytes().skip(sign).take_while(u8::is_ascii_digit).count();
                self.epoch = Some(text.get(..width)?.parse().ok()?);
                rest = text.get(width..)?;
            }
            b'z' => (self.offset, rest) = offset(text)?,
            b'Z' => rest = ["UTC", "GMT", "Z"].iter().find_map(|zone| text.strip_prefix(zone))?,
            _ => return None,
        }
        Some(rest)
    }

    fn moment(&self) -> Option<(i64, i64)> {
        if let Some(epoch) = self.epoch {
            let seconds_of_day = DAY / SECOND;
            let of_day = epoch.rem_euclid(seconds_of_day) * SECOND + self.microsecond;
            return Some((epoch.div_euclid(seconds_of_day), of_day));
        }
        let year = self.year?;
        let days = match self.day_of_year {
            Some(day) if day >= 1 && day <= 365 + i64::from(civil::is_leap(year)) => {
                days_from_civil(year, 1, 1) + day - 1
            }
            Some(_) => return None,
            None => i64::from(date_from_civil(year, self.month.unwrap_or(1), self.day.unwrap_or(1))?),
        };
        let hour = match (self.hour12, self.afternoon) {
            (true, afternoon) => self.hour % 12 + if afternoon == Some(true) { 12 } else { 0 },
            (false, _) => self.hour,
        };
        let local = hour * HOUR + self.minute * MINUTE + self.second * SECOND + self.microsecond;
        let utc = local - self.offset;
        Some((days + utc.div_euclid(DAY), utc.rem_euclid(DAY)))
    }
}

fn some((x, rest): (i64, &str)) -> (Option<i64>, &str) {
    (Some(x), rest)
}

fn some_small((x, rest): (i64, &str)) -> (Option<u8>, &str) {
    (u8::try_from(x).ok(), rest)
}

/// `min` to `max_width` digits at the start of a text, as a number up to `max`, and the rest.
fn number(text: &str, min: usize, max_width: usize, max: i64) -> Option<(i64, &str)> {
    let width = text.bytes().take(max_width).take_while(u8::is_ascii_digit).count();
    if width < min {
        return None;
    }
    let value = text.get(..width)?.parse().ok().filter(|v| *v <= max)?;
    Some((value, text.get(width..)?))
}

/// A month's English name or its first three letters, in any case.
fn month_name(text: &str) -> Option<(Option<u8>, &str)> {
    for (name, number) in MONTHS.iter().zip(1u8..) {
        for candidate in [*name, name.get(..3)?] {
            if text.get(..candidate.len()).is_some_and(|t| t.eq_ignore_ascii_case(candidate)) {
                return Some((Some(number), text.get(candidate.len()..)?));
            }
        }
    }
    None
}

/// `Z`, `+HH:MM` or `+HHMM` in microseconds ahead of UTC, and the rest.
fn offset(text: &str) -> Option<(i64, &str)> {
    if let Some(rest) = text.strip_prefix('Z') {
        return Some((0, rest));
    }
    let negative = text.starts_with('-');
    let (hours, rest) = number(text.strip_prefix(['+', '-'])?, 2, 2, 23)?;
    let (minutes, rest) = number(rest.strip_prefix(':').unwrap_or(rest), 2, 2, 59)?;
    let ahead = hours * HOUR + minutes * MINUTE;
    Some((if negative { -ahead } else { ahead }, rest))
}
