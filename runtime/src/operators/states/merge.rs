//! Merges the states of some groups into those of others.

use super::States;
use super::update::{add_float, add_wide, cell_of, float_extreme, int_extreme, promote, wanted};
use crate::kernels::probe_lines::Lines;
use crate::memory::NeedsMore;
use crate::operators::side::{ByGroup, Side, index_of};
use flow_ir::aggregate::AggregateKind;
use flow_ir::layout::{StateKind, StateSlot};
use std::ops::Range;

/// What must be known of states before they are merged into others.
#[derive(Debug)]
pub(crate) struct MergeIndex {
    pairs: Vec<Option<ByGroup>>,
}

impl States {
    /// Prepares for merging these states into others; `targets` are the new numbers of the groups,
    /// if they will be reordered.
    pub(crate) fn merge_index(&self, targets: Option<&[u32]>) -> MergeIndex {
        let pairs = self
            .side
            .iter()
            .map(|s| match s {
                Side::Different(d) => Some(d.by_group(self.groups, targets)),
                Side::Listed(l) => Some(l.by_group(self.groups, targets)),
                Side::Parts(p) => Some(p.by_group(self.groups, targets)),
                _ => None,
            })
            .collect();
        MergeIndex { pairs }
    }

    /// Gives the groups new numbers.
    pub(crate) fn reorder(&mut self, targets: &[u32]) {
        let stride = self.spec.layout.stride;
        if stride == 0 {
            return;
        }
        let mut words = Lines::new(self.words.len());
        for (from, &t) in self.words.chunks_exact(stride).zip(targets) {
            words[t as usize * stride..][..stride].copy_from_slice(from);
        }
        self.words = words;
    }

    /// Merges the `i`-th of the groups `from` of `other`, whose index is `index`, into group `to[i]`
    /// of these, for every `i`. Both have the same aggregates.
    pub(crate) fn merge(
        &mut self,
        other: &States,
        index: &MergeIndex,
        from: Range<u32>,
        to: &[u32],
    ) -> Result<(), NeedsMore> {
        let spec = self.spec.clone();
        let stride = spec.layout.stride;
        for (i, slot) in spec.layout.slots.iter().enumerate() {
            let kind = spec.aggregates[i].kind;
            let pairs = from.clone().zip(to);
            if slot.kind != StateKind::Side {
                for (f, &t) in pairs {
                    let source = &other.words[f as usize * stride + slot.offset..][..slot.kind.words()];
                    let target = &mut self.words[t as usize * stride + slot.offset..][..slot.kind.words()];
                    merge_words(target, source, *slot, kind, &mut self.side[i], &other.side[i]);
                }
                continue;
            }
            for (f, &t) in pairs {
                let f_word = other.words[f as usize * stride + slot.offset];
                let t_word = t as usize * stride + slot.offset;
                match (&mut self.side[i], &other.side[i], &index.pairs[i]) {
                    (Side::Different(target), Side::Different(source), Some(pairs)) => {
                        self.words[t_word] += target.merge(t, source, pairs, f)?;
                    }
                    (Side::Listed(target), Side::Listed(source), Some(pairs)) => {
                        self.words[t_word] += target.merge(t, source, pairs, f)?;
                    }
                    (Side::Parts(target), Side::Parts(source), Some(pairs)) => {
                        if let Some(handle) = target.merge(t, source, pairs, f)? {
                            self.words[t_word] = handle;
                        }
                    }
                    (target, source, _) => merge_side(&mut self.words, t_word, f_word, target, source),
                }
            }
        }
        self.account()
    }
}

fn merge_words(
    to: &mut [u64],
    from: &[u64],
    slot: StateSlot,
    kind: AggregateKind,
    side: &mut Side,
    other: &Side,
) {
    match slot.kind {
        StateKind::Count | StateKind::Flag => to[0] += from[0],
        StateKind::IntSum => add_wide(to, from[0], from[1]),
        StateKind::IntMean => {
            add_wide(to, from[0], from[1]);
            to[2] += from[2];
        }
        StateKind::FloatSum | StateKind::FloatMean => {
            if let (Side::Sums(sums), Side::Sums(others)) = (side, other) {
                match index_of(from[2]) {
                    Some(at) => promote(to, sums).merge(&others[at]),
                    None => {
                        add_float(to, sums, f64::from_bits(from[0]));
                        add_float(to, sums, f64::from_bits(from[1]));
                    }
                }
            }
            if slot.kind == StateKind::FloatMean {
                to[3] += from[3];
            }
        }
        StateKind::IntExtreme | StateKind::FloatExtreme => {
            if from[1] == 0 {
                return;
            }
            let seen = to[1];
            if slot.kind == StateKind::IntExtreme {
                int_extreme(to, from[0] as i64, kind == AggregateKind::Max);
            } else {
                float_extreme(to, f64::from_bits(from[0]), kind == AggregateKind::Max);
            }
            to[1] = seen + from[1];
        }
        StateKind::Side => {}
    }
}

fn merge_side(words: &mut [u64], t_word: usize, f_word: u64, side: &mut Side, other: &Side) {
    let Some(from) = index_of(f_word) else { return };
    let target = index_of(words[t_word]);
    match (side, other) {
        (Side::Extreme { cells, greatest }, Side::Extreme { cells: others, .. }) => match target {
            Some(at) if cells.compare_cell(at, others, from) != wanted(*greatest) => {}
            Some(at) => cells.set_cell(at, others, from),
            None => {
                cells.push_cell(others, from);
                words[t_word] = cells.len() as u64;
            }
        },
        (
            Side::End { cells, positions, last },
            Side::End { cells: others, positions: other_positions, .. },
        ) => {
            let position = other_positions[from];
            match target {
                Some(at) if (position < positions[at]) == *last => {}
                Some(at) => {
                    positions[at] = position;
                    cells.set_cell(at, others, from);
                }
                None => {
                    cells.push_cell(others, from);
                    positions.push(position);
                    words[t_word] = cells.len() as u64;
                }
            }
        }
        (Side::Wide(sums), Side::Wide(others)) => cell_of(words, sums, t_word).merge(&others[from]),
        (Side::Moments(moments), Side::Moments(others)) => {
            cell_of(words, moments, t_word).merge(&others[from]);
        }
        (Side::Chosen(chosen), Side::Chosen(other)) => {
            if let Some(handle) = chosen.merge(target, other, from) {
                words[t_word] = handle;
            }
        }
        _ => {}
    }
}
