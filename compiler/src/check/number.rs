//! Number literals: digits that become an int, a float or a decimal when context decides.
//!
//! The text is kept because `0.1` as a decimal is exactly one tenth, which no float is.

use flow_ir::{DataType, Expr, Span, Type, Value};

/// A number literal with its sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    negative: bool,
    /// Digits, perhaps with a point and an exponent, without underscores.
    digits: String,
}

impl Number {
    /// A literal as written.
    pub(crate) fn new(text: &str) -> Self {
        Number { negative: false, digits: text.replace('_', "") }
    }

    /// The same with the other sign.
    pub(crate) fn negated(&self) -> Self {
        Number { negative: !self.negative, digits: self.digits.clone() }
    }

    /// As written, with its sign.
    pub(crate) fn text(&self) -> String {
        format!("{}{}", if self.negative { "-" } else { "" }, self.digits)
    }

    /// Whether it is written without a fraction and exponent.
    pub(crate) fn is_whole(&self) -> bool {
        self.digits.bytes().all(|b| b.is_ascii_digit())
    }

    fn int(&self) -> Option<i64> {
        self.is_whole().then(|| self.text().parse().ok()).flatten()
    }

    /// The nearest float.
    pub(crate) fn float(&self) -> f64 {
        self.text().parse().unwrap_or(f64::NAN)
    }

    /// The exact number as digits and scale, if 38 digits hold it.
    pub(crate) fn decimal(&self) -> Option<(i128, u8)> {
        let (mantissa, exponent) = match self.digits.split_once(['e', 'E']) {
            Some((m, e)) => (m, e.parse::<i32>().ok()?),
            None => (self.digits.as_str(), 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut unscaled: i128 = format!("{whole}{fraction}").parse().ok()?;
        let mut scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        while scale < 0 && unscaled != 0 {
            unscaled = unscaled.checked_mul(10)?;
            scale += 1;
        }
        while scale > 38 && unscaled % 10 == 0 && unscaled != 0 {
            unscaled /= 10;
            scale -= 1;
        }
        let scale = if unscaled == 0 { 0 } else { u8::try_from(scale).ok().filter(|s| *s <= 38)? };
        let fits = flow_ir::eval::decimal_fits(unscaled, 38);
        fits.then_some((if self.negative { -unscaled } else { unscaled }, scale))
    }

    /// The smallest decimal type that holds it.
    pub(crate) fn decimal_type(&self) -> Option<Type> {
        let (unscaled, scale) = self.decimal()?;
        let digits = unscaled.unsigned_abs().to_string().len();
        let precision = u8::try_from(digits).ok()?.max(scale).max(1);
        Some(Type::Decimal { precision, scale })
    }

    /// The literal as a value of type `kind`; `None` if it is not one.
    pub(crate) fn value(&self, kind: &Type) -> Option<Value> {
        match kind {
            Type::Int => self.int().map(Value::Int),
            Type::Float => Some(Value::Float(self.float())).filter(is_finite),
            Type::Decimal { precision, scale } => {
                let (unscaled, own) = self.decimal()?;
                let digits = scale.checked_sub(own)?;
                let unscaled = unscaled.checked_mul(flow_ir::eval::power_of_ten(digits)?)?;
                flow_ir::eval::decimal_fits(unscaled, *precision)
                    .then_some(Value::Decimal { unscaled, scale: *scale })
            }
            _ => None,
        }
    }

    /// The literal as an expression of type `kind`; `None` if it is not one.
    pub(crate) fn literal(&self, kind: &Type, place: Span) -> Option<Expr> {
        Some(Expr::literal(self.value(kind)?, DataType::required(kind.clone()), place))
    }
}

fn is_finite(value: &Value) -> bool {
    matches!(value, Value::Float(x) if x.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_take_the_type_of_their_context() {
        let money = Type::Decimal { precision: 12, scale: 2 };
        assert_eq!(Number::new("1_000").value(&Type::Int), Some(Value::Int(1000)));
        assert_eq!(Number::new("0.1").value(&money), Some(Value::Decimal { unscaled: 10, scale: 2 }));
        assert_eq!(Number::new("0.125").value(&money), None);
        assert_eq!(Number::new("1e-6").decimal(), Some((1, 6)));
        assert_eq!(Number::new("2.5e3").decimal(), Some((2500, 0)));
        assert_eq!(Number::new("9223372036854775808").value(&Type::Int), None);
        assert_eq!(
            Number::new("9223372036854775808").negated().value(&Type::Int),
            Some(Value::Int(i64::MIN))
        );
        assert_eq!(Number::new("1e999").value(&Type::Float), None);
        assert_eq!(Number::new("1e999").decimal(), None);
    }
}
