//! Loops: the stages of an `iterate`, once a round, with the rows of the round before.
//!
//! The stages are compiled once; only the datasets they read change. Invariants: a round sees the rows of
//! the round before and what was complete before the loop, nothing else;
//! the memory of a round's rows is given back when those of the next one replace them.

use crate::dataset::Dataset;
use crate::execute::Run;
use crate::options::{OperationCount, RunError, RunReport};
use flow_ir::physical::{DatasetId, Loop, LoopColumn};
use flow_ir::{Batch, ColumnId, Type, Value};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

impl Run<'_> {
    /// Runs the rounds of a loop and leaves its result behind.
    pub(crate) fn rounds(&mut self, l: &Loop) -> Result<(), RunError> {
        let plan = self.plan;
        let stages = plan.stages.get(l.first.0 as usize..l.end.0 as usize).unwrap_or_default();
        let begin = Instant::now();
        let mut compiled = Vec::with_capacity(stages.len());
        for stage in stages {
            compiled.push(self.compile(stage)?);
        }
        self.bring_into_memory(vec![l.start], l.span)?;
        let mut state = self.rows_of_loop(l.start, l, |c| c.start)?;
        let report = Mark::of(&self.report);
        for round in 0..l.rounds {
            if self.options.control.cancel.load(Ordering::Relaxed) {
                return Err(RunError::Cancelled);
            }
            self.datasets.insert(l.state, state);
            for (stage, compiled) in stages.iter().zip(&compiled) {
                let begin = if round == 0 { begin } else { Instant::now() };
                self.stage(stage, compiled, begin)?;
            }
            if round > 0 {
                report.merge_round(&mut self.report);
            }
            let read = l.until.iter().map(|(dataset, _)| *dataset).chain([l.body]);
            self.bring_into_memory(read.collect(), l.span)?;
            state = self.rows_of_loop(l.body, l, |c| c.body)?;
            if self.is_done(l)? {
                break;
            }
        }
        self.datasets.remove(&l.state);
        self.datasets.insert(l.result, state);
        Ok(())
    }

    /// A dataset with the loop's own columns.
    fn rows_of_loop(
        &self,
        dataset: DatasetId,
        l: &Loop,
        own: impl Fn(&LoopColumn) -> ColumnId,
    ) -> Result<Arc<Dataset>, RunError> {
        let rows = self
            .datasets
            .get(&dataset)
            .ok_or_else(|| RunError::Internal(format!("dataset {} is not there", dataset.0)))?;
        let mut batches = Vec::with_capacity(rows.batches.len());
        for batch in &rows.batches {
            let mut columns = Vec::with_capacity(l.columns.len());
            for c in &l.columns {
                let id = own(c);
                let column = batch.column(id).cloned();
                let column = column
                    .ok_or_else(|| RunError::Internal(format!("column {} of a loop is not there", id.0)))?;
                columns.push((c.column.id, column));
            }
            batches.push(Batch { rows: batch.rows, columns });
        }
        let dataset = Dataset::new(batches, &self.budget, "the rows of the loop");
        dataset.map(Arc::new).map_err(|e| RunError::Memory { message: e.to_string(), span: l.span })
    }

    /// Whether the condition that ends the loop holds after this round.
    fn is_done(&self, l: &Loop) -> Result<bool, RunError> {
        let Some((dataset, column)) = &l.until else { return Ok(false) };
        let rows = self
            .datasets
            .get(dataset)
            .ok_or_else(|| RunError::Internal(format!("dataset {} is not there", dataset.0)))?;
        let batch = rows.batches.iter().find(|b| b.rows > 0);
        let value = batch.and_then(|b| b.column(*column)).map(|c| c.value(0, &Type::Bool));
        Ok(matches!(value, Some(Ok(Value::Bool(true)))))
    }
}

/// Where the report of a loop's first round begins.
struct Mark {
    operations: usize,
    stages: usize,
}

impl Mark {
    fn of(report: &RunReport) -> Self {
        Mark { operations: report.operations.len(), stages: report.stages.len() }
    }

    /// Adds the last round, which stands behind all before, to the entries of the first one.
    fn merge_round(&self, report: &mut RunReport) {
        let rounds = report.operations.split_at_mut(self.operations).1;
        let (all, last) = rounds.split_at_mut(rounds.len() / 2);
        for (a, b) in all.iter_mut().zip(last.iter()) {
            let OperationCount { rows_in, rows_out, time, .. } = b;
            a.rows_in += rows_in;
            a.rows_out += rows_out;
            a.time += *time;
        }
        let kept = self.operations + all.len();
        report.operations.truncate(kept);
        let rounds = report.stages.split_at_mut(self.stages).1;
        let (all, last) = rounds.split_at_mut(rounds.len() / 2);
        for (a, b) in all.iter_mut().zip(last.iter()) {
            a.run += b.run;
            a.compile += b.compile;
            a.bytes += b.bytes;
            a.chunks += b.chunks;
        }
        let kept = self.stages + all.len();
        report.stages.truncate(kept);
    }
}
