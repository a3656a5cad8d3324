//! Reading formats: from chunks of bytes to columns.
//!
//! The reader deals chunks that hold whole rows; a [`Scanner`] (one a thread and input) cuts a
//! chunk into morsels, finds every field, and parses only the columns it is asked for, for the
//! rows it is asked for. What a scanner delivers depends on the chunk alone.

#[cfg(feature = "parquet")]
pub(crate) mod columnar;
#[cfg(not(feature = "parquet"))]
#[path = "no_columnar.rs"]
pub(crate) mod columnar;
pub mod csv;
pub mod json;
pub(crate) mod keyed;
pub mod lines;
pub(crate) mod numbered;
pub mod write;

use bytes::Bytes;
use flow_ir::Column;
use std::ops::Range;

/// Readable bytes past the last row in a chunk's buffer.
pub const CHUNK_PADDING: usize = 128;

/// A run of whole rows of one file.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The bytes, with [`CHUNK_PADDING`] more after `end`.
    pub buffer: Bytes,
    /// The first byte of the first row.
    pub start: usize,
    /// One past the last byte of the last row, its line end included where the file has one.
    pub end: usize,
    /// The file's index in its source.
    pub file: usize,
    /// Where `start` lies in the file, in (decompressed) bytes.
    pub offset: u64,
    /// The line of the file that begins at `start`, from 1, for sources whose rows know their lines.
    pub first_line: u64,
}

/// How much a morsel may hold. The grid depends on these and the chunk only.
#[derive(Clone, Copy, Debug)]
pub struct MorselLimits {
    /// Rows at most.
    pub rows_max: usize,
    /// Bytes at most, unless a single row is longer.
    pub bytes_max: usize,
}

/// A row that is not a row of its format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenRow {
    /// The row in the morsel.
    pub row: u32,
    /// The byte in the chunk's buffer at which it went wrong.
    pub at: usize,
    /// What was expected and found: ``"3 fields, expected 4"``.
    pub message: String,
}

/// Cuts chunks into morsels and parses columns of them.
pub trait Scanner: Send {
    /// Starts on a chunk.
    fn begin(&mut self, chunk: &Chunk);

    /// Finds the rows and fields of the next morsel; false when the chunk is done.
    fn next_morsel(&mut self) -> bool;

    /// Rows of the morsel, the broken ones included.
    fn rows(&self) -> usize;

    /// The source's column `index`, for the given rows of the morsel in the given order (all rows
    /// when `None`). A field that is not a value of the column's type has the status
    /// `Malformed` (or `Missing`, when it is null and may not be), every field of a broken row `Structure`.
    fn column(&self, index: usize, rows: Option<&[u32]>) -> Column;

    /// The broken rows, in order.
    fn broken(&self) -> &[BrokenRow];

    /// Bytes of the chunk's buffer.
    fn bytes(&self, range: Range<usize>) -> &[u8];

    /// The bytes of a row in the chunk's buffer, without its line end.
    fn row_span(&self, row: usize) -> Range<usize>;

    /// The bytes of a field (with its quotes), where the row has it.
    fn field_span(&self, row: usize, index: usize) -> Option<Range<usize>>;

    /// The text of a field, for messages.
    fn field_text(&self, row: usize, index: usize) -> String {
        let span = self.field_span(row, index);
        span.map_or_else(String::new, |s| String::from_utf8_lossy(self.bytes(s)).into_owned())
    }

    /// The bytes of a row, for messages and quarantine files.
    fn row_text(&self, row: usize) -> Vec<u8> {
        self.bytes(self.row_span(row)).to_vec()
    }

    /// Whether the spans of rows and fields are row numbers, because the file is no text.
    fn counts_rows(&self) -> bool {
        false
    }
}

/// Where rows and fields stand is for `self.inner` to say: the methods of a [`Scanner`] that only adds columns.
macro_rules! forward_places {
    () => {
        fn broken(&self) -> &[BrokenRow] {
            self.inner.broken()
        }

        fn bytes(&self, range: Range<usize>) -> &[u8] {
            self.inner.bytes(range)
        }

        fn row_span(&self, row: usize) -> Range<usize> {
            self.inner.row_span(row)
        }

        fn field_span(&self, row: usize, index: usize) -> Option<Range<usize>> {
            self.inner.field_span(row, index)
        }

        fn field_text(&self, row: usize, index: usize) -> String {
            self.inner.field_text(row, index)
        }

        fn row_text(&self, row: usize) -> Vec<u8> {
            self.inner.row_text(row)
        }

        fn counts_rows(&self) -> bool {
            self.inner.counts_rows()
        }
    };
}
pub(crate) use forward_places;
