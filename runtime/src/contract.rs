//! `expect` of a join: finds the first two rows of a side that have the same key, and says which they are.
//!
//! The rows to compare are collected with where each of them stands: its offset in its file, its line in its
//! stream, or its number in its batch. Which pair is reported does not depend on threads: the one whose second row comes first.

use crate::compiled::{CompiledLeaf, CompiledStage};
use crate::decompress::open_text;
use crate::leaf::{LeafState, Position};
use crate::memory::{Budget, NeedsMore};
use crate::operators::join::JoinTable;
use crate::options::RunError;
use crate::positions::LineColumn;
use crate::row_batch::RowBatch;
use crate::tasks::{OpenInput, Tasks};
use flow_ir::compression::Compression;
use flow_ir::location::{Location, input_name};
use flow_ir::physical::LeafKind;
use flow_ir::{Batch, Column, ColumnId, Contract, Span, Values};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

/// The column of the rows' places; no plan has so many columns.
pub(crate) const PLACE: ColumnId = ColumnId(u32::MAX);

/// Bytes of a row that are shown.
const TEXT_MAX: usize = 400;

/// A promise that the data does not keep.
#[derive(Clone, Debug)]
pub struct ContractBroken {
    /// What was promised.
    pub contract: Contract,
    /// The key, as text, one an entry of the contract's keys.
    pub key: Vec<String>,
    /// The two rows that have it, in order.
    pub rows: [ContractRow; 2],
    /// The join.
    pub span: Span,
}

/// A row that breaks a promise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContractRow {
    /// Its file and the offset of its first byte, if it comes from one.
    pub file: Option<(String, u64)>,
    /// Its stream and line, if it comes from one.
    pub stream: Option<(String, u64)>,
    /// Its text, or its values.
    pub text: String,
}

/// Two rows with equal keys, by task and place.
pub(crate) struct Broken {
    contract: Contract,
    on: Vec<ColumnId>,
    key: Batch,
    rows: [(u64, i64); 2],
    span: Span,
}

/// Where the rows of a batch stand.
pub(crate) fn places(batch: &RowBatch<'_>, at: Position) -> Column {
    // Where a stream's lines have been counted up to: what comes once has no offsets to go back to.
    let mut counted = (0, at.first_line.unwrap_or(1));
    let place = |row: usize| {
        let Some(morsel) = batch.morsel() else { return i64::from(batch.origin(row)) };
        let start = morsel.scanner.row_span(batch.origin(row) as usize).start;
        let Some(first_line) = at.first_line else {
            return at.base_offset.wrapping_add(start as u64) as i64;
        };
        if start < counted.0 {
            counted = (0, first_line);
        }
        let line = LineColumn::behind(morsel.scanner.bytes(counted.0..start), counted.1).line;
        counted = (start, line);
        line as i64
    };
    Column::valid(Values::I64((0..batch.rows()).map(place).collect()))
}

/// The first pair of rows with equal keys, if there is one.
pub(crate) fn find_equal_keys(
    states: Vec<LeafState>,
    leaf: &CompiledLeaf,
    budget: &Budget,
) -> Result<Option<Broken>, RunError> {
    let LeafKind::Expect { on, contract } = &leaf.leaf.kind else { return Ok(None) };
    let mut parts: Vec<(u64, Batch)> = Vec::new();
    let mut held = Vec::new();
    for state in states {
        if let LeafState::Collect(part, memory) = state {
            parts.extend(part);
            held.push(memory);
        }
    }
    parts.sort_by_key(|p| p.0);
    let (tasks, batches): (Vec<u64>, Vec<Batch>) = parts.into_iter().unzip();
    let span = leaf.leaf.span;
    let memory = |e: NeedsMore| RunError::Memory { message: e.to_string(), span };
    let table = JoinTable::build(&batches, on, None, budget).map_err(memory)?;
    let Some((first, second)) = table.first_equal() else { return Ok(None) };
    let missing = || RunError::Internal("a compared row is missing".to_owned());
    let place = |row: u32| {
        let mut row = row as usize;
        for (task, batch) in tasks.iter().zip(&batches) {
            if row < batch.rows {
                let Values::I64(places) = &batch.column(PLACE)?.values else { return None };
                return Some((*task, *places.get(row)?, batch.gather(&[row as u32])));
            }
            row -= batch.rows;
        }
        None
    };
    let ((task, at, _), (task2, at2, key)) =
        (place(first).ok_or_else(missing)?, place(second).ok_or_else(missing)?);
    let rows = [(task, at), (task2, at2)];
    Ok(Some(Broken { contract: contract.clone(), on: on.clone(), key, rows, span }))
}

impl Broken {
    /// What there is to say about it.
    pub(crate) fn explain(self, compiled: &CompiledStage, tasks: &Tasks) -> ContractBroken {
        let key = self.on.iter().map(|id| value_text(&self.key, *id, 0, compiled)).collect();
        let rows = self.rows.map(|(task, place)| row(compiled, tasks, task, place));
        ContractBroken { contract: self.contract, key, rows, span: self.span }
    }
}

fn value_text(batch: &Batch, id: ColumnId, row: usize, compiled: &CompiledStage) -> String {
    let value = batch.column(id).zip(compiled.definitions.types.get(&id));
    let value = value.and_then(|(column, ty)| column.value(row, &ty.kind).ok());
    value.map_or_else(String::new, |v| flow_ir::text::display(&v))
}

/// The row at a place of a task.
fn row(compiled: &CompiledStage, tasks: &Tasks, task: u64, place: i64) -> ContractRow {
    let Some(task) = usize::try_from(task).ok().and_then(|t| tasks.tasks.get(t)) else {
        return ContractRow::default();
    };
    match tasks.inputs.get(task.input) {
        Some(OpenInput::Files(_)) => {
            let source = compiled.inputs.get(task.input).and_then(|i| i.source.as_ref());
            let Some(file) = source.and_then(|s| s.source.files.get(task.file)) else {
                return ContractRow::default();
            };
            if Location::of(&file.path).is_live() {
                let stream = Some((input_name(&file.path).into_owned(), place as u64));
                return ContractRow { stream, ..ContractRow::default() };
            }
            let text = line_at(&file.path, place as u64).unwrap_or_default();
            ContractRow { file: Some((file.path.clone(), place as u64)), text, ..ContractRow::default() }
        }
        Some(OpenInput::Batches(dataset)) => {
            let Some(batch) = dataset.batches.get(task.part) else { return ContractRow::default() };
            let values = batch.columns.iter().map(|(id, _)| value_text(batch, *id, place as usize, compiled));
            ContractRow { text: values.collect::<Vec<_>>().join(", "), ..ContractRow::default() }
        }
        _ => ContractRow::default(),
    }
}

/// The text at an offset of a file, up to the end of the line.
fn line_at(path: &str, offset: u64) -> Option<String> {
    let mut bytes = Vec::new();
    if Compression::of(path).is_some() {
        let mut text = open_text(path).ok()?;
        std::io::copy(&mut text.by_ref().take(offset), &mut std::io::sink()).ok()?;
        text.take(TEXT_MAX as u64).read_to_end(&mut bytes).ok()?;
    } else {
        let mut file = File::open(path).ok()?;
        file.seek(SeekFrom::Start(offset)).ok()?;
        file.take(TEXT_MAX as u64).read_to_end(&mut bytes).ok()?;
    }
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    Some(String::from_utf8_lossy(line).trim_end_matches('\r').to_owned())
}
