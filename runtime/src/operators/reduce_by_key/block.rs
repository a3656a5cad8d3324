//! The keys of a block of rows on their way into a table: loaded, hashed, sorted by size.

use super::keys::encode_row;
use super::store::{LongKeys, long_hash};
use crate::kernels::hash::{MID_MAX, MidKey, SHORT_MAX, Seeds, ShortKey, WINDOW};
use crate::kernels::probe::{BLOCK, Bucket, Buckets, Keys, MidBucket, Numbers, ShortBucket};
use flow_ir::column::VALID;
use flow_ir::{Column, StrColumn};

/// The tables that a block's keys are looked up in.
#[derive(Debug)]
pub(crate) struct Tables {
    /// Keys of up to [`SHORT_MAX`] bytes.
    pub(crate) short: Buckets<ShortBucket>,
    /// Keys of up to [`MID_MAX`] bytes.
    pub(crate) mid: Buckets<MidBucket>,
    /// Longer keys.
    pub(crate) long: LongKeys,
    pub(crate) seeds: Seeds,
}

/// The keys of a block of rows, by size, and the numbers found for them.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) short: Keys<ShortKey>,
    pub(crate) mid: Keys<MidKey>,
    /// Rows with longer keys, and the hashes of those.
    pub(crate) long: Vec<(u8, u64)>,
    pub(crate) numbers: Numbers,
    rest: [u8; BLOCK],
}

impl Block {
    /// An empty block.
    pub(crate) fn new() -> Box<Self> {
        Box::new(Block {
            short: Keys::new(ShortKey { word: 0, tail: 0 }),
            mid: Keys::new(MidKey { words: [0; 3], tail: 0 }),
            long: Vec::new(),
            numbers: Numbers::new(),
            rest: [0; BLOCK],
        })
    }

    fn clear(&mut self) {
        self.short.clear();
        self.mid.clear();
        self.long.clear();
        self.numbers.clear();
    }

    /// Loads the keys of `count` rows (at most [`BLOCK`]), and starts fetching what they will be
    /// compared with. Rows that are null get the number `null`.
    pub(crate) fn load_texts<T: TextRows>(&mut self, texts: &T, count: usize, null: u32, tables: &Tables) {
        self.clear();
        let seeds = tables.seeds;
        let far = tables.short.is_far();
        let mut rest = 0;
        for row in 0..count.min(BLOCK) {
            if texts.is_null(row) {
                self.numbers.set(row as u8, null);
                continue;
            }
            let mut spare = [0; WINDOW];
            let (window, length) = texts.window(row, &mut spare);
            let key = ShortKey::load(window, length);
            let hash = key.hash(&seeds);
            let fits = length <= SHORT_MAX;
            self.short.push_if(fits, row as u8, key, hash);
            if far {
                tables.short.fetch(hash);
            }
            self.rest[rest % BLOCK] = row as u8;
            rest += usize::from(!fits);
        }
        for i in 0..rest.min(BLOCK) {
            let row = self.rest[i];
            let mut spare = [0; WINDOW];
            let (window, length) = texts.window(usize::from(row), &mut spare);
            if length <= MID_MAX {
                let key = MidKey::load(window, length);
                let hash = key.hash(&seeds);
                self.mid.push_if(true, row, key, hash);
                tables.mid.fetch(hash);
            } else {
                let hash = long_hash(texts.bytes(usize::from(row)), &seeds);
                self.long.push((row, hash));
                tables.long.fetch(hash);
            }
        }
    }

    /// Loads the keys of `count` rows (at most [`BLOCK`]) of eight bytes each; `None` for null.
    #[inline(always)]
    pub(crate) fn load_words(
        &mut self,
        count: usize,
        null: u32,
        tables: &Tables,
        word: impl Fn(usize) -> Option<u64>,
    ) {
        self.clear();
        let far = tables.short.is_far();
        for row in 0..count.min(BLOCK) {
            match word(row) {
                Some(word) => {
                    let key = ShortKey::of_word(word);
                    let hash = ShortBucket::hash(&key, &tables.seeds);
                    self.short.push_if(true, row as u8, key, hash);
                    if far {
                        tables.short.fetch(hash);
                    }
                }
                None => self.numbers.set(row as u8, null),
            }
        }
    }
}

/// Keys that are bytes, by row of a block.
pub(crate) trait TextRows {
    /// Whether the row has no key.
    fn is_null(&self, row: usize) -> bool;
    /// The key.
    fn bytes(&self, row: usize) -> &[u8];
    /// Its first bytes, what follows them, and its length. `spare` is room for a copy.
    fn window<'a>(&'a self, row: usize, spare: &'a mut [u8; WINDOW]) -> (&'a [u8; WINDOW], usize);
}

#[cold]
fn copied<'a>(bytes: &[u8], spare: &'a mut [u8; WINDOW]) -> &'a [u8; WINDOW] {
    let n = bytes.len().min(WINDOW);
    spare[..n].copy_from_slice(&bytes[..n]);
    spare
}

/// A window into `buffer`, which ends in padding unless something is wrong with it.
#[inline(always)]
fn window_at<'a>(buffer: &'a [u8], at: usize, length: usize, spare: &'a mut [u8; WINDOW]) -> &'a [u8; WINDOW] {
    match buffer.get(at..at + WINDOW).and_then(|b| b.first_chunk::<WINDOW>()) {
        Some(window) => window,
        None => copied(&buffer[at..at + length], spare),
    }
}

/// Rows of a string column from `from` on, none of them null.
pub(crate) struct ValidTexts<'a> {
    pub(crate) texts: &'a StrColumn,
    pub(crate) from: usize,
}

impl TextRows for ValidTexts<'_> {
    #[inline(always)]
    fn is_null(&self, _: usize) -> bool {
        false
    }

    fn bytes(&self, row: usize) -> &[u8] {
        self.texts.bytes(self.from + row)
    }

    #[inline(always)]
    fn window<'a>(&'a self, row: usize, spare: &'a mut [u8; WINDOW]) -> (&'a [u8; WINDOW], usize) {
        let view = self.texts.views[self.from + row];
        let (at, length) = ((view & 0xffff_ffff) as usize, (view >> 32) as usize);
        (window_at(&self.texts.buffer, at, length, spare), length)
    }
}

/// Rows of a string column some of which may be null.
pub(crate) struct NullableTexts<'a> {
    pub(crate) valid: ValidTexts<'a>,
    pub(crate) status: &'a [u8],
}

impl TextRows for NullableTexts<'_> {
    #[inline(always)]
    fn is_null(&self, row: usize) -> bool {
        self.status[self.valid.from + row] != VALID
    }

    fn bytes(&self, row: usize) -> &[u8] {
        self.valid.bytes(row)
    }

    #[inline(always)]
    fn window<'a>(&'a self, row: usize, spare: &'a mut [u8; WINDOW]) -> (&'a [u8; WINDOW], usize) {
        self.valid.window(row, spare)
    }
}

/// Encoded keys of a block.
#[derive(Debug, Default)]
pub(crate) struct EncodedRows {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl EncodedRows {
    /// Encodes rows `from..to`.
    pub(crate) fn fill(&mut self, columns: &[&Column], from: usize, to: usize) {
        self.bytes.clear();
        self.ends.clear();
        for row in from..to {
            encode_row(columns, row, &mut self.bytes);
            self.ends.push(self.bytes.len());
        }
        self.bytes.extend_from_slice(&[0; WINDOW]);
    }

    #[inline(always)]
    fn start(&self, row: usize) -> usize {
        if row == 0 { 0 } else { self.ends[row - 1] }
    }
}

impl TextRows for EncodedRows {
    #[inline(always)]
    fn is_null(&self, _: usize) -> bool {
        false
    }

    fn bytes(&self, row: usize) -> &[u8] {
        &self.bytes[self.start(row)..self.ends[row]]
    }

    #[inline(always)]
    fn window<'a>(&'a self, row: usize, spare: &'a mut [u8; WINDOW]) -> (&'a [u8; WINDOW], usize) {
        let (at, length) = (self.start(row), self.ends[row] - self.start(row));
        (window_at(&self.bytes, at, length, spare), length)
    }
}
