//! Names in expressions: fields of the row, parameters of functions, `$` values.
//!
//! A bare name is a field (or a function's or lambda's parameter), `$name` is a value from outside
//! the row. What is not found is explained: where it was dropped, what it may have meant.

use super::{Checked, Scope, convert, null};
use crate::compiler::{Compiler, ConstState};
use crate::diagnostic::{Diagnostic, span};
use crate::row::{Row, RowField, Shape};
use crate::suggest::closest;
use flow_grammar::ast::{self, ExprKind as Ast};
use flow_ir::{DataType, Expr, ExprKind, Span, Type};

impl<'a> Compiler<'a> {
    pub(super) fn name(&mut self, name: &'a ast::Name, scope: &mut Scope<'_>) -> Option<Checked> {
        if let Some(local) = scope.locals.iter().rev().find(|l| l.name == name.text) {
            return local.value.clone();
        }
        let shape = self.field(&[name], scope)?;
        shape_value(&shape, span(name.span)).map(Checked::new)
    }

    /// `receiver.name` without a call.
    pub(super) fn member(
        &mut self,
        receiver: &'a ast::Expr,
        name: &'a ast::Name,
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        let mut names = vec![name];
        let mut head = receiver;
        while let Ast::Member { receiver, name } = &head.kind {
            names.push(name);
            head = receiver;
        }
        names.reverse();
        match &head.kind {
            Ast::Ident(first) if self.is_import(first, scope) => {
                self.value_of_import(first, &names);
                None
            }
            Ast::Ident(first) if !is_local(first, scope) => {
                names.insert(0, first);
                let shape = self.field(&names, scope)?;
                shape_value(&shape, place).map(Checked::new)
            }
            Ast::Dollar(first) if self.loops.iter().any(|l| l.name == first.text) => {
                self.loop_value(&first.text, &names, place, scope)
            }
            Ast::Dollar(first) if self.symbols().datasets.contains_key(first.text.as_str()) => {
                self.dataset_value(first, &names, place, scope)
            }
            Ast::Dollar(first) if self.is_value_of_import(first) => {
                self.imported_value(first, &names, place, scope)
            }
            _ => {
                let record = self.expr(receiver, scope)?;
                self.member_of(&record, name)
            }
        }
    }

    /// A field of a record that is a value.
    pub(super) fn member_of(&mut self, record: &Checked, name: &ast::Name) -> Option<Checked> {
        let Type::Record(fields) = &record.ty().kind else {
            let ty = record.ty();
            let mut diagnostic = Diagnostic::error(
                "F2001",
                span(name.span),
                format!("`{ty}` has no fields, so there is no `{}`", name.text),
            );
            if flow_ir::Function::from_name(&name.text).is_some() {
                diagnostic =
                    diagnostic.help(format!("functions are called with brackets: {}(...)", name.text));
            }
            self.report(diagnostic);
            return None;
        };
        let Some(index) = fields.iter().position(|f| f.name == name.text) else {
            let place = span(name.span);
            let mut diagnostic =
                Diagnostic::error("F2001", place, format!("no field `{}` in this record", name.text))
                    .note(format!("the record is {}", record.ty()));
            if let Some(near) = closest(&name.text, fields.iter().map(|f| f.name.as_str())) {
                diagnostic = diagnostic.caption(format!("did you mean `{near}`?")).fix(
                    near,
                    place,
                    flow_ir::types::quote_name(near),
                );
            }
            self.report(diagnostic);
            return None;
        };
        convert::project(&record.expr, index).map(Checked::new)
    }

    /// The field that a dotted name means in the current row.
    pub(crate) fn field(&mut self, names: &[&ast::Name], scope: &mut Scope<'_>) -> Option<Shape> {
        let (first, rest) = names.split_first()?;
        if let Some(aggregation) = scope.aggregation.as_ref().filter(|a| a.window.is_none()) {
            if let Some(key) = aggregation.keys.get(&first.text) {
                let shape = key.shape.clone();
                return self.descend(shape, &first.text, rest);
            }
            let row = aggregation.row;
            return match row.get(&first.text) {
                Some(field) => self.plain_field(field.clone(), names, scope),
                None => self.unknown_field(first, scope, Some(row)),
            };
        }
        match scope.row.and_then(|row| row.get(&first.text)) {
            Some(field) => {
                let shape = field.shape.clone();
                self.descend(shape, &first.text, rest)
            }
            None => self.unknown_field(first, scope, scope.row),
        }
    }

    /// A field outside of an aggregate: fine if it is a key under another name, otherwise it has
    /// many values.
    fn plain_field(&mut self, field: RowField, names: &[&ast::Name], scope: &Scope<'_>) -> Option<Shape> {
        let (first, rest) = names.split_first()?;
        let shape = self.descend(field.shape, &first.text, rest)?;
        let aggregation = scope.aggregation.as_ref()?;
        let key_ids: Vec<_> = aggregation.keys.columns().into_iter().map(|c| c.id).collect();
        if shape.ids().iter().all(|(id, _)| key_ids.contains(id)) {
            return Some(shape);
        }
        self.report_plain_field(names, aggregation);
        None
    }

    /// Goes down into records.
    fn descend(&mut self, shape: Shape, parent: &str, names: &[&ast::Name]) -> Option<Shape> {
        let Some((name, rest)) = names.split_first() else {
            return (!matches!(shape, Shape::Unknown)).then_some(shape);
        };
        match shape {
            Shape::Unknown => None,
            Shape::Record { fields, .. } => match fields.iter().find(|f| f.name == name.text) {
                Some(field) => self.descend(field.shape.clone(), &name.text, rest),
                None => {
                    let row = Row { fields, ..Row::default() };
                    let place = span(name.span);
                    let mut diagnostic =
                        Diagnostic::error("F2001", place, format!("no field `{}` in `{parent}`", name.text))
                            .note(format!("`{parent}` is {}", row.ty()));
                    if let Some(near) = closest(&name.text, row.fields.iter().map(|f| f.name.as_str())) {
                        diagnostic = diagnostic.caption(format!("did you mean `{near}`?")).fix(
                            near,
                            place,
                            flow_ir::types::quote_name(near),
                        );
                    }
                    self.report(diagnostic);
                    None
                }
            },
            // The last name may still be a field of a record inside a list, which is no field of
            // the row; `member_of` words both the same way.
            Shape::Column(id, ty) => {
                let value = Checked::new(Expr::column(id, ty, Span::default()));
                self.member_of(&value, name);
                None
            }
        }
    }

    /// `$name`.
    pub(super) fn dollar(
        &mut self,
        name: &'a ast::Name,
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        let text = name.text.as_str();
        if self.loops.iter().any(|l| l.name == text) {
            return self.loop_value(text, &[], place, scope);
        }
        if let Some((_, value)) = self.pipe_values.iter().rev().find(|(n, _)| n == text) {
            return value.clone();
        }
        if self.symbols().param(text).is_some() {
            let (value, ty) = self.params.get(&(self.module, text)).cloned().flatten()?;
            return Some(Checked::new(Expr::literal(value, ty, place)));
        }
        if self.symbols().consts.contains_key(text) {
            return self.constant(text, place);
        }
        if let Some(def) = self.symbols().datasets.get(text) {
            let broken = matches!(&def.value,
                ast::LetValue::Pipeline(p) if matches!(p.source.kind, ast::SourceKind::Error));
            // A `let` without rows has been reported, and what it was meant to be is not known.
            return if broken { None } else { self.dataset_value(name, &[], place, scope) };
        }
        self.unknown_value(text, place, scope);
        None
    }

    pub(crate) fn constant(&mut self, name: &str, place: Span) -> Option<Checked> {
        let def = self.symbols().consts.get(name).copied()?;
        let key = (self.module, def.name.text.as_str());
        match self.consts.get(&key) {
            Some(ConstState::Done(value)) => return value.clone(),
            Some(ConstState::Open) => {
                self.report(Diagnostic::error("F2015", place, format!("`${name}` needs its own value")));
                return None;
            }
            None => {}
        }
        self.consts.insert(key, ConstState::Open);
        let value = self.outside(|compiler| {
            compiler.expr(&def.value, &mut Scope::constant()).and_then(|v| compiler.folded(v))
        });
        self.consts.insert(key, ConstState::Done(value.clone()));
        value
    }
}

/// Whether a name is bound by a function or lambda around it.
pub(crate) fn is_local(name: &ast::Name, scope: &Scope<'_>) -> bool {
    scope.locals.iter().any(|l| l.name == name.text)
}

/// A field as a value; `None` after a mistake.
pub(crate) fn shape_value(shape: &Shape, place: Span) -> Option<Expr> {
    match shape {
        Shape::Unknown => None,
        Shape::Column(id, ty) => Some(Expr::column(*id, ty.clone(), place)),
        Shape::Record { fields, nullable } => {
            let ty = shape.ty()?;
            let items = fields.iter().map(|f| shape_value(&f.shape, place)).collect::<Option<Vec<_>>>()?;
            let record =
                Expr { kind: ExprKind::Record(items), ty: DataType::required(ty.kind.clone()), span: place };
            if !nullable {
                return Some(record);
            }
            // The leaves of a null record are all null, and only then is the record null.
            let present = shape.ids().into_iter().map(|(id, ty)| {
                let column = Expr::column(id, ty, place);
                super::not(super::bool_expr(ExprKind::IsNull(Box::new(column)), false, place), place)
            });
            let present = super::choice::any(present.collect(), place)?;
            Some(super::choice::choose(present, record, null(ty.kind.clone(), place), &ty, place))
        }
    }
}
