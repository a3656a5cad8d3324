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
use flow_ir::{ColumnId, LogicalPlan, PhysicalPlan, Span};
use serde::Serialize;
use std::collections::BTreeMap;

/// The names of columns, gathered from plans: those they were first given, and for every stage of
/// the program those that its input and output have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    of: BTreeMap<ColumnId, String>,
    stages: BTreeMap<Place, StageNames>,
}

/// A span, in order.
type Place = (u16, u32, u32);

/// The names around a stage of the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct StageNames {
    before: BTreeMap<ColumnId, String>,
    after: BTreeMap<ColumnId, String>,
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
            if let Operator::Read(source) | Operator::Through { answers: source, .. } = &node.operator {
                source.delivered().for_each(|c| self.note(c.id, &c.path));
            }
            node.columns.iter().for_each(|c| self.note(c.id, &c.path));
            let stage = self.stages.entry(place(node.span)).or_default();
            let inputs = node.operator.inputs();
            let before = inputs.iter().flat_map(|input| &plan.node(*input).columns);
            // The first plan is the program as it is written; passes rename nothing.
            for (names, columns) in [
                (&mut stage.before, before.collect()),
                (&mut stage.after, node.columns.iter().collect::<Vec<_>>()),
            ] {
                for c in columns.into_iter().filter(|c| !c.path.is_empty()) {
                    names.entry(c.id).or_insert_with(|| path_name(&c.path));
                }
            }
        }
    }

    fn note(&mut self, id: ColumnId, path: &[String]) {
        if !path.is_empty() {
            self.of.entry(id).or_insert_with(|| path_name(path));
        }
    }

    /// The name that the stage at `span` knows a column of its input by.
    pub fn before(&self, span: Span, id: ColumnId) -> String {
        let stage = self.stages.get(&place(span));
        stage.and_then(|s| s.before.get(&id).cloned()).unwrap_or_else(|| self.name(id))
    }

    /// The name that the stage at `span` gives a column.
    pub fn after(&self, span: Span, id: ColumnId) -> String {
        let stage = self.stages.get(&place(span));
        stage.and_then(|s| s.after.get(&id).cloned()).unwrap_or_else(|| self.before(span, id))
    }

    /// The column's name; its number if nobody named it.
    pub fn name(&self, id: ColumnId) -> String {
        self.of.get(&id).cloned().unwrap_or_else(|| format!("#{}", id.0))
    }
}

fn place(span: Span) -> Place {
    (span.file, span.start, span.end)
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
