//! Files behind URLs: `https://`, `http://` and `s3://`.
//!
//! Everything else in the runtime is synchronous; the little asynchronous runtime that the object stores need lives here
//! and is waited for. Invariants: what a program has seen of an object is what it goes on to see, or the run ends
//! with an error; no message and no report holds the part of a URL that may be a secret; no wait is without an end.

mod reader;
mod store;

pub(crate) use reader::RemoteReader;
use store::{Object, object};

#[cfg(feature = "parquet")]
use bytes::Bytes;
use flow_ir::location::input_name;
use object_store::{GetOptions, GetRange, GetResult, ObjectMeta};
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::ops::Range;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// What an object was when it was first looked at.
#[derive(Clone, Debug, PartialEq)]
struct Pin {
    tag: Option<String>,
    bytes: u64,
    modified: i64,
}

impl Pin {
    fn of(meta: &ObjectMeta) -> Self {
        Pin { tag: meta.e_tag.clone(), bytes: meta.size, modified: meta.last_modified.timestamp_micros() }
    }

    /// Whether both can be of the same object. A server that has no date for it says now.
    fn agrees(&self, other: &Pin) -> bool {
        self.bytes == other.bytes
            && match (&self.tag, &other.tag) {
                (Some(a), Some(b)) => a == b,
                (None, None) => true,
                _ => false,
            }
    }

    /// The tag, if a server can be asked for nothing but this object.
    fn condition(&self) -> Option<String> {
        self.tag.clone().filter(|tag| !tag.starts_with("W/"))
    }
}

/// The objects that this process has looked at, by their URLs.
static PINS: Mutex<Option<HashMap<String, Pin>>> = Mutex::new(None);

fn pinned(url: &str) -> Option<Pin> {
    PINS.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.get(url).cloned()
}

/// Notes what an object is, or finds that it is another one by now.
fn pin(url: &str, meta: &ObjectMeta) -> io::Result<Pin> {
    let new = Pin::of(meta);
    let mut pins = PINS.lock().unwrap_or_else(PoisonError::into_inner);
    let known = pins.get_or_insert_default().entry(url.to_owned()).or_insert_with(|| new.clone());
    if known.agrees(&new) { Ok(known.clone()) } else { Err(changed()) }
}

fn changed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it changed while the program was reading it")
}

/// How long a server may be silent: `FLOWC_NET_TIMEOUT` seconds, 30 unless said.
fn patience() -> Duration {
    static SECONDS: OnceLock<u64> = OnceLock::new();
    let seconds = SECONDS.get_or_init(|| {
        let said = std::env::var("FLOWC_NET_TIMEOUT").ok().and_then(|text| text.parse().ok());
        said.filter(|n| (1..=86_400).contains(n)).unwrap_or(30)
    });
    Duration::from_secs(*seconds)
}

/// Waits for an answer, or for so long as a server may be silent.
fn wait<T>(answer: impl Future<Output = Result<T, object_store::Error>>) -> io::Result<T> {
    static RUNTIME: OnceLock<Option<tokio::runtime::Runtime>> = OnceLock::new();
    let started = RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).thread_name("flowc-remote").enable_all().build().ok()
    });
    let runtime = started.as_ref().ok_or_else(|| io::Error::other("no thread could be started for it"))?;
    let outcome = runtime.block_on(async { tokio::time::timeout(patience(), answer).await });
    match outcome {
        Ok(answer) => answer.map_err(|e| said(&e)),
        Err(_) => {
            let why = format!("the server was silent for {} seconds", patience().as_secs());
            Err(io::Error::new(io::ErrorKind::TimedOut, why))
        }
    }
}

/// What a failure is to the user.
fn said(error: &object_store::Error) -> io::Error {
    use object_store::Error;
    let (kind, what) = match error {
        Error::NotFound { .. } => (io::ErrorKind::NotFound, "there is no such object".to_owned()),
        Error::Precondition { .. } | Error::NotModified { .. } => return changed(),
        Error::PermissionDenied { .. } => {
            (io::ErrorKind::PermissionDenied, "the server refuses to show it (403)".to_owned())
        }
        Error::Unauthenticated { .. } => {
            (io::ErrorKind::PermissionDenied, "the server asks who is reading (401)".to_owned())
        }
        Error::NotSupported { .. } => {
            (io::ErrorKind::Unsupported, "the server cannot deliver a part of it".to_owned())
        }
        other => {
            let mut text = other.to_string();
            let mut cause = std::error::Error::source(other);
            while let Some(inner) = cause {
                let more = inner.to_string();
                if !text.contains(&more) {
                    text.push_str(": ");
                    text.push_str(&more);
                }
                cause = inner.source();
            }
            (io::ErrorKind::Other, without_secrets(&text))
        }
    };
    io::Error::new(kind, what)
}

/// A text of a library with its URLs cut down to what is no secret, on one line.
fn without_secrets(text: &str) -> String {
    let words = text.split_inclusive([' ', '\n', '(', ')', ',', '"']);
    let mut out = String::new();
    for word in words {
        match word.find("://") {
            Some(_) => {
                let end = word.trim_end_matches([' ', '\n', '(', ')', ',', '"']).len();
                out.push_str(&input_name(&word[..end]));
                out.push_str(&word[end..]);
            }
            None => out.push_str(word),
        }
    }
    let line = out.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    line.chars().take(400).collect()
}

fn get(object: &Object, url: &str, range: Option<Range<u64>>) -> io::Result<GetResult> {
    let known = pinned(url);
    let range = range.map(GetRange::Bounded);
    let options = GetOptions { range, if_match: known.and_then(|p| p.condition()), ..GetOptions::default() };
    let result = wait(object.store.get_opts(&object.path, options))?;
    pin(url, &result.meta)?;
    Ok(result)
}

/// The bytes of the object at a URL.
pub fn remote_size(url: &str) -> io::Result<u64> {
    if let Some(known) = pinned(url) {
        return Ok(known.bytes);
    }
    // Not everybody who may read an object may ask about it.
    Ok(get(&object(url)?, url, None)?.meta.size)
}

/// Some bytes of the object at a URL, all of which it has.
#[cfg(feature = "parquet")]
pub(crate) fn range(url: &str, range: Range<u64>) -> io::Result<Bytes> {
    if range.is_empty() {
        return Ok(Bytes::new());
    }
    let length = range.end - range.start;
    let mut reader = RemoteReader::open_range(url, Some(range))?;
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut reader, &mut bytes)?;
    match bytes.len() as u64 == length {
        true => Ok(Bytes::from(bytes)),
        false => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server ended its answer too early")),
    }
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn secrets_are_in_no_message() {
        let text =
            "error sending request for url (https://u:pw@host:1/a.csv?sig=S#f): refused,\n  http://x/?t=S";
        let shown = without_secrets(text);
        assert_eq!(shown, "error sending request for url (https://host:1/a.csv): refused, http://x/");
    }
}
