//! The functions that take a lambda: `map`, `filter`, `any`, `all`, `argmin` and `argmax` over a list.
//!
//! The list is strict like any argument. The lambda is called once an element, in order; the first
//! error ends the call.

use super::{Machine, malformed_plan, truth};
use crate::error::EvalError;
use crate::expr::{Expr, ExprKind};
use crate::function::Function;
use crate::value::Value;
use std::cmp::Ordering;
use std::sync::Arc;

impl Machine<'_> {
    pub(super) fn call_with_lambda(
        &mut self,
        function: Function,
        arguments: &[Expr],
    ) -> Result<Value, EvalError> {
        let [list, Expr { kind: ExprKind::Lambda { parameters, body }, .. }] = arguments else {
            return Err(malformed_plan("a lambda function takes one list and one lambda"));
        };
        let ([parameter], true) = (parameters.as_slice(), function.takes_lambda()) else {
            return Err(malformed_plan(&format!("`{}` does not take this lambda", function.name())));
        };
        let items = match self.eval(list)? {
            Value::List(items) => items,
            Value::Null => return Ok(Value::Null),
            _ => return Err(malformed_plan("a lambda function is called on something that is no list")),
        };
        let mut results = Vec::with_capacity(items.len());
        for item in items.iter() {
            results.push(self.bound(*parameter, item.clone(), body)?);
        }
        match function {
            Function::ListMap => Ok(Value::List(results.into())),
            Function::ListFilter => filter(&items, &results),
            Function::ListAny => some_is(&results, true),
            Function::ListAll => some_is(&results, false).map(negated),
            Function::ArgMin => Ok(extreme(&results, Ordering::Less)),
            _ => Ok(extreme(&results, Ordering::Greater)),
        }
    }
}

fn filter(items: &[Value], keep: &[Value]) -> Result<Value, EvalError> {
    let mut kept = Vec::new();
    for (item, keep) in items.iter().zip(keep) {
        if truth(keep)? == Some(true) {
            kept.push(item.clone());
        }
    }
    Ok(Value::List(Arc::from(kept)))
}

/// Whether a condition has this value for some element; null is neither true nor false.
fn some_is(conditions: &[Value], wanted: bool) -> Result<Value, EvalError> {
    let mut found = false;
    for condition in conditions {
        found = found || truth(condition)? == Some(wanted);
    }
    Ok(Value::Bool(found))
}

fn negated(condition: Value) -> Value {
    match condition {
        Value::Bool(b) => Value::Bool(!b),
        other => other,
    }
}

/// The position of the first least or greatest key that is not null; null if there is none.
fn extreme(keys: &[Value], better: Ordering) -> Value {
    let mut best: Option<(usize, &Value)> = None;
    for (i, key) in keys.iter().enumerate().filter(|(_, k)| !k.is_null()) {
        if best.is_none_or(|(_, b)| key.cmp(b) == better) {
            best = Some((i, key));
        }
    }
    best.map_or(Value::Null, |(i, _)| Value::Int(i64::try_from(i).unwrap_or(i64::MAX)))
}
