//! Aggregates against a naive model, over every type, split and cut in many ways.

use super::*;
use crate::operators::exact_sum::{Accumulator, Moments};
use crate::operators::testing::{Random, column, random_value, values_of};
use flow_ir::aggregate::{AggregateKind, Detail};
use flow_ir::expr::Span;
use flow_ir::layout::StateKind;
use flow_ir::physical::GroupOrder;
use flow_ir::{Batch, ColumnId, DataType, Status, Values};
use std::collections::{BTreeMap, BTreeSet};

/// A list of types, of which the last is kept as interpreter values.
fn all_types() -> Vec<Type> {
    vec![
        Type::Bool,
        Type::Int,
        Type::Float,
        Type::Decimal { precision: 38, scale: 3 },
        Type::String,
        Type::Date,
        Type::Timestamp,
        Type::Duration,
        Type::List(Box::new(DataType::nullable(Type::Int))),
    ]
}

/// Every aggregate over every type that it takes.
fn all_aggregates() -> (Vec<Aggregate>, Vec<Option<Type>>) {
    let mut aggregates = Vec::new();
    let mut arguments = Vec::new();
    let mut by = Vec::new();
    let mut add = |kind: AggregateKind, argument: Option<Type>| {
        let argument_type = argument.clone().map(DataType::nullable);
        if let Some(ty) = kind.result(argument_type.as_ref(), true) {
            let output = ColumnId(1_000 + aggregates.len() as u32);
            let argument_id = argument.as_ref().map(|_| ColumnId(0));
            let mut aggregate = Aggregate::new(output, kind, argument_id, ty, Span::default());
            match kind {
                AggregateKind::MinBy | AggregateKind::MaxBy => {
                    aggregate.by = Some(ColumnId(1));
                    by.push(Some(if by.len() % 2 == 0 { Type::Float } else { Type::String }));
                }
                AggregateKind::Quantile => aggregate.detail = Detail::Quantile(0.3),
                AggregateKind::JoinText => aggregate.detail = Detail::Separator("; ".into()),
                _ => {}
            }
            aggregates.push(aggregate);
            arguments.push(argument);
        }
    };
    add(AggregateKind::Count, None);
    for kind in AggregateKind::ALL {
        for ty in all_types() {
            add(*kind, Some(ty));
        }
    }
    arguments.extend(by);
    (aggregates, arguments)
}

/// What an aggregate of these values, in row order, is.
fn model(a: &Aggregate, ty: Option<&Type>, rows: usize, values: &[Value], by: &[Value]) -> Value {
    let kind = a.kind;
    let there: Vec<&Value> = values.iter().filter(|v| !v.is_null()).collect();
    let truth = |b: bool| there.iter().filter(|v| ***v == Value::Bool(b)).count();
    match kind {
        AggregateKind::Count if ty.is_none() => Value::Int(rows as i64),
        AggregateKind::Count => Value::Int(there.len() as i64),
        AggregateKind::CountIf => Value::Int(truth(true) as i64),
        AggregateKind::CountDistinct => Value::Int(there.iter().collect::<BTreeSet<_>>().len() as i64),
        AggregateKind::Any => Value::Bool(truth(true) > 0),
        AggregateKind::All => Value::Bool(truth(false) == 0),
        AggregateKind::Min => there.iter().min().map_or(Value::Null, |v| (**v).clone()),
        AggregateKind::Max => there.iter().max().map_or(Value::Null, |v| (**v).clone()),
        AggregateKind::First => there.first().map_or(Value::Null, |v| (**v).clone()),
        AggregateKind::Last => there.last().map_or(Value::Null, |v| (**v).clone()),
        AggregateKind::Sum | AggregateKind::Mean => sum_model(kind == AggregateKind::Mean, ty, &there),
        AggregateKind::Variance | AggregateKind::Stddev => {
            let mut moments = Moments::default();
            for v in &there {
                match v {
                    Value::Float(x) => moments.add_float(*x),
                    Value::Int(x) => moments.add_int(i128::from(*x)),
                    Value::Decimal { unscaled, .. } => moments.add_int(*unscaled),
                    other => panic!("cannot add {other:?}"),
                }
            }
            let decimals = if let Some(Type::Decimal { scale, .. }) = ty { *scale } else { 0 };
            moments.variance(decimals, kind == AggregateKind::Stddev).map_or(Value::Null, Value::Float)
        }
        AggregateKind::Median => quantile_model(there, 0.5),
        AggregateKind::Quantile => quantile_model(there, 0.3),
        AggregateKind::MinBy | AggregateKind::MaxBy => {
            let both = values.iter().zip(by).filter(|(v, k)| !v.is_null() && !k.is_null());
            let mut best: Option<(&Value, &Value)> = None;
            for (v, k) in both {
                let better =
                    best.is_none_or(|b| if kind == AggregateKind::MinBy { k < b.1 } else { k > b.1 });
                best = if better { Some((v, k)) } else { best };
            }
            best.map_or(Value::Null, |b| b.0.clone())
        }
        AggregateKind::Collect => Value::List(there.into_iter().cloned().collect()),
        AggregateKind::CollectSet => {
            let set: BTreeSet<Value> = there.into_iter().cloned().collect();
            Value::List(set.into_iter().map(plain).collect())
        }
        AggregateKind::JoinText => {
            let texts = there.iter().map(|v| if let Value::String(s) = v { &**s } else { "" });
            Value::string(texts.collect::<Vec<_>>().join("; "))
        }
        AggregateKind::Reduce | AggregateKind::Fold => panic!("functions have tests of their own"),
    }
}

/// Of equal floats, the one that keys are made of.
fn plain(v: Value) -> Value {
    match v {
        Value::Float(x) => Value::Float(f64::from_bits(flow_ir::value::float_key(x))),
        other => other,
    }
}

fn quantile_model(mut values: Vec<&Value>, q: f64) -> Value {
    values.sort();
    let float = |v: &Value| match v {
        Value::Float(x) => *x,
        Value::Int(x) => *x as f64,
        Value::Decimal { unscaled, scale } => flow_ir::eval::decimal_to_float(*unscaled, *scale),
        other => panic!("{other:?} is no number"),
    };
    let Some(last) = values.len().checked_sub(1) else { return Value::Null };
    let place = q * last as f64;
    let (low, part) = (float(values[place.floor() as usize]), place - place.floor());
    if part == 0.0 {
        return plain(Value::Float(low));
    }
    let high = float(values[place.floor() as usize + 1]);
    plain(Value::Float(low + (high - low) * part))
}

fn sum_model(mean: bool, ty: Option<&Type>, there: &[&Value]) -> Value {
    if mean && there.is_empty() {
        return Value::Null;
    }
    let n = there.len() as u64;
    let mut floats = Accumulator::default();
    let mut ints = 0i128;
    for v in there {
        match v {
            Value::Float(x) => floats.add(*x),
            Value::Int(x) | Value::Duration(x) => ints += i128::from(*x),
            Value::Decimal { unscaled, .. } => ints += unscaled,
            other => panic!("cannot add {other:?}"),
        }
    }
    match (ty, mean) {
        (Some(Type::Float), false) => Value::Float(floats.round()),
        (Some(Type::Float), true) => Value::Float(floats.mean(n)),
        (Some(Type::Decimal { scale, .. }), false) => Value::Decimal { unscaled: ints, scale: *scale },
        (Some(Type::Decimal { .. }), true) => {
            let limbs = |v: u128| (0..4).map(|i| (v >> (32 * i)) as u32).collect::<Vec<_>>();
            let d = u128::from(n) * 1_000;
            Value::Float(crate::operators::exact_sum::round_ratio(
                ints < 0,
                limbs(ints.unsigned_abs()),
                &limbs(d),
                0,
            ))
        }
        (Some(Type::Duration), _) => Value::Duration(ints as i64),
        (_, false) => Value::Int(ints as i64),
        (_, true) => Value::Float(crate::operators::exact_sum::int_mean(ints, n)),
    }
}

struct Case {
    spec: Arc<AggregatorSpec>,
    key_types: Vec<Type>,
    /// One vector a key column.
    keys: Vec<Vec<Value>>,
    /// One vector an aggregate.
    arguments: Vec<Vec<Value>>,
    rows: usize,
}

impl Case {
    fn new(random: &mut Random, key_types: &[Type], rows: usize, variety: u64) -> Self {
        let (aggregates, arguments) = all_aggregates();
        let keys = key_types
            .iter()
            .enumerate()
            .map(|(i, t)| TypedColumn { id: ColumnId(i as u32), ty: DataType::nullable(t.clone()) })
            .collect();
        let key_values =
            key_types.iter().map(|t| (0..rows).map(|_| random_value(random, t, variety)).collect()).collect();
        let argument_values = arguments
            .iter()
            .map(|t| match t {
                Some(t) => (0..rows).map(|_| random_value(random, t, 40)).collect(),
                None => Vec::new(),
            })
            .collect();
        Case {
            spec: Arc::new(AggregatorSpec::new(keys, aggregates, arguments)),
            key_types: key_types.to_vec(),
            keys: key_values,
            arguments: argument_values,
            rows,
        }
    }

    fn expected(&self) -> Vec<Vec<Value>> {
        let mut groups: BTreeMap<Vec<Value>, Vec<usize>> = BTreeMap::new();
        if self.keys.is_empty() {
            groups.insert(Vec::new(), Vec::new());
        }
        for row in 0..self.rows {
            groups.entry(self.keys.iter().map(|k| k[row].clone()).collect()).or_default().push(row);
        }
        let states = &self.spec.states;
        let choosers = states.choosers();
        groups
            .into_iter()
            .map(|(key, rows)| {
                let mut out = key;
                for (i, a) in states.aggregates.iter().enumerate() {
                    let ty = states.arguments[i].as_ref();
                    let values: Vec<Value> = match ty {
                        Some(_) => rows.iter().map(|&r| self.arguments[i][r].clone()).collect(),
                        None => Vec::new(),
                    };
                    let by: Vec<Value> = match choosers[i] {
                        Some(at) => rows.iter().map(|&r| self.arguments[at][r].clone()).collect(),
                        None => Vec::new(),
                    };
                    out.push(model(a, ty, rows.len(), &values, &by));
                }
                out
            })
            .collect()
    }

    /// Deals batches of random sizes to `threads` aggregators.
    fn run(
        &self,
        random: &mut Random,
        threads: usize,
        batch: usize,
        kernel: bool,
        order: GroupOrder,
    ) -> Vec<Batch> {
        let budget = Budget::unlimited();
        let kernel = kernel.then(|| Arc::new(Stubborn(self.spec.clone())) as Arc<dyn UpdateRows>);
        let mut parts: Vec<Aggregator> =
            (0..threads).map(|_| Aggregator::new(self.spec.clone(), kernel.clone(), &budget)).collect();
        let mut from = 0;
        while from < self.rows {
            let to = self.rows.min(from + 1 + random.below(batch as u64) as usize);
            let keys: Vec<Column> =
                self.keys.iter().zip(&self.key_types).map(|(v, t)| column(t, &v[from..to])).collect();
            let arguments: Vec<Option<Column>> = self
                .arguments
                .iter()
                .zip(&self.spec.states.arguments)
                .map(|(v, t)| t.as_ref().map(|t| column(t, &v[from..to])))
                .collect();
            let keys: Vec<&Column> = keys.iter().collect();
            let arguments: Vec<Option<&Column>> = arguments.iter().map(Option::as_ref).collect();
            let at = random.below(threads as u64) as usize;
            parts[at].update(&keys, &arguments, to - from, from as u64).unwrap();
            from = to;
        }
        // The order of the parts must not matter.
        let shift = random.below(threads as u64) as usize;
        parts.rotate_left(shift);
        merge_and_finish(&self.spec, parts, order, &budget).unwrap()
    }

    fn rows_of(&self, batches: &[Batch]) -> Vec<Vec<Value>> {
        let mut types = self.key_types.clone();
        types.extend(self.spec.states.aggregates.iter().map(|a| a.ty.kind.clone()));
        values_of(batches, &types)
    }
}

/// A kernel that counts and adds whole numbers, and stops at every row whose position is a
/// multiple of five or whose state it does not know.
struct Stubborn(Arc<AggregatorSpec>);

impl UpdateRows for Stubborn {
    fn run(
        &self,
        states: &mut [u64],
        groups: &[u32],
        arguments: &[Option<&Column>],
        from: usize,
        rows: usize,
    ) -> usize {
        let layout = &self.0.states.layout;
        let simple = layout.slots.iter().all(|s| matches!(s.kind, StateKind::Count | StateKind::Side));
        for row in from..rows {
            if !simple || row % 5 == 0 {
                return row;
            }
            for (slot, argument) in layout.slots.iter().zip(arguments) {
                let there = argument.is_none_or(|a| a.status.get(row) == 0);
                if slot.kind == StateKind::Count && there {
                    states[groups[row] as usize * layout.stride + slot.offset] += 1;
                }
            }
        }
        rows
    }
}

/// Equality that also tells floats' bits apart.
fn bits(rows: &[Vec<Value>]) -> Vec<Vec<String>> {
    let text = |v: &Value| match v {
        Value::Float(x) => format!("{:016x}", x.to_bits()),
        other => format!("{other:?}"),
    };
    rows.iter().map(|r| r.iter().map(text).collect()).collect()
}

#[test]
fn every_aggregate_of_every_type_agrees_with_the_model() {
    let mut random = Random::new(7);
    let mut key_sets: Vec<Vec<Type>> = all_types().into_iter().map(|t| vec![t]).collect();
    key_sets.extend([
        vec![],
        vec![Type::String, Type::Int],
        vec![Type::Float, Type::Bool],
        vec![Type::Int, Type::Int, Type::Date],
        vec![Type::String, Type::String],
        all_types(),
    ]);
    for keys in key_sets {
        for (rows, variety) in [(0, 1), (1, 1), (60, 3), (700, 40)] {
            let case = Case::new(&mut random, &keys, rows, variety);
            let expected = case.expected();
            let plain = case.rows_of(&case.run(&mut random, 1, 10_000, false, GroupOrder::Key));
            assert_eq!(plain, expected, "keys {keys:?}, {rows} rows");
            for (threads, batch, kernel) in [(2, 7, false), (3, 100, true), (5, 1, false), (1, 300, true)] {
                let split = case.run(&mut random, threads, batch, kernel, GroupOrder::Key);
                assert_eq!(bits(&case.rows_of(&split)), bits(&plain), "keys {keys:?}, {threads} threads");
                let unseen = case.run(&mut random, threads, batch, kernel, GroupOrder::Unseen);
                let mut unseen = bits(&case.rows_of(&unseen));
                let mut sorted = bits(&plain);
                unseen.sort();
                sorted.sort();
                assert_eq!(unseen, sorted);
            }
        }
    }
}

#[test]
fn a_kernel_that_stops_is_helped() {
    let mut random = Random::new(8);
    let mut case = Case::new(&mut random, &[Type::Int], 500, 6);
    let keep = |k: AggregateKind| {
        matches!(k, AggregateKind::Count | AggregateKind::First | AggregateKind::CountDistinct)
    };
    let states = &case.spec.states;
    let kept: Vec<usize> =
        (0..states.aggregates.len()).filter(|&i| keep(states.aggregates[i].kind)).collect();
    let aggregates = kept.iter().map(|&i| states.aggregates[i].clone()).collect();
    let types = kept.iter().map(|&i| states.arguments[i].clone()).collect();
    case.arguments = kept.iter().map(|&i| case.arguments[i].clone()).collect();
    case.spec = Arc::new(AggregatorSpec::new(case.spec.keys.clone(), aggregates, types));
    let got = case.run(&mut random, 2, 64, true, GroupOrder::Key);
    assert_eq!(case.rows_of(&got), case.expected());
}

#[test]
fn many_groups_merge_in_parallel() {
    for (ty, n) in [(Type::String, 60_000), (Type::Int, 60_000)] {
        let aggregate = |kind, id, argument| {
            Aggregate::new(ColumnId(id), kind, argument, DataType::required(Type::Int), Span::default())
        };
        let spec = Arc::new(AggregatorSpec::new(
            vec![TypedColumn { id: ColumnId(0), ty: DataType::nullable(ty.clone()) }],
            vec![
                aggregate(AggregateKind::Count, 1, None),
                aggregate(AggregateKind::Sum, 2, Some(ColumnId(9))),
                aggregate(AggregateKind::CountDistinct, 3, Some(ColumnId(9))),
            ],
            vec![None, Some(Type::Int), Some(Type::Int)],
        ));
        let budget = Budget::unlimited();
        let mut parts: Vec<Aggregator> =
            (0..3).map(|_| Aggregator::new(spec.clone(), None, &budget)).collect();
        let key = |i: usize| match ty {
            _ if i == 17 => Value::Null,
            Type::Int => Value::Int(i as i64 * 1_000_003 - 5_000_000_000),
            _ => Value::string(format!("{:x}{}", i * 77_777, "-".repeat(i % 31))),
        };
        for (t, part) in parts.iter_mut().enumerate() {
            // Thread t sees every key whose number is not t modulo 7, once or more.
            let seen: Vec<usize> = (0..n).filter(|i| i % 7 != t).collect();
            for (b, chunk) in seen.chunks(5_000).enumerate() {
                let keys = column(&ty, &chunk.iter().map(|&i| key(i)).collect::<Vec<_>>());
                let numbers = Column::valid(Values::I64(chunk.iter().map(|&i| i as i64).collect()));
                for _ in 0..=t {
                    part.update(
                        &[&keys],
                        &[None, Some(&numbers), Some(&numbers)],
                        chunk.len(),
                        (b * 5_000) as u64,
                    )
                    .unwrap();
                }
            }
        }
        let batches = merge_and_finish(&spec, parts, GroupOrder::Key, &budget).unwrap();
        let rows = values_of(&batches, &[ty.clone(), Type::Int, Type::Int, Type::Int]);
        let mut expected: Vec<Vec<Value>> = (0..n)
            .map(|i| {
                let times: i64 = (0..3).filter(|t| i % 7 != *t).map(|t| t as i64 + 1).sum();
                vec![key(i), Value::Int(times), Value::Int(times * i as i64), Value::Int(1)]
            })
            .collect();
        expected.sort();
        assert_eq!(rows.len(), expected.len());
        assert!(rows == expected);
    }
}

#[test]
fn sums_that_do_not_fit_name_their_group() {
    let (aggregates, arguments): (Vec<_>, Vec<_>) = [
        (Type::Int, Type::Int),
        (Type::Decimal { precision: 38, scale: 2 }, Type::Decimal { precision: 38, scale: 2 }),
    ]
    .into_iter()
    .enumerate()
    .map(|(i, (ty, argument))| {
        let a = Aggregate::new(
            ColumnId(10 + i as u32),
            AggregateKind::Sum,
            Some(ColumnId(5)),
            DataType::required(ty),
            Span::default(),
        );
        (a, Some(argument))
    })
    .unzip();
    let keys = vec![TypedColumn { id: ColumnId(0), ty: DataType::nullable(Type::String) }];
    let spec = Arc::new(AggregatorSpec::new(keys, aggregates, arguments));
    let big = 10i128.pow(38) - 1;
    let run = |ints: &[i64], decimals: &[i128]| {
        let budget = Budget::unlimited();
        let mut parts = Vec::new();
        for i in 0..ints.len() {
            let mut part = Aggregator::new(spec.clone(), None, &budget);
            let key = column(&Type::String, &[Value::string("b"), Value::string("a"), Value::string("c")]);
            let x = Column::valid(Values::I64(vec![0, ints[i], ints[i]]));
            let y = Column::valid(Values::I128(vec![0, decimals[i], decimals[i]]));
            part.update(&[&key], &[Some(&x), Some(&y)], 3, i as u64 * 3).unwrap();
            parts.push(part);
        }
        merge_and_finish(&spec, parts, GroupOrder::Key, &budget)
            .map(|b| b.iter().map(|b| b.rows).sum::<usize>())
    };
    let overflow =
        |aggregate| Err(AggregateError::NoResult { aggregate, key: vec![Value::string("a")], error: None });
    assert_eq!(run(&[i64::MAX, 1], &[0, 0]), overflow(0));
    assert_eq!(run(&[i64::MAX, 1, -1], &[0, 0, 0]), Ok(3));
    assert_eq!(run(&[i64::MIN, -1], &[0, 0]), overflow(0));
    assert_eq!(run(&[0, 0], &[big, 1]), overflow(1));
    assert_eq!(run(&[0, 0], &[-big, -1]), overflow(1));
    assert_eq!(run(&[0, 0, 0], &[big, 1, -1]), Ok(3));
}

#[test]
fn a_budget_that_does_not_suffice_is_an_error() {
    let keys = vec![TypedColumn { id: ColumnId(0), ty: DataType::nullable(Type::Int) }];
    let spec = Arc::new(AggregatorSpec::new(keys, Vec::new(), Vec::new()));
    let budget = Budget::new(1 << 20);
    let mut part = Aggregator::new(spec, None, &budget);
    let mut outcome = Ok(());
    for b in 0..100i64 {
        let column = Column::valid(Values::I64((b * 10_000..(b + 1) * 10_000).collect()));
        outcome = part.update(&[&column], &[], 10_000, 0);
        if outcome.is_err() {
            break;
        }
        assert!(budget.left() < 1 << 20);
    }
    assert!(outcome.is_err_and(|e| e.needed > e.left));
    drop(part);
    assert_eq!(budget.left(), 1 << 20);
}

#[test]
fn null_is_one_group_beside_empty_and_zero() {
    for (ty, values) in [
        (Type::String, vec![Value::Null, Value::string(""), Value::Null]),
        (Type::Int, vec![Value::Null, Value::Int(0), Value::Null]),
        (Type::Float, vec![Value::Null, Value::Float(-0.0), Value::Null]),
        (Type::Bool, vec![Value::Null, Value::Bool(false), Value::Null]),
    ] {
        let mut table = GroupTable::new(vec![ty.clone()], &Budget::unlimited());
        let keys = column(&ty, &values);
        assert!(matches!(keys.status, Status::Rows(_)));
        let mut groups = Vec::new();
        table.find(&[&keys], 3, &mut groups);
        assert_eq!(groups, [NO_GROUP; 3]);
        table.assign(&[&keys], 3, &mut groups).unwrap();
        assert_eq!(groups, [0, 1, 0]);
        table.find(&[&keys], 3, &mut groups);
        assert_eq!(groups, [0, 1, 0]);
        let back = table.key_columns(&[0, 1]);
        assert_eq!(back[0].value(0, &ty), Ok(Value::Null));
        assert_eq!(back[0].value(1, &ty), Ok(values[1].clone()));
    }
}
