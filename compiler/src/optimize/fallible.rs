//! Which expressions and columns can be errors: an analysis that errs on the side of "can".
//!
//! Source fields do not count: moving a use of a field changes no verdict, because a row with a bad field is an
//! error once the field is read and the row survives the filters. Removing the last use of a field, or of what
//! is made of it, would change it; `of_files` tells where that can be. What comes out of an exchange is never an
//! error, because bad rows have been dealt with on the way in.

use flow_ir::logical::{Computed, Operator};
use flow_ir::{ColumnId, Expr, ExprKind, Function, LogicalPlan, NodeId, Type, Value};
use std::collections::BTreeSet;

/// The columns of each node's output whose values can be errors; after a filter also columns that it
/// does not pass on.
#[derive(Clone, Debug)]
pub(crate) struct Fallible {
    of: Vec<BTreeSet<ColumnId>>,
    /// Whether rows can be errors whatever their columns are: a filter, check or key failed on them.
    rows: Vec<bool>,
    /// Whether some of a node's rows come from files.
    files: Vec<bool>,
}

impl Fallible {
    /// Analyses `plan`.
    pub(crate) fn of(plan: &LogicalPlan) -> Self {
        let mut analysis =
            Fallible { of: Vec::with_capacity(plan.nodes.len()), rows: Vec::new(), files: Vec::new() };
        for node in &plan.nodes {
            let mut out =
                analysis.made_by(&node.operator, &node.columns.iter().map(|c| c.id).collect::<Vec<_>>());
            out.retain(|id| node.columns.iter().any(|c| c.id == *id));
            analysis.of.push(out);
            analysis.rows.push(analysis.makes_fail(&node.operator));
            let above = node.operator.inputs().iter().any(|input| analysis.files[input.0 as usize]);
            analysis
                .files
                .push(above || matches!(node.operator, Operator::Read(_) | Operator::Through { .. }));
        }
        analysis
    }

    fn makes_fail(&self, operator: &Operator) -> bool {
        let row = |input: &NodeId| self.rows[input.0 as usize];
        match operator {
            Operator::Filter { input, predicate } => row(input) || self.can_fail(predicate, *input),
            Operator::Check { .. } => true,
            Operator::Expect { input, on, .. } => {
                row(input) || on.iter().any(|key| self.columns(*input).contains(key))
            }
            Operator::Map { input, .. }
            | Operator::FlatMap { input, .. }
            | Operator::Repartition { input, .. } => row(input),
            Operator::Join { left, on, .. } => {
                row(left) || on.iter().any(|(key, _)| self.columns(*left).contains(key))
            }
            Operator::Union { inputs, .. } => inputs.iter().any(row),
            _ => false,
        }
    }

    /// Whether rows of `node` come from files, so that a column that is read, or made of one that is, may be found
    /// to be bad.
    pub(crate) fn of_files(&self, node: NodeId) -> bool {
        self.files[node.0 as usize]
    }

    /// Whether rows of `node` can be errors because a filter, check or key failed on them.
    pub(crate) fn fails_rows(&self, node: NodeId) -> bool {
        self.rows[node.0 as usize]
    }

    /// Whether rows of `node` can be errors in one of its columns.
    pub(crate) fn fails_columns(&self, plan: &LogicalPlan, node: NodeId) -> bool {
        let failing = self.columns(node);
        plan.node(node).columns.iter().any(|c| failing.contains(&c.id))
    }

    fn made_by(&self, operator: &Operator, columns: &[ColumnId]) -> BTreeSet<ColumnId> {
        let failing = |input: NodeId, computed: &[Computed]| {
            let failing = computed.iter().filter(|c| self.can_fail(&c.expr, input));
            self.columns(input).iter().copied().chain(failing.map(|c| c.id)).collect::<BTreeSet<_>>()
        };
        match operator {
            Operator::Filter { input, .. }
            | Operator::Check { input, .. }
            | Operator::Expect { input, .. }
            | Operator::Repartition { input, .. } => self.columns(*input).clone(),
            Operator::Map { input, computed } => failing(*input, computed),
            Operator::FlatMap { input, computed, each } => {
                let mut out = failing(*input, computed);
                out.extend(self.can_fail(&each.expr, *input).then_some(each.id));
                out
            }
            // Where right rows can stay alone, left rows are settled before they count as matches.
            Operator::Join { kind, .. } if kind.keeps_right() => BTreeSet::new(),
            Operator::Join { left, .. } => self.columns(*left).clone(),
            Operator::Union { inputs, columns: from } => {
                let fails = |at: usize| {
                    inputs
                        .iter()
                        .zip(from)
                        .any(|(input, ids)| ids.get(at).is_some_and(|id| self.columns(*input).contains(id)))
                };
                columns.iter().enumerate().filter(|(i, _)| fails(*i)).map(|(_, id)| *id).collect()
            }
            Operator::Read(_)
            | Operator::Rows(_)
            | Operator::LoopRows
            | Operator::Iterate { .. }
            | Operator::ReduceByKey { .. }
            | Operator::Distinct { .. }
            | Operator::Window { .. }
            | Operator::TakePer { .. }
            | Operator::SetOperation { .. }
            | Operator::Sample { .. }
            | Operator::Sort { .. }
            | Operator::Take { .. }
            | Operator::Skip { .. }
            | Operator::Persist { .. }
            | Operator::Through { .. }
            | Operator::Write { .. } => BTreeSet::new(),
        }
    }

    /// The columns of `node` whose values can be errors.
    pub(crate) fn columns(&self, node: NodeId) -> &BTreeSet<ColumnId> {
        &self.of[node.0 as usize]
    }

    /// Whether `expr`, over the rows of `input`, can be an error.
    pub(crate) fn can_fail(&self, expr: &Expr, input: NodeId) -> bool {
        can_fail(expr, self.columns(input))
    }
}

/// Whether `expr` can be an error when the columns in `fallible` can.
pub(crate) fn can_fail(expr: &Expr, fallible: &BTreeSet<ColumnId>) -> bool {
    let own = match &expr.kind {
        ExprKind::Column(id) => return fallible.contains(id),
        ExprKind::Try(_) => return false,
        ExprKind::Call { function, arguments } => call_can_fail(*function, arguments),
        _ => false,
    };
    let mut any = own;
    expr.for_each_child(|c| any = any || can_fail(c, fallible));
    any
}

/// Whether a call can be an error although its arguments are none. That a text outgrows 1 GiB does
/// not count: no row that large gets as far as an expression.
fn call_can_fail(function: Function, arguments: &[Expr]) -> bool {
    use Function as F;
    let first = arguments.first().map(|a| &a.ty.kind);
    match function {
        F::Equal | F::NotEqual | F::Less | F::LessEqual | F::Greater | F::GreaterEqual => false,
        F::Not | F::In | F::Between | F::Matches | F::StartsWith | F::EndsWith | F::Contains => false,
        F::Len | F::ByteLen | F::Lower | F::Upper | F::Trim | F::Extract | F::ExtractAll => false,
        F::Concat | F::ToString | F::Hash | F::IsNan | F::Least | F::Greatest | F::Reverse => false,
        F::WrappingAdd | F::WrappingSub | F::WrappingMul | F::Seconds | F::Get => false,
        F::Year | F::Month | F::Day | F::Weekday | F::Hour | F::Minute | F::Second => false,
        F::ListMap | F::ListFilter | F::ListMin | F::ListMax | F::ListSort | F::ListDistinct => false,
        // Splitting at an empty text is an error.
        F::Split => match arguments.get(1).map(|a| &a.kind) {
            Some(ExprKind::Literal(Value::Regex(_))) => false,
            Some(ExprKind::Literal(Value::String(separator))) => separator.is_empty(),
            _ => true,
        },
        F::ToFloat => !matches!(first, Some(Type::Int | Type::Decimal { .. } | Type::Bool | Type::Float)),
        F::Add | F::Subtract | F::Multiply | F::Negate => first != Some(&Type::Float),
        // A divisor that is a literal other than zero cannot fail; -1 can overflow.
        F::Divide | F::FloorDivide | F::Remainder => match arguments.get(1).map(|a| &a.kind) {
            Some(ExprKind::Literal(Value::Float(x))) => *x == 0.0,
            Some(ExprKind::Literal(Value::Int(x))) => matches!(x, 0 | -1),
            _ => true,
        },
        _ => true,
    }
}
