//! First rows against a naive model.

use super::*;
use crate::operators::testing::{Random, column, random_value, values_of};
use flow_ir::column::BUFFER_PADDING;
use flow_ir::{ColumnId, DataType, StrColumn, Value, Values};
use std::collections::BTreeSet;

#[test]
fn keeps_the_first_row_wherever_it_was_met() {
    let types = [Type::String, Type::Int, Type::Float, Type::List(Box::new(DataType::nullable(Type::Int)))];
    let mut random = Random::new(3);
    for (rows, variety) in [(0, 1), (1, 1), (50, 3), (3_000, 30), (3_000, 100_000), (40_000, 1_000_000)] {
        for on in [vec![0], vec![1], vec![2], vec![0, 1], vec![3], vec![0, 1, 2, 3]] {
            let values: Vec<Vec<Value>> = (0..rows)
                .map(|_| types.iter().map(|t| random_value(&mut random, t, variety)).collect())
                .collect();
            let mut seen = BTreeSet::new();
            let expected: Vec<Vec<Value>> = values
                .iter()
                .filter(|r| seen.insert(on.iter().map(|&c| r[c].clone()).collect::<Vec<_>>()))
                .cloned()
                .collect();
            let spec = Arc::new(DistinctSpec {
                keys: on.iter().map(|&c| types[c].clone()).collect(),
                columns: (0..4)
                    .map(|i| TypedColumn { id: ColumnId(i as u32), ty: DataType::nullable(types[i].clone()) })
                    .collect(),
            });
            let step = if rows > 10_000 { 1_500 } else { 37 };
            for threads in [1, 2, 5] {
                let budget = Budget::unlimited();
                let mut parts: Vec<Distinct> =
                    (0..threads).map(|_| Distinct::new(spec.clone(), &budget)).collect();
                // Chunks reach threads in no order at all.
                let mut chunks: Vec<usize> = (0..rows).step_by(step).collect();
                for i in (1..chunks.len()).rev() {
                    chunks.swap(i, random.below(i as u64 + 1) as usize);
                }
                for from in chunks {
                    let to = rows.min(from + step);
                    let columns: Vec<Column> = (0..4)
                        .map(|c| {
                            column(
                                &types[c],
                                &values[from..to].iter().map(|r| r[c].clone()).collect::<Vec<_>>(),
                            )
                        })
                        .collect();
                    let columns: Vec<&Column> = columns.iter().collect();
                    let keys: Vec<&Column> = on.iter().map(|&c| columns[c]).collect();
                    let at = random.below(threads) as usize;
                    parts[at].update(&keys, &columns, to - from, from as u64).unwrap();
                }
                let got = values_of(&merge_and_finish(parts, &Budget::unlimited()).unwrap(), &types);
                assert!(got == expected, "on {on:?}, {threads} threads, {rows} rows");
            }
        }
    }
}

#[test]
fn a_duplicate_whose_null_row_is_first_stays_null_elsewhere() {
    let spec = Arc::new(DistinctSpec {
        keys: vec![Type::Int],
        columns: vec![TypedColumn { id: ColumnId(1), ty: DataType::nullable(Type::String) }],
    });
    let mut d = Distinct::new(spec, &Budget::unlimited());
    let keys = Column::valid(Values::I64(vec![5, 5]));
    // The view of a null row may point anywhere.
    let text = StrColumn { buffer: vec![b'x'; 3 + BUFFER_PADDING].into(), views: vec![u64::MAX, 1 << 32] };
    let rows = Column { values: Values::Str(text), status: flow_ir::Status::Rows(vec![1, 0]) };
    d.update(&[&keys], &[&rows], 2, 10).unwrap();
    let out = merge_and_finish(vec![d], &Budget::unlimited()).unwrap();
    assert_eq!(values_of(&out, &[Type::String]), [[Value::Null]]);
}
