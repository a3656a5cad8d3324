//! `flowc check`: everything that can be known without reading data.

use crate::cli::{CheckArgs, ReportFormat};
use crate::failure::{Failure, Status};
use crate::program::Program;
use flow_compiler::diagnostic::Diagnostic;

/// Checks a program.
pub(crate) fn check(args: &CheckArgs) -> Result<(), Failure> {
    let program = Program::load(&args.program)?;
    let outcome = flow_compiler::compile(
        &program.text,
        &program.name,
        &args.program.params,
        &crate::catalog::FileCatalog,
    );
    let (diagnostics, wrong) = match outcome {
        Ok(compiled) => (compiled.diagnostics, false),
        Err(diagnostics) => (diagnostics, true),
    };
    match args.format {
        ReportFormat::Json => println!("{}", json(&diagnostics, &program)),
        ReportFormat::Text => {
            anstream::eprint!("{}", program.render(&diagnostics, args.program.color));
            if !wrong {
                anstream::eprintln!("{}: no errors", program.name);
            }
        }
    }
    if wrong { Err(Failure::new(Status::Program, "")) } else { Ok(()) }
}

/// Diagnostics as a JSON array, each with the line and column where it starts.
fn json(diagnostics: &[Diagnostic], program: &Program) -> serde_json::Value {
    diagnostics
        .iter()
        .map(|d| {
            let mut value = serde_json::to_value(d).unwrap_or_default();
            value["place"] = program.place(d.span).into();
            value
        })
        .collect()
}
