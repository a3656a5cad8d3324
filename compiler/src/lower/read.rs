//! `read`: files, their format, their schema and what happens to bad rows.
//!
//! The catalog names the files; every header is compared with the schema before anything runs.
//! Invariant: a source's columns are its schema's leaves in order, however the files order them.

use super::folders::Keys;
use super::format::Use;
use super::{Flow, RowCount};
use crate::InferredSchema;
use crate::catalog::{CatalogError, FileInfo, InferredField};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::row::{Origin, Row, RowField, SOURCE_FILE, SOURCE_LINE, Shape};
use crate::schema::SchemaField;
use crate::suggest::closest;
use flow_grammar::ast::{self, OnErrorPolicy};
use flow_ir::location::{Location, without_secrets};
use flow_ir::logical::Operator;
use flow_ir::source::{FolderKey, Folders, Format, OnError, Source, SourceColumn, SourceFile};
use flow_ir::{DataType, Field, Span, Type, Value};

impl<'a> Compiler<'a> {
    pub(super) fn read(&mut self, read: &'a ast::Read, place: Span) -> Flow {
        let target = span(read.target.span);
        let pattern = self.constant_text(&read.target, "a path");
        let schema = read.schema.as_ref().map(|schema| (self.schema(schema), schema_span(schema)));
        let on_error = self.on_error(read.on_error.as_ref());
        let format = self.format_of_read(read, pattern.as_deref());
        let supported = pattern.as_deref().is_some_and(|p| self.path_is_supported(p, target, Use::Read));
        // With a schema the row is known even where the files are not.
        let declared = match &schema {
            Some((Some(fields), _)) => Some(fields.clone()),
            _ => None,
        };
        let (Some(pattern), Some(format), true) = (pattern, format, supported) else {
            return self.unread(declared, place);
        };
        if self.types_only
            && let Some(flow) = self.fields_without_files(&pattern, &format, declared.clone(), place)
        {
            return flow;
        }
        self.note_read(&pattern, target);
        if !self.columns_fit(&pattern, &format, target) {
            return self.unread(declared, place);
        }
        let of_lines = format == Format::Lines;
        if let (true, Some((Some(_), schema))) = (of_lines, &schema) {
            self.lines_have_no_schema(*schema);
            return self.unread(None, place);
        }
        let Some(files) = self.files(&pattern, target) else { return self.unread(declared, place) };
        if matches!(Location::of(&pattern), Location::Command(_)) && schema.is_none() && !of_lines {
            self.report(
                Diagnostic::error("F2016", target, "what a command prints is not known before it runs")
                    .help("say what its fields are: schema { name: string, ... }"),
            );
            return self.unread(None, place);
        }
        let on_error = (on_error, read.on_error.as_ref().map_or(place, |o| span(o.span)));
        self.rows_of_files(
            (pattern, files),
            format,
            (schema.map(|s| s.0), declared),
            on_error,
            (target, place),
        )
    }

    /// The format that a `read` says, or the one that its path tells.
    fn format_of_read(&mut self, read: &'a ast::Read, pattern: Option<&str>) -> Option<Format> {
        let target = span(read.target.span);
        match (&read.format, pattern) {
            (Some(format), _) => self.named_format(format, Use::Read),
            (None, Some(pattern)) if pattern.ends_with('/') => self.directory_format(pattern, target),
            (None, Some(pattern)) if self.path_is_supported(pattern, target, Use::Read) => {
                self.format_by_suffix(pattern, target, Use::Read)
            }
            (None, _) => None,
        }
    }

    fn lines_have_no_schema(&mut self, schema: Span) {
        self.report(
            Diagnostic::error("F3014", schema, "`lines` has one field, `line: string`, and no schema")
                .help("for columns: as csv(sep: \"\\t\"), as jsonl"),
        );
    }

    /// The rows of files that are there: `schema` is what the clause says, `declared` its fields if they are known.
    fn rows_of_files(
        &mut self,
        (pattern, files): (String, Vec<FileInfo>),
        format: Format,
        (schema, declared): (Option<Option<Vec<SchemaField>>>, Option<Vec<SchemaField>>),
        (on_error, clause): (Option<OnError>, Span),
        (target, place): (Span, Span),
    ) -> Flow {
        let Some(mut keys) = self.folder_keys(&pattern, &files, declared.as_deref(), target) else {
            return self.unread(declared, place);
        };
        let about = self.looks_into(&mut keys, &files, declared.is_some(), place);
        let own = |fields: Vec<SchemaField>| -> Vec<SchemaField> {
            fields.into_iter().filter(|f| !keys.has(&f.field.name)).collect()
        };
        let fields = match (&format, schema) {
            (Format::Lines, _) => Some(vec![line_field(target)]),
            (f, None) if self.is_to_know_filters(&keys) => Some(self.fields_of_some(&files, f, target)),
            (f, schema) if f.is_columnar() => self.file_fields(&about, f, schema.map(|s| s.map(own)), target),
            (_, Some(fields)) => fields,
            (_, None) => self.inferred_fields(&pattern, (&about, &keys), &format, target),
        };
        // What a folder says of its files stands for what they say themselves.
        let Some(fields) = fields.map(own) else { return self.unread(None, place) };
        if !self.format_holds(&format, &fields) {
            return self.unread(Some(fields), place);
        }
        let fields = match declared {
            Some(fields) => fields,
            None => fields.into_iter().chain(keys.fields.iter().cloned()).collect(),
        };
        if on_error == Some(OnError::Null) {
            self.needs_nullable(&fields, clause);
        }
        let from = pattern.rsplit('/').next().unwrap_or(&pattern).to_owned();
        let (mut row, columns) = self.source_columns(&fields, &from);
        let is_key = |c: &SourceColumn| matches!(c.path.as_slice(), [name] if keys.has(name));
        let (of_folders, columns): (Vec<_>, Vec<_>) = columns.into_iter().partition(is_key);
        let Some(mut files) = self.headers((&files, &keys), &format, &columns, target) else {
            return self.unread_row(row, place);
        };
        let mut folders = folders(&keys, of_folders, &mut files);
        let line = self.places.then(|| self.place_columns((&mut row, &mut folders), &mut files, target));
        self.note_folders(&keys, &mut files, place);
        let on_error = on_error.unwrap_or(OnError::Fail);
        let source = Source { pattern, files, format, columns, folders, line, on_error, span: place };
        let node = self.node(Operator::Read(source), row.carried(), place);
        Flow { node, row, count: RowCount::many(place, "any number of rows"), keys: None }
    }

    /// The rows of a `read` whose place a test takes: the files are not looked at, unless only they tell the
    /// fields. Where there are none, nothing is known of the rows.
    fn fields_without_files(
        &mut self,
        pattern: &str,
        format: &Format,
        declared: Option<Vec<SchemaField>>,
        place: Span,
    ) -> Option<Flow> {
        if *format == Format::Lines {
            return Some(self.unread(Some(vec![line_field(place)]), place));
        }
        if declared.is_some() {
            return Some(self.unread(declared, place));
        }
        let live = Location::of(pattern).is_live();
        let there = !live && self.catalog.files(pattern).is_ok_and(|files| !files.is_empty());
        (!there).then(|| self.unread(None, place))
    }

    /// Notes what is read. Standard input can be read only once.
    fn note_read(&mut self, pattern: &str, target: Span) {
        if Location::of(pattern) == Location::Standard
            && let Some((_, first)) = self.reads.iter().find(|(p, _)| p == "-")
        {
            let first = *first;
            self.report(
                Diagnostic::error("F4016", target, "standard input can be read only once")
                    .label(first, "first read here")
                    .help("name its rows, and use them twice: let input = read \"-\" ..., from input"),
            );
        }
        self.reads.push((pattern.to_owned(), target));
    }

    /// `on_error null` is of use only where something may be null.
    fn needs_nullable(&mut self, fields: &[SchemaField], place: Span) {
        if !fields.iter().any(|f| may_be_null(&f.field.ty)) {
            self.report(
                Diagnostic::error("F4015", place, "no field of this source may be null")
                    .help("mark the fields that may with `?`, or use `on_error skip` or `quarantine`"),
            );
        }
    }

    /// What follows a `read` that cannot be compiled: its fields, if a schema tells them.
    fn unread(&mut self, fields: Option<Vec<SchemaField>>, place: Span) -> Flow {
        match fields {
            Some(fields) => {
                let (row, _) = self.source_columns(&fields, "");
                self.unread_row(row, place)
            }
            None => self.unknown_flow(place),
        }
    }

    fn unread_row(&mut self, mut row: Row, place: Span) -> Flow {
        if self.places {
            row.origin = Origin::Read { file: self.fresh(), line: self.fresh() };
        }
        let node = self.node(Operator::Rows(Vec::new()), row.carried(), place);
        Flow { node, row, count: RowCount::many(place, "any number of rows"), keys: None }
    }

    pub(super) fn files(&mut self, pattern: &str, target: Span) -> Option<Vec<FileInfo>> {
        if Location::of(pattern).is_live() {
            return Some(vec![FileInfo { path: pattern.to_owned(), bytes: 0 }]);
        }
        let is_file = matches!(Location::of(pattern), Location::File(_));
        let is_glob = is_file && pattern.contains(['*', '?', '[']);
        let shown = without_secrets(pattern);
        match self.catalog.files(pattern) {
            Ok(files) if !files.is_empty() => {
                self.read_files.extend(files.iter().map(|f| (f.path.clone(), target)));
                Some(files)
            }
            Ok(_) | Err(CatalogError::NotFound) => {
                let message = match is_glob {
                    true => format!("no file is named like `{shown}`"),
                    false => format!("there is no file `{shown}`"),
                };
                let mut diagnostic = Diagnostic::error("F2005", target, message);
                if is_file && !is_glob {
                    let (folder, name) = match pattern.rsplit_once('/') {
                        Some((folder, name)) => (format!("{folder}/"), name),
                        None => (String::new(), pattern),
                    };
                    let names = self.catalog.neighbours(pattern);
                    diagnostic = match closest(name, names.iter().map(String::as_str)) {
                        Some(near) => diagnostic.caption(format!("did you mean `{folder}{near}`?")),
                        None if pattern.starts_with('/') => diagnostic,
                        None => diagnostic.help("paths begin in the folder where flowc is started"),
                    };
                }
                self.report(diagnostic);
                None
            }
            Err(CatalogError::Unreadable(why)) => {
                self.report(Diagnostic::error("F2005", target, format!("`{shown}` cannot be read: {why}")));
                None
            }
        }
    }

    fn inferred_fields(
        &mut self,
        pattern: &str,
        (files, keys): (&[FileInfo], &Keys),
        format: &Format,
        target: Span,
    ) -> Option<Vec<SchemaField>> {
        let file = files.first()?;
        match self.catalog.infer(file, format) {
            Ok(mut inferred) => {
                inferred.retain(|f| !keys.has(&f.field.name));
                inferred.extend(
                    keys.fields
                        .iter()
                        .map(|f| InferredField { field: f.field.clone(), because: f.because.clone() }),
                );
                let fields = inferred.iter().map(|f| SchemaField {
                    field: f.field.clone(),
                    span: target,
                    because: f.because.clone(),
                });
                let fields = fields.collect();
                // Reading the same files twice is worth one line to the user.
                if !self
                    .inferred
                    .iter()
                    .any(|i| i.pattern == without_secrets(pattern) && i.fields == inferred)
                {
                    self.inferred.push(InferredSchema {
                        pattern: without_secrets(pattern).into_owned(),
                        file: file.shown().into_owned(),
                        fields: inferred,
                        span: target,
                    });
                }
                Some(fields)
            }
            Err(CatalogError::NotFound) => {
                let message = format!("there is no file `{}`", file.shown());
                self.report(Diagnostic::error("F2005", target, message));
                None
            }
            Err(CatalogError::Unreadable(why)) => {
                let message = format!("no schema can be inferred from `{}`: {why}", file.shown());
                self.report(
                    Diagnostic::error("F2005", target, message)
                        .help("write one: schema { name: string, ... }"),
                );
                None
            }
        }
    }

    /// Whether the format can hold fields of these types.
    pub(super) fn format_holds(&mut self, format: &Format, fields: &[SchemaField]) -> bool {
        let mut holds = true;
        for SchemaField { field, span, .. } in fields {
            let problem = match (format, &field.ty.kind) {
                (Format::Delimited(_), Type::Record(_) | Type::List(_)) => {
                    let message = format!("a delimited file has no `{}` in a field", field.ty);
                    Diagnostic::error("F3014", *span, message)
                        .help("read it as `string` and take it apart with `split` or `extract`")
                }
                _ => continue,
            };
            self.report(problem);
            holds = false;
        }
        holds
    }

    /// Columns for the leaves of a schema.
    pub(super) fn source_columns(&mut self, fields: &[SchemaField], from: &str) -> (Row, Vec<SourceColumn>) {
        let mut row = Row::default();
        let mut columns = Vec::new();
        for SchemaField { field, span, because } in fields {
            let mut path = vec![field.name.clone()];
            let plan = &mut self.plan;
            let shape = Shape::of(&field.ty, false, &mut path, &mut |path, ty| {
                let id = plan.fresh_column();
                columns.push(SourceColumn {
                    id,
                    name: path.join("."),
                    path: path.to_vec(),
                    ty: ty.clone(),
                    span: *span,
                    used: Span::default(),
                });
                id
            });
            let from = match because {
                Some(because) => Some(format!("inferred: {because}").into()),
                None => (!from.is_empty()).then(|| from.into()),
            };
            row.fields.push(RowField { name: field.name.clone(), shape, from });
        }
        (row, columns)
    }

    /// Columns for the path and line of every row: the path is a key as those of folders are, for it is the same
    /// in all rows of a file.
    fn place_columns(
        &mut self,
        (row, folders): (&mut Row, &mut Folders),
        files: &mut [SourceFile],
        target: Span,
    ) -> SourceColumn {
        let mut column = |name: &str, kind| SourceColumn {
            id: self.plan.fresh_column(),
            name: name.to_owned(),
            path: vec![name.to_owned()],
            ty: DataType::required(kind),
            span: target,
            used: Span::default(),
        };
        let (file, line) = (column(SOURCE_FILE, Type::String), column(SOURCE_LINE, Type::Int));
        row.origin = Origin::Read { file: file.id, line: line.id };
        files.iter_mut().for_each(|f| f.keys.push(Value::string(without_secrets(&f.path).as_ref())));
        let count = u32::try_from(files.len()).unwrap_or(u32::MAX);
        folders.files = count;
        folders.keys.push(FolderKey { column: file, values: count });
        line
    }

    fn on_error(&mut self, on_error: Option<&'a ast::OnError>) -> Option<OnError> {
        match &on_error?.policy {
            OnErrorPolicy::Fail => Some(OnError::Fail),
            OnErrorPolicy::Null => Some(OnError::Null),
            OnErrorPolicy::Skip => Some(OnError::Skip),
            OnErrorPolicy::Quarantine(path) => {
                let place = span(path.span);
                let path = self.constant_text(path, "a path")?;
                self.path_is_supported(&path, place, Use::Write).then_some(())?;
                if !matches!(Location::of(&path), Location::File(_)) || path.ends_with('/') {
                    self.not_yet("F4919", place, "a quarantine that is no file");
                    return None;
                }
                self.outside_of_directories(&path, place);
                self.writes.push((path.clone(), place));
                Some(OnError::Quarantine(path))
            }
        }
    }
}

/// What the names of folders say, with the columns in the order of the row; the values are put into `files`.
fn folders(keys: &Keys, columns: Vec<SourceColumn>, files: &mut [SourceFile]) -> Folders {
    if columns.is_empty() {
        return Folders::default();
    }
    let place = |c: &SourceColumn| keys.fields.iter().position(|f| f.field.name == c.name).unwrap_or(0);
    for (file, values) in files.iter_mut().zip(&keys.values) {
        file.keys = columns.iter().filter_map(|c| values.get(place(c)).cloned()).collect();
    }
    let files = u32::try_from(files.len()).unwrap_or(u32::MAX);
    let keys = columns.into_iter().map(|column| FolderKey { values: keys.different(place(&column)), column });
    Folders { keys: keys.collect(), files }
}

fn schema_span(schema: &ast::SchemaRef) -> Span {
    match schema {
        ast::SchemaRef::Named(path) => span(path.span),
        ast::SchemaRef::Inline(fields) => span(fields.span),
    }
}

fn line_field(place: Span) -> SchemaField {
    let field = Field { name: "line".to_owned(), ty: DataType::required(Type::String) };
    SchemaField { field, span: place, because: None }
}

/// Whether some part of a field can take the place of a bad value.
fn may_be_null(ty: &DataType) -> bool {
    match &ty.kind {
        Type::Record(fields) => ty.nullable || fields.iter().any(|f| may_be_null(&f.ty)),
        _ => ty.nullable,
    }
}
