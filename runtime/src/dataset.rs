//! Rows that a stage delivered and later stages read, in order.

use flow_ir::column::{BUFFER_PADDING, StrColumn};
use flow_ir::{Batch, Column, Values};

/// Batches in row order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dataset {
    pub(crate) batches: Vec<Batch>,
}

/// A column whose strings no longer refer to a chunk's buffer, so that the buffer can be reused.
pub(crate) fn detach(column: &Column) -> Column {
    let values = match &column.values {
        Values::Str(s) => Values::Str(detach_strings(s)),
        other => other.clone(),
    };
    Column { values, status: column.status.clone() }
}

fn detach_strings(s: &StrColumn) -> StrColumn {
    let total: usize = s.views.iter().map(|v| (v >> 32) as usize).sum();
    let mut bytes: Vec<u8> = Vec::with_capacity(total + BUFFER_PADDING);
    let mut views = Vec::with_capacity(s.views.len());
    for row in 0..s.views.len() {
        let text = s.bytes(row);
        views.push(flow_ir::column::view(bytes.len() as u32, text.len() as u32));
        bytes.extend_from_slice(text);
    }
    bytes.resize(bytes.len() + BUFFER_PADDING, 0);
    StrColumn { buffer: bytes.into(), views }
}

/// Bytes a column takes, for memory budgets.
pub(crate) fn column_bytes(column: &Column) -> u64 {
    let values = match &column.values {
        Values::Bool(v) => v.len(),
        Values::I64(v) => v.len() * 8,
        Values::F64(v) => v.len() * 8,
        Values::I128(v) => v.len() * 16,
        Values::Str(v) => v.views.len() * 8 + v.views.iter().map(|x| (x >> 32) as usize).sum::<usize>(),
        // Lists and records: an estimate that counts their handles only would be far too low.
        Values::Any(v) => v.len() * 96,
    };
    values as u64
}
