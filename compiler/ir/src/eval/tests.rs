//! What the operators and forms mean, case by case.

use super::*;
use crate::expr::Span;
use crate::types::Type;

struct NoNatives;

impl Natives for NoNatives {
    fn call(&self, function: Function, _: &[Value], _: &DataType) -> Result<Value, EvalError> {
        Err(malformed_plan(function.name()))
    }
}

fn run(expr: &Expr) -> Result<Value, EvalError> {
    eval(expr, &NoRow, &NoNatives)
}

fn expr(kind: ExprKind, ty: Type) -> Expr {
    Expr { kind, ty: DataType::nullable(ty), span: Span::default() }
}

fn literal(value: Value) -> Expr {
    expr(ExprKind::Literal(value), Type::Null)
}

fn failing() -> Expr {
    call(Function::FloorDivide, vec![literal(Value::Int(1)), literal(Value::Int(0))])
}

fn overflowing() -> Expr {
    call(Function::Add, vec![literal(Value::Int(i64::MAX)), literal(Value::Int(1))])
}

fn call(function: Function, arguments: Vec<Expr>) -> Expr {
    expr(ExprKind::Call { function, arguments }, Type::Null)
}

fn binary(function: Function, a: Value, b: Value) -> Result<Value, EvalError> {
    run(&call(function, vec![literal(a), literal(b)]))
}

fn message(result: Result<Value, EvalError>) -> String {
    result.expect_err("an error").message
}

#[test]
fn int_arithmetic_is_checked() {
    use Function::*;
    let int = |f, a, b| binary(f, Value::Int(a), Value::Int(b));
    assert_eq!(int(Add, 2, 3), Ok(Value::Int(5)));
    assert_eq!(message(int(Add, i64::MAX, 1)), "9223372036854775807 + 1 does not fit in int");
    assert_eq!(int(Multiply, i64::MIN, -1).expect_err("overflow").code, ErrorCode::Overflow);
    assert_eq!(int(FloorDivide, i64::MIN, -1).expect_err("overflow").code, ErrorCode::Overflow);
    assert_eq!(int(Remainder, i64::MIN, -1), Ok(Value::Int(0)));
    assert_eq!(int(Divide, 7, 2), Ok(Value::Float(3.5)));
    for f in [Divide, FloorDivide, Remainder] {
        assert_eq!(message(int(f, 1, 0)), "division by zero");
    }
    for (a, b, q, r) in [(7, 2, 3, 1), (-7, 2, -4, 1), (7, -2, -4, -1), (-7, -2, 3, -1), (6, -2, -3, 0)] {
        assert_eq!(int(FloorDivide, a, b), Ok(Value::Int(q)));
        assert_eq!(int(Remainder, a, b), Ok(Value::Int(r)));
    }
    assert_eq!(
        message(run(&call(Negate, vec![literal(Value::Int(i64::MIN))]))),
        "-(-9223372036854775808) does not fit in int"
    );
}

#[test]
fn float_floor_division_fits_its_remainder() {
    use Function::*;
    let float = |f, a, b| binary(f, Value::Float(a), Value::Float(b));
    assert_eq!(float(FloorDivide, 1.0, 0.1), Ok(Value::Float(9.0)));
    assert_eq!(float(FloorDivide, -7.5, 2.0), Ok(Value::Float(-4.0)));
    assert_eq!(float(Remainder, -7.5, 2.0), Ok(Value::Float(0.5)));
    assert_eq!(float(Remainder, 7.5, -2.0), Ok(Value::Float(-0.5)));
    assert_eq!(float(FloorDivide, -1.0, f64::INFINITY), Ok(Value::Float(-1.0)));
    assert_eq!(message(float(Divide, 1.0, -0.0)), "division by zero");
    assert_eq!(float(Divide, f64::NAN, 1.0), Ok(Value::Float(f64::NAN)));
}

#[test]
fn nan_equals_nan_and_sorts_last() {
    use Function::*;
    let float = |f, a, b| binary(f, Value::Float(a), Value::Float(b));
    assert_eq!(float(Equal, f64::NAN, f64::NAN), Ok(Value::Bool(true)));
    assert_eq!(float(Less, f64::INFINITY, f64::NAN), Ok(Value::Bool(true)));
    assert_eq!(float(Less, f64::NAN, 1.0), Ok(Value::Bool(false)));
    assert_eq!(float(Equal, -0.0, 0.0), Ok(Value::Bool(true)));
    assert_eq!(float(Less, -0.0, 0.0), Ok(Value::Bool(false)));
}

#[test]
fn calls_are_strict_and_the_leftmost_error_wins() {
    use Function::*;
    let null = || literal(Value::Null);
    assert_eq!(run(&call(Add, vec![null(), literal(Value::Int(1))])), Ok(Value::Null));
    assert_eq!(message(run(&call(Add, vec![null(), failing()]))), "division by zero");
    assert_eq!(message(run(&call(Add, vec![failing(), overflowing()]))), "division by zero");
    assert_eq!(
        message(run(&call(Between, vec![null(), overflowing(), failing()]))),
        "9223372036854775807 + 1 does not fit in int"
    );
}

#[test]
fn connectives_are_kleene_and_look_left_to_right() {
    let truth = [Some(false), None, Some(true)];
    let value = |t: Option<bool>| literal(t.map_or(Value::Null, Value::Bool));
    for a in truth {
        for b in truth {
            let and = run(&expr(ExprKind::And(value(a).into(), value(b).into()), Type::Bool));
            let or = run(&expr(ExprKind::Or(value(a).into(), value(b).into()), Type::Bool));
            let rank = |t: Option<bool>| truth.iter().position(|x| *x == t).expect("a truth value");
            assert_eq!(and.map(literal), Ok(value(truth[rank(a).min(rank(b))])));
            assert_eq!(or.map(literal), Ok(value(truth[rank(a).max(rank(b))])));
        }
    }
    let and = |a, b: Expr| run(&expr(ExprKind::And(Box::new(a), b.into()), Type::Bool));
    let or = |a, b: Expr| run(&expr(ExprKind::Or(Box::new(a), b.into()), Type::Bool));
    assert_eq!(and(value(Some(false)), failing()), Ok(Value::Bool(false)));
    assert!(and(value(None), failing()).is_err());
    assert!(and(failing(), value(Some(false))).is_err());
    assert_eq!(or(value(Some(true)), failing()), Ok(Value::Bool(true)));
    assert!(or(value(None), failing()).is_err());
    assert!(or(failing(), value(Some(true))).is_err());
}

#[test]
fn control_forms_only_look_where_they_must() {
    let boxed = |e: Expr| Box::new(e);
    let one = || literal(Value::Int(1));
    let choose = |c| {
        run(&expr(
            ExprKind::If { condition: boxed(literal(c)), then: boxed(failing()), otherwise: boxed(one()) },
            Type::Int,
        ))
    };
    assert_eq!(choose(Value::Null), Ok(Value::Int(1)));
    assert_eq!(choose(Value::Bool(false)), Ok(Value::Int(1)));
    assert!(choose(Value::Bool(true)).is_err());
    assert_eq!(run(&expr(ExprKind::Coalesce(boxed(one()), boxed(failing())), Type::Int)), Ok(Value::Int(1)));
    assert!(run(&expr(ExprKind::Coalesce(boxed(failing()), boxed(one())), Type::Int)).is_err());
    assert_eq!(run(&expr(ExprKind::Try(boxed(failing())), Type::Int)), Ok(Value::Null));
    assert!(run(&expr(ExprKind::IsNull(boxed(failing())), Type::Bool)).is_err());
    let null = || boxed(literal(Value::Null));
    assert_eq!(run(&expr(ExprKind::Same(null(), null()), Type::Bool)), Ok(Value::Bool(true)));
    assert_eq!(run(&expr(ExprKind::Same(null(), boxed(one())), Type::Bool)), Ok(Value::Bool(false)));
}

#[test]
fn membership_is_a_chain_of_equalities() {
    let list = |items: &[Value]| literal(Value::List(items.into()));
    let is_in = |x, items: &[Value]| run(&call(Function::In, vec![literal(x), list(items)]));
    let (one, two) = (Value::Int(1), Value::Int(2));
    assert_eq!(is_in(one.clone(), &[two.clone(), one.clone()]), Ok(Value::Bool(true)));
    assert_eq!(is_in(one.clone(), &[Value::Null, one.clone()]), Ok(Value::Bool(true)));
    assert_eq!(is_in(one.clone(), &[Value::Null, two.clone()]), Ok(Value::Null));
    assert_eq!(is_in(one.clone(), &[]), Ok(Value::Bool(false)));
    assert_eq!(is_in(Value::Null, std::slice::from_ref(&one)), Ok(Value::Null));
    let index =
        |i| run(&call(Function::Index, vec![list(&[one.clone(), two.clone()]), literal(Value::Int(i))]));
    assert_eq!(index(1), Ok(two.clone()));
    assert_eq!(message(index(2)), "index 2 is out of range for a list of 2 elements");
    assert!(index(-1).is_err());
}

#[test]
fn lambdas_see_their_parameter_and_the_variables_around_them() {
    let x = LocalId(0);
    let y = LocalId(1);
    let local = |id| expr(ExprKind::Local(id), Type::Int);
    let list = || literal(Value::List([Value::Int(3), Value::Int(1), Value::Int(2)].into()));
    let lambda = |body| expr(ExprKind::Lambda { parameters: vec![x], body: Box::new(body) }, Type::Int);
    let with_y = |body| {
        expr(
            ExprKind::Let { local: y, value: Box::new(literal(Value::Int(2))), body: Box::new(body) },
            Type::Int,
        )
    };
    let doubled = call(Function::Multiply, vec![local(x), local(y)]);
    let mapped = with_y(call(Function::ListMap, vec![list(), lambda(doubled)]));
    assert_eq!(run(&mapped), Ok(Value::List([Value::Int(6), Value::Int(2), Value::Int(4)].into())));
    let kept = with_y(call(
        Function::ListFilter,
        vec![list(), lambda(call(Function::GreaterEqual, vec![local(x), local(y)]))],
    ));
    assert_eq!(run(&kept), Ok(Value::List([Value::Int(3), Value::Int(2)].into())));
    assert_eq!(run(&call(Function::ArgMin, vec![list(), lambda(local(x))])), Ok(Value::Int(1)));
    assert_eq!(run(&call(Function::ArgMax, vec![list(), lambda(local(x))])), Ok(Value::Int(0)));
    let broken = call(Function::ListMap, vec![list(), lambda(failing())]);
    assert_eq!(message(run(&broken)), "division by zero");
}

#[test]
fn decimals_are_exact_and_bounded() {
    let decimal = |unscaled, scale| Value::Decimal { unscaled, scale };
    let apply = |f, a, b, precision, scale| {
        let ty = DataType::required(Type::Decimal { precision, scale });
        operator(f, &[a, b], &ty).expect("an operator")
    };
    assert_eq!(apply(Function::Add, decimal(150, 2), decimal(5, 1), 38, 2), Ok(decimal(200, 2)));
    assert_eq!(apply(Function::Multiply, decimal(150, 2), decimal(5, 1), 38, 3), Ok(decimal(750, 3)));
    assert_eq!(apply(Function::Divide, decimal(100, 2), decimal(4, 0), 38, 3), Ok(Value::Float(0.25)));
    assert_eq!(apply(Function::FloorDivide, decimal(-75, 1), decimal(2, 0), 38, 0), Ok(decimal(-4, 0)));
    assert_eq!(apply(Function::Remainder, decimal(-75, 1), decimal(2, 0), 38, 1), Ok(decimal(5, 1)));
    let most = 10i128.pow(38) - 1;
    assert_eq!(
        message(apply(Function::Add, decimal(most, 0), decimal(1, 0), 38, 0)),
        "99999999999999999999999999999999999999 + 1 does not fit in decimal(38, 0)"
    );
    assert!(apply(Function::Divide, decimal(1, 0), decimal(0, 0), 38, 0).is_err());
    assert_eq!(binary(Function::Less, decimal(149, 2), decimal(15, 1)), Ok(Value::Bool(true)));
    assert_eq!(binary(Function::Equal, decimal(150, 2), decimal(15, 1)), Ok(Value::Bool(true)));
}

#[test]
fn decimals_and_floats_convert_exactly_rounded() {
    assert_eq!(decimal_to_float(125, 2), 1.25);
    assert_eq!(decimal_to_float(12_345_678_901_234_567_890, 19), 1.234_567_890_123_456_8);
    assert_eq!(float_to_decimal(0.25, 1), Some(3));
    assert_eq!(float_to_decimal(-0.25, 1), Some(-3));
    assert_eq!(float_to_decimal(0.15, 1), Some(1), "the float is below 0.15");
    assert_eq!(float_to_decimal(1e38, 0), None);
    assert_eq!(float_to_decimal(f64::NAN, 0), None);
    assert_eq!(float_to_decimal(5e-324, 38), Some(0));
    for (x, digits, rounded) in [
        (2.5, 0, 3.0),
        (-2.5, 0, -3.0),
        (2.675, 2, 2.67),
        (1234.0, -2, 1200.0),
        (1250.0, -2, 1300.0),
        (5.0, -1, 10.0),
        (4.0, -1, 0.0),
        (99.99, 1, 100.0),
        (1e300, 5, 1e300),
        (1e300, -400, 0.0),
        (0.1, 2000, 0.1),
    ] {
        assert_eq!(round_float(x, digits), rounded, "{x} {digits}");
    }
    assert_eq!(decimal_rescale(125, 2, 1), Some(13));
    assert_eq!(decimal_rescale(-125, 2, 1), Some(-13));
    assert_eq!(decimal_rescale(i128::MAX, 0, 1), None);
}

#[test]
fn time_arithmetic_keeps_its_kinds() {
    let day = 86_400_000_000;
    assert_eq!(binary(Function::Subtract, Value::Date(10), Value::Date(3)), Ok(Value::Duration(7 * day)));
    assert_eq!(binary(Function::Add, Value::Date(1), Value::Duration(2 * day)), Ok(Value::Date(3)));
    assert_eq!(
        message(binary(Function::Add, Value::Date(1), Value::Duration(5_400_000_000))),
        "1h30min is not a whole number of days, so it cannot shift a date"
    );
    assert_eq!(
        message(binary(Function::Add, Value::Timestamp(i64::MAX), Value::Duration(1))),
        "+294247-01-10T04:00:54.775807Z + 1us does not fit in timestamp"
    );
    assert_eq!(
        message(binary(Function::Subtract, Value::Date(i32::MIN), Value::Duration(day))),
        "-5877641-06-23 - 1d does not fit in date"
    );
    assert_eq!(binary(Function::Divide, Value::Duration(3), Value::Duration(2)), Ok(Value::Float(1.5)));
}

#[test]
fn nesting_as_deep_as_the_parser_allows_needs_little_stack() {
    let mut deep = literal(Value::Bool(true));
    for _ in 0..512 {
        deep = call(Function::Not, vec![deep]);
    }
    let small = std::thread::Builder::new().stack_size(512 * 1024);
    let result = small.spawn(move || run(&deep)).expect("a thread").join();
    assert_eq!(result.expect("no overflow"), Ok(Value::Bool(true)));
}
