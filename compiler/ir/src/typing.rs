//! The type an expression form has by itself, computed from the types of its operands.
//!
//! The IR text leaves out every type that this module predicts, the parser fills it in again, and
//! `verify` reports an expression whose kind differs. `None` means that the form alone does not
//! decide the type (a decimal result, an empty list): then the text states it.

use crate::expr::{Expr, ExprKind};
use crate::function::Function;
use crate::types::{DataType, Field, Type};
use crate::value::Value;

/// The type of `kind` given its operands' types; `column` is the type of the column it reads, if it
/// is a column and that is known. Records are left to the caller, because their names are in the type.
pub fn default_type(kind: &ExprKind, column: Option<&DataType>) -> Option<DataType> {
    match kind {
        ExprKind::Column(_) => column.cloned(),
        ExprKind::Literal(v) => value_type(v),
        ExprKind::Local(_) | ExprKind::Record(_) => None,
        ExprKind::Call { function, arguments } => call_type(*function, arguments),
        ExprKind::And(a, b) | ExprKind::Or(a, b) => {
            Some(DataType { kind: Type::Bool, nullable: a.ty.nullable || b.ty.nullable })
        }
        ExprKind::IsNull(_) | ExprKind::Same(..) => Some(DataType::required(Type::Bool)),
        ExprKind::Coalesce(a, b) => {
            Some(DataType { kind: join_kinds(&a.ty, &b.ty)?, nullable: a.ty.nullable && b.ty.nullable })
        }
        ExprKind::If { then, otherwise, .. } => Some(DataType {
            kind: join_kinds(&then.ty, &otherwise.ty)?,
            nullable: then.ty.nullable || otherwise.ty.nullable,
        }),
        ExprKind::Try(a) => Some(a.ty.with_nullable(true)),
        ExprKind::List(items) => {
            let first = items.first()?;
            let same = items.iter().all(|x| x.ty.kind == first.ty.kind);
            let element = first.ty.with_nullable(items.iter().any(|x| x.ty.nullable));
            same.then(|| DataType::required(Type::List(Box::new(element))))
        }
        ExprKind::Field(record, index) => match &record.ty.kind {
            Type::Record(fields) => {
                let field = fields.get(*index as usize)?;
                Some(field.ty.with_nullable(field.ty.nullable || record.ty.nullable))
            }
            _ => None,
        },
        ExprKind::Let { body, .. } | ExprKind::Lambda { body, .. } => Some(body.ty.clone()),
    }
}

/// The kind two branches have in common; `null` takes the kind of the other.
fn join_kinds(a: &DataType, b: &DataType) -> Option<Type> {
    match (&a.kind, &b.kind) {
        (x, y) if x == y => Some(x.clone()),
        (Type::Null, y) => Some(y.clone()),
        (x, Type::Null) => Some(x.clone()),
        _ => None,
    }
}

/// The type a literal has by itself.
pub fn value_type(value: &Value) -> Option<DataType> {
    let kind = match value {
        Value::Null => return Some(DataType::nullable(Type::Null)),
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        Value::Float(_) => Type::Float,
        Value::String(_) => Type::String,
        Value::Bytes(_) => Type::Bytes,
        Value::Date(_) => Type::Date,
        Value::Timestamp(_) => Type::Timestamp,
        Value::Duration(_) => Type::Duration,
        Value::Regex(_) => Type::Regex,
        Value::List(items) => {
            let mut element: Option<DataType> = None;
            for item in items.iter() {
                let ty = value_type(item)?;
                element = Some(match element {
                    None => ty,
                    Some(e) => DataType { kind: join_kinds(&e, &ty)?, nullable: e.nullable || ty.nullable },
                });
            }
            Type::List(Box::new(element?))
        }
        Value::Decimal { .. } | Value::Record(_) => return None,
    };
    Some(DataType::required(kind))
}

/// The type of a call given its arguments' types.
fn call_type(function: Function, arguments: &[Expr]) -> Option<DataType> {
    let nullable = arguments.iter().any(|a| a.ty.nullable && !matches!(a.kind, ExprKind::Lambda { .. }));
    let (kind, always_nullable) = call_kind(function, arguments)?;
    Some(DataType { kind, nullable: nullable || always_nullable })
}

/// The kind of a call's result, and whether it can be null although no argument is.
fn call_kind(function: Function, arguments: &[Expr]) -> Option<(Type, bool)> {
    use Function as F;
    let first = arguments.first().map(|a| &a.ty.kind);
    let second = arguments.get(1).map(|a| &a.ty.kind);
    let element = match first {
        Some(Type::List(e)) => Some(e.as_ref()),
        _ => None,
    };
    let kind = match function {
        F::Equal | F::NotEqual | F::Less | F::LessEqual | F::Greater | F::GreaterEqual => Type::Bool,
        F::Not | F::In | F::Between | F::Matches => Type::Bool,
        F::StartsWith | F::EndsWith | F::Contains | F::IsNan => Type::Bool,
        F::ListAny | F::ListAll => Type::Bool,
        F::Add | F::Subtract | F::Multiply | F::FloorDivide | F::Remainder => {
            return arithmetic_kind(function, first?, second?).map(|k| (k, false));
        }
        F::Divide | F::Power | F::Sqrt | F::Exp | F::Ln | F::Log10 | F::Sin | F::Cos | F::Tan => Type::Float,
        F::Asin | F::Acos | F::Atan | F::Atan2 => Type::Float,
        F::ToFloat | F::Seconds | F::Dot => Type::Float,
        F::Sign if first == Some(&Type::Float) => Type::Float,
        F::ToInt | F::Len | F::ByteLen | F::Sign | F::Hash | F::Levenshtein => Type::Int,
        F::WrappingAdd | F::WrappingSub | F::WrappingMul => Type::Int,
        F::Year | F::Month | F::Day | F::Weekday | F::Hour | F::Minute | F::Second => Type::Int,
        F::ToString | F::Concat | F::FormatNumber | F::FormatTime | F::JoinText => Type::String,
        F::Lower | F::Upper | F::Trim | F::Replace | F::PadLeft | F::PadRight | F::Repeat => Type::String,
        F::UrlEncode | F::UrlDecode | F::Base64 | F::Hex | F::Utf8 | F::ToJson => Type::String,
        F::ToDate => Type::Date,
        F::ToTimestamp | F::AtZone | F::FromZone => Type::Timestamp,
        F::ToDuration => Type::Duration,
        F::ToBytes | F::FromBase64 | F::FromHex => Type::Bytes,
        F::Split | F::ExtractAll => Type::List(Box::new(DataType::required(Type::String))),
        F::Extract | F::JsonGet => return Some((Type::String, true)),
        F::Negate | F::Abs | F::Slice | F::Reverse | F::AddMonths => first?.clone(),
        F::ListFilter | F::ListSort | F::ListDistinct => first?.clone(),
        F::Least | F::Greatest => {
            let kind = first?;
            arguments.iter().all(|a| a.ty.kind == *kind).then(|| kind.clone())?
        }
        F::Index => return element.map(|e| (e.kind.clone(), e.nullable)),
        F::Get => return element.map(|e| (e.kind.clone(), true)),
        F::ListMin | F::ListMax => return element.map(|e| (e.kind.clone(), true)),
        F::ListMean => return Some((Type::Float, true)),
        F::Zip => Type::List(Box::new(DataType::required(pair(element?, second?)?))),
        F::ListMap => Type::List(Box::new(arguments.get(1)?.ty.clone())),
        F::ArgMin | F::ArgMax => return Some((Type::Int, true)),
        F::Range => Type::List(Box::new(DataType::required(Type::Int))),
        F::ToDecimal | F::Round | F::Floor | F::Ceil | F::Trunc | F::ListSum => return None,
    };
    Some((kind, false))
}

/// The records that `zip` makes of the elements of two lists.
pub fn pair(left: &DataType, right: &Type) -> Option<Type> {
    let Type::List(right) = right else { return None };
    let field = |name: &str, ty: &DataType| Field { name: name.to_owned(), ty: ty.clone() };
    Some(Type::Record(vec![field("left", left), field("right", right)]))
}

/// The kind of `a op b` for `+ - * // %`; decimals have result scales of their own.
fn arithmetic_kind(function: Function, a: &Type, b: &Type) -> Option<Type> {
    match (function, a, b) {
        (_, Type::Int, Type::Int) => Some(Type::Int),
        (_, Type::Float, Type::Float) => Some(Type::Float),
        (Function::Add | Function::Subtract, Type::Duration, Type::Duration) => Some(Type::Duration),
        (Function::Add | Function::Subtract, Type::Timestamp, Type::Duration) => Some(Type::Timestamp),
        (Function::Subtract, Type::Timestamp, Type::Timestamp) => Some(Type::Duration),
        (Function::Subtract, Type::Date, Type::Date) => Some(Type::Duration),
        (Function::Multiply, Type::Duration, Type::Int) => Some(Type::Duration),
        _ => None,
    }
}

/// Whether a value of type `from` may stand where `to` is expected: the same kind, and nullable
/// only if `to` is, at every level. The literal `null` fits every nullable type, and a decimal one with more
/// digits before the point.
pub fn fits(from: &DataType, to: &DataType) -> bool {
    (to.nullable || !from.nullable) && (kind_fits(&from.kind, &to.kind) || from.kind == Type::Null)
}

fn kind_fits(from: &Type, to: &Type) -> bool {
    match (from, to) {
        (Type::List(a), Type::List(b)) => fits(a, b),
        (Type::Decimal { precision: p, scale: s }, Type::Decimal { precision: q, scale: t }) => {
            p <= q && s == t
        }
        (Type::Record(a), Type::Record(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.name == y.name && fits(&x.ty, &y.ty))
        }
        _ => from == to,
    }
}

/// Whether a value is one of a type's values.
pub fn value_fits(value: &Value, ty: &DataType) -> bool {
    match (value, &ty.kind) {
        (Value::Null, _) => ty.nullable,
        (Value::Bool(_), Type::Bool)
        | (Value::Int(_), Type::Int)
        | (Value::Float(_), Type::Float)
        | (Value::String(_), Type::String)
        | (Value::Bytes(_), Type::Bytes)
        | (Value::Date(_), Type::Date)
        | (Value::Timestamp(_), Type::Timestamp)
        | (Value::Duration(_), Type::Duration)
        | (Value::Regex(_), Type::Regex) => true,
        (Value::Decimal { unscaled, scale }, Type::Decimal { precision, scale: s }) => {
            scale == s
                && 10u128.checked_pow(u32::from(*precision)).is_some_and(|max| unscaled.unsigned_abs() < max)
        }
        (Value::List(items), Type::List(e)) => items.iter().all(|x| value_fits(x, e)),
        (Value::Record(items), Type::Record(fields)) => {
            items.len() == fields.len() && items.iter().zip(fields).all(|(x, f)| value_fits(x, &f.ty))
        }
        _ => false,
    }
}
