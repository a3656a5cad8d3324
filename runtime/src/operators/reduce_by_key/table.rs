//! The table that numbers the different keys of a stream of rows.
//!
//! Groups are numbered from 0 in the order in which their keys first appear, so a group's number
//! indexes the states, positions and rows that operators keep beside the table.

use crate::memory::{Budget, NeedsMore, Reservation};
use crate::operators::reduce_by_key::keys::{KeyColumn, KeyReader, encode_row};
use flow_ir::column::VALID;
use flow_ir::value::float_key;
use flow_ir::{Column, Type, Values};
use std::collections::HashMap;

/// The group of a row whose key is not in the table.
pub const NO_GROUP: u32 = u32::MAX;

/// How keys become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyForm {
    /// One string: its own bytes; null beside the table.
    Text,
    /// One bool, int or float: eight bytes; null beside the table.
    Word,
    /// Anything else, encoded.
    Encoded,
}

/// Numbers keys.
#[derive(Debug)]
pub struct GroupTable {
    types: Vec<Type>,
    form: KeyForm,
    ids: HashMap<Box<[u8]>, u32>,
    bytes: Vec<u8>,
    ends: Vec<u64>,
    null_group: u32,
    memory: Reservation,
}

impl GroupTable {
    /// An empty table for keys of the given types.
    pub fn new(types: Vec<Type>, budget: &Budget) -> Self {
        let form = match types.as_slice() {
            [Type::String] => KeyForm::Text,
            [t] if t.is_i64() || matches!(t, Type::Bool | Type::Float) => KeyForm::Word,
            _ => KeyForm::Encoded,
        };
        GroupTable {
            types,
            form,
            ids: HashMap::new(),
            bytes: Vec::new(),
            ends: Vec::new(),
            null_group: NO_GROUP,
            memory: budget.reserve("the groups of a table"),
        }
    }

    /// Groups.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no groups.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes held.
    pub fn bytes_used(&self) -> usize {
        self.ids.capacity() * 32 + self.bytes.capacity() + self.ends.capacity() * 8
    }

    /// Puts the group of each row into `groups`, making new groups for new keys.
    pub fn assign(&mut self, keys: &[&Column], rows: usize, groups: &mut Vec<u32>) -> Result<(), NeedsMore> {
        groups.clear();
        let mut key = Vec::new();
        for row in 0..rows {
            key.clear();
            let g = if self.key(keys, row, &mut key) { self.insert(&key)? } else { self.insert_null()? };
            groups.push(g);
        }
        let bytes = self.bytes_used() as u64;
        self.memory.cover(bytes)
    }

    /// Puts the group of each row into `groups`, [`NO_GROUP`] where its key is not in the table.
    pub fn find(&self, keys: &[&Column], rows: usize, groups: &mut Vec<u32>) {
        groups.clear();
        let mut key = Vec::new();
        for row in 0..rows {
            key.clear();
            groups.push(if self.key(keys, row, &mut key) {
                self.ids.get(key.as_slice()).copied().unwrap_or(NO_GROUP)
            } else {
                self.null_group
            });
        }
    }

    /// The group of an encoded key, new if need be.
    pub(crate) fn insert(&mut self, key: &[u8]) -> Result<u32, NeedsMore> {
        if let Some(g) = self.ids.get(key) {
            return Ok(*g);
        }
        let g = self.new_group(key)?;
        self.ids.insert(key.into(), g);
        Ok(g)
    }

    /// The group of null, where null has no encoded key.
    pub(crate) fn insert_null(&mut self) -> Result<u32, NeedsMore> {
        if self.null_group == NO_GROUP {
            self.null_group = self.new_group(&[])?;
        }
        Ok(self.null_group)
    }

    /// The group of the key that `other` has as its group `group`, new if need be.
    pub(crate) fn insert_from(&mut self, other: &GroupTable, group: u32) -> Result<u32, NeedsMore> {
        if other.is_null_group(group) { self.insert_null() } else { self.insert(other.key_bytes(group)) }
    }

    fn new_group(&mut self, key: &[u8]) -> Result<u32, NeedsMore> {
        let g = self.ends.len();
        if g >= NO_GROUP as usize {
            return Err(NeedsMore { needed: 0, left: 0, what: "more than four billion groups" });
        }
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len() as u64);
        Ok(g as u32)
    }

    /// The encoded key of a group.
    pub(crate) fn key_bytes(&self, group: u32) -> &[u8] {
        let g = group as usize;
        let from = if g == 0 { 0 } else { self.ends[g - 1] as usize };
        &self.bytes[from..self.ends[g] as usize]
    }

    /// Whether a group is the one of null, where null has no encoded key.
    pub(crate) fn is_null_group(&self, group: u32) -> bool {
        group == self.null_group
    }

    /// Appends the key of a row; false where it is null and null has no encoded key.
    fn key(&self, keys: &[&Column], row: usize, out: &mut Vec<u8>) -> bool {
        if self.form == KeyForm::Encoded {
            encode_row(keys, row, out);
            return true;
        }
        let Some(column) = keys.first() else { return true };
        if column.status.get(row) != VALID {
            return false;
        }
        match &column.values {
            Values::Str(v) => out.extend_from_slice(v.bytes(row)),
            Values::I64(v) => out.extend_from_slice(&v[row].to_le_bytes()),
            Values::F64(v) => out.extend_from_slice(&float_key(v[row]).to_le_bytes()),
            Values::Bool(v) => out.extend_from_slice(&u64::from(v[row] != 0).to_le_bytes()),
            _ => {}
        }
        true
    }

    /// The keys of the given groups, one column for each key column.
    pub fn key_columns(&self, groups: &[u32]) -> Vec<Column> {
        let mut columns: Vec<KeyColumn> =
            self.types.iter().map(|t| KeyColumn::new(t, groups.len())).collect();
        for &g in groups {
            let bytes = self.key_bytes(g);
            match (self.form, columns.as_mut_slice()) {
                (KeyForm::Encoded, all) => {
                    let mut reader = KeyReader::new(bytes);
                    all.iter_mut().for_each(|c| c.push(&mut reader));
                }
                (_, [one]) if self.is_null_group(g) => one.push_null(),
                (KeyForm::Text, [one]) => one.push_text(bytes),
                (_, all) => {
                    let mut word = [0; 8];
                    word[..bytes.len().min(8)].copy_from_slice(&bytes[..bytes.len().min(8)]);
                    all.iter_mut().for_each(|c| c.push_word(u64::from_le_bytes(word)));
                }
            }
        }
        columns.into_iter().map(KeyColumn::finish).collect()
    }
}
