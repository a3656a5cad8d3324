//! Row errors at the edge: which row of which file, which value, and which part of the program.
//!
//! Batches only carry status bytes. When a row turns out to be an error, its explanation is made
//! here by evaluating the guilty expression once more with the reference interpreter, so the hot
//! path never formats a message.

use crate::positions::LineColumn;
use crate::row_batch::RowBatch;
use crate::walk::Place;
use flow_ir::column::NULL;
use flow_ir::eval::{Row, eval};
use flow_ir::location::input_name;
use flow_ir::source::Source;
use flow_ir::{Column, ColumnId, ErrorCode, EvalError, Expr, Span, Value};
use std::collections::HashMap;

/// A row that could not be read or computed.
#[derive(Clone, Debug)]
pub struct RowFault {
    /// The file's path; empty for rows that come from no file.
    pub file: String,
    /// The file's index in its source.
    pub file_index: usize,
    /// Where the row starts in the file, in bytes.
    pub row_offset: u64,
    /// Where the guilty field (or byte) starts in the file.
    pub offset: u64,
    /// Its line and column, where they cannot be found out later.
    pub at: Option<LineColumn>,
    /// The field's name, when one field is to blame.
    pub field: Option<String>,
    /// The text of the value, or of the row.
    pub value: String,
    /// The declared type, or what was expected.
    pub expected: String,
    /// The kind of error.
    pub code: ErrorCode,
    /// What is wrong, as a sentence.
    pub message: String,
    /// The stage or expression that needed the value.
    pub needed_by: Span,
    /// Where the field is declared.
    pub declared: Option<Span>,
    /// The row's bytes.
    pub raw: Vec<u8>,
    /// Whether the offsets are row numbers from 0, because the file is no text.
    pub counts_rows: bool,
}

/// What is said of a value that nothing explains any more.
const GONE: &str = "this value could not be computed";

/// What is said of results, texts and indices whose values nothing tells any more.
const OVERFLOW: &str = "the result does not fit";
const CONVERSION: &str = "the value cannot be converted";
const OUT_OF_RANGE: &str = "the index is out of range";

/// What a stage knows about its columns, for explanations.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    /// How columns are computed.
    pub(crate) computed: HashMap<ColumnId, Expr>,
    /// The types of all columns of the stage.
    pub(crate) types: HashMap<ColumnId, flow_ir::DataType>,
    /// The first operation that reads a source column.
    pub(crate) first_use: HashMap<ColumnId, Span>,
}

/// A row of a batch as the interpreter sees it: parsed columns first, definitions after.
struct BatchRow<'a, 'b> {
    batch: &'a RowBatch<'b>,
    row: usize,
    source: Option<&'a Source>,
    renamed: &'a [(ColumnId, ColumnId)],
    definitions: &'a Definitions,
}

impl Row for BatchRow<'_, '_> {
    fn value(&self, id: ColumnId) -> Result<Value, EvalError> {
        if let Some(column) = self.batch.ready(id) {
            return self.read(column, self.row, id);
        }
        if let (Some(morsel), Some(source)) = (self.batch.morsel(), self.source)
            && let Some(index) = source.delivered().position(|c| c.id == id)
        {
            let column = morsel.scanner.column(index, Some(&[self.batch.origin(self.row)]));
            return self.read(&column, 0, id);
        }
        if let Some(column) = self.batch.base_column(id) {
            return self.read(column, self.batch.origin(self.row) as usize, id);
        }
        match (self.definitions.computed.get(&id), old_id(self.renamed, id)) {
            (Some(expr), _) => eval(expr, self, flow_stdlib::library()),
            (None, Some(old)) => self.value(old),
            (None, None) => Err(EvalError::new(ErrorCode::Malformed, GONE)),
        }
    }
}

/// What `id` was called in the input that the batch comes from.
fn old_id(renamed: &[(ColumnId, ColumnId)], id: ColumnId) -> Option<ColumnId> {
    renamed.iter().find(|(new, _)| *new == id).map(|(_, old)| *old).filter(|old| *old != id)
}

impl BatchRow<'_, '_> {
    fn read(&self, column: &Column, row: usize, id: ColumnId) -> Result<Value, EvalError> {
        let Some(ty) = self.definitions.types.get(&id) else {
            return Err(EvalError::new(ErrorCode::Malformed, GONE));
        };
        match column.value(row, &ty.kind) {
            Ok(v) => Ok(v),
            // The column says that there is an error; its definition says which.
            Err(code) => {
                let again = match (self.definitions.computed.get(&id), old_id(self.renamed, id)) {
                    (Some(expr), _) if !matches!(expr.kind, flow_ir::ExprKind::Column(c) if c == id) => {
                        eval(expr, self, flow_stdlib::library())
                    }
                    (None, Some(old)) => self.value(old),
                    _ => return Err(generic(code)),
                };
                match again {
                    // Otherwise a value that it needs is gone, such as the other side's of a join.
                    Err(e) if e.message != GONE => Err(e),
                    _ => Err(generic(code)),
                }
            }
        }
    }
}

fn generic(code: u8) -> EvalError {
    let code = ErrorCode::from_status(code).unwrap_or(ErrorCode::Malformed);
    let message = match code {
        ErrorCode::Overflow => OVERFLOW,
        ErrorCode::DivisionByZero => "division by zero",
        ErrorCode::Conversion => CONVERSION,
        ErrorCode::OutOfRange => OUT_OF_RANGE,
        _ => GONE,
    };
    EvalError::new(code, message)
}

/// Whether a message says no more than what a status byte does, where the values behind it would say more.
pub(crate) fn is_generic(message: &str) -> bool {
    matches!(message, GONE | OVERFLOW | CONVERSION | OUT_OF_RANGE)
}

/// What made a row an error.
pub(crate) enum Cause<'a> {
    /// A column that a leaf needs.
    Column(ColumnId, Span),
    /// A `check`.
    Check(&'a Expr, &'a str),
    /// Unknown: a field or filter met earlier.
    Earlier,
}

/// Explains why row `row` of `batch` is an error.
pub(crate) fn explain(
    batch: &RowBatch<'_>,
    row: usize,
    place: Place<'_>,
    cause: &Cause<'_>,
    filters: &[&Expr],
    definitions: &Definitions,
) -> RowFault {
    let mut fault = blamed(batch, row, place, cause, filters, definitions);
    if let (Some(first_line), Some(morsel)) = (place.first_line, batch.morsel()) {
        // A stream is gone when its errors are reported.
        let to = fault.offset.wrapping_sub(place.base_offset) as usize;
        fault.at = Some(LineColumn::behind(morsel.scanner.bytes(0..to), first_line));
    }
    fault
}

fn blamed(
    batch: &RowBatch<'_>,
    row: usize,
    place: Place<'_>,
    cause: &Cause<'_>,
    filters: &[&Expr],
    definitions: &Definitions,
) -> RowFault {
    let source = place.source.map(|s| &s.source);
    let mut fault = locate(batch, row, source, place.base_offset, place.file);
    if let Some(source) = source
        && broken_field(batch, row, source, place.base_offset, definitions, &mut fault)
    {
        return fault;
    }
    let view = BatchRow { batch, row, source, renamed: place.renamed, definitions };
    let (error, span) = match cause {
        Cause::Check(expr, why) => match eval(expr, &view, flow_stdlib::library()) {
            Err(e) => (e, expr.span),
            Ok(_) => (EvalError::new(ErrorCode::Check, format!("check failed: {why}")), expr.span),
        },
        Cause::Column(id, span) => {
            let status = batch.ready(*id).map_or(0, |c| c.status.get(row));
            let old = old_id(place.renamed, *id).unwrap_or(*id);
            match definitions.computed.get(id).or_else(|| definitions.computed.get(&old)) {
                Some(expr) => (blame(expr, &view, status), expr.span),
                None => (view.value(*id).err().unwrap_or_else(|| generic(status)), *span),
            }
        }
        Cause::Earlier => {
            // Conditions are named by themselves: whether they stand in one filter is up to the optimizer.
            let mut guilty = None;
            for filter in filters {
                filter.for_each_conjunct(&mut |f| {
                    if guilty.is_none() {
                        guilty = eval(f, &view, flow_stdlib::library()).err().map(|e| (e, f.span));
                    }
                });
            }
            guilty.unwrap_or_else(|| (generic(batch.faults().map_or(0, |f| f[row])), fault.needed_by))
        }
    };
    fault.code = error.code;
    fault.message = error.message;
    fault.needed_by = span;
    fault
}

fn blame(expr: &Expr, row: &BatchRow<'_, '_>, status: u8) -> EvalError {
    match eval(expr, row, flow_stdlib::library()) {
        Err(e) if e.message != GONE => e,
        _ => generic(status),
    }
}

/// The row's place and bytes.
fn locate(batch: &RowBatch<'_>, row: usize, source: Option<&Source>, base: u64, file: usize) -> RowFault {
    let mut fault = RowFault {
        file: source
            .and_then(|s| s.files.get(file))
            .map_or_else(String::new, |f| input_name(&f.path).into_owned()),
        file_index: file,
        row_offset: 0,
        offset: 0,
        at: None,
        field: None,
        value: String::new(),
        expected: String::new(),
        code: ErrorCode::Malformed,
        message: String::new(),
        needed_by: source.map(|s| s.span).unwrap_or_default(),
        declared: None,
        raw: Vec::new(),
        counts_rows: false,
    };
    if let Some(morsel) = batch.morsel() {
        let span = morsel.scanner.row_span(batch.origin(row) as usize);
        fault.row_offset = base + span.start as u64;
        fault.offset = fault.row_offset;
        fault.raw = morsel.scanner.row_text(batch.origin(row) as usize);
        fault.counts_rows = morsel.scanner.counts_rows();
        fault.value = String::from_utf8_lossy(&fault.raw).into_owned();
    }
    fault
}

/// Fills in the first field of the row that is not of its type, or the row's broken structure.
fn broken_field(
    batch: &RowBatch<'_>,
    row: usize,
    source: &Source,
    base: u64,
    definitions: &Definitions,
    fault: &mut RowFault,
) -> bool {
    let Some(morsel) = batch.morsel() else { return false };
    let origin = batch.origin(row);
    if let Some(b) = morsel.scanner.broken().iter().find(|b| b.row == origin) {
        fault.code = ErrorCode::Structure;
        fault.offset = base + b.at as u64;
        fault.message.clone_from(&b.message);
        fault.expected = "a well-formed row".to_owned();
        return true;
    }
    for (index, column) in source.columns.iter().enumerate() {
        if !morsel.used.get(index).copied().unwrap_or(true) {
            continue;
        }
        // Plans that were not compiled from a program do not say where a field is used first.
        let here = definitions.first_use.get(&column.id).copied();
        let Some(needed_by) = Some(column.used).filter(|s| *s != Span::default()).or(here) else { continue };
        let status = morsel.scanner.column(index, Some(&[origin])).status.get(0);
        if status <= NULL {
            continue;
        }
        let code = ErrorCode::from_status(status).unwrap_or(ErrorCode::Malformed);
        if morsel.nullifies(index) && matches!(code, ErrorCode::Malformed | ErrorCode::Missing) {
            continue;
        }
        let span = morsel.scanner.field_span(origin as usize, index);
        fault.value = morsel.scanner.field_text(origin as usize, index);
        fault.offset = span.map_or(fault.row_offset, |s| base + s.start as u64);
        fault.code = code;
        fault.field = Some(column.name.clone());
        fault.expected = column.ty.to_string();
        fault.declared = Some(column.span);
        fault.needed_by = needed_by;
        fault.message = field_message(code, &fault.value, &column.name, &column.ty);
        return true;
    }
    false
}

fn field_message(code: ErrorCode, value: &str, name: &str, ty: &flow_ir::DataType) -> String {
    if code == ErrorCode::Missing {
        return format!("`{name}` has no value here, but {ty} may not be null");
    }
    flow_ir::text::not_a_message(value, &ty.kind)
}
