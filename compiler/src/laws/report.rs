//! What trying a reducer has shown, as diagnostics with the values.

use super::Finding;
use crate::diagnostic::Diagnostic;
use flow_ir::types::quote_name;
use flow_ir::{DataType, Reducer, Span, Type, Value, text};

/// A finding about the reducer of an aggregate called `name`, whose values are `value` in the program.
pub(crate) fn diagnostic(
    finding: &Finding,
    reducer: &Reducer,
    (place, merge, value, suggestion): (Span, Span, &str, Option<&str>),
) -> Diagnostic {
    let acc = |v: &Value| shown(v, &reducer.accumulator);
    match finding {
        Finding::NotAssociative { values: [a, b, c], left, right } => {
            let (a, b, c) = (acc(a), acc(b), acc(c));
            let value = if reducer.start.is_some() { "accumulators" } else { value };
            let mut d = split(if reducer.start.is_some() { merge } else { place }, "not associative").note(
                format!(
                    "counterexample: {value} {a}, {b}, {c}\n  (({a}, {b}), {c}) -> {}\n  ({a}, ({b}, {c})) -> {}",
                    acc(left),
                    acc(right)
                ),
            );
            if let Some(suggestion) = suggestion {
                d = d.help(suggestion);
            }
            d.help(
                "if row order is the meaning: fold(..., step: ...) runs in input order, on one core per key",
            )
        }
        Finding::Rounding { values: [a, b, c], left, right } => {
            let (a, b, c) = (acc(a), acc(b), acc(c));
            let message = "this reduction is associative only up to rounding";
            Diagnostic::warning("W4007", place, message)
                .note(format!(
                    "for example: {value} {a}, {b}, {c}\n  (({a}, {b}), {c}) -> {}\n  ({a}, ({b}, {c})) -> {}",
                    acc(left),
                    acc(right)
                ))
                .note("so it runs in input order, on one core per key, and the result is the same everywhere")
                .help("`sum`, `mean`, `variance` and the like are exact and run in parallel")
        }
        Finding::StartCounts { a, merged } => split(merge, "the start is not neutral")
            .note(format!(
                "counterexample: merged with the start {}, {} becomes {}",
                reducer.start.as_ref().map(acc).unwrap_or_default(),
                acc(a),
                acc(merged)
            ))
            .note("every part begins with the start, so it must change nothing: merge(start, a) == a")
            .help("begin with the neutral value, and add the start to the result")
            .help("or leave out `merge`: then every key goes through its rows in input order, on one core"),
        Finding::MergeDiffers { a, x, merged, stepped } => {
            let item = value_text(x);
            split(merge, "does not agree with `step`")
                .note(format!(
                    "counterexample: after {}, the value {item}\n  step(acc, {item}) -> {}\n  merge(acc, step(start, {item})) -> {}",
                    acc(a),
                    acc(stepped),
                    acc(merged)
                ))
                .help("`merge` must add what the other part has counted, `step` one value")
                .help("or leave out `merge`: then every key goes through its rows in input order, on one core")
        }
        Finding::NotCommutative { values: [a, b], forward, backward } => {
            let (shown_a, shown_b) = (acc(a), acc(b));
            let what = if forward == a && backward == b {
                format!("of {shown_a} and {shown_b}, the earlier row in input order stays")
            } else if forward == b && backward == a {
                format!("of {shown_a} and {shown_b}, the later row in input order stays")
            } else {
                format!(
                    "{shown_a} before {shown_b} makes {}; the other way round, {}",
                    acc(forward),
                    acc(backward)
                )
            };
            let d = Diagnostic::remark("W4002", place, "this reduction depends on row order").note(what);
            match suggestion {
                Some(suggestion) => d.help(suggestion),
                None => d.note("row order is defined, so the result is the same everywhere"),
            }
        }
        Finding::ChangesSingle { a, neutral, changed } => {
            let message = "a key with a single row does not pass through this function";
            Diagnostic::warning("W4008", place, message)
                .note(format!(
                    "alone, {} stays as it is; beside {}, which changes no other result, it becomes {}",
                    acc(a),
                    acc(neutral),
                    acc(changed)
                ))
                .help("change the values first and combine them then: reduce(f(x), (a, b) -> ...)")
        }
    }
}

fn split(place: Span, caption: &str) -> Diagnostic {
    Diagnostic::error("F4001", place, "this reduction depends on how the data is split").caption(caption)
}

/// A value as a program would write it.
fn shown(value: &Value, ty: &DataType) -> String {
    match (value, &ty.kind) {
        (Value::Record(items), Type::Record(fields)) => {
            let parts = items
                .iter()
                .zip(fields)
                .map(|(v, f)| format!("{}: {}", quote_name(&f.name), shown(v, &f.ty)));
            format!("{{{}}}", parts.collect::<Vec<_>>().join(", "))
        }
        (Value::List(items), Type::List(item)) => {
            let parts: Vec<String> = items.iter().map(|v| shown(v, item)).collect();
            format!("[{}]", parts.join(", "))
        }
        _ => value_text(value),
    }
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(s) => format!("{s:?}"),
        other => text::display(other),
    }
}
