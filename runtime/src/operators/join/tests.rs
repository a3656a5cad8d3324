//! Matches against a nested loop.

use super::*;
use crate::memory::Budget;
use crate::operators::testing::{Random, column, random_value};
use flow_ir::{DataType, Type, Value, Values};
use std::sync::Arc;

fn check(types: &[Type], build: &[Vec<Value>], probe: &[Vec<Value>], batch: usize) {
    let cells = |rows: &[Vec<Value>], c: usize| rows.iter().map(|r| r[c].clone()).collect::<Vec<_>>();
    let batches: Vec<Batch> = build
        .chunks(batch)
        .enumerate()
        .map(|(b, rows)| {
            let mut columns: Vec<(ColumnId, Arc<Column>)> = (0..types.len())
                .map(|c| (ColumnId(c as u32), Arc::new(column(&types[c], &cells(rows, c)))))
                .collect();
            let numbers = (0..rows.len()).map(|i| (b * batch + i) as i64).collect();
            columns.push((ColumnId(99), Arc::new(Column::valid(Values::I64(numbers)))));
            Batch { rows: rows.len(), columns }
        })
        .collect();
    let on: Vec<ColumnId> = (0..types.len() as u32).map(ColumnId).collect();
    let table = JoinTable::build(&batches, &on, &Budget::unlimited()).unwrap();
    assert_eq!(table.rows(), build.len());
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for (l, p) in probe.iter().enumerate() {
        for (r, b) in build.iter().enumerate() {
            if p == b && !p.iter().any(Value::is_null) {
                left.push(l as u32);
                right.push(r as u32);
            }
        }
    }
    let keys: Vec<Column> = (0..types.len()).map(|c| column(&types[c], &cells(probe, c))).collect();
    let keys: Vec<&Column> = keys.iter().collect();
    assert_eq!(table.probe(&keys, probe.len()), (left, right.clone()));
    if build.is_empty() {
        return;
    }
    let gathered = table.gather(ColumnId(99), &right).unwrap();
    let Values::I64(numbers) = &gathered.values else { panic!() };
    assert!(numbers.iter().zip(&right).all(|(&n, &r)| n == i64::from(r)));
    for (c, ty) in types.iter().enumerate() {
        let gathered = table.gather(ColumnId(c as u32), &right).unwrap();
        for (i, &r) in right.iter().enumerate() {
            assert_eq!(gathered.value(i, ty), Ok(build[r as usize][c].clone()));
        }
    }
    assert!(table.gather(ColumnId(77), &right).is_none());
}

#[test]
fn matches_are_those_of_a_nested_loop() {
    let list = Type::List(Box::new(DataType::nullable(Type::Int)));
    let sets = [
        vec![Type::String],
        vec![Type::Int],
        vec![Type::Float],
        vec![Type::Bool],
        vec![Type::Decimal { precision: 38, scale: 1 }],
        vec![list],
        vec![Type::Int, Type::String],
        vec![Type::Date, Type::Float, Type::Bool],
    ];
    let mut random = Random::new(4);
    for types in &sets {
        for (build, probe, variety) in
            [(0, 10, 5), (1, 1, 1), (10, 0, 4), (40, 60, 6), (300, 400, 300), (700, 300, 60)]
        {
            let mut rows = |n: usize| -> Vec<Vec<Value>> {
                (0..n)
                    .map(|_| types.iter().map(|t| random_value(&mut random, t, variety)).collect())
                    .collect()
            };
            let (b, p) = (rows(build), rows(probe));
            for batch in [7, 1_000] {
                check(types, &b, &p, batch);
            }
        }
    }
}

#[test]
fn large_build_sides_are_built_in_parallel() {
    let n = 700_000u32;
    let key = |i: u32| i64::from(i.wrapping_mul(2_654_435_761) % 500_000);
    let batches: Vec<Batch> = (0..n)
        .collect::<Vec<_>>()
        .chunks(65_536)
        .map(|rows| {
            let ints = Column::valid(Values::I64(rows.iter().map(|&i| key(i)).collect()));
            Batch { rows: rows.len(), columns: vec![(ColumnId(0), Arc::new(ints))] }
        })
        .collect();
    let table = JoinTable::build(&batches, &[ColumnId(0)], &Budget::unlimited()).unwrap();
    let probe = Column::valid(Values::I64((-10..500_010).collect()));
    let (left, right) = table.probe(&[&probe], 500_020);
    assert_eq!(right.len(), n as usize);
    let mut sorted = right.clone();
    sorted.sort_unstable();
    assert!(sorted.iter().copied().eq(0..n));
    for (i, (&l, &r)) in left.iter().zip(&right).enumerate() {
        assert_eq!(i64::from(l) - 10, key(r));
        assert!(i == 0 || (left[i - 1], right[i - 1]) < (l, r));
    }
}
