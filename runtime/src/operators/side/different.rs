//! `count_distinct`: one set of (group, value) pairs for all groups of an aggregate.

use crate::memory::{Budget, NeedsMore};
use crate::operators::reduce_by_key::keys::encode_value;
use crate::operators::reduce_by_key::table::GroupTable;
use flow_ir::{Type, Values};

/// The values counted so far, each with its group in front.
#[derive(Debug)]
pub(crate) struct Different {
    pairs: GroupTable,
    scratch: Vec<u8>,
}

/// Pairs of a [`Different`] in order of their groups.
#[derive(Debug)]
pub(crate) struct PairsByGroup {
    starts: Vec<u32>,
    pairs: Vec<u32>,
}

impl Different {
    /// Counts values of type `ty`.
    pub(crate) fn new(_ty: &Type, budget: &Budget) -> Self {
        // Two columns make keys encoded bytes, which is what is inserted here.
        let types = vec![Type::Int, Type::Int];
        Different { pairs: GroupTable::new(types, budget), scratch: Vec::new() }
    }

    /// Adds a row's value to a group; true if the group did not have it.
    pub(crate) fn add(&mut self, group: u32, values: &Values, row: usize) -> Result<bool, NeedsMore> {
        self.scratch.clear();
        self.scratch.extend_from_slice(&group.to_le_bytes());
        encode_value(values, row, &mut self.scratch);
        self.add_scratch()
    }

    fn add_scratch(&mut self) -> Result<bool, NeedsMore> {
        let before = self.pairs.len();
        self.pairs.insert(&self.scratch)?;
        Ok(self.pairs.len() > before)
    }

    /// Adds the values of a group of `other` to `group`; how many were new.
    pub(crate) fn merge(
        &mut self,
        group: u32,
        other: &Self,
        index: &PairsByGroup,
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
    pub(crate) fn by_group(&self, groups: usize, targets: Option<&[u32]>) -> PairsByGroup {
        let count = self.pairs.len() as u32;
        let old_group_of = |pair: u32| {
            self.pairs
                .with_key(pair, |key| key.first_chunk::<4>().map_or(0, |id| u32::from_le_bytes(*id) as usize))
        };
        let group_of = |pair: u32| {
            let g = old_group_of(pair);
            targets.map_or(g, |t| t[g] as usize)
        };
        let mut starts = vec![0u32; groups + 1];
        (0..count).for_each(|p| starts[group_of(p) + 1] += 1);
        for g in 0..groups {
            starts[g + 1] += starts[g];
        }
        let mut next = starts.clone();
        let mut pairs = vec![0u32; count as usize];
        for p in 0..count {
            let at = &mut next[group_of(p)];
            pairs[*at as usize] = p;
            *at += 1;
        }
        PairsByGroup { starts, pairs }
    }
}

impl PairsByGroup {
    fn of(&self, group: u32) -> &[u32] {
        let g = group as usize;
        &self.pairs[self.starts[g] as usize..self.starts[g + 1] as usize]
    }
}
