//! Writes the benchmark inputs: the bytes depend only on the workload and the number of rows.
//!
//! It stands outside the pipeline: `benches/run.py` calls it before it times anything.
//! Invariant: rows are made in blocks of fixed size, each with its own random stream, so the
//! number of threads changes how long it takes and nothing else.
//!
//! ```text
//! cargo run --release --example generate -- stations 100000000 benches/data/stations.txt
//! ```
//!
//! `stations`, `words` and `logs` write one file; `people` (16 files) and `fec` (2) a folder.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;
use std::thread;

const ROWS_PER_BLOCK: u64 = 100_000;
const STATIONS: usize = 413;
const DISTINCT_WORDS: usize = 200_000;
const PEOPLE_FILES: u64 = 16;
const LOG_PATHS: usize = 20_000;

/// What is made, as the first part of a random stream's seed.
#[derive(Clone, Copy)]
enum Stream {
    Names = 1,
    Stations,
    Words,
    People,
    Donors,
    Contributions,
    Clients,
    Requests,
}

/// The xorshift64* generator: small, fast, and the same on every machine.
struct Random(u64);

impl Random {
    fn new(stream: Stream, index: u64) -> Self {
        // One multiply-and-fold round keeps neighbouring blocks from starting alike.
        let seed = (index + 1).wrapping_mul(0xA076_1D64_78BD_642F) ^ ((stream as u64) << 56);
        let folded = u128::from(seed) * 0xE703_7ED1_A0B4_28DB;
        Random(((folded >> 64) as u64 ^ folded as u64) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number from 0 up to but not including `limit`.
    fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    /// A number from 0 up to but not including 1.
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }

    fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }
}

/// Ranks whose frequency falls as 1 / (rank + 2.7)^exponent, as those of words do.
struct Zipf {
    cumulative: Vec<f64>,
}

impl Zipf {
    fn new(ranks: usize, exponent: f64) -> Self {
        let mut total = 0.0;
        let cumulative = (0..ranks)
            .map(|rank| {
                total += (rank as f64 + 2.7).powf(-exponent);
                total
            })
            .collect();
        Zipf { cumulative }
    }

    fn draw(&self, random: &mut Random) -> usize {
        let last = self.cumulative.len() - 1;
        let point = random.fraction() * self.cumulative[last];
        self.cumulative.partition_point(|&c| c <= point).min(last)
    }
}

/// Distinct invented words, short ones first because frequent words are short.
fn invent_words(count: usize, seed: u64) -> Vec<String> {
    const ONSETS: [&str; 20] = [
        "b", "ch", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "sh", "st", "t", "tr", "v", "w", "",
    ];
    const VOWELS: [&str; 9] = ["a", "e", "i", "o", "u", "ea", "ou", "io", "ai"];
    const CODAS: [&str; 13] = ["", "", "", "n", "r", "s", "t", "nd", "ng", "st", "ll", "ed", "ing"];
    let mut random = Random::new(Stream::Names, seed);
    let mut seen = HashSet::with_capacity(count);
    let mut words = Vec::with_capacity(count);
    while words.len() < count {
        let shortest = if words.len() < 500 { 1 } else { 2 };
        let mut word = String::new();
        for _ in 0..shortest + random.below(2) {
            word += *random.pick(&ONSETS);
            word += *random.pick(&VOWELS);
        }
        word += *random.pick(&CODAS);
        if seen.insert(word.clone()) {
            words.push(word);
        }
    }
    words
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Capitalized names of one or two words; every eighth has a letter beyond ASCII.
fn invent_names(count: usize, seed: u64) -> Vec<String> {
    let words = invent_words(count * 2, seed);
    let name = |i: usize| match i % 8 {
        0 => format!("{}é{}", capitalized(&words[i]), words[i + count]),
        1 | 2 => format!("{} {}", capitalized(&words[i]), capitalized(&words[i + count])),
        _ => capitalized(&words[i]),
    };
    (0..count).map(name).collect()
}

/// Makes blocks on all cores and writes them in order; `fill` appends the rows of one block.
fn write_blocks<F>(path: &Path, rows: u64, fill: F) -> io::Result<()>
where
    F: Fn(u64, Range<u64>, &mut String) + Sync,
{
    let mut file = BufWriter::new(File::create(path)?);
    let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
    let blocks = rows.div_ceil(ROWS_PER_BLOCK);
    let make = |block: u64| {
        let first = block * ROWS_PER_BLOCK;
        let mut text = String::new();
        fill(block, first..(first + ROWS_PER_BLOCK).min(rows), &mut text);
        text
    };
    for round in (0..blocks).step_by(threads as usize) {
        let texts = thread::scope(|scope| {
            let workers: Vec<_> = (round..(round + threads).min(blocks))
                .map(|block| scope.spawn(move || make(block)))
                .collect();
            workers.into_iter().map(|worker| worker.join()).collect::<Vec<_>>()
        });
        for text in texts {
            let text = text.map_err(|_| io::Error::other("a generator thread failed"))?;
            file.write_all(text.as_bytes())?;
        }
    }
    file.flush()
}

/// Appends formatted text; writing to a `String` cannot fail.
macro_rules! put {
    ($text:expr, $($format:tt)*) => { let _ = write!($text, $($format)*); };
}

/// `Hamburg;12.0`: each station has its own mean, readings scatter by about ten degrees.
fn stations(rows: u64, path: &Path) -> io::Result<()> {
    let names = invent_names(STATIONS, 1);
    let mut random = Random::new(Stream::Stations, u64::MAX - 1);
    let means: Vec<i64> = names.iter().map(|_| random.below(420) as i64 - 120).collect();
    write_blocks(path, rows, |block, range, text| {
        let mut random = Random::new(Stream::Stations, block);
        for _ in range {
            let station = random.below(STATIONS as u64) as usize;
            // The sum of three uniform numbers is close enough to a normal distribution.
            let scatter: i64 = (0..3).map(|_| random.below(201) as i64 - 100).sum();
            let tenths = means[station] + scatter;
            let sign = if tenths < 0 { "-" } else { "" };
            let (whole, rest) = (tenths.abs() / 10, tenths.abs() % 10);
            put!(text, "{};{sign}{whole}.{rest}\n", names[station]);
        }
    })
}

/// Lines of 8 to 14 words with sentences and commas; one line in 40 is empty.
fn words(rows: u64, path: &Path) -> io::Result<()> {
    let vocabulary = invent_words(DISTINCT_WORDS, 2);
    let ranks = Zipf::new(vocabulary.len(), 1.12);
    write_blocks(path, rows, |block, range, text| {
        let mut random = Random::new(Stream::Words, block);
        let mut starts_sentence = true;
        for _ in range {
            let count = if random.chance(40) { 0 } else { 8 + random.below(7) };
            for position in 0..count {
                if position > 0 {
                    text.push(' ');
                }
                let word = &vocabulary[ranks.draw(&mut random)];
                if starts_sentence {
                    text.push_str(&capitalized(word));
                } else {
                    text.push_str(word);
                }
                let mark = random.below(28);
                starts_sentence = mark == 0;
                text.push_str(match mark {
                    0 => ".",
                    1 => ",",
                    _ => "",
                });
            }
            text.push('\n');
        }
    })
}

/// Nested JSON lines: age, name, occupation, telephone, address and credit card.
fn people(rows: u64, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let names = invent_names(300, 3);
    let occupations = invent_names(84, 4);
    let streets = ["Street", "Avenue", "Road", "Lane"];
    for file in 0..PEOPLE_FILES {
        let path = folder.join(format!("{file:02}.json"));
        let count = rows * (file + 1) / PEOPLE_FILES - rows * file / PEOPLE_FILES;
        write_blocks(&path, count, |block, range, text| {
            let mut random = Random::new(Stream::People, (file << 32) | block);
            for _ in range {
                let job = random.below(occupations.len() as u64);
                // The span of ages depends on the occupation, so that the averages differ.
                let age = 16 + random.below(if job.is_multiple_of(3) { 45 } else { 85 });
                put!(
                    text,
                    "{{\"age\": {age}, \"name\": [\"{}\", \"{}\"]",
                    random.pick(&names),
                    random.pick(&names)
                );
                put!(text, ", \"occupation\": \"{}\"", occupations[job as usize]);
                put!(
                    text,
                    ", \"telephone\": \"{:03}-{:03}-{:04}\"",
                    200 + random.below(800),
                    random.below(1000),
                    random.below(10_000)
                );
                put!(
                    text,
                    ", \"address\": {{\"address\": \"{} {} {}\", ",
                    1 + random.below(1400),
                    random.pick(&names),
                    random.pick(&streets)
                );
                put!(text, "\"city\": \"{}\"}}, \"credit-card\": {{\"number\": \"", random.pick(&names));
                put!(text, "{:04} {:04} ", random.below(10_000), random.below(10_000));
                put!(text, "{:04} {:04}", random.below(10_000), random.below(10_000));
                put!(
                    text,
                    "\", \"expiration-date\": \"{:02}/{:02}\"}}}}\n",
                    1 + random.below(12),
                    17 + random.below(9)
                );
            }
        })?;
    }
    Ok(())
}

/// Two files of contributions, 21 columns between `|`; half of the donors occur in both.
fn fec(rows: u64, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let names: Vec<String> = invent_words(120, 5).iter().map(|w| w.to_uppercase()).collect();
    let states: Vec<String> =
        (0..52u8).map(|i| [b'A' + i / 2, b'A' + i * 7 % 26].map(char::from).iter().collect()).collect();
    let donors = (rows / 5).max(10);
    for (side, file) in [(0, "a.txt"), (1, "b.txt")] {
        write_blocks(&folder.join(file), rows, |block, range, text| {
            let mut random = Random::new(Stream::Contributions, (side << 32) | block);
            for row in range {
                // Squaring a fraction makes a few donors give often.
                let skewed = (random.fraction().powi(2) * donors as f64) as u64;
                let mut donor = Random::new(Stream::Donors, skewed + side * donors / 2);
                let committee = 1000 + random.below(12_000);
                let amount = match random.below(100) {
                    0 => -(1 + random.below(500) as i64),
                    1..=55 => 1 + random.below(60) as i64,
                    56..=86 => 50 + random.below(450) as i64,
                    87..=98 => 500 + random.below(2400) as i64,
                    _ => 2800 + random.below(100_000) as i64,
                };
                put!(
                    text,
                    "C{committee:08}|N|{}|{}|",
                    random.pick(&["M2", "Q1", "YE", "30G"]),
                    random.pick(&["P2020", "G2020", ""])
                );
                put!(
                    text,
                    "{}|{}|IND|",
                    201_900_000_000 + random.below(99_999_999),
                    random.pick(&["15", "15E", "10"])
                );
                if !random.chance(1000) {
                    let (last, second) = (donor.pick(&names), donor.pick(&names));
                    let initial = char::from(b'A' + donor.below(26) as u8);
                    put!(text, "{last}-{second}, {} {initial}", donor.pick(&names));
                }
                put!(
                    text,
                    "|{}|{}|{:09}|",
                    donor.pick(&names),
                    donor.pick(&states),
                    donor.below(1_000_000_000)
                );
                put!(text, "{} & {}|{}|", donor.pick(&names), donor.pick(&names), donor.pick(&names));
                put!(text, "{:02}{:02}{}|{amount}|", 1 + random.below(12), 1 + random.below(28), 2019 + side);
                let other = if random.chance(3) { format!("C{committee:08}") } else { String::new() };
                let (code, memo) =
                    *random.pick(&[("X", "EARMARKED FOR COMMITTEE"), ("", "SEE BELOW"), ("", ""), ("", "")]);
                put!(
                    text,
                    "{other}|VPF{:09}|{}|{code}|{memo}|",
                    random.below(1_000_000_000),
                    1_300_000 + random.below(150_000)
                );
                put!(text, "{}\n", 4_010_000_000_000_000_000 + side * 100_000_000_000 + row);
            }
        })?;
    }
    Ok(())
}

/// The combined log format; one answer in 50 is a server error.
fn logs(rows: u64, path: &Path) -> io::Result<()> {
    let words = invent_words(4000, 6);
    let mut random = Random::new(Stream::Names, 7);
    let pages: Vec<String> = (0..LOG_PATHS)
        .map(|page| {
            let parts: String = (0..=random.below(3)).map(|_| format!("/{}", random.pick(&words))).collect();
            let query = if page % 7 == 0 { format!("?id={page}") } else { String::new() };
            format!("{parts}{}{query}", random.pick(&["/", ".html", ".js", ".png", ""]))
        })
        .collect();
    let systems = ["Windows NT 10.0; Win64; x64", "X11; Linux x86_64", "Macintosh; Intel Mac OS X 10_15_7"];
    let agents: Vec<String> = (80..140)
        .map(|v| {
            format!(
                "Mozilla/5.0 ({}) AppleWebKit/537.{v} (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.{v}",
                systems[v % 3]
            )
        })
        .collect();
    let ranks = Zipf::new(pages.len(), 1.0);
    write_blocks(path, rows, |block, range, text| {
        let mut random = Random::new(Stream::Requests, block);
        for row in range {
            let ip = Random::new(Stream::Clients, random.below(300_000)).next().to_le_bytes();
            put!(text, "{}.{}.{}.{} - - ", 1 + ip[0] % 223, ip[1], ip[2], ip[3]);
            let second = row * 28 * 86_400 / rows;
            put!(text, "[{:02}/Jan/2024:", 1 + second / 86_400);
            put!(text, "{:02}:{:02}:{:02} +0000] ", second / 3600 % 24, second / 60 % 60, second % 60);
            let method = if random.chance(12) { "POST" } else { "GET" };
            let status = match random.below(100) {
                0..=84 => 200,
                85..=90 => 304,
                91..=95 => 404,
                96..=97 => 301,
                98 => 500,
                _ => 503,
            };
            put!(text, "\"{method} {} HTTP/1.1\" {status} ", pages[ranks.draw(&mut random)]);
            if status == 304 {
                text.push('-');
            } else {
                put!(text, "{}", 120 + random.below(100_000));
            }
            if random.chance(3) {
                text.push_str(" \"-\"");
            } else {
                put!(text, " \"https://www.example.com{}\"", pages[ranks.draw(&mut random)]);
            }
            put!(text, " \"{}\"\n", random.pick(&agents));
        }
    })
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [workload, rows, path] = arguments.as_slice() else {
        eprintln!("usage: generate stations|words|people|fec|logs ROWS PATH");
        return ExitCode::from(2);
    };
    let Some(rows) = rows.parse::<u64>().ok().filter(|rows| (1..=10_000_000_000).contains(rows)) else {
        eprintln!("generate: ROWS must be a number from 1 to 10000000000, not {rows:?}");
        return ExitCode::from(2);
    };
    let path = Path::new(path);
    let written = match workload.as_str() {
        "stations" => stations(rows, path),
        "words" => words(rows, path),
        "people" => people(rows, path),
        "fec" => fec(rows, path),
        "logs" => logs(rows, path),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("no workload is called {workload:?}"))),
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("generate: {}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}
