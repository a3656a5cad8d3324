//! push_take: moves `take` and `skip` below a `map`, to a sort that can then keep only those rows.
//!
//! **Law.** `map { .. } | take n` = `take n | map { .. }`: a map delivers one row for each.
//!
//! **When it must not fire.** If the map can fail: rows that are errors do not count towards `n`. Unless
//! a `sort` stands below the maps (other takes and skips between), there is nothing to gain; without one the
//! two ranges would stop reading together, where the program lets the lower one stop alone.
//!
//! ```text
//! %1 = sort %0 [a#0]                            %1 = sort %0 [a#0]
//! %2 = map %1 { x#1 = float(a#0) } -> x#1       %2 = take %1 10
//! %3 = take %2 10                        ==>    %3 = map %2 { x#1 = float(a#0) } -> x#1
//! ```

use super::consumers::Consumers;
use super::fallible::Fallible;
use super::rebuild::{Rebuild, inputs_mut};
use super::{Note, Notes, Pass};
use flow_ir::logical::Operator;
use flow_ir::{LogicalPlan, NodeId};

pub(super) const PASS: Pass = Pass {
    name: "push_take",
    law: "map { .. } | take n  =  take n | map { .. }",
    required: false,
    run: push_takes,
};

fn push_takes(plan: &LogicalPlan, notes: &mut Notes) -> LogicalPlan {
    let consumers = Consumers::of(plan);
    let fallible = Fallible::of(plan);
    let mut rebuild = Rebuild::of(plan);
    for id in Rebuild::walk(plan) {
        let maps = match plan.node(id).operator {
            Operator::Take { .. } | Operator::Skip { .. } => {
                maps_below(plan, id, &consumers, &fallible, notes)
            }
            _ => Vec::new(),
        };
        let Some(lowest) = maps.last() else {
            rebuild.copy(id, |_| ());
            continue;
        };
        // The maps have been copied already; they are copied again above the take.
        let below = rebuild.id(plan.node(*lowest).operator.inputs()[0]);
        let columns = rebuild.new.node(below).columns.clone();
        let take = rebuild.copy(id, |node| node.columns = columns);
        set_input(&mut rebuild, take, below);
        let mut top = take;
        for map in maps.iter().rev() {
            let copy = rebuild.copy(*map, |_| ());
            set_input(&mut rebuild, copy, top);
            top = copy;
        }
        rebuild.replace(id, top);
    }
    rebuild.finish_reachable()
}

fn set_input(rebuild: &mut Rebuild<'_>, node: NodeId, input: NodeId) {
    let operator = &mut rebuild.new.nodes[node.0 as usize].operator;
    inputs_mut(operator).into_iter().for_each(|slot| *slot = input);
}

/// The maps between a take and a sort, topmost first; empty if the take must stay.
fn maps_below(
    plan: &LogicalPlan,
    take: NodeId,
    consumers: &Consumers,
    fallible: &Fallible,
    notes: &mut Notes,
) -> Vec<NodeId> {
    let mut maps = Vec::new();
    let mut at = plan.node(take).operator.inputs()[0];
    let mut fails = false;
    while let Operator::Map { input, computed } = &plan.node(at).operator {
        if consumers.only(at).is_none() {
            return Vec::new();
        }
        fails |= computed.iter().any(|c| fallible.can_fail(&c.expr, *input));
        maps.push(at);
        at = *input;
    }
    while let Operator::Take { input, .. } | Operator::Skip { input, .. } = plan.node(at).operator
        && consumers.only(input).is_some()
    {
        at = input;
    }
    if !matches!(plan.node(at).operator, Operator::Sort { .. }) {
        return Vec::new();
    }
    if fails {
        let message = "the `take` stays behind the `map`: a row that fails there does not count".to_owned();
        notes.push(Note { span: plan.node(take).span, message });
        return Vec::new();
    }
    maps
}
