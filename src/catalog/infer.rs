//! Schemas from samples: conservative, so that what is inferred can be relied on.
//!
//! `00123` is a text, and so are digits that no number holds exactly; ints and floats together are
//! floats, a column without values is a text, and nothing is a date unless every value is an ISO date.
//! Every inferred field may be null.

use super::sample::{SAMPLE_BYTES, SAMPLE_ROWS, chunk, count_fields, first_bytes, header_of, text_source};
use flow_compiler::catalog::{CatalogError, InferredField};
use flow_ir::source::{Dialect, Format, PageCompression};
use flow_ir::{DataType, Field, Type, Value, text};
use flow_runtime::format::csv::CsvScanner;
use flow_runtime::format::{MorselLimits, Scanner};
use serde_json::Value as Json;
use std::path::Path;

/// What the values of a column seen so far can be.
#[derive(Clone, Debug, Default)]
struct Guess {
    kind: Option<Type>,
    because: Option<String>,
    /// Some int has more digits than a float holds: together with floats it is a text.
    is_long: bool,
}

/// From here on, not every int is a float.
const FLOAT_INT_MAX: i64 = 1 << 53;

impl Guess {
    /// Takes one more value, from row `row` (counted from 1).
    fn see(&mut self, value: &str, row: usize) {
        let found = kind_of(value);
        self.is_long |= found == Type::Int
            && text::parse_int(value).is_some_and(|i| i.unsigned_abs() > FLOAT_INT_MAX.unsigned_abs());
        let joined = match (&self.kind, found) {
            (Some(Type::Float), Type::Int) | (Some(Type::Int), Type::Float) if self.is_long => Type::String,
            (None, f) => f,
            (Some(a), b) if *a == b => return,
            (Some(Type::Int), Type::Float) | (Some(Type::Float), Type::Int) => Type::Float,
            _ => Type::String,
        };
        if self.kind.as_ref() != Some(&joined) {
            let shown: String = value.chars().take(40).collect();
            self.because = Some(format!("row {row} is \"{shown}\""));
            self.kind = Some(joined);
        }
    }

    fn field(self, name: &str) -> InferredField {
        let kind = self.kind.unwrap_or(Type::String);
        InferredField {
            field: Field { name: name.to_owned(), ty: DataType::nullable(kind) },
            because: self.because,
        }
    }
}

/// The narrowest type that a text is a value of.
fn kind_of(value: &str) -> Type {
    let digits = value.strip_prefix(['-', '+']).unwrap_or(value);
    let leading_zero = digits.len() > 1 && digits.starts_with('0') && digits.as_bytes()[1].is_ascii_digit();
    let numeric = digits.starts_with(|c: char| c.is_ascii_digit()) && !leading_zero;
    if numeric && text::parse_int(value).is_some() {
        Type::Int
    } else if numeric && digits.bytes().all(|b| b.is_ascii_digit()) {
        // Too large for an int; a float would make one of several.
        Type::String
    } else if numeric && text::parse_float(value).is_some() {
        Type::Float
    } else if text::parse_bool(value).is_some() {
        Type::Bool
    } else if text::parse_date(value).is_some() {
        Type::Date
    } else if text::parse_timestamp(value).is_some() {
        Type::Timestamp
    } else {
        Type::String
    }
}

/// The schema that the first rows of `path` suggest.
pub fn infer(path: &Path, format: &Format) -> Result<Vec<InferredField>, CatalogError> {
    if format.is_columnar() {
        let fields = flow_runtime::file_fields(path.to_str().unwrap_or_default(), format, None);
        let (fields, _) = fields.map_err(CatalogError::Unreadable)?;
        return Ok(fields.into_iter().map(|field| InferredField { field, because: None }).collect());
    }
    let (bytes, whole) = first_bytes(path, SAMPLE_BYTES)?;
    match format {
        Format::Delimited(dialect) => delimited(bytes, dialect, whole),
        Format::JsonLines => json_lines(&bytes),
        Format::Lines => Ok(vec![InferredField {
            field: Field { name: "line".to_owned(), ty: DataType::required(Type::String) },
            because: None,
        }]),
        Format::Json | Format::Text | Format::Parquet(_) | Format::Arrow(_) => {
            Err(CatalogError::Unreadable("this format can only be written".to_owned()))
        }
    }
}

fn delimited(bytes: Vec<u8>, dialect: &Dialect, whole: bool) -> Result<Vec<InferredField>, CatalogError> {
    let Some(first) = header_of(&bytes, dialect, whole)? else {
        return Err(CatalogError::Unreadable("it is empty".to_owned()));
    };
    let names: Vec<String> =
        if dialect.header { first } else { (1..=first.len()).map(|i| format!("column{i}")).collect() };
    let source = text_source(dialect, names.len());
    let limits = MorselLimits { rows_max: SAMPLE_ROWS, bytes_max: usize::MAX / 4 };
    let scanner = CsvScanner::new(&source, limits);
    let mut scanner =
        scanner.ok_or_else(|| CatalogError::Unreadable("it is not delimited text".to_owned()))?;
    scanner.begin(&chunk(bytes));
    let mut guesses = vec![Guess::default(); names.len()];
    let mut seen = 0;
    while seen < SAMPLE_ROWS && scanner.next_morsel() {
        let rows = scanner.rows().min(SAMPLE_ROWS - seen);
        for (i, guess) in guesses.iter_mut().enumerate() {
            let column = scanner.column(i, None);
            for row in 0..rows {
                if let Ok(Value::String(s)) = column.value(row, &Type::String) {
                    guess.see(&s, seen + row + 1);
                }
            }
        }
        seen += rows;
    }
    Ok(guesses.into_iter().zip(&names).map(|(g, name)| g.field(name)).collect())
}

/// What is said of a file that is one JSON array.
const JSON_ARRAY: &str =
    "it is one JSON array, and `jsonl` has an object a line: `jq -c '.[]'` makes lines of it";

fn is_json_array(bytes: &[u8]) -> bool {
    let rest = bytes.trim_ascii_start().strip_prefix(b"[").map(<[u8]>::trim_ascii_start);
    rest.is_some_and(|rest| rest.starts_with(b"{"))
}

fn json_lines(bytes: &[u8]) -> Result<Vec<InferredField>, CatalogError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if is_json_array(bytes) {
        return Err(CatalogError::Unreadable(JSON_ARRAY.to_owned()));
    }
    let mut fields: Vec<(String, JsonGuess)> = Vec::new();
    let lines = bytes.split(|b| *b == b'\n').filter(|l| !l.trim_ascii().is_empty()).take(SAMPLE_ROWS);
    for (row, line) in lines.enumerate() {
        // Broken rows are the run's business; they say nothing about types.
        let Ok(Json::Object(object)) = serde_json::from_slice::<Json>(line) else { continue };
        for (name, value) in object {
            let at = match fields.iter().position(|(n, _)| *n == name) {
                Some(at) => at,
                None => {
                    fields.push((name, JsonGuess::default()));
                    fields.len() - 1
                }
            };
            fields[at].1.see(&value, row + 1);
        }
    }
    if fields.is_empty() {
        return Err(CatalogError::Unreadable("none of its first lines is a JSON object".to_owned()));
    }
    let inferred = fields.into_iter().map(|(name, guess)| InferredField {
        field: Field { name, ty: DataType::nullable(settled(guess.kind.unwrap_or(Type::Null))) },
        because: guess.because,
    });
    Ok(inferred.collect())
}

/// What the values of a JSON field seen so far can be.
#[derive(Debug, Default)]
struct JsonGuess {
    kind: Option<Type>,
    because: Option<String>,
    /// Some are texts and some are not.
    mixed: bool,
}

impl JsonGuess {
    /// Takes one more value, from row `row` (counted from 1).
    fn see(&mut self, value: &Json, row: usize) {
        let Some(found) = json_type(value) else { return };
        let before = self.kind.take();
        let joined = join(before.clone(), Some(found.clone()));
        // No type holds values of both kinds, so both are named.
        let mixed = joined == Some(Type::String)
            && before.as_ref().is_some_and(|before| is_a_text(before) != is_a_text(&found));
        if mixed && !std::mem::replace(&mut self.mixed, true) {
            let first = self.because.take().unwrap_or_default();
            self.because = Some(format!("{first}, row {row} is {}", shown(value)));
        } else if joined != before && !self.mixed {
            self.because = Some(format!("row {row} is {}", shown(value)));
        }
        self.kind = joined;
    }
}

fn shown(value: &Json) -> String {
    value.to_string().chars().take(40).collect()
}

/// Whether JSON writes values of a type as texts.
fn is_a_text(ty: &Type) -> bool {
    matches!(ty, Type::String | Type::Date | Type::Timestamp)
}

/// The type with texts where no value has said anything.
fn settled(ty: Type) -> Type {
    let nullable = |ty: DataType| DataType::nullable(settled(ty.kind));
    match ty {
        Type::Null => Type::String,
        Type::List(element) => Type::List(Box::new(nullable(*element))),
        Type::Record(fields) => {
            let fields = fields.into_iter().map(|f| Field { name: f.name, ty: nullable(f.ty) });
            Type::Record(fields.collect())
        }
        known => known,
    }
}

/// The type of a value; where nothing is known of a part of it, that is [`Type::Null`].
fn json_type(value: &Json) -> Option<Type> {
    Some(match value {
        Json::Null => return None,
        Json::Bool(_) => Type::Bool,
        Json::Number(n) if n.is_i64() => Type::Int,
        // Too large for an int; a float would make one of several.
        Json::Number(n) if n.is_u64() => Type::Decimal { precision: 38, scale: 0 },
        Json::Number(_) => Type::Float,
        Json::String(s) if text::parse_date(s).is_some() => Type::Date,
        Json::String(s) if text::parse_timestamp(s).is_some() => Type::Timestamp,
        Json::String(_) => Type::String,
        Json::Array(items) => {
            let element = items.iter().map(json_type).fold(None, join);
            Type::List(Box::new(DataType::nullable(element.unwrap_or(Type::Null))))
        }
        Json::Object(object) => {
            let fields = object.iter().map(|(name, v)| Field {
                name: name.clone(),
                ty: DataType::nullable(json_type(v).unwrap_or(Type::Null)),
            });
            Type::Record(fields.collect())
        }
    })
}

/// The type that holds the values of both.
fn join(a: Option<Type>, b: Option<Type>) -> Option<Type> {
    let (a, b) = match (a, b) {
        (None, x) | (x, None) => return x,
        (Some(a), Some(b)) => (a, b),
    };
    Some(match (a, b) {
        (a, b) if a == b => a,
        // Empty lists and nulls say nothing.
        (Type::Null, known) | (known, Type::Null) => known,
        (Type::Int, Type::Float) | (Type::Float, Type::Int) => Type::Float,
        (Type::Int, Type::Decimal { precision, scale }) | (Type::Decimal { precision, scale }, Type::Int) => {
            Type::Decimal { precision, scale }
        }
        (Type::Float, Type::Decimal { .. }) | (Type::Decimal { .. }, Type::Float) => Type::Float,
        (Type::List(x), Type::List(y)) => {
            let element = join(Some(x.kind), Some(y.kind)).unwrap_or(Type::String);
            Type::List(Box::new(DataType::nullable(element)))
        }
        (Type::Record(mut x), Type::Record(y)) => {
            for field in y {
                match x.iter_mut().find(|f| f.name == field.name) {
                    Some(known) => {
                        let kind =
                            join(Some(known.ty.kind.clone()), Some(field.ty.kind)).unwrap_or(Type::String);
                        known.ty = DataType::nullable(kind);
                    }
                    None => x.push(field),
                }
            }
            Type::Record(x)
        }
        _ => Type::String,
    })
}

/// The format of a file that nobody has described: by its name first, then by its first lines.
pub fn sniff(path: &Path) -> Result<Format, CatalogError> {
    let name = path.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let (bytes, _) = first_bytes(path, 1 << 20)?;
    if bytes.starts_with(b"PAR1") {
        return Ok(Format::Parquet(PageCompression::None));
    }
    if bytes.starts_with(b"ARROW1") || name.ends_with(".arrow") {
        return Ok(Format::Arrow(PageCompression::None));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    if is_json_array(bytes) {
        return Err(CatalogError::Unreadable(JSON_ARRAY.to_owned()));
    }
    let suffixes = [".gz", ".zst", ".bz2", ".xz"];
    let name = suffixes.iter().find_map(|s| name.strip_suffix(s)).unwrap_or(&name);
    let lines: Vec<&[u8]> = bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()).take(100).collect();
    if [".jsonl", ".ndjson"].iter().any(|e| name.ends_with(e))
        || (!lines.is_empty()
            && lines.iter().all(|l| matches!(serde_json::from_slice(l), Ok(Json::Object(_)))))
    {
        return Ok(Format::JsonLines);
    }
    let mut best: Option<(usize, Dialect)> = None;
    for separator in [b',', b'\t', b';', b'|', b' '] {
        for quote in [Some(b'"'), None] {
            let dialect = Dialect { separator, quote, ..Dialect::csv() };
            let Some(fields) = lines.first().map(|l| count_fields(l, &dialect)) else { continue };
            let regular = lines.iter().all(|l| count_fields(l, &dialect) == fields);
            if regular && fields > 1 && best.as_ref().is_none_or(|b| fields > b.0) {
                best = Some((fields, dialect));
            }
        }
    }
    let Some((_, mut dialect)) = best else {
        let csv = name.ends_with(".csv") || name.ends_with(".tsv");
        let dialect = if name.ends_with(".tsv") { Dialect::tsv() } else { Dialect::csv() };
        return Ok(if csv { Format::Delimited(dialect) } else { Format::Lines });
    };
    dialect.header = looks_like_header(bytes, &dialect);
    Ok(Format::Delimited(dialect))
}

/// Whether the first row can be names: all different, one empty at most (what pandas calls its index), and texts, or at
/// least in one column a text above values of which none is one; or texts and rising years.
fn looks_like_header(bytes: &[u8], dialect: &Dialect) -> bool {
    let Ok(Some(names)) = header_of(bytes, dialect, true) else { return false };
    let mut sorted = names.clone();
    sorted.sort();
    sorted.dedup();
    let is_text = |name: &String| !name.is_empty() && kind_of(name) == Type::String;
    if sorted.len() != names.len() {
        return false;
    }
    let years: Vec<i64> =
        names.iter().filter_map(|n| text::parse_int(n).filter(|y| (1800..2200).contains(y))).collect();
    let counted =
        years.len() > 1 && years.is_sorted() && names.iter().all(|n| is_text(n) || kind_of(n) == Type::Int);
    if names.iter().all(is_text) || counted && years.len() < names.len() {
        return true;
    }
    let below = Dialect { header: true, ..dialect.clone() };
    let Ok(columns) = delimited(bytes.to_vec(), &below, true) else { return false };
    names.iter().zip(&columns).any(|(name, column)| is_text(name) && column.field.ty.kind != Type::String)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_are_conservative() {
        let guess = |values: &[&str]| {
            let mut g = Guess::default();
            values.iter().enumerate().for_each(|(i, v)| g.see(v, i + 1));
            g.kind.unwrap_or(Type::String)
        };
        assert_eq!(guess(&["1", "22"]), Type::Int);
        assert_eq!(guess(&["1", "2.5"]), Type::Float);
        assert_eq!(guess(&["00123", "1"]), Type::String);
        assert_eq!(guess(&["2024-01-01"]), Type::Date);
        assert_eq!(guess(&["2024-01-01", "soon"]), Type::String);
        assert_eq!(guess(&["nan"]), Type::String);
        assert_eq!(guess(&[]), Type::String);
    }

    #[test]
    fn digits_that_no_number_holds_are_texts() {
        let kind = |values: &[&str]| {
            let mut guess = Guess::default();
            values.iter().enumerate().for_each(|(row, v)| guess.see(v, row + 1));
            guess.field("x").field.ty.kind
        };
        assert_eq!(kind(&["9223372036854775807", "1"]), Type::Int);
        assert_eq!(kind(&["12345678901234567890", "1"]), Type::String);
        assert_eq!(kind(&["1", "1.5"]), Type::Float);
        assert_eq!(kind(&["1234567890123456789", "1.5"]), Type::String);
        assert_eq!(kind(&["1.5", "1234567890123456789"]), Type::String);
        assert_eq!(kind(&["2024-05-01", "2024-05-01T10:00:00"]), Type::String);
        let json = |lines: &str| json_lines(lines.as_bytes()).expect("fields")[0].field.ty.kind.clone();
        let large = Type::Decimal { precision: 38, scale: 0 };
        assert_eq!(json("{\"a\":12345678901234567890}\n{\"a\":1}"), large);
        assert_eq!(json("{\"a\":1}\n{\"a\":12345678901234567890}"), large);
        assert_eq!(json("{\"a\":1.5}\n{\"a\":12345678901234567890}"), Type::Float);
    }

    #[test]
    fn empty_lists_and_nulls_say_nothing() {
        let json = |lines: &str| {
            DataType::nullable(json_lines(lines.as_bytes()).expect("fields")[0].field.ty.kind.clone())
                .to_string()
        };
        for (lines, expected) in [
            ("{\"a\":[{\"n\":1}]}\n{\"a\":[]}", "list<{ n: int? }?>?"),
            ("{\"a\":[]}\n{\"a\":[{\"n\":1}]}", "list<{ n: int? }?>?"),
            ("{\"a\":[[]]}\n{\"a\":[[1]]}", "list<list<int?>?>?"),
            ("{\"a\":[{\"x\":1}]}\n{\"a\":[{\"x\":null}]}", "list<{ x: int? }?>?"),
            ("{\"a\":{\"x\":null}}\n{\"a\":{\"x\":2.5}}", "{ x: float? }?"),
            ("{\"a\":[]}\n{\"a\":null}", "list<string?>?"),
        ] {
            assert_eq!(json(lines), expected, "{lines}");
        }
    }

    #[test]
    fn arrays_are_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        let array = write("a.json", "[\n  {\"a\": 1}\n]");
        for found in [sniff(&array).map(|_| ()), infer(&array, &Format::JsonLines).map(|_| ())] {
            let Err(CatalogError::Unreadable(why)) = found else { panic!("an array is no table") };
            assert!(why.contains("jq -c"), "{why}");
        }
        // By its name, though no line of it is a row.
        let split = write("a.csv", "a,b\n1,\"x\ny\"\n2,z\n");
        assert!(matches!(sniff(&split), Ok(Format::Delimited(_))));
    }

    #[test]
    fn headers_of_exports() {
        let header = |text: &str| looks_like_header(text.as_bytes(), &Dialect::csv());
        assert!(header(",name,age\n0,Ann,3\n1,Bob,4\n"), "an index without a name");
        assert!(header("country,2020,2021\nIT,1,2\n"));
        assert!(header("a,b,\n1,2,\n3,4,\n"));
        assert!(!header("1,a\n2,b\n"));
        assert!(!header("2024-01-01,5\n2024-01-02,6\n"));
    }
}
