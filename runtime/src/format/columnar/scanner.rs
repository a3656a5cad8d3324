//! One part of a columnar file as morsels.
//!
//! A morsel is a batch of the library's reader. Places of rows are row numbers: a columnar file has
//! no lines. An error of the library ends the scan; it is kept until the worker asks for it.

use super::bytes::FileBytes;
use super::isolate::isolated;
use super::parquet_file::next_batch;
use super::prune::KeptRows;
use super::values::{Leaf, Rows, column};
use super::{ColumnPlace, ColumnarFile, Opened, read_error};
use crate::format::keyed::key_column;
use crate::format::numbered::number_column;
use crate::format::{BrokenRow, Chunk, Scanner};
use crate::reader::ReadError;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StructArray};
use arrow_buffer::NullBuffer;
use flow_ir::column::ColumnBuilder;
use flow_ir::{Column, DataType, ErrorCode, Value};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// Where batches come from.
enum Batches {
    Parquet(ParquetRecordBatchReader),
    /// One batch, handed out in slices.
    Ipc {
        batch: RecordBatch,
        at: usize,
        rows: usize,
    },
}

/// Reads one part of a file.
pub(crate) struct ColumnarScanner {
    file: ColumnarFile,
    part: usize,
    batches: Batches,
    bytes: FileBytes,
    /// Rows of the part that are to come, in order, counted in the part.
    expected: VecDeque<Range<u64>>,
    /// The next row of the part that has neither been handed out nor skipped.
    next: u64,
    /// Rows skipped since somebody asked.
    skipped: u64,
    /// The rest of a batch, behind rows that are skipped.
    pending: Option<RecordBatch>,
    /// The columns of the morsel; `None` where the file does not have one (any more).
    leaves: Vec<Option<Leaf>>,
    rows: usize,
    /// The number of the morsel's first row in the file.
    first: u64,
    error: Option<ReadError>,
}

impl ColumnarScanner {
    pub(super) fn new(file: &ColumnarFile, part: usize) -> Result<Self, String> {
        let paths: Vec<&[String]> = file.columns.iter().map(|c| c.path.as_slice()).collect();
        let kept = file.kept_rows(part);
        let opened = isolated(|| batches(file, part, &paths, kept.as_ref()));
        let (batches, bytes) = opened.map_err(|why| blame(file, part, &why))?;
        let first = file.parts.get(part).map_or(0, |p| p.first);
        let rows = file.parts.get(part).map_or(0, |p| p.rows);
        let whole = 0..rows;
        let expected = kept.map_or_else(|| VecDeque::from([whole]), |kept| kept.ranges.into());
        Ok(ColumnarScanner {
            file: file.clone(),
            part,
            batches,
            bytes,
            expected: expected.into_iter().filter(|r| !r.is_empty()).collect(),
            next: 0,
            skipped: 0,
            pending: None,
            leaves: Vec::new(),
            rows: 0,
            first,
            error: None,
        })
    }

    /// Rows that filters drop by what is known of their pages, and that stand before the morsel or, after the last
    /// one, behind it; since this was asked last.
    pub(crate) fn take_skipped(&mut self) -> u64 {
        std::mem::take(&mut self.skipped)
    }

    /// Goes on to the next rows that are expected; how many of `rows` are, without a gap.
    fn go_on(&mut self, rows: usize) -> Option<usize> {
        let range = self.expected.front_mut()?;
        self.skipped += range.start - self.next;
        let n = (range.end - range.start).min(rows as u64);
        self.first = self.file.parts.get(self.part)?.first.saturating_add(range.start);
        range.start += n;
        self.next = range.start;
        if range.is_empty() {
            self.expected.pop_front();
        }
        usize::try_from(n).ok()
    }

    /// Why the scan ended early, if it did.
    pub(crate) fn take_error(&mut self) -> Option<ReadError> {
        self.error.take()
    }

    /// Bytes read from the file.
    pub(crate) fn taken(&self) -> u64 {
        self.bytes.taken()
    }

    fn fail(&mut self, why: &str) {
        self.error = Some(read_error(&self.file.path, blame(&self.file, self.part, why)));
    }

    /// A value that is not one of its column's type, as JSON.
    fn push_bad_value(&self, row: usize, index: usize, out: &mut String) {
        let text = self.field_text(row, index);
        if text.is_empty() {
            out.push_str("null");
        } else if text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
            out.push_str(&text);
        } else {
            flow_ir::text::push_json_string(out, &text);
        }
    }

    fn row_number(&self, row: usize) -> u64 {
        self.first + row as u64
    }
}

/// The error of a part, with the first column that has it if it belongs to one.
fn blame(file: &ColumnarFile, part: usize, why: &str) -> String {
    let guilty = file.columns.iter().find_map(|c| {
        let alone = isolated(|| {
            let (mut batches, _) = batches(file, part, &[c.path.as_slice()], None)?;
            while batches.next()?.is_some() {}
            Ok(())
        });
        alone.err().map(|why| (c, why))
    });
    match guilty {
        Some((c, why)) => format!("its column `{}` is malformed: {why}", c.name),
        None => format!("it is malformed: {why}"),
    }
}

fn batches(
    file: &ColumnarFile,
    part: usize,
    paths: &[&[String]],
    kept: Option<&KeptRows>,
) -> Result<(Batches, FileBytes), String> {
    Ok(match &file.opened {
        Opened::Parquet(f) => {
            let (reader, bytes) = f.scan(part, paths, file.morsel_rows, kept)?;
            (Batches::Parquet(reader), bytes)
        }
        Opened::Ipc(f) => {
            let (batch, bytes) = f.scan(part, paths)?;
            (Batches::Ipc { batch, at: 0, rows: file.morsel_rows }, bytes)
        }
    })
}

impl Batches {
    fn next(&mut self) -> Result<Option<RecordBatch>, String> {
        match self {
            Batches::Parquet(reader) => next_batch(reader),
            Batches::Ipc { batch, at, rows } => {
                let n = (batch.num_rows() - *at).min(*rows);
                let slice = batch.slice(*at, n);
                *at += n;
                Ok((n > 0).then_some(slice))
            }
        }
    }
}

/// The array at a path of names through records, with the nulls of the records around it.
fn leaf(batch: &RecordBatch, path: &[String]) -> Option<Leaf> {
    let (first, inner) = path.split_first()?;
    let mut array: ArrayRef = batch.column_by_name(first)?.clone();
    let mut nulls: Option<NullBuffer> = array.logical_nulls();
    for name in inner {
        let record: &StructArray = array.as_struct_opt()?;
        let field = record.column_by_name(name)?.clone();
        nulls = NullBuffer::union(nulls.as_ref(), field.logical_nulls().as_ref());
        array = field;
    }
    Some(Leaf { array, nulls })
}

fn unreadable(ty: &DataType, rows: usize) -> Column {
    let mut builder = ColumnBuilder::new(&ty.kind, rows);
    (0..rows).for_each(|_| builder.push(Err(ErrorCode::Malformed as u8)));
    builder.finish()
}

impl Scanner for ColumnarScanner {
    /// The part is known already.
    fn begin(&mut self, _chunk: &Chunk) {}

    fn next_morsel(&mut self) -> bool {
        const OTHER_ROWS: &str = "a row group has another number of rows than it states";
        self.rows = 0;
        self.leaves.clear();
        let columns: Arc<[ColumnPlace]> = self.file.columns.clone();
        let batches = &mut self.batches;
        let batch = match self.pending.take() {
            Some(batch) => Ok(Some(batch)),
            None => isolated(|| batches.next()),
        };
        let rows = match batch {
            Ok(Some(batch)) => {
                let Some(rows) = self.go_on(batch.num_rows()) else {
                    self.fail(OTHER_ROWS);
                    return false;
                };
                // A morsel has no gap, so that its rows have numbers in a row.
                let taken = isolated(|| {
                    let rest = (rows < batch.num_rows()).then(|| batch.slice(rows, batch.num_rows() - rows));
                    let batch = batch.slice(0, rows);
                    Ok((rest, columns.iter().map(|c| leaf(&batch, &c.path)).collect::<Vec<_>>()))
                });
                taken.map(|(rest, leaves)| {
                    self.pending = rest;
                    self.leaves = leaves;
                    rows
                })
            }
            Ok(None) if !self.expected.is_empty() => Err(OTHER_ROWS.to_owned()),
            Ok(None) => {
                let all = self.file.parts.get(self.part).map_or(0, |p| p.rows);
                self.skipped += all.saturating_sub(self.next);
                self.next = all;
                return false;
            }
            Err(why) => Err(why),
        };
        match rows {
            Ok(rows) => {
                self.rows = rows;
                rows > 0
            }
            Err(why) => {
                self.fail(&why);
                false
            }
        }
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn column(&self, index: usize, rows: Option<&[u32]>) -> Column {
        let rows = Rows { chosen: rows, all: self.rows };
        let Some(place) = self.file.columns.get(index) else {
            let at = index.saturating_sub(self.file.columns.len());
            if let Some((value, ty)) = self.file.keys.get(at) {
                return key_column(value, ty, rows.len());
            }
            if self.file.numbered && at == self.file.keys.len() {
                let number = |row| self.row_number(row) + 1;
                return match rows.chosen {
                    Some(chosen) => number_column(chosen.iter().map(|row| number(*row as usize))),
                    None => number_column((0..rows.all).map(number)),
                };
            }
            return unreadable(&DataType::nullable(flow_ir::Type::Null), rows.len());
        };
        let leaf = self.leaves.get(index).and_then(Option::as_ref);
        let found = leaf.and_then(|leaf| isolated(|| Ok(column(leaf, &place.ty, rows))).ok().flatten());
        found.unwrap_or_else(|| unreadable(&place.ty, rows.len()))
    }

    fn broken(&self) -> &[BrokenRow] {
        &[]
    }

    fn bytes(&self, _range: Range<usize>) -> &[u8] {
        &[]
    }

    /// Its number in the file.
    fn row_span(&self, row: usize) -> Range<usize> {
        let number = self.row_number(row) as usize;
        number..number + 1
    }

    fn field_span(&self, row: usize, _index: usize) -> Option<Range<usize>> {
        Some(self.row_span(row))
    }

    fn field_text(&self, row: usize, index: usize) -> String {
        let leaf = self.leaves.get(index).and_then(Option::as_ref);
        // What is no value here is still a number in Arrow, and prints as one.
        match leaf.map(|l| &l.array) {
            Some(array) if array.is_valid(row) => match array.data_type() {
                arrow_schema::DataType::UInt64 => array
                    .as_primitive_opt::<arrow_array::types::UInt64Type>()
                    .map_or_else(String::new, |a| a.value(row).to_string()),
                _ => format!("{:?}", array.slice(row, 1)).lines().nth(2).unwrap_or("").trim().to_owned(),
            },
            _ => String::new(),
        }
    }

    fn row_text(&self, row: usize) -> Vec<u8> {
        let mut out = String::from("{");
        for (index, place) in self.file.columns.iter().enumerate() {
            out.push_str(if index > 0 { ", " } else { "" });
            flow_ir::text::push_json_string(&mut out, &place.name);
            out.push_str(": ");
            match self.column(index, Some(&[row as u32])).value(0, &place.ty.kind) {
                Ok(Value::Null) => out.push_str("null"),
                Ok(value) => flow_ir::text::push_json(&mut out, &value, &place.ty.kind),
                Err(_) => self.push_bad_value(row, index, &mut out),
            }
        }
        out.push('}');
        out.into_bytes()
    }

    fn counts_rows(&self) -> bool {
        true
    }
}
