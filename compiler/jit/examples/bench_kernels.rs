//! Nanoseconds a row of generated loops, on one core: `cargo run --release -p flow-jit --example bench_kernels`.
//!
//! Morsels of 8192 rows, so that the figures are those of the loops and not of memory. With the
//! argument `--asm` it prints the machine code as well.

use flow_ir::expr::Span;
use flow_ir::layout::StateLayout;
use flow_ir::physical::TypedColumn;
use flow_ir::{
    Aggregate, AggregateKind, Column, ColumnId, DataType, Expr, ExprKind, Function, Status, Type, Value,
    Values,
};
use flow_jit::{Engine, KernelText, Options, Predicate, Projection, Selection, UpdateKernel};
use std::hint::black_box;
use std::time::{Duration, Instant};

const ROWS: usize = 8192;
const ROUNDS: usize = 5;
const SAMPLES: usize = 300;

fn main() {
    start_up();
    let data = columns();
    let refs: Vec<&Column> = data.iter().collect();
    predicates(&refs);
    projections(&refs);
    updates(&data);
}

/// Whether the machine code is wanted.
fn wants_text() -> bool {
    std::env::args().any(|a| a == "--asm")
}

fn show(texts: &[KernelText]) {
    for text in texts {
        println!("    {}, {} bytes\n{}", text.name, text.bytes, text.assembler);
    }
}

/// Deterministic noise.
fn noise(i: usize) -> u64 {
    let z = (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (z ^ (z >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 20
}

fn columns() -> Vec<Column> {
    let ints = |m: u64| Values::I64((0..ROWS).map(|i| (noise(i) % m) as i64).collect());
    let floats = |m: u64| Values::F64((0..ROWS).map(|i| (noise(i + 7) % m) as f64 / 100.0).collect());
    let nulls = Status::Rows((0..ROWS).map(|i| u8::from(noise(i).is_multiple_of(5))).collect());
    vec![
        Column::valid(ints(400)),
        Column::valid(ints(1_000_000)),
        Column::valid(floats(40_000)),
        Column::valid(floats(1_000_000)),
        Column { values: ints(400), status: nulls },
    ]
}

fn types() -> Vec<TypedColumn> {
    [Type::Int, Type::Int, Type::Float, Type::Float, Type::Int]
        .into_iter()
        .enumerate()
        .map(|(i, t)| TypedColumn { id: ColumnId(i as u32), ty: DataType::nullable(t) })
        .collect()
}

fn column(i: u32) -> Expr {
    Expr::column(ColumnId(i), types()[i as usize].ty.clone(), Span::default())
}

fn int(x: i64) -> Expr {
    Expr::literal(Value::Int(x), DataType::required(Type::Int), Span::default())
}

fn float(x: f64) -> Expr {
    Expr::literal(Value::Float(x), DataType::required(Type::Float), Span::default())
}

fn call(function: Function, ty: Type, arguments: Vec<Expr>) -> Expr {
    let kind = ExprKind::Call { function, arguments };
    Expr { kind, ty: DataType::nullable(ty), span: Span::default() }
}

/// The best of many short runs, in nanoseconds a row: short ones are seldom interrupted.
fn measure(name: &str, mut f: impl FnMut()) {
    f();
    let mut best = Duration::MAX;
    for _ in 0..SAMPLES {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            f();
        }
        best = best.min(start.elapsed());
    }
    println!("{name:44} {:6.3} ns/row", best.as_nanos() as f64 / (ROUNDS * ROWS) as f64);
}

fn start_up() {
    let start = Instant::now();
    let predicate = call(Function::Greater, Type::Bool, vec![column(0), int(200)]);
    let first = Predicate::compile(&predicate, &types(), Engine::Jit).expect("compiles");
    println!("first kernel, with the host's description: {:?} ({:?})", start.elapsed(), first.compile_time());
    let start = Instant::now();
    let second = Predicate::compile(&predicate, &types(), Engine::Jit).expect("compiles");
    println!("second kernel: {:?} ({:?})", start.elapsed(), second.compile_time());
    let start = Instant::now();
    for _ in 0..1000 {
        black_box(Predicate::compile(&predicate, &types(), Engine::Jit).expect("compiles"));
    }
    println!("1000 kernels: {:?}", start.elapsed());
}

fn predicates(data: &[&Column]) {
    let both = |a, b| Expr {
        kind: ExprKind::And(Box::new(a), Box::new(b)),
        ty: DataType::nullable(Type::Bool),
        span: Span::default(),
    };
    let cases = [
        ("filter i > 200", call(Function::Greater, Type::Bool, vec![column(0), int(200)])),
        ("filter f > 200.0", call(Function::Greater, Type::Bool, vec![column(2), float(200.0)])),
        ("filter i > 200, with nulls", call(Function::Greater, Type::Bool, vec![column(4), int(200)])),
        (
            "filter i > 200 and f < 100.0",
            both(
                call(Function::Greater, Type::Bool, vec![column(0), int(200)]),
                call(Function::Less, Type::Bool, vec![column(2), float(100.0)]),
            ),
        ),
        ("filter f1 < f2 (with NaN rules)", call(Function::Less, Type::Bool, vec![column(2), column(3)])),
    ];
    for (name, expr) in cases {
        let options = Options { engine: Engine::Jit, text: wants_text() };
        let predicate = Predicate::compile(&expr, &types(), options).expect("compiles");
        let used: Vec<&Column> = predicate.inputs().iter().map(|id| data[id.0 as usize]).collect();
        let mut selection = Selection::default();
        measure(name, || predicate.run(black_box(&used), ROWS, black_box(&mut selection)));
        show(&predicate.texts());
    }
}

fn projections(data: &[&Column]) {
    let product = |a, b| call(Function::Multiply, Type::Int, vec![a, b]);
    let float_product = |a, b| call(Function::Multiply, Type::Float, vec![a, b]);
    let chain = call(
        Function::Add,
        Type::Int,
        vec![product(column(0), int(3)), call(Function::Subtract, Type::Int, vec![column(1), column(0)])],
    );
    let choice = Expr {
        kind: ExprKind::If {
            condition: Box::new(call(Function::Greater, Type::Bool, vec![column(0), int(200)])),
            then: Box::new(column(2)),
            otherwise: Box::new(column(3)),
        },
        ty: DataType::nullable(Type::Float),
        span: Span::default(),
    };
    let cases = [
        ("f1 * f2", float_product(column(2), column(3))),
        ("i1 + 1 (checked)", call(Function::Add, Type::Int, vec![column(0), int(1)])),
        ("i1 * 3 + (i2 - i1) (checked)", chain.clone()),
        ("i + 1, with nulls", call(Function::Add, Type::Int, vec![column(4), int(1)])),
        ("i1 / i2 (checked, float)", call(Function::Divide, Type::Float, vec![column(1), column(0)])),
        ("i // 7", call(Function::FloorDivide, Type::Int, vec![column(1), int(7)])),
        ("i1 // i2", call(Function::FloorDivide, Type::Int, vec![column(1), column(0)])),
        ("if i > 200 then f1 else f2", choice),
    ];
    for (name, expr) in cases {
        for (engine, rounds) in [(Engine::Jit, true), (Engine::Interpreter, false)] {
            if !rounds && name != "f1 * f2" {
                continue;
            }
            let projection = Projection::compile(
                std::slice::from_ref(&expr),
                &types(),
                Options { engine, text: wants_text() },
            )
            .expect("compiles");
            let used: Vec<&Column> = projection.inputs().iter().map(|id| data[id.0 as usize]).collect();
            let name = if rounds { name.to_owned() } else { format!("{name}, interpreter") };
            measure(&name, || {
                black_box(projection.run(black_box(&used), ROWS));
            });
            show(&projection.texts());
        }
    }
}

fn updates(data: &[Column]) {
    use AggregateKind::{Count, Max, Mean, Min, Sum};
    let f = Some(2);
    let i = Some(0);
    let cases = [
        ("count()", vec![(Count, None)]),
        ("sum(i)", vec![(Sum, i)]),
        ("sum(f)", vec![(Sum, f)]),
        ("mean(f)", vec![(Mean, f)]),
        ("min(i), max(i)", vec![(Min, i), (Max, i)]),
        ("min(f), max(f)", vec![(Min, f), (Max, f)]),
        ("min(f), mean(f), max(f)", vec![(Min, f), (Mean, f), (Max, f)]),
        ("count(), sum(i), sum(f), with nulls", vec![(Count, None), (Sum, Some(4)), (Sum, f)]),
    ];
    let groups: Vec<u32> = (0..ROWS).map(|i| (noise(i + 3) % 413) as u32).collect();
    for (name, aggregates) in cases {
        for keyed in [false, true] {
            let kinds: Vec<(AggregateKind, Option<Type>)> =
                aggregates.iter().map(|(k, c)| (*k, c.map(|c| types()[c].ty.kind.clone()))).collect();
            let list: Vec<Aggregate> = kinds
                .iter()
                .map(|(kind, _)| {
                    Aggregate::new(ColumnId(0), *kind, None, DataType::required(Type::Int), Span::default())
                })
                .collect();
            let types: Vec<Option<Type>> = kinds.iter().map(|(_, t)| t.clone()).collect();
            let layout = StateLayout::new(&list, &types);
            let kernel = UpdateKernel::compile(&kinds, &layout, keyed, wants_text())
                .expect("compiles")
                .expect("words");
            let arguments: Vec<Option<&Column>> =
                aggregates.iter().map(|(_, c)| c.map(|c| &data[c])).collect();
            let mut states = vec![0u64; layout.stride * if keyed { 413 } else { 1 }];
            let groups = if keyed { groups.as_slice() } else { &[] };
            let name = format!("{} {name}", if keyed { "by 413 keys:" } else { "one group:" });
            measure(&name, || {
                let stopped = kernel.run(&mut states, groups, black_box(&arguments), 0, ROWS);
                assert_eq!(stopped, ROWS);
            });
            show(&kernel.texts());
        }
    }
}
