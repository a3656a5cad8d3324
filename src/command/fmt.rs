//! `flowc fmt`: programs in their one canonical form.

use crate::cli::{ColorChoice, FmtArgs};
use crate::failure::{Failure, Status};
use crate::output::say;
use crate::program::{Program, read_stdin, replace};

/// Formats programs in place, or standard input to standard output.
pub(crate) fn fmt(args: &FmtArgs) -> Result<(), Failure> {
    if args.files.is_empty() || args.files.iter().any(|f| f.as_os_str() == "-") {
        let program = Program::new("<stdin>", read_stdin()?);
        let formatted = format(&program)?;
        if !args.check {
            return say(formatted);
        }
        return if formatted == program.text { Ok(()) } else { Err(unformatted("<stdin>")) };
    }
    let mut wrong = Vec::new();
    for path in &args.files {
        let program = Program::read(path)?;
        let formatted = format(&program)?;
        if formatted == program.text {
            continue;
        }
        if args.check {
            wrong.push(program.name);
        } else {
            replace(path, &formatted)?;
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(unformatted(&wrong.join("`, `"))) }
}

fn format(program: &Program) -> Result<String, Failure> {
    flow_grammar::format(&program.text).map_err(|errors| {
        let diagnostics: Vec<_> = errors.into_iter().map(flow_compiler::diagnostic::from_syntax).collect();
        program.failure(&diagnostics, ColorChoice::Auto)
    })
}

fn unformatted(names: &str) -> Failure {
    Failure::message(Status::Program, format!("`{names}` is not formatted; run flowc fmt"))
}
