//! Random files: a few columns of every type, with ties, boundary values, nulls, Unicode, and now and
//! then rows that are bad.

use crate::random::Random;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// The letters of types in this generator: bool, int, float, decimal, string, date (`a`), timestamp, duration
/// (`u`), and lists of ints, strings and floats.
pub(crate) const SCALARS: [char; 8] = ['b', 'i', 'f', 'd', 's', 'a', 't', 'u'];

/// A column of a file.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// Its name, as a program writes it.
    pub(crate) name: String,
    /// The letter of its type.
    pub(crate) letter: char,
    /// Whether it may be null.
    pub(crate) nullable: bool,
}

/// A file with rows and the `read` of a program.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// The name of its dataset.
    pub(crate) name: String,
    /// What the program says behind `read`: target, format, schema.
    pub(crate) read: String,
    /// Whether a column may be null.
    pub(crate) any_nullable: bool,
    /// The files by name, not compressed.
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

/// The type that a schema has for a letter.
pub(crate) fn type_name(letter: char) -> &'static str {
    match letter {
        'b' => "bool",
        'i' => "int",
        'f' => "float",
        'd' => "decimal(12, 2)",
        's' => "string",
        'a' => "date",
        't' => "timestamp",
        'u' => "duration",
        'I' => "list<int>",
        'S' => "list<string?>",
        'R' => "{ x: int?, y: string, deep: { z: float? } }",
        _ => "list<float?>",
    }
}

/// The text of a value as a file has it, without quotes. `wild` values are at the limits.
pub(crate) fn value(random: &mut Random, letter: char, wild: bool) -> String {
    let pick = |random: &mut Random, all: &[&str]| (*random.pick(all)).to_owned();
    match letter {
        'b' => pick(random, &["true", "false"]),
        'i' if wild && random.chance(25) => pick(
            random,
            &[
                "9223372036854775807",
                "-9223372036854775808",
                "-9223372036854775807",
                "4611686018427387904",
                "-1",
            ],
        ),
        'i' => (random.below(12) as i64 - 4).to_string(),
        'f' if wild && random.chance(30) => pick(
            random,
            &["nan", "inf", "-inf", "-0.0", "0.0", "1e308", "5e-324", "-1e-7", "9007199254740993"],
        ),
        'f' => format!("{:?}", (random.below(65) as f64 - 20.0) / 8.0),
        'd' if wild && random.chance(10) => pick(random, &["9999999999.99", "-9999999999.99", "0.00"]),
        'd' => format!("{}.{:02}", random.below(30) as i64 - 10, random.below(100)),
        's' if wild && random.chance(30) => pick(
            random,
            &["größe", "日本", "e\u{301}", "👩‍🔬", "İ", "ß", "\u{0}", "  x ", "a,b", "say \"hi\"", "x;y"],
        ),
        's' => {
            pick(random, &["a", "b", "ab", "abc", "B", "zz", "7", "2024-02-29", "10%", "north", "south-east"])
        }
        'a' if wild && random.chance(20) => {
            pick(random, &["0001-01-01", "9999-12-31", "1970-01-01", "1969-12-31"])
        }
        'a' => format!("2024-{:02}-{:02}", 1 + random.below(12), 1 + random.below(28)),
        't' if wild && random.chance(20) => {
            pick(random, &["1969-12-31T23:59:59.999999Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
        }
        't' => {
            format!("2024-03-{:02}T{:02}:{:02}:00Z", 1 + random.below(31), random.below(24), random.below(60))
        }
        'u' => pick(random, &["1h", "30min", "2d", "0s", "-5s", "1h30min", "250ms", "1us"]),
        _ => "0".to_owned(),
    }
}

/// What a bad field holds.
const BAD: [&str; 7] = ["x", "", "1.5", "99999999999999999999", "2024-13-01", "tru", "1e"];

/// How a delimited field is written: quoted if it must be, and sometimes if not.
fn quoted(random: &mut Random, text: &str, separator: char) -> String {
    if text.contains([separator, '"', '\n', '\r']) || text.is_empty() || random.chance(5) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

/// A value as JSON.
fn json(random: &mut Random, letter: char, wild: bool) -> String {
    match letter {
        'b' | 'i' => value(random, letter, wild),
        'f' | 'd' => {
            let text = value(random, letter, wild);
            if text.contains(['n', 'N']) { format!("\"{text}\"") } else { text }
        }
        'I' | 'S' | 'F' => {
            let element = letter.to_ascii_lowercase();
            let items: Vec<String> = (0..random.below(5))
                .map(|_| {
                    if letter != 'I' && random.chance(15) {
                        "null".to_owned()
                    } else {
                        json(random, element, wild)
                    }
                })
                .collect();
            format!("[{}]", items.join(", "))
        }
        'R' => {
            let (x, y, z) = (json(random, 'i', wild), json(random, 's', wild), json(random, 'f', wild));
            let x = if random.chance(30) { "null".to_owned() } else { x };
            format!("{{\"x\": {x}, \"y\": {y}, \"deep\": {{\"z\": {z}}}}}")
        }
        _ => serde_json::Value::from(value(random, letter, wild)).to_string(),
    }
}

/// The columns of a table: the key `k` first, so that tables have something to join on.
fn columns(random: &mut Random, json: bool, nulls: bool) -> Vec<Column> {
    let mut all =
        vec![Column { name: "k".to_owned(), letter: *random.pick(&['i', 'i', 's', 'b']), nullable: false }];
    let names = ["n", "x", "s", "day", "at", "cost", "ok", "gap", "m", "`a-b`", "w"];
    let letters = ['i', 'f', 's', 'a', 't', 'd', 'b', 'u', 'i', 's', 'f'];
    for (name, letter) in names.into_iter().zip(letters) {
        if random.chance(55) {
            all.push(Column { name: name.to_owned(), letter, nullable: false });
        }
    }
    if json {
        for (name, letter) in [("ints", 'I'), ("tags", 'S'), ("points", 'F'), ("at_home", 'R')] {
            if random.chance(60) {
                all.push(Column { name: name.to_owned(), letter, nullable: false });
            }
        }
    }
    for c in &mut all {
        c.nullable = nulls && random.chance(50);
    }
    all
}

fn schema(random: &mut Random, columns: &[Column], shuffle: bool) -> String {
    let mut fields: Vec<String> = columns
        .iter()
        .map(|c| format!("{}: {}{}", c.name, type_name(c.letter), if c.nullable { "?" } else { "" }))
        .collect();
    if shuffle {
        let at = random.below(fields.len());
        fields.rotate_left(at);
    }
    format!("schema {{ {} }}", fields.join(", "))
}

/// What all rows of a table have in common.
struct Style {
    wild: bool,
    /// Per mille of fields, and of rows, that are bad.
    bad: usize,
    separator: char,
    /// How null is written.
    nulls: Vec<&'static str>,
}

fn row_of_text(random: &mut Random, columns: &[Column], style: &Style) -> String {
    let mut fields = Vec::new();
    for c in columns {
        if random.below(1000) < style.bad {
            fields.push((*random.pick(&BAD)).to_owned());
        } else if c.nullable && random.chance(20) {
            fields.push((*random.pick(&style.nulls)).to_owned());
        } else {
            let text = value(random, c.letter, style.wild);
            fields.push(quoted(random, &text, style.separator));
        }
    }
    if random.below(1000) < style.bad {
        match random.below(3) {
            0 => fields.push("more".to_owned()),
            1 => drop(fields.pop()),
            _ => fields[0].push('"'),
        }
    }
    fields.join(&style.separator.to_string())
}

fn row_of_json(random: &mut Random, columns: &[Column], style: &Style) -> String {
    let mut fields = Vec::new();
    for c in columns {
        let name = c.name.trim_matches('`');
        if random.below(1000) < style.bad {
            let bad = *random.pick(&["\"x\"", "1.5", "null", "[]", "{}", "99999999999999999999", "true"]);
            fields.push(format!("\"{name}\": {bad}"));
        } else if c.nullable && random.chance(20) {
            if random.chance(50) {
                fields.push(format!("\"{name}\": null"));
            }
        } else {
            fields.push(format!("\"{name}\": {}", json(random, c.letter, style.wild)));
        }
    }
    let mut row = format!("{{{}}}", fields.join(", "));
    if random.below(1000) < style.bad {
        match random.below(3) {
            0 => drop(row.pop()),
            1 => row.push('x'),
            _ => row.insert(1, ','),
        }
    }
    row
}

fn count(random: &mut Random) -> usize {
    match random.below(10) {
        0 => random.below(2),
        1 => 100 + random.below(200),
        _ => 2 + random.below(40),
    }
}

/// A random table called `name`. `hostile` data has values at the limits and bad rows.
pub(crate) fn table(random: &mut Random, name: &str, hostile: bool) -> Table {
    let (delimited, nulls) = (random.chance(60), random.chance(70));
    let columns = columns(random, !delimited, nulls);
    let separator = *random.pick(&[',', ',', '\t', ';']);
    let bad = if hostile && random.chance(60) { *random.pick(&[5, 20, 80]) } else { 0 };
    let nulls = if delimited && random.chance(15) { vec!["", "NA", "-"] } else { vec![""] };
    let style = Style { wild: hostile && random.chance(60), bad, separator, nulls };
    let suffix = match separator {
        _ if !delimited => "jsonl",
        '\t' => "tsv",
        _ => "csv",
    };
    let headed = !delimited || random.chance(85);
    let parts = *random.pick(&[1, 1, 1, 2, 3]);
    let mut files = Vec::new();
    for part in 0..parts {
        let mut text = String::new();
        if delimited && headed {
            let names: Vec<&str> = columns.iter().map(|c| c.name.trim_matches('`')).collect();
            text.push_str(&names.join(&separator.to_string()));
            text.push('\n');
        }
        let end = if random.chance(10) { "\r\n" } else { "\n" };
        for _ in 0..count(random) {
            let row = if delimited { row_of_text } else { row_of_json };
            text.push_str(&row(random, &columns, &style));
            text.push_str(end);
        }
        if random.chance(10) {
            text.truncate(text.trim_end().len());
        }
        let mut bytes = text.into_bytes();
        if bad > 0 && random.chance(10) && !bytes.is_empty() {
            let at = random.below(bytes.len());
            bytes[at] = 0xff;
        }
        files.push((format!("{name}-{part}.{suffix}"), bytes));
    }
    let packed = random.chance(10);
    if packed {
        files.iter_mut().for_each(|f| f.0.push_str(".gz"));
    }
    let gz = if packed { ".gz" } else { "" };
    let target = if parts == 1 { format!("{name}-0.{suffix}{gz}") } else { format!("{name}-*.{suffix}{gz}") };
    let mut options = Vec::new();
    if separator == ';' && delimited {
        options.push("sep: \";\"");
    }
    if !headed {
        options.push("header: false");
    }
    if style.nulls.len() > 1 {
        options.push("null: [\"NA\", \"-\"]");
    }
    let format = match options.len() {
        0 => String::new(),
        _ => format!(" as {suffix}({})", options.join(", ")),
    };
    // Some files are read as lines, or with the types that a sample suggests.
    let read = match random.below(30) {
        0 => format!("\"@/{target}\" as lines"),
        1 if headed => format!("\"@/{target}\"{format}"),
        _ => format!("\"@/{target}\"{format} {}", schema(random, &columns, headed)),
    };
    let any_nullable = columns.iter().any(|c| c.nullable);
    Table { name: name.to_owned(), read, any_nullable, files }
}

/// The bytes that a file of that name has on disk.
pub(crate) fn on_disk(name: &str, bytes: &[u8]) -> Vec<u8> {
    if !name.ends_with(".gz") {
        return bytes.to_vec();
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("memory takes everything")
}
