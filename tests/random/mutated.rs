//! Whatever text a program is, the compiler answers with messages: it does not panic and ends soon.
//!
//! Every prefix of every program of the repository, and random changes of them, go through parser, formatter,
//! checker, lints, optimizer, stage cutter, verifiers and `explain`.

use crate::outcome::caught;
use crate::random::Random;
use crate::shrink::shrunk;
use crate::{mutate, setting};
use flow_compiler::catalog::{Catalog, CatalogError, FileFields, FileInfo, InferredField};
use flow_compiler::explain::{Recorder, explain_logical, explain_physical};
use flow_compiler::optimize::{OptLevel, optimize};
use flow_compiler::stage::cut_stages;
use flow_compiler::{compile_loaded, lint::lint};
use flow_ir::source::{Dialect, Format};
use flow_ir::{parse_logical, parse_physical, verify_logical, verify_physical};
use flowc::catalog::FileCatalog;
use flowc::cli::ColorChoice;
use flowc::program::Program;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Programs that are changed in an ordinary test run.
const FEW: u64 = 2_500;
/// The processor time after which a program counts as hanging.
const SLOW: Duration = Duration::from_secs(1);

/// The stack of the command's main thread.
const STACK: usize = 8 << 20;

type Answer<T> = RefCell<HashMap<String, Result<T, CatalogError>>>;

/// The files of the repository, each looked at once; patterns of many folders are not followed.
#[derive(Default)]
pub(crate) struct Known {
    files: Answer<Vec<FileInfo>>,
    headers: Answer<Vec<String>>,
    fields: Answer<FileFields>,
    schemas: Answer<Vec<InferredField>>,
}

fn known<T: Clone>(
    answers: &Answer<T>,
    key: String,
    ask: impl FnOnce() -> Result<T, CatalogError>,
) -> Result<T, CatalogError> {
    if let Some(answer) = answers.borrow().get(&key) {
        return answer.clone();
    }
    let answer = ask();
    answers.borrow_mut().insert(key, answer.clone());
    answer
}

impl Catalog for Known {
    fn files(&self, pattern: &str) -> Result<Vec<FileInfo>, CatalogError> {
        if !(pattern.starts_with("tests/") || pattern.starts_with("examples/")) {
            return Err(CatalogError::NotFound);
        }
        known(&self.files, pattern.to_owned(), || FileCatalog.files(pattern))
    }

    fn header(&self, file: &FileInfo, dialect: &Dialect) -> Result<Vec<String>, CatalogError> {
        known(&self.headers, format!("{} {dialect:?}", file.path), || FileCatalog.header(file, dialect))
    }

    fn fields(
        &self,
        file: &FileInfo,
        format: &Format,
        only: Option<&[&str]>,
    ) -> Result<FileFields, CatalogError> {
        let key = format!("{} {format:?} {only:?}", file.path);
        known(&self.fields, key, || FileCatalog.fields(file, format, only))
    }

    fn infer(&self, file: &FileInfo, format: &Format) -> Result<Vec<InferredField>, CatalogError> {
        known(&self.schemas, format!("{} {format:?}", file.path), || FileCatalog.infer(file, format))
    }
}

/// The programs of the repository.
pub(crate) fn programs() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["tests/cases", "examples", "benches", "grammar/tests/programs", "tests/data"] {
        gather(&root.join(folder), &mut found);
    }
    found.sort();
    assert!(found.len() > 250, "only {} programs found", found.len());
    found
}

fn gather(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            gather(&path, found);
        } else if path.extension().is_some_and(|e| e == "flow")
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            found.push((path, text));
        }
    }
}

/// Everything that is done with a program before it runs. Whether it compiles, or what is wrong with flowc.
pub(crate) fn everything(text: &str, catalog: &dyn Catalog) -> Result<bool, String> {
    let before = processor_time();
    let compiled = caught(|| through(text, catalog))??;
    let took = processor_time().saturating_sub(before);
    if took > SLOW {
        return Err(format!("it takes {took:?}"));
    }
    Ok(compiled)
}

/// Parser and formatter: places within the text, and a formatted text that is the same program, formatted.
fn parses(text: &str) -> Result<(), String> {
    let (tree, errors) = flow_grammar::parse(text);
    for error in &errors {
        let inside = error.labels.iter().all(|(span, _)| span.end as usize <= text.len());
        if !inside || error.message.is_empty() {
            return Err(format!("an error without a message or a place: {error:?}"));
        }
    }
    if !errors.is_empty() {
        return Ok(());
    }
    let once = flow_grammar::format(text).map_err(|e| format!("it parses and is not formatted: {e:?}"))?;
    let (again, errors) = flow_grammar::parse(&once);
    if !errors.is_empty() || !tree.same_tree(&again) {
        return Err(format!("formatting makes another program\n{once}\n{errors:?}"));
    }
    let comments = |program: &flow_grammar::ast::Program| {
        let mut texts: Vec<String> = program.comments.iter().map(|comment| comment.text.clone()).collect();
        texts.sort();
        texts
    };
    if comments(&tree) != comments(&again) {
        return Err(format!("formatting changes comments\n{once}"));
    }
    match flow_grammar::format(&once) {
        Ok(twice) if twice == once => Ok(()),
        twice => Err(format!("formatting changes what is formatted\n{once}\n{twice:?}")),
    }
}

fn through(text: &str, catalog: &dyn Catalog) -> Result<bool, String> {
    parses(text)?;
    let program = Program::new("mutated.flow", text);
    let compiled = match compile_loaded(program.loaded(), &[], catalog) {
        Ok(compiled) => compiled,
        Err(found) => {
            if program.render(&found, ColorChoice::Never).is_empty() {
                return Err("it is refused without a message".to_owned());
            }
            return Ok(false);
        }
    };
    program.render(&compiled.diagnostics, ColorChoice::Never);
    program.render(&lint(&compiled.plan, program.sources(), catalog), ColorChoice::Never);
    for level in [OptLevel::Full, OptLevel::Required] {
        let mut recorder = Recorder::new();
        let plan = optimize(compiled.plan.clone(), level, &mut |pass| recorder.observe(pass));
        let stages = cut_stages(&plan);
        verify_logical(&plan).map_err(|e| format!("the plan is not sound: {e:?}\n{plan}"))?;
        verify_physical(&stages).map_err(|e| format!("the stages are not sound: {e:?}\n{stages}"))?;
        explain_logical(&plan);
        explain_physical(&stages, recorder.names());
        let (text, physical) = (plan.to_string(), stages.to_string());
        let again =
            parse_logical(&text).map_err(|e| format!("the plan's text is not read: {e:?}\n{text}"))?;
        if again.to_string() != text {
            return Err(format!("the plan's text changes\n{text}\n{again}"));
        }
        let again = parse_physical(&physical)
            .map_err(|e| format!("the stages' text is not read: {e:?}\n{physical}"))?;
        if again.to_string() != physical {
            return Err(format!("the stages' text changes\n{physical}\n{again}"));
        }
    }
    Ok(true)
}

/// What this thread has computed so far; a machine that is busy does not make a program slow.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or_default();
    Duration::from_nanos(nanoseconds)
}

/// Runs `work` with the stack of the command's main thread.
pub(crate) fn on_a_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(work).expect("a thread");
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// A failing program, made small.
fn small(text: &str, catalog: &dyn Catalog) -> String {
    let case = crate::program::Case { text: text.to_owned(), files: Vec::new() };
    let fails = |c: &crate::program::Case| everything(&c.text, catalog).is_err();
    let case = shrunk(&case, &fails, Duration::from_secs(setting("FLOWC_SHRINK", 30)));
    let why = everything(&case.text, catalog).err().unwrap_or_default();
    format!("{why}\n--- program\n{}\n", case.text)
}

#[test]
fn every_prefix_of_every_program_is_answered() {
    on_a_stack(|| {
        let catalog = Known::default();
        // The step leaves out most prefixes of an ordinary run; every one is tried with FLOWC_PREFIXES=1.
        let step = setting("FLOWC_PREFIXES", 97) as usize;
        let mut tried = 0u64;
        for (i, (path, text)) in programs().into_iter().enumerate() {
            for end in (i % step..text.len()).step_by(step).filter(|end| text.is_char_boundary(*end)) {
                tried += 1;
                if let Err(why) = everything(&text[..end], &catalog) {
                    panic!("{} up to {end}: {why}\n{}", path.display(), small(&text[..end], &catalog));
                }
            }
        }
        eprintln!("{tried} prefixes");
    });
}

#[test]
fn changed_programs_are_answered() {
    on_a_stack(|| {
        let catalog = Known::default();
        let programs = programs();
        let (count, first) = (setting("FLOWC_MUTATIONS", FEW), setting("FLOWC_SEED", 1));
        let (mut compile, mut failures) = (0, Vec::new());
        for seed in first..first + count {
            let mut random = Random::new(seed);
            let source = &programs[seed as usize % programs.len()].1;
            let other = &random.pick(&programs).1;
            let text = mutate::text(&mut random, source, other);
            match everything(&text, &catalog) {
                Ok(compiles) => compile += u64::from(compiles),
                Err(why) => {
                    failures.push(format!("seed {seed}: {why}\n{}", small(&text, &catalog)));
                    eprintln!("{}", failures.last().expect("the failure"));
                }
            }
            if failures.len() >= setting("FLOWC_FAILURES", 3) as usize {
                break;
            }
        }
        eprintln!("{count} changed programs from seed {first}, {compile} of them compile");
        assert!(
            failures.is_empty(),
            "{} programs fail, the last:\n{}",
            failures.len(),
            failures[failures.len() - 1]
        );
        assert!(compile * 40 > count, "only {compile} of {count} changed programs compile");
    });
}

#[test]
fn changed_programs_are_parsed() {
    on_a_stack(|| {
        let each = setting("FLOWC_PARSES", 20);
        let programs = programs();
        for (i, (path, source)) in programs.iter().enumerate() {
            let mut random = Random::new(setting("FLOWC_SEED", 1) + i as u64);
            for _ in 0..each {
                let text = mutate::text(&mut random, source, &programs[(i * 7 + 3) % programs.len()].1);
                if let Err(why) = caught(|| parses(&text)).flatten() {
                    panic!("{}: {why}\n{text}", path.display());
                }
            }
        }
        eprintln!("{} changed programs parsed", each * programs.len() as u64);
    });
}
