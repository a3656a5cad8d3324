//! Functions that depend on where a row stands: `lag`, `lead`, `row_number`, `rank`, `dense_rank`.

use super::{Cells, Ordered, RunCells, null_column};
use crate::kernels::gather::{Place, batch_of, place, row_of};
use crate::operators::sort::RowOrder;
use flow_ir::window::{WindowFunction, WindowKind};
use flow_ir::{Column, Values};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

impl Ordered<'_> {
    /// The results of a function.
    pub(super) fn function(&self, f: &WindowFunction) -> Cells {
        match (f.kind, f.argument) {
            (WindowKind::Lag | WindowKind::Lead, Some(argument)) => {
                let mut columns = self.columns(argument);
                // Rows that are not there read the default of their own row, or null.
                let shift = columns.len();
                match f.default {
                    Some(id) => columns.extend(self.columns(id)),
                    None => columns.push(Arc::new(null_column(&f.ty.kind))),
                }
                let missing = |row: Place| match f.default {
                    Some(_) => place(shift + batch_of(row), row_of(row)),
                    None => place(shift, 0),
                };
                let runs: Vec<Vec<Place>> =
                    self.runs.par_iter().map(|r| self.shifted(r, f, &missing)).collect();
                Cells { columns, places: runs.concat(), memory: Vec::new() }
            }
            _ => {
                let order = RowOrder::new(self.batches, &self.spec.window.sort);
                let runs: Vec<RunCells> =
                    self.runs.par_iter().map(|r| self.numbered(r, f.kind, &order)).collect();
                let places = Vec::with_capacity(self.places.len());
                let mut all = Cells { columns: Vec::new(), places, memory: Vec::new() };
                for (n, run) in runs.into_iter().enumerate() {
                    all.places.extend(run.places.iter().map(|&p| place(n, row_of(p))));
                    all.columns.extend(run.columns.into_iter().map(Arc::new));
                }
                all
            }
        }
    }

    fn shifted(
        &self,
        run: &Range<usize>,
        f: &WindowFunction,
        missing: &impl Fn(Place) -> Place,
    ) -> Vec<Place> {
        let offset = usize::try_from(f.offset).unwrap_or(usize::MAX);
        let mut out = Vec::with_capacity(self.run(run).len());
        for key in run.clone() {
            let rows = self.key(key);
            for (at, row) in rows.iter().enumerate() {
                let other = match f.kind {
                    WindowKind::Lag => at.checked_sub(offset),
                    _ => at.checked_add(offset),
                };
                out.push(other.and_then(|o| rows.get(o)).copied().unwrap_or_else(|| missing(*row)));
            }
        }
        out
    }

    fn numbered(&self, run: &Range<usize>, kind: WindowKind, order: &RowOrder<'_>) -> RunCells {
        let mut numbers: Vec<i64> = Vec::with_capacity(self.run(run).len());
        for key in run.clone() {
            let rows = self.key(key);
            let (mut rank, mut different) = (1, 1);
            for at in 0..rows.len() {
                if kind != WindowKind::RowNumber && at > 0 && order.compare(rows[at - 1], rows[at]).is_ne() {
                    rank = at as i64 + 1;
                    different += 1;
                }
                numbers.push(match kind {
                    WindowKind::Rank => rank,
                    WindowKind::DenseRank => different,
                    _ => at as i64 + 1,
                });
            }
        }
        RunCells::of(Column::valid(Values::I64(numbers)))
    }
}

impl RunCells {
    /// A cell of one column for each row.
    pub(super) fn of(column: Column) -> Self {
        let places = (0..column.len()).map(|r| place(0, r)).collect();
        RunCells { columns: vec![column], places, memory: None }
    }
}
