//! What stands for URLs in builds without the feature `remote-files`: the compiler refuses them, so nothing comes here.

use bytes::Bytes;
use std::io::{self, Read};
use std::ops::Range;

fn without<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this flowc was built without `remote-files`"))
}

/// Always an error.
pub fn remote_size(_url: &str) -> io::Result<u64> {
    without()
}

/// Always an error.
#[cfg(feature = "parquet")]
pub(crate) fn range(_url: &str, _range: Range<u64>) -> io::Result<Bytes> {
    without()
}

/// A reader that cannot be.
pub(crate) struct RemoteReader(std::convert::Infallible);

impl RemoteReader {
    pub(crate) fn open(_url: &str) -> io::Result<Self> {
        without()
    }

    pub(crate) fn size(&self) -> u64 {
        match self.0 {}
    }
}

impl Read for RemoteReader {
    fn read(&mut self, _out: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }
}
