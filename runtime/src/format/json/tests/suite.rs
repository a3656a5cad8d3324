//! One-liners that every JSON parser must accept or must refuse, alone and among other rows.

use super::*;
use flow_ir::Type;

const ACCEPTED: &[&str] = &[
    "{}",
    "[]",
    "0",
    "-0",
    "1",
    "-1",
    "10",
    "0.5",
    "-0.0",
    "1e5",
    "1E5",
    "1e+5",
    "1e-5",
    "0e0",
    "0E+1",
    "123.456e78",
    "1e400",
    "-1e-999",
    "100000000000000000000000000000000000000000000000000",
    "0.1234567890123456789012345678901234567890123456789",
    "true",
    "false",
    "null",
    "\"\"",
    "\"a\"",
    "\" \"",
    "\"\\\"\"",
    "\"\\\\\"",
    "\"\\/\"",
    "\"\\b\\f\\n\\r\\t\"",
    "\"\\u0000\"",
    "\"\\uD834\\uDd1e\"",
    "\"\\uFFFF\"",
    "\"\u{7f}\"",
    "\"\u{2028}\u{2029}\"",
    "\"é€𝄞\"",
    "\"\u{10ffff}\"",
    "\"\\u0022\"",
    "\"{}[]:,\"",
    "\"\\\\\\\"\"",
    "[1,2,3]",
    "[ 1 , 2 ]",
    "[[],[[]],{}]",
    "[\"a\",[\"b\"]]",
    "[null,1,\"x\",{}]",
    "[\t1\r,2 ]",
    "{\"a\":1}",
    "{ \"a\" : 1 }",
    "{\"a\":1,\"b\":2}",
    "{\"a\":{\"b\":{\"c\":[]}}}",
    "{\"a\":1,\"a\":2}",
    "{\"\":0}",
    "{\"\\u0061\":1}",
    "{\"a\":\"\\\"}\"}",
    " {} ",
    "\t[]\r",
    "[1e1,1E-1]",
    "{\"a b\":null}",
    "[\"\\\\\"]",
    "[\"\\\\\\\\\",\"\"]",
    "{\"k\":[{\"k\":[{}]}]}",
];

const REFUSED: &[&str] = &[
    "[",
    "]",
    "{",
    "}",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1,,2]",
    "[1 2]",
    "[1]]",
    "[1]x",
    "{1:1}",
    "{a:1}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{,}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1,,\"b\":2}",
    "{\"a\"::1}",
    "{\"a\":1}}",
    "{\"a\":1]",
    "[1}",
    "{\"a\":[1}",
    "{:1}",
    "{null:1}",
    "{\"a\",\"b\"}",
    "{\"a\":1,2}",
    "00",
    "01",
    "-01",
    "-",
    "--1",
    "+1",
    ".5",
    "1.",
    "1.e5",
    "1e",
    "1e+",
    "1ee5",
    "1e5.5",
    "0x10",
    "1_000",
    "1a",
    "1.2.3",
    "-a",
    "- 1",
    "1 2",
    "NaN",
    "Infinity",
    "-Infinity",
    "nan",
    "True",
    "TRUE",
    "tru",
    "truee",
    "true1",
    "fals",
    "nul",
    "nulll",
    "nullx",
    "undefined",
    "'a'",
    "\"",
    "\"a",
    "a\"",
    "\"a\"b",
    "b\"a\"",
    "\"a\"\"b\"",
    "\"\t\"",
    "\"\u{1}\"",
    "\"\u{0}\"",
    "\"\u{1f}\"",
    "\"\\x41\"",
    "\"\\u12\"",
    "\"\\u12G4\"",
    "\"\\u 123\"",
    "\"\\",
    "\"\\\"",
    "\"\\a\"",
    "\"\\'\"",
    "\"\\uD800\"",
    "\"\\uDC00\"",
    "\"\\uD800\\u0041\"",
    "\"\\uD800x\"",
    "\"\\uDC00\\uD800\"",
    "\\",
    "\\\"a\"",
    "[\"a\"\\]",
    "{\"a\":\\\"b\"}",
    "[\"a\" \"b\"]",
    "{\"a\" \"b\"}",
    "[1:2]",
    "[:]",
    "1,2",
    ",",
    ":",
    "*",
    "#",
    "//",
    "[/* */]",
    "\u{feff}{}",
    "\u{a0}1",
    "[1\u{a0}]",
    "[\u{c}1]",
    "[\u{b}]",
    "\u{1a}",
    "{\"a\":1}#",
    "[\"\u{1b}\"]",
    "é",
    "[é]",
    "{é:1}",
    "[1é]",
    "{\"a\"\u{c}:1}",
    "{\"a\":\"b\"\"c\"}",
    "{\"a\":1\"b\":2}",
    "{\"a\":tru}",
    "{\"a\":nulll}",
    "{\"a\":1\u{c}\"b\":2}",
    "{\"a\"\u{1a}1}",
];

/// Bytes that are no UTF-8, as such and in strings.
const NOT_TEXT: &[&[u8]] = &[
    b"\"\xff\"",
    b"\"\x80\"",
    b"\"\xc3\"",
    b"\"\xc0\x80\"",
    b"\"\xed\xa0\x80\"",
    b"\"\xf4\x90\x80\x80\"",
    b"\"\xe2\x82\"",
    b"\"\xf0\x9d\x84\"",
    b"\xff",
    b"[\xe9]",
    b"{\"\xb9\":0}",
];

/// Rows that hold the texts, between rows of other shapes and of the same shape.
fn rows_of(texts: &[Vec<u8>]) -> Vec<u8> {
    let mut all = Vec::new();
    for text in texts {
        for (before, after) in [("{\"v\":", ",\"w\":7}\n"), ("{\"u\":{\"v\":[", "]}}\n")] {
            all.extend_from_slice(before.as_bytes());
            all.extend_from_slice(text);
            all.extend_from_slice(after.as_bytes());
            all.extend_from_slice(b"{\"v\":1,\"w\":7}\n");
        }
    }
    all
}

#[test]
fn must_accept() {
    for text in ACCEPTED {
        assert_eq!(check(text.as_bytes()), Ok(()), "{text}");
    }
    let texts: Vec<Vec<u8>> = ACCEPTED.iter().map(|t| t.as_bytes().to_vec()).collect();
    let rows = scan_all_ways(&source(&[("w", DataType::required(Type::Int))]), &rows_of(&texts));
    assert_eq!(rows.len(), 4 * texts.len());
    for (i, row) in rows.iter().enumerate() {
        assert_eq!(row.broken, None, "{}", ACCEPTED[i / 4]);
        if i % 4 != 2 {
            assert_eq!(row.values, [Ok(Value::Int(7))]);
        }
    }
}

#[test]
fn must_refuse() {
    let refused = REFUSED.iter().map(|t| t.as_bytes()).chain(NOT_TEXT.iter().copied());
    let texts: Vec<Vec<u8>> = refused.map(<[u8]>::to_vec).collect();
    for text in &texts {
        let shown = String::from_utf8_lossy(text);
        let fault = check(text).expect_err(&shown);
        assert!(fault.at <= text.len() && !fault.message.is_empty(), "{shown}: {fault:?}");
    }
    // These are wrong alone, but right inside of the rows they are put into.
    let inside: Vec<Vec<u8>> = texts.into_iter().filter(|t| t != b"1,2" && t != b"\"a\",\"b\"").collect();
    let text = rows_of(&inside);
    let rows = scan_all_ways(&source(&[("w", DataType::required(Type::Int))]), &text);
    assert_eq!(rows.len(), 4 * inside.len());
    for (i, row) in rows.iter().enumerate() {
        let shown = String::from_utf8_lossy(&text[row.span.clone()]);
        if i % 2 == 1 {
            assert_eq!((&row.broken, &row.values[..]), (&None, &[Ok(Value::Int(7))][..]), "{shown}");
        } else {
            let (at, _) = row.broken.as_ref().unwrap_or_else(|| panic!("{shown} was taken"));
            assert!((row.span.start..=row.span.end).contains(at), "{shown}: {at}");
            assert_eq!(row.values, [Err(flow_ir::ErrorCode::Structure as u8)]);
        }
    }
}

#[test]
fn faults_have_places_and_reasons() {
    let cases: &[(&str, usize, &str)] = &[
        ("{\"a\":tru}", 5, "expected a value, found `tru`"),
        ("{\"a\":01}", 5, "a number may not start with 0"),
        ("{\"a\":1.}", 7, "expected a digit after the point of a number"),
        ("{\"a\" 1}", 5, "expected `:` after a key, found `1`"),
        ("{\"a\":1 \"b\":2}", 7, "expected `,` or `}` after a value, found `\"`"),
        ("{\"a\":\"x\ty\"}", 7, "U+0009 in a string must be escaped"),
        ("{\"a\":\"\\q\"}", 6, "an unknown escape in a string"),
        ("{\"a\":\"\\ud800\"}", 6, "the escape is half of a surrogate pair"),
        ("{\"a\":1", 6, "expected `,` or `}`, found the end of the row"),
        ("{\"a\":\"b", 5, "a string without a closing quote"),
        ("{\"a\":1\r\n", 6, "expected `,` or `}`, found the end of the row"),
        ("{a:1}", 1, "expected a key in quotes, found `a`"),
        ("[1]", 0, "a row must be an object, found a list"),
        ("3", 0, "a row must be an object, found a number"),
        ("{} {}", 3, "expected the end of the row after a value, found `{`"),
    ];
    for (text, at, message) in cases {
        let rows = scan_all_ways(&source(&[]), text.as_bytes());
        assert_eq!(rows[0].broken, Some((*at, (*message).to_owned())), "{text}");
    }
}

#[test]
fn nesting_is_limited() {
    let nested = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n - 1), "]".repeat(n - 1));
    let text = format!("{}\n{}\n{{\"a\":[]}}\n", nested(DEPTH_MAX), nested(DEPTH_MAX + 1));
    let rows = scan_all_ways(&source(&[]), text.as_bytes());
    let broken: Vec<bool> = rows.iter().map(|r| r.broken.is_some()).collect();
    assert_eq!(broken, [false, true, false]);
    assert_eq!(rows[1].broken.as_ref().map(|b| &b.1[..]), Some("nested deeper than 128 levels"));
    for open in ["[", "{\"a\":", "[{\"a\":"] {
        let text = open.repeat(100_000);
        let cut = Cut { level: SimdLevel::detect(), limits: LARGE, chunk: usize::MAX / 2 };
        let rows = scan(&source(&[]), format!("{{\"a\":{text}").as_bytes(), cut);
        assert!(rows[0].broken.is_some());
    }
}
