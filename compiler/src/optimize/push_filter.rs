//! push_filter: moves every condition of a `filter` as close to the source as it can stand.
//!
//! Part of the language, at every level: "filters run first", so a row that a filter discards is no
//! error at an exchange that stands above the filter. A `filter a and b` is two filters.
//!
//! **Laws.**
//! ```text
//! map { x: e } | filter p(x)            =  filter p(e) | map { x: e }
//! flat_map { *, x: each l } | filter p  =  filter p | flat_map { *, x: each l }       p does not read x
//! repartition n | filter p              =  filter p | repartition n                   and likewise `coalesce`
//! sort k | filter p                     =  filter p | sort k
//! union a, b | filter p                 =  union (a | filter p), (b | filter p)
//! join r on k | filter p                =  filter p | join r on k                     p reads the left side
//! join r on k | filter p                =  join (r | filter p) on k                   p reads the right side
//! left join r on k | filter p           =  filter p | left join r on k                p reads the left side
//! right join r on k | filter p          =  right join (r | filter p) on k             p reads the right side
//! semi join r on k | filter p           =  filter p | semi join r on k                and likewise `anti join`
//! reduce_by_key k { .. } | filter p(k)  =  filter p(k) | reduce_by_key k { .. }
//! distinct on k | filter p(k)           =  filter p(k) | distinct on k
//! intersect r | filter p                =  filter p | intersect r                     and likewise `except`
//! window per k { .. } | filter p(k)     =  filter p(k) | window per k { .. }
//! take n per k | filter p(k)            =  filter p(k) | take n per k
//! ```
//!
//! **When it must not fire.** `take`, `skip` and `sample` (they count rows), `check` (a barrier by definition),
//! `reduce` without keys (it makes a row of none), aggregates and columns outside `on` or `per`; a dataset that
//! something else reads too. Keys that hold floats: 0.0 and -0.0 are one key, and the condition could
//! tell them apart. A `join`, if the condition can fail: it would fail for rows that match nothing. The side
//! of a join that may be null in the result, and both sides of a `full join`: without the rows that the
//! condition drops, others would match nothing. `expect`: it holds for all rows.
//! A `map` whose column is costly to compute, unless that carries the filter below an exchange.
//!
//! ```text
//! %1 = map %0 { x#2 = (a#0 + 1) } -> k#1, x#2          %1 = filter %0 ((a#0 + 1) > 3) -> a#0, k#1
//! %2 = sort %1 [k#1] -> k#1, x#2                       %2 = map %1 { x#2 = (a#0 + 1) } -> k#1, x#2
//! %3 = filter %2 (x#2 > 3) -> k#1, x#2          ==>    %3 = sort %2 [k#1] -> k#1, x#2
//! ```

use super::consumers::Consumers;
use super::cost::is_cheap;
use super::fallible::Fallible;
use super::rebuild::{Rebuild, inputs_mut};
use super::substitute::{columns_of, rename, substitute};
use super::{Note, Notes, Pass};
use crate::stage::holds_float;
use flow_ir::logical::{Computed, Operator};
use flow_ir::{ColumnId, Expr, JoinKind, LogicalPlan, NodeId, SetOperation, Span};

pub(super) const PASS: Pass = Pass {
    name: "push_filter",
    law: "stage | filter p  =  filter p | stage",
    required: true,
    run: push_filters,
};

/// A condition on its way down.
#[derive(Clone, Debug)]
struct Condition {
    predicate: Expr,
    /// The `filter` it comes from.
    span: Span,
}

/// Where a condition goes on below an operator: for which input, and as what.
type Below = Vec<(usize, Expr)>;

fn push_filters(plan: &LogicalPlan, notes: &mut Notes) -> LogicalPlan {
    let mut pusher = Pusher {
        plan,
        consumers: Consumers::of(plan),
        fallible: Fallible::of(plan),
        on_output: vec![Vec::new(); plan.nodes.len()],
        on_input: vec![Vec::new(); plan.nodes.len()],
        notes,
    };
    let walk = Rebuild::walk(plan);
    for id in walk.iter().rev() {
        pusher.node(*id);
    }
    let Pusher { on_output, on_input, .. } = pusher;
    let mut rebuild = Rebuild::of(plan);
    for id in walk {
        let i = id.0 as usize;
        let mut inputs = plan.node(id).operator.inputs();
        for (at, input) in inputs.iter_mut().enumerate() {
            *input = rebuild.id(*input);
            for (_, condition) in on_input[i].iter().filter(|(slot, _)| *slot == at) {
                *input = rebuild.filter(*input, condition.predicate.clone(), condition.span);
            }
        }
        let mut top = match (&plan.node(id).operator, inputs.first()) {
            // A filter's own conditions are among those on its output now.
            (Operator::Filter { .. }, Some(input)) => *input,
            _ => {
                let new = rebuild.copy(id, |_| ());
                let operator = &mut rebuild.new.nodes[new.0 as usize].operator;
                inputs_mut(operator).into_iter().zip(inputs).for_each(|(slot, input)| *slot = input);
                new
            }
        };
        for condition in &on_output[i] {
            top = rebuild.filter(top, condition.predicate.clone(), condition.span);
        }
        rebuild.replace(id, top);
    }
    rebuild.finish()
}

struct Pusher<'a> {
    plan: &'a LogicalPlan,
    consumers: Consumers,
    fallible: Fallible,
    /// For each node: the conditions on its rows that have come down to it, and later that stay there.
    on_output: Vec<Vec<Condition>>,
    /// For each node: conditions between it and one of its inputs.
    on_input: Vec<Vec<(usize, Condition)>>,
    notes: &'a mut Notes,
}

impl Pusher<'_> {
    /// Sends the conditions that have come down to `id` further down, as far as they can go.
    fn node(&mut self, id: NodeId) {
        let i = id.0 as usize;
        let conditions = std::mem::take(&mut self.on_output[i]);
        if let Operator::Filter { input, predicate } = &self.plan.node(id).operator {
            let span = self.plan.node(id).span;
            // Its own conditions come first, as they did.
            let mut all = Vec::new();
            predicate.for_each_conjunct(&mut |p| all.push(Condition { predicate: p.clone(), span }));
            all.extend(conditions);
            if self.consumers.only(*input).is_some() {
                self.on_output[input.0 as usize].extend(all);
            } else {
                self.on_output[i] = all;
            }
            return;
        }
        for condition in conditions {
            match self.cross(id, &condition.predicate) {
                Ok(below) if !below.is_empty() => {
                    for (slot, predicate) in below {
                        self.send(id, slot, Condition { predicate, span: condition.span });
                    }
                }
                Ok(_) => self.on_output[i].push(condition),
                Err(why) => {
                    if let Some(why) = why {
                        let stage = self.plan.node(id).operator.name();
                        let message = format!("the filter stays behind `{stage}`: {why}");
                        self.notes.push(Note { span: condition.span, message });
                    }
                    self.on_output[i].push(condition);
                }
            }
        }
    }

    /// Puts a condition on an input: on the node itself if nobody else reads it.
    fn send(&mut self, id: NodeId, slot: usize, condition: Condition) {
        let input = self.plan.node(id).operator.inputs()[slot];
        if self.consumers.only(input).is_some() {
            self.on_output[input.0 as usize].push(condition);
        } else {
            self.on_input[id.0 as usize].push((slot, condition));
        }
    }

    /// What `predicate` over the output of `id` is below it. An error says why it cannot pass;
    /// `None` inside where nobody would expect it to.
    fn cross(&self, id: NodeId, predicate: &Expr) -> Result<Below, Option<&'static str>> {
        let node = self.plan.node(id);
        let columns = columns_of(predicate);
        let same = || Ok(vec![(0, predicate.clone())]);
        match &node.operator {
            Operator::Map { computed, .. } => self.cross_map(id, predicate, computed),
            Operator::FlatMap { computed, each, .. } => {
                if columns.contains(&each.id) {
                    return Err(None);
                }
                self.cross_map(id, predicate, computed)
            }
            Operator::Sort { .. } | Operator::Repartition { .. } => same(),
            Operator::Distinct { on, .. } => {
                if !columns.iter().all(|c| on.contains(c)) {
                    return Err(Some(
                        "it reads a column that is not compared, so another row could be the first",
                    ));
                }
                if self.reads_float(id, &columns) {
                    return Err(Some(
                        "0.0 and -0.0 are one value to `distinct`, but the condition might tell them apart",
                    ));
                }
                same()
            }
            Operator::Window { window, .. } => {
                if !columns.iter().all(|c| window.per.contains(c)) {
                    return Err(Some("it drops single rows of a key, and the others see them"));
                }
                self.same_for_a_key(id, predicate, &columns)
            }
            Operator::TakePer { per, .. } => {
                if !columns.iter().all(|c| per.contains(c)) {
                    return Err(Some("it counts the rows of a key before the filter"));
                }
                self.same_for_a_key(id, predicate, &columns)
            }
            Operator::ReduceByKey { keys, .. } => {
                if keys.is_empty() {
                    return Err(Some("a `reduce` makes a row even of no rows"));
                }
                if !columns.iter().all(|c| keys.contains(c)) {
                    return Err(Some("it reads an aggregate"));
                }
                if self.reads_float(id, &columns) {
                    return Err(Some("0.0 and -0.0 are one key, but the condition might tell them apart"));
                }
                same()
            }
            Operator::Union { inputs, columns: own } => Ok(self.cross_union(id, predicate, inputs, own)),
            Operator::Join { kind, right, right_columns, .. } => {
                self.cross_join(id, predicate, *kind, *right, right_columns)
            }
            Operator::SetOperation { operation, .. } => {
                if self.fallible.can_fail(predicate, id) {
                    return Err(Some("it can fail, and would then fail for rows that do not stay, too"));
                }
                if self.reads_float(id, &columns) {
                    return Err(Some(match operation {
                        SetOperation::Intersect => {
                            "0.0 and -0.0 are one value to `intersect`, but the condition might tell them apart"
                        }
                        SetOperation::Except => {
                            "0.0 and -0.0 are one value to `except`, but the condition might tell them apart"
                        }
                    }));
                }
                same()
            }
            Operator::Expect { .. } => {
                Err(Some("it is checked for all rows, also those filtered out behind it"))
            }
            Operator::Take { .. } | Operator::Skip { .. } | Operator::Sample { .. } => {
                Err(Some("it counts rows before the filter"))
            }
            Operator::Check { .. } => {
                Err(Some("a check also holds for rows that are filtered out behind it"))
            }
            Operator::Persist { .. } => {
                Err(Some("what is stored is the same whatever is done with it behind the `persist`"))
            }
            Operator::Through { .. } => Err(Some("the command gets the rows before the filter")),
            Operator::Iterate { .. } => Err(Some("every round needs the rows of the one before")),
            Operator::Read(_)
            | Operator::Rows(_)
            | Operator::LoopRows
            | Operator::Filter { .. }
            | Operator::Write { .. } => Err(None),
        }
    }

    fn cross_map(
        &self,
        id: NodeId,
        predicate: &Expr,
        computed: &[Computed],
    ) -> Result<Below, Option<&'static str>> {
        let read = columns_of(predicate);
        let costly = computed.iter().any(|c| read.contains(&c.id) && !is_cheap(&c.expr));
        let Some(below) = substitute(predicate, computed) else {
            return Err(Some("with the computed columns written out the condition would be too large"));
        };
        if costly && !self.leads_somewhere(id, &below) {
            return Err(None);
        }
        Ok(vec![(0, below)])
    }

    /// A union passes a condition to every input, if that is any better than to filter its output.
    fn cross_union(&self, id: NodeId, predicate: &Expr, inputs: &[NodeId], own: &[Vec<ColumnId>]) -> Below {
        if inputs.iter().all(|input| self.consumers.only(*input).is_none()) {
            return Vec::new();
        }
        let outer = &self.plan.node(id).columns;
        let below = own.iter().map(|ids| {
            rename(predicate, &|column| {
                let at = outer.iter().position(|c| c.id == column);
                at.and_then(|at| ids.get(at)).copied().unwrap_or(column)
            })
        });
        below.enumerate().collect()
    }

    fn cross_join(
        &self,
        id: NodeId,
        predicate: &Expr,
        kind: JoinKind,
        right: NodeId,
        right_columns: &[(ColumnId, ColumnId)],
    ) -> Result<Below, Option<&'static str>> {
        let columns = columns_of(predicate);
        let is_right = |c: &ColumnId| right_columns.iter().any(|(new, _)| new == c);
        let (reads_right, reads_left) = (columns.iter().any(is_right), !columns.iter().all(is_right));
        if reads_right && reads_left {
            return Err(Some("it reads both sides"));
        }
        let may_be_null = match kind {
            JoinKind::Left => reads_right,
            JoinKind::Right => reads_left,
            JoinKind::Full => true,
            _ => false,
        };
        if may_be_null {
            return Err(Some("without the rows it drops, rows of the other side would match nothing"));
        }
        if self.fallible.can_fail(predicate, id) {
            return Err(Some("it can fail, and would then fail for rows that match nothing, too"));
        }
        // A condition that reads nothing goes where all rows of the result come from.
        if !reads_right && kind != JoinKind::Right {
            return Ok(vec![(0, predicate.clone())]);
        }
        let own = rename(predicate, &|column| {
            right_columns.iter().find(|(new, _)| *new == column).map_or(column, |(_, own)| *own)
        });
        if self.fallible.can_fail(&own, right) {
            return Err(Some("it can fail, and would then fail for rows that match nothing, too"));
        }
        Ok(vec![(1, own)])
    }

    /// A condition on keys holds for all rows of a key or for none, unless it can tell 0.0 from -0.0.
    fn same_for_a_key(
        &self,
        id: NodeId,
        predicate: &Expr,
        columns: &[ColumnId],
    ) -> Result<Below, Option<&'static str>> {
        if self.reads_float(id, columns) {
            return Err(Some("0.0 and -0.0 are one key, but the condition might tell them apart"));
        }
        Ok(vec![(0, predicate.clone())])
    }

    fn reads_float(&self, id: NodeId, columns: &[ColumnId]) -> bool {
        let node = self.plan.node(id);
        let is_float = |c: &ColumnId| node.columns.iter().any(|o| o.id == *c && holds_float(&o.ty));
        columns.iter().any(is_float)
    }

    /// Whether a condition that has passed below the `map` at `id` can go on below an exchange or a
    /// join: then computing something twice pays.
    fn leads_somewhere(&self, id: NodeId, predicate: &Expr) -> bool {
        let mut at = id;
        let mut predicate = predicate.clone();
        // The only way to go on is a single input that nobody else reads.
        while let [input] = self.plan.node(at).operator.inputs()[..] {
            if self.consumers.only(input).is_none() {
                return false;
            }
            at = input;
            let node = self.plan.node(at);
            match &node.operator {
                Operator::Filter { .. } => {}
                Operator::Map { computed, .. } => match substitute(&predicate, computed) {
                    Some(below) => predicate = below,
                    None => return false,
                },
                Operator::FlatMap { computed, each, .. } => {
                    if columns_of(&predicate).contains(&each.id) {
                        return false;
                    }
                    match substitute(&predicate, computed) {
                        Some(below) => predicate = below,
                        None => return false,
                    }
                }
                Operator::Sort { .. }
                | Operator::Distinct { .. }
                | Operator::Window { .. }
                | Operator::TakePer { .. }
                | Operator::ReduceByKey { .. }
                | Operator::Join { .. } => {
                    return self.cross(at, &predicate).is_ok_and(|below| !below.is_empty());
                }
                _ => return false,
            }
        }
        false
    }
}
