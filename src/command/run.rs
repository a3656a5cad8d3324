//! `flowc run`: compile, run, summarize.

use crate::cache;
use crate::cli::{EngineArgs, Format, RunArgs};
use crate::failure::{Failure, Status};
use crate::output::Stdout;
use crate::program::{Program, colored};
use crate::progress::Progress;
use crate::run_failure::run_failure;
use crate::signals::Signals;
use flow_compiler::Compiled;
use flow_compiler::optimize::{OptLevel, optimize};

use flow_ir::PhysicalPlan;
use flow_runtime::{Engine, PersistCount, PrintFormat, RunOptions, RunReport, RunWarning, Stdin};
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::sync::Arc;

/// Runs a program.
pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    let program = Program::load(&args.program)?;
    let compiled = program.compile(&args.program)?;
    let plan = physical(&compiled, &args.engine);
    if !args.quiet {
        anstream::eprint!("{}", program.render(&compiled.diagnostics, args.program.color));
        anstream::eprint!("{}", inferred_schemas(&compiled));
    }
    let mut options = options(&args.engine);
    options.print = match args.format {
        Some(Format::Table) => PrintFormat::Table,
        Some(Format::Csv) => PrintFormat::Csv,
        Some(Format::Tsv) => PrintFormat::Tsv,
        Some(Format::Jsonl) => PrintFormat::JsonLines,
        Some(Format::Json) => PrintFormat::Json,
        None if std::io::stdout().is_terminal() => PrintFormat::Table,
        None => PrintFormat::Csv,
    };
    options.cache = cache::options(&args.cache);
    options.print_header = !args.no_header;
    let spaced = !args.no_header && options.print != PrintFormat::JsonLines;
    let report = execute(&program, &plan, &options, args.quiet, colored(args.program.color), spaced)?;
    if !args.quiet {
        anstream::eprint!("{}{}", warnings(&report), summary(&report));
    }
    Ok(())
}

/// The optimized, staged plan.
pub(crate) fn physical(compiled: &Compiled, engine: &EngineArgs) -> PhysicalPlan {
    let optimized = optimize(compiled.plan.clone(), level(engine), &mut |_| {});
    flow_compiler::stage::cut_stages(&optimized)
}

/// The optimizer level that the command line asks for.
pub(crate) fn level(engine: &EngineArgs) -> OptLevel {
    if engine.optimize == 0 { OptLevel::Required } else { OptLevel::Full }
}

/// The runtime's options from the command line.
pub(crate) fn options(engine: &EngineArgs) -> RunOptions {
    let mut options = RunOptions::default();
    if let Some(threads) = engine.threads {
        options.threads = usize::from(threads);
    }
    options.engine = if engine.interpret { Engine::Interpreter } else { Engine::Jit };
    options.chunk_bytes = engine.chunk_kib as usize * 1024;
    options.map_from = if engine.no_mmap { u64::MAX } else { u64::from(engine.map_kib) * 1024 };
    options.morsel_rows = engine.morsel_rows as usize;
    options.memory_bytes = engine.memory;
    options.max_bad = engine.max_bad;
    options.allow_run = engine.allow_run;
    options
}

/// Runs a plan with signals, progress and error reports around it.
pub(crate) fn execute(
    program: &Program,
    plan: &PhysicalPlan,
    options: &RunOptions,
    quiet: bool,
    color: bool,
    spaced: bool,
) -> Result<RunReport, Failure> {
    let signals = Signals::watch(&options.control)
        .map_err(|e| Failure::message(Status::Internal, format!("signals cannot be handled: {e}")))?;
    let options = &RunOptions { stdin: Arc::new(Stdin::new(crate::stdin::reader())), ..options.clone() };
    let progress = Progress::start(&options.control, quiet);
    let mut printer = Stdout::new(spaced);
    let outcome = flow_runtime::run(plan, options, &mut printer, &|span| program.place(span));
    drop(progress);
    outcome.map_err(|e| run_failure(e, program, plan, signals.status(), color))
}

/// What every read and write did, one line each.
pub(crate) fn summary(report: &RunReport) -> String {
    let mut text = String::new();
    for s in &report.sources {
        let _ = write!(
            text,
            "{}: {} read = {} kept + {} filtered",
            s.pattern,
            grouped(s.read),
            grouped(s.kept),
            grouped(s.filtered)
        );
        let _ = match (s.quarantined, s.skipped) {
            (_, 0) => writeln!(text, " + {} quarantined", grouped(s.quarantined)),
            (0, skipped) => writeln!(text, " + {} skipped", grouped(skipped)),
            (q, skipped) => writeln!(text, " + {} quarantined + {} skipped", grouped(q), grouped(skipped)),
        };
    }
    report.persisted.iter().for_each(|p| persisted(p, &mut text));
    for w in &report.written {
        let _ = writeln!(text, "{}: {} rows written", w.path.display(), grouped(w.rows));
    }
    text
}

/// What became of the rows of a `persist`.
fn persisted(p: &PersistCount, text: &mut String) {
    let name = if p.name.is_empty() { p.level } else { &p.name };
    let (rows, cached) = (grouped(p.rows), grouped(p.cached));
    let _ = write!(text, "persist {name}: {rows} rows, from the cache: {cached} rows");
    if p.parts > 1 {
        let _ = write!(text, " ({} of {} files)", p.reused, p.parts);
    }
    if p.evicted > 0 {
        let _ = write!(text, ", no room in memory: {} blocks", grouped(p.evicted));
    }
    if let Some(note) = &p.note {
        let _ = write!(text, "; {note}");
    }
    text.push('\n');
}

/// What went wrong with stored rows.
pub(crate) fn warnings(report: &RunReport) -> String {
    let mut text = String::new();
    for w in &report.warnings {
        let (code, message) = match w {
            RunWarning::Damaged(message) => ("W5001", message),
            RunWarning::NotStored(message) => ("W5002", message),
        };
        let _ = writeln!(text, "warning[{code}]: {message}");
    }
    text
}

/// A number with a thin space between groups of three digits.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

fn inferred_schemas(compiled: &Compiled) -> String {
    let mut text = String::new();
    for s in &compiled.inferred {
        let fields: Vec<String> = s.fields.iter().map(|f| f.field.to_string()).collect();
        let _ = writeln!(
            text,
            "{}: no schema declared; inferred from `{}`: {{ {} }}",
            s.pattern,
            s.file,
            fields.join(", ")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn digits_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1000), "1 000");
        assert_eq!(grouped(12_345_678), "12 345 678");
    }
}
