//! A sink that writes a directory: one file for each folder, all taken in by the ordered end of the sink.
//!
//! Files are opened to be written and closed again, so their number is not bounded by that of open files.
//! What encoders hold is asked of the memory budget. Invariant: the bytes of a file depend on its rows only.

use crate::folder::{AtomicFolder, Layout};
use crate::format::write::RowWriter;
use crate::format::write::columnar::ColumnsWriter;
use crate::format::write::keyed::{Piece, next_piece};
use crate::memory::{Budget, Reservation};
use flow_ir::source::{Format, Sink, SinkColumn};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Bytes that a file may hold back before they are written.
const HELD_MAX: usize = 64 << 10;
/// Bytes that all files together may hold back.
const ALL_HELD_MAX: usize = 16 << 20;

/// The directory of a sink.
pub(crate) struct FolderSink {
    folder: AtomicFolder,
    format: Format,
    /// What is in the files.
    columns: Vec<SinkColumn>,
    optional: Vec<Vec<String>>,
    parts: BTreeMap<String, Part>,
    /// What each file begins with, has between pieces, and ends with.
    header: Vec<u8>,
    separator: Vec<u8>,
    footer: Vec<u8>,
    held: usize,
    /// Bytes that the files take otherwise, what encoders hold above all.
    encoders: u64,
    memory: Reservation,
}

/// One file.
struct Part {
    body: Body,
    rows: u64,
    /// Bytes that its encoder holds.
    encoder: u64,
}

enum Body {
    Text(Appending),
    Columns(Box<ColumnsWriter<Appending>>),
}

/// A file that is open only while bytes are written.
pub(crate) struct Appending {
    path: PathBuf,
    held: Vec<u8>,
    bytes: u64,
}

impl FolderSink {
    /// Starts writing the directory at `path`, in which the columns at `keys` name folders.
    pub(crate) fn create(
        sink: &Sink,
        (path, keys): (&str, &[u32]),
        writer: &RowWriter,
        budget: &Budget,
    ) -> io::Result<Self> {
        let is_key = |i: usize| keys.iter().any(|k| *k as usize == i);
        let columns = sink.columns.iter().enumerate().filter(|(i, _)| !is_key(*i)).map(|(_, c)| c);
        let columns: Vec<&SinkColumn> = columns.collect();
        let named: Vec<&SinkColumn> = keys.iter().filter_map(|k| sink.columns.get(*k as usize)).collect();
        let format = sink.format.clone().unwrap_or(Format::JsonLines);
        let layout = Layout::new(&format, &named, &columns);
        let mut made = FolderSink {
            folder: AtomicFolder::create(Path::new(path), sink.mode, layout)?,
            format,
            columns: columns.into_iter().cloned().collect(),
            optional: sink.optional.clone(),
            parts: BTreeMap::new(),
            header: writer.header(),
            separator: writer.separator(),
            footer: writer.footer(),
            held: 0,
            encoders: 0,
            memory: budget.reserve("the files of a directory"),
        };
        if keys.is_empty() {
            // Without folders there is one file, also if it has no rows.
            made.add(&Piece { folder: "", rows: 0, bytes: &[] })?;
        }
        Ok(made)
    }

    /// Takes pieces, one behind the other.
    pub(crate) fn receive(&mut self, mut pieces: &[u8]) -> io::Result<()> {
        while let Some(piece) = next_piece(&mut pieces) {
            self.add(&piece)?;
        }
        if !pieces.is_empty() {
            return Err(io::Error::other("a piece of a folder is incomplete"));
        }
        Ok(())
    }

    fn add(&mut self, piece: &Piece<'_>) -> io::Result<()> {
        if !self.parts.contains_key(piece.folder) {
            let part = self.start(piece.folder)?;
            self.encoders += part_bytes(piece.folder);
            self.parts.insert(piece.folder.to_owned(), part);
        }
        let Some(part) = self.parts.get_mut(piece.folder) else {
            return Err(io::Error::other("a folder is missing"));
        };
        match &mut part.body {
            Body::Text(file) => {
                let before = file.held.len();
                if part.rows > 0 && piece.rows > 0 {
                    file.write_all(&self.separator)?;
                }
                file.write_all(piece.bytes)?;
                self.held = (self.held + file.held.len()).saturating_sub(before);
            }
            Body::Columns(writer) => {
                writer.write(piece.bytes)?;
                self.encoders = self.encoders.saturating_sub(part.encoder);
                part.encoder = writer.held_bytes();
                self.encoders += part.encoder;
            }
        }
        part.rows += piece.rows;
        if self.held > ALL_HELD_MAX {
            for part in self.parts.values_mut() {
                if let Body::Text(file) = &mut part.body {
                    file.write_out()?;
                }
            }
            self.held = 0;
        }
        let memory = self.memory.cover(self.encoders);
        memory.map_err(|e| io::Error::new(io::ErrorKind::OutOfMemory, e.to_string()))
    }

    fn start(&mut self, folder: &str) -> io::Result<Part> {
        let path = self.folder.place(folder)?;
        let mut file = Appending { path, held: Vec::new(), bytes: 0 };
        let body = if self.format.is_columnar() {
            Body::Columns(Box::new(ColumnsWriter::new(&self.format, &self.columns, &self.optional, file)?))
        } else {
            file.write_all(&self.header)?;
            self.held += file.held.len();
            Body::Text(file)
        };
        Ok(Part { body, rows: 0, encoder: 0 })
    }

    /// The complete directory, not yet in its place, and its bytes.
    pub(crate) fn finish(self) -> io::Result<(AtomicFolder, u64)> {
        let FolderSink { mut folder, parts, footer, .. } = self;
        let mut files = BTreeMap::new();
        let mut all = 0;
        for (name, part) in parts {
            let rows = part.rows;
            let mut file = match part.body {
                Body::Text(mut file) => {
                    file.write_all(&footer)?;
                    file
                }
                Body::Columns(writer) => writer.finish(rows)?,
            };
            file.write_out()?;
            all += file.bytes;
            files.insert(name, (rows, file.bytes));
        }
        folder.finish(files)?;
        Ok((folder, all))
    }
}

/// About how many bytes of memory a file takes besides what it holds back.
fn part_bytes(folder: &str) -> u64 {
    (folder.len() * 2 + size_of::<Part>() + 64) as u64
}

impl Appending {
    /// Writes what is held back.
    fn write_out(&mut self) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        file.write_all(&self.held)?;
        self.held.clear();
        Ok(())
    }
}

impl Write for Appending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        self.bytes += bytes.len() as u64;
        if self.held.len() > HELD_MAX {
            self.write_out()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
