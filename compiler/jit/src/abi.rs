//! What generated code and Rust agree on: the records a kernel receives by pointer.
//!
//! Every record is `repr(C)`, and the emitter takes each offset from here, so neither side can
//! drift from the other.

use std::mem::{offset_of, size_of};

/// One input column: where its values and status bytes start.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct InputPointers {
    /// The values; unused where a kernel only asks for the status.
    pub(crate) values: *const u8,
    /// The status bytes; unused by kernels for valid rows.
    pub(crate) status: *const u8,
}

/// One output column.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct OutputPointers {
    /// Room for the values.
    pub(crate) values: *mut u8,
    /// Room for the status bytes.
    pub(crate) status: *mut u8,
    /// Set by the kernel: all status bytes or-ed together.
    pub(crate) seen: u64,
}

/// Where a filter kernel puts the rows it keeps and the rows that are errors.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct SelectionPointers {
    /// Room for the kept row numbers.
    pub(crate) kept: *mut u32,
    /// Room for the numbers of rows that are errors.
    pub(crate) error_rows: *mut u32,
    /// Room for their codes.
    pub(crate) error_codes: *mut u8,
    /// Set by the kernel.
    pub(crate) kept_count: u64,
    /// Set by the kernel.
    pub(crate) error_count: u64,
}

/// What a kernel over rows is called with.
#[repr(C)]
pub(crate) struct LoopCall {
    /// Rows.
    pub(crate) rows: u64,
    /// One record an input.
    pub(crate) inputs: *const InputPointers,
    /// One record an output.
    pub(crate) outputs: *mut OutputPointers,
    /// The selection, for filters.
    pub(crate) selection: *mut SelectionPointers,
}

/// What an aggregate update is called with.
#[repr(C)]
pub(crate) struct UpdateCall {
    /// The first row.
    pub(crate) from: u64,
    /// One past the last row.
    pub(crate) rows: u64,
    /// The words of all groups.
    pub(crate) states: *mut u64,
    /// The group of each row.
    pub(crate) groups: *const u32,
    /// One record an aggregate with an argument.
    pub(crate) inputs: *const InputPointers,
}

/// A field's place as the emitter needs it. All records are far smaller than 2 GiB.
const fn at(offset: usize) -> i32 {
    offset as i32
}

/// Offsets into [`InputPointers`].
pub(crate) struct InputAt;
impl InputAt {
    pub(crate) const SIZE: i32 = at(size_of::<InputPointers>());
    pub(crate) const VALUES: i32 = at(offset_of!(InputPointers, values));
    pub(crate) const STATUS: i32 = at(offset_of!(InputPointers, status));
}

/// Offsets into [`OutputPointers`].
pub(crate) struct OutputAt;
impl OutputAt {
    pub(crate) const SIZE: i32 = at(size_of::<OutputPointers>());
    pub(crate) const VALUES: i32 = at(offset_of!(OutputPointers, values));
    pub(crate) const STATUS: i32 = at(offset_of!(OutputPointers, status));
    pub(crate) const SEEN: i32 = at(offset_of!(OutputPointers, seen));
}

/// Offsets into [`SelectionPointers`].
pub(crate) struct SelectionAt;
impl SelectionAt {
    pub(crate) const KEPT: i32 = at(offset_of!(SelectionPointers, kept));
    pub(crate) const ERROR_ROWS: i32 = at(offset_of!(SelectionPointers, error_rows));
    pub(crate) const ERROR_CODES: i32 = at(offset_of!(SelectionPointers, error_codes));
    pub(crate) const KEPT_COUNT: i32 = at(offset_of!(SelectionPointers, kept_count));
    pub(crate) const ERROR_COUNT: i32 = at(offset_of!(SelectionPointers, error_count));
}

/// Offsets into [`LoopCall`].
pub(crate) struct LoopAt;
impl LoopAt {
    pub(crate) const ROWS: i32 = at(offset_of!(LoopCall, rows));
    pub(crate) const INPUTS: i32 = at(offset_of!(LoopCall, inputs));
    pub(crate) const OUTPUTS: i32 = at(offset_of!(LoopCall, outputs));
    pub(crate) const SELECTION: i32 = at(offset_of!(LoopCall, selection));
}

/// Offsets into [`UpdateCall`].
pub(crate) struct UpdateAt;
impl UpdateAt {
    pub(crate) const FROM: i32 = at(offset_of!(UpdateCall, from));
    pub(crate) const ROWS: i32 = at(offset_of!(UpdateCall, rows));
    pub(crate) const STATES: i32 = at(offset_of!(UpdateCall, states));
    pub(crate) const GROUPS: i32 = at(offset_of!(UpdateCall, groups));
    pub(crate) const INPUTS: i32 = at(offset_of!(UpdateCall, inputs));
}
