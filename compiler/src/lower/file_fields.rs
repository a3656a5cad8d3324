//! Files that bring their own schema: every file of a pattern against the first, or against a declared one.
//!
//! Fields are found by name; further fields of a file are ignored. Without a declared schema the
//! row is that of the first file, and a field is nullable if it is in one of the files. Invariant:
//! what the runtime finds in a file converts to the declared type by widening alone.

use crate::catalog::{CatalogError, FileInfo};
use crate::compiler::Compiler;
use crate::diagnostic::Diagnostic;
use crate::schema::SchemaField;
use flow_ir::source::Format;
use flow_ir::types::quote_name;
use flow_ir::{DataType, Field, Span, Type};

impl Compiler<'_> {
    /// The fields of the rows of `files`. `declared` is the schema that the program gives, `Some(None)`
    /// if that is wrong (and reported).
    pub(super) fn file_fields(
        &mut self,
        files: &[FileInfo],
        format: &Format,
        declared: Option<Option<Vec<SchemaField>>>,
        target: Span,
    ) -> Option<Vec<SchemaField>> {
        let declared = match declared {
            Some(fields) => Some(fields?),
            None => None,
        };
        self.field_counts.clear();
        let Some(mut fields) = declared.clone() else {
            let (first, others) = files.split_first()?;
            let found = self.fields_of(first, format, None, target)?;
            let fields = found.into_iter().map(|field| SchemaField { field, span: target, because: None });
            let mut fields: Vec<SchemaField> = fields.collect();
            if let Some(twice) = repeated(&fields) {
                let message = format!("`{}` has the column `{twice}` twice", first.shown());
                self.report_file(message, target, None);
                return None;
            }
            for file in others {
                let found = self.fields_of(file, format, None, target)?;
                self.agrees_with_first(&mut fields, &found, first, file, target)?;
            }
            return Some(fields);
        };
        for file in files {
            let found = self.fields_of(file, format, Some(&fields), target)?;
            self.fits_schema(&fields, &found, (file, format), target)?;
        }
        fields.iter_mut().for_each(|f| f.because = None);
        Some(fields)
    }

    fn fields_of(
        &mut self,
        file: &FileInfo,
        format: &Format,
        only: Option<&[SchemaField]>,
        target: Span,
    ) -> Option<Vec<Field>> {
        let names: Option<Vec<&str>> = only.map(|o| o.iter().map(|f| f.field.name.as_str()).collect());
        match self.catalog.fields(file, format, names.as_deref()) {
            Ok(found) => {
                self.field_counts.push(u32::try_from(found.all).unwrap_or(u32::MAX));
                Some(found.fields)
            }
            Err(error) => {
                let why = match error {
                    CatalogError::NotFound => "it is not there any more".to_owned(),
                    CatalogError::Unreadable(why) => why,
                };
                let message = format!("`{}` cannot be read: {why}", file.shown());
                self.report(Diagnostic::error("F2005", target, message));
                None
            }
        }
    }

    /// Compares a further file with what the first one said.
    fn agrees_with_first(
        &mut self,
        fields: &mut [SchemaField],
        found: &[Field],
        first: &FileInfo,
        file: &FileInfo,
        target: Span,
    ) -> Option<()> {
        for SchemaField { field, .. } in fields {
            let name = &field.name;
            let Some(other) = found.iter().find(|f| f.name == *name) else {
                let message =
                    format!("`{}` has no column `{name}`, which `{}` has", file.shown(), first.shown());
                self.report_file(message, target, Some(found));
                return None;
            };
            match joined(&field.ty, &other.ty) {
                Some(ty) => field.ty = ty,
                None => {
                    let message = format!(
                        "the column `{name}` of `{}` is `{}`, but that of `{}` is `{}`",
                        file.shown(),
                        other.ty.kind,
                        first.shown(),
                        field.ty.kind
                    );
                    self.report_file(message, target, None);
                    return None;
                }
            }
        }
        Some(())
    }

    /// Compares a file with the schema that the program gives.
    fn fits_schema(
        &mut self,
        fields: &[SchemaField],
        found: &[Field],
        (file, format): (&FileInfo, &Format),
        target: Span,
    ) -> Option<()> {
        for SchemaField { field, span, .. } in fields {
            let name = &field.name;
            let mut named = found.iter().filter(|f| f.name == *name);
            let (other, again) = (named.next(), named.next());
            let Some(other) = other else {
                let message = format!("`{}` has no column `{name}`", file.shown());
                let all = self.catalog.fields(file, format, None).ok();
                self.report_file(message, target, all.as_ref().map(|all| all.fields.as_slice()));
                return None;
            };
            if again.is_some() {
                self.report_file(format!("`{}` has the column `{name}` twice", file.shown()), target, None);
                return None;
            }
            if !holds(&field.ty, &other.ty, true) {
                let message = format!("the column `{name}` of `{}` is `{}`", file.shown(), other.ty);
                self.report(
                    Diagnostic::error("F2004", *span, message)
                        .caption(format!("declared as `{}`", field.ty))
                        .help(format!(
                            "declare {}: {}, and convert it in a `map`",
                            quote_name(name),
                            other.ty
                        ))
                        .note("(found before reading any data)"),
                );
                return None;
            }
        }
        Some(())
    }

    fn report_file(&mut self, message: String, target: Span, found: Option<&[Field]>) {
        let mut diagnostic = Diagnostic::error("F2004", target, message);
        if let Some(found) = found {
            let names: Vec<&str> = found.iter().map(|f| f.name.as_str()).collect();
            diagnostic = diagnostic.note(format!("its columns are: {}", super::header::listed(&names)));
        }
        self.report(diagnostic.note("(found before reading any data)"));
    }
}

fn repeated(fields: &[SchemaField]) -> Option<String> {
    let mut names: Vec<&str> = fields.iter().map(|f| f.field.name.as_str()).collect();
    names.sort_unstable();
    let twice = names.windows(2).find(|w| w.first() == w.last());
    twice.and_then(|w| w.first()).map(|name| (*name).to_owned())
}

/// The type of both if they differ in nullability only.
fn joined(a: &DataType, b: &DataType) -> Option<DataType> {
    let kind = match (&a.kind, &b.kind) {
        (Type::List(x), Type::List(y)) => Type::List(Box::new(joined(x, y)?)),
        (Type::Record(x), Type::Record(y)) => {
            let fields = x.iter().map(|f| {
                let other = y.iter().find(|o| o.name == f.name)?;
                Some(Field { name: f.name.clone(), ty: joined(&f.ty, &other.ty)? })
            });
            Type::Record(fields.collect::<Option<_>>()?)
        }
        (x, y) if x == y => x.clone(),
        _ => return None,
    };
    Some(DataType { kind, nullable: a.nullable || b.nullable })
}

/// Whether a column of type `found` can be read as `declared`. Nulls in a required field are errors of
/// their rows at the top and in records; inside of lists there are no rows to blame.
fn holds(declared: &DataType, found: &DataType, in_row: bool) -> bool {
    let kinds = match (&declared.kind, &found.kind) {
        (Type::Float, Type::Int) => in_row,
        (Type::Decimal { .. }, Type::Int) => in_row,
        (Type::Decimal { precision, scale }, Type::Decimal { precision: p, scale: s }) => {
            (precision, scale) == (p, s) || (in_row && scale >= s && precision - scale >= p - s)
        }
        (Type::List(x), Type::List(y)) => holds(x, y, false),
        (Type::Record(x), Type::Record(y)) => {
            x.iter().all(|f| y.iter().find(|o| o.name == f.name).is_some_and(|o| holds(&f.ty, &o.ty, in_row)))
        }
        (x, y) => x == y,
    };
    kinds && (in_row || declared.nullable || !found.nullable)
}
