//! Memory for tables: zeros, on large pages where a table is large.
//!
//! Every probe of a large table is in another page, so the page size decides how many probes must
//! first look up an address. Zeros come from the system, which has them for nothing.
// Mapping memory has no safe form.
#![allow(unsafe_code)]

use std::ops::{Deref, DerefMut};

/// Types for which all-zero bytes are a value, the default one.
///
/// # Safety
/// The type must be plain data without padding that matters, and all-zero bytes must be its default.
pub(crate) unsafe trait Zeroed: Copy + Default {}

// SAFETY: zero bytes are the default integer.
unsafe impl Zeroed for u64 {}

/// A fixed number of lines, all zeros at first.
#[derive(Debug)]
pub(crate) enum Lines<B: Zeroed> {
    /// In the heap.
    Heap(Vec<B>),
    /// In pages of their own.
    #[cfg(target_os = "linux")]
    Mapped(Mapped<B>),
}

/// Bytes from which a table has pages of its own.
#[cfg(target_os = "linux")]
const OWN_PAGES: usize = 1 << 20;

/// The size and alignment of a large page.
#[cfg(target_os = "linux")]
const LARGE_PAGE: usize = 2 << 20;

impl<B: Zeroed> Lines<B> {
    /// That many lines of zeros.
    pub(crate) fn new(count: usize) -> Self {
        #[cfg(target_os = "linux")]
        if let Some(mapped) = Mapped::new(count) {
            return Lines::Mapped(mapped);
        }
        Lines::Heap(vec![B::default(); count])
    }
}

impl<B: Zeroed> Deref for Lines<B> {
    type Target = [B];

    #[inline(always)]
    fn deref(&self) -> &[B] {
        match self {
            Lines::Heap(lines) => lines,
            #[cfg(target_os = "linux")]
            Lines::Mapped(mapped) => mapped.slice(),
        }
    }
}

impl<B: Zeroed> DerefMut for Lines<B> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [B] {
        match self {
            Lines::Heap(lines) => lines,
            #[cfg(target_os = "linux")]
            Lines::Mapped(mapped) => mapped.slice_mut(),
        }
    }
}

/// Lines in pages that nothing else uses.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub(crate) struct Mapped<B> {
    /// The first line, aligned to a large page.
    lines: std::ptr::NonNull<B>,
    count: usize,
}

// SAFETY: it owns its lines, as a Vec does.
#[cfg(target_os = "linux")]
unsafe impl<B: Send> Send for Mapped<B> {}
// SAFETY: as above.
#[cfg(target_os = "linux")]
unsafe impl<B: Sync> Sync for Mapped<B> {}

#[cfg(target_os = "linux")]
impl<B: Zeroed> Mapped<B> {
    /// Maps lines; `None` where they are few or the system refuses.
    fn new(count: usize) -> Option<Self> {
        let bytes = count.checked_mul(size_of::<B>()).filter(|&b| b >= OWN_PAGES)?;
        let asked = bytes.checked_add(LARGE_PAGE)?;
        // SAFETY: a new private mapping of any size touches nothing that exists.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                asked,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return None;
        }
        let skip = base.addr().wrapping_neg() % LARGE_PAGE;
        // SAFETY: the unmapped parts, page by page before and after the lines, belong to the mapping
        // above and hold nothing; `skip` is less than what was asked for on top of the lines.
        let lines = unsafe {
            let lines = base.byte_add(skip);
            let end = bytes.next_multiple_of(PAGE);
            unmap(base, skip);
            unmap(lines.byte_add(end), asked - skip - end.min(asked - skip));
            // Advice only: without large pages everything still works.
            libc::madvise(lines, bytes, libc::MADV_HUGEPAGE);
            lines
        };
        Some(Mapped { lines: std::ptr::NonNull::new(lines.cast())?, count })
    }

    #[inline(always)]
    fn slice(&self) -> &[B] {
        // SAFETY: `count` lines are mapped, aligned, and zeros or written since; zeros are a value.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr(), self.count) }
    }

    #[inline(always)]
    fn slice_mut(&mut self) -> &mut [B] {
        // SAFETY: as in `slice`, and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_ptr(), self.count) }
    }
}

/// The size of a small page, or a multiple of it.
#[cfg(target_os = "linux")]
const PAGE: usize = 64 << 10;

/// Unmaps `bytes` from `at` on, if any.
///
/// # Safety
/// They must be whole pages of a mapping that nothing refers to.
#[cfg(target_os = "linux")]
unsafe fn unmap(at: *mut libc::c_void, bytes: usize) {
    if bytes > 0 {
        // SAFETY: by the function's contract. Should it fail, the pages stay, untouched.
        unsafe { libc::munmap(at, bytes) };
    }
}

#[cfg(target_os = "linux")]
impl<B> Drop for Mapped<B> {
    fn drop(&mut self) {
        let bytes = (self.count * size_of::<B>()).next_multiple_of(PAGE);
        // SAFETY: these pages were mapped by `new`, and the borrows of `slice` have ended.
        unsafe { unmap(self.lines.as_ptr().cast(), bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_zeros_and_writable_whatever_their_number() {
        for count in [1, 1_000, (1 << 17) - 1, 1 << 17, (1 << 18) + 1, 3_000_000] {
            let mut lines: Lines<u64> = Lines::new(count);
            assert_eq!(lines.len(), count);
            assert!(lines.iter().all(|&x| x == 0));
            lines.iter_mut().enumerate().for_each(|(i, x)| *x = i as u64);
            assert!(lines.iter().enumerate().all(|(i, &x)| x == i as u64));
        }
    }
}
