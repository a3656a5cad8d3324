//! The ends of a stage: where rows are collected, grouped, sorted, cut or written.
//!
//! Each leaf has a part that all threads share ([`SharedLeaf`]: ordered writers and cuts) and a
//! part of each thread's own ([`LeafState`]: tables and batches), merged when the stage is done.

use crate::compiled::CompiledLeaf;
use crate::dataset::{batches_bytes, detach};
use crate::memory::{Budget, Reservation};
use crate::operators::distinct::{Distinct, DistinctSpec};
use crate::operators::reduce_by_key::{Aggregator, AggregatorSpec, UpdateRows};
use crate::operators::take_per::{FirstRows, FirstRowsSpec};
use crate::options::RunError;
use crate::ordered::Ordered;
use crate::persist::{Frames, StoredWriter};
use crate::row_batch::RowBatch;
use crate::sample::SampleQueue;
use crate::sink::{SharedWriter, SinkWriter};
use crate::take::{ChunkPart, ChunkRows, TakeQueue};
use crate::walk::{fetch, refs};
use flow_ir::physical::LeafKind;
use flow_ir::{Batch, Column, ColumnId};
use std::sync::Arc;

/// The part of a leaf that all threads share.
pub(crate) enum SharedLeaf {
    /// `reduce`, `reduce_by_key`.
    Reduce(Arc<AggregatorSpec>, Option<Arc<dyn UpdateRows>>, Budget),
    /// `distinct`.
    Distinct(Arc<DistinctSpec>, Budget),
    /// `take ... per`, and `distinct` with an order.
    FirstRows(Arc<FirstRowsSpec>, Budget),
    /// Rows in order, sorted later or not. With a number, each thread keeps only so many: its
    /// rows come in order, so the first of all are among the first of each.
    Collect(Budget, Option<usize>),
    /// Rows cut in order.
    Take(TakeQueue),
    /// Rows chosen in order.
    Sample(SampleQueue),
    /// Rows stored in order.
    Persist(Ordered<StoredWriter>),
    /// Rows written in order.
    Write(Ordered<SinkWriter>, SharedWriter),
}

impl SharedLeaf {
    /// Whether rows and errors can only be counted once everything before them is known.
    pub(crate) fn counts_in_order(&self) -> bool {
        matches!(self, SharedLeaf::Take(_))
    }

    /// Lets threads that wait for their turn go.
    pub(crate) fn close(&self) {
        match self {
            SharedLeaf::Write(w, _) => w.close(),
            SharedLeaf::Persist(w) => w.close(),
            _ => {}
        }
    }
}

/// Where a row stands among all rows that reach a leaf.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    /// The task it came from; tasks are in input order.
    pub(crate) task: u64,
    /// The file of the input, or 0.
    pub(crate) file: usize,
    /// Rows of the task before it.
    pub(crate) row: u64,
    /// The file offset of byte 0 of the chunk's buffer.
    pub(crate) base_offset: u64,
    /// For streams: the line that byte 0 of the buffer begins.
    pub(crate) first_line: Option<u64>,
}

/// A thread's own part of a leaf.
pub(crate) enum LeafState {
    Reduce(Box<Aggregator>),
    Distinct(Box<Distinct>),
    FirstRows(Box<FirstRows>),
    /// (task, rows), in the order met.
    Collect(Vec<(u64, Batch)>, Reservation),
    Take,
    /// The rows of the current chunk.
    Sample(Vec<Batch>),
    /// The blocks of the current chunk.
    Persist(Box<Frames>),
    /// The bytes and rows of the current task.
    Write(Vec<u8>, u64),
}

impl LeafState {
    pub(crate) fn new(shared: &SharedLeaf) -> Self {
        match shared {
            SharedLeaf::Reduce(spec, kernel, budget) => {
                LeafState::Reduce(Box::new(Aggregator::new(spec.clone(), kernel.clone(), budget)))
            }
            SharedLeaf::Distinct(spec, budget) => {
                LeafState::Distinct(Box::new(Distinct::new(spec.clone(), budget)))
            }
            SharedLeaf::FirstRows(spec, budget) => {
                LeafState::FirstRows(Box::new(FirstRows::new(spec.clone(), budget)))
            }
            SharedLeaf::Collect(budget, _) => {
                LeafState::Collect(Vec::new(), budget.reserve("the collected rows"))
            }
            SharedLeaf::Take(_) => LeafState::Take,
            SharedLeaf::Sample(_) => LeafState::Sample(Vec::new()),
            SharedLeaf::Persist(_) => LeafState::Persist(Box::default()),
            SharedLeaf::Write(..) => LeafState::Write(Vec::new(), 0),
        }
    }

    /// Takes the rows of a morsel, the first of which stands at `at`.
    pub(crate) fn feed(
        &mut self,
        shared: &SharedLeaf,
        leaf: &CompiledLeaf,
        batch: &mut RowBatch<'_>,
        at: Position,
        part: Option<&mut ChunkPart>,
    ) -> Result<(), RunError> {
        if batch.rows() == 0 {
            return Ok(());
        }
        // A task may be a whole compressed file, with more rows than 32 bits count.
        let position = (at.task << 36) | at.row;
        let memory =
            |e: crate::memory::NeedsMore| RunError::Memory { message: e.to_string(), span: leaf.leaf.span };
        match (self, shared) {
            (LeafState::Reduce(aggregator), SharedLeaf::Reduce(..)) => {
                let (keys, arguments) = keys_and_arguments(leaf, batch)?;
                let arguments: Vec<_> = arguments.iter().map(|a| a.as_deref()).collect();
                aggregator.update(&refs(&keys), &arguments, batch.rows(), position).map_err(memory)
            }
            (LeafState::Distinct(distinct), _) => {
                let (keys, columns) = keys_and_rows(leaf, batch)?;
                distinct.update(&refs(&keys), &refs(&columns), batch.rows(), position).map_err(memory)
            }
            (LeafState::FirstRows(first), _) => {
                first.add(gather_batch(batch, leaf)?, position).map_err(memory)
            }
            (LeafState::Collect(parts, held), SharedLeaf::Collect(_, limit)) => {
                if limit.is_some_and(|n| parts.iter().map(|p| p.1.rows).sum::<usize>() >= n) {
                    return Ok(());
                }
                let mut rows = gather_batch(batch, leaf)?;
                if let LeafKind::Expect { .. } = leaf.leaf.kind {
                    let places = crate::contract::places(batch, at);
                    rows.columns.push((crate::contract::PLACE, Arc::new(places)));
                }
                held.add(batches_bytes(std::slice::from_ref(&rows))).map_err(memory)?;
                parts.push((at.task, rows));
                Ok(())
            }
            (LeafState::Sample(parts), SharedLeaf::Sample(_)) => {
                parts.push(gather_batch(batch, leaf)?);
                Ok(())
            }
            (LeafState::Persist(frames), SharedLeaf::Persist(_)) => {
                frames.add(gather_batch(batch, leaf)?, at.file, &leaf.leaf.columns)
            }
            (LeafState::Take, SharedLeaf::Take(_)) => {
                if let Some(part) = part {
                    let origins = (0..batch.rows()).map(|r| batch.origin(r)).collect();
                    part.rows = ChunkRows { batch: gather_batch(batch, leaf)?, origins };
                }
                Ok(())
            }
            (LeafState::Write(bytes, rows), SharedLeaf::Write(_, writer)) => {
                let LeafKind::Write(sink) = &leaf.leaf.kind else {
                    return Err(RunError::Internal("a sink leaf is something else".to_owned()));
                };
                let ids: Vec<ColumnId> = sink.columns.iter().map(|c| c.id).collect();
                let columns = fetch(batch, &ids)?;
                writer.rows(&refs(&columns), batch.rows(), bytes);
                *rows += batch.rows() as u64;
                Ok(())
            }
            _ => Err(RunError::Internal("a leaf does not fit its state".to_owned())),
        }
    }

    /// A chunk of the task is done, and if `last`, the task. False when there is no point in going on.
    pub(crate) fn end_chunk(
        &mut self,
        shared: &SharedLeaf,
        leaf: &CompiledLeaf,
        task: u64,
        last: bool,
    ) -> Result<bool, RunError> {
        Ok(match (self, shared) {
            (LeafState::Persist(frames), SharedLeaf::Persist(ordered)) => {
                let (bytes, rows) = frames.take(&leaf.leaf.columns)?;
                ordered.submit(task, bytes, rows, last)
            }
            (LeafState::Write(bytes, rows), SharedLeaf::Write(ordered, _)) => {
                ordered.submit(task, std::mem::take(bytes), std::mem::take(rows), last)
            }
            (LeafState::Sample(parts), SharedLeaf::Sample(queue)) => {
                queue.submit(task, std::mem::take(parts), last)
            }
            _ => true,
        })
    }
}

fn gather_batch(batch: &mut RowBatch<'_>, leaf: &CompiledLeaf) -> Result<Batch, RunError> {
    let fetched = fetch(batch, &leaf.needed)?;
    let columns = leaf.needed.iter().zip(fetched).map(|(id, c)| {
        let column = if batch.morsel().is_some() { Arc::new(detach(&c)) } else { c };
        (*id, column)
    });
    Ok(Batch { rows: batch.rows(), columns: columns.collect() })
}

/// Columns of a batch.
type Columns = Vec<Arc<Column>>;

/// What aggregates read of a batch, where they read something.
type Arguments = Vec<Option<Arc<Column>>>;

/// The keys of the groups that a batch belongs to, and what is aggregated: for each aggregate its argument, if it has
/// one, then for those that have it what they choose by.
fn keys_and_arguments(
    leaf: &CompiledLeaf,
    batch: &mut RowBatch<'_>,
) -> Result<(Columns, Arguments), RunError> {
    let LeafKind::ReduceByKey { keys, aggregates, .. } = &leaf.leaf.kind else {
        return Err(RunError::Internal("a reduce leaf is something else".to_owned()));
    };
    let keys = fetch(batch, keys)?;
    let mut arguments = Vec::with_capacity(aggregates.len());
    let by = aggregates.iter().filter(|a| a.by.is_some()).map(|a| a.by);
    for column in aggregates.iter().map(|a| a.argument).chain(by) {
        arguments.push(match column {
            None => None,
            Some(id) => fetch(batch, &[id])?.pop(),
        });
    }
    Ok((keys, arguments))
}

/// What rows are compared by, and the columns that are kept of them.
fn keys_and_rows(leaf: &CompiledLeaf, batch: &mut RowBatch<'_>) -> Result<(Columns, Columns), RunError> {
    let on: Vec<ColumnId> = match &leaf.leaf.kind {
        LeafKind::Distinct { on, .. } => on.clone(),
        LeafKind::SetOperation { on, .. } => on.iter().map(|(own, _)| *own).collect(),
        _ => return Err(RunError::Internal("a distinct leaf is something else".to_owned())),
    };
    let keys = fetch(batch, &on)?;
    let ids: Vec<ColumnId> = match &leaf.leaf.kind {
        LeafKind::SetOperation { .. } => leaf.needed.clone(),
        _ => leaf.leaf.columns.iter().map(|c| c.id).collect(),
    };
    Ok((keys, fetch(batch, &ids)?))
}
