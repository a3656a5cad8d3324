//! Code memory: never writable and executable at once, and given back.

use flow_ir::expr::Span;
use flow_ir::physical::TypedColumn;
use flow_ir::{Column, ColumnId, DataType, Expr, ExprKind, Function, Type, Value, Values};
use flow_jit::{Engine, Options, Projection};

fn doubled() -> Expr {
    let column = Expr::column(ColumnId(1), DataType::required(Type::Int), Span::default());
    let two = Expr::literal(Value::Int(2), DataType::required(Type::Int), Span::default());
    let kind = ExprKind::Call { function: Function::Multiply, arguments: vec![column, two] };
    Expr { kind, ty: DataType::required(Type::Int), span: Span::default() }
}

fn compile(options: impl Into<Options>) -> Projection {
    let columns = [TypedColumn { id: ColumnId(1), ty: DataType::required(Type::Int) }];
    Projection::compile(&[doubled()], &columns, options).expect("this compiles everywhere")
}

/// The memory maps of this process; empty on systems that have no such file.
fn maps() -> String {
    std::fs::read_to_string("/proc/self/maps").unwrap_or_default()
}

#[test]
fn no_memory_is_writable_and_executable() {
    let mut alive = Vec::new();
    for _ in 0..200 {
        let projection = compile(Engine::Jit);
        let made = projection.run(&[&Column::valid(Values::I64(vec![21]))], 1);
        assert!(matches!(&made[0].values, Values::I64(v) if v == &[42]));
        alive.push(projection);
        assert!(!maps().contains("rwx"), "{}", maps());
    }
}

#[test]
fn compiling_again_and_again_needs_no_more_memory() {
    let executable = || maps().lines().filter(|l| l.contains("r-xp") && l.ends_with("00:00 0 ")).count();
    for _ in 0..50 {
        compile(Engine::Jit);
    }
    let before = executable();
    for _ in 0..1000 {
        compile(Engine::Jit);
    }
    // The other test of this file may hold some of its own.
    assert!(executable() <= before + 250, "{before} mappings became {}", executable());
}

#[test]
fn texts_are_kept_on_request() {
    assert!(compile(Engine::Jit).texts().is_empty());
    let texts = compile(Options { engine: Engine::Jit, text: true }).texts();
    assert_eq!(
        texts.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(),
        ["#1 * 2 (valid rows)", "#1 * 2 (any rows)"]
    );
    for text in texts {
        assert!(text.clif.contains("smul_overflow"), "{}", text.clif);
        assert!(text.assembler.contains("ret") && text.bytes > 20, "{}", text.assembler);
    }
    assert!(compile(Options { engine: Engine::Interpreter, text: true }).texts().is_empty());
}
