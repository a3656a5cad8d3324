//! A file as the Parquet library reads it: by position, so that threads share it, and never past its end.
//!
//! Invariant: no allocation here is larger than the file.

use flow_ir::location::Location;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a remote file that are asked for together: a footer is rarely longer, and a request takes as long as many bytes.
const REMOTE_BYTES: u64 = 256 << 10;

/// An open file.
#[derive(Clone, Debug)]
pub(super) struct FileBytes {
    from: From,
    size: u64,
    /// Bytes read.
    taken: Arc<AtomicU64>,
}

/// Where the bytes are.
#[derive(Clone, Debug)]
enum From {
    File(Arc<File>),
    Remote(Arc<Remote>),
}

/// A file behind a URL, and what has come of it.
#[derive(Debug)]
struct Remote {
    url: String,
    /// Pieces with the places that they begin at.
    pieces: Mutex<Vec<(u64, bytes::Bytes)>>,
}

impl Remote {
    /// Fills `out` with the bytes from `start` on, from a piece that is here or is fetched now.
    fn read(&self, start: u64, out: &mut [u8], size: u64) -> io::Result<u64> {
        let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        let from_piece = |(at, bytes): &(u64, bytes::Bytes), out: &mut [u8]| {
            let from = usize::try_from(start.checked_sub(*at)?).ok()?;
            out.copy_from_slice(bytes.get(from..from.checked_add(out.len())?)?);
            Some(())
        };
        if pieces.iter().rev().any(|piece| from_piece(piece, out).is_some()) {
            return Ok(0);
        }
        // The end of a file is read backwards: its length, then the footer.
        let end = start.saturating_add(out.len() as u64);
        let (from, to) = match size - end < REMOTE_BYTES / 2 {
            true => (start.min(size.saturating_sub(REMOTE_BYTES)), size),
            false => (start, end.max(start.saturating_add(REMOTE_BYTES)).min(size)),
        };
        let fetched = crate::remote::range(&self.url, from..to)?;
        pieces.push((from, fetched));
        match pieces.last().and_then(|piece| from_piece(piece, out)) {
            Some(()) => Ok(to - from),
            None => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        }
    }
}

impl FileBytes {
    pub(super) fn open(path: &str) -> io::Result<Self> {
        if let Location::Url(url) = Location::of(path) {
            let size = crate::remote::remote_size(url)?;
            let remote = Remote { url: url.to_owned(), pieces: Mutex::default() };
            return Ok(FileBytes { from: From::Remote(Arc::new(remote)), size, taken: Arc::default() });
        }
        let file = File::open(path)?;
        let meta = file.metadata()?;
        if meta.is_dir() {
            return Err(io::Error::other("is a directory"));
        }
        Ok(FileBytes { from: From::File(Arc::new(file)), size: meta.len(), taken: Arc::default() })
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The same file with a count of its own of the bytes that are read.
    pub(super) fn counting(&self) -> Self {
        FileBytes { taken: Arc::default(), ..self.clone() }
    }

    /// The same file, which keeps what comes of it for itself; these ranges come first, with as few requests as need be.
    pub(super) fn fetching(&self, mut ranges: Vec<Range<u64>>) -> io::Result<Self> {
        let From::Remote(remote) = &self.from else { return Ok(self.counting()) };
        ranges.retain(|r| r.start < r.end && r.end <= self.size);
        ranges.sort_by_key(|r| r.start);
        let mut joined: Vec<Range<u64>> = Vec::new();
        for range in ranges {
            match joined.last_mut() {
                Some(last) if range.start <= last.end.saturating_add(REMOTE_BYTES) => {
                    last.end = last.end.max(range.end);
                }
                _ => joined.push(range),
            }
        }
        let taken = joined.iter().map(|r| r.end - r.start).sum();
        let mut pieces = Vec::new();
        for range in joined {
            pieces.push((range.start, crate::remote::range(&remote.url, range)?));
        }
        let remote = Remote { url: remote.url.clone(), pieces: Mutex::new(pieces) };
        let taken = Arc::new(AtomicU64::new(taken));
        Ok(FileBytes { from: From::Remote(Arc::new(remote)), size: self.size, taken })
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
        let taken = match &self.from {
            From::File(file) => {
                file.read_exact_at(out, start)?;
                out.len() as u64
            }
            From::Remote(remote) => remote.read(start, out, self.size)?,
        };
        self.taken.fetch_add(taken, Ordering::Relaxed);
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
        let n = match &self.bytes.from {
            From::File(file) => {
                let n = file.read_at(out, self.at)?;
                self.bytes.taken.fetch_add(n as u64, Ordering::Relaxed);
                n
            }
            From::Remote(_) => {
                let left = self.bytes.size.saturating_sub(self.at).min(out.len() as u64);
                // Not past the end of the file.
                let out = out.get_mut(..left as usize).unwrap_or_default();
                self.bytes.read_into(self.at, out)?;
                out.len()
            }
        };
        self.at += n as u64;
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
