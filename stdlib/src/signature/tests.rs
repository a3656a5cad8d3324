//! What fits, what widens, what is refused and with which words.

use super::*;
use flow_ir::{Field, Type};

fn ty(text: &str) -> DataType {
    let (text, nullable) = match text.strip_suffix('?') {
        Some(t) => (t, true),
        None => (text, false),
    };
    let kind = match text {
        "null" => Type::Null,
        "bool" => Type::Bool,
        "int" => Type::Int,
        "float" => Type::Float,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "date" => Type::Date,
        "timestamp" => Type::Timestamp,
        "duration" => Type::Duration,
        "regex" => Type::Regex,
        _ => match text.strip_prefix("list<").and_then(|t| t.strip_suffix('>')) {
            Some(element) => Type::List(Box::new(ty(element))),
            None => {
                let digits = text.strip_prefix("decimal(").and_then(|t| t.strip_suffix(')'));
                let (p, s) = digits.and_then(|d| d.split_once(',')).expect("a type");
                Type::Decimal { precision: p.parse().expect("digits"), scale: s.parse().expect("digits") }
            }
        },
    };
    DataType { kind, nullable }
}

fn types(texts: &[&str]) -> Vec<DataType> {
    texts.iter().map(|t| ty(t)).collect()
}

fn fits(name: &str, arguments: &[&str], widened: &[&str], result: &str) {
    let resolved = resolve(name, &types(arguments));
    let resolved = resolved.unwrap_or_else(|e| panic!("{name}{arguments:?}: {}", e.message));
    assert_eq!(resolved.arguments, types(widened), "{name}{arguments:?}");
    assert_eq!(resolved.result, ty(result), "{name}{arguments:?}: {}", resolved.result);
}

fn refused(name: &str, arguments: &[&str], message: &str) {
    let error = resolve(name, &types(arguments)).expect_err("a refusal");
    assert_eq!(error.message, message);
}

#[test]
fn arithmetic_widens_ints_and_bounds_decimals() {
    fits("+", &["int", "int"], &["int", "int"], "int");
    fits("+", &["int", "float?"], &["float", "float?"], "float?");
    fits("/", &["int", "int"], &["int", "int"], "float");
    fits("-", &["decimal(12,2)", "int"], &["decimal(12,2)", "decimal(19,0)"], "decimal(22,2)");
    fits("+", &["decimal(38,2)", "decimal(38,2)"], &["decimal(38,2)", "decimal(38,2)"], "decimal(38,2)");
    fits("*", &["decimal(12,2)", "decimal(5,3)"], &["decimal(12,2)", "decimal(5,3)"], "decimal(17,5)");
    fits("/", &["decimal(12,2)", "int"], &["decimal(12,2)", "decimal(19,0)"], "float");
    fits("//", &["decimal(12,2)", "decimal(5,3)"], &["decimal(12,2)", "decimal(5,3)"], "decimal(14,0)");
    fits("%", &["decimal(12,2)", "decimal(5,3)"], &["decimal(12,2)", "decimal(5,3)"], "decimal(5,3)");
    fits("**", &["int", "int"], &["float", "float"], "float");
    fits("pow", &["float", "int?"], &["float", "float?"], "float?");
    fits("neg", &["decimal(12,2)?"], &["decimal(12,2)?"], "decimal(12,2)?");
    fits("+", &["null", "float"], &["float?", "float"], "float?");
    fits("+", &["null", "null"], &["int?", "int?"], "int?");
    refused("+", &["string", "int"], "cannot add `string` and `int`");
    refused("-", &["date", "int"], "cannot subtract `int` from `date`");
    refused("*", &["decimal(12,2)", "float"], "cannot multiply `decimal(12, 2)` by `float`");
    refused(
        "*",
        &["decimal(38,20)", "decimal(38,20)"],
        "this product would have 40 digits after the point; a decimal has at most 38",
    );
}

#[test]
fn time_arithmetic_has_its_own_kinds() {
    fits("-", &["timestamp", "timestamp?"], &["timestamp", "timestamp?"], "duration?");
    fits("-", &["date", "date"], &["date", "date"], "duration");
    fits("+", &["date", "duration"], &["date", "duration"], "date");
    fits("+", &["duration", "timestamp"], &["duration", "timestamp"], "timestamp");
    fits("*", &["int", "duration"], &["int", "duration"], "duration");
    fits("/", &["duration", "duration"], &["duration", "duration"], "float");
    refused("+", &["timestamp", "timestamp"], "cannot add `timestamp` and `timestamp`");
}

#[test]
fn comparisons_need_one_kind() {
    fits("==", &["int", "float"], &["float", "float"], "bool");
    fits("<", &["decimal(12,2)", "decimal(5,4)?"], &["decimal(12,2)", "decimal(5,4)?"], "bool?");
    fits("<", &["int", "decimal(5,4)"], &["decimal(19,0)", "decimal(5,4)"], "bool");
    fits("==", &["string", "null"], &["string", "string?"], "bool?");
    fits("between", &["int", "int", "float"], &["float", "float", "float"], "bool");
    fits("in", &["int", "list<float>"], &["float", "list<float>"], "bool");
    fits("in", &["float", "list<int>"], &["float", "list<float>"], "bool");
    fits("in", &["string", "list<string?>"], &["string", "list<string?>"], "bool?");
    fits("contains", &["list<string>", "string"], &["list<string>", "string"], "bool");
    refused("==", &["date", "timestamp"], "cannot compare `date` and `timestamp`");
    refused("==", &["regex", "regex"], "cannot compare `regex` and `regex`");
    refused("in", &["string", "list<int>"], "a `list<int>` cannot contain a `string`");
}

#[test]
fn functions_type_their_families() {
    fits("lower", &["string?"], &["string?"], "string?");
    fits("split", &["string", "regex"], &["string", "regex"], "list<string>");
    fits("extract", &["string", "regex"], &["string", "regex"], "string?");
    fits("index", &["list<string>", "int"], &["list<string>", "int"], "string");
    fits("get", &["list<string>", "int"], &["list<string>", "int"], "string?");
    fits("=~", &["string", "regex"], &["string", "regex"], "bool");
    fits("len", &["list<int>"], &["list<int>"], "int");
    fits("int", &["bool"], &["bool"], "int");
    fits("date", &["string", "string"], &["string", "string"], "date");
    fits("date", &["timestamp?"], &["timestamp?"], "date?");
    fits("round", &["decimal(12,2)"], &["decimal(12,2)"], "decimal(11,0)");
    fits("round", &["decimal(12,2)", "int"], &["decimal(12,2)", "int"], "decimal(13,2)");
    fits("floor", &["float"], &["float"], "float");
    fits("sqrt", &["int"], &["float"], "float");
    fits("least", &["int", "float", "int?"], &["float", "float", "float?"], "float?");
    fits(
        "greatest",
        &["decimal(38,0)", "decimal(38,10)"],
        &["decimal(38,10)", "decimal(38,10)"],
        "decimal(38,10)",
    );
    fits("trunc", &["timestamp", "string"], &["timestamp", "string"], "timestamp");
    fits("sum", &["list<int?>"], &["list<int?>"], "int");
    fits("min", &["list<float>"], &["list<float>"], "float?");
    fits("concat", &[], &[], "string");
    fits("hash", &["list<string>"], &["list<string>"], "int");
    fits("dot", &["list<int>", "list<float>"], &["list<float>", "list<float>"], "float");
    refused("lower", &["int"], "`lower` takes a string here, not `int`");
    refused("replace", &["string"], "`replace` takes 3 arguments, not 1");
    refused("round", &[], "`round` takes 1 to 2 arguments, not 0");
    refused("year", &["string"], "`year` takes a date or a timestamp here, not `string`");
    refused("nope", &[], "there is no function `nope`");
    refused("decimal", &["string"], "`decimal` takes an int or a decimal here, not `string`");
    assert_eq!(resolve_decimal(&ty("string?"), 12, 2).map(|r| r.result), Ok(ty("decimal(12,2)?")));
    assert!(resolve_decimal(&ty("string"), 39, 2).is_err());
}

#[test]
fn lambdas_are_typed_in_two_steps() {
    let list = ty("list<int>?");
    assert_eq!(lambda_parameters(Function::ListMap, &list), Ok(vec![ty("int")]));
    assert_eq!(lambda_result(Function::ListMap, &list, &ty("string?")), Ok(ty("list<string?>?")));
    assert_eq!(lambda_result(Function::ListFilter, &list, &ty("bool?")), Ok(list.clone()));
    assert_eq!(lambda_result(Function::ArgMin, &list, &ty("float")), Ok(ty("int?")));
    assert!(lambda_result(Function::ListFilter, &list, &ty("int")).is_err());
    assert!(lambda_parameters(Function::ListMap, &ty("int")).is_err());
}

#[test]
fn common_types_lose_nothing() {
    let common = |a, b| common_type(&ty(a), &ty(b)).map(|t| t.to_string());
    assert_eq!(common("int", "null").as_deref(), Some("int?"));
    assert_eq!(common("int", "float?").as_deref(), Some("float?"));
    assert_eq!(common("decimal(12,2)", "decimal(6,4)").as_deref(), Some("decimal(14, 4)"));
    assert_eq!(common("decimal(12,2)", "int").as_deref(), Some("decimal(21, 2)"));
    assert_eq!(common("list<int>", "list<float?>").as_deref(), Some("list<float?>"));
    assert_eq!(common("list<null>", "list<string>").as_deref(), Some("list<string?>"));
    assert_eq!(common("decimal(12,2)", "float"), None);
    assert_eq!(common("date", "timestamp"), None);
    let record = |nullable| {
        let ty = DataType { kind: Type::Int, nullable };
        DataType::required(Type::Record(vec![Field { name: "a".to_owned(), ty }]))
    };
    assert_eq!(common_type(&record(false), &record(true)), Some(record(true)));
    assert_eq!(conversion(&Type::Int, &Type::Float), Some(Function::ToFloat));
    assert_eq!(conversion(&ty("list<int>").kind, &ty("list<float>").kind), Some(Function::ToFloat));
    assert_eq!(conversion(&Type::String, &Type::String), None);
}

#[test]
fn every_function_has_a_signature_and_every_name_a_function() {
    let candidates = [
        "int",
        "float",
        "decimal(12,2)",
        "string",
        "bytes",
        "bool",
        "date",
        "timestamp",
        "duration",
        "regex",
        "list<int>",
        "list<string>",
    ];
    for &function in Function::ALL {
        if takes_lambda(function) {
            assert!(lambda_parameters(function, &ty("list<int>")).is_ok());
            continue;
        }
        let mut found = resolve_function(function, &[]).is_ok();
        for a in candidates {
            found |= resolve_function(function, &types(&[a])).is_ok();
            for b in candidates {
                found |= resolve_function(function, &types(&[a, b])).is_ok();
                for c in candidates {
                    found |= resolve_function(function, &types(&[a, b, c])).is_ok();
                }
            }
        }
        assert!(found, "{} takes nothing", function.name());
    }
    for name in names() {
        assert!(lookup(name).is_some(), "{name}");
    }
    assert!(names().contains(&"lower") && lookup("neg").is_none() && lookup("+").is_none());
}
