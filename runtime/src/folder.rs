//! Directories that appear whole or not at all.
//!
//! All files are written into a directory of another name beside the target, synced with a list of
//! themselves, and put in place by one rename when the whole run has succeeded. A directory that is there
//! already is only replaced if such a list says that flowc wrote everything in it. Invariant: nobody ever sees a
//! directory at the target's place that holds a part of the files.

use crate::output::{PREFIX, SUFFIX, directory_of, is_there, remove_leftovers};
use flow_ir::source::WriteMode;
use flow_ir::text;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// The list of a directory's files. Readers of directories skip names that begin with `_`.
const LIST: &str = "_flowc.json";

/// A directory that is not there until it is committed.
#[derive(Debug)]
pub(crate) struct AtomicFolder {
    /// Where the program says it is.
    named: PathBuf,
    target: PathBuf,
    unfinished: Option<PathBuf>,
    mode: WriteMode,
}

impl AtomicFolder {
    /// Starts writing the directory `named`; fails if it must stay as it is.
    pub(crate) fn create(named: &Path, mode: WriteMode) -> io::Result<Self> {
        let named = named.components().collect::<PathBuf>();
        // Renaming a symbolic link would replace the link, not the directory it names.
        let target = fs::canonicalize(&named).unwrap_or_else(|_| named.clone());
        let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "the path names no directory");
        let name = target.file_name().ok_or_else(invalid)?.to_string_lossy().into_owned();
        may_replace(&target, mode)?;
        let around = directory_of(&target);
        fs::create_dir_all(&around)?;
        remove_leftovers(&around, &name);
        for attempt in 0..1000u32 {
            let path = around.join(format!("{PREFIX}{name}-{}-{attempt}{SUFFIX}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(AtomicFolder { named, target, unfinished: Some(path), mode }),
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

    /// Where a file of that name has to be written; its folder is made.
    pub(crate) fn place(&self, name: &str) -> io::Result<PathBuf> {
        let gone = || io::Error::other("the directory is complete");
        let path = self.unfinished.as_ref().ok_or_else(gone)?.join(name);
        fs::create_dir_all(directory_of(&path))?;
        Ok(path)
    }

    /// All files are there, with these rows and bytes: writes the list of them.
    pub(crate) fn finish(&mut self, files: &BTreeMap<String, (u64, u64)>) -> io::Result<()> {
        let mut list = String::from("{\"flowc\":1,\"files\":[");
        for (i, (name, (rows, bytes))) in files.iter().enumerate() {
            list.push_str(if i > 0 { ",\n" } else { "\n" });
            list.push_str(&listed(name));
            let _ = write!(list, ",\"rows\":{rows},\"bytes\":{bytes}}}");
        }
        list.push_str("\n]}\n");
        fs::write(self.place(LIST)?, list)
    }

    /// Makes what was written durable, still under the unfinished name.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.unfinished.as_deref().map_or(Ok(()), sync_below)
    }

    /// Puts the directory in its place.
    pub(crate) fn commit(mut self) -> io::Result<()> {
        let Some(unfinished) = self.unfinished.clone() else { return Ok(()) };
        may_replace(&self.target, self.mode)?;
        if fs::symlink_metadata(&self.target).is_ok() {
            exchange(&unfinished, &self.target)?;
            // What was there before; if this fails, a later run removes it.
            let _ = fs::remove_dir_all(&unfinished);
        } else {
            // Unlike `rename`, this never replaces what somebody else has put there meanwhile.
            renameat_with(CWD, &unfinished, CWD, &self.target, RenameFlags::NOREPLACE)?;
        }
        self.unfinished = None;
        File::open(directory_of(&self.target))?.sync_all()
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

/// How the list begins to tell of a file.
fn listed(name: &str) -> String {
    let mut out = String::from("{\"path\":");
    text::push_json_string(&mut out, name);
    out
}

/// Whether a directory may be put at that place: nothing is there, or what flowc wrote.
fn may_replace(target: &Path, mode: WriteMode) -> io::Result<()> {
    let refused = |why: String| Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
    let Ok(there) = fs::symlink_metadata(target) else { return Ok(()) };
    if mode == WriteMode::Error {
        return Err(is_there());
    }
    if !there.is_dir() {
        return refused("a file is there, which is no directory".to_owned());
    }
    let mut files = Vec::new();
    files_below(target, target, &mut files)?;
    if files.is_empty() {
        return Ok(());
    }
    let Ok(list) = fs::read_to_string(target.join(LIST)) else {
        return refused(format!(
            "the directory has no `{LIST}`, so flowc did not write it and leaves it alone"
        ));
    };
    match files.iter().find(|f| *f != LIST && !list.contains(&listed(f))) {
        Some(other) => {
            refused(format!("flowc did not write `{other}` in the directory, and leaves it alone"))
        }
        None => Ok(()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("flowc-folder-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("temporary directory");
        dir
    }

    fn write(target: &Path, name: &str, mode: WriteMode) -> io::Result<()> {
        let mut folder = AtomicFolder::create(target, mode)?;
        fs::write(folder.place(name)?, "x")?;
        folder.finish(&BTreeMap::from([(name.to_owned(), (1, 1))]))?;
        folder.sync()?;
        folder.commit()
    }

    #[test]
    fn only_what_flowc_wrote_is_replaced() {
        let dir = scratch("replaced");
        let target = dir.join("out");
        write(&target, "k=\"1\"/a", WriteMode::Replace).expect("new");
        write(&target, "k=2/b", WriteMode::Replace).expect("its own");
        assert!(target.join("k=2/b").exists() && !target.join("k=\"1\"").exists());
        assert!(write(&target, "c", WriteMode::Error).is_err());
        fs::write(target.join("k=2/mine"), "mine").expect("another file");
        let refused = write(&target, "c", WriteMode::Replace).expect_err("not its own");
        assert!(refused.to_string().contains("k=2/mine"), "{refused}");
        fs::remove_file(target.join("k=2/mine")).expect("gone");
        fs::remove_file(target.join(LIST)).expect("gone");
        assert!(write(&target, "c", WriteMode::Replace).is_err());
        assert!(target.join("k=2/b").exists());
        assert_eq!(fs::read_dir(&dir).expect("list").count(), 1, "nothing is left over");
        fs::remove_dir_all(dir).expect("clean");
    }

    #[test]
    fn what_comes_meanwhile_stays() {
        let dir = scratch("meanwhile");
        let target = dir.join("out");
        let mut folder = AtomicFolder::create(&target, WriteMode::Replace).expect("new");
        folder.finish(&BTreeMap::new()).expect("empty");
        fs::create_dir(&target).expect("meanwhile");
        fs::write(target.join("mine"), "mine").expect("meanwhile");
        assert!(folder.commit().is_err());
        assert!(target.join("mine").exists());
        assert_eq!(fs::read_dir(&dir).expect("list").count(), 1);
        // An empty directory is nobody's.
        fs::remove_file(target.join("mine")).expect("gone");
        write(&target, "a", WriteMode::Replace).expect("empty");
        fs::remove_dir_all(dir).expect("clean");
    }
}
