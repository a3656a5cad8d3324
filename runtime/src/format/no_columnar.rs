//! What stands for the columnar formats in builds without them: every file is refused.

use crate::format::lines::LinesScanner;
use crate::reader::ReadError;
use flow_ir::source::{Format, Source};
use flow_ir::{Expr, Field};
use std::convert::Infallible;
use std::io;

const WHY: &str = "this flowc was built without Parquet and Arrow";

/// Always an error.
pub fn file_fields(
    _path: &str,
    _format: &Format,
    _only: Option<&[&str]>,
) -> Result<(Vec<Field>, usize), String> {
    Err(WHY.to_owned())
}

/// A file that cannot be.
#[derive(Clone, Debug)]
pub(crate) struct ColumnarFile(Infallible);

/// A scanner that cannot be.
pub(crate) type ColumnarScanner = LinesScanner;

impl ColumnarFile {
    pub(crate) fn open(
        source: &Source,
        index: usize,
        _filters: &[&Expr],
        _morsel_rows: usize,
    ) -> Result<Self, ReadError> {
        let path = source.files.get(index).map(|f| f.path.clone()).unwrap_or_default();
        Err(ReadError { path: path.into(), error: io::Error::new(io::ErrorKind::Unsupported, WHY) })
    }

    pub(crate) fn parts(&self) -> usize {
        match self.0 {}
    }

    pub(crate) fn dropped_rows(&self, _part: usize) -> Option<u64> {
        match self.0 {}
    }

    pub(crate) fn kept_pages(&self, _part: usize) -> Option<(usize, usize)> {
        match self.0 {}
    }

    pub(crate) fn size(&self) -> u64 {
        match self.0 {}
    }

    pub(crate) fn scan(&self, _part: usize) -> Result<ColumnarScanner, ReadError> {
        match self.0 {}
    }
}

impl LinesScanner {
    pub(crate) fn take_skipped(&mut self) -> u64 {
        0
    }

    pub(crate) fn take_error(&mut self) -> Option<ReadError> {
        None
    }

    pub(crate) fn taken(&self) -> u64 {
        0
    }
}
