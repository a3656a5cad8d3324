//! Values of one-row datasets: `$total.amount` in the expressions of a stage.
//!
//! The one row is joined to every row on a constant key, below the stage that reads it; no operator
//! of its own is needed, and the order of the rows stays.

use crate::check::DatasetValue;
use crate::compiler::Compiler;
use flow_ir::logical::{Computed, Operator, OutputColumn};
use flow_ir::{ColumnId, DataType, Expr, JoinKind, NodeId, Span, Type, Value};

impl Compiler<'_> {
    /// `input` with the values of datasets as further columns.
    pub(crate) fn with_values(
        &mut self,
        mut input: NodeId,
        values: impl IntoIterator<Item = DatasetValue>,
        place: Span,
    ) -> NodeId {
        let mut by_dataset: Vec<(NodeId, Vec<DatasetValue>)> = Vec::new();
        for value in values {
            match by_dataset.iter_mut().find(|(node, _)| *node == value.node) {
                Some((_, values)) => values.push(value),
                None => by_dataset.push((value.node, vec![value])),
            }
        }
        for (dataset, values) in by_dataset {
            let (left, left_key) = self.with_constant_key(input, place);
            let (right, right_key) = self.with_constant_key(dataset, place);
            let mut columns = self.plan.node(left).columns.clone();
            let mut right_columns = Vec::with_capacity(values.len());
            for value in values {
                right_columns.push((value.id, value.column));
                columns.push(OutputColumn { id: value.id, path: hidden("value", value.id), ty: value.ty });
            }
            let on = vec![(left_key, right_key)];
            let operator = Operator::Join {
                kind: JoinKind::Inner,
                left,
                right,
                on,
                left_columns: Vec::new(),
                right_columns,
                using: None,
            };
            input = self.node(operator, columns, place);
        }
        input
    }

    fn with_constant_key(&mut self, input: NodeId, place: Span) -> (NodeId, ColumnId) {
        let id = self.fresh();
        let ty = DataType::required(Type::Int);
        let expr = Expr::literal(Value::Int(0), ty.clone(), place);
        let mut columns = self.plan.node(input).columns.clone();
        columns.push(OutputColumn { id, path: hidden("one", id), ty });
        let node = self.node(Operator::Map { input, computed: vec![Computed { id, expr }] }, columns, place);
        (node, id)
    }
}

/// The path of a column that the program does not name; no program can write it without quotes.
pub(crate) fn hidden(what: &str, id: ColumnId) -> Vec<String> {
    vec![format!("${what}{}", id.0)]
}
