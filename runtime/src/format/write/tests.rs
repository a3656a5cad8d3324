//! Writers against the canonical texts and against independent readers.

use super::*;
use flow_ir::column::ColumnBuilder;
use flow_ir::logical::ColumnId;
use flow_ir::source::Dialect;
use flow_ir::{DataType, ErrorCode, Field, Type, Value, text};

fn sink_column(path: &[&str], ty: DataType) -> SinkColumn {
    SinkColumn { id: ColumnId(0), path: path.iter().map(|p| (*p).to_owned()).collect(), ty }
}

fn column(ty: &Type, values: &[Value]) -> Column {
    let mut builder = ColumnBuilder::new(ty, values.len());
    values.iter().for_each(|v| builder.push(Ok(v)));
    builder.finish()
}

fn written(format: &Format, columns: &[(SinkColumn, Column)]) -> String {
    let about: Vec<SinkColumn> = columns.iter().map(|c| c.0.clone()).collect();
    let data: Vec<&Column> = columns.iter().map(|c| &c.1).collect();
    let writer = RowWriter::new(format, &about, &[vec!["b".to_owned(), "y".to_owned()]]);
    let mut out = writer.header();
    // In two pieces, as two threads would make them.
    let rows = data[0].len();
    let first: Vec<u32> = (0..rows as u32 / 2).collect();
    let second: Vec<u32> = (rows as u32 / 2..rows as u32).collect();
    let mut pieces = Vec::new();
    for picked in [first, second] {
        let gathered: Vec<Column> = data.iter().map(|c| c.gather(&picked)).collect();
        let mut piece = Vec::new();
        writer.rows(&gathered.iter().collect::<Vec<_>>(), picked.len(), &mut piece);
        if !piece.is_empty() {
            pieces.push(piece);
        }
    }
    out.extend_from_slice(&pieces.join(&writer.separator()[..]));
    out.extend_from_slice(&writer.footer());
    String::from_utf8(out).expect("writers write UTF-8")
}

fn csv() -> Format {
    Format::Delimited(Dialect::csv())
}

fn string(s: &str) -> Value {
    Value::string(s)
}

#[test]
fn every_scalar_is_printed_as_the_canonical_text() {
    let floats = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.1,
        1e15,
        1e16,
        1e-5,
        1e-7,
        123456789.5,
        999999999999999.0,
        1e300,
        5e-324,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        9007199254740993.0,
        -12.0,
    ];
    // Every binary exponent, and the neighbours of the powers of ten.
    let exponents =
        (0..2046u64).map(|e| f64::from_bits(e << 52 | e.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 12));
    let powers = (-10..20).map(|e| 10f64.powi(e)).flat_map(|x| [x, x.next_up(), x.next_down(), -x]);
    let decimals = [0i128, 5, -5, 123, -12345, i128::from(i64::MAX) * 1000];
    let decimal = |scale| Type::Decimal { precision: 38, scale };
    let mut cases: Vec<(Type, Value)> = Vec::new();
    // Halves, quarters and so on of large numbers lie between two shortest texts.
    let between = (0..64u32).flat_map(|i| {
        let large = (1u64 << (40 + i % 13)) + u64::from(i) * 977;
        (1..6).map(move |k| large as f64 + (2.0 * f64::from(i % 4) + 1.0) / f64::from(1 << k))
    });
    let floats = floats.into_iter().chain(exponents).chain(powers).chain(between);
    cases.extend(floats.map(|x| (Type::Float, Value::Float(x))));
    for scale in [0, 1, 2, 5, 20] {
        cases.extend(decimals.map(|unscaled| (decimal(scale), Value::Decimal { unscaled, scale })));
    }
    cases.extend([0, -1, i64::MIN, i64::MAX].map(|x| (Type::Int, Value::Int(x))));
    let days =
        [0, -1, -719_529, -719_528, -719_527, 19_000, 2_932_896, 2_932_897, 3_000_000, i32::MIN, i32::MAX];
    let days = days.into_iter().chain((-800_000..3_000_000).step_by(997));
    cases.extend(days.clone().map(|x| (Type::Date, Value::Date(x))));
    let times = [0, 1, 999_999, 1_000_000, 86_399_999_999, 45_296_000_001];
    let timestamps =
        days.flat_map(|d| times.map(|t| i64::from(d).saturating_mul(86_400_000_000).saturating_add(t)));
    cases.extend(timestamps.chain([i64::MIN, i64::MAX]).map(|x| (Type::Timestamp, Value::Timestamp(x))));
    cases.extend([0, -1, 93_784_000_001].map(|x| (Type::Duration, Value::Duration(x))));
    cases.extend([true, false].map(|x| (Type::Bool, Value::Bool(x))));
    cases.push((Type::Bytes, Value::Bytes([0u8, 255, 16].as_slice().into())));
    for (ty, value) in cases {
        let data = column(&ty, std::slice::from_ref(&value));
        let mut scratch = Scratch::default();
        let (mut plain, mut expected) = (Vec::new(), String::new());
        scratch.text(&data, 0, &ty, &mut plain);
        text::push_value(&mut expected, &value, &ty);
        assert_eq!(String::from_utf8_lossy(&plain), expected, "{ty} {value:?}");
        let (mut json, mut expected) = (Vec::new(), String::new());
        scratch.json(&data, 0, &ty, &mut json);
        text::push_json(&mut expected, &value, &ty);
        assert_eq!(String::from_utf8_lossy(&json), expected, "{ty} {value:?}");
    }
}

#[test]
fn json_strings_are_escaped_as_the_canonical_text() {
    let all: String = (0..300u32).filter_map(char::from_u32).collect();
    let (mut out, mut expected) = (Vec::new(), String::new());
    scalar::json_string(all.as_bytes(), &mut out);
    text::push_json_string(&mut expected, &all);
    assert_eq!(String::from_utf8_lossy(&out), expected);
    assert_eq!(serde_json::from_slice::<String>(&out).expect("valid JSON"), all);
}

#[test]
fn delimited_text_is_quoted_only_where_it_must_be() {
    let texts = ["plain", "with space", "", "a,b", "say \"hi\"", "two\nlines", "cr\r", "ünï", "NA"];
    let values: Vec<Value> = texts.iter().map(|t| string(t)).chain([Value::Null]).collect();
    let columns = [(sink_column(&["a"], DataType::nullable(Type::String)), column(&Type::String, &values))];
    assert_eq!(
        written(&csv(), &columns),
        "a\nplain\nwith space\n\"\"\n\"a,b\"\n\"say \"\"hi\"\"\"\n\"two\nlines\"\n\"cr\r\"\nünï\nNA\n\n"
    );
    let na = Format::Delimited(Dialect { null: vec!["NA".into()], header: false, ..Dialect::csv() });
    assert!(written(&na, &columns).ends_with("ünï\n\"NA\"\n\n"));
    let tsv = Format::Delimited(Dialect::tsv());
    assert!(written(&tsv, &columns).contains("\na,b\n"));
    let unquoted = Format::Delimited(Dialect { quote: None, ..Dialect::csv() });
    assert!(written(&unquoted, &columns).contains("\na,b\n"));
}

#[test]
fn a_separator_that_numbers_hold_is_quoted_too() {
    let columns = [
        (sink_column(&["x"], DataType::required(Type::Float)), column(&Type::Float, &[Value::Float(1.5)])),
        (sink_column(&["n"], DataType::required(Type::Int)), column(&Type::Int, &[Value::Int(7)])),
    ];
    let dots = Format::Delimited(Dialect { separator: b'.', ..Dialect::csv() });
    assert_eq!(written(&dots, &columns), "x.n\n\"1.5\".7\n");
}

#[test]
fn headers_are_quoted_and_joined() {
    let columns = [
        (sink_column(&["a", "b"], DataType::required(Type::Int)), column(&Type::Int, &[])),
        (sink_column(&["x,y"], DataType::required(Type::Int)), column(&Type::Int, &[])),
    ];
    assert_eq!(written(&csv(), &columns), "a.b,\"x,y\"\n");
}

#[test]
fn lists_and_records_are_json_in_delimited_text() {
    let of = DataType::nullable(Type::String);
    let record = Type::Record(vec![Field { name: "k".into(), ty: DataType::required(Type::Int) }]);
    let columns = [
        (
            sink_column(&["l"], DataType::required(Type::List(Box::new(of.clone())))),
            column(
                &Type::List(Box::new(of)),
                &[Value::List(vec![string("a"), Value::Null].into()), Value::List(vec![].into())],
            ),
        ),
        (
            sink_column(&["r"], DataType::nullable(record.clone())),
            column(&record, &[Value::Record(vec![Value::Int(1)].into()), Value::Null]),
        ),
    ];
    assert_eq!(written(&csv(), &columns), "l,r\n\"[\"\"a\"\",null]\",\"{\"\"k\"\":1}\"\n[],\n");
    assert_eq!(
        written(&Format::JsonLines, &columns),
        "{\"l\":[\"a\",null],\"r\":{\"k\":1}}\n{\"l\":[],\"r\":null}\n"
    );
}

fn nested() -> Vec<(SinkColumn, Column)> {
    let ints = |from: i64| column(&Type::Int, &[Value::Int(from), Value::Null, Value::Int(from + 2)]);
    let int = || DataType::nullable(Type::Int);
    vec![
        (sink_column(&["a"], int()), ints(1)),
        (sink_column(&["b", "x"], int()), ints(10)),
        (sink_column(&["c"], int()), ints(20)),
        (sink_column(&["b", "y", "z"], int()), ints(30)),
        (sink_column(&["b\"q"], int()), ints(40)),
    ]
}

#[test]
fn paths_make_nested_objects_without_repeated_keys() {
    let lines = written(&Format::JsonLines, &nested());
    assert_eq!(
        lines.lines().next(),
        Some("{\"a\":1,\"b\":{\"x\":10,\"y\":{\"z\":30}},\"c\":20,\"b\\\"q\":40}")
    );
    for line in lines.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("every line is JSON");
    }
}

#[test]
fn a_record_that_may_be_null_is_null_when_all_of_it_is() {
    let lines = written(&Format::JsonLines, &nested());
    assert_eq!(
        lines.lines().nth(1),
        Some("{\"a\":null,\"b\":{\"x\":null,\"y\":null},\"c\":null,\"b\\\"q\":null}")
    );
}

#[test]
fn json_is_one_array_however_many_pieces_it_comes_in() {
    let json = written(&Format::Json, &nested());
    let parsed: serde_json::Value = serde_json::from_str(&json).expect("the output is JSON");
    assert_eq!(parsed.as_array().map(Vec::len), Some(3));
    assert_eq!(parsed[2]["b"]["y"]["z"], 32);
    let none: Vec<_> = nested().into_iter().map(|(s, c)| (s, c.gather(&[]))).collect();
    assert_eq!(written(&Format::Json, &none), "[\n]\n");
}

#[test]
fn text_is_one_value_a_line() {
    let columns = [(
        sink_column(&["t"], DataType::nullable(Type::String)),
        column(&Type::String, &[string("a,b"), Value::Null, string("\"c\"")]),
    )];
    assert_eq!(written(&Format::Text, &columns), "a,b\n\n\"c\"\n");
}

#[test]
fn errors_are_written_as_null() {
    let mut builder = ColumnBuilder::new(&Type::Int, 1);
    builder.push(Err(ErrorCode::Overflow as u8));
    let columns = [(sink_column(&["n"], DataType::required(Type::Int)), builder.finish())];
    assert_eq!(written(&Format::JsonLines, &columns), "{\"n\":null}\n");
    assert_eq!(written(&csv(), &columns), "n\n\n");
}
