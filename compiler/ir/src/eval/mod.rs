//! The reference interpreter: it *defines* what expressions mean.
//!
//! The constant folder calls it, the JIT and the vectorized kernels are tested against it, and it
//! runs whatever neither of them can. The operators live here; the other functions are reached
//! through [`Natives`], so that this crate needs no regular expressions and no mathematics library.
//!
//! Strictness: a call whose arguments hold errors is the leftmost error; otherwise, if one is null,
//! it is null. Only the forms that are not [`ExprKind::Call`] look at their operands one by one.
//!
//! Recursion is as deep as the expression, which the parser bounds (256): frames are kept small by
//! leaving every form with locals of its own to a function of its own.

mod arithmetic;
mod decimal;
mod lambda;
mod list;
mod quotient;

pub use arithmetic::{
    compare, float_floor_divide, float_remainder, int_floor_divide, int_remainder, operator, whole_days,
};
pub use decimal::{
    PRECISION_MAX, decimal_fits, decimal_operation, decimal_rescale, decimal_round_half_away,
    decimal_to_float, float_to_decimal, power_of_ten, round_float, rounded_text,
};
pub use list::{contains, out_of_range};
pub use quotient::decimal_quotient;

use crate::error::{ErrorCode, EvalError};
use crate::expr::{Expr, ExprKind, LocalId};
use crate::function::Function;
use crate::logical::ColumnId;
use crate::types::DataType;
use crate::value::Value;

/// Where an expression's columns come from.
pub trait Row {
    /// The value of a column in this row; an error if the row's field is bad.
    fn value(&self, id: ColumnId) -> Result<Value, EvalError>;
}

/// The functions that are not operators. `flow_stdlib::library()` is the one implementation.
pub trait Natives {
    /// Calls `function`; no argument is null. `result` is the type of the call.
    fn call(&self, function: Function, arguments: &[Value], result: &DataType) -> Result<Value, EvalError>;
}

/// A row without columns, for constant expressions.
#[derive(Clone, Copy, Debug)]
pub struct NoRow;

impl Row for NoRow {
    fn value(&self, id: ColumnId) -> Result<Value, EvalError> {
        Err(malformed_plan(&format!("a constant reads column {}", id.0)))
    }
}

/// Computes `expr` for one row.
pub fn eval(expr: &Expr, row: &dyn Row, natives: &dyn Natives) -> Result<Value, EvalError> {
    Machine { row, natives, locals: Vec::new() }.eval(expr)
}

/// Computes `expr` for one row with the given variables bound, as the body of a lambda is.
pub fn eval_with(
    expr: &Expr,
    locals: &[(LocalId, Value)],
    row: &dyn Row,
    natives: &dyn Natives,
) -> Result<Value, EvalError> {
    Machine { row, natives, locals: locals.to_vec() }.eval(expr)
}

/// What an evaluation carries along: the row, the functions and the bound variables.
struct Machine<'a> {
    row: &'a dyn Row,
    natives: &'a dyn Natives,
    /// Innermost last, so that look-ups go backwards.
    locals: Vec<(LocalId, Value)>,
}

impl Machine<'_> {
    fn eval(&mut self, expr: &Expr) -> Result<Value, EvalError> {
        match &expr.kind {
            ExprKind::Column(id) => self.row.value(*id),
            ExprKind::Literal(value) => Ok(value.clone()),
            ExprKind::Local(id) => self.local(*id),
            ExprKind::Call { function, arguments } => self.call(*function, arguments, &expr.ty),
            ExprKind::And(a, b) => self.connective(a, b, false),
            ExprKind::Or(a, b) => self.connective(a, b, true),
            ExprKind::IsNull(a) => Ok(Value::Bool(self.eval(a)?.is_null())),
            ExprKind::Coalesce(a, b) => match self.eval(a)? {
                Value::Null => self.eval(b),
                value => Ok(value),
            },
            ExprKind::If { condition, then, otherwise } => {
                let chosen = if truth(&self.eval(condition)?)? == Some(true) { then } else { otherwise };
                self.eval(chosen)
            }
            ExprKind::Try(a) => Ok(self.eval(a).unwrap_or(Value::Null)),
            ExprKind::Same(a, b) => self.same(a, b),
            ExprKind::List(items) => Ok(Value::List(self.all(items)?.into())),
            ExprKind::Record(items) => Ok(Value::Record(self.all(items)?.into())),
            ExprKind::Field(record, index) => self.field(record, *index),
            ExprKind::Let { local, value, body } => self.bind(*local, value, body),
            ExprKind::Lambda { .. } => Err(malformed_plan("a lambda stands where a value must")),
        }
    }

    fn local(&self, id: LocalId) -> Result<Value, EvalError> {
        match self.locals.iter().rev().find(|(local, _)| *local == id) {
            Some((_, value)) => Ok(value.clone()),
            None => Err(malformed_plan(&format!("variable {} is not bound", id.0))),
        }
    }

    /// Kleene `and` (`decisive` is false) and `or` (`decisive` is true), left to right.
    fn connective(&mut self, a: &Expr, b: &Expr, decisive: bool) -> Result<Value, EvalError> {
        let left = truth(&self.eval(a)?)?;
        if left == Some(decisive) {
            return Ok(Value::Bool(decisive));
        }
        let right = truth(&self.eval(b)?)?;
        Ok(match (left, right) {
            (_, Some(r)) if r == decisive => Value::Bool(decisive),
            (None, _) | (_, None) => Value::Null,
            _ => Value::Bool(!decisive),
        })
    }

    fn same(&mut self, a: &Expr, b: &Expr) -> Result<Value, EvalError> {
        let left = self.eval(a)?;
        Ok(Value::Bool(left == self.eval(b)?))
    }

    fn all(&mut self, items: &[Expr]) -> Result<Vec<Value>, EvalError> {
        items.iter().map(|item| self.eval(item)).collect()
    }

    fn field(&mut self, record: &Expr, index: u32) -> Result<Value, EvalError> {
        match self.eval(record)? {
            Value::Null => Ok(Value::Null),
            Value::Record(fields) => fields
                .get(index as usize)
                .cloned()
                .ok_or_else(|| malformed_plan(&format!("a record has no field {index}"))),
            _ => Err(malformed_plan("a field is taken of something that is no record")),
        }
    }

    fn bind(&mut self, local: LocalId, value: &Expr, body: &Expr) -> Result<Value, EvalError> {
        let value = self.eval(value)?;
        self.bound(local, value, body)
    }

    fn bound(&mut self, local: LocalId, value: Value, body: &Expr) -> Result<Value, EvalError> {
        self.locals.push((local, value));
        let result = self.eval(body);
        self.locals.pop();
        result
    }

    fn call(&mut self, function: Function, arguments: &[Expr], ty: &DataType) -> Result<Value, EvalError> {
        match arguments {
            [.., Expr { kind: ExprKind::Lambda { .. }, .. }] => self.call_with_lambda(function, arguments),
            [a] => {
                let values = [self.eval(a)?];
                self.apply(function, &values, ty)
            }
            [a, b] => {
                let values = [self.eval(a)?, self.eval(b)?];
                self.apply(function, &values, ty)
            }
            _ => {
                let values = self.all(arguments)?;
                self.apply(function, &values, ty)
            }
        }
    }

    fn apply(&self, function: Function, values: &[Value], ty: &DataType) -> Result<Value, EvalError> {
        apply(function, values, ty, self.natives)
    }
}

/// Applies a strict function without a lambda to values, any of which may be null.
pub fn apply(
    function: Function,
    values: &[Value],
    result: &DataType,
    natives: &dyn Natives,
) -> Result<Value, EvalError> {
    if values.iter().any(Value::is_null) {
        return Ok(Value::Null);
    }
    if let Some(outcome) = operator(function, values, result) {
        return outcome;
    }
    if let Some(outcome) = list::operator(function, values) {
        return outcome;
    }
    natives.call(function, values, result)
}

/// A condition's value: `None` for null.
fn truth(value: &Value) -> Result<Option<bool>, EvalError> {
    match value {
        Value::Bool(b) => Ok(Some(*b)),
        Value::Null => Ok(None),
        _ => Err(malformed_plan("a condition is not a bool")),
    }
}

/// The error for plans the checker cannot have made. They cannot be told apart from data at run
/// time, so they are errors like any other rather than panics.
pub(crate) fn malformed_plan(what: &str) -> EvalError {
    EvalError::new(ErrorCode::Argument, format!("malformed plan: {what}"))
}

#[cfg(test)]
mod tests;
