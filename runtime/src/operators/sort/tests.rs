//! Sorted rows against a stable sort of interpreter values.

use super::*;
use crate::operators::testing::{Random, column, random_value, values_of};
use flow_ir::{Column, ColumnId, DataType, Type, Value, Values};
use std::sync::Arc;

fn batches(values: &[Vec<Value>], types: &[Type], random: &mut Random, batch: u64) -> Vec<Batch> {
    let mut out = Vec::new();
    let mut from = 0;
    while from < values.len() {
        let to = values.len().min(from + random.below(batch + 1) as usize);
        let columns = types.iter().enumerate().map(|(i, t)| {
            let cells: Vec<Value> = values[from..to].iter().map(|r| r[i].clone()).collect();
            (ColumnId(i as u32), Arc::new(column(t, &cells)))
        });
        out.push(Batch { rows: to - from, columns: columns.collect() });
        from = to;
    }
    out
}

fn expected(values: &[Vec<Value>], keys: &[SortKey], limit: Option<u64>) -> Vec<Vec<Value>> {
    let mut rows = values.to_vec();
    rows.sort_by(|a, b| {
        keys.iter()
            .map(|k| {
                let (x, y) = (&a[k.column.0 as usize], &b[k.column.0 as usize]);
                match (x.is_null(), y.is_null()) {
                    (true, true) => Ordering::Equal,
                    (true, false) if k.nulls_first => Ordering::Less,
                    (false, true) if !k.nulls_first => Ordering::Less,
                    (true, false) | (false, true) => Ordering::Greater,
                    _ if k.descending => y.cmp(x),
                    _ => x.cmp(y),
                }
            })
            .find(|o| *o != Ordering::Equal)
            .unwrap_or(Ordering::Equal)
    });
    rows.truncate(limit.unwrap_or(u64::MAX) as usize);
    rows
}

fn check(values: &[Vec<Value>], types: &[Type], keys: &[SortKey], limit: Option<u64>, random: &mut Random) {
    for batch in [3, 50, 100_000] {
        let input = batches(values, types, random, batch);
        let out = sort(input, keys, limit, &Budget::unlimited()).unwrap();
        let got = values_of(&out, types);
        let expected = expected(values, keys, limit);
        assert_eq!(got.len(), expected.len(), "{keys:?} {limit:?}");
        for (i, (a, b)) in got.iter().zip(&expected).enumerate() {
            assert!(a == b, "row {i} of {}: {a:?} but {b:?} by {keys:?} limit {limit:?}", got.len());
        }
    }
}

fn key(random: &mut Random, column: usize) -> SortKey {
    SortKey {
        column: ColumnId(column as u32),
        descending: random.below(2) == 0,
        nulls_first: random.below(3) == 0,
    }
}

#[test]
fn every_type_sorts_like_its_values() {
    let types = [
        Type::Bool,
        Type::Int,
        Type::Float,
        Type::Decimal { precision: 38, scale: 2 },
        Type::String,
        Type::Date,
        Type::List(Box::new(DataType::nullable(Type::Int))),
        // The row's number, by which stability shows.
        Type::Int,
    ];
    let mut random = Random::new(1);
    for rows in [0, 1, 2, 100, 1_500] {
        for variety in [2, 12, 400] {
            let values: Vec<Vec<Value>> = (0..rows)
                .map(|i| {
                    let mut row: Vec<Value> =
                        types[..7].iter().map(|t| random_value(&mut random, t, variety)).collect();
                    row.push(Value::Int(i));
                    row
                })
                .collect();
            for _ in 0..12 {
                let count = 1 + random.below(3);
                let keys: Vec<SortKey> = (0..count)
                    .map(|_| {
                        let at = random.below(7) as usize;
                        key(&mut random, at)
                    })
                    .collect();
                let limit = match random.below(3) {
                    0 => None,
                    1 => Some(random.below(20)),
                    _ => Some(random.below(rows as u64 + 5)),
                };
                check(&values, &types, &keys, limit, &mut random);
            }
        }
    }
}

#[test]
fn long_common_prefixes_and_many_rows() {
    let types = [Type::String, Type::Int];
    let mut random = Random::new(2);
    let values: Vec<Vec<Value>> = (0..30_000)
        .map(|i| {
            let n = random.below(3_000);
            let tail = ["", "\0", "a", "zz"][random.below(4) as usize];
            let text = match random.below(3) {
                0 => format!("https://example.org/a/path/that/everything/shares/{n}{tail}"),
                1 => format!("{n:05}{tail}"),
                _ => format!("{}{tail}", "x".repeat(n as usize % 40)),
            };
            vec![Value::string(text), Value::Int(i)]
        })
        .collect();
    for limit in [None, Some(20), Some(5_000), Some(29_999)] {
        let first = key(&mut random, 0);
        check(&values, &types, &[first], limit, &mut random);
    }
}

#[test]
fn floats_keep_their_bits() {
    let nan = f64::from_bits(0x7ff8_0000_0000_0123);
    let floats = [nan, 1.0, -0.0, 0.0, f64::NEG_INFINITY, -f64::NAN, 0.0, -0.0, f64::INFINITY];
    let order = |descending| {
        let batch = Batch {
            rows: floats.len(),
            columns: vec![(ColumnId(0), Arc::new(Column::valid(Values::F64(floats.to_vec()))))],
        };
        let keys = [SortKey { column: ColumnId(0), descending, nulls_first: false }];
        let out = sort(vec![batch], &keys, None, &Budget::unlimited()).unwrap();
        match &out[0].columns[0].1.values {
            Values::F64(v) => v.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        }
    };
    let bits = |at: &[usize]| at.iter().map(|&i| floats[i].to_bits()).collect::<Vec<_>>();
    assert_eq!(order(false), bits(&[4, 2, 3, 6, 7, 1, 8, 0, 5]));
    assert_eq!(order(true), bits(&[0, 5, 8, 1, 2, 3, 6, 7, 4]));
}
