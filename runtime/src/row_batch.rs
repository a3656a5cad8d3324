//! The rows of one morsel on their way through a stage: dense columns, parsed on demand.
//!
//! A column of a file stays pending until an operation reads it, and is then parsed for the rows
//! that are still there. `faults` marks rows that are row errors unless a later filter drops
//! them; `origin` leads from each row back to its row in the morsel.

use crate::format::Scanner;
use flow_ir::column::{NULL, VALID};
use flow_ir::{Batch, Column, ColumnId, Status};
use std::sync::Arc;

/// The morsel a batch came from, when it came from a file.
#[derive(Clone, Copy)]
pub(crate) struct Morsel<'a> {
    /// The scanner that holds it.
    pub(crate) scanner: &'a dyn Scanner,
    /// For each source column: whether the program uses it.
    pub(crate) used: &'a [bool],
    /// For each source column: whether fields that are not of its type read as null (`on_error null`, of
    /// nullable columns).
    pub(crate) nullify: &'a [bool],
}

impl Morsel<'_> {
    /// Whether fields of a source column that are not of its type read as null.
    pub(crate) fn nullifies(&self, index: usize) -> bool {
        self.nullify.get(index).copied().unwrap_or(false)
    }
}

/// A column of a batch.
#[derive(Clone)]
enum Slot {
    Ready(Arc<Column>),
    /// The source column of that index, not parsed yet.
    Pending(usize),
}

/// Rows and their columns.
#[derive(Clone)]
pub(crate) struct RowBatch<'a> {
    rows: usize,
    origin: Option<Arc<Vec<u32>>>,
    columns: Vec<(ColumnId, Slot)>,
    faults: Option<Vec<u8>>,
    morsel: Option<Morsel<'a>>,
    /// The batch it came from, when it came from one: explanations need columns that are gone.
    base: Option<&'a Batch>,
    /// Whether columns that nothing needs any more stay, for explanations.
    remembers: bool,
}

impl<'a> RowBatch<'a> {
    /// The whole morsel, nothing parsed. `columns` are the source columns' ids, in source order.
    pub(crate) fn from_morsel(morsel: Morsel<'a>, columns: &[ColumnId]) -> Self {
        let rows = morsel.scanner.rows();
        let broken = morsel.scanner.broken();
        let faults = (!broken.is_empty()).then(|| {
            let mut f = vec![VALID; rows];
            for b in broken {
                f[b.row as usize] = flow_ir::ErrorCode::Structure as u8;
            }
            f
        });
        let columns = columns.iter().enumerate().map(|(i, id)| (*id, Slot::Pending(i))).collect();
        RowBatch { rows, origin: None, columns, faults, morsel: Some(morsel), base: None, remembers: false }
    }

    /// Rows that are already columns.
    pub(crate) fn from_batch(batch: &'a Batch) -> Self {
        let columns = batch.columns.iter().map(|(id, c)| (*id, Slot::Ready(c.clone()))).collect();
        RowBatch {
            rows: batch.rows,
            origin: None,
            columns,
            faults: None,
            morsel: None,
            base: Some(batch),
            remembers: false,
        }
    }

    /// Rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The row of the morsel that row `row` came from.
    pub(crate) fn origin(&self, row: usize) -> u32 {
        self.origin.as_ref().map_or(row as u32, |o| o[row])
    }

    /// The fault byte of each row, if any row has one.
    pub(crate) fn faults(&self) -> Option<&[u8]> {
        self.faults.as_deref()
    }

    /// The morsel behind the batch.
    pub(crate) fn morsel(&self) -> Option<Morsel<'a>> {
        self.morsel
    }

    /// The column `id` of the batch this one came from.
    pub(crate) fn base_column(&self, id: ColumnId) -> Option<&'a Arc<Column>> {
        self.base?.column(id)
    }

    /// Marks a row as an error, unless it already is one.
    pub(crate) fn mark(&mut self, row: usize, code: u8) {
        let faults = self.faults.get_or_insert_with(|| vec![VALID; self.rows]);
        if faults[row] == VALID {
            faults[row] = code;
        }
    }

    /// The column `id`, parsed now if it was pending. `None` if the batch does not have it.
    pub(crate) fn column(&mut self, id: ColumnId) -> Option<Arc<Column>> {
        let at = self.columns.iter().position(|(c, _)| *c == id)?;
        let index = match &self.columns[at].1 {
            Slot::Ready(c) => return Some(c.clone()),
            Slot::Pending(index) => *index,
        };
        let morsel = self.morsel?;
        let mut column = morsel.scanner.column(index, self.origin.as_ref().map(|o| o.as_slice()));
        self.note_errors(&mut column, morsel, index);
        let column = Arc::new(column);
        self.columns[at].1 = Slot::Ready(column.clone());
        Some(column)
    }

    fn note_errors(&mut self, column: &mut Column, morsel: Morsel<'_>, index: usize) {
        let used = morsel.used.get(index).copied().unwrap_or(true);
        let Status::Rows(status) = &mut column.status else { return };
        if !status.iter().any(|&s| s > NULL) {
            return;
        }
        let field_error =
            |s: u8| s == flow_ir::ErrorCode::Malformed as u8 || s == flow_ir::ErrorCode::Missing as u8;
        if morsel.nullifies(index) {
            status.iter_mut().filter(|s| field_error(**s)).for_each(|s| *s = NULL);
        }
        if used {
            let bad: Vec<(usize, u8)> =
                status.iter().copied().enumerate().filter(|(_, s)| *s > NULL).collect();
            for (row, code) in bad {
                self.mark(row, code);
            }
        }
    }

    /// A column that is already there in parsed form.
    pub(crate) fn ready(&self, id: ColumnId) -> Option<&Arc<Column>> {
        self.columns.iter().find_map(|(c, s)| match s {
            Slot::Ready(x) if *c == id => Some(x),
            _ => None,
        })
    }

    /// Adds computed columns.
    pub(crate) fn add(&mut self, id: ColumnId, column: Column) {
        self.columns.push((id, Slot::Ready(Arc::new(column))));
    }

    /// From now on columns that have been computed stay, whatever is dropped.
    pub(crate) fn remember(&mut self) {
        self.remembers = true;
    }

    /// Drops every column that `keep` does not name.
    pub(crate) fn retain(&mut self, keep: &[ColumnId]) {
        let remembers = self.remembers;
        self.columns.retain(|(id, slot)| keep.contains(id) || remembers && matches!(slot, Slot::Ready(_)));
    }

    /// Makes the given rows, in the given order (a row may come several times), the batch's rows.
    pub(crate) fn select(&mut self, rows: &[u32]) {
        for (_, slot) in &mut self.columns {
            if let Slot::Ready(c) = slot {
                *c = Arc::new(c.gather(rows));
            }
        }
        self.origin = Some(Arc::new(match &self.origin {
            None => rows.to_vec(),
            Some(o) => rows.iter().map(|&r| o[r as usize]).collect(),
        }));
        if let Some(f) = &mut self.faults {
            let picked: Vec<u8> = rows.iter().map(|&r| f[r as usize]).collect();
            self.faults = picked.iter().any(|&b| b != VALID).then_some(picked);
        }
        self.rows = rows.len();
    }

    /// Renames columns: (new, old). No pairs: nothing changes.
    pub(crate) fn rename(&mut self, pairs: &[(ColumnId, ColumnId)]) {
        if !pairs.is_empty() {
            self.replace(pairs);
        }
    }

    /// Makes the batch hold just the columns (new, old), under their new ids.
    pub(crate) fn replace(&mut self, pairs: &[(ColumnId, ColumnId)]) {
        let mut replaced = Vec::with_capacity(pairs.len());
        for (new, old) in pairs {
            if let Some((_, slot)) = self.columns.iter().find(|(id, _)| id == old) {
                replaced.push((*new, slot.clone()));
            }
        }
        if self.remembers {
            let gone = std::mem::take(&mut self.columns).into_iter();
            let is_new = |id: &ColumnId| pairs.iter().any(|(new, _)| new == id);
            replaced.extend(gone.filter(|(id, slot)| !is_new(id) && matches!(slot, Slot::Ready(_))));
        }
        self.columns = replaced;
    }

    /// Parses every pending column.
    pub(crate) fn settle(&mut self) {
        let ids: Vec<ColumnId> = self.columns.iter().map(|(id, _)| *id).collect();
        for id in ids {
            self.column(id);
        }
    }
}
