//! Round trips and edge cases of the canonical texts.

use super::*;

fn printed(value: &Value) -> String {
    let mut out = String::new();
    push_value(&mut out, value, &Type::Null);
    out
}

#[test]
fn ints_read_sign_and_digits_only() {
    assert_eq!(parse_int("-9223372036854775808"), Some(i64::MIN));
    assert_eq!(parse_int("+7"), Some(7));
    for bad in ["", "-", "1_000", " 1", "1.0", "9223372036854775808", "0x10"] {
        assert_eq!(parse_int(bad), None, "{bad}");
    }
}

#[test]
fn floats_print_shortest_and_as_floats() {
    for (x, text) in [
        (1.0, "1.0"),
        (0.1, "0.1"),
        (-0.0, "-0.0"),
        (1e15, "1000000000000000.0"),
        (1e16, "1e16"),
        (1.5e300, "1.5e300"),
        (1e-5, "1e-5"),
        (0.0001, "0.0001"),
        (f64::NAN, "nan"),
        (f64::NEG_INFINITY, "-inf"),
        (5e-324, "5e-324"),
    ] {
        assert_eq!(printed(&Value::Float(x)), text);
        assert_eq!(parse_float(text).map(Value::Float), Some(Value::Float(x)));
    }
    for bad in ["", ".", "1e", "1,5", "0x1p3", "1_0.0"] {
        assert_eq!(parse_float(bad), None, "{bad}");
    }
    assert_eq!(parse_float("9007199254740993"), Some(9007199254740992.0));
}

#[test]
fn decimals_keep_every_digit() {
    for (text, p, s, unscaled) in [
        ("12.5", 12, 2, Some(1250)),
        ("-0.05", 12, 2, Some(-5)),
        ("12.500", 12, 2, Some(1250)),
        ("12.505", 12, 2, None),
        ("1e3", 12, 2, Some(100_000)),
        ("1.25e1", 12, 2, Some(1250)),
        ("100", 4, 2, None),
        ("99.99", 4, 2, Some(9999)),
        ("", 4, 2, None),
        (".", 4, 2, None),
        ("1.2.3", 4, 2, None),
        ("+.5", 4, 2, Some(50)),
        ("0", 4, 2, Some(0)),
        ("0e999", 4, 2, Some(0)),
        ("1e999", 4, 2, None),
        ("1.00000000000000000000000000000000000000000000000000", 4, 2, Some(100)),
        ("100000000000000000000000000000000000000000e-40", 4, 2, Some(1000)),
    ] {
        assert_eq!(parse_decimal(text, p, s), unscaled, "{text}");
    }
    assert_eq!(parse_decimal_literal("12.50"), Some((1250, 2)));
    assert_eq!(parse_decimal_literal("100"), Some((100, 0)));
    assert_eq!(parse_decimal_literal("1e3"), Some((1000, 0)));
    assert_eq!(printed(&Value::Decimal { unscaled: -5, scale: 2 }), "-0.05");
    assert_eq!(printed(&Value::Decimal { unscaled: 123, scale: 0 }), "123");
    assert_eq!(printed(&Value::Decimal { unscaled: i128::MIN, scale: 38 }).len(), 41);
}

#[test]
fn dates_and_timestamps_round_trip() {
    for days in [0, 1, -1, 19844, -719_528, 2_932_896, i32::MAX, i32::MIN, 2_932_897, -719_529] {
        let text = printed(&Value::Date(days));
        assert_eq!(parse_date(&text), Some(days), "{text}");
    }
    let mut us = 1_714_557_600_000_000i64;
    for _ in 0..2000 {
        us = us.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let text = printed(&Value::Timestamp(us));
        assert_eq!(parse_timestamp(&text), Some(us), "{text}");
    }
    for us in [i64::MAX, i64::MIN, -1, 0] {
        let text = printed(&Value::Timestamp(us));
        assert_eq!(parse_timestamp(&text), Some(us), "{text}");
    }
}

const DAY_US: i64 = civil::DAY;

#[test]
fn every_day_of_eight_centuries_is_the_next_of_the_one_before() {
    let mut days = civil::days_from_civil(1600, 1, 1);
    for year in 1600..2400 {
        for month in 1..=12 {
            for day in 1..=civil::days_in_month(year, month) {
                assert_eq!(civil::days_from_civil(year, month, day), days);
                assert_eq!(civil::civil_from_days(days), civil::Civil { year, month, day });
                days += 1;
            }
        }
    }
    assert_eq!(civil::days_from_civil(1970, 1, 1), 0);
    assert_eq!(civil::weekday(0), 4);
    assert_eq!(civil::weekday(-4), 7);
}

#[test]
fn timestamps_read_rfc_3339() {
    let ten = 1_714_557_600_000_000;
    for (text, us) in [
        ("2024-05-01T10:00:00Z", Some(ten)),
        ("2024-05-01 10:00:00", Some(ten)),
        ("2024-05-01T12:00:00+02:00", Some(ten)),
        ("2024-05-01T10:00", Some(ten)),
        ("2024-05-01T10:00:00.25Z", Some(ten + 250_000)),
        ("2024-05-01T10:00:00.1234567Z", Some(ten + 123_456)),
        ("2024-05-01T10:00:60Z", None),
        ("2024-05-01T24:00:00Z", None),
        ("2024-02-30T10:00:00Z", None),
        ("2024-05-01", None),
        ("2024-05-01T10:00:00.", None),
        ("2024-05-01T10:00:00+0200", None),
        ("24-05-01T10:00:00Z", None),
    ] {
        assert_eq!(parse_timestamp(text), us, "{text}");
    }
    assert_eq!(parse_date("2023-02-29"), None);
    assert_eq!(parse_date("2024-02-29"), Some(19782));
    assert_eq!(parse_date("2024-00-01"), None);
}

#[test]
fn durations_round_trip_as_literals() {
    for us in [0, 1, -1, 5_400_000_000, 90_061_001_001, i64::MAX, i64::MIN] {
        let text = printed(&Value::Duration(us));
        assert_eq!(parse_duration(&text), Some(us), "{text}");
    }
    assert_eq!(printed(&Value::Duration(5_400_000_000)), "1h30min");
    assert_eq!(parse_duration("1w"), Some(7 * DAY_US));
    for bad in ["", "-", "30m", "1s1h", "h", "1", "1 h", "99999999w"] {
        assert_eq!(parse_duration(bad), None, "{bad}");
    }
}

#[test]
fn values_print_as_json_inside_lists() {
    let list = Value::List(
        [Value::string("a\"\n\u{1}é"), Value::Null, Value::Float(f64::NAN), Value::Date(0)].into(),
    );
    assert_eq!(printed(&list), "[\"a\\\"\\n\\u0001é\",null,\"nan\",\"1970-01-01\"]");
}

#[test]
fn messages_quote_and_cut_texts() {
    assert_eq!(not_a_message("forty", &Type::Int), "`forty` is not an int");
    assert_eq!(
        not_a_message("a\tb", &Type::Decimal { precision: 4, scale: 2 }),
        "`a\\tb` is not a decimal(4, 2)"
    );
    assert!(not_a_message(&"x".repeat(100), &Type::Date).contains("x…` is not a date"));
}

#[test]
fn no_text_makes_a_parser_panic() {
    let pieces = ["", "1", "-", "2024", "-05-", "01", "T", "10:", "é", ".", "e", "9", "h", "+", "Z", "\u{0}"];
    for a in pieces {
        for b in pieces {
            for c in pieces {
                for d in pieces {
                    let text = format!("{a}{b}{c}{d}");
                    let _ = (parse_int(&text), parse_float(&text), parse_decimal(&text, 38, 10));
                    let _ = (parse_date(&text), parse_timestamp(&text), parse_duration(&text));
                }
            }
        }
    }
}
