//! Whether a file is still the one that was read.
//!
//! A file is known by its canonical path, its length, the times at which its contents and its inode were last
//! changed, its inode and its device. Times tell changes apart only if they differ: a file that was changed
//! shortly before it was read could be changed again without another time. Such a file is *fresh*,
//! and known by a hash of its contents besides. Invariant: two equal identities have the same contents, as far as
//! the times of a file system can be believed at all once they are older than [`FRESH_SECONDS`].

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use xxhash_rust::xxh3::Xxh3;

/// A time within so many seconds of the moment of reading proves nothing: the coarsest file systems count two
/// seconds, and the clocks of servers are a little off.
const FRESH_SECONDS: i64 = 4;

/// What a file is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// Its canonical path.
    pub(super) path: String,
    pub(super) length: u64,
    /// Nanoseconds of the times of change.
    pub(super) modified: i128,
    pub(super) changed: i128,
    pub(super) inode: u64,
    pub(super) device: u64,
    /// A hash of its contents, if its times were too fresh to be believed.
    pub(super) contents: Option<u128>,
}

/// Why a file has no identity.
#[derive(Debug)]
pub(super) enum NoIdentity {
    /// It is no regular file, or its path is no text.
    Special(String),
    /// It cannot be looked at.
    Unreadable(String, io::Error),
}

impl std::fmt::Display for NoIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NoIdentity::Special(path) => write!(f, "`{path}` is no regular file"),
            NoIdentity::Unreadable(path, error) => write!(f, "`{path}` cannot be looked at: {error}"),
        }
    }
}

impl Identity {
    /// What the file at `path` is known by now, without its contents.
    pub(super) fn of(path: &str) -> Result<Self, NoIdentity> {
        let unreadable = |error| NoIdentity::Unreadable(path.to_owned(), error);
        let canonical = std::fs::canonicalize(path).map_err(unreadable)?;
        let meta = std::fs::metadata(&canonical).map_err(unreadable)?;
        match canonical.to_str() {
            Some(text) if meta.is_file() => Ok(Self::with(text, &meta)),
            _ => Err(NoIdentity::Special(path.to_owned())),
        }
    }

    /// The same of a file that is about to be read: with its contents if its times are fresh.
    pub(super) fn before_reading(path: &str) -> Result<Self, NoIdentity> {
        let mut identity = Self::of(path)?;
        if identity.is_fresh() {
            identity.contents = Some(identity.hash()?);
        }
        Ok(identity)
    }

    fn with(path: &str, meta: &Metadata) -> Self {
        let nanoseconds = |s: i64, ns: i64| i128::from(s) * 1_000_000_000 + i128::from(ns);
        Identity {
            path: path.to_owned(),
            length: meta.len(),
            modified: nanoseconds(meta.mtime(), meta.mtime_nsec()),
            changed: nanoseconds(meta.ctime(), meta.ctime_nsec()),
            inode: meta.ino(),
            device: meta.dev(),
            contents: None,
        }
    }

    /// Whether the file could be changed now without its times telling it.
    fn is_fresh(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as i128);
        // Times in the future prove nothing, either.
        self.modified.max(self.changed) > now - i128::from(FRESH_SECONDS) * 1_000_000_000
    }

    /// Whether all but the contents are the same.
    fn looks_like(&self, other: &Identity) -> bool {
        let bare = |i: &Identity| Identity { contents: None, ..i.clone() };
        bare(self) == bare(other)
    }

    /// Whether `now`, without contents, is the file that this was; looks into it if times do not tell.
    pub(super) fn is_still(&self, now: &Identity) -> Result<bool, NoIdentity> {
        if !self.looks_like(now) {
            return Ok(false);
        }
        match self.contents {
            None => Ok(true),
            Some(contents) => Ok(now.hash()? == contents),
        }
    }

    /// Whether it takes a look into the file to find out if it [`is still`](Identity::is_still) the same.
    pub(super) fn seems_still(&self, now: &Identity) -> Option<bool> {
        match (self.looks_like(now), self.contents) {
            (false, _) => Some(false),
            (true, None) => Some(true),
            (true, Some(_)) => None,
        }
    }

    /// Whether nothing has changed the file since it was looked at, before it was read.
    pub(super) fn is_unchanged(&self) -> Result<bool, NoIdentity> {
        self.is_still(&Identity::of(&self.path)?)
    }

    fn hash(&self) -> Result<u128, NoIdentity> {
        contents_hash(Path::new(&self.path)).map_err(|e| NoIdentity::Unreadable(self.path.clone(), e))
    }
}

/// A hash of all bytes of a file.
fn contents_hash(path: &Path) -> io::Result<u128> {
    let mut file = File::open(path)?;
    let mut hasher = Xxh3::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = match file.read(&mut buffer) {
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        if n == 0 {
            return Ok(hasher.digest128());
        }
        hasher.update(buffer.get(..n).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_fresh_file_is_known_by_its_contents() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.csv");
        std::fs::write(&path, "one\n").expect("write");
        let name = path.to_str().expect("a text");
        let before = Identity::before_reading(name).expect("an identity");
        assert!(before.contents.is_some() && before.is_unchanged().expect("a look"));
        // The same length and times, other contents: only a look into the file tells.
        let times = std::fs::metadata(&path).expect("meta");
        std::fs::write(&path, "two\n").expect("write");
        let file = File::options().write(true).open(&path).expect("open");
        file.set_modified(times.modified().expect("a time")).expect("set");
        let mut now = Identity::of(name).expect("an identity");
        (now.changed, now.modified) = (before.changed, before.modified);
        assert_eq!(before.seems_still(&now), None);
        assert!(!before.is_still(&now).expect("a look"));
    }

    #[test]
    fn an_old_file_is_known_by_its_times() {
        let mut old = Identity::of("Cargo.toml").expect("an identity");
        (old.modified, old.changed) = (0, 0);
        assert!(!old.is_fresh());
        let mut future = old.clone();
        let later = SystemTime::now() + Duration::from_secs(1000);
        future.modified = later.duration_since(UNIX_EPOCH).expect("later").as_nanos() as i128;
        assert!(future.is_fresh());
        assert_eq!(old.seems_still(&old), Some(true));
        assert_eq!(old.seems_still(&future), Some(false));
        for change in [
            Identity { length: 1, ..old.clone() },
            Identity { changed: 1, ..old.clone() },
            Identity { inode: 1, ..old.clone() },
            Identity { device: u64::MAX, ..old.clone() },
            Identity { path: "other".to_owned(), ..old.clone() },
        ] {
            assert!(!old.is_still(&change).expect("no look is needed"));
        }
        assert!(matches!(Identity::of("src"), Err(NoIdentity::Special(_))));
    }
}
