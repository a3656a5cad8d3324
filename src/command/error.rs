//! `flowc error CODE`: the section of the error reference about a code.

use crate::cli::ErrorArgs;
use crate::failure::{Failure, Status};

/// The reference, as the repository has it.
const REFERENCE: &str = include_str!("../../docs/errors.md");

/// Prints the section of `args.code`.
pub(crate) fn error(args: &ErrorArgs) -> Result<(), Failure> {
    let code = args.code.trim().to_ascii_uppercase();
    match section(&code) {
        Some(text) => {
            println!("{}", text.trim_end());
            Ok(())
        }
        None => Err(Failure::message(Status::Usage, format!("there is no error code `{}`", args.code))),
    }
}

fn section(code: &str) -> Option<&'static str> {
    let heading = format!("## {code}");
    let start = REFERENCE.match_indices(&heading).map(|(at, _)| at).find(|at| {
        let line_start = *at == 0 || REFERENCE.as_bytes()[at - 1] == b'\n';
        let after = REFERENCE[at + heading.len()..].chars().next();
        line_start && after.is_none_or(|c| !c.is_ascii_alphanumeric())
    })?;
    let rest = &REFERENCE[start..];
    let end = rest[2..].find("\n## ").map_or(rest.len(), |at| at + 2);
    Some(&rest[..end])
}
