//! Printed results until the run has succeeded: in memory while they are small, then in a file.
//!
//! Nothing may be printed before the whole run is known to have succeeded, and a result may be
//! larger than the memory. The file has no name any more once it is open, so it goes away with
//! the process, however that ends.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;

/// Bytes from which a result goes to a file.
const MEMORY_MAX: usize = 64 << 20;

/// Bytes that are written now and read later.
#[derive(Debug, Default)]
pub(crate) struct Spool {
    memory: Vec<u8>,
    file: Option<File>,
    /// Bytes in the file.
    filed: u64,
}

impl Spool {
    /// A spool that holds `bytes`.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Spool { memory: bytes, file: None, filed: 0 }
    }

    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_beyond(bytes, MEMORY_MAX)
    }

    fn write_beyond(&mut self, bytes: &[u8], memory_max: usize) -> io::Result<()> {
        self.memory.extend_from_slice(bytes);
        if self.memory.len() < memory_max {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(nameless_file().map_err(told)?),
        };
        file.write_all(&self.memory).map_err(told)?;
        self.filed += self.memory.len() as u64;
        self.memory.clear();
        Ok(())
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        self.filed + self.memory.len() as u64
    }

    /// All of it, from the start.
    pub(crate) fn into_reader(self) -> io::Result<Box<dyn Read + Send>> {
        let memory = io::Cursor::new(self.memory);
        Ok(match self.file {
            Some(mut file) => {
                file.seek(SeekFrom::Start(0))?;
                Box::new(file.chain(memory))
            }
            None => Box::new(memory),
        })
    }
}

/// The error with where it happened: whoever reports it only knows of standard output.
fn told(error: io::Error) -> io::Error {
    let directory = std::env::temp_dir();
    io::Error::new(
        error.kind(),
        format!("the result could not be kept in `{}`: {error}", directory.display()),
    )
}

/// A file in the temporary directory that nobody else can open.
pub(crate) fn nameless_file() -> io::Result<File> {
    let directory = std::env::temp_dir();
    for attempt in 0..1000u32 {
        let path = directory.join(format!("flowc-print-{}-{attempt}.tmp", std::process::id()));
        match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => {
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "no free name for a temporary file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_out_is_what_went_in() {
        for memory_max in [1, 7, 1000] {
            let mut spool = Spool::new(b"header\n".to_vec());
            let mut expected = b"header\n".to_vec();
            for i in 0..100u32 {
                let piece = format!("{i},{}\n", "x".repeat(i as usize % 9));
                spool.write_beyond(piece.as_bytes(), memory_max).expect("written");
                expected.extend_from_slice(piece.as_bytes());
            }
            assert_eq!(spool.file.is_some(), memory_max < 1000);
            assert_eq!(spool.bytes(), expected.len() as u64);
            let mut got = Vec::new();
            spool.into_reader().expect("a reader").read_to_end(&mut got).expect("read");
            assert_eq!(got, expected);
        }
    }
}
