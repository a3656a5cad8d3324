//! Writing formats: from columns to the bytes of `csv`, `tsv`, `jsonl`, `json` and `text`, and to the
//! pieces of `parquet` and `arrow`.
//!
//! A [`RowWriter`] is shared by the threads of a stage; each turns its batches into bytes, and the
//! sink puts header, pieces, separators and footer together in order. Every scalar is printed as
//! `flow_ir::text` prints it.
//!
//! * Delimited text: null is an empty field. A text is quoted where it would otherwise read back
//!   as something else: when it holds the separator, a quote or a line break, when it is empty, or
//!   when it is one of the dialect's spellings of null. Without a quote byte texts are written as
//!   they are. Lists and records are JSON texts.
//! * JSON: paths of several names make nested objects; a record that may be null is null when
//!   everything in it is. Floats that are no JSON numbers are the
//!   strings `"nan"`, `"inf"` and `"-inf"`; times and bytes are strings.
//! * Text: every value on a line of its own; null is an empty line.

#[cfg(feature = "parquet")]
mod arrays;
#[cfg(feature = "parquet")]
pub(crate) mod columnar;
#[cfg(not(feature = "parquet"))]
#[path = "write/no_columnar.rs"]
pub(crate) mod columnar;
mod delimited;
mod json;
pub(crate) mod keyed;
mod scalar;

use columnar::PieceWriter;
use delimited::DelimitedWriter;
use flow_ir::Column;
use flow_ir::source::{Format, SinkColumn};
use json::JsonWriter;
use scalar::Scratch;

/// Turns rows into the bytes of an output format.
#[derive(Clone, Debug)]
pub struct RowWriter {
    columns: Vec<SinkColumn>,
    format: FormatWriter,
    /// Of the columns it is given, those that name folders, and those that are written.
    folders: Option<Split>,
}

/// Columns of a sink by what they are for.
#[derive(Clone, Debug)]
struct Split {
    about: Vec<SinkColumn>,
    keys: Vec<usize>,
    others: Vec<usize>,
}

#[derive(Clone, Debug)]
enum FormatWriter {
    Delimited(DelimitedWriter),
    JsonLines(JsonWriter),
    Json(JsonWriter),
    Text,
    Columns(PieceWriter),
}

impl RowWriter {
    /// A writer of `columns`, in that order.
    /// Of the records that their names make, those at the paths `optional` may be null as a whole.
    pub fn new(format: &Format, columns: &[SinkColumn], optional: &[Vec<String>]) -> Self {
        let format = match format {
            Format::Delimited(dialect) => FormatWriter::Delimited(DelimitedWriter::new(dialect)),
            Format::JsonLines => FormatWriter::JsonLines(JsonWriter::new(columns, optional)),
            Format::Json => FormatWriter::Json(JsonWriter::new(columns, optional)),
            Format::Lines | Format::Text => FormatWriter::Text,
            Format::Parquet(_) | Format::Arrow(_) => {
                FormatWriter::Columns(PieceWriter::new(columns, optional))
            }
        };
        RowWriter { columns: columns.to_vec(), format, folders: None }
    }

    /// The same for a sink that may be a directory: the columns at `keys` name folders.
    pub(crate) fn of_sink(
        format: &Format,
        columns: &[SinkColumn],
        optional: &[Vec<String>],
        keys: Option<&[u32]>,
    ) -> Self {
        let Some(keys) = keys else { return Self::new(format, columns, optional) };
        let keys: Vec<usize> = keys.iter().map(|k| *k as usize).collect();
        let others: Vec<usize> = (0..columns.len()).filter(|i| !keys.contains(i)).collect();
        let written: Vec<SinkColumn> = others.iter().map(|i| columns[*i].clone()).collect();
        let folders = Some(Split { about: columns.to_vec(), keys, others });
        RowWriter { folders, ..Self::new(format, &written, optional) }
    }

    /// The rows of each folder as a piece of its own.
    fn by_folder(&self, split: &Split, columns: &[&Column], rows: usize, out: &mut Vec<u8>) {
        let about: Vec<&SinkColumn> = split.keys.iter().map(|k| &split.about[*k]).collect();
        let keys: Vec<&Column> = split.keys.iter().map(|k| columns[*k]).collect();
        let mut bytes = Vec::new();
        for (folder, chosen) in keyed::by_folder(&about, &keys, rows) {
            let gathered: Vec<Column> = split.others.iter().map(|i| columns[*i].gather(&chosen)).collect();
            let gathered: Vec<&Column> = gathered.iter().collect();
            bytes.clear();
            self.plain_rows(&gathered, chosen.len(), &mut bytes);
            let piece = keyed::Piece { folder: &folder, rows: chosen.len() as u64, bytes: &bytes };
            keyed::push_piece(out, &piece);
        }
    }

    /// What comes before the first row, also when there is none.
    pub fn header(&self) -> Vec<u8> {
        match &self.format {
            FormatWriter::Delimited(writer) => writer.header(&self.columns),
            FormatWriter::Json(_) => b"[".to_vec(),
            FormatWriter::JsonLines(_) | FormatWriter::Text | FormatWriter::Columns(_) => Vec::new(),
        }
    }

    /// What comes between the pieces of output that [`RowWriter::rows`] made.
    pub fn separator(&self) -> Vec<u8> {
        match &self.format {
            FormatWriter::Json(_) => b",".to_vec(),
            _ => Vec::new(),
        }
    }

    /// What comes after the last row.
    pub fn footer(&self) -> Vec<u8> {
        match &self.format {
            FormatWriter::Json(_) => b"\n]\n".to_vec(),
            _ => Vec::new(),
        }
    }

    /// Appends the first `rows` rows of the columns. What `out` already holds are earlier rows of
    /// the same piece.
    pub fn rows(&self, columns: &[&Column], rows: usize, out: &mut Vec<u8>) {
        match &self.folders {
            Some(split) => self.by_folder(split, columns, rows, out),
            None => self.plain_rows(columns, rows, out),
        }
    }

    fn plain_rows(&self, columns: &[&Column], rows: usize, out: &mut Vec<u8>) {
        if let FormatWriter::Columns(writer) = &self.format {
            return writer.rows(&self.columns, columns, rows, out);
        }
        let mut scratch = Scratch::default();
        for row in 0..rows {
            match &self.format {
                FormatWriter::Delimited(writer) => {
                    writer.row(&self.columns, columns, row, &mut scratch, out);
                }
                FormatWriter::JsonLines(writer) => {
                    writer.row(&self.columns, columns, row, &mut scratch, out);
                    out.push(b'\n');
                }
                FormatWriter::Json(writer) => {
                    if !out.is_empty() {
                        out.push(b',');
                    }
                    out.push(b'\n');
                    writer.row(&self.columns, columns, row, &mut scratch, out);
                }
                // Not row by row.
                FormatWriter::Columns(_) => {}
                FormatWriter::Text => {
                    for (about, column) in self.columns.iter().zip(columns) {
                        scratch.text(column, row, &about.ty.kind, out);
                        out.push(b'\n');
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
