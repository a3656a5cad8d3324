//! The first rows of a file, read by the scanner of its format.

use super::unreadable;
use flow_compiler::catalog::CatalogError;
use flow_ir::source::{Dialect, Format, OnError, Source, SourceColumn, SourceFile};
use flow_ir::{ColumnId, DataType, Span, Type};
use flow_runtime::format::csv::CsvScanner;
use flow_runtime::format::{CHUNK_PADDING, Chunk, MorselLimits, Scanner};
use std::io::Read;
use std::path::Path;

/// Bytes of a file that are looked at, at most.
pub(crate) const SAMPLE_BYTES: u64 = 8 << 20;
/// Rows of a file that are looked at, at most.
pub(crate) const SAMPLE_ROWS: usize = 10_000;
/// The longest header line.
const HEADER_BYTES_MAX: u64 = 16 << 20;

/// The first bytes of a file as whole lines, and whether that is all of it.
pub(crate) fn first_bytes(path: &Path, limit: u64) -> Result<(Vec<u8>, bool), CatalogError> {
    let name = path.to_str().unwrap_or_default();
    let file = flow_runtime::open_text(name).map_err(|e| unreadable(&e))?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|e| unreadable(&e))?;
    let whole = bytes.len() as u64 <= limit;
    if !whole {
        let end = bytes.iter().rposition(|b| *b == b'\n').map_or(bytes.len(), |at| at + 1);
        bytes.truncate(end);
    }
    Ok((bytes, whole))
}

/// The bytes as a chunk.
pub(crate) fn chunk(mut bytes: Vec<u8>) -> Chunk {
    let end = bytes.len();
    bytes.resize(end + CHUNK_PADDING, 0);
    Chunk { buffer: bytes.into(), start: 0, end, file: 0, offset: 0 }
}

/// A source of one file with `fields` columns of text.
pub(crate) fn text_source(dialect: &Dialect, fields: usize) -> Source {
    let columns = (0..fields).map(|i| SourceColumn {
        id: ColumnId(i as u32),
        name: i.to_string(),
        path: vec![i.to_string()],
        ty: DataType::nullable(Type::String),
        span: Span::default(),
    });
    Source {
        pattern: String::new(),
        files: vec![SourceFile {
            path: String::new(),
            positions: (0..fields as u32).collect(),
            fields: fields as u32,
        }],
        format: Format::Delimited(dialect.clone()),
        columns: columns.collect(),
        on_error: OnError::Skip,
        span: Span::default(),
    }
}

/// The names in the first line of a delimited file.
pub(crate) fn header(path: &Path, dialect: &Dialect) -> Result<Vec<String>, CatalogError> {
    let mut limit = 64 << 10;
    loop {
        let (bytes, whole) = first_bytes(path, limit)?;
        if let Some(names) = header_of(&bytes, dialect, whole)? {
            return Ok(names);
        }
        if whole || limit >= HEADER_BYTES_MAX {
            return Err(CatalogError::Unreadable("it has no header line".to_owned()));
        }
        limit *= 8;
    }
}

/// The names in the first row of `bytes`; `None` if the row does not end there.
pub(crate) fn header_of(
    bytes: &[u8],
    dialect: &Dialect,
    whole: bool,
) -> Result<Option<Vec<String>>, CatalogError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let end =
        match flow_runtime::row_end(&padded(bytes), 0, dialect.quote, false).filter(|e| *e <= bytes.len()) {
            Some(end) => end,
            None if whole && !bytes.is_empty() => bytes.len(),
            None => return Ok(None),
        };
    let line = &bytes[..end];
    let fields = count_fields(line, dialect);
    let dialect = Dialect { header: false, null: Vec::new(), ..dialect.clone() };
    let source = text_source(&dialect, fields);
    let limits = MorselLimits { rows_max: 1, bytes_max: line.len().max(1) };
    let scanner = CsvScanner::new(&source, limits);
    let mut scanner =
        scanner.ok_or_else(|| CatalogError::Unreadable("it is not delimited text".to_owned()))?;
    scanner.begin(&chunk(line.to_vec()));
    if !scanner.next_morsel() {
        return Ok(None);
    }
    if let Some(broken) = scanner.broken().first() {
        return Err(CatalogError::Unreadable(format!("its header line is broken: {}", broken.message)));
    }
    let mut names = Vec::with_capacity(fields);
    for i in 0..fields {
        let column = scanner.column(i, None);
        let name = column.value(0, &Type::String).ok();
        names.push(match name {
            Some(flow_ir::Value::String(s)) => s.trim().to_owned(),
            _ => String::new(),
        });
    }
    Ok(Some(names))
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len() + CHUNK_PADDING, 0);
    padded
}

/// Fields of one row: separators outside quotes, plus one.
pub(crate) fn count_fields(line: &[u8], dialect: &Dialect) -> usize {
    let mut quoted = false;
    let mut fields = 1;
    for b in line {
        if Some(*b) == dialect.quote {
            quoted = !quoted;
        } else if *b == dialect.separator && !quoted {
            fields += 1;
        }
    }
    fields
}
