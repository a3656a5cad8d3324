//! How often keys repeat in the first rows of a file: what a lint wants to know before it says that a join
//! multiplies rows. Texts are compared as they stand in the file, which is near enough for an advice.

use super::sample::{SAMPLE_BYTES, SAMPLE_ROWS, chunk, first_bytes, text_source};
use flow_ir::source::{Dialect, Format, Source};
use flow_ir::{Type, Value};
use flow_runtime::format::csv::CsvScanner;
use flow_runtime::format::{MorselLimits, Scanner};
use serde_json::Value as Json;
use std::collections::HashSet;
use std::path::Path;

/// The sampled rows of the first file that have a value in each of `columns` (by their place in the source), and
/// how many different ones; `None` if the file or its format does not tell.
pub(super) fn repetition(source: &Source, columns: &[usize]) -> Option<(usize, usize)> {
    let file = source.files.first()?;
    let (bytes, _) = first_bytes(Path::new(&file.path), SAMPLE_BYTES).ok()?;
    let keys = match &source.format {
        Format::Delimited(dialect) => {
            let positions = columns.iter().map(|c| file.positions.get(*c).map(|p| *p as usize));
            delimited(bytes, dialect, file.fields as usize, &positions.collect::<Option<Vec<usize>>>()?)?
        }
        Format::JsonLines => {
            let paths = columns.iter().map(|c| source.columns.get(*c).map(|c| c.path.as_slice()));
            json_lines(&bytes, &paths.collect::<Option<Vec<&[String]>>>()?)
        }
        _ => return None,
    };
    let different: HashSet<&Vec<String>> = keys.iter().collect();
    Some((keys.len(), different.len()))
}

fn delimited(
    bytes: Vec<u8>,
    dialect: &Dialect,
    fields: usize,
    positions: &[usize],
) -> Option<Vec<Vec<String>>> {
    let limits = MorselLimits { rows_max: SAMPLE_ROWS, bytes_max: usize::MAX / 4 };
    let mut scanner = CsvScanner::new(&text_source(dialect, fields), limits)?;
    scanner.begin(&chunk(bytes));
    let mut keys = Vec::new();
    let mut seen = 0;
    while seen < SAMPLE_ROWS && scanner.next_morsel() {
        let rows = scanner.rows().min(SAMPLE_ROWS - seen);
        let columns: Vec<_> = positions.iter().map(|p| scanner.column(*p, None)).collect();
        for row in 0..rows {
            let values = columns.iter().map(|c| match c.value(row, &Type::String) {
                Ok(Value::String(s)) if !s.is_empty() => Some(s.trim().to_owned()),
                _ => None,
            });
            keys.extend(values.collect::<Option<Vec<String>>>());
        }
        seen += rows;
    }
    Some(keys)
}

fn json_lines(bytes: &[u8], paths: &[&[String]]) -> Vec<Vec<String>> {
    let lines = bytes.split(|b| *b == b'\n').filter(|l| !l.trim_ascii().is_empty()).take(SAMPLE_ROWS);
    let key = |line: &[u8]| {
        let row: Json = serde_json::from_slice(line).ok()?;
        let value = |path: &&[String]| {
            let found = path.iter().try_fold(&row, |at, name| at.get(name))?;
            (!found.is_null()).then(|| found.to_string())
        };
        paths.iter().map(value).collect::<Option<Vec<String>>>()
    };
    lines.filter_map(key).collect()
}
