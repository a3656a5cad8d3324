//! Directories that appear whole or not at all.
//!
//! All files are written into a directory of another name beside the target, synced with a list of
//! themselves, and put in place by one rename when the whole run has succeeded. What is appended comes beside the files
//! that are there: these get second names in the new directory, which then takes the place of the old one. A
//! directory that is there already is only replaced if such a list says that flowc wrote everything in it.
//! Invariant: nobody ever sees a directory at the target's place that holds a part of the files.

mod list;
#[cfg(test)]
mod tests;

use crate::output::{PREFIX, SUFFIX, directory_of, is_there, remove_leftovers};
use flow_ir::source::WriteMode;
pub(crate) use list::Layout;
use list::List;
use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long another run may take to put files into the directory.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory that is not there until it is committed.
#[derive(Debug)]
pub(crate) struct AtomicFolder {
    /// Where the program says it is.
    named: PathBuf,
    target: PathBuf,
    unfinished: Option<PathBuf>,
    mode: WriteMode,
    layout: Layout,
    /// The number in the names of this run's files.
    number: u64,
    /// This run's files, by the folders they lie in: rows and bytes.
    parts: BTreeMap<String, (u64, u64)>,
    /// The files of the target that have second names here.
    kept: BTreeMap<String, Identity>,
}

/// What tells a file from another one of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        let meta = fs::symlink_metadata(path)?;
        let modified = (meta.mtime(), meta.mtime_nsec());
        Ok(Identity { inode: meta.ino(), bytes: meta.len(), modified })
    }
}

impl AtomicFolder {
    /// Starts writing the directory `named`; fails if it must stay as it is.
    pub(crate) fn create(named: &Path, mode: WriteMode, layout: Layout) -> io::Result<Self> {
        let named = named.components().collect::<PathBuf>();
        // Renaming a symbolic link would replace the link, not the directory it names.
        let target = fs::canonicalize(&named).unwrap_or_else(|_| named.clone());
        let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "the path names no directory");
        let name = target.file_name().ok_or_else(invalid)?.to_string_lossy().into_owned();
        let there = may_change(&target, mode, &layout)?;
        let number = if mode == WriteMode::Append { next_number(&there)? } else { 0 };
        let around = directory_of(&target);
        fs::create_dir_all(&around)?;
        remove_leftovers(&around, &name);
        for attempt in 0..1000u32 {
            let path = around.join(format!("{PREFIX}{name}-{}-{attempt}{SUFFIX}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => {
                    let (parts, kept) = Default::default();
                    let unfinished = Some(path);
                    return Ok(AtomicFolder { named, target, unfinished, mode, layout, number, parts, kept });
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "no free name for the unfinished directory"))
    }

    /// Where the program says it is.
    pub(crate) fn named(&self) -> &Path {
        &self.named
    }

    /// Where the file of a folder has to be written; the folder is made.
    pub(crate) fn place(&self, folder: &str) -> io::Result<PathBuf> {
        self.made(&self.path_of(folder, self.number))
    }

    /// The path of a file in the unfinished directory, whose folder is made.
    fn made(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.open()?.join(name);
        fs::create_dir_all(directory_of(&path))?;
        Ok(path)
    }

    fn open(&self) -> io::Result<&Path> {
        self.unfinished.as_deref().ok_or_else(|| io::Error::other("the directory is complete"))
    }

    /// The file of a folder.
    fn path_of(&self, folder: &str, number: u64) -> String {
        let between = if folder.is_empty() { "" } else { "/" };
        format!("{folder}{between}{}.{}", part_name(number), self.layout.suffix)
    }

    /// All files are there, by their folders, with these rows and bytes.
    pub(crate) fn finish(&mut self, parts: BTreeMap<String, (u64, u64)>) -> io::Result<()> {
        self.parts = parts;
        self.write_list(None, &[])
    }

    fn write_list(&self, list: Option<&List>, there: &[String]) -> io::Result<()> {
        let new = self.parts.iter().map(|(folder, &(rows, bytes))| {
            let path = self.path_of(folder, self.number);
            (path, rows, bytes)
        });
        fs::write(self.made(list::NAME)?, List::continued(list, there, &self.layout, new))
    }

    /// Makes what was written durable, still under the unfinished name.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if self.mode == WriteMode::Append && is_something(&self.target) {
            // What takes long or may fail is done before any sink of the program is put in its place.
            self.keep_what_is_there()?;
        }
        self.unfinished.as_deref().map_or(Ok(()), sync_below)
    }

    /// Gives the files of the target second names beside the new ones, and says whether there was anything to do.
    /// Done again, it does what has changed.
    fn keep_what_is_there(&mut self) -> io::Result<bool> {
        let paths = may_change(&self.target, self.mode, &self.layout)?;
        let mut there = BTreeMap::new();
        for path in &paths {
            there.insert(path.clone(), Identity::of(&self.target.join(path))?);
        }
        if there == self.kept {
            return Ok(false);
        }
        for (gone, _) in self.kept.iter().filter(|(path, file)| there.get(*path) != Some(file)) {
            fs::remove_file(self.open()?.join(gone))?;
        }
        self.kept.retain(|path, file| there.get(path) == Some(file));
        let number = next_number(&paths)?;
        if number != self.number {
            for folder in self.parts.keys() {
                let (from, to) = (self.path_of(folder, self.number), self.path_of(folder, number));
                fs::rename(self.open()?.join(from), self.open()?.join(to))?;
            }
            self.number = number;
        }
        for (path, file) in there {
            if !self.kept.contains_key(&path) {
                second_name(&self.target.join(&path), &self.made(&path)?)?;
                self.kept.insert(path, file);
            }
        }
        self.write_list(List::of(&self.target).as_ref(), &paths)?;
        Ok(true)
    }

    /// Puts the directory in its place.
    pub(crate) fn commit(mut self) -> io::Result<()> {
        let Some(unfinished) = self.unfinished.clone() else { return Ok(()) };
        loop {
            if is_something(&self.target) {
                let _lock = lock(&self.target)?;
                self.replace(&unfinished)?;
                // What was there before; if this fails, a later run removes it.
                let _ = fs::remove_dir_all(&unfinished);
                break;
            }
            // Unlike `rename`, this never replaces what somebody else has put there meanwhile.
            match renameat_with(CWD, &unfinished, CWD, &self.target, RenameFlags::NOREPLACE) {
                Err(rustix::io::Errno::EXIST) if self.mode == WriteMode::Append => {}
                outcome => {
                    outcome?;
                    break;
                }
            }
        }
        self.unfinished = None;
        File::open(directory_of(&self.target))?.sync_all()
    }

    /// Changes places with the directory that is there, unless something has come into it that is not flowc's.
    fn replace(&mut self, unfinished: &Path) -> io::Result<()> {
        match self.mode {
            WriteMode::Append => {
                if self.keep_what_is_there()? {
                    sync_below(unfinished)?;
                }
            }
            WriteMode::Replace | WriteMode::Error => {
                may_change(&self.target, self.mode, &self.layout)?;
            }
        }
        // A directory that others may read stays one.
        fs::set_permissions(unfinished, fs::metadata(&self.target)?.permissions())?;
        exchange(unfinished, &self.target)?;
        let strange = match (may_change(unfinished, self.mode, &self.layout), self.mode) {
            (Ok(before), WriteMode::Append) => {
                let stranger = before.into_iter().find(|path| !self.kept.contains_key(path));
                stranger.map(|path| {
                    let why = format!("`{path}` came into the directory meanwhile");
                    io::Error::new(io::ErrorKind::AlreadyExists, why)
                })
            }
            (Ok(_), _) => None,
            (Err(error), _) => Some(error),
        };
        match strange {
            None => Ok(()),
            Some(error) => {
                exchange(unfinished, &self.target)?;
                Err(error)
            }
        }
    }
}

impl Drop for AtomicFolder {
    fn drop(&mut self) {
        if let Some(path) = self.unfinished.take() {
            // Nothing can be done about a failure here; the next run tries again.
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// Puts each of two directories in the place of the other at once.
fn exchange(new: &Path, old: &Path) -> io::Result<()> {
    Ok(renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE)?)
}

/// A second name for a file that never changes: a link, or where there are no links, a copy.
fn second_name(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Err(e),
        Err(_) => {
            let _ = fs::remove_file(to);
            fs::copy(from, to).map(|_| ())
        }
        Ok(()) => Ok(()),
    }
}

fn is_something(target: &Path) -> bool {
    fs::symlink_metadata(target).is_ok()
}

/// Keeps other runs from putting something into the directory until the lock is dropped. `None` where the file
/// system knows no locks.
fn lock(target: &Path) -> io::Result<Option<File>> {
    let since = Instant::now();
    loop {
        let directory = File::open(target)?;
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) if since.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let why = "another run has been putting files into the directory for a minute";
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, why));
            }
            Err(_) => return Ok(None),
        }
        // Another run may have put another directory there before it unlocked this one.
        let (locked, there) = (directory.metadata()?, fs::metadata(target)?);
        if (locked.dev(), locked.ino()) == (there.dev(), there.ino()) {
            return Ok(Some(directory));
        }
    }
}

/// The start of the name of a run's files. Bytewise, every name is behind those with smaller numbers.
fn part_name(number: u64) -> String {
    if number < 10_000 { format!("part-{number:04}") } else { format!("part-x{number:020}") }
}

/// A number behind those of all files.
fn next_number(there: &[String]) -> io::Result<u64> {
    let number = |path: &String| {
        let name = path.rsplit('/').next()?.strip_prefix("part-")?;
        let digits = name.split('.').next()?;
        digits.strip_prefix('x').unwrap_or(digits).parse::<u64>().ok()
    };
    match there.iter().filter_map(number).max() {
        None => Ok(0),
        Some(last) => {
            last.checked_add(1).ok_or_else(|| io::Error::other("its files have no further numbers"))
        }
    }
}

/// The files of a directory that may be changed: nothing is there, or what flowc wrote.
fn may_change(target: &Path, mode: WriteMode, layout: &Layout) -> io::Result<Vec<String>> {
    let refused = |why: String| Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
    let Ok(there) = fs::symlink_metadata(target) else { return Ok(Vec::new()) };
    if mode == WriteMode::Error {
        return Err(is_there());
    }
    if !there.is_dir() {
        return refused("a file is there, which is no directory".to_owned());
    }
    let mut files = Vec::new();
    files_below(target, target, &mut files)?;
    if files.is_empty() {
        return Ok(files);
    }
    let Some(list) = List::of(target) else {
        return refused(format!(
            "the directory has no `{}`, so flowc did not write it and leaves it alone",
            list::NAME
        ));
    };
    files.retain(|path| path != list::NAME);
    if let Some(other) = files.iter().find(|path| !list.has(path)) {
        return refused(format!("flowc did not write `{other}` in the directory, and leaves it alone"));
    }
    if mode == WriteMode::Append && !files.is_empty() {
        list.fits(layout)?;
    }
    files.sort();
    Ok(files)
}

/// The paths of all files below `directory`, relative to `root`.
fn files_below(root: &Path, directory: &Path, out: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            files_below(root, &path, out)?;
        } else {
            out.push(path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned());
        }
    }
    Ok(())
}

fn sync_below(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_below(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    File::open(directory)?.sync_all()
}
