//! What the tests of several operators use: random values of every type, and columns of them.

use flow_ir::column::ColumnBuilder;
use flow_ir::{Batch, Column, Type, Value};

/// A small generator, so that failures repeat.
pub(crate) struct Random(u64);

impl Random {
    /// The generator of that seed.
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// Any 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// Null, or one of about `variety` values of a type, the awkward ones among them.
pub(crate) fn random_value(random: &mut Random, ty: &Type, variety: u64) -> Value {
    let n = random.below(variety + 1);
    if n == variety {
        return Value::Null;
    }
    let int = match n {
        0 => 0,
        1 => i64::MAX / 1_000_000,
        2 => -1,
        _ => n as i64 * 7_919 - 1_000,
    };
    match ty {
        Type::Bool => Value::Bool(n.is_multiple_of(2)),
        Type::Int => Value::Int(int),
        Type::Date => Value::Date((int % 100_000) as i32),
        Type::Timestamp => Value::Timestamp(int),
        Type::Duration => Value::Duration(int),
        Type::Float => Value::Float(random_float(random, n)),
        Type::Decimal { scale, .. } => {
            Value::Decimal { unscaled: i128::from(int) << (n % 50), scale: *scale }
        }
        Type::String => Value::string(random_text(n)),
        Type::List(_) => Value::List((0..n % 4).map(|i| Value::Int(i as i64 + int)).collect()),
        _ => Value::Null,
    }
}

fn random_float(random: &mut Random, n: u64) -> f64 {
    match n {
        0 => 0.0,
        1 => -0.0,
        2 => 0.1,
        3 => 1e300,
        4 => -1e300,
        5 => 1e-300,
        6 if random.below(8) == 0 => f64::NAN,
        7 if random.below(8) == 0 => f64::INFINITY,
        8 if random.below(8) == 0 => f64::NEG_INFINITY,
        _ => n as f64 * 0.3 - 2.0,
    }
}

/// Texts of all lengths around the sizes at which tables change their form.
fn random_text(n: u64) -> String {
    match n {
        0 => String::new(),
        1 => "\0".to_owned(),
        2 => "\0\0".to_owned(),
        _ => {
            let length = [1, 3, 7, 8, 9, 11, 12, 13, 15, 16, 17, 26, 27, 28, 29, 31, 32, 33, 63, 64, 65, 300];
            let length = length[n as usize % length.len()];
            let mut text = "é".repeat(length / 4);
            while text.len() < length {
                text.push(char::from(b'a' + ((n as usize + text.len() * 3) % 26) as u8));
            }
            text
        }
    }
}

/// A column of values.
pub(crate) fn column(ty: &Type, values: &[Value]) -> Column {
    let mut builder = ColumnBuilder::new(ty, values.len());
    values.iter().for_each(|v| builder.push(Ok(v)));
    builder.finish()
}

/// The rows of batches whose columns have the given types.
pub(crate) fn values_of(batches: &[Batch], types: &[Type]) -> Vec<Vec<Value>> {
    let mut out = Vec::new();
    for batch in batches {
        for row in 0..batch.rows {
            let value = |(i, (_, c)): (usize, &(_, std::sync::Arc<Column>))| c.value(row, &types[i]).unwrap();
            out.push(batch.columns.iter().enumerate().map(value).collect());
        }
    }
    out
}
