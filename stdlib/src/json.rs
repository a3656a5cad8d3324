//! JSON texts: of values, and what stands at a path inside of one.

use crate::library::{Outcome, argument_error};
use flow_ir::text::{push_json, quoted, with_article};
use flow_ir::{DataType, ErrorCode, EvalError, Function, Type, Value};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

pub(crate) fn call(function: Function, arguments: &[Value]) -> Outcome {
    Some(match (function, arguments) {
        (Function::ToJson, [x]) => {
            let mut out = String::new();
            push_json(&mut out, x, &Type::Null);
            Ok(Value::string(out))
        }
        (Function::JsonGet, [Value::String(text), Value::String(path)]) => {
            parse_path(path).map_err(argument_error).and_then(|steps| get(text, &steps))
        }
        _ => return None,
    })
}

/// The value of type `ty` that a JSON text is, by the rules of JSON lines; what is wrong with it otherwise. Keys
/// that a record does not have are wrong here: nobody else has written this text.
pub fn value_of_json(text: &str, ty: &DataType) -> Result<Value, String> {
    let text = text.trim();
    let wrong = || flow_ir::text::not_a_message(text, &ty.kind);
    if text == "null" {
        return if ty.nullable {
            Ok(Value::Null)
        } else {
            Err(format!("null is not {}", with_article(&ty.kind)))
        };
    }
    let string = || serde_json::from_str::<String>(text).ok();
    let number = || text.starts_with(|c: char| c == '-' || c.is_ascii_digit()).then_some(text);
    let scalar = match &ty.kind {
        Type::List(item) => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| wrong())?;
            let items = items.iter().map(|i| value_of_json(i.get(), item));
            return Ok(Value::List(items.collect::<Result<Vec<_>, _>>()?.into()));
        }
        Type::Record(fields) => {
            let found: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(|_| wrong())?;
            if let Some(key) = found.keys().find(|key| !fields.iter().any(|f| f.name == **key)) {
                return Err(format!("{} has no field {}", ty.kind, quoted(key)));
            }
            let values = fields.iter().map(|f| match found.get(&f.name) {
                Some(value) => value_of_json(value.get(), &f.ty).map_err(|why| format!("{}: {why}", f.name)),
                None if f.ty.nullable => Ok(Value::Null),
                None => Err(format!("it has no field {}", quoted(&f.name))),
            });
            return Ok(Value::Record(values.collect::<Result<Vec<_>, _>>()?.into()));
        }
        Type::Bool => Some(text.to_owned()).filter(|t| t == "true" || t == "false"),
        Type::Int => number().map(str::to_owned),
        Type::Float | Type::Decimal { .. } => number().map(str::to_owned).or_else(string),
        _ => string(),
    };
    scalar.and_then(|t| flow_ir::text::parse(&t, &ty.kind)).ok_or_else(wrong)
}

/// A step from a value to one inside of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// Says in one sentence what is wrong with a path, if anything is.
pub(crate) fn check_json_path(path: &str) -> Result<(), String> {
    parse_path(path).map(|_| ())
}

/// The steps of a path such as `a.b[0]."key with dots"`; `$` may stand in front.
fn parse_path(path: &str) -> Result<Vec<Step>, String> {
    let wrong = || format!("`{path}` is not a path, such as a.b[0] or a.\"b c\"");
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, behind) = if let Some(index) = rest.strip_prefix('[') {
            let (digits, behind) = index.split_once(']').ok_or_else(wrong)?;
            let digits = Some(digits).filter(|d| d.bytes().all(|b| b.is_ascii_digit())).ok_or_else(wrong)?;
            (Step::Index(digits.parse().map_err(|_| wrong())?), behind)
        } else {
            let first = steps.is_empty() && path.starts_with(rest);
            let key = if first { rest } else { rest.strip_prefix('.').ok_or_else(wrong)? };
            match key.strip_prefix('"') {
                Some(text) => {
                    let (key, behind) = text.split_once('"').ok_or_else(wrong)?;
                    (Step::Key(key.to_owned()), behind)
                }
                None => {
                    let end = key.find(['.', '[']).unwrap_or(key.len());
                    let (key, behind) = key.split_at(end);
                    (Step::Key(Some(key).filter(|k| !k.is_empty()).ok_or_else(wrong)?.to_owned()), behind)
                }
            }
        };
        steps.push(step);
        rest = behind;
    }
    Ok(steps)
}

/// What stands at a path: the text of a string, the JSON of another value, null of nothing.
fn get(text: &str, steps: &[Step]) -> Result<Value, EvalError> {
    let broken = |e: serde_json::Error| {
        EvalError::new(ErrorCode::Conversion, format!("{} is not JSON: {e}", quoted(text)))
    };
    let mut at: &RawValue = serde_json::from_str(text).map_err(broken)?;
    for step in steps {
        let inner = match (step, at.get().as_bytes().first()) {
            (Step::Key(key), Some(b'{')) => {
                let mut fields: BTreeMap<Cow<'_, str>, &RawValue> =
                    serde_json::from_str(at.get()).map_err(broken)?;
                fields.remove(key.as_str())
            }
            (Step::Index(i), Some(b'[')) => {
                let items: Vec<&RawValue> = serde_json::from_str(at.get()).map_err(broken)?;
                items.get(*i).copied()
            }
            _ => None,
        };
        match inner {
            Some(inner) => at = inner,
            None => return Ok(Value::Null),
        }
    }
    match at.get() {
        "null" => Ok(Value::Null),
        string if string.starts_with('"') => {
            serde_json::from_str::<String>(string).map(Value::string).map_err(broken)
        }
        other => Ok(Value::string(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, path: &str) -> Result<Value, EvalError> {
        get(text, &parse_path(path).expect("a path"))
    }

    #[test]
    fn paths_reach_inside() {
        let text =
            r#" {"a": {"b": [1, {"c": "x\u00e9\n"}], "b c": 1.50, "n": null}, "a.b": true, "k": 1, "k": 2} "#;
        for (path, expected) in [
            ("a.b[0]", Value::string("1")),
            ("$.a.b[1].c", Value::string("xé\n")),
            ("a.b[1]", Value::string(r#"{"c": "x\u00e9\n"}"#)),
            (r#"a."b c""#, Value::string("1.50")),
            (r#""a.b""#, Value::string("true")),
            ("k", Value::string("2")),
            ("a.n", Value::Null),
            ("a.b[2]", Value::Null),
            ("a.b.c", Value::Null),
            ("z", Value::Null),
        ] {
            assert_eq!(at(text, path), Ok(expected), "{path}");
        }
        assert_eq!(at("12345678901234567890123", ""), Ok(Value::string("12345678901234567890123")));
        assert_eq!(at("[[7]]", "[0][0]"), Ok(Value::string("7")));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for path in ["a..b", ".a", "a.", "a[", "a[x]", "a[-1]", "a[]", "[0]a", "\"a"] {
            assert!(check_json_path(path).is_err(), "{path}");
        }
        for text in ["", "{", "{\"a\": 1} x", "\"\\ud800\"", "nul"] {
            assert!(at(text, "").is_err() || at(text, "a").is_err(), "{text}");
        }
        // Deep nesting must not use up the stack.
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let _ = at(&deep, "[0][0]");
        assert!(at(&"[".repeat(100_000), "[0]").is_err());
    }
}
