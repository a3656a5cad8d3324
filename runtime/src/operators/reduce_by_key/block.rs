//! The keys of a block of rows on their way into a table: loaded, hashed, sorted by size.

use super::keys::{encode_row, encode_value};
use super::store::long_hash;
use crate::kernels::hash::{MID_MAX, MidKey, SHORT_MAX, Seeds, ShortKey, WINDOW};
use crate::kernels::level::SimdLevel;
use crate::kernels::probe::{BLOCK, KeyPlace, MidKeys, Numbers, SLACK, ShortKeys, load_short};
use flow_ir::column::VALID;
use flow_ir::{Column, StrColumn, Values};

/// The keys of a block of rows, by size, and the numbers found for them.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) short: ShortKeys,
    pub(crate) mid: MidKeys,
    /// Rows with longer keys, and the hashes of those.
    pub(crate) long: Vec<(u8, u64)>,
    pub(crate) numbers: Numbers,
    rest: [u8; BLOCK + SLACK],
}

impl Block {
    /// An empty block.
    pub(crate) fn new() -> Box<Self> {
        Box::new(Block {
            short: ShortKeys::new(),
            mid: MidKeys::new(),
            long: Vec::new(),
            numbers: Numbers::new(),
            rest: [0; BLOCK + SLACK],
        })
    }

    /// Sets the hash of every row that was loaded.
    pub(crate) fn hashes(&self, out: &mut [u64; BLOCK]) {
        self.short.each_hash(|row, hash| out[usize::from(row)] = hash);
        self.mid.each_hash(|row, hash| out[usize::from(row)] = hash);
        self.long.iter().for_each(|&(row, hash)| out[usize::from(row)] = hash);
    }

    fn clear(&mut self) {
        self.short.clear();
        self.mid.clear();
        self.long.clear();
        self.numbers.missing.clear();
    }

    /// Starts on `count` rows (at most [`BLOCK`]): loads their short keys and returns how many rows
    /// have longer ones. Rows that are null get the number `null`.
    pub(crate) fn load_short<T: TextRows>(
        &mut self,
        level: SimdLevel,
        texts: &T,
        count: usize,
        null: u32,
        seeds: &Seeds,
    ) -> usize {
        self.clear();
        let loaded = texts.valid_views(count).and_then(|(buffer, views)| {
            load_short(level, buffer, views, seeds, &mut self.short, &mut self.rest)
        });
        loaded.unwrap_or_else(|| self.load_short_rows(texts, count, null, seeds))
    }

    /// Loads the keys of the `rest` rows whose keys are longer.
    pub(crate) fn load_rest<T: TextRows>(&mut self, texts: &T, rest: usize, seeds: &Seeds) {
        for i in 0..rest.min(BLOCK) {
            let row = self.rest[i];
            let (window, length) = texts.window(usize::from(row));
            if length <= MID_MAX {
                let key = match window {
                    Some(window) => MidKey::load(window, length),
                    None => MidKey::load(&copied(texts.bytes(usize::from(row))), length),
                };
                self.mid.push(row, key, key.hash(seeds));
            } else {
                self.long.push((row, long_hash(texts.bytes(usize::from(row)), seeds)));
            }
        }
    }

    /// Loads the short keys one row after the other; returns how many rows have longer ones.
    fn load_short_rows<T: TextRows>(&mut self, texts: &T, count: usize, null: u32, seeds: &Seeds) -> usize {
        let mut rest = 0;
        for row in 0..count.min(BLOCK) {
            if texts.is_null(row) {
                self.numbers.set(row as u8, null, || KeyPlace::Null);
                continue;
            }
            let (window, length) = texts.window(row);
            let key = match window {
                Some(window) => ShortKey::load(window, length),
                None => ShortKey::load(&copied(texts.bytes(row)), length),
            };
            let fits = length <= SHORT_MAX;
            self.short.push_if(fits, row as u8, key, key.hash(seeds));
            self.rest[rest % BLOCK] = row as u8;
            rest += usize::from(!fits);
        }
        rest
    }

    /// Loads the keys of `count` rows (at most [`BLOCK`]) of eight bytes each; `None` for null.
    #[inline(always)]
    pub(crate) fn load_words(
        &mut self,
        count: usize,
        null: u32,
        seeds: &Seeds,
        word: impl Fn(usize) -> Option<u64>,
    ) {
        self.clear();
        for row in 0..count.min(BLOCK) {
            match word(row) {
                Some(word) => {
                    let key = ShortKey::of_word(word);
                    self.short.push_if(true, row as u8, key, key.hash(seeds));
                }
                None => self.numbers.set(row as u8, null, || KeyPlace::Null),
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
    /// The buffer and the views of the first `count` rows, if none of them is null.
    fn valid_views(&self, _count: usize) -> Option<(&[u8], &[u64])> {
        None
    }
    /// Its first bytes with what follows them, if enough follows, and its length.
    fn window(&self, row: usize) -> (Option<&[u8; WINDOW]>, usize);
}

/// A key's first bytes with zeros behind them.
#[cold]
pub(crate) fn copied(bytes: &[u8]) -> [u8; WINDOW] {
    let mut window = [0; WINDOW];
    let n = bytes.len().min(WINDOW);
    window[..n].copy_from_slice(&bytes[..n]);
    window
}

/// A window into `buffer`, unless it ends before.
#[inline(always)]
fn window_at(buffer: &[u8], at: usize) -> Option<&[u8; WINDOW]> {
    buffer.get(at..at + WINDOW)?.first_chunk()
}

/// Rows of a string column from `from` on, none of them null.
pub(crate) struct ValidTexts<'a> {
    pub(crate) texts: &'a StrColumn,
    pub(crate) from: usize,
}

impl TextRows for ValidTexts<'_> {
    fn valid_views(&self, count: usize) -> Option<(&[u8], &[u64])> {
        Some((&self.texts.buffer, &self.texts.views[self.from..self.from + count]))
    }

    #[inline(always)]
    fn is_null(&self, _: usize) -> bool {
        false
    }

    fn bytes(&self, row: usize) -> &[u8] {
        self.texts.bytes(self.from + row)
    }

    #[inline(always)]
    fn window(&self, row: usize) -> (Option<&[u8; WINDOW]>, usize) {
        let view = self.texts.views[self.from + row];
        let (at, length) = ((view & 0xffff_ffff) as usize, (view >> 32) as usize);
        (window_at(&self.texts.buffer, at), length)
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
    fn window(&self, row: usize) -> (Option<&[u8; WINDOW]>, usize) {
        self.valid.window(row)
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

    /// Encodes pairs of a group and a row's value, for the rows of `pairs`.
    pub(crate) fn fill_pairs(&mut self, pairs: &[(u32, u32)], values: &Values) {
        self.bytes.clear();
        self.ends.clear();
        for &(group, row) in pairs {
            self.bytes.extend_from_slice(&group.to_le_bytes());
            encode_value(values, row as usize, &mut self.bytes);
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
    fn window(&self, row: usize) -> (Option<&[u8; WINDOW]>, usize) {
        let (at, length) = (self.start(row), self.ends[row] - self.start(row));
        (window_at(&self.bytes, at), length)
    }
}
