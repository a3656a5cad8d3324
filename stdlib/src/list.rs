//! Functions on lists, and `hash` of anything. Like aggregates, `sum min max join` skip nulls.

use crate::exact_sum::{ExactSum, WholeSum};
use crate::library::{Outcome, argument_error};
use crate::text::{TEXT_BYTES_MAX, slice_range, too_long};
use flow_ir::eval::{contains, decimal_fits, decimal_rescale};
use flow_ir::value::float_key;
use flow_ir::{DataType, ErrorCode, EvalError, Function, Type, Value};
use std::collections::HashSet;
use std::sync::Arc;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// The longest list `range` makes.
const RANGE_MAX: i128 = 10_000_000;

pub(crate) fn call(function: Function, arguments: &[Value], result: &DataType) -> Outcome {
    use Value::{Int, List, String};
    Some(match (function, arguments) {
        (Function::Hash, [x]) => Ok(Int(hash(x))),
        (Function::Range, [Int(from), Int(to)]) => range(*from, *to),
        (Function::Dot, [List(a), List(b)]) => return dot(a, b),
        (Function::Len, [List(items)]) => Ok(Int(items.len() as i64)),
        (Function::Contains, [List(items), x]) => Ok(contains(items, x)),
        (Function::Slice, [List(items), Int(from)]) => Ok(slice(items, *from, None)),
        (Function::Slice, [List(items), Int(from), Int(to)]) => Ok(slice(items, *from, Some(*to))),
        (Function::Reverse, [List(items)]) => Ok(List(items.iter().rev().cloned().collect())),
        (Function::Get, [List(items), Int(i)]) => {
            Ok(usize::try_from(*i).ok().and_then(|i| items.get(i)).cloned().unwrap_or(Value::Null))
        }
        (Function::ListSum, [List(items)]) => return sum(items, &result.kind),
        (Function::ListMean, [List(items)]) => return mean(items),
        (Function::Zip, [List(left), List(right)]) => zip(left, right),
        (Function::ListMin, [List(items)]) => Ok(least(present(items), |a, b| a < b)),
        (Function::ListMax, [List(items)]) => Ok(least(present(items), |a, b| a > b)),
        (Function::ListSort, [List(items)]) => {
            let mut sorted = items.to_vec();
            sorted.sort();
            Ok(List(sorted.into()))
        }
        (Function::ListDistinct, [List(items)]) => {
            let mut seen = HashSet::new();
            Ok(List(items.iter().filter(|x| seen.insert(*x)).cloned().collect()))
        }
        (Function::JoinText, [List(items), String(separator)]) => return join(items, separator),
        _ => return None,
    })
}

fn present(items: &[Value]) -> impl Iterator<Item = &Value> {
    items.iter().filter(|x| !x.is_null())
}

/// The first value no other is better than; null of none.
fn least<'a>(items: impl Iterator<Item = &'a Value>, better: impl Fn(&Value, &Value) -> bool) -> Value {
    items.reduce(|best, x| if better(x, best) { x } else { best }).cloned().unwrap_or(Value::Null)
}

fn slice(items: &Arc<[Value]>, from: i64, to: Option<i64>) -> Value {
    Value::List(items.get(slice_range(items.len(), from, to)).unwrap_or(&[]).into())
}

/// The sum of the values that are there: ints in 128 bits, decimals exactly, floats correctly
/// rounded; zero of nothing.
fn sum(items: &[Value], ty: &Type) -> Outcome {
    let mut total: i128 = 0;
    let mut floats = ExactSum::default();
    let mut overflow = false;
    for item in present(items) {
        let addend = match (item, ty) {
            (Value::Int(x) | Value::Duration(x), _) => Some(i128::from(*x)),
            (Value::Float(x), _) => {
                floats.add(*x);
                Some(0)
            }
            (Value::Decimal { unscaled, scale: s }, Type::Decimal { scale, .. }) => {
                decimal_rescale(*unscaled, *s, *scale)
            }
            _ => return None,
        };
        match addend.and_then(|x| total.checked_add(x)) {
            Some(t) => total = t,
            None => overflow = true,
        }
    }
    let fitting = i64::try_from(total).ok();
    let sum = match ty {
        Type::Float => Some(Value::Float(floats.finish())),
        Type::Duration => fitting.map(Value::Duration),
        Type::Decimal { precision, scale } => {
            decimal_fits(total, *precision).then_some(Value::Decimal { unscaled: total, scale: *scale })
        }
        _ => fitting.map(Value::Int),
    };
    Some(sum.filter(|_| !overflow).ok_or_else(|| {
        EvalError::new(ErrorCode::Overflow, format!("the sum of a list does not fit in {ty}"))
    }))
}

/// The exact sum of the values that are there, divided by their number and rounded once.
fn mean(items: &[Value]) -> Outcome {
    let mut whole = WholeSum::default();
    let mut floats = ExactSum::default();
    let (mut count, mut digits) = (0u64, 0);
    for item in present(items) {
        count += 1;
        match item {
            Value::Float(x) => floats.add(*x),
            Value::Int(x) => whole.add(i128::from(*x)),
            Value::Decimal { unscaled, scale } => {
                digits = *scale;
                whole.add(*unscaled);
            }
            _ => return None,
        }
    }
    Some(Ok(match present(items).next() {
        None => Value::Null,
        Some(Value::Float(_)) => Value::Float(floats.mean(count)),
        Some(_) => Value::Float(whole.mean(count, digits)),
    }))
}

fn zip(left: &[Value], right: &[Value]) -> Result<Value, EvalError> {
    if left.len() != right.len() {
        let text = format!("`zip` needs lists of the same length, not {} and {}", left.len(), right.len());
        return Err(argument_error(text));
    }
    let pairs = left.iter().zip(right).map(|(a, b)| Value::Record([a.clone(), b.clone()].into()));
    Ok(Value::List(pairs.collect()))
}

fn dot(a: &[Value], b: &[Value]) -> Outcome {
    if a.len() != b.len() {
        let text = format!("`dot` needs lists of the same length, not {} and {}", a.len(), b.len());
        return Some(Err(argument_error(text)));
    }
    let mut total = ExactSum::default();
    for pair in a.iter().zip(b) {
        match pair {
            (Value::Float(x), Value::Float(y)) => total.add(x * y),
            (Value::Null, _) | (_, Value::Null) => return Some(Ok(Value::Null)),
            _ => return None,
        }
    }
    Some(Ok(Value::Float(total.finish())))
}

fn range(from: i64, to: i64) -> Result<Value, EvalError> {
    if i128::from(to) - i128::from(from) > RANGE_MAX {
        return Err(EvalError::new(
            ErrorCode::Overflow,
            format!("range({from}, {to}) has more than {RANGE_MAX} elements"),
        ));
    }
    Ok(Value::List((from..to).map(Value::Int).collect()))
}

fn join(items: &[Value], separator: &str) -> Outcome {
    let mut out = String::new();
    for (i, item) in present(items).enumerate() {
        let Value::String(s) = item else { return None };
        if i > 0 {
            out.push_str(separator);
        }
        out.push_str(s);
        if out.len() > TEXT_BYTES_MAX {
            return Some(Err(too_long("join")));
        }
    }
    Some(Ok(Value::string(out)))
}

/// A stable 64-bit hash: xxh3 of a value's bytes. Equal values hash alike (one NaN, one zero,
/// decimals without trailing zeros), on every machine and in every version.
pub(crate) fn hash(x: &Value) -> i64 {
    let bits = match x {
        Value::String(s) => hash_bytes(s.as_bytes()),
        Value::Int(x) | Value::Timestamp(x) | Value::Duration(x) => hash_int(*x),
        Value::Date(x) => hash_int(i64::from(*x)),
        Value::Bool(x) => hash_int(i64::from(*x)),
        Value::Float(x) => hash_float(*x),
        Value::Decimal { unscaled, scale } => hash_decimal(*unscaled, *scale),
        Value::Bytes(b) => hash_bytes(b),
        other => {
            let mut state = Xxh3::new();
            feed(other, &mut state);
            state.digest()
        }
    };
    bits as i64
}

pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

pub(crate) fn hash_int(x: i64) -> u64 {
    xxh3_64(&x.to_le_bytes())
}

pub(crate) fn hash_float(x: f64) -> u64 {
    xxh3_64(&float_key(x).to_le_bytes())
}

pub(crate) fn hash_decimal(unscaled: i128, scale: u8) -> u64 {
    let (mut unscaled, mut scale) = (unscaled, scale);
    while scale > 0 && unscaled % 10 == 0 {
        unscaled /= 10;
        scale -= 1;
    }
    let mut bytes = [0; 17];
    bytes[..16].copy_from_slice(&unscaled.to_le_bytes());
    bytes[16] = scale;
    xxh3_64(&bytes)
}

/// Lists and records: each part's hash behind how many parts there are, so that nesting counts.
fn feed(x: &Value, state: &mut Xxh3) {
    match x {
        Value::List(items) | Value::Record(items) => {
            state.update(&(items.len() as u64).to_le_bytes());
            for item in items.iter() {
                state.update(&[u8::from(item.is_null())]);
                state.update(&hash(item).to_le_bytes());
            }
        }
        Value::Regex(s) => state.update(s.as_bytes()),
        _ => {}
    }
}
