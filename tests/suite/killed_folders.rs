//! Directories are the old ones or the new ones, whenever the process that writes them is killed.
//!
//! `FLOWC_KILLS` says how many runs are killed in all; CONTRIBUTING.md has the long one.

use crate::process::{Workplace, flowc};
use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Rows of the input, enough for a run that lasts while it is killed.
const ROWS: u64 = 60_000;
/// Folders of what is written with `partition by`.
const FOLDERS: u64 = 40;
/// Rows of the directory as it was before.
const OLD_ROWS: u64 = 400;
/// The names of files that another process has not put in place.
const UNFINISHED: &str = ".flowc-out-";

/// One way to put a directory in place.
struct Manner {
    mode: &'static str,
    partition: &'static str,
    format: &'static str,
}

const MANNERS: [Manner; 4] = [
    Manner { mode: "replace", partition: "partition by k", format: "csv" },
    Manner { mode: "append", partition: "partition by k", format: "parquet" },
    Manner { mode: "replace", partition: "", format: "parquet" },
    Manner { mode: "append", partition: "", format: "csv" },
];

impl Manner {
    fn program(&self, rows: &str) -> String {
        let Manner { mode, partition, format } = self;
        let read = format!("read \"{rows}\" schema {{ id: int, k: int }}");
        format!("{read} | write \"data/out/\" as {format} {partition} mode {mode}")
    }

    /// The number of rows and the sum of their ids: those of the old rows, and those of the complete new directory.
    fn outcomes(&self) -> [(u64, u64); 2] {
        let sum = |from: u64, rows: u64| (from..from + rows).sum::<u64>();
        let (old, added) = ((OLD_ROWS, sum(0, OLD_ROWS)), (ROWS, sum(OLD_ROWS, ROWS)));
        let new = if self.mode == "append" { (old.0 + added.0, old.1 + added.1) } else { added };
        [old, new]
    }
}

fn rows(from: u64, rows: u64) -> String {
    let lines = (from..from + rows).map(|i| format!("{i},{}\n", i % FOLDERS));
    format!("id,k\n{}", lines.collect::<String>())
}

/// The files below a directory, by their paths relative to it.
fn files(directory: &Path, below: &str, out: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(directory.join(below)).expect("a directory").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        if entry.path().is_dir() {
            files(directory, &path, out);
        } else {
            out.insert(path);
        }
    }
}

/// Links every file of a directory into another one: what flowc has put in place never changes.
fn restore(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    let mut all = BTreeSet::new();
    files(from, "", &mut all);
    for file in all {
        let place = to.join(&file);
        std::fs::create_dir_all(place.parent().expect("a folder")).expect("folders");
        std::fs::hard_link(from.join(&file), place).expect("a link");
    }
}

/// Rows and sum of ids as flowc reads them, after the files are found to be those of the list.
fn state(workplace: &Workplace, format: &str) -> (u64, u64) {
    let out = workplace.path().join("data/out");
    let list = std::fs::read_to_string(out.join("_flowc.json")).expect("a list");
    let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
    let listed = list["files"].as_array().expect("files").iter();
    let mut listed: BTreeSet<String> =
        listed.map(|f| f["path"].as_str().expect("a path").to_owned()).collect();
    listed.insert("_flowc.json".to_owned());
    let mut there = BTreeSet::new();
    files(&out, "", &mut there);
    assert_eq!(there, listed);
    let program = format!(
        "read \"data/out/\" as {format} schema {{ id: int }} | reduce {{ n: count(), sum: sum(id) }}"
    );
    let outcome = workplace.run(&["run", "-q", "-f", "jsonl", "-e", &program]);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    let row: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("a row");
    (row["n"].as_u64().expect("a number"), row["sum"].as_u64().expect("a number"))
}

/// What lies beside the directory.
fn beside(workplace: &Workplace) -> Vec<String> {
    let entries = std::fs::read_dir(workplace.path().join("data")).expect("a directory").flatten();
    let names = entries.map(|e| e.file_name().to_string_lossy().into_owned());
    names.filter(|n| n != "out").collect()
}

#[test]
fn a_killed_run_leaves_the_old_directory_or_the_new_one() {
    let kills: u64 = std::env::var("FLOWC_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    let (mut killed, mut complete, mut leftovers, mut random) = (0u64, 0u64, 0u64, 0x2545_f491_4f6c_dd1du64);
    for manner in MANNERS {
        let workplace = Workplace::new();
        std::fs::write(workplace.path().join("old.csv"), rows(0, OLD_ROWS)).expect("written");
        std::fs::write(workplace.path().join("new.csv"), rows(OLD_ROWS, ROWS)).expect("written");
        let start = |rows: &str| {
            let mut command = flowc();
            command.args(["run", "-q", "--threads", "1", "-e", &manner.program(rows)]);
            command.current_dir(workplace.path()).stdout(Stdio::null()).stderr(Stdio::inherit());
            command.spawn().expect("flowc starts")
        };
        let (out, old) = (workplace.path().join("data/out"), workplace.path().join("old"));
        assert!(start("old.csv").wait().expect("flowc ends").success());
        restore(&out, &old);
        let since = Instant::now();
        assert!(start("new.csv").wait().expect("flowc ends").success());
        let length = since.elapsed();
        let [before, after] = manner.outcomes();
        assert_eq!(state(&workplace, manner.format), after);
        for _ in 0..kills.div_ceil(MANNERS.len() as u64) {
            restore(&old, &out);
            // Half of them near the end, where files are put in place.
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let part = (random >> 33) as f64 / f64::from(1u32 << 31);
            let part = if random & (1 << 20) == 0 { part } else { 0.6 + 0.5 * part };
            let mut child = start("new.csv");
            std::thread::sleep(Duration::from_secs_f64(length.as_secs_f64() * part));
            let _ = child.kill();
            let was_killed = child.wait().expect("flowc ends").signal() == Some(9);
            let now = state(&workplace, manner.format);
            assert!(now == before || now == after, "{} {}: {now:?}", manner.mode, manner.partition);
            assert!(was_killed || now == after);
            let strangers = beside(&workplace);
            assert!(
                strangers.iter().all(|n| n.starts_with(UNFINISHED) && n.ends_with(".tmp")),
                "{strangers:?}"
            );
            killed += u64::from(was_killed);
            complete += u64::from(was_killed && now == after);
            leftovers += u64::from(!strangers.is_empty());
        }
        restore(&old, &out);
        assert!(start("new.csv").wait().expect("flowc ends").success());
        assert_eq!(beside(&workplace), Vec::<String>::new(), "the next run removes what killed ones left");
        assert_eq!(state(&workplace, manner.format), after);
    }
    println!(
        "{killed} runs killed, {complete} of them when the new directory was there, {leftovers} leftovers"
    );
    assert!(killed > 0 && leftovers > 0, "no run was killed in time: the input is too small");
}
