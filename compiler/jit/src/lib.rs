//! Compiles what a stage computes for its rows to native code: expressions, filters and the
//! updates of aggregates.
//!
//! The runtime hands over typed expressions and gets [`Projection`], [`Predicate`] and
//! [`UpdateKernel`] objects that work on whole morsels. `flow_ir::eval` defines what they must
//! compute; everything here only makes it fast. Invariants: no per-row call on the hot path; no
//! traps; code memory is never writable and executable at once, and is freed with its last user;
//! `unsafe` exists in `code.rs` and `call.rs` only.
#![deny(unsafe_code)]

// The generator and the oracle of `tests/jit` also serve the tests of processors this one is not.
#[cfg(test)]
extern crate self as flow_jit;

mod abi;
#[cfg(test)]
mod baseline_tests;
mod call;
mod code;
mod describe;
mod emit;
mod engine;
mod error;
#[cfg(test)]
mod fallback_tests;
#[cfg(test)]
#[path = "../tests/jit/generate.rs"]
mod generate;
mod graph;
mod interpret;
mod kernel;
mod library;
mod loops;
mod native;
#[cfg(test)]
#[path = "../tests/jit/oracle.rs"]
mod oracle;
mod plan;
mod predicate;
mod program;
mod projection;
mod select;
mod text;
mod update;

pub use describe::{KernelText, StepDescription, StepKind};
pub use engine::{Engine, Options};
pub use error::JitError;
pub use predicate::{Predicate, Selection};
pub use projection::Projection;
pub use update::UpdateKernel;
