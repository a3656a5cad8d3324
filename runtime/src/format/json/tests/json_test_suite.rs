//! JSONTestSuite: every one of its 318 documents alone, and as a value of a row.
//!
//! What must be accepted is accepted, what must be refused is refused at a place, and nothing panics.
//! Where the suite leaves the answer open, this reader's answer is stated here: numbers of any size
//! are JSON, bytes that are no UTF-8, half surrogate pairs and a byte order mark are not.

use super::*;
use flow_ir::Type;

const DOCUMENTS: &str = include_str!("json_test_suite.txt");

/// The documents with their names. Three long ones are made here.
fn documents() -> Vec<(&'static str, Vec<u8>)> {
    let lines = DOCUMENTS.lines().filter(|l| !l.starts_with('#'));
    let mut all: Vec<_> =
        lines.map(|l| l.split_once(": ").expect("a name")).map(|(n, t)| (n, unescaped(t))).collect();
    let nested = format!("{}{}", "[".repeat(500), "]".repeat(500));
    all.push(("i_structure_500_nested_arrays", nested.into()));
    all.push(("n_structure_100000_opening_arrays", "[".repeat(100_000).into()));
    let open = format!("{}\n", "[{\"\":".repeat(50_000));
    all.push(("n_structure_open_array_object", open.into()));
    assert_eq!(all.len(), 318);
    all
}

/// The bytes of a document as the file writes them.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(b) = rest.next() {
        bytes.push(match b {
            b'\\' => match rest.next().expect("an escape") {
                b'n' => b'\n',
                b't' => b'\t',
                b'x' => {
                    let digits = [rest.next(), rest.next()].map(|d| d.expect("two digits"));
                    let digits = std::str::from_utf8(&digits).expect("digits");
                    u8::from_str_radix(digits, 16).expect("hexadecimal digits")
                }
                other => other,
            },
            b => b,
        });
    }
    bytes
}

/// Whether this reader takes a document of that name.
fn accepted(name: &str) -> bool {
    name.starts_with("y_") || name.starts_with("i_number_")
}

#[test]
fn alone() {
    let mut taken = 0;
    for (name, text) in documents() {
        match check(&text) {
            Ok(()) => assert!(accepted(name), "{name} was taken"),
            Err(fault) => {
                assert!(!accepted(name), "{name}: {fault:?}");
                assert!(fault.at <= text.len() && !fault.message.is_empty(), "{name}: {fault:?}");
            }
        }
        taken += usize::from(accepted(name));
    }
    assert_eq!(taken, 95 + 10);
}

/// As `v` in rows of JSON lines, each before a good row: the reader finds its way back every time.
#[test]
fn as_values_of_rows() {
    let mut text = Vec::new();
    let mut names = Vec::new();
    for (name, document) in documents() {
        let document = document.strip_suffix(b"\n").unwrap_or(&document);
        // A document of several lines is no value of one, and the long ones are tried below.
        if document.contains(&b'\n') || document.len() > 2000 {
            continue;
        }
        text.extend_from_slice(b"{\"v\":");
        text.extend_from_slice(document);
        text.extend_from_slice(b",\"w\":7}\n{\"v\":[1],\"w\":8}\n");
        names.push(name);
    }
    assert_eq!(names.len(), 318 - 5 - 2);
    let rows = scan_all_ways(&source(&[("w", DataType::required(Type::Int))]), &text);
    assert_eq!(rows.len(), 2 * names.len());
    for (pair, name) in rows.chunks(2).zip(names) {
        let [row, next] = pair else { panic!("rows come in pairs") };
        assert_eq!((&next.broken, &next.values[..]), (&None, &[Ok(Value::Int(8))][..]), "after {name}");
        if accepted(name) {
            assert_eq!((&row.broken, &row.values[..]), (&None, &[Ok(Value::Int(7))][..]), "{name}");
            continue;
        }
        let (at, reason) = row.broken.as_ref().unwrap_or_else(|| panic!("{name} was taken"));
        assert!(row.span.start <= *at && *at <= row.span.end && !reason.is_empty(), "{name}: {at} {reason}");
        assert_eq!(row.values, [Err(flow_ir::ErrorCode::Structure as u8)], "{name}");
    }
}

#[test]
fn long_ones_as_values_of_rows() {
    for (name, document) in documents().into_iter().filter(|(_, d)| d.len() > 2000) {
        let document = document.strip_suffix(b"\n").unwrap_or(&document);
        let text = [b"{\"v\":", document, b"}\n{\"w\":8}\n"].concat();
        for level in SimdLevel::available() {
            let cut = Cut { level, limits: LARGE, chunk: usize::MAX / 2 };
            let rows = scan(&source(&[("w", DataType::nullable(Type::Int))]), &text, cut);
            let broken: Vec<bool> = rows.iter().map(|r| r.broken.is_some()).collect();
            assert_eq!(broken, [true, false], "{name}");
            assert_eq!(rows[1].values, [Ok(Value::Int(8))], "after {name}");
        }
    }
}
