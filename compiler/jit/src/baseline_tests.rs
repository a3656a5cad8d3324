//! Tests of code for the oldest processor of the architecture, which needs no library calls and
//! computes the same.

use crate::engine::{baseline::BASELINE, host};
use crate::generate::{Generator, TYPES};
use crate::{Engine, Predicate, Selection, UpdateKernel, oracle};
use flow_ir::layout::{StateKind, StateLayout, StateSlot};
use flow_ir::{AggregateKind, Column, Type, Values};

#[test]
fn expressions_agree_with_the_interpreter() {
    BASELINE.set(true);
    assert!(host().is_ok_and(|h| cfg!(not(target_arch = "x86_64")) || !h.has_rounding));
    let mut reached = std::collections::BTreeMap::new();
    for seed in 0..400 {
        let generator = Generator::new(seed + 3_000_000);
        let mut generator = if seed % 2 == 0 { generator } else { generator.only_fixed() };
        let batch = generator.batch();
        let exprs: Vec<_> = TYPES.iter().map(|ty| generator.expr(ty, 4)).collect();
        for expr in &exprs {
            oracle::count(expr, &mut reached);
        }
        oracle::check(&exprs, &batch, seed);
        let condition = &exprs[0];
        let predicate = Predicate::compile(condition, &batch.columns, Engine::Jit).expect("compiles");
        let mut found = Selection::default();
        predicate.run(&batch.pick(predicate.inputs()), batch.rows, &mut found);
        assert_eq!(found, oracle::selection(condition, &batch), "seed {seed}: {condition:?}");
    }
    for wanted in crate::generate::wanted() {
        assert!(reached.contains_key(&wanted), "never reached: {wanted}");
    }
    BASELINE.set(false);
}

#[test]
fn pairs_of_rows_are_summed() {
    BASELINE.set(true);
    let aggregates = [
        (AggregateKind::Sum, Some(Type::Float)),
        (AggregateKind::Min, Some(Type::Float)),
        (AggregateKind::Max, Some(Type::Float)),
    ];
    let slot = |kind, offset| StateSlot { kind, offset };
    let slots = vec![
        slot(StateKind::FloatSum, 0),
        slot(StateKind::FloatExtreme, 3),
        slot(StateKind::FloatExtreme, 5),
    ];
    let layout = StateLayout { slots, stride: 7 };
    let kernel = UpdateKernel::compile(&aggregates, &layout, false, false).expect("compiles").expect("words");
    let column = Column::valid(Values::F64((1..=101).map(|x| f64::from(x) / 10.0).collect()));
    let mut words = [0; 7];
    let arguments = [Some(&column); 3];
    assert_eq!(kernel.run(&mut words, &[], &arguments, 0, 101), 101);
    let float = |at: usize| f64::from_bits(words[at]);
    assert_eq!(float(0) + float(1), 515.1);
    assert_eq!((float(3), words[4], float(5), words[6]), (0.1, 101, 10.1, 101));
    BASELINE.set(false);
}
