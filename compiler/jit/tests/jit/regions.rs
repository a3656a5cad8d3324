//! How expressions are cut into steps: what only the interpreter can do takes in as little as
//! possible, and everything around it stays fast.

use crate::generate::{Generator, TestBatch};
use flow_ir::expr::{LocalId, Span};
use flow_ir::{ColumnId, DataType, Expr, ExprKind, Function, Type, Value};
use flow_jit::{Engine, JitError, Projection, StepKind};

fn node(kind: ExprKind, ty: Type) -> Expr {
    Expr { kind, ty: DataType::nullable(ty), span: Span::default() }
}

fn call(function: Function, ty: Type, arguments: Vec<Expr>) -> Expr {
    node(ExprKind::Call { function, arguments }, ty)
}

fn list_of(ty: Type) -> Type {
    Type::List(Box::new(DataType::nullable(ty)))
}

fn int(x: i64) -> Expr {
    node(ExprKind::Literal(Value::Int(x)), Type::Int)
}

fn text(x: &str) -> Expr {
    node(ExprKind::Literal(Value::string(x)), Type::String)
}

/// The generator's first int and string columns.
fn int_column() -> Expr {
    node(ExprKind::Column(ColumnId(101)), Type::Int)
}

fn text_column() -> Expr {
    node(ExprKind::Column(ColumnId(106)), Type::String)
}

fn plus(a: Expr, b: Expr) -> Expr {
    call(Function::Add, Type::Int, vec![a, b])
}

fn kinds(exprs: &[Expr], batch: &TestBatch) -> Vec<StepKind> {
    let projection = Projection::compile(exprs, &batch.columns, Engine::Jit).unwrap();
    projection.describe().iter().map(|s| s.kind).collect()
}

fn check(exprs: &[Expr], wanted: &[StepKind]) {
    for seed in 0..40 {
        let batch = Generator::new(seed).batch();
        crate::oracle::check(exprs, &batch, seed);
        assert_eq!(kinds(exprs, &batch), wanted);
    }
}

#[test]
fn a_lambda_takes_computed_columns() {
    // let k = i + 1; map([i, 2], x -> x + k)
    let (k, x) = (LocalId(0), LocalId(1));
    let local = |id| node(ExprKind::Local(id), Type::Int);
    let body = Box::new(plus(local(x), local(k)));
    let lambda = node(ExprKind::Lambda { parameters: vec![x], body }, Type::Int);
    let list = node(ExprKind::List(vec![int_column(), int(2)]), list_of(Type::Int));
    let mapped = call(Function::ListMap, list_of(Type::Int), vec![list, lambda]);
    let value = Box::new(plus(int_column(), int(1)));
    let bound = node(ExprKind::Let { local: k, value, body: Box::new(mapped) }, list_of(Type::Int));
    // The sum is native, the map is not, and the block's value may be an error.
    check(&[bound], &[StepKind::NativeLoop, StepKind::Interpreter, StepKind::Vector]);
}

#[test]
fn a_lambda_may_bind_and_choose() {
    // filter([i, 3], x -> let y = x + i; y > 2 and i + 1 > 0)
    let (x, y) = (LocalId(1), LocalId(2));
    let local = |id| node(ExprKind::Local(id), Type::Int);
    let above = |a, b| call(Function::Greater, Type::Bool, vec![a, b]);
    let invariant = above(plus(int_column(), int(1)), int(0));
    let both = node(ExprKind::And(Box::new(above(local(y), int(2))), Box::new(invariant)), Type::Bool);
    let value = Box::new(plus(local(x), int_column()));
    let body = node(ExprKind::Let { local: y, value, body: Box::new(both) }, Type::Bool);
    let lambda = node(ExprKind::Lambda { parameters: vec![x], body: Box::new(body) }, Type::Bool);
    let list = node(ExprKind::List(vec![int_column(), int(3)]), list_of(Type::Int));
    let kept = call(Function::ListFilter, list_of(Type::Int), vec![list, lambda]);
    let count = call(Function::Len, Type::Int, vec![kept]);
    let sum = plus(count, int_column());
    check(&[sum], &[StepKind::NativeLoop, StepKind::Interpreter, StepKind::NativeLoop]);
}

#[test]
fn a_piece_of_a_split_text_needs_no_list() {
    let split = call(Function::Split, list_of(Type::String), vec![text_column(), text("b")]);
    let piece = call(Function::Index, Type::String, vec![split.clone(), int(0)]);
    let upper = call(Function::Upper, Type::String, vec![piece]);
    check(&[upper], &[StepKind::Vector, StepKind::Vector]);
    let by_row = call(Function::Index, Type::String, vec![split, int_column()]);
    check(&[by_row], &[StepKind::Interpreter]);
}

#[test]
fn records_and_fields_stay_inside_the_interpreter() {
    let field = |name: &str, ty| flow_ir::Field { name: name.to_owned(), ty: DataType::nullable(ty) };
    let ty = Type::Record(vec![field("a", Type::Int), field("b", Type::String)]);
    let record = node(ExprKind::Record(vec![plus(int_column(), int(1)), text_column()]), ty);
    let a = node(ExprKind::Field(Box::new(record.clone()), 0), Type::Int);
    let wanted = node(ExprKind::IsNull(Box::new(record)), Type::Bool);
    let steps = [StepKind::NativeLoop, StepKind::Interpreter, StepKind::Interpreter, StepKind::NativeLoop];
    check(&[plus(a, int(5)), wanted], &steps);
}

#[test]
fn equal_subexpressions_are_one_column() {
    let upper = || call(Function::Upper, Type::String, vec![text_column()]);
    let len = call(Function::Len, Type::Int, vec![upper()]);
    let same = call(Function::Equal, Type::Bool, vec![upper(), text("AB")]);
    let batch = Generator::new(1).batch();
    assert_eq!(kinds(&[len.clone(), same.clone(), upper()], &batch).len(), 3);
    check(&[len, same, upper(), upper(), text_column(), int(7), text("x")], &[StepKind::Vector; 3]);
}

#[test]
fn only_columns_that_are_read_are_asked_for() {
    let batch = Generator::new(1).batch();
    let unused = node(ExprKind::Column(ColumnId(102)), Type::Float);
    let projection = Projection::compile(&[plus(int_column(), int(1))], &batch.columns, Engine::Jit).unwrap();
    assert_eq!(projection.inputs(), [ColumnId(101)]);
    let none = Projection::compile(&[int(1)], &batch.columns, Engine::Jit).unwrap();
    assert!(none.inputs().is_empty());
    assert_eq!(none.run(&[], 3)[0].len(), 3);
    let unknown = Projection::compile(&[unused], &[], Engine::Jit);
    assert_eq!(unknown.err(), Some(JitError::UnknownColumn(ColumnId(102))));
}

#[test]
fn deep_expressions_are_compiled_or_refused() {
    let batch = Generator::new(1).batch();
    let deep = |n| (0..n).fold(int_column(), |e, _| call(Function::WrappingAdd, Type::Int, vec![e, int(1)]));
    let projection = Projection::compile(&[deep(900)], &batch.columns, Engine::Jit).unwrap();
    let made = projection.run(&batch.pick(projection.inputs()), batch.rows);
    assert_eq!(made[0].len(), batch.rows);
    assert_eq!(
        Projection::compile(&[deep(1100)], &batch.columns, Engine::Jit).err(),
        Some(JitError::TooDeep)
    );
}

#[test]
fn very_many_outputs_are_cut_into_several_loops() {
    let batch = Generator::new(3).batch();
    let exprs: Vec<Expr> = (0..500).map(|i| plus(int_column(), int(i))).collect();
    assert!(kinds(&exprs, &batch).len() >= 3);
    crate::oracle::check(&exprs, &batch, 3);
}
