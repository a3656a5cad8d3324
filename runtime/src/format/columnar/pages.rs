//! The pages of a row group, checked before the library decodes them.
//!
//! The library allocates by what page headers and delta encodings state. Both are compared here with the
//! bytes that are there: headers before a column is read, encodings as each page is taken up. Invariant: a
//! page takes no more memory than its compression can make of its bytes.

use super::bytes::FileBytes;
use super::footer::{PageHeader, page_header};
use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;
use std::sync::Arc;

/// One row group of a file.
pub(super) struct CheckedGroup<'a> {
    pub(super) bytes: FileBytes,
    pub(super) metadata: &'a ParquetMetaData,
    pub(super) group: usize,
}

impl CheckedGroup<'_> {
    fn of_group(&self) -> Result<&RowGroupMetaData> {
        let group = self.metadata.row_groups().get(self.group);
        group.ok_or_else(|| ParquetError::General("a row group is missing".to_owned()))
    }
}

impl RowGroups for CheckedGroup<'_> {
    fn num_rows(&self) -> usize {
        self.of_group().ok().and_then(|g| usize::try_from(g.num_rows()).ok()).unwrap_or(0)
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        let group = self.of_group()?;
        let chunk = group.columns().get(column);
        let chunk = chunk.ok_or_else(|| ParquetError::General("a column is missing".to_owned()))?;
        check_headers(&self.bytes, chunk).map_err(|why| ParquetError::General(why.to_owned()))?;
        let rows = usize::try_from(group.num_rows())?;
        let pages = SerializedPageReader::new(Arc::new(self.bytes.clone()), chunk, rows, None)?;
        let about = chunk.column_descr();
        let levels = [about.max_rep_level(), about.max_def_level()];
        Ok(Box::new(OneColumn(Some(CheckedPages { pages, levels }))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(self.metadata.row_groups().get(self.group).into_iter())
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.metadata
    }
}

/// The pages of the one row group.
struct OneColumn(Option<CheckedPages>);

impl Iterator for OneColumn {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(|pages| Ok(Box::new(pages) as Box<dyn PageReader>))
    }
}

impl PageIterator for OneColumn {}

struct CheckedPages {
    pages: SerializedPageReader<FileBytes>,
    /// The greatest repetition and definition levels.
    levels: [i16; 2],
}

impl Iterator for CheckedPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for CheckedPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        match page.as_ref().is_none_or(|page| is_possible(page, self.levels)) {
            true => Ok(page),
            false => Err(ParquetError::General("a page states more values than it holds".to_owned())),
        }
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

/// Whether every page of a column lies in its file and states a size that its bytes can have.
fn check_headers(bytes: &FileBytes, chunk: &ColumnChunkMetaData) -> std::result::Result<(), &'static str> {
    each_header(bytes, chunk, &mut |header| {
        let most = u64::from(header.stored).saturating_mul(expansion(chunk.compression())).saturating_add(64);
        match u64::from(header.stated) > most {
            true => Err("a page states a size that its bytes cannot have"),
            false => Ok(()),
        }
    })
}

/// The first rows of the data pages of a column, counted in their row group of `rows` rows, as the headers of the pages
/// say; `None` if they do not say it, or not of that many rows.
pub(super) fn row_starts(bytes: &FileBytes, chunk: &ColumnChunkMetaData, rows: u64) -> Option<Vec<u64>> {
    let is_flat = chunk.column_descr().max_rep_level() == 0;
    let (mut starts, mut next) = (Vec::new(), 0u64);
    let known = each_header(bytes, chunk, &mut |header| {
        let Some(values) = header.values else { return Ok(()) };
        let length = header.rows.or(is_flat.then_some(values)).ok_or("its rows are not known")?;
        starts.push(next);
        next = next.saturating_add(u64::from(length));
        Ok(())
    });
    (known.is_ok() && next == rows).then_some(starts)
}

/// Hands in the header of every page of a column, which must lie in its file.
fn each_header(
    bytes: &FileBytes,
    chunk: &ColumnChunkMetaData,
    take: &mut dyn FnMut(&PageHeader) -> std::result::Result<(), &'static str>,
) -> std::result::Result<(), &'static str> {
    if chunk.compressed_size() == 0 {
        // A group without rows may have columns without pages, which are nowhere.
        return Ok(());
    }
    let first = [chunk.dictionary_page_offset(), Some(chunk.data_page_offset())];
    let first = first.into_iter().flatten().filter(|at| *at > 0).min().unwrap_or(-1);
    let range = u64::try_from(first).ok().zip(u64::try_from(chunk.compressed_size()).ok());
    let (mut at, end) = range
        .and_then(|(at, length)| Some((at, at.checked_add(length)?)))
        .filter(|(_, end)| *end <= bytes.size())
        .ok_or("it lies past the end of the file")?;
    // What is read here is read again.
    let bytes = bytes.counting();
    while at < end {
        let header = header_at(&bytes, at, end).ok_or("the header of a page is malformed")?;
        take(&header)?;
        at = at.saturating_add(header.length as u64).saturating_add(u64::from(header.stored));
    }
    Ok(())
}

/// The header of the page at `at`.
fn header_at(bytes: &FileBytes, at: u64, end: u64) -> Option<PageHeader> {
    // Nearly all are short; those with long statistics are not.
    let mut window = 128;
    loop {
        let length = (end - at).min(window);
        let found = page_header(&bytes.range(at, usize::try_from(length).ok()?).ok()?);
        if found.is_some() || length < window {
            return found;
        }
        window *= 16;
    }
}

/// The most bytes that one byte of a compression can stand for.
fn expansion(compression: Compression) -> u64 {
    match compression {
        Compression::UNCOMPRESSED => 1,
        Compression::SNAPPY => 64,
        Compression::LZ4 | Compression::LZ4_RAW => 256,
        Compression::GZIP(_) => 1032,
        _ => 32_768,
    }
}

/// Whether a page can hold as many values as it states.
fn is_possible(page: &Page, levels: [i16; 2]) -> bool {
    let (bytes, values, encoding) = match page {
        Page::DictionaryPage { buf, num_values, .. } => return *num_values as usize <= buf.len(),
        Page::DataPage { buf, num_values, encoding, rep_level_encoding, def_level_encoding, .. } => {
            let mut rest = &buf[..];
            for (most, encoding) in levels.into_iter().zip([rep_level_encoding, def_level_encoding]) {
                match behind_levels(rest, most, *encoding, *num_values) {
                    Some(behind) => rest = behind,
                    None => return false,
                }
            }
            (rest, *num_values, *encoding)
        }
        Page::DataPageV2 { buf, num_values, encoding, rep_levels_byte_len, def_levels_byte_len, .. } => {
            let levels = (*rep_levels_byte_len as usize).saturating_add(*def_levels_byte_len as usize);
            match buf.get(levels..) {
                Some(rest) => (rest, *num_values, *encoding),
                None => return false,
            }
        }
    };
    // A page of nulls only has nothing behind its levels.
    match encoding {
        _ if bytes.is_empty() => true,
        Encoding::DELTA_BINARY_PACKED | Encoding::DELTA_LENGTH_BYTE_ARRAY => {
            behind_deltas(bytes, values).is_some()
        }
        Encoding::DELTA_BYTE_ARRAY => {
            behind_deltas(bytes, values).and_then(|rest| behind_deltas(rest, values)).is_some()
        }
        _ => true,
    }
}

/// What follows levels from 0 to `most` in a page of the first version.
#[expect(deprecated, reason = "old files have levels that are packed so")]
fn behind_levels(bytes: &[u8], most: i16, encoding: Encoding, values: u32) -> Option<&[u8]> {
    if most <= 0 {
        return Some(bytes);
    }
    if encoding == Encoding::BIT_PACKED {
        let bits = u64::from(values).checked_mul(u64::from(16 - most.leading_zeros()))?;
        return bytes.get(usize::try_from(bits.div_ceil(8)).ok()?..);
    }
    let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    bytes.get(4..)?.get(length..)
}

/// What follows a run of packed deltas, which may hold `most` numbers.
fn behind_deltas(bytes: &[u8], most: u32) -> Option<&[u8]> {
    let mut rest = bytes;
    let (block, blocks, count) = (varint(&mut rest)?, varint(&mut rest)?, varint(&mut rest)?);
    varint(&mut rest)?;
    if count > u64::from(most) || blocks == 0 || block % blocks != 0 {
        return None;
    }
    let (per, blocks) = (block / blocks, usize::try_from(blocks).ok()?);
    if per == 0 {
        return None;
    }
    let mut left = count.saturating_sub(1);
    while left > 0 {
        varint(&mut rest)?;
        let (widths, behind) = rest.split_at_checked(blocks)?;
        rest = behind;
        for width in widths {
            if left == 0 {
                break;
            }
            let bits = per.checked_mul(u64::from(*width))?;
            // The last one may lack its end.
            let length = usize::try_from(bits.div_ceil(8)).ok()?.min(rest.len());
            rest = rest.get(length..)?;
            left = left.saturating_sub(per);
        }
    }
    Some(rest)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{behind_deltas, behind_levels};
    use parquet::basic::Encoding;

    #[test]
    fn deltas_are_no_more_than_their_page_has_values() {
        // Blocks of 128 in 4 parts, two numbers, the first is 1; least delta 0, all widths 0.
        let two = [0x80, 1, 4, 2, 2, 0, 0, 0, 0, 0, 9];
        assert_eq!(behind_deltas(&two, 2), Some(&[9][..]));
        assert_eq!(behind_deltas(&two, 1), None);
        // 2^35 numbers.
        let many = [0x80, 1, 4, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 2, 0];
        assert_eq!(behind_deltas(&many, u32::MAX), None);
        // None, in more parts than there are bytes.
        assert_eq!(behind_deltas(&[0x80, 0x10, 8, 0, 0], 9), Some(&[][..]));
        // Parts of no numbers, and no parts.
        assert_eq!(behind_deltas(&[0, 4, 2, 2, 0, 0, 0, 0, 0], 2), None);
        assert_eq!(behind_deltas(&[0x80, 1, 0, 2, 2], 2), None);
    }

    #[test]
    fn levels_end_within_their_page() {
        assert_eq!(behind_levels(&[1, 0, 0, 0, 7, 8], 1, Encoding::RLE, 1), Some(&[8][..]));
        assert_eq!(behind_levels(&[9, 0, 0, 0, 7, 8], 1, Encoding::RLE, 1), None);
        assert_eq!(behind_levels(&[5], 0, Encoding::RLE, 1), Some(&[5][..]));
    }
}
