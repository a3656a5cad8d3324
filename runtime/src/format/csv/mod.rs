//! Delimited text: `csv`, `tsv` and any other single-byte separator, quoted or not.
//!
//! [`rows`] finds rows and fields with the vector pass, [`check`] does so completely for blocks
//! that are out of the ordinary, [`fields`] finds the text of one column, [`columns`] parses it.
//! Invariants: structure (field count, quotes, UTF-8) is always checked; a field is parsed only
//! when its column is asked for; a row is never skipped or resynchronised silently.

mod check;
mod columns;
mod fields;
pub mod header;
pub(crate) mod rows;
#[cfg(test)]
mod tests;

use super::{BrokenRow, Chunk, MorselLimits, Scanner};
use crate::kernels::level::SimdLevel;
use columns::{ColumnFormat, Context};
use flow_ir::source::{Dialect, Format, Source};
use flow_ir::{Column, DataType, Type};
use rows::{Delimiters, Rows};
use std::ops::Range;

/// The texts of a column of undivided rows.
pub(crate) use fields::fields;

/// How the rows of one file are laid out.
#[derive(Clone, Debug)]
struct FileLayout {
    /// The position of each of the source's columns among the fields.
    positions: Vec<u32>,
    /// Fields in every row.
    fields: usize,
}

/// Scans delimited text.
#[derive(Debug)]
pub struct CsvScanner {
    rows: Rows,
    columns: Vec<(DataType, ColumnFormat)>,
    nulls: Vec<Vec<u8>>,
    files: Vec<FileLayout>,
    file: usize,
}

impl CsvScanner {
    /// A scanner for a source; `None` if it is not delimited text.
    pub fn new(source: &Source, limits: MorselLimits) -> Option<Self> {
        let Format::Delimited(dialect) = &source.format else { return None };
        let types: Vec<DataType> = source.columns.iter().map(|c| c.ty.clone()).collect();
        let files = source.files.iter().map(|f| (f.positions.clone(), f.fields));
        Some(Self::with_level(SimdLevel::detect(), dialect, types, files.collect(), limits))
    }

    /// A scanner for columns of the given types. Each file has the position of each column among
    /// its fields, and the number of fields.
    pub fn with_level(
        level: SimdLevel,
        dialect: &Dialect,
        types: Vec<DataType>,
        files: Vec<(Vec<u32>, u32)>,
        limits: MorselLimits,
    ) -> Self {
        let delimiters =
            Delimiters { separator: dialect.separator, quote: dialect.quote, header: dialect.header };
        let nulls: Vec<Vec<u8>> = dialect.null.iter().map(|n| n.clone().into_bytes()).collect();
        let columns = types.into_iter().map(|ty| (ty.clone(), ColumnFormat::new(ty, &nulls))).collect();
        let files =
            files.into_iter().map(|(positions, fields)| FileLayout { positions, fields: fields as usize });
        CsvScanner {
            rows: Rows::new(level, delimiters, limits),
            columns,
            nulls,
            files: files.collect(),
            file: 0,
        }
    }

    /// The position of a column among the fields of the current file, if every row has it.
    fn position(&self, index: usize) -> Option<usize> {
        let position = *self.files.get(self.file)?.positions.get(index)? as usize;
        (position < self.rows.fields).then_some(position)
    }
}

impl Scanner for CsvScanner {
    fn begin(&mut self, chunk: &Chunk) {
        self.file = chunk.file;
        let fields = self.files.get(chunk.file).map_or(1, |f| f.fields);
        self.rows.begin(chunk, fields);
    }

    fn next_morsel(&mut self) -> bool {
        self.rows.next_morsel()
    }

    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn column(&self, index: usize, rows: Option<&[u32]>) -> Column {
        let count = rows.map_or(self.rows.len(), <[u32]>::len);
        let Some((ty, format)) = self.columns.get(index) else {
            return columns::unreadable(&DataType::nullable(Type::Null), count);
        };
        let Some(position) = self.position(index) else {
            return columns::unreadable(ty, count);
        };
        let context = Context {
            level: self.rows.level,
            buffer: &self.rows.buffer,
            nulls: &self.nulls,
            escapes: self.rows.quote().filter(|_| self.rows.facts().escapes),
        };
        context.column(format, fields(&self.rows, position, rows))
    }

    fn broken(&self) -> &[BrokenRow] {
        self.rows.broken()
    }

    fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.rows.bytes(range)
    }

    fn row_span(&self, row: usize) -> Range<usize> {
        self.rows.row_span(row)
    }

    fn field_span(&self, row: usize, index: usize) -> Option<Range<usize>> {
        let position = *self.files.get(self.file)?.positions.get(index)? as usize;
        self.rows.field_span(row, position)
    }
}
