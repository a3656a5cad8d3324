//! What the interpreter says about a batch, and the comparison with what an engine says.

use crate::generate::{TestBatch, key};
use flow_ir::column::{NULL, VALID};
use flow_ir::eval::{Row, eval};
use flow_ir::{ColumnId, ErrorCode, EvalError, Expr, ExprKind, Type, Value};
use flow_jit::{Engine, Projection, Selection};
use std::collections::BTreeMap;

struct BatchRow<'a>(&'a TestBatch, usize);

impl Row for BatchRow<'_> {
    fn value(&self, id: ColumnId) -> Result<Value, EvalError> {
        let at = self.0.columns.iter().position(|c| c.id == id).unwrap();
        self.0.data[at]
            .value(self.1, &self.0.columns[at].ty.kind)
            .map_err(|status| EvalError::new(ErrorCode::from_status(status).unwrap(), ""))
    }
}

fn interpret(expr: &Expr, batch: &TestBatch, row: usize) -> Result<Value, u8> {
    eval(expr, &BatchRow(batch, row), flow_stdlib::library()).map_err(|e| e.code as u8)
}

/// Compares every engine with the interpreter.
pub(crate) fn check(exprs: &[Expr], batch: &TestBatch, seed: u64) {
    for engine in [Engine::Jit, Engine::Interpreter] {
        let projection = Projection::compile(exprs, &batch.columns, engine).unwrap();
        let made = projection.run(&batch.pick(projection.inputs()), batch.rows);
        assert_eq!(made.len(), exprs.len());
        for (expr, column) in exprs.iter().zip(&made) {
            assert_eq!(column.len(), batch.rows, "seed {seed}");
            for row in 0..batch.rows {
                let wanted = interpret(expr, batch, row);
                let status = match &wanted {
                    Ok(Value::Null) => NULL,
                    Ok(_) => VALID,
                    Err(code) => *code,
                };
                let context = || {
                    let steps: Vec<String> = projection.describe().iter().map(ToString::to_string).collect();
                    format!(
                        "seed {seed}, {engine:?}, row {row}, want {wanted:?}\n{}\n{expr:?}",
                        steps.join("\n")
                    )
                };
                assert_eq!(column.status.get(row), status, "{}", context());
                if status == VALID {
                    let found = column.value(row, &expr.ty.kind);
                    assert!(
                        matches!((&found, &wanted), (Ok(a), Ok(b)) if identical(a, b)),
                        "found {found:?}, {}",
                        context()
                    );
                }
            }
        }
    }
}

/// The selection the interpreter makes.
pub(crate) fn selection(expr: &Expr, batch: &TestBatch) -> Selection {
    let mut selection = Selection::default();
    for row in 0..batch.rows {
        match interpret(expr, batch, row) {
            Ok(Value::Bool(true)) => selection.kept.push(row as u32),
            Ok(_) => {}
            Err(code) => selection.errors.push((row as u32, code)),
        }
    }
    selection
}

/// Equal bit for bit, except that all NaNs are one: a processor chooses their payload.
fn identical(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(x), Value::Float(y)) => x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan()),
        (Value::Decimal { scale: s, .. }, Value::Decimal { scale: t, .. }) => s == t && a == b,
        _ => a == b,
    }
}

/// Counts the operators of an expression with their types.
pub(crate) fn count(expr: &Expr, reached: &mut BTreeMap<String, u64>) {
    let form = match &expr.kind {
        ExprKind::Call { function, arguments } => {
            let types: Vec<Type> = arguments.iter().map(|a| a.ty.kind.clone()).collect();
            Some(key(*function, &types))
        }
        ExprKind::And(..) => Some("and(bool)".to_owned()),
        ExprKind::Or(..) => Some("or(bool)".to_owned()),
        ExprKind::IsNull(a) => Some(format!("is null({})", a.ty.kind)),
        ExprKind::Coalesce(..) => Some(format!("??({})", expr.ty.kind)),
        ExprKind::If { .. } => Some(format!("if({})", expr.ty.kind)),
        ExprKind::Try(_) => Some(format!("try({})", expr.ty.kind)),
        ExprKind::Same(a, _) => Some(format!("same({})", a.ty.kind)),
        ExprKind::Let { .. } => Some(format!("let({})", expr.ty.kind)),
        _ => None,
    };
    if let Some(form) = form {
        *reached.entry(form).or_default() += 1;
    }
    expr.for_each_child(|c| count(c, reached));
}
