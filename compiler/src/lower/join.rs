//! `join`: rows of two datasets with equal keys.
//!
//! Inner joins only, for now. Invariants: the right side's columns get new ids, so joining a dataset
//! with itself is nothing special; a name never stands for two columns.

use super::value::hidden;
use super::{Flow, RowCount};
use crate::check::{Scope, path_of, shape_value};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::row::{Row, RowField, Shape};
use flow_grammar::ast::{self, JoinKeyKind, JoinKind};
use flow_ir::logical::{Computed, Operator, OutputColumn};
use flow_ir::{ColumnId, DataType, Expr, ExprKind, NodeId, Span, Type};
use std::collections::BTreeMap;

/// One pair of keys, typed.
struct KeyPair {
    left: Expr,
    right: Expr,
    /// The right field that is the same as the left one and does not appear again.
    same: Option<String>,
}

impl<'a> Compiler<'a> {
    pub(super) fn join(&mut self, flow: Flow, join: &'a ast::Join, stage: &'a ast::Stage) -> Flow {
        let place = span(stage.span);
        let supported = self.join_is_supported(join, span(stage.keyword));
        let right = self.dataset_argument(&join.dataset);
        if join.on.is_empty() && join.kind != JoinKind::Cross {
            self.report(
                Diagnostic::error("F4012", span(stage.keyword), "a join needs keys")
                    .help("join customers on customer_id; for every combination of rows: cross join"),
            );
        }
        let mut pairs = Vec::with_capacity(join.on.len());
        let mut failed = join.on.is_empty();
        for key in &join.on {
            match self.key_pair(key, &flow, &right, &join.dataset) {
                Some(new) => pairs.extend(new),
                None => failed = true,
            }
        }
        let count = RowCount::many(place, "one row for each match");
        if !supported {
            // What the row is after such a join is not known here.
            return Flow { row: Row::unknown(), count, ..flow };
        }
        let same: Vec<&str> = pairs.iter().filter_map(|p| p.same.as_deref()).collect();
        let mut ids = BTreeMap::new();
        let row = self.joined_row(&flow, &right, join, &same, &mut ids, stage);
        if failed {
            return Flow { row, count, ..flow };
        }
        let (left, left_keys, left_hidden) =
            self.with_key_columns(flow.node, pairs.iter().map(|p| &p.left), place);
        let (right_node, right_keys, _) =
            self.with_key_columns(right.node, pairs.iter().map(|p| &p.right), place);
        let on = left_keys.into_iter().zip(right_keys).collect();
        let mut columns = self.plan.node(left).columns.clone();
        let mut right_columns = Vec::with_capacity(ids.len());
        for column in row.columns() {
            if let Some(old) = ids.get(&column.id) {
                right_columns.push((column.id, *old));
                columns.push(column);
            }
        }
        let operator = Operator::Join { left, right: right_node, on, right_columns };
        let node = self.node(operator, columns, place);
        let node = if left_hidden { self.projected(node, &row, place) } else { node };
        Flow { node, row, count, keys: None }
    }

    /// Reports what is not supported; whether the rows after the join are known all the same.
    fn join_is_supported(&mut self, join: &ast::Join, keyword: Span) -> bool {
        if join.kind != JoinKind::Inner {
            let word = format!("{:?}", join.kind).to_lowercase();
            self.not_yet("F4909", keyword, &format!("`{word} join`"));
        }
        if let Some(expect) = &join.expect {
            self.not_yet("F4910", span(expect.span), "`expect` on a join");
        }
        if let Some(using) = &join.using {
            let word = self.text(span(using.span));
            self.not_yet("F4911", span(using.span), &format!("`using {word}`"));
        }
        join.kind == JoinKind::Inner
    }

    /// The keys of one part of `on`: several if it is a record.
    fn key_pair(
        &mut self,
        key: &'a ast::JoinKey,
        flow: &Flow,
        right: &Flow,
        dataset: &'a ast::Dataset,
    ) -> Option<Vec<KeyPair>> {
        let (left_ast, right_ast) = match &key.kind {
            JoinKeyKind::Same(e) => (e, e),
            JoinKeyKind::Equal { left, right } => (left, right),
        };
        let l = self.join_key(left_ast, flow);
        let r = self.join_key(right_ast, right);
        let (l, r) = (l?, r?);
        if l.ty.kind != r.ty.kind {
            self.keys_differ(key, (&l.ty, left_ast, flow), (&r.ty, right_ast, right), dataset);
            return None;
        }
        let same = match &key.kind {
            JoinKeyKind::Same(e) => path_of(e).filter(|names| names.len() == 1),
            JoinKeyKind::Equal { .. } => None,
        };
        let same = same.and_then(|names| names.first().map(|n| n.text.clone()));
        if let Type::Record(fields) = &l.ty.kind {
            let mut pairs = Vec::with_capacity(fields.len());
            for i in 0..fields.len() {
                pairs.push(KeyPair {
                    left: crate::check::project(&l, i)?,
                    right: crate::check::project(&r, i)?,
                    same: same.clone(),
                });
            }
            return Some(pairs);
        }
        Some(vec![KeyPair { left: l, right: r, same }])
    }

    fn join_key(&mut self, e: &'a ast::Expr, side: &Flow) -> Option<Expr> {
        let mut scope = Scope::of(&side.row);
        let value = match path_of(e) {
            Some(names) => {
                let shape = self.field(&names, &mut scope)?;
                shape_value(&shape, span(e.span))
            }
            None => self.expr(e, &mut scope).map(|v| v.expr),
        };
        if !scope.datasets.is_empty() {
            self.not_yet("F4920", span(e.span), "a dataset's value in a join key");
            return None;
        }
        value
    }

    fn keys_differ(
        &mut self,
        key: &ast::JoinKey,
        (l, left_ast, flow): (&DataType, &ast::Expr, &Flow),
        (r, right_ast, right): (&DataType, &ast::Expr, &Flow),
        dataset: &ast::Dataset,
    ) {
        let name = self.dataset_name(dataset);
        let origin = |flow: &Flow, e: &ast::Expr| {
            let names = path_of(e)?;
            let field = flow.row.get(&names.first()?.text)?;
            field.from.as_ref().map(|from| format!(" ({from})"))
        };
        let caption = format!(
            "{l} in the pipeline{}, {r} in `{name}`{}",
            origin(flow, left_ast).unwrap_or_default(),
            origin(right, right_ast).unwrap_or_default(),
        );
        let mut diagnostic =
            Diagnostic::error("F3002", span(key.span), "these keys can never be equal").caption(caption);
        let right_text = self.text(span(right_ast.outer()));
        let on = self.text(span(key.span));
        let is_text = |t: &DataType| t.kind == Type::String;
        if is_text(r) && l.kind == Type::Int && path_of(right_ast).is_some_and(|p| p.len() == 1) {
            diagnostic = diagnostic.help(format!(
                "if the text is always a number: join (from {name} | map {{ *, {right_text}: int({right_text}) }}) on {on}"
            ));
        } else if is_text(l) && r.kind == Type::Int && path_of(left_ast).is_some_and(|p| p.len() == 1) {
            let left_text = self.text(span(left_ast.outer()));
            diagnostic = diagnostic.help(format!(
                "if the text is always a number, before the join: | map {{ *, {left_text}: int({left_text}) }}"
            ));
        } else {
            diagnostic = diagnostic.note("the keys of a join have the same type on both sides");
        }
        self.report(diagnostic);
    }

    /// The row after the join; `ids` gets the new ids of the right side's columns.
    fn joined_row(
        &mut self,
        flow: &Flow,
        right: &Flow,
        join: &'a ast::Join,
        same: &[&str],
        ids: &mut BTreeMap<ColumnId, ColumnId>,
        stage: &ast::Stage,
    ) -> Row {
        let mut fields = flow.row.fields.clone();
        let open = flow.row.open || right.row.open;
        if let Some(alias) = &join.alias {
            if flow.row.get(&alias.text).is_some() {
                let message = format!("the row has a field `{}` already", alias.text);
                self.report(Diagnostic::error("F2006", span(alias.span), message));
                return Row { fields, open: true, dropped: flow.row.dropped.clone() };
            }
            let inner: Vec<RowField> = right.row.fields.iter().map(|f| self.renamed(f, ids)).collect();
            let shape = match right.row.open {
                true => Shape::Unknown,
                false => Shape::Record { fields: inner, nullable: false },
            };
            fields.push(RowField { name: alias.text.clone(), shape, from: None });
            return Row { fields, open: flow.row.open, dropped: flow.row.dropped.clone() };
        }
        let mut collisions: Vec<(&RowField, &RowField)> = Vec::new();
        for field in right.row.fields.iter().filter(|f| !same.contains(&f.name.as_str())) {
            match flow.row.get(&field.name) {
                Some(own) => collisions.push((own, field)),
                None => fields.push(self.renamed(field, ids)),
            }
        }
        if let Some((own, other)) = collisions.first() {
            // A key that is wrong is reported as such; its name is no second mistake.
            let is_key = join.on.iter().any(|k| match &k.kind {
                JoinKeyKind::Same(e) => path_of(e).is_some_and(|p| p.len() == 1 && p[0].text == own.name),
                JoinKeyKind::Equal { .. } => false,
            });
            if !is_key {
                self.collision(own, other, &collisions, join, stage);
            }
        }
        Row { fields, open, dropped: flow.row.dropped.clone() }
    }

    fn collision(
        &mut self,
        own: &RowField,
        other: &RowField,
        all: &[(&RowField, &RowField)],
        join: &'a ast::Join,
        stage: &ast::Stage,
    ) {
        let place = span(stage.span);
        let dataset = self.dataset_name(&join.dataset);
        let describe = |f: &RowField| f.field().map_or_else(|| f.name.clone(), |f| f.to_string());
        let side = |f: &RowField, otherwise: &str| {
            f.from.as_ref().map_or_else(|| otherwise.to_owned(), |from| from.to_string())
        };
        let caption = format!(
            "`{}` from {}, `{}` from {dataset}",
            describe(own),
            side(own, "the pipeline"),
            describe(other)
        );
        let name = &own.name;
        let alias: String = match dataset.chars().next().filter(char::is_ascii_alphabetic) {
            Some(first) if !dataset.contains(' ') => first.to_lowercase().collect(),
            _ => "other".to_owned(),
        };
        let end = span(join.dataset.span).end;
        let insert = Span { file: 0, start: end, end };
        let mut diagnostic = Diagnostic::error("F3003", place, format!("both sides have a field `{name}`"))
            .caption(caption)
            .fix(
                format!("join {dataset} as {alias} on ..., then write `{name}` and `{alias}.{name}`"),
                insert,
                format!(" as {alias}"),
            );
        if all.len() > 1 {
            let names: Vec<String> = all.iter().skip(1).map(|(f, _)| format!("`{}`", f.name)).collect();
            diagnostic = diagnostic.note(format!("also {}", names.join(", ")));
        }
        self.report(diagnostic);
    }

    /// A field of the right side with new ids.
    fn renamed(&mut self, field: &RowField, ids: &mut BTreeMap<ColumnId, ColumnId>) -> RowField {
        let shape = match &field.shape {
            Shape::Column(id, ty) => {
                let new = self.fresh();
                ids.insert(new, *id);
                Shape::Column(new, ty.clone())
            }
            Shape::Record { fields, nullable } => {
                let fields = fields.iter().map(|f| self.renamed(f, ids)).collect();
                Shape::Record { fields, nullable: *nullable }
            }
            Shape::Unknown => Shape::Unknown,
        };
        RowField { name: field.name.clone(), shape, from: field.from.clone() }
    }

    /// The input with its keys as columns, the columns, and whether some had to be computed.
    fn with_key_columns<'e>(
        &mut self,
        input: NodeId,
        keys: impl Iterator<Item = &'e Expr>,
        place: Span,
    ) -> (NodeId, Vec<ColumnId>, bool) {
        let mut columns = self.plan.node(input).columns.clone();
        let mut computed = Vec::new();
        let mut ids = Vec::new();
        for key in keys {
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
            return (input, ids, false);
        }
        (self.node(Operator::Map { input, computed }, columns, place), ids, true)
    }
}
