//! Reducers of many groups at once, by compiled code: one round adds the next value of every group
//! that has one.
//!
//! Every group still goes through its values in row order, so the results are those of the
//! interpreter, bit for bit; a failure is left to it, because it has the words.

use super::cells::Cells;
use flow_ir::column::ColumnBuilder;
use flow_ir::physical::TypedColumn;
use flow_ir::{Column, ColumnId, DataType, Expr, ExprKind, LocalId, Reducer, Status, Type, Value, Values};
use flow_jit::{Engine, Projection};
use std::borrow::Cow;

/// Groups that a round must have to be worth it.
const ROUND_MIN: usize = 64;

/// The columns that stand for the parameters.
const ACCUMULATOR: ColumnId = ColumnId(0);
const VALUE: ColumnId = ColumnId(1);

/// What groups have been reduced to so far.
pub(crate) struct Rounds {
    /// One a group, in the order given.
    pub(crate) accumulators: Vec<Option<Value>>,
    /// How many of its values each group has gone through.
    pub(crate) done: usize,
}

/// Reduces groups, given by where their values of type `ty` are, as long as many of them have values.
/// `None` where the interpreter must do it from the start.
pub(crate) fn rounds(
    reducer: &Reducer,
    cells: &Cells,
    groups: &[Cow<'_, [u32]>],
    ty: &Type,
    engine: Engine,
) -> Option<Rounds> {
    let acc = &reducer.accumulator;
    if engine == Engine::Interpreter
        || groups.len() < ROUND_MIN
        || acc.nullable
        || !fixed(&acc.kind)
        || !fixed(ty)
    {
        return None;
    }
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|&g| std::cmp::Reverse(groups[g].len()));
    let many = |done: usize| order.partition_point(|&g| groups[g].len() > done);
    let next = |count: usize, at: usize| -> Column {
        cells.pick(order[..count].iter().map(|&g| groups[g][at] as usize))
    };
    let (mut accs, mut done) = match &reducer.start {
        Some(start) => (repeated(start, &acc.kind, order.len()), 0),
        None => (next(many(0), 0), 1),
    };
    if many(done) < ROUND_MIN {
        return None;
    }
    let step = compile(reducer, ty, engine)?;
    while many(done) >= ROUND_MIN {
        let count = many(done);
        let value = next(count, done);
        let columns: Vec<&Column> =
            step.inputs().iter().map(|id| if *id == ACCUMULATOR { &accs } else { &value }).collect();
        let result = step.run(&columns, count).pop()?;
        if result.status != Status::AllValid || !replace(&mut accs.values, result.values, count) {
            return None;
        }
        done += 1;
    }
    let mut accumulators = vec![None; groups.len()];
    for (row, &g) in order.iter().enumerate().take(accs.len()) {
        accumulators[g] = accs.value(row, &acc.kind).ok();
    }
    Some(Rounds { accumulators, done })
}

/// Types of which a row is a fixed number of bytes.
fn fixed(ty: &Type) -> bool {
    ty.is_i64() || matches!(ty, Type::Bool | Type::Float | Type::Decimal { .. })
}

fn repeated(value: &Value, ty: &Type, rows: usize) -> Column {
    let mut out = ColumnBuilder::new(ty, rows);
    (0..rows).for_each(|_| out.push(Ok(value)));
    out.finish()
}

/// Replaces the first `count` values.
fn replace(all: &mut Values, first: Values, count: usize) -> bool {
    match (all, first) {
        (Values::Bool(a), Values::Bool(f)) => a[..count].copy_from_slice(&f[..count]),
        (Values::I64(a), Values::I64(f)) => a[..count].copy_from_slice(&f[..count]),
        (Values::F64(a), Values::F64(f)) => a[..count].copy_from_slice(&f[..count]),
        (Values::I128(a), Values::I128(f)) => a[..count].copy_from_slice(&f[..count]),
        _ => return false,
    }
    true
}

/// The step as a computed column; `None` where no code can be made.
fn compile(reducer: &Reducer, ty: &Type, engine: Engine) -> Option<Projection> {
    let ExprKind::Lambda { parameters, body } = &reducer.step.kind else { return None };
    let [first, second] = parameters.as_slice() else { return None };
    let mut body = (**body).clone();
    as_columns(&mut body, *first, *second);
    let inputs = [
        TypedColumn { id: ACCUMULATOR, ty: reducer.accumulator.clone() },
        TypedColumn { id: VALUE, ty: DataType::required(ty.clone()) },
    ];
    let options = flow_jit::Options { engine, text: false };
    Projection::compile(std::slice::from_ref(&body), &inputs, options).ok()
}

fn as_columns(e: &mut Expr, first: LocalId, second: LocalId) {
    match e.kind {
        ExprKind::Local(id) if id == first => e.kind = ExprKind::Column(ACCUMULATOR),
        ExprKind::Local(id) if id == second => e.kind = ExprKind::Column(VALUE),
        _ => e.for_each_child_mut(|child| as_columns(child, first, second)),
    }
}
