//! Implicit conversions: int to float, int to decimal, `T` to `T?`, and literals to their context.
//!
//! Nothing else converts by itself; which types widen to which is the standard library's knowledge. Nullability is not looked at here: a nullable value stays
//! nullable, and the places that need a value that is never null ask for themselves.

use super::{Checked, null};
use flow_ir::{DataType, Expr, ExprKind, Field, Function, Type, Value};

/// `value` as an expression of kind `target`; the value back if it does not convert.
pub(crate) fn fit(value: Checked, target: &Type) -> Result<Expr, Box<Checked>> {
    if let Some(number) = &value.number
        && target.is_numeric()
    {
        return match number.literal(target, value.expr.span) {
            Some(literal) => Ok(literal),
            None => fit_expr(value.expr.clone(), target).ok_or(Box::new(value)),
        };
    }
    fit_expr(value.expr.clone(), target).ok_or(Box::new(value))
}

fn fit_expr(e: Expr, target: &Type) -> Option<Expr> {
    let own = &e.ty.kind;
    if own == target {
        return Some(e);
    }
    if *own == Type::Null {
        return Some(retype_null(e, target));
    }
    let ty = DataType { kind: target.clone(), nullable: e.ty.nullable };
    if let (ExprKind::Literal(Value::Int(v)), Type::Float) = (&e.kind, target) {
        return Some(Expr { kind: ExprKind::Literal(Value::Float(*v as f64)), ty, span: e.span });
    }
    match (&e.kind, own, target) {
        // Literals convert element by element, so that the numbers in them adapt.
        (ExprKind::List(items), Type::List(_), Type::List(to)) => {
            let items = items.iter().map(|i| fit_expr(i.clone(), &to.kind)).collect::<Option<Vec<_>>>()?;
            return Some(Expr { kind: ExprKind::List(items), ty, span: e.span });
        }
        (ExprKind::Record(items), Type::Record(from), Type::Record(to)) if same_names(from, to) => {
            let items = items.iter().zip(to).map(|(i, g)| fit_expr(i.clone(), &g.ty.kind));
            let kind = ExprKind::Record(items.collect::<Option<Vec<_>>>()?);
            return Some(Expr { kind, ty, span: e.span });
        }
        (ExprKind::If { condition, then, otherwise }, Type::Record(_), Type::Record(_)) => {
            let kind = ExprKind::If {
                condition: condition.clone(),
                then: Box::new(fit_expr((**then).clone(), target)?),
                otherwise: Box::new(fit_expr((**otherwise).clone(), target)?),
            };
            return Some(Expr { kind, ty, span: e.span });
        }
        // Widening to the most digits there are may overflow, which is an error of its row.
        (_, Type::Decimal { scale: s, .. }, Type::Decimal { precision: 38, scale: t }) if s <= t => {}
        _ => {
            flow_stdlib::widen(&e.ty, target)?;
        }
    }
    let place = e.span;
    let rounded = matches!(&e.kind, ExprKind::Call { function, .. } if may_need_digits(*function));
    let conversion = match target {
        Type::Decimal { .. } if rounded => Some(Function::ToDecimal),
        _ => flow_stdlib::conversion(&e.ty.kind, target),
    };
    Some(match conversion {
        Some(function) => Expr { kind: ExprKind::Call { function, arguments: vec![e] }, ty, span: place },
        None => Expr { ty, ..e },
    })
}

/// Whether a decimal that the function gives may have more digits than its type, which is an error of its
/// row and must stay one when the value is used as a wider decimal.
fn may_need_digits(function: Function) -> bool {
    matches!(function, Function::ToDecimal | Function::Round | Function::Floor | Function::Ceil)
}

fn same_names(a: &[Field], b: &[Field]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(f, g)| f.name == g.name)
}

/// Gives the nulls inside an expression of type null another type.
fn retype_null(e: Expr, target: &Type) -> Expr {
    match e.kind {
        ExprKind::Literal(_) => null(target.clone(), e.span),
        _ => Expr { ty: DataType::nullable(target.clone()), ..e },
    }
}

/// The type both convert to. Unlike a call's arguments, the fields of records convert too where
/// they are literals; `fit` says whether they are.
pub(super) fn common(a: &DataType, b: &DataType) -> Option<DataType> {
    let nullable = a.nullable || b.nullable;
    match (&a.kind, &b.kind) {
        (Type::Record(x), Type::Record(y)) if same_names(x, y) => {
            let fields =
                x.iter().zip(y).map(|(f, g)| Some(Field { name: f.name.clone(), ty: common(&f.ty, &g.ty)? }));
            Some(DataType { kind: Type::Record(fields.collect::<Option<Vec<_>>>()?), nullable })
        }
        (Type::List(x), Type::List(y)) => {
            Some(DataType { kind: Type::List(Box::new(common(x, y)?)), nullable })
        }
        _ => flow_stdlib::common_type(a, b),
    }
}

/// Gives several values one type: the values converted, and that type. On failure the positions
/// of two values that do not go together.
pub(crate) fn unify(values: Vec<Checked>) -> Result<(Vec<Expr>, DataType), (usize, usize)> {
    let values = adapt(values);
    let nullable = values.iter().any(|v| v.ty().nullable);
    let mut kind = Type::Null;
    let mut decided_by = 0;
    for (i, value) in values.iter().enumerate() {
        let so_far = DataType::required(kind);
        kind = common(&so_far, value.ty()).ok_or((decided_by, i))?.kind;
        if value.ty().kind != Type::Null && values[decided_by].ty().kind == Type::Null {
            decided_by = i;
        }
    }
    let mut out = Vec::with_capacity(values.len());
    for (i, value) in values.into_iter().enumerate() {
        out.push(fit(value, &kind).map_err(|_| (decided_by, i))?);
    }
    Ok((out, DataType { kind, nullable }))
}

/// Chooses the types of number literals by the numbers beside them: a decimal makes them decimals,
/// a float makes them floats.
pub(crate) fn adapt(values: Vec<Checked>) -> Vec<Checked> {
    let decides = |want: fn(&Type) -> bool| values.iter().any(|v| v.number.is_none() && want(&v.ty().kind));
    let to_decimal = decides(|k| matches!(k, Type::Decimal { .. }));
    let to_float =
        decides(|k| *k == Type::Float) || (!to_decimal && values.iter().any(|v| v.ty().kind == Type::Float));
    if !to_decimal && !to_float {
        return values;
    }
    values
        .into_iter()
        .map(|v| {
            let Some(number) = &v.number else { return v };
            let kind = if to_float { Some(Type::Float) } else { number.decimal_type() };
            match kind.and_then(|k| number.literal(&k, v.expr.span)) {
                Some(expr) => Checked { expr, number: v.number },
                None => v,
            }
        })
        .collect()
}

/// Field `index` of a record-valued expression, without building the record where it is literal.
pub(crate) fn project(record: &Expr, index: usize) -> Option<Expr> {
    let Type::Record(fields) = &record.ty.kind else { return None };
    let field = fields.get(index)?;
    let ty = field.ty.with_nullable(field.ty.nullable || record.ty.nullable);
    let kind = match &record.kind {
        ExprKind::Record(items) => return items.get(index).cloned(),
        ExprKind::Literal(Value::Null) => return Some(null(ty.kind, record.span)),
        ExprKind::If { condition, then, otherwise } => ExprKind::If {
            condition: condition.clone(),
            then: Box::new(project(then, index)?),
            otherwise: Box::new(project(otherwise, index)?),
        },
        ExprKind::Let { local, value, body } => {
            ExprKind::Let { local: *local, value: value.clone(), body: Box::new(project(body, index)?) }
        }
        _ => ExprKind::Field(Box::new(record.clone()), u32::try_from(index).ok()?),
    };
    Some(Expr { kind, ty, span: record.span })
}
