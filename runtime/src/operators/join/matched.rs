//! Which rows of a build side have met a row with their key, for the joins that keep the others.
//!
//! All threads mark rows while they probe; what is marked in the end does not depend on their order.

use crate::memory::{Budget, NeedsMore, Reservation};
use std::sync::atomic::{AtomicU64, Ordering};

/// A bit for each row of a build side.
#[derive(Debug)]
pub struct MatchedRows {
    words: Vec<AtomicU64>,
    rows: usize,
    _memory: Reservation,
}

impl MatchedRows {
    /// No row of `rows` has matched yet.
    pub fn new(rows: usize, budget: &Budget) -> Result<Self, NeedsMore> {
        let words = rows.div_ceil(64);
        let mut memory = budget.reserve("the matched rows of a join");
        memory.cover(words as u64 * 8)?;
        Ok(MatchedRows { words: (0..words).map(|_| AtomicU64::new(0)).collect(), rows, _memory: memory })
    }

    /// Marks rows. A row that is none is left out.
    pub fn mark(&self, rows: &[u32]) {
        for &row in rows {
            let bit = 1u64 << (row % 64);
            if let Some(word) = self.words.get(row as usize / 64)
                && word.load(Ordering::Relaxed) & bit == 0
            {
                word.fetch_or(bit, Ordering::Relaxed);
            }
        }
    }

    /// The rows that nobody has marked, in order.
    pub fn unmatched(&self) -> Vec<u32> {
        let is_free =
            |row: &u32| self.words[*row as usize / 64].load(Ordering::Relaxed) & (1 << (row % 64)) == 0;
        (0..self.rows as u32).filter(is_free).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_kept_and_only_those() {
        let matched = MatchedRows::new(130, &Budget::unlimited()).unwrap();
        matched.mark(&[0, 63, 64, 129, 64, u32::MAX]);
        let free = matched.unmatched();
        assert_eq!(free.len(), 126);
        assert!([0, 63, 64, 129].iter().all(|row| !free.contains(row)));
        assert!(free.is_sorted());
        assert!(MatchedRows::new(1_000_000, &Budget::new(1000)).is_err());
        assert_eq!(MatchedRows::new(0, &Budget::new(0)).unwrap().unmatched(), Vec::<u32>::new());
    }
}
