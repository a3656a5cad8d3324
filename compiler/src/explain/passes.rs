//! What each pass did to a plan, recorded while the optimizer runs.

use super::diff::{Change, diff_lines};
use super::{Names, explain_logical};
use crate::optimize::PassRun;
use flow_ir::Span;
use serde::Serialize;

/// Where a pass did not fire, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PassNote {
    /// The place in the program.
    pub span: Span,
    /// The reason.
    pub message: String,
}

/// One run of a pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PassReport {
    /// The pass.
    pub name: String,
    /// What it keeps equal.
    pub law: String,
    /// Whether it runs even without optimization.
    pub required: bool,
    /// Whether it changed the plan.
    pub changed: bool,
    /// The plan before, like a program.
    pub before: String,
    /// The plan after.
    pub after: String,
    /// Where it did not fire.
    pub notes: Vec<PassNote>,
}

impl PassReport {
    /// The report as `explain --passes` shows it: the law, the changed lines with their
    /// surroundings, the notes. `place` turns a span into words such as `p.flow:3:3`.
    pub fn text(&self, place: &dyn Fn(Span) -> String) -> String {
        let mut out = format!("{}  ({})\n", self.name, self.law);
        if !self.changed {
            out.push_str("  changed nothing\n");
        } else if self.before == self.after {
            out.push_str("  changed nothing that shows here\n");
        } else {
            for change in diff_lines(&self.before, &self.after) {
                out.push_str(&match change {
                    Change::Same("") => "\n".to_owned(),
                    Change::Same(line) => format!("    {line}\n"),
                    Change::Removed(line) => format!("  - {line}\n"),
                    Change::Added(line) => format!("  + {line}\n"),
                });
            }
        }
        for note in &self.notes {
            out.push_str(&format!("  note: {}: {}\n", place(note.span), note.message));
        }
        out
    }
}

/// Observes the optimizer.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    reports: Vec<PassReport>,
    names: Names,
}

impl Recorder {
    /// A recorder without reports.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records a pass; give this to `optimize`.
    pub fn observe(&mut self, run: &PassRun<'_>) {
        self.names.add(run.before);
        self.names.add(run.after);
        let notes = run.notes.iter().map(|n| PassNote { span: n.span, message: n.message.clone() });
        self.reports.push(PassReport {
            name: run.pass.name.to_owned(),
            law: run.pass.law.to_owned(),
            required: run.pass.required,
            changed: run.before != run.after,
            before: explain_logical(run.before),
            after: explain_logical(run.after),
            notes: notes.collect(),
        });
    }

    /// The reports so far.
    pub fn reports(&self) -> &[PassReport] {
        &self.reports
    }

    /// The names of all columns seen.
    pub fn names(&self) -> &Names {
        &self.names
    }

    pub(super) fn into_parts(self) -> (Vec<PassReport>, Names) {
        (self.reports, self.names)
    }
}
