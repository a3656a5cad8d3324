//! Aggregates over frames by nothing but their states: rows are added, results are read.
//!
//! This works for every aggregate that `reduce_by_key` knows. Over whole keys it takes a step a row,
//! over running frames a step and a result a row, over frames that move a step for each of their rows.

use super::{Cells, Ordered, RunCells};
use crate::kernels::gather::{BATCH_ROWS, Place, gather_batch, place, split_text};
use crate::memory::{NeedsMore, Reservation};
use crate::operators::reduce_by_key::AggregateError;
use crate::operators::states::{NoResult, Slots, StateSpec, States};
use flow_ir::column::ColumnBuilder;
use flow_ir::window::Frame;
use flow_ir::{Batch, Column, Value};
use std::ops::Range;
use std::sync::Arc;

/// Bytes of results after which a new column is begun.
const RESULT_BYTES: u64 = 1 << 28;

/// One aggregate of a window.
struct One<'a, 'b> {
    ordered: &'a Ordered<'b>,
    aggregate: usize,
    spec: Arc<StateSpec>,
    /// The batches with only the columns that the aggregate reads.
    batches: &'a [Batch],
}

impl Ordered<'_> {
    /// The results of aggregate `i`, whatever it is.
    pub(super) fn generic(&self, i: usize) -> Result<Cells, AggregateError> {
        let a = &self.spec.window.aggregates[i];
        let mut types = vec![self.spec.arguments[i].clone()];
        types.extend(self.spec.chooser(i).map(|at| self.spec.arguments[at].clone()));
        let spec = Arc::new(StateSpec::new(vec![a.clone()], types));
        let read = |b: &Batch| {
            let columns = a.reads().filter_map(|id| Some((id, b.column(id)?.clone()))).collect();
            Batch { rows: b.rows, columns }
        };
        let batches: Vec<Batch> = self.batches.iter().map(read).collect();
        let one = One { ordered: self, aggregate: i, spec, batches: &batches };
        self.each_run(|run| match self.spec.window.frame {
            Frame::Key => one.whole_keys(run),
            Frame::Running => one.running(run),
            Frame::Rows { .. } => one.moving(run),
        })
    }
}

impl One<'_, '_> {
    fn no_result(&self, failed: NoResult, key: usize) -> AggregateError {
        let (aggregate, key) = (self.aggregate, self.ordered.key_values(key));
        AggregateError::NoResult { aggregate, key, error: failed.error }
    }

    /// Calls `f` with the arguments of the rows at `places`, a batch at a time, and how many came before.
    fn each_batch(
        &self,
        places: &[Place],
        mut f: impl FnMut(&[Option<&Column>], usize, usize) -> Result<(), AggregateError>,
    ) -> Result<(), AggregateError> {
        let mut before = 0;
        for part in split_text(self.batches, places) {
            let batch = gather_batch(self.batches, part);
            let mut arguments: Vec<Option<&Column>> =
                batch.columns.iter().map(|(_, column)| Some(column.as_ref())).collect();
            if arguments.is_empty() {
                arguments.push(None);
            }
            f(&arguments, before, part.len())?;
            before += part.len();
        }
        Ok(())
    }

    fn whole_keys(&self, run: &Range<usize>) -> Result<RunCells, AggregateError> {
        let mut states = States::new(self.spec.clone(), self.ordered.budget);
        states.grow(run.len())?;
        let mut groups: Vec<u32> = Vec::with_capacity(self.ordered.run(run).len());
        for (number, key) in run.clone().enumerate() {
            groups.extend(std::iter::repeat_n(number as u32, self.ordered.key(key).len()));
        }
        self.each_batch(self.ordered.run(run), |arguments, before, rows| {
            let groups = &groups[before..before + rows];
            Ok(states.update_generic(groups, arguments, 0..rows, before as u64, Slots::All)?)
        })?;
        let keys: Vec<u32> = (0..run.len() as u32).collect();
        let column = states.finish(0, &keys).map_err(|e| {
            let key = run.start + e.group as usize;
            self.no_result(e, key)
        })?;
        let places = groups.iter().map(|&g| place(0, g as usize)).collect();
        Ok(RunCells { columns: vec![column], places, memory: None })
    }

    fn running(&self, run: &Range<usize>) -> Result<RunCells, AggregateError> {
        let mut results = Results::new(self);
        for key in run.clone() {
            let mut states = States::new(self.spec.clone(), self.ordered.budget);
            states.grow(1)?;
            let groups = vec![0; BATCH_ROWS.min(self.ordered.key(key).len())];
            self.each_batch(self.ordered.key(key), |arguments, before, rows| {
                for row in 0..rows {
                    states.update_generic(&groups, arguments, row..row + 1, before as u64, Slots::All)?;
                    results.push(&states.finish(0, &[0]).map_err(|e| self.no_result(e, key))?)?;
                }
                Ok(())
            })?;
        }
        Ok(results.finish())
    }

    /// A group for each row: the rows of its frame.
    fn moving(&self, run: &Range<usize>) -> Result<RunCells, AggregateError> {
        let mut results = Results::new(self);
        let frame = self.ordered.spec.window.frame;
        for key in run.clone() {
            let rows = self.ordered.key(key);
            for at in 0..rows.len() {
                let (from, to) = frame.bounds(at, rows.len());
                let mut states = States::new(self.spec.clone(), self.ordered.budget);
                states.grow(1)?;
                let groups = vec![0; BATCH_ROWS.min(to - from)];
                self.each_batch(&rows[from..to], |arguments, before, rows| {
                    Ok(states.update_generic(&groups, arguments, 0..rows, before as u64, Slots::All)?)
                })?;
                results.push(&states.finish(0, &[0]).map_err(|e| self.no_result(e, key))?)?;
            }
        }
        Ok(results.finish())
    }
}

/// Results as they come, in as many columns as they need.
struct Results<'a> {
    ty: &'a flow_ir::Type,
    open: ColumnBuilder,
    rows: usize,
    bytes: u64,
    cells: RunCells,
    sealed: u64,
    memory: Reservation,
}

impl<'a> Results<'a> {
    fn new(one: &'a One<'_, '_>) -> Self {
        let ty = &one.ordered.spec.window.aggregates[one.aggregate].ty.kind;
        Results {
            ty,
            open: ColumnBuilder::new(ty, 0),
            rows: 0,
            bytes: 0,
            cells: RunCells::default(),
            sealed: 0,
            memory: one.ordered.budget.reserve("the results of window"),
        }
    }

    /// Takes the only row of a column.
    fn push(&mut self, result: &Column) -> Result<(), NeedsMore> {
        let value = result.value(0, self.ty);
        self.open.push(value.as_ref().map_err(|code| *code));
        self.cells.places.push(place(self.cells.columns.len(), self.rows));
        self.rows += 1;
        self.bytes += 16 + value.as_ref().map_or(0, value_bytes);
        self.memory.cover(self.sealed + self.bytes)?;
        if self.bytes >= RESULT_BYTES || self.rows >= u32::MAX as usize {
            self.seal();
        }
        Ok(())
    }

    fn seal(&mut self) {
        let full = std::mem::replace(&mut self.open, ColumnBuilder::new(self.ty, 0)).finish();
        self.sealed += self.bytes;
        (self.rows, self.bytes) = (0, 0);
        self.cells.columns.push(full);
    }

    fn finish(mut self) -> RunCells {
        self.seal();
        self.cells.memory = Some(self.memory);
        self.cells
    }
}

/// What a value holds besides its handle, about.
fn value_bytes(value: &Value) -> u64 {
    match value {
        Value::String(s) => s.len() as u64,
        Value::List(items) => items.iter().map(|v| 32 + value_bytes(v)).sum(),
        Value::Record(items) => items.iter().map(|v| 32 + value_bytes(v)).sum(),
        _ => 0,
    }
}
