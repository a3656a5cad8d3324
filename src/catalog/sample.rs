//! The first rows of a file, read by the scanner of its format.

use super::unreadable;
use flow_compiler::catalog::CatalogError;
use flow_ir::source::Dialect;
use flow_runtime::format::csv::header;
pub(crate) use flow_runtime::format::csv::header::{count_fields, text_source};
use flow_runtime::format::{CHUNK_PADDING, Chunk};
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
    if name == "-" {
        return crate::stdin::head(limit).map_err(|e| unreadable(&e));
    }
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
    Chunk { buffer: bytes.into(), start: 0, end, file: 0, offset: 0, first_line: 1 }
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
    header::names(bytes, dialect, whole).map_err(CatalogError::Unreadable)
}
