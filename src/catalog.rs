//! The compiler's door to the file system: globs, headers and samples.
//!
//! Headers and samples are read by the same scanners that read the data, so what the compiler
//! sees is what the runtime will see.

mod infer;
mod repetition;
mod sample;

use flow_compiler::catalog::{Catalog, CatalogError, FileFields, FileInfo, InferredField};
use flow_ir::location::Location;
use flow_ir::source::{Dialect, Format, Source};
use std::io;
use std::path::Path;

/// Names that are looked at for one that might be meant.
const NEIGHBOURS_MAX: usize = 1000;

/// The files of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileCatalog;

impl Catalog for FileCatalog {
    fn files(&self, pattern: &str) -> Result<Vec<FileInfo>, CatalogError> {
        if let Location::Url(url) = Location::of(pattern) {
            let bytes = flow_runtime::remote_size(url).map_err(|e| unreadable(&e))?;
            return Ok(vec![FileInfo { path: url.to_owned(), bytes }]);
        }
        // A name that exists is that file, whatever characters it has.
        if Path::new(pattern).is_file() {
            return Ok(vec![info(Path::new(pattern))?]);
        }
        let directory = pattern.ends_with('/');
        if Path::new(pattern).is_dir() && !directory {
            let why = format!("it is a directory; for the files below it, write \"{pattern}/\"");
            return Err(CatalogError::Unreadable(why));
        }
        if Path::new(pattern).exists() && !directory {
            return Err(CatalogError::Unreadable("it is no regular file; standard input is `-`".to_owned()));
        }
        let depth = Path::new(pattern).components().count();
        let below = format!("{}**/*", glob::Pattern::escape(pattern));
        let pattern = if directory { below.as_str() } else { pattern };
        let options = glob::MatchOptions { require_literal_leading_dot: true, ..Default::default() };
        let paths = glob::glob_with(pattern, options)
            .map_err(|e| CatalogError::Unreadable(format!("the pattern is not valid: {e}")))?;
        let mut files = Vec::new();
        for path in paths {
            let path = path.map_err(|e| CatalogError::Unreadable(e.to_string()))?;
            if path.is_file() && !(directory && is_beside(&path, depth)) {
                files.push(info(&path)?);
            }
        }
        // Bytewise, so that the row order does not depend on the locale.
        files.sort_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
        if files.is_empty() { Err(CatalogError::NotFound) } else { Ok(files) }
    }

    fn repetition(&self, source: &Source, columns: &[usize]) -> Option<(usize, usize)> {
        repetition::repetition(source, columns)
    }

    fn neighbours(&self, path: &str) -> Vec<String> {
        let folder = Path::new(path).parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        let names = entries.take(NEIGHBOURS_MAX).filter_map(|e| e.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    fn identity(&self, path: &str) -> Option<String> {
        let path = Path::new(path).canonicalize().ok().filter(|p| p.is_file())?;
        path.to_str().map(str::to_owned)
    }

    fn header(&self, file: &FileInfo, dialect: &Dialect) -> Result<Vec<String>, CatalogError> {
        sample::header(Path::new(&file.path), dialect)
    }

    fn fields(
        &self,
        file: &FileInfo,
        format: &Format,
        only: Option<&[&str]>,
    ) -> Result<FileFields, CatalogError> {
        let found = flow_runtime::file_fields(&file.path, format, only);
        let (fields, all) = found.map_err(CatalogError::Unreadable)?;
        Ok(FileFields { fields, all })
    }

    fn has_remote(&self) -> bool {
        cfg!(feature = "remote-files")
    }

    fn has_columnar(&self) -> bool {
        cfg!(feature = "parquet")
    }

    fn infer(&self, file: &FileInfo, format: &Format) -> Result<Vec<InferredField>, CatalogError> {
        infer::infer(Path::new(&file.path), format)
    }

    fn program(&self, path: &str) -> Result<String, CatalogError> {
        if !Path::new(path).exists() {
            return Err(CatalogError::NotFound);
        }
        crate::program::read_text(Path::new(path)).map_err(CatalogError::Unreadable)
    }
}

/// Whether a file below a directory is none of its data: it or a folder below the first `depth` begins with `_`.
fn is_beside(path: &Path, depth: usize) -> bool {
    path.components().skip(depth).any(|part| part.as_os_str().as_encoded_bytes().starts_with(b"_"))
}

fn info(path: &Path) -> Result<FileInfo, CatalogError> {
    let Some(text) = path.to_str() else {
        return Err(CatalogError::Unreadable(format!("`{}` is not a UTF-8 path", path.display())));
    };
    let meta = std::fs::metadata(path).map_err(|e| unreadable(&e))?;
    Ok(FileInfo { path: text.to_owned(), bytes: meta.len() })
}

pub(crate) fn unreadable(error: &io::Error) -> CatalogError {
    if error.kind() == io::ErrorKind::NotFound {
        CatalogError::NotFound
    } else {
        CatalogError::Unreadable(error.to_string())
    }
}

pub use infer::{infer as infer_schema, sniff};
