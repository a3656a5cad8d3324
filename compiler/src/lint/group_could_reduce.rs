//! W4010: a `group_by_key` whose lists are only counted or summed up. `reduce_by_key` does the same
//! without holding the rows.
//!
//! Quiet if anything else happens to the list anywhere: it is written, mapped to a list, joined, ...

use super::Facts;
use crate::diagnostic::Diagnostic;
use crate::optimize::consumers::Consumers;
use flow_ir::logical::Operator;
use flow_ir::{AggregateKind, ColumnId, Expr, ExprKind, Function, NodeId};

pub(super) fn find(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let consumers = Consumers::of(facts.plan);
    for (i, node) in facts.plan.nodes.iter().enumerate() {
        let id = NodeId(u32::try_from(i).unwrap_or(u32::MAX));
        let Operator::ReduceByKey { keys, aggregates, .. } = &node.operator else { continue };
        let [items] = aggregates.as_slice() else { continue };
        // `group_by_key` is the aggregation whose only aggregate is the stage itself.
        if items.kind != AggregateKind::Collect || items.span != node.span || !consumers.is_reachable(id) {
            continue;
        }
        let mut summaries = Vec::new();
        let mut other_use = false;
        facts.for_each_expr(|_, e| look(e, items.output, &mut summaries, &mut other_use));
        if other_use || summaries.is_empty() || is_passed_on(facts, items.output) {
            continue;
        }
        let keys: Vec<String> = keys.iter().filter_map(|k| facts.name(id, *k)).collect();
        let keys = keys.join(", ");
        found.push(
            Diagnostic::warning("W4010", node.span, "these lists are only summed up")
                .note("`group_by_key` holds all rows of a key in memory, `reduce_by_key` only the result")
                .help(format!(
                    "reduce_by_key {keys} {{ ... }} with {}",
                    summaries.iter().map(|f| aggregate(*f)).collect::<Vec<_>>().join(", ")
                )),
        );
    }
}

fn aggregate(function: Function) -> &'static str {
    match function {
        Function::Len => "count()",
        Function::ListSum => "sum(x)",
        Function::ListMean => "mean(x)",
        Function::ListMin => "min(x)",
        Function::ListMax => "max(x)",
        Function::ListAny => "any(p)",
        _ => "all(p)",
    }
}

/// Gathers the functions that sum up `list`, and notes every other use of it.
fn look(e: &Expr, list: ColumnId, summaries: &mut Vec<Function>, other_use: &mut bool) {
    if let ExprKind::Column(id) = e.kind {
        *other_use |= id == list;
        return;
    }
    if let ExprKind::Call { function, arguments } = &e.kind
        && let Some((first, rest)) = arguments.split_first()
        && is_summary(*function)
        && is_of(first, list)
    {
        if !summaries.contains(function) {
            summaries.push(*function);
        }
        // The list's own lambdas see elements; other arguments may still use the list.
        lambdas(first, &mut |body| look(body, list, summaries, other_use));
        rest.iter().for_each(|e| look(e, list, summaries, other_use));
        return;
    }
    e.for_each_child(|child| look(child, list, summaries, other_use));
}

fn is_summary(function: Function) -> bool {
    matches!(
        function,
        Function::Len
            | Function::ListSum
            | Function::ListMean
            | Function::ListMin
            | Function::ListMax
            | Function::ListAny
            | Function::ListAll
    )
}

/// Whether an expression is the list, perhaps mapped and filtered.
fn is_of(e: &Expr, list: ColumnId) -> bool {
    match &e.kind {
        ExprKind::Column(id) => *id == list,
        ExprKind::Call { function: Function::ListMap | Function::ListFilter, arguments } => {
            arguments.first().is_some_and(|inner| is_of(inner, list))
        }
        _ => false,
    }
}

/// Calls `f` on the bodies of the lambdas between a summary and its list.
fn lambdas<'e>(e: &'e Expr, f: &mut impl FnMut(&'e Expr)) {
    if let ExprKind::Call { arguments, .. } = &e.kind {
        for argument in arguments {
            match &argument.kind {
                ExprKind::Lambda { body, .. } => f(body),
                _ => lambdas(argument, f),
            }
        }
    }
}

/// Whether the list itself reaches a sink, or an operator other than the expressions'.
fn is_passed_on(facts: &Facts<'_>, list: ColumnId) -> bool {
    let pairs = |pairs: &[(ColumnId, ColumnId)]| pairs.iter().any(|(a, b)| *a == list || *b == list);
    facts.plan.nodes.iter().any(|node| match &node.operator {
        Operator::Write { sink, .. } | Operator::Through { sink, .. } => {
            sink.columns.iter().any(|c| c.id == list)
        }
        Operator::Sort { keys, .. } => keys.iter().any(|k| k.column == list),
        Operator::Distinct { on, sort, .. } => on.contains(&list) || sort.iter().any(|k| k.column == list),
        Operator::TakePer { per, .. } => per.contains(&list),
        Operator::Expect { on, .. } => on.contains(&list),
        Operator::ReduceByKey { keys, aggregates, .. } => {
            keys.contains(&list) || aggregates.iter().any(|a| a.argument == Some(list) || a.by == Some(list))
        }
        Operator::Window { window, .. } => {
            window.per.contains(&list)
                || window.sort.iter().any(|k| k.column == list)
                || window.aggregates.iter().any(|a| a.argument == Some(list) || a.by == Some(list))
                || window.functions.iter().any(|f| f.argument == Some(list) || f.default == Some(list))
        }
        Operator::Join { on, left_columns, right_columns, .. } => {
            pairs(on) || pairs(left_columns) || pairs(right_columns)
        }
        Operator::SetOperation { on, .. } => pairs(on),
        Operator::Iterate { until, start_columns, body_columns, .. } => {
            start_columns.contains(&list)
                || body_columns.contains(&list)
                || until.is_some_and(|(_, column)| column == list)
        }
        Operator::Union { columns, .. } => columns.iter().flatten().any(|c| *c == list),
        // Their expressions have been looked at, or they have none.
        Operator::Read(_)
        | Operator::Rows(_)
        | Operator::LoopRows
        | Operator::Filter { .. }
        | Operator::Map { .. }
        | Operator::FlatMap { .. }
        | Operator::Check { .. }
        | Operator::Take { .. }
        | Operator::Skip { .. }
        | Operator::Sample { .. }
        | Operator::Repartition { .. } => false,
        Operator::Persist { .. } => node.columns.iter().any(|c| c.id == list),
    })
}
