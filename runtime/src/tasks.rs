//! The work of a stage as a list of tasks in input order, claimed one by one by the threads.

use crate::compiled::CompiledInput;
use crate::dataset::Dataset;
use crate::format::columnar::ColumnarFile;
use crate::format::csv::CsvScanner;
use crate::format::json::JsonScanner;
use crate::format::keyed::KeyedScanner;
use crate::format::lines::LinesScanner;
use crate::format::numbered::NumberedScanner;
use crate::format::{MorselLimits, Scanner};
use crate::memory::Budget;
use crate::options::{RunError, RunOptions};
use crate::persist::Stored;
use crate::reader::{ChunkedFile, Look, ReadBuffers, ReadError};
use crate::spool::Spool;
use crate::stream::StreamedFile;
use flow_ir::column::ColumnBuilder;
use flow_ir::compression::Compression;
use flow_ir::location::Location;
use flow_ir::physical::{DatasetId, InputFrom, Operation, OperationKind, Stage, TypedColumn};
use flow_ir::source::{Format, Source};
use flow_ir::{Batch, ColumnId, Expr, ExprKind, Value};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Rows that stages have delivered.
pub(crate) type Datasets = HashMap<DatasetId, Arc<Dataset>>;

/// What processes answered, until a stage reads it.
pub(crate) type Answers = HashMap<DatasetId, Mutex<Option<Spool>>>;

/// One unit of work: what a thread processes before it looks for more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    /// The input it belongs to.
    pub(crate) input: usize,
    /// The file of the input, or 0.
    pub(crate) file: usize,
    /// The chunk of the file (0 for one that is read as a whole), or the batch of the dataset.
    pub(crate) part: usize,
}

/// An input, opened.
pub(crate) enum OpenInput {
    Files(Vec<InputFile>),
    Batches(Arc<Dataset>),
    /// Blocks that are read one by one.
    Stored(Arc<Stored>, Vec<(usize, usize)>),
    /// Build rows that nothing matched, by task, of the join that is the operation of that number.
    Unmatched(usize, Vec<Vec<u32>>),
}

/// A file of an input.
pub(crate) enum InputFile {
    /// Any chunk of it can be read by itself.
    Chunked(ChunkedFile),
    /// One task reads all of it.
    Streamed(StreamedFile),
    /// Each of its parts is a task.
    Columnar(Box<ColumnarFile>),
}

/// Everything a stage reads.
pub(crate) struct Tasks {
    pub(crate) inputs: Vec<OpenInput>,
    pub(crate) tasks: Vec<Task>,
    /// The number of the first task.
    pub(crate) first: usize,
    /// Bytes of all files.
    pub(crate) bytes: u64,
}

impl Tasks {
    /// The rows of a build side that nothing matched, as tasks that follow `first` others.
    pub(crate) fn unmatched(operation: usize, rows: Vec<u32>, first: usize, morsel_rows: usize) -> Self {
        let parts: Vec<Vec<u32>> = rows.chunks(morsel_rows.max(1)).map(<[u32]>::to_vec).collect();
        let tasks = (0..parts.len()).map(|part| Task { input: 0, file: 0, part }).collect();
        Tasks { inputs: vec![OpenInput::Unmatched(operation, parts)], tasks, first, bytes: 0 }
    }
}

/// Opens the inputs of a stage and lists its tasks.
pub(crate) fn open_inputs(
    stage: &Stage,
    (datasets, stored, answers): (&Datasets, &HashMap<DatasetId, Arc<Stored>>, &Answers),
    options: &RunOptions,
    (buffers, budget): (&ReadBuffers, &Budget),
) -> Result<Tasks, RunError> {
    let mut opened = Tasks { inputs: Vec::new(), tasks: Vec::new(), first: 0, bytes: 0 };
    for (input, i) in stage.inputs.iter().enumerate() {
        let open = match &i.from {
            InputFrom::Read(source) => {
                let look = Look { quote: hidden_line_ends(&source.format), lines: source.line.is_some() };
                let filters = first_filters(stage, input);
                let filters: Vec<&Expr> = filters.iter().collect();
                let mut files = Vec::new();
                for (index, f) in source.files.iter().enumerate() {
                    let opened_file = match source.format.is_columnar() {
                        true => open_columnar(source, index, &filters, options.morsel_rows),
                        false => open_file(&f.path, index, options.chunk_bytes, look, buffers),
                    };
                    let (file, bytes, parts) = opened_file.map_err(RunError::Read)?;
                    opened.bytes += bytes;
                    opened.tasks.extend((0..parts).map(|part| Task { input, file: index, part }));
                    files.push(file);
                }
                OpenInput::Files(files)
            }
            InputFrom::Answers { id, source } => {
                let spool =
                    answers.get(id).and_then(|a| a.lock().unwrap_or_else(PoisonError::into_inner).take());
                let missing = || RunError::Internal(format!("the answers {} are not there", id.0));
                let name = source.files.first().map_or("", |f| f.path.as_str());
                let spool = spool.ok_or_else(missing)?;
                opened.bytes += spool.bytes();
                let file = StreamedFile::spooled(name, spool, options.chunk_bytes).map_err(RunError::Read)?;
                opened.tasks.push(Task { input, file: 0, part: 0 });
                OpenInput::Files(vec![InputFile::Streamed(file)])
            }
            InputFrom::Rows { columns, rows, .. } => {
                // They stand in the plan already, and are as few as the program's text is long.
                let rows = Dataset { batches: literal_rows(columns, rows), memory: budget.reserve("rows") };
                batches(&mut opened, input, Arc::new(rows))
            }
            InputFrom::Dataset { id, .. } if stored.contains_key(id) => {
                let stored = stored.get(id).cloned();
                let stored =
                    stored.ok_or_else(|| RunError::Internal("stored rows are not there".to_owned()))?;
                let blocks = stored.blocks();
                opened.tasks.extend((0..blocks.len()).map(|part| Task { input, file: 0, part }));
                OpenInput::Stored(stored, blocks)
            }
            InputFrom::Dataset { id, .. } => {
                let dataset = datasets
                    .get(id)
                    .cloned()
                    .ok_or_else(|| RunError::Internal(format!("dataset {} is not there", id.0)))?;
                batches(&mut opened, input, dataset)
            }
        };
        opened.inputs.push(open);
    }
    Ok(opened)
}

/// A file, its size and the number of its tasks.
fn open_file(
    path: &str,
    index: usize,
    chunk_bytes: usize,
    look: Look,
    buffers: &ReadBuffers,
) -> Result<(InputFile, u64, usize), ReadError> {
    if Compression::of(path).is_some() || !matches!(Location::of(path), Location::File(_)) {
        let file = StreamedFile::new(path, index, chunk_bytes, look.quote)?;
        let bytes = file.size();
        return Ok((InputFile::Streamed(file), bytes, 1));
    }
    let file = ChunkedFile::open(path, index, chunk_bytes, look, buffers)?;
    let (bytes, parts) = (file.size(), file.chunks());
    Ok((InputFile::Chunked(file), bytes, parts))
}

fn open_columnar(
    source: &Source,
    index: usize,
    filters: &[&Expr],
    morsel_rows: usize,
) -> Result<(InputFile, u64, usize), ReadError> {
    let file = ColumnarFile::open(source, index, filters, morsel_rows)?;
    let (bytes, parts) = (file.size(), file.parts());
    Ok((InputFile::Columnar(Box::new(file)), bytes, parts))
}

/// The filters that every row of an input meets before anything else, over the input's own columns.
pub(crate) fn first_filters(stage: &Stage, input: usize) -> Vec<Expr> {
    let Some(input) = stage.inputs.get(input) else { return Vec::new() };
    let leading = |operations: &[Operation]| -> Vec<Expr> {
        let filters = operations.iter().map_while(|o| match &o.kind {
            OperationKind::Filter { predicate } => Some(predicate.clone()),
            _ => None,
        });
        filters.collect()
    };
    let mut filters = leading(&input.operations);
    if filters.len() < input.operations.len() {
        return filters;
    }
    for mut filter in leading(&stage.branch.operations) {
        if input.rename.is_empty() || rename(&mut filter, &input.rename) {
            filters.push(filter);
        }
    }
    filters
}

/// Puts an input's own columns for those of the branch; false if one has no counterpart.
fn rename(e: &mut Expr, pairs: &[(ColumnId, ColumnId)]) -> bool {
    if let ExprKind::Column(id) = &mut e.kind {
        let own = pairs.iter().find(|(new, _)| new == id);
        return own.map(|(_, own)| *id = *own).is_some();
    }
    let mut all = true;
    e.for_each_child_mut(|child| all &= rename(child, pairs));
    all
}

fn batches(opened: &mut Tasks, input: usize, dataset: Arc<Dataset>) -> OpenInput {
    opened.tasks.extend((0..dataset.batches.len()).map(|part| Task { input, file: 0, part }));
    OpenInput::Batches(dataset)
}

/// The quote byte under which line ends are text, for formats that have one.
fn hidden_line_ends(format: &Format) -> Option<u8> {
    match format {
        Format::Delimited(d) => d.quote,
        _ => None,
    }
}

fn literal_rows(columns: &[TypedColumn], rows: &[Vec<Value>]) -> Vec<Batch> {
    let built = columns.iter().enumerate().map(|(i, c)| {
        let mut builder = ColumnBuilder::new(&c.ty.kind, rows.len());
        for row in rows {
            builder.push(Ok(row.get(i).unwrap_or(&Value::Null)));
        }
        (c.id, Arc::new(builder.finish()))
    });
    vec![Batch { rows: rows.len(), columns: built.collect() }]
}

/// A scanner for the input, if it reads files.
pub(crate) fn scanner_for(
    input: &CompiledInput,
    options: &RunOptions,
) -> Result<Option<Box<dyn Scanner>>, RunError> {
    let Some(context) = &input.source else { return Ok(None) };
    scanner_of(&context.source, options).map(Some)
}

/// A scanner for a source.
pub(crate) fn scanner_of(source: &Source, options: &RunOptions) -> Result<Box<dyn Scanner>, RunError> {
    let limits =
        MorselLimits { rows_max: options.morsel_rows.max(1), bytes_max: options.morsel_bytes.max(1) };
    let scanner: Box<dyn Scanner> = match &source.format {
        Format::Delimited(_) => Box::new(
            CsvScanner::new(source, limits)
                .ok_or_else(|| RunError::Internal("a delimited source has another format".to_owned()))?,
        ),
        Format::Lines => Box::new(LinesScanner::new(limits)),
        Format::JsonLines => Box::new(JsonScanner::new(source, limits)),
        other => return Err(RunError::Internal(format!("{other:?} cannot be read"))),
    };
    let keys = source.folders.keys.len();
    let scanner = if keys == 0 { scanner } else { Box::new(KeyedScanner::new(scanner, source)) };
    Ok(match &source.line {
        Some(_) => Box::new(NumberedScanner::new(scanner, source.columns.len() + keys)),
        None => scanner,
    })
}
