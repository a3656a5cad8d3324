//! One value, as the reference interpreter, literals and the slow columns hold it.
//!
//! Equality, order and hash are those of the language: NaN equals NaN and sorts last among
//! floats, -0.0 equals 0.0, null sorts last. Values of one column have one type, so comparing
//! values of different kinds is only defined to be total, not meaningful.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A value of any type of the language.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Value {
    /// No value.
    Null,
    /// `bool`.
    Bool(bool),
    /// `int`.
    Int(i64),
    /// `float`.
    Float(f64),
    /// `decimal`: `unscaled / 10^scale`.
    Decimal {
        /// The digits.
        unscaled: i128,
        /// How many of them stand after the point.
        scale: u8,
    },
    /// `string`.
    String(Arc<str>),
    /// `bytes`.
    Bytes(Arc<[u8]>),
    /// `date`, days since the epoch.
    Date(i32),
    /// `timestamp`, microseconds since the epoch, UTC.
    Timestamp(i64),
    /// `duration`, microseconds.
    Duration(i64),
    /// A regular expression's source text.
    Regex(Arc<str>),
    /// `list`.
    List(Arc<[Value]>),
    /// A record; the names are in its type.
    Record(Arc<[Value]>),
}

impl Value {
    /// A string value.
    pub fn string(s: impl Into<Arc<str>>) -> Self {
        Value::String(s.into())
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    fn rank(&self) -> u8 {
        match self {
            Value::Bool(_) => 0,
            Value::Int(_) => 1,
            Value::Float(_) => 2,
            Value::Decimal { .. } => 3,
            Value::String(_) => 4,
            Value::Bytes(_) => 5,
            Value::Date(_) => 6,
            Value::Timestamp(_) => 7,
            Value::Duration(_) => 8,
            Value::Regex(_) => 9,
            Value::List(_) => 10,
            Value::Record(_) => 11,
            Value::Null => 12,
        }
    }
}

/// The total order of floats: NaN equals NaN and is the largest, -0.0 equals 0.0.
pub fn float_order(a: f64, b: f64) -> Ordering {
    match a.partial_cmp(&b) {
        Some(o) => o,
        None => a.is_nan().cmp(&b.is_nan()),
    }
}

/// The bits by which a float is hashed and grouped: one NaN, one zero.
pub fn float_key(x: f64) -> u64 {
    if x.is_nan() {
        f64::NAN.to_bits()
    } else if x == 0.0 {
        0
    } else {
        x.to_bits()
    }
}

/// The order of two decimals of any scales.
pub fn decimal_order(a: i128, a_scale: u8, b: i128, b_scale: u8) -> Ordering {
    if a_scale == b_scale {
        return a.cmp(&b);
    }
    let common = a_scale.max(b_scale);
    let raise = |v: i128, s: u8| 10i128.checked_pow(u32::from(common - s)).and_then(|p| v.checked_mul(p));
    match (raise(a, a_scale), raise(b, b_scale)) {
        (Some(x), Some(y)) => x.cmp(&y),
        // Only the one with the smaller scale can overflow, and then it is the larger in size.
        (None, _) => a.cmp(&0),
        (_, None) => 0.cmp(&b),
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::Float(a), Value::Float(b)) => float_order(*a, *b),
            (Value::Decimal { unscaled: a, scale: s }, Value::Decimal { unscaled: b, scale: t }) => {
                decimal_order(*a, *s, *b, *t)
            }
            (Value::String(a), Value::String(b)) | (Value::Regex(a), Value::Regex(b)) => a.cmp(b),
            (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
            (Value::Date(a), Value::Date(b)) => a.cmp(b),
            (Value::Timestamp(a), Value::Timestamp(b)) | (Value::Duration(a), Value::Duration(b)) => a.cmp(b),
            (Value::List(a), Value::List(b)) | (Value::Record(a), Value::Record(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rank().hash(state);
        match self {
            Value::Null => {}
            Value::Bool(a) => a.hash(state),
            Value::Int(a) | Value::Timestamp(a) | Value::Duration(a) => a.hash(state),
            Value::Float(a) => float_key(*a).hash(state),
            Value::Decimal { unscaled, scale } => {
                // Equal decimals of different scales must hash alike: strip trailing zeros.
                let (mut u, mut s) = (*unscaled, *scale);
                while s > 0 && u % 10 == 0 {
                    u /= 10;
                    s -= 1;
                }
                (u, s).hash(state);
            }
            Value::String(a) | Value::Regex(a) => a.hash(state),
            Value::Bytes(a) => a.hash(state),
            Value::Date(a) => a.hash(state),
            Value::List(a) | Value::Record(a) => a.hash(state),
        }
    }
}
