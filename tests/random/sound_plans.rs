//! Plans that come from outside and are sound are run: with an answer or a message, but no panic, crash or bug.
//!
//! What a damaged plan would write or start is taken away before: its sinks print, its bad rows are dropped, and it
//! reads nothing but the data of the repository.

use crate::outcome::caught;
use flow_ir::location::Location;
use flow_ir::physical::{Branch, BranchEnd, InputFrom, LeafKind};
use flow_ir::source::{OnError, Sink, Target};
use flow_ir::{Batch, PhysicalPlan, verify_physical};
use flow_runtime::{Control, Engine, Printer, RunError, RunOptions};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// How long a plan may run before it is stopped: a damaged number can make it go on for ever.
const TIME: Duration = Duration::from_secs(2);
/// How long it may then take to notice.
const GRACE: Duration = Duration::from_secs(60);
/// The memory that its operators may have.
const MEMORY: u64 = 32 << 20;

/// Takes everything and keeps the first bytes.
struct Kept(Vec<u8>);

impl Printer for Kept {
    fn bytes(&mut self, bytes: &mut dyn Read) -> io::Result<()> {
        bytes.take(1 << 16).read_to_end(&mut self.0)?;
        io::copy(bytes, &mut io::sink()).map(|_| ())
    }

    fn table(&mut self, _: &Sink, _: &[Batch], rows: u64) -> io::Result<()> {
        writeln!(self.0, "{rows} rows")
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The plan without what it would do to others; `None` if it is not sound then.
fn harmless(plan: &PhysicalPlan) -> Option<PhysicalPlan> {
    let mut plan = plan.clone();
    for stage in &mut plan.stages {
        for input in &mut stage.inputs {
            if let InputFrom::Read(source) = &mut input.from {
                let known = |path: &str| path.starts_with("tests/") || path.starts_with("examples/");
                let plain = |path: &str| !path.contains("..") && std::path::Path::new(path).is_file();
                source.files.retain(|f| {
                    matches!(Location::of(&f.path), Location::File(_)) && known(&f.path) && plain(&f.path)
                });
                if matches!(source.on_error, OnError::Quarantine(_)) {
                    source.on_error = OnError::Skip;
                }
            }
        }
        printing(&mut stage.branch);
    }
    verify_physical(&plan).is_ok().then_some(plan)
}

fn printing(branch: &mut Branch) {
    match &mut branch.end {
        BranchEnd::Split(branches) => branches.iter_mut().for_each(printing),
        BranchEnd::Leaf(leaf) => {
            if let LeafKind::Write(sink) = &mut leaf.kind
                && !matches!(sink.target, Target::Processes { .. })
            {
                sink.target = Target::Print { limit: None };
                sink.format = None;
            }
        }
    }
}

/// Runs a sound plan in both engines. The error is a broken promise of flowc.
pub(crate) fn run_sound(plan: &PhysicalPlan) -> Result<(), String> {
    let Some(plan) = harmless(plan) else { return Ok(()) };
    let mut answers = Vec::new();
    for engine in [Engine::Interpreter, Engine::Jit] {
        match run_stopped(&plan, engine).map_err(|why| format!("{engine:?}: {why}\n{plan}"))? {
            Ok(printed) => answers.push(printed),
            Err(RunError::Internal(why)) => return Err(format!("{engine:?}: {why}\n{plan}")),
            Err(_) => {}
        }
    }
    match answers.as_slice() {
        [a, b] if a != b => Err(format!(
            "the engines differ\n{}\n---\n{}\n{plan}",
            String::from_utf8_lossy(a),
            String::from_utf8_lossy(b)
        )),
        _ => Ok(()),
    }
}

/// Runs a plan for a while.
fn run_stopped(plan: &PhysicalPlan, engine: Engine) -> Result<Result<Vec<u8>, RunError>, String> {
    let control = Arc::new(Control::default());
    let options = RunOptions {
        threads: 2,
        engine,
        memory_bytes: Some(MEMORY),
        chunk_bytes: 4096,
        morsel_rows: 100,
        control: control.clone(),
        ..RunOptions::default()
    };
    let (done, wait) = channel();
    std::thread::scope(|scope| {
        let run = scope.spawn(move || {
            let mut printed = Kept(Vec::new());
            let result = caught(|| flow_runtime::run(plan, &options, &mut printed, &|_| String::new()));
            let _ = done.send(());
            result.map(|r| r.map(|_| printed.0))
        });
        if wait.recv_timeout(TIME) == Err(RecvTimeoutError::Timeout) {
            control.cancel.store(true, Ordering::Relaxed);
            if wait.recv_timeout(GRACE) == Err(RecvTimeoutError::Timeout) {
                // A thread cannot be ended: say so before the scope waits for it.
                eprintln!("a plan does not stop when it is told to:\n{plan}");
            }
        }
        run.join().map_err(|_| "the thread of a run panicked".to_owned())?
    })
}
