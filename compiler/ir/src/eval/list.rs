//! The list operators without lambdas: `x in list` and `list[i]`.

use super::malformed_plan;
use crate::error::{ErrorCode, EvalError};
use crate::function::Function;
use crate::value::Value;

/// Applies `in` or an index to non-null operands; `None` for every other function.
pub(super) fn operator(function: Function, values: &[Value]) -> Option<Result<Value, EvalError>> {
    Some(match (function, values) {
        (Function::In, [x, Value::List(items)]) => Ok(contains(items, x)),
        (Function::Index, [Value::List(items), Value::Int(i)]) => index(items, *i),
        (Function::In | Function::Index, _) => {
            Err(malformed_plan(&format!("`{}` got arguments it does not take", function.name())))
        }
        _ => return None,
    })
}

/// `x == items[0] or x == items[1] or ...`: null if x is not there but a null is.
pub fn contains(items: &[Value], x: &Value) -> Value {
    if items.contains(x) {
        Value::Bool(true)
    } else if items.iter().any(Value::is_null) {
        Value::Null
    } else {
        Value::Bool(false)
    }
}

fn index(items: &[Value], i: i64) -> Result<Value, EvalError> {
    usize::try_from(i).ok().and_then(|at| items.get(at)).cloned().ok_or_else(|| out_of_range(i, items.len()))
}

/// The error of an index outside a list of `len` elements.
pub fn out_of_range(i: i64, len: usize) -> EvalError {
    let elements = if len == 1 { "element" } else { "elements" };
    EvalError::new(ErrorCode::OutOfRange, format!("index {i} is out of range for a list of {len} {elements}"))
}
