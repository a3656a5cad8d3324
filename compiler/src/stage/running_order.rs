//! The order in which stages run: behind what they read, and else as the program writes its answers.
//!
//! Where stages that do not need each other both meet errors, the first to run is the one that reports. The order of
//! the program's sinks decides who that is, as passes and the cut change how many stages there are.

use super::draft::{Draft, DraftKind, TreeKind};
use flow_ir::physical::LeafKind;
use flow_ir::source::{Sink, Target};
use std::collections::{BTreeMap, BTreeSet};

/// The drafts with every one behind those it depends on, and those of a loop next to each other.
pub(super) fn running_order(stages: &[Draft]) -> Vec<usize> {
    // A loop counts as one thing, called like its first draft.
    let mut first_of_loop: BTreeMap<usize, usize> = BTreeMap::new();
    let mut groups = Vec::with_capacity(stages.len());
    for (i, stage) in stages.iter().enumerate() {
        groups.push(stage.in_loop.map_or(i, |number| *first_of_loop.entry(number).or_insert(i)));
    }
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); stages.len()];
    let mut outer: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); stages.len()];
    for (i, group) in groups.iter().enumerate() {
        members[*group].push(i);
        outer[*group].extend(stages[i].depends.iter().map(|d| groups[*d]).filter(|d| d != group));
    }
    let mut order = Vec::with_capacity(stages.len());
    let ranks = ranks(stages, &groups, &outer);
    for group in sorted(&outer, &ranks) {
        let members = &members[group];
        let within = |i: &usize| -> BTreeSet<usize> {
            stages[*i].depends.iter().filter_map(|d| members.iter().position(|m| m == d)).collect()
        };
        let inner: Vec<BTreeSet<usize>> = members.iter().map(within).collect();
        let mut inner = sorted(&inner, &vec![0; members.len()]);
        // Stages that need nothing of the loop's rows still stand between its marks.
        inner.sort_by_key(|i| match stages[members[*i]].kind {
            DraftKind::Head(_) => 0,
            DraftKind::Stage => 1,
            DraftKind::Tail(_) => 2,
        });
        order.extend(inner.into_iter().map(|i| members[i]));
    }
    order
}

/// For every group the first sink of the program that needs it.
fn ranks(stages: &[Draft], groups: &[usize], depends: &[BTreeSet<usize>]) -> Vec<u32> {
    let mut ranks = vec![u32::MAX; stages.len()];
    for (stage, group) in stages.iter().zip(groups) {
        let sinks = stage.tree.iter().filter_map(|node| match &node.kind {
            TreeKind::Leaf(LeafKind::Write(Sink { target: Target::Processes { .. }, .. }), _) => None,
            TreeKind::Leaf(LeafKind::Write(sink), _) => Some(sink.number),
            _ => None,
        });
        ranks[*group] = sinks.chain([ranks[*group]]).min().unwrap_or(u32::MAX);
    }
    // Users come behind what they use.
    for group in sorted(depends, &vec![0; stages.len()]).into_iter().rev() {
        for needed in &depends[group] {
            ranks[*needed] = ranks[*needed].min(ranks[group]);
        }
    }
    ranks
}

/// The items with every one behind those it depends on, otherwise by rank and then in order.
fn sorted(depends: &[BTreeSet<usize>], ranks: &[u32]) -> Vec<usize> {
    let mut order = Vec::with_capacity(depends.len());
    let mut waiting: Vec<BTreeSet<usize>> = depends.to_vec();
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); depends.len()];
    for (i, needs) in depends.iter().enumerate() {
        needs.iter().for_each(|d| users[*d].push(i));
    }
    let ranked = |i: usize| (ranks.get(i).copied().unwrap_or(u32::MAX), i);
    let mut ready: BTreeSet<(u32, usize)> =
        (0..depends.len()).filter(|i| waiting[*i].is_empty()).map(ranked).collect();
    while let Some((_, stage)) = ready.pop_first() {
        order.push(stage);
        for user in &users[stage] {
            waiting[*user].remove(&stage);
            if waiting[*user].is_empty() {
                ready.insert(ranked(*user));
            }
        }
    }
    order
}
