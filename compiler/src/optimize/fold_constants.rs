//! fold_constants: computes what does not depend on the row, and drops conditions that always hold.
//!
//! **Laws.** `1 + 2` = `3` (by `flow_ir::eval`, which defines it); `true and p` = `p`;
//! `false and p` = `false`; `if true then a else b` = `a`; `null ?? b` = `b`; `a ?? b` = `a` if `a` is
//! never null; `try(a)` = `a` if `a` cannot fail; `filter true` = nothing.
//!
//! **When it must not fire.** An expression that is an error stays as it is: `1 // 0` fails for the rows
//! that need it, not for the program. `p and false` stays if `p` can fail, because its error counts.
//! `check true` stays behind a filter that can fail: it makes those rows errors for good.
//! `filter false` stays: its rows are read, checked for structure and counted. Results that are large,
//! or no finite numbers (the plan's wire form has none), are not written into the plan.
//!
//! ```text
//! %1 = filter %0 ((1 < 2) and (a#0 > (2 * 50)))       ==>   %1 = filter %0 (a#0 > 100)
//! %2 = filter %1 true                                 ==>   (gone)
//! ```

use super::consumers::Consumers;
use super::fallible::{Fallible, can_fail};
use super::rebuild::{Rebuild, exprs_mut};
use super::{Notes, Pass};
use flow_ir::eval::{NoRow, eval};
use flow_ir::logical::Operator;
use flow_ir::typing::value_fits;
use flow_ir::{ColumnId, Expr, ExprKind, Function, LocalId, LogicalPlan, NodeId, Value};
use std::collections::BTreeSet;

pub(super) const PASS: Pass =
    Pass { name: "fold_constants", law: "constant e  =  eval(e)", required: false, run: fold_plan };

/// The largest arguments and results of calls computed here, in bytes.
const VALUE_SIZE_MAX: usize = 4096;

fn fold_plan(plan: &LogicalPlan, _: &mut Notes) -> LogicalPlan {
    let fallible = Fallible::of(plan);
    let consumers = Consumers::of(plan);
    let mut rebuild = Rebuild::of(plan);
    for id in Rebuild::walk(plan) {
        let inputs = plan.node(id).operator.inputs();
        // A field of a file may be bad, and so may be what is made of it: `try(x)` is not `x`.
        let of_files = inputs.first().is_some_and(|input| fallible.of_files(*input));
        let columns = inputs.iter().flat_map(|input| plan.node(*input).columns.iter().map(|c| c.id));
        let any: BTreeSet<ColumnId> = columns.filter(|_| of_files).collect();
        let failing = match inputs.first() {
            Some(input) if !of_files => fallible.columns(*input),
            _ => &any,
        };
        let new = rebuild.copy(id, |node| {
            let mut whole = exprs_mut(&mut node.operator);
            let before: Vec<Expr> = whole.iter().map(|e| (**e).clone()).collect();
            whole.iter_mut().for_each(|e| fold_whole(e, failing));
            if of_files {
                keep_reads(whole, before);
            }
        });
        // A check also finds broken rows, and those on which an earlier filter failed.
        let finds_rows =
            inputs.first().is_some_and(|input| fallible.fails_rows(*input) || fallible.of_files(*input));
        if let Some(input) = always_passes(&rebuild.new.node(new).operator, finds_rows)
            && !consumers.between_ranges(plan, id)
        {
            rebuild.new.nodes.pop();
            rebuild.replace(id, input);
        }
    }
    rebuild.finish()
}

/// The input of a filter or check that lets every row pass, of which some may be `errors` already.
fn always_passes(operator: &Operator, errors: bool) -> Option<NodeId> {
    let (input, predicate) = match operator {
        Operator::Filter { input, predicate } => (input, predicate),
        Operator::Check { input, predicate, .. } if !errors => (input, predicate),
        _ => return None,
    };
    (literal(predicate) == Some(&Value::Bool(true))).then_some(*input)
}

fn literal(e: &Expr) -> Option<&Value> {
    match &e.kind {
        ExprKind::Literal(value) => Some(value),
        _ => None,
    }
}

/// Takes back what makes a stage no longer read a column: if that is a source field, or made of one, a row in
/// which the field is bad is an error.
fn keep_reads(folded: Vec<&mut Expr>, before: Vec<Expr>) {
    let mut read = Vec::new();
    folded.iter().for_each(|e| e.columns(&mut read));
    for (e, before) in folded.into_iter().zip(before) {
        let mut own = Vec::new();
        before.columns(&mut own);
        if own.iter().any(|id| !read.contains(id)) {
            *e = before;
        }
    }
}

/// Folds what a stage computes. Messages name it by its place in the program, so it keeps that.
fn fold_whole(e: &mut Expr, failing: &BTreeSet<ColumnId>) {
    let place = e.span;
    fold(e, failing);
    e.span = place;
}

/// Folds the operands, then the expression itself.
fn fold(e: &mut Expr, failing: &BTreeSet<ColumnId>) {
    e.for_each_child_mut(|c| fold(c, failing));
    match simplified(e, failing) {
        Some(Simpler::Part(mut part)) => {
            if matches!(part.kind, ExprKind::Literal(_)) {
                part.ty = e.ty.clone();
            }
            // A part of another kind (a typeless null) would change the type.
            if part.ty.kind == e.ty.kind {
                *e = part;
            }
        }
        Some(Simpler::Value(value)) => e.kind = ExprKind::Literal(value),
        None => {}
    }
}

/// What can stand for an expression.
enum Simpler {
    Part(Expr),
    Value(Value),
}

fn simplified(e: &Expr, failing: &BTreeSet<ColumnId>) -> Option<Simpler> {
    let part = |x: &Expr| Some(Simpler::Part(x.clone()));
    match &e.kind {
        ExprKind::And(a, b) | ExprKind::Or(a, b) => {
            // The value that decides, and the one that changes nothing.
            let decisive = Value::Bool(matches!(e.kind, ExprKind::Or(..)));
            let neutral = Value::Bool(!matches!(e.kind, ExprKind::Or(..)));
            if literal(a) == Some(&decisive) || literal(b) == Some(&decisive) && !can_fail(a, failing) {
                return Some(Simpler::Value(decisive));
            }
            if literal(a) == Some(&neutral) {
                return part(b);
            }
            if literal(b) == Some(&neutral) { part(a) } else { None }
        }
        ExprKind::If { condition, then, otherwise } => match literal(condition)? {
            Value::Bool(true) => part(then),
            _ => part(otherwise),
        },
        ExprKind::Coalesce(a, b) => match literal(a) {
            Some(Value::Null) => part(b),
            Some(_) => part(a),
            None if !a.ty.nullable => part(a),
            None => None,
        },
        ExprKind::Try(a) if !can_fail(a, failing) => part(a),
        ExprKind::Column(_) | ExprKind::Literal(_) | ExprKind::Local(_) | ExprKind::Lambda { .. } => None,
        _ => computed(e).map(Simpler::Value),
    }
}

/// The value of an expression over literals, if it has one worth writing down.
fn computed(e: &Expr) -> Option<Value> {
    if let ExprKind::Call { function: Function::Repeat | Function::PadLeft | Function::Range, .. } = e.kind {
        return None;
    }
    let mut ready = true;
    e.for_each_child(|c| {
        ready = ready
            && match &c.kind {
                ExprKind::Literal(value) => size(value) <= VALUE_SIZE_MAX,
                ExprKind::Lambda { .. } => is_closed(c, &mut Vec::new()),
                _ => matches!(e.kind, ExprKind::Let { .. }) && is_closed(e, &mut Vec::new()),
            };
    });
    if !ready {
        return None;
    }
    let value = eval(e, &NoRow, flow_stdlib::library()).ok()?;
    let worth = size(&value) <= VALUE_SIZE_MAX && value_fits(&value, &e.ty) && is_finite(&value);
    worth.then_some(value)
}

/// Whether an expression reads no column and no variable from outside.
fn is_closed(e: &Expr, bound: &mut Vec<LocalId>) -> bool {
    let before = bound.len();
    match &e.kind {
        ExprKind::Column(_) => return false,
        ExprKind::Local(id) => return bound.contains(id),
        ExprKind::Let { local, .. } => bound.push(*local),
        ExprKind::Lambda { parameters, .. } => bound.extend(parameters),
        _ => {}
    }
    let mut closed = true;
    e.for_each_child(|c| closed = closed && is_closed(c, bound));
    bound.truncate(before);
    closed
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(s) | Value::Regex(s) => s.len(),
        Value::Bytes(b) => b.len(),
        Value::List(items) | Value::Record(items) => items.iter().map(|v| size(v) + 1).sum(),
        _ => 1,
    }
}

fn is_finite(value: &Value) -> bool {
    match value {
        Value::Float(x) => x.is_finite(),
        Value::List(items) | Value::Record(items) => items.iter().all(is_finite),
        _ => true,
    }
}
