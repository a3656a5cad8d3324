//! `iterate`: rows that are computed again from themselves, a bounded number of times.
//!
//! The body is lowered with the loop's rows as a dataset of their own, called like the loop; every round
//! runs the same plan with other rows. Invariants: a round's rows have the fields of the start; the names
//! `$w` and `$previous` mean something inside of the loop only.

use super::{Ending, Flow, RowCount};
use crate::check::Scope;
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, Severity, span};
use crate::row::{Row, RowField, Shape};
use flow_grammar::ast;
use flow_ir::logical::{Computed, Operator, OutputColumn};
use flow_ir::{ColumnId, DataType, NodeId, Span, Type, Value};

/// A name that a loop gives to rows.
#[derive(Clone, Debug)]
pub(crate) struct LoopName {
    pub(crate) name: String,
    pub(crate) rows: Flow,
    /// Where a value of them was used first.
    pub(crate) used: Option<Span>,
}

/// The body of a loop that fits its rows.
struct Round {
    state: Flow,
    body: Flow,
    body_columns: Vec<ColumnId>,
    used: Option<Span>,
}

/// How often a body may turn out to need more nulls in the loop's rows.
const ATTEMPTS_MAX: usize = 4;

impl<'a> Compiler<'a> {
    pub(super) fn iterate(&mut self, iterate: &'a ast::Iterate) -> Flow {
        let place = span(iterate.span);
        let start = self.pipeline(&iterate.start, Ending::Rows);
        let rounds = self.constant_count(&iterate.rounds, "the number of rounds");
        let Some(round) = self.round(iterate, &start) else { return self.unknown_flow(place) };
        if let (RowCount::One, RowCount::Many { span: because, why }, Some(used)) =
            (&round.state.count, &round.body.count, round.used)
        {
            let name = &iterate.name.text;
            let message =
                format!("after a round `{name}` may have any number of rows, so this is not one value");
            self.report(Diagnostic::error("F3005", used, message).label(*because, why.clone()));
        }
        let until = iterate.until.as_ref().map(|e| self.until(e, iterate, &round));
        let (Some(rounds), None | Some(Some(_))) = (rounds, &until) else { return self.unknown_flow(place) };
        let columns = self.plan.node(round.state.node).columns.clone();
        let operator = Operator::Iterate {
            state: round.state.node,
            start: start.node,
            body: round.body.node,
            until: until.flatten(),
            start_columns: start.row.columns().into_iter().map(|c| c.id).collect(),
            body_columns: round.body_columns,
            rounds,
        };
        let node = self.node(operator, columns, place);
        let count = match (start.count, round.body.count) {
            (RowCount::One, many) => many,
            (many, _) => many,
        };
        Flow { node, row: round.state.row, count, keys: None }
    }

    /// Lowers the body until the types of its rows and those of the loop agree.
    fn round(&mut self, iterate: &'a ast::Iterate, start: &Flow) -> Option<Round> {
        let mut types: Vec<OutputColumn> = start.row.columns();
        for attempt in 0..ATTEMPTS_MAX {
            let (found, reads, inferred) = (self.diagnostics.len(), self.reads.len(), self.inferred.len());
            let mut types_of = types.iter();
            let row = self.state_row(&start.row, &mut types_of);
            let node = self.node(Operator::LoopRows, row.columns(), span(iterate.name.span));
            let state = Flow { node, row, count: start.count.clone(), keys: None };
            let outer = std::mem::take(&mut self.loops);
            self.loops.push(LoopName { name: iterate.name.text.clone(), rows: state.clone(), used: None });
            let body = self.pipeline(&iterate.body, Ending::Rows);
            let used = self.loops.pop().and_then(|l| l.used);
            self.loops = outer;
            // After a mistake, the fields of the body are not those that are meant.
            let wrong = self.diagnostics[found.min(self.diagnostics.len())..]
                .iter()
                .any(|d| d.severity == Severity::Error);
            if wrong || start.row.open || body.row.open {
                return None;
            }
            let (body_columns, wider) = self.same_fields(iterate, start, &types, &body)?;
            if wider == types || attempt + 1 == ATTEMPTS_MAX {
                return Some(Round { state, body, body_columns, used });
            }
            // What is null after a round may be null before the next one.
            types = wider;
            self.diagnostics.truncate(found);
            self.reads.truncate(reads);
            self.inferred.truncate(inferred);
        }
        None
    }

    /// The row of a start with columns of the loop's own.
    fn state_row<'t>(&mut self, start: &Row, types: &mut impl Iterator<Item = &'t OutputColumn>) -> Row {
        let fields = start.fields.iter().map(|f| self.state_field(f, types)).collect();
        Row { fields, open: start.open, ..Row::default() }
    }

    fn state_field<'t>(
        &mut self,
        field: &RowField,
        types: &mut impl Iterator<Item = &'t OutputColumn>,
    ) -> RowField {
        let shape = match &field.shape {
            Shape::Column(_, ty) => {
                let ty = types.next().map_or_else(|| ty.clone(), |c| c.ty.clone());
                Shape::Column(self.fresh(), ty)
            }
            Shape::Record { fields, nullable } => Shape::Record {
                fields: fields.iter().map(|f| self.state_field(f, types)).collect(),
                nullable: *nullable,
            },
            Shape::Unknown => Shape::Unknown,
        };
        RowField { name: field.name.clone(), shape, from: None }
    }

    /// The columns of a body in the order of the start, and the types that hold the values of both.
    fn same_fields(
        &mut self,
        iterate: &ast::Iterate,
        start: &Flow,
        types: &[OutputColumn],
        body: &Flow,
    ) -> Option<(Vec<ColumnId>, Vec<OutputColumn>)> {
        let theirs = body.row.columns();
        let mut ids = Vec::with_capacity(types.len());
        let mut wider = Vec::with_capacity(types.len());
        let mut differences = Vec::new();
        for column in types {
            let name = column.path.join(".");
            match theirs.iter().find(|c| c.path == column.path) {
                Some(other) => match with_nulls_of(&column.ty, &other.ty) {
                    Some(ty) => {
                        ids.push(other.id);
                        wider.push(OutputColumn { ty, ..column.clone() });
                    }
                    None => differences.push(format!(
                        "`{name}` is `{}` at the start and `{}` after a round",
                        column.ty, other.ty
                    )),
                },
                None => differences.push(format!("`{name}: {}` is missing after a round", column.ty)),
            }
        }
        for other in theirs.iter().filter(|o| !types.iter().any(|c| c.path == o.path)) {
            let name = other.path.join(".");
            differences.push(format!("`{name}: {}` is missing at the start", other.ty));
        }
        if differences.is_empty() {
            return Some((ids, wider));
        }
        let place = span(iterate.body.span);
        let message = format!("a round of `{}` must give rows like those it starts with", iterate.name.text);
        let mut diagnostic = Diagnostic::error("F4032", place, message)
            .caption(body.row.ty().to_string())
            .label(span(iterate.start.span), start.row.ty().to_string());
        for difference in differences {
            diagnostic = diagnostic.note(difference);
        }
        self.report(diagnostic);
        None
    }

    /// The condition that ends a loop, as a node with one row. `None` after a mistake.
    fn until(
        &mut self,
        e: &'a ast::Expr,
        iterate: &ast::Iterate,
        round: &Round,
    ) -> Option<(NodeId, ColumnId)> {
        let place = span(e.span);
        let outer = std::mem::take(&mut self.loops);
        let body = Flow { row: self.as_state(&round.state.row, round), ..round.body.clone() };
        let name = |name: &str, rows: Flow| LoopName { name: name.to_owned(), rows, used: None };
        self.loops.push(name("previous", round.state.clone()));
        self.loops.push(name(&iterate.name.text, body));
        let row = Row::default();
        let mut scope = Scope::of(&row);
        let condition = self.condition(e, "`until`", &mut scope);
        let values = scope.datasets;
        self.loops = outer;
        let condition = condition?;
        let one = self.fresh();
        let ty = DataType::required(Type::Int);
        let column = OutputColumn { id: one, path: super::value::hidden("one", one), ty };
        let rows = self.node(Operator::Rows(vec![vec![Value::Int(0)]]), vec![column], place);
        let input = self.with_values(rows, values, place);
        let id = self.fresh();
        let ty = condition.ty.clone();
        let columns = vec![OutputColumn { id, path: super::value::hidden("until", id), ty }];
        let computed = vec![Computed { id, expr: condition }];
        Some((self.node(Operator::Map { input, computed }, columns, place), id))
    }

    /// The fields of the loop, as the columns that its body has for them.
    fn as_state(&self, state: &Row, round: &Round) -> Row {
        let mut ids = round.body_columns.iter().copied();
        let theirs = &self.plan.node(round.body.node).columns;
        let mut column = |ty: &DataType| {
            let id = ids.next().unwrap_or(ColumnId(u32::MAX));
            let own = theirs.iter().find(|c| c.id == id).map_or(ty, |c| &c.ty);
            Shape::Column(id, own.clone())
        };
        Row { fields: state.fields.iter().map(|f| renamed(f, &mut column)).collect(), ..Row::default() }
    }
}

fn renamed(field: &RowField, column: &mut impl FnMut(&DataType) -> Shape) -> RowField {
    let shape = match &field.shape {
        Shape::Column(_, ty) => column(ty),
        Shape::Record { fields, nullable } => {
            Shape::Record { fields: fields.iter().map(|f| renamed(f, column)).collect(), nullable: *nullable }
        }
        Shape::Unknown => Shape::Unknown,
    };
    RowField { name: field.name.clone(), shape, from: None }
}

/// `own` with a null wherever `other` has one, if they are the same otherwise.
fn with_nulls_of(own: &DataType, other: &DataType) -> Option<DataType> {
    let kind = match (&own.kind, &other.kind) {
        (Type::List(a), Type::List(b)) => Type::List(Box::new(with_nulls_of(a, b)?)),
        (Type::Record(a), Type::Record(b)) if a.len() == b.len() => {
            let fields = a.iter().zip(b).map(|(a, b)| {
                let ty = (a.name == b.name).then(|| with_nulls_of(&a.ty, &b.ty)).flatten()?;
                Some(flow_ir::Field { name: a.name.clone(), ty })
            });
            Type::Record(fields.collect::<Option<Vec<_>>>()?)
        }
        (a, b) if a == b => a.clone(),
        _ => return None,
    };
    Some(DataType { kind, nullable: own.nullable || other.nullable })
}
