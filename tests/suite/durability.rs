//! Outputs appear whole or not at all: kills, full disks, interrupts, closed pipes.

use crate::process::{Workplace, flowc};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Rows of the input: enough for a run that lasts while it is killed.
const ROWS: usize = 1_200_000;

fn input(workplace: &Workplace) {
    let mut text = String::from("id,name\n");
    for i in 0..ROWS {
        text.push_str(&format!("{i},name of row {i}\n"));
    }
    std::fs::write(workplace.path().join("in.csv"), text).expect("input written");
    let program =
        r#"read "in.csv" schema { id: int, name: string } | map { id: id + 1, name } | write "out.csv""#;
    std::fs::write(workplace.path().join("p.flow"), program).expect("program written");
}

/// Files that are neither the inputs nor the output.
fn strangers(directory: &Path) -> Vec<String> {
    let known = ["in.csv", "p.flow", "out.csv", "examples", "tests", "benches"];
    let names = std::fs::read_dir(directory).expect("a directory").flatten();
    names
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|n| !known.contains(&n.as_str()))
        .collect()
}

fn run(workplace: &Workplace) -> Command {
    let mut command = flowc();
    command.args(["run", "p.flow", "--threads", "1"]).current_dir(workplace.path());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The output is the old one or the complete new one, whenever the process dies.
#[test]
fn a_killed_run_leaves_the_old_output_or_the_new_one() {
    let workplace = Workplace::new();
    input(&workplace);
    assert!(run(&workplace).status().expect("flowc runs").success());
    let out = workplace.path().join("out.csv");
    let new = std::fs::read(&out).expect("the output");
    let mut killed = 0;
    for delay in 0..40u64 {
        std::fs::write(&out, "old\n").expect("old output");
        let mut child = run(&workplace).spawn().expect("flowc starts");
        std::thread::sleep(Duration::from_millis(delay * 3));
        let _ = child.kill();
        let status = child.wait().expect("flowc ends");
        killed += usize::from(status.signal() == Some(9));
        let now = std::fs::read(&out).expect("an output");
        assert!(now == b"old\n" || now == new, "half an output after {delay} steps");
    }
    assert!(killed > 0, "no run was killed in time: the input is too small");
    assert!(run(&workplace).status().expect("flowc runs").success());
    assert_eq!(
        strangers(workplace.path()),
        Vec::<String>::new(),
        "the next run removes what a killed one left"
    );
    assert_eq!(std::fs::read(&out).expect("the output"), new);
}

/// A file that another process shortens meanwhile is an error of the run, whenever that happens.
#[test]
fn a_file_shortened_while_it_is_mapped_is_an_error() {
    let workplace = Workplace::new();
    input(&workplace);
    let (data, out) = (workplace.path().join("in.csv"), workplace.path().join("out.csv"));
    let whole = std::fs::read(&data).expect("the input");
    let mut noticed = 0;
    for delay in (0..100u64).step_by(5) {
        std::fs::write(&data, &whole).expect("input written");
        std::fs::write(&out, "old\n").expect("old output");
        let mut command = run(&workplace);
        let child = command.stderr(Stdio::piped()).spawn().expect("flowc starts");
        std::thread::sleep(Duration::from_millis(delay));
        let file = std::fs::OpenOptions::new().write(true).open(&data).expect("opened");
        // Much, or less than a page: what is cut off within a page reads as zeros.
        let left = if delay % 2 == 0 { 5000 } else { whole.len() - 5 };
        file.set_len(left as u64).expect("shortened");
        let outcome = child.wait_with_output().expect("flowc ends");
        assert_eq!(outcome.status.signal(), None, "killed by a signal after {delay} ms");
        let message = String::from_utf8_lossy(&outcome.stderr);
        if message.contains("became shorter while it was read") {
            assert!(!outcome.status.success());
            assert_eq!(std::fs::read(&out).expect("an output"), b"old\n");
            noticed += 1;
        } else {
            // Shortened before it was opened, or after it was read.
            assert!(outcome.status.success(), "after {delay} ms: {message}");
        }
    }
    assert!(noticed > 0, "no file was shortened in time: the input is too small");
}

/// Ctrl-C ends a run with status 130, soon, without a trace.
#[test]
fn an_interrupted_run_leaves_nothing() {
    let workplace = Workplace::new();
    input(&workplace);
    let out = workplace.path().join("out.csv");
    let mut interrupted = 0;
    for delay in [1u64, 5, 10, 20, 30, 45, 60] {
        std::fs::write(&out, "old\n").expect("old output");
        let mut child = run(&workplace).spawn().expect("flowc starts");
        std::thread::sleep(Duration::from_millis(delay));
        let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
        assert!(kill.success());
        let status = child.wait().expect("flowc ends");
        let text = std::fs::read(&out).expect("an output");
        match status.code() {
            Some(130) => {
                interrupted += 1;
                assert_eq!(text, b"old\n");
            }
            Some(0) => assert_ne!(text, b"old\n"),
            // Before the handler is there, the signal has its usual effect.
            _ => assert_eq!((status.signal(), text.as_slice()), (Some(2), &b"old\n"[..])),
        }
        assert_eq!(strangers(workplace.path()), Vec::<String>::new());
    }
    assert!(interrupted > 0, "no run was interrupted in time");
}

/// A device that is full: status 4, and the message names the path.
#[test]
fn a_full_device_is_reported() {
    let workplace = Workplace::new();
    input(&workplace);
    let output = flowc()
        .args(["run", "p.flow", "-q"])
        .current_dir(workplace.path())
        .stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full"))
        .output()
        .expect("flowc runs");
    assert!(output.status.success(), "nothing is printed, so nothing can fail");
    let program = r#"read "in.csv" schema { id: int } | filter id < 10 | write "/dev/full" as csv"#;
    let output =
        flowc().args(["run", "-e", program]).current_dir(workplace.path()).output().expect("flowc runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("/dev/full"), "{stderr}");
}

/// A full file system: the old output is intact and no temporary file is left.
#[test]
fn a_full_file_system_keeps_the_old_output() {
    let workplace = Workplace::new();
    input(&workplace);
    std::fs::write(workplace.path().join("out.csv"), "old\n").expect("old output");
    // A limit on the size of files fails writes as a full disk does, without needing to mount one.
    let script = format!(
        "trap '' XFSZ; ulimit -f 2048; exec {} run p.flow --threads 1 -q",
        env!("CARGO_BIN_EXE_flowc")
    );
    let output =
        Command::new("bash").args(["-c", &script]).current_dir(workplace.path()).output().expect("bash runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("out.csv"), "{stderr}");
    assert_eq!(std::fs::read(workplace.path().join("out.csv")).expect("output"), b"old\n");
    assert_eq!(strangers(workplace.path()), Vec::<String>::new());
}

/// `flowc run ... | head -1` ends quietly.
#[test]
fn a_closed_pipe_is_no_error() {
    let workplace = Workplace::new();
    input(&workplace);
    let mut child = flowc()
        .args(["run", "-e", r#"read "in.csv" schema { id: int, name: string }"#, "-q"])
        .current_dir(workplace.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("flowc starts");
    let mut first = [0u8; 7];
    let mut stdout = child.stdout.take().expect("a pipe");
    stdout.read_exact(&mut first).expect("the first line");
    drop(stdout);
    let output = child.wait_with_output().expect("flowc ends");
    assert_eq!(&first, b"id,name");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

/// Programs on standard input and on the command line are the same program.
#[test]
fn a_program_may_come_from_anywhere() {
    let workplace = Workplace::new();
    let program = "rows [{ a: 1 }, { a: 2 }] | reduce { total: sum(a) }";
    let inline = workplace.run(&["run", "-e", program, "-q"]);
    assert_eq!((inline.status, inline.stdout.as_str()), (Some(0), "total\n3\n"), "{}", inline.stderr);
    let mut child = flowc()
        .args(["run", "-", "-q"])
        .current_dir(workplace.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("flowc starts");
    child.stdin.take().expect("a pipe").write_all(program.as_bytes()).expect("program written");
    let output = child.wait_with_output().expect("flowc ends");
    assert_eq!(String::from_utf8_lossy(&output.stdout), inline.stdout);
}

/// An operator that may not have the memory it needs says how much, and nothing is written.
#[test]
fn a_refusal_for_lack_of_memory_names_the_number() {
    let workplace = Workplace::new();
    input(&workplace);
    let read = r#"read "in.csv" schema { id: int, name: string }"#;
    for (stage, memory) in [
        ("| sort name", "1MB"),
        ("| reduce_by_key name { n: count() }", "1MB"),
        ("| distinct on name", "1MB"),
    ] {
        let program = format!("{read} {stage} | write \"out/x.csv\"");
        let outcome = workplace.run(&["run", "-q", "--memory", memory, "-e", &program]);
        assert_eq!(outcome.status, Some(4), "{stage}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("more bytes, but only"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("--memory"), "{}", outcome.stderr);
        assert!(outcome.files.is_empty(), "{:?}", outcome.files.keys());
        let outcome = workplace.run(&["run", "-q", "--memory", "1GB", "-e", &program]);
        assert_eq!(outcome.status, Some(0), "{stage}: {}", outcome.stderr);
    }
}
