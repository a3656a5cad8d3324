//! fuse: makes one node of adjacent filters and of adjacent maps, and drops maps that compute nothing.
//!
//! **Laws.**
//! ```text
//! filter p | filter q              =  filter p and q
//! map { x: e } | map { y: f(x) }   =  map { y: f(e) }
//! map { a, b }                     =  nothing, for columns passed on (ids carry no names)
//! ```
//!
//! A filter by `p and q` is two filters, also for rows in which one of them is an error.
//!
//! **When it must not fire.** Filters: if both can fail, or one can fail and the other can be null: then
//! `p and q` (in either order) is an error for rows that one of the filters drops, and they are looked at again. Costly conditions stay apart, so
//! that they only see rows the cheap ones leave. Maps: never if a column would be computed twice, or
//! inside a lambda; never across a node that something else reads too.
//!
//! ```text
//! %1 = filter %0 (a#0 > 1)                      %1 = filter %0 ((a#0 > 1) and (b#1 < 5))
//! %2 = filter %1 (b#1 < 5)               ==>    %2 = map %1 { y#3 = ((a#0 + 1) * 2) } -> y#3
//! %3 = map %2 { x#2 = (a#0 + 1) } -> x#2
//! %4 = map %3 { y#3 = (x#2 * 2) } -> y#3
//! ```

use super::consumers::Consumers;
use super::cost::{is_cheap, is_trivial};
use super::fallible::Fallible;
use super::rebuild::Rebuild;
use super::substitute::substitute;
use super::{Note, Notes, Pass};
use flow_ir::logical::{Computed, Node, Operator};
use flow_ir::{ColumnId, DataType, Expr, ExprKind, LogicalPlan, NodeId, Type};

pub(super) const PASS: Pass =
    Pass { name: "fuse", law: "filter p | filter q  =  filter p and q", required: false, run: fuse };

fn fuse(plan: &LogicalPlan, notes: &mut Notes) -> LogicalPlan {
    let consumers = Consumers::of(plan);
    let fallible = Fallible::of(plan);
    let mut rebuild = Rebuild::of(plan);
    for id in Rebuild::walk(plan) {
        let new = rebuild.copy(id, |_| ());
        let node = rebuild.new.node(new).clone();
        match &node.operator {
            Operator::Map { input, computed }
                if computed.is_empty() && !consumers.between_ranges(plan, id) =>
            {
                let input = *input;
                rebuild.new.nodes.pop();
                rebuild.replace(id, input);
            }
            Operator::Filter { .. } | Operator::Map { .. } => {
                let old_input = plan.node(id).operator.inputs()[0];
                // A node that has been read before, or will be, must stay what it is.
                if is_exclusive(plan, &consumers, old_input) {
                    let below = Below { fallible: &fallible, old_input, notes };
                    if let Some(fused) = below.fused(&rebuild.new, &node) {
                        rebuild.new.nodes.pop();
                        // The inner node is the last one now, unless another branch lies between.
                        let fused = rebuild.new.push(fused);
                        rebuild.replace(id, fused);
                    }
                }
            }
            _ => {}
        }
    }
    // Inner nodes that have been fused away are not reachable any more.
    rebuild.finish_reachable()
}

/// Whether nobody else reads `id`, nor what stands for it once maps that compute nothing are gone.
fn is_exclusive(plan: &LogicalPlan, consumers: &Consumers, id: NodeId) -> bool {
    let mut at = id;
    while consumers.only(at).is_some() {
        match &plan.node(at).operator {
            Operator::Map { input, computed } if computed.is_empty() => at = *input,
            _ => return true,
        }
    }
    false
}

/// The node below the one that may be fused with it.
struct Below<'a> {
    fallible: &'a Fallible,
    /// Its id in the old plan.
    old_input: NodeId,
    notes: &'a mut Notes,
}

impl Below<'_> {
    /// One node for `node` and its input in the new plan.
    fn fused(self, new: &LogicalPlan, node: &Node) -> Option<Node> {
        let input = node.operator.inputs()[0];
        let operator = match (&node.operator, &new.node(input).operator) {
            (Operator::Filter { predicate: q, .. }, Operator::Filter { input, predicate: p }) => {
                Operator::Filter { input: *input, predicate: self.both(p, q, node)? }
            }
            (Operator::Map { computed: outer, .. }, Operator::Map { input, computed: inner }) => {
                Operator::Map { input: *input, computed: merged(inner, outer, node)? }
            }
            _ => return None,
        };
        Some(Node { operator, columns: node.columns.clone(), span: node.span })
    }

    fn both(self, p: &Expr, q: &Expr, node: &Node) -> Option<Expr> {
        if !is_cheap(p) || !is_cheap(q) {
            return None;
        }
        // The rows that reach both conditions are those of the old input. Filters commute, so the one
        // that cannot fail goes first: where it is false, the other one does not count.
        let fails = |e: &Expr| self.fallible.can_fail(e, self.old_input);
        let (first, second) = if fails(p) { (q, p) } else { (p, q) };
        if fails(first) || fails(second) && first.ty.nullable {
            let message = "the filters stay apart: a row that one of them drops must not fail in the other";
            self.notes.push(Note { span: node.span, message: message.to_owned() });
            return None;
        }
        let ty = DataType { kind: Type::Bool, nullable: p.ty.nullable || q.ty.nullable };
        let kind = ExprKind::And(Box::new(first.clone()), Box::new(second.clone()));
        Some(Expr { kind, ty, span: node.span })
    }
}

/// The columns of two adjacent maps as computed by one, if that computes nothing twice.
fn merged(inner: &[Computed], outer: &[Computed], node: &Node) -> Option<Vec<Computed>> {
    let passed = |c: &Computed| node.columns.iter().any(|o| o.id == c.id);
    for c in inner.iter().filter(|c| !is_trivial(&c.expr)) {
        let mut uses = usize::from(passed(c));
        for o in outer {
            count_uses(&o.expr, c.id, false, &mut uses);
        }
        if uses > 1 {
            return None;
        }
    }
    let mut computed: Vec<Computed> = inner.iter().filter(|c| passed(c)).cloned().collect();
    for o in outer {
        // Messages name what a column is by the place of the outer expression, fused or not.
        let expr = Expr { span: o.expr.span, ..substitute(&o.expr, inner)? };
        computed.push(Computed { id: o.id, expr });
    }
    Some(computed)
}

/// Adds how often `e` reads `id`; inside a lambda once counts as often.
fn count_uses(e: &Expr, id: ColumnId, in_lambda: bool, uses: &mut usize) {
    if matches!(e.kind, ExprKind::Column(c) if c == id) {
        *uses += if in_lambda { 2 } else { 1 };
    }
    let in_lambda = in_lambda || matches!(e.kind, ExprKind::Lambda { .. });
    e.for_each_child(|c| count_uses(c, id, in_lambda, uses));
}
