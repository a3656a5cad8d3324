//! Aggregates over frames that move, by what each of them keeps of its frame.
//!
//! Both ends of a frame only ever move forward, so a whole key takes as many steps as it has rows,
//! whatever the frame. What cannot be taken out of a state again is left to plain states.

use super::sliding::{
    Cell, DecimalSum, Different, Ends, Extreme, Flags, FloatSum, IntSum, Results, Rows, Sliding,
};
use super::{Cells, Ordered, RunCells};
use crate::kernels::gather::{Place, batch_of, gather_across, row_of};
use crate::operators::reduce_by_key::AggregateError;
use crate::operators::side::WideSum;
use crate::operators::sort::{RowOrder, ascending};
use flow_ir::aggregate::{Aggregate, AggregateKind};
use flow_ir::column::{NULL, VALID};
use flow_ir::{Column, ColumnId, Status, Type, Values};
use std::ops::Range;

impl Ordered<'_> {
    /// The results of aggregate `i`.
    pub(super) fn aggregate(&self, i: usize) -> Result<Cells, AggregateError> {
        use AggregateKind as K;
        let a = &self.spec.window.aggregates[i];
        let Some(id) = a.argument else {
            return self.each_run(|run| self.slide(run, i, None, &mut Rows(0)));
        };
        match (a.kind, &self.spec.arguments[i]) {
            (K::Min | K::Max | K::First | K::Last, Some(ty)) if *ty != Type::Float || is_end(a.kind) => {
                self.picked(id, ty, |run| self.picks(run, a))
            }
            (K::MinBy | K::MaxBy, Some(ty)) => self.picked(id, ty, |run| self.picks(run, a)),
            (K::Min | K::Max | K::CountDistinct, Some(_)) => self.each_run(|run| {
                let order = RowOrder::new(self.batches, &[ascending(id)]);
                let (column, places) = (self.gathered(run, i), self.run(run));
                match a.kind {
                    K::CountDistinct => {
                        self.slide(run, i, Some(&column), &mut Different::new(&column, places, &order))
                    }
                    _ => {
                        let mut extreme = Extreme::new(a.kind == K::Max, &column, places, &order);
                        self.slide(run, i, Some(&column), &mut extreme)
                    }
                }
            }),
            (K::Count | K::CountIf | K::Any | K::All | K::Sum | K::Mean, Some(ty)) => {
                self.each_run(|run| self.counted(run, i, a, ty))
            }
            _ => self.generic(i),
        }
    }

    /// The argument of aggregate `i` for the rows of a run.
    fn gathered(&self, run: &Range<usize>, i: usize) -> Column {
        let columns = self.spec.window.aggregates[i].argument.map(|id| self.columns(id)).unwrap_or_default();
        match columns.first().map(|c| &c.values) {
            // Texts and lists are looked up where they are; only which are null matters here.
            Some(Values::Str(_) | Values::Any(_)) => self.present(run, &[&columns]),
            _ => {
                let columns: Vec<&Column> = columns.iter().map(AsRef::as_ref).collect();
                gather_across(&columns, self.run(run))
            }
        }
    }

    /// A column without values that is null where one of `columns` is.
    fn present(&self, run: &Range<usize>, columns: &[&[std::sync::Arc<Column>]]) -> Column {
        let is_valid = |p: Place| columns.iter().all(|c| c[batch_of(p)].status.get(row_of(p)) == VALID);
        let status: Vec<u8> = self.run(run).iter().map(|&p| if is_valid(p) { VALID } else { NULL }).collect();
        Column { values: Values::Bool(vec![0; status.len()]), status: Status::from_bytes(status) }
    }

    /// Counts, sums and what is made of them.
    fn counted(
        &self,
        run: &Range<usize>,
        i: usize,
        a: &Aggregate,
        ty: &Type,
    ) -> Result<RunCells, AggregateError> {
        use AggregateKind as K;
        let column = self.gathered(run, i);
        let argument = Some(&column);
        let mean = a.kind == K::Mean;
        match (a.kind, &column.values) {
            (K::Count, _) => self.slide(run, i, argument, &mut Rows(0)),
            (K::CountIf | K::Any | K::All, values) => {
                let truths = match values {
                    Values::Bool(v) if *ty == Type::Bool => v.as_slice(),
                    // Of a predicate that is always null.
                    _ => &[],
                };
                let mut flags = Flags { truths, wanted: a.kind != K::All, met: 0, kind: a.kind };
                self.slide(run, i, argument, &mut flags)
            }
            (_, Values::I64(v)) => {
                self.slide(run, i, argument, &mut IntSum { values: v, sum: 0, rows: 0, mean })
            }
            (_, Values::I128(v)) => {
                let scale = if let Type::Decimal { scale, .. } = ty { *scale } else { 0 };
                let mut sum = DecimalSum { values: v, sum: WideSum::default(), scale, mean };
                self.slide(run, i, argument, &mut sum)
            }
            (_, Values::F64(v)) => self.slide(run, i, argument, &mut FloatSum::new(v, mean)),
            _ => self.slide(run, i, argument, &mut Rows(0)),
        }
    }

    /// Values that are taken from a row of the frame.
    fn picks(&self, run: &Range<usize>, a: &Aggregate) -> Result<Vec<Option<Place>>, AggregateError> {
        let places = self.run(run);
        let columns: Vec<_> = a.reads().map(|id| self.columns(id)).collect();
        let present = self.present(run, &columns.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let mut out = Vec::with_capacity(places.len());
        let mut push = |cell: Cell| {
            out.push(if let Cell::Pick(place) = cell { Some(place) } else { None });
            Ok(())
        };
        match a.kind {
            AggregateKind::First | AggregateKind::Last => {
                let mut ends = Ends::new(a.kind == AggregateKind::Last, places);
                self.each_frame(run, Some(&present), &mut ends, &mut push)?;
            }
            _ => {
                let chosen_by: Vec<ColumnId> = a.by.or(a.argument).into_iter().collect();
                let keys: Vec<_> = chosen_by.into_iter().map(ascending).collect();
                let order = RowOrder::new(self.batches, &keys);
                let greatest = matches!(a.kind, AggregateKind::Max | AggregateKind::MaxBy);
                let mut extreme = Extreme::new(greatest, &present, places, &order);
                self.each_frame(run, Some(&present), &mut extreme, &mut push)?;
            }
        }
        Ok(out)
    }

    /// Results that are computed.
    fn slide(
        &self,
        run: &Range<usize>,
        aggregate: usize,
        argument: Option<&Column>,
        state: &mut impl Sliding,
    ) -> Result<RunCells, AggregateError> {
        let ty = &self.spec.window.aggregates[aggregate].ty.kind;
        let mut out = Results::new(ty, self.run(run).len());
        let mut row = 0;
        self.each_frame(run, argument, state, &mut |cell| {
            row += 1;
            match cell {
                Cell::Overflow => {
                    let at = self.starts[run.start] + row - 1;
                    let key = self.starts.partition_point(|s| *s <= at) - 1;
                    Err(AggregateError::NoResult { aggregate, key: self.key_values(key), error: None })
                }
                cell => {
                    out.push(cell);
                    Ok(())
                }
            }
        })?;
        Ok(RunCells::of(out.finish()))
    }

    /// Moves the frame over all rows of a run and hands over the result of each.
    fn each_frame(
        &self,
        run: &Range<usize>,
        argument: Option<&Column>,
        state: &mut impl Sliding,
        put: &mut impl FnMut(Cell) -> Result<(), AggregateError>,
    ) -> Result<(), AggregateError> {
        let valid = |row: usize| argument.is_none_or(|c| c.status.get(row) == VALID);
        let mut start = 0;
        for key in run.clone() {
            let rows = self.key(key).len();
            state.begin(start..start + rows);
            let (mut from, mut to) = (0, 0);
            let mut result = None;
            for at in 0..rows {
                let (first, end) = self.spec.window.frame.bounds(at, rows);
                while to < end {
                    if valid(start + to) {
                        state.add(start + to);
                        result = None;
                    }
                    to += 1;
                }
                while from < first {
                    if valid(start + from) {
                        state.remove(start + from);
                        result = None;
                    }
                    from += 1;
                }
                put(*result.get_or_insert_with(|| state.result()))?;
            }
            start += rows;
        }
        Ok(())
    }
}

fn is_end(kind: AggregateKind) -> bool {
    matches!(kind, AggregateKind::First | AggregateKind::Last)
}
