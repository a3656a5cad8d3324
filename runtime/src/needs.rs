//! What a physical plan needs and does, read off it before and while it runs: its commands, its sinks, the tables
//! its joins build, and the datasets that later stages still read.

use crate::compiled::BuildKey;
use flow_ir::Span;
use flow_ir::location::Location;
use flow_ir::physical::{
    Branch, BranchEnd, DatasetId, InputFrom, Leaf, LeafKind, Operation, OperationKind, PhysicalPlan, Stage,
};
use flow_ir::source::{Sink, Target};
use std::collections::HashMap;
use std::path::Path;

/// The commands that a plan runs, with their places.
pub(crate) fn commands(plan: &PhysicalPlan) -> Vec<(String, Span)> {
    let named = |target: &str, span: Span| match Location::of(target) {
        Location::Command(text) => Some((text.to_owned(), span)),
        _ => None,
    };
    let mut found = Vec::new();
    for stage in &plan.stages {
        for input in &stage.inputs {
            if let InputFrom::Read(source) = &input.from {
                found.extend(source.files.iter().filter_map(|f| named(&f.path, source.span)));
            }
        }
        let mut leaves = Vec::new();
        leaves_of(&stage.branch, &mut leaves);
        for leaf in leaves {
            let LeafKind::Write(sink) = &leaf.kind else { continue };
            match &sink.target {
                Target::File(target) => found.extend(named(target, sink.span)),
                Target::Folder { .. } => {}
                Target::Processes { command, .. } => found.push((command.clone(), sink.span)),
                Target::Print { .. } => {}
            }
        }
    }
    found
}

/// The sinks that write files, by path, with their places among the program's sinks.
pub(crate) fn sink_numbers(plan: &PhysicalPlan) -> HashMap<&Path, u32> {
    let mut leaves = Vec::new();
    plan.stages.iter().for_each(|s| leaves_of(&s.branch, &mut leaves));
    let sinks = leaves.into_iter().filter_map(|leaf| match &leaf.kind {
        LeafKind::Write(Sink {
            target: Target::File(path) | Target::Folder { path, .. }, number, ..
        }) => Some((Path::new(path), *number)),
        _ => None,
    });
    sinks.collect()
}

/// The leaves below a branch, in order.
pub(crate) fn leaves_of<'a>(branch: &'a Branch, out: &mut Vec<&'a Leaf>) {
    match &branch.end {
        BranchEnd::Leaf(leaf) => out.push(leaf),
        BranchEnd::Split(branches) => branches.iter().for_each(|b| leaves_of(b, out)),
    }
}

/// The bytes of the files that `plan` reads.
pub(crate) fn bytes_to_read(plan: &PhysicalPlan) -> u64 {
    let sources = plan.stages.iter().flat_map(|s| &s.inputs).filter_map(|i| match &i.from {
        InputFrom::Read(s) => Some(s),
        _ => None,
    });
    sources.flat_map(|s| &s.files).filter_map(|f| std::fs::metadata(&f.path).ok()).map(|m| m.len()).sum()
}

/// The datasets that stages from position `next` on read.
pub(crate) fn datasets_needed(plan: &PhysicalPlan, next: usize) -> Vec<DatasetId> {
    let mut needed = Vec::new();
    for l in plan.loops.iter().filter(|l| l.first.0 as usize >= next) {
        needed.extend([l.start, l.body]);
        needed.extend(l.until.iter().map(|(dataset, _)| *dataset));
    }
    for stage in plan.stages.iter().skip(next) {
        needed.extend(datasets_read(stage));
    }
    needed
}

/// The datasets that a stage reads.
pub(crate) fn datasets_read(stage: &Stage) -> Vec<DatasetId> {
    let mut read: Vec<DatasetId> = Vec::new();
    read.extend(stage.inputs.iter().filter_map(|input| match &input.from {
        InputFrom::Dataset { id, .. } | InputFrom::Answers { id, .. } => Some(*id),
        InputFrom::Read(_) | InputFrom::Rows { .. } => None,
    }));
    read.extend(looked_up(stage));
    read
}

/// The datasets in which a stage looks rows up: they have to be in memory as a whole.
pub(crate) fn looked_up(stage: &Stage) -> Vec<DatasetId> {
    let mut read: Vec<DatasetId> = joined(stage).iter().map(|(build, _)| build.0).collect();
    compared_datasets(&stage.branch, &mut read);
    read
}

/// The tables that the joins of `stage` look rows up in, with the places of the joins.
pub(crate) fn joined(stage: &Stage) -> Vec<(BuildKey, Span)> {
    let mut builds = Vec::new();
    stage.inputs.iter().for_each(|input| collect_builds(&input.operations, &mut builds));
    branch_builds(&stage.branch, &mut builds);
    builds
}

fn collect_builds(operations: &[Operation], out: &mut Vec<(BuildKey, Span)>) {
    for o in operations {
        if let OperationKind::Join { build, on, using, .. } = &o.kind {
            out.push(((*build, on.iter().map(|(_, r)| *r).collect(), *using), o.span));
        }
    }
}

/// The datasets in which leaves look up rows.
fn compared_datasets(branch: &Branch, out: &mut Vec<DatasetId>) {
    match &branch.end {
        BranchEnd::Leaf(leaf) => {
            if let LeafKind::SetOperation { other, .. } = &leaf.kind {
                out.push(*other);
            }
        }
        BranchEnd::Split(branches) => branches.iter().for_each(|b| compared_datasets(b, out)),
    }
}

fn branch_builds(branch: &Branch, out: &mut Vec<(BuildKey, Span)>) {
    collect_builds(&branch.operations, out);
    if let BranchEnd::Split(branches) = &branch.end {
        branches.iter().for_each(|b| branch_builds(b, out));
    }
}
