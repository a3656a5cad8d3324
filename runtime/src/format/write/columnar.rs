//! Columns on their way into Parquet and Arrow files.
//!
//! Threads turn their rows into pieces, each a small Arrow stream, that the ordered sink takes like
//! the bytes of any format; [`ColumnsWriter`] puts the pieces together again and encodes them.
//! Invariant: rows are encoded in batches and row groups of one size, wherever the pieces end, so
//! that equal rows make equal bytes.

use super::arrays::{array_of, arrow_type};
use crate::output::AtomicFile;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StructArray};
use arrow_buffer::NullBuffer;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::{ArrowError, DataType as Arrow, Field as ArrowField, Fields, Schema, SchemaRef};
use arrow_select::coalesce::BatchCoalescer;
use flow_ir::Column;
use flow_ir::source::{Format, PageCompression, SinkColumn};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use std::io::{self, Write};
use std::sync::Arc;

/// Rows that are encoded at a time.
const BATCH_ROWS: usize = 64 << 10;
/// Rows of a row group: enough to compress well, few enough that reading has something to share out.
const GROUP_ROWS: usize = 128 << 10;

/// Turns rows into pieces.
#[derive(Clone, Debug)]
pub(super) struct PieceWriter {
    schema: SchemaRef,
    tree: Vec<Branch>,
}

/// A field of the file: a column, or a record of fields.
#[derive(Clone, Debug)]
struct Branch {
    name: String,
    node: NodeKind,
}

#[derive(Clone, Debug)]
enum NodeKind {
    /// The column of that position.
    Column(usize),
    /// Its fields, and whether it is null where all of them are.
    Record(Vec<Branch>, bool),
}

impl PieceWriter {
    /// Of the records that the columns' names make, those at the paths `optional` may be null.
    pub(super) fn new(columns: &[SinkColumn], optional: &[Vec<String>]) -> Self {
        let mut tree = Vec::new();
        for (i, c) in columns.iter().enumerate() {
            insert(&mut tree, &c.path, i);
        }
        optional.iter().for_each(|path| mark(&mut tree, path));
        let schema = Arc::new(Schema::new(fields(&tree, columns)));
        PieceWriter { schema, tree }
    }

    /// Appends the first `rows` rows as a piece. Rows that do not fit a piece of their own are cut in two.
    pub(super) fn rows(&self, about: &[SinkColumn], columns: &[&Column], rows: usize, out: &mut Vec<u8>) {
        let from = out.len();
        if self.piece(about, columns, rows, out).is_ok() {
            return;
        }
        out.truncate(from);
        if rows > 1 {
            let (first, second): (Vec<u32>, Vec<u32>) =
                ((0..rows as u32 / 2).collect(), (rows as u32 / 2..rows as u32).collect());
            for part in [first, second] {
                let gathered: Vec<Column> = columns.iter().map(|c| c.gather(&part)).collect();
                let gathered: Vec<&Column> = gathered.iter().collect();
                self.rows(about, &gathered, part.len(), out);
            }
        }
    }

    fn piece(
        &self,
        about: &[SinkColumn],
        columns: &[&Column],
        rows: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), ArrowError> {
        let arrays = self.tree.iter().map(|b| branch_array(b, about, columns, rows));
        let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)?;
        let mut writer = StreamWriter::try_new(out, &self.schema)?;
        writer.write(&batch)?;
        writer.finish()
    }
}

fn insert(tree: &mut Vec<Branch>, path: &[String], column: usize) {
    let Some((name, inner)) = path.split_first() else { return };
    if inner.is_empty() {
        tree.push(Branch { name: name.clone(), node: NodeKind::Column(column) });
        return;
    }
    let at = tree.iter().position(|b| b.name == *name && matches!(b.node, NodeKind::Record(..)));
    let at = at.unwrap_or_else(|| {
        tree.push(Branch { name: name.clone(), node: NodeKind::Record(Vec::new(), false) });
        tree.len() - 1
    });
    if let NodeKind::Record(fields, _) = &mut tree[at].node {
        insert(fields, inner, column);
    }
}

/// Notes that the record at `path` may be null as a whole.
fn mark(tree: &mut [Branch], path: &[String]) {
    let Some((name, inner)) = path.split_first() else { return };
    for branch in tree.iter_mut().filter(|b| b.name == *name) {
        match &mut branch.node {
            NodeKind::Record(_, optional) if inner.is_empty() => *optional = true,
            NodeKind::Record(fields, _) => mark(fields, inner),
            NodeKind::Column(_) => {}
        }
    }
}

fn fields(tree: &[Branch], columns: &[SinkColumn]) -> Fields {
    tree.iter()
        .map(|b| match &b.node {
            NodeKind::Column(i) => {
                ArrowField::new(&b.name, arrow_type(&columns[*i].ty.kind), columns[*i].ty.nullable)
            }
            NodeKind::Record(inner, optional) => {
                ArrowField::new(&b.name, Arrow::Struct(fields(inner, columns)), *optional)
            }
        })
        .collect()
}

fn branch_array(
    branch: &Branch,
    about: &[SinkColumn],
    columns: &[&Column],
    rows: usize,
) -> Result<ArrayRef, ArrowError> {
    Ok(match &branch.node {
        NodeKind::Column(i) => array_of(columns[*i], &about[*i].ty, rows)?,
        NodeKind::Record(inner, optional) => {
            let arrays = inner.iter().map(|b| branch_array(b, about, columns, rows));
            let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
            let types = inner.iter().zip(&arrays).map(|(b, a)| {
                let nullable = match &b.node {
                    NodeKind::Column(i) => about[*i].ty.nullable,
                    NodeKind::Record(_, optional) => *optional,
                };
                ArrowField::new(&b.name, a.data_type().clone(), nullable)
            });
            let types = types.collect();
            let nulls = optional.then(|| NullBuffer::from_iter((0..rows).map(|r| any_valid(&arrays, r))));
            Arc::new(StructArray::try_new(types, arrays, nulls)?)
        }
    })
}

/// Whether a field of a record, or of a record in it, has a value in that row.
fn any_valid(arrays: &[ArrayRef], row: usize) -> bool {
    arrays.iter().any(|a| match a.as_any().downcast_ref::<StructArray>() {
        Some(inner) if inner.nulls().is_none() => any_valid(inner.columns(), row),
        _ => a.is_valid(row),
    })
}

/// Puts pieces together and encodes them into a file.
pub(crate) struct ColumnsWriter<W: Write + Send> {
    encoder: Encoder<W>,
    coalescer: BatchCoalescer,
    rows: u64,
    /// Bytes of the pieces that have not been encoded yet.
    waiting: u64,
}

enum Encoder<W: Write + Send> {
    Parquet(Box<ArrowWriter<W>>),
    Arrow(Box<FileWriter<W>>),
}

impl<W: Write + Send> ColumnsWriter<W> {
    /// Encodes as `format` into `to`.
    pub(crate) fn new(
        format: &Format,
        columns: &[SinkColumn],
        optional: &[Vec<String>],
        to: W,
    ) -> io::Result<Self> {
        let schema = PieceWriter::new(columns, optional).schema;
        let encoder = match format {
            Format::Arrow(compression) => {
                let options = IpcWriteOptions::default().try_with_compression(match compression {
                    PageCompression::Zstd => Some(arrow_ipc::CompressionType::ZSTD),
                    PageCompression::Lz4 => Some(arrow_ipc::CompressionType::LZ4_FRAME),
                    PageCompression::None | PageCompression::Snappy | PageCompression::Gzip => None,
                });
                let writer = FileWriter::try_new_with_options(to, &schema, options.map_err(arrow_error)?);
                Encoder::Arrow(Box::new(writer.map_err(arrow_error)?))
            }
            Format::Parquet(compression) => Encoder::Parquet(parquet_writer(to, &schema, *compression)?),
            _ => Encoder::Parquet(parquet_writer(to, &schema, PageCompression::Zstd)?),
        };
        Ok(ColumnsWriter { encoder, coalescer: BatchCoalescer::new(schema, BATCH_ROWS), rows: 0, waiting: 0 })
    }

    /// Takes pieces, one behind the other.
    pub(crate) fn write(&mut self, mut pieces: &[u8]) -> io::Result<()> {
        self.waiting += pieces.len() as u64;
        while !pieces.is_empty() {
            let reader = StreamReader::try_new(&mut pieces, None).map_err(arrow_error)?;
            for batch in reader {
                let batch = batch.map_err(arrow_error)?;
                self.rows += batch.num_rows() as u64;
                self.coalescer.push_batch(batch).map_err(arrow_error)?;
            }
            self.encode()?;
        }
        Ok(())
    }

    fn encode(&mut self) -> io::Result<()> {
        while let Some(batch) = self.coalescer.next_completed_batch() {
            self.waiting = 0;
            match &mut self.encoder {
                Encoder::Parquet(w) => w.write(&batch).map_err(parquet_error)?,
                Encoder::Arrow(w) => w.write(&batch).map_err(arrow_error)?,
            }
        }
        Ok(())
    }

    /// About how many bytes of memory it holds.
    pub(crate) fn held_bytes(&self) -> u64 {
        let encoder = match &self.encoder {
            Encoder::Parquet(w) => w.memory_size() as u64,
            Encoder::Arrow(_) => 0,
        };
        encoder + self.waiting
    }

    /// The file with everything in it, which are `rows` rows.
    pub(crate) fn finish(mut self, rows: u64) -> io::Result<W> {
        if rows != self.rows {
            // The only reason why a row makes no piece.
            return Err(io::Error::other("a row has more than 2 GiB of text"));
        }
        self.coalescer.finish_buffered_batch().map_err(arrow_error)?;
        self.encode()?;
        match self.encoder {
            Encoder::Parquet(w) => w.into_inner().map_err(parquet_error),
            Encoder::Arrow(w) => w.into_inner().map_err(arrow_error),
        }
    }
}

fn parquet_writer<W: Write + Send>(
    to: W,
    schema: &SchemaRef,
    compression: PageCompression,
) -> io::Result<Box<ArrowWriter<W>>> {
    let compression = match compression {
        PageCompression::None => Compression::UNCOMPRESSED,
        PageCompression::Snappy => Compression::SNAPPY,
        PageCompression::Zstd => Compression::ZSTD(ZstdLevel::default()),
        PageCompression::Gzip => Compression::GZIP(GzipLevel::default()),
        PageCompression::Lz4 => Compression::LZ4_RAW,
    };
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_created_by("flowc".to_owned())
        .build();
    let writer = ArrowWriter::try_new(to, schema.clone(), Some(properties)).map_err(parquet_error)?;
    Ok(Box::new(writer))
}

/// An error of the disk keeps its kind: a full one is reported as such.
fn arrow_error(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, e) => e,
        other => io::Error::other(other.to_string()),
    }
}

fn parquet_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(e) => match e.downcast::<io::Error>() {
            Ok(e) => *e,
            Err(other) => io::Error::other(other.to_string()),
        },
        other => io::Error::other(other.to_string()),
    }
}

/// A file of its own as the encoders write it.
pub(crate) struct Aside(pub(crate) AtomicFile);

impl Write for Aside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
