//! Which programs `flowc test` looks at: files, patterns, and everything below directories.

use crate::catalog::FileCatalog;
use crate::failure::{Failure, Status};
use flow_compiler::catalog::{Catalog, CatalogError};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// A program to look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ProgramPath {
    /// The file.
    pub(crate) path: PathBuf,
    /// Whether the command line names it: then it is reported even if it has no tests.
    pub(crate) named: bool,
}

/// The programs that the arguments name, each once; the working directory's without arguments.
pub(crate) fn programs(arguments: &[String]) -> Result<Vec<ProgramPath>, Failure> {
    let here = [".".to_owned()];
    let arguments = if arguments.is_empty() { &here[..] } else { arguments };
    let mut found: Vec<ProgramPath> = Vec::new();
    for argument in arguments {
        let path = Path::new(argument);
        let fail = |why: String| Failure::message(Status::Usage, format!("cannot read `{argument}`: {why}"));
        if path.is_dir() {
            let mut below = BTreeSet::new();
            walk(path, &mut below).map_err(|e| fail(e.to_string()))?;
            found.extend(below.into_iter().map(|path| ProgramPath { path, named: false }));
            continue;
        }
        let files = FileCatalog.files(argument).map_err(|e| match e {
            CatalogError::NotFound => fail("there is no such program".to_owned()),
            CatalogError::Unreadable(why) => fail(why),
        })?;
        found.extend(files.into_iter().map(|f| ProgramPath { path: f.path.into(), named: true }));
    }
    let mut seen = BTreeSet::new();
    found.retain(|p| seen.insert(p.path.clone()));
    Ok(found)
}

/// The programs below a directory. What is hidden is not looked at, and links to directories are not followed,
/// so the walk ends.
fn walk(directory: &Path, found: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "flow") && path.is_file() {
                let path = path.strip_prefix(".").map(Path::to_owned).unwrap_or(path);
                found.insert(path);
            }
        }
    }
    Ok(())
}
