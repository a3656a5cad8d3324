//! Implicit conversions: which types become which without being asked, and by which function.

use flow_ir::eval::PRECISION_MAX;
use flow_ir::{DataType, Function, Type};

/// The type every `int` fits as a decimal.
pub(crate) const INT_AS_DECIMAL: Type = Type::Decimal { precision: 19, scale: 0 };

/// `from` as a `to`, keeping its nullability; `None` if it does not widen to it.
pub fn widen(from: &DataType, to: &Type) -> Option<DataType> {
    let fits = match (&from.kind, to) {
        (a, b) if a == b => true,
        (Type::Null, _) => return Some(DataType::nullable(to.clone())),
        (Type::Int, Type::Float | Type::Decimal { .. }) => true,
        (Type::Decimal { precision: p, scale: s }, Type::Decimal { precision: q, scale: t }) => {
            // With the most digits there are, what does not fit is an overflow of its row.
            t >= s && (*q == PRECISION_MAX || q - t >= p - s)
        }
        (Type::List(a), Type::List(b)) => widen(a, &b.kind).is_some() && (b.nullable || !a.nullable),
        (Type::Record(a), Type::Record(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|(x, y)| {
                    // The fields of a record are not converted; only their nullability may grow.
                    x.name == y.name && x.ty.kind == y.ty.kind && (y.ty.nullable || !x.ty.nullable)
                })
        }
        _ => false,
    };
    fits.then(|| DataType { kind: to.clone(), nullable: from.nullable })
}

/// The smallest type both widen to; `None` if there is none. Used for the branches of `if`, `??`,
/// list elements, `least`, and everything else where several values meet in one place.
pub fn common_type(a: &DataType, b: &DataType) -> Option<DataType> {
    let nullable = a.nullable || b.nullable || a.kind == Type::Null || b.kind == Type::Null;
    common_kind(&a.kind, &b.kind).map(|kind| DataType { kind, nullable })
}

fn common_kind(a: &Type, b: &Type) -> Option<Type> {
    Some(match (a, b) {
        (a, b) if a == b => a.clone(),
        (Type::Null, other) | (other, Type::Null) => other.clone(),
        (Type::Int, Type::Float) | (Type::Float, Type::Int) => Type::Float,
        (Type::Int, Type::Decimal { .. }) => common_kind(&INT_AS_DECIMAL, b)?,
        (Type::Decimal { .. }, Type::Int) => common_kind(a, &INT_AS_DECIMAL)?,
        (Type::Decimal { precision: p, scale: s }, Type::Decimal { precision: q, scale: t }) => {
            let scale = *s.max(t);
            let whole = (p - s).max(q - t);
            Type::Decimal { precision: (whole + scale).min(PRECISION_MAX), scale }
        }
        (Type::List(a), Type::List(b)) => Type::List(Box::new(common_type(a, b)?)),
        (Type::Record(a), Type::Record(b)) if a.len() == b.len() => Type::Record(
            a.iter()
                .zip(b)
                .map(|(x, y)| {
                    let same = x.name == y.name && x.ty.kind == y.ty.kind;
                    let ty = x.ty.with_nullable(x.ty.nullable || y.ty.nullable);
                    same.then(|| flow_ir::Field { name: x.name.clone(), ty })
                })
                .collect::<Option<_>>()?,
        ),
        _ => return None,
    })
}

/// The function that turns a `from` into a `to` it widens to; `None` if the values already are
/// what they must be. The call's type is `to`; lists are converted element by element.
pub fn conversion(from: &Type, to: &Type) -> Option<Function> {
    match (from, to) {
        (Type::Int, Type::Float) => Some(Function::ToFloat),
        (Type::Int, Type::Decimal { .. }) => Some(Function::ToDecimal),
        (Type::Decimal { scale: s, .. }, Type::Decimal { scale: t, .. }) => {
            (s != t).then_some(Function::ToDecimal)
        }
        (Type::List(a), Type::List(b)) => conversion(&a.kind, &b.kind),
        _ => None,
    }
}
