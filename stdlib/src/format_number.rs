//! The number formats of f-string holes: `{x:.2f}`, `{n:,}`, `{share:.1%}`, `{id:08}`.
//!
//! `[[fill]< > ^][+][0][width][,][.digits][f % e d x]`, as in Python, but halves are rounded away
//! from zero, as `round` does, so that a hole shows what `round` gives.

use flow_ir::Value;
use flow_ir::eval::{decimal_rescale, decimal_round_half_away, rounded_text};
use flow_ir::text::{push_decimal, push_float, push_int};

/// The most digits and the widest field a format may ask for.
const WIDTH_MAX: usize = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Align {
    Left,
    Right,
    Center,
    /// Between sign and digits, as `0` does.
    Sign,
}

/// A parsed number format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NumberFormat {
    fill: char,
    align: Align,
    plus: bool,
    width: usize,
    grouped: bool,
    digits: Option<u16>,
    /// `f`, `%`, `e`, `d`, `x`, or `g` for none.
    style: char,
}

/// Says in one sentence what is wrong with a number format, if anything is.
pub fn check_number_format(spec: &str) -> Result<(), String> {
    match NumberFormat::parse(spec) {
        Some(_) => Ok(()),
        None => Err(format!("`{spec}` is not a number format such as .2f, 08d, +, or ,.1%")),
    }
}

impl NumberFormat {
    pub(crate) fn parse(spec: &str) -> Option<Self> {
        let mut format = NumberFormat {
            fill: ' ',
            align: Align::Right,
            plus: false,
            width: 0,
            grouped: false,
            digits: None,
            style: 'g',
        };
        let align = |c: char| match c {
            '<' => Some(Align::Left),
            '>' => Some(Align::Right),
            '^' => Some(Align::Center),
            _ => None,
        };
        let mut rest = spec;
        let mut chars = spec.chars();
        let (first, second) = (chars.next(), chars.next());
        if let (Some(fill), Some(a)) = (first, second.and_then(align)) {
            (format.fill, format.align) = (fill, a);
            rest = chars.as_str();
        } else if let Some(a) = first.and_then(align) {
            format.align = a;
            rest = &rest[1..];
        }
        let mut eat = |prefix: char| {
            let stripped = rest.strip_prefix(prefix);
            rest = stripped.unwrap_or(rest);
            stripped.is_some()
        };
        format.plus = eat('+');
        if eat('0') {
            (format.fill, format.align) = ('0', Align::Sign);
        }
        let (width, after) = digits(rest)?;
        format.width = width.unwrap_or(0);
        rest = after;
        if let Some(after) = rest.strip_prefix(',') {
            format.grouped = true;
            rest = after;
        }
        if let Some(after) = rest.strip_prefix('.') {
            let (count, after) = digits(after)?;
            format.digits = Some(u16::try_from(count?).ok()?);
            rest = after;
        }
        format.style = match rest {
            "" => 'g',
            "f" | "%" | "e" | "d" | "x" => rest.chars().next()?,
            _ => return None,
        };
        Some(format)
    }

    /// The number as text; `None` if the format does not apply to it (`d` of a float).
    pub(crate) fn apply(&self, x: &Value) -> Option<String> {
        let mut text = String::new();
        match (self.style, x) {
            ('d', Value::Int(x)) if self.digits.is_none() => push_int(&mut text, *x),
            ('x', Value::Int(x)) if self.digits.is_none() => {
                let sign = if *x < 0 { "-" } else { "" };
                text = format!("{sign}{:x}", x.unsigned_abs());
            }
            ('d' | 'x', _) => return None,
            ('e', x) => text = format!("{:.*e}", usize::from(self.digits.unwrap_or(6)), float(x)?),
            ('g', Value::Int(x)) if self.digits.is_none() => push_int(&mut text, *x),
            ('g', Value::Float(x)) if self.digits.is_none() => push_float(&mut text, *x),
            ('g', Value::Decimal { unscaled, scale }) if self.digits.is_none() => {
                push_decimal(&mut text, *unscaled, *scale);
            }
            (style, x) => {
                text = fixed(
                    x,
                    i32::from(self.digits.unwrap_or(if style == 'g' { 0 } else { 6 })),
                    style == '%',
                )?
            }
        }
        if self.style == '%' {
            text.push('%');
        }
        Some(self.lay_out(&text))
    }

    /// Sign, grouping and padding.
    fn lay_out(&self, text: &str) -> String {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let sign = match (negative, self.plus) {
            (true, _) => "-",
            (false, true) => "+",
            _ => "",
        };
        let body = if self.grouped { group(unsigned) } else { unsigned.to_owned() };
        let missing = self.width.saturating_sub(sign.len() + body.chars().count());
        let pad = |n: usize| std::iter::repeat_n(self.fill, n).collect::<String>();
        match self.align {
            Align::Left => format!("{sign}{body}{}", pad(missing)),
            Align::Right => format!("{}{sign}{body}", pad(missing)),
            Align::Center => format!("{}{sign}{body}{}", pad(missing / 2), pad(missing - missing / 2)),
            Align::Sign => format!("{sign}{}{body}", pad(missing)),
        }
    }
}

/// Leading digits as a number up to [`WIDTH_MAX`], and the rest.
fn digits(text: &str) -> Option<(Option<usize>, &str)> {
    let count = text.bytes().take_while(u8::is_ascii_digit).count();
    if count == 0 {
        return Some((None, text));
    }
    let number = text[..count].parse().ok().filter(|n| *n <= WIDTH_MAX)?;
    Some((Some(number), &text[count..]))
}

fn float(x: &Value) -> Option<f64> {
    match x {
        Value::Int(x) => Some(*x as f64),
        Value::Float(x) => Some(*x),
        Value::Decimal { unscaled, scale } => Some(flow_ir::eval::decimal_to_float(*unscaled, *scale)),
        _ => None,
    }
}

/// A number with exactly `digits` digits after the point, times a hundred for percent.
fn fixed(x: &Value, digits: i32, percent: bool) -> Option<String> {
    let (unscaled, scale) = match x {
        Value::Float(x) => return Some(fixed_float(if percent { x * 100.0 } else { *x }, digits)),
        Value::Int(x) => (i128::from(*x), 0),
        Value::Decimal { unscaled, scale } => (*unscaled, *scale),
        _ => return None,
    };
    let (unscaled, scale) = match (percent, scale) {
        (false, scale) => (unscaled, scale),
        (true, 2..) => (unscaled, scale - 2),
        (true, _) => (unscaled.checked_mul(10i128.pow(2 - u32::from(scale)))?, 0),
    };
    let wanted = u8::try_from(digits).unwrap_or(u8::MAX);
    let mut text = String::new();
    if wanted < scale {
        push_decimal(&mut text, decimal_round_half_away(unscaled, scale - wanted), wanted);
    } else if let Some(rescaled) = decimal_rescale(unscaled, scale, wanted) {
        push_decimal(&mut text, rescaled, wanted);
    } else {
        push_decimal(&mut text, unscaled, scale);
        text.push_str(if scale == 0 { "." } else { "" });
        text.extend(std::iter::repeat_n('0', digits as usize - usize::from(scale)));
    }
    Some(text)
}

fn fixed_float(x: f64, digits: i32) -> String {
    if x.is_finite() {
        return rounded_text(x, digits);
    }
    let mut text = String::new();
    push_float(&mut text, x);
    text
}

/// Commas between groups of three digits before the point.
fn group(text: &str) -> String {
    let whole = text.bytes().take_while(u8::is_ascii_digit).count();
    let mut out = String::with_capacity(text.len() + whole / 3);
    for (i, c) in text.chars().enumerate() {
        if i > 0 && i < whole && (whole - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(spec: &str, x: Value) -> Option<String> {
        NumberFormat::parse(spec)?.apply(&x)
    }

    #[test]
    fn formats_numbers_as_asked() {
        let decimal = Value::Decimal { unscaled: 123_456_789, scale: 2 };
        for (spec, x, text) in [
            (".2f", Value::Float(1234.565), "1234.57"),
            (".2f", Value::Float(0.125), "0.13"),
            (".0f", Value::Float(-2.5), "-3"),
            (".2f", Value::Int(3), "3.00"),
            (",", Value::Int(-1_234_567), "-1,234,567"),
            (",.1f", decimal.clone(), "1,234,567.9"),
            (".4f", decimal.clone(), "1234567.8900"),
            (".50f", Value::Int(1), "1.00000000000000000000000000000000000000000000000000"),
            (".1%", Value::Float(0.256), "25.6%"),
            (".1%", Value::Decimal { unscaled: 256, scale: 3 }, "25.6%"),
            (".0%", Value::Int(2), "200%"),
            ("08d", Value::Int(-42), "-0000042"),
            ("+", Value::Int(5), "+5"),
            ("<6", Value::Int(5), "5     "),
            ("*^6d", Value::Int(55), "**55**"),
            (">6.1f", Value::Float(9.96), "  10.0"),
            (".2e", Value::Float(12345.0), "1.23e4"),
            ("x", Value::Int(255), "ff"),
            ("", Value::Float(0.1), "0.1"),
            (".1f", Value::Float(f64::NAN), "nan"),
            ("6", decimal, "1234567.89"),
        ] {
            assert_eq!(formatted(spec, x).as_deref(), Some(text), "{spec}");
        }
        assert_eq!(formatted("d", Value::Float(1.0)), None);
        for bad in ["f2", ".f", "..", "q", "99999d", "é", "<é"] {
            assert!(check_number_format(bad).is_err(), "{bad}");
        }
    }
}
