//! Generated programs give the same bytes in every configuration, and their plans keep their promises.

use crate::coverage::Coverage;
use crate::expression::{Expressions, Name};
use crate::outcome::{OTHER_ERRORS, Outcome, caught, configurations, difference};
use crate::program::{Case, Maker, Tried};
use crate::random::Random;
use crate::setting;
use crate::shrink::shrunk;
use crate::templates::TEMPLATES;
use flow_compiler::Compiled;
use flow_compiler::optimize::{OptLevel, optimize};
use flow_compiler::stage::cut_stages;
use flow_ir::{parse_logical, parse_physical, verify_logical, verify_physical};
use flowc::cli::ColorChoice;
use flowc::program::Program;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Programs of an ordinary test run.
const FEW: u64 = 200;
/// From how long on a program is reported as slow.
const SLOW: Duration = Duration::from_secs(10);

/// What one case came to.
fn judged(case: &Case, seed: u64, place: &Path) -> Result<(Compiled, Outcome), String> {
    case.place(place);
    let program = case.program(place);
    let checked = caught(|| program.check(&[]))?;
    let compiled =
        checked.map_err(|d| format!("does not compile: {}", program.render(&d, ColorChoice::Never)))?;
    let outcome = difference(&program, &compiled, &configurations(seed), place)?;
    plans_are_sound(&compiled)?;
    formatting_is_stable(&program.text)?;
    Ok((compiled, outcome))
}

/// Both plans at both levels verify, and are what their texts say.
fn plans_are_sound(compiled: &Compiled) -> Result<(), String> {
    caught(|| {
        for level in [OptLevel::Full, OptLevel::Required] {
            let plan = optimize(compiled.plan.clone(), level, &mut |_| {});
            let stages = cut_stages(&plan);
            verify_logical(&plan).map_err(|e| format!("{level:?}: the plan is not sound: {e:?}\n{plan}"))?;
            verify_physical(&stages)
                .map_err(|e| format!("{level:?}: the stages are not sound: {e:?}\n{stages}"))?;
            let text = plan.to_string();
            let again =
                parse_logical(&text).map_err(|e| format!("the plan's text is not read: {e:?}\n{text}"))?;
            if again.to_string() != text {
                return Err(format!("the plan's text changes\n{text}\n{again}"));
            }
            let text = stages.to_string();
            let again =
                parse_physical(&text).map_err(|e| format!("the stages' text is not read: {e:?}\n{text}"))?;
            if again.to_string() != text {
                return Err(format!("the stages' text changes\n{text}\n{again}"));
            }
        }
        Ok(())
    })?
}

fn formatting_is_stable(text: &str) -> Result<(), String> {
    caught(|| {
        let once = flow_grammar::format(text).map_err(|e| format!("cannot be formatted: {e:?}"))?;
        let twice =
            flow_grammar::format(&once).map_err(|e| format!("cannot be formatted again: {e:?}\n{once}"))?;
        if once == twice {
            Ok(())
        } else {
            Err(format!("formatting changes what is formatted\n{once}\n{twice}"))
        }
    })?
}

/// Ends the process if one seed takes a minute: a program that hangs could not be reported otherwise.
fn watch() -> Arc<AtomicU64> {
    let current = Arc::new(AtomicU64::new(0));
    let watched = current.clone();
    std::thread::spawn(move || {
        let mut last = (0, Instant::now());
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let seed = watched.load(Ordering::Relaxed);
            if seed == u64::MAX {
                return;
            }
            if seed != last.0 {
                last = (seed, Instant::now());
            } else if seed != 0 && last.1.elapsed() > Duration::from_secs(60) {
                eprintln!("seed {seed} hangs");
                std::process::abort();
            }
        }
    });
    current
}

fn report(seed: u64, case: &Case, why: &str, place: &Path) -> String {
    let kind = |why: &str| why.contains("differ\n");
    let fails = |c: &Case| matches!(judged(c, seed, place), Err(e) if !e.starts_with("does not compile") && kind(&e) == kind(why));
    let small = shrunk(case, &fails, Duration::from_secs(setting("FLOWC_SHRINK", 60)));
    let why = judged(&small, seed, place).err().unwrap_or_else(|| why.to_owned());
    format!("seed {seed}: {why}\n{}", small.text())
}

#[test]
fn generated_programs_agree() {
    let (count, first) = (setting("FLOWC_PROGRAMS", FEW), setting("FLOWC_SEED", 1));
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (mut coverage, mut tried) = (Coverage::default(), Tried::default());
    let (mut compiled, mut with_rows, mut failed, mut slowest) = (0, 0, 0, (Duration::ZERO, 0));
    let mut failures = Vec::new();
    let current = watch();
    let begin = Instant::now();
    for seed in first..first + count {
        let place = directory.path().join(format!("s{seed}"));
        std::fs::create_dir_all(&place).expect("a directory");
        current.store(seed, Ordering::Relaxed);
        let (case, t) = Maker::new(seed, &place).case();
        tried.taken += t.taken;
        tried.refused += t.refused;
        let start = Instant::now();
        match judged(&case, seed, &place) {
            Ok((plan, outcome)) => {
                compiled += 1;
                with_rows += u64::from(outcome.has_rows());
                failed += u64::from(outcome.failure.is_some());
                coverage.add(&case.text, &plan);
            }
            Err(why) if why.starts_with("does not compile") => {}
            Err(why) => {
                current.store(0, Ordering::Relaxed);
                failures.push(report(seed, &case, &why, &place));
                eprintln!("{}", failures.last().expect("the failure"));
            }
        }
        if start.elapsed() > SLOW {
            eprintln!("seed {seed} took {:?}", start.elapsed());
        }
        slowest = slowest.max((start.elapsed(), seed));
        let _ = std::fs::remove_dir_all(&place);
        if failures.len() >= setting("FLOWC_FAILURES", 3) as usize {
            break;
        }
    }
    current.store(u64::MAX, Ordering::Relaxed);
    let other = OTHER_ERRORS.load(Ordering::Relaxed);
    eprintln!("{other} programs with several errors show another one at another optimizer level");
    assert!(other * 500 <= count as usize + 500, "{other} programs of {count} show other errors");
    eprintln!(
        "{count} programs from seed {first} in {:?}: {compiled} compile, {with_rows} have rows, {failed} end with an error; \
         {} stages taken, {} refused; slowest: {slowest:?}\n{}",
        begin.elapsed(),
        tried.taken,
        tried.refused,
        coverage.text()
    );
    assert!(
        failures.is_empty(),
        "{} programs fail, the last:\n{}",
        failures.len(),
        failures[failures.len() - 1]
    );
    assert!(compiled * 10 >= count * 9, "only {compiled} of {count} programs compile");
    assert!(with_rows * 2 >= count, "only {with_rows} of {count} programs have rows");
    if count >= FEW {
        // Commands of the machine are no place for random programs.
        let missing: Vec<_> = coverage.missing_stages().into_iter().filter(|s| *s != "through").collect();
        assert!(missing.is_empty(), "no program has the stages {missing:?}");
        assert_eq!(coverage.missing_aggregates(), [""; 0], "no program has them");
    }
}

/// Every template is an expression, and every function of the language is in one of them.
#[test]
fn every_function_has_a_template() {
    const FIELDS: &str = "b: true, i: 1, f: 1.5, d: decimal(\"1.50\", 12, 2), s: \"a\", a: @2024-05-01, \
        t: @2024-05-01T10:00:00Z, u: 1h, I: [1, 2], S: [\"a\"], F: [1.5]";
    let fields: Vec<Name> = "bifdsatuISF"
        .chars()
        .map(|letter| Name { text: letter.to_string(), letter, ty: flow_ir::Type::Null })
        .collect();
    let mut coverage = Coverage::default();
    let mut expressions = Expressions::new(Random::new(1), true);
    for template in TEMPLATES {
        let template = template.trim_start_matches('!');
        for general in ['i', 's', 'f'] {
            let mut tries = 0..20;
            loop {
                let e = expressions.filled(&template[2..], general, &fields, 0);
                let text = format!("rows [{{ {FIELDS} }}] | map {{ x: {e} }}");
                let program = Program::new("template.flow", text.as_str());
                match program.check(&[]) {
                    Ok(compiled) => {
                        coverage.add(&text, &compiled);
                        break;
                    }
                    // An error in every row is none of the template's: other values have none.
                    Err(found) if found.iter().all(|d| d.code == "F4013") && tries.next().is_some() => {}
                    Err(found) => panic!("{text}\n{}", program.render(&found, ColorChoice::Never)),
                }
            }
        }
    }
    assert_eq!(coverage.missing_functions(), [""; 0], "no template has them");
}
