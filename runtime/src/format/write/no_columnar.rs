//! What stands for writing Parquet and Arrow in builds without them: every file is refused.

use crate::output::AtomicFile;
use flow_ir::Column;
use flow_ir::source::{Format, SinkColumn};
use std::io;

/// Makes nothing; no file takes it.
#[derive(Clone, Debug)]
pub(super) struct PieceWriter;

impl PieceWriter {
    pub(super) fn new(_columns: &[SinkColumn], _optional: &[Vec<String>]) -> Self {
        PieceWriter
    }

    pub(super) fn rows(&self, _about: &[SinkColumn], _columns: &[&Column], _rows: usize, _out: &mut Vec<u8>) {
    }
}

/// A file that cannot be.
pub(crate) struct ColumnsWriter<W> {
    never: std::convert::Infallible,
    to: std::marker::PhantomData<W>,
}

impl<W> ColumnsWriter<W> {
    pub(crate) fn new(
        _format: &Format,
        _columns: &[SinkColumn],
        _optional: &[Vec<String>],
        _to: W,
    ) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this flowc was built without Parquet and Arrow"))
    }

    pub(crate) fn write(&mut self, _pieces: &[u8]) -> io::Result<()> {
        match self.never {}
    }

    pub(crate) fn held_bytes(&self) -> u64 {
        match self.never {}
    }

    pub(crate) fn finish(self, _rows: u64) -> io::Result<W> {
        match self.never {}
    }
}

/// A file of its own.
pub(crate) struct Aside(pub(crate) AtomicFile);
