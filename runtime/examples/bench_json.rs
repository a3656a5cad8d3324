//! Measures the scanner of JSON lines, and its parts, on rows made in memory.
//!
//! It stands outside the pipeline. `cargo run --release -p flow-runtime --example bench_json [rows] [best]`
//! prints gigabytes a second of one core, the best of several runs, for each set of instructions or
//! for the best one only.

use flow_ir::expr::Span;
use flow_ir::logical::ColumnId;
use flow_ir::source::{Folders, Format, OnError, Source, SourceColumn};
use flow_ir::{DataType, Type, Values};
use flow_runtime::format::json::JsonScanner;
use flow_runtime::format::{CHUNK_PADDING, Chunk, MorselLimits, Scanner};
use flow_runtime::kernels::level::SimdLevel;
use flow_runtime::kernels::structural::Tokens;
use std::time::Instant;

const LIMITS: MorselLimits = MorselLimits { rows_max: 8192, bytes_max: 128 << 10 };
const RUNS: usize = 2000;

fn main() {
    let rows = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(4000);
    let best_only = std::env::args().nth(2).is_some();
    let levels = if best_only { vec![SimdLevel::detect()] } else { SimdLevel::available() };
    for (name, text) in [
        ("people", people(rows, false)),
        ("people, half of the rows of another shape", people(rows, true)),
        ("events with numbers", events(rows)),
        ("escapes and letters beyond ASCII", letters(rows)),
        ("every row of another shape", irregular(rows)),
    ] {
        println!("{name}: {} bytes a row", text.len() / rows);
        for level in &levels {
            measure(*level, &text);
        }
    }
}

/// Prints the speed of cutting into tokens, of finding rows, and of reading two columns.
fn measure(level: SimdLevel, text: &[u8]) {
    let mut buffer = text.to_vec();
    buffer.resize(buffer.len() + CHUNK_PADDING, 0);
    let chunk = Chunk { buffer: buffer.into(), start: 0, end: text.len(), file: 0, offset: 0, first_line: 1 };
    let mut tokens = Tokens::default();
    let cutting = best(text.len(), || {
        let mut all = 0;
        for start in (0..text.len()).step_by(32 << 10) {
            tokens.clear();
            tokens.extend(level, &chunk.buffer, start..text.len().min(start + (32 << 10)));
            all += tokens.kinds().len();
        }
        all
    });
    let columns = source();
    let mut scanner = JsonScanner::with_level(&columns, LIMITS, level);
    let finding = best(text.len(), || {
        scanner.begin(&chunk);
        let mut rows = 0;
        while scanner.next_morsel() {
            rows += scanner.rows();
        }
        rows
    });
    let reading = best(text.len(), || {
        scanner.begin(&chunk);
        let mut all = 0;
        while scanner.next_morsel() {
            for index in 0..2 {
                match scanner.column(index, None).values {
                    Values::I64(v) => all += v.iter().map(|x| *x as usize).sum::<usize>(),
                    Values::Str(s) => all += s.views.iter().map(|v| (v >> 32) as usize).sum::<usize>(),
                    _ => {}
                }
            }
        }
        all
    });
    println!("  {level:?}: tokens {cutting:.2}, rows {finding:.2}, with columns {reading:.2} GB/s");
}

/// Gigabytes a second of the fastest run.
fn best(bytes: usize, mut work: impl FnMut() -> usize) -> f64 {
    let mut fastest = f64::MAX;
    let mut sum = 0usize;
    for _ in 0..RUNS {
        let start = Instant::now();
        sum = sum.wrapping_add(std::hint::black_box(work()));
        fastest = fastest.min(start.elapsed().as_secs_f64());
    }
    std::hint::black_box(sum);
    bytes as f64 / fastest / 1e9
}

fn source() -> Source {
    let column = |i: u32, name: &str, ty: Type| SourceColumn {
        id: ColumnId(i),
        name: name.into(),
        path: vec![name.into()],
        ty: DataType::required(ty),
        span: Span::default(),
        used: Span::default(),
    };
    Source {
        pattern: String::new(),
        files: Vec::new(),
        format: Format::JsonLines,
        columns: vec![column(0, "age", Type::Int), column(1, "occupation", Type::String)],
        folders: Folders::default(),
        line: None,
        on_error: OnError::Fail,
        span: Span::default(),
    }
}

/// Numbers without visible order.
fn scramble(i: usize) -> usize {
    ((i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) as usize
}

fn word(i: usize) -> &'static str {
    const WORDS: [&str; 8] =
        ["Baker", "Archaeologist", "Ed", "Quantity Surveyor", "Smith", "Oz", "Cooper", "Wheelwright"];
    WORDS[scramble(i) % WORDS.len()]
}

fn people(rows: usize, mixed: bool) -> Vec<u8> {
    let row = |i: usize| {
        let more = if mixed && scramble(i) & 64 == 0 { ", \"retired\": true" } else { "" };
        format!(
            "{{\"age\": {}, \"name\": [\"{}\", \"{}\"], \"occupation\": \"{}\", \"telephone\": \"{:03}-{:03}-{:04}\", \
             \"address\": {{\"address\": \"{} {} Street\", \"city\": \"{}\"}}, \"credit-card\": {{\"number\": \
             \"{:04} {:04} {:04} {:04}\", \"expiration-date\": \"{:02}/{:02}\"}}{more}}}\n",
            16 + scramble(i) % 90,
            word(i),
            word(i + 7),
            word(i + 3),
            scramble(i + 1) % 1000,
            scramble(i + 2) % 1000,
            scramble(i + 3) % 10000,
            scramble(i + 4) % 1500,
            word(i + 5),
            word(i + 6),
            scramble(i + 5) % 10000,
            scramble(i + 6) % 10000,
            scramble(i + 7) % 10000,
            scramble(i + 8) % 10000,
            1 + scramble(i + 9) % 12,
            17 + scramble(i + 10) % 9,
        )
    };
    (0..rows).flat_map(|i| row(i).into_bytes()).collect()
}

fn events(rows: usize) -> Vec<u8> {
    let row = |i: usize| {
        format!(
            "{{\"age\":{},\"occupation\":\"{}\",\"x\":{}.{:02},\"y\":-{}.5,\"n\":{},\"on\":{},\"z\":null}}\n",
            scramble(i) % 100,
            word(i),
            scramble(i + 1) % 1000,
            scramble(i + 2) % 100,
            scramble(i + 3) % 100,
            scramble(i + 4),
            scramble(i).is_multiple_of(2),
        )
    };
    (0..rows).flat_map(|i| row(i).into_bytes()).collect()
}

fn letters(rows: usize) -> Vec<u8> {
    let row = |i: usize| {
        format!(
            "{{\"age\":{},\"occupation\":\"{} \\\"é\\\"\",\"text\":\"naïve façade, {}\\n{} größer\"}}\n",
            scramble(i) % 100,
            word(i),
            word(i + 1),
            word(i + 2),
        )
    };
    (0..rows).flat_map(|i| row(i).into_bytes()).collect()
}

/// Optional fields and lists of any length: thousands of shapes.
fn irregular(rows: usize) -> Vec<u8> {
    let row = |i: usize| {
        let mut row = format!("{{\"age\":{},\"occupation\":\"{}\"", scramble(i) % 100, word(i));
        for field in 0..9 {
            if scramble(i * 16 + field) & 64 == 0 {
                row += &format!(",\"field{field}\":{{\"name\":\"{}\",\"n\":{i}}}", word(i + field));
            }
        }
        let tags: Vec<String> = (0..scramble(i + 11) % 9).map(|t| format!("\"{}\"", word(i + t))).collect();
        format!("{row},\"tags\":[{}]}}\n", tags.join(","))
    };
    (0..rows).flat_map(|i| row(i).into_bytes()).collect()
}
