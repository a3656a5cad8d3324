//! Single values taken out of columns, kept by index in their storage class.

use flow_ir::column::{ColumnBuilder, StrBuilder};
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
    Any { values: Vec<Value>, heap: usize },
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
            _ => Cells::Any { values: Vec::new(), heap: 0 },
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
            Cells::Any { values, .. } => values.len(),
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
            Cells::Any { values, heap } => values.capacity() * size_of::<Value>() + heap,
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
            (Cells::Any { values: c, heap }, Values::Any(v)) => {
                *heap += heap_bytes(&v[row]);
                c.push(v[row].clone());
            }
            // A column of another class than its type's: keep the indexes in step.
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
            Cells::Any { values, .. } => values.push(Value::Null),
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
            (Cells::Any { values: c, heap }, Values::Any(v)) => replace_value(&mut c[at], heap, &v[row]),
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
            (Cells::Any { values: c, .. }, Values::Any(v)) => v[row].cmp(&c[at]),
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
            (Cells::Any { values: c, heap }, Cells::Any { values: o, .. }) => {
                *heap += heap_bytes(&o[from]);
                c.push(o[from].clone());
            }
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
            (Cells::Any { values: c, heap }, Cells::Any { values: o, .. }) => {
                replace_value(&mut c[at], heap, &o[from]);
            }
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
            (Cells::Any { values: c, .. }, Cells::Any { values: o, .. }) => o[from].cmp(&c[at]),
            _ => Ordering::Equal,
        }
    }

    /// The column of the given cells, null where there is none.
    pub(crate) fn column(&self, ty: &Type, cells: impl ExactSizeIterator<Item = Option<usize>>) -> Column {
        let mut out = ColumnBuilder::new(ty, cells.len());
        for cell in cells {
            out.push(Ok(&cell.map_or(Value::Null, |at| self.value(at, ty))));
        }
        out.finish()
    }

    /// A cell, which is of type `ty`.
    pub(crate) fn value(&self, at: usize, ty: &Type) -> Value {
        match (self, ty) {
            (Cells::Bool(c), _) => Value::Bool(c[at] != 0),
            (Cells::I64(c), Type::Date) => Value::Date(c[at] as i32),
            (Cells::I64(c), Type::Timestamp) => Value::Timestamp(c[at]),
            (Cells::I64(c), Type::Duration) => Value::Duration(c[at]),
            (Cells::I64(c), _) => Value::Int(c[at]),
            (Cells::F64(c), _) => Value::Float(c[at]),
            (Cells::I128(c), Type::Decimal { scale, .. }) => {
                Value::Decimal { unscaled: c[at], scale: *scale }
            }
            (Cells::I128(c), _) => Value::Decimal { unscaled: c[at], scale: 0 },
            (Cells::Str { texts, .. }, _) => Value::string(String::from_utf8_lossy(&texts[at])),
            (Cells::Any { values, .. }, _) => values[at].clone(),
        }
    }

    /// The column of the given cells, all of which are valid.
    pub(crate) fn pick(&self, cells: impl Iterator<Item = usize>) -> Column {
        Column::valid(match self {
            Cells::Bool(c) => Values::Bool(cells.map(|at| c[at]).collect()),
            Cells::I64(c) => Values::I64(cells.map(|at| c[at]).collect()),
            Cells::F64(c) => Values::F64(cells.map(|at| c[at]).collect()),
            Cells::I128(c) => Values::I128(cells.map(|at| c[at]).collect()),
            Cells::Str { texts, .. } => {
                let mut out = StrBuilder::with_capacity(0, 0);
                cells.for_each(|at| {
                    out.push(&texts[at]);
                });
                Values::Str(out.finish())
            }
            Cells::Any { values, .. } => Values::Any(cells.map(|at| values[at].clone()).collect()),
        })
    }

    /// The bytes of a text.
    pub(crate) fn text(&self, at: usize) -> &[u8] {
        match self {
            Cells::Str { texts, .. } => &texts[at],
            _ => &[],
        }
    }
}

fn replace_text(cell: &mut Vec<u8>, heap: &mut usize, text: &[u8]) {
    let before = cell.capacity();
    cell.clear();
    cell.extend_from_slice(text);
    *heap += cell.capacity() - before;
}

fn replace_value(cell: &mut Value, heap: &mut usize, value: &Value) {
    *heap = heap.saturating_sub(heap_bytes(cell)) + heap_bytes(value);
    *cell = value.clone();
}

/// Bytes that a value refers to. What several values share is counted for each.
pub(crate) fn heap_bytes(value: &Value) -> usize {
    // A shared pointer counts its users in two words.
    const SHARED: usize = 16;
    match value {
        Value::String(s) | Value::Regex(s) => SHARED + s.len(),
        Value::Bytes(b) => SHARED + b.len(),
        Value::List(items) | Value::Record(items) => {
            SHARED + items.iter().map(|v| size_of::<Value>() + heap_bytes(v)).sum::<usize>()
        }
        _ => 0,
    }
}
