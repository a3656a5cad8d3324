//! The differential matrix: every program, on every combination of what must not matter.
//!
//! The outputs of all configurations must be the same bytes before anything is compared with a
//! snapshot; so a snapshot can only ever record one answer.

use crate::process::{BINARY, Outcome, Workplace, repository};
use std::path::{Path, PathBuf};

/// One way to run a program.
#[derive(Clone, Debug)]
struct Configuration(Vec<&'static str>);

/// Threads × sizes × optimizer × engine. Small files are mapped only when that is asked for.
fn configurations() -> Vec<Configuration> {
    let mut all = Vec::new();
    for threads in ["1", "2", "7"] {
        let mapping: &[_] = if threads == "2" { &["--map-kib", "0"] } else { &[] };
        for sizes in [&[][..], &["--chunk-kib", "1", "--morsel-rows", "3"][..]] {
            for optimize in ["1", "0"] {
                for engine in [&[][..], &["--interpret"][..]] {
                    let mut arguments = vec!["--threads", threads, "--optimize", optimize];
                    arguments.extend(sizes);
                    arguments.extend(mapping);
                    arguments.extend(engine);
                    all.push(Configuration(arguments));
                }
            }
        }
    }
    all
}

/// Runs `program` in every configuration and returns the one outcome they share.
fn one_outcome(program: &Path, workplace: &Workplace) -> Outcome {
    one_outcome_of("run", program, workplace)
}

/// The same of another command.
fn one_outcome_of(command: &str, program: &Path, workplace: &Workplace) -> Outcome {
    let name = program.strip_prefix(repository()).expect("a program of the repository").display().to_string();
    let mut first: Option<Outcome> = None;
    let stores = command == "run" && stores_rows(program);
    for (number, Configuration(arguments)) in configurations().into_iter().enumerate() {
        let mut all = vec![command, name.as_str()];
        all.extend(arguments.iter());
        let cold = format!("cache-{number}");
        if stores {
            all.extend(["--cache-dir", cold.as_str()]);
        }
        let outcome = workplace.run(&all);
        if stores {
            // With what this run, and the one of another configuration, have stored.
            let other = format!("cache-{}", number.saturating_sub(1));
            for warm in [cold.as_str(), other.as_str()] {
                let mut again = all.clone();
                again.pop();
                again.push(warm);
                let again = workplace.run(&again);
                assert_eq!(
                    without_reports(&outcome),
                    without_reports(&again),
                    "{name} differs with {arguments:?} when rows are stored"
                );
            }
        }
        assert_ne!(outcome.status, Some(70), "{name} {arguments:?} met a bug:\n{}", outcome.stderr);
        match &first {
            None => first = Some(outcome),
            Some(expected) => assert_eq!(expected, &outcome, "{name} differs with {arguments:?}"),
        }
    }
    first.expect("at least one configuration")
}

/// Whether a program keeps rows for later runs.
fn stores_rows(program: &Path) -> bool {
    let text = std::fs::read_to_string(program).expect("a readable program");
    let levels = text.split("| persist").skip(1);
    let mut levels = levels.map(|rest| rest.trim_start_matches('(').split(')').next().unwrap_or("").trim());
    levels.any(|level| level != "memory" && level != "memory_ser")
}

/// What does not tell whether rows were computed or read. Of failures everything counts.
fn without_reports(outcome: &Outcome) -> Outcome {
    let mut outcome = outcome.clone();
    if outcome.status == Some(0) {
        let is_report = |line: &str| line.starts_with("persist ") || line.contains(" read = ");
        let kept = outcome.stderr.lines().filter(|line| !is_report(line));
        outcome.stderr = kept.map(|line| format!("{line}\n")).collect();
    }
    outcome
}

/// An outcome as a snapshot shows it.
fn text(outcome: &Outcome) -> String {
    let mut text = String::new();
    if outcome.status != Some(0) {
        text.push_str(&format!("status: {:?}\n", outcome.status));
    }
    for (title, part) in [("stdout", &outcome.stdout), ("stderr", &outcome.stderr)] {
        if !part.is_empty() {
            text.push_str(&format!("--- {title}\n{part}"));
        }
    }
    for (name, content) in &outcome.files {
        // What a library makes of the same bytes may change with its version.
        let content = if content.starts_with(BINARY) { "(binary)\n" } else { content.as_str() };
        text.push_str(&format!("--- out/{name}\n{content}"));
    }
    text
}

#[test]
fn run_cases() {
    insta::glob!("../cases/run", "**/*.flow", |path| {
        let outcome = one_outcome(path, &Workplace::new());
        insta::assert_snapshot!(text(&outcome));
    });
}

/// Programs with tests, some of which fail: what `flowc test` says.
#[test]
fn cases_of_tests() {
    insta::glob!("../cases/test", "**/*.flow", |path| {
        let outcome = one_outcome_of("test", path, &Workplace::new());
        assert!(outcome.files.is_empty(), "a test writes nothing");
        insta::assert_snapshot!(text(&outcome));
    });
}

#[test]
fn examples() {
    insta::glob!("../../examples", "*.flow", |path| {
        let outcome = one_outcome(path, &Workplace::new());
        assert_eq!(outcome.status, Some(0), "{}\n{}", path.display(), outcome.stderr);
        insta::assert_snapshot!(text(&outcome));
    });
}

/// Wrong programs: what `check` says.
#[test]
fn check_cases() {
    insta::glob!("../cases/check", "**/*.flow", |path| {
        let name =
            path.strip_prefix(repository()).expect("a program of the repository").display().to_string();
        let outcome = Workplace::new().run(&["check", &name]);
        assert_ne!(outcome.status, Some(70), "{name} met a bug:\n{}", outcome.stderr);
        insta::assert_snapshot!(text(&outcome));
    });
}

/// Right programs that are probably not what is meant: what `check --lint` says.
#[test]
fn lint_cases() {
    insta::glob!("../cases/lint", "**/*.flow", |path| {
        let name =
            path.strip_prefix(repository()).expect("a program of the repository").display().to_string();
        let outcome = Workplace::new().run(&["check", "--lint", &name]);
        assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
        insta::assert_snapshot!(text(&outcome));
    });
}

/// Every program of the repository is formatted, and formatting it again changes nothing.
#[test]
fn programs_are_formatted() {
    let mut programs: Vec<PathBuf> = Vec::new();
    for directory in ["examples", "benches", "benches/tpch"] {
        for entry in std::fs::read_dir(repository().join(directory)).expect("a directory").flatten() {
            if entry.path().extension().is_some_and(|e| e == "flow") {
                programs.push(entry.path());
            }
        }
    }
    assert!(programs.len() >= 12, "only {} programs found", programs.len());
    for program in programs {
        let text = std::fs::read_to_string(&program).expect("a readable program");
        let formatted = flow_grammar::format(&text).expect("a correct program");
        assert_eq!(text, formatted, "{} is not formatted", program.display());
    }
}
