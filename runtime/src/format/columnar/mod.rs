//! Columnar formats: Parquet and Arrow files, which bring their own schema.
//!
//! A file is a list of parts (row groups of Parquet, batches of Arrow), each a task. [`ColumnarScanner`]
//! reads the columns a program uses of one part, a morsel at a time, and converts a column for the
//! rows that are asked for. Arrow types go no further than this folder.
//!
//! Invariants: nothing that a malformed file can do is a panic of flowc or an allocation beyond
//! what the file's size explains; a file is judged by its content, never by its name.

mod bytes;
mod footer;
mod ipc_file;
mod isolate;
mod nested;
mod page_index;
mod pages;
mod parquet_file;
mod prune;
mod scanner;
#[cfg(test)]
mod tests;
mod types;
mod values;

pub(crate) use scanner::ColumnarScanner;

use crate::reader::ReadError;
use flow_ir::location::input_name;
use flow_ir::source::{Format, Source};
use flow_ir::{DataType, Expr, Field, Type, Value};
use ipc_file::IpcFile;
use isolate::isolated;
use parquet_file::ParquetFile;
use prune::{KeptRows, Pruning};
use std::io;
use std::sync::Arc;

/// The fields of a Parquet or Arrow file (those of the given names), and how many it has; the error is
/// a sentence that begins with "its" or "it".
pub fn file_fields(
    path: &str,
    format: &Format,
    only: Option<&[&str]>,
) -> Result<(Vec<Field>, usize), String> {
    isolated(|| {
        let schema = match format {
            Format::Parquet(_) => ParquetFile::open(path)?.metadata.schema().clone(),
            _ => IpcFile::open(path)?.schema,
        };
        Ok((types::fields_of(&schema, only)?, schema.fields().len()))
    })
}

/// A column as the scanner of a file needs it.
#[derive(Clone, Debug)]
struct ColumnPlace {
    name: String,
    path: Vec<String>,
    ty: DataType,
}

#[derive(Clone, Debug)]
enum Opened {
    Parquet(ParquetFile),
    Ipc(IpcFile),
}

/// An open file with its parts.
#[derive(Clone, Debug)]
pub(crate) struct ColumnarFile {
    path: String,
    /// What folders say about it, behind its own columns.
    keys: Arc<[(Value, Type)]>,
    /// Whether the numbers of its rows are a column behind those.
    numbered: bool,
    opened: Opened,
    columns: Arc<[ColumnPlace]>,
    pruning: Option<Arc<Pruning>>,
    parts: Vec<Part>,
    morsel_rows: usize,
}

/// A part of a file.
#[derive(Clone, Copy, Debug)]
struct Part {
    rows: u64,
    /// Rows of the file before it.
    first: u64,
    /// By its statistics, filters drop every row.
    dropped: bool,
}

impl ColumnarFile {
    /// Opens file `index` of a source. `filters` are those that every row meets first, over the
    /// source's columns.
    pub(crate) fn open(
        source: &Source,
        index: usize,
        filters: &[&Expr],
        morsel_rows: usize,
    ) -> Result<Self, ReadError> {
        let path = source.files.get(index).map(|f| f.path.clone()).unwrap_or_default();
        let columns: Arc<[ColumnPlace]> = source
            .columns
            .iter()
            .map(|c| ColumnPlace { name: c.name.clone(), path: c.path.clone(), ty: c.ty.clone() })
            .collect();
        let values = source.files.get(index).map(|f| f.keys.as_slice()).unwrap_or_default();
        let types = source.folders.keys.iter().map(|k| k.column.ty.kind.clone());
        let keys: Arc<[(Value, Type)]> = values.iter().cloned().zip(types).collect();
        let outcome = isolated(|| {
            let opened = match &source.format {
                Format::Parquet(_) => Opened::Parquet(ParquetFile::open(&path)?),
                _ => Opened::Ipc(IpcFile::open(&path)?),
            };
            let rows = match &opened {
                Opened::Parquet(f) => f.part_rows(),
                Opened::Ipc(f) => f.part_rows(),
            };
            let pruning = match &opened {
                Opened::Parquet(f) => Pruning::new(f, source, filters).map(Arc::new),
                Opened::Ipc(_) => None,
            };
            let mut first = 0u64;
            let parts = rows.iter().enumerate().map(|(i, rows)| {
                let dropped = pruning.as_ref().is_some_and(|p| p.drops_group(i));
                let part = Part { rows: *rows, first, dropped };
                first = first.saturating_add(*rows);
                part
            });
            let parts = parts.collect();
            Ok((opened, pruning, parts))
        });
        let (opened, pruning, parts) = outcome.map_err(|why| read_error(&path, why))?;
        let numbered = source.line.is_some();
        Ok(ColumnarFile { path, keys, numbered, opened, columns, pruning, parts, morsel_rows })
    }

    /// How many parts it has.
    pub(crate) fn parts(&self) -> usize {
        self.parts.len()
    }

    /// The rows of a part, if its statistics say that the filters drop all of them.
    pub(crate) fn dropped_rows(&self, part: usize) -> Option<u64> {
        self.parts.get(part).filter(|p| p.dropped).map(|p| p.rows)
    }

    /// The rows of a part that are left by what is known of its pages, if that is not all.
    fn kept_rows(&self, part: usize) -> Option<KeptRows> {
        let (Opened::Parquet(file), Some(pruning)) = (&self.opened, &self.pruning) else { return None };
        let paths: Vec<&[String]> = self.columns.iter().map(|c| c.path.as_slice()).collect();
        isolated(|| Ok(pruning.kept_rows(file, part, &file.leaves(&paths)))).ok().flatten()
    }

    /// Of a part whose pages tell which rows filters drop: how many of them are read, and how many there are.
    pub(crate) fn kept_pages(&self, part: usize) -> Option<(usize, usize)> {
        self.kept_rows(part).map(|kept| kept.pages)
    }

    /// Bytes of the file.
    pub(crate) fn size(&self) -> u64 {
        match &self.opened {
            Opened::Parquet(f) => f.bytes.size(),
            Opened::Ipc(f) => f.bytes.size(),
        }
    }

    /// Reads a part.
    pub(crate) fn scan(&self, part: usize) -> Result<ColumnarScanner, ReadError> {
        ColumnarScanner::new(self, part).map_err(|why| read_error(&self.path, why))
    }
}

fn read_error(path: &str, why: String) -> ReadError {
    ReadError {
        path: input_name(path).into_owned().into(),
        error: io::Error::new(io::ErrorKind::InvalidData, why),
    }
}
