//! Reads the types and literal values of IR text.

use crate::parse::{Parsed, Parser};
use crate::print::DURATION_UNITS;
use crate::text;
use crate::types::{DataType, Field, Type};
use crate::value::Value;

impl Parser<'_> {
    pub(crate) fn ty(&mut self) -> Parsed<DataType> {
        let kind = self.deeper(Self::kind)?;
        // No space may stand before the `?`, so that an operator `??` is not taken for it.
        let nullable = self.rest().starts_with('?');
        self.at += usize::from(nullable);
        Ok(DataType { kind, nullable })
    }

    fn kind(&mut self) -> Parsed<Type> {
        if self.sees("{") {
            let fields = self.list("{", "}", |p| {
                let name = p.name()?;
                p.expect(":")?;
                Ok(Field { name, ty: p.ty()? })
            })?;
            return Ok(Type::Record(fields));
        }
        Ok(match self.word()? {
            "null" => Type::Null,
            "bool" => Type::Bool,
            "int" => Type::Int,
            "float" => Type::Float,
            "string" => Type::String,
            "bytes" => Type::Bytes,
            "date" => Type::Date,
            "timestamp" => Type::Timestamp,
            "duration" => Type::Duration,
            "regex" => Type::Regex,
            "decimal" => {
                self.expect("(")?;
                let precision = self.number()?;
                self.expect(",")?;
                let scale = self.number()?;
                self.expect(")")?;
                Type::Decimal { precision, scale }
            }
            "list" => {
                self.expect("<")?;
                let element = self.ty()?;
                self.expect(">")?;
                Type::List(Box::new(element))
            }
            other => return self.fail(format!("there is no type `{other}`")),
        })
    }

    pub(crate) fn string(&mut self) -> Parsed<String> {
        self.expect("\"")?;
        let mut out = String::new();
        let mut chars = self.rest().char_indices();
        while let Some((i, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += i + 1;
                    return Ok(out);
                }
                '\\' => match chars.next().map(|(_, c)| c) {
                    Some('n') => out.push('\n'),
                    Some('r') => out.push('\r'),
                    Some('t') => out.push('\t'),
                    Some('u') => {
                        let hex: String = chars
                            .by_ref()
                            .map(|(_, c)| c)
                            .skip_while(|c| *c == '{')
                            .take_while(|c| *c != '}')
                            .collect();
                        match u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32) {
                            Some(c) => out.push(c),
                            None => return self.fail("a wrong escape in a string"),
                        }
                    }
                    Some(c @ ('"' | '\\')) => out.push(c),
                    _ => return self.fail("a wrong escape in a string"),
                },
                c => out.push(c),
            }
        }
        self.fail("a string that does not end")
    }

    /// A literal value.
    pub(crate) fn value(&mut self) -> Parsed<Value> {
        self.deeper(|p| {
            p.skip_space();
            match p.rest().chars().next() {
                Some('"') => Ok(Value::string(p.string()?)),
                Some('@') => p.calendar(),
                Some('\'') => p.values(),
                Some(c) if c == '-' || c.is_ascii_digit() => p.numeric(),
                _ => p.word_value(),
            }
        })
    }

    fn word_value(&mut self) -> Parsed<Value> {
        Ok(match self.word()? {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "nan" => Value::Float(f64::NAN),
            "inf" => Value::Float(f64::INFINITY),
            "r" => Value::Regex(self.string()?.into()),
            "b" => {
                let hex = self.string()?;
                let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
                let bytes: Option<Vec<u8>> = hex.as_bytes().chunks(2).map(byte).collect();
                match bytes {
                    Some(bytes) if hex.len() % 2 == 0 => Value::Bytes(bytes.into()),
                    _ => return self.fail("expected pairs of hexadecimal digits"),
                }
            }
            other => return self.fail(format!("`{other}` is not a value")),
        })
    }

    fn values(&mut self) -> Parsed<Value> {
        self.expect("'")?;
        if self.sees("[") {
            Ok(Value::List(self.list("[", "]", Self::value)?.into()))
        } else {
            Ok(Value::Record(self.list("{", "}", Self::value)?.into()))
        }
    }

    fn calendar(&mut self) -> Parsed<Value> {
        self.expect("@")?;
        let part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b':' | b'.' | b'+');
        let mut end = self.rest().bytes().take_while(|b| part(b)).count();
        // The `:` of a type that follows is no part of the value.
        let mut raw = self.rest().get(..end).unwrap_or("");
        if let Some(z) = raw.find('Z') {
            end = z + 1;
        } else if let Some(colon) = raw.find(':') {
            end = colon;
        }
        raw = raw.get(..end).unwrap_or(raw);
        let value = match raw.contains('T') {
            true => text::parse_timestamp(raw).map(Value::Timestamp),
            false => text::parse_date(raw).map(Value::Date),
        };
        let Some(value) = value else { return self.fail(format!("`{raw}` is not a date or timestamp")) };
        self.at += end;
        Ok(value)
    }

    /// `12`, `1.5`, `1e300`, `-inf`, `12.50dec`, `30min`.
    fn numeric(&mut self) -> Parsed<Value> {
        if self.eat("-inf") {
            return Ok(Value::Float(f64::NEG_INFINITY));
        }
        let bytes = self.rest().as_bytes();
        let digits = |from: usize| bytes.iter().skip(from).take_while(|b| b.is_ascii_digit()).count();
        let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let mut end = usize::from(bytes.first() == Some(&b'-'));
        end += digits(end);
        let mut float = false;
        // `1..2` is no float: a digit must follow the point.
        if bytes.get(end) == Some(&b'.') && is_digit(end + 1) {
            float = true;
            end += 1 + digits(end + 1);
        }
        if bytes.get(end) == Some(&b'e') {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'-' | b'+')));
            if is_digit(end + 1 + sign) {
                float = true;
                end += 1 + sign + digits(end + 1 + sign);
            }
        }
        let raw = self.rest().get(..end).unwrap_or("");
        self.at += end;
        let unit = match self.rest().starts_with(|c: char| c.is_ascii_alphabetic()) {
            true => self.word()?,
            false => "",
        };
        let value = match unit {
            "" if float => raw.parse().ok().map(Value::Float),
            "" => raw.parse().ok().map(Value::Int),
            "dec" => decimal(raw),
            unit => DURATION_UNITS
                .iter()
                .find(|(name, _)| *name == unit)
                .and_then(|(_, size)| raw.parse::<i64>().ok()?.checked_mul(*size))
                .map(Value::Duration),
        };
        match value {
            Some(value) => Ok(value),
            None => self.fail(format!("`{raw}{unit}` is not a number")),
        }
    }
}

/// `-12.50` as unscaled digits and their scale.
fn decimal(raw: &str) -> Option<Value> {
    let (whole, fraction) = raw.split_once('.').unwrap_or((raw, ""));
    let scale = u8::try_from(fraction.len()).ok()?;
    let unscaled = format!("{whole}{fraction}").parse().ok()?;
    Some(Value::Decimal { unscaled, scale })
}
