//! `persist` on disk: rows that are computed once, and found again by later runs.
//!
//! `block` turns rows into bytes and back, `entry` puts blocks into files that tell what they hold, `identity` tells
//! whether the files they were computed from are still the same, `folder` is the directory of the entries,
//! `stored` is a dataset made of blocks, `collect` the leaf of a stage that fills one, and `reuse` decides at the
//! start of a run what need not be computed, by what `search` finds. Invariants: rows of an earlier run are used only if
//! everything they depend on is known to be the same, and every byte of theirs has been checked; whatever is wrong
//! with a cache, or cannot be written to it, is a warning, and the rows are computed.

mod block;
mod collect;
mod entry;
mod folder;
mod identity;
mod reuse;
mod search;
mod stored;

pub use folder::{CacheOptions, EntryContent, EntryInfo, clear_cache, list_cache, verify_cache};
pub use search::{PersistState, persist_states};

pub(crate) use collect::{Frames, StoredWriter};
pub(crate) use reuse::{Preparation, Prepared, is_empty, prepare};
pub(crate) use stored::{Stored, StoredCounts};
