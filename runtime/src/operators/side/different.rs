//! `count_distinct` and `collect_set`: one set of (group, value) pairs for all groups of an aggregate.

use super::by_group::ByGroup;
use crate::kernels::probe::BLOCK;
use crate::memory::{Budget, NeedsMore};
use crate::operators::reduce_by_key::block::EncodedRows;
use crate::operators::reduce_by_key::keys::{KeyColumn, KeyReader};
use crate::operators::reduce_by_key::table::GroupTable;
use flow_ir::{Type, Value, Values};
use std::sync::OnceLock;

/// The values counted so far, each with its group in front.
#[derive(Debug)]
pub(crate) struct Different {
    pairs: GroupTable,
    scratch: Vec<u8>,
    encoded: EncodedRows,
    numbers: Vec<u32>,
    /// Made when a group is read, forgotten when a value is added.
    index: OnceLock<ByGroup>,
}

impl Different {
    /// Counts values of type `ty`.
    pub(crate) fn new(_ty: &Type, budget: &Budget) -> Self {
        // Two columns make keys encoded bytes, which is what is inserted here.
        let types = vec![Type::Int, Type::Int];
        Different {
            pairs: GroupTable::new(types, budget),
            scratch: Vec::new(),
            encoded: EncodedRows::default(),
            numbers: Vec::new(),
            index: OnceLock::new(),
        }
    }

    /// Adds the values of some rows, which are valid, to their groups: pairs of a group and a row.
    /// Calls `new` with every group that did not have a value.
    pub(crate) fn add(
        &mut self,
        rows: &[(u32, u32)],
        values: &Values,
        mut new: impl FnMut(u32),
    ) -> Result<(), NeedsMore> {
        self.index.take();
        for block in rows.chunks(BLOCK) {
            self.encoded.fill_pairs(block, values);
            // Pairs are numbered in the order in which they come.
            let mut next = self.pairs.len() as u32;
            self.pairs.assign_encoded(&self.encoded, block.len(), &mut self.numbers)?;
            for (&(group, _), &number) in block.iter().zip(&self.numbers) {
                if number == next {
                    new(group);
                    next += 1;
                }
            }
        }
        Ok(())
    }

    fn add_scratch(&mut self) -> Result<bool, NeedsMore> {
        self.index.take();
        let before = self.pairs.len();
        self.pairs.insert(&self.scratch)?;
        Ok(self.pairs.len() > before)
    }

    /// Adds the values of a group of `other` to `group`; how many were new.
    pub(crate) fn merge(
        &mut self,
        group: u32,
        other: &Self,
        index: &ByGroup,
        from: u32,
    ) -> Result<u64, NeedsMore> {
        let mut new = 0;
        for &pair in index.of(from) {
            self.scratch.clear();
            self.scratch.extend_from_slice(&group.to_le_bytes());
            other
                .pairs
                .with_key(pair, |key| self.scratch.extend_from_slice(key.get(4..).unwrap_or_default()));
            new += u64::from(self.add_scratch()?);
        }
        Ok(new)
    }

    /// The pairs in order of their groups, of which there are `groups` and which will have the numbers
    /// `targets`, if there are such.
    pub(crate) fn by_group(&self, groups: usize, targets: Option<&[u32]>) -> ByGroup {
        ByGroup::new(self.pairs.len() as u32, groups, |pair| {
            let g = self.pairs.with_key(pair, |key| {
                key.first_chunk::<4>().map_or(0, |id| u32::from_le_bytes(*id) as usize)
            });
            targets.map_or(g, |t| t[g] as usize)
        })
    }

    /// The different values of a group in their order.
    pub(crate) fn values(&self, group: u32, groups: usize, ty: &Type) -> Vec<Value> {
        let index = self.index.get_or_init(|| self.by_group(groups, None));
        let pairs = index.of(group);
        let mut column = KeyColumn::new(ty, pairs.len());
        for &pair in pairs {
            self.pairs.with_key(pair, |key| {
                column.push(&mut KeyReader::new(key.get(4..).unwrap_or_default()));
            });
        }
        let column = column.finish();
        let mut values: Vec<Value> = (0..pairs.len()).filter_map(|row| column.value(row, ty).ok()).collect();
        values.sort_unstable();
        values
    }
}
