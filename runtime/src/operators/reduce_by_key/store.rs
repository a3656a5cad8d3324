//! The keys of a table's groups, by group.

use crate::kernels::hash::{MID_MAX, Seeds, hash_long};
use std::ops::Range;

/// Keys in the order of their groups.
#[derive(Debug)]
pub(crate) enum KeyStore {
    /// Keys of eight bytes.
    Words(Vec<u64>),
    /// Keys of any length.
    Bytes {
        /// One after the other.
        bytes: Vec<u8>,
        /// Where each ends.
        ends: Vec<u64>,
    },
}

impl KeyStore {
    /// Keys.
    pub(crate) fn len(&self) -> usize {
        match self {
            KeyStore::Words(words) => words.len(),
            KeyStore::Bytes { ends, .. } => ends.len(),
        }
    }

    /// Makes room for keys of so many bytes in all.
    pub(crate) fn reserve(&mut self, keys: usize, total: usize) {
        match self {
            KeyStore::Words(words) => words.reserve(keys),
            KeyStore::Bytes { bytes, ends } => {
                bytes.reserve(total);
                ends.reserve(keys);
            }
        }
    }

    /// Appends a key.
    pub(crate) fn push(&mut self, key: &[u8]) {
        match self {
            KeyStore::Words(words) => words.push(first_word(key)),
            KeyStore::Bytes { bytes, ends } => {
                bytes.extend_from_slice(key);
                ends.push(bytes.len() as u64);
            }
        }
    }

    /// Calls `f` with a key's bytes.
    #[inline(always)]
    pub(crate) fn with<R>(&self, group: u32, f: impl FnOnce(&[u8]) -> R) -> R {
        let g = group as usize;
        match self {
            KeyStore::Words(words) => f(&words[g].to_le_bytes()),
            KeyStore::Bytes { bytes, ends } => f(&bytes[range(ends, g)]),
        }
    }

    /// The same keys in another order: key `g` at `targets[g]`.
    pub(crate) fn reordered(&self, targets: &[u32]) -> Self {
        match self {
            KeyStore::Words(words) => {
                let mut out = vec![0; words.len()];
                targets.iter().zip(words).for_each(|(&t, &w)| out[t as usize] = w);
                KeyStore::Words(out)
            }
            KeyStore::Bytes { bytes, ends } => {
                // First the lengths, which make the new ends; then the bytes.
                let mut new_ends = vec![0; ends.len()];
                let mut from = 0;
                for (&t, &end) in targets.iter().zip(ends) {
                    new_ends[t as usize] = end - from;
                    from = end;
                }
                let mut end = 0;
                for e in &mut new_ends {
                    end += *e;
                    *e = end;
                }
                let mut out = vec![0; bytes.len()];
                let mut from = 0;
                for (&t, &end) in targets.iter().zip(ends) {
                    let key = &bytes[from..end as usize];
                    out[range(&new_ends, t as usize)].copy_from_slice(key);
                    from = end as usize;
                }
                KeyStore::Bytes { bytes: out, ends: new_ends }
            }
        }
    }

    /// Bytes held.
    pub(crate) fn bytes_used(&self) -> usize {
        match self {
            KeyStore::Words(words) => words.capacity() * 8,
            KeyStore::Bytes { bytes, ends } => bytes.capacity() + ends.capacity() * 8,
        }
    }
}

/// Where the key of a group lies, given where all keys end.
#[inline(always)]
pub(crate) fn range(ends: &[u64], group: usize) -> Range<usize> {
    let from = if group == 0 { 0 } else { ends[group - 1] as usize };
    from..ends[group] as usize
}

/// The first eight bytes, zeros where there are fewer.
pub(crate) fn first_word(key: &[u8]) -> u64 {
    let mut word = [0; 8];
    let n = key.len().min(8);
    word[..n].copy_from_slice(&key[..n]);
    u64::from_le_bytes(word)
}

/// Numbers of keys that are longer than [`MID_MAX`] bytes, by hash; the store has their bytes.
#[derive(Debug, Default)]
pub(crate) struct LongKeys {
    /// (hash, number plus one): none, or a power of two.
    slots: Vec<(u64, u32)>,
    used: usize,
}

impl LongKeys {
    /// Bytes held.
    pub(crate) fn bytes_used(&self) -> usize {
        self.slots.len() * size_of::<(u64, u32)>()
    }

    /// The number of a key; `None` if it is not there.
    pub(crate) fn find(&self, key: &[u8], hash: u64, store: &KeyStore) -> Option<u32> {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = hash as usize & mask;
        while let Some(&(h, number)) = self.slots.get(at) {
            let number = number.checked_sub(1)?;
            if h == hash && store.with(number, |k| k == key) {
                return Some(number);
            }
            at = (at + 1) & mask;
        }
        None
    }

    /// Starts fetching the slot of a hash.
    #[inline(always)]
    pub(crate) fn fetch(&self, hash: u64) {
        let mask = self.slots.len().wrapping_sub(1);
        crate::kernels::probe::fetch(self.slots.as_ptr().wrapping_add(hash as usize & mask));
    }

    /// Whether there are no keys.
    pub(crate) fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// The number of slots the table must grow to before another key may be put in, if it must.
    pub(crate) fn must_grow_to(&self) -> Option<usize> {
        (self.used * 2 >= self.slots.len()).then_some((self.slots.len() * 2).max(64))
    }

    /// Moves all keys to a table of `slots` slots, a power of two and more than there are.
    pub(crate) fn grow(&mut self, slots: usize) {
        let old = std::mem::replace(&mut self.slots, vec![(0, 0); slots]);
        for (hash, number) in old {
            if number != 0 {
                self.place(hash, number);
            }
        }
    }

    /// Puts in a key that is not there. The caller has grown the table.
    pub(crate) fn insert(&mut self, hash: u64, number: u32) {
        self.place(hash, number + 1);
        self.used += 1;
    }

    fn place(&mut self, hash: u64, number: u32) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at].1 != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = (hash, number);
    }
}

/// The hash of a long key.
pub(crate) fn long_hash(key: &[u8], seeds: &Seeds) -> u64 {
    debug_assert!(key.len() > MID_MAX);
    hash_long(key, seeds)
}
