//! What a Parquet file says of the pages of a column: where they begin, and the bounds of their values.
//!
//! The library decodes these indexes for all columns of a file at once and believes them; here they are read for
//! one column of one row group, and must agree with themselves. Invariant: a list in memory is no longer than its bytes.

use super::bytes::FileBytes;
use super::footer::Walk;
use parquet::basic::Type as Physical;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

/// More than this is not read for one column of a row group.
const INDEX_BYTES_MAX: usize = 16 << 20;

/// The data pages of a column.
#[derive(Debug)]
pub(super) struct PageIndex {
    /// The first row of each, counted in the row group.
    pub(super) starts: Vec<u64>,
    /// The bounds of its values and how many are null, as the library keeps them for row groups.
    pub(super) statistics: Vec<Statistics>,
}

impl PageIndex {
    /// The index of a column in a row group of `rows` rows; `None` if it is not there or cannot be.
    pub(super) fn read(bytes: &FileBytes, chunk: &ColumnChunkMetaData, rows: u64) -> Option<Self> {
        let about = part(bytes, chunk.column_index_offset()?, chunk.column_index_length()?)?;
        let places = part(bytes, chunk.offset_index_offset()?, chunk.offset_index_length()?)?;
        let starts = row_starts(&places)?;
        let ascending = starts.windows(2).all(|w| w.first() < w.last());
        if starts.first() != Some(&0) || !ascending || starts.last().is_none_or(|last| *last >= rows) {
            return None;
        }
        let lists = Lists::of(&about)?;
        let pages = starts.len();
        if [lists.empty.len(), lists.least.len(), lists.greatest.len()] != [pages; 3]
            || lists.nulls.as_ref().is_some_and(|n| n.len() != pages)
        {
            return None;
        }
        let ends = starts.iter().skip(1).copied().chain([rows]);
        let pages = starts.iter().zip(ends).enumerate();
        let statistics =
            pages.map(|(i, (start, end))| lists.page(i, end - start, chunk)).collect::<Option<_>>()?;
        Some(PageIndex { starts, statistics })
    }
}

/// A part of the file that a footer names.
fn part(bytes: &FileBytes, offset: i64, length: i32) -> Option<Vec<u8>> {
    let length = usize::try_from(length).ok().filter(|n| *n <= INDEX_BYTES_MAX)?;
    bytes.range(u64::try_from(offset).ok()?, length).ok()
}

/// The first rows of the pages that an `OffsetIndex` lists.
fn row_starts(bytes: &[u8]) -> Option<Vec<u64>> {
    let mut walk = Walk { rest: bytes };
    let mut starts = None;
    walk.fields(0, &mut |walk, field, kind| match (field, kind) {
        (1, 9) => {
            let mut found = Vec::new();
            walk.elements(&mut |walk, kind| {
                let mut first = None;
                (kind == 12).then_some(())?;
                walk.fields(2, &mut |walk, field, kind| match (field, kind) {
                    (3, 6) => {
                        first = Some(walk.number()?);
                        Some(())
                    }
                    _ => walk.value(kind, false, 3),
                })?;
                found.push(first?);
                Some(())
            })?;
            starts = Some(found);
            Some(())
        }
        _ => walk.value(kind, false, 1),
    })?;
    starts
}

/// A `ColumnIndex`.
#[derive(Default)]
struct Lists<'a> {
    /// Whether a page has nulls only.
    empty: Vec<bool>,
    least: Vec<&'a [u8]>,
    greatest: Vec<&'a [u8]>,
    nulls: Option<Vec<u64>>,
}

impl<'a> Lists<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let mut lists = Lists::default();
        let mut walk = Walk { rest: bytes };
        walk.fields(0, &mut |walk, field, kind| match (field, kind) {
            (1, 9) => walk.elements(&mut |walk, _| {
                lists.empty.push(walk.byte()? == 1);
                Some(())
            }),
            (2 | 3, 9) => walk.elements(&mut |walk, kind| {
                let text = (kind == 8).then(|| walk.text())??;
                if field == 2 {
                    lists.least.push(text)
                } else {
                    lists.greatest.push(text)
                }
                Some(())
            }),
            (5, 9) => walk.elements(&mut |walk, _| {
                let nulls = walk.number()?;
                lists.nulls.get_or_insert_default().push(nulls);
                Some(())
            }),
            _ => walk.value(kind, false, 1),
        })?;
        Some(lists)
    }

    /// What is said of a page of `rows` rows.
    fn page(&self, at: usize, rows: u64, chunk: &ColumnChunkMetaData) -> Option<Statistics> {
        let empty = *self.empty.get(at)?;
        let nulls = match (self.nulls.as_ref().and_then(|n| n.get(at)), empty) {
            (Some(nulls), _) if *nulls > rows => return None,
            (Some(nulls), true) if *nulls != rows => return None,
            (_, true) => Some(rows),
            (nulls, false) => nulls.copied(),
        };
        let bounds = match empty {
            true => None,
            false => Some((*self.least.get(at)?, *self.greatest.get(at)?)),
        };
        statistics(bounds, nulls, chunk)
    }
}

/// The statistics of a page with these bounds; `None` if they are no values of their column.
fn statistics(
    bounds: Option<(&[u8], &[u8])>,
    nulls: Option<u64>,
    chunk: &ColumnChunkMetaData,
) -> Option<Statistics> {
    fn both<'a, T>(
        bounds: Option<(&'a [u8], &'a [u8])>,
        value: impl Fn(&'a [u8]) -> Option<T>,
    ) -> Option<(Option<T>, Option<T>)> {
        match bounds {
            None => Some((None, None)),
            Some((least, greatest)) => Some((Some(value(least)?), Some(value(greatest)?))),
        }
    }
    Some(match chunk.column_type() {
        Physical::BOOLEAN => {
            let (least, greatest) = both(bounds, |b| match b {
                [0] => Some(false),
                [1] => Some(true),
                _ => None,
            })?;
            Statistics::boolean(least, greatest, None, nulls, false)
        }
        Physical::INT32 => {
            let (least, greatest) = both(bounds, |b| Some(i32::from_le_bytes(b.try_into().ok()?)))?;
            Statistics::int32(least, greatest, None, nulls, false)
        }
        Physical::INT64 => {
            let (least, greatest) = both(bounds, |b| Some(i64::from_le_bytes(b.try_into().ok()?)))?;
            Statistics::int64(least, greatest, None, nulls, false)
        }
        Physical::FLOAT => {
            let (least, greatest) = both(bounds, |b| Some(f32::from_le_bytes(b.try_into().ok()?)))?;
            Statistics::float(least, greatest, None, nulls, false)
        }
        Physical::DOUBLE => {
            let (least, greatest) = both(bounds, |b| Some(f64::from_le_bytes(b.try_into().ok()?)))?;
            Statistics::double(least, greatest, None, nulls, false)
        }
        Physical::BYTE_ARRAY => {
            let (least, greatest) = both(bounds, |b| Some(ByteArray::from(b.to_vec())))?;
            Statistics::byte_array(least, greatest, None, nulls, false)
        }
        Physical::FIXED_LEN_BYTE_ARRAY => {
            // A number that was cut off is another one.
            let length = usize::try_from(chunk.column_descr().type_length()).ok()?;
            let whole =
                |b: &[u8]| (b.len() == length).then(|| FixedLenByteArray::from(ByteArray::from(b.to_vec())));
            let (least, greatest) = both(bounds, whole)?;
            Statistics::fixed_len_byte_array(least, greatest, None, nulls, false)
        }
        // Old timestamps have no order.
        Physical::INT96 => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Lists, row_starts};

    #[test]
    fn lists_are_taken_from_their_bytes() {
        // Two locations: offset, size, first row 0 and 3.
        let places = [0x19, 0x2c, 0x16, 8, 0x15, 4, 0x16, 0, 0, 0x16, 12, 0x15, 4, 0x16, 6, 0, 0];
        assert_eq!(row_starts(&places), Some(vec![0, 3]));
        for cut in 0..places.len() {
            assert_eq!(row_starts(&places[..cut]), None, "{cut}");
        }
        // Two pages, the second of nulls only; "a", ""; "b", ""; ascending; one null and three.
        let about =
            [0x19, 0x21, 2, 1, 0x19, 0x28, 1, b'a', 0, 0x19, 0x28, 1, b'b', 0, 0x15, 2, 0x19, 0x26, 2, 6, 0];
        let lists = Lists::of(&about).expect("lists");
        assert_eq!((lists.empty, lists.nulls), (vec![false, true], Some(vec![1, 3])));
        assert_eq!((lists.least, lists.greatest), (vec![&b"a"[..], b""], vec![&b"b"[..], b""]));
        for cut in 0..about.len() {
            assert!(Lists::of(&about[..cut]).is_none(), "{cut}");
        }
    }
}
