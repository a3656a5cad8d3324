//! An object from front to back, or a range of it.
//!
//! Invariant: the end of what is read is the end of the object as it was when it was first looked at; a connection that
//! ends before is an error.

use super::store::object;
use super::{get, wait};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use std::io::{self, Read};
use std::ops::Range;

/// Reads an object.
pub(crate) struct RemoteReader {
    stream: BoxStream<'static, object_store::Result<Bytes>>,
    /// What has come and has not been handed out.
    ready: Bytes,
    /// Bytes that are to come.
    left: u64,
    /// Bytes of the object.
    size: u64,
}

impl RemoteReader {
    /// Reads the object at `url`.
    pub(crate) fn open(url: &str) -> io::Result<Self> {
        Self::open_range(url, None)
    }

    pub(super) fn open_range(url: &str, range: Option<Range<u64>>) -> io::Result<Self> {
        let result = get(&object(url)?, url, range)?;
        let (size, left) = (result.meta.size, result.range.end.saturating_sub(result.range.start));
        Ok(RemoteReader { stream: result.into_stream(), ready: Bytes::new(), left, size })
    }

    /// Bytes of the object.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }
}

impl Read for RemoteReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() {
            let stream = &mut self.stream;
            let next = wait(async { stream.next().await.transpose() })?;
            match next {
                Some(bytes) if bytes.len() as u64 > self.left => {
                    let why = "the server sent more than it said";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, why));
                }
                Some(bytes) => {
                    self.left -= bytes.len() as u64;
                    self.ready = bytes;
                }
                None if self.left > 0 => {
                    let why = format!("the server ended its answer {} bytes too early", self.left);
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
                }
                None => return Ok(0),
            }
        }
        let n = self.ready.len().min(out.len());
        out[..n].copy_from_slice(&self.ready.split_to(n));
        Ok(n)
    }
}
