//! Writes the bad rows of `on_error quarantine(...)`: one record a row, in input order.

use crate::fault::RowFault;
use crate::options::{RunError, Written};
use crate::output::AtomicFile;
use crate::positions::{LineColumn, line_columns};
use flow_ir::Span;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Turns program spans into the text that reports show (`p.flow:6:3`).
pub type SpanText<'a> = &'a (dyn Fn(Span) -> String + Sync);

/// Writes `faults` (in input order) to an unfinished file that `commit` puts in place.
pub(crate) fn write_quarantine(
    path: &str,
    faults: &[RowFault],
    span_text: SpanText<'_>,
) -> Result<(AtomicFile, Written), RunError> {
    let fail = |error| RunError::Write { path: path.into(), error };
    let positions = positions_of(faults)?;
    let mut file = AtomicFile::create(Path::new(path)).map_err(fail)?;
    let csv = flow_ir::compression::split(path).0.ends_with(".csv");
    let mut text = String::new();
    if csv {
        text.push_str("file,line,column,field,value,expected,reason,program_span,raw\n");
    }
    for (fault, at) in faults.iter().zip(&positions) {
        let raw = String::from_utf8_lossy(&fault.raw);
        let span = span_text(fault.needed_by);
        let (line, column) = (at.line.to_string(), at.column.to_string());
        let field = fault.field.as_deref().unwrap_or_default();
        let reason = &fault.message;
        if csv {
            let cells =
                [&fault.file, &line, &column, field, &fault.value, &fault.expected, reason, &span, &raw];
            push_csv(&mut text, &cells);
        } else {
            let _ = write!(text, "{{\"file\":{},\"line\":{line},\"column\":{column},", json(&fault.file));
            let field = fault.field.as_deref().map_or_else(|| "null".to_owned(), json);
            let _ = write!(text, "\"field\":{field},\"value\":{},", json(&fault.value));
            let _ = write!(text, "\"expected\":{},\"reason\":{},", json(&fault.expected), json(reason));
            let _ = writeln!(text, "\"program_span\":{},\"raw\":{}}}", json(&span), json(&raw));
        }
        if text.len() > 1 << 20 {
            file.write(text.as_bytes()).map_err(fail)?;
            text.clear();
        }
    }
    file.write(text.as_bytes()).and_then(|()| file.finish()).map_err(fail)?;
    let written = Written { path: path.into(), rows: faults.len() as u64, bytes: file.bytes() };
    Ok((file, written))
}

/// The line and column of every fault.
pub(crate) fn positions_of(faults: &[RowFault]) -> Result<Vec<LineColumn>, RunError> {
    let mut by_file: BTreeMap<&str, Vec<(u64, usize)>> = BTreeMap::new();
    let mut positions = vec![LineColumn { line: 0, column: 0 }; faults.len()];
    for (i, f) in faults.iter().enumerate() {
        if let Some(at) = f.at {
            positions[i] = at;
        } else if f.counts_rows {
            positions[i] = LineColumn { line: f.row_offset + 1, column: 1 };
        } else {
            by_file.entry(&f.file).or_default().push((f.offset, i));
        }
    }
    for (path, mut offsets) in by_file {
        if path.is_empty() {
            continue;
        }
        offsets.sort_unstable();
        let only: Vec<u64> = offsets.iter().map(|o| o.0).collect();
        let found = line_columns(path, &only)
            .map_err(|error| RunError::Read(crate::reader::ReadError { path: path.into(), error }))?;
        for ((_, i), at) in offsets.iter().zip(found) {
            positions[*i] = at;
        }
    }
    Ok(positions)
}

fn push_csv(text: &mut String, cells: &[&str]) {
    for (i, cell) in cells.iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        if cell.contains(['"', ',', '\n', '\r']) {
            text.push('"');
            text.push_str(&cell.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(cell);
        }
    }
    text.push('\n');
}

fn json(s: &str) -> String {
    let mut out = String::new();
    flow_ir::text::push_json_string(&mut out, s);
    out
}
