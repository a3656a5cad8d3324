//! What values become in typed columns.

use super::*;
use flow_ir::{ErrorCode, Field, Type, text};

const MALFORMED: Result<Value, u8> = Err(ErrorCode::Malformed as u8);
const MISSING: Result<Value, u8> = Err(ErrorCode::Missing as u8);

/// The values of one column, named `v`, in rows that hold it as given.
fn values(ty: &DataType, texts: &[&str]) -> Vec<Result<Value, u8>> {
    let rows: String = texts.iter().map(|t| format!("{{\"u\":0,\"v\":{t} ,\"w\":[]}}\n")).collect();
    let rows = scan_all_ways(&source(&[("v", ty.clone())]), rows.as_bytes());
    rows.into_iter().flat_map(|r| r.values).collect()
}

fn check_column(ty: Type, cases: &[(&str, Option<Value>)]) {
    let texts: Vec<&str> = cases.iter().map(|c| c.0).collect();
    let got = values(&DataType::nullable(ty), &texts);
    for ((text, want), got) in cases.iter().zip(got) {
        assert_eq!(got, want.clone().ok_or(ErrorCode::Malformed as u8), "{text}");
    }
}

#[test]
fn ints_are_integers_of_64_bits() {
    let int = |x| Some(Value::Int(x));
    check_column(
        Type::Int,
        &[
            ("0", int(0)),
            ("-0", int(0)),
            ("34", int(34)),
            ("999999999999999999", int(999_999_999_999_999_999)),
            ("9223372036854775807", int(i64::MAX)),
            ("-9223372036854775808", int(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("1.0", None),
            ("1e2", None),
            ("\"1\"", None),
            ("true", None),
            ("[1]", None),
            ("{}", None),
            ("null", Some(Value::Null)),
        ],
    );
}

#[test]
fn floats_are_any_number_and_correctly_rounded() {
    let texts = ["1", "-0", "0.1", "1e23", "8.5e-324", "123456789012345678901234567890", "9007199254740993"];
    let mut random = Random(7);
    let more: Vec<String> = (0..2000)
        .map(|_| {
            let (whole, part) =
                (random.next() >> (11 + random.below(53)), random.next() >> (20 + random.below(44)));
            let sign = random.pick(&["", "-"]);
            let exponent = random.pick(&["", "", "", "e5", "E-30", "e+299"]);
            if random.below(4) == 0 {
                format!("{sign}{whole}{exponent}")
            } else {
                format!("{sign}{whole}.{part}{exponent}")
            }
        })
        .collect();
    let texts: Vec<&str> = texts.into_iter().chain(more.iter().map(String::as_str)).collect();
    let got = values(&DataType::required(Type::Float), &texts);
    for (text, got) in texts.iter().zip(got) {
        let want: f64 = text.parse().expect("a float");
        if want.is_infinite() {
            assert_eq!(got, MALFORMED, "{text}");
            continue;
        }
        assert!(matches!(got, Ok(Value::Float(x)) if x.to_bits() == want.to_bits()), "{text}: {got:?}");
    }
    let refused = values(&DataType::required(Type::Float), &["1e400", "\"1\"", "true", "\"NaN\"", "[]"]);
    assert!(refused.iter().all(|v| *v == MALFORMED), "{refused:?}");
    // What sinks write for them.
    let special = values(&DataType::required(Type::Float), &["\"inf\"", "\"-inf\"", "\"nan\""]);
    assert_eq!(special[..2], [Ok(Value::Float(f64::INFINITY)), Ok(Value::Float(f64::NEG_INFINITY))]);
    assert!(matches!(special[2], Ok(Value::Float(x)) if x.is_nan()));
}

#[test]
fn decimals_are_exact_from_numbers_and_strings() {
    let decimal = |unscaled| Some(Value::Decimal { unscaled, scale: 2 });
    check_column(
        Type::Decimal { precision: 10, scale: 2 },
        &[
            ("1", decimal(100)),
            ("-12.3", decimal(-1230)),
            ("0.10", decimal(10)),
            ("1.25e1", decimal(1250)),
            ("\"7.00\"", decimal(700)),
            ("99999999.99", decimal(9_999_999_999)),
            ("100000000", None),
            ("0.001", None),
            ("true", None),
            ("\"x\"", None),
            ("{}", None),
        ],
    );
}

#[test]
fn times_are_strings() {
    let date = Some(Value::Date(text::parse_date("2024-05-01").expect("a date")));
    check_column(Type::Date, &[("\"2024-05-01\"", date), ("\"2024-13-01\"", None), ("20240501", None)]);
    let at = "2024-05-01T10:00:00Z";
    let timestamp = Some(Value::Timestamp(text::parse_timestamp(at).expect("a timestamp")));
    check_column(Type::Timestamp, &[(&format!("\"{at}\""), timestamp), ("1", None), ("\"\"", None)]);
    let duration = Some(Value::Duration(text::parse_duration("2h").expect("a duration")));
    check_column(Type::Duration, &[("\"2h\"", duration.clone()), ("\"2\\u0068\"", duration), ("2", None)]);
    check_column(Type::Bool, &[("true", Some(Value::Bool(true))), ("\"true\"", None), ("1", None)]);
    let bytes = Some(Value::Bytes([0u8, 0xfe].as_slice().into()));
    check_column(Type::Bytes, &[("\"00fE\"", bytes), ("\"0\"", None), ("\"0g\"", None), ("1", None)]);
}

#[test]
fn strings_are_views_until_something_is_escaped() {
    let plain = b"{\"v\":\"one\"}\n{\"v\":\"\"}\n{\"v\":null}\n{\"v\":3}\n";
    let source = source(&[("v", DataType::nullable(Type::String))]);
    let mut buffer = plain.to_vec();
    buffer.resize(buffer.len() + CHUNK_PADDING, 0);
    let chunk =
        Chunk { buffer: buffer.into(), start: 0, end: plain.len(), file: 0, offset: 0, first_line: 1 };
    let mut scanner = JsonScanner::new(&source, LARGE);
    scanner.begin(&chunk);
    assert!(scanner.next_morsel());
    let column = scanner.column(0, Some(&[1, 0]));
    let flow_ir::Values::Str(strings) = &column.values else { panic!("{column:?}") };
    assert!(strings.buffer.as_ptr() == chunk.buffer.as_ptr());
    assert_eq!((strings.text(0), strings.text(1)), ("", "one"));
    let got = values(
        &DataType::nullable(Type::String),
        &["\"a\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u00e9\\ud834\\udd1e!\"", "\"\\\\\"", "1", "null"],
    );
    let string = |s: &str| Ok(Value::string(s));
    let want = ["a", "\"\\/\u{8}\u{c}\n\r\t", "é𝄞!", "\\"].map(string);
    assert_eq!(got[..4], want);
    assert_eq!(got[4..], [MALFORMED, Ok(Value::Null)]);
}

#[test]
fn lists_and_records_are_values() {
    let field = |name: &str, ty| Field { name: name.into(), ty };
    let record = Type::Record(vec![
        field("n", DataType::required(Type::Int)),
        field("s", DataType::nullable(Type::String)),
    ]);
    let list = Type::List(Box::new(DataType::required(record.clone())));
    let row =
        |n, s: Option<&str>| Value::Record(vec![Value::Int(n), s.map_or(Value::Null, Value::string)].into());
    check_column(
        list,
        &[
            ("[]", Some(Value::List(vec![].into()))),
            (
                "[ {\"n\":1,\"s\":\"a\\u0062\"} , {\"x\":[1,{}],\"n\":2} ]",
                Some(Value::List(vec![row(1, Some("ab")), row(2, None)].into())),
            ),
            ("[{\"n\":1,\"n\":3,\"s\":null}]", Some(Value::List(vec![row(3, None)].into()))),
            ("[{\"s\":\"a\"}]", None),
            ("[{\"n\":null}]", None),
            ("[null]", None),
            ("[{\"n\":1},2]", None),
            ("{}", None),
            ("null", Some(Value::Null)),
        ],
    );
    check_column(record, &[("{\"s\":\"x\",\"n\":1}", Some(row(1, Some("x")))), ("[]", None), ("3", None)]);
}

#[test]
fn missing_and_null_and_parents_that_are_no_objects() {
    let rows =
        b"{\"a\":{\"b\":1}}\n{\"a\":{}}\n{}\n{\"a\":null}\n{\"a\":{\"b\":null}}\n{\"a\":3}\n{\"a\":[1]}\n\
        {\"a\":\"x\"}\n{\"a\":{\"b\":1},\"a\":{}}\n{\"a\":1,\"a\":{\"b\":2}}\n{\"a\":{\"b\":{\"b\":1}}}\n";
    let got = |ty: DataType| -> Vec<Result<Value, u8>> {
        scan_all_ways(&source(&[("a.b", ty)]), rows).into_iter().flat_map(|r| r.values).collect()
    };
    let (one, two) = (Ok(Value::Int(1)), Ok(Value::Int(2)));
    let with = |none: Result<Value, u8>| {
        let (n, m) = (|| none.clone(), || MALFORMED);
        vec![one.clone(), n(), n(), n(), n(), m(), m(), m(), n(), two.clone(), m()]
    };
    assert_eq!(got(DataType::nullable(Type::Int)), with(Ok(Value::Null)));
    assert_eq!(got(DataType::required(Type::Int)), with(MISSING));
}

#[test]
fn a_record_and_its_fields_can_both_be_columns() {
    let record = Type::Record(vec![Field { name: "b".into(), ty: DataType::nullable(Type::Int) }]);
    let source = source(&[("a", DataType::nullable(record)), ("a.b", DataType::nullable(Type::Int))]);
    let rows = scan_all_ways(&source, b"{\"a\":{\"b\":1}}\n{\"a\":{\"b\":2}}\n{\"a\":null}\n");
    let record = |n| Ok(Value::Record(vec![Value::Int(n)].into()));
    assert_eq!(rows[1].values, [record(2), Ok(Value::Int(2))]);
    assert_eq!(rows[2].values, [Ok(Value::Null), Ok(Value::Null)]);
}

#[test]
fn rows_end_with_their_lines() {
    let text = b"\xEF\xBB\xBF{\"v\":1}\r\n\r\n  \n{\"v\":2} \n{\"v\":\"x}\n{\"v\":3,\"w\":\"\n{\"v\":4}\n\xEF\xBB\xBF{\"v\":5}\n{\"v\":6}";
    let rows = scan_all_ways(&source(&[("v", DataType::nullable(Type::Int))]), text);
    let spans: Vec<&[u8]> = rows.iter().map(|r| &text[r.span.clone()]).collect();
    assert_eq!(spans[0], b"{\"v\":1}");
    assert_eq!(spans[1], b"{\"v\":2} ");
    let broken: Vec<bool> = rows.iter().map(|r| r.broken.is_some()).collect();
    assert_eq!(broken, [false, false, true, true, false, true, false]);
    assert_eq!(rows[6].values, [Ok(Value::Int(6))]);
    assert_eq!(scan_all_ways(&source(&[]), b""), []);
    assert_eq!(scan_all_ways(&source(&[]), b"\n \r\n"), []);
    assert_eq!(scan_all_ways(&source(&[]), b"\xEF\xBB\xBF"), []);
}

#[test]
fn rows_of_known_shapes_are_not_checked_byte_by_byte() {
    let mut text = Vec::new();
    for i in 0..100 {
        text.extend_from_slice(format!("{{\"a\":{i},\"v\":{{\"b\":\"\\u00e9{i}\"}}}}\n").as_bytes());
        text.extend_from_slice(format!("{{\"a\" : -{i}.5e3 , \"v\":{{\"b\" :null}}}}\r\n").as_bytes());
        text.extend_from_slice(format!("{{\"v\":{{\"b\":\"é\"}},\"l\":[true,{i}]}}\n").as_bytes());
    }
    let source = source(&[("v.b", DataType::nullable(Type::String))]);
    for level in SimdLevel::available() {
        let mut buffer = text.clone();
        buffer.resize(buffer.len() + CHUNK_PADDING, 0);
        let chunk =
            Chunk { buffer: buffer.into(), start: 0, end: text.len(), file: 0, offset: 0, first_line: 1 };
        let mut scanner = JsonScanner::with_level(&source, LARGE, level);
        scanner.begin(&chunk);
        let mut rows = 0;
        while scanner.next_morsel() {
            rows += scanner.rows();
        }
        assert_eq!((rows, scanner.rows_walked(), scanner.rows_checked()), (300, 4, 0), "{level:?}");
    }
}

#[test]
fn morsels_respect_their_limits() {
    let text = b"{\"v\":1}\n".repeat(100);
    let source = source(&[("v", DataType::required(Type::Int))]);
    let mut buffer = text.clone();
    buffer.resize(buffer.len() + CHUNK_PADDING, 0);
    let chunk = Chunk { buffer: buffer.into(), start: 0, end: text.len(), file: 0, offset: 0, first_line: 1 };
    for (limits, first) in [((10, 1 << 20), 10), ((1000, 80), 10), ((1000, 1), 1), ((0, 0), 1)] {
        let limits = MorselLimits { rows_max: limits.0, bytes_max: limits.1 };
        let mut scanner = JsonScanner::new(&source, limits);
        scanner.begin(&chunk);
        let (mut rows, mut sizes) = (0, Vec::new());
        while scanner.next_morsel() {
            rows += scanner.rows();
            sizes.push(scanner.rows());
        }
        assert_eq!((rows, sizes[0]), (100, first), "{limits:?}");
    }
}
