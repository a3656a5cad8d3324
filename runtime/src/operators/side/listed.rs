//! Every value of every group, with the place of its row: for the aggregates that look at all of
//! them at the end.

use super::by_group::ByGroup;
use super::cells::Cells;
use crate::memory::NeedsMore;
use flow_ir::{Type, Value, Values};
use std::borrow::Cow;
use std::sync::OnceLock;

/// Values in the order in which they came, of all groups of an aggregate.
#[derive(Debug)]
pub(crate) struct Listed {
    cells: Cells,
    /// The group of each value.
    groups: Vec<u32>,
    /// The position of each value's row; empty where the order does not count.
    positions: Vec<u64>,
    ordered: bool,
    /// Made when a group is read, forgotten when a value is added.
    index: OnceLock<ByGroup>,
}

impl Listed {
    /// No values of type `ty`; `ordered` if the order of the rows counts.
    pub(crate) fn new(ty: &Type, ordered: bool) -> Self {
        Listed {
            cells: Cells::new(ty),
            groups: Vec::new(),
            positions: Vec::new(),
            ordered,
            index: OnceLock::new(),
        }
    }

    /// Adds a row's value, which is valid.
    pub(crate) fn push(
        &mut self,
        group: u32,
        values: &Values,
        row: usize,
        position: u64,
    ) -> Result<(), NeedsMore> {
        self.room()?;
        self.cells.push(values, row);
        self.note(group, position);
        Ok(())
    }

    /// Adds the values of a group of `other` to `group`; how many there were.
    pub(crate) fn merge(
        &mut self,
        group: u32,
        other: &Self,
        index: &ByGroup,
        from: u32,
    ) -> Result<u64, NeedsMore> {
        let entries = index.of(from);
        for &entry in entries {
            self.room()?;
            let at = entry as usize;
            self.cells.push_cell(&other.cells, at);
            self.note(group, other.positions.get(at).copied().unwrap_or_default());
        }
        Ok(entries.len() as u64)
    }

    fn room(&self) -> Result<(), NeedsMore> {
        if self.groups.len() >= u32::MAX as usize {
            return Err(NeedsMore { needed: 0, left: 0, what: "more than four billion values" });
        }
        Ok(())
    }

    fn note(&mut self, group: u32, position: u64) {
        self.index.take();
        self.groups.push(group);
        if self.ordered {
            self.positions.push(position);
        }
    }

    /// The values in order of their groups, of which there are `groups` and which will have the
    /// numbers `targets`, if there are such.
    pub(crate) fn by_group(&self, groups: usize, targets: Option<&[u32]>) -> ByGroup {
        ByGroup::new(self.groups.len() as u32, groups, |entry| {
            let g = self.groups[entry as usize] as usize;
            targets.map_or(g, |t| t[g] as usize)
        })
    }

    /// Bytes held.
    pub(crate) fn bytes_used(&self) -> usize {
        self.cells.bytes_used() + self.groups.capacity() * 4 + self.positions.capacity() * 8
    }

    /// The values.
    pub(crate) fn cells(&self) -> &Cells {
        &self.cells
    }

    /// Where the values of a group are, in row order if it counts.
    pub(crate) fn entries(&self, group: u32, groups: usize) -> Cow<'_, [u32]> {
        let index = self.index.get_or_init(|| self.by_group(groups, None));
        let entries = index.of(group);
        let position = |e: &u32| self.positions[*e as usize];
        if !self.ordered || entries.is_sorted_by_key(position) {
            return Cow::Borrowed(entries);
        }
        let mut sorted = entries.to_vec();
        sorted.sort_unstable_by_key(position);
        Cow::Owned(sorted)
    }

    /// The values of a group, which are of type `ty`.
    pub(crate) fn values(&self, group: u32, groups: usize, ty: &Type) -> Vec<Value> {
        self.entries(group, groups).iter().map(|&e| self.cells.value(e as usize, ty)).collect()
    }
}
