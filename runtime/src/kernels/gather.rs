//! Picks rows out of many batches at once, and stores picked rows.
//!
//! Operators that keep rows hold them in batches of their own and refer to them by [`Place`];
//! what comes out is dense again. Strings are copied, so nothing keeps a chunk's buffer alive.

use flow_ir::column::{BUFFER_PADDING, NULL, StrColumn, VALID, view};
use flow_ir::logical::ColumnId;
use flow_ir::{Batch, Column, Status, Value, Values};
use std::sync::Arc;

/// A row of a list of batches: the batch in the high half, the row in the low one, so that places
/// order like the rows.
pub type Place = u64;

/// The place of row `row` of batch `batch`.
#[inline(always)]
pub fn place(batch: usize, row: usize) -> Place {
    (batch as u64) << 32 | row as u64
}

/// The batch of a place.
#[inline(always)]
pub fn batch_of(p: Place) -> usize {
    (p >> 32) as usize
}

/// The row of a place.
#[inline(always)]
pub fn row_of(p: Place) -> usize {
    (p & 0xffff_ffff) as usize
}

/// Rows of a batch that operators deliver.
pub const BATCH_ROWS: usize = 1 << 16;

/// Text bytes of a column above which rows are split over several batches.
const TEXT_MAX: usize = 1 << 30;

/// The column of the rows at `places`, where `columns` holds that column of each batch. All of
/// them have one storage class. The text must fit into one buffer: see [`split_text`].
pub fn gather_across(columns: &[&Column], places: &[Place]) -> Column {
    let values = match columns.first().map(|c| &c.values) {
        None => Values::I64(Vec::new()),
        Some(Values::Bool(_)) => Values::Bool(pick(columns, places, |v| match v {
            Values::Bool(v) => v,
            _ => &[],
        })),
        Some(Values::I64(_)) => Values::I64(pick(columns, places, |v| match v {
            Values::I64(v) => v,
            _ => &[],
        })),
        Some(Values::F64(_)) => Values::F64(pick(columns, places, |v| match v {
            Values::F64(v) => v,
            _ => &[],
        })),
        Some(Values::I128(_)) => Values::I128(pick(columns, places, |v| match v {
            Values::I128(v) => v,
            _ => &[],
        })),
        Some(Values::Any(_)) => Values::Any(pick::<Value>(columns, places, |v| match v {
            Values::Any(v) => v,
            _ => &[],
        })),
        Some(Values::Str(_)) => Values::Str(pick_text(columns, places)),
    };
    Column { values, status: pick_status(columns, places) }
}

fn pick<'a, T: Clone + 'a>(
    columns: &[&'a Column],
    places: &[Place],
    of: impl Fn(&'a Values) -> &'a [T],
) -> Vec<T> {
    let slices: Vec<&[T]> = columns.iter().map(|c| of(&c.values)).collect();
    places.iter().map(|&p| slices[batch_of(p)][row_of(p)].clone()).collect()
}

fn pick_status(columns: &[&Column], places: &[Place]) -> Status {
    if columns.iter().all(|c| c.status == Status::AllValid) {
        return Status::AllValid;
    }
    Status::from_bytes(places.iter().map(|&p| columns[batch_of(p)].status.get(row_of(p))).collect())
}

fn pick_text(columns: &[&Column], places: &[Place]) -> StrColumn {
    let texts: Vec<Option<&StrColumn>> = columns
        .iter()
        .map(|c| match &c.values {
            Values::Str(s) => Some(s),
            _ => None,
        })
        .collect();
    let bytes_of = |p: Place| match (texts[batch_of(p)], columns[batch_of(p)].status.get(row_of(p))) {
        (Some(s), VALID) => s.bytes(row_of(p)),
        _ => &[],
    };
    let mut buffer: Vec<u8> =
        Vec::with_capacity(places.iter().map(|&p| bytes_of(p).len()).sum::<usize>() + BUFFER_PADDING);
    let mut views = Vec::with_capacity(places.len());
    for &p in places {
        let text = bytes_of(p);
        views.push(view(buffer.len() as u32, text.len() as u32));
        buffer.extend_from_slice(text);
    }
    buffer.resize(buffer.len() + BUFFER_PADDING, 0);
    StrColumn { buffer: buffer.into(), views }
}

/// Cuts `places` into runs of at most [`BATCH_ROWS`] rows whose text fits into one buffer each.
pub fn split_text<'a>(batches: &[Batch], places: &'a [Place]) -> Vec<&'a [Place]> {
    // Looking at every row's texts once more is only worth it where there are long ones.
    let columns = batches.iter().flat_map(|b| &b.columns);
    let longest = columns.map(|(_, c)| longest_text(c)).max().unwrap_or(0);
    if longest <= TEXT_MAX / BATCH_ROWS {
        return places.chunks(BATCH_ROWS).collect();
    }
    let mut out = Vec::new();
    let mut open: Vec<&[Place]> = places.chunks(BATCH_ROWS).rev().collect();
    while let Some(run) = open.pop() {
        let largest = (0..batches.first().map_or(0, |b| b.columns.len()))
            .map(|c| {
                run.iter().map(|&p| text_length(&batches[batch_of(p)].columns[c].1, row_of(p))).sum::<usize>()
            })
            .max();
        if largest.unwrap_or(0) > TEXT_MAX && run.len() > 1 {
            let (a, b) = run.split_at(run.len() / 2);
            open.extend([b, a]);
        } else {
            out.push(run);
        }
    }
    out
}

/// The most bytes of a text of a column, whether its row is valid or not.
fn longest_text(column: &Column) -> usize {
    match &column.values {
        Values::Str(s) => (s.views.iter().fold(0, |m, &v| m.max(v)) >> 32) as usize,
        _ => 0,
    }
}

fn text_length(column: &Column, row: usize) -> usize {
    match &column.values {
        Values::Str(s) => (s.views[row] >> 32) as usize,
        _ => 0,
    }
}

/// The rows at `places`, which [`split_text`] cut to size, as one batch. All batches have the
/// same columns in the same order.
pub fn gather_batch(batches: &[Batch], places: &[Place]) -> Batch {
    let width = batches.first().map_or(0, |b| b.columns.len());
    let columns = (0..width)
        .map(|c| {
            let id = batches[0].columns[c].0;
            let across: Vec<&Column> = batches.iter().map(|b| b.columns[c].1.as_ref()).collect();
            (id, Arc::new(gather_across(&across, places)))
        })
        .collect();
    Batch { rows: places.len(), columns }
}

/// Rows picked out of passing batches.
#[derive(Debug)]
pub struct RowStore {
    ids: Vec<ColumnId>,
    sealed: Vec<Batch>,
    open: Vec<OpenColumn>,
    open_rows: usize,
    sealed_bytes: usize,
}

#[derive(Debug)]
struct OpenColumn {
    values: Option<OpenValues>,
    status: Vec<u8>,
}

#[derive(Debug)]
enum OpenValues {
    Bool(Vec<u8>),
    I64(Vec<i64>),
    F64(Vec<f64>),
    I128(Vec<i128>),
    Str { bytes: Vec<u8>, views: Vec<u64> },
    Any(Vec<Value>),
}

impl RowStore {
    /// An empty store of rows with the given columns.
    pub fn new(ids: Vec<ColumnId>) -> Self {
        let open = ids.iter().map(|_| OpenColumn { values: None, status: Vec::new() }).collect();
        RowStore { ids, sealed: Vec::new(), open, open_rows: 0, sealed_bytes: 0 }
    }

    /// Stores the given rows of a batch, whose columns stand in the order of the ids, and appends
    /// their places.
    pub fn append(&mut self, columns: &[&Column], rows: &[u32], places: &mut Vec<Place>) {
        let mut open = vec![rows];
        while let Some(rows) = open.pop() {
            let text = |c: &&Column| rows.iter().map(|&r| text_length(c, r as usize)).sum::<usize>();
            let largest = columns.iter().map(text).max().unwrap_or(0);
            if largest > TEXT_MAX && rows.len() > 1 {
                let (a, b) = rows.split_at(rows.len() / 2);
                open.extend([b, a]);
                continue;
            }
            let stored = self.open.iter().map(OpenColumn::text_bytes).max().unwrap_or(0);
            if self.open_rows > 0 && (self.open_rows + rows.len() > BATCH_ROWS || stored + largest > TEXT_MAX)
            {
                self.seal();
            }
            places.extend((0..rows.len()).map(|i| place(self.sealed.len(), self.open_rows + i)));
            for (open, column) in self.open.iter_mut().zip(columns) {
                open.append(column, rows);
            }
            self.open_rows += rows.len();
        }
    }

    fn seal(&mut self) {
        let rows = std::mem::take(&mut self.open_rows);
        let columns = self.ids.iter().zip(&mut self.open).map(|(id, c)| {
            self.sealed_bytes += c.bytes_used();
            (*id, Arc::new(c.seal()))
        });
        let columns = columns.collect();
        self.sealed.push(Batch { rows, columns });
    }

    /// The rows as batches, to which the places refer.
    pub fn into_batches(mut self) -> Vec<Batch> {
        if self.open_rows > 0 {
            self.seal();
        }
        self.sealed
    }

    /// Bytes held.
    pub fn bytes_used(&self) -> usize {
        self.sealed_bytes + self.open.iter().map(OpenColumn::bytes_used).sum::<usize>()
    }
}

impl OpenColumn {
    fn append(&mut self, column: &Column, rows: &[u32]) {
        self.status.extend(rows.iter().map(|&r| column.status.get(r as usize)));
        let values = self.values.get_or_insert_with(|| match &column.values {
            Values::Bool(_) => OpenValues::Bool(Vec::new()),
            Values::I64(_) => OpenValues::I64(Vec::new()),
            Values::F64(_) => OpenValues::F64(Vec::new()),
            Values::I128(_) => OpenValues::I128(Vec::new()),
            Values::Str(_) => OpenValues::Str { bytes: Vec::new(), views: Vec::new() },
            Values::Any(_) => OpenValues::Any(Vec::new()),
        });
        let rows = rows.iter().map(|&r| r as usize);
        match (values, &column.values) {
            (OpenValues::Bool(o), Values::Bool(v)) => o.extend(rows.map(|r| v[r])),
            (OpenValues::I64(o), Values::I64(v)) => o.extend(rows.map(|r| v[r])),
            (OpenValues::F64(o), Values::F64(v)) => o.extend(rows.map(|r| v[r])),
            (OpenValues::I128(o), Values::I128(v)) => o.extend(rows.map(|r| v[r])),
            (OpenValues::Any(o), Values::Any(v)) => o.extend(rows.map(|r| v[r].clone())),
            (OpenValues::Str { bytes, views }, Values::Str(v)) => {
                for r in rows {
                    let text = if column.status.get(r) == VALID { v.bytes(r) } else { &[] };
                    views.push(view(bytes.len() as u32, text.len() as u32));
                    bytes.extend_from_slice(text);
                }
            }
            // A column whose class changes between batches: its rows read as null.
            (open, _) => {
                let count = rows.len();
                open.append_nothing(count);
                let status = self.status.len();
                self.status[status - count..].fill(NULL);
            }
        }
    }

    fn seal(&mut self) -> Column {
        let values = match self.values.take() {
            None => Values::I64(vec![0; self.status.len()]),
            Some(OpenValues::Bool(v)) => Values::Bool(v),
            Some(OpenValues::I64(v)) => Values::I64(v),
            Some(OpenValues::F64(v)) => Values::F64(v),
            Some(OpenValues::I128(v)) => Values::I128(v),
            Some(OpenValues::Any(v)) => Values::Any(v),
            Some(OpenValues::Str { mut bytes, views }) => {
                bytes.resize(bytes.len() + BUFFER_PADDING, 0);
                Values::Str(StrColumn { buffer: bytes.into(), views })
            }
        };
        Column { values, status: Status::from_bytes(std::mem::take(&mut self.status)) }
    }

    fn text_bytes(&self) -> usize {
        match &self.values {
            Some(OpenValues::Str { bytes, .. }) => bytes.len(),
            _ => 0,
        }
    }

    fn bytes_used(&self) -> usize {
        let values = match &self.values {
            None => 0,
            Some(OpenValues::Bool(v)) => v.capacity(),
            Some(OpenValues::I64(v)) => v.capacity() * 8,
            Some(OpenValues::F64(v)) => v.capacity() * 8,
            Some(OpenValues::I128(v)) => v.capacity() * 16,
            Some(OpenValues::Str { bytes, views }) => bytes.capacity() + views.capacity() * 8,
            // What the values refer to is estimated.
            Some(OpenValues::Any(v)) => v.capacity() * (size_of::<Value>() + 64),
        };
        values + self.status.capacity()
    }
}

impl OpenValues {
    fn append_nothing(&mut self, count: usize) {
        match self {
            OpenValues::Bool(v) => v.resize(v.len() + count, 0),
            OpenValues::I64(v) => v.resize(v.len() + count, 0),
            OpenValues::F64(v) => v.resize(v.len() + count, 0.0),
            OpenValues::I128(v) => v.resize(v.len() + count, 0),
            OpenValues::Any(v) => v.resize(v.len() + count, Value::Null),
            OpenValues::Str { views, .. } => views.resize(views.len() + count, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lengths: &[usize]) -> Batch {
        let mut builder = flow_ir::column::StrBuilder::default();
        for (i, &n) in lengths.iter().enumerate() {
            assert!(builder.push(&vec![b'a' + i as u8; n]));
        }
        let column = Column::valid(Values::Str(builder.finish()));
        Batch { rows: lengths.len(), columns: vec![(ColumnId(0), Arc::new(column))] }
    }

    #[test]
    fn rows_with_much_text_are_split() {
        let batches = [texts(&[3, 1 << 20, 2]), texts(&[1 << 20])];
        // 1,500 texts of a mebibyte: more than one buffer should hold.
        let places: Vec<Place> =
            (0..1_500).map(|i| if i % 2 == 0 { place(0, 1) } else { place(1, 0) }).collect();
        let runs = split_text(&batches, &places);
        assert_eq!(runs.concat(), places);
        assert_eq!(runs.iter().map(|r| r.len()).collect::<Vec<_>>(), [750, 750]);
        let few = [place(0, 2), place(0, 0), place(1, 0)];
        let runs = split_text(&batches, &few);
        assert_eq!(runs, [&few[..]]);
        let out = gather_batch(&batches, runs[0]);
        let Values::Str(s) = &out.columns[0].1.values else { panic!() };
        assert_eq!((s.bytes(0), s.bytes(1), s.bytes(2).len()), (&b"cc"[..], &b"aaa"[..], 1 << 20));
    }

    #[test]
    fn stored_rows_are_found_at_their_places() {
        let rows = 3 * BATCH_ROWS / 2;
        let column = Column {
            values: Values::I64((0..rows as i64).collect()),
            status: Status::from_bytes((0..rows).map(|r| u8::from(r % 10 == 0)).collect()),
        };
        let mut store = RowStore::new(vec![ColumnId(7)]);
        let mut places = Vec::new();
        let picked: Vec<u32> = (0..rows as u32).rev().step_by(3).collect();
        for part in picked.chunks(10_000) {
            store.append(&[&column], part, &mut places);
        }
        assert!(store.bytes_used() >= picked.len() * 9);
        let batches = store.into_batches();
        assert_eq!(batches.iter().map(|b| b.rows).sum::<usize>(), picked.len());
        for (&p, &row) in places.iter().zip(&picked) {
            let (id, stored) = &batches[batch_of(p)].columns[0];
            assert_eq!(*id, ColumnId(7));
            let expected = column.value(row as usize, &flow_ir::Type::Int);
            assert_eq!(stored.value(row_of(p), &flow_ir::Type::Int), expected);
        }
    }
}
