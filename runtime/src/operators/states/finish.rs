//! Turns states into result columns.

use super::States;
use crate::operators::exact_sum::{Accumulator, int_mean, mean_of_pair, two_sum};
use crate::operators::side::{Listed, Side, in_order, index_of, quantile, rounds};
use flow_ir::aggregate::{Aggregate, AggregateKind, Detail};
use flow_ir::column::{ColumnBuilder, NULL, StrBuilder, VALID};
use flow_ir::layout::StateKind;
use flow_ir::{Column, EvalError, Status, Type, Value, Values};
use rayon::prelude::*;

/// An aggregate that has no result for a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoResult {
    /// The aggregate, by its place in the list.
    pub aggregate: usize,
    /// The group.
    pub group: u32,
    /// Why; `None` for a sum that is too large for its type.
    pub error: Option<EvalError>,
}

/// The same, by row of the groups picked.
type Failed = (usize, Option<EvalError>);

/// The words of some groups' states of one aggregate.
struct Picked<'a> {
    words: &'a [u64],
    stride: usize,
    offset: usize,
    width: usize,
    groups: &'a [u32],
}

impl<'a> Picked<'a> {
    fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u64]> {
        let (words, stride, offset, width) = (self.words, self.stride, self.offset, self.width);
        self.groups.iter().map(move |&g| &words[g as usize * stride + offset..][..width])
    }
}

impl States {
    /// The results of aggregate `aggregate` for the given groups. Errors carry the first group of
    /// the list whose sum does not fit.
    pub fn finish(&self, aggregate: usize, groups: &[u32]) -> Result<Column, NoResult> {
        let slot = self.spec.layout.slots[aggregate];
        let kind = self.spec.aggregates[aggregate].kind;
        let ty = &self.spec.aggregates[aggregate].ty.kind;
        let picked = Picked {
            words: &self.words,
            stride: self.spec.layout.stride,
            offset: slot.offset,
            width: slot.kind.words(),
            groups,
        };
        let failed = |(row, error): Failed| NoResult { aggregate, group: groups[row], error };
        let overflow = |row: usize| failed((row, None));
        let column = match slot.kind {
            StateKind::Count => Column::valid(Values::I64(picked.iter().map(|w| w[0] as i64).collect())),
            StateKind::Flag => {
                let any = kind == AggregateKind::Any;
                Column::valid(Values::Bool(picked.iter().map(|w| u8::from((w[0] != 0) == any)).collect()))
            }
            StateKind::IntSum => int_sums(&picked).map_err(overflow)?,
            StateKind::IntMean => {
                with_nulls(picked.iter().map(|w| (w[2] != 0).then(|| int_mean(wide(w), w[2]))), Values::F64)
            }
            StateKind::FloatSum => {
                let sums = self.sums(aggregate);
                Column::valid(Values::F64(picked.iter().map(|w| float_sum(w, sums)).collect()))
            }
            StateKind::FloatMean => {
                let sums = self.sums(aggregate);
                with_nulls(picked.iter().map(|w| (w[3] != 0).then(|| float_mean(w, sums))), Values::F64)
            }
            StateKind::IntExtreme if *ty == Type::Bool => {
                with_nulls(picked.iter().map(|w| (w[1] != 0).then_some(w[0] as u8)), Values::Bool)
            }
            StateKind::IntExtreme => {
                with_nulls(picked.iter().map(|w| (w[1] != 0).then_some(w[0] as i64)), Values::I64)
            }
            StateKind::FloatExtreme => with_nulls(
                picked.iter().map(|w| (w[1] != 0).then(|| plain(f64::from_bits(w[0])))),
                Values::F64,
            ),
            StateKind::Side => self.finish_side(aggregate, ty, &picked).map_err(failed)?,
        };
        Ok(column)
    }

    /// The aggregates that look at all values of a group.
    fn finish_listed(
        &self,
        aggregate: usize,
        listed: &Listed,
        picked: &Picked<'_>,
    ) -> Result<Column, Failed> {
        let Aggregate { kind, detail, ty, .. } = &self.spec.aggregates[aggregate];
        let argument = self.spec.arguments[aggregate].as_ref().unwrap_or(&Type::Null);
        let groups = picked.groups.iter();
        Ok(match (kind, detail) {
            (AggregateKind::Collect, _) => {
                lists(&ty.kind, groups.map(|&g| listed.values(g, self.groups, argument)))
            }
            (AggregateKind::JoinText, Detail::Separator(separator)) => {
                let mut out = StrBuilder::with_capacity(picked.groups.len(), 0);
                for (row, &g) in groups.enumerate() {
                    let entries = listed.entries(g, self.groups);
                    let texts: Vec<&[u8]> =
                        entries.iter().map(|&e| listed.cells().text(e as usize)).collect();
                    if !out.push(&texts.join(separator.as_bytes())) {
                        return Err((row, None));
                    }
                }
                Column::valid(Values::Str(out.finish()))
            }
            (AggregateKind::Median | AggregateKind::Quantile, detail) => {
                let q = if let Detail::Quantile(q) = detail { *q } else { 0.5 };
                let of = |&g: &u32| quantile(listed.cells(), &listed.entries(g, self.groups), q, argument);
                with_nulls(groups.map(of), Values::F64)
            }
            (_, Detail::Reducer(reducer)) => {
                let cells = listed.cells();
                let entries: Vec<_> = groups.map(|&g| listed.entries(g, self.groups)).collect();
                let rounds = rounds(reducer, cells, &entries, argument, self.spec.engine);
                reduced(&ty.kind, entries.len(), |row| {
                    let (acc, done) = match &rounds {
                        Some(r) => (r.accumulators[row].clone(), r.done),
                        None => (None, 0),
                    };
                    let rest = entries[row].iter().skip(done);
                    in_order(reducer, acc, rest.map(|&e| cells.value(e as usize, argument)))
                })?
            }
            _ => Column::valid(Values::I64(vec![0; picked.groups.len()])),
        })
    }

    fn sums(&self, aggregate: usize) -> &[Accumulator] {
        match &self.side[aggregate] {
            Side::Sums(v) => v,
            _ => &[],
        }
    }

    fn finish_side(&self, aggregate: usize, ty: &Type, picked: &Picked<'_>) -> Result<Column, Failed> {
        let handles = picked.iter().map(|w| index_of(w[0]));
        Ok(match &self.side[aggregate] {
            Side::Extreme { cells, .. } | Side::End { cells, .. } => cells.column(ty, handles),
            Side::Different(set) if self.spec.aggregates[aggregate].kind == AggregateKind::CollectSet => {
                lists(ty, picked.groups.iter().map(|&g| set.values(g, self.groups, &element(ty))))
            }
            Side::Different(_) => Column::valid(Values::I64(picked.iter().map(|w| w[0] as i64).collect())),
            Side::Chosen(chosen) => chosen.cells().column(ty, handles),
            Side::Moments(moments) => {
                let decimals = match &self.spec.arguments[aggregate] {
                    Some(Type::Decimal { scale, .. }) => *scale,
                    _ => 0,
                };
                let root = self.spec.aggregates[aggregate].kind == AggregateKind::Stddev;
                with_nulls(
                    handles.map(|h| h.and_then(|at| moments[at].variance(decimals, root))),
                    Values::F64,
                )
            }
            Side::Listed(listed) => self.finish_listed(aggregate, listed, picked)?,
            Side::Parts(parts) => {
                reduced(ty, picked.groups.len(), |row| parts.value(picked.groups[row], self.groups))?
            }
            Side::Wide(sums) if self.spec.aggregates[aggregate].kind == AggregateKind::Mean => {
                let scale = match &self.spec.arguments[aggregate] {
                    Some(Type::Decimal { scale, .. }) => *scale,
                    _ => 0,
                };
                with_nulls(handles.map(|h| h.and_then(|at| sums[at].mean(scale))), Values::F64)
            }
            Side::Wide(sums) => {
                let mut out = Vec::with_capacity(handles.len());
                for (row, h) in handles.enumerate() {
                    out.push(h.map_or(Some(0), |at| sums[at].sum()).ok_or((row, None))?);
                }
                Column::valid(Values::I128(out))
            }
            Side::None | Side::Sums(_) => Column::valid(Values::I64(vec![0; picked.groups.len()])),
        })
    }
}

/// The type of the elements of a list.
fn element(ty: &Type) -> Type {
    match ty {
        Type::List(element) => element.kind.clone(),
        _ => Type::Null,
    }
}

fn lists(ty: &Type, values: impl ExactSizeIterator<Item = Vec<Value>>) -> Column {
    let mut out = ColumnBuilder::new(ty, values.len());
    values.for_each(|v| out.push(Ok(&Value::List(v.into()))));
    out.finish()
}

/// The results of a reducer, computed by all cores; the first failure in the order of the groups.
fn reduced(
    ty: &Type,
    rows: usize,
    value: impl Fn(usize) -> Result<Value, EvalError> + Sync + Send,
) -> Result<Column, Failed> {
    let values: Vec<Result<Value, EvalError>> = (0..rows).into_par_iter().map(value).collect();
    let mut out = ColumnBuilder::new(ty, values.len());
    for (row, value) in values.into_iter().enumerate() {
        out.push(Ok(&value.map_err(|e| (row, Some(e)))?));
    }
    let column = out.finish();
    match (0..rows).find(|&row| column.status.get(row) > NULL) {
        // A text that no column can hold.
        Some(row) => Err((row, None)),
        None => Ok(column),
    }
}

/// A float without the differences that equality does not see, so that it does not matter which
/// of equal ones came first.
pub(crate) fn plain(x: f64) -> f64 {
    if x.is_nan() { f64::NAN } else { x + 0.0 }
}

fn wide(w: &[u64]) -> i128 {
    (u128::from(w[0]) | u128::from(w[1]) << 64) as i128
}

fn int_sums(picked: &Picked<'_>) -> Result<Column, usize> {
    let mut out = Vec::with_capacity(picked.groups.len());
    for (row, w) in picked.iter().enumerate() {
        out.push(i64::try_from(wide(w)).map_err(|_| row)?);
    }
    Ok(Column::valid(Values::I64(out)))
}

fn float_sum(w: &[u64], sums: &[Accumulator]) -> f64 {
    match index_of(w[2]) {
        Some(at) => plain(sums[at].round()),
        None => plain(two_sum(f64::from_bits(w[0]), f64::from_bits(w[1])).0),
    }
}

fn float_mean(w: &[u64], sums: &[Accumulator]) -> f64 {
    match index_of(w[2]) {
        Some(at) => plain(sums[at].mean(w[3])),
        None => plain(mean_of_pair(f64::from_bits(w[0]), f64::from_bits(w[1]), w[3])),
    }
}

/// A column with nulls where the iterator has none.
fn with_nulls<T: Default>(
    values: impl ExactSizeIterator<Item = Option<T>>,
    wrap: impl Fn(Vec<T>) -> Values,
) -> Column {
    let mut out = Vec::with_capacity(values.len());
    let mut status = Vec::with_capacity(values.len());
    for v in values {
        status.push(if v.is_some() { VALID } else { NULL });
        out.push(v.unwrap_or_default());
    }
    Column { values: wrap(out), status: Status::from_bytes(status) }
}
