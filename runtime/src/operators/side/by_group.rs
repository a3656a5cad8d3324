//! Entries of all groups of an aggregate, found by group.

/// The numbers of entries in order of their groups; those of one group in their own order.
#[derive(Debug)]
pub(crate) struct ByGroup {
    starts: Vec<u32>,
    entries: Vec<u32>,
}

impl ByGroup {
    /// Orders `count` entries of `groups` groups.
    pub(crate) fn new(count: u32, groups: usize, group_of: impl Fn(u32) -> usize) -> Self {
        let mut starts = vec![0u32; groups + 1];
        (0..count).for_each(|e| starts[group_of(e) + 1] += 1);
        for g in 0..groups {
            starts[g + 1] += starts[g];
        }
        let mut next = starts.clone();
        let mut entries = vec![0u32; count as usize];
        for e in 0..count {
            let at = &mut next[group_of(e)];
            entries[*at as usize] = e;
            *at += 1;
        }
        ByGroup { starts, entries }
    }

    /// The entries of a group.
    pub(crate) fn of(&self, group: u32) -> &[u32] {
        let g = group as usize;
        match (self.starts.get(g), self.starts.get(g + 1)) {
            (Some(&from), Some(&to)) => &self.entries[from as usize..to as usize],
            _ => &[],
        }
    }
}
