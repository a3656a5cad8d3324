//! Tests of a system that gives no executable memory: same answers, only slower.

use crate::code::refusal::REFUSED;
use crate::{Engine, Predicate, Projection, Selection, StepKind, UpdateKernel};
use flow_ir::expr::Span;
use flow_ir::layout::StateLayout;
use flow_ir::physical::TypedColumn;
use flow_ir::{
    AggregateKind, Column, ColumnId, DataType, ErrorCode, Expr, ExprKind, Function, Status, Type, Value,
    Values,
};

fn columns() -> Vec<TypedColumn> {
    vec![TypedColumn { id: ColumnId(1), ty: DataType::nullable(Type::Int) }]
}

fn call(function: Function, ty: Type, constant: i64) -> Expr {
    let column = Expr::column(ColumnId(1), DataType::nullable(Type::Int), Span::default());
    let constant = Expr::literal(Value::Int(constant), DataType::required(Type::Int), Span::default());
    let kind = ExprKind::Call { function, arguments: vec![column, constant] };
    Expr { kind, ty: DataType::nullable(ty), span: Span::default() }
}

fn data() -> Column {
    Column { values: Values::I64(vec![i64::MAX, 2, 3, 4]), status: Status::Rows(vec![0, 0, 1, 3]) }
}

fn check(projection: &Projection, predicate: &Predicate) {
    let data = data();
    let made = projection.run(&[&data], 4);
    assert_eq!(made[0].status, Status::Rows(vec![ErrorCode::Overflow as u8, 0, 1, 3]));
    assert_eq!(made[0].value(1, &Type::Int), Ok(Value::Int(3)));
    let mut selection = Selection::default();
    predicate.run(&[&data], 4, &mut selection);
    assert_eq!(selection, Selection { kept: vec![0], errors: vec![(3, 3)] });
}

#[test]
fn without_executable_memory_the_interpreter_computes_everything() {
    REFUSED.set(true);
    let sum = call(Function::Add, Type::Int, 1);
    let large = call(Function::Greater, Type::Bool, 3);
    let projection = Projection::compile(&[sum], &columns(), Engine::Jit).expect("falls back");
    let predicate = Predicate::compile(&large, &columns(), Engine::Jit).expect("falls back");
    assert!(projection.describe().iter().all(|s| s.kind == StepKind::Interpreter));
    check(&projection, &predicate);
    let kinds = [(AggregateKind::Count, None)];
    let layout = StateLayout { slots: Vec::new(), stride: 0 };
    assert!(UpdateKernel::compile(&kinds, &layout, false, false).is_ok_and(|k| k.is_none()));
    REFUSED.set(false);
}

#[test]
fn a_second_variant_that_cannot_be_compiled_is_interpreted() {
    let sum = call(Function::Add, Type::Int, 1);
    let large = call(Function::Greater, Type::Bool, 3);
    let projection = Projection::compile(&[sum], &columns(), Engine::Jit).expect("compiles");
    let predicate = Predicate::compile(&large, &columns(), Engine::Jit).expect("compiles");
    REFUSED.set(true);
    check(&projection, &predicate);
    REFUSED.set(false);
}
