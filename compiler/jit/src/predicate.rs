//! Conditions: what `filter` and `check` become. The result is the numbers of the rows, not a column.

use crate::describe::{KernelText, StepDescription};
use crate::engine::Options;
use crate::error::JitError;
use crate::program::Program;
use flow_ir::column::{NULL, VALID};
use flow_ir::physical::TypedColumn;
use flow_ir::{Column, ColumnId, Expr, Values};
use std::time::Duration;

/// What a condition says about the rows of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The rows where it is true, in order.
    pub kept: Vec<u32>,
    /// The rows where it is an error, in order, with the error's code. In all other rows it is false or null.
    pub errors: Vec<(u32, u8)>,
}

impl Selection {
    /// Forgets all rows but keeps the memory.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.errors.clear();
    }
}

/// A compiled condition.
pub struct Predicate {
    program: Program,
}

impl Predicate {
    /// Compiles a condition that reads `inputs`.
    pub fn compile(
        expr: &Expr,
        inputs: &[TypedColumn],
        options: impl Into<Options>,
    ) -> Result<Predicate, JitError> {
        Ok(Predicate { program: Program::compile(std::slice::from_ref(expr), inputs, options.into(), true)? })
    }

    /// The columns it reads, each once; [`Predicate::run`] takes them in this order.
    pub fn inputs(&self) -> &[ColumnId] {
        self.program.inputs()
    }

    /// Finds the rows where the condition is true, and where it is an error.
    ///
    /// # Panics
    /// If a column is missing, has fewer than `rows` rows, or is not of its type's storage class;
    /// if there are more than 2^32 - 1 rows.
    pub fn run(&self, columns: &[&Column], rows: usize, selection: &mut Selection) {
        let slots = self.program.run(columns, rows);
        if let Some(kernel) = &self.program.sink {
            let columns = self.program.sink_columns(kernel, &slots);
            if kernel.selection(&columns, rows, selection).is_ok() {
                return;
            }
            if let Some(condition) = self.program.condition(&slots, rows) {
                select_rows(&condition, rows, selection);
            }
            return;
        }
        if let Some(condition) = self.program.take_outputs(slots, rows).first() {
            select_rows(condition, rows, selection);
        }
    }

    /// The steps, in running order.
    pub fn describe(&self) -> Vec<StepDescription> {
        self.program.describe()
    }

    /// The generated code's texts; empty unless they were asked for.
    pub fn texts(&self) -> Vec<KernelText> {
        self.program.texts()
    }

    /// How long generating native code has taken so far: a second variant of a loop is generated
    /// when a morsel first needs it.
    pub fn compile_time(&self) -> Duration {
        self.program.compile_time()
    }
}

/// The selection of a condition's column.
fn select_rows(condition: &Column, rows: usize, selection: &mut Selection) {
    selection.clear();
    let Values::Bool(values) = &condition.values else { return };
    for (row, value) in (0u32..).zip(values.iter().take(rows)) {
        match condition.status.get(row as usize) {
            VALID if *value != 0 => selection.kept.push(row),
            VALID | NULL => {}
            error => selection.errors.push((row, error)),
        }
    }
}
