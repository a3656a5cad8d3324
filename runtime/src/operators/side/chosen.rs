//! `min_by` and `max_by`: the value of the row with the least or greatest key, of equal ones the
//! first in row order.

use super::cells::Cells;
use flow_ir::{Column, Type};
use std::cmp::Ordering;

/// The chosen rows, by handle.
#[derive(Debug)]
pub(crate) struct Chosen {
    cells: Cells,
    keys: Cells,
    positions: Vec<u64>,
    wanted: Ordering,
}

impl Chosen {
    /// No rows, for values of type `ty` chosen by keys of type `by`.
    pub(crate) fn new(ty: &Type, by: &Type, greatest: bool) -> Self {
        let wanted = if greatest { Ordering::Greater } else { Ordering::Less };
        Chosen { cells: Cells::new(ty), keys: Cells::new(by), positions: Vec::new(), wanted }
    }

    /// The values.
    pub(crate) fn cells(&self) -> &Cells {
        &self.cells
    }

    /// Bytes held.
    pub(crate) fn bytes_used(&self) -> usize {
        self.cells.bytes_used() + self.keys.bytes_used() + self.positions.capacity() * 8
    }

    fn replaces(&self, order: Ordering, position: u64, at: usize) -> bool {
        order == self.wanted || (order == Ordering::Equal && position < self.positions[at])
    }

    /// Looks at a row, in which both are valid; returns its handle if there was none.
    pub(crate) fn row(
        &mut self,
        at: Option<usize>,
        value: &Column,
        key: &Column,
        row: usize,
        position: u64,
    ) -> Option<u64> {
        match at {
            None => {
                self.cells.push(&value.values, row);
                self.keys.push(&key.values, row);
                self.positions.push(position);
                Some(self.positions.len() as u64)
            }
            Some(at) => {
                let order = self.keys.compare(at, &key.values, row);
                if self.replaces(order, position, at) {
                    self.cells.set(at, &value.values, row);
                    self.keys.set(at, &key.values, row);
                    self.positions[at] = position;
                }
                None
            }
        }
    }

    /// Looks at a row that another has chosen; returns its handle if there was none.
    pub(crate) fn merge(&mut self, at: Option<usize>, other: &Self, from: usize) -> Option<u64> {
        let position = other.positions[from];
        match at {
            None => {
                self.cells.push_cell(&other.cells, from);
                self.keys.push_cell(&other.keys, from);
                self.positions.push(position);
                Some(self.positions.len() as u64)
            }
            Some(at) => {
                let order = self.keys.compare_cell(at, &other.keys, from);
                if self.replaces(order, position, at) {
                    self.cells.set_cell(at, &other.cells, from);
                    self.keys.set_cell(at, &other.keys, from);
                    self.positions[at] = position;
                }
                None
            }
        }
    }
}
