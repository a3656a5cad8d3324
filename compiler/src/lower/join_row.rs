//! The row behind a join: which fields it has, and which of them may be null.
//!
//! A field that is the key of both sides is there once. In a left join it is the left row's, in a right
//! join the right row's, in a full join that of the row that is there.

use super::Flow;
use super::join_key::Keys;
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::row::{Row, RowField, Shape};
use flow_grammar::ast::{self, JoinKeyKind};
use flow_ir::logical::{Computed, OutputColumn};
use flow_ir::{ColumnId, DataType, Expr, ExprKind, JoinKind, Span};

/// The row, and how the plan makes it.
#[derive(Default)]
pub(super) struct JoinedRow {
    pub(super) row: Row,
    /// (new, own) of left columns that get new ids.
    pub(super) left_columns: Vec<(ColumnId, ColumnId)>,
    /// (new, own) of right columns.
    pub(super) right_columns: Vec<(ColumnId, ColumnId)>,
    /// The columns with new ids.
    pub(super) made: Vec<OutputColumn>,
    /// Fields that come from either side.
    pub(super) computed: Vec<Computed>,
}

/// Which side's fields get new ids, and whether they may be null from then on.
#[derive(Clone, Copy)]
struct Side {
    is_left: bool,
    nullable: bool,
}

impl<'a> Compiler<'a> {
    pub(super) fn joined_row(
        &mut self,
        flow: &Flow,
        right: &Flow,
        join: &'a ast::Join,
        kind: JoinKind,
        keys: &Keys,
        stage: &ast::Stage,
    ) -> JoinedRow {
        let mut out = JoinedRow { row: flow.row.clone(), ..JoinedRow::default() };
        if !kind.adds_columns() {
            return out;
        }
        let left_side = Side { is_left: true, nullable: true };
        let right_side = Side { is_left: false, nullable: kind.keeps_left() };
        if kind.keeps_right() {
            out.row.fields = flow.row.fields.iter().map(|f| self.renewed(f, left_side, &mut out)).collect();
        }
        if let Some(alias) = &join.alias {
            if flow.row.get(&alias.text).is_some() {
                let message = format!("the row has a field `{}` already", alias.text);
                self.report(Diagnostic::error("F2006", span(alias.span), message));
                out.row.open = true;
                return out;
            }
            let mut path = vec![alias.text.clone()];
            let fields = &right.row.fields;
            let fields =
                fields.iter().map(|f| self.renewed_below(f, right_side, &mut path, &mut out)).collect();
            let shape = match right.row.open {
                true => Shape::Unknown,
                false => Shape::Record { fields, nullable: right_side.nullable },
            };
            out.row.fields.push(RowField { name: alias.text.clone(), shape, from: None });
            return out;
        }
        out.row.open |= right.row.open;
        let mut collisions: Vec<(&RowField, &RowField)> = Vec::new();
        for field in &right.row.fields {
            if keys.is_same(&field.name) {
                if kind.keeps_right() {
                    self.common_key(field, kind, right_side, &mut out, span(stage.span));
                }
                continue;
            }
            match flow.row.get(&field.name) {
                Some(own) => collisions.push((own, field)),
                None => {
                    let field = self.renewed(field, right_side, &mut out);
                    out.row.fields.push(field);
                }
            }
        }
        self.collide(&collisions, join, stage);
        out
    }

    /// Makes a field that is the key of both sides the one of the row that is there.
    fn common_key(&mut self, field: &RowField, kind: JoinKind, side: Side, out: &mut JoinedRow, place: Span) {
        let theirs = self.renewed(field, side, out);
        let Some(at) = out.row.fields.iter().position(|f| f.name == field.name) else { return };
        let shape = match kind {
            JoinKind::Right => {
                let own = out.row.fields[at].shape.ids();
                let is_own = |id: ColumnId| own.iter().any(|(o, _)| *o == id);
                out.left_columns.retain(|(new, _)| !is_own(*new));
                out.made.retain(|c| !is_own(c.id));
                theirs.shape
            }
            _ => {
                let mut right = theirs.shape.ids().into_iter().map(|(id, _)| id);
                let own = out.row.fields[at].shape.clone();
                let path = [field.name.clone()];
                // No two columns of the join may have one path.
                for column in out.made.iter_mut().filter(|c| c.path.starts_with(&path)) {
                    column.path = super::value::hidden("key", column.id);
                }
                self.either(&own, &mut right, out, place)
            }
        };
        out.row.fields[at].shape = shape;
    }

    /// `left ?? right` for every column of a shape.
    fn either(
        &mut self,
        shape: &Shape,
        right: &mut impl Iterator<Item = ColumnId>,
        out: &mut JoinedRow,
        place: Span,
    ) -> Shape {
        match shape {
            Shape::Column(left, ty) => {
                let Some(right) = right.next() else { return Shape::Unknown };
                let ty = ty.with_nullable(true);
                let column = |id: ColumnId, ty: &DataType| Box::new(Expr::column(id, ty.clone(), place));
                let kind = ExprKind::Coalesce(column(*left, &ty), column(right, &ty));
                let id = self.fresh();
                out.computed.push(Computed { id, expr: Expr { kind, ty: ty.clone(), span: place } });
                Shape::Column(id, ty)
            }
            Shape::Record { fields, nullable } => {
                let mut inner = Vec::with_capacity(fields.len());
                for f in fields {
                    inner.push(RowField { shape: self.either(&f.shape, right, out, place), ..f.clone() });
                }
                Shape::Record { fields: inner, nullable: *nullable }
            }
            Shape::Unknown => Shape::Unknown,
        }
    }

    /// A field with new ids.
    fn renewed(&mut self, field: &RowField, side: Side, out: &mut JoinedRow) -> RowField {
        let mut path = Vec::new();
        self.renewed_below(field, side, &mut path, out)
    }

    fn renewed_below(
        &mut self,
        field: &RowField,
        side: Side,
        path: &mut Vec<String>,
        out: &mut JoinedRow,
    ) -> RowField {
        path.push(field.name.clone());
        let shape = match &field.shape {
            Shape::Column(id, ty) => {
                let new = self.fresh();
                let ty = ty.with_nullable(ty.nullable || side.nullable);
                let pairs = if side.is_left { &mut out.left_columns } else { &mut out.right_columns };
                pairs.push((new, *id));
                out.made.push(OutputColumn { id: new, path: path.clone(), ty: ty.clone() });
                Shape::Column(new, ty)
            }
            Shape::Record { fields, nullable } => {
                let mut inner = Vec::with_capacity(fields.len());
                for f in fields {
                    inner.push(self.renewed_below(f, side, path, out));
                }
                Shape::Record { fields: inner, nullable: *nullable || side.nullable }
            }
            Shape::Unknown => Shape::Unknown,
        };
        path.pop();
        RowField { name: field.name.clone(), shape, from: field.from.clone() }
    }

    /// Reports names that both sides have.
    fn collide(&mut self, collisions: &[(&RowField, &RowField)], join: &'a ast::Join, stage: &ast::Stage) {
        let Some((own, other)) = collisions.first() else { return };
        // A key that is wrong is reported as such; its name is no second mistake.
        let is_key = join.on.iter().any(|k| match &k.kind {
            JoinKeyKind::Same(e) => {
                crate::check::path_of(e).is_some_and(|p| p.len() == 1 && p[0].text == own.name)
            }
            JoinKeyKind::Equal { .. } => false,
        });
        if !is_key {
            self.collision(own, other, collisions, join, stage);
        }
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
}
