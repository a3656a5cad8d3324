//! The optimizer: a fixed list of passes over the logical plan, each with a law it keeps.
//!
//! Between `lower` and `stage`. The first three passes are part of the language and run at every level:
//! `prune_columns` settles which columns must be good at each exchange, `push_filter` makes
//! "filters run first" true, and `prune_files` says which files are opened. The others only make programs faster. No pass fails, runs twice in
//! hope, changes a result bit, or changes which rows are errors; debug builds verify the plan and the
//! schema of every sink after each one.

mod cost;
mod drop_redundant;
mod fold_constants;
mod fuse;
mod preaggregate;
mod prune_columns;
mod prune_files;
mod push_filter;
mod push_take;
mod rebuild;
mod substitute;
mod unique;

pub(crate) mod consumers;
pub(crate) mod fallible;

pub(crate) use rebuild::inputs_mut;

#[cfg(test)]
mod model;
#[cfg(test)]
mod random_plans;
#[cfg(test)]
mod tests;

use flow_ir::logical::Operator;
use flow_ir::source::SinkColumn;
use flow_ir::{LogicalPlan, Span, verify_logical};

/// How much is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OptLevel {
    /// `-O0`: only the passes that are part of the language.
    Required,
    /// Every pass.
    #[default]
    Full,
}

/// One pass.
#[derive(Debug)]
pub struct Pass {
    /// Its name, which is its file's.
    pub name: &'static str,
    /// What stays equal, as an equation.
    pub law: &'static str,
    /// Whether it runs at every level.
    pub required: bool,
    run: fn(&LogicalPlan, &mut Notes) -> LogicalPlan,
}

/// The passes, in order.
pub static PASSES: [Pass; 9] = [
    prune_columns::PASS,
    push_filter::PASS,
    prune_files::PASS,
    fold_constants::PASS,
    fuse::PASS,
    drop_redundant::PASS,
    preaggregate::PASS,
    push_take::PASS,
    prune_columns::AGAIN,
];

/// Why a pass did not do what one might expect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The place in the program.
    pub span: Span,
    /// A sentence, lower case.
    pub message: String,
}

/// The notes of one run of a pass.
pub(crate) type Notes = Vec<Note>;

/// What an observer sees of a pass.
#[derive(Debug)]
pub struct PassRun<'a> {
    /// The pass.
    pub pass: &'static Pass,
    /// The plan it was given.
    pub before: &'a LogicalPlan,
    /// The plan it made.
    pub after: &'a LogicalPlan,
    /// Where it did not fire, and why.
    pub notes: &'a [Note],
}

/// Runs the passes of `level` over `plan`, telling `observer` about each.
pub fn optimize(plan: LogicalPlan, level: OptLevel, observer: &mut dyn FnMut(&PassRun<'_>)) -> LogicalPlan {
    let mut plan = plan;
    for pass in PASSES.iter().filter(|p| p.required || level == OptLevel::Full) {
        let mut notes = Notes::new();
        let after = (pass.run)(&plan, &mut notes);
        if cfg!(debug_assertions) {
            assert_sound(pass, &plan, &after);
        }
        observer(&PassRun { pass, before: &plan, after: &after, notes: &notes });
        plan = after;
    }
    plan
}

/// The plan with the files that it reads, after the passes that decide it. Of a plan that is not `complete`, only
/// what filters directly behind a `read` say counts.
pub(crate) fn with_pruned_files(plan: LogicalPlan, complete: bool) -> LogicalPlan {
    let mut plan = plan;
    for pass in PASSES.iter().filter(|p| p.name == prune_files::PASS.name || (p.required && complete)) {
        plan = (pass.run)(&plan, &mut Notes::new());
        if pass.name == prune_files::PASS.name {
            break;
        }
    }
    plan
}

/// The plan without columns that nothing uses, its constants folded.
pub(crate) fn folded(plan: &LogicalPlan) -> LogicalPlan {
    let mut notes = Notes::new();
    let plan = (prune_columns::PASS.run)(plan, &mut notes);
    (fold_constants::PASS.run)(&plan, &mut notes)
}

/// Stops at a pass that broke the plan. Only debug builds and tests come here.
fn assert_sound(pass: &Pass, before: &LogicalPlan, after: &LogicalPlan) {
    // A plan that was unsound before is its maker's fault, not the pass's.
    if verify_logical(before).is_ok()
        && let Err(errors) = verify_logical(after)
    {
        panic!("{} broke the plan: {errors:?}\nbefore:\n{before}\nafter:\n{after}", pass.name);
    }
    assert_eq!(schema(before), schema(after), "{} changed the schema of a sink", pass.name);
}

/// What each sink writes, in order.
fn schema(plan: &LogicalPlan) -> Vec<(u32, &[SinkColumn])> {
    let sinks = plan.sinks.iter().map(|id| &plan.node(*id).operator);
    sinks
        .filter_map(|operator| match operator {
            Operator::Write { sink, .. } => Some((sink.number, sink.columns.as_slice())),
            _ => None,
        })
        .collect()
}
