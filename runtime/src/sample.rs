//! `sample`: rows chosen by where they stand among all rows that reach the leaf.
//!
//! Threads hand in the rows of their chunks; they are numbered in input order, so which rows are chosen does
//! not depend on who read them. Of a fraction only the chosen rows are kept; of an exact number without
//! replacement few more than that; with replacement all, because the number of rows must be known first.

use crate::dataset::column_bytes;
use crate::memory::{Budget, NeedsMore, Reservation};
use flow_ir::{Batch, Sample, SampleAmount};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Rows kept beyond twice the sample before the surplus is dropped.
const SURPLUS: usize = 1 << 16;

/// Takes chunks in any order and chooses in input order.
pub(crate) struct SampleQueue {
    sample: Sample,
    state: Mutex<State>,
}

struct State {
    /// The task whose rows are numbered next.
    next: u64,
    /// For each task that has to wait: its rows, and whether those are all.
    waiting: BTreeMap<u64, (Vec<Batch>, bool)>,
    /// Rows numbered so far.
    seen: u64,
    kept: Vec<Kept>,
    /// Ranks from here on are not chosen any more.
    limit: Option<(u64, u64)>,
    memory: Reservation,
    refused: Option<NeedsMore>,
}

/// Rows that are, or may be, in the sample.
struct Kept {
    batch: Batch,
    /// The rank of each row, where ranks decide.
    ranks: Vec<(u64, u64)>,
}

impl SampleQueue {
    pub(crate) fn new(sample: Sample, budget: &Budget) -> Self {
        let state = State {
            next: 0,
            waiting: BTreeMap::new(),
            seen: 0,
            kept: Vec::new(),
            limit: None,
            memory: budget.reserve("the rows of a sample"),
            refused: None,
        };
        SampleQueue { sample, state: Mutex::new(state) }
    }

    /// Hands in the next rows of task `number`, its last ones if `last`. False if there is no memory.
    pub(crate) fn submit(&self, number: u64, rows: Vec<Batch>, last: bool) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = state.waiting.entry(number).or_default();
        waiting.0.extend(rows);
        waiting.1 = last;
        loop {
            let next = state.next;
            let Some((rows, ended)) = state.waiting.remove(&next) else { break };
            for batch in rows {
                if state.refused.is_none()
                    && let Err(e) = state.accept(&self.sample, batch)
                {
                    state.refused = Some(e);
                }
            }
            if !ended {
                break;
            }
            state.next += 1;
        }
        state.refused.is_none()
    }

    /// The sample.
    pub(crate) fn finish(self) -> Result<Vec<Batch>, NeedsMore> {
        let mut state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(refused) = state.refused {
            return Err(refused);
        }
        match self.sample.amount {
            SampleAmount::Rows(n) if self.sample.with_replacement => state.draw(&self.sample, n),
            SampleAmount::Rows(n) => {
                state.drop_surplus(n);
                Ok(state.kept.into_iter().map(|k| k.batch).collect())
            }
            SampleAmount::Fraction(_) => Ok(state.kept.into_iter().map(|k| k.batch).collect()),
        }
    }
}

impl State {
    /// Numbers the rows of a batch and keeps those that may be chosen.
    fn accept(&mut self, sample: &Sample, batch: Batch) -> Result<(), NeedsMore> {
        let first = self.seen;
        let rows = batch.rows;
        self.seen += rows as u64;
        let mut ranks = Vec::new();
        let mut chosen: Vec<u32> = Vec::new();
        match sample.amount {
            SampleAmount::Fraction(_) => {
                for row in 0..rows as u32 {
                    let copies = sample.copies(first + u64::from(row));
                    chosen.extend(std::iter::repeat_n(row, copies as usize));
                }
            }
            SampleAmount::Rows(_) if sample.with_replacement => chosen.extend(0..rows as u32),
            SampleAmount::Rows(_) => {
                for row in 0..rows as u32 {
                    let rank = sample.rank(first + u64::from(row));
                    if self.limit.is_none_or(|limit| rank < limit) {
                        chosen.push(row);
                        ranks.push(rank);
                    }
                }
            }
        }
        if chosen.is_empty() {
            return Ok(());
        }
        let batch =
            if chosen.len() == rows && sample_keeps_order(&chosen) { batch } else { batch.gather(&chosen) };
        self.kept.push(Kept { batch, ranks });
        if let (SampleAmount::Rows(n), false) = (sample.amount, sample.with_replacement) {
            let most = usize::try_from(n).unwrap_or(usize::MAX).saturating_mul(2).saturating_add(SURPLUS);
            if self.rows() > most {
                self.drop_surplus(n);
            }
        }
        let bytes = self.kept.last().map_or(0, |k| bytes(&k.batch) + k.ranks.len() as u64 * 16);
        let held = self.memory.bytes();
        let needed = if self.limit.is_some() { self.bytes() } else { held + bytes };
        self.memory.cover(needed)
    }

    fn rows(&self) -> usize {
        self.kept.iter().map(|k| k.batch.rows).sum()
    }

    fn bytes(&self) -> u64 {
        self.kept.iter().map(|k| bytes(&k.batch) + k.ranks.len() as u64 * 16).sum()
    }

    /// Keeps the `n` rows of the smallest ranks.
    fn drop_surplus(&mut self, n: u64) {
        let mut ranks: Vec<(u64, u64)> = self.kept.iter().flat_map(|k| k.ranks.iter().copied()).collect();
        let Some(n) = usize::try_from(n).ok().filter(|n| *n < ranks.len()) else { return };
        let (_, limit, _) = ranks.select_nth_unstable(n);
        let limit = *limit;
        self.limit = Some(limit);
        for kept in &mut self.kept {
            let rows: Vec<u32> =
                (0..kept.batch.rows as u32).filter(|r| kept.ranks[*r as usize] < limit).collect();
            if rows.len() < kept.batch.rows {
                kept.batch = kept.batch.gather(&rows);
                kept.ranks.retain(|rank| *rank < limit);
            }
        }
        self.kept.retain(|k| k.batch.rows > 0);
    }

    /// `n` rows, each drawn from all of them; in input order.
    fn draw(&mut self, sample: &Sample, n: u64) -> Result<Vec<Batch>, NeedsMore> {
        if self.seen == 0 {
            return Ok(Vec::new());
        }
        let row_bytes = 8 + self.bytes() / self.seen;
        let needed = self.memory.bytes().saturating_add(n.saturating_mul(row_bytes));
        self.memory.cover(needed)?;
        let mut drawn: Vec<u64> = Vec::new();
        let too_many = NeedsMore { needed, left: 0, what: "the rows of a sample" };
        drawn.try_reserve_exact(usize::try_from(n).map_err(|_| too_many)?).map_err(|_| too_many)?;
        drawn.extend((0..n).map(|draw| sample.drawn(draw, self.seen)));
        drawn.sort_unstable();
        let (mut out, mut first, mut at) = (Vec::new(), 0u64, 0usize);
        for kept in &self.kept {
            let end = first + kept.batch.rows as u64;
            let until = at + drawn[at..].partition_point(|d| *d < end);
            for rows in drawn[at..until].chunks(1 << 16) {
                let rows: Vec<u32> = rows.iter().map(|d| (d - first) as u32).collect();
                out.push(kept.batch.gather(&rows));
            }
            (first, at) = (end, until);
        }
        Ok(out)
    }
}

/// Whether the rows are all different: then as many as there are, are all of them.
fn sample_keeps_order(rows: &[u32]) -> bool {
    rows.windows(2).all(|w| w[0] < w[1])
}

fn bytes(batch: &Batch) -> u64 {
    batch.columns.iter().map(|(_, c)| column_bytes(c)).sum()
}
