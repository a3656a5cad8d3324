//! Aggregates over frames that move: what enters a frame is added, what leaves it is taken out again.
//!
//! Both ends of a frame only ever move forward, so a whole key takes as many steps as it has rows,
//! whatever the frame. Everything here can be taken out exactly: counts, sums in enough bits,
//! exact float sums; the least value and the ends of a frame come from a queue of candidates.

use super::{Cells, Ordered, RunCells};
use crate::kernels::gather::{Place, gather_across};
use crate::operators::exact_sum::{Accumulator, add_to_pair, int_mean, mean_of_pair, two_sum};
use crate::operators::reduce_by_key::AggregateError;
use crate::operators::side::WideSum;
use crate::operators::sort::{RowOrder, ascending};
use crate::operators::states::plain;
use flow_ir::aggregate::{Aggregate, AggregateKind};
use flow_ir::column::{NULL, VALID};
use flow_ir::{Column, Status, Type, Values};
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ops::Range;

/// A result of one row.
#[derive(Clone, Copy, Debug)]
enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Wide(i128),
    /// The argument of another row.
    Pick(Place),
    /// The sum does not fit.
    Overflow,
}

/// An aggregate of the rows of a frame. Rows are numbered from the start of the run of keys.
trait Sliding {
    /// No rows; the key that follows has these.
    fn begin(&mut self, key: Range<usize>);
    fn add(&mut self, row: usize);
    /// Takes out the row that was added first of those that are left.
    fn remove(&mut self, row: usize);
    fn result(&mut self) -> Cell;
}

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
                self.picked(id, ty, |run| self.picks(run, i, a))
            }
            (K::Min | K::Max | K::CountDistinct, Some(_)) => self.each_run(|run| {
                let order = RowOrder::new(self.batches, &[ascending(id)]);
                let (column, places) = (self.gathered(run, i), self.run(run));
                match a.kind {
                    K::CountDistinct => {
                        self.slide(run, i, Some(&column), &mut Different::new(&column, places, &order))
                    }
                    _ => {
                        let greatest = a.kind == K::Max;
                        let mut extreme = Extreme {
                            queue: VecDeque::new(),
                            column: &column,
                            places,
                            order: &order,
                            greatest,
                        };
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
            Some(Values::Str(_) | Values::Any(_)) => {
                let valid = self.run(run).iter().map(|&p| {
                    let column = &columns[crate::kernels::gather::batch_of(p)];
                    column.status.get(crate::kernels::gather::row_of(p))
                });
                let status: Vec<u8> = valid.collect();
                Column { values: Values::Bool(vec![0; status.len()]), status: Status::from_bytes(status) }
            }
            _ => {
                let columns: Vec<&Column> = columns.iter().map(AsRef::as_ref).collect();
                gather_across(&columns, self.run(run))
            }
        }
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
    fn picks(
        &self,
        run: &Range<usize>,
        i: usize,
        a: &Aggregate,
    ) -> Result<Vec<Option<Place>>, AggregateError> {
        let (column, places) = (self.gathered(run, i), self.run(run));
        let mut out = Vec::with_capacity(places.len());
        let mut push = |cell: Cell| {
            out.push(if let Cell::Pick(place) = cell { Some(place) } else { None });
            Ok(())
        };
        match a.kind {
            AggregateKind::First | AggregateKind::Last => {
                let last = a.kind == AggregateKind::Last;
                let mut ends = Ends { queue: VecDeque::new(), places, last };
                self.each_frame(run, Some(&column), &mut ends, &mut push)?;
            }
            _ => {
                let order =
                    RowOrder::new(self.batches, &a.argument.map(ascending).into_iter().collect::<Vec<_>>());
                let greatest = a.kind == AggregateKind::Max;
                let mut extreme =
                    Extreme { queue: VecDeque::new(), column: &column, places, order: &order, greatest };
                self.each_frame(run, Some(&column), &mut extreme, &mut push)?;
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
                    Err(AggregateError::Overflow { aggregate, key: self.key_values(key) })
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

/// Result columns that are computed.
struct Results {
    values: Values,
    status: Vec<u8>,
}

impl Results {
    fn new(ty: &Type, rows: usize) -> Self {
        let values = match ty {
            Type::Bool => Values::Bool(Vec::with_capacity(rows)),
            Type::Float => Values::F64(Vec::with_capacity(rows)),
            Type::Decimal { .. } => Values::I128(Vec::with_capacity(rows)),
            _ => Values::I64(Vec::with_capacity(rows)),
        };
        Results { values, status: Vec::with_capacity(rows) }
    }

    fn push(&mut self, cell: Cell) {
        self.status.push(if matches!(cell, Cell::Null) { NULL } else { VALID });
        match (&mut self.values, cell) {
            (Values::Bool(v), cell) => v.push(u8::from(matches!(cell, Cell::Bool(true)))),
            (Values::F64(v), cell) => v.push(if let Cell::Float(x) = cell { x } else { 0.0 }),
            (Values::I128(v), cell) => v.push(if let Cell::Wide(x) = cell { x } else { 0 }),
            (Values::I64(v), cell) => v.push(if let Cell::Int(x) = cell { x } else { 0 }),
            _ => {}
        }
    }

    fn finish(self) -> Column {
        Column { values: self.values, status: Status::from_bytes(self.status) }
    }
}

/// How many rows there are.
struct Rows(i64);

impl Sliding for Rows {
    fn begin(&mut self, _key: Range<usize>) {
        self.0 = 0;
    }
    fn add(&mut self, _row: usize) {
        self.0 += 1;
    }
    fn remove(&mut self, _row: usize) {
        self.0 -= 1;
    }
    fn result(&mut self) -> Cell {
        Cell::Int(self.0)
    }
}

/// How many rows have the truth that decides.
struct Flags<'a> {
    truths: &'a [u8],
    wanted: bool,
    met: i64,
    kind: AggregateKind,
}

impl Flags<'_> {
    fn counts(&self, row: usize) -> i64 {
        i64::from(self.truths.get(row).is_some_and(|&t| (t != 0) == self.wanted))
    }
}

impl Sliding for Flags<'_> {
    fn begin(&mut self, _key: Range<usize>) {
        self.met = 0;
    }
    fn add(&mut self, row: usize) {
        self.met += self.counts(row);
    }
    fn remove(&mut self, row: usize) {
        self.met -= self.counts(row);
    }
    fn result(&mut self) -> Cell {
        match self.kind {
            AggregateKind::Any => Cell::Bool(self.met > 0),
            AggregateKind::All => Cell::Bool(self.met == 0),
            _ => Cell::Int(self.met),
        }
    }
}

/// A sum of ints. Fewer than 2^63 of them are ever added, so 128 bits are enough.
struct IntSum<'a> {
    values: &'a [i64],
    sum: i128,
    rows: u64,
    mean: bool,
}

impl Sliding for IntSum<'_> {
    fn begin(&mut self, _key: Range<usize>) {
        (self.sum, self.rows) = (0, 0);
    }
    fn add(&mut self, row: usize) {
        self.sum += i128::from(self.values[row]);
        self.rows += 1;
    }
    fn remove(&mut self, row: usize) {
        self.sum -= i128::from(self.values[row]);
        self.rows -= 1;
    }
    fn result(&mut self) -> Cell {
        match (self.mean, self.rows) {
            (true, 0) => Cell::Null,
            (true, rows) => Cell::Float(int_mean(self.sum, rows)),
            (false, _) => i64::try_from(self.sum).map_or(Cell::Overflow, Cell::Int),
        }
    }
}

/// A sum of decimals.
struct DecimalSum<'a> {
    values: &'a [i128],
    sum: WideSum,
    scale: u8,
    mean: bool,
}

impl Sliding for DecimalSum<'_> {
    fn begin(&mut self, _key: Range<usize>) {
        self.sum = WideSum::default();
    }
    fn add(&mut self, row: usize) {
        self.sum.add(self.values[row]);
    }
    fn remove(&mut self, row: usize) {
        self.sum.remove(self.values[row]);
    }
    fn result(&mut self) -> Cell {
        match self.mean {
            true => self.sum.mean(self.scale).map_or(Cell::Null, Cell::Float),
            false => self.sum.sum().map_or(Cell::Overflow, Cell::Wide),
        }
    }
}

/// An exact sum of floats. What is not finite is counted, because it cannot be taken out of a sum.
struct FloatSum<'a> {
    values: &'a [f64],
    sum: f64,
    rest: f64,
    wide: Option<Accumulator>,
    finite: u64,
    nan: u64,
    positive: u64,
    negative: u64,
    mean: bool,
}

impl<'a> FloatSum<'a> {
    fn new(values: &'a [f64], mean: bool) -> Self {
        let wide = None;
        FloatSum { values, sum: 0.0, rest: 0.0, wide, finite: 0, nan: 0, positive: 0, negative: 0, mean }
    }

    fn change(&mut self, x: f64) {
        if self.wide.is_none()
            && let Some((sum, rest)) = add_to_pair(self.sum, self.rest, x)
        {
            (self.sum, self.rest) = (sum, rest);
            return;
        }
        let (sum, rest) = (self.sum, self.rest);
        let wide = self.wide.get_or_insert_with(|| {
            let mut wide = Accumulator::default();
            wide.add(sum);
            wide.add(rest);
            wide
        });
        wide.add(x);
    }

    fn counter(&mut self, x: f64) -> &mut u64 {
        match x {
            x if x.is_nan() => &mut self.nan,
            x if x > 0.0 => &mut self.positive,
            _ => &mut self.negative,
        }
    }

    fn clear(&mut self) {
        (self.sum, self.rest, self.wide, self.finite) = (0.0, 0.0, None, 0);
    }
}

impl Sliding for FloatSum<'_> {
    fn begin(&mut self, _key: Range<usize>) {
        self.clear();
        (self.nan, self.positive, self.negative) = (0, 0, 0);
    }
    fn add(&mut self, row: usize) {
        let x = self.values[row];
        if !x.is_finite() {
            *self.counter(x) += 1;
            return;
        }
        self.finite += 1;
        self.change(x);
    }
    fn remove(&mut self, row: usize) {
        let x = self.values[row];
        if !x.is_finite() {
            *self.counter(x) -= 1;
            return;
        }
        self.finite -= 1;
        self.change(-x);
        if self.finite == 0 {
            // Back to the short way.
            self.clear();
        }
    }
    fn result(&mut self) -> Cell {
        let rows = self.finite + self.nan + self.positive + self.negative;
        if self.mean && rows == 0 {
            return Cell::Null;
        }
        Cell::Float(match (self.nan, self.positive, self.negative, &self.wide) {
            (0, 0, 0, Some(wide)) if self.mean => plain(wide.mean(rows)),
            (0, 0, 0, Some(wide)) => plain(wide.round()),
            (0, 0, 0, None) if self.mean => plain(mean_of_pair(self.sum, self.rest, rows)),
            (0, 0, 0, None) => plain(two_sum(self.sum, self.rest).0),
            (0, _, 0, _) => f64::INFINITY,
            (0, 0, _, _) => f64::NEG_INFINITY,
            _ => f64::NAN,
        })
    }
}

/// The first or last row.
struct Ends<'a> {
    queue: VecDeque<usize>,
    places: &'a [Place],
    last: bool,
}

impl Sliding for Ends<'_> {
    fn begin(&mut self, _key: Range<usize>) {
        self.queue.clear();
    }
    fn add(&mut self, row: usize) {
        self.queue.push_back(row);
    }
    fn remove(&mut self, _row: usize) {
        self.queue.pop_front();
    }
    fn result(&mut self) -> Cell {
        let row = if self.last { self.queue.back() } else { self.queue.front() };
        row.map_or(Cell::Null, |&r| Cell::Pick(self.places[r]))
    }
}

/// The least or greatest row, the first of equal ones. The queue holds those that are better than
/// all behind them: the best stands in front.
struct Extreme<'a> {
    queue: VecDeque<usize>,
    column: &'a Column,
    places: &'a [Place],
    order: &'a RowOrder<'a>,
    greatest: bool,
}

impl Sliding for Extreme<'_> {
    fn begin(&mut self, _key: Range<usize>) {
        self.queue.clear();
    }
    fn add(&mut self, row: usize) {
        let worse = if self.greatest { Ordering::Less } else { Ordering::Greater };
        while let Some(&back) = self.queue.back()
            && self.order.compare(self.places[back], self.places[row]) == worse
        {
            self.queue.pop_back();
        }
        self.queue.push_back(row);
    }
    fn remove(&mut self, row: usize) {
        if self.queue.front() == Some(&row) {
            self.queue.pop_front();
        }
    }
    fn result(&mut self) -> Cell {
        match (self.queue.front(), &self.column.values) {
            (None, _) => Cell::Null,
            (Some(&row), Values::F64(v)) => Cell::Float(plain(v[row])),
            (Some(&row), _) => Cell::Pick(self.places[row]),
        }
    }
}

/// How many different values there are.
struct Different<'a> {
    column: &'a Column,
    places: &'a [Place],
    order: &'a RowOrder<'a>,
    /// The rows of the key whose number is the value's, and how often each value is in the frame.
    first: usize,
    numbers: Vec<usize>,
    times: Vec<usize>,
    different: i64,
}

impl<'a> Different<'a> {
    fn new(column: &'a Column, places: &'a [Place], order: &'a RowOrder<'a>) -> Self {
        Different { column, places, order, first: 0, numbers: Vec::new(), times: Vec::new(), different: 0 }
    }
}

impl Sliding for Different<'_> {
    fn begin(&mut self, key: Range<usize>) {
        self.first = key.start;
        self.different = 0;
        let mut rows: Vec<usize> = key.clone().filter(|r| self.column.status.get(*r) == VALID).collect();
        rows.sort_by(|a, b| self.order.compare(self.places[*a], self.places[*b]));
        self.numbers = vec![0; key.len()];
        let mut number = 0;
        for pair in 0..rows.len() {
            if pair > 0 && self.order.compare(self.places[rows[pair - 1]], self.places[rows[pair]]).is_ne() {
                number += 1;
            }
            self.numbers[rows[pair] - key.start] = number;
        }
        self.times = vec![0; number + 1];
    }
    fn add(&mut self, row: usize) {
        let times = &mut self.times[self.numbers[row - self.first]];
        self.different += i64::from(*times == 0);
        *times += 1;
    }
    fn remove(&mut self, row: usize) {
        let times = &mut self.times[self.numbers[row - self.first]];
        *times -= 1;
        self.different -= i64::from(*times == 0);
    }
    fn result(&mut self) -> Cell {
        Cell::Int(self.different)
    }
}
