//! The compiler of `.flow`: syntax tree to checked, typed and optimized plans.
//!
//! Pure: no files (the [`Catalog`] is its only door to them), no threads, no Arrow, no Cranelift.
//! The life of a program: `flow_grammar::parse` → [`resolve`] collects what it declares → `check` types
//! expressions while `lower` makes plan nodes of stages → [`liveness`] decides which columns are used →
//! a [`LogicalPlan`]. One run reports every mistake it can find.
#![forbid(unsafe_code)]

pub mod catalog;
pub mod codes;
pub mod diagnostic;
pub mod explain;
pub mod glob;
pub mod lint;
pub mod liveness;
pub mod optimize;
pub mod sources;
pub mod stage;

mod certain_errors;
mod check;
mod compiler;
mod constant;
mod fingerprint;
mod import;
mod kept_files;
mod laws;
mod lower;
mod resolve;
mod row;
mod schema;
mod suggest;

pub use catalog::{Catalog, CatalogError, FileInfo, InferredField, MemoryCatalog};
pub use diagnostic::{Diagnostic, Fix, Label, Severity};
pub use import::{Loaded, load};
pub use lower::CompiledTest;
pub use sources::Sources;

use compiler::Compiler;
use flow_ir::{DataType, LogicalPlan, Span, Value};
use resolve::Symbols;

/// A program that compiles.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What the program is called, as given: the file name in messages.
    pub path: String,
    /// What it does.
    pub plan: LogicalPlan,
    /// Warnings and notes.
    pub diagnostics: Vec<Diagnostic>,
    /// Schemas that came from samples rather than from the program, in source order.
    pub inferred: Vec<InferredSchema>,
    /// The parameters with the values of this run.
    pub params: Vec<ParamValue>,
}

/// A schema that a sample suggested.
#[derive(Clone, Debug, PartialEq)]
pub struct InferredSchema {
    /// The path as the program has it.
    pub pattern: String,
    /// The file that was sampled.
    pub file: String,
    /// The fields, all nullable.
    pub fields: Vec<InferredField>,
    /// The path in the program.
    pub span: Span,
}

/// A `param` and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamValue {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: DataType,
    /// Its value.
    pub value: Value,
    /// Whether the command line gave it.
    pub given: bool,
}

/// Compiles a program called `path` with the given parameters (name, text) to a checked, unoptimized plan.
///
/// On failure, every finding in source order, warnings included.
pub fn compile(
    source: &str,
    path: &str,
    params: &[(String, String)],
    catalog: &dyn Catalog,
) -> Result<Compiled, Vec<Diagnostic>> {
    compile_loaded(&load(source, path, catalog), params, catalog)
}

/// Compiles a program whose imports have been read. The spans of plan and diagnostics are places in its
/// [`Sources`].
pub fn compile_loaded(
    loaded: &Loaded,
    params: &[(String, String)],
    catalog: &dyn Catalog,
) -> Result<Compiled, Vec<Diagnostic>> {
    let begun = || begun(loaded, params, catalog);
    let (compiler, ()) = kept_files::with_kept_files(begun, |compiler| {
        compiler.programs(&loaded.modules);
        compiler.reads_of_writes();
    });
    let Compiler { mut plan, mut diagnostics, inferred, param_values, .. } = compiler;
    diagnostics.sort_by_key(|d| (d.span.file, d.span.start, d.span.end));
    if diagnostics.iter().any(|d| d.severity == Severity::Error) {
        return Err(diagnostics);
    }
    plan.unused = liveness::unused(&plan);
    liveness::note_uses(&mut plan);
    let certain = certain_errors::certain_errors(&plan);
    if !certain.is_empty() {
        diagnostics.extend(certain);
        diagnostics.sort_by_key(|d| (d.span.file, d.span.start, d.span.end));
        return Err(diagnostics);
    }
    fingerprint::note_reuse(&mut plan);
    let path = loaded.sources.files().first().map_or(String::new(), |f| f.name.clone());
    Ok(Compiled { path, plan, diagnostics, inferred, params: param_values })
}

/// Compiles the tests of a program whose imports have been read, each to a plan of its own that prints the
/// found and the expected rows of every expectation in turn. Nothing but what the tests use is looked at.
///
/// On failure, every finding in source order; warnings come with the tests.
pub fn compile_tests(
    loaded: &Loaded,
    params: &[(String, String)],
    catalog: &dyn Catalog,
) -> Result<(Vec<CompiledTest>, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut tests: Vec<CompiledTest> = Vec::new();
    let mut diagnostics = loaded.diagnostics.clone();
    for def in loaded.tests() {
        let (name, span) = (def.name.value.clone(), diagnostic::span(def.name.span));
        let begun = || begun(loaded, params, catalog);
        let (compiler, expectations) = kept_files::with_kept_files(begun, |compiler| {
            if let Some(first) = tests.iter().find(|t| t.name == name) {
                compiler.report(
                    Diagnostic::error("F2006", span, format!("there is a test called \"{name}\" already"))
                        .label(first.span, "first defined here"),
                );
            }
            compiler.test(def)
        });
        let Compiler { mut plan, diagnostics: found, .. } = compiler;
        // What several tests use is wrong once.
        let known = |d: &Diagnostic, all: &[Diagnostic]| {
            all.iter().any(|o| o.code == d.code && o.span == d.span && o.message == d.message)
        };
        let wrong = found.iter().any(|d| d.severity == Severity::Error);
        for d in found {
            if !known(&d, &diagnostics) {
                diagnostics.push(d);
            }
        }
        plan.unused = if wrong { Default::default() } else { liveness::unused(&plan) };
        tests.push(CompiledTest { name, span, plan, expectations });
    }
    diagnostics.sort_by_key(|d| (d.span.file, d.span.start, d.span.end));
    match diagnostics.iter().any(|d| d.severity == Severity::Error) {
        true => Err(diagnostics),
        false => Ok((tests, diagnostics)),
    }
}

/// A compilation that knows all names and the values of the parameters.
fn begun<'a>(loaded: &'a Loaded, params: &[(String, String)], catalog: &'a dyn Catalog) -> Compiler<'a> {
    let mut diagnostics = loaded.diagnostics.clone();
    let modules = loaded.modules.iter().map(|m| Symbols::collect(m, &mut diagnostics)).collect();
    let mut compiler = Compiler::new(&loaded.sources, modules, catalog, diagnostics);
    compiler.bind_params(params);
    compiler
}
