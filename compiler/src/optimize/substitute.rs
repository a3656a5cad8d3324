//! Replaces columns by the expressions that compute them.
//!
//! A computed column's expression has no free variables, so nothing can be captured; and it is never
//! put inside itself, so no variable is bound twice on one path.

use flow_ir::logical::Computed;
use flow_ir::verify::EXPR_DEPTH_MAX;
use flow_ir::{ColumnId, Expr, ExprKind};

/// The largest expression a substitution may make.
const SIZE_MAX: usize = 400;

/// `expr` with every column that `computed` defines replaced by its expression; `None` if the
/// result would be too large.
pub(crate) fn substitute(expr: &Expr, computed: &[Computed]) -> Option<Expr> {
    let mut result = expr.clone();
    replace(&mut result, computed);
    let mut size = 0;
    (measure(&result, &mut size) <= EXPR_DEPTH_MAX - 2 && size <= SIZE_MAX).then_some(result)
}

fn replace(e: &mut Expr, computed: &[Computed]) {
    if let ExprKind::Column(id) = e.kind {
        if let Some(c) = computed.iter().find(|c| c.id == id) {
            *e = c.expr.clone();
        }
        return;
    }
    e.for_each_child_mut(|c| replace(c, computed));
}

/// The depth of an expression; adds its nodes to `size`.
fn measure(e: &Expr, size: &mut usize) -> usize {
    *size += 1;
    let mut deepest = 0;
    e.for_each_child(|c| deepest = deepest.max(measure(c, size)));
    deepest + 1
}

/// `expr` with columns renamed.
pub(crate) fn rename(expr: &Expr, name: &dyn Fn(ColumnId) -> ColumnId) -> Expr {
    let mut result = expr.clone();
    rename_in(&mut result, name);
    result
}

fn rename_in(e: &mut Expr, name: &dyn Fn(ColumnId) -> ColumnId) {
    if let ExprKind::Column(id) = &mut e.kind {
        *id = name(*id);
    }
    e.for_each_child_mut(|c| rename_in(c, name));
}

/// The columns an expression reads.
pub(crate) fn columns_of(expr: &Expr) -> Vec<ColumnId> {
    let mut columns = Vec::new();
    expr.columns(&mut columns);
    columns
}
