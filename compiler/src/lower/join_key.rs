//! The keys of a join: what each side is compared by.
//!
//! The left side of `==` sees the pipeline's row, the right side that of the joined dataset, under the
//! name that `as` gives it, too. Both sides of a key have the same type; a record counts as its fields.

use super::Flow;
use super::join::key_sides;
use crate::check::{DatasetValue, Scope, path_of, shape_value};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::row::{Row, RowField, Shape};
use flow_grammar::ast::{self, BinaryOp, JoinKeyKind};
use flow_ir::{DataType, Expr, Span, Type};

/// The typed keys of a join.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) left: SideKeys,
    pub(super) right: SideKeys,
    /// Fields that are the key on both sides under one name.
    pub(super) same: Vec<String>,
}

/// The keys of one side.
#[derive(Default)]
pub(super) struct SideKeys {
    pub(super) keys: Vec<Expr>,
    /// Values of datasets that the keys read.
    pub(super) values: Vec<DatasetValue>,
}

impl<'a> Compiler<'a> {
    /// The keys; `None` after a mistake in one.
    pub(super) fn join_keys(
        &mut self,
        (join, stage): (&'a ast::Join, &ast::Stage),
        flow: &Flow,
        right: &Flow,
    ) -> Option<Keys> {
        let mut keys = Keys::default();
        let mut failed = false;
        let right_row = aliased(&right.row, join.alias.as_ref());
        for key in &join.on {
            failed |= self.join_key(key, (join, stage), flow, (right, &right_row), &mut keys).is_none();
        }
        (!failed).then_some(keys)
    }

    fn join_key(
        &mut self,
        key: &'a ast::JoinKey,
        (join, stage): (&'a ast::Join, &ast::Stage),
        flow: &Flow,
        (right, right_row): (&Flow, &Row),
        keys: &mut Keys,
    ) -> Option<()> {
        let Some((left_ast, right_ast)) = key_sides(key) else {
            self.not_an_equality(key);
            return None;
        };
        let l = self.side_key(left_ast, &flow.row, &mut keys.left.values);
        let r = self.side_key(right_ast, right_row, &mut keys.right.values);
        let (l, r) = (l?, r?);
        if l.ty.kind != r.ty.kind {
            self.keys_differ(key, (&l.ty, left_ast, flow), (&r.ty, right_ast, right), (join, stage));
            return None;
        }
        if !l.ty.kind.is_ordered() {
            let message = format!("values of type {} cannot be compared", l.ty);
            self.report(Diagnostic::error("F3001", span(key.span), message));
            return None;
        }
        if let (JoinKeyKind::Same(e), true) = (&key.kind, std::ptr::eq(left_ast, right_ast))
            && let Some([name]) = path_of(e).as_deref()
        {
            keys.same.push(name.text.clone());
        }
        if let Type::Record(fields) = &l.ty.kind {
            for i in 0..fields.len() {
                keys.left.keys.push(crate::check::project(&l, i)?);
                keys.right.keys.push(crate::check::project(&r, i)?);
            }
            return Some(());
        }
        keys.left.keys.push(l);
        keys.right.keys.push(r);
        Some(())
    }

    fn side_key(&mut self, e: &'a ast::Expr, row: &Row, values: &mut Vec<DatasetValue>) -> Option<Expr> {
        let mut scope = Scope::of(row);
        scope.datasets = std::mem::take(values);
        let value = match path_of(e) {
            Some(names) => {
                let shape = self.field(&names, &mut scope);
                shape.and_then(|shape| shape_value(&shape, span(e.span)))
            }
            None => self.expr(e, &mut scope).map(|v| v.expr),
        };
        *values = scope.datasets;
        value
    }

    fn not_an_equality(&mut self, key: &ast::JoinKey) {
        let mut diagnostic = Diagnostic::error(
            "F4025",
            span(key.span),
            "a join finds rows whose keys are equal, and nothing else",
        );
        let is_and = match &key.kind {
            JoinKeyKind::Same(e) => matches!(e.kind, ast::ExprKind::Binary { op: BinaryOp::And, .. }),
            JoinKeyKind::Equal { .. } => false,
        };
        diagnostic = match is_and {
            true => diagnostic.help("several keys are separated by commas: on a == b, c == d"),
            false => diagnostic
                .help("join on the keys that are equal and put this condition into a filter behind it")
                .help("without equal keys: cross join ... | filter ..."),
        };
        self.report(diagnostic);
    }

    fn keys_differ(
        &mut self,
        key: &ast::JoinKey,
        (l, left_ast, flow): (&DataType, &ast::Expr, &Flow),
        (r, right_ast, right): (&DataType, &ast::Expr, &Flow),
        (join, stage): (&ast::Join, &ast::Stage),
    ) {
        let side = match &join.dataset.kind {
            ast::DatasetKind::Named(name) => format!("`{name}`"),
            ast::DatasetKind::Pipeline(_) => "the other side".to_owned(),
        };
        let origin = |flow: &Flow, e: &ast::Expr| {
            let names = path_of(e)?;
            let field = flow.row.get(&names.first()?.text)?;
            field.from.as_ref().map(|from| format!(" ({from})"))
        };
        let caption = format!(
            "{l} in the pipeline{}, {r} in {side}{}",
            origin(flow, left_ast).unwrap_or_default(),
            origin(right, right_ast).unwrap_or_default(),
        );
        let mut diagnostic =
            Diagnostic::error("F3002", span(key.span), "these keys can never be equal").caption(caption);
        let is_text = |t: &DataType| t.kind == Type::String;
        let field = |e: &ast::Expr| path_of(e).filter(|p| p.len() == 1).map(|_| self.text(span(e.outer())));
        let conversion = match (is_text(l), is_text(r)) {
            (true, false) => field(left_ast).and_then(|x| Some((false, x, of_text(x, r)?))),
            (false, true) => field(right_ast).and_then(|x| Some((true, x, of_text(x, l)?))),
            _ => None,
        };
        diagnostic = match conversion {
            Some((true, field, (what, converted))) => {
                let other = self.other_side(join, stage, &format!("map {{ *, {field}: {converted} }}"));
                diagnostic.help(format!("if the text is always {what}: {other}"))
            }
            Some((false, field, (what, converted))) => diagnostic.help(format!(
                "if the text is always {what}, before the join: | map {{ *, {field}: {converted} }}"
            )),
            None => diagnostic.note("the keys of a join have the same type on both sides"),
        };
        self.report(diagnostic);
    }

    /// The stage of a join whose other side goes through `stages` first.
    fn other_side(&self, join: &ast::Join, stage: &ast::Stage, stages: &str) -> String {
        let (stage, dataset) = (span(stage.span), span(join.dataset.span));
        let side = match &join.dataset.kind {
            ast::DatasetKind::Named(name) => format!("from {name}"),
            ast::DatasetKind::Pipeline(pipeline) => self.text(span(pipeline.span)).to_owned(),
        };
        let before = self.text(Span { end: dataset.start, ..stage });
        let after = self.text(Span { start: dataset.end, ..stage });
        let text = format!("| {before}({side} | {stages}){after}");
        // On one line: white space means nothing, and line breaks stand in no text. A comment would.
        match text.contains('#') {
            true => format!("| {before}(from ... | {stages}) ..."),
            false => text.split_whitespace().collect::<Vec<_>>().join(" "),
        }
    }
}

/// What a text is converted to so that it can be compared with values of a type: in words, and how.
fn of_text(field: &str, ty: &DataType) -> Option<(&'static str, String)> {
    Some(match ty.kind {
        Type::Int => ("a whole number", format!("int({field})")),
        Type::Float => ("a number", format!("float({field})")),
        Type::Decimal { precision, scale } => ("a number", format!("decimal({field}, {precision}, {scale})")),
        Type::Date => ("an ISO date", format!("date({field})")),
        Type::Timestamp => ("an ISO timestamp", format!("timestamp({field})")),
        _ => return None,
    })
}

/// The right row as keys see it: its fields, and all of it under the name that `as` gives it.
fn aliased(row: &Row, alias: Option<&ast::Name>) -> Row {
    let mut aliased = row.clone();
    if let Some(alias) = alias
        && row.get(&alias.text).is_none()
    {
        let shape = match row.open {
            true => Shape::Unknown,
            false => Shape::Record { fields: row.fields.clone(), nullable: false },
        };
        aliased.fields.push(RowField { name: alias.text.clone(), shape, from: None });
    }
    aliased
}
