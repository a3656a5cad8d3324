//! Rows that a stage delivered and later stages read, in order.

use crate::memory::{Budget, NeedsMore, Reservation};
use flow_ir::column::{BUFFER_PADDING, StrColumn};
use flow_ir::{Batch, Column, Values};

/// Batches in row order, and the memory they take, given back when nobody needs them any more.
#[derive(Debug)]
pub(crate) struct Dataset {
    pub(crate) batches: Vec<Batch>,
    pub(crate) memory: Reservation,
}

impl Dataset {
    /// Rows that have not been accounted for yet.
    pub(crate) fn new(batches: Vec<Batch>, budget: &Budget, what: &'static str) -> Result<Self, NeedsMore> {
        let mut memory = budget.reserve(what);
        memory.cover(batches_bytes(&batches))?;
        Ok(Dataset { batches, memory })
    }

    /// Rows.
    pub(crate) fn rows(&self) -> u64 {
        self.batches.iter().map(|b| b.rows as u64).sum()
    }
}

/// Bytes that the columns of `batches` take.
pub(crate) fn batches_bytes(batches: &[Batch]) -> u64 {
    batches.iter().flat_map(|b| &b.columns).map(|(_, c)| column_bytes(c)).sum()
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
