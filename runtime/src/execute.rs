//! Runs a physical plan: stage after stage, every stage on all threads.
//!
//! Outputs are prepared aside and put in place only when the whole plan has succeeded.

use crate::accounting::first_bad_row;
use crate::compiled::{CompiledStage, compile_stage};
use crate::dataset::Dataset;
use crate::fault::RowFault;
use crate::finish::{StageEnd, finish_stage};
use crate::joining::{Joins, keeping_joins};
use crate::leaf::SharedLeaf;
use crate::memory::Budget;
use crate::needs::{bytes_to_read, commands, datasets_needed, joined, looked_up, sink_numbers};
use crate::operators::join::{JoinTable, MatchedRows};
use crate::options::{RunError, RunOptions, RunReport, StageReport};
use crate::output::Output;
use crate::persist::{is_empty, prepare};
use crate::persisted::Persists;
use crate::quarantine::{SpanText, write_quarantine};
use crate::reader::ReadBuffers;
use crate::sink::Printer;
use crate::tasks::{Tasks, open_inputs};
use crate::worker::{Shared, WorkerResult, work};
use flow_ir::Span;
use flow_ir::physical::{DatasetId, PhysicalPlan, Stage};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Runs `plan`. `printer` receives what is printed, in program order; `span_text` names places of
/// the program in quarantine files.
pub fn run(
    plan: &PhysicalPlan,
    options: &RunOptions,
    printer: &mut dyn Printer,
    span_text: SpanText<'_>,
) -> Result<RunReport, RunError> {
    if plan.version != flow_ir::physical::PLAN_VERSION {
        return Err(RunError::Internal(format!("plan version {} is not known", plan.version)));
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads.max(1))
        .build()
        .map_err(|e| RunError::Internal(format!("threads could not be started: {e}")))?;
    if !options.allow_run
        && let Some((command, span)) = commands(plan).into_iter().next()
    {
        return Err(RunError::NotAllowed { command, span });
    }
    let budget = options.memory_bytes.map_or_else(Budget::unlimited, Budget::new);
    let prepared = prepare(plan, options.cache.as_ref(), &budget, span_text);
    let (smaller, persists) = Persists::of(prepared);
    let plan = smaller.as_ref().unwrap_or(plan);
    let mut run = Run {
        plan,
        options,
        pool,
        buffers: ReadBuffers::new(options.map_from),
        budget,
        datasets: HashMap::new(),
        persists,
        answers: HashMap::new(),
        joins: Joins::default(),
        report: RunReport::default(),
        files: Vec::new(),
        prints: BTreeMap::new(),
        quarantined: BTreeMap::new(),
    };
    options.control.bytes_total.store(bytes_to_read(plan), Ordering::Relaxed);
    run.stages()?;
    run.commit(printer, span_text)
}

/// The native code that running `plan` would generate, as text: (title, intermediate code, machine code).
pub fn compile_only(
    plan: &PhysicalPlan,
    options: &RunOptions,
) -> Result<Vec<(String, String, String)>, RunError> {
    let jit = flow_jit::Options { engine: options.engine, text: true };
    let mut code = Vec::new();
    for stage in &plan.stages {
        let mut compiled = compile_stage(stage, &plan.unused, jit)?;
        code.append(&mut compiled.code);
        for leaf in &compiled.leaves {
            code.extend(crate::finish::update_code(&compiled, leaf)?);
        }
    }
    Ok(code)
}

pub(crate) struct Run<'a> {
    pub(crate) plan: &'a PhysicalPlan,
    pub(crate) options: &'a RunOptions,
    pool: rayon::ThreadPool,
    buffers: ReadBuffers,
    pub(crate) budget: Budget,
    pub(crate) datasets: HashMap<DatasetId, Arc<Dataset>>,
    /// What `persist`s hold.
    pub(crate) persists: Persists,
    /// What processes answered, until it is read.
    answers: crate::tasks::Answers,
    joins: Joins,
    pub(crate) report: RunReport,
    files: Vec<Output>,
    prints: BTreeMap<u32, crate::sink::Printed>,
    /// Bad rows by quarantine file, with what orders them: (stage, input).
    pub(crate) quarantined: BTreeMap<String, Vec<(usize, usize, RowFault)>>,
}

impl Run<'_> {
    /// Runs every stage once, and those of loops once a round.
    fn stages(&mut self) -> Result<(), RunError> {
        let plan = self.plan;
        let mut loops = plan.loops.iter().peekable();
        let mut at = 0;
        loop {
            if let Some(next) = loops.next_if(|l| l.first.0 as usize == at) {
                self.rounds(next)?;
                at = next.end.0 as usize;
                self.forget_datasets(at);
            } else if plan.stages.get(at).is_some_and(is_empty) {
                at += 1;
            } else if let Some(stage) = plan.stages.get(at) {
                let begin = Instant::now();
                let compiled = self.compile(stage)?;
                self.stage(stage, &compiled, begin)?;
                at += 1;
                self.forget_datasets(at);
            } else {
                return Ok(());
            }
        }
    }

    pub(crate) fn compile(&self, stage: &Stage) -> Result<CompiledStage, RunError> {
        let jit = flow_jit::Options { engine: self.options.engine, text: self.options.code_text };
        compile_stage(stage, &self.plan.unused, jit)
    }

    /// Runs a stage that has been compiled since `begin`.
    pub(crate) fn stage(
        &mut self,
        stage: &Stage,
        compiled: &CompiledStage,
        begin: Instant,
    ) -> Result<(), RunError> {
        let span = compiled.leaves.first().map_or(Span::default(), |l| l.leaf.span);
        self.bring_into_memory(looked_up(stage), span)?;
        self.build_joins(stage, compiled)?;
        let leaves =
            crate::finish::open_leaves(compiled, self.options, &self.budget, &self.persists.unfilled)?;
        let compile = begin.elapsed();
        let begin = Instant::now();
        let tasks = open_inputs(
            stage,
            (&self.datasets, &self.persists.filled, &self.answers),
            self.options,
            (&self.buffers, &self.budget),
        )?;
        let shared = Shared::new(compiled, &tasks, &leaves, &self.joins, self.options, &self.buffers);
        let nothing_wanted = leaves.iter().all(|l| matches!(l, SharedLeaf::Take(q) if q.is_done()));
        if nothing_wanted && !leaves.is_empty() {
            shared.next.store(usize::MAX / 2, Ordering::Relaxed);
        }
        let mut results = self.workers(&shared, &tasks)?;
        if shared.stop.load(Ordering::Acquire) == usize::MAX {
            self.walk_unmatched(compiled, &leaves, tasks.tasks.len(), &mut results)?;
        }
        let bytes = results.iter().flat_map(|r| &r.bytes).sum();
        self.first_error(&mut results)?;
        // A bad row counts before a sum that does not fit, which may be seen or not, as rows are given up.
        first_bad_row(compiled, results.iter().flat_map(|r| &r.faults))?;
        let chunks = results.iter().map(|r| r.chunks).sum();
        let mut end = self.pool.install(|| {
            finish_stage(compiled, leaves, &mut results, (self.options, &self.datasets), &self.budget)
        });
        if self.options.control.cancel.load(Ordering::Relaxed) {
            // Whatever could not be finished then has no other reason.
            end = Err(RunError::Cancelled);
        }
        let mut end = end?;
        self.account(stage, compiled, &results, &end)?;
        // Rows kept by the stage may refer to files still.
        self.buffers.check().map_err(RunError::Read)?;
        if let Some(broken) = end.broken.take() {
            return Err(RunError::Contract(Box::new(broken.explain(compiled, &tasks))));
        }
        self.keep(end);
        self.report.stages.push(StageReport {
            stage: stage.id.0,
            compile,
            run: begin.elapsed(),
            bytes,
            chunks,
            code: compiled.code.clone(),
        });
        self.joins = Joins::default();
        Ok(())
    }

    /// Runs the workers; a panic in one is caught here and becomes an internal error.
    fn workers(&self, shared: &Shared<'_>, tasks: &Tasks) -> Result<Vec<WorkerResult>, RunError> {
        let guarded = || {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(shared)));
            if outcome.is_err() {
                shared.stop.store(0, Ordering::Release);
                shared.leaves.iter().for_each(SharedLeaf::close);
            }
            outcome
        };
        let outcomes: Vec<_> = if tasks.tasks.len() <= 1 || self.options.threads <= 1 {
            vec![guarded()]
        } else {
            let collected = Mutex::new(Vec::new());
            self.pool.broadcast(|_| {
                let outcome = guarded();
                collected.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(outcome);
            });
            collected.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
        };
        outcomes
            .into_iter()
            .map(|o| {
                o.map_err(|panic| RunError::Internal(format!("a worker stopped: {}", panic_text(&*panic))))
            })
            .collect()
    }

    /// The error of the earliest task, if any.
    fn first_error(&self, results: &mut [WorkerResult]) -> Result<(), RunError> {
        let earliest =
            results.iter_mut().filter(|r| r.error.is_some()).min_by_key(|r| r.error.as_ref().map(|e| e.0));
        match earliest.and_then(|r| r.error.take()) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    /// Sends the build rows that nothing has matched, where they stay, down what stands behind their
    /// join. Joins further down may match them, so they are walked from the outermost join on.
    fn walk_unmatched(
        &self,
        compiled: &CompiledStage,
        leaves: &[SharedLeaf],
        first: usize,
        results: &mut Vec<WorkerResult>,
    ) -> Result<(), RunError> {
        let mut joins = Vec::new();
        keeping_joins(&compiled.branch, &mut joins);
        joins.sort_by_key(|(number, _)| *number);
        let mut first = first;
        for (operation, _) in joins {
            let Some(matched) = self.joins.matched.get(&operation) else { continue };
            let tasks = Tasks::unmatched(operation, matched.unmatched(), first, self.options.morsel_rows);
            let shared = Shared::new(compiled, &tasks, leaves, &self.joins, self.options, &self.buffers);
            results.extend(self.workers(&shared, &tasks)?);
            if shared.stop.load(Ordering::Acquire) != usize::MAX {
                return Ok(());
            }
            first += tasks.tasks.len();
        }
        Ok(())
    }

    fn build_joins(&mut self, stage: &Stage, compiled: &CompiledStage) -> Result<(), RunError> {
        for ((id, keys, using), span) in joined(stage) {
            // Two joins over one dataset may use different keys, so a table belongs to one stage.
            let dataset = self
                .datasets
                .get(&id)
                .cloned()
                .ok_or_else(|| RunError::Internal(format!("dataset {} is not there", id.0)))?;
            let budget = self.budget.clone();
            let table = self
                .pool
                .install(|| JoinTable::build(&dataset.batches, &keys, using, &budget))
                .map_err(|e| RunError::Memory { message: e.to_string(), span })?;
            self.joins.tables.insert((id, keys, using), Arc::new(table));
        }
        let mut keeping = Vec::new();
        keeping_joins(&compiled.branch, &mut keeping);
        for (number, join) in keeping {
            let rows = self.joins.table(join)?.rows();
            let span = compiled.operations[number].1;
            let matched = MatchedRows::new(rows, &self.budget)
                .map_err(|e| RunError::Memory { message: e.to_string(), span })?;
            self.joins.matched.insert(number, matched);
        }
        Ok(())
    }

    fn keep(&mut self, end: StageEnd) {
        self.datasets.extend(end.datasets.into_iter().map(|(id, d)| (id, Arc::new(d))));
        self.answers.extend(end.answers.into_iter().map(|(id, spool)| (id, Mutex::new(Some(spool)))));
        self.files.extend(end.files);
        end.stored.into_iter().for_each(|(id, writer)| self.seal(id, writer));
        self.report.written.extend(end.written);
        self.prints.extend(end.prints);
    }

    /// Frees datasets that no stage from position `next` on reads.
    fn forget_datasets(&mut self, next: usize) {
        let needed = datasets_needed(self.plan, next);
        self.datasets.retain(|id, _| needed.contains(id) && !self.persists.filled.contains_key(id));
        self.persists.filled.retain(|id, _| needed.contains(id));
        self.joins = Joins::default();
    }

    /// Everything succeeded: prints, then puts every file in place.
    fn commit(mut self, printer: &mut dyn Printer, span_text: SpanText<'_>) -> Result<RunReport, RunError> {
        // Stages end in another order than the sinks of the program, and the optimizer changes it.
        let order = sink_numbers(self.plan);
        self.report_persists();
        self.report.sources.sort_by_key(|s| (s.span.file, s.span.start));
        self.report.written.sort_by_key(|w| order.get(w.path.as_path()).copied());
        for (path, faults) in std::mem::take(&mut self.quarantined) {
            let mut faults: Vec<RowFault> = faults.into_iter().map(|f| f.2).collect();
            // Two stages that read the same file meet the same bad rows.
            let mut seen = std::collections::HashSet::new();
            faults
                .retain(|f| seen.insert((f.file.clone(), f.row_offset, f.field.clone(), f.message.clone())));
            let (file, written) = write_quarantine(&path, &faults, span_text)?;
            self.files.push(Output::File(file));
            self.report.written.push(written);
        }
        self.buffers.check().map_err(RunError::Read)?;
        for file in &mut self.files {
            let path = file.target().to_owned();
            file.sync().map_err(|error| RunError::Write { path, error })?;
        }
        if self.options.control.cancel.load(Ordering::Relaxed) {
            return Err(RunError::Cancelled);
        }
        let mut closed = false;
        for printed in self.prints.into_values() {
            match printed.print(printer, &self.options.control) {
                // Whoever has read enough of what is printed still wants the files.
                Err(RunError::ClosedPipe) => closed = true,
                outcome => outcome?,
            }
        }
        for file in self.files {
            let path = file.target().to_owned();
            file.commit().map_err(|error| RunError::Write { path, error })?;
        }
        if closed {
            return Err(RunError::ClosedPipe);
        }
        Ok(self.report)
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(s), _) => s,
        (_, Some(s)) => s,
        _ => "unknown panic",
    }
}
