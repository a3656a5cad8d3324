//! Damaged entries of a cache: always noticed, never believed, and the answer stays right.
//!
//! The entries of a program are damaged in turn, from seeds: bits are flipped, ends cut off, pieces zeroed, moved or
//! doubled, entries swapped. Every run must print what the first one did, say that something is wrong, and
//! leave sound entries behind. `FLOWC_FLIPS` asks for more.

use crate::outcome::{Printed, caught};
use crate::random::Random;
use crate::setting;
use flow_compiler::stage::cut_stages;
use flow_ir::PhysicalPlan;
use flow_runtime::persist::{CacheOptions, verify_cache};
use flow_runtime::{RunOptions, RunReport, RunWarning};
use flowc::program::Program;
use std::path::{Path, PathBuf};

/// Damages of an ordinary test run.
const FEW: u64 = 600;

/// A program whose stored rows have all types, in several blocks and entries.
const PROGRAM: &str = r#"
let wide = read "PLACE/*.csv" schema { id: int, x: float?, d: decimal(30, 4)?, t: string?, at: timestamp?, day: date? }
  | map { *, items: [{ a: id, b: t }, { a: id * 2, b: null }], raw: bytes(t ?? ""), even: id % 2 == 0, took: 1ms * id }
  | persist(LEVEL)
let total = from wide | reduce_by_key even { n: count(), sum: sum(d), all: collect(id) } | persist
from wide | filter id % 7 == 0
from wide | count
from total
"#;

fn data(place: &Path) {
    for file in 0..3u32 {
        let mut text = String::from("id,x,d,t,at,day\n");
        for row in 0..60u32 {
            let id = file * 100 + row;
            let t = if row % 5 == 0 { String::new() } else { format!("row {id} é") };
            let x = if row % 4 == 0 { String::new() } else { format!("-{row}.25") };
            text.push_str(&format!("{id},{x},{id}.0625,{t},2024-05-01T10:00:00.{row:06}Z,2024-02-29\n"));
        }
        std::fs::write(place.join(format!("f{file}.csv")), text).expect("data written");
    }
}

fn run(program: &Program, plan: &PhysicalPlan, cache: &Path) -> (String, RunReport) {
    let options = RunOptions {
        threads: 2,
        chunk_bytes: 700,
        cache: Some(CacheOptions { folder: cache.to_owned(), compiler: "a test".to_owned() }),
        ..RunOptions::default()
    };
    let mut printed = Printed::default();
    let report = flow_runtime::run(plan, &options, &mut printed, &|span| program.place(span));
    (String::from_utf8(printed.0).expect("text"), report.expect("the run succeeds"))
}

fn entries(cache: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(cache).expect("a folder").flatten().map(|e| e.path());
    let mut entries: Vec<PathBuf> = files.filter(|p| p.extension().is_some_and(|e| e == "rows")).collect();
    entries.sort();
    entries
}

/// Damages bytes so that they are not what they were.
fn damaged(random: &mut Random, whole: &[u8]) -> Vec<u8> {
    loop {
        let mut bytes = whole.to_vec();
        let at = random.below(bytes.len());
        match random.below(8) {
            0 => bytes.truncate(at),
            1 => bytes.extend_from_slice(&whole[at..]),
            2 => {
                let end = (at + 1 + random.below(64)).min(bytes.len());
                bytes[at..end].fill(0);
            }
            3 => {
                bytes.drain(at..(at + 1 + random.below(16)).min(whole.len()));
            }
            _ => {
                for _ in 0..1 + random.below(3) {
                    let at = random.below(bytes.len());
                    bytes[at] ^= 1 << random.below(8);
                }
            }
        }
        if bytes != whole {
            return bytes;
        }
    }
}

#[test]
fn damaged_entries_are_computed_again() {
    let (count, first) = (setting("FLOWC_FLIPS", FEW), setting("FLOWC_SEED", 1));
    for level in ["memory_and_disk", "memory_and_disk_ser", "disk"] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        data(directory.path());
        let text = PROGRAM.replace("PLACE", &directory.path().display().to_string()).replace("LEVEL", level);
        let program = Program::new("p.flow", &text);
        let compiled = program.check(&[]).unwrap_or_else(|d| panic!("{d:?}"));
        let plan = cut_stages(&compiled.plan);
        let cache = directory.path().join("cache");
        let (expected, report) = run(&program, &plan, &cache);
        assert!(report.persisted.iter().all(|p| p.cached == 0 && p.rows > 0), "{:?}", report.persisted);
        let (again, report) = run(&program, &plan, &cache);
        assert_eq!(again, expected);
        assert!(report.sources.is_empty() && report.persisted.iter().all(|p| p.cached == p.rows));
        let entries = entries(&cache);
        assert_eq!(entries.len(), 4, "one of each file, and one of the groups");
        for seed in first..first + count / 3 {
            let mut random = Random::new(seed);
            let entry = &entries[random.below(entries.len())];
            let whole = std::fs::read(entry).expect("an entry");
            let mut touched = vec![entry.clone()];
            if random.below(20) == 0 {
                let other = &entries[random.below(entries.len())];
                if other == entry {
                    continue;
                }
                std::fs::write(entry, std::fs::read(other).expect("an entry")).expect("written");
                std::fs::write(other, &whole).expect("written");
                touched.push(other.clone());
            } else {
                std::fs::write(entry, damaged(&mut random, &whole)).expect("written");
            }
            let bad = verify_cache(&cache).expect("a folder").iter().filter(|e| e.content.is_err()).count();
            let outcome = caught(|| run(&program, &plan, &cache));
            let (printed, report) = outcome.unwrap_or_else(|bug| panic!("{level} seed {seed}: {bug}"));
            assert_eq!(printed, expected, "{level} seed {seed}");
            let damages = report.warnings.iter().filter(|w| matches!(w, RunWarning::Damaged(_))).count();
            // Groups that are stored whole do not need the files they were made of.
            let read: u64 = report.sources.iter().map(|s| s.read).sum();
            assert!(damages == touched.len(), "{level} seed {seed}: {:?} {read}", report.warnings);
            assert_eq!(bad, if touched.len() == 1 { 1 } else { 0 }, "{level} seed {seed}");
            let bad = verify_cache(&cache).expect("a folder").iter().filter(|e| e.content.is_err()).count();
            assert_eq!(bad, 0, "{level} seed {seed}: what was damaged is stored anew");
        }
    }
    eprintln!("{count} damages from seed {first}");
}
