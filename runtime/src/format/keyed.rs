//! Columns that the names of folders give: one value in all rows of a file.
//!
//! [`KeyedScanner`] puts them behind the columns that a scanner of bytes delivers; scanners of columnar
//! files, which are made for one file each, do so themselves. Invariant: a key is never an error.

use super::{BrokenRow, Chunk, Scanner, forward_places};
use flow_ir::column::ColumnBuilder;
use flow_ir::source::Source;
use flow_ir::{Column, Type, Value};
use std::ops::Range;

/// `rows` rows of a key.
pub(crate) fn key_column(value: &Value, ty: &Type, rows: usize) -> Column {
    let mut builder = ColumnBuilder::new(ty, rows);
    (0..rows).for_each(|_| builder.push(Ok(value)));
    builder.finish()
}

/// A scanner with key columns behind its own.
pub(crate) struct KeyedScanner {
    inner: Box<dyn Scanner>,
    source: Source,
    file: usize,
}

impl KeyedScanner {
    pub(crate) fn new(inner: Box<dyn Scanner>, source: &Source) -> Self {
        KeyedScanner { inner, source: source.clone(), file: 0 }
    }
}

impl Scanner for KeyedScanner {
    fn begin(&mut self, chunk: &Chunk) {
        self.file = chunk.file;
        self.inner.begin(chunk);
    }

    fn next_morsel(&mut self) -> bool {
        self.inner.next_morsel()
    }

    fn rows(&self) -> usize {
        self.inner.rows()
    }

    fn column(&self, index: usize, rows: Option<&[u32]>) -> Column {
        let Some(at) = index.checked_sub(self.source.columns.len()) else {
            return self.inner.column(index, rows);
        };
        let count = rows.map_or_else(|| self.inner.rows(), <[u32]>::len);
        let value = self.source.files.get(self.file).and_then(|f| f.keys.get(at));
        let ty = self.source.folders.keys.get(at).map_or(&Type::Null, |k| &k.column.ty.kind);
        key_column(value.unwrap_or(&Value::Null), ty, count)
    }

    forward_places!();
}
