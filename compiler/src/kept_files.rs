//! Which files below folders that name values are looked at: those from which some row can come.
//!
//! What the headers and footers of files say decides types, and only a typed plan says which files its filters exclude.
//! So a program that reads such folders is compiled once to know its filters, without looking into files that may be
//! excluded, and then again with the files that are left. Invariants: a file that is excluded is never opened, unless
//! all are and nothing else tells the fields; files that the last plan would keep have all been looked at.

use crate::Severity;
use crate::compiler::Compiler;
use crate::{liveness, optimize};
use flow_ir::logical::Operator;
use flow_ir::source::SourceFile;
use flow_ir::{LogicalPlan, NodeId, Span};
use std::collections::BTreeSet;

/// What is known of the files below folders.
#[derive(Clone, Debug, Default)]
pub(crate) enum KnownFiles {
    /// Nothing: the plan that is made only serves to know the filters.
    #[default]
    Nothing,
    /// Rows can only come from these.
    Kept(BTreeSet<FileOfRead>),
    /// They must all be looked at.
    All,
}

/// A file, and the place of the `read` that names it.
pub(crate) type FileOfRead = ((u16, u32, u32), String);

/// A file of the `read` at `place`.
pub(crate) fn file_of_read(place: Span, path: &str) -> FileOfRead {
    ((place.file, place.start, place.end), path.to_owned())
}

/// A `read` of files below folders that name values.
#[derive(Clone, Debug)]
pub(crate) struct FolderRead {
    /// Its node.
    pub(crate) node: NodeId,
    /// Its place.
    pub(crate) place: Span,
    /// The files that are not in the node, because filters exclude them.
    pub(crate) excluded: Vec<SourceFile>,
}

/// Does `work` in a compilation that looks into the files that filters leave.
pub(crate) fn with_kept_files<'a, T>(
    begun: impl Fn() -> Compiler<'a>,
    work: impl Fn(&mut Compiler<'a>) -> T,
) -> (Compiler<'a>, T) {
    let mut compiler = begun();
    let result = work(&mut compiler);
    if compiler.folder_reads.is_empty() {
        return (compiler, result);
    }
    let kept = kept_files(&compiler);
    let mut compiler = begun();
    compiler.known_files = KnownFiles::Kept(kept.clone());
    let result = work(&mut compiler);
    // With the types of these files, the filters may be others after all.
    if kept_files(&compiler).is_subset(&kept) {
        return (compiler, result);
    }
    let mut compiler = begun();
    compiler.known_files = KnownFiles::All;
    let result = work(&mut compiler);
    (compiler, result)
}

/// The files below folders that the plan so far would read.
fn kept_files(compiler: &Compiler<'_>) -> BTreeSet<FileOfRead> {
    let mut plan = compiler.plan.clone();
    for read in &compiler.folder_reads {
        if let Some(Operator::Read(source)) =
            plan.nodes.get_mut(read.node.0 as usize).map(|n| &mut n.operator)
        {
            source.files.extend(read.excluded.iter().cloned());
        }
    }
    let all = plan.clone();
    // A program with mistakes has a plan with gaps, of which not every pass makes sense.
    let complete = compiler.diagnostics.iter().all(|d| d.severity != Severity::Error);
    if complete {
        plan.unused = liveness::unused(&plan);
    }
    let plan = optimize::with_pruned_files(plan, complete);
    let mut kept = BTreeSet::new();
    for read in &compiler.folder_reads {
        if !add_files(&plan, read.place, &mut kept) {
            add_files(&all, read.place, &mut kept);
        }
    }
    kept
}

/// Adds the files of every `read` at `place`; whether there is one.
fn add_files(plan: &LogicalPlan, place: Span, kept: &mut BTreeSet<FileOfRead>) -> bool {
    let mut found = false;
    for node in &plan.nodes {
        if let Operator::Read(source) = &node.operator
            && source.span == place
        {
            found = true;
            kept.extend(source.files.iter().map(|f| file_of_read(place, &f.path)));
        }
    }
    found
}
