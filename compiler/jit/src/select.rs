//! The forms that choose between values - `if`, `??`, `try`, `same`, block variables - over columns
//! of any storage class. Native loops do the same for fixed-width values.

use crate::graph::Op;
use flow_ir::column::{ColumnBuilder, NULL, StrBuilder, VALID};
use flow_ir::{Column, DataType, Status, Type, Value, Values};

/// What a step reads: a column or a constant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operand<'a> {
    /// One value a row.
    Column(&'a Column),
    /// The same value for all rows.
    Constant(&'a Value),
}

impl<'a> Operand<'a> {
    /// The value of a row, or its error's status byte.
    pub(crate) fn value(&self, row: usize, ty: &Type) -> Result<Value, u8> {
        match self {
            Operand::Column(column) => column.value(row, ty),
            Operand::Constant(value) => Ok((*value).clone()),
        }
    }

    /// The status byte of a row.
    pub(crate) fn status(&self, row: usize) -> u8 {
        match self {
            Operand::Column(column) => column.status.get(row),
            Operand::Constant(value) => u8::from(value.is_null()),
        }
    }

    /// Whether no row is null or an error.
    fn is_valid(&self) -> bool {
        match self {
            Operand::Column(column) => column.status == Status::AllValid,
            Operand::Constant(value) => !value.is_null(),
        }
    }

    /// Whether a condition holds in a row whose status is valid.
    fn is_true(&self, row: usize) -> bool {
        match self {
            Operand::Column(Column { values: Values::Bool(v), .. }) => v.get(row).is_some_and(|b| *b != 0),
            Operand::Column(_) => false,
            Operand::Constant(value) => matches!(value, Value::Bool(true)),
        }
    }

    /// The bytes of a text in a row whose status is valid.
    fn bytes(&self, row: usize) -> &'a [u8] {
        match self {
            Operand::Column(Column { values: Values::Str(s), .. }) => s.bytes(row),
            Operand::Constant(Value::String(s)) => s.as_bytes(),
            _ => b"",
        }
    }
}

/// Where a row of a selection comes from.
#[derive(Clone, Copy)]
enum Choice {
    First,
    Second,
    /// Neither: a status byte.
    Status(u8),
}

/// Computes one of the choosing forms; `None` if `op` is not one.
pub(crate) fn select(
    op: &Op,
    operands: &[(Operand<'_>, &Type)],
    rows: usize,
    ty: &DataType,
) -> Option<Column> {
    let get = |i: usize| operands.get(i).copied();
    Some(match op {
        Op::If => {
            let (condition, a, b) = (get(0)?.0, get(1)?, get(2)?);
            let choice = |row| match condition.status(row) {
                VALID if condition.is_true(row) => Choice::First,
                VALID | NULL => Choice::Second,
                error => Choice::Status(error),
            };
            choose(a, b, choice, rows, ty)
        }
        Op::Coalesce => {
            let (a, b) = (get(0)?, get(1)?);
            if a.0.is_valid() {
                return Some(copy(a, rows, ty));
            }
            choose(a, b, |row| if a.0.status(row) == NULL { Choice::Second } else { Choice::First }, rows, ty)
        }
        Op::Try => {
            let a = get(0)?;
            let null = |row| if a.0.status(row) > NULL { Choice::Status(NULL) } else { Choice::First };
            restate(a, null, rows, ty)
        }
        Op::After => {
            let (first, body) = (get(0)?.0, get(1)?);
            let error = |row| match first.status(row) {
                VALID | NULL => Choice::First,
                error => Choice::Status(error),
            };
            restate(body, error, rows, ty)
        }
        Op::Same => same(get(0)?, get(1)?, rows),
        _ => return None,
    })
}

/// An operand as a column.
pub(crate) fn copy((operand, ty): (Operand<'_>, &Type), rows: usize, result: &DataType) -> Column {
    match operand {
        Operand::Column(column) => column.clone(),
        Operand::Constant(value) => {
            let ty = if *ty == Type::Null { &result.kind } else { ty };
            crate::interpret::constant_column(value, ty, rows)
        }
    }
}

/// The operand with some rows' status replaced.
fn restate(
    operand: (Operand<'_>, &Type),
    choice: impl Fn(usize) -> Choice,
    rows: usize,
    ty: &DataType,
) -> Column {
    let column = copy(operand, rows, ty);
    let status = (0..rows).map(|row| match choice(row) {
        Choice::Status(status) => status,
        Choice::First | Choice::Second => operand.0.status(row),
    });
    Column { status: Status::from_bytes(status.collect()), values: column.values }
}

fn choose(
    a: (Operand<'_>, &Type),
    b: (Operand<'_>, &Type),
    choice: impl Fn(usize) -> Choice,
    rows: usize,
    ty: &DataType,
) -> Column {
    if ty.kind == Type::String {
        return choose_texts(a.0, b.0, choice, rows);
    }
    let mut column = ColumnBuilder::new(&ty.kind, rows);
    for row in 0..rows {
        let value = match choice(row) {
            Choice::First => a.0.value(row, a.1),
            Choice::Second => b.0.value(row, b.1),
            Choice::Status(NULL) => Ok(Value::Null),
            Choice::Status(error) => Err(error),
        };
        column.push(value.as_ref().map_err(|e| *e));
    }
    column.finish()
}

fn choose_texts(a: Operand<'_>, b: Operand<'_>, choice: impl Fn(usize) -> Choice, rows: usize) -> Column {
    let mut texts = StrBuilder::with_capacity(rows, rows * 8);
    let mut status = Vec::with_capacity(rows);
    for row in 0..rows {
        let (text, byte): (&[u8], u8) = match choice(row) {
            Choice::First => (a.bytes(row), a.status(row)),
            Choice::Second => (b.bytes(row), b.status(row)),
            Choice::Status(byte) => (b"", byte),
        };
        let fits = texts.push(if byte == VALID { text } else { b"" });
        if !fits {
            texts.push(b"");
        }
        status.push(if fits { byte } else { flow_ir::ErrorCode::Overflow as u8 });
    }
    Column { values: Values::Str(texts.finish()), status: Status::from_bytes(status) }
}

/// Null-safe equality.
fn same(a: (Operand<'_>, &Type), b: (Operand<'_>, &Type), rows: usize) -> Column {
    let mut values = Vec::with_capacity(rows);
    let mut status = Vec::with_capacity(rows);
    let texts = *a.1 == Type::String && *b.1 == Type::String;
    for row in 0..rows {
        let (left, right) = (a.0.status(row), b.0.status(row));
        let error = if left > NULL { left } else { right };
        status.push(if error > NULL { error } else { VALID });
        values.push(u8::from(if (left, right) != (VALID, VALID) {
            left == right
        } else if texts {
            a.0.bytes(row) == b.0.bytes(row)
        } else {
            a.0.value(row, a.1) == b.0.value(row, b.1)
        }));
    }
    Column { values: Values::Bool(values), status: Status::from_bytes(status) }
}
