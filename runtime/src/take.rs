//! `take` and `skip`: rows counted in input order, and reading stopped as soon as they are there.
//!
//! Threads process chunks ahead of the cut. What they find behind it never happened: rows,
//! counts and errors beyond the cut are thrown away, so the result does not depend on how far
//! ahead anybody was.

use crate::fault::RowFault;
use crate::worker::RowTally;
use flow_ir::Batch;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The rows of a morsel that reached the leaf.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChunkRows {
    pub(crate) batch: Batch,
    /// For each row, its row in the morsel.
    pub(crate) origins: Vec<u32>,
}

/// A morsel's share of a chunk.
#[derive(Clone, Debug)]
pub(crate) struct ChunkPart {
    /// The first row's number in its morsel.
    pub(crate) first: u32,
    pub(crate) read: u64,
    pub(crate) kept: u64,
    /// Bad rows in order: (row in the morsel, fault).
    pub(crate) faults: Vec<(u32, Box<RowFault>)>,
    pub(crate) rows: ChunkRows,
}

/// Takes chunks in any order and cuts in input order.
pub(crate) struct TakeQueue {
    skip: u64,
    count: Option<u64>,
    /// For each input, and for rows that joins add: whether a bad row ends the run.
    failing: Vec<bool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: usize,
    waiting: BTreeMap<usize, Waiting>,
    seen: u64,
    taken: TakeResult,
    done: bool,
}

/// What a task has handed in that could not be cut yet.
#[derive(Default)]
struct Waiting {
    input: usize,
    parts: Vec<ChunkPart>,
    ended: bool,
}

/// What was before the cut.
#[derive(Default)]
pub(crate) struct TakeResult {
    pub(crate) batches: Vec<Batch>,
    /// (task, input, fault)
    pub(crate) faults: Vec<(usize, usize, RowFault)>,
    /// One an input.
    pub(crate) rows: Vec<RowTally>,
}

impl TakeQueue {
    pub(crate) fn new(skip: u64, count: Option<u64>, failing: Vec<bool>) -> Self {
        let taken = TakeResult { rows: vec![RowTally::default(); failing.len()], ..TakeResult::default() };
        let done = count == Some(0);
        TakeQueue { skip, count, failing, state: Mutex::new(State { taken, done, ..State::default() }) }
    }

    /// Hands in the next morsels of task `number`, its last ones if `last`. True once nothing more is
    /// needed.
    pub(crate) fn submit(&self, number: usize, input: usize, parts: &[ChunkPart], last: bool) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = state.waiting.entry(number).or_default();
        waiting.input = input;
        waiting.parts.extend_from_slice(parts);
        waiting.ended = last;
        loop {
            let next = state.next;
            let Some(Waiting { input, parts, ended }) = state.waiting.remove(&next) else { break };
            for part in parts {
                if !state.done {
                    self.accept(&mut state, next, input, part);
                }
            }
            if !ended {
                break;
            }
            state.next += 1;
        }
        state.done
    }

    fn accept(&self, state: &mut State, task: usize, input: usize, part: ChunkPart) {
        let end = self.count.map(|c| self.skip.saturating_add(c));
        let rows = part.rows.batch.rows as u64;
        let cut = end.filter(|e| state.seen + rows >= *e).map(|e| (e - state.seen) as usize);
        // The row that completes the count is the last that exists.
        let last_origin = cut.filter(|c| *c > 0).and_then(|c| part.rows.origins.get(c - 1).copied());
        let tally = &mut state.taken.rows[input];
        let faults: Vec<_> = match last_origin {
            Some(last) => part.faults.into_iter().filter(|f| f.0 < last).collect(),
            None => part.faults,
        };
        tally.bad += faults.len() as u64;
        match (last_origin, cut) {
            (Some(last), Some(cut)) => {
                tally.read += u64::from(last - part.first) + 1;
                let mut kept = part.rows.origins[..cut].to_vec();
                kept.sort_unstable();
                kept.dedup();
                tally.kept += kept.len() as u64;
            }
            _ => {
                tally.read += part.read;
                tally.kept += part.kept;
            }
        }
        if self.failing[input] && !faults.is_empty() {
            state.done = true;
        }
        state.taken.faults.extend(faults.into_iter().map(|f| (task, input, *f.1)));
        let from = self.skip.saturating_sub(state.seen).min(rows) as u32;
        let to = cut.map_or(rows, |c| c as u64) as u32;
        state.seen += u64::from(to);
        if from < to {
            let batch = if from == 0 && u64::from(to) == rows {
                part.rows.batch
            } else {
                let rows: Vec<u32> = (from..to).collect();
                part.rows.batch.gather(&rows)
            };
            state.taken.batches.push(batch);
        }
        if cut.is_some() {
            state.done = true;
        }
    }

    /// Whether no input needs to be read at all.
    pub(crate) fn is_done(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).done
    }

    pub(crate) fn finish(self) -> TakeResult {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).taken
    }
}
