//! `reduce` and `fold`: the functions of a program applied to the values of a group.

use flow_ir::eval::{NoRow, eval_with};
use flow_ir::{ErrorCode, EvalError, Expr, ExprKind, Reducer, Value};

/// Applies a lambda of two parameters.
pub(crate) fn call(lambda: &Expr, a: Value, b: Value) -> Result<Value, EvalError> {
    match &lambda.kind {
        ExprKind::Lambda { parameters, body } => match parameters.as_slice() {
            [first, second] => eval_with(body, &[(*first, a), (*second, b)], &NoRow, flow_stdlib::library()),
            _ => Err(no_lambda()),
        },
        _ => Err(no_lambda()),
    }
}

/// The checker makes none of these, and a plan from elsewhere is verified.
fn no_lambda() -> EvalError {
    EvalError::new(ErrorCode::Argument, "malformed plan: a reducer is no function of two values")
}

/// Adds a value to an accumulator; `None` is the one of nothing.
pub(crate) fn step(reducer: &Reducer, acc: Option<Value>, value: Value) -> Result<Value, EvalError> {
    match acc.or_else(|| reducer.start.clone()) {
        Some(acc) => call(&reducer.step, acc, value),
        None => Ok(value),
    }
}

/// Adds what later rows were reduced to.
pub(crate) fn merge(reducer: &Reducer, acc: Value, later: Value) -> Result<Value, EvalError> {
    call(reducer.merge.as_ref().unwrap_or(&reducer.step), acc, later)
}

/// What values in row order are reduced to, after an accumulator if there is one; of nothing the
/// start, or null.
pub(crate) fn in_order(
    reducer: &Reducer,
    mut acc: Option<Value>,
    values: impl Iterator<Item = Value>,
) -> Result<Value, EvalError> {
    for value in values {
        acc = Some(step(reducer, acc, value)?);
    }
    Ok(acc.or_else(|| reducer.start.clone()).unwrap_or(Value::Null))
}
