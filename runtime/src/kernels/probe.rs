//! Open-addressing tables of key numbers, probed a block of rows at a time.
//!
//! A bucket is one cache line, so a key that is not crowded out costs one line whichever of its
//! places it has. Blocks first load and hash all their keys and, where the table is larger than
//! the near caches, fetch their buckets; only then are buckets compared. What is found does not
//! depend on the instruction set.
// Fetching ahead and calling vector versions have no safe form.
#![allow(unsafe_code)]

use crate::kernels::hash::{MidKey, Seeds, ShortKey};
use crate::kernels::level::{Instructions, SimdLevel};

/// The number of a key that is not in a table.
pub const NO_GROUP: u32 = u32::MAX;

/// Rows of a block, so that a row's number in it is a byte.
pub(crate) const BLOCK: usize = 256;

/// Bytes of a table up to which it is expected to stay in the near caches.
const NEAR: usize = 256 << 10;

/// A line of a table of keys of one size. Places fill from the front.
pub(crate) trait Bucket: Copy + Default {
    /// The keys.
    type Key: Copy;
    /// Keys of a bucket.
    const PLACES: usize;
    /// One bit for each place that holds the key.
    fn matches(&self, key: &Self::Key) -> u32;
    /// The number at a place, plus one; 0 where there is none.
    fn number(&self, place: usize) -> u32;
    /// Puts a key at a place.
    fn put(&mut self, place: usize, key: &Self::Key, number: u32);
    /// The key at a place.
    fn key(&self, place: usize) -> Self::Key;
    /// A key's hash.
    fn hash(key: &Self::Key, seeds: &Seeds) -> u64;
}

/// Four short keys.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct ShortBucket {
    words: [u64; 4],
    tails: [u32; 4],
    numbers: [u32; 4],
}

impl Bucket for ShortBucket {
    type Key = ShortKey;
    const PLACES: usize = 4;

    #[inline(always)]
    fn matches(&self, key: &ShortKey) -> u32 {
        let mut out = 0;
        for i in 0..4 {
            let same = (self.words[i] == key.word) & (self.tails[i] == key.tail);
            out |= u32::from(same) << i;
        }
        out
    }

    #[inline(always)]
    fn number(&self, place: usize) -> u32 {
        self.numbers[place & 3]
    }

    fn put(&mut self, place: usize, key: &ShortKey, number: u32) {
        self.words[place & 3] = key.word;
        self.tails[place & 3] = key.tail;
        self.numbers[place & 3] = number;
    }

    fn key(&self, place: usize) -> ShortKey {
        ShortKey { word: self.words[place & 3], tail: self.tails[place & 3] }
    }

    #[inline(always)]
    fn hash(key: &ShortKey, seeds: &Seeds) -> u64 {
        key.hash(seeds)
    }
}

/// Two mid keys.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct MidBucket {
    entries: [MidEntry; 2],
}

#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct MidEntry {
    words: [u64; 3],
    tail: u32,
    number: u32,
}

impl Bucket for MidBucket {
    type Key = MidKey;
    const PLACES: usize = 2;

    #[inline(always)]
    fn matches(&self, key: &MidKey) -> u32 {
        let same = |e: &MidEntry| {
            let [a, b, c] = e.words;
            let [x, y, z] = key.words;
            u32::from((a ^ x) | (b ^ y) | (c ^ z) | u64::from(e.tail ^ key.tail) == 0)
        };
        same(&self.entries[0]) | same(&self.entries[1]) << 1
    }

    #[inline(always)]
    fn number(&self, place: usize) -> u32 {
        self.entries[place & 1].number
    }

    fn put(&mut self, place: usize, key: &MidKey, number: u32) {
        self.entries[place & 1] = MidEntry { words: key.words, tail: key.tail, number };
    }

    fn key(&self, place: usize) -> MidKey {
        let e = &self.entries[place & 1];
        MidKey { words: e.words, tail: e.tail }
    }

    #[inline(always)]
    fn hash(key: &MidKey, seeds: &Seeds) -> u64 {
        key.hash(seeds)
    }
}

/// Numbers by key.
#[derive(Clone, Debug)]
pub(crate) struct Buckets<B> {
    /// None, or a power of two.
    lines: Vec<B>,
    used: usize,
}

impl<B: Bucket> Buckets<B> {
    /// An empty table.
    pub(crate) fn new() -> Self {
        Buckets { lines: Vec::new(), used: 0 }
    }

    /// Bytes held.
    pub(crate) fn bytes_used(&self) -> usize {
        self.lines.len() * size_of::<B>()
    }

    /// The number of lines the table must grow to before another key may be put in, if it must.
    pub(crate) fn must_grow_to(&self) -> Option<usize> {
        // A quarter of the places stays free (half in small tables, which costs them nothing), so
        // that few keys are crowded out of their line.
        let places = self.lines.len() * B::PLACES;
        let full = if self.bytes_used() < NEAR { places / 2 } else { places / 4 * 3 };
        let grown = if self.bytes_used() < NEAR { self.lines.len() * 4 } else { self.lines.len() * 2 };
        (self.used >= full).then_some(grown.max(16))
    }

    /// Moves all keys to a table of `lines` lines, a power of two and more than there are.
    pub(crate) fn grow(&mut self, lines: usize, seeds: &Seeds) {
        let old = std::mem::replace(&mut self.lines, zeroed_lines(lines));
        for line in &old {
            for place in 0..B::PLACES {
                let number = line.number(place);
                if number != 0 {
                    let key = line.key(place);
                    self.place(&key, B::hash(&key, seeds), number);
                }
            }
        }
    }

    /// Puts in a key that is not there. The caller has grown the table.
    pub(crate) fn insert(&mut self, key: &B::Key, hash: u64, number: u32) {
        self.place(key, hash, number + 1);
        self.used += 1;
    }

    fn place(&mut self, key: &B::Key, hash: u64, number: u32) {
        let mask = self.lines.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let line = &mut self.lines[at];
            if let Some(place) = (0..B::PLACES).find(|&p| line.number(p) == 0) {
                return line.put(place, key, number);
            }
            at = (at + 1) & mask;
        }
    }

    /// The number of a key, or [`NO_GROUP`].
    #[inline(always)]
    pub(crate) fn find(&self, key: &B::Key, hash: u64) -> u32 {
        let mask = self.lines.len().wrapping_sub(1);
        let mut at = hash as usize & mask;
        while let Some(line) = self.lines.get(at) {
            let same = line.matches(key);
            if same != 0 {
                return line.number(same.trailing_zeros() as usize).wrapping_sub(1);
            }
            if line.number(B::PLACES - 1) == 0 {
                return NO_GROUP;
            }
            at = (at + 1) & mask;
        }
        NO_GROUP
    }

    /// Whether buckets should be fetched before they are compared.
    pub(crate) fn is_far(&self) -> bool {
        self.bytes_used() > NEAR
    }

    /// Starts fetching the bucket of a hash.
    #[inline(always)]
    pub(crate) fn fetch(&self, hash: u64) {
        let mask = self.lines.len().wrapping_sub(1);
        fetch(self.lines.as_ptr().wrapping_add(hash as usize & mask));
    }
}

/// Lines of zeros. Large tables ask for large pages, because every probe is in another page.
fn zeroed_lines<B: Bucket>(lines: usize) -> Vec<B> {
    vec![B::default(); lines]
}

/// Starts fetching the line at an address, which need not be valid.
#[inline(always)]
pub(crate) fn fetch<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: prefetching has no effect but on caches, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Some keys of a block of rows.
#[derive(Clone, Debug)]
pub(crate) struct Keys<K> {
    count: usize,
    keys: [K; BLOCK],
    hashes: [u64; BLOCK],
    rows: [u8; BLOCK],
}

impl<K: Copy> Keys<K> {
    /// No keys; `empty` is any key.
    pub(crate) fn new(empty: K) -> Self {
        Keys { count: 0, keys: [empty; BLOCK], hashes: [0; BLOCK], rows: [0; BLOCK] }
    }

    /// Forgets all keys.
    pub(crate) fn clear(&mut self) {
        self.count = 0;
    }

    /// Keys.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Appends the key of a row if `keep`, without a branch. There is room for one a row.
    #[inline(always)]
    pub(crate) fn push_if(&mut self, keep: bool, row: u8, key: K, hash: u64) {
        let at = self.count % BLOCK;
        self.keys[at] = key;
        self.hashes[at] = hash;
        self.rows[at] = row;
        self.count += usize::from(keep);
    }
}

/// The numbers of a block's rows.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    /// One a row.
    pub(crate) rows: [u32; BLOCK],
    missing: usize,
    missing_rows: [u8; BLOCK],
}

impl Numbers {
    /// No rows.
    pub(crate) fn new() -> Self {
        Numbers { rows: [NO_GROUP; BLOCK], missing: 0, missing_rows: [0; BLOCK] }
    }

    /// Forgets which rows are missing.
    pub(crate) fn clear(&mut self) {
        self.missing = 0;
    }

    /// Sets a row's number; remembers the row if it has none.
    #[inline(always)]
    pub(crate) fn set(&mut self, row: u8, number: u32) {
        self.rows[usize::from(row)] = number;
        self.missing_rows[self.missing % BLOCK] = row;
        self.missing += usize::from(number == NO_GROUP);
    }

    /// The rows without a number.
    pub(crate) fn missing(&mut self) -> &mut [u8] {
        &mut self.missing_rows[..self.missing.min(BLOCK)]
    }
}

/// Finds the numbers of the keys of a block.
pub(crate) fn probe<B: Bucket>(level: SimdLevel, table: &Buckets<B>, keys: &Keys<B::Key>, out: &mut Numbers) {
    match level.instructions() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a level of this kind exists only where the machine has these instructions.
        Instructions::Avx512 => unsafe { probe_avx512(table, keys, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Instructions::Avx2 => unsafe { probe_avx2(table, keys, out) },
        _ => probe_any(table, keys, out),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2,lzcnt,popcnt")]
fn probe_avx512<B: Bucket>(table: &Buckets<B>, keys: &Keys<B::Key>, out: &mut Numbers) {
    probe_any(table, keys, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn probe_avx2<B: Bucket>(table: &Buckets<B>, keys: &Keys<B::Key>, out: &mut Numbers) {
    probe_any(table, keys, out);
}

#[inline(always)]
fn probe_any<B: Bucket>(table: &Buckets<B>, keys: &Keys<B::Key>, out: &mut Numbers) {
    let n = keys.count.min(BLOCK);
    for ((key, &hash), &row) in keys.keys[..n].iter().zip(&keys.hashes[..n]).zip(&keys.rows[..n]) {
        out.set(row, table.find(key, hash));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<B: Bucket>(key: impl Fn(u64) -> B::Key, n: u64) {
        let seeds = Seeds::get();
        let mut table: Buckets<B> = Buckets::new();
        for i in 0..n {
            let k = key(i);
            let hash = B::hash(&k, &seeds);
            assert_eq!(table.find(&k, hash), NO_GROUP);
            if let Some(lines) = table.must_grow_to() {
                table.grow(lines, &seeds);
            }
            table.insert(&k, hash, i as u32);
        }
        for from in (0..2 * n).step_by(BLOCK) {
            let mut keys = Keys::new(key(0));
            for row in 0..BLOCK as u64 {
                let k = key(from + row);
                keys.push_if(true, row as u8, k, B::hash(&k, &seeds));
            }
            for level in SimdLevel::available() {
                let mut out = Numbers::new();
                probe(level, &table, &keys, &mut out);
                let expected = |row: usize| {
                    let i = from + row as u64;
                    if i < n { i as u32 } else { NO_GROUP }
                };
                assert!(out.rows.iter().enumerate().all(|(row, &g)| g == expected(row)));
                let missing: Vec<u8> = (0..=255).filter(|&r| expected(usize::from(r)) == NO_GROUP).collect();
                assert_eq!(out.missing(), missing);
            }
        }
    }

    #[test]
    fn finds_what_was_put_in_and_nothing_else() {
        check::<ShortBucket>(|i| ShortKey { word: i / 3, tail: 1 + (i % 3) as u32 }, 40_000);
        check::<MidBucket>(|i| MidKey { words: [i / 4, 5, i % 2], tail: 1 + (i / 2 % 2) as u32 }, 40_000);
    }
}
