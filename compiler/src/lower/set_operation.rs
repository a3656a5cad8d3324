//! `intersect` and `except`: whole rows looked up in another dataset, matched by field name.
//!
//! Invariant: both sides have the same names and types; the columns of the left side pass on.

use super::union::matched;
use super::{Flow, RowCount};
use crate::compiler::Compiler;
use flow_grammar::ast;
use flow_ir::logical::Operator;
use flow_ir::{SetOperation, Span};

impl<'a> Compiler<'a> {
    pub(super) fn set_operation(
        &mut self,
        flow: Flow,
        operation: SetOperation,
        all: bool,
        dataset: &'a ast::Dataset,
        place: Span,
    ) -> Flow {
        let other = self.dataset_argument(dataset);
        let count: RowCount = flow.count.clone().fewer(place, "only some rows stay");
        if flow.row.open || other.row.open {
            return Flow { count, ..flow };
        }
        let own = flow.row.columns();
        let rights = match matched(&own, &other.row.columns()) {
            Ok(rights) => rights,
            Err(differences) => {
                self.rows_differ(operation.name(), dataset, &differences);
                return Flow { count, ..flow };
            }
        };
        let on = own.iter().map(|c| c.id).zip(rights).collect();
        let (left, right) = (flow.node, other.node);
        let node = self.node(Operator::SetOperation { operation, all, left, right, on }, own, place);
        Flow { node, count, ..flow }
    }
}
