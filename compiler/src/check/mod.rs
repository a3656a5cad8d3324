//! Types of expressions: the syntax tree of an expression to typed IR.
//!
//! One method per form, grouped by file. `None` means a mistake that has been reported, so that
//! one mistake is one message. Null rules, widening and the adaptation of number literals are in
//! `convert`; what each function takes comes from the standard library.

pub(crate) mod aggregate;
mod call;
mod choice;
mod convert;
mod dataset;
mod function;
mod import;
mod json;
mod lambda;
mod membership;
mod name;
mod number;
mod operator;
mod origin;
mod record;
mod reducer;
mod reducer_forms;
mod text;
mod unknown;
mod unknown_function;
mod value;
pub(crate) mod window;

pub(crate) use call::is_storable;
pub(crate) use convert::{fit, project, unify};
pub(crate) use name::is_local;
pub(crate) use name::shape_value;
pub(crate) use number::Number;
pub(crate) use record::{Entry, EntryValue, path_of};
pub(crate) use reducer_forms::rounds;

use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::row::Row;
use aggregate::Aggregation;
use flow_grammar::ast::{self, ExprKind as Ast};
use flow_ir::{ColumnId, DataType, Expr, ExprKind, NodeId, Span, Type, Value};

/// The deepest an expression may be after functions are inlined: what plans may hold, with room for
/// the few levels that conversions add.
const DEPTH_MAX: usize = flow_ir::verify::EXPR_DEPTH_MAX - 16;

/// A typed expression.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    /// It.
    pub(crate) expr: Expr,
    /// The digits of a number literal, as long as context may still choose its type.
    pub(crate) number: Option<Number>,
}

impl Checked {
    /// An expression whose type is settled.
    pub(crate) fn new(expr: Expr) -> Self {
        Checked { expr, number: None }
    }

    /// Its type.
    pub(crate) fn ty(&self) -> &DataType {
        &self.expr.ty
    }
}

/// A name that stands for a value: a parameter of a function or a lambda, a `let` of a block.
#[derive(Clone, Debug)]
pub(crate) struct Local {
    pub(crate) name: String,
    /// `None` after a mistake.
    pub(crate) value: Option<Checked>,
}

/// A one-row dataset whose field an expression reads.
#[derive(Clone, Debug)]
pub(crate) struct DatasetValue {
    /// The dataset.
    pub(crate) node: NodeId,
    /// Its column.
    pub(crate) column: ColumnId,
    /// What the expression calls it.
    pub(crate) id: ColumnId,
    /// Its type.
    pub(crate) ty: DataType,
    /// Whether it is used with the results of an aggregation rather than with its rows.
    pub(crate) after: bool,
}

/// What names mean at a place.
#[derive(Debug, Default)]
pub(crate) struct Scope<'r> {
    /// The fields of the current row; `None` inside functions and constants.
    pub(crate) row: Option<&'r Row>,
    /// Innermost last.
    pub(crate) locals: Vec<Local>,
    /// Inside `reduce` and `reduce_by_key`, outside of their aggregates' arguments.
    pub(crate) aggregation: Option<Aggregation<'r>>,
    /// Whether values that are computed from data may stand here although there is no row.
    pub(crate) data_values: bool,
    /// The function whose body this is.
    pub(crate) function: Option<&'r str>,
    /// Whether this is the body of a function that is called with the results of an aggregation.
    after_aggregation: bool,
    /// Values of datasets that have been met.
    pub(crate) datasets: Vec<DatasetValue>,
    /// How deep the walk is.
    depth: usize,
    /// Whether it has been too deep, which is said once.
    too_deep: bool,
}

impl<'r> Scope<'r> {
    /// A scope that sees the fields of `row`.
    pub(crate) fn of(row: &'r Row) -> Self {
        Scope { row: Some(row), ..Scope::default() }
    }

    /// A scope that sees only `$` values.
    pub(crate) fn constant() -> Self {
        Scope::default()
    }
}

impl<'a> Compiler<'a> {
    /// Types an expression.
    pub(crate) fn expr(&mut self, e: &'a ast::Expr, scope: &mut Scope<'_>) -> Option<Checked> {
        if self.is_too_large(span(e.span)) {
            return None;
        }
        if scope.depth >= DEPTH_MAX {
            if std::mem::replace(&mut scope.too_deep, true) {
                return None;
            }
            self.report(
                Diagnostic::error("F4011", span(e.span), "this expression is nested too deeply")
                    .note("functions count as if they were written out"),
            );
            return None;
        }
        scope.depth += 1;
        let checked = self.form(e, scope);
        scope.depth -= 1;
        checked
    }

    fn form(&mut self, e: &'a ast::Expr, scope: &mut Scope<'_>) -> Option<Checked> {
        let place = span(e.span);
        match &e.kind {
            Ast::Error => None,
            Ast::Ident(name) => self.name(name, scope),
            Ast::Dollar(name) => self.dollar(name, place, scope),
            Ast::Null
            | Ast::Bool(_)
            | Ast::Int(_)
            | Ast::Float(_)
            | Ast::Str(_)
            | Ast::Regex(_)
            | Ast::Date(_)
            | Ast::Timestamp(_)
            | Ast::Duration(_) => self.literal(&e.kind, place),
            Ast::FStr(parts) => self.interpolated(parts, place, scope),
            Ast::Unary { op, op_span, operand } => self.unary(*op, span(*op_span), operand, place, scope),
            Ast::Binary { op, op_span, left, right } => {
                self.binary(*op, span(*op_span), left, right, place, scope)
            }
            Ast::Range { .. } => self.misplaced_range(place),
            Ast::IsNull { operand, negated, .. } => self.is_null(operand, *negated, place, scope),
            Ast::Call { callee, args } => self.call(callee, None, args, place, scope),
            Ast::Method { receiver, name, args } => self.method(receiver, name, args, place, scope),
            Ast::Member { receiver, name } => self.member(receiver, name, place, scope),
            Ast::Index { receiver, index } => self.index(receiver, index, place, scope),
            Ast::Lambda { .. } => self.misplaced_lambda(place),
            Ast::If { condition, then_value, else_value } => {
                self.if_else(condition, then_value, else_value, place, scope)
            }
            Ast::Match { subject, arms } => self.match_arms(subject.as_deref(), arms, place, scope),
            Ast::List(items) => self.list(items, place, scope),
            Ast::Record(record) => self.record_value(record, scope),
        }
    }

    /// Types an expression that must be a bool, such as a filter's.
    pub(crate) fn condition(&mut self, e: &'a ast::Expr, what: &str, scope: &mut Scope<'_>) -> Option<Expr> {
        let checked = self.expr(e, scope)?;
        match checked.ty().kind {
            Type::Bool => Some(checked.expr),
            Type::Null => Some(Expr { ty: DataType::nullable(Type::Bool), ..checked.expr }),
            _ => {
                let ty = checked.ty().clone();
                let mut diagnostic =
                    Diagnostic::error("F3001", span(e.span), format!("{what} needs a `bool`, not `{ty}`"))
                        .caption(ty.to_string());
                if ty.kind.is_numeric() {
                    let text = self.text(span(e.outer()));
                    diagnostic = diagnostic.help(format!("{text} != 0"));
                } else if ty.kind == Type::String {
                    let text = self.text(span(e.outer()));
                    diagnostic = diagnostic.help(format!("{text} != \"\""));
                }
                self.report(diagnostic);
                None
            }
        }
    }

    fn is_null(
        &mut self,
        operand: &'a ast::Expr,
        negated: bool,
        place: Span,
        scope: &mut Scope<'_>,
    ) -> Option<Checked> {
        let operand = self.expr(operand, scope)?.expr;
        let is_null = match operand.kind {
            // A nullable record of the row: whether it is there is all that is asked.
            ExprKind::If { condition, then, otherwise }
                if otherwise.kind == ExprKind::Literal(Value::Null)
                    && !then.ty.nullable
                    && !condition.ty.nullable =>
            {
                if negated {
                    return Some(Checked::new(*condition));
                }
                return Some(Checked::new(not(*condition, place)));
            }
            kind => {
                let operand = Expr { kind, ty: operand.ty, span: operand.span };
                bool_expr(ExprKind::IsNull(Box::new(operand)), false, place)
            }
        };
        Some(Checked::new(if negated { not(is_null, place) } else { is_null }))
    }
}

/// A bool-valued expression.
pub(crate) fn bool_expr(kind: ExprKind, nullable: bool, place: Span) -> Expr {
    Expr { kind, ty: DataType { kind: Type::Bool, nullable }, span: place }
}

/// `not e`.
pub(crate) fn not(e: Expr, place: Span) -> Expr {
    let ty = e.ty.clone();
    let kind = ExprKind::Call { function: flow_ir::Function::Not, arguments: vec![e] };
    Expr { kind, ty, span: place }
}

/// A null of the given kind.
pub(crate) fn null(kind: Type, place: Span) -> Expr {
    Expr::literal(Value::Null, DataType::nullable(kind), place)
}
