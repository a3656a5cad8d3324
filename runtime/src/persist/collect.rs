//! The leaf of a `persist`: rows become blocks on every thread, and blocks come to rest in order.
//!
//! What a thread hands in are frames: a block, and the file of the input that its rows come from. Invariants: the
//! blocks of a file follow each other; if an entry cannot be written, its rows are still all there.

use super::block::encode;
use super::entry::EntryWriter;
use super::reuse::Prepared;
use super::stored::{Stored, StoredCounts};
use crate::dataset::batches_bytes;
use crate::options::RunError;
use crate::ordered::Receive;
use bytes::{Buf, Bytes};
use flow_ir::Batch;
use flow_ir::physical::TypedColumn;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// Bytes of rows from which they become a block, although more of the same chunk may come.
const BLOCK_BYTES: u64 = 4 << 20;

/// The rows of a thread's current chunk.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    batches: Vec<Batch>,
    bytes: u64,
    file: usize,
    out: Vec<u8>,
    rows: u64,
}

impl Frames {
    /// Takes rows of a file.
    pub(crate) fn add(&mut self, batch: Batch, file: usize, columns: &[TypedColumn]) -> Result<(), RunError> {
        if file != self.file {
            self.end_block(columns)?;
            self.file = file;
        }
        self.bytes += batches_bytes(std::slice::from_ref(&batch));
        self.rows += batch.rows as u64;
        self.batches.push(batch);
        if self.bytes >= BLOCK_BYTES { self.end_block(columns) } else { Ok(()) }
    }

    fn end_block(&mut self, columns: &[TypedColumn]) -> Result<(), RunError> {
        if self.batches.is_empty() {
            return Ok(());
        }
        let unfit = || RunError::Internal("rows do not fit the types of a `persist`".to_owned());
        let block = encode(&self.batches, columns).ok_or_else(unfit)?;
        let rows = self.batches.iter().map(|b| b.rows as u32).sum::<u32>();
        self.out.extend_from_slice(&(self.file as u64).to_le_bytes());
        self.out.extend_from_slice(&(block.len() as u64).to_le_bytes());
        self.out.extend_from_slice(&rows.to_le_bytes());
        self.out.extend_from_slice(&xxh3_128(&block).to_le_bytes());
        self.out.extend_from_slice(&block);
        self.batches.clear();
        self.bytes = 0;
        Ok(())
    }

    /// What is handed in at the end of a chunk: bytes and rows.
    pub(crate) fn take(&mut self, columns: &[TypedColumn]) -> Result<(Vec<u8>, u64), RunError> {
        self.end_block(columns)?;
        Ok((std::mem::take(&mut self.out), std::mem::take(&mut self.rows)))
    }
}

/// Puts blocks where they belong.
pub(crate) struct StoredWriter {
    pub(super) prepared: Prepared,
    /// The entry that is being written, by its part.
    current: Option<(usize, EntryWriter)>,
    /// Those that are complete but for the end of the stage.
    pub(super) complete: Vec<(usize, EntryWriter)>,
    /// Entries that may be open at a time.
    open_max: usize,
    /// Why no entries are written any more.
    pub(super) failed: Option<io::Error>,
}

impl StoredWriter {
    pub(crate) fn new(prepared: Prepared) -> Self {
        let open_max = open_files_max() / 4;
        StoredWriter { prepared, current: None, complete: Vec::new(), open_max, failed: None }
    }

    /// Makes `part` the one whose entry is written.
    fn turn_to(&mut self, part: usize) {
        if self.current.as_ref().is_some_and(|(current, _)| *current == part) || self.failed.is_some() {
            return;
        }
        self.complete.extend(self.current.take());
        if self.complete.len() >= self.open_max {
            // Later runs store the rest, piece by piece.
            return;
        }
        let Some(Some(target)) = self.prepared.targets.get(part) else { return };
        match EntryWriter::create(&target.path) {
            Ok(writer) => self.current = Some((part, writer)),
            Err(e) => self.give_up(e),
        }
    }

    /// Writes no entries any more. What was written can still be read until the run ends.
    fn give_up(&mut self, error: io::Error) {
        self.failed.get_or_insert(error);
        self.current = None;
        self.complete.clear();
    }

    fn frame(&mut self, file: usize, block: (Bytes, u32, u128)) -> io::Result<()> {
        let part = self.prepared.part_of(file);
        self.turn_to(part);
        let (bytes, rows, checksum) = &block;
        let mut written = None;
        if let Some((_, writer)) = &mut self.current {
            match writer.block(bytes, *rows, *checksum) {
                Ok(offset) => written = Some((writer.file.clone(), offset)),
                Err(e) => self.give_up(e),
            }
        }
        self.prepared.stored.add(part, block, written)
    }

    /// Puts the entries in their places: the rows, their counts, why entries could not be written, and why some
    /// were not.
    pub(crate) fn seal(self) -> (Arc<Stored>, Arc<StoredCounts>, Option<io::Error>, Vec<String>) {
        let (failed, notes) = self.prepared.seal(self.complete);
        let stored = self.prepared.stored;
        let counts = stored.counts();
        (stored, counts, self.failed.or(failed), notes)
    }

    /// All rows are there: entries of files without rows are written, too.
    pub(crate) fn finish(&mut self) -> Arc<Stored> {
        let missing = self.prepared.missing.clone();
        for part in missing {
            let known = |(p, _): &(usize, EntryWriter)| *p == part;
            if !self.complete.iter().any(known) && !self.current.as_ref().is_some_and(known) {
                self.turn_to(part);
            }
        }
        self.complete.extend(self.current.take());
        self.prepared.stored.clone()
    }
}

/// Files that this process may have open; as many as it can be allowed.
fn open_files_max() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let allowed = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    allowed.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX))
}

impl Receive for StoredWriter {
    fn receive(&mut self, bytes: Vec<u8>, _: u64) -> io::Result<()> {
        let mut rest = Bytes::from(bytes);
        while rest.remaining() >= 36 {
            let (file, length) = (rest.get_u64_le() as usize, rest.get_u64_le() as usize);
            let (rows, checksum) = (rest.get_u32_le(), rest.get_u128_le());
            if length > rest.remaining() {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is not whole"));
            }
            self.frame(file, (rest.split_to(length), rows, checksum))?;
        }
        Ok(())
    }
}
