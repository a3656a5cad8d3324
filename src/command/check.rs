//! `flowc check`: everything that can be known without reading data.

use crate::cache;
use crate::catalog::FileCatalog;
use crate::cli::{CheckArgs, ReportFormat};
use crate::effects;
use crate::failure::{Failure, Status};
use crate::output::say;
use crate::program::Program;
use flow_compiler::diagnostic::Diagnostic;
use serde_json::json;

/// Checks a program.
pub(crate) fn check(args: &CheckArgs) -> Result<(), Failure> {
    let program = Program::load(&args.program)?;
    let (diagnostics, done) = match program.check_with_tests(&args.program.params) {
        Ok(mut compiled) => {
            if args.lint {
                let found = flow_compiler::lint::lint(&compiled.plan, program.sources(), &FileCatalog);
                compiled.diagnostics.extend(found);
            }
            let mut effects = effects::effects(&compiled.plan);
            if !args.cache.no_cache {
                effects
                    .extend(effects::stored(&compiled.plan, &cache::folder(args.cache.cache_dir.as_deref())));
            }
            (compiled.diagnostics, Some(effects))
        }
        Err(diagnostics) => (diagnostics, None),
    };
    let wrong = done.is_none();
    match args.format {
        ReportFormat::Json if args.effects => {
            let effects = done.map(|e| effects::json(&e, &program));
            say(format!("{}\n", json!({ "diagnostics": json(&diagnostics, &program), "effects": effects })))?;
        }
        ReportFormat::Json => say(format!("{}\n", json(&diagnostics, &program)))?,
        ReportFormat::Text => {
            anstream::eprint!("{}", program.render(&diagnostics, args.program.color));
            if let (true, Some(effects)) = (args.effects, &done) {
                say(effects::text(effects, &program))?;
            }
            if !wrong {
                anstream::eprintln!("{}: no errors", program.name);
            }
        }
    }
    if wrong { Err(Failure::new(Status::Program, "")) } else { Ok(()) }
}

/// Diagnostics as a JSON array, each with the line and column where it starts. Spans are offsets in the file
/// whose number they carry.
fn json(diagnostics: &[Diagnostic], program: &Program) -> serde_json::Value {
    diagnostics
        .iter()
        .map(|d| {
            let mut local = d.clone();
            local.span = program.sources().local(d.span);
            local.labels.iter_mut().for_each(|l| l.span = program.sources().local(l.span));
            local.fixes.iter_mut().for_each(|f| f.span = program.sources().local(f.span));
            let mut value = serde_json::to_value(local).unwrap_or_default();
            value["place"] = program.place(d.span).into();
            value
        })
        .collect()
}
