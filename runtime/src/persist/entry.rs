//! Entries: files that hold stored rows and say what they are.
//!
//! An entry is a magic number, blocks, and a footer that says what was computed, by which flowc, from which files,
//! and where the blocks are, with a checksum of each; behind it its length, its checksum and another magic number.
//! It is written under another name, synced and renamed, and never changed. Invariants: nothing in an entry is
//! believed before its checksum has been compared; lengths are compared with the file before anything is allocated.

use super::identity::Identity;
use crate::output::{PREFIX, SUFFIX};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use xxhash_rust::xxh3::xxh3_128;

/// The layout of entries and blocks; others are not read.
const FORMAT_VERSION: u32 = 1;
const BEGIN: &[u8; 8] = b"flowrow\n";
const END: &[u8; 8] = b"\nrowflow";
/// What follows the footer: its length, its checksum, the magic number.
const TAIL: usize = 8 + 16 + 8;
/// The end of the names of entries.
pub(super) const ENTRY_SUFFIX: &str = ".rows";

/// A block in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockPlace {
    pub(super) offset: u64,
    pub(super) length: u64,
    pub(super) rows: u32,
    pub(super) checksum: u128,
}

/// What an entry says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// The flowc that wrote it.
    pub(super) compiler: String,
    /// What was computed: the key of the `persist`, and of which file it is the part, if it is one.
    pub(super) key: String,
    pub(super) scope: String,
    /// Where it stands in the program, and what it is called there; for people.
    pub(super) origin: String,
    pub(super) name: String,
    /// Seconds since 1970.
    pub(super) created: u64,
    /// The files that were read.
    pub(super) inputs: Vec<Identity>,
    /// The types of the columns.
    pub(super) columns: Vec<String>,
    pub(super) blocks: Vec<BlockPlace>,
}

/// Why there is no entry to use.
#[derive(Debug)]
pub(super) enum Unusable {
    /// There is none.
    Absent,
    /// There is one that cannot be read.
    Damaged(String),
}

impl Facts {
    pub(super) fn rows(&self) -> u64 {
        self.blocks.iter().map(|b| u64::from(b.rows)).sum()
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = FORMAT_VERSION.to_le_bytes().to_vec();
        for text in [&self.compiler, &self.key, &self.scope, &self.origin, &self.name] {
            put_text(text, &mut out);
        }
        out.extend_from_slice(&self.created.to_le_bytes());
        out.extend_from_slice(&(self.inputs.len() as u64).to_le_bytes());
        for i in &self.inputs {
            put_text(&i.path, &mut out);
            out.extend_from_slice(&i.length.to_le_bytes());
            out.extend_from_slice(&i.modified.to_le_bytes());
            out.extend_from_slice(&i.changed.to_le_bytes());
            out.extend_from_slice(&i.inode.to_le_bytes());
            out.extend_from_slice(&i.device.to_le_bytes());
            out.push(u8::from(i.contents.is_some()));
            out.extend_from_slice(&i.contents.unwrap_or(0).to_le_bytes());
        }
        out.extend_from_slice(&(self.columns.len() as u64).to_le_bytes());
        self.columns.iter().for_each(|c| put_text(c, &mut out));
        out.extend_from_slice(&(self.blocks.len() as u64).to_le_bytes());
        for b in &self.blocks {
            out.extend_from_slice(&b.offset.to_le_bytes());
            out.extend_from_slice(&b.length.to_le_bytes());
            out.extend_from_slice(&b.rows.to_le_bytes());
            out.extend_from_slice(&b.checksum.to_le_bytes());
        }
        out
    }

    fn decode(bytes: &[u8], blocks_end: u64) -> Option<Facts> {
        let mut r = Fields { bytes };
        r.u32().filter(|v| *v == FORMAT_VERSION)?;
        let (compiler, key, scope, origin, name) = (r.text()?, r.text()?, r.text()?, r.text()?, r.text()?);
        let created = r.u64()?;
        let mut inputs = Vec::new();
        for _ in 0..r.u64()? {
            let path = r.text()?;
            let (length, modified, changed) = (r.u64()?, r.i128()?, r.i128()?);
            let (inode, device) = (r.u64()?, r.u64()?);
            let contents = match (r.u8()?, r.u128()?) {
                (0, _) => None,
                (_, contents) => Some(contents),
            };
            inputs.push(Identity { path, length, modified, changed, inode, device, contents });
        }
        let mut columns = Vec::new();
        for _ in 0..r.u64()? {
            columns.push(r.text()?);
        }
        let mut blocks = Vec::new();
        let mut at = BEGIN.len() as u64;
        for _ in 0..r.u64()? {
            let b = BlockPlace { offset: r.u64()?, length: r.u64()?, rows: r.u32()?, checksum: r.u128()? };
            if b.offset != at {
                return None;
            }
            at = at.checked_add(b.length)?;
            blocks.push(b);
        }
        let sound = r.bytes.is_empty() && at == blocks_end;
        sound.then_some(Facts { compiler, key, scope, origin, name, created, inputs, columns, blocks })
    }
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// The fields of a footer, from front to back.
struct Fields<'a> {
    bytes: &'a [u8],
}

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = rest;
        Some(*first)
    }

    fn u8(&mut self) -> Option<u8> {
        Some(u8::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.array()?))
    }

    fn i128(&mut self) -> Option<i128> {
        Some(i128::from_le_bytes(self.array()?))
    }

    fn u128(&mut self) -> Option<u128> {
        Some(u128::from_le_bytes(self.array()?))
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.u64()?).ok()?;
        let (text, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        String::from_utf8(text.to_vec()).ok()
    }
}

/// An entry, open for reading.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) file: Arc<File>,
    pub(super) facts: Facts,
}

impl Entry {
    /// Opens the entry at `path` and reads its footer.
    pub(super) fn open(path: &Path) -> Result<Self, Unusable> {
        let damaged = |why: &str| Unusable::Damaged(why.to_owned());
        let file = match File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(Unusable::Absent),
            Err(e) => return Err(Unusable::Damaged(e.to_string())),
        };
        let length = file.metadata().map_err(|e| Unusable::Damaged(e.to_string()))?.len();
        let read = |at: u64, n: usize| {
            let mut bytes = vec![0; n];
            file.read_exact_at(&mut bytes, at).map(|()| bytes).map_err(|e| Unusable::Damaged(e.to_string()))
        };
        let whole = length >= (BEGIN.len() + TAIL) as u64;
        if !whole || read(0, BEGIN.len())? != BEGIN {
            return Err(damaged("it is not whole"));
        }
        let tail = read(length - TAIL as u64, TAIL)?;
        let mut fields = Fields { bytes: &tail };
        let (footer_length, checksum) = (fields.u64(), fields.u128());
        if fields.bytes != END {
            return Err(damaged("it is not whole"));
        }
        let footer_end = length - TAIL as u64;
        let begin =
            footer_length.and_then(|n| footer_end.checked_sub(n)).filter(|at| *at >= BEGIN.len() as u64);
        let Some(begin) = begin else { return Err(damaged("it is not whole")) };
        let footer = read(begin, usize::try_from(footer_end - begin).unwrap_or(0))?;
        if Some(xxh3_128(&footer)) != checksum {
            return Err(damaged("its checksum is wrong"));
        }
        let facts = Facts::decode(&footer, begin).ok_or_else(|| damaged("it has another format"))?;
        Ok(Entry { file: Arc::new(file), facts })
    }

    /// Reads a block.
    pub(super) fn block(&self, block: &BlockPlace) -> io::Result<Vec<u8>> {
        read_block(&self.file, block)
    }
}

/// Reads a block and compares its checksum.
pub(super) fn read_block(file: &File, block: &BlockPlace) -> io::Result<Vec<u8>> {
    let wrong = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    let length = usize::try_from(block.length).map_err(|_| wrong("a block is too large"))?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, block.offset)?;
    match xxh3_128(&bytes) == block.checksum {
        true => Ok(bytes),
        false => Err(wrong("the checksum of a block is wrong")),
    }
}

/// An entry that is being written. Without [`EntryWriter::commit`] nothing is left of it.
#[derive(Debug)]
pub(super) struct EntryWriter {
    pub(super) file: Arc<File>,
    unfinished: Option<PathBuf>,
    target: PathBuf,
    at: u64,
    blocks: Vec<BlockPlace>,
}

/// Tells the unfinished files of one process apart.
static NUMBER: AtomicU32 = AtomicU32::new(0);

impl EntryWriter {
    /// Begins the entry `target`.
    pub(super) fn create(target: &Path) -> io::Result<Self> {
        let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let aside = format!("{PREFIX}{name}-{}-{number}{SUFFIX}", std::process::id());
        let unfinished = target.with_file_name(aside);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&unfinished)?;
        // Whoever can lock an unfinished file knows that its writer is gone. It goes with the process.
        let _ = file.try_lock();
        let mut writer = EntryWriter {
            file: Arc::new(file),
            unfinished: Some(unfinished),
            target: target.to_owned(),
            at: 0,
            blocks: Vec::new(),
        };
        writer.put(BEGIN)?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        (&*self.file).write_all(bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// Appends a block; where it begins.
    pub(super) fn block(&mut self, bytes: &[u8], rows: u32, checksum: u128) -> io::Result<u64> {
        let offset = self.at;
        self.put(bytes)?;
        self.blocks.push(BlockPlace { offset, length: bytes.len() as u64, rows, checksum });
        Ok(offset)
    }

    /// Ends the entry and puts it in its place.
    pub(super) fn commit(mut self, facts: Facts) -> io::Result<()> {
        let footer = Facts { blocks: std::mem::take(&mut self.blocks), ..facts }.encode();
        let mut tail = (footer.len() as u64).to_le_bytes().to_vec();
        tail.extend_from_slice(&xxh3_128(&footer).to_le_bytes());
        tail.extend_from_slice(END);
        self.put(&footer)?;
        self.put(&tail)?;
        self.file.sync_all()?;
        if let Some(unfinished) = &self.unfinished {
            std::fs::rename(unfinished, &self.target)?;
        }
        self.unfinished = None;
        // The rename itself must survive a crash too.
        File::open(crate::output::directory_of(&self.target))?.sync_all()
    }
}

impl Drop for EntryWriter {
    fn drop(&mut self) {
        if let Some(path) = self.unfinished.take() {
            // Nothing can be done about a failure here; the next run tries again.
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        let input = Identity {
            path: "/data/a.csv".to_owned(),
            length: 7,
            modified: -1,
            changed: 1 << 70,
            inode: 3,
            device: 4,
            contents: Some(5),
        };
        Facts {
            compiler: "flowc".to_owned(),
            key: "0".repeat(32),
            scope: "a".to_owned(),
            origin: "p.flow:3".to_owned(),
            name: "rows".to_owned(),
            created: 1,
            inputs: vec![input.clone(), Identity { contents: None, ..input }],
            columns: vec!["int".to_owned(), "string?".to_owned()],
            blocks: Vec::new(),
        }
    }

    fn written(dir: &Path) -> PathBuf {
        let target = dir.join("a.rows");
        let mut writer = EntryWriter::create(&target).expect("created");
        for n in 0..5u8 {
            let bytes = vec![n; 40 + usize::from(n)];
            writer.block(&bytes, u32::from(n), xxh3_128(&bytes)).expect("written");
        }
        assert!(!target.exists());
        writer.commit(facts()).expect("committed");
        target
    }

    #[test]
    fn an_entry_says_what_it_holds() {
        let dir = tempfile::tempdir().expect("a directory");
        drop(EntryWriter::create(&dir.path().join("b.rows")).expect("created"));
        let target = written(dir.path());
        let entry = Entry::open(&target).expect("an entry");
        assert_eq!(entry.facts.rows(), 10);
        assert_eq!(Facts { blocks: Vec::new(), ..entry.facts.clone() }, facts());
        for (n, block) in entry.facts.blocks.iter().enumerate() {
            assert_eq!(entry.block(block).expect("a block"), vec![n as u8; 40 + n]);
        }
        let names: Vec<_> = std::fs::read_dir(dir.path()).expect("listed").collect();
        assert_eq!(names.len(), 1, "unfinished files are gone");
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let dir = tempfile::tempdir().expect("a directory");
        let target = written(dir.path());
        let whole = std::fs::read(&target).expect("read");
        let is_sound = |bytes: &[u8]| {
            std::fs::write(&target, bytes).expect("write");
            Entry::open(&target).is_ok_and(|entry| entry.facts.blocks.iter().all(|b| entry.block(b).is_ok()))
        };
        assert!(is_sound(&whole));
        for length in 0..whole.len() {
            assert!(!is_sound(&whole[..length]), "cut to {length} bytes");
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at * 5 % 8);
            assert!(!is_sound(&damaged), "byte {at}");
        }
    }
}
