//! Runs a physical plan: stage after stage, every stage on all threads.
//!
//! Outputs are prepared aside and put in place only when the whole plan has succeeded.

use crate::compiled::{BuildKey, CompiledStage, compile_stage};
use crate::dataset::Dataset;
use crate::fault::RowFault;
use crate::finish::{StageEnd, finish_stage};
use crate::joining::{Joins, keeping_joins};
use crate::leaf::SharedLeaf;
use crate::memory::Budget;
use crate::operators::join::{JoinTable, MatchedRows};
use crate::options::{LeafCount, OperationCount, RunError, RunOptions, RunReport, SourceCount, StageReport};
use crate::output::Output;
use crate::quarantine::{SpanText, write_quarantine};
use crate::reader::ReadBuffers;
use crate::sink::Printer;
use crate::tasks::{Tasks, open_inputs};
use crate::worker::{RowTally, Shared, WorkerResult, work};
use flow_ir::Span;
use flow_ir::location::Location;
use flow_ir::physical::{
    Branch, BranchEnd, DatasetId, InputFrom, Leaf, LeafKind, OperationKind, PhysicalPlan, Stage,
};
use flow_ir::source::{OnError, Sink, Target};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
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
    let mut run = Run {
        plan,
        options,
        pool,
        buffers: ReadBuffers::new(options.map_from),
        budget: options.memory_bytes.map_or_else(Budget::unlimited, Budget::new),
        datasets: HashMap::new(),
        answers: HashMap::new(),
        joins: Joins::default(),
        report: RunReport::default(),
        files: Vec::new(),
        prints: BTreeMap::new(),
        quarantined: BTreeMap::new(),
    };
    if !options.allow_run
        && let Some((command, span)) = commands(plan).into_iter().next()
    {
        return Err(RunError::NotAllowed { command, span });
    }
    announce_size(plan, options);
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

/// The commands that a plan runs, with their places.
fn commands(plan: &PhysicalPlan) -> Vec<(String, Span)> {
    let named = |target: &str, span: Span| match Location::of(target) {
        Location::Command(text) => Some((text.to_owned(), span)),
        _ => None,
    };
    let mut found = Vec::new();
    for stage in &plan.stages {
        for input in &stage.inputs {
            if let InputFrom::Read(source) = &input.from {
                found.extend(source.files.iter().filter_map(|f| named(&f.path, source.span)));
            }
        }
        let mut leaves = Vec::new();
        leaves_of(&stage.branch, &mut leaves);
        for leaf in leaves {
            let LeafKind::Write(sink) = &leaf.kind else { continue };
            match &sink.target {
                Target::File(target) => found.extend(named(target, sink.span)),
                Target::Folder { .. } => {}
                Target::Processes { command, .. } => found.push((command.clone(), sink.span)),
                Target::Print { .. } => {}
            }
        }
    }
    found
}

/// The sinks that write files, by path, with their places among the program's sinks.
fn sink_numbers(plan: &PhysicalPlan) -> HashMap<&Path, u32> {
    let mut leaves = Vec::new();
    plan.stages.iter().for_each(|s| leaves_of(&s.branch, &mut leaves));
    let sinks = leaves.into_iter().filter_map(|leaf| match &leaf.kind {
        LeafKind::Write(Sink {
            target: Target::File(path) | Target::Folder { path, .. }, number, ..
        }) => Some((Path::new(path), *number)),
        _ => None,
    });
    sinks.collect()
}

fn leaves_of<'a>(branch: &'a Branch, out: &mut Vec<&'a Leaf>) {
    match &branch.end {
        BranchEnd::Leaf(leaf) => out.push(leaf),
        BranchEnd::Split(branches) => branches.iter().for_each(|b| leaves_of(b, out)),
    }
}

/// Tells whoever watches how much there is to read.
fn announce_size(plan: &PhysicalPlan, options: &RunOptions) {
    let sources = plan.stages.iter().flat_map(|s| &s.inputs).filter_map(|i| match &i.from {
        InputFrom::Read(s) => Some(s),
        _ => None,
    });
    let total =
        sources.flat_map(|s| &s.files).filter_map(|f| std::fs::metadata(&f.path).ok()).map(|m| m.len()).sum();
    options.control.bytes_total.store(total, Ordering::Relaxed);
}

pub(crate) struct Run<'a> {
    pub(crate) plan: &'a PhysicalPlan,
    pub(crate) options: &'a RunOptions,
    pool: rayon::ThreadPool,
    buffers: ReadBuffers,
    pub(crate) budget: Budget,
    pub(crate) datasets: HashMap<DatasetId, Arc<Dataset>>,
    /// What processes answered, until it is read.
    answers: crate::tasks::Answers,
    joins: Joins,
    pub(crate) report: RunReport,
    files: Vec<Output>,
    prints: BTreeMap<u32, crate::sink::Printed>,
    /// Bad rows by quarantine file, with what orders them: (stage, input).
    quarantined: BTreeMap<String, Vec<(usize, usize, RowFault)>>,
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
        self.build_joins(stage, compiled)?;
        let leaves = crate::finish::open_leaves(compiled, self.options, &self.budget)?;
        let compile = begin.elapsed();
        let begin = Instant::now();
        let tasks =
            open_inputs(stage, (&self.datasets, &self.answers), self.options, (&self.buffers, &self.budget))?;
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
        let mut builds = Vec::new();
        for input in &stage.inputs {
            collect_builds(&input.operations, &mut builds);
        }
        branch_builds(&stage.branch, &mut builds);
        for ((id, keys, using), span) in builds {
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

    /// Counts rows, checks the identity, and applies the error policies.
    fn account(
        &mut self,
        stage: &Stage,
        compiled: &CompiledStage,
        results: &[WorkerResult],
        end: &StageEnd,
    ) -> Result<(), RunError> {
        let mut totals = vec![RowTally::default(); compiled.inputs.len()];
        for rows in results.iter().map(|r| &r.rows).chain(std::iter::once(&end.rows)) {
            for (total, r) in totals.iter_mut().zip(rows) {
                total.read += r.read;
                total.kept += r.kept;
                total.bad += r.bad;
            }
        }
        let first_operation = self.report.operations.len();
        self.count_work(stage, compiled, results, end);
        self.faults(compiled, results, end, &totals)?;
        let in_order = end.counted_in_order;
        let dropped: u64 = self.report.operations[first_operation..]
            .iter()
            .filter(|o| o.word == "filter")
            .map(|o| o.rows_in - o.rows_out)
            .sum();
        let read: u64 = totals.iter().map(|t| t.read).sum();
        let accounted: u64 = totals.iter().map(|t| t.kept + t.bad).sum::<u64>() + dropped;
        if compiled.one_to_one
            && !in_order
            && compiled.inputs.iter().all(|i| i.source.is_some())
            && read != accounted
        {
            return Err(RunError::Internal(format!(
                "{read} rows were read, but {accounted} are accounted for"
            )));
        }
        for (number, (input, total)) in compiled.inputs.iter().zip(&totals).enumerate() {
            let Some(context) = &input.source else { continue };
            let source = &context.source;
            let quarantined = matches!(source.on_error, OnError::Quarantine(_));
            let filtered = total.read.checked_sub(total.kept + total.bad).ok_or_else(|| {
                RunError::Internal(format!("`{}` has more rows kept than read", source.pattern))
            })?;
            self.report.sources.push(SourceCount {
                pattern: source.pattern.clone(),
                span: source.span,
                files: source.files.len(),
                bytes: results.iter().map(|r| r.bytes[number]).sum(),
                read: total.read,
                kept: total.kept,
                filtered,
                quarantined: if quarantined { total.bad } else { 0 },
                skipped: if quarantined { 0 } else { total.bad },
            });
        }
        Ok(())
    }

    /// Adds up what the threads did in every operation and leaf.
    fn count_work(
        &mut self,
        stage: &Stage,
        compiled: &CompiledStage,
        results: &[WorkerResult],
        end: &StageEnd,
    ) {
        for (number, (word, span, steps)) in compiled.operations.iter().enumerate() {
            let mut count = OperationCount {
                stage: stage.id.0,
                word,
                span: *span,
                steps: steps.clone(),
                ..Default::default()
            };
            for r in results {
                count.rows_in += r.tallies[number].rows_in;
                count.rows_out += r.tallies[number].rows_out;
                count.time += r.tallies[number].time;
            }
            self.report.operations.push(count);
        }
        for (number, (leaf, end)) in compiled.leaves.iter().zip(&end.leaves).enumerate() {
            let mut count = LeafCount {
                stage: stage.id.0,
                word: leaf_word(&leaf.leaf.kind),
                span: leaf.leaf.span,
                rows_out: end.rows,
                bytes: end.bytes,
                finish: end.time,
                ..Default::default()
            };
            for r in results {
                count.rows_in += r.fed[number].rows_in;
                count.time += r.fed[number].time;
            }
            self.report.leaves.push(count);
        }
    }

    /// Stops the run for bad rows under `fail`, sorts the others into their quarantine files.
    fn faults(
        &mut self,
        compiled: &CompiledStage,
        results: &[WorkerResult],
        end: &StageEnd,
        totals: &[RowTally],
    ) -> Result<(), RunError> {
        let mut faults: Vec<&(usize, usize, RowFault)> =
            results.iter().flat_map(|r| &r.faults).chain(&end.faults).collect();
        faults.sort_by_key(|(task, _, f)| (*task, f.row_offset));
        first_bad_row(compiled, faults.iter().copied())?;
        for (input, total) in totals.iter().enumerate() {
            let (Some(limit), Some(context)) = (self.options.max_bad, &compiled.inputs[input].source) else {
                continue;
            };
            if total.bad > 0
                && total.bad as f64 > limit * total.read as f64
                && let Some((_, _, first)) = faults.iter().find(|f| f.1 == input)
            {
                let pattern = context.source.pattern.clone();
                let first = Box::new(first.clone());
                return Err(RunError::TooManyBad { pattern, bad: total.bad, read: total.read, limit, first });
            }
        }
        let stage = self.report.stages.len();
        for (input, compiled_input) in compiled.inputs.iter().enumerate() {
            // The file exists after every run, so that its absence is never mistaken for "no bad rows".
            if let Some(OnError::Quarantine(path)) =
                compiled_input.source.as_ref().map(|s| &s.source.on_error)
            {
                let entry = self.quarantined.entry(path.clone()).or_default();
                entry.extend(faults.iter().filter(|f| f.1 == input).map(|f| (stage, f.1, f.2.clone())));
            }
        }
        Ok(())
    }

    fn keep(&mut self, end: StageEnd) {
        self.datasets.extend(end.datasets.into_iter().map(|(id, d)| (id, Arc::new(d))));
        self.answers.extend(end.answers.into_iter().map(|(id, spool)| (id, Mutex::new(Some(spool)))));
        self.files.extend(end.files);
        self.report.written.extend(end.written);
        self.prints.extend(end.prints);
    }

    /// Frees datasets that no stage from position `next` on reads.
    fn forget_datasets(&mut self, next: usize) {
        let mut needed = Vec::new();
        for l in self.plan.loops.iter().filter(|l| l.first.0 as usize >= next) {
            needed.extend([l.start, l.body]);
            needed.extend(l.until.iter().map(|(dataset, _)| *dataset));
        }
        for stage in self.plan.stages.iter().skip(next) {
            for input in &stage.inputs {
                if let InputFrom::Dataset { id, .. } = &input.from {
                    needed.push(*id);
                }
                let mut builds = Vec::new();
                collect_builds(&input.operations, &mut builds);
                needed.extend(builds.iter().map(|b| b.0.0));
            }
            let mut builds = Vec::new();
            branch_builds(&stage.branch, &mut builds);
            needed.extend(builds.iter().map(|b| b.0.0));
            compared_datasets(&stage.branch, &mut needed);
        }
        self.datasets.retain(|id, _| needed.contains(id));
        self.joins = Joins::default();
    }

    /// Everything succeeded: prints, then puts every file in place.
    fn commit(mut self, printer: &mut dyn Printer, span_text: SpanText<'_>) -> Result<RunReport, RunError> {
        // Stages end in another order than the sinks of the program, and the optimizer changes it.
        let order = sink_numbers(self.plan);
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

/// The error that bad rows are where they stop the run: the first of them.
fn first_bad_row<'f>(
    compiled: &CompiledStage,
    faults: impl Iterator<Item = &'f (usize, usize, RowFault)>,
) -> Result<(), RunError> {
    // Rows that a join adds belong to no input.
    let policy =
        |input: usize| compiled.inputs.get(input).and_then(|i| i.source.as_ref()).map(|s| &s.source.on_error);
    let failing: Vec<_> = faults
        .filter(|(_, input, _)| matches!(policy(*input), None | Some(OnError::Fail | OnError::Null)))
        .collect();
    match failing.iter().min_by_key(|(task, _, f)| (*task, f.row_offset)) {
        Some((_, _, first)) => {
            Err(RunError::Row { fault: Box::new(first.clone()), more: failing.len() as u64 - 1 })
        }
        None => Ok(()),
    }
}

/// The word of the language for a leaf.
fn leaf_word(kind: &LeafKind) -> &'static str {
    match kind {
        LeafKind::Collect => "collect",
        LeafKind::ReduceByKey { keys, .. } if keys.is_empty() => "reduce",
        LeafKind::ReduceByKey { .. } => "reduce_by_key",
        LeafKind::Window(_) => "window",
        LeafKind::TakePer { .. } => "take",
        LeafKind::Distinct { .. } => "distinct",
        LeafKind::Sort { .. } => "sort",
        LeafKind::SetOperation { operation, .. } => operation.name(),
        LeafKind::Sample(_) => "sample",
        LeafKind::Expect { .. } => "expect",
        LeafKind::Take { count: Some(_), .. } => "take",
        LeafKind::Take { count: None, .. } => "skip",
        LeafKind::Write(sink) => sink.target.name(),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(s), _) => s,
        (_, Some(s)) => s,
        _ => "unknown panic",
    }
}

type Build = (BuildKey, Span);

fn collect_builds(operations: &[flow_ir::physical::Operation], out: &mut Vec<Build>) {
    for o in operations {
        if let OperationKind::Join { build, on, using, .. } = &o.kind {
            out.push(((*build, on.iter().map(|(_, r)| *r).collect(), *using), o.span));
        }
    }
}

/// The datasets in which leaves look up rows.
fn compared_datasets(branch: &flow_ir::physical::Branch, out: &mut Vec<DatasetId>) {
    match &branch.end {
        BranchEnd::Leaf(leaf) => {
            if let LeafKind::SetOperation { other, .. } = &leaf.kind {
                out.push(*other);
            }
        }
        BranchEnd::Split(branches) => branches.iter().for_each(|b| compared_datasets(b, out)),
    }
}

fn branch_builds(branch: &flow_ir::physical::Branch, out: &mut Vec<Build>) {
    collect_builds(&branch.operations, out);
    if let BranchEnd::Split(branches) = &branch.end {
        branches.iter().for_each(|b| branch_builds(b, out));
    }
}
