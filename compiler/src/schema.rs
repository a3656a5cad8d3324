//! Types as written to types as used: `schema` items, inline schemas, `param` and `fn` types.
//!
//! Runs on demand, because a schema may name another one. Invariant: a type that cannot be
//! resolved is reported once and is `None` everywhere.

use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::resolve::{Lookup, Namespace};
use crate::suggest::closest;
use flow_grammar::ast::{self, TypeKind};
use flow_ir::{DataType, Field, Span, Type};

/// A field of a schema with the place of its declaration.
#[derive(Clone, Debug)]
pub(crate) struct SchemaField {
    /// Name and type.
    pub(crate) field: Field,
    /// `name: type`.
    pub(crate) span: Span,
    /// Why a sample suggested the type.
    pub(crate) because: Option<String>,
}

/// The words for types, for suggestions.
const TYPE_WORDS: [&str; 10] =
    ["bool", "int", "float", "decimal", "string", "bytes", "date", "timestamp", "duration", "list"];

/// Type words of other languages.
const FOREIGN_TYPES: [(&str, &str); 22] = [
    ("str", "string"),
    ("text", "string"),
    ("varchar", "string"),
    ("utf8", "string"),
    ("integer", "int"),
    ("bigint", "int"),
    ("i32", "int"),
    ("i64", "int"),
    ("int32", "int"),
    ("int64", "int"),
    ("long", "int"),
    ("number", "float"),
    ("double", "float"),
    ("real", "float"),
    ("f32", "float"),
    ("f64", "float"),
    ("float64", "float"),
    ("boolean", "bool"),
    ("datetime", "timestamp"),
    ("time", "timestamp"),
    ("numeric", "decimal(18, 2)"),
    ("interval", "duration"),
];

impl<'a> Compiler<'a> {
    /// The fields of a schema clause; `None` if it names nothing known.
    pub(crate) fn schema(&mut self, schema: &'a ast::SchemaRef) -> Option<Vec<SchemaField>> {
        match schema {
            ast::SchemaRef::Inline(fields) => Some(self.schema_fields(fields)),
            ast::SchemaRef::Named(path) => self.named_schema(path),
        }
    }

    fn named_schema(&mut self, path: &'a ast::Path) -> Option<Vec<SchemaField>> {
        let (module, name) = match self.symbols().lookup(path) {
            Lookup::Here(name) => (self.module, name),
            Lookup::In(module, name) => (module, name),
            Lookup::Broken => return None,
            Lookup::Nowhere => {
                self.unknown_schema(&path.to_string(), span(path.span));
                return None;
            }
        };
        self.within(module, |compiler| compiler.schema_called(name, path))
    }

    fn schema_called(&mut self, name: &'a ast::Name, path: &'a ast::Path) -> Option<Vec<SchemaField>> {
        let Some(def) = self.symbols().schemas.get(name.text.as_str()).copied() else {
            self.unknown_schema(&name.text, span(name.span));
            return None;
        };
        let key = (self.module, def.name.text.as_str());
        if self.open_schemas.contains(&key) {
            self.report(Diagnostic::error(
                "F2015",
                span(path.span),
                format!("schema `{}` contains itself", name.text),
            ));
            return None;
        }
        self.open_schemas.push(key);
        let fields = self.schema_fields(&def.fields);
        self.open_schemas.pop();
        Some(fields)
    }

    /// Checks a schema that perhaps nothing uses.
    pub(crate) fn check_schema(&mut self, def: &'a ast::SchemaDef) {
        self.open_schemas.push((self.module, &def.name.text));
        self.schema_fields(&def.fields);
        self.open_schemas.pop();
    }

    fn schema_fields(&mut self, fields: &'a ast::Fields) -> Vec<SchemaField> {
        let mut names = Namespace::new(&mut self.diagnostics);
        let unique: Vec<&ast::FieldDef> = fields.fields.iter().filter(|f| names.define(&f.name)).collect();
        unique
            .into_iter()
            .filter_map(|f| {
                let field = Field { name: f.name.text.clone(), ty: self.data_type(&f.ty)? };
                Some(SchemaField { field, span: span(f.span), because: None })
            })
            .collect()
    }

    /// The type that is written there.
    pub(crate) fn data_type(&mut self, ty: &'a ast::Type) -> Option<DataType> {
        let kind = match &ty.kind {
            TypeKind::Error => return None,
            TypeKind::Bool => Type::Bool,
            TypeKind::Int => Type::Int,
            TypeKind::Float => Type::Float,
            TypeKind::String => Type::String,
            TypeKind::Bytes => Type::Bytes,
            TypeKind::Date => Type::Date,
            TypeKind::Timestamp => Type::Timestamp,
            TypeKind::Duration => Type::Duration,
            TypeKind::Decimal { precision, scale } => self.decimal_type(*precision, *scale, span(ty.span))?,
            TypeKind::List(item) => Type::List(Box::new(self.data_type(item)?)),
            TypeKind::Record(fields) => {
                Type::Record(self.schema_fields(fields).into_iter().map(|f| f.field).collect())
            }
            TypeKind::Named(path) => {
                Type::Record(self.named_schema(path)?.into_iter().map(|f| f.field).collect())
            }
        };
        Some(DataType { kind, nullable: ty.nullable })
    }

    fn decimal_type(&mut self, precision: u32, scale: u32, place: Span) -> Option<Type> {
        match (u8::try_from(precision), u8::try_from(scale)) {
            (Ok(precision @ 1..=38), Ok(scale)) if scale <= precision => {
                Some(Type::Decimal { precision, scale })
            }
            _ => {
                self.report(
                    Diagnostic::error(
                        "F3012",
                        place,
                        format!("there is no decimal({precision}, {scale}): it needs 1 to 38 digits in all"),
                    )
                    .note("decimal(p, s) has p digits in all, s of them after the point"),
                );
                None
            }
        }
    }

    fn unknown_schema(&mut self, name: &str, place: Span) {
        let mut diagnostic =
            Diagnostic::error("F2008", place, format!("there is no type or schema called `{name}`"));
        let lower = name.to_lowercase();
        let symbols = self.symbols();
        let known = symbols.schemas.keys().copied().chain(TYPE_WORDS);
        if let Some((_, word)) = FOREIGN_TYPES.iter().find(|(foreign, _)| *foreign == lower) {
            diagnostic = diagnostic.caption(format!("here it is called `{word}`")).fix(*word, place, *word);
        } else if let Some(near) = closest(name, known) {
            diagnostic = diagnostic.caption(format!("did you mean `{near}`?")).fix(near, place, near);
        }
        self.report(diagnostic);
    }
}
