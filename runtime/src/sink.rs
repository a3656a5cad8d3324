//! Sinks: rows to bytes in parallel, bytes to files or to the printer in order.

use crate::command::feed;
use crate::folder::AtomicFolder;
use crate::folder_sink::FolderSink;
use crate::format::write::RowWriter;
use crate::format::write::columnar::{Aside, ColumnsWriter};
use crate::memory::Budget;
use crate::options::{Control, PrintFormat, RunError, RunOptions, Written};
use crate::ordered::Receive;
use crate::output::AtomicFile;
use crate::spool::Spool;
use crate::through::Processes;
use flow_ir::Batch;
use flow_ir::location::Location;
use flow_ir::source::{Dialect, Format, Sink, Target, WriteMode};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Where printed results go.
pub trait Printer: Send {
    /// The bytes of a result in the chosen format.
    fn bytes(&mut self, bytes: &mut dyn Read) -> io::Result<()>;

    /// The first rows of a result of `rows` rows, to be shown as a table.
    fn table(&mut self, sink: &Sink, batches: &[Batch], rows: u64) -> io::Result<()>;

    /// The end of a result; another may follow.
    fn end(&mut self) -> io::Result<()>;
}

/// A printed result that is complete.
pub(crate) enum Printed {
    Bytes(Spool),
    /// What a command is to be given.
    Command {
        target: String,
        spool: Spool,
    },
    /// The first rows, and how many there are.
    Table {
        sink: Sink,
        batches: Vec<Batch>,
        rows: u64,
    },
}

impl Printed {
    pub(crate) fn print(self, printer: &mut dyn Printer, control: &Control) -> Result<(), RunError> {
        let outcome = match self {
            Printed::Command { target, spool } => {
                let Location::Command(text) = Location::of(&target) else {
                    return Err(RunError::Internal(format!("`{target}` is no command")));
                };
                let outcome = spool.into_reader().and_then(|mut bytes| feed(text, &mut bytes, control));
                return outcome.map_err(|error| match control.cancel.load(Ordering::Relaxed) {
                    true => RunError::Cancelled,
                    false => RunError::Write { path: PathBuf::from(target), error },
                });
            }
            Printed::Bytes(spool) => spool.into_reader().and_then(|mut bytes| printer.bytes(&mut bytes)),
            Printed::Table { sink, batches, rows } => printer.table(&sink, &batches, rows),
        };
        outcome.and_then(|()| printer.end()).map_err(print_error)
    }
}

fn print_error(error: io::Error) -> RunError {
    if error.kind() == io::ErrorKind::BrokenPipe {
        RunError::ClosedPipe
    } else {
        RunError::Write { path: PathBuf::from("standard output"), error }
    }
}

/// The error of writing a sink.
pub(crate) fn write_error(sink: &Sink, error: io::Error) -> RunError {
    match &sink.target {
        Target::File(path) | Target::Folder { path, .. } => RunError::Write { path: path.into(), error },
        Target::Print { .. } => print_error(error),
        Target::Processes { command, .. } => {
            RunError::Through { command: command.clone(), error, span: sink.span }
        }
    }
}

/// The row writer of a sink; `None` for tables, which stay batches.
pub(crate) fn row_writer(sink: &Sink, options: &RunOptions) -> Option<RowWriter> {
    let (format, header) = match (&sink.format, &sink.target) {
        (Some(f), _) => (f.clone(), true),
        (None, Target::Processes { .. }) => (Format::JsonLines, true),
        (None, Target::File(_) | Target::Folder { .. }) => (Format::Delimited(Dialect::csv()), true),
        (None, Target::Print { .. }) => match options.print {
            PrintFormat::Table => return None,
            PrintFormat::Csv => (Format::Delimited(Dialect::csv()), options.print_header),
            PrintFormat::Tsv => (Format::Delimited(Dialect::tsv()), options.print_header),
            PrintFormat::JsonLines => (Format::JsonLines, true),
            PrintFormat::Json => (Format::Json, true),
        },
    };
    let format = match format {
        Format::Delimited(d) => Format::Delimited(Dialect { header: d.header && header, ..d }),
        other => other,
    };
    let keys = match &sink.target {
        Target::Folder { keys, .. } => Some(keys.as_slice()),
        _ => None,
    };
    Some(RowWriter::of_sink(&format, &sink.columns, &sink.optional, keys))
}

/// The ordered end of a sink.
pub(crate) struct SinkWriter {
    to: To,
    rows: u64,
    separator: Vec<u8>,
    footer: Vec<u8>,
}

enum To {
    File(AtomicFile),
    /// A file for each folder.
    Folder(Box<FolderSink>),
    /// Put together and encoded by one of its own.
    Columns(Box<ColumnsWriter<Aside>>),
    /// Printed, or given to a command, once everything else has succeeded.
    Print(Spool),
    /// To processes whose answers are read later.
    Processes(Processes),
}

impl SinkWriter {
    pub(crate) fn open(
        sink: &Sink,
        writer: &RowWriter,
        (control, budget): (&Arc<Control>, &Budget),
    ) -> Result<Self, RunError> {
        let header = writer.header();
        let to = match &sink.target {
            Target::File(path) if Location::of(path).is_live() => To::Print(Spool::new(header)),
            Target::File(path) if sink.format.as_ref().is_some_and(Format::is_columnar) => {
                let format = sink.format.as_ref().unwrap_or(&Format::Text);
                let columns = create_file(Path::new(path), sink.mode)
                    .and_then(|file| ColumnsWriter::new(format, &sink.columns, &sink.optional, Aside(file)));
                To::Columns(Box::new(columns.map_err(|e| write_error(sink, e))?))
            }
            Target::File(path) => {
                let file = open_file(Path::new(path), sink.mode, &header);
                To::File(file.map_err(|e| write_error(sink, e))?)
            }
            Target::Folder { path, keys } => {
                let folder = FolderSink::create(sink, (path, keys), writer, budget);
                To::Folder(Box::new(folder.map_err(|e| write_error(sink, e))?))
            }
            Target::Print { .. } => To::Print(Spool::new(header)),
            Target::Processes { command, slots } => {
                let started = Processes::start(command, *slots, control.clone());
                To::Processes(started.map_err(|e| write_error(sink, e))?)
            }
        };
        Ok(SinkWriter { to, rows: 0, separator: writer.separator(), footer: writer.footer() })
    }

    /// The complete output, not yet in its place.
    pub(crate) fn finish(self, sink: &Sink) -> Result<Finished, RunError> {
        let SinkWriter { to, rows, footer, .. } = self;
        let to = match to {
            To::Columns(writer) => To::File(writer.finish(rows).map_err(|e| write_error(sink, e))?.0),
            other => other,
        };
        Ok(match to {
            To::File(mut file) => {
                file.write(&footer).and_then(|()| file.finish()).map_err(|e| write_error(sink, e))?;
                // The name the program gave: the file's own may be resolved through links.
                let path = match &sink.target {
                    Target::File(path) => PathBuf::from(path),
                    _ => file.target().to_owned(),
                };
                let written = Written { path, rows, bytes: file.bytes() };
                Finished::File(file, written)
            }
            To::Folder(folder) => {
                let (folder, bytes) = folder.finish().map_err(|e| write_error(sink, e))?;
                let path = match &sink.target {
                    Target::Folder { path, .. } => PathBuf::from(path),
                    _ => folder.named().to_owned(),
                };
                Finished::Folder(folder, Written { path, rows, bytes })
            }
            To::Columns(_) => return Err(RunError::Internal("a file is not finished".to_owned())),
            To::Print(mut spool) => {
                spool.write(&footer).map_err(|e| write_error(sink, e))?;
                Finished::Printed(spool, rows)
            }
            To::Processes(processes) => {
                let answers = processes.finish().map_err(|e| write_error(sink, e))?;
                Finished::Answers(answers)
            }
        })
    }
}

/// The empty file of a sink that nothing can be appended to.
fn create_file(path: &Path, mode: WriteMode) -> io::Result<AtomicFile> {
    match mode {
        WriteMode::Replace => AtomicFile::create(path),
        WriteMode::Error => AtomicFile::create_new(path),
        WriteMode::Append => Err(io::Error::from(io::ErrorKind::Unsupported)),
    }
}

/// The file of a sink, with its header.
fn open_file(path: &Path, mode: WriteMode, header: &[u8]) -> io::Result<AtomicFile> {
    let mut file = match mode {
        WriteMode::Replace => AtomicFile::create(path)?,
        WriteMode::Error => AtomicFile::create_new(path)?,
        WriteMode::Append => {
            let mut file = AtomicFile::append(path)?;
            if continues(path, header)? {
                file.end_last_line()?;
                return Ok(file);
            }
            file
        }
    };
    file.write(header)?;
    Ok(file)
}

/// Whether the file at `path` has rows, behind the header that they should have.
fn continues(path: &Path, header: &[u8]) -> io::Result<bool> {
    if std::fs::metadata(path).map_or(true, |m| m.len() == 0) {
        return Ok(false);
    }
    let mut there = Vec::new();
    let reader = crate::decompress::open_text(path.to_str().unwrap_or_default())?;
    reader.take(header.len() as u64).read_to_end(&mut there)?;
    if there == header || there.is_empty() {
        return Ok(!there.is_empty() || header.is_empty());
    }
    let expected = String::from_utf8_lossy(header).trim_end().to_owned();
    let why = format!("its rows would not fit: it does not begin with the header {expected}");
    Err(io::Error::new(io::ErrorKind::InvalidData, why))
}

/// A sink that has all its rows.
pub(crate) enum Finished {
    File(AtomicFile, Written),
    Folder(AtomicFolder, Written),
    Printed(Spool, u64),
    /// What processes answered.
    Answers(Spool),
}

impl Receive for SinkWriter {
    fn receive(&mut self, bytes: Vec<u8>, rows: u64) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        // JSON arrays have something between rows; a chunk's own rows are already separated.
        let between = self.rows > 0 && !self.separator.is_empty();
        self.rows += rows;
        match &mut self.to {
            To::File(f) => {
                if between {
                    f.write(&self.separator)?;
                }
                f.write(&bytes)
            }
            To::Columns(writer) => writer.write(&bytes),
            To::Folder(folder) => folder.receive(&bytes),
            To::Print(spool) => {
                if between {
                    spool.write(&self.separator)?;
                }
                spool.write(&bytes)
            }
            To::Processes(processes) => processes.receive(bytes, rows),
        }
    }
}

/// Shares a writer between the threads of a stage.
pub(crate) type SharedWriter = Arc<RowWriter>;
