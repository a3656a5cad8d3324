//! Finds the numbers of a block of keys, in one table or in several that share the keys by hash.

use super::block::{Block, EncodedRows, NullableTexts, TextRows, ValidTexts};
use super::store::{KeyStore, LongKeys};
use crate::kernels::hash::Seeds;
use crate::kernels::level::SimdLevel;
use crate::kernels::probe::{
    KeyPlace, MidBucket, NO_GROUP, ShortBucket, fetch_buckets, probe_mid, probe_short,
};
use flow_ir::column::VALID;
use flow_ir::value::float_key;
use flow_ir::{Column, Status, Type, Values};

/// How keys become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyForm {
    /// One string: its own bytes; null beside the table.
    Text,
    /// One bool, int or float: eight bytes; null beside the table.
    Word,
    /// Anything else, encoded.
    Encoded,
}

impl KeyForm {
    /// The form of keys of the given types.
    pub(crate) fn of(types: &[Type]) -> Self {
        match types {
            [Type::String] => KeyForm::Text,
            [t] if t.is_i64() || matches!(t, Type::Bool | Type::Float) => KeyForm::Word,
            _ => KeyForm::Encoded,
        }
    }
}

/// Where keys are looked up.
pub(crate) trait Lookup {
    /// What hashes are made with.
    fn seeds(&self) -> &Seeds;
    /// The lines for short keys of a hash.
    fn short(&self, hash: u64) -> &[ShortBucket];
    /// The lines for mid keys of a hash.
    fn mid(&self, hash: u64) -> &[MidBucket];
    /// The longer keys among which those of a hash are, and their bytes.
    fn long(&self, hash: u64) -> (&LongKeys, &KeyStore);
    /// Whether short and mid keys should be fetched before they are compared.
    fn is_far(&self) -> (bool, bool);
}

/// A row's key, its number if it has none, and how it is found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finder<'a, L> {
    pub(crate) form: KeyForm,
    pub(crate) level: SimdLevel,
    pub(crate) lookup: &'a L,
    /// The number of null.
    pub(crate) null: u32,
}

impl<L: Lookup> Finder<'_, L> {
    /// Looks up rows `from..to`, at most a block. Long keys keep the numbers that they have in
    /// their own table.
    pub(crate) fn find(
        &self,
        keys: &[&Column],
        from: usize,
        to: usize,
        block: &mut Block,
        encoded: &mut EncodedRows,
    ) {
        let count = to - from;
        match (self.form, keys) {
            (KeyForm::Encoded, _) => {
                encoded.fill(keys, from, to);
                self.find_texts(encoded, count, block);
            }
            (_, [Column { values: Values::Str(texts), status }]) => {
                let valid = ValidTexts { texts, from };
                match status {
                    Status::AllValid => self.find_texts(&valid, count, block),
                    Status::Rows(status) => self.find_texts(&NullableTexts { valid, status }, count, block),
                }
            }
            (_, [Column { values: Values::I64(v), status: Status::AllValid }]) => {
                self.find_words(count, block, |row| Some(v[from + row] as u64));
            }
            (_, [column]) => self.find_words(count, block, |row| word_of(column, from + row)),
            _ => self.find_words(count, block, |_| None),
        }
    }

    /// Looks up keys of eight bytes.
    #[inline(always)]
    pub(crate) fn find_words(&self, count: usize, block: &mut Block, word: impl Fn(usize) -> Option<u64>) {
        block.load_words(count, self.null, self.lookup.seeds(), word);
        if self.lookup.is_far().0 {
            fetch_buckets(|hash| self.lookup.short(hash), block.short.hashes());
        }
        probe_short(self.level, |hash| self.lookup.short(hash), &block.short, &mut block.numbers);
    }

    /// Looks up keys that are texts.
    pub(crate) fn find_texts<T: TextRows>(&self, texts: &T, count: usize, block: &mut Block) {
        let lookup = self.lookup;
        let (far, mid_far) = lookup.is_far();
        let rest = block.load_short(self.level, texts, count, self.null, lookup.seeds());
        if far {
            fetch_buckets(|hash| lookup.short(hash), block.short.hashes());
        }
        block.load_rest(texts, rest, lookup.seeds());
        if mid_far {
            fetch_buckets(|hash| lookup.mid(hash), block.mid.hashes());
        }
        block.long.iter().for_each(|l| lookup.long(l.1).0.fetch(l.1));
        probe_short(self.level, |hash| lookup.short(hash), &block.short, &mut block.numbers);
        probe_mid(|hash| lookup.mid(hash), &block.mid, &mut block.numbers);
        for (i, &(row, hash)) in block.long.iter().enumerate() {
            let (keys, store) = lookup.long(hash);
            let found = keys.find(texts.bytes(usize::from(row)), hash, store);
            block.numbers.set(row, found.unwrap_or(NO_GROUP), || KeyPlace::Long(i as u8));
        }
    }
}

/// The eight bytes of a row's key; `None` for null.
#[inline(always)]
fn word_of(column: &Column, row: usize) -> Option<u64> {
    if column.status.get(row) != VALID {
        return None;
    }
    match &column.values {
        Values::I64(v) => Some(v[row] as u64),
        Values::F64(v) => Some(float_key(v[row])),
        Values::Bool(v) => Some(u64::from(v[row] != 0)),
        _ => None,
    }
}
