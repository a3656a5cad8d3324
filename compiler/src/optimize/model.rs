//! A slow, obvious model of what plans mean, for tests: rows as maps, errors as values.
//!
//! A row with an error in a filter goes on with a fault that a later filter may forgive by dropping
//! it; `check` and `join` make faults final; exchanges and sinks take erroneous rows out. What is an
//! error after an exchange stops the run.

mod window;

use flow_ir::aggregate::{Aggregate, AggregateKind};
use flow_ir::eval::{Row, eval};
use flow_ir::logical::{Computed, Operator, SortKey};
use flow_ir::physical::{
    Branch, BranchEnd, GroupOrder, InputFrom, Leaf, LeafKind, OperationKind, PhysicalPlan,
};
use flow_ir::source::Sink;
use flow_ir::{
    ColumnId, ErrorCode, EvalError, Expr, JoinKind, LogicalPlan, Sample, SampleAmount, SetOperation, Value,
};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use window::{first_rows, window};

type Cell = Result<Value, ErrorCode>;

/// A source row: the `rows` it comes from and its position.
type Origin = (u32, usize);

#[derive(Clone, Debug, Default)]
struct ModelRow {
    cells: BTreeMap<ColumnId, Cell>,
    /// A filter failed on it.
    fault: bool,
    /// It is an error for good.
    dead: bool,
    origin: Option<Origin>,
}

impl Row for ModelRow {
    fn value(&self, id: ColumnId) -> Result<Value, EvalError> {
        match self.cells.get(&id) {
            Some(Ok(v)) => Ok(v.clone()),
            Some(Err(code)) => Err(EvalError::new(*code, "an error")),
            None => panic!("column #{} is not there", id.0),
        }
    }
}

impl ModelRow {
    fn eval(&self, e: &Expr) -> Cell {
        eval(e, self, flow_stdlib::library()).map_err(|e| e.code)
    }

    fn is_bad(&self, columns: &[ColumnId]) -> bool {
        self.dead || self.fault || columns.iter().any(|c| self.cells[c].is_err())
    }

    fn key(&self, columns: &[ColumnId]) -> Vec<Value> {
        columns.iter().map(|c| self.cells[c].clone().expect("settled")).collect()
    }

    fn keep(&mut self, columns: &[ColumnId]) {
        self.cells.retain(|id, _| columns.contains(id));
    }
}

/// What a run comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Outcome {
    /// What each sink writes.
    pub(super) sinks: BTreeMap<u32, Vec<Vec<Value>>>,
    /// The source rows that are errors.
    pub(super) errors: BTreeSet<Origin>,
    /// Whether something failed behind an exchange; then nothing else counts.
    pub(super) stopped: bool,
}

impl Outcome {
    /// Takes out the erroneous rows; those are errors in one of `columns`.
    fn settle(
        &mut self,
        rows: Vec<ModelRow>,
        columns: &[ColumnId],
        window: Option<(u64, Option<u64>)>,
    ) -> Vec<ModelRow> {
        let (skip, count) = window.unwrap_or((0, None));
        let end = count.map_or(usize::MAX, |c| (skip + c) as usize);
        let mut good = Vec::new();
        for mut row in rows {
            // Rows behind the cut do not exist.
            if good.len() >= end {
                break;
            }
            if row.is_bad(columns) {
                match row.origin {
                    Some(origin) => {
                        self.errors.insert(origin);
                    }
                    None => self.stopped = true,
                }
            } else {
                row.origin = None;
                good.push(row);
            }
        }
        good.split_off(good.len().min(skip as usize))
    }

    pub(super) fn finished(mut self) -> Self {
        if self.stopped {
            self.sinks.clear();
            self.errors.clear();
        }
        self
    }
}

fn filter(rows: Vec<ModelRow>, predicate: &Expr) -> Vec<ModelRow> {
    let keep = |mut row: ModelRow| {
        if row.dead {
            return Some(row);
        }
        let mut results = Vec::new();
        predicate.for_each_conjunct(&mut |p| results.push(row.eval(p)));
        if results.iter().any(|r| matches!(r, Ok(v) if *v != Value::Bool(true))) {
            return None;
        }
        row.fault |= results.iter().any(Result::is_err);
        Some(row)
    };
    rows.into_iter().filter_map(keep).collect()
}

fn map(rows: Vec<ModelRow>, computed: &[Computed]) -> Vec<ModelRow> {
    let one = |mut row: ModelRow| {
        let new: Vec<_> = computed.iter().map(|c| (c.id, row.eval(&c.expr))).collect();
        row.cells.extend(new);
        row
    };
    rows.into_iter().map(one).collect()
}

fn flat_map(rows: Vec<ModelRow>, computed: &[Computed], each: &Computed) -> Vec<ModelRow> {
    let mut out = Vec::new();
    for row in rows {
        let list = row.eval(&each.expr);
        let row = map(vec![row], computed).remove(0);
        let items = match list {
            Ok(Value::List(items)) => items.iter().map(|v| Ok(v.clone())).collect(),
            Ok(_) => Vec::new(),
            Err(code) => vec![Err(code)],
        };
        for item in items {
            let mut row = row.clone();
            row.cells.insert(each.id, item);
            out.push(row);
        }
    }
    out
}

fn check(rows: Vec<ModelRow>, predicate: &Expr) -> Vec<ModelRow> {
    let one = |mut row: ModelRow| {
        row.dead |= row.fault || row.eval(predicate) != Ok(Value::Bool(true));
        row
    };
    rows.into_iter().map(one).collect()
}

/// What a join is, besides its inputs.
struct Join<'a> {
    kind: JoinKind,
    on: &'a [(ColumnId, ColumnId)],
    left_columns: &'a [(ColumnId, ColumnId)],
    right_columns: &'a [(ColumnId, ColumnId)],
}

impl Join<'_> {
    /// A row of the result; a side that is not there is null.
    fn row(&self, left: Option<&ModelRow>, right: Option<&ModelRow>) -> ModelRow {
        let mut row = left.cloned().unwrap_or_default();
        let cell = |side: Option<&ModelRow>, own: &ColumnId| match side.filter(|s| !s.dead) {
            Some(side) => side.cells[own].clone(),
            None => Ok(Value::Null),
        };
        let of_left = self.left_columns.iter().map(|(new, own)| (*new, cell(left, own)));
        let of_right = self.right_columns.iter().map(|(new, own)| (*new, cell(right, own)));
        row.cells.extend(of_left.chain(of_right).collect::<Vec<_>>());
        row
    }

    fn run(&self, left: Vec<ModelRow>, right: &[ModelRow]) -> Vec<ModelRow> {
        let (lefts, rights): (Vec<_>, Vec<_>) = self.on.iter().copied().unzip();
        let needed: Vec<_> =
            lefts.iter().copied().chain(self.left_columns.iter().map(|(_, own)| *own)).collect();
        let mut matched = vec![false; right.len()];
        let mut out = Vec::new();
        for mut row in left {
            if row.is_bad(&needed) {
                row.dead = true;
                out.push(self.row(Some(&row), None));
                continue;
            }
            let key = row.key(&lefts);
            let is_match = |other: &ModelRow| other.key(&rights) == key && !key.iter().any(Value::is_null);
            let matches: Vec<usize> = (0..right.len()).filter(|r| is_match(&right[*r])).collect();
            match self.kind {
                JoinKind::Semi if !matches.is_empty() => out.push(row),
                JoinKind::Anti if matches.is_empty() => out.push(row),
                JoinKind::Semi | JoinKind::Anti => {}
                kind => {
                    out.extend(matches.iter().map(|r| self.row(Some(&row), Some(&right[*r]))));
                    if matches.is_empty() && kind.keeps_left() {
                        out.push(self.row(Some(&row), None));
                    }
                }
            }
            matches.into_iter().for_each(|r| matched[r] = true);
        }
        if self.kind.keeps_right() {
            let lonely = right.iter().zip(matched).filter(|(_, matched)| !matched);
            out.extend(lonely.map(|(r, _)| self.row(None, Some(r))));
        }
        out
    }
}

fn sample(sample: &Sample, rows: Vec<ModelRow>) -> Vec<ModelRow> {
    let times: Vec<u64> = match sample.amount {
        SampleAmount::Fraction(_) => (0..rows.len()).map(|i| sample.copies(i as u64)).collect(),
        SampleAmount::Rows(n) if sample.with_replacement => {
            let mut times = vec![0; rows.len()];
            let draws = if rows.is_empty() { 0 } else { n };
            (0..draws).for_each(|d| times[sample.drawn(d, rows.len() as u64) as usize] += 1);
            times
        }
        SampleAmount::Rows(n) => {
            let mut ranks: Vec<_> = (0..rows.len() as u64).map(|i| sample.rank(i)).collect();
            ranks.sort_unstable();
            ranks.truncate(n as usize);
            (0..rows.len() as u64).map(|i| u64::from(ranks.iter().any(|r| r.1 == i))).collect()
        }
    };
    let copies = rows.into_iter().zip(times);
    copies.flat_map(|(row, n)| std::iter::repeat_n(row, n as usize)).collect()
}

fn set_operation(
    operation: SetOperation,
    all: bool,
    left: Vec<ModelRow>,
    right: &[ModelRow],
    on: &[(ColumnId, ColumnId)],
) -> Vec<ModelRow> {
    let (lefts, rights): (Vec<_>, Vec<_>) = on.iter().copied().unzip();
    let keys: Vec<_> = left.iter().map(|r| r.key(&lefts)).collect();
    let count = |rows: &[Vec<Value>], key: &Vec<Value>| rows.iter().filter(|k| *k == key).count() as u64;
    let right: Vec<_> = right.iter().map(|r| r.key(&rights)).collect();
    let mut out = Vec::new();
    for (i, row) in left.into_iter().enumerate() {
        let before = count(&keys[..i], &keys[i]);
        let others = count(&right, &keys[i]);
        let stays = match all {
            true => before < operation.kept(count(&keys, &keys[i]), others),
            false => before == 0 && operation.keeps(others > 0),
        };
        if stays {
            out.push(row);
        }
    }
    out
}

/// Whether two rows have the same key without a null.
fn has_equal_keys(rows: &[ModelRow], on: &[ColumnId]) -> bool {
    let mut seen = BTreeSet::new();
    let mut keys = rows.iter().map(|r| r.key(on)).filter(|k| !k.iter().any(Value::is_null));
    !keys.all(|k| seen.insert(k))
}

fn sort(rows: &mut [ModelRow], keys: &[SortKey]) {
    let compare = |a: &ModelRow, b: &ModelRow| {
        for key in keys {
            let (x, y) = (a.key(&[key.column]).remove(0), b.key(&[key.column]).remove(0));
            let order = match (x.is_null(), y.is_null()) {
                (true, true) => Ordering::Equal,
                (true, false) => {
                    if key.nulls_first {
                        Ordering::Less
                    } else {
                        Ordering::Greater
                    }
                }
                (false, true) => {
                    if key.nulls_first {
                        Ordering::Greater
                    } else {
                        Ordering::Less
                    }
                }
                _ if key.descending => y.cmp(&x),
                _ => x.cmp(&y),
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    };
    rows.sort_by(compare);
}

fn groups(rows: &[ModelRow], keys: &[ColumnId], aggregates: &[Aggregate]) -> Vec<ModelRow> {
    let mut groups: BTreeMap<Vec<Value>, Vec<&ModelRow>> = BTreeMap::new();
    if keys.is_empty() {
        groups.insert(Vec::new(), Vec::new());
    }
    rows.iter().for_each(|r| groups.entry(r.key(keys)).or_default().push(r));
    let finish = |(key, rows): (Vec<Value>, Vec<&ModelRow>)| {
        let mut row = ModelRow::default();
        row.cells.extend(keys.iter().copied().zip(key.into_iter().map(Ok)));
        for a in aggregates {
            row.cells.insert(a.output, Ok(aggregate(a, &rows)));
        }
        row
    };
    groups.into_iter().map(finish).collect()
}

fn aggregate(a: &Aggregate, rows: &[&ModelRow]) -> Value {
    let values = rows.iter().map(|r| a.argument.map_or(Value::Int(1), |c| r.key(&[c]).remove(0)));
    let values: Vec<Value> = values.filter(|v| !v.is_null()).collect();
    let value = match a.kind {
        AggregateKind::Count => Some(Value::Int(values.len() as i64)),
        AggregateKind::Sum => {
            let int = |v: &Value| if let Value::Int(x) = v { *x } else { 0 };
            Some(Value::Int(values.iter().map(int).sum()))
        }
        AggregateKind::Min => values.iter().min().cloned(),
        AggregateKind::Max => values.iter().max().cloned(),
        AggregateKind::First => values.first().cloned(),
        _ => panic!("the model does not know `{}`", a.kind.name()),
    };
    value.unwrap_or(Value::Null)
}

fn write(rows: &[ModelRow], sink: &Sink) -> Vec<Vec<Value>> {
    let columns: Vec<ColumnId> = sink.columns.iter().map(|c| c.id).collect();
    rows.iter().map(|r| r.key(&columns)).collect()
}

fn source(rows: &[Vec<Value>], columns: &[ColumnId], number: u32) -> Vec<ModelRow> {
    let row = |(i, values): (usize, &Vec<Value>)| ModelRow {
        cells: columns.iter().copied().zip(values.iter().cloned().map(Ok)).collect(),
        origin: Some((number, i)),
        ..ModelRow::default()
    };
    rows.iter().enumerate().map(row).collect()
}

/// Runs a logical plan over `rows`; their spans tell them apart.
pub(super) fn run_logical(plan: &LogicalPlan) -> Outcome {
    let mut outcome = Outcome::default();
    let mut results: Vec<Vec<ModelRow>> = Vec::new();
    for id in super::rebuild::Rebuild::walk(plan) {
        results.resize(id.0 as usize, Vec::new());
        let node = plan.node(id);
        let columns: Vec<ColumnId> = node.columns.iter().map(|c| c.id).collect();
        let of = |input: &flow_ir::NodeId| results[input.0 as usize].clone();
        let mut out = match &node.operator {
            Operator::Read(_) | Operator::Through { .. } => panic!("the model reads no files"),
            Operator::LoopRows | Operator::Iterate { .. } => panic!("the model has no loops"),
            Operator::Rows(rows) => source(rows, &columns, node.span.start),
            Operator::Filter { input, predicate } => filter(of(input), predicate),
            Operator::Map { input, computed } => map(of(input), computed),
            Operator::FlatMap { input, computed, each } => flat_map(of(input), computed, each),
            Operator::Check { input, predicate, .. } => check(of(input), predicate),
            Operator::ReduceByKey { input, keys, aggregates } => {
                let arguments = aggregates.iter().flat_map(|a| a.reads());
                let needed: Vec<_> = keys.iter().copied().chain(arguments).collect();
                groups(&outcome.settle(of(input), &needed, None), keys, aggregates)
            }
            Operator::Distinct { input, on, sort } => {
                let sort_columns = sort.iter().map(|k| k.column);
                let needed: Vec<_> = columns.iter().chain(on).copied().chain(sort_columns).collect();
                first_rows(outcome.settle(of(input), &needed, None), on, sort, 1)
            }
            Operator::Window { input, window: w } => {
                let made: Vec<ColumnId> = w.outputs().collect();
                let passed = columns.iter().copied().filter(|c| !made.contains(c));
                let needed: Vec<_> = passed.chain(w.reads()).collect();
                window(outcome.settle(of(input), &needed, None), w)
            }
            Operator::TakePer { input, count, per } => {
                let needed: Vec<_> = columns.iter().chain(per).copied().collect();
                first_rows(outcome.settle(of(input), &needed, None), per, &[], *count as usize)
            }
            Operator::Sort { input, keys } => {
                let needed: Vec<_> = columns.iter().copied().chain(keys.iter().map(|k| k.column)).collect();
                let mut rows = outcome.settle(of(input), &needed, None);
                sort(&mut rows, keys);
                rows
            }
            Operator::Take { input, count } => outcome.settle(of(input), &columns, Some((0, Some(*count)))),
            Operator::Skip { input, count } => outcome.settle(of(input), &columns, Some((*count, None))),
            Operator::Union { inputs, columns: own } => {
                let rename = |(row, ids): (ModelRow, &Vec<ColumnId>)| {
                    let cells =
                        columns.iter().zip(ids).map(|(new, old)| (*new, row.cells[old].clone())).collect();
                    ModelRow { cells, ..row }
                };
                inputs
                    .iter()
                    .zip(own)
                    .flat_map(|(i, ids)| of(i).into_iter().map(move |r| (r, ids)))
                    .map(rename)
                    .collect()
            }
            Operator::Join { kind, left, right, on, left_columns, right_columns, .. } => {
                let needed: Vec<_> =
                    on.iter().map(|(_, r)| *r).chain(right_columns.iter().map(|(_, o)| *o)).collect();
                let right = outcome.settle(of(right), &needed, None);
                Join { kind: *kind, on, left_columns, right_columns }.run(of(left), &right)
            }
            Operator::Sample { input, sample: how } => sample(how, outcome.settle(of(input), &columns, None)),
            Operator::Repartition { input, .. } => of(input),
            Operator::Persist { input, .. } => outcome.settle(of(input), &columns, None),
            Operator::SetOperation { operation, all, left, right, on } => {
                let (lefts, rights): (Vec<_>, Vec<_>) = on.iter().copied().unzip();
                let right = outcome.settle(of(right), &rights, None);
                let needed: Vec<_> = columns.iter().chain(&lefts).copied().collect();
                let left = outcome.settle(of(left), &needed, None);
                set_operation(*operation, *all, left, &right, on)
            }
            Operator::Expect { input, on, .. } => {
                let rows = outcome.settle(of(input), on, None);
                outcome.stopped |= has_equal_keys(&rows, on);
                of(input)
            }
            Operator::Write { input, sink } => {
                let needed: Vec<_> = sink.columns.iter().map(|c| c.id).collect();
                let rows = outcome.settle(of(input), &needed, None);
                outcome.sinks.insert(sink.number, write(&rows, sink));
                Vec::new()
            }
        };
        out.iter_mut().for_each(|r| r.keep(&columns));
        results.push(out);
    }
    outcome.finished()
}

/// Runs a physical plan over `rows`. Groups whose order nobody sees come in reverse.
pub(super) fn run_physical(plan: &PhysicalPlan) -> Outcome {
    let mut run = PhysicalRun { outcome: Outcome::default(), datasets: BTreeMap::new() };
    for stage in &plan.stages {
        let mut rows = Vec::new();
        for input in &stage.inputs {
            let mut one = match &input.from {
                InputFrom::Read(_) | InputFrom::Answers { .. } => panic!("the model reads no files"),
                InputFrom::Rows { columns, rows, span } => {
                    source(rows, &columns.iter().map(|c| c.id).collect::<Vec<_>>(), span.start)
                }
                InputFrom::Dataset { id, columns } => {
                    let columns: Vec<_> = columns.iter().map(|c| c.id).collect();
                    let mut rows = run.datasets[id].clone();
                    rows.iter_mut().for_each(|r| r.keep(&columns));
                    rows
                }
            };
            for operation in &input.operations {
                one = run.operation(one, &operation.kind, &operation.columns);
            }
            if !input.rename.is_empty() {
                for row in &mut one {
                    row.cells =
                        input.rename.iter().map(|(new, old)| (*new, row.cells[old].clone())).collect();
                }
            }
            rows.extend(one);
        }
        run.branch(&stage.branch, rows);
    }
    run.outcome.finished()
}

struct PhysicalRun {
    outcome: Outcome,
    datasets: BTreeMap<flow_ir::physical::DatasetId, Vec<ModelRow>>,
}

impl PhysicalRun {
    fn operation(
        &self,
        rows: Vec<ModelRow>,
        kind: &OperationKind,
        columns: &[flow_ir::physical::TypedColumn],
    ) -> Vec<ModelRow> {
        let mut out = match kind {
            OperationKind::Filter { predicate } => filter(rows, predicate),
            OperationKind::Map { computed } => map(rows, computed),
            OperationKind::FlatMap { computed, each } => flat_map(rows, computed, each),
            OperationKind::Check { predicate, .. } => check(rows, predicate),
            OperationKind::Repartition { .. } => rows,
            OperationKind::Join { kind, build, on, left_columns, right_columns, .. } => {
                Join { kind: *kind, on, left_columns, right_columns }.run(rows, &self.datasets[build])
            }
        };
        let columns: Vec<_> = columns.iter().map(|c| c.id).collect();
        out.iter_mut().for_each(|r| r.keep(&columns));
        out
    }

    fn branch(&mut self, branch: &Branch, mut rows: Vec<ModelRow>) {
        for operation in &branch.operations {
            rows = self.operation(rows, &operation.kind, &operation.columns);
        }
        match &branch.end {
            BranchEnd::Split(branches) => branches.iter().for_each(|b| self.branch(b, rows.clone())),
            BranchEnd::Leaf(leaf) => self.leaf(leaf, rows),
        }
    }

    fn leaf(&mut self, leaf: &Leaf, rows: Vec<ModelRow>) {
        let columns: Vec<ColumnId> = leaf.columns.iter().map(|c| c.id).collect();
        let with = |more: Vec<ColumnId>| columns.iter().copied().chain(more).collect::<Vec<_>>();
        let mut out = match &leaf.kind {
            LeafKind::Collect => self.outcome.settle(rows, &columns, None),
            LeafKind::ReduceByKey { keys, aggregates, order } => {
                let arguments = aggregates.iter().flat_map(|a| a.reads());
                let needed: Vec<_> = keys.iter().copied().chain(arguments).collect();
                let mut groups = groups(&self.outcome.settle(rows, &needed, None), keys, aggregates);
                if *order == GroupOrder::Unseen {
                    groups.reverse();
                }
                groups
            }
            LeafKind::Distinct { on, sort } => {
                let needed = with(on.iter().copied().chain(sort.iter().map(|k| k.column)).collect());
                first_rows(self.outcome.settle(rows, &needed, None), on, sort, 1)
            }
            LeafKind::Window(w) => {
                let made: Vec<ColumnId> = w.outputs().collect();
                let needed: Vec<_> = with(w.reads()).into_iter().filter(|c| !made.contains(c)).collect();
                window(self.outcome.settle(rows, &needed, None), w)
            }
            LeafKind::TakePer { count, per } => {
                let rows = self.outcome.settle(rows, &with(per.clone()), None);
                first_rows(rows, per, &[], *count as usize)
            }
            LeafKind::Sort { keys, limit } => {
                let needed = with(keys.iter().map(|k| k.column).collect());
                let mut rows = self.outcome.settle(rows, &needed, None);
                sort(&mut rows, keys);
                rows.truncate(limit.map_or(usize::MAX, |l| l as usize));
                rows
            }
            LeafKind::Take { skip, count } => self.outcome.settle(rows, &columns, Some((*skip, *count))),
            LeafKind::Persist(_) => self.outcome.settle(rows, &columns, None),
            LeafKind::Sample(how) => sample(how, self.outcome.settle(rows, &columns, None)),
            LeafKind::SetOperation { operation, all, other, on, .. } => {
                let lefts = on.iter().map(|(l, _)| *l).collect();
                let rows = self.outcome.settle(rows, &with(lefts), None);
                set_operation(*operation, *all, rows, &self.datasets[other], on)
            }
            LeafKind::Expect { on, .. } => {
                let rows = self.outcome.settle(rows, on, None);
                self.outcome.stopped |= has_equal_keys(&rows, on);
                Vec::new()
            }
            LeafKind::Write(sink) => {
                let rows = self.outcome.settle(rows, &columns, None);
                self.outcome.sinks.insert(sink.number, write(&rows, sink));
                Vec::new()
            }
        };
        out.iter_mut().for_each(|r| r.keep(&columns));
        if let Some(id) = leaf.output {
            self.datasets.insert(id, out);
        }
    }
}
