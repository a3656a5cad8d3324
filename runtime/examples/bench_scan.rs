//! Times the scan kernels on made-up rows in memory: GB/s and ns a row, the best of many rounds.
//!
//! ```text
//! cargo run --release -p flow-runtime --example bench_scan [NAME]
//! ```
//!
//! It stands outside the pipeline. One core, chunks that fit the cache: what a scan costs beyond reading.

use flow_ir::source::Dialect;
use flow_ir::{Column, DataType, Type};
use flow_runtime::format::csv::CsvScanner;
use flow_runtime::format::lines::LinesScanner;
use flow_runtime::format::{CHUNK_PADDING, Chunk, MorselLimits, Scanner};
use flow_runtime::kernels::level::SimdLevel;
use flow_runtime::kernels::newline::{count_quotes, row_end};
use flow_runtime::kernels::split::split_each;
use flow_runtime::kernels::tokenize::{Quoting, Tokens, tokenize};
use flow_runtime::kernels::{date, number};
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

const CHUNK_BYTES: usize = 768 << 10;
/// One-field chunks are smaller, because their views take more room than their text.
const COLUMN_BYTES: usize = 96 << 10;
const BLOCK_BYTES: usize = 64 << 10;
const LIMITS: MorselLimits = MorselLimits { rows_max: 8192, bytes_max: BLOCK_BYTES };

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 24) % limit
    }
}

/// Rows until a chunk is full.
fn chunk(row: impl FnMut(&mut Random, &mut String)) -> Chunk {
    chunk_of(CHUNK_BYTES, row)
}

fn chunk_of(bytes: usize, mut row: impl FnMut(&mut Random, &mut String)) -> Chunk {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut text = String::new();
    while text.len() < bytes {
        row(&mut random, &mut text);
        text.push('\n');
    }
    let end = text.len();
    let mut buffer = text.into_bytes();
    buffer.resize(end + CHUNK_PADDING, 0);
    Chunk { buffer: buffer.into(), start: 0, end, file: 0, offset: 1, first_line: 1 }
}

fn stations() -> Chunk {
    chunk(|random, text| {
        let length = 3 + random.below(10);
        text.push((b'A' + random.below(26) as u8) as char);
        (0..length).for_each(|_| text.push((b'a' + random.below(26) as u8) as char));
        if random.below(8) == 0 {
            text.push('é');
        }
        let tenths = random.below(700) as i64 - 200;
        let sign = if tenths < 0 { "-" } else { "" };
        let _ = write!(text, ";{sign}{}.{}", tenths.abs() / 10, tenths.abs() % 10);
    })
}

fn contributions() -> Chunk {
    chunk(|random, text| {
        let amount = random.below(3000) as i64 - 20;
        let _ = write!(
            text,
            "C{:08}|N|M2|P2020|{}|15|IND|SMITH, JOHN {}|SPRINGFIELD|{}|{:09}|ACME & SONS|ENGINEER|{:02}{:02}2019|\
             {amount}||VPF{:09}|{}|X|EARMARKED FOR COMMITTEE|{}",
            random.below(99999),
            201_900_000_000 + random.below(99_999_999),
            random.below(100),
            ["NY", "CA", "TX", "WA"][random.below(4) as usize],
            random.below(999_999_999),
            1 + random.below(12),
            1 + random.below(28),
            random.below(999_999_999),
            1_300_000 + random.below(150_000),
            4_010_000_000_000_000_000 + random.below(99_999_999)
        );
    })
}

fn access_log() -> Chunk {
    chunk(|random, text| {
        let _ = write!(
            text,
            "{}.{}.{}.{} - - [{:02}/Jan/2024:{:02}:{:02}:{:02} +0000] \"GET /{}/page{}.html HTTP/1.1\" {} {} \"{}\" \
             \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.{} (KHTML, like Gecko) Chrome/{}.0.0.0\"",
            1 + random.below(222),
            random.below(256),
            random.below(256),
            random.below(256),
            1 + random.below(28),
            random.below(24),
            random.below(60),
            random.below(60),
            random.below(1000),
            random.below(100_000),
            [200, 304, 404, 500][random.below(4) as usize],
            120 + random.below(100_000),
            if random.below(3) == 0 { "-" } else { "https://www.example.com/index.html" },
            random.below(60),
            80 + random.below(60)
        );
    })
}

fn words() -> Chunk {
    chunk(|random, text| {
        for i in 0..8 + random.below(5) {
            if i > 0 {
                text.push(' ');
            }
            (0..2 + random.below(8)).for_each(|_| text.push((b'a' + random.below(26) as u8) as char));
        }
    })
}

/// One field a row.
fn column(mut value: impl FnMut(&mut Random, &mut String)) -> Chunk {
    chunk_of(COLUMN_BYTES, |random, text| value(random, text))
}

struct Bench {
    only: Option<String>,
}

impl Bench {
    /// Prints the best time of `work`, which returns how many rows it handled.
    fn run(&self, name: &str, bytes: usize, mut work: impl FnMut() -> usize) {
        if self.only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            return;
        }
        let (mut best, mut rows) = (f64::MAX, 0);
        for _ in 0..600 {
            let start = Instant::now();
            rows = work();
            best = best.min(start.elapsed().as_secs_f64());
        }
        println!(
            "{name:44} {:7.2} GB/s {:8.2} ns/row",
            bytes as f64 / best / 1e9,
            best * 1e9 / rows.max(1) as f64
        );
    }
}

fn blocks(chunk: &Chunk, mut each: impl FnMut(std::ops::Range<usize>)) {
    let mut from = chunk.start;
    while from < chunk.end {
        let to = (from + BLOCK_BYTES).min(chunk.end);
        each(from..to);
        from = to;
    }
}

fn tokenizers(bench: &Bench) {
    let cases = [
        ("stations", stations(), b';', Quoting::Off),
        ("contributions", contributions(), b'|', Quoting::Off),
        ("contributions, watching", contributions(), b'|', Quoting::Watch(b'"')),
        ("access log, quoted", access_log(), b' ', Quoting::On(b'"')),
        ("lines", words(), b'\n', Quoting::Off),
    ];
    for level in SimdLevel::available() {
        for (name, chunk, separator, quoting) in &cases {
            let mut tokens = Tokens::default();
            bench.run(&format!("tokenize {name} {level:?}"), chunk.end, || {
                let mut rows = 0;
                blocks(chunk, |range| {
                    tokenize(level, &chunk.buffer, range, *separator, *quoting, &mut tokens);
                    rows += black_box(&tokens).newlines;
                });
                rows
            });
        }
    }
}

fn texts(chunk: &Chunk) -> Vec<Vec<u64>> {
    let mut scanner = LinesScanner::new(LIMITS);
    scanner.begin(chunk);
    let mut all = Vec::new();
    while scanner.next_morsel() {
        if let flow_ir::Values::Str(s) = scanner.column(0, None).values {
            all.push(s.views);
        }
    }
    all
}

fn parsers(bench: &Bench) {
    type Write = fn(&mut Random, &mut String);
    let values: [(&str, Type, Write); 12] = [
        ("float 12.3", Type::Float, |r, t| {
            let v = r.below(1400) as i64 - 400;
            let _ = write!(t, "{}{}.{}", if v < 0 { "-" } else { "" }, v.abs() / 10, v.abs() % 10);
        }),
        ("float 1234.56", Type::Float, |r, t| {
            let _ = write!(t, "{}.{:02}", r.below(10_000), r.below(100));
        }),
        ("float 12.345678", Type::Float, |r, t| {
            let _ = write!(t, "-{}.{:06}", r.below(180), r.below(1_000_000));
        }),
        ("float 17 digits", Type::Float, |r, t| {
            let _ = write!(t, "0.{:017}", r.below(1 << 40) * 90_909);
        }),
        ("int 1-4 digits", Type::Int, |r, t| {
            let _ = write!(t, "{}", r.below(3000) as i64 - 20);
        }),
        ("int 8 digits", Type::Int, |r, t| {
            let _ = write!(t, "{}", r.below(99_999_999));
        }),
        ("int 10 digits", Type::Int, |r, t| {
            let _ = write!(t, "{}", 1_000_000_000 + r.below(999_999_999));
        }),
        ("int 19 digits", Type::Int, |r, t| {
            let _ = write!(t, "{}", 4_010_000_000_000_000_000 + r.below(1 << 30));
        }),
        ("decimal(12, 2)", Type::Decimal { precision: 12, scale: 2 }, |r, t| {
            let _ = write!(t, "{}.{:02}", r.below(100_000), r.below(100));
        }),
        ("date", Type::Date, |r, t| {
            let _ = write!(t, "{}-{:02}-{:02}", 1992 + r.below(8), 1 + r.below(12), 1 + r.below(28));
        }),
        ("timestamp", Type::Timestamp, |r, t| {
            let _ = write!(t, "2024-05-{:02}T10:{:02}:{:02}Z", 1 + r.below(30), r.below(60), r.below(60));
        }),
        ("bool", Type::Bool, |r, t| t.push_str(["true", "false"][r.below(2) as usize])),
    ];
    for level in [SimdLevel::baseline(), SimdLevel::detect()] {
        for (name, ty, write) in &values {
            let chunk = column(write);
            let views = texts(&chunk);
            let mut bad = Vec::new();
            bench.run(&format!("parse {name} {level:?}"), chunk.end, || {
                let mut rows = 0;
                for views in &views {
                    rows += views.len();
                    let buffer = &chunk.buffer;
                    match ty {
                        Type::Int => drop(black_box(number::parse_ints(level, buffer, views, &mut bad))),
                        Type::Float => drop(black_box(number::parse_floats(level, buffer, views, &mut bad))),
                        Type::Date => drop(black_box(date::parse_dates(level, buffer, views, &mut bad))),
                        Type::Timestamp => {
                            drop(black_box(date::parse_timestamps(level, buffer, views, &mut bad)))
                        }
                        Type::Bool => drop(black_box(number::parse_bools(buffer, views, &mut bad))),
                        _ => drop(black_box(number::parse_decimals(level, buffer, views, 12, 2, &mut bad))),
                    }
                }
                assert!(bad.is_empty());
                rows
            });
        }
    }
}

/// Scans a chunk and reads some columns, as a pipeline does.
fn scan(scanner: &mut dyn Scanner, chunk: &Chunk, columns: &[usize]) -> usize {
    let mut rows = 0;
    scanner.begin(chunk);
    while scanner.next_morsel() {
        rows += scanner.rows();
        for &index in columns {
            let column: Column = scanner.column(index, None);
            black_box(&column);
        }
    }
    rows
}

fn scanners(bench: &Bench) {
    let string = DataType::required(Type::String);
    let plain = |separator| Dialect { separator, header: false, quote: None, null: Vec::new() };
    for level in SimdLevel::available() {
        let layout = |width: u32| vec![((0..width).collect(), width)];
        let chunk = stations();
        let types = vec![string.clone(), DataType::required(Type::Float)];
        let mut scanner = CsvScanner::with_level(level, &plain(b';'), types, layout(2), LIMITS);
        bench.run(&format!("scan stations, no column {level:?}"), chunk.end, || {
            scan(&mut scanner, &chunk, &[])
        });
        bench.run(&format!("scan stations, name {level:?}"), chunk.end, || scan(&mut scanner, &chunk, &[0]));
        bench.run(&format!("scan stations, both {level:?}"), chunk.end, || {
            scan(&mut scanner, &chunk, &[0, 1])
        });

        let chunk = contributions();
        let mut types = vec![string.clone(); 21];
        types[14] = DataType::required(Type::Int);
        let mut scanner = CsvScanner::with_level(level, &plain(b'|'), types.clone(), layout(21), LIMITS);
        bench.run(&format!("scan contributions, 2 of 21 {level:?}"), chunk.end, || {
            scan(&mut scanner, &chunk, &[9, 14])
        });

        let chunk = access_log();
        let mut types = vec![string.clone(); 10];
        types[6] = DataType::required(Type::Int);
        types[7] = DataType::nullable(Type::Int);
        let dialect = Dialect { quote: Some(b'"'), null: vec!["-".into()], ..plain(b' ') };
        let mut scanner = CsvScanner::with_level(level, &dialect, types, layout(10), LIMITS);
        bench.run(&format!("scan access log, 3 of 10 {level:?}"), chunk.end, || {
            scan(&mut scanner, &chunk, &[5, 6, 7])
        });

        let chunk = words();
        let mut scanner = LinesScanner::with_level(level, LIMITS);
        bench.run(&format!("scan lines {level:?}"), chunk.end, || scan(&mut scanner, &chunk, &[0]));
    }
}

fn others(bench: &Bench) {
    let chunk = words();
    let views = texts(&chunk);
    let (mut rows, mut pieces) = (Vec::new(), Vec::new());
    for level in SimdLevel::available() {
        bench.run(&format!("split words (a row is a piece) {level:?}"), chunk.end, || {
            let mut count = 0;
            for views in &views {
                rows.clear();
                pieces.clear();
                split_each(level, &chunk.buffer, views, b' ', &mut rows, &mut pieces);
                count += black_box(&pieces).len();
            }
            count
        });
    }
    let chunk = access_log();
    bench.run("count quotes", chunk.end, || count_quotes(&chunk.buffer[..chunk.end], b'"') as usize);
    let chunk = access_log();
    bench.run("row ends, quoted", chunk.end, || {
        let (mut at, mut rows) = (0, 0);
        while let Some(next) = row_end(&chunk.buffer[..chunk.end], at, Some(b'"'), false) {
            at = next;
            rows += 1;
        }
        rows
    });
}

fn main() {
    let bench = Bench { only: std::env::args().nth(1) };
    tokenizers(&bench);
    parsers(&bench);
    scanners(&bench);
    others(&bench);
}
