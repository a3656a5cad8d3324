//! The number and date kernels against `flow_ir::text`, which defines what they must give.

use super::date::{parse_dates, parse_durations, parse_timestamps};
use super::level::SimdLevel;
use super::number::{parse_bools, parse_decimals, parse_floats, parse_ints};
use flow_ir::column::{BUFFER_PADDING, View, view};
use flow_ir::text;

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % limit
    }
}

/// The texts in one buffer, with bytes between them that must not matter.
fn lay_out(texts: &[String], padding: usize) -> (Vec<u8>, Vec<View>) {
    let mut buffer = Vec::new();
    let mut views = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        views.push(view(buffer.len() as u32, text.len() as u32));
        buffer.extend_from_slice(text.as_bytes());
        buffer.extend_from_slice([b",".as_slice(), b"", b"9", b".", b"-", b"\n"][i % 6]);
    }
    buffer.extend((0..padding).map(|i| b"9.-"[i % 3]));
    (buffer, views)
}

fn compare<T: Copy + PartialEq + std::fmt::Debug>(
    texts: &[String],
    what: &str,
    kernel: impl Fn(SimdLevel, &[u8], &[View], &mut Vec<u32>) -> Vec<T>,
    reference: impl Fn(&str) -> Option<T>,
) {
    for padding in [BUFFER_PADDING, 0] {
        let (buffer, views) = lay_out(texts, padding);
        for level in SimdLevel::available() {
            let mut bad = Vec::new();
            let values = kernel(level, &buffer, &views, &mut bad);
            assert_eq!(values.len(), texts.len());
            let wrong: Vec<u32> =
                (0..texts.len() as u32).filter(|&r| reference(&texts[r as usize]).is_none()).collect();
            assert_eq!(bad, wrong, "{what} {level:?} {texts:?}");
            for (text, value) in texts.iter().zip(values) {
                if let Some(expected) = reference(text) {
                    assert_eq!(value, expected, "{what} {level:?} {text:?}");
                }
            }
        }
    }
}

fn compare_numbers(texts: &[String]) {
    compare(texts, "int", parse_ints, text::parse_int);
    let bits = |x: f64| if x.is_nan() { 0 } else { x.to_bits() };
    let floats = |level, buffer: &[u8], views: &[View], bad: &mut Vec<u32>| {
        parse_floats(level, buffer, views, bad).into_iter().map(bits).collect::<Vec<u64>>()
    };
    compare(texts, "float", floats, |t| text::parse_float(t).map(bits));
    for (precision, scale) in [(5, 2), (12, 2), (18, 0), (18, 18), (38, 10), (3, 3), (38, 38)] {
        compare(
            texts,
            "decimal",
            |level, buffer, views, bad| parse_decimals(level, buffer, views, precision, scale, bad),
            |t| text::parse_decimal(t, precision, scale),
        );
    }
    compare(texts, "bool", |_, b, v, bad| parse_bools(b, v, bad), |t| text::parse_bool(t).map(u8::from));
}

fn compare_times(texts: &[String]) {
    compare(texts, "date", parse_dates, |t| text::parse_date(t).map(i64::from));
    compare(texts, "timestamp", parse_timestamps, text::parse_timestamp);
    compare(texts, "duration", |_, b, v, bad| parse_durations(b, v, bad), text::parse_duration);
}

#[test]
fn numbers_of_every_form() {
    let fixed = [
        "",
        "-",
        "+",
        ".",
        "-.",
        "0",
        "-0",
        "+0",
        "00",
        "007",
        "1.",
        ".1",
        "-.5",
        "-5.",
        "1..2",
        "1.2.3",
        "--1",
        "1-",
        "-1-",
        "+1",
        "+1.5",
        "1e5",
        "1E-5",
        "1e",
        "inf",
        "-inf",
        "nan",
        "NaN",
        "infinity",
        " 1",
        "1 ",
        "1_000",
        "0x10",
        "12345678",
        "123456789",
        "-12345678",
        "-1234567",
        "1234567.8",
        "1234567.",
        ".1234567",
        "12345678.",
        ".12345678",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "1234567890123456",
        "-123456789012345",
        "123456789012345.6",
        "1.23456789012345",
        "12345678.12345678",
        "9007199254740993",
        "9007199254740992",
        "9007199254740993.0",
        "900719925474099.3",
        "-900719925474099.3",
        "99999999999999999999",
        "0000000000000000000001",
        "0.000000000000001",
        "0.1",
        "0.3",
        "123456.789",
        "é",
        "1é",
        "12.3\r",
        "true",
        "True",
        "FALSE",
        "false",
        "falsee",
        "tru",
        "999.99",
        "1000.00",
        "-999.99",
        "99999",
        "100000",
        "1.005",
        "1.000",
        "0.00000000000000000000000000000000000001",
        "12:3",
        "1/2",
        "1,5",
        "8.\u{0}",
    ];
    let fixed: Vec<String> = fixed.iter().map(|&t| t.to_owned()).collect();
    compare_numbers(&fixed);
    // One at a time, in every lane of a group of otherwise plain numbers.
    for text in &fixed {
        for lane in 0..8 {
            let mut group = vec!["12.5".to_owned(); 8];
            group[lane].clone_from(text);
            compare_numbers(&group);
        }
    }
}

#[test]
fn random_numbers() {
    let mut random = Random(0x0123_4567_89ab_cdef);
    for round in 0..4000 {
        let count = random.below(40);
        let longest = 1 + random.below(20);
        let texts: Vec<String> = (0..count)
            .map(|_| {
                let mut text: String =
                    (0..random.below(longest)).map(|_| char::from(b'0' + random.below(10) as u8)).collect();
                if random.below(3) > 0 {
                    text.insert(random.below(text.len() + 1), '.');
                }
                if random.below(3) == 0 {
                    text.insert(0, '-');
                }
                if round % 4 == 0 && random.below(8) == 0 && !text.is_empty() {
                    let at = random.below(text.len());
                    text.replace_range(at..=at, [".", "-", "/", ":", "x", "+", "e"][random.below(7)]);
                }
                text
            })
            .collect();
        compare_numbers(&texts);
    }
}

#[test]
fn random_times() {
    let mut random = Random(0xfeed_beef_1234_5678);
    for _ in 0..3000 {
        let texts: Vec<String> = (0..random.below(40))
            .map(|_| {
                let year = [1970, 1600, 1900, 2000, 2024, 2100, 9999, 0][random.below(8)] + random.below(2);
                let mut text = format!("{year:04}-{:02}-{:02}", random.below(14), random.below(33));
                if random.below(2) == 0 {
                    text.push([b'T', b' ', b't', b'_'][random.below(4)].into());
                    text += &format!("{:02}:{:02}", random.below(25), random.below(61));
                    if random.below(4) > 0 {
                        text += &format!(":{:02}", random.below(61));
                    }
                    if random.below(3) == 0 {
                        text.push('.');
                        (0..random.below(10))
                            .for_each(|_| text.push(char::from(b'0' + random.below(10) as u8)));
                    }
                    text += ["", "Z", "z", "+02:00", "-11:30", "+2:00"][random.below(6)];
                }
                if random.below(8) == 0 {
                    let at = random.below(text.len());
                    text.replace_range(at..=at, ["", "0", "9", ":", "-", "/", " ", "T"][random.below(8)]);
                }
                text
            })
            .collect();
        compare_times(&texts);
    }
    let odd =
        ["", "-", "1970-01-01", "+12024-05-01", "-0001-01-01", "1h30min", "-250ms", "0s", "10s5", "2024-5-1"];
    compare_times(&odd.map(str::to_owned));
}

#[test]
fn every_day_of_four_centuries() {
    let texts: Vec<String> = (-141_428..146_097)
        .map(|days| {
            let mut text = String::new();
            text::push_date(&mut text, days);
            text
        })
        .collect();
    compare(&texts, "date", parse_dates, |t| text::parse_date(t).map(i64::from));
}

/// The quotient by way of the reciprocal in the vector kernel must be the division's.
#[test]
fn seven_digits_by_their_places() {
    let levels = SimdLevel::available();
    let mut random = Random(99);
    for places in 1..=7usize {
        let texts: Vec<String> = (0..30_000)
            .map(|_| {
                let digits = format!("{:07}", random.below(10_000_000));
                format!("{}.{}", &digits[..7 - places], &digits[7 - places..])
            })
            .collect();
        let (buffer, views) = lay_out(&texts, BUFFER_PADDING);
        for &level in &levels {
            let values = parse_floats(level, &buffer, &views, &mut Vec::new());
            for (value, text) in values.iter().zip(&texts) {
                assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
            }
        }
    }
    for places in 1..=7 {
        let power = 10f64.powi(places);
        let reciprocal = 1.0 / power;
        for digits in 0..10_000_000 {
            let digits = f64::from(digits);
            let near = digits * reciprocal;
            let rest = (-near).mul_add(power, digits);
            assert_eq!(rest.mul_add(reciprocal, near), digits / power);
        }
    }
}
