//! Single values taken out of columns, kept by index in their storage class.

use flow_ir::column::{ColumnBuilder, VALID};
use flow_ir::value::float_order;
use flow_ir::{Column, Type, Value, Values};
use std::cmp::Ordering;

/// A growing list of values of one storage class.
#[derive(Debug)]
pub(crate) enum Cells {
    Bool(Vec<u8>),
    I64(Vec<i64>),
    F64(Vec<f64>),
    I128(Vec<i128>),
    Str { texts: Vec<Vec<u8>>, heap: usize },
    Any(Vec<Value>),
}

impl Cells {
    /// No cells, for values of type `ty`.
    pub(crate) fn new(ty: &Type) -> Self {
        match ty {
            Type::Bool => Cells::Bool(Vec::new()),
            t if t.is_i64() => Cells::I64(Vec::new()),
            Type::Float => Cells::F64(Vec::new()),
            Type::Decimal { .. } => Cells::I128(Vec::new()),
            Type::String => Cells::Str { texts: Vec::new(), heap: 0 },
            _ => Cells::Any(Vec::new()),
        }
    }

    /// Cells.
    pub(crate) fn len(&self) -> usize {
        match self {
            Cells::Bool(v) => v.len(),
            Cells::I64(v) => v.len(),
            Cells::F64(v) => v.len(),
            Cells::I128(v) => v.len(),
            Cells::Str { texts, .. } => texts.len(),
            Cells::Any(v) => v.len(),
        }
    }

    /// Bytes held.
    pub(crate) fn bytes_used(&self) -> usize {
        match self {
            Cells::Bool(v) => v.capacity(),
            Cells::I64(v) => v.capacity() * 8,
            Cells::F64(v) => v.capacity() * 8,
            Cells::I128(v) => v.capacity() * 16,
            Cells::Str { texts, heap } => texts.capacity() * size_of::<Vec<u8>>() + heap,
            // What the values refer to is estimated.
            Cells::Any(v) => v.capacity() * (size_of::<Value>() + 64),
        }
    }

    /// Appends a row's value, which is valid.
    pub(crate) fn push(&mut self, values: &Values, row: usize) {
        match (self, values) {
            (Cells::Bool(c), Values::Bool(v)) => c.push(v[row]),
            (Cells::I64(c), Values::I64(v)) => c.push(v[row]),
            (Cells::F64(c), Values::F64(v)) => c.push(v[row]),
            (Cells::I128(c), Values::I128(v)) => c.push(v[row]),
            (Cells::Str { texts, heap }, Values::Str(v)) => {
                let text = v.bytes(row).to_vec();
                *heap += text.capacity();
                texts.push(text);
            }
            (Cells::Any(c), Values::Any(v)) => c.push(v[row].clone()),
            // A column of another class than its type's: keep the indexes in step.
            (Cells::Any(c), _) => c.push(Value::Null),
            (cells, _) => cells.push_default(),
        }
    }

    fn push_default(&mut self) {
        match self {
            Cells::Bool(c) => c.push(0),
            Cells::I64(c) => c.push(0),
            Cells::F64(c) => c.push(0.0),
            Cells::I128(c) => c.push(0),
            Cells::Str { texts, .. } => texts.push(Vec::new()),
            Cells::Any(c) => c.push(Value::Null),
        }
    }

    /// Replaces a cell by a row's value, which is valid.
    pub(crate) fn set(&mut self, at: usize, values: &Values, row: usize) {
        match (self, values) {
            (Cells::Bool(c), Values::Bool(v)) => c[at] = v[row],
            (Cells::I64(c), Values::I64(v)) => c[at] = v[row],
            (Cells::F64(c), Values::F64(v)) => c[at] = v[row],
            (Cells::I128(c), Values::I128(v)) => c[at] = v[row],
            (Cells::Str { texts, heap }, Values::Str(v)) => replace_text(&mut texts[at], heap, v.bytes(row)),
            (Cells::Any(c), Values::Any(v)) => c[at] = v[row].clone(),
            _ => {}
        }
    }

    /// How a row's value, which is valid, compares with a cell.
    pub(crate) fn compare(&self, at: usize, values: &Values, row: usize) -> Ordering {
        match (self, values) {
            (Cells::Bool(c), Values::Bool(v)) => v[row].cmp(&c[at]),
            (Cells::I64(c), Values::I64(v)) => v[row].cmp(&c[at]),
            (Cells::F64(c), Values::F64(v)) => float_order(v[row], c[at]),
            (Cells::I128(c), Values::I128(v)) => v[row].cmp(&c[at]),
            (Cells::Str { texts, .. }, Values::Str(v)) => v.bytes(row).cmp(texts[at].as_slice()),
            (Cells::Any(c), Values::Any(v)) => v[row].cmp(&c[at]),
            _ => Ordering::Equal,
        }
    }

    /// Appends another list's cell.
    pub(crate) fn push_cell(&mut self, other: &Cells, from: usize) {
        match (self, other) {
            (Cells::Bool(c), Cells::Bool(o)) => c.push(o[from]),
            (Cells::I64(c), Cells::I64(o)) => c.push(o[from]),
            (Cells::F64(c), Cells::F64(o)) => c.push(o[from]),
            (Cells::I128(c), Cells::I128(o)) => c.push(o[from]),
            (Cells::Str { texts, heap }, Cells::Str { texts: o, .. }) => {
                *heap += o[from].len();
                texts.push(o[from].clone());
            }
            (Cells::Any(c), Cells::Any(o)) => c.push(o[from].clone()),
            (cells, _) => cells.push_default(),
        }
    }

    /// Replaces a cell by another list's.
    pub(crate) fn set_cell(&mut self, at: usize, other: &Cells, from: usize) {
        match (self, other) {
            (Cells::Bool(c), Cells::Bool(o)) => c[at] = o[from],
            (Cells::I64(c), Cells::I64(o)) => c[at] = o[from],
            (Cells::F64(c), Cells::F64(o)) => c[at] = o[from],
            (Cells::I128(c), Cells::I128(o)) => c[at] = o[from],
            (Cells::Str { texts, heap }, Cells::Str { texts: o, .. }) => {
                replace_text(&mut texts[at], heap, &o[from]);
            }
            (Cells::Any(c), Cells::Any(o)) => c[at] = o[from].clone(),
            _ => {}
        }
    }

    /// How another list's cell compares with a cell.
    pub(crate) fn compare_cell(&self, at: usize, other: &Cells, from: usize) -> Ordering {
        match (self, other) {
            (Cells::Bool(c), Cells::Bool(o)) => o[from].cmp(&c[at]),
            (Cells::I64(c), Cells::I64(o)) => o[from].cmp(&c[at]),
            (Cells::F64(c), Cells::F64(o)) => float_order(o[from], c[at]),
            (Cells::I128(c), Cells::I128(o)) => o[from].cmp(&c[at]),
            (Cells::Str { texts, .. }, Cells::Str { texts: o, .. }) => o[from].cmp(&texts[at]),
            (Cells::Any(c), Cells::Any(o)) => o[from].cmp(&c[at]),
            _ => Ordering::Equal,
        }
    }

    /// The column of the given cells, null where there is none.
    pub(crate) fn column(&self, ty: &Type, cells: impl ExactSizeIterator<Item = Option<usize>>) -> Column {
        let mut out = CellColumn::new(ty, cells.len());
        for cell in cells {
            out.push(self, cell);
        }
        out.finish()
    }
}

fn replace_text(cell: &mut Vec<u8>, heap: &mut usize, text: &[u8]) {
    let before = cell.capacity();
    cell.clear();
    cell.extend_from_slice(text);
    *heap += cell.capacity() - before;
}

/// A column of cells under construction.
struct CellColumn {
    builder: ColumnBuilder,
    ty: Type,
}

impl CellColumn {
    fn new(ty: &Type, rows: usize) -> Self {
        CellColumn { builder: ColumnBuilder::new(ty, rows), ty: ty.clone() }
    }

    fn push(&mut self, cells: &Cells, cell: Option<usize>) {
        let value = match cell {
            Some(at) => cell_value(cells, at, &self.ty),
            None => Value::Null,
        };
        self.builder.push(Ok(&value));
    }

    fn finish(self) -> Column {
        self.builder.finish()
    }
}

fn cell_value(cells: &Cells, at: usize, ty: &Type) -> Value {
    let one = match cells {
        Cells::Bool(c) => Values::Bool(vec![c[at]]),
        Cells::I64(c) => Values::I64(vec![c[at]]),
        Cells::F64(c) => Values::F64(vec![c[at]]),
        Cells::I128(c) => Values::I128(vec![c[at]]),
        Cells::Str { texts, .. } => return Value::string(String::from_utf8_lossy(&texts[at])),
        Cells::Any(c) => return c[at].clone(),
    };
    let column = Column::valid(one);
    debug_assert_eq!(column.status.get(0), VALID);
    column.value(0, ty).unwrap_or(Value::Null)
}
