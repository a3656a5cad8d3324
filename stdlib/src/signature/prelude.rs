//! The types of the named functions, by family.

use super::call::Call;
use super::widen::{INT_AS_DECIMAL, common_type};
use super::{Resolved, SignatureError};
use flow_ir::eval::PRECISION_MAX;
use flow_ir::typing::pair;
use flow_ir::{DataType, Function, Type};

type Outcome = Result<Resolved, SignatureError>;

/// The type of a call of a named function.
pub(super) fn resolve(call: &Call<'_>) -> Outcome {
    use Function::*;
    match call.function {
        ToInt | ToFloat | ToDecimal | ToString | ToDate | ToTimestamp | ToDuration | ToBytes | ToJson
        | JsonGet | Concat | FormatNumber => convert(call),
        Len | ByteLen | Lower | Upper | Trim | Replace | Split | StartsWith | EndsWith | Contains | Slice
        | PadLeft | PadRight | Repeat | Reverse | Extract | ExtractAll => text(call),
        Levenshtein | UrlEncode | UrlDecode | Base64 | FromBase64 | Hex | FromHex | Utf8 => encoding(call),
        Abs | Round | Floor | Ceil | Sqrt | Exp | Ln | Log10 | Sin | Cos | Tan | Asin | Acos | Atan
        | Atan2 | Least | Greatest | Sign | IsNan | WrappingAdd | WrappingSub | WrappingMul => number(call),
        Year | Month | Day | Weekday | Hour | Minute | Second | Trunc | FormatTime | Seconds | AddMonths
        | AtZone | FromZone => time(call),
        f if f.takes_lambda() => Err(call.refuse(1, "a function, such as x -> x + 1,")),
        _ => list(call),
    }
}

fn convert(call: &Call<'_>) -> Outcome {
    match call.function {
        Function::ToInt => {
            call.count(1, 1)?;
            let kind = one_of(
                call,
                0,
                |t| t.is_numeric() || matches!(t, Type::String | Type::Bool),
                "a number, a string or a bool",
            )?;
            call.strict(vec![call.take(0, &kind)?], Type::Int)
        }
        Function::ToFloat => {
            call.count(1, 1)?;
            let kind = one_of(call, 0, |t| t.is_numeric() || *t == Type::String, "a number or a string")?;
            call.strict(vec![call.take(0, &kind)?], Type::Float)
        }
        Function::ToDecimal => decimal(call),
        Function::ToString => {
            call.count(1, 1)?;
            let kind = one_of(call, 0, has_text, "a value without named fields")?;
            call.strict(vec![call.take(0, &kind)?], Type::String)
        }
        Function::ToDate => from_text(call, Type::Date, Type::Timestamp),
        Function::ToTimestamp => from_text(call, Type::Timestamp, Type::Date),
        Function::ToDuration => {
            call.count(1, 1)?;
            let kind =
                one_of(call, 0, |t| matches!(t, Type::Duration | Type::String), "a string or a duration")?;
            call.strict(vec![call.take(0, &kind)?], Type::Duration)
        }
        Function::ToBytes => signature(call, &[Type::String], Type::Bytes),
        Function::ToJson => {
            call.count(1, 1)?;
            let kind = one_of(call, 0, has_text, "a value")?;
            call.strict(vec![call.take(0, &kind)?], Type::String)
        }
        Function::JsonGet => {
            call.count(2, 2)?;
            call.optional(vec![call.take(0, &Type::String)?, call.take(1, &Type::String)?], Type::String)
        }
        Function::FormatNumber => {
            call.count(2, 2)?;
            let kind = one_of(call, 0, Type::is_numeric, "a number")?;
            call.strict(vec![call.take(0, &kind)?, call.take(1, &Type::String)?], Type::String)
        }
        _ => {
            let arguments = (0..call.arguments.len()).map(|i| call.take(i, &Type::String));
            call.strict(arguments.collect::<Result<_, _>>()?, Type::String)
        }
    }
}

/// Whether a value's text needs nothing but the value: the names in records are in their types.
fn has_text(ty: &Type) -> bool {
    match ty {
        Type::Regex | Type::Record(_) => false,
        Type::List(element) => has_text(&element.kind),
        _ => true,
    }
}

/// `decimal(x)` without digits, for numbers whose digits are known.
fn decimal(call: &Call<'_>) -> Outcome {
    call.count(1, 1)?;
    match call.kind(0) {
        Type::Int => call.strict(vec![call.take(0, &Type::Int)?], INT_AS_DECIMAL),
        kind @ Type::Decimal { .. } => call.strict(vec![call.take(0, kind)?], kind.clone()),
        _ => {
            let mut error = call.refuse(0, "an int or a decimal");
            error.help = Some("say how many digits the result has: decimal(x, 12, 2)".to_owned());
            Err(error)
        }
    }
}

pub(super) fn resolve_decimal(argument: &DataType, precision: u8, scale: u8) -> Outcome {
    let call = Call { function: Function::ToDecimal, arguments: std::slice::from_ref(argument) };
    if precision == 0 || precision > PRECISION_MAX || scale > precision {
        return Err(call.operands(&format!(
            "decimal({precision}, {scale}) has no values: the digits are 1 to {PRECISION_MAX}, those after the point no more"
        )));
    }
    let kind = one_of(&call, 0, |t| t.is_numeric() || *t == Type::String, "a number or a string")?;
    call.strict(vec![call.take(0, &kind)?], Type::Decimal { precision, scale })
}

/// `date(x)`, `date(x, format)` and the same of `timestamp`.
fn from_text(call: &Call<'_>, own: Type, other: Type) -> Outcome {
    call.count(1, 2)?;
    if call.arguments.len() == 2 {
        return call.strict(vec![call.take(0, &Type::String)?, call.take(1, &Type::String)?], own);
    }
    let expected = if own == Type::Date { "a timestamp or a string" } else { "a date or a string" };
    let kind = one_of(call, 0, |t| *t == own || *t == other || *t == Type::String, expected)?;
    call.strict(vec![call.take(0, &kind)?], own)
}

fn text(call: &Call<'_>) -> Outcome {
    use Type::{Bool, Int, List, Regex, String};
    let list_of_strings = || List(Box::new(DataType::required(String)));
    match call.function {
        Function::Len => {
            call.count(1, 1)?;
            let expected = "a string, a list or bytes";
            let kind = one_of(call, 0, |t| matches!(t, String | List(_) | Type::Bytes), expected)?;
            call.strict(vec![call.take(0, &kind)?], Int)
        }
        Function::ByteLen => {
            call.count(1, 1)?;
            let expected = "a string or bytes";
            let kind = one_of(call, 0, |t| matches!(t, String | Type::Bytes), expected)?;
            call.strict(vec![call.take(0, &kind)?], Int)
        }
        Function::Lower | Function::Upper | Function::Trim => signature(call, &[String], String),
        Function::Replace => {
            call.count(3, 3)?;
            let arguments = vec![call.take(0, &String)?, pattern(call, 1)?, call.take(2, &String)?];
            call.strict(arguments, String)
        }
        Function::Split => {
            call.count(2, 2)?;
            call.strict(vec![call.take(0, &String)?, pattern(call, 1)?], list_of_strings())
        }
        Function::StartsWith | Function::EndsWith => signature(call, &[String, String], Bool),
        Function::Contains => contains(call),
        Function::Slice => {
            call.count(2, 3)?;
            let expected = "a string, a list or bytes";
            let kind = one_of(call, 0, |t| matches!(t, String | List(_) | Type::Bytes), expected)?;
            let mut arguments = vec![call.take(0, &kind)?, call.take(1, &Int)?];
            if call.arguments.len() == 3 {
                arguments.push(call.take(2, &Int)?);
            }
            call.strict(arguments, kind)
        }
        Function::PadLeft | Function::PadRight => {
            call.count(2, 3)?;
            let mut arguments = vec![call.take(0, &String)?, call.take(1, &Int)?];
            if call.arguments.len() == 3 {
                arguments.push(call.take(2, &String)?);
            }
            call.strict(arguments, String)
        }
        Function::Repeat => signature(call, &[String, Int], String),
        Function::Reverse => {
            call.count(1, 1)?;
            let kind = one_of(call, 0, |t| matches!(t, String | List(_)), "a string or a list")?;
            call.strict(vec![call.take(0, &kind)?], kind)
        }
        Function::Extract => {
            call.count(2, 2)?;
            call.optional(vec![call.take(0, &String)?, call.take(1, &Regex)?], String)
        }
        _ => signature(call, &[String, Regex], list_of_strings()),
    }
}

/// Texts as other texts or bytes, and back.
fn encoding(call: &Call<'_>) -> Outcome {
    use Type::{Bytes, Int, String};
    match call.function {
        Function::Levenshtein => signature(call, &[String, String], Int),
        Function::Base64 | Function::Hex => {
            call.count(1, 1)?;
            let kind = one_of(call, 0, |t| matches!(t, String | Bytes), "a string or bytes")?;
            call.strict(vec![call.take(0, &kind)?], String)
        }
        Function::FromBase64 | Function::FromHex => signature(call, &[String], Bytes),
        Function::Utf8 => signature(call, &[Bytes], String),
        _ => signature(call, &[String], String),
    }
}

/// A string (literal text) or a regex.
fn pattern(call: &Call<'_>, i: usize) -> Result<DataType, SignatureError> {
    let kind = one_of(call, i, |t| matches!(t, Type::String | Type::Regex), "a string or a regex")?;
    call.take(i, &kind)
}

fn contains(call: &Call<'_>) -> Outcome {
    call.count(2, 2)?;
    let Some(element) = call.element(0) else {
        let expected = "a string or a list";
        one_of(call, 0, |t| *t == Type::String, expected)?;
        return call.strict(vec![call.take(0, &Type::String)?, pattern(call, 1)?], Type::Bool);
    };
    let (list, x) = call.take_element(0, 1)?;
    let mut resolved = call.strict(vec![list, x], Type::Bool)?;
    resolved.result.nullable |= element.nullable;
    Ok(resolved)
}

fn number(call: &Call<'_>) -> Outcome {
    use Type::{Bool, Float, Int};
    match call.function {
        Function::Abs | Function::Sign => {
            call.count(1, 1)?;
            let kind = one_of(call, 0, |t| t.is_numeric() || *t == Type::Duration, "a number")?;
            let result = match (call.function, &kind) {
                (Function::Sign, Type::Decimal { .. } | Type::Duration) => Int,
                (_, kind) => kind.clone(),
            };
            call.strict(vec![call.take(0, &kind)?], result)
        }
        Function::Round | Function::Floor | Function::Ceil => rounding(call),
        Function::Least | Function::Greatest => extreme(call),
        Function::IsNan => signature(call, &[Float], Bool),
        Function::Atan2 => signature(call, &[Float, Float], Float),
        Function::WrappingAdd | Function::WrappingSub | Function::WrappingMul => {
            signature(call, &[Int, Int], Int)
        }
        _ => signature(call, &[Float], Float),
    }
}

/// `round floor ceil` keep the kind; a decimal without digits loses its scale.
fn rounding(call: &Call<'_>) -> Outcome {
    call.count(1, if call.function == Function::Round { 2 } else { 1 })?;
    let kind = one_of(call, 0, Type::is_numeric, "a number")?;
    let mut arguments = vec![call.take(0, &kind)?];
    if call.arguments.len() == 2 {
        arguments.push(call.take(1, &Type::Int)?);
        // Rounding up may carry into one more digit: 9.99 to 10.00.
        let result = match kind {
            Type::Decimal { precision, scale } => {
                Type::Decimal { precision: (precision + 1).min(PRECISION_MAX), scale }
            }
            kind => kind,
        };
        return call.strict(arguments, result);
    }
    let result = match kind {
        Type::Decimal { precision, scale } => {
            Type::Decimal { precision: (precision - scale + 1).min(PRECISION_MAX), scale: 0 }
        }
        kind => kind,
    };
    call.strict(arguments, result)
}

fn extreme(call: &Call<'_>) -> Outcome {
    call.count(1, usize::MAX)?;
    let mut common = DataType::required(call.kind(0).clone());
    for (i, argument) in call.arguments.iter().enumerate() {
        let Some(wider) = common_type(&common, argument).filter(|t| t.kind.is_ordered()) else {
            return Err(call.refuse(i, &format!("a `{}`, as before,", common.kind)));
        };
        common = wider;
    }
    let arguments = (0..call.arguments.len()).map(|i| call.take(i, &common.kind));
    call.strict(arguments.collect::<Result<_, _>>()?, common.kind.clone())
}

fn time(call: &Call<'_>) -> Outcome {
    use Type::{Date, Duration, Float, Int, String, Timestamp};
    let date_or_timestamp = || {
        one_of(call, 0, |t| matches!(t, Date | Timestamp), "a date or a timestamp")
            .and_then(|kind| call.take(0, &kind))
    };
    match call.function {
        Function::Hour | Function::Minute | Function::Second => signature(call, &[Timestamp], Int),
        Function::AtZone | Function::FromZone => signature(call, &[Timestamp, String], Timestamp),
        Function::Seconds => signature(call, &[Duration], Float),
        Function::Trunc | Function::FormatTime => {
            call.count(2, 2)?;
            let at = date_or_timestamp()?;
            let result = if call.function == Function::Trunc { at.kind.clone() } else { String };
            call.strict(vec![at, call.take(1, &String)?], result)
        }
        Function::AddMonths => {
            call.count(2, 2)?;
            let at = date_or_timestamp()?;
            let result = at.kind.clone();
            call.strict(vec![at, call.take(1, &Int)?], result)
        }
        _ => {
            call.count(1, 1)?;
            call.strict(vec![date_or_timestamp()?], Int)
        }
    }
}

fn list(call: &Call<'_>) -> Outcome {
    use Type::{Float, Int, List, String};
    let count = match call.function {
        Function::JoinText | Function::Get | Function::Dot | Function::Range | Function::Zip => 2,
        _ => 1,
    };
    call.count(count, count)?;
    let floats = || List(Box::new(DataType::required(Float)));
    match call.function {
        Function::Hash => {
            let kind = one_of(call, 0, |t| *t != Type::Regex, "a value")?;
            return call.strict(vec![call.take(0, &kind)?], Int);
        }
        Function::Range => return signature(call, &[Int, Int], List(Box::new(DataType::required(Int)))),
        Function::Dot => return signature(call, &[floats(), floats()], Float),
        _ => {}
    }
    let Some(element) = call.element(0) else { return Err(call.refuse(0, "a list")) };
    let list = call.take(0, call.kind(0))?;
    match call.function {
        Function::Zip => {
            let Some(pair) = pair(element, call.kind(1)) else { return Err(call.refuse(1, "a list")) };
            let pairs = List(Box::new(DataType::required(pair)));
            call.strict(vec![list, call.take(1, call.kind(1))?], pairs)
        }
        Function::ListMean => {
            let mean = matches!(element.kind, Int | Float | Type::Decimal { .. } | Type::Null);
            if !mean {
                return Err(call.refuse(0, "a list of numbers"));
            }
            call.optional(vec![list], Float)
        }
        Function::JoinText => {
            let texts = List(Box::new(DataType { kind: String, nullable: element.nullable }));
            let arguments = vec![call.take(0, &texts)?, call.take(1, &String)?];
            call.strict(arguments, String)
        }
        Function::Get => call.optional(vec![list, call.take(1, &Int)?], element.kind.clone()),
        Function::ListSum => sum(call, element, list),
        Function::ListMin | Function::ListMax if element.kind.is_ordered() => {
            call.optional(vec![list], element.kind.clone())
        }
        Function::ListSort | Function::ListDistinct => {
            let result = list.kind.clone();
            call.strict(vec![list], result)
        }
        _ => Err(call.refuse(0, "a list of values that have an order")),
    }
}

fn sum(call: &Call<'_>, element: &DataType, list: DataType) -> Outcome {
    let result = match &element.kind {
        Type::Null => Type::Int,
        kind @ (Type::Int | Type::Float | Type::Duration) => kind.clone(),
        Type::Decimal { scale, .. } => Type::Decimal { precision: PRECISION_MAX, scale: *scale },
        _ => return Err(call.refuse(0, "a list of numbers")),
    };
    call.strict(vec![list], result)
}

/// A function of exactly these types.
fn signature(call: &Call<'_>, parameters: &[Type], result: Type) -> Outcome {
    call.count(parameters.len(), parameters.len())?;
    let arguments = parameters.iter().enumerate().map(|(i, to)| call.take(i, to));
    call.strict(arguments.collect::<Result<_, _>>()?, result)
}

/// The kind of argument `i` if `allowed` has it; a bare `null` counts as the first kind allowed.
fn one_of(
    call: &Call<'_>,
    i: usize,
    allowed: impl Fn(&Type) -> bool,
    expected: &str,
) -> Result<Type, SignatureError> {
    const FOR_NULL: [Type; 4] = [Type::String, Type::Int, Type::Timestamp, Type::Bool];
    let kind = call.kind(i);
    if *kind == Type::Null
        && let Some(stand_in) = FOR_NULL.into_iter().find(|t| allowed(t))
    {
        return Ok(stand_in);
    }
    if allowed(kind) { Ok(kind.clone()) } else { Err(call.refuse(i, expected)) }
}
