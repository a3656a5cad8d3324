//! Computed columns: what `map` and the expressions of aggregates become.

use crate::describe::{KernelText, StepDescription};
use crate::engine::Options;
use crate::error::JitError;
use crate::program::Program;
use flow_ir::physical::TypedColumn;
use flow_ir::{Column, ColumnId, Expr};
use std::time::Duration;

/// Compiled expressions over the columns of a batch.
pub struct Projection {
    program: Program,
}

impl Projection {
    /// Compiles expressions that read `inputs`. What several of them share is computed once.
    pub fn compile(
        computed: &[Expr],
        inputs: &[TypedColumn],
        options: impl Into<Options>,
    ) -> Result<Projection, JitError> {
        Ok(Projection { program: Program::compile(computed, inputs, options.into(), false)? })
    }

    /// The columns it reads, each once; [`Projection::run`] takes them in this order.
    pub fn inputs(&self) -> &[ColumnId] {
        self.program.inputs()
    }

    /// One dense column for each expression. Errors are status bytes.
    ///
    /// # Panics
    /// If a column is missing, has fewer than `rows` rows, or is not of its type's storage class.
    pub fn run(&self, columns: &[&Column], rows: usize) -> Vec<Column> {
        let slots = self.program.run(columns, rows);
        self.program.take_outputs(slots, rows)
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
