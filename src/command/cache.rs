//! `flowc cache`: what earlier runs have stored of what programs `persist`.

use crate::cache::folder;
use crate::cli::{CacheAction, CacheCommandArgs};
use crate::command::run::grouped;
use crate::failure::{Failure, Status};
use crate::output::say;
use flow_runtime::persist::{EntryInfo, clear_cache, list_cache, verify_cache};
use std::fmt::Write;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Lists, checks or removes stored rows.
pub(crate) fn cache(args: &CacheCommandArgs) -> Result<(), Failure> {
    let folder = folder(args.cache_dir.as_deref());
    let fail = |e: io::Error| {
        Failure::message(Status::Data, format!("the cache `{}` cannot be used: {e}", folder.display()))
    };
    match &args.action {
        CacheAction::List => say(listed(&list_cache(&folder).map_err(fail)?)),
        CacheAction::Verify => {
            let entries = verify_cache(&folder).map_err(fail)?;
            let damaged = entries.iter().filter(|e| e.content.is_err()).count();
            say(verified(&entries, damaged))?;
            if damaged > 0 { Err(Failure::new(Status::Data, "")) } else { Ok(()) }
        }
        CacheAction::Clear { older_than } => {
            let (files, bytes) = clear_cache(&folder, *older_than).map_err(fail)?;
            let entries = if files == 1 { "entry" } else { "entries" };
            say(format!("{} {entries}, {} bytes removed\n", grouped(files), grouped(bytes)))
        }
    }
}

fn listed(entries: &[EntryInfo]) -> String {
    let mut out = String::new();
    let (mut rows, mut bytes) = (0, 0);
    for e in entries {
        bytes += e.bytes;
        let file = e.path.file_name().unwrap_or_default().to_string_lossy();
        let _ = match &e.content {
            Err(why) => writeln!(out, "{file}: {} bytes, damaged: {why}", grouped(e.bytes)),
            Ok(content) => {
                rows += content.rows;
                let name = if content.name.is_empty() { "persist" } else { &content.name };
                let part = content.file.as_ref().map(|f| format!(" of {}", shown(f))).unwrap_or_default();
                writeln!(
                    out,
                    "{name} ({}){part}: {} rows, {} bytes, {} old",
                    content.origin,
                    grouped(content.rows),
                    grouped(e.bytes),
                    age(content.age)
                )
            }
        };
    }
    let count = entries.len() as u64;
    let word = if count == 1 { "entry" } else { "entries" };
    let _ = writeln!(out, "{} {word}, {} rows, {} bytes", grouped(count), grouped(rows), grouped(bytes));
    out
}

fn verified(entries: &[EntryInfo], damaged: usize) -> String {
    let mut out = String::new();
    for e in entries {
        if let Err(why) = &e.content {
            let _ = writeln!(out, "{}: {why}", e.path.display());
        }
    }
    let (all, damaged) = (entries.len() as u64, damaged as u64);
    let word = if all == 1 { "entry" } else { "entries" };
    let _ = writeln!(out, "{} {word} checked, {} damaged", grouped(all), grouped(damaged));
    out
}

/// A path as seen from the working directory.
fn shown(path: &str) -> String {
    let here = std::env::current_dir().and_then(std::fs::canonicalize).ok();
    let relative = here.and_then(|here| Path::new(path).strip_prefix(here).ok().map(Path::to_owned));
    relative.map_or_else(|| path.to_owned(), |p| p.display().to_string())
}

/// The largest unit that fits, rounded down.
fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    let units = [(86_400, "d"), (3600, "h"), (60, "min")];
    let unit = units.into_iter().find(|(length, _)| seconds >= *length);
    unit.map_or_else(|| format!("{seconds}s"), |(length, name)| format!("{}{name}", seconds / length))
}
