//! Runs a program in this process, in every configuration that must not matter, and compares.
//!
//! What is compared is what a user sees: the text on standard output, the files with their bytes, the
//! counts of every read, and the message of a failure.

use flow_compiler::Compiled;
use flow_compiler::optimize::{OptLevel, optimize};
use flow_compiler::stage::cut_stages;
use flow_ir::logical::Operator;
use flow_ir::source::Sink;
use flow_ir::{Batch, PhysicalPlan};
use flow_runtime::persist::CacheOptions;
use flow_runtime::{Engine, Printer, RunOptions};
use flowc::failure::Status;
use flowc::program::Program;
use flowc::run_failure::run_failure;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One way to run a program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Configuration {
    level: OptLevel,
    engine: Engine,
    threads: usize,
    chunk_bytes: usize,
    morsel_rows: usize,
    map_from: u64,
}

/// Engine × optimizer × two layouts of the work; the small layouts differ with `seed`.
pub(crate) fn configurations(seed: u64) -> Vec<Configuration> {
    let mut all = Vec::new();
    for (i, engine) in [Engine::Jit, Engine::Interpreter].into_iter().enumerate() {
        for (j, level) in [OptLevel::Full, OptLevel::Required].into_iter().enumerate() {
            let whole = Configuration {
                level,
                engine,
                threads: 1,
                chunk_bytes: 1 << 20,
                morsel_rows: 8192,
                map_from: u64::MAX,
            };
            let pick = (seed as usize).wrapping_add(i * 2 + j);
            let parts = Configuration {
                threads: [2, 3, 7, 2][pick % 4],
                chunk_bytes: [64, 200, 1024, 333][(pick / 4) % 4],
                morsel_rows: [3, 1, 5, 17][(pick / 16) % 4],
                map_from: [0, u64::MAX][(pick / 3) % 2],
                ..whole
            };
            all.extend([whole, parts]);
        }
    }
    all
}

/// What a run shows and leaves behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Standard output.
    pub(crate) printed: String,
    /// The files written, by their names below the place of the program.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// A line for each read: `pattern read kept filtered quarantined skipped`.
    pub(crate) counts: Vec<String>,
    /// The message, if the run failed.
    pub(crate) failure: Option<String>,
    /// A broken promise of flowc itself: a panic, an internal error, counts that do not add up.
    pub(crate) bug: Option<String>,
}

/// How often another of several errors was found first at another optimizer level.
pub(crate) static OTHER_ERRORS: AtomicUsize = AtomicUsize::new(0);

impl Outcome {
    /// Whether both fail, but at different places of the program. Where several stages meet errors, which of them runs first
    /// depends on what the optimizer fuses; that one of them is reported does not.
    fn stops_elsewhere(&self, other: &Outcome) -> bool {
        let place = |o: &Outcome| {
            let failure = o.failure.as_deref()?;
            failure.lines().find(|l| l.contains("needed by")).map(str::to_owned)
        };
        matches!((place(self), place(other)), (Some(a), Some(b)) if a != b)
    }

    /// Whether some row came out.
    pub(crate) fn has_rows(&self) -> bool {
        let lines = |b: &[u8]| b.iter().filter(|c| **c == b'\n').count();
        self.failure.is_none()
            && (lines(self.printed.as_bytes()) > 1 || self.files.values().any(|f| lines(f) > 1))
    }

    /// The outcome as text, for people.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}{}\n", self.printed, self.counts.join("\n"));
        for (name, bytes) in &self.files {
            text.push_str(&format!("--- {name}\n{}", String::from_utf8_lossy(bytes)));
        }
        for part in [&self.failure, &self.bug].into_iter().flatten() {
            text.push_str(&format!("--- error\n{part}\n"));
        }
        text
    }
}

/// What is printed, as the command would print it.
#[derive(Default)]
pub(crate) struct Printed(pub(crate) Vec<u8>);

impl Printer for Printed {
    fn bytes(&mut self, bytes: &mut dyn Read) -> io::Result<()> {
        if !self.0.is_empty() {
            self.0.push(b'\n');
        }
        bytes.read_to_end(&mut self.0).map(|_| ())
    }

    fn table(&mut self, _: &Sink, batches: &[Batch], rows: u64) -> io::Result<()> {
        self.0.extend(format!("{rows} rows in {} batches", batches.len()).into_bytes());
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The plan that runs at a level; a panic on the way is the error.
pub(crate) fn physical(compiled: &Compiled, level: OptLevel) -> Result<PhysicalPlan, String> {
    caught(|| cut_stages(&optimize(compiled.plan.clone(), level, &mut |_| {})))
}

/// The result of `f`, or what it panicked with.
pub(crate) fn caught<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        format!("a panic: {}", text.unwrap_or_default())
    })
}

/// Runs a compiled program once; everything below `place/out` is removed before. Rows of other runs are in
/// `cache`, if there are any.
pub(crate) fn run(
    program: &Program,
    compiled: &Compiled,
    c: &Configuration,
    place: &Path,
    cache: &Path,
) -> Outcome {
    let out = place.join("out");
    let _ = std::fs::remove_dir_all(&out);
    let plan = match physical(compiled, c.level) {
        Ok(plan) => plan,
        Err(bug) => return Outcome { bug: Some(bug), ..Outcome::default() },
    };
    let cache = CacheOptions { folder: cache.to_owned(), compiler: "a test".to_owned() };
    let mut outcome = match caught(|| run_plan(program, &plan, c, cache)) {
        Ok(outcome) => outcome,
        Err(bug) => Outcome { bug: Some(bug), ..Outcome::default() },
    };
    collect(place, &out, &mut outcome.files);
    outcome
}

fn run_plan(program: &Program, plan: &PhysicalPlan, c: &Configuration, cache: CacheOptions) -> Outcome {
    let options = RunOptions {
        threads: c.threads,
        engine: c.engine,
        chunk_bytes: c.chunk_bytes,
        morsel_rows: c.morsel_rows,
        map_from: c.map_from,
        cache: Some(cache),
        ..RunOptions::default()
    };
    let mut printed = Printed::default();
    let mut outcome = Outcome::default();
    match flow_runtime::run(plan, &options, &mut printed, &|span| program.place(span)) {
        Ok(report) => {
            if !report.warnings.is_empty() {
                outcome.bug = Some(format!("stored rows are no good: {:?}", report.warnings));
            }
            for s in &report.sources {
                if s.read != s.kept + s.filtered + s.quarantined + s.skipped {
                    outcome.bug = Some(format!("the rows of {} do not add up: {s:?}", s.pattern));
                }
                outcome.counts.push(format!(
                    "{} {} {} {} {} {}",
                    s.pattern, s.read, s.kept, s.filtered, s.quarantined, s.skipped
                ));
            }
            outcome.counts.extend(report.written.iter().map(|w| format!("{} {}", w.path.display(), w.rows)));
        }
        Err(error) => {
            let failure = run_failure(error, program, plan, Status::Interrupted, false);
            if failure.status == Status::Internal {
                outcome.bug = Some(failure.text.clone());
            }
            outcome.failure = Some(shown(&failure.text));
        }
    }
    outcome.printed = String::from_utf8_lossy(&printed.0).into_owned();
    outcome
}

/// A message without the side of a join that breaks its contract: where both do, the one that is complete first is named.
fn shown(text: &str) -> String {
    let contract = text.starts_with("error[F5002]");
    text.lines().filter(|l| !contract || l.contains("needed by")).map(|l| format!("{l}\n")).collect()
}

fn collect(root: &Path, directory: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if let Ok(bytes) = std::fs::read(&path) {
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            files.insert(name, bytes);
        }
    }
}

/// Why a program fails the test, in words: the configurations that differ and their outcomes.
pub(crate) fn difference(
    program: &Program,
    compiled: &Compiled,
    configurations: &[Configuration],
    place: &Path,
) -> Result<Outcome, String> {
    let mut first: Option<Outcome> = None;
    let mut of_level: [Option<Outcome>; 2] = [None, None];
    let stores = compiled.plan.nodes.iter().any(|n| matches!(n.operator, Operator::Persist { .. }));
    let caches = place.join("caches");
    let _ = std::fs::remove_dir_all(&caches);
    let numbered = configurations.iter().enumerate();
    // Once with nothing stored, then with what another configuration has stored.
    let warm = numbered.clone().filter(|_| stores).map(|(i, c)| ((i + 1) % configurations.len(), c));
    for (turn, (cache, c)) in numbered.chain(warm).enumerate() {
        let mut outcome = run(program, compiled, c, place, &caches.join(cache.to_string()));
        if turn >= configurations.len() {
            // What is stored is not read.
            outcome.counts = first.as_ref().map_or_else(Vec::new, |f| f.counts.clone());
        }
        if let Some(bug) = &outcome.bug {
            return Err(format!("{c:?}: {bug}"));
        }
        // At one optimizer level everything is the same.
        let level = usize::from(c.level == configurations[0].level);
        match (&of_level[level], &first) {
            (Some(expected), _) | (None, Some(expected)) if *expected == outcome => {}
            (None, Some(expected)) if expected.stops_elsewhere(&outcome) => {
                OTHER_ERRORS.fetch_add(1, Ordering::Relaxed);
            }
            (None, None) => first = Some(outcome.clone()),
            (Some(expected), _) | (None, Some(expected)) => {
                return Err(format!(
                    "{:?} and {c:?} differ\n=== first\n{}\n=== second\n{}",
                    configurations[0],
                    expected.text(),
                    outcome.text()
                ));
            }
        }
        of_level[level].get_or_insert(outcome);
    }
    first.ok_or_else(|| "no configuration".to_owned())
}
