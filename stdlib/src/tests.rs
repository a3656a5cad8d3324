//! What the native functions mean, case by case, through the same door as the interpreter.

use crate::{library, resolve_function};
use flow_ir::eval::apply;
use flow_ir::{DataType, EvalError, Function, Type, Value};

fn text(s: &str) -> Value {
    Value::string(s)
}

fn regex(s: &str) -> Value {
    Value::Regex(s.into())
}

fn texts(items: &[&str]) -> Value {
    Value::List(items.iter().map(|s| text(s)).collect())
}

fn decimal(unscaled: i128, scale: u8) -> Value {
    Value::Decimal { unscaled, scale }
}

/// The type of a value, as a checker would know it.
fn type_of(value: &Value) -> Type {
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        Value::Float(_) => Type::Float,
        Value::Decimal { scale, .. } => Type::Decimal { precision: 38, scale: *scale },
        Value::String(_) => Type::String,
        Value::Bytes(_) => Type::Bytes,
        Value::Date(_) => Type::Date,
        Value::Timestamp(_) => Type::Timestamp,
        Value::Duration(_) => Type::Duration,
        Value::Regex(_) => Type::Regex,
        Value::List(items) => {
            let nullable = items.iter().any(Value::is_null);
            let kind = items.iter().find(|x| !x.is_null()).map_or(Type::Null, type_of);
            Type::List(Box::new(DataType { kind, nullable }))
        }
        Value::Record(_) => Type::Record(Vec::new()),
    }
}

fn call(function: Function, arguments: &[Value]) -> Result<Value, EvalError> {
    let types: Vec<_> = arguments.iter().map(|a| DataType::required(type_of(a))).collect();
    let resolved = resolve_function(function, &types).unwrap_or_else(|e| panic!("{}", e.message));
    apply(function, arguments, &resolved.result, library())
}

fn convert(function: Function, x: Value, to: Type) -> Result<Value, EvalError> {
    apply(function, &[x], &DataType::required(to), library())
}

fn message(outcome: Result<Value, EvalError>) -> String {
    outcome.expect_err("an error").message
}

#[test]
fn conversions_read_and_cut() {
    let int = |x| convert(Function::ToInt, x, Type::Int);
    assert_eq!(int(text("-12")), Ok(Value::Int(-12)));
    assert_eq!(message(int(text("forty"))), "`forty` is not an int");
    assert_eq!(int(Value::Float(-3.9)), Ok(Value::Int(-3)));
    assert_eq!(message(int(Value::Float(1e19))), "1e19 does not fit in int");
    assert_eq!(message(int(Value::Float(f64::NAN))), "nan does not fit in int");
    assert_eq!(int(Value::Float(-9_223_372_036_854_775_808.0)), Ok(Value::Int(i64::MIN)));
    assert!(int(Value::Float(9_223_372_036_854_775_808.0)).is_err());
    assert_eq!(int(decimal(-399, 2)), Ok(Value::Int(-3)));
    assert_eq!(int(Value::Bool(true)), Ok(Value::Int(1)));
    let dec = |x| convert(Function::ToDecimal, x, Type::Decimal { precision: 5, scale: 2 });
    assert_eq!(dec(text("12.5")), Ok(decimal(1250, 2)));
    assert_eq!(message(dec(text("12.505"))), "`12.505` is not a decimal(5, 2)");
    assert_eq!(dec(Value::Float(0.125)), Ok(decimal(13, 2)));
    assert_eq!(message(dec(Value::Int(1000))), "1000 does not fit in decimal(5, 2)");
    assert_eq!(dec(decimal(12_345, 3)), Ok(decimal(1235, 2)));
    let ints = Value::List([Value::Int(1), Value::Null].into());
    let floats = Type::List(Box::new(DataType::nullable(Type::Float)));
    assert_eq!(
        convert(Function::ToFloat, ints, floats),
        Ok(Value::List([Value::Float(1.0), Value::Null].into()))
    );
    let string = |x| call(Function::ToString, &[x]);
    assert_eq!(string(Value::Float(2.0)), Ok(text("2.0")));
    assert_eq!(string(decimal(-5, 2)), Ok(text("-0.05")));
    assert_eq!(string(texts(&["a", "b"])), Ok(text(r#"["a","b"]"#)));
    assert_eq!(call(Function::Concat, &[text("a"), text(""), text("é")]), Ok(text("aé")));
    assert_eq!(call(Function::Concat, &[]), Ok(text("")));
    assert_eq!(call(Function::FormatNumber, &[Value::Float(1.005), text(".2f")]), Ok(text("1.00")));
    assert_eq!(
        message(call(Function::FormatNumber, &[Value::Float(1.5), text("d")])),
        "`d` is not a number format for 1.5"
    );
}

#[test]
fn texts_count_characters() {
    use Function::*;
    assert_eq!(call(Len, &[text("héllo")]), Ok(Value::Int(5)));
    assert_eq!(call(ByteLen, &[text("héllo")]), Ok(Value::Int(6)));
    assert_eq!(call(Upper, &[text("straße")]), Ok(text("STRASSE")));
    assert_eq!(call(Trim, &[text("\u{a0}\t x \n")]), Ok(text("x")));
    assert_eq!(call(Split, &[text("a,,b"), text(",")]), Ok(texts(&["a", "", "b"])));
    assert_eq!(call(Split, &[text(""), text(",")]), Ok(texts(&[""])));
    assert_eq!(call(Split, &[text(""), regex(r"\W+")]), Ok(texts(&[""])));
    assert_eq!(call(Split, &[text("a--b"), regex("-")]), Ok(texts(&["a", "", "b"])));
    assert_eq!(message(call(Split, &[text("a"), text("")])), "cannot split at an empty text");
    assert_eq!(call(Replace, &[text("a.b.c"), text("."), text("")]), Ok(text("abc")));
    assert_eq!(call(Replace, &[text("2024-05"), regex(r"(\d+)-(\d+)"), text("$2/$1")]), Ok(text("05/2024")));
    for (s, from, to, expected) in [
        ("héllo", 1, 3, "él"),
        ("héllo", -2, 100, "lo"),
        ("héllo", 3, 1, ""),
        ("hello", -100, -1, "hell"),
        ("", 0, 1, ""),
        ("héé", 2, 3, "é"),
        ("héé", i64::MIN, i64::MAX, "héé"),
    ] {
        assert_eq!(call(Slice, &[text(s), Value::Int(from), Value::Int(to)]), Ok(text(expected)));
    }
    assert_eq!(call(Slice, &[text("abc"), Value::Int(1)]), Ok(text("bc")));
    assert_eq!(call(PadLeft, &[text("7"), Value::Int(3), text("0")]), Ok(text("007")));
    assert_eq!(call(PadLeft, &[text("7"), Value::Int(3)]), Ok(text("  7")));
    assert_eq!(call(Repeat, &[text("ab"), Value::Int(2)]), Ok(text("abab")));
    assert!(call(Repeat, &[text("ab"), Value::Int(i64::MAX)]).is_err());
    assert!(call(PadLeft, &[text("ab"), Value::Int(i64::MAX)]).is_err());
    assert_eq!(call(Reverse, &[text("aé")]), Ok(text("éa")));
    assert_eq!(call(Contains, &[text("abc"), text("bc")]), Ok(Value::Bool(true)));
    assert_eq!(call(Contains, &[text("abc"), regex("^b")]), Ok(Value::Bool(false)));
}

#[test]
fn patterns_extract() {
    use Function::*;
    assert_eq!(call(Extract, &[text("status=404"), regex(r"status=(\d+)")]), Ok(text("404")));
    assert_eq!(call(Extract, &[text("status=404"), regex(r"\d+")]), Ok(text("404")));
    assert_eq!(call(Extract, &[text("nothing"), regex(r"\d+")]), Ok(Value::Null));
    assert_eq!(call(Extract, &[text("b"), regex("(a)|b")]), Ok(Value::Null));
    assert_eq!(call(ExtractAll, &[text("a1b22"), regex(r"\d+")]), Ok(texts(&["1", "22"])));
    assert_eq!(call(Matches, &[text("abc"), regex("b.")]), Ok(Value::Bool(true)));
    assert!(crate::check_regex(r"\d+").is_ok());
    assert_eq!(crate::check_regex("(a").unwrap_err(), "unclosed group");
    assert!(crate::check_regex(r"\d{1000}{1000}{1000}").is_err());
}

#[test]
fn numbers_round_and_refuse() {
    use Function::*;
    let (int, float) = (Value::Int, Value::Float);
    assert_eq!(call(Round, &[float(-2.5)]), Ok(float(-3.0)));
    assert_eq!(call(Round, &[float(2.675), int(2)]), Ok(float(2.67)));
    assert_eq!(call(Round, &[int(1250), int(-2)]), Ok(int(1300)));
    assert_eq!(call(Round, &[int(1250), int(-100)]), Ok(int(0)));
    assert!(call(Round, &[int(i64::MAX), int(-1)]).is_err());
    assert_eq!(call(Round, &[decimal(-125, 2)]), Ok(decimal(-1, 0)));
    assert_eq!(call(Round, &[decimal(-125, 2), int(1)]), Ok(decimal(-130, 2)));
    assert_eq!(call(Floor, &[decimal(-125, 2)]), Ok(decimal(-2, 0)));
    assert_eq!(call(Ceil, &[decimal(125, 2)]), Ok(decimal(2, 0)));
    assert_eq!(call(Abs, &[int(-3)]), Ok(int(3)));
    assert_eq!(message(call(Abs, &[int(i64::MIN)])), "abs(-9223372036854775808) does not fit in int");
    assert_eq!(message(call(Sqrt, &[float(-1.0)])), "sqrt(-1.0) is not defined");
    assert_eq!(message(call(Ln, &[float(0.0)])), "ln(0.0) is not defined");
    assert_eq!(call(Power, &[float(2.0), float(10.0)]), Ok(float(1024.0)));
    assert_eq!(message(call(Power, &[float(-8.0), float(0.5)])), "-8.0 ** 0.5 is not defined");
    assert_eq!(message(call(Power, &[float(0.0), float(-1.0)])), "division by zero");
    assert_eq!(call(Exp, &[float(0.0)]), Ok(float(1.0)));
    assert_eq!(call(Least, &[int(3), int(1), int(2)]), Ok(int(1)));
    assert_eq!(call(Greatest, &[float(1.0), float(f64::NAN)]), Ok(float(f64::NAN)));
    assert_eq!(call(Sign, &[float(-0.5)]), Ok(float(-1.0)));
    assert_eq!(call(WrappingAdd, &[int(i64::MAX), int(1)]), Ok(int(i64::MIN)));
}

#[test]
fn software_mathematics_has_known_bits() {
    use Function::*;
    // The last bit of the first differs from the nearest float: the library is the definition.
    for (function, x, bits) in [
        (Exp, 1.0, std::f64::consts::E.to_bits() + 1),
        (Ln, 10.0, std::f64::consts::LN_10.to_bits()),
        (Log10, 1000.0, 3.0f64.to_bits()),
        (Sin, 1.0, 0x3fea_ed54_8f09_0cee),
        (Cos, 1.0, 0x3fe1_4a28_0fb5_068c),
        (Tan, 1.0, 0x3ff8_eb24_5cbe_e3a6),
    ] {
        let Ok(Value::Float(y)) = call(function, &[Value::Float(x)]) else { panic!("{}", function.name()) };
        assert_eq!(y.to_bits(), bits, "{}({x}) = {y}", function.name());
    }
}

/// All bits of each function over 4,000 arguments, as one hash: the same on every machine.
#[test]
fn software_mathematics_has_the_same_bits_everywhere() {
    use Function::*;
    type Known = (Function, fn(f64) -> f64, u64);
    let known: [Known; 9] = [
        (Exp, f64::exp, 0xe9dd_2933_9991_c47d),
        (Ln, f64::ln, 0x2f4d_e14d_b1be_97fd),
        (Log10, f64::log10, 0x31cd_f2aa_dc74_aff9),
        (Sin, f64::sin, 0xd05c_007b_f575_5448),
        (Cos, f64::cos, 0xd008_4e4d_0512_45c4),
        (Tan, f64::tan, 0x3099_ad9e_d5df_ff5c),
        (Asin, f64::asin, 0xf17f_e473_561f_df84),
        (Acos, f64::acos, 0xf916_c754_3b5e_57db),
        (Atan, f64::atan, 0x7b19_64e4_eba6_ddf5),
    ];
    let mut found = Vec::new();
    for (function, platform, _) in known {
        let (mut bytes, mut state) = (Vec::new(), 1u64);
        for _ in 0..4000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let unit = (state >> 11) as f64 / (1u64 << 53) as f64 * 2.0 - 1.0;
            let x = match function {
                Asin | Acos => unit,
                Ln | Log10 => (unit + 1.0) * 1e5 + 1e-9,
                Exp => unit * 700.0,
                _ => unit * 1e4,
            };
            let Ok(Value::Float(y)) = call(function, &[Value::Float(x)]) else {
                panic!("{}({x})", function.name())
            };
            let near = platform(x);
            assert!(
                (y - near).abs() <= near.abs() * 1e-15 + 1e-300,
                "{}({x}) = {y}, not {near}",
                function.name()
            );
            bytes.extend(y.to_bits().to_le_bytes());
        }
        found.push((function, xxhash_rust::xxh3::xxh3_64(&bytes)));
    }
    assert_eq!(found, known.map(|(function, _, hash)| (function, hash)));
}

#[test]
fn angles_cover_the_whole_circle() {
    let angle = |y, x| match call(Function::Atan2, &[Value::Float(y), Value::Float(x)]) {
        Ok(Value::Float(a)) => a,
        other => panic!("{other:?}"),
    };
    let half = std::f64::consts::PI;
    for (y, x, expected) in [
        (0.0, 1.0, 0.0),
        (1.0, 0.0, half / 2.0),
        (0.0, -1.0, half),
        (-0.0, -1.0, -half),
        (-1.0, 0.0, -half / 2.0),
        (0.0, 0.0, 0.0),
        (f64::INFINITY, f64::INFINITY, half / 4.0),
    ] {
        assert_eq!(angle(y, x).to_bits(), f64::to_bits(expected), "atan2({y}, {x})");
    }
    assert!(angle(f64::NAN, 1.0).is_nan());
    assert_eq!(message(call(Function::Asin, &[Value::Float(1.5)])), "asin(1.5) is not defined");
    assert!(call(Function::Acos, &[Value::Float(-1.0000000000000002)]).is_err());
}

#[test]
fn lists_pair_up_and_have_means() {
    use Function::*;
    let ints = |items: &[i64]| Value::List(items.iter().map(|x| Value::Int(*x)).collect());
    let pair = |a, b: &str| Value::Record([Value::Int(a), text(b)].into());
    let pairs = Value::List([pair(1, "a"), pair(2, "b")].into());
    assert_eq!(call(Zip, &[ints(&[1, 2]), texts(&["a", "b"])]), Ok(pairs));
    assert_eq!(
        message(call(Zip, &[ints(&[1]), texts(&["a", "b"])])),
        "`zip` needs lists of the same length, not 1 and 2"
    );
    assert_eq!(call(ListMean, &[ints(&[1, 2])]), Ok(Value::Float(1.5)));
    assert_eq!(call(ListMean, &[ints(&[i64::MAX, i64::MAX])]), Ok(Value::Float(i64::MAX as f64)));
    assert_eq!(call(ListMean, &[ints(&[])]), Ok(Value::Null));
    let decimals = Value::List([decimal(10, 1), Value::Null, decimal(25, 1)].into());
    assert_eq!(call(ListMean, &[decimals]), Ok(Value::Float(1.75)));
}

#[test]
fn times_are_utc_and_weeks_start_on_monday() {
    use Function::*;
    let at = convert(ToTimestamp, text("2024-02-29T13:45:10.5Z"), Type::Timestamp).expect("a timestamp");
    let day = convert(ToDate, text("2024-02-29"), Type::Date).expect("a date");
    for (function, expected) in
        [(Year, 2024), (Month, 2), (Day, 29), (Weekday, 4), (Hour, 13), (Minute, 45), (Second, 10)]
    {
        assert_eq!(call(function, std::slice::from_ref(&at)), Ok(Value::Int(expected)));
    }
    let shown = |v: Result<Value, EvalError>| flow_ir::text::display(&v.expect("a value"));
    for (unit, expected) in [
        ("year", "2024-01-01T00:00:00Z"),
        ("quarter", "2024-01-01T00:00:00Z"),
        ("month", "2024-02-01T00:00:00Z"),
        ("week", "2024-02-26T00:00:00Z"),
        ("day", "2024-02-29T00:00:00Z"),
        ("hour", "2024-02-29T13:00:00Z"),
        ("minute", "2024-02-29T13:45:00Z"),
        ("second", "2024-02-29T13:45:10Z"),
    ] {
        assert_eq!(shown(call(Trunc, &[at.clone(), text(unit)])), expected);
    }
    assert_eq!(shown(call(Trunc, &[day.clone(), text("week")])), "2024-02-26");
    assert!(call(Trunc, &[at.clone(), text("fortnight")]).is_err());
    assert_eq!(shown(call(AddMonths, &[day.clone(), Value::Int(12)])), "2025-02-28");
    assert_eq!(shown(call(AddMonths, &[at.clone(), Value::Int(-2)])), "2023-12-29T13:45:10.500000Z");
    assert!(call(AddMonths, &[day.clone(), Value::Int(i64::MAX)]).is_err());
    assert_eq!(call(Seconds, &[Value::Duration(1_500_000)]), Ok(Value::Float(1.5)));
    assert_eq!(shown(call(ToTimestamp, std::slice::from_ref(&day))), "2024-02-29T00:00:00Z");
    assert_eq!(call(ToDate, &[at]), Ok(day));
    assert_eq!(shown(call(ToDate, &[Value::Timestamp(-1)])), "1969-12-31");
}

#[test]
fn time_formats_write_and_read() {
    use Function::*;
    let at = convert(ToTimestamp, text("2024-01-05T15:04:09.000123Z"), Type::Timestamp).expect("a timestamp");
    for (format, expected) in [
        ("%Y-%m", "2024-01"),
        ("%d/%b/%Y:%H:%M:%S %z", "05/Jan/2024:15:04:09 +0000"),
        ("%A %e %B, %I:%M %p", "Friday  5 January, 03:04 PM"),
        ("%a %j %y %u %G-W%V", "Fri 005 24 5 2024-W01"),
        ("%F %T.%f %Z %s 100%%", "2024-01-05 15:04:09.000123 UTC 1704467049 100%"),
    ] {
        assert_eq!(call(FormatTime, &[at.clone(), text(format)]), Ok(text(expected)));
    }
    for (s, format, expected) in [
        ("10/Oct/2000:13:55:36 -0700", "%d/%b/%Y:%H:%M:%S %z", Some("2000-10-10T20:55:36Z")),
        ("5.1.2024", "%d.%m.%Y", Some("2024-01-05T00:00:00Z")),
        ("2024 060", "%Y %j", Some("2024-02-29T00:00:00Z")),
        ("12:05 am 1/2/24", "%I:%M %p %m/%d/%y", Some("2024-01-02T00:05:00Z")),
        ("-1.25", "%s.%f", Some("1969-12-31T23:59:59.250000Z")),
        ("2024-02-30", "%F", None),
        ("2024-02-29x", "%F", None),
        ("13:00 2024", "%I:%M %Y", None),
        ("é", "%p", None),
    ] {
        let read = call(ToTimestamp, &[text(s), text(format)]);
        assert_eq!(read.ok().map(|t| flow_ir::text::display(&t)).as_deref(), expected, "{s}");
    }
    assert_eq!(message(call(ToDate, &[text("x"), text("%Y")])), "`x` does not match the format `%Y`");
    assert!(crate::check_time_format("%Q", false).is_err());
    assert!(crate::check_time_format("%", false).is_err());
    assert!(crate::check_time_format("%m", true).is_err());
    assert!(crate::check_time_format("%A %Y", true).is_err());
    assert!(crate::check_time_format("%d/%m/%Y", true).is_ok());
}

#[test]
fn lists_skip_nulls_in_sums() {
    use Function::*;
    let int = Value::Int;
    let list = |items: &[Value]| Value::List(items.into());
    let some = list(&[int(3), Value::Null, int(1), int(3)]);
    assert_eq!(call(ListSum, std::slice::from_ref(&some)), Ok(int(7)));
    assert_eq!(call(ListMin, std::slice::from_ref(&some)), Ok(int(1)));
    assert_eq!(call(ListMax, &[list(&[])]), Ok(Value::Null));
    assert_eq!(call(ListSort, std::slice::from_ref(&some)), Ok(list(&[int(1), int(3), int(3), Value::Null])));
    assert_eq!(call(ListDistinct, std::slice::from_ref(&some)), Ok(list(&[int(3), Value::Null, int(1)])));
    assert_eq!(call(Get, &[some.clone(), int(9)]), Ok(Value::Null));
    assert_eq!(call(Len, std::slice::from_ref(&some)), Ok(int(4)));
    assert_eq!(call(Slice, &[some.clone(), int(-2)]), Ok(list(&[int(1), int(3)])));
    assert_eq!(call(Contains, &[some.clone(), int(9)]), Ok(Value::Null));
    assert_eq!(call(JoinText, &[texts(&["a", "b"]), text("-")]), Ok(text("a-b")));
    assert_eq!(
        call(ListSum, &[list(&[Value::Float(1e16), Value::Float(1.0), Value::Float(-1e16)])]),
        Ok(Value::Float(1.0))
    );
    assert!(call(ListSum, &[list(&[int(i64::MAX), int(1)])]).is_err());
    assert_eq!(call(ListSum, &[list(&[int(i64::MAX), int(1), int(-1)])]), Ok(int(i64::MAX)));
    assert_eq!(call(Range, &[int(1), int(4)]), Ok(list(&[int(1), int(2), int(3)])));
    assert!(call(Range, &[int(i64::MIN), int(i64::MAX)]).is_err());
    let floats = list(&[Value::Float(1.0), Value::Float(2.0)]);
    assert_eq!(call(Dot, &[floats.clone(), floats.clone()]), Ok(Value::Float(5.0)));
    assert!(call(Dot, &[floats, list(&[Value::Float(1.0)])]).is_err());
}

#[test]
fn equal_values_hash_alike() {
    let hash = |x| call(Function::Hash, &[x]).expect("a hash");
    assert_eq!(hash(Value::Float(0.0)), hash(Value::Float(-0.0)));
    assert_eq!(hash(Value::Float(f64::NAN)), hash(Value::Float(-f64::NAN)));
    assert_eq!(hash(decimal(150, 2)), hash(decimal(15, 1)));
    assert_ne!(hash(texts(&["a", "b"])), hash(texts(&["ab"])));
    assert_ne!(hash(Value::Int(1)), hash(Value::Int(2)));
    // These numbers are part of the language: they may be stored by users.
    assert_eq!(hash(Value::Int(1)), Value::Int(3_439_722_301_264_460_078));
    assert_eq!(hash(text("")), Value::Int(0x2d06_8005_38d3_94c2));
}

#[test]
fn strings_of_any_shape_never_panic() {
    use Function::*;
    let samples = ["", "a", "é", "ab,c", "%", "%Y", "\u{1F600}é ", "2024-05-01", "-", "99999999999999999999"];
    let numbers = [i64::MIN, -1, 0, 1, 40, i64::MAX];
    for a in samples {
        for f in [Len, Lower, Upper, Trim, Reverse, ToInt, ToFloat, ToDate, ToTimestamp, ToBytes, Hash] {
            let _ = call(f, &[text(a)]);
        }
        for b in samples {
            for f in [Split, StartsWith, EndsWith, Contains, ToDate, ToTimestamp] {
                let _ = call(f, &[text(a), text(b)]);
            }
            let _ = call(FormatTime, &[Value::Timestamp(i64::MIN), text(a)]);
            let _ = call(FormatNumber, &[Value::Float(1e300), text(b)]);
            let _ = call(Replace, &[text(a), text(b), text(a)]);
        }
        for n in numbers {
            let _ = (call(Slice, &[text(a), Value::Int(n)]), call(PadLeft, &[text(a), Value::Int(n)]));
            for m in numbers {
                let _ = call(Slice, &[text(a), Value::Int(n), Value::Int(m)]);
            }
        }
    }
    for n in numbers {
        for m in numbers {
            let _ =
                (call(Round, &[Value::Int(n), Value::Int(m)]), call(Range, &[Value::Int(n), Value::Int(m)]));
            let _ = call(AddMonths, &[Value::Timestamp(n), Value::Int(m)]);
            let _ = call(Round, &[decimal(i128::from(n), 10), Value::Int(m)]);
            let _ = call(Round, &[Value::Float(n as f64), Value::Int(m)]);
        }
        for unit in ["year", "week", "day", "hour"] {
            let _ = call(Trunc, &[Value::Timestamp(n), text(unit)]);
        }
        for f in [Year, Weekday, Hour, ToDate, ToString, Hash] {
            let _ = call(f, &[Value::Timestamp(n)]);
        }
    }
    for days in [i32::MIN, i32::MAX] {
        for f in [Year, Month, ToTimestamp, ToString] {
            let _ = call(f, &[Value::Date(days)]);
        }
        let _ = (
            call(Trunc, &[Value::Date(days), text("year")]),
            call(FormatTime, &[Value::Date(days), text("%G %V %j %s")]),
        );
    }
}
