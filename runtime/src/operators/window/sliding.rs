//! What aggregates keep of a frame: rows that enter it are added, rows that leave it taken out again.
//!
//! Everything here can be taken out exactly: counts, sums in enough bits, exact float sums; the least
//! value and the ends of a frame come from a queue of candidates.

use crate::kernels::gather::Place;
use crate::operators::exact_sum::{Accumulator, add_to_pair, int_mean, mean_of_pair, two_sum};
use crate::operators::side::WideSum;
use crate::operators::sort::RowOrder;
use crate::operators::states::plain;
use flow_ir::aggregate::AggregateKind;
use flow_ir::column::{NULL, VALID};
use flow_ir::{Column, Status, Type, Values};
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ops::Range;

/// A result of one row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell {
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
pub(super) trait Sliding {
    /// No rows; the key that follows has these.
    fn begin(&mut self, key: Range<usize>);
    fn add(&mut self, row: usize);
    /// Takes out the row that was added first of those that are left.
    fn remove(&mut self, row: usize);
    fn result(&mut self) -> Cell;
}

/// Result columns that are computed.
pub(super) struct Results {
    values: Values,
    status: Vec<u8>,
}

impl Results {
    pub(super) fn new(ty: &Type, rows: usize) -> Self {
        let values = match ty {
            Type::Bool => Values::Bool(Vec::with_capacity(rows)),
            Type::Float => Values::F64(Vec::with_capacity(rows)),
            Type::Decimal { .. } => Values::I128(Vec::with_capacity(rows)),
            _ => Values::I64(Vec::with_capacity(rows)),
        };
        Results { values, status: Vec::with_capacity(rows) }
    }

    pub(super) fn push(&mut self, cell: Cell) {
        self.status.push(if matches!(cell, Cell::Null) { NULL } else { VALID });
        match (&mut self.values, cell) {
            (Values::Bool(v), cell) => v.push(u8::from(matches!(cell, Cell::Bool(true)))),
            (Values::F64(v), cell) => v.push(if let Cell::Float(x) = cell { x } else { 0.0 }),
            (Values::I128(v), cell) => v.push(if let Cell::Wide(x) = cell { x } else { 0 }),
            (Values::I64(v), cell) => v.push(if let Cell::Int(x) = cell { x } else { 0 }),
            _ => {}
        }
    }

    pub(super) fn finish(self) -> Column {
        Column { values: self.values, status: Status::from_bytes(self.status) }
    }
}

/// How many rows there are.
pub(super) struct Rows(pub(super) i64);

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
pub(super) struct Flags<'a> {
    pub(super) truths: &'a [u8],
    pub(super) wanted: bool,
    pub(super) met: i64,
    pub(super) kind: AggregateKind,
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
pub(super) struct IntSum<'a> {
    pub(super) values: &'a [i64],
    pub(super) sum: i128,
    pub(super) rows: u64,
    pub(super) mean: bool,
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
pub(super) struct DecimalSum<'a> {
    pub(super) values: &'a [i128],
    pub(super) sum: WideSum,
    pub(super) scale: u8,
    pub(super) mean: bool,
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
pub(super) struct FloatSum<'a> {
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
    pub(super) fn new(values: &'a [f64], mean: bool) -> Self {
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
pub(super) struct Ends<'a> {
    queue: VecDeque<usize>,
    places: &'a [Place],
    last: bool,
}

impl<'a> Ends<'a> {
    pub(super) fn new(last: bool, places: &'a [Place]) -> Self {
        Ends { queue: VecDeque::new(), places, last }
    }
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
pub(super) struct Extreme<'a> {
    queue: VecDeque<usize>,
    column: &'a Column,
    places: &'a [Place],
    order: &'a RowOrder<'a>,
    greatest: bool,
}

impl<'a> Extreme<'a> {
    pub(super) fn new(
        greatest: bool,
        column: &'a Column,
        places: &'a [Place],
        order: &'a RowOrder<'a>,
    ) -> Self {
        Extreme { queue: VecDeque::new(), column, places, order, greatest }
    }
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
pub(super) struct Different<'a> {
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
    pub(super) fn new(column: &'a Column, places: &'a [Place], order: &'a RowOrder<'a>) -> Self {
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
