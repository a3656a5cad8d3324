//! Brings what threads finish in any order back into input order.
//!
//! Chunks are claimed in order and finish out of order; a chunk's bytes are handed on as soon as
//! every chunk before it has been. A task may hand in several chunks: those of the oldest task pass
//! at once. A thread that runs too far ahead waits, so that the memory held is a few chunks, not the
//! whole result.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Condvar, Mutex, PoisonError};

/// Receives chunks in order.
pub(crate) trait Receive: Send {
    /// The next chunk's bytes and rows.
    fn receive(&mut self, bytes: Vec<u8>, rows: u64) -> io::Result<()>;
}

/// Chunks a thread may be ahead of the oldest unfinished one.
const WINDOW: u64 = 64;
/// Bytes that a task which is not the oldest may have handed in before it has to wait.
const AHEAD_BYTES_MAX: usize = 16 << 20;

/// A receiver behind a reorder buffer.
pub(crate) struct Ordered<R> {
    state: Mutex<State<R>>,
    moved: Condvar,
}

struct State<R> {
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
    receiver: R,
    failed: Option<io::Error>,
    closed: bool,
    unordered: bool,
}

/// What a task has handed in that could not be passed on yet.
#[derive(Default)]
struct Waiting {
    chunks: Vec<(Vec<u8>, u64)>,
    ended: bool,
}

impl Waiting {
    fn bytes(&self) -> usize {
        self.chunks.iter().map(|(bytes, _)| bytes.len()).sum()
    }
}

impl<R: Receive> Ordered<R> {
    /// Puts chunks in order, or if `unordered`, passes each on as it comes.
    pub(crate) fn new(receiver: R, unordered: bool) -> Self {
        let state =
            State { unordered, next: 0, waiting: BTreeMap::new(), receiver, failed: None, closed: false };
        Ordered { state: Mutex::new(state), moved: Condvar::new() }
    }

    /// Hands in the next chunk of task `number`, its last one if `last`. Returns false once a write has
    /// failed: there is no point in going on.
    pub(crate) fn submit(&self, number: u64, bytes: Vec<u8>, rows: u64, last: bool) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.unordered {
            if state.failed.is_none()
                && let Err(e) = state.receiver.receive(bytes, rows)
            {
                state.failed = Some(e);
            }
            return state.failed.is_none();
        }
        // The owner of the oldest task never waits, so this cannot deadlock.
        while state.too_far_ahead(number, bytes.len()) && state.failed.is_none() && !state.closed {
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let waiting = state.waiting.entry(number).or_default();
        waiting.chunks.push((bytes, rows));
        waiting.ended = last;
        loop {
            let next = state.next;
            let Some(Waiting { chunks, ended }) = state.waiting.remove(&next) else { break };
            for (bytes, rows) in chunks {
                if state.failed.is_none()
                    && let Err(e) = state.receiver.receive(bytes, rows)
                {
                    state.failed = Some(e);
                }
            }
            if !ended {
                break;
            }
            state.next += 1;
        }
        self.moved.notify_all();
        state.failed.is_none()
    }

    /// Lets every waiting thread go, because the run is over.
    pub(crate) fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.moved.notify_all();
    }

    /// The receiver, or the first error.
    pub(crate) fn finish(self) -> io::Result<R> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        match state.failed {
            Some(e) => Err(e),
            None => Ok(state.receiver),
        }
    }
}

impl<R> State<R> {
    /// Whether task `number` has to wait before it hands in `bytes` more bytes.
    fn too_far_ahead(&self, number: u64, bytes: usize) -> bool {
        let held = self.waiting.get(&number).map_or(0, Waiting::bytes);
        number > self.next + WINDOW || (number > self.next && held > 0 && held + bytes > AHEAD_BYTES_MAX)
    }
}
