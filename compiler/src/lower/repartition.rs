//! `repartition` and `coalesce`: how rows are to be laid out. The result never depends on it.

use super::Flow;
use crate::check::{Scope, path_of};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use flow_grammar::ast;
use flow_ir::logical::Operator;
use flow_ir::{ColumnId, Division, RowLayout, Span, Value};

/// Parts that rows may be divided into.
const PARTS_MAX: i64 = 1_000_000;

impl<'a> Compiler<'a> {
    pub(super) fn repartition(
        &mut self,
        flow: Flow,
        count: &'a ast::Expr,
        by: Option<&'a ast::Expr>,
        place: Span,
    ) -> Flow {
        let parts = self.parts(count);
        let by = match by {
            None => Some((Division::Even, Vec::new())),
            Some(by) => self.division(&flow, by),
        };
        let (Some(parts), Some((division, keys))) = (parts, by) else { return flow };
        self.laid_out(flow, RowLayout { division, parts, keys }, place)
    }

    pub(super) fn fewer_parts(&mut self, flow: Flow, count: &'a ast::Expr, place: Span) -> Flow {
        let Some(parts) = self.parts(count) else { return flow };
        self.laid_out(flow, RowLayout { division: Division::Coalesce, parts, keys: Vec::new() }, place)
    }

    fn laid_out(&mut self, flow: Flow, layout: RowLayout, place: Span) -> Flow {
        let input = flow.node;
        let node = self.passing(input, Operator::Repartition { input, layout }, place);
        Flow { node, ..flow }
    }

    /// A number of parts.
    fn parts(&mut self, e: &'a ast::Expr) -> Option<u64> {
        let value = self.expr(e, &mut Scope::constant())?;
        let (ty, place) = (value.ty().clone(), value.expr.span);
        let found = match self.constant_value(value)? {
            Value::Int(n) if (1..=PARTS_MAX).contains(&n) => return Some(n as u64),
            Value::Int(n) => n.to_string(),
            _ => format!("`{ty}`"),
        };
        let message = format!("the number of parts is a whole number from 1 to {PARTS_MAX}, not {found}");
        self.report(Diagnostic::error("F4027", place, message));
        None
    }

    /// `hash(k)` or `range(k)`.
    fn division(&mut self, flow: &Flow, by: &'a ast::Expr) -> Option<(Division, Vec<ColumnId>)> {
        let place = span(by.outer());
        let call = match &by.kind {
            ast::ExprKind::Call { callee, args } => Some((callee.text.as_str(), args)),
            _ => None,
        };
        let (division, args) = match call {
            Some(("hash", args)) if !args.is_empty() => (Division::Hash, args),
            Some(("range", args)) if !args.is_empty() => (Division::Range, args),
            _ => {
                self.report(
                    Diagnostic::error("F4027", place, "rows are divided by `hash(key)` or by `range(key)`")
                        .help("repartition 8 by hash(user); without `by`, the parts are of one size"),
                );
                return None;
            }
        };
        let mut keys = Vec::new();
        for arg in args {
            let Some(names) = path_of(&arg.value).filter(|_| arg.name.is_none()) else {
                self.report(
                    Diagnostic::error("F4027", span(arg.span), "the keys of a layout are fields")
                        .help("compute the key in a `map` before"),
                );
                return None;
            };
            let shape = self.field(&names, &mut Scope::of(&flow.row))?;
            keys.extend(shape.ids().into_iter().map(|(id, _)| id));
        }
        (!keys.is_empty()).then_some((division, keys))
    }
}
