//! The compiler's only door to files: which ones a pattern names, what their headers say, and
//! what types a sample suggests.
//!
//! The root crate implements [`Catalog`] over the file system; tests use [`MemoryCatalog`]. The
//! compiler itself opens nothing.

use crate::glob;
use flow_ir::location::without_secrets;
use flow_ir::source::{Dialect, Format, Source};
use flow_ir::{DataType, Field, Type};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A file that a pattern names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Its path as the runtime should open it.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
}

impl FileInfo {
    /// What messages call it.
    pub fn shown(&self) -> Cow<'_, str> {
        without_secrets(&self.path)
    }
}

/// A field of an inferred schema.
#[derive(Clone, Debug, PartialEq)]
pub struct InferredField {
    /// Name and type; always nullable.
    pub field: Field,
    /// What decided the type, such as "row 17 is \"A-204\""; for messages.
    pub because: Option<String>,
}

/// What a file that brings its own schema says.
#[derive(Clone, Debug, PartialEq)]
pub struct FileFields {
    /// The fields asked for, in the order of the file.
    pub fields: Vec<Field>,
    /// How many the file has.
    pub all: usize,
}

/// Why a catalog has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogError {
    /// There is no such file.
    NotFound,
    /// The file or its header cannot be read; the sentence says why.
    Unreadable(String),
}

/// What the compiler may ask about files.
pub trait Catalog {
    /// The files that a path or glob names, in path order.
    fn files(&self, pattern: &str) -> Result<Vec<FileInfo>, CatalogError>;

    /// The names in the header line of a delimited file.
    fn header(&self, file: &FileInfo, dialect: &Dialect) -> Result<Vec<String>, CatalogError>;

    /// The names of what lies in the folder where `path` would be, some of them if there are many; for advice only.
    fn neighbours(&self, _path: &str) -> Vec<String> {
        Vec::new()
    }

    /// What tells the file at `path` from every other one, whatever else it is called; `None` if it is
    /// not there, or is no plain file.
    fn identity(&self, _path: &str) -> Option<String> {
        None
    }

    /// Of the first rows of the first file of a source: how many have a value in all of these columns, and
    /// how many different ones. `None` if the catalog cannot tell; for advice only.
    fn repetition(&self, _source: &Source, _columns: &[usize]) -> Option<(usize, usize)> {
        None
    }

    /// The fields of a file that brings its own schema: all of them, or those of the given names.
    /// One that is asked for and has no type here is an error.
    fn fields(
        &self,
        file: &FileInfo,
        format: &Format,
        only: Option<&[&str]>,
    ) -> Result<FileFields, CatalogError>;

    /// Whether files that bring their own schema can be read and written at all.
    fn has_columnar(&self) -> bool {
        true
    }

    /// Whether files behind URLs can be read at all.
    fn has_remote(&self) -> bool {
        false
    }

    /// The schema that the first rows of a file suggest.
    fn infer(&self, file: &FileInfo, format: &Format) -> Result<Vec<InferredField>, CatalogError>;

    /// The text of a program that an `import` names.
    fn program(&self, path: &str) -> Result<String, CatalogError> {
        let _ = path;
        Err(CatalogError::NotFound)
    }
}

/// A catalog of made-up files, for tests and editors without a file system.
#[derive(Clone, Debug, Default)]
pub struct MemoryCatalog {
    files: BTreeMap<String, Vec<InferredField>>,
    programs: BTreeMap<String, String>,
}

impl MemoryCatalog {
    /// A catalog without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file with these columns; sampling it finds the types, each made nullable.
    #[must_use]
    pub fn with(mut self, path: &str, columns: &[(&str, Type)]) -> Self {
        let columns = columns
            .iter()
            .map(|(name, kind)| InferredField {
                field: Field { name: (*name).to_owned(), ty: DataType::nullable(kind.clone()) },
                because: None,
            })
            .collect();
        self.files.insert(path.to_owned(), columns);
        self
    }

    /// Adds a program that others may import.
    #[must_use]
    pub fn with_program(mut self, path: &str, text: &str) -> Self {
        self.programs.insert(path.to_owned(), text.to_owned());
        self
    }

    fn columns(&self, file: &FileInfo) -> Result<&[InferredField], CatalogError> {
        self.files.get(&file.path).map(Vec::as_slice).ok_or(CatalogError::NotFound)
    }
}

impl Catalog for MemoryCatalog {
    fn files(&self, pattern: &str) -> Result<Vec<FileInfo>, CatalogError> {
        let found: Vec<FileInfo> = self
            .files
            .keys()
            .filter(|path| match pattern.ends_with('/') {
                true => glob::normal(path).starts_with(&(glob::normal(pattern) + "/")),
                false => glob::matches(pattern, path),
            })
            .map(|path| FileInfo { path: path.clone(), bytes: 0 })
            .collect();
        if found.is_empty() { Err(CatalogError::NotFound) } else { Ok(found) }
    }

    fn header(&self, file: &FileInfo, _: &Dialect) -> Result<Vec<String>, CatalogError> {
        Ok(self.columns(file)?.iter().map(|c| c.field.name.clone()).collect())
    }

    fn fields(&self, file: &FileInfo, _: &Format, only: Option<&[&str]>) -> Result<FileFields, CatalogError> {
        let columns = self.columns(file)?;
        let fields = columns.iter().map(|c| c.field.clone());
        let asked = |f: &Field| only.is_none_or(|names| names.contains(&f.name.as_str()));
        Ok(FileFields { fields: fields.filter(asked).collect(), all: columns.len() })
    }

    fn infer(&self, file: &FileInfo, _: &Format) -> Result<Vec<InferredField>, CatalogError> {
        Ok(self.columns(file)?.to_vec())
    }

    fn program(&self, path: &str) -> Result<String, CatalogError> {
        self.programs.get(path).cloned().ok_or(CatalogError::NotFound)
    }
}
