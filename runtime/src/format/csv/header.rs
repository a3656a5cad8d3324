//! The header line of delimited text: the names of its columns, and where those of a source stand.

use super::CsvScanner;
use crate::format::{CHUNK_PADDING, Chunk, MorselLimits, Scanner};
use crate::kernels::newline::row_end;
use crate::options::RunError;
use flow_ir::location::{Location, input_name};
use flow_ir::source::{Dialect, Folders, Format, OnError, Source, SourceColumn, SourceFile};
use flow_ir::{ColumnId, DataType, Span, Type, Value};

/// The names in the first row of `bytes`, without the space around them; `None` if the row does not
/// end there and `bytes` are not all there is.
pub fn names(bytes: &[u8], dialect: &Dialect, whole: bool) -> Result<Option<Vec<String>>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let end = match row_end(&padded(bytes), 0, dialect.quote, false).filter(|e| *e <= bytes.len()) {
        Some(end) => end,
        None if whole && !bytes.is_empty() => bytes.len(),
        None => return Ok(None),
    };
    let line = &bytes[..end];
    let returns = memchr::memchr_iter(b'\r', line.trim_ascii_end()).count();
    if returns > 0 && dialect.quote.is_none_or(|q| !line.contains(&q)) {
        return Err("its lines end with carriage returns only; as lines of today: tr '\\r' '\\n'".to_owned());
    }
    let fields = count_fields(line, dialect);
    let dialect = Dialect { header: false, null: Vec::new(), ..dialect.clone() };
    let limits = MorselLimits { rows_max: 1, bytes_max: line.len().max(1) };
    let scanner = CsvScanner::new(&text_source(&dialect, fields), limits);
    let mut scanner = scanner.ok_or_else(|| "it is not delimited text".to_owned())?;
    let buffer = padded(line).into();
    scanner.begin(&Chunk { buffer, start: 0, end: line.len(), file: 0, offset: 0, first_line: 1 });
    if !scanner.next_morsel() {
        return Ok(None);
    }
    if let Some(broken) = scanner.broken().first() {
        return Err(format!("its header line is broken: {}", broken.message));
    }
    let name = |i| match scanner.column(i, None).value(0, &Type::String) {
        Ok(Value::String(s)) => s.trim().to_owned(),
        _ => String::new(),
    };
    Ok(Some((0..fields).map(name).collect()))
}

/// A source of one file with `fields` columns of text.
pub fn text_source(dialect: &Dialect, fields: usize) -> Source {
    let columns = (0..fields).map(|i| SourceColumn {
        id: ColumnId(i as u32),
        name: i.to_string(),
        path: vec![i.to_string()],
        ty: DataType::nullable(Type::String),
        span: Span::default(),
        used: Span::default(),
    });
    Source {
        pattern: String::new(),
        files: vec![SourceFile {
            path: String::new(),
            positions: (0..fields as u32).collect(),
            fields: fields as u32,
            keys: Vec::new(),
        }],
        format: Format::Delimited(dialect.clone()),
        columns: columns.collect(),
        folders: Folders::default(),
        line: None,
        on_error: OnError::Skip,
        span: Span::default(),
    }
}

/// Fields of one row: separators outside quotes, plus one.
pub fn count_fields(line: &[u8], dialect: &Dialect) -> usize {
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

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len() + CHUNK_PADDING, 0);
    padded
}

/// The source with the columns of its stream `file` where the header in `first`, the stream's first
/// rows, says that they are; `None` if it has no header to look at.
pub(crate) fn resolve(source: &Source, file: usize, first: &[u8]) -> Result<Option<Source>, RunError> {
    let Format::Delimited(dialect) = &source.format else { return Ok(None) };
    let path = source.files.get(file).map_or("", |f| f.path.as_str());
    if !dialect.header || !Location::of(path).is_live() {
        return Ok(None);
    }
    let name = input_name(path);
    let wrong = |message: String| RunError::Header { message, span: source.span };
    let header = names(first, dialect, true)
        .map_err(|why| wrong(format!("`{name}`: {why}")))?
        .ok_or_else(|| wrong(format!("`{name}` has no header line")))?;
    let mut positions = Vec::with_capacity(source.columns.len());
    for column in &source.columns {
        let mut found = (0u32..).zip(&header).filter(|(_, n)| **n == column.name).map(|(i, _)| i);
        match (found.next(), found.next()) {
            (Some(position), None) => positions.push(position),
            (Some(_), Some(_)) => {
                return Err(wrong(format!("`{name}` has the column `{}` twice", column.name)));
            }
            (None, _) => {
                let header: Vec<&str> = header.iter().take(24).map(String::as_str).collect();
                let header = header.join(", ");
                let message = format!("`{name}` has no column `{}`; its header is: {header}", column.name);
                return Err(wrong(message));
            }
        }
    }
    let mut resolved = source.clone();
    if let Some(f) = resolved.files.get_mut(file) {
        f.positions = positions;
        f.fields = u32::try_from(header.len()).unwrap_or(u32::MAX);
    }
    Ok(Some(resolved))
}
