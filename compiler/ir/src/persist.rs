//! `persist` on disk: rows that are computed once and stored, for this run and for later ones.
//!
//! What is stored is found again by a key that tells what was computed; whether the files that it was
//! computed from are still the same is for the runtime to find out. Invariant: a key never depends on what
//! reads the rows, so what is stored holds all columns and all rows of its input.

use serde::{Deserialize, Serialize};

/// Where rows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PersistLevel {
    /// In memory, and on disk.
    MemoryAndDisk,
    /// In memory as they are on disk, and on disk.
    MemoryAndDiskSer,
    /// On disk only.
    Disk,
}

impl PersistLevel {
    /// All of them.
    pub const ALL: [PersistLevel; 3] =
        [PersistLevel::MemoryAndDisk, PersistLevel::MemoryAndDiskSer, PersistLevel::Disk];

    /// The word of the language.
    pub fn name(self) -> &'static str {
        match self {
            PersistLevel::MemoryAndDisk => "memory_and_disk",
            PersistLevel::MemoryAndDiskSer => "memory_and_disk_ser",
            PersistLevel::Disk => "disk",
        }
    }

    /// The level of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|l| l.name() == name)
    }
}

/// Whether rows may be used by later runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reuse {
    /// They are kept for this run only; a clause that says why.
    Never(String),
    /// As a whole.
    Whole {
        /// A hash of everything that decides what the rows are, besides the contents of `files`.
        key: String,
        /// Every file that is read on the way, each once.
        files: Vec<String>,
    },
    /// File by file: all rows come from one source, and each is made of one row of it.
    PerFile {
        /// A hash of everything that decides what the rows of a file are, besides the file.
        key: String,
    },
}

/// A `persist` with a level that uses the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Persist {
    /// Where the rows are kept.
    pub level: PersistLevel,
    /// What they are called in the program; empty if they have no name.
    pub name: String,
    /// Whether later runs may use them.
    pub reuse: Reuse,
}

impl Reuse {
    /// The key, if there is one.
    pub fn key(&self) -> Option<&str> {
        match self {
            Reuse::Never(_) => None,
            Reuse::Whole { key, .. } | Reuse::PerFile { key } => Some(key),
        }
    }

    /// Whether the key, if there is one, is what hashes look like: it becomes a part of file names.
    pub fn is_sound(&self) -> bool {
        self.key()
            .is_none_or(|key| key.len() == 32 && key.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
    }
}
