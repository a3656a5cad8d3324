//! `window`: every row as it is, where it is, with columns that tell of the rows around it.
//!
//! The rows are put in the order of key, sort keys and input; each function is computed along that
//! order, keys beside each other on all cores; and the results go back to where the rows stand.
//! Invariant: results depend on the order of the rows only, never on how they are split.

mod aggregate;
mod generic;
mod places;
mod sliding;
#[cfg(test)]
mod tests;

use crate::kernels::gather::{BATCH_ROWS, Place, batch_of, gather_across, place, row_of};
use crate::memory::{Budget, NeedsMore, Reservation};
use crate::operators::reduce_by_key::AggregateError;
use crate::operators::sort::{RowOrder, ascending, order};
use flow_ir::column::ColumnBuilder;
use flow_ir::logical::SortKey;
use flow_ir::window::Window;
use flow_ir::{Batch, Column, ColumnId, Type, Value, Values};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// Rows from which keys are computed on a core of their own.
const RUN_ROWS: usize = 1 << 14;

/// Text bytes of an added column above which a batch is split.
const TEXT_MAX: usize = 1 << 30;

/// A window, and the types it needs to know.
#[derive(Clone, Debug)]
pub struct WindowSpec {
    /// What is added.
    pub window: Window,
    /// The types of the arguments of the aggregates, then of what some of them choose by.
    pub arguments: Vec<Option<Type>>,
    /// The types of the key columns.
    pub per: Vec<Type>,
}

impl WindowSpec {
    /// Where among the arguments is what aggregate `i` chooses by.
    fn chooser(&self, i: usize) -> Option<usize> {
        let aggregates = &self.window.aggregates;
        aggregates.get(i)?.by?;
        Some(aggregates.len() + aggregates.iter().take(i).filter(|a| a.by.is_some()).count())
    }
}

/// Rows in the order of a window.
struct Ordered<'a> {
    spec: &'a WindowSpec,
    batches: &'a [Batch],
    places: Vec<Place>,
    /// Where each key starts among the places, and where the last one ends.
    starts: Vec<usize>,
    /// Keys that are computed together.
    runs: Vec<Range<usize>>,
    budget: &'a Budget,
}

/// The results of a function in the order of the window: cells of some columns.
struct Cells {
    columns: Vec<Arc<Column>>,
    places: Vec<Place>,
    /// What results of unknown size take of the budget.
    memory: Vec<Reservation>,
}

/// The results of a function over the rows of a run of keys.
#[derive(Default)]
struct RunCells {
    columns: Vec<Column>,
    places: Vec<Place>,
    memory: Option<Reservation>,
}

/// `batches` with the columns of the window. All batches have the same columns in the same order.
pub fn window(batches: Vec<Batch>, spec: &WindowSpec, budget: &Budget) -> Result<Vec<Batch>, AggregateError> {
    let mut memory = budget.reserve("the order of window");
    let ordered = Ordered::new(&batches, spec, budget, &mut memory)?;
    let rows = ordered.places.len();
    let mut added: Vec<(ColumnId, Cells)> = Vec::new();
    for (i, a) in spec.window.aggregates.iter().enumerate() {
        reserve(&mut memory, rows, 32)?;
        added.push((a.output, ordered.aggregate(i)?));
    }
    for f in &spec.window.functions {
        reserve(&mut memory, rows, 16)?;
        added.push((f.output, ordered.function(f)));
    }
    let offsets = offsets(&batches);
    added.par_iter_mut().for_each(|(_, cells)| cells.put_back(&ordered.places, &offsets));
    let out: Result<Vec<(Vec<Batch>, Reservation)>, NeedsMore> =
        batches.par_iter().enumerate().map(|(b, batch)| widened(batch, offsets[b], &added, budget)).collect();
    // What the columns take is accounted for by whoever holds the rows from now on.
    Ok(out?.into_iter().flat_map(|(batches, _)| batches).collect())
}

/// Covers `bytes` more for each row.
fn reserve(memory: &mut Reservation, rows: usize, bytes: u64) -> Result<(), NeedsMore> {
    memory.cover(memory.bytes() + rows as u64 * bytes)
}

/// The number of rows before each batch.
fn offsets(batches: &[Batch]) -> Vec<usize> {
    let mut before = 0;
    let next = |b: &Batch| {
        before += b.rows;
        before - b.rows
    };
    batches.iter().map(next).collect()
}

impl Cells {
    /// Puts the results where the rows stand.
    fn put_back(&mut self, order: &[Place], offsets: &[usize]) {
        let mut out = vec![0; order.len()];
        for (cell, row) in self.places.iter().zip(order) {
            out[offsets[batch_of(*row)] + row_of(*row)] = *cell;
        }
        self.places = out;
    }

    fn text_bytes(&self, places: &[Place]) -> usize {
        if !self.columns.iter().any(|c| matches!(c.values, Values::Str(_))) {
            return 0;
        }
        let texts: Vec<_> = self
            .columns
            .iter()
            .map(|c| match &c.values {
                Values::Str(s) => s.views.as_slice(),
                _ => &[],
            })
            .collect();
        places.iter().map(|&p| texts[batch_of(p)].get(row_of(p)).map_or(0, |v| (v >> 32) as usize)).sum()
    }
}

/// A batch with the added columns, in several parts where texts are too long for one.
fn widened(
    batch: &Batch,
    offset: usize,
    added: &[(ColumnId, Cells)],
    budget: &Budget,
) -> Result<(Vec<Batch>, Reservation), NeedsMore> {
    let mut held = budget.reserve("the columns of window");
    let mut open: Vec<Range<usize>> = std::iter::once(0..batch.rows).collect();
    let mut out = Vec::new();
    while let Some(rows) = open.pop() {
        let places = |cells: &'_ Cells| offset + rows.start..offset + rows.end.min(cells.places.len());
        let texts: Vec<usize> = added.iter().map(|(_, c)| c.text_bytes(&c.places[places(c)])).collect();
        if rows.len() > 1 && texts.iter().any(|&bytes| bytes > TEXT_MAX) {
            let middle = rows.start + rows.len() / 2;
            open.extend([middle..rows.end, rows.start..middle]);
            continue;
        }
        // What a cell takes besides its text, at most.
        let bytes = texts.iter().sum::<usize>() + added.len() * rows.len() * 16;
        held.add(bytes as u64)?;
        let mut part = match rows.len() == batch.rows {
            true => batch.clone(),
            false => batch.gather(&rows.clone().map(|r| r as u32).collect::<Vec<_>>()),
        };
        for (id, cells) in added {
            let columns: Vec<&Column> = cells.columns.iter().map(AsRef::as_ref).collect();
            part.columns.push((*id, Arc::new(gather_across(&columns, &cells.places[places(cells)]))));
        }
        out.push(part);
    }
    Ok((out, held))
}

impl<'a> Ordered<'a> {
    fn new(
        batches: &'a [Batch],
        spec: &'a WindowSpec,
        budget: &'a Budget,
        memory: &mut Reservation,
    ) -> Result<Self, NeedsMore> {
        let per: Vec<SortKey> = spec.window.per.iter().map(|c| ascending(*c)).collect();
        let rows: usize = batches.iter().map(|b| b.rows).sum();
        reserve(memory, rows, 8)?;
        let mut keys = per.clone();
        keys.extend(spec.window.sort.iter().copied());
        let places = if keys.is_empty() {
            batches
                .iter()
                .enumerate()
                .flat_map(|(b, batch)| (0..batch.rows).map(move |r| place(b, r)))
                .collect()
        } else {
            order(batches, &keys, None, budget)?
        };
        let starts = key_starts(&places, &RowOrder::new(batches, &per));
        let runs = runs_of(&starts);
        Ok(Ordered { spec, batches, places, starts, runs, budget })
    }

    /// The places of the rows of a key.
    fn key(&self, key: usize) -> &[Place] {
        &self.places[self.starts[key]..self.starts[key + 1]]
    }

    /// The places of the rows of a run of keys.
    fn run(&self, run: &Range<usize>) -> &[Place] {
        &self.places[self.starts[run.start]..self.starts[run.end]]
    }

    /// The column in every batch.
    fn columns(&self, id: ColumnId) -> Vec<Arc<Column>> {
        self.batches.iter().filter_map(|b| b.column(id).cloned()).collect()
    }

    /// The values of the key columns, for messages.
    fn key_values(&self, key: usize) -> Vec<Value> {
        let Some(&first) = self.key(key).first() else { return Vec::new() };
        let batch = &self.batches[batch_of(first)];
        let columns = self.spec.window.per.iter().zip(&self.spec.per);
        columns
            .map(|(id, ty)| match batch.column(*id).map(|c| c.value(row_of(first), ty)) {
                Some(Ok(value)) => value,
                _ => Value::Null,
            })
            .collect()
    }

    /// Computes every run of keys, the error of the first one that has one winning, and joins them.
    fn each_run(
        &self,
        compute: impl Fn(&Range<usize>) -> Result<RunCells, AggregateError> + Sync + Send,
    ) -> Result<Cells, AggregateError> {
        let runs: Vec<Result<RunCells, AggregateError>> = self.runs.par_iter().map(compute).collect();
        let places = Vec::with_capacity(self.places.len());
        let mut all = Cells { columns: Vec::new(), places, memory: Vec::new() };
        for run in runs {
            let run = run?;
            let shift = all.columns.len();
            all.places.extend(run.places.iter().map(|&p| place(shift + batch_of(p), row_of(p))));
            all.columns.extend(run.columns.into_iter().map(Arc::new));
            all.memory.extend(run.memory);
        }
        Ok(all)
    }

    /// Cells that are picked from the column `id` of the rows themselves; `None` is null.
    fn picked(
        &self,
        id: ColumnId,
        ty: &Type,
        pick: impl Fn(&Range<usize>) -> Result<Vec<Option<Place>>, AggregateError> + Sync + Send,
    ) -> Result<Cells, AggregateError> {
        let mut columns = self.columns(id);
        let null = place(columns.len(), 0);
        columns.push(Arc::new(null_column(ty)));
        let runs: Vec<_> = self.runs.par_iter().map(pick).collect();
        let mut places = Vec::with_capacity(self.places.len());
        for run in runs {
            places.extend(run?.into_iter().map(|p| p.unwrap_or(null)));
        }
        Ok(Cells { columns, places, memory: Vec::new() })
    }
}

/// A column of one null.
fn null_column(ty: &Type) -> Column {
    let mut builder = ColumnBuilder::new(ty, 1);
    builder.push(Ok(&Value::Null));
    builder.finish()
}

/// Where the keys of sorted rows start, and the end.
fn key_starts(places: &[Place], keys: &RowOrder<'_>) -> Vec<usize> {
    if places.is_empty() {
        return vec![0];
    }
    let is_start = |i: usize| i == 0 || keys.compare(places[i - 1], places[i]).is_ne();
    let parts: Vec<Vec<usize>> = (0..places.len().div_ceil(BATCH_ROWS))
        .into_par_iter()
        .map(|n| (n * BATCH_ROWS..places.len().min((n + 1) * BATCH_ROWS)).filter(|i| is_start(*i)).collect())
        .collect();
    let mut starts = parts.concat();
    starts.push(places.len());
    starts
}

/// Neighbouring keys until they have enough rows to be worth a task.
fn runs_of(starts: &[usize]) -> Vec<Range<usize>> {
    let keys = starts.len() - 1;
    let mut runs = Vec::new();
    let mut from = 0;
    for key in 0..keys {
        if starts[key + 1] - starts[from] >= RUN_ROWS || key + 1 == keys {
            runs.push(from..key + 1);
            from = key + 1;
        }
    }
    runs
}
