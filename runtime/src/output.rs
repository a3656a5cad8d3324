//! Outputs that appear whole or not at all.
//!
//! A file is written under another name in its own directory, synced, and renamed when the whole
//! run has succeeded. What an earlier, killed run left behind is removed first. Targets that are
//! not regular files (devices, pipes) are written directly. What is appended is written aside too, and
//! copied behind the end of its file when the run has succeeded. A path with the suffix of a compression
//! gets compressed bytes.

use crate::compress::Compressed;
use crate::folder::AtomicFolder;
use flow_ir::compression::Compression;
use flow_ir::source::WriteMode;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The start of the names of unfinished files.
pub(crate) const PREFIX: &str = ".flowc-";
/// The end of the names of unfinished files.
pub(crate) const SUFFIX: &str = ".tmp";

/// An output that is not there until it is committed.
#[derive(Debug)]
pub struct AtomicFile {
    target: PathBuf,
    unfinished: Option<PathBuf>,
    body: Body,
    bytes: u64,
    mode: WriteMode,
}

/// What takes the bytes.
#[derive(Debug)]
enum Body {
    Plain(File),
    Compressed(Box<Compressed>),
    /// All bytes are in the file.
    Complete(File),
    Closed,
}

impl AtomicFile {
    /// Starts writing `target`; its directory is made if need be.
    pub fn create(target: &Path) -> io::Result<Self> {
        Self::open(target, WriteMode::Replace)
    }

    /// Starts writing `target`, which must not be there, neither now nor when it is committed.
    pub fn create_new(target: &Path) -> io::Result<Self> {
        if target.symlink_metadata().is_ok() {
            return Err(is_there());
        }
        Self::open(target, WriteMode::Error)
    }

    /// Starts writing what will come behind the end of `target`.
    pub fn append(target: &Path) -> io::Result<Self> {
        Self::open(target, WriteMode::Append)
    }

    fn open(target: &Path, mode: WriteMode) -> io::Result<Self> {
        let special = std::fs::metadata(target).is_ok_and(|m| !m.is_file());
        if special {
            if target.is_dir() {
                return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory"));
            }
            let file = OpenOptions::new().write(true).append(mode == WriteMode::Append).open(target)?;
            return Ok(AtomicFile {
                target: target.to_owned(),
                unfinished: None,
                body: Body::new(file, target)?,
                bytes: 0,
                mode,
            });
        }
        let named = target;
        // Renaming over a symbolic link would replace the link, not the file it names.
        let target = std::fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
        let directory = directory_of(&target);
        std::fs::create_dir_all(&directory)?;
        let name = target
            .file_name()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?
            .to_string_lossy()
            .into_owned();
        remove_leftovers(&directory, &name);
        let (unfinished, file) = open_unfinished(&directory, &name)?;
        if let Ok(meta) = std::fs::metadata(&target) {
            // The replaced file's mode is kept: a shared output stays readable by its readers.
            file.set_permissions(meta.permissions())?;
        }
        Ok(AtomicFile { target, unfinished: Some(unfinished), body: Body::new(file, named)?, bytes: 0, mode })
    }

    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        match &mut self.body {
            Body::Plain(f) => f.write_all(bytes),
            Body::Compressed(c) => c.write(bytes),
            Body::Complete(_) | Body::Closed => Err(io::Error::other("the file is closed")),
        }
    }

    /// All bytes have been written: ends the compressed stream, if it is one.
    pub fn finish(&mut self) -> io::Result<()> {
        self.body = match std::mem::replace(&mut self.body, Body::Closed) {
            Body::Compressed(c) => {
                let file = c.finish()?;
                // A pipe has no length.
                self.bytes = file.metadata().map(|m| m.len()).ok().filter(|n| *n > 0).unwrap_or(self.bytes);
                Body::Complete(file)
            }
            Body::Plain(f) => Body::Complete(f),
            other => other,
        };
        Ok(())
    }

    /// Ends the last line of the file that is appended to, if it is open.
    pub(crate) fn end_last_line(&mut self) -> io::Result<()> {
        if matches!(self.body, Body::Compressed(_)) || self.unfinished.is_none() {
            return Ok(());
        }
        let mut there = File::open(&self.target)?;
        if there.seek(SeekFrom::End(0))? == 0 {
            return Ok(());
        }
        let mut last = [0];
        there.seek(SeekFrom::End(-1))?;
        there.read_exact(&mut last)?;
        if last == [b'\n'] { Ok(()) } else { self.write(b"\n") }
    }

    /// Bytes written so far; those of the file once it is finished.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where the file will be.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Makes what was written durable, still under the unfinished name.
    pub fn sync(&mut self) -> io::Result<()> {
        self.finish()?;
        match (&self.body, &self.unfinished) {
            (Body::Complete(f), Some(_)) => f.sync_all(),
            _ => Ok(()),
        }
    }

    /// Puts the file in its place.
    pub fn commit(mut self) -> io::Result<()> {
        self.sync()?;
        self.body = Body::Closed;
        let Some(unfinished) = self.unfinished.clone() else { return Ok(()) };
        match self.mode {
            WriteMode::Append if self.target.exists() => append_to(&self.target, &unfinished)?,
            WriteMode::Error => {
                // Unlike a rename, a link never replaces what somebody else has put there meanwhile.
                std::fs::hard_link(&unfinished, &self.target)
                    .map_err(|e| if e.kind() == io::ErrorKind::AlreadyExists { is_there() } else { e })?;
                std::fs::remove_file(&unfinished)?;
            }
            WriteMode::Append | WriteMode::Replace => std::fs::rename(&unfinished, &self.target)?,
        }
        self.unfinished = None;
        // The rename itself must survive a crash too.
        File::open(directory_of(&self.target))?.sync_all()
    }
}

pub(crate) fn is_there() -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, "it is there already, and `mode error` leaves it alone")
}

/// Copies the file `from` behind the end of `target`; after an error, `target` is as it was.
fn append_to(target: &Path, from: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).open(target)?;
    let length = file.metadata()?.len();
    let copied = File::open(from).and_then(|mut from| io::copy(&mut from, &mut file));
    if let Err(error) = copied.and_then(|_| file.sync_all()) {
        // If even this fails there is nothing better to do than to report the first error.
        let _ = file.set_len(length);
        return Err(error);
    }
    std::fs::remove_file(from)
}

impl Body {
    fn new(file: File, path: &Path) -> io::Result<Self> {
        Ok(match path.to_str().and_then(Compression::of) {
            Some(c) => Body::Compressed(Box::new(Compressed::new(file, c)?)),
            None => Body::Plain(file),
        })
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(path) = self.unfinished.take() {
            // Nothing can be done about a failure here; the next run tries again.
            let _ = std::fs::remove_file(path);
        }
    }
}

pub(crate) fn directory_of(target: &Path) -> PathBuf {
    match target.parent() {
        Some(p) if !p.as_os_str().is_empty() => p.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn open_unfinished(directory: &Path, name: &str) -> io::Result<(PathBuf, File)> {
    for attempt in 0..1000u32 {
        let path = directory.join(format!("{PREFIX}{name}-{}-{attempt}{SUFFIX}", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "no free name for the unfinished file"))
}

/// Removes unfinished files of this target whose writer is gone.
pub(crate) fn remove_leftovers(directory: &Path, name: &str) {
    let start = format!("{PREFIX}{name}-");
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let file_name = entry.file_name().to_string_lossy().into_owned();
        let Some(rest) = file_name.strip_prefix(&start).and_then(|r| r.strip_suffix(SUFFIX)) else {
            continue;
        };
        // What follows a longer name is not this target's.
        let Some((pid, _)) = rest.split_once('-').filter(|(_, attempt)| attempt.parse::<u32>().is_ok())
        else {
            continue;
        };
        let Ok(pid) = pid.parse::<u32>() else { continue };
        let alive = pid == std::process::id() || Path::new(&format!("/proc/{pid}")).exists();
        if !alive && Path::new("/proc/self").exists() {
            let _ = match entry.file_type().is_ok_and(|t| t.is_dir()) {
                true => std::fs::remove_dir_all(entry.path()),
                false => std::fs::remove_file(entry.path()),
            };
        }
    }
}

/// What a run puts in place when it has succeeded.
pub(crate) enum Output {
    File(AtomicFile),
    Folder(AtomicFolder),
}

impl Output {
    pub(crate) fn target(&self) -> &Path {
        match self {
            Output::File(f) => f.target(),
            Output::Folder(f) => f.named(),
        }
    }

    pub(crate) fn sync(&mut self) -> io::Result<()> {
        match self {
            Output::File(f) => f.sync(),
            Output::Folder(f) => f.sync(),
        }
    }

    pub(crate) fn commit(self) -> io::Result<()> {
        match self {
            Output::File(f) => f.commit(),
            Output::Folder(f) => f.commit(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_comes_behind_whole_lines_and_only_when_committed() {
        let dir = scratch("append");
        let target = dir.join("out.csv");
        for (there, expected) in [(None, "new\n"), (Some("old\n"), "old\nnew\n"), (Some("old"), "old\nnew\n")]
        {
            let _ = std::fs::remove_file(&target);
            if let Some(there) = there {
                std::fs::write(&target, there).expect("write");
            }
            let start = || {
                let mut f = AtomicFile::append(&target).expect("append");
                if there.is_some() {
                    f.end_last_line().expect("its last line");
                }
                f.write(b"new\n").expect("write");
                f
            };
            drop(start());
            assert_eq!(std::fs::read_to_string(&target).ok().as_deref(), there);
            start().commit().expect("commit");
            assert_eq!(std::fs::read_to_string(&target).expect("read"), expected);
            assert_eq!(std::fs::read_dir(&dir).expect("list").count(), 1);
        }
        std::fs::remove_dir_all(dir).expect("clean");
    }

    #[test]
    fn a_new_file_replaces_nothing_that_came_meanwhile() {
        let dir = scratch("new");
        let target = dir.join("out.csv");
        let mut f = AtomicFile::create_new(&target).expect("create");
        f.write(b"new").expect("write");
        std::fs::write(&target, "meanwhile").expect("write");
        assert_eq!(f.commit().expect_err("refused").kind(), io::ErrorKind::AlreadyExists);
        assert!(AtomicFile::create_new(&target).is_err());
        assert_eq!(std::fs::read_to_string(&target).expect("read"), "meanwhile");
        assert_eq!(std::fs::read_dir(&dir).expect("list").count(), 1);
        std::fs::remove_dir_all(dir).expect("clean");
    }

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("flowc-output-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("temporary directory");
        dir
    }

    #[test]
    fn an_abandoned_file_leaves_the_old_one() {
        let dir = scratch("abandoned");
        let target = dir.join("out.csv");
        std::fs::write(&target, "old").expect("write");
        let mut f = AtomicFile::create(&target).expect("create");
        f.write(b"new").expect("write");
        drop(f);
        assert_eq!(std::fs::read_to_string(&target).expect("read"), "old");
        assert_eq!(std::fs::read_dir(&dir).expect("list").count(), 1);
        std::fs::remove_dir_all(dir).expect("clean");
    }

    #[test]
    fn commit_replaces_and_leftovers_of_dead_writers_go() {
        let dir = scratch("commit");
        let target = dir.join("out.csv");
        let dead = dir.join(".flowc-out.csv-4294967295-0.tmp");
        std::fs::write(&dead, "half").expect("write");
        let mut f = AtomicFile::create(&target).expect("create");
        f.write(b"new").expect("write");
        f.commit().expect("commit");
        assert_eq!(std::fs::read_to_string(&target).expect("read"), "new");
        assert!(!dead.exists());
        std::fs::remove_dir_all(dir).expect("clean");
    }
}
