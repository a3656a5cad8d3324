//! Constant arguments that can be wrong before any data is read: patterns, formats, units.

use crate::format_number::check_number_format;
use crate::json::check_json_path;
use crate::pattern::check_regex;
use crate::time::check_unit;
use crate::time_format::check_time_format;
use crate::zone::check_zone;
use flow_ir::{Function, Value};

/// Says which constant argument of a call is wrong for every row, and why in one sentence.
/// `arguments` holds the values of those that are constants.
pub fn check_constants(function: Function, arguments: &[Option<&Value>]) -> Result<(), (usize, String)> {
    let text = |i: usize| match arguments.get(i) {
        Some(Some(Value::String(s))) => Some(&**s),
        _ => None,
    };
    for (i, argument) in arguments.iter().enumerate() {
        if let Some(Value::Regex(pattern)) = argument {
            check_regex(pattern).map_err(|why| (i, why))?;
        }
    }
    let second = |checked: Result<(), String>| checked.map_err(|why| (1, why));
    match (function, text(1)) {
        (Function::Trunc, Some(unit)) => second(check_unit(unit)),
        (Function::AtZone | Function::FromZone, Some(zone)) => second(check_zone(zone)),
        (Function::JsonGet, Some(path)) => second(check_json_path(path)),
        (Function::FormatTime, Some(format)) => second(check_time_format(format, false)),
        (Function::ToDate | Function::ToTimestamp, Some(format)) => second(check_time_format(format, true)),
        (Function::FormatNumber, Some(spec)) => second(check_number_format(spec)),
        (Function::Split, Some("")) => Err((1, "cannot split at an empty text".to_owned())),
        (Function::Replace, Some("")) => Err((1, "cannot replace an empty text".to_owned())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_constants_are_found_before_any_row() {
        let check = |function, text: &str| {
            let constant = Value::string(text);
            check_constants(function, &[None, Some(&constant)]).map_err(|(i, _)| i)
        };
        for (function, good, bad) in [
            (Function::Trunc, "hour", "hours"),
            (Function::FormatTime, "%H", "%Q"),
            (Function::AtZone, "Europe/Zurich", "Europe/Zürich"),
            (Function::JsonGet, "a.b[0]", "a..b"),
            (Function::ToDate, "%Y", "%d"),
            (Function::FormatNumber, ".2f", "2f."),
            (Function::Split, ",", ""),
            (Function::Replace, "a", ""),
        ] {
            assert_eq!(check(function, good), Ok(()), "{good}");
            assert_eq!(check(function, bad), Err(1), "{bad}");
        }
        let pattern = Value::Regex("(".into());
        assert!(check_constants(Function::Matches, &[None, Some(&pattern)]).is_err());
        assert!(check_constants(Function::Split, &[None, None]).is_ok());
    }
}
