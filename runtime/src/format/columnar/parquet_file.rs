//! Parquet files: footers, row groups as parts, and the columns a program uses.

use super::bytes::FileBytes;
use super::footer;
use arrow_array::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

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
        for group in metadata.metadata().row_groups() {
            if group.num_rows() < 0 {
                return Err("its footer is malformed: a row group has a negative number of rows".to_owned());
            }
        }
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

    /// Reads row group `part`, `rows` rows at a time.
    pub(super) fn scan(
        &self,
        part: usize,
        paths: &[&[String]],
        rows: usize,
    ) -> Result<(ParquetRecordBatchReader, FileBytes), String> {
        let bytes = self.bytes.counting();
        let mask = ProjectionMask::leaves(self.metadata.parquet_schema(), self.leaves(paths));
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(bytes.clone(), self.metadata.clone());
        let reader = builder.with_row_groups(vec![part]).with_projection(mask).with_batch_size(rows.max(1));
        Ok((reader.build().map_err(|e| e.to_string())?, bytes))
    }
}

/// The next batch of a reader.
pub(super) fn next_batch(reader: &mut ParquetRecordBatchReader) -> Result<Option<RecordBatch>, String> {
    reader.next().transpose().map_err(|e| e.to_string())
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
