//! W4003: the mean of something that is a mean per key already. Every group then counts the same,
//! whatever its size.
//!
//! Quiet where the groups are what is meant and said so: a mean of a computed value, a weighted mean.

use super::Facts;
use crate::diagnostic::Diagnostic;
use flow_ir::AggregateKind;
use flow_ir::logical::Operator;

pub(super) fn find(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for node in &facts.plan.nodes {
        let Operator::ReduceByKey { aggregates, .. } = &node.operator else { continue };
        for outer in aggregates.iter().filter(|a| a.kind == AggregateKind::Mean) {
            let Some((at, inner)) = outer.argument.and_then(|c| facts.aggregate_behind(c)) else { continue };
            let group = facts.plan.node(at);
            let Operator::ReduceByKey { keys, .. } = &group.operator else { continue };
            if inner.kind != AggregateKind::Mean || keys.is_empty() {
                continue;
            }
            let keys: Vec<String> = keys.iter().filter_map(|k| facts.name(at, *k)).collect();
            let keys = keys.join(", ");
            let argument = facts.text(inner.span);
            let x = argument.strip_prefix("mean(").and_then(|t| t.strip_suffix(')')).unwrap_or("x");
            found.push(
                Diagnostic::warning("W4003", outer.span, "this is a mean of means")
                    .label(
                        inner.span,
                        format!("each {keys} counts the same, whatever its size"),
                    )
                    .help(format!(
                        "for the mean over all rows: keep `total: sum({x}), n: count({x})` per {keys}, and use sum(total) / sum(n)"
                    )),
            );
        }
    }
}
