//! The table that numbers the different keys of a stream of rows.
//!
//! Groups are numbered from 0 in the order in which their keys first appear, so a group's number
//! indexes the states, positions and rows that operators keep beside the table. Keys lie in
//! tables by size, a cache line for a few of them, and are looked up a block of rows at a time.

use super::block::{Block, EncodedRows, TextRows, copied};
use super::keys::{KeyColumn, KeyReader};
use super::lookup::{Finder, KeyForm, Lookup};
use super::partition::hash_of;
use super::store::{KeyStore, LongKeys, first_word, long_hash, range};
use crate::kernels::hash::{MID_MAX, MidKey, SHORT_MAX, Seeds, ShortKey, WINDOW};
use crate::kernels::level::SimdLevel;
pub use crate::kernels::probe::NO_GROUP;
use crate::kernels::probe::{BLOCK, Buckets, KeyPlace, MidBucket, ShortBucket};
use crate::memory::{Budget, NeedsMore, Reservation};
use flow_ir::{Column, Type, Values};

/// The keys of a table, by size.
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

/// Numbers keys.
#[derive(Debug)]
pub struct GroupTable {
    types: Vec<Type>,
    form: KeyForm,
    level: SimdLevel,
    pub(super) tables: Tables,
    pub(super) store: KeyStore,
    pub(super) null_group: u32,
    memory: Reservation,
    block: Box<Block>,
    encoded: EncodedRows,
}

impl GroupTable {
    /// An empty table for keys of the given types.
    pub fn new(types: Vec<Type>, budget: &Budget) -> Self {
        let form = KeyForm::of(&types);
        let store = match form {
            KeyForm::Word => KeyStore::Words(Vec::new()),
            _ => KeyStore::Bytes { bytes: Vec::new(), ends: Vec::new() },
        };
        GroupTable {
            types,
            form,
            level: SimdLevel::detect(),
            tables: Tables {
                short: Buckets::new(),
                mid: Buckets::new(),
                long: LongKeys::default(),
                seeds: Seeds::get(),
            },
            store,
            null_group: NO_GROUP,
            memory: budget.reserve("the groups of a table"),
            block: Block::new(),
            encoded: EncodedRows::default(),
        }
    }

    /// An empty table for keys of the same types.
    pub(crate) fn empty_like(&self, budget: &Budget) -> Self {
        GroupTable::new(self.types.clone(), budget)
    }

    /// Groups.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether there are no groups.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes held.
    pub fn bytes_used(&self) -> usize {
        let tables = &self.tables;
        tables.short.bytes_used()
            + tables.mid.bytes_used()
            + tables.long.bytes_used()
            + self.store.bytes_used()
    }

    /// Puts the group of each row into `groups`, making new groups for new keys.
    pub fn assign(&mut self, keys: &[&Column], rows: usize, groups: &mut Vec<u32>) -> Result<(), NeedsMore> {
        self.assign_and(keys, rows, groups, |_| ())
    }

    /// The same, and calls `then` with the groups of every block of rows.
    pub(crate) fn assign_and(
        &mut self,
        keys: &[&Column],
        rows: usize,
        groups: &mut Vec<u32>,
        then: impl Fn(&[u32]),
    ) -> Result<(), NeedsMore> {
        groups.clear();
        groups.reserve(rows);
        let mut block = std::mem::replace(&mut self.block, Block::new());
        let mut encoded = std::mem::take(&mut self.encoded);
        let mut outcome = Ok(());
        for from in (0..rows).step_by(BLOCK) {
            let to = rows.min(from + BLOCK);
            self.finder().find(keys, from, to, &mut block, &mut encoded);
            outcome = match (self.form, keys) {
                (KeyForm::Encoded, _) => self.insert_missing(&mut block, |row| encoded.bytes(row)),
                (_, [Column { values: Values::Str(texts), .. }]) => {
                    self.insert_missing(&mut block, |row| texts.bytes(from + row))
                }
                _ => self.insert_missing(&mut block, |_| &[]),
            };
            if outcome.is_err() {
                break;
            }
            let found = &block.numbers.rows[..to - from];
            then(found);
            groups.extend_from_slice(found);
        }
        self.block = block;
        self.encoded = encoded;
        outcome?;
        self.account(0)
    }

    /// Puts the numbers of the keys of a block of encoded rows into `numbers`, making new ones for new
    /// keys, in row order.
    pub(crate) fn assign_encoded(
        &mut self,
        encoded: &EncodedRows,
        count: usize,
        numbers: &mut Vec<u32>,
    ) -> Result<(), NeedsMore> {
        let mut block = std::mem::replace(&mut self.block, Block::new());
        self.finder().find_texts(encoded, count, &mut block);
        let outcome = self.insert_missing(&mut block, |row| encoded.bytes(row));
        numbers.clear();
        numbers.extend_from_slice(&block.numbers.rows[..count]);
        self.block = block;
        outcome?;
        self.account(0)
    }

    /// Puts the group of each row into `groups`, [`NO_GROUP`] where its key is not in the table.
    pub fn find(&self, keys: &[&Column], rows: usize, groups: &mut Vec<u32>) {
        groups.clear();
        groups.reserve(rows);
        let mut block = Block::new();
        let mut encoded = EncodedRows::default();
        for from in (0..rows).step_by(BLOCK) {
            let to = rows.min(from + BLOCK);
            self.finder().find(keys, from, to, &mut block, &mut encoded);
            groups.extend_from_slice(&block.numbers.rows[..to - from]);
        }
    }

    /// Finds keys here.
    pub(crate) fn finder(&self) -> Finder<'_, GroupTable> {
        Finder { form: self.form, level: self.level, lookup: self, null: self.null_group }
    }

    /// Makes groups for the keys of a block that were not found, in row order. `bytes` has the keys
    /// that are texts.
    pub(super) fn insert_missing<'a>(
        &mut self,
        block: &mut Block,
        bytes: impl Fn(usize) -> &'a [u8],
    ) -> Result<(), NeedsMore> {
        block.numbers.missing.sort_unstable();
        for i in 0..block.numbers.missing.len() {
            let (row, place) = block.numbers.missing[i];
            let row = usize::from(row);
            block.numbers.rows[row] = match place {
                KeyPlace::Null => self.insert_null()?,
                KeyPlace::Short(at) => {
                    let (key, hash) = block.short.get(at);
                    match self.form {
                        KeyForm::Word => self.insert_short(key, hash, &key.word.to_le_bytes())?,
                        _ => self.insert_short(key, hash, bytes(row))?,
                    }
                }
                KeyPlace::Mid(at) => {
                    let (key, hash) = block.mid.get(at);
                    self.insert_mid(key, hash, bytes(row))?
                }
                KeyPlace::Long(at) => self.insert_long(block.long[usize::from(at)].1, bytes(row))?,
            };
        }
        Ok(())
    }

    /// How many of the keys are short, and how many mid.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        (self.tables.short.len(), self.tables.mid.len())
    }

    /// Makes room for so many keys, of about the sizes of those of `like`, of which `sizes` are
    /// short and mid.
    pub(crate) fn reserve(
        &mut self,
        keys: usize,
        like: &GroupTable,
        sizes: (usize, usize),
    ) -> Result<(), NeedsMore> {
        let all = like.len().max(1);
        let share = |n: usize| (n as u128 * keys as u128 / all as u128) as usize;
        let short = Buckets::<ShortBucket>::lines_for(share(sizes.0));
        let mid = Buckets::<MidBucket>::lines_for(share(sizes.1));
        self.account(short * size_of::<ShortBucket>() + mid * size_of::<MidBucket>())?;
        if short > self.tables.short.lines() {
            self.tables.short.grow(short, &self.tables.seeds);
        }
        if mid > self.tables.mid.lines() && sizes.1 > 0 {
            self.tables.mid.grow(mid, &self.tables.seeds);
        }
        self.store.reserve(keys, share(like.store.bytes_used()));
        Ok(())
    }

    /// The group of the key with these bytes, new if need be.
    pub(crate) fn insert(&mut self, key: &[u8]) -> Result<u32, NeedsMore> {
        let seeds = self.tables.seeds;
        if self.form == KeyForm::Word {
            return self.insert_word(first_word(key));
        }
        if key.len() > MID_MAX {
            return self.insert_long(long_hash(key, &seeds), key);
        }
        let mut window = [0; WINDOW];
        window[..key.len()].copy_from_slice(key);
        if key.len() > SHORT_MAX {
            let mid = MidKey::load(&window, key.len());
            return self.insert_mid(mid, mid.hash(&seeds), key);
        }
        let short = ShortKey::load(&window, key.len());
        self.insert_short(short, short.hash(&seeds), key)
    }

    fn insert_word(&mut self, word: u64) -> Result<u32, NeedsMore> {
        let key = ShortKey::of_word(word);
        self.insert_short(key, key.hash(&self.tables.seeds), &word.to_le_bytes())
    }

    fn insert_short(&mut self, key: ShortKey, hash: u64, bytes: &[u8]) -> Result<u32, NeedsMore> {
        match self.tables.short.find(&key, hash) {
            NO_GROUP => {}
            group => return Ok(group),
        }
        if let Some(lines) = self.tables.short.must_grow_to() {
            self.account(lines * size_of::<ShortBucket>())?;
            self.tables.short.grow(lines, &self.tables.seeds);
        }
        let group = self.new_group(bytes)?;
        self.tables.short.insert(&key, hash, group);
        Ok(group)
    }

    fn insert_mid(&mut self, key: MidKey, hash: u64, bytes: &[u8]) -> Result<u32, NeedsMore> {
        match self.tables.mid.find(&key, hash) {
            NO_GROUP => {}
            group => return Ok(group),
        }
        if let Some(lines) = self.tables.mid.must_grow_to() {
            self.account(lines * size_of::<MidBucket>())?;
            self.tables.mid.grow(lines, &self.tables.seeds);
        }
        let group = self.new_group(bytes)?;
        self.tables.mid.insert(&key, hash, group);
        Ok(group)
    }

    fn insert_long(&mut self, hash: u64, bytes: &[u8]) -> Result<u32, NeedsMore> {
        if let Some(group) = self.tables.long.find(bytes, hash, &self.store) {
            return Ok(group);
        }
        if let Some(slots) = self.tables.long.must_grow_to() {
            self.account(slots * 16)?;
            self.tables.long.grow(slots);
        }
        let group = self.new_group(bytes)?;
        self.tables.long.insert(hash, group);
        Ok(group)
    }

    /// The group of null, where null has no key.
    pub(crate) fn insert_null(&mut self) -> Result<u32, NeedsMore> {
        if self.null_group == NO_GROUP {
            self.null_group = self.new_group(&[])?;
        }
        Ok(self.null_group)
    }

    fn new_group(&mut self, key: &[u8]) -> Result<u32, NeedsMore> {
        let group = self.store.len();
        if group >= NO_GROUP as usize - 1 {
            return Err(NeedsMore { needed: 0, left: 0, what: "more than four billion groups" });
        }
        self.store.push(key);
        Ok(group as u32)
    }

    /// Makes sure that the budget covers the table and `more` bytes.
    fn account(&mut self, more: usize) -> Result<(), NeedsMore> {
        let bytes = self.bytes_used() + more;
        self.memory.cover(bytes as u64)
    }

    /// Gives the groups new numbers. Their keys can no longer be found here, only read.
    pub(crate) fn reorder(&mut self, targets: &[u32]) {
        self.tables.short = Buckets::new();
        self.tables.mid = Buckets::new();
        self.tables.long = LongKeys::default();
        self.store = self.store.reordered(targets);
        if let Some(&t) = targets.get(self.null_group as usize) {
            self.null_group = t;
        }
    }

    /// Replaces the numbers that short and mid keys are found by.
    pub(crate) fn renumber(&mut self, new: impl Fn(u32) -> u32) {
        self.tables.short.renumber(&new);
        self.tables.mid.renumber(&new);
    }

    /// Whether there are keys that are neither short nor mid.
    pub(crate) fn has_long_keys(&self) -> bool {
        !self.tables.long.is_empty()
    }

    /// Calls `f` with the bytes of a group's key.
    pub(crate) fn with_key<R>(&self, group: u32, f: impl FnOnce(&[u8]) -> R) -> R {
        self.store.with(group, f)
    }

    /// The hash of a group's key.
    pub(crate) fn key_hash(&self, group: u32) -> u64 {
        let seeds = &self.tables.seeds;
        match &self.store {
            KeyStore::Words(words) => ShortKey::of_word(words[group as usize]).hash(seeds),
            KeyStore::Bytes { bytes, ends } => {
                let range = range(ends, group as usize);
                let key = &bytes[range.clone()];
                match bytes.get(range.start..range.start + WINDOW).and_then(|b| b.first_chunk()) {
                    Some(window) => hash_of(key, window, seeds),
                    None => hash_of(key, &copied(key), seeds),
                }
            }
        }
    }

    /// Whether a group is the one of null, where null has no key.
    pub(crate) fn is_null_group(&self, group: u32) -> bool {
        group == self.null_group
    }

    /// The keys of the given groups, one column for each key column.
    pub fn key_columns(&self, groups: &[u32]) -> Vec<Column> {
        let mut columns: Vec<KeyColumn> =
            self.types.iter().map(|t| KeyColumn::new(t, groups.len())).collect();
        for &g in groups {
            self.store.with(g, |bytes| match (self.form, columns.as_mut_slice()) {
                (KeyForm::Encoded, all) => {
                    let mut reader = KeyReader::new(bytes);
                    all.iter_mut().for_each(|c| c.push(&mut reader));
                }
                (_, [one]) if self.is_null_group(g) => one.push_null(),
                (KeyForm::Text, [one]) => one.push_text(bytes),
                (_, all) => all.iter_mut().for_each(|c| c.push_word(first_word(bytes))),
            });
        }
        columns.into_iter().map(KeyColumn::finish).collect()
    }
}

impl Lookup for GroupTable {
    fn seeds(&self) -> &Seeds {
        &self.tables.seeds
    }

    #[inline(always)]
    fn short(&self, _: u64) -> &[ShortBucket] {
        self.tables.short.as_lines()
    }

    #[inline(always)]
    fn mid(&self, _: u64) -> &[MidBucket] {
        self.tables.mid.as_lines()
    }

    fn long(&self, _: u64) -> (&LongKeys, &KeyStore) {
        (&self.tables.long, &self.store)
    }

    fn is_far(&self) -> (bool, bool) {
        (self.tables.short.is_far(), self.tables.mid.is_far())
    }
}
