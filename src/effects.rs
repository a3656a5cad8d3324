//! What a program does outside of itself: files it reads and writes, commands it runs.
//!
//! Taken from the plan as written, so a pipeline that nothing uses is not in it.

use crate::program::Program;
use flow_ir::location::{Location, without_secrets};
use flow_ir::logical::Operator;
use flow_ir::source::{OnError, Target};
use flow_ir::{LogicalPlan, Span};
use serde_json::{Value as Json, json};
use std::fmt::Write as _;
use std::path::Path;

/// One thing that a program does outside of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Effect {
    /// `read`, `write` or `run`.
    pub(crate) kind: &'static str,
    /// The path, pattern or command as written.
    pub(crate) target: String,
    /// The files that a pattern names now.
    pub(crate) files: Vec<String>,
    /// Where the program says so.
    pub(crate) span: Span,
}

impl Effect {
    fn of(kind: &'static str, target: &str, files: Vec<String>, span: Span) -> Self {
        match Location::of(target) {
            Location::Command(text) => {
                Effect { kind: "run", target: text.to_owned(), files: Vec::new(), span }
            }
            _ => Effect { kind, target: without_secrets(target).into_owned(), files, span },
        }
    }
}

/// Everything that running `plan` does, in order of the program.
pub(crate) fn effects(plan: &LogicalPlan) -> Vec<Effect> {
    let mut found = Vec::new();
    let used = used_nodes(plan);
    for (_, node) in plan.nodes.iter().enumerate().filter(|(i, _)| used[*i]) {
        match &node.operator {
            Operator::Read(source) => {
                let files = match Location::of(&source.pattern).is_live() {
                    true => Vec::new(),
                    false => source.files.iter().map(|f| without_secrets(&f.path).into_owned()).collect(),
                };
                found.push(Effect::of("read", &source.pattern, files, source.span));
                if let OnError::Quarantine(path) = &source.on_error {
                    found.push(Effect::of("write", path, Vec::new(), source.span));
                }
            }
            Operator::Through { sink, .. } => {
                if let Target::Processes { command, .. } = &sink.target {
                    found.push(Effect {
                        kind: "run",
                        target: command.clone(),
                        files: Vec::new(),
                        span: sink.span,
                    });
                }
            }
            Operator::Write { sink, .. } => {
                if let Target::File(path) | Target::Folder { path, .. } = &sink.target {
                    found.push(Effect::of("write", path, Vec::new(), sink.span));
                }
            }
            _ => {}
        }
    }
    found.sort_by_key(|e| e.span.start);
    found.dedup();
    found
}

/// The folder where later runs find what `plan` persists, at the first place that does, if it is used.
pub(crate) fn stored(plan: &LogicalPlan, folder: &Path) -> Option<Effect> {
    let used = used_nodes(plan);
    let persists = plan.nodes.iter().zip(used).filter_map(|(node, used)| match &node.operator {
        Operator::Persist { persist, .. } if used && persist.reuse.key().is_some() => Some(node.span),
        _ => None,
    });
    let span = persists.min_by_key(|span| span.start)?;
    Some(Effect { kind: "write", target: folder.display().to_string(), files: Vec::new(), span })
}

/// For each node whether a sink reaches it.
fn used_nodes(plan: &LogicalPlan) -> Vec<bool> {
    let mut used = vec![false; plan.nodes.len()];
    plan.sinks.iter().for_each(|id| used[id.0 as usize] = true);
    for (i, node) in plan.nodes.iter().enumerate().rev() {
        if used[i] {
            node.operator.inputs().iter().for_each(|id| used[id.0 as usize] = true);
        }
    }
    used
}

/// Where a plan reads standard input, if it does.
pub(crate) fn stdin_read(plan: &LogicalPlan) -> Option<Span> {
    effects(plan).into_iter().find(|e| e.kind == "read" && e.target == "-").map(|e| e.span)
}

/// The effects for people: a line each.
pub(crate) fn text(effects: &[Effect], program: &Program) -> String {
    let mut out = String::new();
    for e in effects {
        let files = match e.files.as_slice() {
            [] => String::new(),
            [one] if *one == e.target => String::new(),
            [_] => "  (1 file)".to_owned(),
            several => format!("  ({} files)", several.len()),
        };
        let _ = writeln!(out, "{:<5} {}{files}  ({})", e.kind, e.target, program.place(e.span));
    }
    out
}

/// The effects for programs.
pub(crate) fn json(effects: &[Effect], program: &Program) -> Json {
    effects
        .iter()
        .map(|e| json!({ "effect": e.kind, "target": e.target, "files": e.files, "place": program.place(e.span) }))
        .collect()
}
