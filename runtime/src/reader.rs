//! Deals the inputs of a stage as chunks of whole rows.
//!
//! Large regular files are mapped, so that a chunk is a range of the file; others are read into buffers
//! that are used again ([decision 005](../../docs/decisions/005-mapped-files.md)).
//!
//! The grid of chunks depends on the files and the chunk size only, never on threads. A chunk
//! owns the rows that start in its byte range. Whether a quoted format's chunk starts inside
//! quotes follows from the parity of all quotes before it: every reader publishes the parity of
//! its range right after reading it, and waits only for ranges that others are already reading.
//! Where rows know their lines, the lines before a chunk follow in the same way.

use crate::format::{CHUNK_PADDING, Chunk};
use crate::kernels::newline::{count_quotes, row_end};
use crate::mapping::{MappedFiles, Mapping, shortened};
use bytes::Bytes;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
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

/// What of the bytes before a chunk must be known to read it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// The byte that may hide line ends.
    pub(crate) quote: Option<u8>,
    /// Whether rows know their lines.
    pub(crate) lines: bool,
}

/// One file, open, with its grid of chunks.
#[derive(Debug)]
pub(crate) struct ChunkedFile {
    path: PathBuf,
    file: Arc<File>,
    size: u64,
    index: usize,
    chunk_bytes: u64,
    look: Look,
    marks: Mutex<Marks>,
    published: Condvar,
    mapped: Mapped,
}

/// Whether a file is mapped, and for how long.
#[derive(Debug)]
enum Mapped {
    /// It is read.
    No,
    /// When its first chunk is wanted, until its last one was.
    Wanted {
        /// The mapping, while there is one.
        mapping: Mutex<Option<Arc<Mapping>>>,
        /// Chunks not yet dealt.
        left: AtomicUsize,
    },
}

/// Where the readers of a run get their buffers, and what they map.
#[derive(Debug)]
pub(crate) struct ReadBuffers {
    spare: Arc<Mutex<Vec<Vec<u8>>>>,
    files: MappedFiles,
    /// Files of at least so many bytes are mapped.
    map_from: u64,
}

impl ReadBuffers {
    pub(crate) fn new(map_from: u64) -> Self {
        ReadBuffers { spare: Arc::default(), files: MappedFiles::default(), map_from }
    }

    /// A buffer with anything in it.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// The bytes as rows share them. The buffer comes back when the last row is gone.
    pub(crate) fn lend(&self, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent { bytes, spare: self.spare.clone() })
    }

    /// An error if some file became shorter while it was mapped: nothing that came from it counts then.
    pub(crate) fn check(&self) -> Result<(), ReadError> {
        self.files.lost().map_or(Ok(()), |path| Err(ReadError { path, error: shortened() }))
    }
}

/// A buffer that goes back to the others when the last row in it is gone.
struct Lent {
    bytes: Vec<u8>,
    spare: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// Buffers kept for later at most, for each run.
const SPARE_MAX: usize = 64;

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE_MAX {
            spare.push(std::mem::take(&mut self.bytes));
        }
    }
}

/// What keeps a mapping alive while rows refer to it.
struct Shared(Arc<Mapping>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref().as_ref()
    }
}

impl ChunkedFile {
    /// Opens `path`, the file `index` of its source.
    pub(crate) fn open(
        path: &str,
        index: usize,
        chunk_bytes: usize,
        look: Look,
        buffers: &ReadBuffers,
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
            file: Arc::new(file),
            size,
            index,
            chunk_bytes,
            look,
            marks: Mutex::new(Marks { own: vec![None; chunks], before: vec![Mark::default()], known: 0 }),
            published: Condvar::new(),
            mapped: if meta.is_file() && size >= buffers.map_from && size > 0 {
                Mapped::Wanted { mapping: Mutex::new(None), left: AtomicUsize::new(chunks) }
            } else {
                Mapped::No
            },
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

    /// Deals chunk `k`. A chunk in which no row starts is empty.
    pub(crate) fn read(&self, k: usize, buffers: &ReadBuffers) -> Result<Chunk, ReadError> {
        let lo = k as u64 * self.chunk_bytes;
        let hi = (lo + self.chunk_bytes).min(self.size);
        // One byte earlier than the range: a row starts here if the line end before it is there.
        let from = lo.saturating_sub(1);
        let (buffer, (start, end)) = match self.mapping(buffers).and_then(|m| self.window(&m, from, hi, k)) {
            Some(chunk) => chunk,
            None => self.copied(from, hi, k, buffers)?,
        };
        let first_line = self.first_line(k, &buffer[..start]);
        Ok(Chunk { buffer, start, end, file: self.index, offset: from + start as u64, first_line })
    }

    /// The file's mapping, for one more chunk. The last one takes it away.
    fn mapping(&self, buffers: &ReadBuffers) -> Option<Arc<Mapping>> {
        let Mapped::Wanted { mapping, left } = &self.mapped else { return None };
        let mut mapping = mapping.lock().unwrap_or_else(PoisonError::into_inner);
        if mapping.is_none() {
            *mapping = Mapping::new(&self.file, self.size).map(Arc::new);
            if let Some(mapping) = mapping.as_ref() {
                buffers.files.add(&self.path, mapping);
            }
        }
        if left.fetch_sub(1, Ordering::AcqRel) == 1 { mapping.take() } else { mapping.clone() }
    }

    /// A chunk as a range of the mapped file; `None` if it ends too near to the end of the last page.
    fn window(
        &self,
        mapping: &Arc<Mapping>,
        from: u64,
        hi: u64,
        k: usize,
    ) -> Option<(Bytes, (usize, usize))> {
        let from_byte = usize::try_from(from).ok()?;
        let all: &[u8] = mapping.as_ref().as_ref();
        let file = all.get(from_byte..usize::try_from(self.size).ok()?)?;
        let range = self.whole_rows(&mut Window(file), from, hi, k).ok()?;
        let end = from_byte + range.1 + CHUNK_PADDING;
        let bytes = (end <= all.len()).then(|| Bytes::from_owner(Shared(mapping.clone())))?;
        Some((bytes.slice(from_byte..end), range))
    }

    /// A chunk read into a buffer.
    fn copied(
        &self,
        from: u64,
        hi: u64,
        k: usize,
        buffers: &ReadBuffers,
    ) -> Result<(Bytes, (usize, usize)), ReadError> {
        let mut copy =
            Copied { file: &self.file, from, rest: self.size - from, buffer: buffers.take(), have: 0 };
        match self.whole_rows(&mut copy, from, hi, k) {
            Ok(range) => Ok((buffers.lend(copy.buffer), range)),
            Err(error) => {
                self.publish(k, Mark::default());
                Err(ReadError { path: self.path.clone(), error })
            }
        }
    }

    /// The range, counted from `from`, of the whole rows that start in chunk `k`.
    fn whole_rows(
        &self,
        source: &mut impl ChunkBytes,
        from: u64,
        hi: u64,
        k: usize,
    ) -> io::Result<(usize, usize)> {
        let own = (hi - from) as usize;
        let rest = self.size - from;
        let mut bytes = source.first(own + LOOKAHEAD)?;
        let (in_quotes, at_last) = self.quote_state(k, &bytes[..bytes.len().min(own)], own);
        let start = if from == 0 && k == 0 {
            0
        } else {
            loop {
                let used = bytes.len();
                match row_end(bytes, 0, self.look.quote, in_quotes) {
                    Some(at) => break at,
                    None if used as u64 >= rest => return Ok((used, used)),
                    // The row before this chunk covers all that was read.
                    None if used >= own => return Ok((own, own)),
                    None => bytes = source.first(used * 2)?,
                }
            }
        };
        if start >= own {
            return Ok((start, start));
        }
        if hi == self.size {
            return Ok((start, bytes.len()));
        }
        // The chunk ends with the row that holds its last byte.
        let mut searched = own - 1;
        let mut state_at = at_last;
        loop {
            let used = bytes.len();
            if let Some(at) = row_end(bytes, searched, self.look.quote, state_at) {
                return Ok((start, at));
            }
            if used as u64 >= rest {
                return Ok((start, used));
            }
            state_at ^= self.look.quote.is_some_and(|q| count_quotes(&bytes[searched..used], q) % 2 == 1);
            searched = used;
            bytes = source.first(used * 2)?;
        }
    }

    /// Whether the first byte of chunk `k`'s buffer, and the byte before the next chunk's range, lie
    /// inside quotes. The buffer's first `own` bytes are the chunk's.
    fn quote_state(&self, k: usize, bytes: &[u8], own: usize) -> (bool, bool) {
        if self.look.quote.is_none() && !self.look.lines {
            return (false, false);
        }
        // The byte before the next range belongs to the next chunk's buffer.
        let last = if (k + 1) < self.chunks() { own.saturating_sub(1) } else { own };
        let bytes = &bytes[..last.min(bytes.len())];
        let odd = self.look.quote.is_some_and(|quote| count_quotes(bytes, quote) % 2 == 1);
        let lines = if self.look.lines { line_ends(bytes) } else { 0 };
        self.publish(k, Mark { odd, lines });
        let state = self.before(k).odd;
        (state, state ^ odd)
    }

    /// The line that chunk `k` begins, whose buffer has `bytes` before it.
    fn first_line(&self, k: usize, bytes: &[u8]) -> u64 {
        if self.look.lines { 1 + self.before(k).lines + line_ends(bytes) } else { 1 }
    }

    /// What stands before the buffer of chunk `k`, as soon as it is known.
    fn before(&self, k: usize) -> Mark {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        while marks.known <= k {
            marks = self.published.wait(marks).unwrap_or_else(PoisonError::into_inner);
        }
        marks.before[k]
    }

    fn publish(&self, k: usize, mark: Mark) {
        if self.look.quote.is_none() && !self.look.lines {
            return;
        }
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        marks.own[k].get_or_insert(mark);
        while let Some(Some(mark)) = marks.own.get(marks.known).copied() {
            let before = marks.before[marks.known];
            marks.before.push(Mark { odd: before.odd ^ mark.odd, lines: before.lines + mark.lines });
            marks.known += 1;
        }
        self.published.notify_all();
    }
}

/// The bytes of a file from the start of a chunk on.
trait ChunkBytes {
    /// The first `want` of them, or all that are left.
    fn first(&mut self, want: usize) -> io::Result<&[u8]>;
}

/// Those of a mapped file.
struct Window<'a>(&'a [u8]);

impl ChunkBytes for Window<'_> {
    fn first(&mut self, want: usize) -> io::Result<&[u8]> {
        Ok(&self.0[..want.min(self.0.len())])
    }
}

/// Those of a file that is read.
struct Copied<'a> {
    file: &'a File,
    from: u64,
    /// Bytes of the file from `from` on.
    rest: u64,
    buffer: Vec<u8>,
    /// Bytes already in the buffer.
    have: usize,
}

impl ChunkBytes for Copied<'_> {
    fn first(&mut self, want: usize) -> io::Result<&[u8]> {
        let want = (want as u64).min(self.rest) as usize;
        if self.buffer.len() < want + CHUNK_PADDING {
            self.buffer.resize(want + CHUNK_PADDING, 0);
        }
        while self.have < want {
            match self.file.read_at(&mut self.buffer[self.have..want], self.from + self.have as u64) {
                Ok(0) => return Err(shortened()),
                Ok(n) => self.have += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.buffer[want..want + CHUNK_PADDING].fill(0);
        Ok(&self.buffer[..want])
    }
}

/// What is counted in a run of bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    /// Whether it holds an odd number of quotes.
    odd: bool,
    /// Its line ends.
    lines: u64,
}

/// What is counted in a file's chunks, as far as it is published.
#[derive(Debug)]
struct Marks {
    /// In the range of each chunk.
    own: Vec<Option<Mark>>,
    /// Before each chunk's buffer; one more than `known`.
    before: Vec<Mark>,
    /// Chunks whose own marks and those before are known.
    known: usize,
}

fn line_ends(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}
