//! A file as the Parquet library reads it: by position, so that threads share it, and never past its end.
//!
//! Invariant: no allocation here is larger than the file.

use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// An open file.
#[derive(Clone, Debug)]
pub(super) struct FileBytes {
    file: Arc<File>,
    size: u64,
    /// Bytes read.
    taken: Arc<AtomicU64>,
}

impl FileBytes {
    pub(super) fn open(path: &str) -> io::Result<Self> {
        let file = File::open(path)?;
        let meta = file.metadata()?;
        if meta.is_dir() {
            return Err(io::Error::other("is a directory"));
        }
        Ok(FileBytes { file: Arc::new(file), size: meta.len(), taken: Arc::default() })
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The same file with a count of its own of the bytes that are read.
    pub(super) fn counting(&self) -> Self {
        FileBytes { taken: Arc::default(), ..self.clone() }
    }

    /// Bytes read since [`FileBytes::counting`].
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// `length` bytes from `start` on, all of which the file has.
    pub(super) fn range(&self, start: u64, length: usize) -> io::Result<Vec<u8>> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.size) {
            let message = format!("{length} bytes from byte {start} on are past the end of the file");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        let mut bytes = vec![0; length];
        self.read_into(start, &mut bytes)?;
        Ok(bytes)
    }

    /// Fills `out` with the bytes from `start` on.
    pub(super) fn read_into(&self, start: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, start)?;
        self.taken.fetch_add(out.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

impl Length for FileBytes {
    fn len(&self) -> u64 {
        self.size
    }
}

/// Reads on from a position of its own.
pub(super) struct ReadFrom {
    bytes: FileBytes,
    at: u64,
}

impl Read for ReadFrom {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.bytes.file.read_at(out, self.at)?;
        self.at += n as u64;
        self.bytes.taken.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

impl ChunkReader for FileBytes {
    type T = BufReader<ReadFrom>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::with_capacity(16 << 10, ReadFrom { bytes: self.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<bytes::Bytes> {
        self.range(start, length).map(bytes::Bytes::from).map_err(|e| ParquetError::External(Box::new(e)))
    }
}
