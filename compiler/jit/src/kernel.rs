//! A native loop with its two variants: one for valid rows, compiled at once, and a general one
//! that is compiled when a morsel first needs it.

use crate::call::{LoopCode, LoopOutput, all_valid};
use crate::code::Code;
use crate::describe::KernelText;
use crate::emit::Variant;
use crate::engine::{Options, host};
use crate::error::JitError;
use crate::graph::Graph;
use crate::loops::{LoopSpec, Sink, emit_loop};
use crate::native::Class;
use crate::predicate::Selection;
use flow_ir::Column;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// After this many morsels of valid rows with an error in them, the general variant goes first.
const FAILURES_MAX: u32 = 8;

/// A native loop.
pub(crate) struct LoopKernel {
    graph: Arc<Graph>,
    spec: LoopSpec,
    options: Options,
    valid: LoopCode,
    general: OnceLock<Result<LoopCode, JitError>>,
    failures: AtomicU32,
}

impl LoopKernel {
    /// Compiles the variant for valid rows.
    pub(crate) fn compile(graph: &Arc<Graph>, spec: LoopSpec, options: Options) -> Result<Self, JitError> {
        let valid = compile_variant(graph, &spec, options, Variant::Valid)?;
        Ok(LoopKernel {
            graph: graph.clone(),
            spec,
            options,
            valid,
            general: OnceLock::new(),
            failures: AtomicU32::new(0),
        })
    }

    /// What the loop computes.
    pub(crate) fn spec(&self) -> &LoopSpec {
        &self.spec
    }

    /// The output columns. Fails only if the general variant cannot be compiled.
    pub(crate) fn columns(&self, columns: &[&Column], rows: usize) -> Result<Vec<Column>, JitError> {
        if self.try_valid(columns) {
            match self.valid.columns(columns, rows) {
                Some(made) => return Ok(made),
                None => self.failures.fetch_add(1, Ordering::Relaxed),
            };
        }
        // The general variant expresses every error, so it always delivers.
        Ok(self.general()?.columns(columns, rows).unwrap_or_default())
    }

    /// The rows a filter keeps. Fails only if the general variant cannot be compiled.
    pub(crate) fn selection(
        &self,
        columns: &[&Column],
        rows: usize,
        selection: &mut Selection,
    ) -> Result<(), JitError> {
        if self.try_valid(columns) {
            if self.valid.selection(columns, rows, selection) {
                return Ok(());
            }
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        self.general()?.selection(columns, rows, selection);
        Ok(())
    }

    /// The texts of both variants, if they were asked for.
    pub(crate) fn texts(&self) -> Vec<KernelText> {
        if !self.options.text {
            return Vec::new();
        }
        let general = self.general().ok();
        [Some(&self.valid), general].into_iter().flatten().filter_map(|v| v.code.text().cloned()).collect()
    }

    /// How long compiling has taken so far.
    pub(crate) fn compile_time(&self) -> Duration {
        let general = self.general.get().and_then(|g| g.as_ref().ok());
        [Some(&self.valid), general].into_iter().flatten().map(|v| v.code.compile_time()).sum()
    }

    fn try_valid(&self, columns: &[&Column]) -> bool {
        all_valid(columns) && self.failures.load(Ordering::Relaxed) < FAILURES_MAX
    }

    fn general(&self) -> Result<&LoopCode, JitError> {
        self.general
            .get_or_init(|| compile_variant(&self.graph, &self.spec, self.options, Variant::General))
            .as_ref()
            .map_err(Clone::clone)
    }
}

fn compile_variant(
    graph: &Graph,
    spec: &LoopSpec,
    options: Options,
    variant: Variant,
) -> Result<LoopCode, JitError> {
    let rows = if variant == Variant::Valid { "valid rows" } else { "any rows" };
    let classes = match &spec.sink {
        Sink::Columns(nodes) => {
            nodes.iter().map(|n| Class::of(graph.kind(*n)).unwrap_or(Class::Bool)).collect()
        }
        Sink::Selection(_) => Vec::new(),
    };
    let name = if options.text { format!("{} ({rows})", graph.loop_text(spec)) } else { String::new() };
    let mut shapes = Vec::new();
    let code = Code::compile(host()?, &name, options.text, |builder| {
        shapes = emit_loop(builder, graph, spec, variant);
    })?;
    let outputs = classes
        .into_iter()
        .zip(shapes)
        .map(|(class, shape)| LoopOutput { class, status: shape.status })
        .collect();
    Ok(LoopCode { code, inputs: spec.inputs.clone(), outputs, general: variant == Variant::General })
}
