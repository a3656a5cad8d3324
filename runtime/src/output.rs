//! Outputs that appear whole or not at all.
//!
//! A file is written under another name in its own directory, synced, and renamed when the whole
//! run has succeeded. What an earlier, killed run left behind is removed first. Targets that are
//! not regular files (devices, pipes) are written directly. A path with the suffix of a compression
//! gets compressed bytes.

use crate::compress::Compressed;
use flow_ir::compression::Compression;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The start of the names of unfinished files.
const PREFIX: &str = ".flowc-";
/// The end of the names of unfinished files.
const SUFFIX: &str = ".tmp";

/// An output that is not there until it is committed.
#[derive(Debug)]
pub struct AtomicFile {
    target: PathBuf,
    unfinished: Option<PathBuf>,
    body: Body,
    bytes: u64,
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
        let special = std::fs::metadata(target).is_ok_and(|m| !m.is_file());
        if special {
            if target.is_dir() {
                return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory"));
            }
            let file = OpenOptions::new().write(true).open(target)?;
            return Ok(AtomicFile {
                target: target.to_owned(),
                unfinished: None,
                body: Body::new(file, target)?,
                bytes: 0,
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
        Ok(AtomicFile { target, unfinished: Some(unfinished), body: Body::new(file, named)?, bytes: 0 })
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
        std::fs::rename(&unfinished, &self.target)?;
        self.unfinished = None;
        // The rename itself must survive a crash too.
        File::open(directory_of(&self.target))?.sync_all()
    }
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

fn directory_of(target: &Path) -> PathBuf {
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
fn remove_leftovers(directory: &Path, name: &str) {
    let start = format!("{PREFIX}{name}-");
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let file_name = entry.file_name().to_string_lossy().into_owned();
        let Some(rest) = file_name.strip_prefix(&start).and_then(|r| r.strip_suffix(SUFFIX)) else {
            continue;
        };
        let Some(pid) = rest.split('-').next().and_then(|p| p.parse::<u32>().ok()) else { continue };
        let alive = pid == std::process::id() || Path::new(&format!("/proc/{pid}")).exists();
        if !alive && Path::new("/proc/self").exists() {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
