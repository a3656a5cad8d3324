//! `sort`, `distinct`, `take` and `skip`: the stages that depend on where rows stand.
//!
//! Keys that are computed become hidden columns below the stage and are dropped above it.

use super::{Flow, RowCount};
use crate::check::Scope;
use crate::compiler::Compiler;
use flow_grammar::ast;
use flow_ir::logical::{Operator, SortKey};
use flow_ir::{ColumnId, NodeId, Span};

impl<'a> Compiler<'a> {
    pub(super) fn sort(&mut self, flow: Flow, keys: &'a [ast::SortKey], place: Span) -> Flow {
        let mut sort_keys = Vec::with_capacity(keys.len());
        let mut failed = false;
        let (node, hidden) = self.with_keys(&flow, place, |this, scope, computed, extra| {
            for key in keys {
                let Some(columns) = this.key_columns(&key.value, scope, computed, extra) else {
                    failed = true;
                    continue;
                };
                sort_keys.extend(columns.into_iter().map(|column| sort_key(key, column)));
            }
        });
        if failed {
            return flow;
        }
        let sorted = self.passing(node, Operator::Sort { input: node, keys: sort_keys }, place);
        let node = if hidden { self.projected(sorted, &flow.row, place) } else { sorted };
        Flow { node, ..flow }
    }

    pub(super) fn distinct(
        &mut self,
        flow: Flow,
        on: &'a [ast::Key],
        sort: &'a [ast::SortKey],
        place: Span,
    ) -> Flow {
        let (node, hidden, keys) = self.window_keys(&flow, on, sort, place);
        let Some((mut columns, sort)) = keys else { return flow };
        if on.is_empty() {
            columns = flow.row.columns().into_iter().map(|c| c.id).collect();
        }
        let unique = self.passing(node, Operator::Distinct { input: node, on: columns, sort }, place);
        let node = if hidden { self.projected(unique, &flow.row, place) } else { unique };
        Flow { node, ..flow }
    }

    /// The input with the columns that `keys` computes, and whether there are any.
    pub(super) fn with_keys(
        &mut self,
        flow: &Flow,
        place: Span,
        keys: impl FnOnce(
            &mut Self,
            &mut Scope<'_>,
            &mut Vec<flow_ir::logical::Computed>,
            &mut Vec<flow_ir::logical::OutputColumn>,
        ),
    ) -> (NodeId, bool) {
        let (mut computed, mut extra) = (Vec::new(), Vec::new());
        let mut scope = Scope::of(&flow.row);
        keys(self, &mut scope, &mut computed, &mut extra);
        let values = scope.datasets;
        let joined = !values.is_empty();
        let input = self.with_values(flow.node, values, place);
        if computed.is_empty() {
            return (input, joined);
        }
        let mut columns = self.plan.node(input).columns.clone();
        columns.extend(extra);
        (self.node(Operator::Map { input, computed }, columns, place), true)
    }

    pub(super) fn take(
        &mut self,
        flow: Flow,
        count: &'a ast::Expr,
        per: &'a [ast::Key],
        sort: &'a [ast::SortKey],
        place: Span,
    ) -> Flow {
        let flow = if sort.is_empty() { flow } else { self.sort(flow, sort, place) };
        let Some(count) = self.constant_count(count, "`take`") else { return flow };
        if !per.is_empty() {
            return self.take_per(flow, count, per, place);
        }
        let input = flow.node;
        let node = self.passing(input, Operator::Take { input, count }, place);
        let rows = if count == 0 { RowCount::many(place, "no row") } else { flow.count };
        Flow { node, count: rows, ..flow }
    }

    fn take_per(&mut self, flow: Flow, count: u64, per: &'a [ast::Key], place: Span) -> Flow {
        let (input, hidden, keys) = self.window_keys(&flow, per, &[], place);
        let Some((per, _)) = keys else { return flow };
        let node = self.passing(input, Operator::TakePer { input, count, per }, place);
        let node = if hidden { self.projected(node, &flow.row, place) } else { node };
        let rows = if count == 0 { RowCount::many(place, "no row") } else { flow.count };
        Flow { node, count: rows, ..flow }
    }

    pub(super) fn skip(&mut self, flow: Flow, count: &'a ast::Expr, place: Span) -> Flow {
        let Some(count) = self.constant_count(count, "`skip`") else { return flow };
        let input = flow.node;
        let node = self.passing(input, Operator::Skip { input, count }, place);
        Flow { node, count: flow.count.fewer(place, "this may skip the row"), ..flow }
    }
}

/// A key of a sort over one column.
pub(super) fn sort_key(key: &ast::SortKey, column: ColumnId) -> SortKey {
    SortKey {
        column,
        descending: key.direction == Some(ast::Direction::Descending),
        nulls_first: key.nulls == Some(ast::Nulls::First),
    }
}
