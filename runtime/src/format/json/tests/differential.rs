//! Generated documents, right ones and damaged ones, against serde_json.

use super::*;
use flow_ir::{ErrorCode, Type};
use serde_json::Value as Json;

/// Columns over the keys that documents are generated with.
fn wanted() -> Source {
    source(&[
        ("id", DataType::required(Type::Int)),
        ("name", DataType::nullable(Type::String)),
        ("score", DataType::nullable(Type::Float)),
        ("ok", DataType::nullable(Type::Bool)),
        ("at.city", DataType::nullable(Type::String)),
        ("at.zip", DataType::nullable(Type::Int)),
        ("at.geo.lat", DataType::nullable(Type::Float)),
        ("tags", DataType::nullable(Type::List(Box::new(DataType::nullable(Type::String))))),
        ("never", DataType::nullable(Type::Int)),
    ])
}

/// Random JSON text.
struct Writer {
    random: Random,
    out: String,
    /// In how many of a hundred places something unusual is written.
    wild: usize,
}

impl Writer {
    fn wildly(&mut self) -> bool {
        self.random.below(100) < self.wild
    }

    fn space(&mut self) {
        if self.wildly() {
            let space = self.random.pick(&["", " ", "  ", "\t", " \t "]);
            self.out.push_str(space);
        }
    }

    fn string(&mut self) {
        const PARTS: &[&str] = &[
            "a",
            "Zz",
            "",
            " ",
            "x,y",
            "{}",
            "[1]",
            ":",
            "é",
            "€",
            "𝄞",
            "\\n",
            "\\\"",
            "\\\\",
            "\\u00e9",
            "\\ud834\\udd1e",
            "\\/",
            "\\\\\\\\",
            "null",
            "12",
            "a longer text of more than sixty-four bytes, so that it spans blocks",
        ];
        self.out.push('"');
        for _ in 0..self.random.below(4) {
            let few = if self.wildly() { PARTS.len() } else { 7 };
            let part = PARTS[self.random.below(few)];
            self.out.push_str(part);
        }
        self.out.push('"');
    }

    fn number(&mut self) {
        const NUMBERS: &[&str] = &[
            "0",
            "7",
            "42",
            "-1",
            "123456789",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "1.5",
            "-0.25",
            "3e2",
            "1E-3",
            "12345678901234567890123",
            "0.1",
            "-0",
            "1e15",
        ];
        if self.wildly() {
            let number = self.random.pick(NUMBERS);
            self.out.push_str(number);
        } else {
            let number = self.random.below(100_000).to_string();
            self.out.push_str(&number);
        }
    }

    fn value(&mut self, depth: usize) {
        match self.random.below(if depth > 4 { 6 } else { 9 }) {
            0 | 1 => self.string(),
            2 | 3 => self.number(),
            4 => {
                let word = self.random.pick(&["true", "false"]);
                self.out.push_str(word);
            }
            5 => self.out.push_str("null"),
            6 | 7 => self.list(depth),
            _ => {
                const KEYS: &[&str] = &["a", "b", "id", "city", "a longer key than thirty-two bytes are"];
                let fields: Vec<&str> = (0..self.random.below(4)).map(|i| KEYS[i]).collect();
                self.object(&fields, depth);
            }
        }
    }

    fn list(&mut self, depth: usize) {
        self.out.push('[');
        for i in 0..self.random.below(4) {
            if i > 0 {
                self.out.push(',');
            }
            self.space();
            self.value(depth + 1);
            self.space();
        }
        self.out.push(']');
    }

    fn object(&mut self, fields: &[&str], depth: usize) {
        self.out.push('{');
        let mut any = false;
        for name in fields {
            // Wild objects leave fields out and repeat them.
            let times = if self.wildly() { self.random.below(3) } else { 1 };
            for _ in 0..times {
                if any {
                    self.out.push(',');
                }
                any = true;
                self.space();
                let escaped = self.wildly() && *name == "id";
                self.out.push_str(&if escaped { "\"\\u0069d\"".into() } else { format!("\"{name}\"") });
                self.space();
                self.out.push(':');
                self.space();
                self.field(name, depth);
                self.space();
            }
        }
        self.space();
        self.out.push('}');
    }

    fn field(&mut self, name: &str, depth: usize) {
        if self.wildly() {
            return self.value(depth + 1);
        }
        match name {
            "id" | "zip" | "score" | "lat" => self.number(),
            "at" => self.object(&["street", "city", "zip", "geo"], depth + 1),
            "geo" => self.object(&["lat", "lon"], depth + 1),
            "tags" => self.list(depth + 1),
            "ok" => self.out.push_str("true"),
            _ => self.string(),
        }
    }
}

/// Rows of a few shapes; the wilder, the more shapes.
fn document(seed: u64, rows: usize, wild: usize) -> Vec<u8> {
    let mut writer = Writer { random: Random(seed), out: String::new(), wild };
    for _ in 0..rows {
        writer.space();
        writer.object(&["id", "name", "score", "ok", "at", "tags", "other"], 0);
        writer.space();
        let end = if writer.wildly() { "\r\n" } else { "\n" };
        writer.out.push_str(end);
        if writer.wildly() && writer.wildly() {
            writer.out.push_str(" \r\n\n");
        }
    }
    writer.out.into_bytes()
}

/// What serde_json makes of a line: `None` if it says nothing of use, as it refuses right numbers
/// that no float holds.
fn parsed(line: &[u8]) -> Option<Result<Json, ()>> {
    match serde_json::from_slice::<Json>(line) {
        Ok(Json::Object(o)) => Some(Ok(Json::Object(o))),
        Ok(_) => Some(Err(())),
        Err(e) if e.to_string().contains("out of range") => None,
        Err(_) => Some(Err(())),
    }
}

/// What a column must hold in a row.
fn expected(json: &Json, column: &SourceColumn) -> Result<Value, u8> {
    let mut at = Some(json);
    for key in &column.path {
        at = match at {
            Some(Json::Object(o)) => o.get(key),
            None | Some(Json::Null) => None,
            Some(_) => return Err(ErrorCode::Malformed as u8),
        };
    }
    match at {
        None | Some(Json::Null) if column.ty.nullable => Ok(Value::Null),
        None | Some(Json::Null) => Err(ErrorCode::Missing as u8),
        Some(json) => typed(json, &column.ty.kind).ok_or(ErrorCode::Malformed as u8),
    }
}

fn typed(json: &Json, ty: &Type) -> Option<Value> {
    match (json, ty) {
        (Json::Bool(b), Type::Bool) => Some(Value::Bool(*b)),
        (Json::Number(n), Type::Int) => n.as_i64().map(Value::Int),
        (Json::Number(n), Type::Float) => n.as_f64().map(Value::Float),
        (Json::String(s), Type::String) => Some(Value::string(s.as_str())),
        (Json::Array(items), Type::List(of)) => {
            let item = |i: &Json| if i.is_null() { Some(Value::Null) } else { typed(i, &of.kind) };
            Some(Value::List(items.iter().map(item).collect::<Option<Vec<_>>>()?.into()))
        }
        _ => None,
    }
}

/// Compares a row with what serde_json says of its bytes; returns whether it is broken.
fn compare(source: &Source, text: &[u8], row: &Row) -> bool {
    let line = &text[row.span.clone()];
    let shown = String::from_utf8_lossy(line);
    match (parsed(line), &row.broken) {
        (Some(Ok(json)), None) => {
            for ((column, got), field) in source.columns.iter().zip(&row.values).zip(&row.fields) {
                let want = expected(&json, column);
                let place = field.clone().map(|f| String::from_utf8_lossy(&text[f]).into_owned());
                // serde_json reads `-0` as a float.
                let zero = place.as_deref() == Some("-0") && column.ty.kind == Type::Int;
                assert!(near(got, &want) || zero, "{}: {got:?}, not {want:?}, in {shown}", column.name);
                if let (Some(place), true) = (&place, got.as_ref().is_ok_and(|v| !v.is_null())) {
                    let again: Json = serde_json::from_str(place).expect("a field is JSON");
                    assert!(near(&expected_at(&again, column), &want), "{place} in {shown}");
                }
            }
        }
        (Some(Err(())), Some((at, _))) => {
            assert!((row.span.start..=row.span.end).contains(at), "{at} is not in {shown}");
            assert!(row.values.iter().all(|v| *v == Err(ErrorCode::Structure as u8)));
        }
        (Some(Ok(_)), Some(fault)) => panic!("refused: {fault:?} {shown}"),
        (Some(Err(())), None) => panic!("taken: {shown}"),
        (None, _) => {}
    }
    row.broken.is_some()
}

fn expected_at(json: &Json, column: &SourceColumn) -> Result<Value, u8> {
    typed(json, &column.ty.kind).ok_or(ErrorCode::Malformed as u8)
}

/// Equal, but for the last digit of floats, which serde_json does not always round correctly.
fn near(a: &Result<Value, u8>, b: &Result<Value, u8>) -> bool {
    match (a, b) {
        (Ok(Value::Float(x)), Ok(Value::Float(y))) => (x - y).abs() <= x.abs() * 1e-15,
        _ => a == b,
    }
}

/// How many lines are not blank.
fn lines(text: &[u8]) -> usize {
    text.split(|b| *b == b'\n').filter(|l| l.iter().any(|b| !b" \t\r".contains(b))).count()
}

#[test]
fn right_documents_are_read_as_serde_json_reads_them() {
    let source = wanted();
    for seed in 0..12 {
        for wild in [0, 3, 40] {
            let text = document(seed, 120, wild);
            let rows = scan_all_ways(&source, &text);
            assert_eq!(rows.len(), lines(&text));
            for row in &rows {
                assert!(!compare(&source, &text, row), "{:?}", row.broken);
            }
        }
    }
}

#[test]
fn damaged_documents_are_refused_where_serde_json_refuses_them() {
    const BYTES: &[u8] = b"\"\\{}[]:,\n\r\t 0e.-+tfnu\x00\x1f\x7f\x80\xc3\xff";
    let source = wanted();
    let (mut broken, mut all) = (0, 0);
    for seed in 100..140 {
        let mut text = document(seed, 60, if seed % 2 == 0 { 0 } else { 20 });
        let mut random = Random(seed);
        for _ in 0..1 + random.below(40) {
            let at = random.below(text.len());
            match random.below(4) {
                0 => text[at] = BYTES[random.below(BYTES.len())],
                1 => text[at] ^= 1 << random.below(8),
                2 => drop(text.remove(at)),
                _ => text.insert(at, BYTES[random.below(BYTES.len())]),
            }
        }
        let rows = scan_all_ways(&source, &text);
        assert_eq!(rows.len(), lines(&text));
        all += rows.len();
        broken += rows.iter().filter(|row| compare(&source, &text, row)).count();
    }
    assert!(broken > all / 20 && broken < all / 2, "{broken} of {all}");
}

#[test]
fn bytes_that_are_no_documents_never_panic() {
    const BYTES: &[u8] = b"\"\"\"\\\\{}[]:,,0\n a\xc3\xa9";
    let source = wanted();
    for seed in 0..60 {
        let mut random = Random(seed);
        let text: Vec<u8> = (0..1 + random.below(600)).map(|_| BYTES[random.below(BYTES.len())]).collect();
        let rows = scan_all_ways(&source, &text);
        assert_eq!(rows.len(), lines(&text));
        rows.iter().for_each(|row| {
            compare(&source, &text, row);
        });
    }
}
