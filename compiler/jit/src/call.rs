//! Calls generated code. Everything the code relies on is checked here, before the call.
//!
//! A loop reads `rows` elements of each input, writes at most `rows` elements of each output, and
//! touches nothing else; `loops.rs` and `update/` emit no other access. So the checks are lengths
//! and storage classes, and for aggregates the range of the group numbers.
#![allow(unsafe_code, reason = "calls generated code and takes over the vectors it filled")]

use crate::abi::{InputPointers, LoopCall, OutputPointers, SelectionPointers, UpdateCall};
use crate::code::Code;
use crate::loops::LoopInput;
use crate::native::Class;
use crate::predicate::Selection;
use flow_ir::{Column, Status, Values};
use std::ptr;

/// Status bytes for columns whose rows are all valid.
static VALID_ROWS: [u8; 1 << 16] = [0; 1 << 16];

/// A column a loop makes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoopOutput {
    /// Its class.
    pub(crate) class: Class,
    /// Whether the loop writes its status bytes; otherwise all rows are valid.
    pub(crate) status: bool,
}

/// A compiled loop and what it reads and writes.
pub(crate) struct LoopCode {
    /// The code `loops::emit_loop` made for exactly these inputs and outputs.
    pub(crate) code: Code,
    /// What it reads.
    pub(crate) inputs: Vec<LoopInput>,
    /// What it writes; none for filters.
    pub(crate) outputs: Vec<LoopOutput>,
    /// Whether it reads status bytes and writes exact ones.
    pub(crate) general: bool,
}

/// Room for one output column.
enum Buffer {
    Bool(Vec<u8>),
    I64(Vec<i64>),
    F64(Vec<f64>),
}

impl Buffer {
    fn new(class: Class, rows: usize) -> Self {
        match class {
            Class::Bool => Buffer::Bool(Vec::with_capacity(rows)),
            Class::I64 => Buffer::I64(Vec::with_capacity(rows)),
            Class::F64 => Buffer::F64(Vec::with_capacity(rows)),
        }
    }

    fn pointer(&mut self) -> *mut u8 {
        match self {
            Buffer::Bool(v) => v.as_mut_ptr(),
            Buffer::I64(v) => v.as_mut_ptr().cast(),
            Buffer::F64(v) => v.as_mut_ptr().cast(),
        }
    }

    /// The first `rows` values.
    ///
    /// # Safety
    /// `rows` values must have been written, and fit.
    unsafe fn into_values(self, rows: usize) -> Values {
        // SAFETY: the caller vouches for capacity and initialisation.
        unsafe {
            match self {
                Buffer::Bool(mut v) => {
                    v.set_len(rows);
                    Values::Bool(v)
                }
                Buffer::I64(mut v) => {
                    v.set_len(rows);
                    Values::I64(v)
                }
                Buffer::F64(mut v) => {
                    v.set_len(rows);
                    Values::F64(v)
                }
            }
        }
    }
}

/// The input records of a call, and what keeps some of their pointers alive.
pub(crate) struct Inputs {
    pointers: Vec<InputPointers>,
    /// Status bytes for morsels longer than [`VALID_ROWS`].
    _valid_rows: Vec<u8>,
    /// How many rows each of them has, at least.
    rows: usize,
}

impl Inputs {
    /// Checks that each column has `rows` rows of its class and takes its addresses, which stay
    /// good while the columns are borrowed. A missing column has null addresses.
    pub(crate) fn check<'c>(
        inputs: impl Iterator<Item = (Option<Class>, Option<&'c Column>)>,
        rows: usize,
        with_status: bool,
    ) -> Self {
        let long = if with_status && rows > VALID_ROWS.len() { vec![0; rows] } else { Vec::new() };
        let valid_rows = if long.is_empty() { VALID_ROWS.as_ptr() } else { long.as_ptr() };
        let pointers = inputs
            .map(|(class, column)| match column {
                None => InputPointers { values: ptr::null(), status: ptr::null() },
                Some(column) => check_column(class, column, rows, valid_rows),
            })
            .collect();
        Inputs { pointers, _valid_rows: long, rows }
    }

    /// Where the records start.
    pub(crate) fn as_ptr(&self) -> *const InputPointers {
        self.pointers.as_ptr()
    }
}

fn check_column(class: Option<Class>, column: &Column, rows: usize, valid_rows: *const u8) -> InputPointers {
    let (values, length): (*const u8, usize) = match (class, &column.values) {
        (None, _) => (ptr::null(), rows),
        (Some(Class::Bool), Values::Bool(v)) => (v.as_ptr(), v.len()),
        (Some(Class::I64), Values::I64(v)) => (v.as_ptr().cast(), v.len()),
        (Some(Class::F64), Values::F64(v)) => (v.as_ptr().cast(), v.len()),
        (Some(class), _) => panic!("a column does not have the storage class {class:?}"),
    };
    assert!(length >= rows, "a column has {length} of {rows} rows");
    let status = match &column.status {
        Status::AllValid => valid_rows,
        Status::Rows(bytes) => {
            assert!(bytes.len() >= rows, "a column has {} of {rows} status bytes", bytes.len());
            bytes.as_ptr()
        }
    };
    InputPointers { values, status }
}

/// Whether every row of every column is valid.
pub(crate) fn all_valid(columns: &[&Column]) -> bool {
    columns.iter().all(|c| c.status == Status::AllValid)
}

impl LoopCode {
    fn check(&self, columns: &[&Column], rows: usize) -> Inputs {
        assert_eq!(self.inputs.len(), columns.len(), "a loop got the wrong number of columns");
        assert!(self.general || all_valid(columns), "a loop for valid rows got others");
        let classes = self.inputs.iter().map(|i| i.class).zip(columns.iter().map(|c| Some(*c)));
        Inputs::check(classes, rows, self.general)
    }

    /// Computes the output columns. `None` if the variant for valid rows met an error.
    pub(crate) fn columns(&self, columns: &[&Column], rows: usize) -> Option<Vec<Column>> {
        let inputs = self.check(columns, rows);
        let mut buffers: Vec<(Buffer, Vec<u8>)> = self
            .outputs
            .iter()
            .map(|o| (Buffer::new(o.class, rows), Vec::with_capacity(if o.status { rows } else { 0 })))
            .collect();
        let mut outputs: Vec<OutputPointers> = buffers
            .iter_mut()
            .map(|(values, status)| OutputPointers {
                values: values.pointer(),
                status: status.as_mut_ptr(),
                seen: 0,
            })
            .collect();
        let mut call = LoopCall {
            rows: rows as u64,
            inputs: inputs.as_ptr(),
            outputs: outputs.as_mut_ptr(),
            selection: ptr::null_mut(),
        };
        // SAFETY: the code was emitted for this call record and these inputs and outputs. Each
        // input has `rows` elements of the class it loads and lives in `columns`; each output has
        // room for `rows` values, and for `rows` status bytes if the code writes them; no output
        // is aliased. The code is alive because `self` is.
        let failed = unsafe { self.code.entry()(ptr::from_mut(&mut call).cast()) } != 0;
        // Status bytes over 1 are errors, which only the general variant states exactly.
        if failed || (!self.general && outputs.iter().any(|o| o.seen > 1)) {
            return None;
        }
        let made = buffers.into_iter().zip(&self.outputs).zip(&outputs);
        Some(
            made.map(|(((values, mut status), output), record)| {
                // SAFETY: the call has just written all `rows` values, for which there is room.
                let values = unsafe { values.into_values(rows) };
                if !output.status || record.seen == 0 {
                    return Column::valid(values);
                }
                // SAFETY: as for the values; the code writes status bytes for this output.
                unsafe { status.set_len(rows) };
                Column { values, status: Status::Rows(status) }
            })
            .collect(),
        )
    }

    /// Fills a selection. False, with the selection empty, if the variant for valid rows met an error.
    pub(crate) fn selection(&self, columns: &[&Column], rows: usize, selection: &mut Selection) -> bool {
        let inputs = self.check(columns, rows);
        assert!(u32::try_from(rows).is_ok(), "a morsel has {rows} rows");
        selection.clear();
        selection.kept.reserve(rows);
        let room = if self.general { rows } else { 0 };
        let (mut error_rows, mut error_codes) =
            (Vec::<u32>::with_capacity(room), Vec::<u8>::with_capacity(room));
        let mut record = SelectionPointers {
            kept: selection.kept.as_mut_ptr(),
            error_rows: error_rows.as_mut_ptr(),
            error_codes: error_codes.as_mut_ptr(),
            kept_count: 0,
            error_count: 0,
        };
        let mut call = LoopCall {
            rows: rows as u64,
            inputs: inputs.as_ptr(),
            outputs: ptr::null_mut(),
            selection: ptr::from_mut(&mut record),
        };
        // SAFETY: as in `columns`. The arrays of the selection have room for `rows` elements each
        // (those for errors only if the code is the general variant, which alone writes them), and
        // the code writes at most one element a row.
        let failed = unsafe { self.code.entry()(ptr::from_mut(&mut call).cast()) } != 0;
        if failed {
            return false;
        }
        // SAFETY: the counts are at most `rows`, and that many elements were written.
        unsafe {
            selection.kept.set_len(record.kept_count as usize);
            error_rows.set_len(record.error_count as usize);
            error_codes.set_len(record.error_count as usize);
        }
        selection.errors.extend(error_rows.into_iter().zip(error_codes));
        true
    }
}

/// The states an aggregate update changes, and the rows it adds to them.
pub(crate) struct UpdateRequest<'a> {
    /// The words of all groups.
    pub(crate) states: &'a mut [u64],
    /// Words of one group.
    pub(crate) stride: usize,
    /// The group of every row; without, all rows belong to group 0.
    pub(crate) groups: Option<&'a [u32]>,
    /// The first row.
    pub(crate) from: usize,
    /// One past the last row.
    pub(crate) rows: usize,
}

impl UpdateRequest<'_> {
    /// Checks that every row has a group and every group its words.
    fn check(&self) {
        let last = match self.groups {
            None => 0,
            Some(groups) => {
                let used = groups.get(self.from..self.rows);
                let used = used.unwrap_or_else(|| panic!("{} groups for {} rows", groups.len(), self.rows));
                used.iter().copied().max().map_or(0, |g| g as usize)
            }
        };
        let words = last.checked_add(1).and_then(|n| n.checked_mul(self.stride));
        assert!(words.is_some_and(|n| n <= self.states.len()), "group {last} is not there");
    }
}

/// Runs an aggregate update and returns the row it stopped at. The code must be that of an update
/// of these inputs and this stride.
pub(crate) fn update(code: &Code, request: &mut UpdateRequest<'_>, inputs: &Inputs) -> usize {
    request.check();
    assert!(inputs.rows >= request.rows && request.from < request.rows, "an update got the wrong rows");
    let mut call = UpdateCall {
        from: request.from as u64,
        rows: request.rows as u64,
        states: request.states.as_mut_ptr(),
        groups: request.groups.map_or(ptr::null(), <[u32]>::as_ptr),
        inputs: inputs.as_ptr(),
    };
    // SAFETY: the code was emitted for this record. It reads rows `from..rows` of the groups and
    // inputs, which have them, and reads and writes words of those rows' groups (or of group 0),
    // which are inside `states`. The states are borrowed mutably, so nothing else sees them.
    let stopped = unsafe { code.entry()(ptr::from_mut(&mut call).cast()) };
    stopped as usize
}
