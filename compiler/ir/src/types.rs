//! The types of values: what a column, a field or an expression can hold.
//!
//! A [`DataType`] is a [`Type`] plus nullability. Nullability is part of the type because the
//! checker, the scan and the JIT all choose different code for columns that cannot be null.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a value is, without saying whether it may be null.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Type {
    /// The type of the literal `null` before context gives it another one.
    Null,
    /// `bool`.
    Bool,
    /// `int`: 64-bit signed.
    Int,
    /// `float`: 64-bit IEEE 754.
    Float,
    /// `decimal(precision, scale)`: exact, at most 38 digits.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point, at most `precision`.
        scale: u8,
    },
    /// `string`: UTF-8 text.
    String,
    /// `bytes`.
    Bytes,
    /// `date`: days since 1970-01-01.
    Date,
    /// `timestamp`: microseconds since 1970-01-01T00:00:00Z.
    Timestamp,
    /// `duration`: microseconds.
    Duration,
    /// A compiled-in regular expression; only literals and arguments have it, never a column.
    Regex,
    /// `list<T>`.
    List(Box<DataType>),
    /// `{ a: T, b: U }`.
    Record(Vec<Field>),
}

/// A [`Type`] and whether null is one of its values.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DataType {
    /// What the value is.
    pub kind: Type,
    /// Whether it may be null (`T?`).
    pub nullable: bool,
}

/// A named, typed part of a record or a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Field {
    /// The name, without back-quotes.
    pub name: String,
    /// The type.
    pub ty: DataType,
}

impl DataType {
    /// `kind`, never null.
    pub const fn required(kind: Type) -> Self {
        DataType { kind, nullable: false }
    }

    /// `kind?`.
    pub const fn nullable(kind: Type) -> Self {
        DataType { kind, nullable: true }
    }

    /// The same kind with the given nullability.
    pub fn with_nullable(&self, nullable: bool) -> Self {
        DataType { kind: self.kind.clone(), nullable }
    }
}

impl Type {
    /// Whether `+ - *` apply.
    pub fn is_numeric(&self) -> bool {
        matches!(self, Type::Int | Type::Float | Type::Decimal { .. })
    }

    /// Whether a column of this type is stored as 64-bit integers.
    pub fn is_i64(&self) -> bool {
        matches!(self, Type::Int | Type::Date | Type::Timestamp | Type::Duration)
    }

    /// Whether values have a defined total order (everything but regexes).
    pub fn is_ordered(&self) -> bool {
        !matches!(self, Type::Regex)
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind, if self.nullable { "?" } else { "" })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Null => f.write_str("null"),
            Type::Bool => f.write_str("bool"),
            Type::Int => f.write_str("int"),
            Type::Float => f.write_str("float"),
            Type::Decimal { precision, scale } => write!(f, "decimal({precision}, {scale})"),
            Type::String => f.write_str("string"),
            Type::Bytes => f.write_str("bytes"),
            Type::Date => f.write_str("date"),
            Type::Timestamp => f.write_str("timestamp"),
            Type::Duration => f.write_str("duration"),
            Type::Regex => f.write_str("regex"),
            Type::List(t) => write!(f, "list<{t}>"),
            Type::Record(fields) => {
                f.write_str("{ ")?;
                for (i, x) in fields.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{x}")?;
                }
                f.write_str(" }")
            }
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", quote_name(&self.name), self.ty)
    }
}

/// `name` as it is written in a program: back-quoted unless it is a plain identifier.
pub fn quote_name(name: &str) -> String {
    let mut chars = name.chars();
    let plain = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !RESERVED.contains(&name);
    if plain { name.to_owned() } else { format!("`{name}`") }
}

/// The words that cannot be field names without back-quotes.
pub const RESERVED: [&str; 13] =
    ["and", "or", "not", "in", "is", "null", "true", "false", "if", "then", "else", "match", "each"];
