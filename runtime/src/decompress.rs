//! Opens files for reading from front to back, decompressed if their suffix says so.
//!
//! Files of several members, frames or streams are read to the end, as their own tools do.
//! Invariant: the end of what is read is the end of the file; a stream that is cut off or does
//! not match its checksum is an error that says where, never a shorter text.

use crate::remote::RemoteReader;
use flow_ir::compression::Compression;
use flow_ir::location::Location;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of the compressed file that are read at a time.
const READ_BYTES: usize = 256 << 10;

/// Bytes that a decoder is asked for. It is always so many: what a decoder delivers of a corrupt stream before
/// it gives up depends on that, and must not depend on the sizes of chunks.
const DECODED_BYTES: usize = 64 << 10;

/// A file's decompressed bytes.
pub struct TextReader {
    bytes: Box<dyn Read + Send>,
    compression: Option<Compression>,
    /// Bytes taken from the file.
    taken: Arc<AtomicU64>,
    /// Bytes that the decoder has delivered.
    delivered: u64,
    /// The decoder's last bytes; those from `used` on have not been handed out.
    decoded: Vec<u8>,
    used: usize,
}

impl std::fmt::Debug for TextReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TextReader({:?}, {} bytes delivered)", self.compression, self.delivered)
    }
}

/// Opens a file or URL.
pub fn open_text(path: &str) -> io::Result<TextReader> {
    let (file, size): (Box<dyn Read + Send>, u64) = match Location::of(path) {
        Location::Url(url) => {
            let object = RemoteReader::open(url)?;
            let size = object.size();
            (Box::new(object), size)
        }
        _ => {
            let file = File::open(path)?;
            let size = file.metadata()?.len();
            (Box::new(file), size)
        }
    };
    let taken = Arc::new(AtomicU64::new(0));
    let compression = Compression::of(path);
    if size == 0
        && let Some(c) = compression
    {
        let why = format!("no {} file is empty; perhaps it was cut off", c.name());
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
    }
    let counted = Counted { file, taken: taken.clone() };
    let buffered = BufReader::with_capacity(READ_BYTES, counted);
    let bytes: Box<dyn Read + Send> = match compression {
        None => Box::new(buffered),
        Some(Compression::Gzip) => Box::new(flate2::bufread::MultiGzDecoder::new(buffered)),
        Some(Compression::Zstd) => Box::new(zstd::Decoder::with_buffer(buffered)?),
        Some(Compression::Bzip2) => Box::new(bzip2::bufread::MultiBzDecoder::new(buffered)),
        Some(Compression::Xz) => Box::new(liblzma::bufread::XzDecoder::new_multi_decoder(buffered)),
    };
    Ok(TextReader { bytes, compression, taken, delivered: 0, decoded: Vec::new(), used: 0 })
}

impl TextReader {
    /// Bytes taken from the file so far, as it lies there.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Read for TextReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Some(compression) = self.compression else { return self.bytes.read(out) };
        if self.used == self.decoded.len() {
            let mut decoded = std::mem::take(&mut self.decoded);
            decoded.resize(DECODED_BYTES, 0);
            let n = self.decode(&mut decoded, compression)?;
            decoded.truncate(n);
            (self.decoded, self.used) = (decoded, 0);
        }
        let ready = &self.decoded[self.used..];
        let n = ready.len().min(out.len());
        out[..n].copy_from_slice(&ready[..n]);
        self.used += n;
        Ok(n)
    }
}

impl TextReader {
    fn decode(&mut self, out: &mut [u8], compression: Compression) -> io::Result<usize> {
        loop {
            match self.bytes.read(out) {
                Ok(n) => {
                    self.delivered += n as u64;
                    return Ok(n);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.corrupt(compression, &e)),
            }
        }
    }

    /// The error of a stream that cannot be decompressed. Not every library tells the end of the
    /// file from other errors, so the words do not either.
    fn corrupt(&self, compression: Compression, error: &io::Error) -> io::Error {
        let what = match error.kind() {
            io::ErrorKind::UnexpectedEof => "data ends too early",
            _ => "data is corrupt",
        };
        let message = format!(
            "its {} {what}: after {} decompressed bytes, within the first {} bytes of the file ({error})",
            compression.name(),
            self.delivered,
            self.taken(),
        );
        io::Error::new(error.kind(), message)
    }
}

struct Counted {
    file: Box<dyn Read + Send>,
    taken: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(out)?;
        self.taken.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}
