//! What one thread does for a stage: claims tasks, walks their morsels down the tree, feeds the leaves.

use crate::compiled::{CompiledKind, CompiledStage, SourceContext};
use crate::fault::RowFault;
use crate::format::Scanner;
use crate::format::columnar::ColumnarFile;
use crate::joining::{Joins, find_operation, unmatched_batch};
use crate::leaf::{LeafState, Position, SharedLeaf};
use crate::options::{RunError, RunOptions};
use crate::reader::{ReadBuffers, ReadError};
use crate::row_batch::{Morsel, RowBatch};
use crate::stream::StreamedFile;
use crate::take::{ChunkPart, ChunkRows};
use crate::tasks::{InputFile, OpenInput, Task, Tasks, scanner_for, scanner_of};
use crate::walk::{OperationTally, Place, Walker, remove_origins};
use flow_ir::Expr;
use flow_ir::source::OnError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// What the threads of a stage share.
pub(crate) struct Shared<'a> {
    pub(crate) stage: &'a CompiledStage,
    pub(crate) tasks: &'a Tasks,
    pub(crate) leaves: &'a [SharedLeaf],
    pub(crate) joins: &'a Joins,
    pub(crate) options: &'a RunOptions,
    pub(crate) buffers: &'a ReadBuffers,
    /// The next unclaimed task, counted from the first.
    pub(crate) next: AtomicUsize,
    /// Tasks from here on are not started: an earlier one failed, or enough rows are there.
    pub(crate) stop: AtomicUsize,
}

impl<'a> Shared<'a> {
    /// Nothing is done yet.
    pub(crate) fn new(
        stage: &'a CompiledStage,
        tasks: &'a Tasks,
        leaves: &'a [SharedLeaf],
        joins: &'a Joins,
        options: &'a RunOptions,
        buffers: &'a ReadBuffers,
    ) -> Self {
        let (next, stop) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
        Shared { stage, tasks, leaves, joins, options, buffers, next, stop }
    }
}

/// What became of one input's rows, on one thread.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RowTally {
    pub(crate) read: u64,
    pub(crate) kept: u64,
    pub(crate) bad: u64,
}

/// What a thread hands back.
pub(crate) struct WorkerResult {
    pub(crate) leaves: Vec<LeafState>,
    pub(crate) tallies: Vec<OperationTally>,
    /// One a leaf: the rows that reached it, and the time it took to take them in.
    pub(crate) fed: Vec<OperationTally>,
    /// One an input.
    pub(crate) rows: Vec<RowTally>,
    /// Bytes read, one an input.
    pub(crate) bytes: Vec<u64>,
    /// (task, input, fault), in the order met.
    pub(crate) faults: Vec<(usize, usize, RowFault)>,
    /// The error that stopped this thread, and its task.
    pub(crate) error: Option<(usize, RunError)>,
    pub(crate) chunks: u64,
}

/// Runs tasks until there are none left.
pub(crate) fn work(shared: &Shared<'_>) -> WorkerResult {
    let walker = Walker::new(&shared.stage.definitions, shared.joins, shared.stage.operations.len());
    let leaves = shared.leaves.iter().map(LeafState::new).collect();
    let mut worker = Worker {
        shared,
        walker,
        leaves,
        // Rows that joins add behind all others count for no input, in an entry of their own.
        rows: vec![RowTally::default(); shared.stage.inputs.len() + 1],
        faults: Vec::new(),
        scanners: shared.stage.inputs.iter().map(|_| None).collect(),
        chunks: 0,
        fed: vec![0; shared.leaves.len()],
        leaf_tallies: vec![OperationTally::default(); shared.leaves.len()],
        bytes: vec![0; shared.stage.inputs.len()],
        parts: Vec::new(),
        first_line: None,
    };
    let mut error = None;
    loop {
        let claimed = shared.next.fetch_add(1, Ordering::Relaxed);
        if claimed >= shared.tasks.tasks.len() {
            break;
        }
        let number = shared.tasks.first + claimed;
        if number > shared.stop.load(Ordering::Acquire) {
            // This task will never be handed in, and somebody may be waiting for it.
            shared.leaves.iter().for_each(SharedLeaf::close);
            break;
        }
        if shared.options.control.cancel.load(Ordering::Relaxed) {
            error = Some((number, RunError::Cancelled));
        } else if let Err(e) = worker.task(number) {
            error = Some((number, e));
        }
        if error.is_some() {
            shared.stop.fetch_min(number, Ordering::AcqRel);
            // Whoever waits for this task's output must not wait for ever.
            shared.leaves.iter().for_each(SharedLeaf::close);
            break;
        }
    }
    WorkerResult {
        leaves: worker.leaves,
        tallies: worker.walker.tallies,
        fed: worker.leaf_tallies,
        bytes: worker.bytes,
        rows: worker.rows,
        faults: worker.faults,
        error,
        chunks: worker.chunks,
    }
}

struct Worker<'a> {
    shared: &'a Shared<'a>,
    walker: Walker<'a>,
    leaves: Vec<LeafState>,
    rows: Vec<RowTally>,
    faults: Vec<(usize, usize, RowFault)>,
    scanners: Vec<Option<Box<dyn Scanner>>>,
    chunks: u64,
    /// Rows of the current task that each leaf has seen.
    fed: Vec<u64>,
    leaf_tallies: Vec<OperationTally>,
    bytes: Vec<u64>,
    /// The morsels of the current task, when its rows can only be counted in order (`take`).
    parts: Vec<ChunkPart>,
    /// The line that the current chunk begins, where that cannot be found out later.
    first_line: Option<u64>,
}

impl<'a> Worker<'a> {
    fn task(&mut self, number: usize) -> Result<(), RunError> {
        let task = self.shared.tasks.tasks[number - self.shared.tasks.first];
        self.chunks += 1;
        self.parts.clear();
        self.fed.fill(0);
        match &self.shared.tasks.inputs[task.input] {
            OpenInput::Batches(dataset) => {
                if let Some(batch) = dataset.batches.get(task.part) {
                    let input = self.shared.stage.inputs.get(task.input);
                    let place = Place::of_rows(input.map_or(&[], |i| &i.rename));
                    self.morsel(number, task, RowBatch::from_batch(batch), place)?;
                }
            }
            OpenInput::Stored(stored, blocks) => {
                if let Some(block) = blocks.get(task.part) {
                    let batch = stored.batch(*block).map_err(RunError::Read)?;
                    let input = self.shared.stage.inputs.get(task.input);
                    let place = Place::of_rows(input.map_or(&[], |i| &i.rename));
                    self.morsel(number, task, RowBatch::from_batch(&batch), place)?;
                }
            }
            OpenInput::Unmatched(operation, parts) => {
                if let Some(rows) = parts.get(task.part) {
                    self.unmatched(number, *operation, rows)?;
                }
            }
            OpenInput::Files(files) => match &files[task.file] {
                InputFile::Chunked(file) => {
                    let chunk = file.read(task.part, self.shared.buffers).map_err(RunError::Read)?;
                    let outcome = self.chunk(number, task, &chunk);
                    self.shared.buffers.check().map_err(RunError::Read)?;
                    outcome?;
                    self.count_bytes(task, (chunk.end - chunk.start) as u64);
                }
                InputFile::Streamed(file) => self.streamed(number, task, file)?,
                InputFile::Columnar(file) => self.columnar(number, task, file)?,
            },
        }
        self.end_chunk(number, task, true)
    }

    /// Reads a file from front to back, and hands in what each chunk delivered.
    fn streamed(&mut self, number: usize, task: Task, file: &StreamedFile) -> Result<(), RunError> {
        let mut chunks = file.chunks(self.shared.options).map_err(|e| self.read_error(e))?;
        let mut taken = 0;
        let mut line = 1;
        let mut begun = false;
        loop {
            let next = chunks.next(self.shared.buffers).map_err(|e| self.read_error(e))?;
            if file.is_live() && !std::mem::replace(&mut begun, true) {
                self.late_header(task, next.as_ref())?;
            }
            let Some(mut chunk) = next else { break };
            chunk.first_line = line;
            self.first_line = file.is_live().then_some(line);
            self.chunk(number, task, &chunk)?;
            self.first_line = None;
            line += memchr::memchr_iter(b'\n', &chunk.buffer[..chunk.end]).count() as u64;
            self.count_bytes(task, chunks.taken() - taken);
            taken = chunks.taken();
            self.end_chunk(number, task, false)?;
            if self.is_over(number)? {
                break;
            }
        }
        Ok(())
    }

    /// The header of a stream is known only now: where its columns stand follows from it.
    fn late_header(&mut self, task: Task, first: Option<&crate::format::Chunk>) -> Result<(), RunError> {
        let Some(context) = &self.shared.stage.inputs[task.input].source else { return Ok(()) };
        let bytes = first.map_or(&[][..], |c| &c.buffer[c.start..c.end]);
        if let Some(resolved) = crate::format::csv::header::resolve(&context.source, task.file, bytes)? {
            self.scanners[task.input] = Some(scanner_of(&resolved, self.shared.options)?);
        }
        Ok(())
    }

    fn read_error(&self, error: ReadError) -> RunError {
        // A wait that was given up because the run is over is no error of the stream.
        match self.shared.options.control.cancel.load(Ordering::Relaxed) {
            true => RunError::Cancelled,
            false => RunError::Read(error),
        }
    }

    /// Reads a part of a columnar file, and hands in what every few morsels delivered.
    fn columnar(&mut self, number: usize, task: Task, file: &ColumnarFile) -> Result<(), RunError> {
        const MORSELS: usize = 16;
        if let Some(rows) = file.dropped_rows(task.part) {
            self.drop_unread(task, rows);
            return Ok(());
        }
        let input = &self.shared.stage.inputs[task.input];
        let context = input
            .source
            .as_ref()
            .ok_or_else(|| RunError::Internal("a columnar input has no source".to_owned()))?;
        let place = Place { source: Some(context), file: task.file, ..Place::of_rows(&input.rename) };
        let mut scanner = file.scan(task.part).map_err(RunError::Read)?;
        let (mut morsels, mut taken) = (0, 0);
        while scanner.next_morsel() {
            self.drop_unread(task, scanner.take_skipped());
            let morsel = Morsel { scanner: &scanner, used: &context.used, nullify: &context.nullify };
            let batch = RowBatch::from_morsel(morsel, &context.ids);
            self.morsel(number, task, batch, place)?;
            morsels += 1;
            if morsels % MORSELS == 0 {
                self.count_bytes(task, scanner.taken() - taken);
                taken = scanner.taken();
                self.end_chunk(number, task, false)?;
                if self.is_over(number)? {
                    break;
                }
            }
        }
        self.drop_unread(task, scanner.take_skipped());
        self.count_bytes(task, scanner.taken() - taken);
        scanner.take_error().map_or(Ok(()), |e| Err(RunError::Read(e)))
    }

    /// Counts rows that need not be read, because the first filters drop all of them.
    fn drop_unread(&mut self, task: Task, rows: u64) {
        if rows == 0 {
            return;
        }
        let stage = self.shared.stage;
        let first = stage.inputs[task.input].operations.first().or(stage.branch.operations.first());
        if let Some(filter) = first {
            self.walker.tallies[filter.number].rows_in += rows;
        }
        self.shared.options.control.rows_read.fetch_add(rows, Ordering::Relaxed);
        if self.shared.leaves.iter().any(SharedLeaf::counts_in_order) {
            self.parts.push(ChunkPart {
                first: 0,
                read: rows,
                kept: 0,
                faults: Vec::new(),
                rows: ChunkRows::default(),
            });
        } else {
            self.rows[task.input].read += rows;
        }
    }

    /// Whether what follows in task `number` cannot be seen any more: this or an earlier task failed,
    /// or delivered what was left to deliver.
    fn is_over(&self, number: usize) -> Result<bool, RunError> {
        if self.shared.options.control.cancel.load(Ordering::Relaxed) {
            return Err(RunError::Cancelled);
        }
        Ok(number >= self.shared.stop.load(Ordering::Acquire))
    }

    fn count_bytes(&mut self, task: Task, bytes: u64) {
        self.bytes[task.input] += bytes;
        self.shared.options.control.bytes_done.fetch_add(bytes, Ordering::Relaxed);
    }

    fn chunk(&mut self, number: usize, task: Task, chunk: &crate::format::Chunk) -> Result<(), RunError> {
        let stage = self.shared.stage;
        let input = &stage.inputs[task.input];
        let mut scanner = match self.scanners[task.input].take() {
            Some(s) => s,
            None => scanner_for(input, self.shared.options)?
                .ok_or_else(|| RunError::Internal("a file input has no scanner".to_owned()))?,
        };
        let context = input.source.as_ref();
        scanner.begin(chunk);
        let place = Place {
            source: context,
            base_offset: chunk.offset.wrapping_sub(chunk.start as u64),
            file: chunk.file,
            first_line: self.first_line,
            renamed: &input.rename,
        };
        while scanner.next_morsel() {
            if let Some(c) = context {
                let morsel = Morsel { scanner: scanner.as_ref(), used: &c.used, nullify: &c.nullify };
                let batch = RowBatch::from_morsel(morsel, &c.ids);
                self.morsel(number, task, batch, place)?;
            }
        }
        self.scanners[task.input] = Some(scanner);
        Ok(())
    }

    /// One morsel: down the tree, bad rows out, the rest into the leaves. Where a join would make too
    /// many rows of it at once, it is taken in halves: no result depends on the size of morsels.
    fn morsel(
        &mut self,
        number: usize,
        task: Task,
        batch: RowBatch<'_>,
        place: Place<'_>,
    ) -> Result<(), RunError> {
        let stage = self.shared.stage;
        if !stage.joins {
            let read = batch.rows();
            let out = self.walk(task.input, batch, place)?;
            return self.deliver(number, task.input, (0, read), out, place);
        }
        let mut waiting = vec![batch];
        while let Some(batch) = waiting.pop() {
            let (whole, tallies, bad) = (batch.clone(), self.walker.tallies.clone(), self.walker.bad.len());
            let read = whole.rows();
            self.walker.may_split = read > 1;
            match self.walk(task.input, batch, place) {
                Ok(out) => {
                    let first = if read == 0 { 0 } else { whole.origin(0) };
                    self.deliver(number, task.input, (first, read), out, place)?;
                    if !waiting.is_empty() {
                        // What many rows were made of need not be there at once.
                        self.end_chunk(number, task, false)?;
                        if self.is_over(number)? {
                            return Ok(());
                        }
                    }
                }
                Err(_) if std::mem::take(&mut self.walker.too_many) => {
                    self.walker.tallies = tallies;
                    self.walker.bad.truncate(bad);
                    for rows in [read as u32 / 2..read as u32, 0..read as u32 / 2] {
                        let mut half = whole.clone();
                        half.select(&rows.collect::<Vec<u32>>());
                        waiting.push(half);
                    }
                }
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// The rows of a morsel that reach each leaf. Where an error cannot be explained because a value of the
    /// other side of a join has been dropped, the same way is gone once more with all values kept.
    fn walk<'b>(
        &mut self,
        input: usize,
        batch: RowBatch<'b>,
        place: Place<'_>,
    ) -> Result<Arrived<'a, 'b>, RunError> {
        if !self.shared.stage.joins {
            return self.walk_once(input, batch, place);
        }
        let mut again = batch.clone();
        let before = self.walker.bad.len();
        self.walker.unexplained = false;
        let out = self.walk_once(input, batch, place)?;
        if std::mem::take(&mut self.walker.unexplained) {
            let tallies = self.walker.tallies.clone();
            let vague = self.walker.bad.split_off(before);
            again.remember();
            self.walk_once(input, again, place)?;
            self.walker.tallies = tallies;
            let told = &self.walker.bad[before..];
            let same =
                told.len() == vague.len() && told.iter().zip(&vague).all(|(a, b)| a.origin == b.origin);
            if !same {
                self.walker.bad.truncate(before);
                self.walker.bad.extend(vague);
            }
        }
        Ok(out)
    }

    fn walk_once<'b>(
        &mut self,
        input: usize,
        mut batch: RowBatch<'b>,
        place: Place<'_>,
    ) -> Result<Arrived<'a, 'b>, RunError> {
        let stage = self.shared.stage;
        let mut filters: Vec<&Expr> = Vec::new();
        let mut out = Vec::with_capacity(stage.leaves.len());
        if let Some(input) = stage.inputs.get(input) {
            self.walker.operations(&input.operations, &mut batch, place, &mut filters)?;
            batch.rename(&input.rename);
        }
        self.walker.branch(&stage.branch, batch, place, &mut filters, &mut out)?;
        self.settle_leaves(&mut out, place)?;
        Ok(out)
    }

    /// Rows that a join adds: they go down what stands behind it.
    fn unmatched(&mut self, number: usize, operation: usize, rows: &[u32]) -> Result<(), RunError> {
        let stage = self.shared.stage;
        let missing = || RunError::Internal("a join is missing".to_owned());
        let (branch, at) = find_operation(&stage.branch, operation).ok_or_else(missing)?;
        let CompiledKind::Join(join) = &branch.operations[at].kind else { return Err(missing()) };
        let batch = unmatched_batch(join, self.shared.joins.table(join)?, rows)?;
        self.walker.tallies[operation].rows_out += rows.len() as u64;
        self.walker.may_split = false;
        let place = Place::of_rows(&[]);
        let mut out = Vec::with_capacity(stage.leaves.len());
        let batch = RowBatch::from_batch(&batch);
        self.walker.branch_from(branch, at + 1, batch, place, &mut Vec::new(), &mut out)?;
        self.settle_leaves(&mut out, place)?;
        self.deliver(number, stage.inputs.len(), (0, rows.len()), out, place)
    }

    fn settle_leaves(&mut self, out: &mut Arrived<'_, '_>, place: Place<'_>) -> Result<(), RunError> {
        for (leaf, batch, filters) in out {
            let leaf = &self.shared.stage.leaves[*leaf];
            self.walker.settle_faults(batch, &leaf.needed, place, leaf.leaf.span, filters)?;
        }
        Ok(())
    }

    /// Feeds the leaves with what is left of `read` rows of a morsel, from row `first` of it on.
    fn deliver(
        &mut self,
        number: usize,
        input: usize,
        (first, read): (u32, usize),
        mut out: Arrived<'_, '_>,
        place: Place<'_>,
    ) -> Result<(), RunError> {
        let stage = self.shared.stage;
        let bad = self.bad_rows(place.source, &mut out)?;
        let kept = if place.source.is_none() {
            read
        } else if stage.one_to_one {
            out.first().map_or(0, |(_, b, _)| b.rows())
        } else {
            distinct_origins(first, read, &out)
        };
        self.shared.options.control.rows_read.fetch_add(read as u64, Ordering::Relaxed);
        if self.shared.leaves.iter().any(SharedLeaf::counts_in_order) {
            self.parts.push(ChunkPart {
                first,
                read: read as u64,
                kept: kept as u64,
                faults: bad,
                rows: ChunkRows::default(),
            });
        } else {
            let tally = &mut self.rows[input];
            tally.read += read as u64;
            tally.kept += kept as u64;
            tally.bad += bad.len() as u64;
            let failing =
                place.source.is_none_or(|s| matches!(s.source.on_error, OnError::Fail | OnError::Null));
            if failing && !bad.is_empty() {
                self.shared.stop.fetch_min(number, Ordering::AcqRel);
            }
            self.faults.extend(bad.into_iter().map(|b| (number, input, *b.1)));
        }
        for (leaf, mut batch, _) in out {
            let shared = &self.shared.leaves[leaf];
            let position = Position {
                task: number as u64,
                file: place.file,
                row: self.fed[leaf],
                base_offset: place.base_offset,
                first_line: place.first_line,
            };
            let start = Instant::now();
            self.fed[leaf] += batch.rows() as u64;
            self.leaf_tallies[leaf].rows_in += batch.rows() as u64;
            self.leaves[leaf].feed(
                shared,
                &stage.leaves[leaf],
                &mut batch,
                position,
                self.parts.last_mut(),
            )?;
            self.leaf_tallies[leaf].time += start.elapsed();
        }
        Ok(())
    }

    /// The morsel's bad rows, each once, in order; they leave every leaf.
    fn bad_rows(
        &mut self,
        source: Option<&SourceContext>,
        out: &mut Arrived<'_, '_>,
    ) -> Result<Vec<(u32, Box<RowFault>)>, RunError> {
        if self.walker.bad.is_empty() {
            return Ok(Vec::new());
        }
        let mut bad: Vec<(u32, Box<RowFault>)> =
            std::mem::take(&mut self.walker.bad).into_iter().map(|b| (b.origin, b.fault)).collect();
        bad.sort_by_key(|b| b.0);
        bad.dedup_by_key(|b| b.0);
        if source.is_some() {
            let origins: Vec<u32> = bad.iter().map(|b| b.0).collect();
            for (_, batch, _) in out.iter_mut() {
                remove_origins(batch, &origins);
            }
        }
        Ok(bad)
    }

    /// Hands in what a chunk of the task delivered, and if `last`, ends the task.
    fn end_chunk(&mut self, number: usize, task: Task, last: bool) -> Result<(), RunError> {
        let parts = std::mem::take(&mut self.parts);
        let input = match &self.shared.tasks.inputs[task.input] {
            OpenInput::Unmatched(..) => self.shared.stage.inputs.len(),
            _ => task.input,
        };
        let compiled = &self.shared.stage.leaves;
        let leaves = self.leaves.iter_mut().zip(self.shared.leaves).zip(compiled).zip(&mut self.leaf_tallies);
        for (((leaf, shared), compiled), tally) in leaves {
            let start = Instant::now();
            if let SharedLeaf::Take(queue) = shared {
                if queue.submit(number, input, &parts, last) {
                    self.shared.stop.fetch_min(number, Ordering::AcqRel);
                }
            } else if !leaf.end_chunk(shared, compiled, number as u64, last)? {
                // The writer remembers its error; nothing more needs to be computed.
                self.shared.stop.fetch_min(number, Ordering::AcqRel);
            }
            tally.time += start.elapsed();
        }
        Ok(())
    }
}

/// What reached each leaf: the leaf, its rows, the filters they have passed if some are faulty.
type Arrived<'c, 'b> = Vec<(usize, RowBatch<'b>, Vec<&'c Expr>)>;

/// Of `read` source rows from `first` on, those of which something reached a leaf.
fn distinct_origins(first: u32, read: usize, out: &Arrived<'_, '_>) -> usize {
    let mut seen = vec![false; read];
    for (_, batch, _) in out {
        for row in 0..batch.rows() {
            seen[(batch.origin(row) - first) as usize] = true;
        }
    }
    seen.iter().filter(|s| **s).count()
}
