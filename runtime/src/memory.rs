//! Memory budgets: how much the blocking operators of a run may still allocate.
//!
//! Operators ask before they grow and fail with a typed error instead of letting the machine run
//! out. A budget is shared by all threads of a run; a [`Reservation`] is one operator's part of it
//! and gives it back when dropped. Invariant: what is taken is never more than the limit.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Why an operator could not grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeedsMore {
    /// Bytes that were asked for on top of what is already held.
    pub needed: u64,
    /// Bytes that were still left.
    pub left: u64,
    /// What they were for: ``"the groups of reduce_by_key"``.
    pub what: &'static str,
}

impl fmt::Display for NeedsMore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} need {} more bytes, but only {} are left", self.what, self.needed, self.left)
    }
}

impl std::error::Error for NeedsMore {}

/// Something that holds memory which it can do without.
pub(crate) trait Evict: fmt::Debug + Send + Sync {
    /// Gives back to its budget what it can; whether that was anything. It must not ask the budget for more.
    fn evict(&self) -> bool;
}

#[derive(Debug)]
struct Account {
    limit: u64,
    left: AtomicU64,
    /// The most that was ever taken at once.
    peak: AtomicU64,
    /// Asked in turn when nothing is left.
    evictable: Mutex<Vec<Weak<dyn Evict>>>,
}

/// A shared allowance of bytes.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Account>);

impl Budget {
    /// A budget of `bytes`.
    pub fn new(bytes: u64) -> Self {
        Budget(Arc::new(Account {
            limit: bytes,
            left: AtomicU64::new(bytes),
            peak: AtomicU64::new(0),
            evictable: Mutex::new(Vec::new()),
        }))
    }

    /// A budget that never refuses.
    pub fn unlimited() -> Self {
        Budget::new(u64::MAX)
    }

    /// Takes `bytes`, or takes nothing and says what is missing. What others can do without goes first.
    pub fn take(&self, bytes: u64, what: &'static str) -> Result<(), NeedsMore> {
        let Err(mut missing) = self.take_left(bytes, what) else { return Ok(()) };
        let evictable: Vec<Weak<dyn Evict>> =
            self.0.evictable.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for holder in evictable.iter().filter_map(Weak::upgrade) {
            if holder.evict() {
                match self.take_left(bytes, what) {
                    Ok(()) => return Ok(()),
                    Err(still) => missing = still,
                }
            }
        }
        Err(missing)
    }

    /// Asks `holder` from now on when nothing is left.
    pub(crate) fn may_evict(&self, holder: Weak<dyn Evict>) {
        let mut evictable = self.0.evictable.lock().unwrap_or_else(PoisonError::into_inner);
        evictable.retain(|other| other.strong_count() > 0);
        evictable.push(holder);
    }

    /// Takes `bytes` of what is left.
    fn take_left(&self, bytes: u64, what: &'static str) -> Result<(), NeedsMore> {
        let taken =
            self.0.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        match taken {
            Ok(before) => {
                self.0.peak.fetch_max(self.0.limit - (before - bytes), Ordering::Relaxed);
                Ok(())
            }
            Err(left) => Err(NeedsMore { needed: bytes, left, what }),
        }
    }

    /// Gives `bytes` back.
    pub fn give(&self, bytes: u64) {
        let limit = self.0.limit;
        // The closure never refuses, so the update cannot fail.
        let _ = self.0.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            Some(left.saturating_add(bytes).min(limit))
        });
    }

    /// Bytes left.
    pub fn left(&self) -> u64 {
        self.0.left.load(Ordering::Relaxed)
    }

    /// The most that was taken at once so far.
    pub fn peak(&self) -> u64 {
        self.0.peak.load(Ordering::Relaxed)
    }

    /// An empty reservation for `what`.
    pub fn reserve(&self, what: &'static str) -> Reservation {
        Reservation { budget: self.clone(), what, bytes: 0 }
    }
}

/// What one operator holds of a budget.
#[derive(Debug)]
pub struct Reservation {
    budget: Budget,
    what: &'static str,
    bytes: u64,
}

impl Reservation {
    /// Makes the reservation cover `bytes` in all. It shrinks only when dropped, because freed
    /// memory of growing structures is asked for again at once.
    pub fn cover(&mut self, bytes: u64) -> Result<(), NeedsMore> {
        if bytes > self.bytes {
            self.budget.take(bytes - self.bytes, self.what)?;
            self.bytes = bytes;
        }
        Ok(())
    }

    /// Makes the reservation cover `bytes` more.
    pub fn add(&mut self, bytes: u64) -> Result<(), NeedsMore> {
        self.cover(self.bytes.saturating_add(bytes))
    }

    /// Takes over what another reservation of the same budget holds.
    pub fn absorb(&mut self, mut other: Reservation) {
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The budget it is part of.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.give(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_not_left_and_gives_back() {
        let budget = Budget::new(100);
        let mut a = budget.reserve("a");
        assert!(a.cover(60).is_ok());
        assert!(a.cover(50).is_ok());
        assert_eq!(budget.left(), 40);
        let mut b = budget.reserve("b");
        assert_eq!(b.cover(41), Err(NeedsMore { needed: 41, left: 40, what: "b" }));
        assert_eq!(b.bytes(), 0);
        drop(a);
        assert!(b.cover(100).is_ok());
        assert_eq!((budget.left(), budget.peak()), (0, 100));
        let mut c = budget.reserve("c");
        c.absorb(b);
        assert_eq!((c.bytes(), budget.left()), (100, 0));
        drop(c);
        assert_eq!(budget.left(), 100);
    }
}
