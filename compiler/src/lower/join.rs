//! `join`: rows of two datasets with equal keys, and what stays of those without an equal.
//!
//! Invariants: the right side's columns get new ids, so joining a dataset with itself is nothing
//! special; so do the left side's where they may be null behind the join. A name never stands for two
//! columns. What `expect` promises is checked below the join, on each side by itself.

use super::join_key::{Keys, SideKeys};
use super::join_row::JoinedRow;
use super::{Flow, RowCount};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::lower::value::hidden;
use flow_grammar::ast;
use flow_ir::logical::{Computed, Operator, OutputColumn};
use flow_ir::{ColumnId, Contract, ExprKind, JoinKind, JoinStrategy, NodeId, Span};

impl<'a> Compiler<'a> {
    pub(super) fn join(&mut self, flow: Flow, join: &'a ast::Join, stage: &'a ast::Stage) -> Flow {
        let place = span(stage.span);
        let kind = join_kind(join.kind);
        let right = self.dataset_argument(&join.dataset);
        let clauses_fit = self.join_clauses(join, kind, stage);
        let keys = self.join_keys((join, stage), &flow, &right);
        let failed = !clauses_fit || keys.is_none();
        let keys = keys.unwrap_or_default();
        let joined = self.joined_row(&flow, &right, join, kind, &keys, stage);
        let count = match kind.adds_columns() {
            true => RowCount::many(place, "one row for each match"),
            false => flow.count.clone().fewer(place, "only some rows stay"),
        };
        if failed {
            return Flow { row: joined.row, count, ..flow };
        }
        let (left, left_keys, left_hidden) = self.with_key_columns(flow.node, &keys.left, place);
        let (right, right_keys, _) = self.with_key_columns(right.node, &keys.right, place);
        let (left, right) = self.expected(join, left, &left_keys, right, &right_keys, stage);
        let using = join.using.map(|hint| strategy(hint.strategy));
        let on = left_keys.into_iter().zip(right_keys).collect();
        let node = self.join_node(kind, (left, right), on, using, &joined, place);
        let node = if left_hidden && !kind.keeps_right() && joined.computed.is_empty() {
            self.projected(node, &joined.row, place)
        } else {
            node
        };
        let keys = if kind.adds_columns() { None } else { flow.keys };
        Flow { node, row: joined.row, count, keys }
    }

    fn join_node(
        &mut self,
        kind: JoinKind,
        (left, right): (NodeId, NodeId),
        on: Vec<(ColumnId, ColumnId)>,
        using: Option<JoinStrategy>,
        joined: &JoinedRow,
        place: Span,
    ) -> NodeId {
        let mut columns = match kind.keeps_right() {
            true => Vec::new(),
            false => self.plan.node(left).columns.clone(),
        };
        columns.extend(joined.made.iter().cloned());
        let operator = Operator::Join {
            kind,
            left,
            right,
            on,
            left_columns: joined.left_columns.clone(),
            right_columns: joined.right_columns.clone(),
            using,
        };
        let node = self.node(operator, columns, place);
        if joined.computed.is_empty() {
            return node;
        }
        let computed = joined.computed.clone();
        self.node(Operator::Map { input: node, computed }, joined.row.columns(), place)
    }

    /// Whether the join has the clauses that its kind needs, and no other.
    fn join_clauses(&mut self, join: &'a ast::Join, kind: JoinKind, stage: &ast::Stage) -> bool {
        if kind != JoinKind::Cross {
            if join.on.is_empty() {
                self.report(
                    Diagnostic::error("F4012", span(stage.keyword), "a join needs keys")
                        .help("join customers on customer_id; for every combination of rows: cross join"),
                );
            }
            return !join.on.is_empty();
        }
        let mut fits = true;
        if let (Some(first), Some(last)) = (join.on.first(), join.on.last()) {
            let place = span(first.span.to(last.span));
            self.report(
                Diagnostic::error(
                    "F4024",
                    place,
                    "a `cross join` has no keys: it pairs every row with every row",
                )
                .help("for the pairs with equal keys, leave out `cross`"),
            );
            fits = false;
        }
        if let Some(expect) = &join.expect {
            self.report(
                Diagnostic::error(
                    "F4024",
                    span(expect.span),
                    "a `cross join` has no keys, so nothing can be expected of them",
                )
                .help("remove `expect`"),
            );
            fits = false;
        }
        fits
    }

    /// Both sides, below what `expect` checks.
    fn expected(
        &mut self,
        join: &'a ast::Join,
        left: NodeId,
        left_keys: &[ColumnId],
        right: NodeId,
        right_keys: &[ColumnId],
        stage: &ast::Stage,
    ) -> (NodeId, NodeId) {
        let Some(expect) = join.expect else { return (left, right) };
        let place = span(stage.span);
        let text = self.text(span(expect.span)).to_owned();
        let keys = |this: &Self, is_left: bool| -> Vec<String> {
            let text = |e: &ast::Expr| this.text(span(e.outer())).to_owned();
            join.on
                .iter()
                .filter_map(|key| key_sides(key))
                .map(|(l, r)| text(if is_left { l } else { r }))
                .collect()
        };
        let contract = |this: &Self, side: String, is_left: bool| Contract {
            text: text.clone(),
            side,
            keys: keys(this, is_left),
            span: span(expect.span),
        };
        let (mut new_left, mut new_right) = (left, right);
        if !expect.left_many {
            let contract = contract(self, "the pipeline".to_owned(), true);
            let operator = Operator::Expect { input: left, on: left_keys.to_vec(), contract };
            new_left = self.passing(left, operator, place);
        }
        if !expect.right_many {
            let side = match &join.dataset.kind {
                ast::DatasetKind::Named(path) => format!("`{path}`"),
                ast::DatasetKind::Pipeline(_) => "the other side".to_owned(),
            };
            let contract = contract(self, side, false);
            let operator = Operator::Expect { input: right, on: right_keys.to_vec(), contract };
            new_right = self.passing(right, operator, place);
        }
        (new_left, new_right)
    }

    /// The input with its keys as columns, the columns, and whether some had to be computed.
    fn with_key_columns(
        &mut self,
        input: NodeId,
        keys: &SideKeys,
        place: Span,
    ) -> (NodeId, Vec<ColumnId>, bool) {
        let has_values = !keys.values.is_empty();
        let input = self.with_values(input, keys.values.clone(), place);
        let mut columns = self.plan.node(input).columns.clone();
        let mut computed = Vec::new();
        let mut ids = Vec::new();
        for key in &keys.keys {
            if let ExprKind::Column(id) = key.kind {
                ids.push(id);
                continue;
            }
            let id = self.fresh();
            columns.push(OutputColumn { id, path: hidden("key", id), ty: key.ty.clone() });
            computed.push(Computed { id, expr: key.clone() });
            ids.push(id);
        }
        if computed.is_empty() {
            return (input, ids, has_values);
        }
        (self.node(Operator::Map { input, computed }, columns, place), ids, true)
    }
}

/// The expressions of a key for both sides; `None` for what is no equality.
pub(super) fn key_sides(key: &ast::JoinKey) -> Option<(&ast::Expr, &ast::Expr)> {
    use ast::{BinaryOp as B, ExprKind as E, JoinKeyKind, UnaryOp as U};
    match &key.kind {
        JoinKeyKind::Equal { left, right } => Some((left, right)),
        JoinKeyKind::Same(e) => match &e.kind {
            E::Binary { op: B::Eq, left, right, .. } => Some((left, right)),
            E::Binary { op, .. } => {
                let is_condition = matches!(
                    op,
                    B::Ne
                        | B::Lt
                        | B::Le
                        | B::Gt
                        | B::Ge
                        | B::In
                        | B::NotIn
                        | B::Matches
                        | B::NotMatches
                        | B::And
                        | B::Or
                );
                (!is_condition).then_some((e, e))
            }
            E::Unary { op: U::Not, .. } => None,
            _ => Some((e, e)),
        },
    }
}

fn join_kind(kind: ast::JoinKind) -> JoinKind {
    match kind {
        ast::JoinKind::Inner => JoinKind::Inner,
        ast::JoinKind::Left => JoinKind::Left,
        ast::JoinKind::Right => JoinKind::Right,
        ast::JoinKind::Full => JoinKind::Full,
        ast::JoinKind::Semi => JoinKind::Semi,
        ast::JoinKind::Anti => JoinKind::Anti,
        ast::JoinKind::Cross => JoinKind::Cross,
    }
}

fn strategy(strategy: ast::JoinStrategy) -> JoinStrategy {
    match strategy {
        ast::JoinStrategy::Broadcast => JoinStrategy::Broadcast,
        ast::JoinStrategy::Shuffle => JoinStrategy::Shuffle,
        ast::JoinStrategy::Merge => JoinStrategy::Merge,
    }
}

impl Keys {
    /// The right field that is the same as a left one, by name, with the position of its first key.
    pub(super) fn is_same(&self, name: &str) -> bool {
        self.same.iter().any(|same| same == name)
    }
}
