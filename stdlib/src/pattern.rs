//! Functions with regular expressions, and the cache of compiled patterns.
//!
//! Patterns are those of the `regex` crate: Unicode, leftmost-first, linear time. The compiler
//! checks every pattern with [`check_regex`], so that compiling one here cannot fail on its syntax.

use crate::library::{Outcome, argument_error};
use crate::text::{TEXT_BYTES_MAX, too_long};
use flow_ir::{EvalError, Function, Value};
use regex::Regex;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Compiles a pattern and says in one sentence what is wrong with it, if anything is.
pub fn check_regex(pattern: &str) -> Result<(), String> {
    match Regex::new(pattern) {
        Ok(_) => Ok(()),
        Err(regex::Error::Syntax(report)) => {
            // The last line of the report is the reason; those above it draw the place.
            let reason = report.lines().last().unwrap_or(&report).trim();
            Err(reason.strip_prefix("error: ").unwrap_or(reason).to_owned())
        }
        Err(regex::Error::CompiledTooBig(bytes)) => {
            Err(format!("the pattern needs more than {bytes} bytes when compiled"))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// The compiled form of a pattern, from this thread's cache.
pub(crate) fn compiled(pattern: &str) -> Result<Rc<Regex>, EvalError> {
    const CACHED_MAX: usize = 256;
    thread_local! {
        static CACHE: RefCell<HashMap<String, Rc<Regex>>> = RefCell::new(HashMap::new());
    }
    CACHE.with_borrow_mut(|cache| {
        if let Some(regex) = cache.get(pattern) {
            return Ok(regex.clone());
        }
        let regex = Regex::new(pattern)
            .map_err(|_| argument_error(format!("`{pattern}` is not a regular expression")))?;
        // A clone of a `Regex` starts without its search caches; clones of an `Rc` share them.
        let regex = Rc::new(regex);
        if cache.len() >= CACHED_MAX {
            cache.clear();
        }
        cache.insert(pattern.to_owned(), regex.clone());
        Ok(regex)
    })
}

pub(crate) fn call(function: Function, arguments: &[Value]) -> Outcome {
    let [Value::String(s), Value::Regex(pattern), rest @ ..] = arguments else { return None };
    let regex = match compiled(pattern) {
        Ok(regex) => regex,
        Err(error) => return Some(Err(error)),
    };
    Some(Ok(match (function, rest) {
        (Function::Matches | Function::Contains, []) => Value::Bool(regex.is_match(s)),
        (Function::Extract, []) => extract(&regex, s).map_or(Value::Null, Value::string),
        (Function::ExtractAll, []) => Value::List(extract_all(&regex, s).map(Value::string).collect()),
        (Function::Split, []) => Value::List(regex.split(s).map(Value::string).collect()),
        (Function::Replace, [Value::String(with)]) => {
            return Some(replace(&regex, s, with).map(Value::string));
        }
        _ => return None,
    }))
}

/// The first group of the first match, or the whole match if the pattern has no groups.
/// A group that took no part in the match is null, like no match.
pub(crate) fn extract<'a>(regex: &Regex, s: &'a str) -> Option<&'a str> {
    if regex.captures_len() == 1 {
        return regex.find(s).map(|m| m.as_str());
    }
    regex.captures(s).and_then(|c| c.get(1)).map(|m| m.as_str())
}

/// The same of every match; a group that took no part is an empty string.
fn extract_all<'a>(regex: &'a Regex, s: &'a str) -> Box<dyn Iterator<Item = &'a str> + 'a> {
    if regex.captures_len() == 1 {
        Box::new(regex.find_iter(s).map(|m| m.as_str()))
    } else {
        Box::new(regex.captures_iter(s).map(|c| c.get(1).map_or("", |m| m.as_str())))
    }
}

/// Every match replaced; `$1` and `${name}` in `with` stand for groups and `$$` for a dollar.
pub(crate) fn replace(regex: &Regex, s: &str, with: &str) -> Result<String, EvalError> {
    let mut out = String::new();
    let mut copied = 0;
    for captures in regex.captures_iter(s) {
        let Some(whole) = captures.get(0) else { continue };
        out.push_str(&s[copied..whole.start()]);
        captures.expand(with, &mut out);
        copied = whole.end();
        if out.len() > TEXT_BYTES_MAX {
            return Err(too_long("replace"));
        }
    }
    out.push_str(&s[copied..]);
    Ok(out)
}
