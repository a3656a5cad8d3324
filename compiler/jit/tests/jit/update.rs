//! Update kernels against a plain model: random aggregates over random columns and groups must
//! leave the same words, and stop at the same rows.

use flow_ir::column::{NULL, VALID};
use flow_ir::expr::Span;
use flow_ir::layout::{StateKind, StateLayout, StateSlot};
use flow_ir::value::float_order;
use flow_ir::{Aggregate, AggregateKind, Column, ColumnId, DataType, Status, Type, Values};
use flow_jit::UpdateKernel;
use std::cmp::Ordering;
use std::collections::BTreeSet;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

fn column(random: &mut Random, ty: &Type, rows: usize, wild: bool) -> Column {
    let values = match ty {
        Type::Bool => Values::Bool((0..rows).map(|_| random.below(2) as u8).collect()),
        Type::Float => Values::F64((0..rows).map(|_| float(random, wild)).collect()),
        _ => Values::I64(
            (0..rows)
                .map(|_| match random.below(6) {
                    0 => i64::MAX,
                    1 => i64::MIN,
                    _ => random.below(1000) as i64 - 500,
                })
                .collect(),
        ),
    };
    let status = if random.below(2) == 0 {
        Status::AllValid
    } else {
        Status::Rows((0..rows).map(|_| if random.below(4) == 0 { NULL } else { VALID }).collect())
    };
    Column { values, status }
}

fn float(random: &mut Random, wild: bool) -> f64 {
    const WILD: [f64; 8] =
        [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300, 5e-324, f64::MAX, 1e-200];
    match random.below(40) {
        0 if wild => WILD[random.below(8)],
        1 => 0.0,
        2 => -0.0,
        _ => (random.below(200_000) as f64 - 100_000.0) / 100.0,
    }
}

/// The sum of a pair and `x` as a pair; `None` if that is inexact.
fn add_to_pair((s, e): (f64, f64), x: f64) -> Option<(f64, f64)> {
    fn two_sum(a: f64, b: f64) -> (f64, f64) {
        let sum = a + b;
        let part = sum - a;
        (sum, (a - (sum - part)) + (b - part))
    }
    let (sum, rest) = two_sum(s, x);
    let (error, lost) = two_sum(e, rest);
    (lost == 0.0 && rest.is_finite()).then_some((sum, error))
}

/// Whether the model's words can take a value.
fn takes(words: &[u64], slot: StateSlot, x: f64) -> bool {
    let w = &words[slot.offset..];
    w[2] == 0 && add_to_pair((f64::from_bits(w[0]), f64::from_bits(w[1])), x).is_some()
}

fn add(words: &mut [u64], slot: StateSlot, kind: AggregateKind, column: Option<&Column>, row: usize) {
    let w = &mut words[slot.offset..slot.offset + slot.kind.words()];
    let Some(column) = column else {
        w[0] += 1;
        return;
    };
    if column.status.get(row) != VALID {
        return;
    }
    match (slot.kind, &column.values) {
        (StateKind::Count, Values::Bool(v)) if kind == AggregateKind::CountIf => w[0] += u64::from(v[row]),
        (StateKind::Count, _) => w[0] += 1,
        (StateKind::Flag, Values::Bool(v)) => {
            w[0] += u64::from((v[row] == 1) == (kind == AggregateKind::Any))
        }
        (StateKind::IntSum | StateKind::IntMean, Values::I64(v)) => {
            let sum = (i128::from(w[1]) << 64 | i128::from(w[0])) + i128::from(v[row]);
            w[0] = sum as u64;
            w[1] = (sum >> 64) as u64;
            if slot.kind == StateKind::IntMean {
                w[2] += 1;
            }
        }
        (StateKind::FloatSum | StateKind::FloatMean, Values::F64(v)) => {
            // Rows that do not fit are marked, as the runtime would do with a handle.
            match add_to_pair((f64::from_bits(w[0]), f64::from_bits(w[1])), v[row]) {
                Some((s, e)) if w[2] == 0 => {
                    w[0] = s.to_bits();
                    w[1] = e.to_bits();
                }
                _ => w[2] = 1,
            }
            if slot.kind == StateKind::FloatMean {
                w[3] += 1;
            }
        }
        (StateKind::IntExtreme, values) => {
            let x = match values {
                Values::Bool(v) => i64::from(v[row]),
                Values::I64(v) => v[row],
                _ => panic!("an extreme of something else"),
            };
            let wanted = if kind == AggregateKind::Max { Ordering::Greater } else { Ordering::Less };
            if w[1] == 0 || x.cmp(&(w[0] as i64)) == wanted {
                w[0] = x as u64;
            }
            w[1] += 1;
        }
        (StateKind::FloatExtreme, Values::F64(v)) => {
            let wanted = if kind == AggregateKind::Max { Ordering::Greater } else { Ordering::Less };
            if w[1] == 0 || float_order(v[row], f64::from_bits(w[0])) == wanted {
                w[0] = (v[row] + 0.0).to_bits();
            }
            w[1] += 1;
        }
        other => panic!("the model has no {other:?}"),
    }
}

fn aggregates(random: &mut Random) -> Vec<(AggregateKind, Option<Type>)> {
    const TYPES: [Type; 5] = [Type::Bool, Type::Int, Type::Float, Type::Date, Type::Duration];
    let mut all = Vec::new();
    while all.len() < 1 + random.below(5) {
        let kind = AggregateKind::ALL[random.below(AggregateKind::ALL.len())];
        let argument = match random.below(8) {
            0 if kind == AggregateKind::Count => None,
            1 => Some(Type::String),
            _ => Some(TYPES[random.below(5)].clone()),
        };
        let data = argument.clone().map(DataType::required);
        if kind.result(data.as_ref(), true).is_some() {
            all.push((kind, argument));
        }
    }
    all
}

fn layout(aggregates: &[(AggregateKind, Option<Type>)]) -> StateLayout {
    let list: Vec<Aggregate> = aggregates
        .iter()
        .map(|(kind, argument)| {
            Aggregate::new(
                ColumnId(0),
                *kind,
                argument.as_ref().map(|_| ColumnId(1)),
                DataType::required(Type::Int),
                Span::default(),
            )
        })
        .collect();
    let types: Vec<Option<Type>> = aggregates.iter().map(|(_, t)| t.clone()).collect();
    StateLayout::new(&list, &types)
}

#[test]
fn kernels_leave_the_words_of_the_model() {
    let mut reached: BTreeSet<String> = BTreeSet::new();
    let mut stops = 0;
    for seed in 0..1500 {
        let mut random = Random(seed);
        let aggregates = aggregates(&mut random);
        let layout = layout(&aggregates);
        let keyed = random.below(2) == 0;
        let Some(kernel) = UpdateKernel::compile(&aggregates, &layout, keyed, false).unwrap() else {
            assert!(layout.slots.iter().all(|s| s.kind == StateKind::Side), "{aggregates:?}");
            continue;
        };
        let rows = [0, 1, 2, 3, 8, 33, 200][random.below(7)];
        let group_count = if keyed { 1 + random.below(5) } else { 1 };
        let wild = random.below(3) == 0;
        let mut words = vec![0u64; layout.stride * group_count];
        let mut model = words.clone();
        // Several morsels, so that states are met that others have left.
        for _ in 0..3 {
            let groups: Vec<u32> = (0..rows).map(|_| random.below(group_count) as u32).collect();
            let columns: Vec<Option<Column>> = aggregates
                .iter()
                .map(|(_, ty)| match ty {
                    None => None,
                    // Only the status of a text is read.
                    Some(Type::String) => Some(Column {
                        values: Values::Any(vec![flow_ir::Value::Null; rows]),
                        ..column(&mut random, &Type::Int, rows, wild)
                    }),
                    Some(ty) => Some(column(&mut random, ty, rows, wild)),
                })
                .collect();
            let arguments: Vec<Option<&Column>> = columns.iter().map(Option::as_ref).collect();
            let mut at = 0;
            while at < rows {
                let passed = if keyed { groups.as_slice() } else { &[] };
                let stop = kernel.run(&mut words, passed, &arguments, at, rows);
                for row in at..rows.min(stop + 1) {
                    let group = &mut model[groups[row] as usize * layout.stride..][..layout.stride];
                    let fits = layout.slots.iter().zip(&arguments).all(|(slot, c)| match c {
                        Some(Column { values: Values::F64(v), status })
                            if matches!(slot.kind, StateKind::FloatSum | StateKind::FloatMean) =>
                        {
                            let x = if status.get(row) == VALID { v[row] } else { 0.0 };
                            takes(group, *slot, x)
                        }
                        _ => true,
                    });
                    assert_eq!(fits, row < stop, "seed {seed}, row {row}: {aggregates:?}");
                    for (k, slot) in layout.slots.iter().enumerate().filter(|(k, _)| kernel.covered()[*k]) {
                        add(group, *slot, aggregates[k].0, arguments[k], row);
                        if row == stop {
                            let group = &mut words[groups[row] as usize * layout.stride..][..layout.stride];
                            add(group, *slot, aggregates[k].0, arguments[k], row);
                        }
                    }
                }
                stops += usize::from(stop < rows);
                at = stop + 1;
            }
            for (k, slot) in layout.slots.iter().enumerate() {
                for group in 0..group_count {
                    let start = group * layout.stride + slot.offset;
                    compare(
                        &words[start..],
                        &model[start..],
                        slot,
                        &format!("seed {seed}: {:?}", aggregates[k]),
                    );
                }
                assert_eq!(kernel.covered()[k], slot.kind != StateKind::Side, "{:?}", aggregates[k]);
            }
        }
        for ((kind, ty), slot) in aggregates.iter().zip(&layout.slots) {
            reached.insert(format!("{kind:?} {ty:?} {:?} {keyed}", slot.kind));
        }
    }
    assert!(stops > 50, "only {stops} rows were refused");
    assert!(reached.len() > 60, "only {} combinations: {reached:#?}", reached.len());
}

fn compare(words: &[u64], model: &[u64], slot: &StateSlot, context: &str) {
    match slot.kind {
        // Pairs may be split differently, but their sum is the same number.
        StateKind::FloatSum | StateKind::FloatMean => {
            assert_eq!(words[2], model[2], "{context}");
            if words[2] == 0 {
                let value = |w: &[u64]| f64::from_bits(w[0]) + f64::from_bits(w[1]);
                assert_eq!(value(words).to_bits(), value(model).to_bits(), "{context}");
            }
            assert_eq!(words[3..slot.kind.words()], model[3..slot.kind.words()], "{context}");
        }
        StateKind::FloatExtreme => {
            let (a, b) = (f64::from_bits(words[0]), f64::from_bits(model[0]));
            let same = a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) || words[1] == 0;
            assert!(same && words[1] == model[1], "{context}: {words:?} {model:?}");
        }
        StateKind::IntExtreme if words[1] == 0 => assert_eq!(model[1], 0, "{context}"),
        kind => assert_eq!(words[..kind.words()], model[..kind.words()], "{context}"),
    }
}

#[test]
#[should_panic(expected = "is not there")]
fn groups_without_words_are_refused() {
    let aggregates = [(AggregateKind::Count, None)];
    let kernel = UpdateKernel::compile(&aggregates, &layout(&aggregates), true, false).unwrap().unwrap();
    kernel.run(&mut [0, 0], &[0, 1, 2], &[None], 0, 3);
}
