//! Native code against the reference interpreter: seeded random typed expressions over columns of
//! boundary values, nulls and errors must give the same status in every row, and the same value
//! where it is valid. Counts which function was reached with which types, and insists on all.

use crate::generate::{Generator, TYPES};
use flow_ir::{ExprKind, Function, Type};
use flow_jit::{Engine, Predicate, Projection, Selection, StepKind};
use std::collections::BTreeMap;

/// Programs a run tries. Nightly runs set `FLOW_JIT_PROGRAMS`.
fn programs() -> u64 {
    std::env::var("FLOW_JIT_PROGRAMS").ok().and_then(|n| n.parse().ok()).unwrap_or(1500)
}

#[test]
fn native_code_agrees_with_the_interpreter() {
    let mut reached: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 0..programs() {
        let mut generator = Generator::new(seed);
        let batch = generator.batch();
        let count = 1 + generator.below(3);
        let exprs: Vec<_> = (0..count)
            .map(|_| {
                let ty = TYPES[generator.below(TYPES.len())].clone();
                let depth = 1 + generator.below(5);
                generator.expr(&ty, depth)
            })
            .collect();
        for expr in &exprs {
            crate::oracle::count(expr, &mut reached);
        }
        crate::oracle::check(&exprs, &batch, seed);
    }
    for wanted in crate::generate::wanted() {
        assert!(reached.contains_key(&wanted), "never reached: {wanted}; reached {reached:?}");
    }
}

#[test]
fn selections_agree_with_the_interpreter() {
    for seed in 0..programs() / 2 {
        let mut generator = Generator::new(seed + 1_000_000);
        let batch = generator.batch();
        let depth = 1 + generator.below(5);
        let expr = generator.expr(&Type::Bool, depth);
        let wanted = crate::oracle::selection(&expr, &batch);
        for engine in [Engine::Jit, Engine::Interpreter] {
            let predicate = Predicate::compile(&expr, &batch.columns, engine).unwrap();
            let mut found = Selection::default();
            predicate.run(&batch.pick(predicate.inputs()), batch.rows, &mut found);
            assert_eq!(found, wanted, "seed {seed}, {engine:?}: {expr:?}");
        }
    }
}

#[test]
fn fixed_width_expressions_are_one_native_loop() {
    for seed in 0..300 {
        let mut generator = Generator::new(seed + 2_000_000).only_fixed();
        let batch = generator.batch();
        let expr = generator.expr(&Type::Int, 4);
        if matches!(expr.kind, ExprKind::Column(_) | ExprKind::Literal(_)) {
            continue;
        }
        let projection =
            Projection::compile(std::slice::from_ref(&expr), &batch.columns, Engine::Jit).unwrap();
        let steps = projection.describe();
        assert!(
            matches!(steps.as_slice(), [step] if step.kind == StepKind::NativeLoop),
            "{steps:#?} for {expr:?}"
        );
    }
}

#[test]
fn every_function_is_known_to_the_generator_or_left_to_the_library() {
    // A new operator must be added to the generator, or it would never be compared.
    for function in [Function::Add, Function::Divide, Function::Remainder, Function::In, Function::Between] {
        assert!(crate::generate::wanted().iter().any(|w| w.starts_with(&format!("{}(", function.name()))));
    }
}
