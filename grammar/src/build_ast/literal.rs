//! Literals: the values that texts such as `30min`, `@2024-05-01` and `"a\n"` stand for.
//!
//! Invariant: what does not exist (the 30th of February, a number past the range) is an error here, so later
//! phases never see it.

use super::{Builder, Children};
use crate::ast::{DurationLit, Expr, ExprKind, FPart, FloatLit, FormatSpec, IntLit};
use crate::error::SyntaxError;
use crate::parser::{Node, Rule};
use crate::span::{Span, offset};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// Units of durations with their length in microseconds.
const UNITS: &[(&str, i64)] = &[
    ("us", 1),
    ("ms", 1_000),
    ("min", 60 * MICROS_PER_SECOND),
    ("s", MICROS_PER_SECOND),
    ("h", 3_600 * MICROS_PER_SECOND),
    ("d", SECONDS_PER_DAY * MICROS_PER_SECOND),
    ("w", 7 * SECONDS_PER_DAY * MICROS_PER_SECOND),
];

impl Builder<'_> {
    /// A `literal` node.
    pub(super) fn literal(&mut self, node: Node<'_>) -> ExprKind {
        let Some(inner) = node.into_inner().next() else { return ExprKind::Error };
        let span = self.span(&inner);
        let text = inner.as_str();
        match inner.as_rule() {
            Rule::kw_true => ExprKind::Bool(true),
            Rule::kw_false => ExprKind::Bool(false),
            Rule::kw_null => ExprKind::Null,
            Rule::int => self.int(text, span),
            Rule::float => ExprKind::Float(FloatLit { text: text.to_string() }),
            Rule::duration => self.duration(text, span),
            Rule::bad_number => self.bad_number(text, span),
            Rule::date => match date_days(text.get(1..).unwrap_or("")) {
                Some(days) => ExprKind::Date(days),
                None => {
                    self.bad_instant(span, format!("there is no date `{}`", text.trim_start_matches('@')))
                }
            },
            Rule::timestamp => match timestamp_micros(text.get(1..).unwrap_or("")) {
                Some(micros) => ExprKind::Timestamp(micros),
                None => {
                    self.bad_instant(span, format!("there is no time `{}`", text.trim_start_matches('@')))
                }
            },
            _ => self.bad_instant(span, "this is neither a date nor a time".to_string()),
        }
    }

    pub(super) fn int(&mut self, text: &str, span: Span) -> ExprKind {
        match text.replace('_', "").parse::<i128>() {
            Ok(value) => ExprKind::Int(IntLit { text: text.to_string(), value }),
            Err(_) => {
                let error = SyntaxError::new("F1015", span, "this number is too large")
                    .label(span, "more than 38 digits")
                    .note("an `int` holds up to 9223372036854775807, a `decimal` up to 38 digits");
                self.error(error);
                ExprKind::Error
            }
        }
    }

    fn duration(&mut self, text: &str, span: Span) -> ExprKind {
        let digits_end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(digits_end);
        let length = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, length)| *length);
        let count = digits.replace('_', "").parse::<i64>().ok();
        match count.zip(length).and_then(|(count, length)| count.checked_mul(length)) {
            Some(micros) => ExprKind::Duration(DurationLit { text: text.to_string(), micros }),
            None => {
                let error = SyntaxError::new("F1015", span, "this duration is too long")
                    .label(span, "more than 292 000 years");
                self.error(error);
                ExprKind::Error
            }
        }
    }

    /// `30m`, `1.5h`, `12px`.
    fn bad_number(&mut self, text: &str, span: Span) -> ExprKind {
        let unit_start = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(unit_start);
        let error = match unit {
            "m" => SyntaxError::new("F1005", span, format!("`{text}` could be minutes or months"))
                .label(span, format!("write `{digits}min`; for months use `add_months(at, {digits})`"))
                .fix(span, format!("{digits}min")),
            "mo" | "mon" | "month" | "months" | "y" | "yr" | "year" | "years" => {
                let months = if unit.starts_with('y') { "12 * years" } else { digits };
                SyntaxError::new("F1005", span, "months and years are not durations: their length differs")
                    .label(span, format!("use `add_months(at, {months})`"))
            }
            _ => match full_unit(unit) {
                Some(short) if !digits.contains('.') => {
                    SyntaxError::new("F1005", span, format!("`{unit}` is not a unit of time here"))
                        .label(span, format!("write `{digits}{short}`"))
                        .fix(span, format!("{digits}{short}"))
                }
                _ if UNITS.iter().any(|(name, _)| *name == unit) || full_unit(unit).is_some() => {
                    SyntaxError::new("F1005", span, "a duration counts whole units")
                        .label(span, "use a smaller unit, such as `90min` for one and a half hours")
                }
                _ => SyntaxError::new("F1005", span, format!("`{text}` is neither a number nor a duration"))
                    .label(span, "not a number")
                    .note("durations end in us, ms, s, min, h, d or w: `30min`"),
            },
        };
        self.error(error);
        ExprKind::Error
    }

    fn bad_instant(&mut self, span: Span, message: String) -> ExprKind {
        let error = SyntaxError::new("F1011", span, message)
            .label(span, "not a date")
            .note("dates are written `@2024-05-01`, times `@2024-05-01T10:00:00Z`");
        self.error(error);
        ExprKind::Error
    }

    /// The value of a plain string with its quotes.
    pub(super) fn string_value(&mut self, node: &Node<'_>) -> String {
        let span = self.span(node);
        let text = node.as_str();
        let quoted = text.len() >= 2;
        let body = if quoted { text.get(1..text.len() - 1).unwrap_or("") } else { "" };
        self.unescape(body, span.start + 1)
    }

    /// `'...'`: an error that knows its repair.
    pub(super) fn single_quoted(&mut self, node: &Node<'_>) -> String {
        let span = self.span(node);
        let text = node.as_str();
        let body = text.get(1..text.len().saturating_sub(1)).unwrap_or("").replace("\\'", "'");
        let repaired = format!("\"{}\"", body.replace('"', "\\\""));
        let error = SyntaxError::new("F1006", span, "strings are written in double quotes")
            .label(span, format!("write {repaired}"))
            .fix(span, repaired);
        self.error(error);
        self.unescape(&body, span.start + 1)
    }

    /// Resolves escapes; `start` is where `body` begins.
    fn unescape(&mut self, body: &str, start: u32) -> String {
        if !body.contains('\\') {
            return body.to_string();
        }
        let mut value = String::with_capacity(body.len());
        let mut rest = body;
        while let Some(at) = rest.find('\\') {
            value.push_str(rest.get(..at).unwrap_or(""));
            let escape = rest.get(at..).unwrap_or("");
            let (character, length) = read_escape(escape);
            match character {
                Some(character) => value.push(character),
                None => {
                    let from = start + offset(body.len() - rest.len() + at);
                    self.bad_escape(escape, Span::new(from, from + offset(length)));
                    value.push_str(escape.get(..length).unwrap_or(""));
                }
            }
            rest = escape.get(length..).unwrap_or("");
        }
        value.push_str(rest);
        value
    }

    fn bad_escape(&mut self, escape: &str, span: Span) {
        let text = span.text(self.source).to_string();
        let error = if escape.starts_with("\\u") {
            SyntaxError::new("F1019", span, "this is not a character")
                .label(span, "a character is written `\\u{1F600}`, with its number in hexadecimal")
        } else {
            SyntaxError::new("F1019", span, format!("there is no escape `{text}`"))
                .label(span, format!("for a backslash write `\\{text}`"))
                .note("escapes are \\\" \\\\ \\n \\r \\t \\0 \\{ \\} \\u{...}; a regex is written r\"...\"")
                .fix(span, format!("\\{text}"))
        };
        self.error(error);
    }

    /// The parts of an interpolated string.
    pub(super) fn fstring(&mut self, node: Node<'_>) -> Vec<FPart> {
        let mut parts = Vec::new();
        for part in node.into_inner() {
            let span = self.span(&part);
            match part.as_rule() {
                Rule::ftext => {
                    let text = part.as_str().to_string();
                    parts.push(FPart::Text(self.unescape(&text, span.start)));
                }
                _ => {
                    let mut children = Children::of(part);
                    let expr = self.expr_or_missing(children.accept(Rule::expr), span);
                    let format = children.accept(Rule::fmt).map(|spec| FormatSpec {
                        text: spec.as_str().trim_end().to_string(),
                        span: self.span(&spec),
                    });
                    parts.push(FPart::Hole { expr, format });
                }
            }
        }
        parts
    }

    /// What `read` and `write` name: a string, an interpolated string or a value.
    pub(super) fn target(&mut self, node: Option<Node<'_>>, near: Span) -> Expr {
        let inner = node.and_then(|node| node.into_inner().next());
        let Some(inner) = inner else { return Expr::new(ExprKind::Error, near.after()) };
        let span = self.span(&inner);
        let kind = match inner.as_rule() {
            Rule::string => ExprKind::Str(self.string_value(&inner)),
            Rule::fstring => ExprKind::FStr(self.fstring(inner)),
            Rule::dollar => self.dollar(inner, span),
            Rule::bad_string => ExprKind::Str(self.single_quoted(&inner)),
            _ => {
                let text = inner.as_str().to_string();
                let mut error = SyntaxError::new("F1009", span, "a path is written in quotes")
                    .label(span, format!("write \"{text}\""))
                    .fix(span, format!("\"{text}\""));
                if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                    error = error.note(format!("for a dataset of this program, write `from {text}`"));
                    error = error.note(format!("for a parameter, write `${text}`"));
                }
                self.error(error);
                ExprKind::Str(text)
            }
        };
        Expr::new(kind, span)
    }
}

/// The short form of a unit that is written out.
fn full_unit(unit: &str) -> Option<&'static str> {
    match unit {
        "sec" | "secs" | "second" | "seconds" => Some("s"),
        "mins" | "minute" | "minutes" => Some("min"),
        "hr" | "hrs" | "hour" | "hours" => Some("h"),
        "day" | "days" => Some("d"),
        "week" | "weeks" => Some("w"),
        "msec" | "millis" => Some("ms"),
        _ => None,
    }
}

/// The character an escape stands for, and the length of the escape in bytes (at least one).
fn read_escape(escape: &str) -> (Option<char>, usize) {
    let mut characters = escape.chars();
    characters.next();
    let Some(letter) = characters.next() else { return (None, escape.len().max(1)) };
    let simple = match letter {
        '"' | '\\' | '{' | '}' => Some(letter),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        '0' => Some('\0'),
        _ => None,
    };
    if simple.is_some() || letter != 'u' {
        return (simple, 1 + letter.len_utf8());
    }
    let Some(digits) = escape.get(2..).and_then(|rest| rest.strip_prefix('{')) else { return (None, 2) };
    let Some(end) = digits.find('}').filter(|&end| end <= 8) else { return (None, 3) };
    let character = digits.get(..end).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    (character.and_then(char::from_u32), end + 4)
}

/// Days since 1970-01-01 of `YYYY-MM-DD`, if that day exists.
fn date_days(text: &str) -> Option<i32> {
    let year: i64 = text.get(0..4)?.parse().ok()?;
    let month: i64 = text.get(5..7)?.parse().ok()?;
    let day: i64 = text.get(8..10)?.parse().ok()?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if day < 1 || day > month_days {
        return None;
    }
    // The year is counted from March, so that the leap day comes last and needs no case of its own.
    let (march_year, march_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = march_year.div_euclid(400);
    let year_of_era = march_year.rem_euclid(400);
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    i32::try_from(era * 146_097 + day_of_era - 719_468).ok()
}

/// Microseconds since 1970-01-01T00:00:00Z of `YYYY-MM-DDThh:mm[:ss[.ffffff]][Z|+hh:mm]`, if that time exists.
fn timestamp_micros(text: &str) -> Option<i64> {
    let days = i64::from(date_days(text)?);
    let two = |at: usize, limit: i64| -> Option<i64> {
        let value: i64 = text.get(at..at + 2)?.parse().ok()?;
        (value < limit).then_some(value)
    };
    let (hour, minute) = (two(11, 24)?, two(14, 60)?);
    let mut rest = text.get(16..)?;
    let mut second = 0;
    let mut fraction = 0;
    if rest.starts_with(':') {
        second = two(17, 60)?;
        rest = text.get(19..)?;
    }
    if let Some(digits) = rest.strip_prefix('.') {
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        if end > 6 {
            return None;
        }
        fraction = format!("{:0<6}", digits.get(..end)?).parse().ok()?;
        rest = digits.get(end..)?;
    }
    let seconds = days * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second - zone_seconds(rest)?;
    Some(seconds * MICROS_PER_SECOND + fraction)
}

/// How far a zone is ahead of UTC.
fn zone_seconds(zone: &str) -> Option<i64> {
    let sign = match zone.get(0..1) {
        None | Some("Z") => return Some(0),
        Some("-") => -1,
        Some(_) => 1,
    };
    let hours: i64 = zone.get(1..3)?.parse().ok()?;
    let minutes: i64 = zone.get(4..6)?.parse().ok()?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_count_days_and_know_leap_years() {
        assert_eq!(date_days("1970-01-01"), Some(0));
        assert_eq!(date_days("2000-03-01"), Some(11_017));
        assert_eq!(date_days("1969-12-31"), Some(-1));
        assert_eq!(date_days("2024-02-29"), Some(19_782));
        assert_eq!(date_days("2023-02-29"), None);
        assert_eq!(date_days("1900-02-29"), None);
        assert_eq!(date_days("2024-13-01"), None);
        assert_eq!(date_days("2024-04-31"), None);
        assert_eq!(date_days("2024-01-00"), None);
    }

    #[test]
    fn timestamps_are_utc_microseconds() {
        assert_eq!(timestamp_micros("1970-01-01T00:00:01Z"), Some(1_000_000));
        assert_eq!(timestamp_micros("1970-01-01T01:00+01:00"), Some(0));
        assert_eq!(timestamp_micros("1970-01-01T00:00:00.25"), Some(250_000));
        assert_eq!(timestamp_micros("1970-01-01T24:00:00Z"), None);
        assert_eq!(timestamp_micros("1970-01-01T00:00:00.1234567Z"), None);
        assert_eq!(timestamp_micros("1970-01-01T00:00:00+25:00"), None);
    }

    #[test]
    fn escapes_are_read_whole() {
        assert_eq!(read_escape("\\u{1F600}x"), (Some('😀'), 9));
        assert_eq!(read_escape("\\u{110000}"), (None, 10));
        assert_eq!(read_escape("\\u12"), (None, 2));
        assert_eq!(read_escape("\\d+"), (None, 2));
        assert_eq!(read_escape("\\é"), (None, 3));
    }
}
