//! The folder of stored rows: which files are in it, and that nothing else is touched.
//!
//! A marker file says that the folder is one of flowc. Invariants: a folder without it is not written to, unless it
//! is empty; only entries, unfinished entries and the marker are ever removed. Runs at the same time need no
//! agreement: entries appear whole, by a rename, and whoever has one open keeps it.

use super::entry::{ENTRY_SUFFIX, Entry, Unusable};
use crate::output::{PREFIX, SUFFIX};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The marker, which tells backup programs, too, that what is here can be made again.
const MARKER: &str = "CACHEDIR.TAG";
const MARKER_TEXT: &str = "Signature: 8a477f597d28d172789f06886806bc55
# Rows that flowc programs persist. Everything in here can be removed at any time: flowc cache clear
";

/// An unfinished file that nobody holds is a leftover after this time, whoever has its writer's number now.
const LEFTOVER_AFTER: Duration = Duration::from_secs(60);

/// Where stored rows are, and who writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// The folder.
    pub folder: PathBuf,
    /// What identifies the flowc that runs: rows that another one stored are not used.
    pub compiler: String,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryInfo {
    /// Its file.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// What it says; otherwise what is wrong with it.
    pub content: Result<EntryContent, String>,
}

/// What an entry says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryContent {
    /// Where the `persist` stands in which program.
    pub origin: String,
    /// The `let` that it is part of; empty if there is none.
    pub name: String,
    /// The only file that its rows come from, if it is one.
    pub file: Option<String>,
    /// Its rows.
    pub rows: u64,
    /// How long ago it was stored.
    pub age: Duration,
}

/// Makes `folder` one of flowc, and removes what dead runs have left in it.
pub(super) fn open(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    if !is_ours(folder)? {
        // A folder that has just been cleared may get entries of a run that knew it before.
        let other = |name: &str| name != MARKER && !is_unfinished(name) && !is_entry(name);
        if names(folder)?.iter().any(|name| other(name)) {
            let why = "it holds files that are not flowc's";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        let aside = folder.join(format!("{PREFIX}{MARKER}-{}-0{SUFFIX}", std::process::id()));
        let mut file = File::create(&aside)?;
        file.write_all(MARKER_TEXT.as_bytes())?;
        drop(file);
        std::fs::rename(&aside, folder.join(MARKER))?;
    }
    remove_leftovers(folder);
    Ok(())
}

/// Whether the marker is there.
pub(super) fn is_ours(folder: &Path) -> io::Result<bool> {
    match std::fs::read(folder.join(MARKER)) {
        Ok(text) => Ok(text == MARKER_TEXT.as_bytes()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn is_unfinished(name: &str) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// Whether a name is what entries are called: 32 digits and the suffix.
fn is_entry(name: &str) -> bool {
    name.strip_suffix(ENTRY_SUFFIX)
        .is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Removes unfinished entries whose writers are gone. A writer holds a lock for as long as it lives.
fn remove_leftovers(folder: &Path) {
    for name in names(folder).unwrap_or_default().iter().filter(|n| is_unfinished(n)) {
        let path = folder.join(name);
        let Ok(file) = File::open(&path) else { continue };
        let age = file.metadata().and_then(|m| m.modified()).ok().and_then(|at| at.elapsed().ok());
        let writer = name.rsplit('-').nth(1).and_then(|number| number.parse::<u32>().ok());
        let alive = |number: u32| Path::new(&format!("/proc/{number}")).exists();
        let gone = Path::new("/proc/self").exists() && writer.is_some_and(|number| !alive(number))
            || age.is_some_and(|age| age > LEFTOVER_AFTER);
        if gone && file.try_lock().is_ok() {
            let _ = std::fs::remove_file(&path);
        }
    }
}

/// The entries of a folder of flowc; of one that is not there, none.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    if !is_ours(folder)? {
        let why = "it is no folder of flowc";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    Ok(names(folder)?.iter().filter(|name| is_entry(name)).map(|name| folder.join(name)).collect())
}

/// What is stored in `folder`.
pub fn list_cache(folder: &Path) -> io::Result<Vec<EntryInfo>> {
    looked_at(folder, |_| Ok(()))
}

/// What is stored in `folder`, with all checksums compared.
pub fn verify_cache(folder: &Path) -> io::Result<Vec<EntryInfo>> {
    looked_at(folder, |entry| {
        for block in &entry.facts.blocks {
            entry.block(block).map_err(|e| e.to_string())?;
        }
        Ok(())
    })
}

fn looked_at(folder: &Path, check: impl Fn(&Entry) -> Result<(), String>) -> io::Result<Vec<EntryInfo>> {
    let mut found = Vec::new();
    for path in entries(folder)? {
        let bytes = std::fs::metadata(&path).map_or(0, |m| m.len());
        let content = match Entry::open(&path) {
            // It has been replaced or removed meanwhile.
            Err(Unusable::Absent) => continue,
            Err(Unusable::Damaged(why)) => Err(why),
            Ok(entry) => check(&entry).map(|()| content(&entry)),
        };
        found.push(EntryInfo { path, bytes, content });
    }
    Ok(found)
}

fn content(entry: &Entry) -> EntryContent {
    let facts = &entry.facts;
    let stored = UNIX_EPOCH + Duration::from_secs(facts.created);
    let file = match facts.inputs.as_slice() {
        [one] => Some(one.path.clone()),
        _ => None,
    };
    EntryContent {
        origin: facts.origin.clone(),
        name: facts.name.clone(),
        file,
        rows: facts.rows(),
        age: SystemTime::now().duration_since(stored).unwrap_or_default(),
    }
}

/// Removes the entries of `folder` that are older than so long, or all; how many, and their bytes. Without
/// entries the marker and the folder go, too.
pub fn clear_cache(folder: &Path, older_than: Option<Duration>) -> io::Result<(u64, u64)> {
    let (mut files, mut bytes) = (0, 0);
    for path in entries(folder)? {
        let meta = std::fs::metadata(&path)?;
        let age = meta.modified()?.elapsed().unwrap_or_default();
        if older_than.is_some_and(|limit| age < limit) {
            continue;
        }
        std::fs::remove_file(&path)?;
        files += 1;
        bytes += meta.len();
    }
    if folder.exists() {
        remove_leftovers(folder);
        if names(folder)?.iter().all(|name| name == MARKER) {
            std::fs::remove_file(folder.join(MARKER))?;
            // Somebody may have put an entry there meanwhile; then the folder stays.
            let _ = std::fs::remove_dir(folder);
        }
    }
    Ok((files, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_flowc_are_touched() {
        let dir = tempfile::tempdir().expect("a directory");
        let folder = dir.path().join("cache");
        assert_eq!(list_cache(&folder).expect("nothing"), Vec::new());
        open(&folder).expect("a new folder");
        open(&folder).expect("the same");
        assert!(is_ours(&folder).expect("a look"));
        let theirs = folder.join("notes.rows");
        std::fs::write(&theirs, "mine").expect("write");
        let ours = folder.join(format!("{}.rows", "a".repeat(32)));
        std::fs::write(&ours, "damaged").expect("write");
        assert_eq!(verify_cache(&folder).expect("listed").len(), 1);
        assert_eq!(clear_cache(&folder, Some(Duration::from_secs(60))).expect("cleared"), (0, 0));
        assert_eq!(clear_cache(&folder, None).expect("cleared"), (1, 7));
        assert!(theirs.exists() && !ours.exists());
        let other = dir.path().join("other");
        std::fs::create_dir(&other).expect("made");
        std::fs::write(other.join("x"), "mine").expect("write");
        assert!(open(&other).is_err() && clear_cache(&other, None).is_err() && list_cache(&other).is_err());
        std::fs::remove_file(&theirs).expect("removed");
        clear_cache(&folder, None).expect("cleared");
        assert!(!folder.exists());
    }

    #[test]
    fn leftovers_go_and_what_is_being_written_stays() {
        let dir = tempfile::tempdir().expect("a directory");
        let folder = dir.path().join("cache");
        open(&folder).expect("a new folder");
        let target = folder.join(format!("{}.rows", "b".repeat(32)));
        let writer = super::super::entry::EntryWriter::create(&target).expect("created");
        let dead = folder.join(format!(".flowc-{}.rows-4294967295-0.tmp", "c".repeat(32)));
        std::fs::write(&dead, "half").expect("write");
        open(&folder).expect("the folder");
        assert!(!dead.exists());
        assert_eq!(names(&folder).expect("listed").len(), 2);
        drop(writer);
        assert_eq!(names(&folder).expect("listed"), [MARKER]);
    }
}
