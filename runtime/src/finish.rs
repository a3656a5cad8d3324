//! Opens the leaves of a stage before it runs, and merges what the threads delivered after.

use crate::compiled::{CompiledLeaf, CompiledStage};
use crate::contract::Broken;
use crate::dataset::Dataset;
use crate::fault::RowFault;
use crate::leaf::{LeafState, SharedLeaf};
use crate::memory::Budget;
use crate::operators::distinct::{self, Distinct, DistinctSpec};
use crate::operators::reduce_by_key::{self, AggregateError, Aggregator, AggregatorSpec, UpdateRows};
use crate::operators::set_operation::{self, Sides};
use crate::operators::sort::sort;
use crate::operators::take_per::{self, FirstRows, FirstRowsSpec};
use crate::operators::window::{WindowSpec, window};
use crate::options::{RunError, RunOptions, Written};
use crate::ordered::Ordered;
use crate::output::Output;
use crate::persist::{Prepared, StoredWriter};
use crate::sample::SampleQueue;
use crate::sink::{Printed, SinkWriter, row_writer};
use crate::spool::Spool;
use crate::take::TakeQueue;
use crate::worker::{RowTally, WorkerResult};
use flow_ir::aggregate::Aggregate;
use flow_ir::layout::StateLayout;
use flow_ir::physical::{DatasetId, LeafKind, TypedColumn};
use flow_ir::source::{OnError, Target};
use flow_ir::{Batch, Column, ColumnId, Type};
use flow_jit::{Engine, UpdateKernel};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a stage delivered.
#[derive(Default)]
pub(crate) struct StageEnd {
    pub(crate) datasets: Vec<(DatasetId, Dataset)>,
    /// What processes answered, to be read by a later stage.
    pub(crate) answers: Vec<(DatasetId, Spool)>,
    /// Rows in blocks, and what is to become an entry.
    pub(crate) stored: Vec<(DatasetId, StoredWriter)>,
    pub(crate) files: Vec<Output>,
    pub(crate) written: Vec<Written>,
    pub(crate) prints: Vec<(u32, Printed)>,
    /// Bad rows counted in order: (task, input, fault).
    pub(crate) faults: Vec<(usize, usize, RowFault)>,
    /// Rows counted in order, one an input.
    pub(crate) rows: Vec<RowTally>,
    pub(crate) counted_in_order: bool,
    /// The first `expect` that does not hold.
    pub(crate) broken: Option<Broken>,
    /// One a leaf.
    pub(crate) leaves: Vec<LeafEnd>,
}

/// What a leaf delivered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LeafEnd {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) time: Duration,
}

/// The shared parts of the leaves.
pub(crate) fn open_leaves(
    compiled: &CompiledStage,
    options: &RunOptions,
    budget: &Budget,
    unfilled: &HashMap<DatasetId, Prepared>,
) -> Result<Vec<SharedLeaf>, RunError> {
    let open = |leaf: &CompiledLeaf| match &leaf.leaf.kind {
        LeafKind::Persist(persist) => {
            let prepared = leaf.leaf.output.and_then(|id| unfilled.get(&id).cloned());
            let prepared = prepared.unwrap_or_else(|| Prepared::unstored(persist, &leaf.leaf, budget));
            Ok(SharedLeaf::Persist(Ordered::new(StoredWriter::new(prepared), false)))
        }
        _ => open_leaf(compiled, leaf, options, budget),
    };
    compiled.leaves.iter().map(open).collect()
}

fn open_leaf(
    compiled: &CompiledStage,
    leaf: &CompiledLeaf,
    options: &RunOptions,
    budget: &Budget,
) -> Result<SharedLeaf, RunError> {
    Ok(match &leaf.leaf.kind {
        LeafKind::ReduceByKey { keys, aggregates, .. } => {
            open_reduce(compiled, leaf, (keys, aggregates), options, budget)?
        }
        LeafKind::Distinct { on, sort } if !sort.is_empty() => {
            let spec = FirstRowsSpec { on: on.clone(), sort: sort.clone(), count: 1 };
            SharedLeaf::FirstRows(Arc::new(spec), budget.clone())
        }
        LeafKind::TakePer { count, per } => {
            let spec = FirstRowsSpec { on: per.clone(), sort: Vec::new(), count: *count };
            SharedLeaf::FirstRows(Arc::new(spec), budget.clone())
        }
        LeafKind::Distinct { on, .. } => {
            let keys = typed(compiled, on)?.into_iter().map(|c| c.ty.kind).collect();
            SharedLeaf::Distinct(
                Arc::new(DistinctSpec { keys, columns: leaf.leaf.columns.clone() }),
                budget.clone(),
            )
        }
        LeafKind::SetOperation { all: false, on, .. } => {
            let own: Vec<ColumnId> = on.iter().map(|(own, _)| *own).collect();
            let keys = typed(compiled, &own)?.into_iter().map(|c| c.ty.kind).collect();
            // Whole rows are compared once more, also if nobody reads them later.
            let spec = DistinctSpec { keys, columns: typed(compiled, &leaf.needed)? };
            SharedLeaf::Distinct(Arc::new(spec), budget.clone())
        }
        // Opened by the caller.
        LeafKind::Persist(_) => return Err(RunError::Internal("a `persist` is not prepared".to_owned())),
        LeafKind::Collect
        | LeafKind::Sort { .. }
        | LeafKind::Window(_)
        | LeafKind::Expect { .. }
        | LeafKind::SetOperation { all: true, .. } => SharedLeaf::Collect(budget.clone(), None),
        LeafKind::Sample(sample) => SharedLeaf::Sample(SampleQueue::new(*sample, budget)),
        LeafKind::Take { skip, count } => {
            let failing = compiled.inputs.iter().map(|i| {
                i.source.as_ref().is_none_or(|s| matches!(s.source.on_error, OnError::Fail | OnError::Null))
            });
            // An error in a row that a join adds belongs to no input, and ends the run.
            SharedLeaf::Take(TakeQueue::new(*skip, *count, failing.chain([true]).collect()))
        }
        LeafKind::Write(sink) => match row_writer(sink, options) {
            Some(writer) => {
                let ordered = Ordered::new(
                    SinkWriter::open(sink, &writer, (&options.control, budget))?,
                    sink.unordered,
                );
                SharedLeaf::Write(ordered, Arc::new(writer))
            }
            None => SharedLeaf::Collect(budget.clone(), Some(options.table_rows)),
        },
    })
}

fn open_reduce(
    compiled: &CompiledStage,
    leaf: &CompiledLeaf,
    (keys, aggregates): (&[ColumnId], &[Aggregate]),
    options: &RunOptions,
    budget: &Budget,
) -> Result<SharedLeaf, RunError> {
    let arguments = argument_types(compiled, aggregates)?;
    let kernel = match (options.engine, leaf.update.get()) {
        (Engine::Interpreter, _) => None,
        (Engine::Jit, Some(known)) => known.clone(),
        (Engine::Jit, None) => {
            let made = update_kernel(keys, aggregates, &arguments, false)?
                .map(|k| Arc::new(CompiledUpdate(k)) as Arc<dyn UpdateRows>);
            leaf.update.get_or_init(|| made).clone()
        }
    };
    let spec = AggregatorSpec::new(typed(compiled, keys)?, aggregates.to_vec(), arguments)
        .with_engine(options.engine);
    Ok(SharedLeaf::Reduce(Arc::new(spec), kernel, budget.clone()))
}

fn argument_types(compiled: &CompiledStage, aggregates: &[Aggregate]) -> Result<Vec<Option<Type>>, RunError> {
    let by = aggregates.iter().filter(|a| a.by.is_some()).map(|a| a.by);
    aggregates
        .iter()
        .map(|a| a.argument)
        .chain(by)
        .map(|column| match column {
            None => Ok(None),
            Some(id) => Ok(typed(compiled, &[id])?.pop().map(|c| c.ty.kind)),
        })
        .collect()
}

fn update_kernel(
    keys: &[ColumnId],
    aggregates: &[Aggregate],
    arguments: &[Option<Type>],
    text: bool,
) -> Result<Option<UpdateKernel>, RunError> {
    let kinds: Vec<_> = aggregates.iter().map(|a| a.kind).zip(arguments.iter().cloned()).collect();
    let layout = StateLayout::new(aggregates, arguments);
    UpdateKernel::compile(&kinds, &layout, !keys.is_empty(), text).map_err(|e| RunError::Code(e.to_string()))
}

/// The native code of a leaf's aggregate updates: (title, intermediate code, machine code).
pub(crate) fn update_code(
    compiled: &CompiledStage,
    leaf: &CompiledLeaf,
) -> Result<Vec<(String, String, String)>, RunError> {
    let LeafKind::ReduceByKey { keys, aggregates, .. } = &leaf.leaf.kind else { return Ok(Vec::new()) };
    let arguments = argument_types(compiled, aggregates)?;
    let kernel = update_kernel(keys, aggregates, &arguments, true)?;
    let texts = kernel.map(|k| k.texts()).unwrap_or_default();
    Ok(texts.into_iter().map(|t| (t.name, t.clif, t.assembler)).collect())
}

/// The columns with their types.
fn typed(compiled: &CompiledStage, ids: &[ColumnId]) -> Result<Vec<TypedColumn>, RunError> {
    ids.iter()
        .map(|id| {
            let ty = compiled.definitions.types.get(id).cloned();
            ty.map(|ty| TypedColumn { id: *id, ty })
                .ok_or_else(|| RunError::Internal(format!("the type of column {} is not known", id.0)))
        })
        .collect()
}

/// A compiled update as the aggregator calls it.
struct CompiledUpdate(UpdateKernel);

impl UpdateRows for CompiledUpdate {
    fn run(
        &self,
        states: &mut [u64],
        groups: &[u32],
        arguments: &[Option<&Column>],
        from: usize,
        rows: usize,
    ) -> usize {
        self.0.run(states, groups, arguments, from, rows)
    }
}

/// Merges the threads' parts of every leaf.
pub(crate) fn finish_stage(
    compiled: &CompiledStage,
    leaves: Vec<SharedLeaf>,
    results: &mut [WorkerResult],
    (options, datasets): (&RunOptions, &HashMap<DatasetId, Arc<Dataset>>),
    budget: &Budget,
) -> Result<StageEnd, RunError> {
    let mut end = StageEnd { rows: Vec::new(), ..StageEnd::default() };
    for (number, (shared, leaf)) in leaves.into_iter().zip(&compiled.leaves).enumerate() {
        let start = Instant::now();
        let states: Vec<LeafState> =
            results.iter_mut().map(|r| std::mem::replace(&mut r.leaves[number], LeafState::Take)).collect();
        let fed = results.iter().map(|r| r.fed[number].rows_in).sum();
        let context = (compiled, options, datasets);
        let (rows, bytes) = finish_leaf(context, (shared, states), leaf, fed, budget, &mut end)?;
        end.leaves.push(LeafEnd { rows, bytes, time: start.elapsed() });
    }
    Ok(end)
}

/// Merges the parts of one leaf; the rows and bytes it delivers.
fn finish_leaf(
    (compiled, options, datasets): (&CompiledStage, &RunOptions, &HashMap<DatasetId, Arc<Dataset>>),
    (shared, states): (SharedLeaf, Vec<LeafState>),
    leaf: &CompiledLeaf,
    fed: u64,
    budget: &Budget,
    end: &mut StageEnd,
) -> Result<(u64, u64), RunError> {
    let dataset = match shared {
        SharedLeaf::Write(ordered, _) => return Ok((fed, finish_sink(ordered, leaf, end)?)),
        SharedLeaf::Persist(ordered) => return finish_persist(ordered, leaf, end),
        SharedLeaf::Take(queue) => {
            let taken = queue.finish();
            end.faults.extend(taken.faults);
            end.rows = taken.rows;
            end.counted_in_order = true;
            dataset(taken.batches, leaf, budget)?
        }
        SharedLeaf::Sample(queue) => {
            let span = leaf.leaf.span;
            let batches = queue.finish().map_err(|e| RunError::Memory { message: e.to_string(), span })?;
            dataset(batches, leaf, budget)?
        }
        _ if matches!(leaf.leaf.kind, LeafKind::Expect { .. }) => {
            let broken = crate::contract::find_equal_keys(states, leaf, budget)?;
            end.broken = end.broken.take().or(broken);
            return Ok((0, 0));
        }
        SharedLeaf::Reduce(spec, ..) => merge(states, compiled, leaf, Some(spec), budget)?,
        _ => merge(states, compiled, leaf, None, budget)?,
    };
    let dataset = compared(dataset, leaf, compiled, datasets, budget)?;
    let (rows, bytes) = (dataset.rows(), dataset.memory.bytes());
    if let LeafKind::Write(sink) = &leaf.leaf.kind {
        // A table is laid out by whoever prints it.
        let batches = first_rows(dataset.batches, options.table_rows);
        end.prints.push((sink.number, Printed::Table { sink: sink.clone(), batches, rows: fed }));
        return Ok((fed, bytes));
    }
    if let Some(id) = leaf.leaf.output {
        end.datasets.push((id, dataset));
    }
    Ok((rows, bytes))
}

/// The rows and bytes of a `persist`.
fn finish_persist(
    ordered: Ordered<StoredWriter>,
    leaf: &CompiledLeaf,
    end: &mut StageEnd,
) -> Result<(u64, u64), RunError> {
    let span = leaf.leaf.span;
    let mut writer = ordered.finish().map_err(|error| match error.kind() {
        std::io::ErrorKind::OutOfMemory => RunError::Memory { message: error.to_string(), span },
        _ => RunError::Write { path: "the rows of `persist`".into(), error },
    })?;
    let stored = writer.finish();
    end.stored.extend(leaf.leaf.output.map(|id| (id, writer)));
    Ok((stored.rows(), stored.bytes()))
}

/// The first `count` rows.
fn first_rows(batches: Vec<Batch>, count: usize) -> Vec<Batch> {
    let mut left = count;
    let mut first = Vec::new();
    for batch in batches {
        let rows = batch.rows.min(left);
        if rows == 0 {
            break;
        }
        left -= rows;
        first.push(match rows == batch.rows {
            true => batch,
            false => batch.gather(&(0..rows as u32).collect::<Vec<u32>>()),
        });
    }
    first
}

/// Rows with the memory they take.
fn dataset(batches: Vec<Batch>, leaf: &CompiledLeaf, budget: &Budget) -> Result<Dataset, RunError> {
    Dataset::new(batches, budget, "the collected rows")
        .map_err(|e| RunError::Memory { message: e.to_string(), span: leaf.leaf.span })
}

/// Of the rows of `intersect` and `except`, those that stay; all of other leaves.
fn compared(
    rows: Dataset,
    leaf: &CompiledLeaf,
    compiled: &CompiledStage,
    datasets: &HashMap<DatasetId, Arc<Dataset>>,
    budget: &Budget,
) -> Result<Dataset, RunError> {
    let LeafKind::SetOperation { operation, all, other, on, .. } = &leaf.leaf.kind else { return Ok(rows) };
    let other =
        datasets.get(other).ok_or_else(|| RunError::Internal(format!("dataset {} is not there", other.0)))?;
    let (own, others): (Vec<ColumnId>, Vec<ColumnId>) = on.iter().copied().unzip();
    let types = typed(compiled, &own)?.into_iter().map(|c| c.ty.kind).collect();
    let sides = Sides { own: &own, other: &other.batches, others: &others, types };
    let span = leaf.leaf.span;
    let batches = set_operation::keep(*operation, *all, rows.batches, sides, budget)
        .map_err(|e| RunError::Memory { message: e.to_string(), span })?;
    dataset(batches, leaf, budget)
}

fn finish_sink(
    ordered: Ordered<SinkWriter>,
    leaf: &CompiledLeaf,
    end: &mut StageEnd,
) -> Result<u64, RunError> {
    let LeafKind::Write(sink) = &leaf.leaf.kind else {
        return Err(RunError::Internal("a sink leaf is something else".to_owned()));
    };
    let writer = ordered.finish().map_err(|error| match error.kind() {
        std::io::ErrorKind::OutOfMemory => RunError::Memory { message: error.to_string(), span: sink.span },
        _ => crate::sink::write_error(sink, error),
    })?;
    let bytes;
    match writer.finish(sink)? {
        crate::sink::Finished::File(file, written) => {
            bytes = written.bytes;
            end.files.push(Output::File(file));
            end.written.push(written);
        }
        crate::sink::Finished::Folder(folder, written) => {
            bytes = written.bytes;
            end.files.push(Output::Folder(folder));
            end.written.push(written);
        }
        crate::sink::Finished::Answers(answers) => {
            bytes = answers.bytes();
            end.answers.extend(leaf.leaf.output.map(|id| (id, answers)));
        }
        crate::sink::Finished::Printed(spool, rows) => {
            bytes = spool.bytes();
            let printed = match &sink.target {
                Target::File(target) => {
                    end.written.push(Written { path: target.into(), rows, bytes });
                    Printed::Command { target: target.clone(), spool }
                }
                _ => Printed::Bytes(spool),
            };
            end.prints.push((sink.number, printed));
        }
    }
    Ok(bytes)
}

fn aggregate_error(e: AggregateError, aggregates: &[Aggregate], span: flow_ir::Span) -> RunError {
    match e {
        AggregateError::Memory(e) => RunError::Memory { message: e.to_string(), span },
        AggregateError::NoResult { aggregate, key, error } => {
            let (name, ty, span) = aggregates
                .get(aggregate)
                .map_or(("sum", String::new(), span), |a| (a.kind.name(), a.ty.to_string(), a.span));
            let of = if key.is_empty() {
                String::new()
            } else {
                let key: Vec<String> = key.iter().map(flow_ir::text::display).collect();
                format!(" of the group {}", key.join(", "))
            };
            let (code, why) = match error {
                Some(e) => (e.code, format!(" cannot be computed: {}", e.message)),
                None => (flow_ir::ErrorCode::Overflow, format!(" does not fit in {ty}")),
            };
            RunError::Aggregate { message: format!("the {name}{of}{why}"), code, span }
        }
    }
}

fn merge(
    states: Vec<LeafState>,
    compiled: &CompiledStage,
    leaf: &CompiledLeaf,
    spec: Option<Arc<AggregatorSpec>>,
    budget: &Budget,
) -> Result<Dataset, RunError> {
    let memory =
        |e: crate::memory::NeedsMore| RunError::Memory { message: e.to_string(), span: leaf.leaf.span };
    let mut aggregators: Vec<Aggregator> = Vec::new();
    let mut distincts: Vec<Distinct> = Vec::new();
    let mut first_rows: Vec<FirstRows> = Vec::new();
    let mut parts = Vec::new();
    let mut held = budget.reserve("the collected rows");
    for state in states {
        match state {
            LeafState::Reduce(a) => aggregators.push(*a),
            LeafState::Distinct(d) => distincts.push(*d),
            LeafState::FirstRows(f) => first_rows.push(*f),
            LeafState::Collect(p, memory) => {
                parts.extend(p);
                held.absorb(memory);
            }
            LeafState::Take | LeafState::Sample(_) | LeafState::Persist(_) | LeafState::Write(..) => {}
        }
    }
    let batches = match &leaf.leaf.kind {
        LeafKind::ReduceByKey { order, aggregates, .. } => match spec {
            Some(spec) => reduce_by_key::merge_and_finish(&spec, aggregators, *order, budget)
                .map_err(|e| aggregate_error(e, aggregates, leaf.leaf.span))?,
            None => return Err(RunError::Internal("a reduce leaf has no spec".to_owned())),
        },
        LeafKind::TakePer { .. } => take_per::merge_and_finish(first_rows, budget).map_err(memory)?,
        LeafKind::Distinct { sort, .. } if !sort.is_empty() => {
            take_per::merge_and_finish(first_rows, budget).map_err(memory)?
        }
        LeafKind::Distinct { .. } | LeafKind::SetOperation { all: false, .. } => {
            distinct::merge_and_finish(distincts, budget).map_err(memory)?
        }
        kind => {
            // The sort is stable and each thread met its tasks in order.
            parts.sort_by_key(|p| p.0);
            let batches = parts.into_iter().map(|p| p.1).collect();
            match kind {
                LeafKind::Sort { keys, limit } => {
                    let sorted = sort(batches, keys, *limit, budget).map_err(memory)?;
                    drop(held);
                    sorted
                }
                LeafKind::Window(w) => {
                    let arguments = argument_types(compiled, &w.aggregates)?;
                    let per = typed(compiled, &w.per)?.into_iter().map(|c| c.ty.kind).collect();
                    let spec = WindowSpec { window: w.clone(), arguments, per };
                    let widened = window(batches, &spec, budget)
                        .map_err(|e| aggregate_error(e, &w.aggregates, leaf.leaf.span))?;
                    drop(held);
                    widened
                }
                _ => return Ok(Dataset { batches, memory: held }),
            }
        }
    };
    dataset(batches, leaf, budget)
}
