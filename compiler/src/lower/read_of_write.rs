//! Programs that read what they also write (F4005), and what to write instead.
//!
//! Invariant: which of the two would come first never matters, because such a program does not run.

use super::folder_sink::reaches_into;
use crate::compiler::{Compiler, DatasetState};
use crate::diagnostic::Diagnostic;
use crate::glob;
use flow_ir::location::Location;
use flow_ir::logical::Operator;
use flow_ir::source::Target;
use flow_ir::{NodeId, Span};
use std::collections::BTreeSet;

impl Compiler<'_> {
    /// Refuses programs that read a path they also write: by name, through a pattern or folder, or
    /// under another name of the same file.
    pub(crate) fn reads_of_writes(&mut self) {
        let (reads, writes) = (self.reads.clone(), self.writes.clone());
        for (pattern, place) in reads.iter().filter(|(p, _)| matches!(Location::of(p), Location::File(_))) {
            let inside = |path: &str| path.ends_with('/') && reaches_into(pattern, path);
            if let Some((path, written)) =
                writes.iter().find(|(path, _)| names(pattern, path) || inside(path))
            {
                self.report_read_of_write(*place, path, *written);
            }
        }
        for (path, written) in &writes {
            let Some(identity) = self.catalog.identity(path) else { continue };
            let same = |(read, _): &&(String, Span)| self.catalog.identity(read).as_ref() == Some(&identity);
            if let Some((_, place)) = self.read_files.iter().find(same) {
                self.report_read_of_write(*place, path, *written);
            }
        }
    }

    fn report_read_of_write(&mut self, place: Span, path: &str, written: Span) {
        if self.diagnostics.iter().any(|d| d.code == "F4005" && d.span == place) {
            return;
        }
        // That the file is not there yet is no mistake of its own.
        self.diagnostics.retain(|d| d.code != "F2005" || d.span != place);
        let line = self.sources.line_column(written.start).line;
        let message = format!("this program also writes `{path}` (line {line})");
        let diagnostic = Diagnostic::error("F4005", place, message).label(written, "written here");
        let diagnostic = match self.written_from(path) {
            Some(node) if self.comes_from(node, place) => diagnostic
                .note("a file is read as a whole before it could be replaced by what was read from it")
                .help("write another file, and rename it when the run is over"),
            Some(node) => {
                let rows = self.datasets.iter().find_map(|((module, name), state)| match state {
                    DatasetState::Done(flow) if flow.node == node && *module == 0 => Some(*name),
                    _ => None,
                });
                let in_its_own = "or run this pipeline afterwards, in a file of its own";
                match rows {
                    Some(name) => diagnostic.help(format!("use the rows that are written: from {name}")),
                    None => diagnostic.help(format!(
                        "name the rows that are written, and use them twice: let written = ..., `from written | write \"{path}\"`, and `from written` here"
                    )),
                }
                .help(in_its_own)
            }
            None => diagnostic.help("choose another path for one of them, or run this pipeline afterwards"),
        };
        self.report(diagnostic);
    }

    /// The rows that the sink with this path gets.
    fn written_from(&self, path: &str) -> Option<NodeId> {
        self.plan.nodes.iter().find_map(|node| match &node.operator {
            Operator::Write { input, sink } => match &sink.target {
                Target::File(own) | Target::Folder { path: own, .. } if own == path => Some(*input),
                _ => None,
            },
            _ => None,
        })
    }

    /// Whether rows are made of those of the `read` whose target stands at `place`.
    fn comes_from(&self, node: NodeId, place: Span) -> bool {
        let (mut open, mut seen) = (vec![node], BTreeSet::new());
        while let Some(node) = open.pop().filter(|n| (n.0 as usize) < self.plan.nodes.len()) {
            if !seen.insert(node) {
                continue;
            }
            let operator = &self.plan.node(node).operator;
            if let Operator::Read(source) = operator
                && (source.span.start..=source.span.end).contains(&place.start)
                && source.span.file == place.file
            {
                return true;
            }
            open.extend(operator.inputs());
        }
        false
    }
}

/// Whether a pattern or folder names the file at `path`.
fn names(pattern: &str, path: &str) -> bool {
    if pattern.ends_with('/') {
        return glob::normal(path).starts_with(&(glob::normal(pattern) + "/"));
    }
    glob::matches(pattern, path)
}
