//! Every vector function against the interpreter, on generated columns: nulls, errors, empty and
//! non-ASCII texts, extreme numbers, texts in and out of order in their buffer, constants in every place.

use super::*;
use crate::{resolve_decimal, resolve_function, takes_lambda};
use flow_ir::column::{NULL, VALID};
use flow_ir::{Status, Values};

const ROWS: usize = 61;

/// A small deterministic generator (Knuth's MMIX constants).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.next() as usize % items.len()].clone()
    }
}

const TEXTS: [&str; 34] = [
    "",
    " ",
    "a",
    "A b",
    "é",
    "É,é",
    "ab,,c",
    "GET /x HTTP/1.1",
    "  padded\t",
    "\u{a0}nbsp\u{2003}",
    "12",
    "-7",
    "+3.50",
    "1e400",
    "nan",
    "true",
    "9223372036854775807",
    "9223372036854775808",
    "2024-02-29",
    "2023-02-29",
    "2024-02-29T12:34:56.789Z",
    "1969-12-31 23:59:59",
    "ERROR: x",
    "straße",
    "ΑΣ",
    "日本語 テキスト",
    "a-b_c d",
    "day",
    "week",
    "%Y-%m-%d",
    "%H",
    ".2f",
    ",",
    "[a-z",
];
const CONSTANT_TEXTS: [&str; 13] =
    ["", ",", " ", "a", "é", "ERROR", "--", "day", "fortnight", "%Y-%m-%d", "%d %b %Y", ".2f", "d"];
const PATTERNS: [&str; 10] =
    [r"\W+", r"\s", "(a)|b", r"(\d+)", "x*", "^", r"\d+", "[^a-z]", "é", r"status=(\d{3})"];
const INTS: [i64; 12] =
    [0, 1, -1, 2, -2, 7, 40, -100, 1_714_557_600_000_000, i64::MAX, i64::MIN, 951_782_400_000_001];
const FLOATS: [f64; 14] = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    2.5,
    0.1,
    1e300,
    -1e-300,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    1e19,
    2.675,
    4e15,
];

fn sample(random: &mut Random, ty: &Type) -> Value {
    match ty {
        Type::Bool => Value::Bool(random.next().is_multiple_of(2)),
        Type::Int => Value::Int(random.pick(&INTS)),
        Type::Float => Value::Float(random.pick(&FLOATS)),
        Type::Decimal { precision, scale } => {
            let limit = 10i128.pow(u32::from(*precision)) - 1;
            let some = [0, 1, -1, 5, -15, 12_345, -999_950, limit, -limit, limit / 2];
            Value::Decimal { unscaled: random.pick(&some), scale: *scale }
        }
        Type::String => Value::string(random.pick(&TEXTS)),
        Type::Date => Value::Date(random.pick(&[0, 1, -1, 19_782, 11_016, -719_528, i32::MAX, i32::MIN])),
        Type::Timestamp => Value::Timestamp(random.pick(&INTS)),
        _ => Value::Duration(random.pick(&INTS)),
    }
}

/// A column of samples; some rows null, some errors, and its rows in any order of its buffer.
fn column(random: &mut Random, ty: &Type, shape: u64) -> Column {
    let mut builder = ColumnBuilder::new(ty, ROWS);
    for _ in 0..ROWS {
        let value = sample(random, ty);
        match random.next() % 10 {
            0 if shape > 0 => builder.push(Ok(&Value::Null)),
            1 if shape > 1 => builder.push(Err(2 + (random.next() % 9) as u8)),
            _ => builder.push(Ok(&value)),
        }
    }
    let column = builder.finish();
    if random.next().is_multiple_of(2) {
        return with_wild_views(column);
    }
    let order: Vec<u32> = (0..ROWS).map(|_| (random.next() as usize % ROWS) as u32).collect();
    column.gather(&order)
}

/// The same column where the views of rows that are not valid point nowhere: no function may follow them.
fn with_wild_views(mut column: Column) -> Column {
    if let (Values::Str(texts), Status::Rows(bytes)) = (&mut column.values, &column.status) {
        for (view, byte) in texts.views.iter_mut().zip(bytes) {
            if *byte != VALID {
                *view = u64::MAX;
            }
        }
    }
    column
}

fn constant(random: &mut Random, ty: &Type) -> Value {
    match ty {
        _ if random.next().is_multiple_of(12) => Value::Null,
        Type::Regex => Value::Regex(random.pick(&PATTERNS).into()),
        Type::String => Value::string(random.pick(&CONSTANT_TEXTS)),
        Type::List(element) => {
            let count = random.next() % 12;
            let null = random.next().is_multiple_of(5);
            let mut items: Vec<Value> = (0..count).map(|_| sample(random, &element.kind)).collect();
            if null {
                items.push(Value::Null);
            }
            Value::List(items.into())
        }
        ty => sample(random, ty),
    }
}

/// The bits of a value, so that -0.0 and 0.0 differ and NaNs compare.
fn bits(value: &Value) -> String {
    match value {
        Value::Float(x) if x.is_nan() => "nan".to_owned(),
        Value::Float(x) => format!("{:x}", x.to_bits()),
        other => format!("{other:?}"),
    }
}

fn assert_same(function: Function, arguments: &[Argument<'_>], result: &DataType, vector: &Column) {
    let expected = by_rows(function, arguments, ROWS, result);
    assert_eq!(vector.len(), ROWS, "{}", function.name());
    for row in 0..ROWS {
        let (a, b) = (vector.value(row, &result.kind), expected.value(row, &result.kind));
        let same = match (&a, &b) {
            (Ok(a), Ok(b)) => bits(a) == bits(b),
            (a, b) => a == b,
        };
        let row_arguments: Vec<_> = arguments.iter().map(|a| a.value(row)).collect();
        assert!(same, "{} of {row_arguments:?}: {a:?} instead of {b:?}", function.name());
    }
}

fn compare_on(random: &mut Random, function: Function, types: &[Type], result: &DataType) {
    let Some(vector) = vectorized(function, types) else { return };
    let constant_only = |t: &Type| matches!(t, Type::Regex | Type::List(_));
    // Bit i says whether argument i is a constant.
    for constants in 0..1usize << types.len() {
        for shape in 0..3 {
            let columns: Vec<_> = types
                .iter()
                .map(|t| if constant_only(t) { None } else { Some(column(random, t, shape)) })
                .collect();
            let values: Vec<_> = types.iter().map(|t| constant(random, t)).collect();
            let arguments: Vec<Argument<'_>> = (0..types.len())
                .map(|i| match &columns[i] {
                    Some(column) if constants >> i & 1 == 0 => Argument::Column(column, &types[i]),
                    _ => Argument::Constant(&values[i]),
                })
                .collect();
            assert_same(function, &arguments, result, &vector(&arguments, ROWS, result));
        }
    }
}

fn candidates() -> Vec<Type> {
    vec![
        Type::Int,
        Type::Float,
        Type::Decimal { precision: 12, scale: 2 },
        Type::Decimal { precision: 38, scale: 5 },
        Type::String,
        Type::Bool,
        Type::Date,
        Type::Timestamp,
        Type::Duration,
        Type::Regex,
        Type::List(Box::new(DataType::nullable(Type::String))),
    ]
}

/// Calls `f` with every list of up to three candidate types.
fn every_signature(mut f: impl FnMut(&[Type])) {
    let all = candidates();
    for a in &all {
        f(std::slice::from_ref(a));
        for b in &all {
            f(&[a.clone(), b.clone()]);
            for c in &all {
                f(&[a.clone(), b.clone(), c.clone()]);
            }
        }
    }
}

#[test]
fn vector_functions_agree_with_the_interpreter() {
    let mut random = Random(42);
    let mut compared = std::collections::BTreeSet::new();
    every_signature(|types| {
        for &function in Function::ALL {
            if takes_lambda(function) || vectorized(function, types).is_none() {
                continue;
            }
            let given: Vec<_> = types.iter().map(|t| DataType::nullable(t.clone())).collect();
            let Ok(resolved) = resolve_function(function, &given) else { continue };
            if resolved.arguments == given {
                compared.insert(function);
                compare_on(&mut random, function, types, &resolved.result);
            }
        }
    });
    for decimal in [(12, 2), (38, 0), (38, 38), (3, 3)] {
        for ty in candidates() {
            if let Ok(resolved) = resolve_decimal(&DataType::nullable(ty.clone()), decimal.0, decimal.1) {
                compared.insert(Function::ToDecimal);
                compare_on(&mut random, Function::ToDecimal, std::slice::from_ref(&ty), &resolved.result);
            }
        }
    }
    assert!(compared.len() >= 60, "only {} functions have a vector form", compared.len());
}

#[test]
fn parts_of_splits_agree_with_the_interpreter() {
    let mut random = Random(7);
    let list = DataType::required(Type::List(Box::new(DataType::required(Type::String))));
    for separator in [",", " ", "é", "--", "", "a"] {
        for index in [-1, 0, 1, 2, 9, i64::MIN, i64::MAX] {
            for shape in 0..3 {
                let texts = column(&mut random, &Type::String, shape);
                let parts = split_part(&texts, separator, index);
                for row in 0..ROWS {
                    let expected = texts.value(row, &Type::String).and_then(|text| {
                        let split =
                            apply(Function::Split, &[text, Value::string(separator)], &list, library());
                        let split = split.map_err(|e| e.code as u8)?;
                        let string = DataType::required(Type::String);
                        apply(Function::Index, &[split, Value::Int(index)], &string, library())
                            .map_err(|e| e.code as u8)
                    });
                    assert_eq!(parts.value(row, &Type::String), expected, "{separator:?} {index}");
                }
            }
        }
    }
}

#[test]
fn pieces_of_splits_agree_with_the_interpreter() {
    let mut random = Random(9);
    let list = DataType::required(Type::List(Box::new(DataType::required(Type::String))));
    let literal = [",", " ", "é", "--", "", "a"].map(Value::string);
    let more = [r"\W", r"\s+", r"\d", r"\D+", "[^a-zA-Z]", "[^a-z]+", "[^0-9]", r"[\s]+", "("];
    let patterns = PATTERNS.iter().chain(&more).map(|p| Value::Regex((*p).into()));
    for separator in literal.into_iter().chain(patterns).chain([Value::Null]) {
        for shape in [0, 1, 2, 2, 2] {
            let texts = column(&mut random, &Type::String, shape);
            let (rows, pieces) = split_each(&texts, &separator);
            let mut found = rows.iter().enumerate().peekable();
            for row in 0..ROWS {
                let expected: Vec<Result<Value, u8>> = match texts.value(row, &Type::String) {
                    Err(code) => vec![Err(code)],
                    Ok(text) => match apply(Function::Split, &[text, separator.clone()], &list, library()) {
                        Ok(Value::List(items)) => items.iter().cloned().map(Ok).collect(),
                        Ok(_) => vec![],
                        Err(error) => vec![Err(error.code as u8)],
                    },
                };
                for piece in expected {
                    let (at, from) = found.next().expect("as many pieces");
                    assert_eq!(*from as usize, row, "{separator:?}");
                    assert_eq!(pieces.value(at, &Type::String), piece, "{separator:?}");
                }
            }
            assert_eq!(found.next(), None, "{separator:?}");
            assert_eq!(pieces.len(), rows.len());
        }
    }
}

#[test]
fn a_strict_call_is_its_leftmost_error_before_null() {
    let rows = |bytes: &[u8]| Column {
        values: Values::I64(vec![1; bytes.len()]),
        status: Status::from_bytes(bytes.to_vec()),
    };
    let left = rows(&[VALID, NULL, 5, NULL, VALID, 5]);
    let right = rows(&[VALID, VALID, NULL, 6, NULL, 6]);
    let arguments = [Argument::Column(&left, &Type::Int), Argument::Column(&right, &Type::Int)];
    assert_eq!(argument::strict(&arguments, 6), Status::Rows(vec![VALID, NULL, 5, 6, NULL, 5]));
    let null = Value::Null;
    let with_null = [Argument::Column(&left, &Type::Int), Argument::Constant(&null)];
    assert_eq!(argument::strict(&with_null, 6), Status::Rows(vec![NULL, NULL, 5, NULL, NULL, 5]));
    let result = DataType::nullable(Type::Int);
    let sum = by_rows(Function::WrappingAdd, &arguments, 6, &result);
    assert_eq!(sum.status, Status::Rows(vec![VALID, NULL, 5, 6, NULL, 5]));
}

#[test]
fn searching_a_region_sees_matches_that_overlap_its_gaps() {
    let buffer = b"xxaba|abaaba|aab|".iter().copied().chain([0; 64]).collect::<Vec<u8>>();
    let views = [(0, 3), (3, 2), (6, 3), (9, 3), (13, 3), (2, 3)].map(|(at, n)| flow_ir::column::view(at, n));
    for views in [views[..5].to_vec(), views.to_vec()] {
        let rows = views.len();
        let texts = flow_ir::StrColumn { buffer: buffer.clone().into(), views };
        let texts = Column::valid(Values::Str(texts));
        let part = Value::string("aba");
        let arguments = [Argument::Column(&texts, &Type::String), Argument::Constant(&part)];
        let result = DataType::required(Type::Bool);
        let vector = vectorized(Function::Contains, &[Type::String, Type::String]).expect("a kernel");
        let found = vector(&arguments, rows, &result);
        let expected = by_rows(Function::Contains, &arguments, rows, &result);
        for row in 0..rows {
            assert_eq!(found.value(row, &Type::Bool), expected.value(row, &Type::Bool), "row {row}");
        }
    }
}
