//! The scanner against a plain reading of the rules, against the `csv` crate, and against itself:
//! every level, chunk grid and morsel size gives the same rows.

use super::*;
use crate::format::CHUNK_PADDING;
use crate::kernels::newline::{count_quotes, row_end};
use flow_ir::column::{NULL, VALID};
use flow_ir::{ErrorCode, Value, text};

const MALFORMED: u8 = ErrorCode::Malformed as u8;
const MISSING: u8 = ErrorCode::Missing as u8;
const STRUCTURE: u8 = ErrorCode::Structure as u8;

/// A row as a scanner delivers it.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    cells: Vec<Result<Value, u8>>,
    broken: Option<(usize, String)>,
    span: Range<usize>,
    fields: Vec<Option<Range<usize>>>,
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit
    }

    fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

/// A column type and what the tests read with it.
fn strings(count: usize) -> Vec<DataType> {
    (0..count)
        .map(|i| if i % 2 == 0 { DataType::required(Type::String) } else { DataType::nullable(Type::String) })
        .collect()
}

fn limits(rows_max: usize, bytes_max: usize) -> MorselLimits {
    MorselLimits { rows_max, bytes_max }
}

/// Everything a scanner delivers for one file, dealt in chunks of about `chunk_bytes`.
fn scan(
    level: SimdLevel,
    dialect: &Dialect,
    types: &[DataType],
    bytes: &[u8],
    chunk_bytes: usize,
    limits: MorselLimits,
) -> Vec<Seen> {
    let width = types.len() as u32;
    let layout = vec![((0..width).collect(), width)];
    let mut scanner = CsvScanner::with_level(level, dialect, types.to_vec(), layout, limits);
    let mut rows = Vec::new();
    let mut from = 0;
    while from < bytes.len() {
        let wanted = (from + chunk_bytes).min(bytes.len());
        let odd = dialect.quote.is_some_and(|q| count_quotes(&bytes[from..wanted - 1], q) % 2 == 1);
        let to = row_end(bytes, wanted - 1, dialect.quote, odd).unwrap_or(bytes.len());
        // Bytes before the chunk and garbage after it must not matter.
        let mut buffer = b"\"x,".to_vec();
        buffer.extend_from_slice(&bytes[from..to]);
        buffer.extend((0..CHUNK_PADDING).map(|i| b"\",\n7"[i % 4]));
        let chunk = Chunk {
            start: 3,
            end: 3 + to - from,
            file: 0,
            offset: from as u64,
            first_line: 1,
            buffer: buffer.into(),
        };
        scanner.begin(&chunk);
        while scanner.next_morsel() {
            collect(&scanner, types, from, &mut rows);
        }
        assert!(!scanner.next_morsel());
        from = to;
    }
    rows
}

fn collect(scanner: &CsvScanner, types: &[DataType], from: usize, rows: &mut Vec<Seen>) {
    let in_file = |r: Range<usize>| r.start - 3 + from..r.end - 3 + from;
    let columns: Vec<Column> = (0..types.len()).map(|i| scanner.column(i, None)).collect();
    let backwards: Vec<u32> = (0..scanner.rows() as u32).rev().collect();
    for (i, ty) in types.iter().enumerate() {
        let again = scanner.column(i, Some(&backwards));
        assert_eq!(again.len(), scanner.rows());
        for (k, &row) in backwards.iter().enumerate() {
            assert_eq!(again.value(k, &ty.kind), columns[i].value(row as usize, &ty.kind));
        }
    }
    for row in 0..scanner.rows() {
        let broken = scanner.broken().iter().find(|b| b.row as usize == row);
        rows.push(Seen {
            cells: types.iter().zip(&columns).map(|(ty, c)| c.value(row, &ty.kind)).collect(),
            broken: broken.map(|b| (b.at - 3 + from, b.message.clone())),
            span: in_file(scanner.row_span(row)),
            fields: (0..types.len()).map(|i| scanner.field_span(row, i).map(in_file)).collect(),
        });
    }
}

/// The rules, byte by byte.
fn plainly(dialect: &Dialect, types: &[DataType], bytes: &[u8]) -> Vec<Seen> {
    let mut rows = Vec::new();
    let mut from = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let mut header = dialect.header;
    while from < bytes.len() {
        let (mut at, mut inside, mut ends) = (from, false, Vec::new());
        while at < bytes.len() && (inside || bytes[at] != b'\n') {
            if Some(bytes[at]) == dialect.quote {
                inside = !inside;
            } else if bytes[at] == dialect.separator && !inside {
                ends.push(at);
            }
            at += 1;
        }
        let returned = at < bytes.len() && at > from && bytes[at - 1] == b'\r';
        let end = at - usize::from(returned);
        ends.push(end);
        let span = from..end;
        let starts = std::iter::once(from).chain(ends.iter().map(|e| e + 1));
        let fields: Vec<Range<usize>> = starts.zip(&ends).map(|(s, &e)| s..e).collect();
        from = at + 1;
        if std::mem::take(&mut header) || (span.is_empty() && types.len() > 1) {
            continue;
        }
        let broken = plain_defect(dialect, types.len(), bytes, &span, &fields);
        let cell = |(i, ty): (usize, &DataType)| match broken {
            Some(_) => Err(STRUCTURE),
            None => plain_cell(dialect, ty, &bytes[fields[i].clone()]),
        };
        rows.push(Seen {
            cells: types.iter().enumerate().map(cell).collect(),
            broken,
            span,
            fields: (0..types.len()).map(|i| fields.get(i).cloned()).collect(),
        });
    }
    rows
}

fn plain_defect(
    dialect: &Dialect,
    width: usize,
    bytes: &[u8],
    span: &Range<usize>,
    fields: &[Range<usize>],
) -> Option<(usize, String)> {
    for field in fields {
        let text = &bytes[field.clone()];
        let Some(opened) = text.iter().position(|&b| Some(b) == dialect.quote) else { continue };
        let quote = text[opened];
        if opened > 0 {
            return Some((
                field.start + opened,
                "a quote opens here, inside a field that does not start with one".into(),
            ));
        }
        let mut i = 1;
        while i < text.len() && (text[i] != quote || text.get(i + 1) == Some(&quote)) {
            i += if text[i] == quote { 2 } else { 1 };
        }
        if i >= text.len() {
            return Some((field.start, "the quote that opens here is never closed".into()));
        }
        if i + 1 < text.len() {
            return Some((field.start, "text follows the end of the quote that opens here".into()));
        }
    }
    if let Err(e) = std::str::from_utf8(&bytes[span.clone()]) {
        return Some((span.start + e.valid_up_to(), "these bytes are not UTF-8".into()));
    }
    let found = fields.len();
    let at = if found > width { fields[width].start } else { span.end };
    let plural = if found == 1 { "" } else { "s" };
    (found != width).then(|| (at, format!("{found} field{plural}, expected {width}")))
}

fn plain_cell(dialect: &Dialect, ty: &DataType, raw: &[u8]) -> Result<Value, u8> {
    let raw = std::str::from_utf8(raw).unwrap();
    let quote = dialect.quote.map(char::from);
    let quoted = quote.is_some_and(|q| raw.starts_with(q));
    let missing = if ty.nullable { Ok(Value::Null) } else { Err(MISSING) };
    if !quoted && raw.is_empty() {
        return if ty.kind == Type::String && !ty.nullable { Ok(Value::string("")) } else { missing };
    }
    if !quoted && dialect.null.iter().any(|n| n == raw) {
        return missing;
    }
    let inner = if quoted { &raw[1..raw.len() - 1] } else { raw };
    match (&ty.kind, quote) {
        (Type::String, Some(q)) if quoted => {
            Ok(Value::string(inner.replace(&format!("{q}{q}"), &q.to_string())))
        }
        _ => text::parse(inner, &ty.kind).ok_or(MALFORMED),
    }
}

/// Checks every level and several grids against the plain reading.
fn check(dialect: &Dialect, types: &[DataType], bytes: &[u8], random: &mut Random) {
    let expected = plainly(dialect, types, bytes);
    for level in SimdLevel::available() {
        for round in 0..3 {
            let (chunk, limits) = match round {
                0 => (1 << 20, limits(1 << 20, 1 << 20)),
                1 => (1 + random.below(bytes.len() + 1), limits(1 + random.below(5), 1 + random.below(200))),
                _ => (1 << 20, limits(1 + random.below(40), 1 + random.below(300))),
            };
            let seen = scan(level, dialect, types, bytes, chunk, limits);
            assert_eq!(
                seen,
                expected,
                "{level:?} {chunk} {limits:?} {dialect:?} {:?}",
                bytes.escape_ascii().to_string()
            );
        }
    }
}

#[test]
fn any_bytes_are_read_by_the_rules() {
    let pieces: [&[u8]; 22] = [
        b",",
        b",",
        b"\n",
        b"\n",
        b"\r\n",
        b"\"",
        b"\"\"",
        b"a",
        b"bc",
        b"-12.5",
        b"7",
        b"\xc3\xa9",
        b"\xff",
        b"\r",
        b"\n\n",
        b"\"a,b\"",
        b"\"x\ny\"",
        b"NA",
        b" ",
        b"\xe2\x82\xac",
        b";",
        b"\"q\"\"r\",",
    ];
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..30_000 {
        let length = random.below(if round % 50 == 0 { 400 } else { 24 });
        let mut bytes = if random.below(9) == 0 { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
        for _ in 0..length {
            let piece: &[u8] = pieces[random.below(pieces.len())];
            bytes.extend_from_slice(piece);
        }
        let dialect = Dialect {
            separator: *random.pick(b",;"),
            header: random.below(3) == 0,
            quote: *random.pick(&[None, Some(b'"'), Some(b'"')]),
            null: if random.below(3) == 0 { vec!["NA".into(), "7".into()] } else { Vec::new() },
        };
        let kinds =
            [Type::String, Type::Int, Type::Float, Type::Decimal { precision: 5, scale: 2 }, Type::Bool];
        let types: Vec<DataType> = (0..1 + random.below(4))
            .map(|_| DataType { kind: random.pick(&kinds).clone(), nullable: random.below(2) == 0 })
            .collect();
        check(&dialect, &types, &bytes, &mut random);
    }
}

#[test]
fn mostly_regular_rows_are_read_by_the_rules() {
    let mut random = Random(77);
    for _ in 0..400 {
        let width = 1 + random.below(5);
        let line_end = *random.pick(&[b"\n".as_slice(), b"\r\n"]);
        let odd = random.below(3);
        let mut bytes = Vec::new();
        for _ in 0..random.below(200) {
            for field in 0..width {
                if field > 0 {
                    bytes.push(b',');
                }
                let text: &[u8] = match random.below(12) {
                    0 => b"",
                    1 => b"\"with, comma\"",
                    2 => b"\"two\nlines\"",
                    3 => b"\"a \"\"word\"\"\"",
                    4 => "caf\u{e9}".as_bytes(),
                    5 => b"\"\"",
                    6 if odd > 0 && random.below(60) == 0 => b"stray\"quote",
                    7 if odd > 0 && random.below(60) == 0 => b"one,more",
                    8 if odd > 1 && random.below(60) == 0 => b"\xc3(",
                    _ => b"plain text",
                };
                bytes.extend_from_slice(text);
            }
            bytes.extend_from_slice(line_end);
        }
        if random.below(2) == 0 {
            bytes.truncate(bytes.len().saturating_sub(line_end.len()));
        }
        let dialect = Dialect { header: random.below(2) == 0, ..Dialect::csv() };
        check(&dialect, &strings(width), &bytes, &mut random);
    }
}

#[test]
fn no_bytes_and_no_dialect_can_panic() {
    let mut random = Random(31_415_926_535);
    for _ in 0..100_000 {
        let common = [b'"', b',', b'\n', b'\r', 0, 0x80, 0xff, b'a'];
        let mut byte = || if random.below(2) == 0 { common[random.below(8)] } else { random.next() as u8 };
        let dialect =
            Dialect { separator: byte(), header: byte() < 60, quote: Some(byte()), null: Vec::new() };
        let length = byte() as usize % 48;
        let bytes: Vec<u8> = (0..length).map(|_| byte()).collect();
        let types = strings(1 + length % 3);
        let grid = limits(1 + random.below(9), 1 + random.below(99));
        let chunk = 1 + random.below(60);
        let first = scan(SimdLevel::baseline(), &dialect, &types, &bytes, chunk, grid);
        for level in SimdLevel::available() {
            assert_eq!(scan(level, &dialect, &types, &bytes, chunk, grid), first, "{dialect:?} {bytes:?}");
        }
    }
}

#[test]
fn rows_beyond_the_limit_are_broken() {
    let mut bytes = b"1,a\n2,".to_vec();
    bytes.resize(bytes.len() + rows::ROW_BYTES_MAX, b'x');
    bytes.extend_from_slice(b"\n3,c\n");
    let dialect = Dialect { header: false, ..Dialect::csv() };
    let types = [DataType::required(Type::Int), DataType::required(Type::String)];
    let rows = scan(SimdLevel::detect(), &dialect, &types, &bytes, 1 << 30, limits(100, 1 << 16));
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[1].broken, Some((4, "the row is longer than 64 MiB".to_owned())));
    assert_eq!(rows[2].cells, [Ok(Value::Int(3)), Ok(Value::string("c"))]);
}

#[test]
fn the_csv_crate_reads_the_same_cells() {
    let mut random = Random(4711);
    for _ in 0..300 {
        let width = 1 + random.below(6);
        let mut rows: Vec<Vec<String>> = Vec::new();
        let mut writer = csv::WriterBuilder::new()
            .quote_style(*random.pick(&[csv::QuoteStyle::Necessary, csv::QuoteStyle::Always]))
            .terminator(*random.pick(&[csv::Terminator::CRLF, csv::Terminator::Any(b'\n')]))
            .from_writer(Vec::new());
        for _ in 0..1 + random.below(120) {
            let cell = |_| -> String {
                (0..random.below(9))
                    .map(|_| *random.pick(&['a', 'Z', '"', ',', '\n', ' ', 'é', '€', '7', '.']))
                    .collect()
            };
            rows.push((0..width).map(cell).collect());
        }
        rows.iter().for_each(|row| writer.write_record(row).unwrap());
        let bytes = writer.into_inner().unwrap();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes.as_slice());
        let theirs: Vec<Vec<String>> =
            reader.records().map(|r| r.unwrap().iter().map(str::to_owned).collect()).collect();
        assert_eq!(theirs, rows);
        let dialect = Dialect { header: false, ..Dialect::csv() };
        let types = vec![DataType::required(Type::String); width];
        for level in SimdLevel::available() {
            let chunk = 1 + random.below(bytes.len());
            let ours = scan(
                level,
                &dialect,
                &types,
                &bytes,
                chunk,
                limits(1 + random.below(99), 64 << random.below(8)),
            );
            let cells: Vec<Vec<String>> = ours
                .into_iter()
                .map(|row| row.cells.into_iter().map(|c| text_of(c.unwrap())).collect())
                .collect();
            assert_eq!(cells, rows);
        }
    }
}

fn text_of(value: Value) -> String {
    match value {
        Value::String(s) => s.to_string(),
        other => panic!("{other:?} is not a string"),
    }
}

fn one(dialect: &Dialect, types: &[DataType], text: &str) -> Vec<Seen> {
    scan(SimdLevel::detect(), dialect, types, text.as_bytes(), 1 << 20, limits(1000, 1 << 16))
}

fn statuses(rows: &[Seen], column: usize) -> Vec<u8> {
    let status = |c: &Result<Value, u8>| match c {
        Ok(Value::Null) => NULL,
        Ok(_) => VALID,
        Err(code) => *code,
    };
    rows.iter().map(|r| status(&r.cells[column])).collect()
}

#[test]
fn nulls_follow_the_type_and_the_dialect() {
    let dialect = Dialect { header: false, null: vec!["NA".into()], ..Dialect::csv() };
    let text = "x,1\n,\n\"\",\"\"\nNA,NA\n\"NA\",\"7\"\n";
    let nullable = [DataType::nullable(Type::String), DataType::nullable(Type::Int)];
    let rows = one(&dialect, &nullable, text);
    assert_eq!(statuses(&rows, 0), [VALID, NULL, VALID, NULL, VALID]);
    assert_eq!(statuses(&rows, 1), [VALID, NULL, MALFORMED, NULL, VALID]);
    assert_eq!(rows[4].cells, [Ok(Value::string("NA")), Ok(Value::Int(7))]);
    let required = [DataType::required(Type::String), DataType::required(Type::Int)];
    let rows = one(&dialect, &required, text);
    assert_eq!(statuses(&rows, 0), [VALID, VALID, VALID, MISSING, VALID]);
    assert_eq!(statuses(&rows, 1), [VALID, MISSING, MALFORMED, MISSING, VALID]);
    assert_eq!(rows[1].cells[0], Ok(Value::string("")));
}

#[test]
fn broken_rows_say_where_and_why() {
    let dialect = Dialect { header: false, ..Dialect::csv() };
    let text = "a,b\nc\nd,e,f\ng,h\"i\"\n\"j\"k,l\nm,n\no,\"p";
    let rows = one(&dialect, &strings(2), text);
    let broken: Vec<_> = rows.iter().map(|r| r.broken.clone()).collect();
    let say = |at: usize, why: &str| Some((at, why.to_owned()));
    assert_eq!(
        broken,
        [
            None,
            say(5, "1 field, expected 2"),
            say(10, "3 fields, expected 2"),
            say(15, "a quote opens here, inside a field that does not start with one"),
            say(19, "text follows the end of the quote that opens here"),
            None,
            say(32, "the quote that opens here is never closed"),
        ]
    );
    assert_eq!(rows[2].span, 6..11);
    assert_eq!(rows[1].fields, [Some(4..5), None]);
    assert_eq!(rows[5].cells, [Ok(Value::string("m")), Ok(Value::string("n"))]);
}

#[test]
fn rows_longer_than_a_block_are_whole() {
    let dialect = Dialect { header: true, ..Dialect::csv() };
    let long = "x".repeat(5000);
    let text = format!("h,k\n1,{long}\n2,\"{long}\n{long}\"\n3,z\n");
    let types = [DataType::required(Type::Int), DataType::required(Type::String)];
    let expected = plainly(&dialect, &types, text.as_bytes());
    assert_eq!(expected.len(), 3);
    for level in SimdLevel::available() {
        let seen = scan(level, &dialect, &types, text.as_bytes(), 100, limits(10, 64));
        assert_eq!(seen, expected);
    }
}

#[test]
fn columns_may_be_some_of_the_fields_in_any_order() {
    let types = vec![DataType::required(Type::Int), DataType::required(Type::String)];
    let dialect = Dialect { header: false, ..Dialect::csv() };
    let files = vec![(vec![2, 0], 3), (vec![0, 1], 2)];
    let mut scanner = CsvScanner::with_level(SimdLevel::detect(), &dialect, types, files, limits(9, 64));
    for (file, text) in [(0, "a,b,7\n"), (1, "8,c\n")] {
        let mut buffer = text.as_bytes().to_vec();
        buffer.resize(text.len() + CHUNK_PADDING, 0);
        let chunk =
            Chunk { buffer: buffer.into(), start: 0, end: text.len(), file, offset: 0, first_line: 1 };
        scanner.begin(&chunk);
        assert!(scanner.next_morsel());
        let int = scanner.column(0, None).value(0, &Type::Int);
        let string = scanner.column(1, None).value(0, &Type::String);
        let expected = if file == 0 { (7, "a") } else { (8, "c") };
        assert_eq!((int, string), (Ok(Value::Int(expected.0)), Ok(Value::string(expected.1))));
    }
}
