//! prune_columns: drops computed columns, aggregates and source columns that nothing needs.
//!
//! **Law.** `map { a, b: e } | map { a }` = `map { a }`, and likewise through every stage.
//!
//! **When it must not fire.** A source field that the program uses is checked in every surviving row,
//! so only fields in `plan.unused` (decided on the program as written) are left out of a source.
//! A stream with a header keeps all: the header is compared with the schema only when it comes.
//! Filters, checks, keys, `on` and `per` columns and the list of a `flat_map` are always needed.
//! The second run, after passes that may have removed uses, must also leave alone whatever can be an
//! error where it enters an exchange: a row that was an error there must stay one. So it keeps such
//! columns, and sums that can overflow.
//!
//! ```text
//! %0 = read ... { a#0: int, b#1: int, c#2: int } ... -> a#0, b#1, c#2        unused [c#2]
//! %1 = map %0 { x#3 = (a#0 + 1), y#4 = (b#1 * 2) } -> x#3, y#4
//! %2 = filter %1 (y#4 > 0) -> x#3, y#4
//! %3 = show %2 { y#4 }
//! ```
//! becomes
//! ```text
//! %0 = read ... { a#0: int, b#1: int } ... -> b#1
//! %1 = map %0 { y#4 = (b#1 * 2) } -> y#4
//! %2 = filter %1 (y#4 > 0) -> y#4
//! %3 = show %2 { y#4 }
//! ```
//! where `a#0` is still read because the program as written uses it (had it not, it would be unused).

use super::fallible::{Fallible, can_fail};
use super::rebuild::Rebuild;
use super::substitute::columns_of;
use super::{Note, Notes, Pass};
use flow_ir::aggregate::{Aggregate, AggregateKind};
use flow_ir::location::Location;
use flow_ir::logical::{Computed, Node, Operator};
use flow_ir::source::{Format, Source};
use flow_ir::{ColumnId, LogicalPlan, NodeId, Type};
use std::collections::BTreeSet;

const LAW: &str = "map { a, b: e } | map { a }  =  map { a }";

/// The run on the program as written, which settles what each exchange needs.
pub(super) const PASS: Pass =
    Pass { name: "prune_columns", law: LAW, required: true, run: |plan, notes| prune(plan, false, notes) };

/// The run after the other passes.
pub(super) const AGAIN: Pass =
    Pass { name: "prune_columns", law: LAW, required: false, run: |plan, notes| prune(plan, true, notes) };

type Ids = BTreeSet<ColumnId>;

fn prune(plan: &LogicalPlan, keep_failing: bool, notes: &mut Notes) -> LogicalPlan {
    let mut pruner = Pruner {
        needed: vec![Ids::new(); plan.nodes.len()],
        nodes: vec![None; plan.nodes.len()],
        fallible: keep_failing.then(|| Fallible::of(plan)),
        plan,
        notes,
    };
    let walk = Rebuild::walk(plan);
    // Users before their inputs: a node's needs are complete when it is met.
    for id in walk.iter().rev() {
        let node = pruner.node(*id);
        pruner.nodes[id.0 as usize] = Some(node);
    }
    let mut nodes = pruner.nodes;
    let mut rebuild = Rebuild::of(plan);
    for id in walk {
        if let Some(pruned) = nodes[id.0 as usize].take() {
            rebuild.copy(id, |node| *node = pruned);
        }
    }
    rebuild.finish()
}

struct Pruner<'a> {
    plan: &'a LogicalPlan,
    needed: Vec<Ids>,
    nodes: Vec<Option<Node>>,
    /// Present in the second run.
    fallible: Option<Fallible>,
    notes: &'a mut Notes,
}

impl Pruner<'_> {
    /// The node without what nobody needs; notes what it needs itself.
    fn node(&mut self, id: NodeId) -> Node {
        let mut node = self.plan.node(id).clone();
        let mut needed = std::mem::take(&mut self.needed[id.0 as usize]);
        match &mut node.operator {
            Operator::Read(source) => prune_source(source, &needed, &self.plan.unused),
            Operator::Rows(rows) => {
                // One column stays, so that rows without columns need no special case.
                needed.extend(node.columns.first().filter(|_| needed.is_empty()).map(|c| c.id));
                let keep: Vec<bool> = node.columns.iter().map(|c| needed.contains(&c.id)).collect();
                rows.iter_mut().for_each(|row| retain_at(row, &keep));
            }
            // The rows of a round become those of the next one, so all of them are needed.
            Operator::LoopRows => return node,
            Operator::Iterate { start, body, until, start_columns, body_columns, .. } => {
                self.need(*start, start_columns.iter().copied());
                self.need(*body, body_columns.iter().copied());
                if let Some((until, column)) = until {
                    self.need(*until, [*column]);
                }
                return node;
            }
            Operator::Union { inputs, columns } => {
                let keep: Vec<bool> = (0..node.columns.len())
                    .map(|at| {
                        needed.contains(&node.columns[at].id) || self.union_can_fail(inputs, columns, at)
                    })
                    .collect();
                columns.iter_mut().for_each(|ids| retain_at(ids, &keep));
                retain_at(&mut node.columns, &keep);
                for (input, ids) in inputs.iter().zip(columns.iter()) {
                    self.need(*input, ids.iter().copied());
                }
                return node;
            }
            Operator::Persist { input, .. } => {
                self.need(*input, node.columns.iter().map(|c| c.id));
                return node;
            }
            Operator::Join { .. } => self.join(&mut node.operator, &needed),
            Operator::ReduceByKey { .. }
            | Operator::Distinct { .. }
            | Operator::Window { .. }
            | Operator::TakePer { .. }
            | Operator::Sort { .. }
            | Operator::Take { .. }
            | Operator::Skip { .. }
            | Operator::Sample { .. } => self.exchange(&mut node, &mut needed),
            operator => self.rows(operator, &needed),
        }
        node.columns.retain(|c| needed.contains(&c.id));
        node
    }

    /// What an operator needs that passes its rows on, or ends them.
    fn rows(&mut self, operator: &mut Operator, needed: &Ids) {
        match operator {
            Operator::Filter { input, predicate } | Operator::Check { input, predicate, .. } => {
                let reads = columns_of(predicate);
                self.need(*input, needed.iter().copied().chain(reads));
            }
            Operator::Map { input, computed } => {
                let reads = prune_computed(computed, needed);
                let passed = needed.iter().copied().filter(|id| !computed.iter().any(|c| c.id == *id));
                self.need(*input, passed.chain(reads).collect::<Vec<_>>());
            }
            Operator::FlatMap { input, computed, each } => {
                let mut reads = prune_computed(computed, needed);
                reads.extend(columns_of(&each.expr));
                let made = |id: &ColumnId| *id == each.id || computed.iter().any(|c| c.id == *id);
                let passed = needed.iter().copied().filter(|id| !made(id));
                self.need(*input, passed.chain(reads).collect::<Vec<_>>());
            }
            Operator::Repartition { input, layout } => {
                self.need(*input, needed.iter().copied().chain(layout.keys.iter().copied()));
            }
            Operator::SetOperation { left, right, on, .. } => {
                self.need(*left, needed.iter().copied().chain(on.iter().map(|(l, _)| *l)));
                self.need(*right, on.iter().map(|(_, r)| *r));
            }
            Operator::Expect { input, on, .. } => {
                self.need(*input, needed.iter().copied().chain(on.iter().copied()));
            }
            Operator::Through { input, sink, answers } => {
                self.need(*input, sink.columns.iter().map(|c| c.id));
                prune_source(answers, needed, &self.plan.unused);
            }
            Operator::Write { input, sink } => {
                self.need(*input, sink.columns.iter().map(|c| c.id));
            }
            // Looked at by whoever calls this.
            Operator::Read(_)
            | Operator::Rows(_)
            | Operator::LoopRows
            | Operator::Iterate { .. }
            | Operator::Union { .. }
            | Operator::Persist { .. }
            | Operator::Join { .. }
            | Operator::ReduceByKey { .. }
            | Operator::Distinct { .. }
            | Operator::Window { .. }
            | Operator::TakePer { .. }
            | Operator::Sort { .. }
            | Operator::Take { .. }
            | Operator::Skip { .. }
            | Operator::Sample { .. } => {}
        }
    }

    /// What an operator needs that counts, sorts or groups rows.
    fn exchange(&mut self, node: &mut Node, needed: &mut Ids) {
        let span = node.span;
        match &mut node.operator {
            Operator::ReduceByKey { input, keys, aggregates } => {
                let input = *input;
                aggregates.retain(|a| needed.contains(&a.output) || self.aggregate_can_fail(a, input));
                let arguments = aggregates.iter().flat_map(|a| a.reads());
                self.need(input, keys.iter().copied().chain(arguments).collect::<Vec<_>>());
            }
            Operator::Distinct { input, on, sort } => {
                let input = *input;
                needed.extend(self.failing(input, &node.columns, needed, span));
                let sort = sort.iter().map(|k| k.column);
                self.need(input, needed.iter().copied().chain(on.iter().copied()).chain(sort));
            }
            Operator::Window { input, window } => {
                let input = *input;
                let fallible = self.fallible.as_ref();
                let fails = |id: &Option<ColumnId>| {
                    id.is_some_and(|id| fallible.is_some_and(|f| f.columns(input).contains(&id)))
                };
                window
                    .functions
                    .retain(|f| needed.contains(&f.output) || fails(&f.argument) || fails(&f.default));
                window.aggregates.retain(|a| needed.contains(&a.output) || self.aggregate_can_fail(a, input));
                needed.extend(self.failing(input, &node.columns, needed, span));
                let made: Ids = window.outputs().collect();
                let passed = needed.iter().copied().filter(|id| !made.contains(id));
                self.need(input, passed.chain(window.reads()).collect::<Vec<_>>());
            }
            Operator::TakePer { input, per, .. } => {
                let input = *input;
                needed.extend(self.failing(input, &node.columns, needed, span));
                self.need(input, needed.iter().copied().chain(per.iter().copied()));
            }
            Operator::Sort { input, keys } => {
                let input = *input;
                needed.extend(self.failing(input, &node.columns, needed, span));
                self.need(input, needed.iter().copied().chain(keys.iter().map(|k| k.column)));
            }
            Operator::Take { input, .. } | Operator::Skip { input, .. } | Operator::Sample { input, .. } => {
                let input = *input;
                needed.extend(self.failing(input, &node.columns, needed, span));
                self.need(input, needed.iter().copied());
            }
            _ => {}
        }
    }

    fn join(&mut self, operator: &mut Operator, needed: &Ids) {
        let Operator::Join { kind, left, right, on, left_columns, right_columns, .. } = operator else {
            return;
        };
        let fallible = self.fallible.as_ref();
        let fails = |side: NodeId, own: &ColumnId| fallible.is_some_and(|f| f.columns(side).contains(own));
        left_columns.retain(|(new, own)| needed.contains(new) || fails(*left, own));
        right_columns.retain(|(new, own)| needed.contains(new) || fails(*right, own));
        let passed: Vec<ColumnId> = match kind.keeps_right() {
            true => left_columns.iter().map(|(_, own)| *own).collect(),
            false => {
                let is_right = |id: &ColumnId| right_columns.iter().any(|(new, _)| new == id);
                needed.iter().copied().filter(|id| !is_right(id)).collect()
            }
        };
        let keys = on.iter().map(|(l, _)| *l);
        self.need(*left, passed.into_iter().chain(keys).collect::<Vec<_>>());
        let own = right_columns.iter().map(|(_, own)| *own);
        self.need(*right, own.chain(on.iter().map(|(_, r)| *r)).collect::<Vec<_>>());
    }

    fn need(&mut self, input: NodeId, columns: impl IntoIterator<Item = ColumnId>) {
        self.needed[input.0 as usize].extend(columns);
    }

    /// The columns of an exchange that nobody needs any more, but that can be errors.
    fn failing(
        &mut self,
        input: NodeId,
        columns: &[flow_ir::logical::OutputColumn],
        needed: &Ids,
        span: flow_ir::Span,
    ) -> Vec<ColumnId> {
        let Some(fallible) = &self.fallible else { return Vec::new() };
        let failing = fallible.columns(input);
        let kept: Vec<_> =
            columns.iter().filter(|c| !needed.contains(&c.id) && failing.contains(&c.id)).collect();
        for column in &kept {
            let name = column.path.join(".");
            let message = format!(
                "`{name}` is not used any more, but it stays: it can fail, and a row that fails is an error"
            );
            self.notes.push(Note { span, message });
        }
        kept.iter().map(|c| c.id).collect()
    }

    fn union_can_fail(&self, inputs: &[NodeId], columns: &[Vec<ColumnId>], at: usize) -> bool {
        let Some(fallible) = &self.fallible else { return false };
        let fails = |(input, ids): (&NodeId, &Vec<ColumnId>)| {
            ids.get(at).is_some_and(|id| fallible.columns(*input).contains(id))
        };
        inputs.iter().zip(columns).any(fails)
    }

    /// Whether leaving out an aggregate could hide an error; only asked in the second run.
    fn aggregate_can_fail(&self, aggregate: &Aggregate, input: NodeId) -> bool {
        let Some(fallible) = &self.fallible else { return false };
        let overflows = |ty: &Type| matches!(ty, Type::Int | Type::Duration | Type::Decimal { .. });
        let kind = aggregate
            .argument
            .and_then(|id| self.plan.node(input).columns.iter().find(|c| c.id == id))
            .map(|c| &c.ty.kind);
        aggregate.reads().any(|id| fallible.columns(input).contains(&id))
            || match aggregate.kind {
                AggregateKind::Reduce | AggregateKind::Fold => {
                    aggregate.reducer().is_none_or(|r| can_fail(&r.step, &BTreeSet::new()))
                }
                AggregateKind::Sum => kind.is_none_or(overflows),
                AggregateKind::Mean => matches!(kind, None | Some(Type::Decimal { .. })),
                _ => false,
            }
    }
}

/// Drops computed columns that are not needed; returns what the others read.
fn prune_computed(computed: &mut Vec<Computed>, needed: &Ids) -> Vec<ColumnId> {
    computed.retain(|c| needed.contains(&c.id));
    computed.iter().flat_map(|c| columns_of(&c.expr)).collect()
}

/// Drops source columns that the program as written does not use, with their positions.
fn prune_source(source: &mut Source, needed: &Ids, unused: &BTreeSet<ColumnId>) {
    let used = |id: ColumnId| needed.contains(&id) || !unused.contains(&id);
    let keep: Vec<bool> = source.folders.keys.iter().map(|k| used(k.column.id)).collect();
    retain_at(&mut source.folders.keys, &keep);
    source.files.iter_mut().for_each(|file| retain_at(&mut file.keys, &keep));
    source.line.take_if(|line| !used(line.id));
    let with_header = matches!(&source.format, Format::Delimited(dialect) if dialect.header);
    if with_header && source.files.iter().any(|f| Location::of(&f.path).is_live()) {
        // The header of a stream is compared with the whole schema when it comes.
        return;
    }
    let keep: Vec<bool> = source.columns.iter().map(|c| used(c.id)).collect();
    retain_at(&mut source.columns, &keep);
    for file in &mut source.files {
        // Formats without positions have none to drop.
        if file.positions.len() == keep.len() {
            retain_at(&mut file.positions, &keep);
        }
    }
}

/// Keeps the items at the positions where `keep` is true.
fn retain_at<T>(items: &mut Vec<T>, keep: &[bool]) {
    let mut at = 0;
    items.retain(|_| {
        at += 1;
        keep.get(at - 1).copied().unwrap_or(true)
    });
}
