//! One batch's way down the operations of a stage.
//!
//! Nothing here is shared between threads. Rows that turn out to be errors at a barrier (`check`,
//! `join`) are taken out of the batch and remembered; the others go on with their faults until
//! the leaves decide.

use crate::compiled::{
    CompiledBranch, CompiledEach, CompiledEnd, CompiledKind, CompiledOperation, SourceContext,
};
use crate::fault::{Cause, Definitions, RowFault, explain, is_generic};
use crate::joining::Joins;
use crate::options::RunError;
use crate::row_batch::RowBatch;
use flow_ir::column::{ColumnBuilder, NULL, VALID};
use flow_ir::eval::{Row, eval};
use flow_ir::{Column, ColumnId, ErrorCode, EvalError, Expr, ExprKind, Status, Value, Values};
use flow_jit::{Projection, Selection};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rows and time of one operation on one thread.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OperationTally {
    pub(crate) rows_in: u64,
    pub(crate) rows_out: u64,
    pub(crate) time: Duration,
}

/// A row that is certainly an error.
pub(crate) struct BadRow {
    /// The row in the morsel.
    pub(crate) origin: u32,
    pub(crate) fault: Box<RowFault>,
}

/// What explanations need to know about where a batch is from.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) source: Option<&'a SourceContext>,
    /// The file offset of byte 0 of the chunk's buffer (may be "negative": wrapping).
    pub(crate) base_offset: u64,
    pub(crate) file: usize,
    /// For streams: the line that byte 0 of the buffer begins.
    pub(crate) first_line: Option<u64>,
    /// What the branch calls the input's columns: (new, old). Inputs of one union call theirs differently.
    pub(crate) renamed: &'a [(ColumnId, ColumnId)],
}

impl<'a> Place<'a> {
    /// Rows that come from no file.
    pub(crate) fn of_rows(renamed: &'a [(ColumnId, ColumnId)]) -> Place<'a> {
        Place { source: None, base_offset: 0, file: 0, first_line: None, renamed }
    }
}

/// Applies operations on one thread.
pub(crate) struct Walker<'a> {
    pub(crate) definitions: &'a Definitions,
    pub(crate) joins: &'a Joins,
    /// Whether the rows can be had in smaller morsels, should a join multiply them too much.
    pub(crate) may_split: bool,
    /// A join has multiplied them too much: what was walked so far does not count.
    pub(crate) too_many: bool,
    pub(crate) tallies: Vec<OperationTally>,
    pub(crate) bad: Vec<BadRow>,
    /// Whether an explanation lacked values that had been dropped.
    pub(crate) unexplained: bool,
    selection: Selection,
}

impl<'a> Walker<'a> {
    pub(crate) fn new(definitions: &'a Definitions, joins: &'a Joins, operations: usize) -> Self {
        Walker {
            definitions,
            joins,
            may_split: false,
            too_many: false,
            tallies: vec![OperationTally::default(); operations],
            bad: Vec::new(),
            unexplained: false,
            selection: Selection::default(),
        }
    }

    /// Sends a batch down a branch; `out` receives what reaches each leaf, with the filters passed.
    pub(crate) fn branch<'b, 'c>(
        &mut self,
        branch: &'c CompiledBranch,
        batch: RowBatch<'b>,
        place: Place<'_>,
        filters: &mut Vec<&'c Expr>,
        out: &mut Vec<(usize, RowBatch<'b>, Vec<&'c Expr>)>,
    ) -> Result<(), RunError> {
        self.branch_from(branch, 0, batch, place, filters, out)
    }

    /// The same from operation `first` of the branch on.
    pub(crate) fn branch_from<'b, 'c>(
        &mut self,
        branch: &'c CompiledBranch,
        first: usize,
        mut batch: RowBatch<'b>,
        place: Place<'_>,
        filters: &mut Vec<&'c Expr>,
        out: &mut Vec<(usize, RowBatch<'b>, Vec<&'c Expr>)>,
    ) -> Result<(), RunError> {
        let passed = filters.len();
        self.operations(branch.operations.get(first..).unwrap_or_default(), &mut batch, place, filters)?;
        match &branch.end {
            CompiledEnd::Leaf(leaf) => {
                let kept = if batch.faults().is_some() { filters.clone() } else { Vec::new() };
                out.push((*leaf, batch, kept));
            }
            CompiledEnd::Split(branches) => {
                let (last, others) = match branches.split_last() {
                    Some(x) => x,
                    None => return Ok(()),
                };
                for b in others {
                    self.branch(b, batch.clone(), place, filters, out)?;
                }
                self.branch(last, batch, place, filters, out)?;
            }
        }
        filters.truncate(passed);
        Ok(())
    }

    /// Applies a run of operations.
    pub(crate) fn operations<'c>(
        &mut self,
        operations: &'c [CompiledOperation],
        batch: &mut RowBatch<'_>,
        place: Place<'_>,
        filters: &mut Vec<&'c Expr>,
    ) -> Result<(), RunError> {
        for o in operations {
            let start = Instant::now();
            let rows_in = batch.rows();
            if rows_in > 0 {
                self.operation(o, batch, place, filters)?;
            }
            let tally = &mut self.tallies[o.number];
            tally.rows_in += rows_in as u64;
            tally.rows_out += batch.rows() as u64;
            tally.time += start.elapsed();
        }
        Ok(())
    }

    fn operation<'c>(
        &mut self,
        o: &'c CompiledOperation,
        batch: &mut RowBatch<'_>,
        place: Place<'_>,
        filters: &mut Vec<&'c Expr>,
    ) -> Result<(), RunError> {
        match &o.kind {
            CompiledKind::Filter { predicate, expr } => {
                filters.push(expr);
                let columns = fetch(batch, predicate.inputs())?;
                self.selection.clear();
                predicate.run(&refs(&columns), batch.rows(), &mut self.selection);
                if matches!(expr.kind, ExprKind::And(..)) {
                    let fetched = Fetched { ids: predicate.inputs(), columns: &columns, walker: self };
                    let dropped = fetched.dropped(expr);
                    self.selection.errors.retain(|e| dropped.binary_search(&e.0).is_err());
                }
                drop(columns);
                batch.retain(&o.keep);
                apply_selection(batch, &mut self.selection);
            }
            CompiledKind::Map { ids, projection } => {
                compute(batch, ids, projection)?;
                batch.retain(&o.keep);
            }
            CompiledKind::FlatMap { ids, projection, each } => {
                compute(batch, ids, projection)?;
                self.flat_map(each, &o.keep, batch)?;
            }
            CompiledKind::Check { predicate, expr, message } => {
                let columns = fetch(batch, predicate.inputs())?;
                self.selection.clear();
                predicate.run(&refs(&columns), batch.rows(), &mut self.selection);
                drop(columns);
                self.check(batch, expr, message, place, filters);
                batch.retain(&o.keep);
            }
            CompiledKind::Repartition(keys) => {
                // The rows stay as they are, but a key that is no value makes its row an error.
                fetch(batch, keys)?;
                batch.retain(&o.keep);
            }
            CompiledKind::Join(join) => self.join(join, o, batch, place, filters)?,
        }
        Ok(())
    }

    /// Rows that fail a check, or are errors already, leave the batch as bad rows.
    fn check(
        &mut self,
        batch: &mut RowBatch<'_>,
        expr: &Expr,
        message: &str,
        place: Place<'_>,
        filters: &[&Expr],
    ) {
        let mut held = vec![false; batch.rows()];
        for &r in &self.selection.kept {
            held[r as usize] = true;
        }
        let faulty: Vec<(usize, bool)> = (0..batch.rows())
            .filter_map(|r| {
                let earlier = batch.faults().is_some_and(|f| f[r] != VALID);
                (!held[r] || earlier).then_some((r, earlier))
            })
            .collect();
        for (row, earlier) in &faulty {
            let cause = if *earlier { Cause::Earlier } else { Cause::Check(expr, message) };
            self.condemn(batch, *row, place, &cause, filters);
        }
        remove_rows(batch, faulty.iter().map(|(r, _)| *r));
    }

    /// Remembers row `row` as bad.
    pub(crate) fn condemn(
        &mut self,
        batch: &RowBatch<'_>,
        row: usize,
        place: Place<'_>,
        cause: &Cause<'_>,
        filters: &[&Expr],
    ) {
        let fault = explain(batch, row, place, cause, filters, self.definitions);
        self.unexplained |= is_generic(&fault.message);
        self.bad.push(BadRow { origin: batch.origin(row), fault: Box::new(fault) });
    }

    /// Condemns every row with a fault, or with an error in one of `columns`, and removes it.
    pub(crate) fn settle_faults(
        &mut self,
        batch: &mut RowBatch<'_>,
        columns: &[ColumnId],
        place: Place<'_>,
        span: flow_ir::Span,
        filters: &[&Expr],
    ) -> Result<(), RunError> {
        if batch.rows() == 0 {
            // Operations skip empty batches, so the columns they would have added may be missing.
            return Ok(());
        }
        let fetched = fetch(batch, columns)?;
        let mut guilty: Vec<(usize, Option<ColumnId>)> = Vec::new();
        for (id, column) in columns.iter().zip(&fetched) {
            if let Status::Rows(status) = &column.status {
                guilty.extend(
                    status.iter().enumerate().filter(|(_, s)| **s > NULL).map(|(r, _)| (r, Some(*id))),
                );
            }
        }
        if let Some(faults) = batch.faults() {
            guilty.extend(faults.iter().enumerate().filter(|(_, s)| **s != VALID).map(|(r, _)| (r, None)));
        }
        if guilty.is_empty() {
            return Ok(());
        }
        // A row is reported once, for its earliest reason: faults (fields, filters) come first.
        guilty.sort_by_key(|(r, id)| (*r, id.is_some()));
        guilty.dedup_by_key(|(r, _)| *r);
        for (row, id) in &guilty {
            let cause = id.map_or(Cause::Earlier, |id| Cause::Column(id, span));
            self.condemn(batch, *row, place, &cause, filters);
        }
        remove_rows(batch, guilty.iter().map(|(r, _)| *r));
        Ok(())
    }

    fn flat_map(
        &mut self,
        each: &CompiledEach,
        keep: &[ColumnId],
        batch: &mut RowBatch<'_>,
    ) -> Result<(), RunError> {
        match each {
            CompiledEach::Split { id, text, separator } => {
                let columns = fetch(batch, text.inputs())?;
                let texts = text.run(&refs(&columns), batch.rows());
                drop(columns);
                let text = first(&texts)?;
                let (rows, pieces) = crate::operators::flat_map::split_rows(text, separator)?;
                settle_kept(batch, keep);
                batch.select(&rows);
                batch.add(*id, pieces);
            }
            CompiledEach::List { id, list, element } => {
                let columns = fetch(batch, list.inputs())?;
                let lists = list.run(&refs(&columns), batch.rows());
                drop(columns);
                let lists = first(&lists)?;
                let mut rows: Vec<u32> = Vec::new();
                let mut builder = ColumnBuilder::new(&element.kind, lists.len());
                let Values::Any(values) = &lists.values else {
                    return Err(RunError::Internal("a list column holds no lists".to_owned()));
                };
                for (r, value) in values.iter().enumerate() {
                    match lists.status.get(r) {
                        VALID => {
                            if let Value::List(items) = value {
                                for item in items.iter() {
                                    rows.push(r as u32);
                                    builder.push(Ok(item));
                                }
                            }
                        }
                        NULL => {}
                        // An error list stays one erroneous row until the leaves decide.
                        code => {
                            rows.push(r as u32);
                            builder.push(Err(code));
                        }
                    }
                }
                settle_kept(batch, keep);
                batch.select(&rows);
                batch.add(*id, builder.finish());
            }
        }
        Ok(())
    }
}

/// Parses what a flat_map passes on before its rows multiply, so that no field is parsed twice.
fn settle_kept(batch: &mut RowBatch<'_>, keep: &[ColumnId]) {
    batch.retain(keep);
    batch.settle();
}

fn first(columns: &[Column]) -> Result<&Column, RunError> {
    columns.first().ok_or_else(|| RunError::Internal("a projection delivered nothing".to_owned()))
}

/// The columns of the given ids, parsed.
pub(crate) fn fetch(batch: &mut RowBatch<'_>, ids: &[ColumnId]) -> Result<Vec<Arc<Column>>, RunError> {
    ids.iter()
        .map(|id| {
            batch
                .column(*id)
                .ok_or_else(|| RunError::Internal(format!("column {} is not in its batch", id.0)))
        })
        .collect()
}

/// The columns of a filter, for the reference interpreter.
struct Fetched<'a, 'w> {
    ids: &'a [ColumnId],
    columns: &'a [Arc<Column>],
    walker: &'a Walker<'w>,
}

/// One row of them.
struct FetchedRow<'a, 'w>(&'a Fetched<'a, 'w>, usize);

impl Row for FetchedRow<'_, '_> {
    fn value(&self, id: ColumnId) -> Result<Value, EvalError> {
        let Fetched { ids, columns, walker } = self.0;
        let column = ids.iter().position(|i| *i == id).and_then(|at| columns.get(at));
        let value = column.zip(walker.definitions.types.get(&id)).map(|(c, ty)| c.value(self.1, &ty.kind));
        let code = match value {
            Some(Ok(value)) => return Ok(value),
            Some(Err(status)) => ErrorCode::from_status(status),
            None => None,
        };
        Err(EvalError::new(code.unwrap_or(ErrorCode::Malformed), String::new()))
    }
}

impl Fetched<'_, '_> {
    /// The rows, in order, that are errors for `a and b` as a whole, but that a part of it drops: a filter by
    /// both is two filters. Few rows are errors, so they are looked at one by one.
    fn dropped(&self, expr: &Expr) -> Vec<u32> {
        let errors = self.walker.selection.errors.iter().map(|e| e.0);
        let drops = |row: &u32| {
            let row = FetchedRow(self, *row as usize);
            let mut dropped = false;
            expr.for_each_conjunct(&mut |p| {
                let value = eval(p, &row, flow_stdlib::library());
                dropped |= matches!(value, Ok(v) if v != Value::Bool(true));
            });
            dropped
        };
        let mut rows: Vec<u32> = errors.filter(drops).collect();
        rows.sort_unstable();
        rows
    }
}

/// References for the kernels.
pub(crate) fn refs(columns: &[Arc<Column>]) -> Vec<&Column> {
    columns.iter().map(AsRef::as_ref).collect()
}

fn compute(batch: &mut RowBatch<'_>, ids: &[ColumnId], projection: &Projection) -> Result<(), RunError> {
    if ids.is_empty() {
        return Ok(());
    }
    let columns = fetch(batch, projection.inputs())?;
    let computed = projection.run(&refs(&columns), batch.rows());
    drop(columns);
    for (id, column) in ids.iter().zip(computed) {
        batch.add(*id, column);
    }
    Ok(())
}

/// Keeps the selected rows and those whose predicate is an error, the latter marked.
fn apply_selection(batch: &mut RowBatch<'_>, selection: &mut Selection) {
    if selection.errors.is_empty() {
        if selection.kept.len() < batch.rows() {
            batch.select(&selection.kept);
        }
        return;
    }
    for (row, code) in &selection.errors {
        batch.mark(*row as usize, *code);
    }
    let mut rows: Vec<u32> =
        selection.kept.iter().copied().chain(selection.errors.iter().map(|e| e.0)).collect();
    rows.sort_unstable();
    rows.dedup();
    if rows.len() < batch.rows() {
        batch.select(&rows);
    }
}

fn remove_rows(batch: &mut RowBatch<'_>, rows: impl Iterator<Item = usize>) {
    let mut gone = vec![false; batch.rows()];
    let mut any = false;
    for r in rows {
        gone[r] = true;
        any = true;
    }
    if any {
        let kept: Vec<u32> = (0..batch.rows() as u32).filter(|r| !gone[*r as usize]).collect();
        batch.select(&kept);
    }
}

/// Takes the rows of bad origins out of a batch.
pub(crate) fn remove_origins(batch: &mut RowBatch<'_>, bad: &[u32]) {
    let rows: Vec<usize> =
        (0..batch.rows()).filter(|r| bad.binary_search(&batch.origin(*r)).is_ok()).collect();
    remove_rows(batch, rows.into_iter());
}
