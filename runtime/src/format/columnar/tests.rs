//! Malformed files: whatever bytes they hold, reading them ends, without a panic and in bounded memory.

use super::{ColumnarFile, file_fields};
use crate::format::Scanner;
use flow_ir::source::{Folders, Format, OnError, PageCompression, Source, SourceColumn, SourceFile};
use flow_ir::{ColumnId, DataType, Expr, ExprKind, Field, Function, Span, Type, Value};
use std::path::{Path, PathBuf};

/// xorshift64*: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % n.max(1)
    }
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/columnar").join(name)
}

/// The flat columns of a row of these fields.
fn columns(fields: &[Field], path: &mut Vec<String>, out: &mut Vec<SourceColumn>) {
    for f in fields {
        path.push(f.name.clone());
        match &f.ty.kind {
            Type::Record(inner) => columns(inner, path, out),
            _ => out.push(SourceColumn {
                id: ColumnId(out.len() as u32),
                name: path.join("."),
                path: path.clone(),
                ty: DataType::nullable(f.ty.kind.clone()),
                span: Span::default(),
                used: Span::default(),
            }),
        }
        path.pop();
    }
}

/// Reads all of a file; the number of rows, or why not.
fn read(path: &str, format: &Format) -> Result<u64, String> {
    let (fields, _) = file_fields(path, format, None)?;
    let mut flat = Vec::new();
    columns(&fields, &mut Vec::new(), &mut flat);
    let source = Source {
        pattern: path.to_owned(),
        files: vec![SourceFile { path: path.to_owned(), positions: Vec::new(), fields: 0, keys: Vec::new() }],
        format: format.clone(),
        columns: flat,
        folders: Folders::default(),
        line: None,
        on_error: OnError::Fail,
        span: Span::default(),
    };
    let file = ColumnarFile::open(&source, 0, &[], 1000).map_err(|e| e.error.to_string())?;
    let mut rows = 0;
    for part in 0..file.parts() {
        let mut scanner = file.scan(part).map_err(|e| e.error.to_string())?;
        while scanner.next_morsel() {
            rows += scanner.rows() as u64;
            for index in 0..source.columns.len() {
                assert_eq!(scanner.column(index, None).len(), scanner.rows());
                let some = scanner.column(index, Some(&[0]));
                assert_eq!(some.len(), 1);
            }
            // A changed number of rows of nulls is possible, and long to read.
            if rows > 100_000 {
                return Ok(rows);
            }
        }
        if let Some(e) = scanner.take_error() {
            return Err(e.error.to_string());
        }
    }
    Ok(rows)
}

fn format_of(name: &str) -> Format {
    match name.ends_with(".parquet") {
        true => Format::Parquet(PageCompression::None),
        false => Format::Arrow(PageCompression::None),
    }
}

/// Changes and cuts a file in `rounds` ways; how many of them were still readable.
fn mangle(name: &str, rounds: usize) -> usize {
    let whole = std::fs::read(data(name)).expect("test data");
    let format = format_of(name);
    let path = std::env::temp_dir().join(format!("flowc-mangled-{}-{name}", std::process::id()));
    let text = path.to_str().expect("utf-8");
    assert!(read(data(name).to_str().expect("utf-8"), &format).is_ok(), "{name} itself");
    let mut random = Random(0x9e37_79b9 ^ whole.len() as u64);
    let mut readable = 0;
    for round in 0..rounds {
        let mut bytes = whole.clone();
        match round % 4 {
            0 => bytes.truncate(random.below(whole.len())),
            1 => {
                // Lengths and counts: a run of ones.
                let at = random.below(whole.len());
                let end = (at + 1 + random.below(8)).min(whole.len());
                bytes[at..end].fill([0xff, 0x7f, 0x00, 0x80][random.below(4)]);
            }
            _ => {
                // Most of what matters is in the footer.
                for _ in 0..=random.below(4) {
                    let near_end = random.below(2) == 0;
                    let at = if near_end {
                        whole.len() - 1 - random.below(whole.len().min(3000))
                    } else {
                        random.below(whole.len())
                    };
                    bytes[at] = random.below(256) as u8;
                }
            }
        }
        std::fs::write(&path, &bytes).expect("written");
        readable += usize::from(read(text, &format).is_ok());
    }
    let _ = std::fs::remove_file(&path);
    readable
}

#[test]
fn malformed_parquet_files_are_errors_or_rows() {
    for name in ["types.parquet", "types_plain.parquet", "more.parquet", "part_b.parquet", "pages_v2.parquet"]
    {
        let readable = mangle(name, 800);
        assert!(readable < 800, "no change of {name} was noticed");
    }
}

#[test]
fn malformed_arrow_files_are_errors_or_rows() {
    for name in ["types.arrow", "types.arrows", "types.feather", "more.arrow"] {
        let readable = mangle(name, 800);
        assert!(readable < 800, "no change of {name} was noticed");
    }
}

#[test]
fn foreign_files_are_refused_with_a_reason() {
    for format in [Format::Parquet(PageCompression::None), Format::Arrow(PageCompression::None)] {
        for name in ["types.parquet", "types.arrow", "../quoted.csv", "../empty.txt", "../.."] {
            let path = data(name);
            let fits = format == format_of(name) && name.starts_with("types");
            let outcome = file_fields(path.to_str().expect("utf-8"), &format, None);
            assert_eq!(outcome.is_ok(), fits, "{name} as {format:?}: {outcome:?}");
        }
    }
}

/// The numbers from 1000 to 1104 in the column `id` of a file, read with filters that say so, and how many other rows
/// were read with them.
fn ids(path: &str) -> Result<(Vec<i64>, u64), String> {
    let int = |kind| Expr { kind, ty: DataType::required(Type::Int), span: Span::default() };
    let compares = |function, value| Expr {
        kind: ExprKind::Call {
            function,
            arguments: vec![int(ExprKind::Column(ColumnId(0))), int(ExprKind::Literal(Value::Int(value)))],
        },
        ty: DataType::required(Type::Bool),
        span: Span::default(),
    };
    let filters = [compares(Function::GreaterEqual, 1000), compares(Function::Less, 1105)];
    let format = Format::Parquet(PageCompression::None);
    let mut columns = Vec::new();
    let fields = [("id", Type::Int), ("name", Type::String)];
    let fields = fields.map(|(name, kind)| Field { name: name.to_owned(), ty: DataType::required(kind) });
    self::columns(&fields, &mut Vec::new(), &mut columns);
    columns.iter_mut().for_each(|c| c.ty.nullable = false);
    let files =
        vec![SourceFile { path: path.to_owned(), positions: Vec::new(), fields: 0, keys: Vec::new() }];
    let source = Source {
        pattern: path.to_owned(),
        files,
        format,
        columns,
        folders: Folders::default(),
        line: None,
        on_error: OnError::Fail,
        span: Span::default(),
    };
    let file = ColumnarFile::open(&source, 0, &filters.iter().collect::<Vec<_>>(), 64)
        .map_err(|e| e.error.to_string())?;
    let (mut found, mut others) = (Vec::new(), 0);
    for part in (0..file.parts()).filter(|part| file.dropped_rows(*part).is_none()) {
        let mut scanner = file.scan(part).map_err(|e| e.error.to_string())?;
        let mut all = 0;
        while scanner.next_morsel() {
            all += scanner.take_skipped() + scanner.rows() as u64;
            let (id, name) = (scanner.column(0, None), scanner.column(1, None));
            for row in 0..scanner.rows() {
                let Ok(Value::Int(value)) = id.value(row, &Type::Int) else { continue };
                assert_eq!(scanner.row_span(row).start as i64, value, "the number of a row");
                let text = format!("{}{:04}", "x".repeat(70), value / 10);
                assert_eq!(name.value(row, &Type::String).ok(), Some(Value::String(text.into())));
                if (1000..1105).contains(&value) {
                    found.push(value);
                } else {
                    others += 1;
                }
            }
        }
        if let Some(e) = scanner.take_error() {
            return Err(e.error.to_string());
        }
        assert_eq!(all + scanner.take_skipped(), 1500, "every row is read or skipped");
    }
    Ok((found, others))
}

/// Where pages begin is believed only if the pages say so too, so no damage there changes an answer.
#[test]
fn damaged_page_indexes_change_no_answer() {
    for name in ["pages.parquet", "pages_v2.parquet"] {
        let whole = std::fs::read(data(name)).expect("test data");
        let path = std::env::temp_dir().join(format!("flowc-pages-{}-{name}", std::process::id()));
        let text = path.to_str().expect("utf-8");
        let answer: Vec<i64> = (1000..1105).collect();
        let (found, others) = ids(data(name).to_str().expect("utf-8")).expect("readable");
        assert_eq!(found, answer);
        assert!(others < 200, "pages are skipped: {others}");
        let opened =
            super::parquet_file::ParquetFile::open(data(name).to_str().expect("utf-8")).expect("a file");
        let chunk = opened.metadata.metadata().row_group(0).column(0).clone();
        let range = |at: Option<i64>, n: Option<i32>| {
            let at = at.expect("an index") as usize;
            at..at + n.expect("an index") as usize
        };
        let places = range(chunk.offset_index_offset(), chunk.offset_index_length());
        let about = range(chunk.column_index_offset(), chunk.column_index_length());
        let mut given_up = 0;
        for at in places.chain(about.clone()) {
            for change in [0x01, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= change;
                std::fs::write(&path, &bytes).expect("written");
                let (found, others) = ids(text).expect("readable");
                given_up += usize::from(others > 1000);
                // A bound that is another number is believed, as that of a row group is.
                assert!(found == answer || about.contains(&at), "byte {at} ^ {change}");
            }
        }
        assert!(given_up > 100, "damage is noticed: {given_up}");
        let _ = std::fs::remove_file(&path);
    }
}
