//! The row at a point of a pipeline: its fields by name, and what they are in the plan.
//!
//! Records are a notion of this phase only: a record field is a tree of names whose leaves are
//! columns. Invariants: field names are unique on each level; a leaf below a nullable record is
//! nullable itself; an [`Shape::Unknown`] field comes from an error that has been reported.

use flow_ir::logical::OutputColumn;
use flow_ir::{ColumnId, DataType, Field, Span, Type};
use std::rc::Rc;

/// The names of the columns that say where a row was read: those of the functions that read them.
pub(crate) const SOURCE_FILE: &str = "source_file()";
pub(crate) const SOURCE_LINE: &str = "source_line()";

/// The fields a stage sees.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    /// In order.
    pub(crate) fields: Vec<RowField>,
    /// After an error: fields that are not known may exist, and nothing is said about them.
    pub(crate) open: bool,
    /// Fields of earlier rows that are gone, the latest last.
    pub(crate) dropped: Vec<Dropped>,
    /// What `source_file()` and `source_line()` say of it.
    pub(crate) origin: Origin,
}

/// Where a row was read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Origin {
    /// In no file.
    #[default]
    None,
    /// It is a row of a `read` still, whose place is in these columns.
    Read {
        /// The path of its file.
        file: ColumnId,
        /// Its line in it.
        line: ColumnId,
    },
    /// The stage there has brought rows together.
    Lost(Span),
}

/// A named part of a row.
#[derive(Clone, Debug)]
pub(crate) struct RowField {
    /// Its name on this level.
    pub(crate) name: String,
    /// What it is.
    pub(crate) shape: Shape,
    /// Where it comes from, such as `orders.csv`; for messages.
    pub(crate) from: Option<Rc<str>>,
}

/// What a field is.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// A column.
    Column(ColumnId, DataType),
    /// Several, under names of their own.
    Record {
        /// The parts.
        fields: Vec<RowField>,
        /// Whether the record as a whole may be null.
        nullable: bool,
    },
    /// The result of a mistake elsewhere.
    Unknown,
}

/// A field that an earlier row had.
#[derive(Clone, Debug)]
pub(crate) struct Dropped {
    /// Its name.
    pub(crate) name: String,
    /// The record or stage that did not take it along.
    pub(crate) span: Span,
}

impl Row {
    /// A row about which nothing is known, after an error.
    pub(crate) fn unknown() -> Self {
        Row { open: true, ..Row::default() }
    }

    /// The field of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&RowField> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// Every column with its path, in order.
    pub(crate) fn columns(&self) -> Vec<OutputColumn> {
        let mut out = Vec::new();
        for field in &self.fields {
            field.columns(&mut Vec::new(), &mut out);
        }
        out
    }

    /// The same with the columns that say where it was read, for what follows.
    pub(crate) fn carried(&self) -> Vec<OutputColumn> {
        let mut out = self.columns();
        if let Origin::Read { file, line } = self.origin {
            let column = |id, name: &str, ty| OutputColumn {
                id,
                path: vec![name.to_owned()],
                ty: DataType::required(ty),
            };
            out.push(column(file, SOURCE_FILE, Type::String));
            out.push(column(line, SOURCE_LINE, Type::Int));
        }
        out
    }

    /// The paths of the records that may be null as a whole.
    pub(crate) fn optional(&self) -> Vec<Vec<String>> {
        let mut out = Vec::new();
        for field in &self.fields {
            field.optional(&mut Vec::new(), &mut out);
        }
        out
    }

    /// The row as a record type, for messages.
    pub(crate) fn ty(&self) -> Type {
        Type::Record(self.fields.iter().filter_map(RowField::field).collect())
    }

    /// The row that a stage makes of this one: remembers what is gone.
    pub(crate) fn next(&self, fields: Vec<RowField>, span: Span) -> Row {
        let mut dropped = self.dropped.clone();
        dropped.retain(|d| !fields.iter().any(|f| f.name == d.name));
        for field in &self.fields {
            if !fields.iter().any(|f| f.name == field.name) {
                dropped.push(Dropped { name: field.name.clone(), span });
            }
        }
        Row { fields, open: self.open, dropped, origin: Origin::None }
    }

    /// Where the field of that name was dropped last.
    pub(crate) fn dropped(&self, name: &str) -> Option<&Dropped> {
        self.dropped.iter().rev().find(|d| d.name == name)
    }
}

impl RowField {
    /// A field that is one column.
    pub(crate) fn column(name: impl Into<String>, id: ColumnId, ty: DataType) -> Self {
        RowField { name: name.into(), shape: Shape::Column(id, ty), from: None }
    }

    /// Name and type; `None` for unknown ones.
    pub(crate) fn field(&self) -> Option<Field> {
        Some(Field { name: self.name.clone(), ty: self.shape.ty()? })
    }

    pub(crate) fn columns(&self, prefix: &mut Vec<String>, out: &mut Vec<OutputColumn>) {
        prefix.push(self.name.clone());
        match &self.shape {
            Shape::Column(id, ty) => out.push(OutputColumn { id: *id, path: prefix.clone(), ty: ty.clone() }),
            Shape::Record { fields, .. } => fields.iter().for_each(|f| f.columns(prefix, out)),
            Shape::Unknown => {}
        }
        prefix.pop();
    }
}

impl RowField {
    fn optional(&self, prefix: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
        let Shape::Record { fields, nullable } = &self.shape else { return };
        prefix.push(self.name.clone());
        if *nullable {
            out.push(prefix.clone());
        }
        fields.iter().for_each(|f| f.optional(prefix, out));
        prefix.pop();
    }
}

impl Shape {
    /// The type of the field as a value; `None` after an error.
    pub(crate) fn ty(&self) -> Option<DataType> {
        match self {
            Shape::Column(_, ty) => Some(ty.clone()),
            Shape::Record { fields, nullable } => {
                let fields = fields.iter().map(RowField::field).collect::<Option<Vec<_>>>()?;
                Some(DataType { kind: Type::Record(fields), nullable: *nullable })
            }
            Shape::Unknown => None,
        }
    }

    /// Every column in it, in order.
    pub(crate) fn ids(&self) -> Vec<(ColumnId, DataType)> {
        match self {
            Shape::Column(id, ty) => vec![(*id, ty.clone())],
            Shape::Record { fields, .. } => fields.iter().flat_map(|f| f.shape.ids()).collect(),
            Shape::Unknown => Vec::new(),
        }
    }

    /// The shape of a value of type `ty` whose leaves are the columns that `column` makes for
    /// each path below this field.
    pub(crate) fn of(
        ty: &DataType,
        nullable: bool,
        path: &mut Vec<String>,
        column: &mut impl FnMut(&[String], &DataType) -> ColumnId,
    ) -> Shape {
        let nullable = nullable || ty.nullable;
        match &ty.kind {
            Type::Record(fields) => {
                let fields = fields
                    .iter()
                    .map(|f| {
                        path.push(f.name.clone());
                        let shape = Shape::of(&f.ty, nullable, path, column);
                        path.pop();
                        RowField { name: f.name.clone(), shape, from: None }
                    })
                    .collect();
                Shape::Record { fields, nullable: ty.nullable }
            }
            _ => {
                let ty = ty.with_nullable(nullable);
                Shape::Column(column(path, &ty), ty)
            }
        }
    }
}
