//! Runs the `flowc` binary in a directory of its own, beside links to the repository's data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The repository.
pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A command of the binary under test, without the user's settings.
pub(crate) fn flowc() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowc"));
    for name in ["FLOWC_THREADS", "FLOWC_MEMORY", "NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// What a run left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The exit status.
    pub(crate) status: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
    /// The files under `out/`.
    pub(crate) files: BTreeMap<String, String>,
}

/// A directory in which programs find `examples`, `tests` and `benches` and may write `out/`.
pub(crate) struct Workplace {
    directory: tempfile::TempDir,
}

impl Workplace {
    /// A fresh one.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for name in ["examples", "tests", "benches"] {
            std::os::unix::fs::symlink(repository().join(name), directory.path().join(name)).expect("a link");
        }
        Workplace { directory }
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The rows of a file that the last run wrote, as delimited text.
    pub(crate) fn rows(&self, file: &str) -> String {
        let program = format!("read \"out/{file}\"");
        let output =
            flowc().args(["run", "-q", "-f", "csv", "-e", &program]).current_dir(self.path()).output();
        let output = output.expect("flowc starts");
        assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs `flowc` with these arguments.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        let out = self.path().join("out");
        let _ = std::fs::remove_dir_all(&out);
        let output = flowc().args(arguments).current_dir(self.path()).output().expect("flowc starts");
        let mut files = BTreeMap::new();
        collect(&out, &out, &mut files);
        Outcome {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            files,
        }
    }
}

/// What stands for bytes that are no text: equal exactly if they are, almost certainly.
fn binary(bytes: &[u8]) -> String {
    let hash =
        bytes.iter().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
    format!("{BINARY} {} bytes, {hash:016x}", bytes.len())
}

/// The start of what stands for bytes that are no text.
pub(crate) const BINARY: &str = "(binary)";

fn collect(root: &Path, directory: &Path, files: &mut BTreeMap<String, String>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).expect("a path below the root").display().to_string();
            let bytes = std::fs::read(&path).expect("a readable file");
            files.insert(name, String::from_utf8(bytes).unwrap_or_else(|e| binary(e.as_bytes())));
        }
    }
}
