//! Splits the groups of tables by hash, so that tables can be merged a part at a time: in
//! parallel, and each part in a near cache.

use super::block::{Block, TextRows};
use super::store::{KeyStore, long_hash, range};
use super::table::GroupTable;
use crate::kernels::hash::{MID_MAX, MidKey, SHORT_MAX, Seeds, ShortKey, WINDOW};
use crate::kernels::probe::BLOCK;
use crate::memory::NeedsMore;
use std::ops::Range;

/// Groups that a part should have: its table and states fit into a near cache.
const PART_GROUPS: usize = 8_192;

/// Groups in all tables from which merging in parts pays.
pub(crate) const MANY_GROUPS: usize = 16_384;

/// The number of bits of the hash that tell the parts of `groups` groups apart.
pub(crate) fn part_bits(groups: usize) -> u32 {
    groups.div_ceil(PART_GROUPS).next_power_of_two().trailing_zeros().clamp(4, 10)
}

/// A new order of the groups of a table, in which each part is a run.
#[derive(Debug)]
pub(crate) struct Partitions {
    starts: Vec<u32>,
    /// The new number of each group.
    targets: Vec<u32>,
}

impl Partitions {
    /// Splits the groups of a table into `1 << bits` parts. Null's group is in the first.
    pub(crate) fn new(table: &GroupTable, bits: u32) -> Self {
        let count = table.len() as u32;
        let shift = 64 - bits;
        let part_of = |g: u32| if table.is_null_group(g) { 0 } else { table.key_hash(g) >> shift };
        // Parts are numbered in 16 bits: there are at most 2^10.
        let parts: Vec<u16> = (0..count).map(|g| part_of(g) as u16).collect();
        let mut starts = vec![0u32; (1 << bits) + 1];
        for &p in &parts {
            starts[usize::from(p) + 1] += 1;
        }
        for p in 0..1 << bits {
            starts[p + 1] += starts[p];
        }
        let mut next = starts.clone();
        let targets = parts
            .iter()
            .map(|&p| {
                let at = &mut next[usize::from(p)];
                *at += 1;
                *at - 1
            })
            .collect();
        Partitions { starts, targets }
    }

    /// The new numbers of the groups of a part.
    pub(crate) fn part(&self, part: usize) -> Range<u32> {
        self.starts[part]..self.starts[part + 1]
    }

    /// The new number of each group.
    pub(crate) fn targets(&self) -> &[u32] {
        &self.targets
    }
}

/// The hash of a key by its bytes.
pub(crate) fn hash_of(key: &[u8], window: &[u8; WINDOW], seeds: &Seeds) -> u64 {
    if key.len() <= SHORT_MAX {
        ShortKey::load(window, key.len()).hash(seeds)
    } else if key.len() <= MID_MAX {
        MidKey::load(window, key.len()).hash(seeds)
    } else {
        long_hash(key, seeds)
    }
}

/// The keys of a run of groups of a table, as rows.
struct StoredKeys<'a> {
    table: &'a GroupTable,
    bytes: &'a [u8],
    ends: &'a [u64],
    /// The first group.
    first: u32,
    /// Views of the keys, where none is null and the bytes are few enough for views.
    views: &'a [u64],
}

impl TextRows for StoredKeys<'_> {
    fn valid_views(&self, count: usize) -> Option<(&[u8], &[u64])> {
        Some((self.bytes, self.views.get(..count)?))
    }

    #[inline(always)]
    fn is_null(&self, row: usize) -> bool {
        self.table.is_null_group(self.first + row as u32)
    }

    fn bytes(&self, row: usize) -> &[u8] {
        &self.bytes[range(self.ends, self.first as usize + row)]
    }

    #[inline(always)]
    fn window(&self, row: usize) -> (Option<&[u8; WINDOW]>, usize) {
        let range = range(self.ends, self.first as usize + row);
        let window = self.bytes.get(range.start..range.start + WINDOW).and_then(|b| b.first_chunk());
        (window, range.len())
    }
}

impl GroupTable {
    /// Puts into `out` the groups here of the keys that `other` has as `groups`, making new ones
    /// where need be. Both tables have keys of the same types.
    pub(crate) fn assign_from(
        &mut self,
        other: &GroupTable,
        groups: Range<u32>,
        out: &mut Vec<u32>,
    ) -> Result<(), NeedsMore> {
        out.clear();
        out.reserve(groups.len());
        let mut block = Block::new();
        let mut views = Vec::with_capacity(BLOCK);
        for first in groups.clone().step_by(BLOCK) {
            let run = first..groups.end.min(first.saturating_add(BLOCK as u32));
            match &other.store {
                KeyStore::Words(words) => {
                    self.finder().find_words(run.len(), &mut block, |row| {
                        let g = first + row as u32;
                        (!other.is_null_group(g)).then(|| words[g as usize])
                    });
                    self.insert_missing(&mut block, |_| &[])?;
                }
                KeyStore::Bytes { bytes, ends } => {
                    views.clear();
                    // Null's group has an empty key, which must not be taken for the empty text.
                    let nulls = run.clone().any(|g| other.is_null_group(g));
                    if !nulls && bytes.len() <= u32::MAX as usize {
                        views.extend(run.clone().map(|g| {
                            let range = range(ends, g as usize);
                            range.start as u64 | (range.len() as u64) << 32
                        }));
                    }
                    let keys = StoredKeys { table: other, bytes, ends, first, views: &views };
                    self.finder().find_texts(&keys, run.len(), &mut block);
                    self.insert_missing(&mut block, |row| keys.bytes(row))?;
                }
            }
            out.extend_from_slice(&block.numbers.rows[..run.len()]);
        }
        Ok(())
    }
}
