//! Values of a type to try a law on: the boundary, ties and nulls, simplest first, and seeded random
//! ones.

use flow_ir::{DataType, Field, Type, Value};

/// A small generator, so that the same program is always judged alike.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Random(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { (self.next() % n as u64) as usize }
    }

    pub(super) fn pick<'v, T>(&mut self, values: &'v [T]) -> Option<&'v T> {
        values.get(self.below(values.len()))
    }
}

/// Most values of a list of samples.
const SAMPLES_MAX: usize = 10;

/// Small values on which arithmetic is exact, simplest first. Records repeat the values of each
/// field beside different others, so that some are ties in one field.
pub(super) fn simple(ty: &DataType) -> Vec<Value> {
    let mut out = match &ty.kind {
        Type::Null | Type::Regex => Vec::new(),
        Type::Bool => vec![Value::Bool(false), Value::Bool(true)],
        Type::Int => [0, 1, 2, -1, 3, -2, 10, 100].map(Value::Int).to_vec(),
        Type::Float => [0.0, 1.0, 2.0, -1.0, 0.5, 3.0, -2.0, 10.0].map(Value::Float).to_vec(),
        Type::Decimal { scale, precision } => decimals(*precision, *scale),
        Type::String => ["", "a", "b", "ab", "B", "é", "a,b"].map(Value::string).to_vec(),
        Type::Bytes => [&b""[..], b"a", b"b", b"\0"].map(|b| Value::Bytes(b.into())).to_vec(),
        Type::Date => [0, 1, 2, 31, 19_782, -1].map(Value::Date).to_vec(),
        Type::Timestamp => [0, 1_000_000, 2_000_000, 3_600_000_000, -1].map(Value::Timestamp).to_vec(),
        Type::Duration => [0, 1_000_000, 2_000_000, -1_000_000, 3_600_000_000].map(Value::Duration).to_vec(),
        Type::List(item) => lists(&simple(item)),
        Type::Record(fields) => records(fields),
    };
    if ty.nullable {
        out.insert(out.len().min(2), Value::Null);
    }
    out.truncate(SAMPLES_MAX);
    out
}

fn decimals(precision: u8, scale: u8) -> Vec<Value> {
    let one = 10i128.checked_pow(u32::from(scale)).unwrap_or(1);
    let limit = 10i128.checked_pow(u32::from(precision)).unwrap_or(i128::MAX);
    [0, one, one * 2, -one, 1, -1, one * 5 / 2, one * 10]
        .into_iter()
        .filter(|v| v.abs() < limit)
        .map(|unscaled| Value::Decimal { unscaled, scale })
        .collect()
}

fn lists(items: &[Value]) -> Vec<Value> {
    let some = |indexes: &[usize]| -> Value {
        Value::List(indexes.iter().filter_map(|i| items.get(*i).cloned()).collect())
    };
    vec![some(&[]), some(&[0]), some(&[1]), some(&[0, 1]), some(&[1, 1]), some(&[2, 0])]
}

fn records(fields: &[Field]) -> Vec<Value> {
    let columns: Vec<Vec<Value>> = fields.iter().map(|f| simple(&f.ty)).collect();
    let row = |choice: &dyn Fn(usize) -> usize| -> Value {
        let part = |(i, values): (usize, &Vec<Value>)| {
            values.get(choice(i) % values.len().max(1)).cloned().unwrap_or(Value::Null)
        };
        Value::Record(columns.iter().enumerate().map(part).collect())
    };
    vec![
        row(&|_| 0),
        row(&|_| 1),
        // Ties in the first field, then in the others.
        row(&|i| usize::from(i > 0)),
        row(&|i| usize::from(i == 0)),
        row(&|i| i + 1),
        row(&|i| 2 + i % 2),
        row(&|i| 3 - i % 3),
        row(&|_| 3),
        row(&|i| 4 + i),
    ]
}

/// Any value: small and exact like those of [`simple`], or (`wide`) from anywhere in the type.
pub(super) fn random(ty: &DataType, wide: bool, r: &mut Random) -> Value {
    if ty.nullable && r.below(8) == 0 {
        return Value::Null;
    }
    let int = |r: &mut Random| match (wide, r.below(4)) {
        (true, 0) => r.next() as i64,
        (true, 1) => [i64::MAX, i64::MIN, i64::MAX - 1, 1 << 53, i64::from(u32::MAX)][r.below(5)],
        _ => r.below(2_001) as i64 - 1_000,
    };
    match &ty.kind {
        Type::Null | Type::Regex => Value::Null,
        Type::Bool => Value::Bool(r.below(2) == 1),
        Type::Int => Value::Int(int(r)),
        Type::Float => Value::Float(float(wide, r)),
        Type::Decimal { precision, scale } => {
            let limit = 10i128.checked_pow(u32::from(*precision)).unwrap_or(i128::MAX);
            let any = if wide { i128::from(r.next() as i64) } else { i128::from(int(r)) };
            Value::Decimal { unscaled: any % limit, scale: *scale }
        }
        Type::String => {
            let letters = ["a", "b", "c", "", "Z", " ", "ß", ","];
            Value::string((0..r.below(4)).filter_map(|_| r.pick(&letters).copied()).collect::<String>())
        }
        Type::Bytes => Value::Bytes((0..r.below(4)).map(|_| r.next() as u8).collect()),
        Type::Date => Value::Date(r.below(40_000) as i32 - 10_000),
        Type::Timestamp => Value::Timestamp(int(r).clamp(-1 << 52, 1 << 52)),
        Type::Duration => Value::Duration(int(r)),
        Type::List(item) => Value::List((0..r.below(4)).map(|_| random(item, wide, r)).collect()),
        Type::Record(fields) => Value::Record(fields.iter().map(|f| random(&f.ty, wide, r)).collect()),
    }
}

fn float(wide: bool, r: &mut Random) -> f64 {
    match (wide, r.below(6)) {
        (true, 0) => [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 5e-324][r.below(5)],
        (true, 1) => f64::from_bits(r.next()),
        (true, _) => (r.next() >> 11) as f64 / 1e9 - 4e6,
        // Quarters: sums and products of a few of them are exact.
        (false, _) => (r.below(401) as f64 - 200.0) / 4.0,
    }
}
