//! The runtime of flowc: runs physical plans partition-parallel on all local cores.
//!
//! It sees plans and files, never the source language or the compiler. `execute` walks the plan,
//! `format` reads and writes, `operators` group, sort and join, `kernels` are the vectorized loops.

mod accounting;
mod command;
mod compiled;
mod compress;
mod contract;
mod dataset;
mod decompress;
mod execute;
mod fault;
mod finish;
mod folder;
mod folder_sink;
pub mod format;
mod joining;
pub mod kernels;
mod leaf;
mod live;
mod loops;
mod mapping;
pub mod memory;
mod needs;
pub mod operators;
mod options;
mod ordered;
mod output;
pub mod persist;
mod persisted;
mod positions;
mod pruning;
mod quarantine;
mod reader;
#[cfg(feature = "remote-files")]
mod remote;
#[cfg(not(feature = "remote-files"))]
#[path = "no_remote.rs"]
mod remote;
mod row_batch;
mod sample;
mod sink;
mod spool;
mod stream;
mod take;
mod tasks;
mod through;
mod walk;
mod worker;

pub use contract::{ContractBroken, ContractRow};
pub use decompress::{TextReader, open_text};
pub use execute::{compile_only, run};
pub use fault::RowFault;
pub use flow_jit::Engine;
pub use format::columnar::file_fields;
pub use kernels::newline::row_end;
pub use options::{
    Control, LeafCount, OperationCount, PersistCount, PrintFormat, RunError, RunOptions, RunReport,
    RunWarning, SourceCount, StageReport, Stdin, Written,
};
pub use output::AtomicFile;
pub use positions::{LineColumn, line_columns};
pub use pruning::{RowGroupCount, row_groups};
pub use quarantine::SpanText;
pub use reader::ReadError;
pub use remote::remote_size;
pub use sink::Printer;
