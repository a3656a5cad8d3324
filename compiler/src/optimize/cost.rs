//! Which expressions are cheap enough to be computed twice: fixed-width arithmetic and comparisons.
//!
//! Text, regular expressions, lists and conversions from text are not. A rough measure is enough,
//! because no result depends on it.

use flow_ir::{Expr, ExprKind, Function, Type};

/// The size from which even arithmetic is not cheap.
const CHEAP_MAX: usize = 32;

/// Whether computing `expr` again costs next to nothing.
pub(crate) fn is_cheap(expr: &Expr) -> bool {
    let mut size = 0;
    cheap(expr, &mut size) && size <= CHEAP_MAX
}

fn cheap(e: &Expr, size: &mut usize) -> bool {
    *size += 1;
    let own = match &e.kind {
        ExprKind::Call { function, arguments } => is_cheap_call(*function, arguments),
        ExprKind::Lambda { .. } | ExprKind::List(_) | ExprKind::Record(_) => false,
        _ => true,
    };
    let mut all = own;
    e.for_each_child(|c| all = all && cheap(c, size));
    all
}

fn is_cheap_call(function: Function, arguments: &[Expr]) -> bool {
    use Function as F;
    let fixed_width = arguments.iter().all(|a| {
        a.ty.kind == Type::Bool || a.ty.kind.is_i64() || a.ty.kind.is_numeric() || a.ty.kind == Type::Null
    });
    match function {
        // Comparing texts is a short loop; splitting or searching them is not.
        F::Equal | F::NotEqual => true,
        F::Less | F::LessEqual | F::Greater | F::GreaterEqual | F::Between => fixed_width,
        F::Add | F::Subtract | F::Multiply | F::Divide | F::FloorDivide | F::Remainder => true,
        F::Negate | F::Not | F::Abs | F::Least | F::Greatest | F::Sign | F::IsNan => fixed_width,
        F::WrappingAdd | F::WrappingSub | F::WrappingMul | F::Seconds => true,
        F::ToInt | F::ToFloat => fixed_width,
        F::Year | F::Month | F::Day | F::Weekday | F::Hour | F::Minute | F::Second => true,
        _ => false,
    }
}

/// Whether computing `expr` is nothing at all: a column or a literal.
pub(crate) fn is_trivial(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Column(_) | ExprKind::Literal(_))
}
