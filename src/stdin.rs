//! Standard input as data: its first bytes may be looked at before it is read.
//!
//! A program that reads `-` without a schema needs a sample while it is compiled. What was taken for
//! that is kept, and comes first when the run reads standard input.

use std::io::{self, Cursor, Read};
use std::sync::{Mutex, PoisonError};

/// What has been taken so far, and whether that is all.
static HEAD: Mutex<(Vec<u8>, bool)> = Mutex::new((Vec::new(), false));

/// The first bytes as whole lines, `limit` at most, and whether that is all of it.
pub(crate) fn head(limit: u64) -> io::Result<(Vec<u8>, bool)> {
    let mut head = HEAD.lock().unwrap_or_else(PoisonError::into_inner);
    let (bytes, ended) = &mut *head;
    let missing = (limit + 1).saturating_sub(bytes.len() as u64);
    if !*ended && missing > 0 {
        *ended = io::stdin().lock().take(missing).read_to_end(bytes)? < missing as usize;
    }
    if *ended && bytes.len() as u64 <= limit {
        return Ok((bytes.clone(), true));
    }
    let shown = &bytes[..bytes.len().min(limit as usize)];
    let end = shown.iter().rposition(|b| *b == b'\n').map_or(shown.len(), |at| at + 1);
    Ok((shown[..end].to_vec(), false))
}

/// All of it.
pub(crate) fn reader() -> Box<dyn Read + Send> {
    let mut head = HEAD.lock().unwrap_or_else(PoisonError::into_inner);
    Box::new(Cursor::new(std::mem::take(&mut head.0)).chain(io::stdin()))
}
