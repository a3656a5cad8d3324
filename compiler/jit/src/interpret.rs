//! Steps computed by the reference interpreter, row by row.

use crate::select::Operand;
use flow_ir::column::ColumnBuilder;
use flow_ir::eval::{Row, eval};
use flow_ir::{Column, ColumnId, ErrorCode, EvalError, Expr, Type, Value};

/// A row of the operands: the expression's column `k` is operand `k`.
struct OperandRow<'a> {
    operands: &'a [(Operand<'a>, &'a Type)],
    row: usize,
}

impl Row for OperandRow<'_> {
    fn value(&self, id: ColumnId) -> Result<Value, EvalError> {
        match self.operands.get(id.0 as usize) {
            Some((operand, ty)) => operand.value(self.row, ty).map_err(|status| {
                EvalError::new(ErrorCode::from_status(status).unwrap_or(ErrorCode::Argument), String::new())
            }),
            None => Err(EvalError::new(ErrorCode::Argument, format!("column {} does not exist", id.0))),
        }
    }
}

/// Computes `expr` for every row.
pub(crate) fn interpret(expr: &Expr, operands: &[(Operand<'_>, &Type)], rows: usize) -> Column {
    let natives = flow_stdlib::library();
    let mut column = ColumnBuilder::new(&expr.ty.kind, rows);
    for row in 0..rows {
        let value = eval(expr, &OperandRow { operands, row }, natives);
        column.push(value.as_ref().map_err(|e| e.code as u8));
    }
    column.finish()
}

/// A constant as a column.
pub(crate) fn constant_column(value: &Value, ty: &Type, rows: usize) -> Column {
    let mut column = ColumnBuilder::new(ty, rows);
    for _ in 0..rows {
        column.push(Ok(value));
    }
    column.finish()
}
