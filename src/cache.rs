//! Where programs keep the rows they `persist` on disk, and which flowc it is that keeps them.

use crate::cli::CacheArgs;
use flow_runtime::persist::CacheOptions;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The folder unless another one is named: in the working directory, from which relative paths of programs lead.
pub(crate) const FOLDER: &str = ".flow-cache";

/// The folder that the command line names.
pub(crate) fn folder(named: Option<&Path>) -> PathBuf {
    named.unwrap_or(Path::new(FOLDER)).to_owned()
}

/// What a run is told of the cache; nothing if it has none.
pub(crate) fn options(args: &CacheArgs) -> Option<CacheOptions> {
    if args.no_cache {
        return None;
    }
    Some(CacheOptions { folder: folder(args.cache_dir.as_deref()), compiler: compiler()? })
}

/// What identifies this flowc: another one, also a newly built one of the same version, computes rows anew.
fn compiler() -> Option<String> {
    let executable = std::fs::metadata(std::env::current_exe().ok()?).ok()?;
    let built = executable.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!(
        "flowc {} plan {} {} executable {} {}",
        env!("CARGO_PKG_VERSION"),
        flow_ir::physical::PLAN_VERSION,
        std::env::consts::ARCH,
        executable.len(),
        built.as_nanos(),
    ))
}
