//! Gives every `take` that shares a scan with other consumers a stage of its own.
//!
//! Rows behind the cut of a `take` do not exist for it, so they can be neither errors nor counted;
//! for the other consumers of the same rows they do. A stage of its own keeps the two apart and
//! stops reading at the cut, so the second scan costs little.

use flow_ir::StageId;
use flow_ir::physical::{Branch, BranchEnd, LeafKind, PhysicalPlan, Stage};

/// Separates the `take` leaves of branching stages.
pub(super) fn separate_takes(plan: &mut PhysicalPlan) {
    let mut stages = Vec::with_capacity(plan.stages.len());
    let mut starts = Vec::with_capacity(plan.stages.len());
    for mut stage in std::mem::take(&mut plan.stages) {
        starts.push(stages.len());
        let mut takes = Vec::new();
        if matches!(stage.branch.end, BranchEnd::Split(_)) && !only_takes(&stage.branch, 1) {
            let rest = extract(&stage.branch, &mut takes);
            for branch in takes {
                stages.push(Stage { id: stage.id, inputs: stage.inputs.clone(), branch });
            }
            match rest {
                Some(branch) => stage.branch = branch,
                None => continue,
            }
        }
        stages.push(stage);
    }
    for (i, stage) in stages.iter_mut().enumerate() {
        stage.id = StageId(i as u32);
    }
    super::loops::renumber(&mut plan.loops, &starts, &stages);
    plan.stages = stages;
}

/// Whether the branch has `leaves` leaves or fewer, all of them `take`.
fn only_takes(branch: &Branch, leaves: usize) -> bool {
    fn count(branch: &Branch) -> (usize, usize) {
        match &branch.end {
            BranchEnd::Leaf(leaf) => (1, usize::from(matches!(leaf.kind, LeafKind::Take { .. }))),
            BranchEnd::Split(branches) => {
                branches.iter().map(count).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
            }
        }
    }
    let (all, takes) = count(branch);
    all == takes && all <= leaves
}

/// Moves the path to every `take` leaf to `takes`; what is left, if anything.
fn extract(branch: &Branch, takes: &mut Vec<Branch>) -> Option<Branch> {
    match &branch.end {
        BranchEnd::Leaf(leaf) if matches!(leaf.kind, LeafKind::Take { .. }) => {
            takes.push(branch.clone());
            None
        }
        BranchEnd::Leaf(_) => Some(branch.clone()),
        BranchEnd::Split(branches) => {
            let mut found = Vec::new();
            let mut rest: Vec<Branch> = branches.iter().filter_map(|b| extract(b, &mut found)).collect();
            takes.extend(found.into_iter().map(|b| behind(branch, b)));
            match rest.len() {
                0 => None,
                1 => rest.pop().map(|b| behind(branch, b)),
                _ => Some(Branch { operations: branch.operations.clone(), end: BranchEnd::Split(rest) }),
            }
        }
    }
}

/// `branch`'s operations, then all of `next`.
fn behind(branch: &Branch, next: Branch) -> Branch {
    let operations = branch.operations.iter().cloned().chain(next.operations).collect();
    Branch { operations, end: next.end }
}
