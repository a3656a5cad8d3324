//! Files with random damage: a run ends with an answer or a message, the same in every configuration, and the rows
//! of every read add up. Plans with random damage are refused, or sound and run.

use crate::mutated::{Known, everything, on_a_stack, programs};
use crate::outcome::{caught, configurations, difference, physical};
use crate::random::Random;
use crate::sound_plans::run_sound;
use crate::{mutate, setting};
use flow_compiler::catalog::{Catalog, CatalogError, FileFields, FileInfo, InferredField};
use flow_compiler::optimize::OptLevel;
use flow_compiler::{Compiled, compile_loaded};
use flow_ir::location::Location;
use flow_ir::logical::Operator;
use flow_ir::source::{Dialect, Format, OnError, Target};
use flow_ir::{PhysicalPlan, parse_logical, parse_physical, verify_logical, verify_physical};
use flowc::catalog::FileCatalog;
use flowc::program::Program;
use std::path::{Path, PathBuf};

/// Damaged inputs of an ordinary test run.
const FEW: u64 = 150;
/// The largest file that is damaged: larger ones would only be slower.
const BYTES_MAX: u64 = 200_000;

/// The files of the repository, each found as a copy in a folder.
struct Damaged<'p>(&'p Path);

/// Where the copy of a file is.
fn copy_of(place: &Path, path: &str) -> PathBuf {
    place.join(path.replace('/', "~"))
}

impl Catalog for Damaged<'_> {
    fn files(&self, pattern: &str) -> Result<Vec<FileInfo>, CatalogError> {
        let found = FileCatalog.files(pattern)?;
        found
            .into_iter()
            .map(|f| {
                let path = copy_of(self.0, &f.path).display().to_string();
                Ok(FileInfo { path, bytes: f.bytes })
            })
            .collect()
    }

    fn header(&self, file: &FileInfo, dialect: &Dialect) -> Result<Vec<String>, CatalogError> {
        FileCatalog.header(file, dialect)
    }

    fn fields(
        &self,
        file: &FileInfo,
        format: &Format,
        only: Option<&[&str]>,
    ) -> Result<FileFields, CatalogError> {
        FileCatalog.fields(file, format, only)
    }

    fn infer(&self, file: &FileInfo, format: &Format) -> Result<Vec<InferredField>, CatalogError> {
        FileCatalog.infer(file, format)
    }

    fn program(&self, path: &str) -> Result<String, CatalogError> {
        FileCatalog.program(path)
    }
}

/// The input files of a program that a catalog finds.
fn inputs(compiled: &Compiled) -> Vec<String> {
    let mut files: Vec<String> = Vec::new();
    for node in &compiled.plan.nodes {
        if let Operator::Read(source) = &node.operator {
            files.extend(source.files.iter().map(|f| f.path.clone()));
        }
    }
    files.sort();
    files.dedup();
    files
}

/// Programs of the repository that read files, and only files, with those files.
fn readers() -> Vec<(PathBuf, String, Vec<String>)> {
    let catalog = Known::default();
    let mut found = Vec::new();
    for (path, text) in programs() {
        let program = Program::new("reader.flow", text.clone());
        let Ok(compiled) = compile_loaded(program.loaded(), &[], &catalog) else { continue };
        let files = inputs(&compiled);
        let small = |f: &String| {
            matches!(Location::of(f), Location::File(_))
                && std::fs::metadata(f).is_ok_and(|m| m.len() < BYTES_MAX)
        };
        if !files.is_empty() && files.iter().all(small) {
            found.push((path, text, files));
        }
    }
    assert!(found.len() > 40, "only {} programs read files", found.len());
    found
}

/// Lets everything that a program writes be written below `place`.
fn redirect(compiled: &mut Compiled, place: &Path) {
    let moved = |path: &str| place.join("out").join(path.replace('/', "~")).display().to_string();
    for node in &mut compiled.plan.nodes {
        match &mut node.operator {
            Operator::Write { sink, .. } => {
                if let Target::File(path) = &mut sink.target {
                    *path = moved(path);
                }
            }
            Operator::Read(source) => {
                if let OnError::Quarantine(path) = &mut source.on_error {
                    *path = moved(path);
                }
            }
            _ => {}
        }
    }
}

/// Runs a program over damaged copies of its files; whether it still compiles.
fn damaged(random: &mut Random, text: &str, files: &[String], place: &Path) -> Result<bool, String> {
    let one = random.below(files.len());
    for (i, file) in files.iter().enumerate() {
        let mut bytes = std::fs::read(file).expect("a readable file");
        if i == one || random.chance(30) {
            bytes = mutate::bytes(random, &bytes);
        }
        std::fs::write(copy_of(place, file), bytes).expect("a file is written");
    }
    let program = Program::new("reader.flow", text);
    let Ok(mut compiled) = caught(|| compile_loaded(program.loaded(), &[], &Damaged(place)))? else {
        return Ok(false);
    };
    redirect(&mut compiled, place);
    let all = configurations(random.next());
    let some: Vec<_> = [0, 1, 3, 5].into_iter().map(|i| all[i]).collect();
    difference(&program, &compiled, &some, place)?;
    Ok(true)
}

#[test]
fn damaged_files_are_accounted_for() {
    on_a_stack(|| {
        let readers = readers();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (count, first) = (setting("FLOWC_DAMAGES", FEW), setting("FLOWC_SEED", 1));
        let (mut runs, mut failures) = (0, Vec::new());
        for seed in first..first + count {
            let mut random = Random::new(seed);
            let (path, text, files) = &readers[seed as usize % readers.len()];
            let place = directory.path().join(format!("s{seed}"));
            std::fs::create_dir_all(&place).expect("a directory");
            match damaged(&mut random, text, files, &place) {
                Ok(run) => runs += u64::from(run),
                Err(why) => {
                    let mut text = format!("seed {seed}: {}: {why}\n", path.display());
                    for file in files {
                        let bytes = std::fs::read(copy_of(&place, file)).unwrap_or_default();
                        text.push_str(&format!("--- {file}\n{}\n", bytes.escape_ascii()));
                    }
                    eprintln!("{text}");
                    failures.push(text);
                }
            }
            let _ = std::fs::remove_dir_all(&place);
            if failures.len() >= setting("FLOWC_FAILURES", 3) as usize {
                break;
            }
        }
        eprintln!("{count} damaged inputs from seed {first}, {runs} of them run");
        assert!(failures.is_empty(), "{} fail, the last:\n{}", failures.len(), failures[failures.len() - 1]);
        assert!(runs * 2 > count, "only {runs} of {count} run");
    });
}

/// A plan that came over a wire: its text and its JSON with damage.
fn damaged_plan(random: &mut Random, compiled: &Compiled, other: &str) -> Result<bool, String> {
    let stages = physical(compiled, OptLevel::Full)?;
    let (logical, physical) = (compiled.plan.to_string(), stages.to_string());
    let json = serde_json::to_vec(&stages).map_err(|e| e.to_string())?;
    let texts = [mutate::text(random, &logical, other), mutate::text(random, &physical, &logical)];
    let bytes = mutate::bytes(random, &json);
    caught(|| {
        let mut sound = false;
        if let Ok(plan) = parse_logical(&texts[0])
            && verify_logical(&plan).is_ok()
        {
            sound = true;
            let again = parse_logical(&plan.to_string());
            if again.is_err() {
                return Err(format!("a sound plan is not read again: {again:?}\n{plan}"));
            }
        }
        if let Ok(plan) = parse_physical(&texts[1])
            && verify_physical(&plan).is_ok()
        {
            sound = true;
            let again = parse_physical(&plan.to_string());
            if again.is_err() {
                return Err(format!("a sound plan is not read again: {again:?}\n{plan}"));
            }
            run_sound(&plan)?;
        }
        if let Ok(plan) = serde_json::from_slice::<PhysicalPlan>(&bytes) {
            let _ = plan.to_string();
            if verify_physical(&plan).is_ok() {
                sound = true;
                run_sound(&plan)?;
            }
        }
        Ok(sound)
    })?
    .map_err(|e| {
        format!(
            "{e}\n--- logical\n{}\n--- physical\n{}\n--- json\n{}",
            texts[0],
            texts[1],
            bytes.escape_ascii()
        )
    })
}

#[test]
fn damaged_plans_are_refused() {
    on_a_stack(|| {
        let catalog = Known::default();
        let mut plans = Vec::new();
        for (path, text) in programs() {
            let program = Program::new("plan.flow", text.clone());
            if let Ok(compiled) = compile_loaded(program.loaded(), &[], &catalog) {
                assert_eq!(everything(&text, &catalog), Ok(true), "{}", path.display());
                plans.push(compiled);
            }
        }
        let (count, first) = (setting("FLOWC_PLANS", 10 * FEW), setting("FLOWC_SEED", 1));
        let mut sound = 0;
        for seed in first..first + count {
            let mut random = Random::new(seed);
            let other = random.pick(&plans).plan.to_string();
            let result = damaged_plan(&mut random, &plans[seed as usize % plans.len()], &other);
            sound += u64::from(result.unwrap_or_else(|why| panic!("seed {seed}: {why}")));
        }
        eprintln!("{count} damaged plans of {} programs from seed {first}, {sound} are sound", plans.len());
    });
}
