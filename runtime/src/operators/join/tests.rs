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
    let table = JoinTable::build(&batches, &on, None, &Budget::unlimited()).unwrap();
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
    assert_eq!(table.probe(&keys, probe.len(), usize::MAX), Some((left.clone(), right.clone())));
    assert_eq!(table.probe(&keys, probe.len(), left.len()), Some((left.clone(), right.clone())));
    if let Some(fewer) = left.len().checked_sub(1) {
        assert_eq!(table.probe(&keys, probe.len(), fewer), None);
    }
    let lonely: Vec<u32> = (0..probe.len() as u32).filter(|l| !left.contains(l)).collect();
    assert_eq!(table.filter(&keys, probe.len(), false), lonely);
    left.dedup();
    assert_eq!(table.filter(&keys, probe.len(), true), left);
    check_equal(&table, build);
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

/// The first row whose key another row has before it.
fn check_equal(table: &JoinTable, build: &[Vec<Value>]) {
    let equal = build.iter().enumerate().find_map(|(i, row)| {
        let first = build[..i].iter().position(|r| r == row && !r.iter().any(Value::is_null))?;
        Some((first as u32, i as u32))
    });
    assert_eq!(table.first_equal(), equal);
}

#[test]
fn rows_that_are_missing_are_null() {
    let ty = Type::List(Box::new(DataType::required(Type::Int)));
    for ty in [Type::Int, Type::String, ty] {
        let mut random = Random::new(7);
        let values: Vec<Value> = (0..5).map(|_| random_value(&mut random, &ty, 3)).collect();
        let columns = vec![(ColumnId(0), Arc::new(column(&ty, &values)))];
        let batch = Batch { rows: 5, columns };
        let table = JoinTable::build(&[batch], &[], None, &Budget::unlimited()).unwrap();
        let gathered = table.gather_or_null(ColumnId(0), &ty, &[4, NO_ROW, 0]).unwrap();
        assert_eq!(gathered.value(0, &ty), Ok(values[4].clone()));
        assert_eq!(gathered.value(1, &ty), Ok(Value::Null));
        assert_eq!(gathered.value(2, &ty), Ok(values[0].clone()));
        let empty = JoinTable::build(&[], &[ColumnId(0)], None, &Budget::unlimited()).unwrap();
        let gathered = empty.gather_or_null(ColumnId(0), &ty, &[NO_ROW]).unwrap();
        assert_eq!(gathered.value(0, &ty), Ok(Value::Null));
        assert_eq!(empty.gather_or_null(ColumnId(0), &ty, &[]).unwrap().len(), 0);
    }
}

#[test]
fn copies_that_do_not_fit_are_not_made() {
    let batch = |from: i64| {
        let ints = Column::valid(Values::I64((from..from + 1000).collect()));
        Batch { rows: 1000, columns: vec![(ColumnId(0), Arc::new(ints))] }
    };
    let batches = [batch(0), batch(1000)];
    for bytes in [1 << 30, 150_000] {
        let budget = Budget::new(bytes);
        let table = JoinTable::build(&batches, &[ColumnId(0)], None, &budget).unwrap();
        let before = budget.left();
        let filler = budget.reserve("filler");
        let mut filler = filler;
        if bytes < 1 << 20 {
            filler.cover(before.saturating_sub(1000)).unwrap();
        }
        let gathered = table.gather(ColumnId(0), &[1999, 3]).unwrap();
        let Values::I64(values) = &gathered.values else { panic!() };
        assert_eq!(values, &[1999, 3]);
        assert!(budget.left() < before);
    }
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
    let table = JoinTable::build(&batches, &[ColumnId(0)], None, &Budget::unlimited()).unwrap();
    let probe = Column::valid(Values::I64((-10..500_010).collect()));
    let (left, right) = table.probe(&[&probe], 500_020, usize::MAX).unwrap();
    assert_eq!(right.len(), n as usize);
    let mut sorted = right.clone();
    sorted.sort_unstable();
    assert!(sorted.iter().copied().eq(0..n));
    for (i, (&l, &r)) in left.iter().zip(&right).enumerate() {
        assert_eq!(i64::from(l) - 10, key(r));
        assert!(i == 0 || (left[i - 1], right[i - 1]) < (l, r));
    }
}
