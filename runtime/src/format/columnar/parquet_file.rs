//! Parquet files: footers, row groups as parts, and the columns a program uses.

use super::bytes::FileBytes;
use super::footer;
use super::pages::CheckedGroup;
use super::prune::KeptRows;
use arrow_array::RecordBatch;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, RowGroups, RowSelection,
};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use std::ops::Range;

/// An open Parquet file.
#[derive(Clone, Debug)]
pub(super) struct ParquetFile {
    pub(super) bytes: FileBytes,
    pub(super) metadata: ArrowReaderMetadata,
}

impl ParquetFile {
    pub(super) fn open(path: &str) -> Result<Self, String> {
        let bytes = FileBytes::open(path).map_err(|e| e.to_string())?;
        check_footer(&bytes)?;
        let metadata = ArrowReaderMetadata::load(&bytes, ArrowReaderOptions::new());
        let metadata = metadata.map_err(|e| format!("its footer is malformed: {e}"))?;
        check_rows(metadata.metadata().row_groups())?;
        Ok(ParquetFile { bytes, metadata })
    }

    /// The rows of each row group.
    pub(super) fn part_rows(&self) -> Vec<u64> {
        let groups = self.metadata.metadata().row_groups();
        groups.iter().map(|g| u64::try_from(g.num_rows()).unwrap_or(0)).collect()
    }

    /// The columns of the file that hold the given paths.
    pub(super) fn leaves(&self, paths: &[&[String]]) -> Vec<usize> {
        let columns = self.metadata.parquet_schema().columns().iter().enumerate();
        let under = |parts: &[String]| paths.iter().any(|path| parts.starts_with(path));
        columns.filter(|(_, c)| under(c.path().parts())).map(|(i, _)| i).collect()
    }

    /// Where the columns of a row group lie.
    fn column_ranges(&self, part: usize, leaves: &[usize]) -> Vec<Range<u64>> {
        let Some(group) = self.metadata.metadata().row_groups().get(part) else { return Vec::new() };
        let columns = leaves.iter().filter_map(|at| group.columns().get(*at));
        let range = |c: &ColumnChunkMetaData| {
            let start = c.dictionary_page_offset().filter(|at| *at > 0).unwrap_or(i64::MAX);
            let start = u64::try_from(start.min(c.data_page_offset())).ok()?;
            Some(start..start.checked_add(u64::try_from(c.compressed_size()).ok()?)?)
        };
        columns.filter_map(range).collect()
    }

    /// Reads row group `part`, `rows` rows at a time; of its rows only those that are `kept`, if that is known.
    pub(super) fn scan(
        &self,
        part: usize,
        paths: &[&[String]],
        rows: usize,
        kept: Option<&KeptRows>,
    ) -> Result<(ParquetRecordBatchReader, FileBytes), String> {
        let metadata = self.metadata.metadata();
        let schema = self.metadata.parquet_schema();
        let leaves = self.leaves(paths);
        let bytes = self.bytes.fetching(self.column_ranges(part, &leaves)).map_err(|e| e.to_string())?;
        let mask = ProjectionMask::leaves(schema, leaves);
        let hint = self.metadata.schema().fields();
        let levels = parquet_to_arrow_field_levels(schema, mask, Some(hint)).map_err(|e| e.to_string())?;
        let group = CheckedGroup { bytes: bytes.clone(), metadata, group: part };
        // No more is set aside than there are rows.
        let rows = rows.min(group.num_rows()).max(1);
        let selection = kept.map(|kept| {
            let ranges = kept.ranges.iter().map(|r| r.start as usize..r.end as usize);
            RowSelection::from_consecutive_ranges(ranges, group.num_rows())
        });
        let reader = ParquetRecordBatchReader::try_new_with_row_groups(&levels, &group, rows, selection);
        Ok((reader.map_err(|e| e.to_string())?, bytes))
    }
}

/// The next batch of a reader.
pub(super) fn next_batch(reader: &mut ParquetRecordBatchReader) -> Result<Option<RecordBatch>, String> {
    reader.next().transpose().map_err(|e| e.to_string())
}

/// Whether row groups can have as many rows as they state: every column has a value for each.
fn check_rows(groups: &[RowGroupMetaData]) -> Result<(), String> {
    for group in groups {
        let few = group.columns().iter().any(|c| c.num_values() < group.num_rows());
        if group.num_rows() < 0 || few {
            return Err("its footer is malformed: a row group cannot have the rows that it states".to_owned());
        }
    }
    Ok(())
}

fn check_footer(bytes: &FileBytes) -> Result<(), String> {
    let size = bytes.size();
    let short = || "it is no Parquet file: it is too short".to_owned();
    let tail = bytes.range(size.checked_sub(8).ok_or_else(short)?, 8).map_err(|e| e.to_string())?;
    let ([a, b, c, d], magic) = (
        [tail.first(), tail.get(1), tail.get(2), tail.get(3)].map(|b| b.copied().unwrap_or_default()),
        tail.get(4..).unwrap_or_default(),
    );
    if magic == b"PARE" {
        return Err("it is an encrypted Parquet file".to_owned());
    }
    if magic != b"PAR1" {
        return Err("it is no Parquet file, or it was cut off: it does not end in `PAR1`".to_owned());
    }
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    let start = size.checked_sub(8 + length).ok_or("its footer is malformed: it is longer than the file")?;
    let footer = bytes.range(start, length as usize).map_err(|e| e.to_string())?;
    match footer::is_plausible(&footer) {
        true => Ok(()),
        false => Err("its footer is malformed".to_owned()),
    }
}
