//! Deals the inputs of a stage as chunks of whole rows.
//!
//! The grid of chunks depends on the files and the chunk size only, never on threads. A chunk
//! owns the rows that start in its byte range. Whether a quoted format's chunk starts inside
//! quotes follows from the parity of all quotes before it: every reader publishes the parity of
//! its range right after reading it, and waits only for ranges that others are already reading.

use crate::format::{CHUNK_PADDING, Chunk};
use crate::kernels::newline::{count_quotes, row_end};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Bytes read past a chunk's range at first, for the row that crosses its end.
const LOOKAHEAD: usize = 4096;

/// An input file could not be read.
#[derive(Debug)]
pub struct ReadError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub error: io::Error,
}

/// One file, open, with its grid of chunks.
#[derive(Debug)]
pub(crate) struct ChunkedFile {
    path: PathBuf,
    file: File,
    size: u64,
    index: usize,
    chunk_bytes: u64,
    quote: Option<u8>,
    parity: Mutex<Parity>,
    published: Condvar,
}

impl ChunkedFile {
    /// Opens `path`, the file `index` of its source. `quote` is the byte that may hide line ends.
    pub(crate) fn open(
        path: &str,
        index: usize,
        chunk_bytes: usize,
        quote: Option<u8>,
    ) -> Result<Self, ReadError> {
        let fail = |error| ReadError { path: PathBuf::from(path), error };
        let file = File::open(path).map_err(fail)?;
        let meta = file.metadata().map_err(fail)?;
        if meta.is_dir() {
            return Err(fail(io::Error::other("is a directory")));
        }
        let size = meta.len();
        let chunk_bytes = chunk_bytes.max(1) as u64;
        let chunks = size.div_ceil(chunk_bytes) as usize;
        Ok(ChunkedFile {
            path: PathBuf::from(path),
            file,
            size,
            index,
            chunk_bytes,
            quote,
            parity: Mutex::new(Parity { odd: vec![None; chunks], states: vec![false], known: 0 }),
            published: Condvar::new(),
        })
    }

    /// Chunks in the file's grid.
    pub(crate) fn chunks(&self) -> usize {
        self.size.div_ceil(self.chunk_bytes) as usize
    }

    /// Bytes in the file.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Reads chunk `k`. `spare` is a buffer to reuse. A chunk in which no row starts is empty.
    pub(crate) fn read(&self, k: usize, spare: Arc<Vec<u8>>) -> Result<Chunk, ReadError> {
        let lo = k as u64 * self.chunk_bytes;
        let hi = (lo + self.chunk_bytes).min(self.size);
        // One byte earlier than the range: a row starts here if the line end before it is there.
        let from = lo.saturating_sub(1);
        let mut buffer = Arc::try_unwrap(spare).unwrap_or_default();
        let outcome = self.fill(&mut buffer, from, hi, k);
        let (start, end) = match outcome {
            Ok(range) => range,
            Err(error) => {
                self.publish(k, false);
                return Err(ReadError { path: self.path.clone(), error });
            }
        };
        Ok(Chunk { buffer: Arc::new(buffer), start, end, file: self.index, offset: from + start as u64 })
    }

    /// Fills the buffer from `from` on and returns the range of the whole rows that start in the chunk.
    fn fill(&self, buffer: &mut Vec<u8>, from: u64, hi: u64, k: usize) -> io::Result<(usize, usize)> {
        let want = ((hi - from) as usize) + LOOKAHEAD;
        let mut used = self.read_to(buffer, from, 0, want)?;
        let own = (hi - from) as usize;
        let (in_quotes, at_last) = self.quote_state(k, &buffer[..used.min(own)], own);
        let start = if from == 0 && k == 0 {
            0
        } else {
            loop {
                match row_end(&buffer[..used], 0, self.quote, in_quotes) {
                    Some(at) => break at,
                    None if from + used as u64 >= self.size => return Ok((used, used)),
                    // The row before this chunk covers all that was read.
                    None if used >= own => return Ok((own, own)),
                    None => used = self.read_to(buffer, from, used, used * 2)?,
                }
            }
        };
        if start >= own {
            return Ok((start, start));
        }
        if hi == self.size {
            return Ok((start, used));
        }
        // The chunk ends with the row that holds its last byte.
        let mut searched = own - 1;
        let mut state_at = at_last;
        loop {
            if let Some(at) = row_end(&buffer[..used], searched, self.quote, state_at) {
                return Ok((start, at));
            }
            if from + used as u64 >= self.size {
                return Ok((start, used));
            }
            state_at ^= self.quote.is_some_and(|q| count_quotes(&buffer[searched..used], q) % 2 == 1);
            searched = used;
            used = self.read_to(buffer, from, used, used * 2)?;
        }
    }

    /// Makes `buffer` hold the file's bytes from `from` on, `want` of them or up to the end of the
    /// file, of which the first `have` are already there. Returns how many it holds.
    fn read_to(&self, buffer: &mut Vec<u8>, from: u64, have: usize, want: usize) -> io::Result<usize> {
        let want = (want as u64).min(self.size - from) as usize;
        if buffer.len() < want + CHUNK_PADDING {
            buffer.resize(want + CHUNK_PADDING, 0);
        }
        let mut at = have;
        while at < want {
            match self.file.read_at(&mut buffer[at..want], from + at as u64) {
                Ok(0) => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the file became shorter while it was read",
                    ));
                }
                Ok(n) => at += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        buffer[want..want + CHUNK_PADDING].fill(0);
        Ok(want)
    }

    /// Whether the first byte of chunk `k`'s buffer, and the byte before the next chunk's range, lie
    /// inside quotes. The buffer's first `own` bytes are the chunk's.
    fn quote_state(&self, k: usize, bytes: &[u8], own: usize) -> (bool, bool) {
        let Some(quote) = self.quote else { return (false, false) };
        // The byte before the next range belongs to the next chunk's buffer.
        let last = if (k + 1) < self.chunks() { own.saturating_sub(1) } else { own };
        let odd = count_quotes(&bytes[..last.min(bytes.len())], quote) % 2 == 1;
        self.publish(k, odd);
        let mut parity = self.parity.lock().unwrap_or_else(PoisonError::into_inner);
        while parity.known <= k {
            parity = self.published.wait(parity).unwrap_or_else(PoisonError::into_inner);
        }
        let state = parity.states[k];
        (state, state ^ odd)
    }

    fn publish(&self, k: usize, odd: bool) {
        if self.quote.is_none() {
            return;
        }
        let mut parity = self.parity.lock().unwrap_or_else(PoisonError::into_inner);
        parity.odd[k].get_or_insert(odd);
        while let Some(Some(odd)) = parity.odd.get(parity.known).copied() {
            let next = parity.states[parity.known] ^ odd;
            parity.states.push(next);
            parity.known += 1;
        }
        self.published.notify_all();
    }
}

/// The quote parities of a file's chunks, as far as they are published.
#[derive(Debug)]
struct Parity {
    /// Whether the range of a chunk holds an odd number of quotes.
    odd: Vec<Option<bool>>,
    /// Whether a chunk's buffer starts inside quotes; one more than `known`.
    states: Vec<bool>,
    /// Chunks whose end state is known.
    known: usize,
}
