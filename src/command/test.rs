//! `flowc test`: runs the tests of programs, and says how rows differ from the expected ones.
//!
//! Every test has a plan of its own, which prints the found and the expected rows of each `expect`; here they
//! are collected instead and compared as literals of the language. Rows as text are equal exactly if they are as
//! values: both sides have the same types, and -0.0 is written 0.0. Nothing is written: a `read` of real data
//! whose bad rows would be set aside drops them.

use crate::catalog::FileCatalog;
use crate::cli::TestArgs;
use crate::command::run::{level, options};
use crate::command::test_files::programs;
use crate::command::test_rows::{difference, literal_rows};
use crate::effects::stdin_read;
use crate::failure::{Failure, Status};
use crate::program::{Program, colored};
use crate::run_failure::run_failure;
use crate::signals::Signals;
use flow_compiler::optimize::optimize;
use flow_compiler::{CompiledTest, Diagnostic};
use flow_ir::logical::Operator;
use flow_ir::source::{OnError, Sink};
use flow_ir::{Batch, LogicalPlan, Span};
use flow_runtime::{PrintFormat, Printer, RunOptions};
use std::io::{self, Read};

/// What became of the tests so far.
#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    failed: usize,
    filtered: usize,
    /// What failed, and why.
    failures: Vec<String>,
}

/// Runs the tests of all programs that the arguments name.
pub(crate) fn test(args: &TestArgs) -> Result<(), Failure> {
    let mut options = options(&args.engine);
    options.print = PrintFormat::Table;
    options.table_rows = usize::MAX;
    let signals = Signals::watch(&options.control)
        .map_err(|e| Failure::message(Status::Internal, format!("signals cannot be handled: {e}")))?;
    let mut tally = Tally::default();
    for path in programs(&args.programs)? {
        let program = Program::read(&path.path)?;
        if program.loaded().has_tests() || path.named {
            file(&program, args, &options, &signals, &mut tally)?;
        }
    }
    if !tally.failures.is_empty() {
        anstream::print!("\nfailures:\n\n{}", tally.failures.join("\n"));
    }
    let word = if tally.failed == 0 { "ok" } else { "FAILED" };
    let Tally { passed, failed, filtered, .. } = tally;
    anstream::println!("\ntest result: {word}. {passed} passed; {failed} failed; {filtered} filtered out");
    if failed == 0 { Ok(()) } else { Err(Failure::new(Status::Program, "")) }
}

/// The tests of one program.
fn file(
    program: &Program,
    args: &TestArgs,
    options: &RunOptions,
    signals: &Signals,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let tests = match flow_compiler::compile_tests(program.loaded(), &args.params, &FileCatalog) {
        Ok((tests, _)) => tests,
        Err(diagnostics) => {
            anstream::println!("{}: does not compile", program.name);
            tally.failed += 1;
            tally.failures.push(program.render(&diagnostics, args.color));
            return Ok(());
        }
    };
    let all = tests.len();
    let wanted = |t: &CompiledTest| args.filter.as_ref().is_none_or(|f| t.name.contains(f.as_str()));
    let tests: Vec<CompiledTest> = tests.into_iter().filter(wanted).collect();
    tally.filtered += all - tests.len();
    if all > 0 && tests.is_empty() {
        return Ok(());
    }
    anstream::println!("{}: {} test{}", program.name, tests.len(), if tests.len() == 1 { "" } else { "s" });
    for test in tests {
        let failure = one(program, &test, args, options, signals)?;
        let word = if failure.is_none() { "ok" } else { "FAILED" };
        anstream::println!("  {} ... {word}", test.name);
        match failure {
            None => tally.passed += 1,
            Some(why) => {
                tally.failed += 1;
                let title = format!("{}: {}\n", program.place(test.span), test.name);
                tally.failures.push(title + &why);
            }
        }
    }
    Ok(())
}

/// Runs one test: why it fails, if it does. Being interrupted ends everything.
fn one(
    program: &Program,
    test: &CompiledTest,
    args: &TestArgs,
    options: &RunOptions,
    signals: &Signals,
) -> Result<Option<String>, Failure> {
    let color = colored(args.color);
    if let Some(span) = stdin_read(&test.plan) {
        let d = Diagnostic::error("F4016", span, "a test does not read standard input")
            .help("give rows in its place: given name = rows [{ ... }]");
        return Ok(Some(program.render(&[d], args.color)));
    }
    let plan = optimize(without_quarantine(test.plan.clone()), level(&args.engine), &mut |_| {});
    let plan = flow_compiler::stage::cut_stages(&plan);
    let mut found = Results::default();
    if let Err(e) = flow_runtime::run(&plan, options, &mut found, &|span| program.place(span)) {
        let failure = run_failure(e, program, &plan, signals.status(), color);
        return match failure.status {
            Status::Interrupted | Status::Terminated => Err(failure),
            _ => Ok(Some(failure.text.replace("  nothing was written\n", ""))),
        };
    }
    let mut why = String::new();
    for (i, span) in test.expectations.iter().enumerate() {
        let (Some(rows), Some(expected)) = (found.of(2 * i), found.of(2 * i + 1)) else {
            return Err(Failure::message(Status::Internal, "a test lost its rows"));
        };
        if let Some(text) = expectation(program, *span, (rows, expected), color) {
            why.push_str(&text);
        }
    }
    Ok((!why.is_empty()).then_some(why))
}

/// What is to be said about an `expect` that does not hold.
fn expectation(
    program: &Program,
    place: Span,
    (found, expected): (&Shown, &Shown),
    color: bool,
) -> Option<String> {
    let (found, expected) = (literal_rows(found), literal_rows(expected));
    let difference = difference(&found, &expected)?;
    let mut d = Diagnostic::error("F5011", place, difference.message);
    if let Some(first) = difference.first {
        d = d.note(first);
    }
    let mut text = crate::render::Renderer::new(color).diagnostic(&d, program);
    text.push_str(&difference.rows);
    Some(text)
}

/// The plan without files that bad rows would go to.
fn without_quarantine(mut plan: LogicalPlan) -> LogicalPlan {
    for node in &mut plan.nodes {
        if let Operator::Read(source) = &mut node.operator
            && matches!(source.on_error, OnError::Quarantine(_))
        {
            source.on_error = OnError::Skip;
        }
    }
    plan
}

/// The rows of a printed result.
#[derive(Debug)]
pub(crate) struct Shown {
    /// What it prints.
    pub(crate) sink: Sink,
    /// All of its rows.
    pub(crate) batches: Vec<Batch>,
}

/// Keeps what would be printed.
#[derive(Debug, Default)]
struct Results(Vec<Shown>);

impl Results {
    fn of(&self, number: usize) -> Option<&Shown> {
        self.0.iter().find(|shown| shown.sink.number as usize == number)
    }
}

impl Printer for Results {
    fn bytes(&mut self, bytes: &mut dyn Read) -> io::Result<()> {
        io::copy(bytes, &mut io::sink()).map(|_| ())
    }

    fn table(&mut self, sink: &Sink, batches: &[Batch], _: u64) -> io::Result<()> {
        self.0.push(Shown { sink: sink.clone(), batches: batches.to_vec() });
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}
