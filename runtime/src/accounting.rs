//! Every row is accounted for: counts of rows and work, the identity `read = kept + filtered + bad`, and what bad rows
//! lead to (stop, quarantine, or a limit).

use crate::compiled::CompiledStage;
use crate::execute::Run;
use crate::fault::RowFault;
use crate::finish::StageEnd;
use crate::options::{LeafCount, OperationCount, RunError, SourceCount};
use crate::worker::{RowTally, WorkerResult};
use flow_ir::location::without_secrets;
use flow_ir::physical::{LeafKind, Stage};
use flow_ir::source::OnError;

impl Run<'_> {
    /// Counts rows, checks the identity, and applies the error policies.
    pub(crate) fn account(
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
                pattern: without_secrets(&source.pattern).into_owned(),
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
                let pattern = without_secrets(&context.source.pattern).into_owned();
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
}

/// The error that bad rows are where they stop the run: the first of them.
pub(crate) fn first_bad_row<'f>(
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
        Some((_, _, first)) => Err(RunError::Row(Box::new(first.clone()))),
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
        LeafKind::Persist(_) => "persist",
        LeafKind::Expect { .. } => "expect",
        LeafKind::Take { count: Some(_), .. } => "take",
        LeafKind::Take { count: None, .. } => "skip",
        LeafKind::Write(sink) => sink.target.name(),
    }
}
