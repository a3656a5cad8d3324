//! preaggregate: counts the rows of the right side of a join by key, instead of building every pair.
//!
//! **Law.** Where nothing but its keys is asked of the right side, a key that stands there `n` times counts `n` times:
//! ```text
//! join r on k | reduce_by_key g { count() }
//!     =  join (r | reduce_by_key k { n: count() }) on k | reduce_by_key g { sum(n) }
//! ```
//! In the same way `count(x)`, `count_if(x)` and sums of decimals of the right side are added up by key first, and
//! `min`, `max`, `any` and `all` taken; those of the left side do not change, nor does `count_distinct`. (Yan and
//! Larson, "Eager Aggregation and Lazy Aggregation", VLDB 1995.)
//!
//! **When it must not fire.** If groups are made of columns of the right side that are no keys, as it may have as many
//! of them as rows. If a sum could overflow in parts and not in whole (ints), or is rounded (floats), or would need the
//! values of the left side several times. If an aggregate sees the order of rows. If the keys hold floats, of
//! which equal ones can look different (0.0 and -0.0). If the rows of the right side differ in their keys anyway. If
//! something else reads the pairs.
//!
//! ```text
//! %2 = join %0 %1 on [k#0 == a#4] right [] -> ..        %2 = reduce_by_key %1 [a#4] { n#7 = count() } -> ..
//! %3 = reduce_by_key %2 [] { c#6 = count() }       ==>  %3 = join %0 %2 on [k#0 == a#4] right [n#8 = n#7] -> ..
//!                                                       %4 = reduce_by_key %3 [] { c#6 = sum(n#8) }
//! ```

use super::consumers::Consumers;
use super::rebuild::Rebuild;
use super::unique::unique_columns;
use super::{Notes, Pass};
use crate::stage::holds_float;
use flow_ir::logical::{Computed, Node, Operator, OutputColumn};
use flow_ir::{
    Aggregate, AggregateKind, ColumnId, DataType, Expr, ExprKind, JoinKind, LogicalPlan, NodeId, Type, Value,
};

pub(super) const PASS: Pass = Pass {
    name: "preaggregate",
    law: "join r | reduce { count() }  =  join (r | reduce_by_key k { n: count() }) | reduce { sum(n) }",
    required: false,
    run: preaggregate,
};

/// The most digits of decimals of which no number of rows that fits a file has a sum of more than 38.
const SUMMABLE_DIGITS_MAX: u8 = 18;

fn preaggregate(plan: &LogicalPlan, _: &mut Notes) -> LogicalPlan {
    let consumers = Consumers::of(plan);
    let unique = unique_columns(plan);
    let mut rebuild = Rebuild::of(plan);
    for id in Rebuild::walk(plan) {
        let Some(found) = Counted::find(plan, &consumers, id).filter(|f| {
            let keys: Vec<ColumnId> = f.on.iter().map(|(_, right)| *right).collect();
            unique[f.right.0 as usize].as_ref().is_none_or(|u| !u.iter().all(|c| keys.contains(c)))
        }) else {
            rebuild.copy(id, |_| ());
            continue;
        };
        let top = found.rewrite(plan, &mut rebuild);
        rebuild.replace(id, top);
    }
    // The join of all pairs is not reachable any more.
    rebuild.finish_reachable()
}

/// A reduction of which one side of a join is counted by key.
struct Counted<'p> {
    reduction: &'p Node,
    join: &'p Node,
    kind: JoinKind,
    left: NodeId,
    right: NodeId,
    on: &'p [(ColumnId, ColumnId)],
    right_columns: &'p [(ColumnId, ColumnId)],
    aggregates: &'p [Aggregate],
}

/// What becomes of an aggregate.
enum Part {
    /// It stays: how often a row of the left side comes does not change it.
    Stays,
    /// It is a sum of how many rows of the right side there are.
    Rows,
    /// It is taken of the right side's column by key, and then again in this way.
    Again(ColumnId, AggregateKind),
}

impl<'p> Counted<'p> {
    /// The rewrite that is right for the reduction `id`, if it is one.
    fn find(plan: &'p LogicalPlan, consumers: &Consumers, id: NodeId) -> Option<Self> {
        let reduction = plan.node(id);
        let Operator::ReduceByKey { input, keys, aggregates } = &reduction.operator else { return None };
        let mut at = *input;
        while let Operator::Map { input, computed } = &plan.node(at).operator
            && computed.is_empty()
            && consumers.only(at).is_some()
        {
            at = *input;
        }
        let join = plan.node(at);
        let Operator::Join { kind, left, right, on, left_columns, right_columns, .. } = &join.operator else {
            return None;
        };
        let found = Counted {
            reduction,
            join,
            kind: *kind,
            left: *left,
            right: *right,
            on,
            right_columns,
            aggregates,
        };
        let of_keys = |column: &OutputColumn| on.iter().any(|(_, key)| *key == column.id);
        let right_keys = plan.node(*right).columns.iter().filter(|c| of_keys(c));
        let fits = matches!(kind, JoinKind::Inner | JoinKind::Left)
            && left_columns.is_empty()
            && consumers.only(at).is_some()
            && right_keys.into_iter().all(|c| !holds_float(&c.ty))
            && keys.iter().all(|k| found.own(*k).is_none_or(|own| on.iter().any(|(_, key)| *key == own)))
            && aggregates.iter().all(|a| found.part(plan, a).is_some())
            && aggregates.iter().any(|a| !matches!(found.part(plan, a), Some(Part::Stays) | None));
        fits.then_some(found)
    }

    /// The right side's own column behind one of the join's.
    fn own(&self, column: ColumnId) -> Option<ColumnId> {
        self.right_columns.iter().find(|(new, _)| *new == column).map(|(_, own)| *own)
    }

    fn part(&self, plan: &LogicalPlan, aggregate: &Aggregate) -> Option<Part> {
        use AggregateKind::{All, Any, Count, CountDistinct, CountIf, Max, Min, Sum};
        let Some(argument) = aggregate.argument else {
            return (aggregate.kind == Count).then_some(Part::Rows);
        };
        let Some(own) = self.own(argument) else {
            let ty = &self.join.columns.iter().find(|c| c.id == argument)?.ty;
            return match aggregate.kind {
                Min | Max if holds_float(ty) => None,
                Min | Max | Any | All | CountDistinct => Some(Part::Stays),
                Count if !ty.nullable => Some(Part::Rows),
                _ => None,
            };
        };
        let ty = &plan.node(self.right).columns.iter().find(|c| c.id == own)?.ty;
        match (aggregate.kind, &ty.kind) {
            (Min | Max, _) if holds_float(ty) => None,
            (Min | Max | Any | All, _) => Some(Part::Again(own, aggregate.kind)),
            (Count | CountIf, _) => Some(Part::Again(own, Sum)),
            (Sum, Type::Decimal { precision, .. }) if *precision <= SUMMABLE_DIGITS_MAX => {
                Some(Part::Again(own, Sum))
            }
            _ => None,
        }
    }

    /// Writes the new nodes; the id of the reduction.
    fn rewrite(&self, plan: &LogicalPlan, rebuild: &mut Rebuild<'_>) -> NodeId {
        let right = rebuild.id(self.right);
        let mut keys: Vec<ColumnId> = Vec::new();
        for (_, own) in self.on {
            if !keys.contains(own) {
                keys.push(*own);
            }
        }
        let mut parts: Vec<Aggregate> = Vec::new();
        let mut right_columns = Vec::new();
        let mut columns = plan.node(self.left).columns.clone();
        columns.retain(|c| self.join.columns.iter().any(|passed| passed.id == c.id));
        for (new, own) in self.right_columns.iter().filter(|(_, own)| keys.contains(own)) {
            right_columns.push((*new, *own));
            columns.extend(self.join.columns.iter().find(|c| c.id == *new).cloned());
        }
        let keeps_left = self.kind.keeps_left();
        let mut computed: Vec<Computed> = Vec::new();
        let mut aggregates = Vec::new();
        for aggregate in self.aggregates {
            let (kind, argument, again) = match self.part(plan, aggregate) {
                Some(Part::Rows) => (AggregateKind::Count, None, AggregateKind::Sum),
                Some(Part::Again(own, again)) => (aggregate.kind, Some(own), again),
                Some(Part::Stays) | None => {
                    aggregates.push(aggregate.clone());
                    continue;
                }
            };
            let own_type =
                argument.and_then(|own| plan.node(self.right).columns.iter().find(|c| c.id == own));
            let Some(ty) = kind.result(own_type.map(|c| &c.ty), false) else {
                aggregates.push(aggregate.clone());
                continue;
            };
            let (own, new) = (rebuild.new.fresh_column(), rebuild.new.fresh_column());
            parts.push(Aggregate::new(own, kind, argument, ty.clone(), aggregate.span));
            right_columns.push((new, own));
            let joined = ty.with_nullable(ty.nullable || keeps_left);
            columns.push(OutputColumn { id: new, path: vec![format!("$part{}", new.0)], ty: joined.clone() });
            let mut argument = new;
            if keeps_left
                && kind == AggregateKind::Count
                && aggregate.argument.and_then(|a| self.own(a)).is_none()
            {
                // A row of the left side that matches nothing is a row.
                argument = rebuild.new.fresh_column();
                let int = DataType::required(Type::Int);
                let whole = Expr::column(new, joined, aggregate.span);
                let one = Expr::literal(Value::Int(1), int.clone(), aggregate.span);
                let kind = ExprKind::Coalesce(Box::new(whole), Box::new(one));
                computed.push(Computed { id: argument, expr: Expr { kind, ty: int, span: aggregate.span } });
            }
            let mut outer = aggregate.clone();
            (outer.kind, outer.argument) = (again, Some(argument));
            aggregates.push(outer);
        }
        let right_side = &plan.node(self.right).columns;
        let key_column = |key: &ColumnId| right_side.iter().find(|c| c.id == *key).cloned();
        let mut grouped: Vec<OutputColumn> = keys.iter().filter_map(key_column).collect();
        let name = |id: ColumnId| vec![format!("$part{}", id.0)];
        grouped.extend(parts.iter().map(|a| OutputColumn {
            id: a.output,
            path: name(a.output),
            ty: a.ty.clone(),
        }));
        let span = self.join.span;
        let operator = Operator::ReduceByKey { input: right, keys, aggregates: parts };
        let counts = rebuild.new.push(Node { operator, columns: grouped, span });
        let mut join = self.join.clone();
        if let Operator::Join { left, right, right_columns: passed, .. } = &mut join.operator {
            (*left, *right, *passed) = (rebuild.id(self.left), counts, right_columns);
        }
        join.columns = columns;
        let mut at = rebuild.new.push(join);
        if !computed.is_empty() {
            let mut columns = rebuild.new.node(at).columns.clone();
            columns.extend(computed.iter().map(|c| OutputColumn {
                id: c.id,
                path: name(c.id),
                ty: c.expr.ty.clone(),
            }));
            at = rebuild.new.push(Node { operator: Operator::Map { input: at, computed }, columns, span });
        }
        let mut reduction = self.reduction.clone();
        if let Operator::ReduceByKey { input, aggregates: own, .. } = &mut reduction.operator {
            (*input, *own) = (at, aggregates);
        }
        rebuild.new.push(reduction)
    }
}
