//! A dataset made of blocks, in memory as long as there is room, on disk otherwise.
//!
//! Every block is in memory, in a file, or in both: in the entry that is written for later runs, or in a nameless
//! file that goes with the process. What is in memory counts for the budget and is given up when the
//! budget has nothing left. Invariants: a block can always be read; blocks come in the order of their parts, and
//! within a part in the order in which they were added.

use super::block::decode;
use super::entry::{BlockPlace, Entry, read_block};
use crate::memory::{Budget, Evict};
use crate::reader::ReadError;
use crate::spool::nameless_file;
use bytes::Bytes;
use flow_ir::physical::TypedColumn;
use flow_ir::{Batch, PersistLevel, Values};
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What memory is asked for.
const WHAT: &str = "the rows of `persist`";

/// Stored rows.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(super) columns: Vec<TypedColumn>,
    level: PersistLevel,
    budget: Budget,
    inner: Mutex<Inner>,
    counts: Arc<StoredCounts>,
}

/// What became of stored rows; outlives them.
#[derive(Debug, Default)]
pub(crate) struct StoredCounts {
    /// Blocks that had no room in memory, or had to leave it.
    pub(crate) evicted: AtomicU64,
}

#[derive(Debug)]
struct Inner {
    parts: Vec<Vec<Block>>,
    /// Bytes taken of the budget.
    held: u64,
    spill: Option<Spill>,
}

/// The file of blocks that no entry has.
#[derive(Debug)]
struct Spill {
    file: Arc<File>,
    end: u64,
}

#[derive(Debug)]
struct Block {
    place: BlockPlace,
    file: Option<Arc<File>>,
    kept: Kept,
}

/// What of a block is in memory.
#[derive(Clone, Debug)]
enum Kept {
    No,
    /// As it is in a file.
    Bytes(Bytes),
    Rows(Batch),
}

impl Stored {
    /// No rows yet, in so many parts.
    pub(super) fn new(
        columns: Vec<TypedColumn>,
        level: PersistLevel,
        parts: usize,
        budget: &Budget,
    ) -> Arc<Self> {
        let parts = (0..parts).map(|_| Vec::new()).collect();
        let stored = Arc::new(Stored {
            columns,
            level,
            budget: budget.clone(),
            inner: Mutex::new(Inner { parts, held: 0, spill: None }),
            counts: Arc::default(),
        });
        let holder: Arc<dyn Evict> = stored.clone();
        budget.may_evict(Arc::downgrade(&holder));
        stored
    }

    pub(super) fn counts(&self) -> Arc<StoredCounts> {
        self.counts.clone()
    }

    /// Adds a block to a part. `written` is where it is in a file, if it is.
    pub(super) fn add(
        &self,
        part: usize,
        (bytes, rows, checksum): (Bytes, u32, u128),
        written: Option<(Arc<File>, u64)>,
    ) -> io::Result<()> {
        let length = bytes.len() as u64;
        let place = |offset| BlockPlace { offset, length, rows, checksum };
        let wanted = self.level != PersistLevel::Disk;
        // Nobody may hold the lock and ask for memory: whoever has to give some up needs the lock.
        let mut room = wanted && self.budget.take(length, WHAT).is_ok();
        self.counts.evicted.fetch_add(u64::from(wanted && !room), Ordering::Relaxed);
        let written = match (room, written) {
            (false, None) => {
                let spilled = self.lock().spill(&bytes);
                match spilled {
                    Ok(written) => Some(written),
                    Err(e) => {
                        // Without room on disk, memory is the last resort whatever the level says.
                        let memory = self.budget.take(length, WHAT);
                        memory
                            .map_err(|m| io::Error::new(io::ErrorKind::OutOfMemory, format!("{m}; {e}")))?;
                        room = true;
                        None
                    }
                }
            }
            (_, written) => written,
        };
        let (file, offset) = written.map_or((None, 0), |(file, offset)| (Some(file), offset));
        let kept = if room { Kept::Bytes(bytes) } else { Kept::No };
        let block = Block { place: place(offset), file, kept };
        let mut inner = self.lock();
        inner.held += if room { length } else { 0 };
        if inner.parts.len() <= part {
            inner.parts.resize_with(part + 1, Vec::new);
        }
        if let Some(blocks) = inner.parts.get_mut(part) {
            blocks.push(block);
        }
        Ok(())
    }

    /// Takes over the blocks of an entry, whose bytes have been checked; those that came along stay in memory.
    pub(super) fn take_over(&self, part: usize, entry: &Entry, bytes: Vec<Option<Bytes>>) -> io::Result<()> {
        for (block, bytes) in entry.facts.blocks.iter().zip(bytes) {
            match bytes {
                Some(bytes) => {
                    let written = Some((entry.file.clone(), block.offset));
                    self.add(part, (bytes, block.rows, block.checksum), written)?;
                }
                None => {
                    let block = Block { place: *block, file: Some(entry.file.clone()), kept: Kept::No };
                    if let Some(blocks) = self.lock().parts.get_mut(part) {
                        blocks.push(block);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether blocks that are read now should come along to stay in memory.
    pub(super) fn keeps(&self, more: u64) -> bool {
        self.level != PersistLevel::Disk && self.budget.left() > more
    }

    /// The rows of all parts.
    pub(crate) fn rows(&self) -> u64 {
        self.lock().parts.iter().flatten().map(|b| u64::from(b.place.rows)).sum()
    }

    /// The bytes of all blocks.
    pub(crate) fn bytes(&self) -> u64 {
        self.lock().parts.iter().flatten().map(|b| b.place.length).sum()
    }

    /// All blocks, in order, as (part, block).
    pub(crate) fn blocks(&self) -> Vec<(usize, usize)> {
        let inner = self.lock();
        let parts = inner.parts.iter().enumerate();
        parts.flat_map(|(part, blocks)| (0..blocks.len()).map(move |block| (part, block))).collect()
    }

    /// The rows of a block.
    pub(crate) fn batch(&self, (part, block): (usize, usize)) -> Result<Batch, ReadError> {
        let found = {
            let inner = self.lock();
            let found = inner.parts.get(part).and_then(|blocks| blocks.get(block));
            found.map(|b| (b.place, b.file.clone(), b.kept.clone()))
        };
        let fail = |error: io::Error| ReadError { path: PathBuf::from("the rows of `persist`"), error };
        let missing = || fail(io::Error::new(io::ErrorKind::InvalidData, "a block is missing"));
        let (place, file, kept) = found.ok_or_else(missing)?;
        let bytes = match kept {
            Kept::Rows(batch) => return Ok(batch),
            Kept::Bytes(bytes) => return self.decoded((part, block), &bytes, true).ok_or_else(missing),
            Kept::No => Bytes::from(read_block(&*file.ok_or_else(missing)?, &place).map_err(fail)?),
        };
        self.decoded((part, block), &bytes, false).ok_or_else(missing)
    }

    /// The rows of a block, which stay in memory as rows if the level says so and the bytes were there anyway.
    fn decoded(&self, (part, block): (usize, usize), bytes: &Bytes, kept: bool) -> Option<Batch> {
        let batch = decode(bytes, &self.columns)?;
        // Texts keep the whole block alive, so nothing is won by letting go of its bytes.
        let holds_text =
            batch.columns.iter().any(|(_, c)| matches!(c.values, Values::Str(_) | Values::Any(_)));
        if kept && self.level == PersistLevel::MemoryAndDisk {
            let more = if holds_text { bytes.len() as u64 } else { 0 };
            let room = more == 0 || self.budget.left() > more && self.budget.take(more, WHAT).is_ok();
            let mut inner = self.lock();
            let slot = inner.parts.get_mut(part).and_then(|blocks| blocks.get_mut(block));
            let replaced = match slot {
                Some(slot) if room && matches!(slot.kept, Kept::Bytes(_)) => {
                    slot.kept = Kept::Rows(batch.clone());
                    true
                }
                _ => false,
            };
            match replaced {
                true => inner.held += more,
                false if room => self.budget.give(more),
                false => {}
            }
        }
        Some(batch)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Writes a block to the file without a name; where it is.
    fn spill(&mut self, bytes: &[u8]) -> io::Result<(Arc<File>, u64)> {
        let spill = match &mut self.spill {
            Some(spill) => spill,
            None => self.spill.insert(Spill { file: Arc::new(nameless_file()?), end: 0 }),
        };
        let offset = spill.end;
        std::os::unix::fs::FileExt::write_all_at(&*spill.file, bytes, offset)?;
        (&*spill.file).flush()?;
        spill.end += bytes.len() as u64;
        Ok((spill.file.clone(), offset))
    }
}

impl Evict for Stored {
    /// Everything that is in a file, or can be put into one, leaves the memory.
    fn evict(&self) -> bool {
        let mut guard = self.lock();
        let inner = &mut *guard;
        let mut parts = std::mem::take(&mut inner.parts);
        let mut left = false;
        for block in parts.iter_mut().flatten() {
            let bytes = match &block.kept {
                Kept::No => continue,
                Kept::Bytes(bytes) => Some(bytes.clone()),
                Kept::Rows(_) => None,
            };
            if block.file.is_none() {
                let written = bytes
                    .ok_or(())
                    .or_else(|()| self.encoded(block))
                    .and_then(|bytes| inner.spill(&bytes).map(|place| (bytes, place)).map_err(|_| ()));
                let Ok((bytes, (file, offset))) = written else {
                    left = true;
                    continue;
                };
                block.place.offset = offset;
                block.place.length = bytes.len() as u64;
                block.file = Some(file);
            }
            block.kept = Kept::No;
            self.counts.evicted.fetch_add(1, Ordering::Relaxed);
        }
        inner.parts = parts;
        if left {
            // There is no room on disk either; what could leave is gone, and is counted when all goes.
            return false;
        }
        let held = std::mem::take(&mut inner.held);
        self.budget.give(held);
        held > 0
    }
}

impl Stored {
    /// The bytes of a block that is there as rows only.
    fn encoded(&self, block: &mut Block) -> Result<Bytes, ()> {
        let Kept::Rows(batch) = &block.kept else { return Err(()) };
        let bytes = super::block::encode(std::slice::from_ref(batch), &self.columns).ok_or(())?;
        block.place.checksum = xxhash_rust::xxh3::xxh3_128(&bytes);
        Ok(Bytes::from(bytes))
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        let held = std::mem::take(&mut self.lock().held);
        self.budget.give(held);
    }
}

#[cfg(test)]
mod tests {
    use super::super::block::encode;
    use super::*;
    use flow_ir::column::ColumnBuilder;
    use flow_ir::{ColumnId, DataType, Type, Value};
    use xxhash_rust::xxh3::xxh3_128;

    fn columns() -> Vec<TypedColumn> {
        vec![TypedColumn { id: ColumnId(0), ty: DataType::required(Type::String) }]
    }

    fn block(n: usize) -> (Bytes, u32, u128) {
        let mut builder = ColumnBuilder::new(&Type::String, 1);
        builder.push(Ok(&Value::string(format!("row {n}"))));
        let batch = Batch { rows: 1, columns: vec![(ColumnId(0), Arc::new(builder.finish()))] };
        let bytes = encode(&[batch], &columns()).expect("encoded");
        let checksum = xxh3_128(&bytes);
        (Bytes::from(bytes), 1, checksum)
    }

    fn all(stored: &Stored) -> Vec<String> {
        let value = |b: Batch| b.columns[0].1.value(0, &Type::String).expect("a value");
        let batches = stored.blocks().into_iter().map(|at| stored.batch(at).expect("rows"));
        batches.map(|b| flow_ir::text::display(&value(b)).trim_matches('"').to_owned()).collect()
    }

    #[test]
    fn rows_leave_the_memory_and_can_be_read_all_the_same() {
        let expected: Vec<String> = (0..20).map(|n| format!("row {n}")).collect();
        let size = block(19).0.len() as u64;
        for level in PersistLevel::ALL {
            for limit in [0, size * 3, size * 100] {
                let budget = Budget::new(limit);
                let stored = Stored::new(columns(), level, 2, &budget);
                for n in 0..20 {
                    stored.add(n / 10, block(n), None).expect("added");
                }
                assert_eq!((stored.rows(), all(&stored)), (20, expected.clone()));
                let evicted = stored.counts().evicted.load(Ordering::Relaxed);
                assert_eq!(
                    evicted > 0,
                    level != PersistLevel::Disk && limit < size * 20,
                    "{level:?} {limit}"
                );
                // Somebody else needs everything.
                budget.take(limit, "a test").expect("room");
                assert_eq!(all(&stored), expected);
                budget.give(limit);
                drop(stored);
                assert_eq!(budget.left(), limit);
            }
        }
    }
}
