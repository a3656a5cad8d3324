//! Verifies logical plans: what every pass may rely on and must preserve.
//!
//! Inputs stand before their users; every column is defined once, with one type, before it is read;
//! expressions have the types they claim; sources, unions, joins and sinks have matching widths. A
//! plan may come from outside, so nothing here panics or recurses without a limit.

use crate::aggregate::{Aggregate, AggregateKind, Detail};
use crate::expr::Expr;
use crate::join::JoinKind;
use crate::layout_of_rows::{Division, RowLayout};
use crate::logical::{ColumnId, Computed, LogicalPlan, Node, Operator};
use crate::persist::Persist;
use crate::sample::Sample;
use crate::source::{Format, Sink, Source, Target};
use crate::typing::{fits, value_fits};
use crate::verify_expr::Scope;
use crate::window::{Frame, Window};
use std::collections::BTreeSet;
use std::fmt;

/// How deep an expression or a tree of branches may be nested. The checker refuses programs that need
/// more, and passes do not make expressions deeper than this.
pub const EXPR_DEPTH_MAX: usize = 256;

/// How many operators and expression nodes a plan may have.
pub const NODES_MAX: usize = 100_000;

/// How many errors are reported.
const ERRORS_MAX: usize = 20;

/// (new, own) of columns that get new ids.
type Renamed<'a> = &'a [(ColumnId, ColumnId)];

/// A rule that a plan breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyError {
    /// The node or stage: `%3`, `stage 1`.
    pub place: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for VerifyError {}

/// Checks every rule a logical plan must keep.
pub fn verify_logical(plan: &LogicalPlan) -> Result<(), Vec<VerifyError>> {
    let mut c = Checker::default();
    if plan.nodes.len() > NODES_MAX {
        c.error(format!("the plan has more than {NODES_MAX} nodes"));
        return c.finish();
    }
    let mut scopes: Vec<Scope> = Vec::with_capacity(plan.nodes.len());
    for (i, node) in plan.nodes.iter().enumerate() {
        c.place = format!("%{i}");
        c.size += 1;
        let scope = c.node(node, plan, &scopes);
        scopes.push(scope);
    }
    c.place = "sinks".to_owned();
    for id in &plan.sinks {
        if !matches!(plan.nodes.get(id.0 as usize).map(|n| &n.operator), Some(Operator::Write { .. })) {
            c.error(format!("%{} is not a sink", id.0));
        }
    }
    c.finish()
}

/// The findings so far, and what has been seen.
#[derive(Default)]
pub(crate) struct Checker {
    pub(crate) place: String,
    pub(crate) size: usize,
    defined: BTreeSet<ColumnId>,
    errors: Vec<VerifyError>,
}

impl Checker {
    pub(crate) fn error(&mut self, message: String) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(VerifyError { place: self.place.clone(), message });
        }
    }

    pub(crate) fn finish(self) -> Result<(), Vec<VerifyError>> {
        if self.errors.is_empty() { Ok(()) } else { Err(self.errors) }
    }

    /// Verifies a node and returns its output columns.
    fn node(&mut self, node: &Node, plan: &LogicalPlan, scopes: &[Scope]) -> Scope {
        let mut inputs: Vec<&Scope> = Vec::new();
        for id in node.operator.inputs() {
            match (scopes.get(id.0 as usize), plan.nodes.get(id.0 as usize)) {
                (Some(_), Some(Node { operator: Operator::Write { .. }, .. })) => {
                    self.error(format!("reads from the sink %{}", id.0));
                    return Scope::new();
                }
                (Some(scope), _) => inputs.push(scope),
                _ => {
                    self.error(format!("its input %{} does not stand before it", id.0));
                    return Scope::new();
                }
            }
        }
        let available = self.operator(node, &inputs, plan);
        let mut out = Scope::new();
        for column in &node.columns {
            match available.get(&column.id) {
                Some(ty) if !fits(ty, &column.ty) => {
                    self.error(format!("delivers #{} as {}, but it is {ty}", column.id.0, column.ty));
                }
                Some(_) => {}
                None => self.error(format!("delivers #{}, which it does not have", column.id.0)),
            }
            out.insert(column.id, column.ty.clone());
        }
        out
    }

    /// Every column of a loop comes from one of its start and one of its body, of the same type.
    fn iterate(
        &mut self,
        node: &Node,
        inputs: &[&Scope],
        (start, body): (&[ColumnId], &[ColumnId]),
        until: Option<ColumnId>,
    ) {
        for (scope, ids, what) in [(inputs.get(1), start, "start"), (inputs.get(2), body, "body")] {
            if ids.len() != node.columns.len() {
                self.error(format!("its {what} has {} columns, not {}", ids.len(), node.columns.len()));
            }
            for (column, id) in node.columns.iter().zip(ids) {
                match scope.and_then(|s| s.get(id)) {
                    Some(ty) if fits(ty, &column.ty) => {}
                    _ => self.error(format!("#{} of its {what} does not fit #{}", id.0, column.id.0)),
                }
            }
        }
        if let Some(id) = until {
            match inputs.get(3).and_then(|s| s.get(&id)).map(|ty| &ty.kind) {
                Some(crate::types::Type::Bool) => {}
                _ => self.error(format!("it ends by #{}, which is no condition", id.0)),
            }
        }
    }

    /// Verifies what a node does and returns every column it could deliver.
    fn operator(&mut self, node: &Node, inputs: &[&Scope], plan: &LogicalPlan) -> Scope {
        let empty = Scope::new();
        let input: &Scope = inputs.first().copied().unwrap_or(&empty);
        let mut out = input.clone();
        match &node.operator {
            Operator::Read(source) => {
                out = self.source(source);
                source.delivered().for_each(|c| self.define(c.id, plan));
            }
            Operator::Through { sink, answers, .. } => {
                self.through(sink, input);
                out = self.source(answers);
                answers.columns.iter().for_each(|c| self.define(c.id, plan));
            }
            Operator::LoopRows => self.define_all(node, plan, &mut out),
            Operator::Iterate { state, until, start_columns, body_columns, .. } => {
                self.iterate(node, inputs, (start_columns, body_columns), until.as_ref().map(|u| u.1));
                if !matches!(plan.nodes.get(state.0 as usize).map(|n| &n.operator), Some(Operator::LoopRows))
                {
                    self.error(format!("its state %{} is not the rows of a loop", state.0));
                }
            }
            Operator::Rows(rows) => {
                self.define_all(node, plan, &mut out);
                self.literal_rows(node, rows);
            }
            Operator::Filter { predicate, .. } | Operator::Check { predicate, .. } => {
                self.predicate(predicate, input);
            }
            Operator::Map { computed, .. } => {
                computed.iter().for_each(|c| self.define(c.id, plan));
                self.computed(computed, input, &mut out);
            }
            Operator::FlatMap { computed, each, .. } => {
                computed.iter().for_each(|c| self.define(c.id, plan));
                self.define(each.id, plan);
                self.computed(computed, input, &mut out);
                self.each(each, input, &mut out);
            }
            Operator::ReduceByKey { keys, aggregates, .. } => {
                aggregates.iter().for_each(|a| self.define(a.output, plan));
                out = self.groups(keys, aggregates, input);
            }
            Operator::Distinct { on, sort, .. } => {
                self.known(on, input);
                self.known_keys(sort.iter().map(|k| k.column), input);
            }
            Operator::Window { window, .. } => {
                window.outputs().for_each(|id| self.define(id, plan));
                self.window(window, input, &mut out);
            }
            Operator::TakePer { per, .. } => self.known(per, input),
            Operator::Sort { keys, .. } => self.known_keys(keys.iter().map(|k| k.column), input),
            Operator::Take { .. } | Operator::Skip { .. } => {}
            Operator::Union { columns, .. } => {
                out = Scope::new();
                self.union(node, columns, inputs);
                self.define_all(node, plan, &mut out);
            }
            Operator::Join { kind, on, left_columns, right_columns, .. } => {
                let right = inputs.get(1).copied().unwrap_or(&empty);
                left_columns.iter().chain(right_columns).for_each(|(new, _)| self.define(*new, plan));
                self.join(*kind, on, (left_columns, right_columns), right, &mut out);
            }
            Operator::Sample { sample, .. } => self.sample(sample),
            Operator::Repartition { layout, .. } => self.layout(layout, input),
            Operator::Persist { persist, .. } => self.persist(persist),
            Operator::SetOperation { on, .. } => {
                let right = inputs.get(1).copied().unwrap_or(&empty);
                self.set_operation(on, input, right);
            }
            Operator::Expect { on, .. } => self.known(on, input),
            Operator::Write { sink, .. } => self.sink(sink, input),
        }
        out
    }

    /// All columns of the node are made by it.
    fn define_all(&mut self, node: &Node, plan: &LogicalPlan, out: &mut Scope) {
        for column in &node.columns {
            self.define(column.id, plan);
            out.insert(column.id, column.ty.clone());
        }
    }

    fn literal_rows(&mut self, node: &Node, rows: &[Vec<crate::Value>]) {
        let fits = |row: &[crate::Value]| {
            row.len() == node.columns.len()
                && row.iter().zip(&node.columns).all(|(v, c)| value_fits(v, &c.ty))
        };
        if let Some(i) = rows.iter().position(|row| !fits(row)) {
            self.error(format!("row {i} does not have the types of the columns"));
        }
    }

    fn through(&mut self, sink: &Sink, input: &Scope) {
        self.sink(sink, input);
        if !matches!(sink.target, Target::Processes { .. }) {
            self.error("its rows go to no processes".to_owned());
        }
    }

    fn define(&mut self, id: ColumnId, plan: &LogicalPlan) {
        if !self.defined.insert(id) {
            self.error(format!("column #{} is defined twice", id.0));
        }
        if id.0 >= plan.next_column {
            self.error(format!("column #{} is not below the next free id #{}", id.0, plan.next_column));
        }
    }

    fn known(&mut self, ids: &[ColumnId], scope: &Scope) {
        self.known_keys(ids.iter().copied(), scope);
    }

    /// Columns that are compared: they must exist and have an order.
    pub(crate) fn known_keys(&mut self, ids: impl Iterator<Item = ColumnId>, scope: &Scope) {
        for id in ids {
            match scope.get(&id) {
                None => self.error(format!("column #{} is not defined here", id.0)),
                Some(ty) if !ty.kind.is_ordered() => {
                    self.error(format!("column #{} is {ty}, which has no order", id.0));
                }
                Some(_) => {}
            }
        }
    }

    /// Verifies computed columns, which read `input`, and adds them to `out`.
    pub(crate) fn computed(&mut self, computed: &[Computed], input: &Scope, out: &mut Scope) {
        for c in computed {
            self.expr(&c.expr, input);
            out.insert(c.id, c.expr.ty.clone());
        }
    }

    /// Verifies the exploded column of a `flat_map` and adds its element to `out`.
    pub(crate) fn each(&mut self, each: &Computed, input: &Scope, out: &mut Scope) {
        self.expr(&each.expr, input);
        match list_element(&each.expr) {
            Some(element) => {
                out.insert(each.id, element);
            }
            None => self.error(format!("`each` of {}, which is no list", each.expr.ty)),
        }
    }

    /// Verifies keys and aggregates; returns the columns of the groups.
    pub(crate) fn groups(&mut self, keys: &[ColumnId], aggregates: &[Aggregate], input: &Scope) -> Scope {
        self.known(keys, input);
        let mut out: Scope = keys.iter().filter_map(|k| Some((*k, input.get(k)?.clone()))).collect();
        self.aggregates(aggregates, keys.is_empty(), input, &mut out);
        out
    }

    /// Verifies aggregates of `input` and adds them to `out`.
    fn aggregates(&mut self, aggregates: &[Aggregate], may_be_empty: bool, input: &Scope, out: &mut Scope) {
        for a in aggregates {
            let column = |id: Option<ColumnId>| id.and_then(|id| input.get(&id));
            let (argument, by) = (column(a.argument), column(a.by));
            if a.reads().any(|id| !input.contains_key(&id)) {
                self.error(format!("the aggregate #{} reads a column that is not defined here", a.output.0));
            } else {
                match a.result(argument, by, may_be_empty) {
                    Some(ty) if fits(&ty, &a.ty) => {}
                    Some(ty) => self.error(format!("`{}` gives {ty}, not {}", a.kind.name(), a.ty)),
                    None => self.error(format!("`{}` does not take this argument", a.kind.name())),
                }
            }
            self.detail(a, argument);
            out.insert(a.output, a.ty.clone());
        }
    }

    /// Verifies a window and adds its columns to `out`.
    pub(crate) fn window(&mut self, window: &Window, input: &Scope, out: &mut Scope) {
        self.known_keys(window.keys(), input);
        if let Frame::Rows { from, to } = window.frame
            && from > to
        {
            self.error(format!("the frame from {from} to {to} ends before it begins"));
        }
        self.aggregates(&window.aggregates, window.frame.may_be_empty(), input, out);
        for f in &window.functions {
            let ty = |id: Option<ColumnId>| id.and_then(|id| input.get(&id));
            let (argument, default) = (ty(f.argument), ty(f.default));
            if argument.is_none() != f.argument.is_none() || default.is_none() != f.default.is_none() {
                self.error(format!("`{}` reads a column that is not defined here", f.kind.name()));
            } else {
                match f.kind.result(argument, default) {
                    Some(ty) if fits(&ty, &f.ty) => {}
                    Some(ty) => self.error(format!("`{}` gives {ty}, not {}", f.kind.name(), f.ty)),
                    None => self.error(format!("`{}` does not take these arguments", f.kind.name())),
                }
            }
            out.insert(f.output, f.ty.clone());
        }
    }

    /// Verifies what an aggregate knows besides its columns.
    fn detail(&mut self, a: &Aggregate, argument: Option<&crate::DataType>) {
        let name = a.kind.name();
        match (&a.detail, a.kind) {
            (Detail::Quantile(q), AggregateKind::Quantile) => {
                if !(0.0..=1.0).contains(q) {
                    self.error(format!("`{name}` at {q}, which is not between 0 and 1"));
                }
            }
            (Detail::Separator(_), AggregateKind::JoinText) => {}
            (Detail::Reducer(r), AggregateKind::Reduce | AggregateKind::Fold) => {
                let value = argument.map(|ty| ty.with_nullable(false));
                if r.start.is_some() != (a.kind == AggregateKind::Fold) {
                    self.error(format!("`{name}` has a start, or lacks one"));
                }
                if let Some(start) = &r.start
                    && !value_fits(start, &r.accumulator)
                {
                    self.error(format!("the start of `{name}` is not {}", r.accumulator));
                }
                let acc = Some(&r.accumulator);
                // What a `reduce` begins with is a value.
                if let (None, Some(value)) = (&r.start, &value)
                    && !fits(value, &r.accumulator)
                {
                    self.error(format!("`{name}` begins with {value}, not {}", r.accumulator));
                }
                let second = if r.start.is_some() { value.as_ref() } else { acc };
                self.lambda(&r.step, [acc, second], &r.accumulator);
                if let Some(merge) = &r.merge {
                    self.lambda(merge, [acc, acc], &r.accumulator);
                }
            }
            (Detail::None, kind) => {
                use AggregateKind::{Fold, JoinText, Quantile, Reduce};
                if matches!(kind, Quantile | JoinText | Reduce | Fold) {
                    self.error(format!("`{name}` lacks what it needs to know"));
                }
            }
            _ => self.error(format!("`{name}` knows what it does not need")),
        }
    }

    /// Verifies a source's widths; returns its columns.
    pub(crate) fn source(&mut self, source: &Source) -> Scope {
        let mut out = Scope::new();
        for column in source.delivered() {
            if out.insert(column.id, column.ty.clone()).is_some() {
                self.error(format!("the source delivers #{} twice", column.id.0));
            }
        }
        if source.line.as_ref().is_some_and(|line| line.ty != crate::DataType::required(crate::Type::Int)) {
            self.error("the line of a row is no int".to_owned());
        }
        if matches!(source.format, Format::Json | Format::Text) {
            self.error("the source has a format that is only written".to_owned());
        }
        for file in &source.files {
            let keys = &source.folders.keys;
            let kept = file.keys.iter().zip(keys).all(|(v, k)| value_fits(v, &k.column.ty));
            if file.keys.len() != keys.len() || !kept {
                self.error(format!("the folders of `{}` do not match the columns", file.path));
            }
            let matching = file.positions.len() == source.columns.len()
                && file.positions.iter().all(|p| *p < file.fields);
            if matches!(source.format, Format::Delimited(_)) && !matching {
                self.error(format!("the field positions of `{}` do not match the columns", file.path));
            }
        }
        out
    }

    fn union(&mut self, node: &Node, columns: &[Vec<ColumnId>], inputs: &[&Scope]) {
        if columns.len() != inputs.len() || inputs.is_empty() {
            self.error(format!("has {} inputs and {} lists of columns", inputs.len(), columns.len()));
        }
        for (ids, scope) in columns.iter().zip(inputs) {
            if ids.len() != node.columns.len() {
                self.error(format!("an input gives {} of {} columns", ids.len(), node.columns.len()));
            }
            for (id, column) in ids.iter().zip(&node.columns) {
                match scope.get(id) {
                    Some(ty) if fits(ty, &column.ty) => {}
                    Some(ty) => {
                        self.error(format!("#{} is {ty}, but #{} is {}", id.0, column.id.0, column.ty))
                    }
                    None => self.error(format!("column #{} is not defined here", id.0)),
                }
            }
        }
    }

    /// Verifies the keys of a join and makes the columns of the left side in `out` those of the result.
    pub(crate) fn join(
        &mut self,
        kind: JoinKind,
        on: &[(ColumnId, ColumnId)],
        (left_columns, right_columns): (Renamed<'_>, Renamed<'_>),
        right: &Scope,
        out: &mut Scope,
    ) {
        if on.is_empty() != (kind == JoinKind::Cross) {
            self.error(format!("a {} with {} keys", kind.name(), on.len()));
        }
        if !kind.adds_columns() && !right_columns.is_empty() {
            self.error(format!("a {} with columns of the right side", kind.name()));
        }
        if !kind.keeps_right() && !left_columns.is_empty() {
            self.error(format!("a {} that renames the left side", kind.name()));
        }
        for (l, r) in on {
            match (out.get(l), right.get(r)) {
                (Some(a), Some(b)) if a.kind == b.kind => {}
                (Some(a), Some(b)) => self.error(format!("joins {a} with {b}")),
                _ => self.error(format!("the key #{} == #{} is not defined here", l.0, r.0)),
            }
        }
        if kind.keeps_right() {
            let left = std::mem::take(out);
            for (new, own) in left_columns {
                match left.get(own) {
                    Some(ty) => {
                        out.insert(*new, ty.with_nullable(true));
                    }
                    None => self.error(format!("the left side has no column #{}", own.0)),
                }
            }
        }
        for (new, own) in right_columns {
            match right.get(own) {
                Some(ty) => {
                    out.insert(*new, ty.with_nullable(ty.nullable || kind.keeps_left()));
                }
                None => self.error(format!("the right side has no column #{}", own.0)),
            }
        }
    }

    pub(crate) fn sample(&mut self, sample: &Sample) {
        if !sample.is_possible() {
            self.error("a fraction of rows that cannot be drawn".to_owned());
        }
    }

    pub(crate) fn layout(&mut self, layout: &RowLayout, input: &Scope) {
        self.known(&layout.keys, input);
        let has_keys = matches!(layout.division, Division::Hash | Division::Range);
        if layout.parts == 0 || has_keys == layout.keys.is_empty() {
            self.error(format!("{} parts by {} keys", layout.parts, layout.keys.len()));
        }
    }

    pub(crate) fn persist(&mut self, persist: &Persist) {
        if !persist.reuse.is_sound() {
            self.error("the key of a `persist` is no hash".to_owned());
        }
    }

    /// Verifies the columns that are compared.
    pub(crate) fn set_operation(&mut self, on: &[(ColumnId, ColumnId)], left: &Scope, right: &Scope) {
        self.known_keys(on.iter().map(|(l, _)| *l), left);
        self.known_keys(on.iter().map(|(_, r)| *r), right);
        for (l, r) in on {
            if let (Some(a), Some(b)) = (left.get(l), right.get(r))
                && a.kind != b.kind
            {
                self.error(format!("compares {a} with {b}"));
            }
        }
    }

    pub(crate) fn sink(&mut self, sink: &Sink, input: &Scope) {
        if let Target::Folder { keys, .. } = &sink.target {
            let once = keys.iter().enumerate().all(|(i, k)| !keys[..i].contains(k));
            let there = keys.iter().all(|k| (*k as usize) < sink.columns.len());
            if !once || !there || keys.len() >= sink.columns.len() || sink.format.is_none() {
                self.error("the folders of the sink do not match its columns".to_owned());
            }
        }
        for column in &sink.columns {
            match input.get(&column.id) {
                Some(ty) if fits(ty, &column.ty) => {}
                Some(ty) => {
                    self.error(format!("writes #{} as {}, but it is {ty}", column.id.0, column.ty));
                }
                None => self.error(format!("column #{} is not defined here", column.id.0)),
            }
        }
    }
}

/// The type of the elements of a list expression.
fn list_element(e: &Expr) -> Option<crate::DataType> {
    match &e.ty.kind {
        crate::Type::List(element) => Some(element.as_ref().clone()),
        _ => None,
    }
}
