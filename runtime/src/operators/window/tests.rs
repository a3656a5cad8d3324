//! Windows against a slow model over interpreter values, and fast aggregates against plain states.

use super::*;
use crate::operators::testing::{Random, column, random_value};
use flow_ir::aggregate::{Aggregate, AggregateKind, Detail};
use flow_ir::window::{Frame, WindowFunction, WindowKind};
use flow_ir::{DataType, Span};
use std::cmp::Ordering;

const PER: ColumnId = ColumnId(0);
const AT: ColumnId = ColumnId(1);
const X: ColumnId = ColumnId(2);
const OUT: ColumnId = ColumnId(9);

const FRAMES: [Frame; 7] = [
    Frame::Key,
    Frame::Running,
    Frame::Rows { from: -2, to: 0 },
    Frame::Rows { from: 0, to: 3 },
    Frame::Rows { from: 1, to: 2 },
    Frame::Rows { from: -4, to: -2 },
    Frame::Rows { from: i64::MIN, to: i64::MAX },
];

fn batches(rows: &[Vec<Value>], types: &[Type], random: &mut Random, most: u64) -> Vec<Batch> {
    let (mut out, mut from) = (Vec::new(), 0);
    while from < rows.len() {
        let to = rows.len().min(from + 1 + random.below(most) as usize);
        let columns = types.iter().enumerate().map(|(c, t)| {
            let cells: Vec<Value> = rows[from..to].iter().map(|r| r[c].clone()).collect();
            (ColumnId(c as u32), Arc::new(column(t, &cells)))
        });
        out.push(Batch { rows: to - from, columns: columns.collect() });
        from = to;
    }
    out
}

fn rows(random: &mut Random, types: &[Type], count: usize, variety: u64) -> Vec<Vec<Value>> {
    (0..count).map(|_| types.iter().map(|t| random_value(random, t, variety)).collect()).collect()
}

fn spec(frame: Frame, sort: Vec<SortKey>, per: &[Type]) -> WindowSpec {
    let window = Window {
        per: per.iter().map(|_| PER).collect(),
        sort,
        frame,
        aggregates: Vec::new(),
        functions: Vec::new(),
    };
    WindowSpec { window, arguments: Vec::new(), per: per.to_vec() }
}

/// The cells of a result as texts that tell bits apart.
fn texts(cells: &Cells, ty: &Type) -> Vec<String> {
    let text = |p: &Place| match cells.columns[batch_of(*p)].value(row_of(*p), ty) {
        Ok(Value::Float(x)) => format!("{:x}", x.to_bits()),
        other => format!("{other:?}"),
    };
    cells.places.iter().map(text).collect()
}

/// Every aggregate that takes a nullable `ty`.
fn all_aggregates(spec: &mut WindowSpec, ty: &Type) {
    let ty = DataType::nullable(ty.clone());
    for kind in AggregateKind::ALL {
        let Some(result) = kind.result(Some(&ty), true) else { continue };
        let mut a = Aggregate::new(OUT, *kind, Some(X), result, Span::default());
        match kind {
            AggregateKind::MinBy | AggregateKind::MaxBy => a.by = Some(AT),
            AggregateKind::Quantile => a.detail = Detail::Quantile(0.3),
            AggregateKind::JoinText => a.detail = Detail::Separator("-".into()),
            _ => {}
        }
        spec.window.aggregates.push(a);
        spec.arguments.push(Some(ty.kind.clone()));
    }
    // What rows are chosen by comes behind all arguments.
    let choosing = spec.window.aggregates.iter().filter(|a| a.by.is_some()).count();
    spec.arguments.extend(std::iter::repeat_n(Some(Type::Int), choosing));
}

#[test]
fn sliding_aggregates_are_what_plain_states_are() {
    let mut random = Random::new(5);
    let decimal = Type::Decimal { precision: 30, scale: 3 };
    let arguments = [
        Type::Bool,
        Type::Int,
        Type::Float,
        decimal,
        Type::String,
        Type::Date,
        Type::List(Box::new(DataType::nullable(Type::Int))),
    ];
    for ty in &arguments {
        for (count, variety) in [(1, 3), (60, 4), (300, 40)] {
            let types = [Type::String, Type::Int, ty.clone()];
            let data = rows(&mut random, &types, count, variety);
            for frame in FRAMES {
                let input = batches(&data, &types, &mut random, 70);
                let mut spec = spec(frame, vec![ascending(AT)], &[Type::String]);
                all_aggregates(&mut spec, ty);
                let budget = Budget::unlimited();
                let mut memory = budget.reserve("test");
                let ordered = Ordered::new(&input, &spec, &budget, &mut memory).unwrap();
                for (i, a) in spec.window.aggregates.iter().enumerate() {
                    let what = format!("{} of {ty} over {frame:?}, {count} rows", a.kind.name());
                    let (fast, plain) = (ordered.aggregate(i), ordered.generic(i));
                    match (fast, plain) {
                        (Ok(fast), Ok(plain)) => {
                            assert_eq!(texts(&fast, &a.ty.kind), texts(&plain, &a.ty.kind), "{what}");
                        }
                        (Err(fast), Err(plain)) => assert_eq!(fast, plain, "{what}"),
                        (fast, plain) => panic!("{what}: {:?} but {:?}", fast.err(), plain.err()),
                    }
                }
            }
        }
    }
}

/// States that go on after they have been read, and states that begin anew for every row.
#[test]
fn states_may_be_read_again_and_again() {
    let mut random = Random::new(8);
    for ty in [Type::Int, Type::Float, Type::String] {
        let types = [Type::Int, Type::Int, ty.clone()];
        let data = rows(&mut random, &types, 120, 9);
        let input = batches(&data, &types, &mut random, 50);
        let results = |frame| {
            let mut spec = spec(frame, vec![ascending(AT)], &[Type::Int]);
            all_aggregates(&mut spec, &ty);
            let budget = Budget::unlimited();
            let mut memory = budget.reserve("test");
            let ordered = Ordered::new(&input, &spec, &budget, &mut memory).unwrap();
            let kinds = spec.window.aggregates.iter().enumerate();
            kinds
                .map(|(i, a)| (a.kind, ordered.generic(i).ok().map(|cells| texts(&cells, &a.ty.kind))))
                .collect::<Vec<_>>()
        };
        assert_eq!(results(Frame::Running), results(Frame::Rows { from: i64::MIN, to: 0 }), "{ty}");
    }
}

#[test]
fn rows_of_other_places_are_found() {
    let mut random = Random::new(6);
    let types = [Type::Int, Type::Int, Type::String];
    for (count, variety) in [(0, 3), (1, 3), (40, 3), (500, 30), (40_000, 3)] {
        let data = rows(&mut random, &types, count, variety);
        for (kind, offset, default) in [
            (WindowKind::Lag, 1, None),
            (WindowKind::Lead, 2, Some(X)),
            (WindowKind::Lag, 0, None),
            (WindowKind::Lead, u64::MAX, None),
            (WindowKind::RowNumber, 0, None),
            (WindowKind::Rank, 0, None),
            (WindowKind::DenseRank, 0, None),
        ] {
            let key = SortKey { column: AT, descending: offset % 2 == 1, nulls_first: true };
            let mut spec = spec(Frame::Key, vec![key], &[Type::Int]);
            let argument = kind.is_shift().then_some(X);
            let result = if kind.is_shift() { Type::String } else { Type::Int };
            let ty = DataType::nullable(result.clone());
            let span = Span::default();
            spec.window.functions.push(WindowFunction {
                output: OUT,
                kind,
                argument,
                offset,
                default,
                ty,
                span,
            });
            let out = window(batches(&data, &types, &mut random, 900), &spec, &Budget::unlimited()).unwrap();
            let mut got = Vec::new();
            for batch in &out {
                let added = batch.column(OUT).unwrap();
                got.extend((0..batch.rows).map(|r| added.value(r, &result).unwrap()));
            }
            assert!(got == model(&data, kind, offset, default.is_some(), key), "{kind:?} {offset} {count}");
        }
    }
}

/// The results of a function, row by row.
fn model(data: &[Vec<Value>], kind: WindowKind, offset: u64, default: bool, key: SortKey) -> Vec<Value> {
    let mut order: Vec<usize> = (0..data.len()).collect();
    let compare = |a: &Value, b: &Value| match (a.is_null(), b.is_null()) {
        (false, false) if key.descending => b.cmp(a),
        (false, false) => a.cmp(b),
        (a, b) => b.cmp(&a),
    };
    order.sort_by(|a, b| data[*a][0].cmp(&data[*b][0]).then_with(|| compare(&data[*a][1], &data[*b][1])));
    let mut out = vec![Value::Null; data.len()];
    for rows in order.chunk_by(|a, b| data[*a][0] == data[*b][0]) {
        let (mut rank, mut dense) = (1, 0);
        for (at, row) in rows.iter().enumerate() {
            if at == 0 || compare(&data[rows[at - 1]][1], &data[*row][1]) != Ordering::Equal {
                (rank, dense) = (at as i64 + 1, dense + 1);
            }
            let other = match kind {
                WindowKind::Lag => at.checked_sub(offset as usize),
                _ => at.checked_add(offset as usize),
            };
            out[*row] = match (kind, other.and_then(|o| rows.get(o))) {
                (WindowKind::RowNumber, _) => Value::Int(at as i64 + 1),
                (WindowKind::Rank, _) => Value::Int(rank),
                (WindowKind::DenseRank, _) => Value::Int(dense),
                (_, Some(other)) => data[*other][2].clone(),
                (_, None) if default => data[*row][2].clone(),
                _ => Value::Null,
            };
        }
    }
    out
}

#[test]
fn results_are_paid_for() {
    let types = [Type::Int, Type::Int, Type::Int];
    let mut random = Random::new(7);
    let data = rows(&mut random, &types, 5_000, 50);
    let input = batches(&data, &types, &mut random, 900);
    let mut spec = spec(Frame::Running, Vec::new(), &[Type::Int]);
    let ty = DataType::required(Type::Int);
    let (argument, span) = (Some(X), Span::default());
    spec.window.aggregates.push(Aggregate::new(OUT, AggregateKind::Count, argument, ty, span));
    spec.arguments.push(Some(Type::Int));
    for bytes in [0, 60_000, 250_000] {
        let refused = window(input.clone(), &spec, &Budget::new(bytes));
        assert!(matches!(refused, Err(AggregateError::Memory(_))), "{bytes}");
    }
    assert!(window(input, &spec, &Budget::new(2_000_000)).is_ok());
}
