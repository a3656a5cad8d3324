//! Plans in words: what `flowc explain` shows. The last thing the compiler can do with a plan.
//!
//! Text reads like the program: stage words, field names, types. Names exist only at the edges of
//! plans, so [`Names`] gathers them from the logical plans before a physical plan is explained.
//! Nothing here changes a plan or decides anything.

mod diff;
mod expr;
mod logical;
mod passes;
mod physical;

#[cfg(test)]
mod tests;

pub use diff::{Change, diff_lines};
pub use logical::explain_logical;
pub use passes::{PassNote, PassReport, Recorder};
pub use physical::{StageReport, explain_physical, explain_stage, stage_reports};

use flow_ir::logical::Operator;
use flow_ir::types::quote_name;
use flow_ir::{ColumnId, LogicalPlan, PhysicalPlan};
use serde::Serialize;
use std::collections::BTreeMap;

/// The names of columns, gathered from plans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    of: BTreeMap<ColumnId, String>,
}

impl Names {
    /// The names in `plan`, each as it is first given.
    pub fn of(plan: &LogicalPlan) -> Self {
        let mut names = Names::default();
        names.add(plan);
        names
    }

    /// Adds the names of another plan, for columns not named so far.
    pub fn add(&mut self, plan: &LogicalPlan) {
        for node in &plan.nodes {
            if let Operator::Read(source) = &node.operator {
                source.columns.iter().for_each(|c| self.note(c.id, &c.path));
            }
            node.columns.iter().for_each(|c| self.note(c.id, &c.path));
        }
    }

    fn note(&mut self, id: ColumnId, path: &[String]) {
        if !path.is_empty() {
            self.of.entry(id).or_insert_with(|| path_name(path));
        }
    }

    /// The column's name; its number if nobody named it.
    pub fn name(&self, id: ColumnId) -> String {
        self.of.get(&id).cloned().unwrap_or_else(|| format!("#{}", id.0))
    }
}

/// A path as programs write it.
pub(crate) fn path_name(path: &[String]) -> String {
    path.iter().map(|part| quote_name(part)).collect::<Vec<_>>().join(".")
}

/// Everything `explain` knows, for machines.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The optimized logical plan, like the program.
    pub logical: String,
    /// The stages in words.
    pub stages: Vec<StageReport>,
    /// What each pass did.
    pub passes: Vec<PassReport>,
    /// The plan that runs.
    pub plan: PhysicalPlan,
}

impl Report {
    /// Gathers a report. `recorder` observed the passes that made `optimized`.
    pub fn new(optimized: &LogicalPlan, plan: &PhysicalPlan, recorder: Recorder) -> Self {
        let (passes, mut names) = recorder.into_parts();
        names.add(optimized);
        Report {
            logical: explain_logical(optimized),
            stages: stage_reports(plan, &names),
            passes,
            plan: plan.clone(),
        }
    }
}
