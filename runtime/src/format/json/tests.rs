//! The scanner of JSON lines against independent readers, at every level and cut of the input.

mod alike;
mod columns;
mod differential;
mod json_test_suite;
mod suite;

use super::*;
use crate::kernels::level::SimdLevel;
use flow_ir::Value;
use flow_ir::expr::Span;
use flow_ir::logical::ColumnId;
use flow_ir::source::{Folders, Format, OnError, SourceColumn};

/// A source with columns of these paths (names joined with `.`) and types.
pub(super) fn source(columns: &[(&str, DataType)]) -> Source {
    let columns = columns.iter().enumerate().map(|(i, (name, ty))| SourceColumn {
        id: ColumnId(i as u32),
        name: (*name).to_owned(),
        path: name.split('.').map(str::to_owned).collect(),
        ty: ty.clone(),
        span: Span::default(),
        used: Span::default(),
    });
    Source {
        pattern: "test.jsonl".into(),
        files: Vec::new(),
        format: Format::JsonLines,
        columns: columns.collect(),
        folders: Folders::default(),
        line: None,
        on_error: OnError::Fail,
        span: Span::default(),
    }
}

/// A row as a scan delivers it; places are counted from the start of the text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) span: Range<usize>,
    pub(super) broken: Option<(usize, String)>,
    pub(super) values: Vec<Result<Value, u8>>,
    pub(super) fields: Vec<Option<Range<usize>>>,
}

/// How a scan is cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) level: SimdLevel,
    pub(super) limits: MorselLimits,
    /// About how many bytes a chunk has; chunks end with rows.
    pub(super) chunk: usize,
}

pub(super) const LARGE: MorselLimits = MorselLimits { rows_max: 8192, bytes_max: 1 << 20 };

/// Every row of a text.
pub(super) fn scan(source: &Source, text: &[u8], cut: Cut) -> Vec<Row> {
    let mut scanner = JsonScanner::with_level(source, cut.limits, cut.level);
    let mut rows = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let wish = (start + cut.chunk).min(text.len());
        let end = memchr::memchr(b'\n', &text[wish - 1..]).map_or(text.len(), |n| wish + n);
        // The bytes before and after the chunk belong to somebody else.
        let before = start % 7;
        let mut buffer = vec![b'"'; before];
        buffer.extend_from_slice(&text[start..end]);
        buffer.resize(buffer.len() + CHUNK_PADDING, b'7');
        let chunk = Chunk {
            buffer: buffer.into(),
            start: before,
            end: before + end - start,
            file: 0,
            offset: start as u64,
            first_line: 1,
        };
        scanner.begin(&chunk);
        while scanner.next_morsel() {
            collect(source, &scanner, before, start, &mut rows);
        }
        start = end;
    }
    rows
}

fn collect(source: &Source, scanner: &JsonScanner, before: usize, start: usize, rows: &mut Vec<Row>) {
    let columns: Vec<Column> = (0..source.columns.len()).map(|c| scanner.column(c, None)).collect();
    let shift = |r: Range<usize>| r.start - before + start..r.end - before + start;
    for row in 0..scanner.rows() {
        let fault = scanner.broken().iter().find(|b| b.row as usize == row);
        rows.push(Row {
            span: shift(scanner.row_span(row)),
            broken: fault.map(|f| (f.at - before + start, f.message.clone())),
            values: columns.iter().zip(&source.columns).map(|(c, s)| c.value(row, &s.ty.kind)).collect(),
            fields: (0..columns.len()).map(|c| scanner.field_span(row, c).map(shift)).collect(),
        });
    }
}

/// The rows of a text, after making sure that they do not depend on instructions or cuts.
pub(super) fn scan_all_ways(source: &Source, text: &[u8]) -> Vec<Row> {
    let levels = SimdLevel::available();
    let base = Cut { level: levels[0], limits: LARGE, chunk: usize::MAX / 2 };
    let expected = scan(source, text, base);
    let small = MorselLimits { rows_max: 3, bytes_max: 1 << 20 };
    let narrow = MorselLimits { rows_max: 100, bytes_max: 150 };
    for level in levels {
        for limits in [LARGE, small, narrow] {
            for chunk in [usize::MAX / 2, 1, 700] {
                let cut = Cut { level, limits, chunk };
                let got = scan(source, text, cut);
                assert_eq!(got.len(), expected.len(), "{cut:?}");
                for (g, e) in got.iter().zip(&expected) {
                    assert_eq!(g, e, "{cut:?} {:?}", String::from_utf8_lossy(&text[e.span.clone()]));
                }
            }
        }
    }
    expected
}

/// A small generator of random numbers.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ x >> 31
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}
