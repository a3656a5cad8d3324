//! Deals what can only be read from front to back, such as a compressed file or a pipe, as chunks.
//!
//! The whole file is one task: several files run in parallel, one does not. Chunks hold whole rows,
//! each begins where the one before it ended, and none begins inside quotes. Of a live stream, a
//! chunk is what has come: rows are not kept waiting for others.

use crate::decompress::{TextReader, open_text};
use crate::format::{CHUNK_PADDING, Chunk};
use crate::kernels::newline::{count_quotes, row_end};
use crate::live::Live;
use crate::options::RunOptions;
use crate::reader::{ReadBuffers, ReadError};
use crate::remote::remote_size;
use crate::spool::Spool;
use flow_ir::location::{Location, input_name};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Bytes of the longest row: a file without line ends must not fill the memory, however well it is compressed.
const ROW_BYTES_MAX: usize = 1 << 30;

/// A file to be read from front to back.
#[derive(Debug)]
pub(crate) struct StreamedFile {
    path: String,
    index: usize,
    chunk_bytes: usize,
    quote: Option<u8>,
    size: u64,
    /// Its bytes, where they are no file's; taken when they are read.
    spooled: Option<Mutex<Option<Text>>>,
}

/// Text that is here already.
struct Text(Box<dyn Read + Send>);

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Text")
    }
}

impl StreamedFile {
    /// The file `index` of its source. `quote` is the byte that may hide line ends.
    pub(crate) fn new(
        path: &str,
        index: usize,
        chunk_bytes: usize,
        quote: Option<u8>,
    ) -> Result<Self, ReadError> {
        let mut size = 0;
        if matches!(Location::of(path), Location::Url(_)) {
            size = remote_size(path).map_err(|e| fail(path, e))?;
        } else if !Location::of(path).is_live() {
            let meta = std::fs::metadata(path).map_err(|e| fail(path, e))?;
            if meta.is_dir() {
                return Err(fail(path, io::Error::other("is a directory")));
            }
            size = meta.len();
        }
        let (path, chunk_bytes) = (path.to_owned(), chunk_bytes.max(1));
        Ok(StreamedFile { path, index, chunk_bytes, quote, size, spooled: None })
    }

    /// The only file of a source whose lines are in `spool`; messages call it `name`.
    pub(crate) fn spooled(name: &str, spool: Spool, chunk_bytes: usize) -> Result<Self, ReadError> {
        let size = spool.bytes();
        let text = Text(spool.into_reader().map_err(|e| fail(name, e))?);
        Ok(StreamedFile {
            path: name.to_owned(),
            index: 0,
            chunk_bytes: chunk_bytes.max(1),
            quote: None,
            size,
            spooled: Some(Mutex::new(Some(text))),
        })
    }

    /// Whether its bytes come when they come, and only once.
    pub(crate) fn is_live(&self) -> bool {
        Location::of(&self.path).is_live()
    }

    /// Bytes of the file as it lies there.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The file, opened.
    pub(crate) fn chunks(&self, options: &RunOptions) -> Result<Chunks<'_>, ReadError> {
        if let Some(text) = &self.spooled {
            let text = text.lock().unwrap_or_else(PoisonError::into_inner).take();
            let text = text.ok_or_else(|| fail(&self.path, io::Error::other("has been read already")))?;
            let reader = Reader::Text(text, 0);
            return Ok(Chunks {
                file: self,
                reader,
                rest: Vec::new(),
                offset: 0,
                ended: false,
                failed: None,
            });
        }
        let live = Live::open(&self.path, options).map_err(|e| fail(&self.path, e))?;
        let reader = match live {
            Some(live) => Reader::Live(live),
            None => Reader::File(open_text(&self.path).map_err(|e| fail(&self.path, e))?),
        };
        Ok(Chunks { file: self, reader, rest: Vec::new(), offset: 0, ended: false, failed: None })
    }
}

fn fail(path: &str, error: io::Error) -> ReadError {
    ReadError { path: PathBuf::from(input_name(path).into_owned()), error }
}

enum Reader {
    File(TextReader),
    Live(Live),
    /// With the bytes taken so far.
    Text(Text, u64),
}

/// The chunks of a file, in order.
pub(crate) struct Chunks<'a> {
    file: &'a StreamedFile,
    reader: Reader,
    /// What was read past the end of the last chunk.
    rest: Vec<u8>,
    /// Where the next chunk starts in the text.
    offset: u64,
    ended: bool,
    /// Why nothing more can be read. The whole rows before come first, so that it does not depend on the size
    /// of chunks whether a bad row among them is met.
    failed: Option<ReadError>,
}

impl Chunks<'_> {
    /// Bytes taken from the file so far, as it lies there.
    pub(crate) fn taken(&self) -> u64 {
        match &self.reader {
            Reader::File(file) => file.taken(),
            Reader::Live(live) => live.taken(),
            Reader::Text(_, taken) => *taken,
        }
    }

    /// The next chunk; `None` at the end of the file.
    pub(crate) fn next(&mut self, buffers: &ReadBuffers) -> Result<Option<Chunk>, ReadError> {
        let mut buffer = buffers.take();
        buffer.clear();
        buffer.append(&mut self.rest);
        let live = matches!(self.reader, Reader::Live(_));
        if live {
            self.gather(&mut buffer)?;
        } else {
            self.fill(&mut buffer, self.file.chunk_bytes);
        }
        if buffer.is_empty() && self.failed.is_none() {
            return Ok(None);
        }
        let end = if live { self.last_row(&buffer) } else { self.whole_rows(&mut buffer)? };
        if end == 0
            && let Some(failed) = self.failed.take()
        {
            return Err(failed);
        }
        self.rest.extend_from_slice(&buffer[end..]);
        buffer.truncate(end);
        buffer.resize(end + CHUNK_PADDING, 0);
        let offset = self.offset;
        self.offset += end as u64;
        Ok(Some(Chunk {
            buffer: buffers.lend(buffer),
            start: 0,
            end,
            file: self.file.index,
            offset,
            first_line: 1,
        }))
    }

    /// Takes what a live stream has, waiting only while that is no whole row.
    fn gather(&mut self, buffer: &mut Vec<u8>) -> Result<(), ReadError> {
        let (path, quote) = (&self.file.path, self.file.quote);
        let Reader::Live(live) = &mut self.reader else { return Ok(()) };
        let (mut searched, mut in_quotes, mut whole) = (0, false, false);
        while !live.ended() {
            if !whole {
                whole = row_end(buffer, searched, quote, in_quotes).is_some();
                in_quotes ^= quote.is_some_and(|q| count_quotes(&buffer[searched..], q) % 2 == 1);
                searched = buffer.len();
            }
            if whole && buffer.len() >= self.file.chunk_bytes {
                break;
            }
            if live.poll(buffer).map_err(|e| fail(path, e))? {
                continue;
            }
            if whole {
                break;
            }
            if buffer.len() > ROW_BYTES_MAX {
                return Err(endless(path, self.offset));
            }
            live.wait(buffer).map_err(|e| fail(path, e))?;
        }
        self.ended = live.ended();
        Ok(())
    }

    /// Where the last whole row of what has come ends, 0 without one; at the end of the stream, all is whole.
    fn last_row(&self, buffer: &[u8]) -> usize {
        if self.ended {
            return buffer.len();
        }
        let odd = |bytes: &[u8]| self.file.quote.is_some_and(|q| count_quotes(bytes, q) % 2 == 1);
        let (mut end, mut in_quotes) = (buffer.len(), odd(buffer));
        while let Some(at) = memchr::memrchr(b'\n', &buffer[..end]) {
            in_quotes ^= odd(&buffer[at..end]);
            if !in_quotes {
                return at + 1;
            }
            end = at;
        }
        // Of a live stream, a chunk is cut only where there is a whole row.
        0
    }

    /// Where the row ends that holds the last byte the chunk should have; reads on if need be.
    fn whole_rows(&mut self, buffer: &mut Vec<u8>) -> Result<usize, ReadError> {
        let quote = self.file.quote;
        let odd = |bytes: &[u8]| quote.is_some_and(|q| count_quotes(bytes, q) % 2 == 1);
        let mut searched = self.file.chunk_bytes.min(buffer.len()).saturating_sub(1);
        let mut in_quotes = odd(&buffer[..searched]);
        loop {
            let used = buffer.len();
            if let Some(end) = row_end(buffer, searched, quote, in_quotes) {
                return Ok(end);
            }
            if self.failed.is_some() {
                return Ok(self.last_row(buffer));
            }
            if self.ended {
                return Ok(used);
            }
            if used > ROW_BYTES_MAX {
                return Err(endless(&self.file.path, self.offset));
            }
            in_quotes ^= odd(&buffer[searched..]);
            searched = used;
            self.fill(buffer, used.saturating_mul(2));
        }
    }

    /// Reads until the buffer holds `want` bytes or the file has ended.
    fn fill(&mut self, buffer: &mut Vec<u8>, want: usize) {
        while !self.ended && self.failed.is_none() && buffer.len() < want {
            let have = buffer.len();
            let missing = (want - have) as u64;
            let read = match &mut self.reader {
                Reader::File(reader) => reader.by_ref().take(missing).read_to_end(buffer),
                Reader::Text(Text(reader), _) => reader.take(missing).read_to_end(buffer),
                Reader::Live(_) => return,
            };
            if let Reader::Text(_, taken) = &mut self.reader {
                *taken += (buffer.len() - have) as u64;
            }
            // What comes before an error is in the buffer.
            match read {
                Ok(read) => self.ended = read == 0,
                Err(e) => self.failed = Some(fail(&self.file.path, e)),
            }
        }
    }
}

fn endless(path: &str, offset: u64) -> ReadError {
    let message = format!("the row that starts after {offset} bytes of text has no end within 1 GiB");
    fail(path, io::Error::new(io::ErrorKind::InvalidData, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn chunks_are_the_whole_text_in_whole_rows() {
        let path = std::env::temp_dir().join(format!("flowc-stream-{}.csv.gz", std::process::id()));
        let mut seed = 7u64;
        let mut below = |limit: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % limit
        };
        for round in 0..300 {
            let pieces = ["\n", "a", ",", "\"x\n,\"\"y\"", "long text of a field", "\r\n"];
            let text: String = (0..below(60)).map(|_| pieces[below(6) as usize]).collect();
            let file = std::fs::File::create(&path).expect("create");
            let mut gz = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
            gz.write_all(text.as_bytes()).expect("write");
            gz.finish().expect("finish");
            let quote = (round % 2 == 0).then_some(b'"');
            let chunk_bytes = 1 + below(30) as usize;
            let file = StreamedFile::new(path.to_str().expect("utf-8"), 3, chunk_bytes, quote).expect("open");
            let mut chunks = file.chunks(&RunOptions::default()).expect("chunks");
            let mut joined = Vec::new();
            let buffers = ReadBuffers::new(u64::MAX);
            while let Some(chunk) = chunks.next(&buffers).expect("a chunk") {
                let bytes = &chunk.buffer[chunk.start..chunk.end];
                assert_eq!((chunk.offset, chunk.file), (joined.len() as u64, 3));
                assert!(!bytes.is_empty() && chunk.buffer.len() == chunk.end + CHUNK_PADDING);
                joined.extend_from_slice(bytes);
                let open = quote.is_some_and(|q| count_quotes(&joined, q) % 2 == 1);
                assert!(joined.len() == text.len() || (joined.ends_with(b"\n") && !open));
            }
            assert_eq!(String::from_utf8(joined).expect("utf-8"), text);
        }
        std::fs::remove_file(path).expect("clean");
    }

    /// A reader that delivers its bytes in pieces of odd sizes.
    struct Pieces(Vec<u8>, u64);

    impl Read for Pieces {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.1 = self.1.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let n = (1 + (self.1 >> 33) as usize % 7).min(out.len()).min(self.0.len());
            out[..n].copy_from_slice(&self.0[..n]);
            self.0.drain(..n);
            Ok(n)
        }
    }

    #[test]
    fn a_live_stream_comes_in_whole_rows_however_its_bytes_come() {
        for round in 0..200u64 {
            let text =
                "a,b\n1,\"x\ny\"\n\n2,\"\"\"\"\nlast row without an end".repeat(1 + round as usize % 3);
            let reader = Pieces(text.clone().into_bytes(), round);
            let stdin = std::sync::Arc::new(crate::options::Stdin::new(Box::new(reader)));
            let options = RunOptions { stdin, ..RunOptions::default() };
            let file =
                StreamedFile::new("-", 0, 1 + round as usize % 40, Some(b'"')).expect("standard input");
            let mut chunks = file.chunks(&options).expect("chunks");
            let mut joined = Vec::new();
            let buffers = ReadBuffers::new(u64::MAX);
            while let Some(chunk) = chunks.next(&buffers).expect("a chunk") {
                assert_eq!(chunk.offset, joined.len() as u64);
                joined.extend_from_slice(&chunk.buffer[..chunk.end]);
                let open = count_quotes(&joined, b'"') % 2 == 1;
                assert!(joined.len() == text.len() || (joined.ends_with(b"\n") && !open));
            }
            assert_eq!(String::from_utf8(joined).expect("utf-8"), text);
        }
    }
}
