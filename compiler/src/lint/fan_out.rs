//! W4006: a field of one side of a join is summed behind it, and the keys of the other side repeat: every row then
//! counts as often as it matches.
//!
//! That keys repeat is seen in the first rows of the file (or in `rows`) that the side comes from; where that cannot
//! be looked at, or a filter may have dropped the repetitions, the lint keeps quiet. So it does where the join says
//! what it expects, where the sum is grouped by a field of the side that repeats, and where it mixes both sides.

use super::{Facts, Origin};
use crate::catalog::Catalog;
use crate::diagnostic::Diagnostic;
use flow_ir::aggregate::Aggregate;
use flow_ir::logical::{Node, Operator};
use flow_ir::{AggregateKind, ColumnId, Expr, ExprKind, JoinKind, NodeId, Value};
use std::collections::BTreeSet;

/// How many columns an expression may come from; more are not followed.
const STEPS_MAX: usize = 1000;

/// A side of a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

pub(super) fn find(facts: &Facts<'_>, catalog: &dyn Catalog, found: &mut Vec<Diagnostic>) {
    for node in &facts.plan.nodes {
        let Operator::ReduceByKey { input, keys, aggregates } = &node.operator else { continue };
        let sums = aggregates.iter().filter(|a| matches!(a.kind, AggregateKind::Sum | AggregateKind::Mean));
        for sum in sums {
            for join in joins_below(facts, *input) {
                if let Some(diagnostic) = repeated(facts, catalog, join, keys, sum) {
                    found.push(diagnostic);
                    break;
                }
            }
        }
    }
}

/// The joins whose rows reach a node one by one, the last first.
fn joins_below(facts: &Facts<'_>, mut at: NodeId) -> Vec<NodeId> {
    let mut joins = Vec::new();
    loop {
        at = match &facts.plan.node(at).operator {
            Operator::Map { input, .. }
            | Operator::Filter { input, .. }
            | Operator::Check { input, .. }
            | Operator::Expect { input, .. }
            | Operator::Sort { input, .. }
            | Operator::Persist { input, .. }
            | Operator::Repartition { input, .. } => *input,
            Operator::Join { left, .. } => {
                joins.push(at);
                *left
            }
            _ => return joins,
        };
    }
}

/// What is to be said if `sum` counts rows of one side of `join` several times.
fn repeated(
    facts: &Facts<'_>,
    catalog: &dyn Catalog,
    join: NodeId,
    keys: &[ColumnId],
    sum: &Aggregate,
) -> Option<Diagnostic> {
    let node = facts.plan.node(join);
    let Operator::Join { kind, left, right, on, .. } = &node.operator else { return None };
    if !matches!(kind, JoinKind::Inner | JoinKind::Left | JoinKind::Right | JoinKind::Full) {
        return None;
    }
    let summed = side_of(facts, node, sum.argument?)?;
    // A group holds a row of the summed side once for each row of the other side in it.
    if keys.iter().any(|k| side_of(facts, node, *k) != Some(summed)) {
        return None;
    }
    let text = facts.text(node.span);
    let clauses = text.rsplit(" on ").next().unwrap_or_default();
    if text.is_empty() || clauses.split_whitespace().any(|word| word == "expect") {
        return None;
    }
    let (other, columns): (NodeId, Vec<ColumnId>) = match summed {
        Side::Left => (*right, on.iter().map(|(_, r)| *r).collect()),
        Side::Right => (*left, on.iter().map(|(l, _)| *l).collect()),
    };
    let (rows, different) = repetition(facts, catalog, other, columns)?;
    if rows <= different || different == 0 {
        return None;
    }
    let average = rows as f64 / different as f64;
    let (each, many) = match summed {
        Side::Left => ("row of the pipeline", "of the other side"),
        Side::Right => ("row of the other side", "of the pipeline"),
    };
    let what = argument_text(facts, sum);
    let word = if sum.kind == AggregateKind::Sum { "summed" } else { "averaged" };
    let caption = format!(
        "one {each} matches several rows {many} ({average:.1} on average in those that were looked at)"
    );
    let mut diagnostic = Diagnostic::warning(
        "W4006",
        node.span,
        format!("`{what}` is repeated by this join before it is {word}"),
    )
    .caption(caption)
    .label(sum.span, format!("{word} here"));
    diagnostic = match (summed, kind, text.contains('\n')) {
        (Side::Left, JoinKind::Inner, false) => {
            diagnostic.help(format!("if each row of the pipeline should count once: semi {text}"))
        }
        (Side::Left, _, _) => {
            diagnostic.help("if each row should count once: reduce the other side to one row a key")
        }
        (Side::Right, _, _) => diagnostic.help("if each row should count once: compute this before the join"),
    };
    let meant =
        if text.contains('\n') { "add `expect m:m`".to_owned() } else { format!("{text} expect m:m") };
    Some(diagnostic.help(format!("if this is meant: {meant}")))
}

/// What is summed, as written.
fn argument_text<'a>(facts: &Facts<'a>, sum: &Aggregate) -> &'a str {
    let text = facts.text(sum.span);
    let inner = text.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.map_or(text, str::trim)
}

/// The side of `join` that a column behind it comes from; `None` if from both, or from neither.
fn side_of(facts: &Facts<'_>, join: &Node, column: ColumnId) -> Option<Side> {
    let Operator::Join { left, left_columns, right_columns, .. } = &join.operator else { return None };
    let of_left: BTreeSet<ColumnId> = facts.plan.node(*left).columns.iter().map(|c| c.id).collect();
    let mut open = vec![column];
    let mut side = None;
    for _ in 0..STEPS_MAX {
        let Some(column) = open.pop() else { return side };
        let found = if right_columns.iter().any(|(new, _)| *new == column) {
            Side::Right
        } else if of_left.contains(&column) || left_columns.iter().any(|(new, _)| *new == column) {
            Side::Left
        } else {
            match facts.origins.get(&column)? {
                Origin::Alias(other) => open.push(*other),
                Origin::Computed(e) => columns_of(e, &mut open),
                Origin::Aggregate(..) => return None,
            }
            continue;
        };
        if side.is_some_and(|s| s != found) {
            return None;
        }
        side = Some(found);
    }
    None
}

fn columns_of(e: &Expr, out: &mut Vec<ColumnId>) {
    if let ExprKind::Column(id) = e.kind {
        out.push(id);
    }
    e.for_each_child(|child| columns_of(child, out));
}

/// How many of the first rows of what a node delivers have values in all `columns`, and how many different
/// ones; `None` if that cannot be seen.
fn repetition(
    facts: &Facts<'_>,
    catalog: &dyn Catalog,
    mut at: NodeId,
    mut columns: Vec<ColumnId>,
) -> Option<(usize, usize)> {
    loop {
        let node = facts.plan.node(at);
        at = match &node.operator {
            Operator::Map { input, .. } => {
                let passed = &facts.plan.node(*input).columns;
                for column in &mut columns {
                    if !passed.iter().any(|c| c.id == *column) {
                        let Some(Origin::Computed(Expr { kind: ExprKind::Column(own), .. })) =
                            facts.origins.get(column)
                        else {
                            return None;
                        };
                        *column = *own;
                    }
                }
                *input
            }
            Operator::Sort { input, .. }
            | Operator::Persist { input, .. }
            | Operator::Repartition { input, .. } => *input,
            Operator::Read(source) => {
                let place = |id: &ColumnId| source.columns.iter().position(|c| c.id == *id);
                let places = columns.iter().map(place).collect::<Option<Vec<usize>>>()?;
                return catalog.repetition(source, &places);
            }
            Operator::Rows(rows) => {
                let place = |id: &ColumnId| node.columns.iter().position(|c| c.id == *id);
                let places = columns.iter().map(place).collect::<Option<Vec<usize>>>()?;
                let key = |row: &Vec<Value>| {
                    places.iter().map(|p| row.get(*p).cloned()).collect::<Option<Vec<_>>>()
                };
                let keys: Vec<Vec<Value>> =
                    rows.iter().filter_map(key).filter(|k| !k.iter().any(Value::is_null)).collect();
                let different: BTreeSet<&Vec<Value>> = keys.iter().collect();
                return Some((keys.len(), different.len()));
            }
            _ => return None,
        };
    }
}
