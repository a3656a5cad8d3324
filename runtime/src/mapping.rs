//! Input files in memory as the kernel holds them, without copying.
//!
//! Another process may shorten a file while it is mapped; touching a page that is no longer there
//! raises SIGBUS. The handler here puts zeros under the lost part and marks the file, so that the
//! reader, which looks at the mark before anything that came from the file counts, reports an
//! error of the run instead of dying. What is cut off within a page reads as zeros without a
//! signal, so the file's size is looked at too.
//! Invariant: a mapping's bytes stay readable until it is dropped.
// Mapping a file and handling the signal that comes with it cannot be said in safe code.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};

/// Files that can be mapped at a time; others are read.
const SLOTS: usize = 1024;

/// One mapped range, as the signal handler sees it. Empty slots end where they start.
struct Slot {
    taken: AtomicBool,
    start: AtomicUsize,
    end: AtomicUsize,
    lost: AtomicBool,
}

static RANGES: [Slot; SLOTS] = [const {
    Slot {
        taken: AtomicBool::new(false),
        start: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
        lost: AtomicBool::new(false),
    }
}; SLOTS];

/// The handler that was there before; faults outside of all mappings are its business.
static BEFORE: AtomicPtr<libc::sigaction> = AtomicPtr::new(std::ptr::null_mut());
static INSTALLED: OnceLock<bool> = OnceLock::new();

/// A whole file, mapped for reading.
#[derive(Debug)]
pub(crate) struct Mapping {
    file: Arc<File>,
    /// Bytes of the file when it was mapped.
    size: u64,
    address: NonNull<u8>,
    /// Readable bytes: the file's and the rest of its last page.
    length: usize,
    slot: usize,
}

// SAFETY: the mapping is only read, and unmapped by its last owner.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the `size` bytes of a regular file. `None` where that cannot be done: it can be read instead.
    pub(crate) fn new(file: &Arc<File>, size: u64) -> Option<Self> {
        if !*INSTALLED.get_or_init(install) {
            return None;
        }
        let length = usize::try_from(size).ok()?.checked_next_multiple_of(page_size()).filter(|n| *n > 0)?;
        let free = |slot: &Slot| {
            slot.taken.compare_exchange(false, true, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        };
        let slot = RANGES.iter().position(free)?;
        let range = &RANGES[slot];
        // SAFETY: a new mapping chosen by the kernel overlaps nothing; the descriptor is open.
        let address = unsafe {
            libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0)
        };
        let Some(address) = NonNull::new(address.cast::<u8>()).filter(|_| address != libc::MAP_FAILED) else {
            range.taken.store(false, Ordering::Release);
            return None;
        };
        range.lost.store(false, Ordering::Relaxed);
        range.start.store(address.as_ptr() as usize, Ordering::Relaxed);
        range.end.store(address.as_ptr() as usize + length, Ordering::Release);
        Some(Mapping { file: file.clone(), size, address, length, slot })
    }

    /// Whether a part of the file is gone, or was when it was touched. Its bytes read as zeros since then.
    pub(crate) fn lost(&self) -> bool {
        RANGES[self.slot].lost.load(Ordering::Acquire)
            || self.file.metadata().map_or(true, |meta| meta.len() < self.size)
    }
}

impl AsRef<[u8]> for Mapping {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the range is mapped until `self` is dropped. What lies past the end of the file in its
        // last page is zeros, and what another process takes away becomes zeros.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr(), self.length) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let range = &RANGES[self.slot];
        range.end.store(0, Ordering::Release);
        range.start.store(0, Ordering::Release);
        // SAFETY: the range was mapped by `new`, and nobody refers to it any more.
        unsafe { libc::munmap(self.address.as_ptr().cast(), self.length) };
        range.taken.store(false, Ordering::Release);
    }
}

/// The size of a page, asked for once, because the handler may not ask.
static PAGE: AtomicUsize = AtomicUsize::new(4096);

fn page_size() -> usize {
    PAGE.load(Ordering::Relaxed)
}

/// Sets the handler; false where that fails.
fn install() -> bool {
    // SAFETY: asks for a constant of the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    if let Some(page) = usize::try_from(page).ok().filter(|p| p.is_power_of_two()) {
        PAGE.store(page, Ordering::Relaxed);
    }
    // SAFETY: both structures are plain data for which zeros are right, and the handler only does
    // what a signal handler may: atomic loads and stores, `mmap`, `sigaction`.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_lost_page as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
        libc::sigemptyset(&raw mut action.sa_mask);
        let mut before: Box<libc::sigaction> = Box::new(std::mem::zeroed());
        if libc::sigaction(libc::SIGBUS, std::ptr::null(), &raw mut *before) != 0 {
            return false;
        }
        BEFORE.store(Box::into_raw(before), Ordering::Release);
        libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut()) == 0
    }
}

extern "C" fn on_lost_page(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid `info` to a handler with SA_SIGINFO.
    let at = unsafe { (*info).si_addr() } as usize;
    if RANGES.iter().any(|range| covers(range, at) && replace_rest(range, at)) {
        return;
    }
    let before = BEFORE.load(Ordering::Acquire);
    // SAFETY: `before` is what `sigaction` returned, so its handler, if it has one, is a function of the
    // kind its flags say. Without one the default action comes back, and the access is tried again.
    unsafe {
        let default = before.is_null() || matches!((*before).sa_sigaction, libc::SIG_DFL | libc::SIG_IGN);
        if default {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = libc::SIG_DFL;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        } else if (*before).sa_flags & libc::SA_SIGINFO != 0 {
            type Full = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
            std::mem::transmute::<usize, Full>((*before).sa_sigaction)(signal, info, context);
        } else {
            std::mem::transmute::<usize, extern "C" fn(libc::c_int)>((*before).sa_sigaction)(signal);
        }
    }
}

fn covers(range: &Slot, at: usize) -> bool {
    let end = range.end.load(Ordering::Acquire);
    range.start.load(Ordering::Acquire) <= at && at < end
}

/// Puts zeros under the rest of the range from the page of `at` on.
fn replace_rest(range: &Slot, at: usize) -> bool {
    range.lost.store(true, Ordering::Release);
    let from = at & !(page_size() - 1);
    let end = range.end.load(Ordering::Acquire);
    // SAFETY: the pages lie in a mapping of ours, of which only reads are under way.
    let zeros = unsafe {
        libc::mmap(
            from as *mut libc::c_void,
            end.saturating_sub(from),
            libc::PROT_READ,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
            -1,
            0,
        )
    };
    zeros != libc::MAP_FAILED
}

/// The mapped files of a run, so that the run can ask at its end whether one of them was shortened
/// while rows still referred to it.
#[derive(Debug, Default)]
pub(crate) struct MappedFiles(RwLock<Vec<(PathBuf, Weak<Mapping>)>>);

impl MappedFiles {
    /// Remembers a mapping.
    pub(crate) fn add(&self, path: &Path, mapping: &Arc<Mapping>) {
        let mut files = self.0.write().unwrap_or_else(PoisonError::into_inner);
        files.retain(|(_, m)| m.strong_count() > 0);
        files.push((path.to_owned(), Arc::downgrade(mapping)));
    }

    /// A file that still has a mapping and lost a part.
    pub(crate) fn lost(&self) -> Option<PathBuf> {
        let files = self.0.read().unwrap_or_else(PoisonError::into_inner);
        files.iter().find(|(_, m)| m.upgrade().is_some_and(|m| m.lost())).map(|(path, _)| path.clone())
    }
}

/// What is said about a file that lost a part.
pub(crate) fn shortened() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was read")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn mapped(pages: usize, more: usize) -> (Arc<File>, Mapping, usize) {
        let mut file = tempfile::tempfile().expect("a temporary file");
        INSTALLED.get_or_init(install);
        let size = pages * page_size() + more;
        file.write_all(&vec![b'x'; size]).expect("written");
        let file = Arc::new(file);
        let mapping = Mapping::new(&file, size as u64).expect("mapped");
        (file, mapping, size)
    }

    #[test]
    fn lost_pages_read_as_zeros_and_are_noticed() {
        let (file, mapping, size) = mapped(5, 10);
        let bytes: &[u8] = mapping.as_ref();
        assert_eq!(bytes.len(), 6 * page_size());
        assert_eq!((bytes[size - 1], bytes[size]), (b'x', 0));
        assert!(!mapping.lost());
        file.set_len(page_size() as u64).expect("shortened");
        let at = std::hint::black_box(3 * page_size());
        assert_eq!((bytes[7], bytes[at], bytes[at + page_size()]), (b'x', 0, 0));
        // What was zeros for a moment stays doubtful when the file has grown again.
        file.set_len(size as u64).expect("as long as before");
        assert!(mapping.lost());
    }

    #[test]
    fn a_cut_within_the_last_page_is_noticed() {
        let (file, mapping, size) = mapped(1, 100);
        assert!(!mapping.lost());
        file.set_len(size as u64 - 1).expect("shortened");
        assert!(mapping.lost());
    }

    #[test]
    fn empty_files_are_not_mapped() {
        let file = Arc::new(tempfile::tempfile().expect("a temporary file"));
        assert!(Mapping::new(&file, 0).is_none());
    }
}
