//! The `persist`s of a run: from what earlier runs have stored to what later ones will find.
//!
//! Invariants: an entry is put in its place only when the stage that filled it has succeeded; a dataset
//! that is looked up, or goes round a loop, is in memory as a whole for as long as that takes.

use crate::dataset::{Dataset, batches_bytes};
use crate::execute::Run;
use crate::options::{PersistCount, RunError, RunWarning};
use crate::persist::{Preparation, Prepared, Stored, StoredCounts, StoredWriter};
use flow_ir::Span;
use flow_ir::physical::{DatasetId, PhysicalPlan};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What a run knows of its `persist`s.
#[derive(Default)]
pub(crate) struct Persists {
    /// Those that stages will fill.
    pub(crate) unfilled: HashMap<DatasetId, Prepared>,
    /// Those whose rows are there, until nobody needs them any more.
    pub(crate) filled: HashMap<DatasetId, Arc<Stored>>,
    counts: Vec<(DatasetId, PersistCount, Arc<StoredCounts>)>,
    warnings: Vec<RunWarning>,
}

impl Persists {
    /// What has been prepared, and the plan without what need not run, if it is smaller.
    pub(crate) fn of(prepared: Preparation) -> (Option<PhysicalPlan>, Self) {
        let Preparation { plan, unfilled, filled, counts, warnings } = prepared;
        (plan, Persists { unfilled, filled, counts, warnings })
    }
}

impl Run<'_> {
    /// A stage has filled a `persist`: its rows can be read, by this run and by later ones.
    pub(crate) fn seal(&mut self, id: DatasetId, writer: StoredWriter) {
        let (stored, counts, failed, notes) = writer.seal();
        let persists = &mut self.persists;
        if let Some(error) = failed {
            let message = format!("the rows of a `persist` are not stored for later runs: {error}");
            persists.warnings.push(RunWarning::NotStored(message));
        }
        if let Some((_, count, known)) = persists.counts.iter_mut().find(|(other, ..)| *other == id) {
            count.rows = stored.rows();
            count.bytes = stored.bytes();
            count.note = notes.into_iter().next().or(count.note.take());
            *known = counts;
        }
        persists.filled.insert(id, stored);
        // In a loop, the rows of the round before may be there.
        self.datasets.remove(&id);
    }

    /// Makes datasets of blocks those among `ids` that rows are looked up in.
    pub(crate) fn bring_into_memory(&mut self, ids: Vec<DatasetId>, span: Span) -> Result<(), RunError> {
        for id in ids {
            if let Some(stored) = self.persists.filled.get(&id)
                && !self.datasets.contains_key(&id)
            {
                let blocks = stored.blocks();
                let mut batches = Vec::with_capacity(blocks.len());
                let mut memory = self.budget.reserve("the rows of `persist`");
                for block in blocks {
                    let batch = stored.batch(block).map_err(RunError::Read)?;
                    memory
                        .add(batches_bytes(std::slice::from_ref(&batch)))
                        .map_err(|e| RunError::Memory { message: e.to_string(), span })?;
                    batches.push(batch);
                }
                self.datasets.insert(id, Arc::new(Dataset { batches, memory }));
            }
        }
        Ok(())
    }

    /// Puts what is known of `persist`s into the report.
    pub(crate) fn report_persists(&mut self) {
        let persists = std::mem::take(&mut self.persists);
        for (_, mut count, counts) in persists.counts {
            count.evicted = counts.evicted.load(Ordering::Relaxed);
            self.report.persisted.push(count);
        }
        self.report.persisted.sort_by_key(|p| (p.span.file, p.span.start));
        self.report.warnings = persists.warnings;
    }
}
