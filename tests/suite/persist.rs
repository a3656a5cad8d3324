//! `persist` on disk: later runs find what earlier ones have stored, and never anything else.
//!
//! Whatever happens to the files, the answer is that of a run without a cache.

use crate::process::{Outcome, Workplace, flowc};
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

/// Two answers from rows that are made file by file, and groups of them that are stored as a whole.
const PROGRAM: &str = r#"
param least: int = 0
let t = read "in/*.csv" schema { id: int, name: string }
  | filter id >= $least
  | map { id, name, double: id * 2 }
  | persist
let groups = from t | reduce_by_key name { n: count(), sum: sum(double) } | persist(disk)
from t
from groups
"#;

fn workplace(program: &str, files: usize) -> Workplace {
    let workplace = Workplace::new();
    let directory = workplace.path().join("in");
    std::fs::create_dir(&directory).expect("a directory");
    for file in 0..files {
        std::fs::write(directory.join(format!("f{file}.csv")), rows(file)).expect("data written");
    }
    std::fs::write(workplace.path().join("p.flow"), program).expect("program written");
    workplace
}

fn rows(file: usize) -> String {
    let rows = (0..20).map(|row| format!("{},name {}\n", file * 100 + row, row % 3));
    format!("id,name\n{}", rows.collect::<String>())
}

/// Makes all inputs so old that their times can be believed.
fn age(workplace: &Workplace) {
    // The time of the inode cannot be set, so it has to pass.
    let newest = std::fs::read_dir(workplace.path().join("in")).expect("a directory").flatten();
    let newest = newest.filter_map(|e| std::os::unix::fs::MetadataExt::ctime(&e.metadata().ok()?).into());
    let newest: i64 = newest.max().unwrap_or(0);
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time").as_secs() as i64;
    while now() - newest < 6 {
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What a run did, and what it printed.
fn analyzed(workplace: &Workplace, more: &[&str]) -> Value {
    let outcome = workplace.run(&[&["explain", "p.flow", "--analyze", "--format", "json"], more].concat());
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    let at = outcome.stdout.find("\n{").map_or(0, |at| at + 1);
    let report: Value = serde_json::from_str(&outcome.stdout[at..]).expect("a report");
    report["analyze"].clone()
}

fn run(workplace: &Workplace, more: &[&str]) -> Outcome {
    workplace.run(&[&["run", "p.flow"], more].concat())
}

/// The answer without a cache.
fn cold(workplace: &Workplace) -> String {
    let outcome = run(workplace, &["--no-cache"]);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    outcome.stdout
}

/// (parts, parts from the cache) of the `persist` of that name.
fn reused(report: &Value, name: &str) -> (u64, u64) {
    let persists = report["persisted"].as_array().expect("a list");
    let one = persists.iter().find(|p| p["name"] == name).expect("a persist");
    (one["parts"].as_u64().expect("a number"), one["parts_from_cache"].as_u64().expect("a number"))
}

fn bytes_read(report: &Value) -> u64 {
    report["stages"].as_array().expect("a list").iter().filter_map(|s| s["bytes"].as_u64()).sum()
}

#[test]
fn a_second_run_reads_no_data() {
    let workplace = workplace(PROGRAM, 3);
    let expected = cold(&workplace);
    let first = analyzed(&workplace, &[]);
    assert!(bytes_read(&first) > 0);
    assert_eq!((reused(&first, "t"), reused(&first, "groups")), ((3, 0), (1, 0)));
    for more in [&[][..], &["-O", "0"], &["--interpret", "--threads", "7", "--chunk-kib", "1"]] {
        let again = analyzed(&workplace, more);
        assert_eq!(bytes_read(&again), 0, "{again}");
        assert!(again["sources"].as_array().is_some_and(Vec::is_empty));
        assert_eq!((reused(&again, "t"), reused(&again, "groups")), ((3, 3), (1, 1)));
        let outcome = run(&workplace, more);
        assert_eq!(outcome.stdout, expected);
        assert!(outcome.stderr.contains("persist t: 60 rows, from the cache: 60 rows (3 of 3 files)"));
    }
    let explained = workplace.run(&["explain", "p.flow"]).stdout;
    assert!(explained.contains("hit: 60 rows are stored"), "{explained}");
    let none = run(&workplace, &["--no-cache"]);
    assert!(none.stderr.contains("from the cache: 0 rows"), "{}", none.stderr);
}

/// Every change of the files is noticed, and only the files that have changed are read again.
#[test]
fn changes_of_files_are_noticed() {
    type Change = fn(&Path);
    let changes: [(&str, Change, (u64, u64)); 9] = [
        ("a touched file", |d| touch(&d.join("f1.csv"), SystemTime::now()), (4, 3)),
        ("another row", |d| std::fs::write(d.join("f1.csv"), rows(1) + "999,z\n").expect("written"), (4, 3)),
        (
            "the same length and time",
            |d| {
                let path = d.join("f2.csv");
                let time = std::fs::metadata(&path).and_then(|m| m.modified()).expect("a time");
                let text = std::fs::read_to_string(&path).expect("text");
                std::fs::write(&path, text.replace("name 1", "eman 1")).expect("written");
                touch(&path, time);
            },
            (4, 3),
        ),
        ("a new file", |d| std::fs::write(d.join("e.csv"), rows(9)).expect("written"), (5, 4)),
        ("another name", |d| std::fs::rename(d.join("e.csv"), d.join("z.csv")).expect("renamed"), (5, 4)),
        ("a file that is gone", |d| std::fs::remove_file(d.join("z.csv")).expect("removed"), (4, 4)),
        (
            "files that swap names",
            |d| {
                for (from, to) in [("f0.csv", "x"), ("f3.csv", "f0.csv"), ("x", "f3.csv")] {
                    std::fs::rename(d.join(from), d.join(to)).expect("renamed");
                }
            },
            (4, 2),
        ),
        (
            "another file put in place",
            |d| {
                std::fs::write(d.join("new"), rows(7)).expect("written");
                std::fs::rename(d.join("new"), d.join("f0.csv")).expect("renamed");
            },
            (4, 3),
        ),
        (
            "another header",
            |d| {
                let text = rows(2).replace("id,name\n", "name,id\n");
                let swapped = text.lines().enumerate().map(|(i, line)| match (i, line.split_once(',')) {
                    (0, _) | (_, None) => format!("{line}\n"),
                    (_, Some((a, b))) => format!("{b},{a}\n"),
                });
                std::fs::write(d.join("f2.csv"), swapped.collect::<String>()).expect("written");
            },
            (4, 3),
        ),
    ];
    let workplace = workplace(PROGRAM, 4);
    for (name, change, (all, kept)) in &changes {
        run(&workplace, &[]);
        change(&workplace.path().join("in"));
        let expected = cold(&workplace);
        let outcome = run(&workplace, &[]);
        assert_eq!(outcome.stdout, expected, "{name}: {}", outcome.stderr);
        let told = format!("({kept} of {all} files)");
        assert!(outcome.stderr.contains(&told), "{name}: {}", outcome.stderr);
        assert_eq!(run(&workplace, &[]).stdout, expected, "{name}");
    }
}

fn touch(path: &Path, time: SystemTime) {
    let file = std::fs::OpenOptions::new().append(true).open(path).expect("opened");
    file.set_modified(time).expect("touched");
}

/// Times that are old enough are believed, and still tell every change.
#[test]
fn old_files_are_known_by_their_times() {
    let workplace = workplace(PROGRAM, 2);
    age(&workplace);
    run(&workplace, &[]);
    let explained = workplace.run(&["explain", "p.flow"]).stdout;
    assert!(explained.contains("hit: 40 rows are stored") && !explained.contains("contents"), "{explained}");
    let path = workplace.path().join("in/f1.csv");
    let time = std::fs::metadata(&path).and_then(|m| m.modified()).expect("a time");
    let text = std::fs::read_to_string(&path).expect("text");
    std::fs::write(&path, text.replace("name 1", "eman 1")).expect("written");
    touch(&path, time);
    let expected = cold(&workplace);
    let outcome = run(&workplace, &[]);
    assert_eq!(outcome.stdout, expected);
    assert!(outcome.stdout.contains("eman 1") && outcome.stderr.contains("(1 of 2 files)"));
}

/// The program, its parameters and the flowc that runs are part of what is looked for.
#[test]
fn other_programs_find_nothing() {
    let workplace = workplace(PROGRAM, 2);
    let told = |outcome: &Outcome| outcome.stderr.contains("persist t: 40 rows, from the cache: 40 rows");
    run(&workplace, &[]);
    assert!(told(&run(&workplace, &[])));
    let least = run(&workplace, &["-p", "least=5"]);
    assert!(least.stderr.contains("from the cache: 0 rows (0 of 2 files)"), "{}", least.stderr);
    assert_eq!(least.stdout, run(&workplace, &["-p", "least=5", "--no-cache"]).stdout);
    // What does not decide what the rows are makes no difference.
    let path = workplace.path().join("p.flow");
    let renamed =
        PROGRAM.replace("let t =", "# Rows.\nlet other = rows [{ a: 1 }]\nlet t =") + "from other\n";
    std::fs::write(&path, renamed).expect("written");
    assert!(told(&run(&workplace, &[])));
    std::fs::write(&path, PROGRAM.replace("id * 2", "id * 3")).expect("written");
    let changed = run(&workplace, &[]);
    assert!(!told(&changed));
    assert_eq!(changed.stdout, cold(&workplace));
    std::fs::write(&path, PROGRAM).expect("written");
    assert!(told(&run(&workplace, &[])));
    // A flowc that was built at another time.
    let other = workplace.path().join("flowc");
    std::fs::copy(env!("CARGO_BIN_EXE_flowc"), &other).expect("copied");
    touch(&other, SystemTime::now() - Duration::from_secs(1000));
    let output = std::process::Command::new(&other)
        .args(["run", "p.flow"])
        .current_dir(workplace.path())
        .output()
        .expect("flowc runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("what is stored is of another flowc"), "{stderr}");
}

/// What cannot be recognised is computed in every run, and `explain` says why.
#[test]
fn what_has_no_identity_is_kept_for_the_run() {
    let cases = [
        ("read \"-\" as lines | persist | count", "standard input"),
        ("read \"cmd:echo a\" as lines | persist(disk) | count", "what a command prints may differ"),
        (
            "rows [{ a: 1 }] | through \"cat\" as jsonl schema { a: int } | persist | count",
            "what a command answers may differ",
        ),
        (
            "read \"in/f0.csv\" schema { id: int, name: int } on_error skip | persist | count",
            "that are skipped would not be counted",
        ),
        (
            "read \"in/f0.csv\" schema { id: int, name: int } on_error quarantine(\"out/bad.jsonl\") | persist | count",
            "would be missing from the quarantine file",
        ),
    ];
    for (program, why) in cases {
        let workplace = workplace(program, 1);
        let explained = workplace.run(&["explain", "p.flow"]).stdout;
        assert!(explained.contains("for this run only") && explained.contains(why), "{explained}");
        let first = run(&workplace, &["--allow-run"]);
        assert_eq!(first.status, Some(0), "{}", first.stderr);
        let second = run(&workplace, &["--allow-run"]);
        assert_eq!(first, second, "{program}");
        assert!(first.stderr.contains(why), "{}", first.stderr);
        assert!(!workplace.path().join(".flow-cache").exists(), "nothing is stored");
    }
}

const LARGE: &str = r#"
let t = read "in/big.csv" schema { id: int, name: string } | map { *, x: id * 2.5 } | persist(LEVEL)
from t | reduce { n: count(), sum: sum(x) }
from t | filter id % 1000 == 0 | count
from t | reduce_by_key d: id % 7 { n: count(), longest: max(name) }
"#;

fn large(level: &str, rows: usize) -> Workplace {
    let workplace = workplace(&LARGE.replace("LEVEL", level), 0);
    let mut text = String::from("id,name\n");
    (0..rows).for_each(|i| text.push_str(&format!("{i},name of row {i}\n")));
    std::fs::write(workplace.path().join("in/big.csv"), text).expect("data written");
    workplace
}

/// Rows that have no room in memory are read back from disk, with a cache and without.
#[test]
fn stored_rows_need_no_memory() {
    for level in ["memory_and_disk", "memory_and_disk_ser", "disk"] {
        let workplace = large(level, 60_000);
        let expected = cold(&workplace);
        for more in [&["--no-cache"][..], &[], &[]] {
            let limited = [&["--memory", "700KB", "--threads", "2"], more].concat();
            let report = analyzed(&workplace, &limited);
            let one = &report["persisted"][0];
            let evicted = one["evicted"].as_u64().expect("a number");
            assert!(
                level == "disk" || evicted > 0 || one["rows"] == one["rows_from_cache"],
                "{level} {more:?} {one}"
            );
            assert_eq!(one["rows"], 60_000);
            let outcome = run(&workplace, &limited);
            assert_eq!((outcome.status, &outcome.stdout), (Some(0), &expected), "{level} {}", outcome.stderr);
        }
        let collected = expected_of_memory(&workplace);
        assert_eq!(collected, Some(4), "rows that are kept in memory only do not fit");
    }
}

/// The status with as little memory when rows have to be in memory at once.
fn expected_of_memory(workplace: &Workplace) -> Option<i32> {
    let program = r#"let t = read "in/big.csv" schema { id: int, name: string } | sort name | persist(memory)
        from t | count"#;
    workplace.run(&["run", "--memory", "700KB", "-e", program, "-q"]).status
}

/// A cache that cannot be written is a warning, and the answer is right.
#[test]
fn a_cache_that_cannot_be_used_is_a_warning() {
    let workplace = workplace(PROGRAM, 2);
    let expected = cold(&workplace);
    std::fs::write(workplace.path().join("file"), "mine").expect("written");
    std::fs::create_dir(workplace.path().join("theirs")).expect("a directory");
    std::fs::write(workplace.path().join("theirs/notes.txt"), "mine").expect("written");
    for folder in ["file", "theirs", "file/below", "/proc/nowhere"] {
        for _ in 0..2 {
            let outcome = run(&workplace, &["--cache-dir", folder]);
            assert_eq!((outcome.status, &outcome.stdout), (Some(0), &expected), "{}", outcome.stderr);
            assert!(outcome.stderr.contains("warning[W5002]"), "{folder}: {}", outcome.stderr);
        }
    }
    let left: Vec<_> = std::fs::read_dir(workplace.path().join("theirs")).expect("a directory").collect();
    assert_eq!(left.len(), 1, "nothing is written beside what is there");
    assert!(!run(&workplace, &["--cache-dir", "file", "-q"]).stderr.contains("warning"));
}

/// A disk that is full while rows are stored: the rows go on, the entry does not appear.
#[test]
fn a_full_disk_is_a_warning() {
    for level in ["memory_and_disk", "disk"] {
        let workplace = large(level, 60_000);
        let expected = cold(&workplace);
        // No file may grow beyond 256 KiB; the signal that says so is ignored.
        let limited = "trap '' XFSZ; ulimit -f 512; exec \"$0\" run p.flow";
        for _ in 0..2 {
            let output = std::process::Command::new("sh")
                .args(["-c", limited, env!("CARGO_BIN_EXE_flowc")])
                .current_dir(workplace.path())
                .stdin(Stdio::null())
                .output()
                .expect("sh runs");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{level}: {stderr}");
            assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
            assert!(stderr.contains("warning[W5002]"), "{level}: {stderr}");
        }
        assert_eq!(stored(&workplace), ["CACHEDIR.TAG"], "nothing half is left");
    }
}

/// The names of the files in the cache.
fn stored(workplace: &Workplace) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(workplace.path().join(".flow-cache")) else { return Vec::new() };
    let mut names: Vec<String> =
        files.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A killed run leaves unfinished files at most, which the next one removes.
#[test]
fn a_killed_run_leaves_no_half_entries() {
    let workplace = large("disk", 200_000);
    let expected = cold(&workplace);
    let (mut killed, mut unfinished) = (0, 0);
    for turn in 0..30u64 {
        let _ = std::fs::remove_dir_all(workplace.path().join(".flow-cache"));
        let mut child = flowc()
            .args(["run", "p.flow", "--threads", "1"])
            .current_dir(workplace.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("flowc starts");
        std::thread::sleep(Duration::from_millis(10 + turn * 12));
        let _ = child.kill();
        killed += usize::from(!child.wait().expect("flowc ends").success());
        unfinished += stored(&workplace).iter().filter(|n| n.ends_with(".tmp")).count();
        let outcome = workplace.run(&["cache", "verify"]);
        assert_eq!(outcome.status, Some(0), "{}", outcome.stdout);
        if turn % 5 == 0 {
            assert_eq!(run(&workplace, &[]).stdout, expected);
            assert!(!stored(&workplace).iter().any(|n| n.ends_with(".tmp")), "leftovers are removed");
        }
    }
    assert!(killed > 0 && unfinished > 0, "{killed} runs were killed, {unfinished} while they stored rows");
}

/// Runs at the same time store and find the same rows.
#[test]
fn runs_at_the_same_time_agree() {
    let workplace = workplace(PROGRAM, 4);
    let expected = cold(&workplace);
    for _ in 0..3 {
        let start = |_| {
            let mut command = flowc();
            command.args(["run", "p.flow"]).current_dir(workplace.path());
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("flowc starts")
        };
        let children: Vec<_> = (0..6).map(start).collect();
        for child in children {
            let output = child.wait_with_output().expect("flowc ends");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{stderr}");
            assert!(!stderr.contains("warning"), "{stderr}");
        }
        assert_eq!(workplace.run(&["cache", "clear"]).status, Some(0));
    }
}

/// A file that changes while it is read gets no entry, whenever that happens.
#[test]
fn a_file_that_changes_meanwhile_is_not_stored() {
    let workplace = large("disk", 30_000);
    let path = workplace.path().join("in/big.csv");
    for turn in 0..25u64 {
        let child = flowc()
            .args(["run", "p.flow", "-q"])
            .current_dir(workplace.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        std::thread::sleep(Duration::from_millis(turn * 3));
        let text = std::fs::read_to_string(&path).expect("text");
        // In place, with the same length.
        let changed = text.replacen(&format!("\n{},", turn + 1), &format!("\n{},", turn + 2), 1);
        std::fs::write(&path, changed).expect("written");
        let _ = child.expect("flowc starts").wait();
        let outcome = run(&workplace, &[]);
        assert_eq!(outcome.stdout, cold(&workplace), "turn {turn}: {}", outcome.stderr);
    }
}

#[test]
fn the_cache_can_be_looked_at_and_cleared() {
    let workplace = workplace(PROGRAM, 2);
    assert_eq!(workplace.run(&["cache", "list"]).stdout, "0 entries, 0 rows, 0 bytes\n");
    run(&workplace, &[]);
    let listed = workplace.run(&["cache", "list"]).stdout;
    for part in ["t (p.flow:", " of in/f0.csv: 20 rows", "groups (p.flow:", "3 entries, 43 rows"] {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    assert!(workplace.run(&["cache", "verify"]).stdout.contains("3 entries checked, 0 damaged"));
    let name = stored(&workplace).into_iter().find(|n| n.ends_with(".rows")).expect("an entry");
    let path = workplace.path().join(".flow-cache").join(name);
    let mut bytes = std::fs::read(&path).expect("an entry");
    bytes[20] ^= 1;
    std::fs::write(&path, bytes).expect("written");
    let verified = workplace.run(&["cache", "verify"]);
    assert_eq!(verified.status, Some(3));
    assert!(verified.stdout.contains("1 damaged"), "{}", verified.stdout);
    let outcome = run(&workplace, &[]);
    assert!(outcome.stderr.contains("warning[W5001]"), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, cold(&workplace));
    assert!(workplace.run(&["cache", "clear", "--older-than", "1h"]).stdout.starts_with("0 entries"));
    assert_eq!(stored(&workplace).len(), 4);
    std::fs::write(workplace.path().join(".flow-cache/notes.txt"), "mine").expect("written");
    assert!(workplace.run(&["cache", "clear"]).stdout.starts_with("3 entries"));
    assert_eq!(stored(&workplace), ["CACHEDIR.TAG", "notes.txt"]);
    assert_eq!(workplace.run(&["cache", "clear", "--cache-dir", "in"]).status, Some(3));
    assert!(workplace.path().join("in/f0.csv").exists());
}

#[test]
fn the_folder_is_an_effect() {
    let workplace = workplace(PROGRAM, 1);
    let effects = |more: &[&str]| workplace.run(&[&["check", "--effects", "p.flow"], more].concat()).stdout;
    assert!(effects(&[]).contains("write .flow-cache  (p.flow:"));
    assert!(effects(&["--cache-dir", "kept"]).contains("write kept  (p.flow:"));
    assert!(!effects(&["--no-cache"]).contains("write"));
    assert!(!workplace.path().join(".flow-cache").exists());
}
