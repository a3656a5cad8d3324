//! What a run is told besides the plan, and what it reports back.

use crate::fault::RowFault;
use crate::persist::CacheOptions;
use crate::reader::ReadError;
use flow_ir::Span;
use flow_jit::Engine;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How printed results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrintFormat {
    /// Handed over as batches, for a table.
    Table,
    /// Comma-separated.
    Csv,
    /// Tab-separated.
    Tsv,
    /// One JSON object a line.
    JsonLines,
    /// One JSON array.
    Json,
}

/// The knobs of a run. None of them changes a byte of the results.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Worker threads.
    pub threads: usize,
    /// Compiled or interpreted expressions.
    pub engine: Engine,
    /// Bytes of a file that one task reads at a time.
    pub chunk_bytes: usize,
    /// Files of at least so many bytes are mapped instead of read.
    pub map_from: u64,
    /// Rows of a morsel at most.
    pub morsel_rows: usize,
    /// Bytes of a morsel at most.
    pub morsel_bytes: usize,
    /// Memory that blocking operators may use, in bytes; `None`: no limit.
    pub memory_bytes: Option<u64>,
    /// The share of bad rows (0 to 1) at which a quarantining run stops.
    pub max_bad: Option<f64>,
    /// How printed results look.
    pub print: PrintFormat,
    /// Whether printed CSV and TSV start with the names of the columns.
    pub print_header: bool,
    /// Rows of a printed table that are handed over; more are only counted.
    pub table_rows: usize,
    /// Keep the text of generated code in the report.
    pub code_text: bool,
    /// Whether the program may run commands.
    pub allow_run: bool,
    /// Where rows of earlier runs are; `None`: nowhere.
    pub cache: Option<CacheOptions>,
    /// What `-` reads.
    pub stdin: Arc<Stdin>,
    /// Shared with whoever watches or stops the run.
    pub control: Arc<Control>,
}

impl Default for RunOptions {
    fn default() -> Self {
        RunOptions {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            engine: Engine::Jit,
            chunk_bytes: 1 << 20,
            map_from: 256 << 10,
            morsel_rows: 8192,
            morsel_bytes: 256 << 10,
            memory_bytes: None,
            max_bad: None,
            print: PrintFormat::Csv,
            print_header: true,
            table_rows: 100,
            code_text: false,
            allow_run: false,
            cache: None,
            stdin: Arc::new(Stdin::default()),
            control: Arc::new(Control::default()),
        }
    }
}

/// Standard input, which one source may read once.
pub struct Stdin(Mutex<Option<Box<dyn Read + Send>>>);

impl Stdin {
    /// Bytes to take for standard input.
    pub fn new(reader: Box<dyn Read + Send>) -> Self {
        Stdin(Mutex::new(Some(reader)))
    }

    /// The bytes, unless they have been taken.
    pub(crate) fn take(&self) -> Option<Box<dyn Read + Send>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Default for Stdin {
    fn default() -> Self {
        Stdin::new(Box::new(io::stdin()))
    }
}

impl std::fmt::Debug for Stdin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stdin")
    }
}

/// A running plan seen from outside.
#[derive(Debug, Default)]
pub struct Control {
    /// Set to stop the run; nothing is written then.
    pub cancel: Arc<AtomicBool>,
    /// Bytes of input there are, as far as known.
    pub bytes_total: AtomicU64,
    /// Bytes of input done.
    pub bytes_done: AtomicU64,
    /// Source rows read.
    pub rows_read: AtomicU64,
}

/// What became of the rows of one read: `read = kept + filtered + quarantined + skipped`, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceCount {
    /// The path or glob as written.
    pub pattern: String,
    /// The span of the `read`.
    pub span: Span,
    /// Files read.
    pub files: usize,
    /// Bytes read from them.
    pub bytes: u64,
    /// Rows found.
    pub read: u64,
    /// Rows of which something reached the end of a branch.
    pub kept: u64,
    /// Rows that filters (or empty lists, or joins) dropped.
    pub filtered: u64,
    /// Bad rows written to a quarantine file.
    pub quarantined: u64,
    /// Bad rows dropped by `on_error skip`.
    pub skipped: u64,
}

/// What one operation did.
#[derive(Clone, Debug, Default)]
pub struct OperationCount {
    /// The stage's number.
    pub stage: u32,
    /// The word of the language.
    pub word: &'static str,
    /// Where it stands in the program.
    pub span: Span,
    /// Rows in.
    pub rows_in: u64,
    /// Rows out.
    pub rows_out: u64,
    /// Time in it, summed over threads.
    pub time: Duration,
    /// How its expressions are evaluated.
    pub steps: Vec<String>,
}

/// What one leaf of a stage did with the rows that reached it.
#[derive(Clone, Debug, Default)]
pub struct LeafCount {
    /// The stage's number.
    pub stage: u32,
    /// The word of the language.
    pub word: &'static str,
    /// Where it stands in the program.
    pub span: Span,
    /// Rows that reached it.
    pub rows_in: u64,
    /// Rows it delivered, wrote or printed.
    pub rows_out: u64,
    /// Bytes of those rows: in memory, or in the file.
    pub bytes: u64,
    /// Time to take the rows in, summed over threads.
    pub time: Duration,
    /// Time to merge the threads' parts and to deliver them.
    pub finish: Duration,
}

/// What one stage did.
#[derive(Clone, Debug, Default)]
pub struct StageReport {
    /// The stage's number.
    pub stage: u32,
    /// Time to compile it to native code.
    pub compile: Duration,
    /// Time to run it, compilation not counted.
    pub run: Duration,
    /// Bytes of input read.
    pub bytes: u64,
    /// Chunks processed.
    pub chunks: u64,
    /// Generated code as text, when asked for: (title, intermediate code, machine code).
    pub code: Vec<(String, String, String)>,
}

/// What became of the rows of a `persist` on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersistCount {
    /// Where it stands in the program.
    pub span: Span,
    /// The `let` that it is part of; empty if there is none.
    pub name: String,
    /// The word of the language for its level.
    pub level: &'static str,
    /// Its rows.
    pub rows: u64,
    /// Those of them that an earlier run had stored.
    pub cached: u64,
    /// The bytes of all of them, as they are stored.
    pub bytes: u64,
    /// The parts in which they are stored: one, or one a file; none if they are not.
    pub parts: usize,
    /// Those of them that an earlier run had stored.
    pub reused: usize,
    /// How often rows had no room in memory, or had to leave it.
    pub evicted: u64,
    /// Why rows were computed, or are not there for later runs.
    pub note: Option<String>,
}

/// Something that went wrong and changes no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunWarning {
    /// Stored rows could not be used; they have been computed.
    Damaged(String),
    /// Rows could not be stored for later runs.
    NotStored(String),
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its path.
    pub path: PathBuf,
    /// Its rows.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// What a whole run did.
#[derive(Clone, Debug, Default)]
pub struct RunReport {
    /// One entry for each read of each stage, in the order of the program.
    pub sources: Vec<SourceCount>,
    /// One entry an operation, in plan order.
    pub operations: Vec<OperationCount>,
    /// One entry a leaf, in plan order.
    pub leaves: Vec<LeafCount>,
    /// One entry a stage.
    pub stages: Vec<StageReport>,
    /// The files written, quarantine files included.
    pub written: Vec<Written>,
    /// One entry for each `persist` on disk that was needed, in the order of the program.
    pub persisted: Vec<PersistCount>,
    /// What went wrong with stored rows, none of which changes a result.
    pub warnings: Vec<RunWarning>,
}

/// Why a run stopped.
#[derive(Debug)]
pub enum RunError {
    /// An input could not be read.
    Read(ReadError),
    /// An output could not be written.
    Write {
        /// The file, or `standard output`.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A row error under `on_error fail`, or one that belongs to no source row.
    /// It is the first in input order.
    Row(Box<RowFault>),
    /// An aggregate's result does not fit; the message names the key.
    Aggregate {
        /// What happened.
        message: String,
        /// The kind of error.
        code: flow_ir::ErrorCode,
        /// The aggregate.
        span: Span,
    },
    /// The keys of a join are not what `expect` promises.
    Contract(Box<crate::contract::ContractBroken>),
    /// `--max-bad` was exceeded.
    TooManyBad {
        /// The read.
        pattern: String,
        /// Bad rows.
        bad: u64,
        /// All rows.
        read: u64,
        /// The limit, 0 to 1.
        limit: f64,
        /// An example.
        first: Box<RowFault>,
    },
    /// An operator needs more memory than it may have.
    Memory {
        /// Which operator and how much it needs.
        message: String,
        /// Its place in the program.
        span: Span,
    },
    /// The processes of a `through` could not be started, failed, or answered wrongly.
    Through {
        /// The command.
        command: String,
        /// Why, with what it said last.
        error: std::io::Error,
        /// The stage.
        span: Span,
    },
    /// The program runs a command, which is not allowed.
    NotAllowed {
        /// The command.
        command: String,
        /// Where the program names it.
        span: Span,
    },
    /// The header of a stream is not what its schema says.
    Header {
        /// How.
        message: String,
        /// The `read`.
        span: Span,
    },
    /// Generated code could not be made.
    Code(String),
    /// The run was cancelled.
    Cancelled,
    /// The reader of standard output went away.
    ClosedPipe,
    /// A broken promise inside flowc.
    Internal(String),
}
