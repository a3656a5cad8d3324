//! Open-addressing tables of key numbers, probed a block of rows at a time.
//!
//! A bucket is one cache line, so a key that is not crowded out costs one line whichever of its
//! places it has. Blocks first load and hash all their keys and, where the table is larger than
//! the near caches, fetch their buckets; only then are buckets compared. What is found does not
//! depend on the instruction set.
// Fetching ahead, calling vector versions and vouching for zeros have no safe form.
#![allow(unsafe_code)]

use crate::kernels::hash::{MidKey, Seeds, ShortKey};
use crate::kernels::level::{Instructions, SimdLevel};
use crate::kernels::probe_lines::{Lines, Zeroed};

/// The number of a key that is not in a table.
pub const NO_GROUP: u32 = u32::MAX;

/// Rows of a block, so that a row's number in it is a byte.
pub(crate) const BLOCK: usize = 256;

/// Room past a block's rows, so that whole vectors can be stored.
pub(crate) const SLACK: usize = 8;

/// Bytes of a table up to which it is expected to stay in the near caches.
const NEAR: usize = 256 << 10;

/// A line of a table of keys of one size. Places fill from the front.
pub(crate) trait Bucket: Zeroed {
    /// The keys.
    type Key: Copy;
    /// Keys of a bucket.
    const PLACES: usize;
    /// One bit for each place that holds the key.
    fn matches(&self, key: &Self::Key) -> u32;
    /// The number at a place.
    fn number(&self, place: usize) -> u32;
    /// Whether a place holds no key.
    fn is_free(&self, place: usize) -> bool;
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
    pub(super) words: [u64; 4],
    /// 0 where a place is free: no key's tail is.
    pub(super) tails: [u32; 4],
    pub(super) numbers: [u32; 4],
}

// SAFETY: integers without padding; zeros are the default.
unsafe impl Zeroed for ShortBucket {}

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

    #[inline(always)]
    fn is_free(&self, place: usize) -> bool {
        self.tails[place & 3] == 0
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
    /// 0 where a place is free: no key's tail is.
    tail: u32,
    number: u32,
}

// SAFETY: integers without padding; zeros are the default.
unsafe impl Zeroed for MidBucket {}

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

    #[inline(always)]
    fn is_free(&self, place: usize) -> bool {
        self.entries[place & 1].tail == 0
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
#[derive(Debug)]
pub(crate) struct Buckets<B: Bucket> {
    /// One, or any other power of two.
    lines: Lines<B>,
    used: usize,
}

impl<B: Bucket> Buckets<B> {
    /// An empty table.
    pub(crate) fn new() -> Self {
        Buckets { lines: Lines::new(1), used: 0 }
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
        let near = self.bytes_used() < NEAR;
        let full = if near { places / 2 } else { places / 4 * 3 };
        let grown = self.lines.len() * if near { 4 } else { 2 };
        (self.used >= full).then_some(grown.max(16))
    }

    /// The number of lines for `keys` keys.
    pub(crate) fn lines_for(keys: usize) -> usize {
        let mut lines = 16;
        while lines * B::PLACES / 2 <= keys && lines * size_of::<B>() < NEAR {
            lines *= 4;
        }
        while lines * B::PLACES / 4 * 3 <= keys && lines * size_of::<B>() >= NEAR {
            lines *= 2;
        }
        lines
    }

    /// Keys.
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// Lines.
    pub(crate) fn lines(&self) -> usize {
        self.lines.len()
    }

    /// Moves all keys to a table of `lines` lines, a power of two and more than there are.
    pub(crate) fn grow(&mut self, lines: usize, seeds: &Seeds) {
        let old = std::mem::replace(&mut self.lines, Lines::new(lines));
        for line in old.iter() {
            for place in (0..B::PLACES).filter(|&p| !line.is_free(p)) {
                let key = line.key(place);
                self.place(&key, B::hash(&key, seeds), line.number(place));
            }
        }
    }

    /// Puts in a key that is not there. The caller has grown the table.
    pub(crate) fn insert(&mut self, key: &B::Key, hash: u64, number: u32) {
        self.place(key, hash, number);
        self.used += 1;
    }

    fn place(&mut self, key: &B::Key, hash: u64, number: u32) {
        let mask = self.lines.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let line = &mut self.lines[at];
            if let Some(place) = (0..B::PLACES).find(|&p| line.is_free(p)) {
                return line.put(place, key, number);
            }
            at = (at + 1) & mask;
        }
    }

    /// The number of a key, or [`NO_GROUP`].
    #[inline(always)]
    pub(crate) fn find(&self, key: &B::Key, hash: u64) -> u32 {
        find_in(&self.lines, hash, |line| line.matches(key))
    }

    /// All lines, for probing.
    #[inline(always)]
    pub(crate) fn as_lines(&self) -> &[B] {
        &self.lines
    }

    /// Replaces every number.
    pub(crate) fn renumber(&mut self, new: impl Fn(u32) -> u32) {
        for line in self.lines.iter_mut() {
            for place in 0..B::PLACES {
                if !line.is_free(place) {
                    let key = line.key(place);
                    line.put(place, &key, new(line.number(place)));
                }
            }
        }
    }

    /// Whether buckets should be fetched before they are compared.
    pub(crate) fn is_far(&self) -> bool {
        self.bytes_used() > NEAR
    }
}

/// The number at the place that `matches` tells in a table's lines, or [`NO_GROUP`].
#[inline(always)]
pub(super) fn find_in<B: Bucket>(lines: &[B], hash: u64, matches: impl Fn(&B) -> u32) -> u32 {
    let mask = lines.len().wrapping_sub(1);
    let mut at = hash as usize & mask;
    while let Some(line) = lines.get(at) {
        let same = matches(line);
        if same != 0 {
            return line.number(same.trailing_zeros() as usize);
        }
        if line.is_free(B::PLACES - 1) {
            break;
        }
        at = (at + 1) & mask;
    }
    NO_GROUP
}

/// Starts fetching the buckets of some hashes in the lines that `lines` chooses by hash.
#[inline(always)]
pub(crate) fn fetch_buckets<'a, B: Bucket + 'a>(lines: impl Fn(u64) -> &'a [B], hashes: &[u64]) {
    for &hash in hashes {
        let lines = lines(hash);
        fetch(lines.as_ptr().wrapping_add(hash as usize & lines.len().wrapping_sub(1)));
    }
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

/// The short keys of a block of rows.
#[derive(Clone, Debug)]
pub(crate) struct ShortKeys {
    pub(super) count: usize,
    pub(super) words: [u64; BLOCK + SLACK],
    pub(super) tails: [u32; BLOCK + SLACK],
    pub(super) hashes: [u64; BLOCK + SLACK],
    pub(super) rows: [u8; BLOCK + SLACK],
}

impl ShortKeys {
    /// No keys.
    pub(crate) fn new() -> Self {
        ShortKeys {
            count: 0,
            words: [0; BLOCK + SLACK],
            tails: [0; BLOCK + SLACK],
            hashes: [0; BLOCK + SLACK],
            rows: [0; BLOCK + SLACK],
        }
    }

    /// Forgets all keys.
    pub(crate) fn clear(&mut self) {
        self.count = 0;
    }

    /// The keys' hashes.
    pub(crate) fn hashes(&self) -> &[u64] {
        &self.hashes[..self.count.min(BLOCK)]
    }

    /// Calls `f` with the row and the hash of every key.
    pub(crate) fn each_hash(&self, mut f: impl FnMut(u8, u64)) {
        let n = self.count.min(BLOCK);
        self.rows[..n].iter().zip(&self.hashes[..n]).for_each(|(&row, &hash)| f(row, hash));
    }

    /// A key and its hash.
    #[inline(always)]
    pub(crate) fn get(&self, at: u8) -> (ShortKey, u64) {
        let at = usize::from(at);
        (ShortKey { word: self.words[at], tail: self.tails[at] }, self.hashes[at])
    }

    /// Appends the key of a row if `keep`, without a branch. There is room for one a row.
    #[inline(always)]
    pub(crate) fn push_if(&mut self, keep: bool, row: u8, key: ShortKey, hash: u64) {
        let at = self.count % BLOCK;
        self.words[at] = key.word;
        self.tails[at] = key.tail;
        self.hashes[at] = hash;
        self.rows[at] = row;
        self.count += usize::from(keep);
    }
}

/// The mid keys of a block of rows.
#[derive(Clone, Debug)]
pub(crate) struct MidKeys {
    count: usize,
    keys: [MidKey; BLOCK],
    hashes: [u64; BLOCK],
    rows: [u8; BLOCK],
}

impl MidKeys {
    /// No keys.
    pub(crate) fn new() -> Self {
        let none = MidKey { words: [0; 3], tail: 0 };
        MidKeys { count: 0, keys: [none; BLOCK], hashes: [0; BLOCK], rows: [0; BLOCK] }
    }

    /// Forgets all keys.
    pub(crate) fn clear(&mut self) {
        self.count = 0;
    }

    /// The keys' hashes.
    pub(crate) fn hashes(&self) -> &[u64] {
        &self.hashes[..self.count.min(BLOCK)]
    }

    /// Calls `f` with the row and the hash of every key.
    pub(crate) fn each_hash(&self, mut f: impl FnMut(u8, u64)) {
        let n = self.count.min(BLOCK);
        self.rows[..n].iter().zip(&self.hashes[..n]).for_each(|(&row, &hash)| f(row, hash));
    }

    /// A key and its hash.
    #[inline(always)]
    pub(crate) fn get(&self, at: u8) -> (MidKey, u64) {
        (self.keys[usize::from(at)], self.hashes[usize::from(at)])
    }

    /// Appends the key of a row. There is room for one a row.
    #[inline(always)]
    pub(crate) fn push(&mut self, row: u8, key: MidKey, hash: u64) {
        let at = self.count % BLOCK;
        self.keys[at] = key;
        self.hashes[at] = hash;
        self.rows[at] = row;
        self.count += 1;
    }
}

/// Where in its block the key of a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum KeyPlace {
    /// Nowhere: the row is null.
    Null,
    /// Among the short keys.
    Short(u8),
    /// Among the mid keys.
    Mid(u8),
    /// Among the long keys.
    Long(u8),
}

/// The numbers of a block's rows.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    /// One a row.
    pub(crate) rows: [u32; BLOCK],
    /// The rows without a number.
    pub(crate) missing: Vec<(u8, KeyPlace)>,
}

impl Numbers {
    /// No rows.
    pub(crate) fn new() -> Self {
        Numbers { rows: [NO_GROUP; BLOCK], missing: Vec::with_capacity(BLOCK) }
    }

    /// Sets a row's number; remembers the row if it has none.
    #[inline(always)]
    pub(crate) fn set(&mut self, row: u8, number: u32, key: impl FnOnce() -> KeyPlace) {
        self.rows[usize::from(row)] = number;
        if number == NO_GROUP {
            self.missing.push((row, key()));
        }
    }
}

/// Loads and hashes the short keys among `views` (at most a block) into `keys`, and writes the rows
/// of longer keys to `rest`; their count is returned. `None` where there is no vector version for
/// this machine or this buffer.
pub(crate) fn load_short(
    level: SimdLevel,
    buffer: &[u8],
    views: &[u64],
    seeds: &Seeds,
    keys: &mut ShortKeys,
    rest: &mut [u8; BLOCK + SLACK],
) -> Option<usize> {
    match level.instructions() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this level exists only where the machine has its instructions.
        Instructions::Avx512 => unsafe { super::probe_avx512::load_short(buffer, views, seeds, keys, rest) },
        _ => {
            let _ = (buffer, views, seeds, keys, rest);
            None
        }
    }
}

/// Finds the numbers of a block's short keys, each in the lines that `lines` chooses by hash.
#[inline(always)]
pub(crate) fn probe_short<'a>(
    level: SimdLevel,
    lines: impl Fn(u64) -> &'a [ShortBucket],
    keys: &ShortKeys,
    out: &mut Numbers,
) {
    match level.instructions() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this level exists only where the machine has its instructions.
        Instructions::Avx512 => unsafe { super::probe_avx512::probe_short(lines, keys, out) },
        _ => {
            let n = keys.count.min(BLOCK);
            for i in 0..n {
                let (key, hash) = keys.get(i as u8);
                let number = find_in(lines(hash), hash, |line| line.matches(&key));
                out.set(keys.rows[i], number, || KeyPlace::Short(i as u8));
            }
        }
    }
}

/// Finds the numbers of a block's mid keys, each in the lines that `lines` chooses by hash.
#[inline(always)]
pub(crate) fn probe_mid<'a>(lines: impl Fn(u64) -> &'a [MidBucket], keys: &MidKeys, out: &mut Numbers) {
    let n = keys.count.min(BLOCK);
    let rows = keys.keys[..n].iter().zip(&keys.hashes[..n]).zip(&keys.rows[..n]).enumerate();
    for (i, ((key, &hash), &row)) in rows {
        let number = find_in(lines(hash), hash, |line| line.matches(key));
        out.set(row, number, || KeyPlace::Mid(i as u8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fills a table with `n` keys; then `found(keys from, of a block)` must tell their numbers.
    fn check<B: Bucket>(
        key: impl Fn(u64) -> B::Key,
        n: u64,
        found: impl Fn(&Buckets<B>, &[(B::Key, u64)]) -> Vec<Numbers>,
    ) {
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
            let keys: Vec<(B::Key, u64)> = (from..from + BLOCK as u64)
                .map(|i| {
                    let k = key(i);
                    (k, B::hash(&k, &seeds))
                })
                .collect();
            for out in found(&table, &keys) {
                let expected =
                    |row: usize| if from + (row as u64) < n { (from + row as u64) as u32 } else { NO_GROUP };
                assert!(out.rows.iter().enumerate().all(|(row, &g)| g == expected(row)));
                let missing: Vec<u8> = (0..=255).filter(|&r| expected(usize::from(r)) == NO_GROUP).collect();
                let places = [KeyPlace::Short as fn(u8) -> KeyPlace, KeyPlace::Mid];
                assert!(
                    places
                        .iter()
                        .any(|at| missing.iter().map(|&r| (r, at(r))).eq(out.missing.iter().copied()))
                );
            }
        }
    }

    #[test]
    fn finds_what_was_put_in_and_nothing_else() {
        check::<ShortBucket>(
            |i| ShortKey { word: i / 3, tail: 1 + (i % 3) as u32 },
            40_000,
            |table, keys| {
                let mut block = ShortKeys::new();
                for (row, (key, hash)) in keys.iter().enumerate() {
                    block.push_if(true, row as u8, *key, *hash);
                }
                let probed = SimdLevel::available().into_iter().map(|level| {
                    let mut out = Numbers::new();
                    probe_short(level, |_| table.as_lines(), &block, &mut out);
                    out
                });
                probed.collect()
            },
        );
        check::<MidBucket>(
            |i| MidKey { words: [i / 4, 5, i % 2], tail: 1 + (i / 2 % 2) as u32 },
            40_000,
            |table, keys| {
                let mut block = MidKeys::new();
                for (row, (key, hash)) in keys.iter().enumerate() {
                    block.push(row as u8, *key, *hash);
                }
                let mut out = Numbers::new();
                probe_mid(|_| table.as_lines(), &block, &mut out);
                vec![out]
            },
        );
    }
}
