//! Standard input, commands, and the ways to write a file: what a run does outside of its files.

use crate::process::{Outcome, Workplace, flowc};
use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Runs `flowc run ARGUMENTS -e PROGRAM` with `input` on standard input.
fn run(workplace: &Workplace, program: &str, arguments: &[&str], input: &str) -> Outcome {
    let mut command = flowc();
    command.arg("run").args(arguments).args(["-e", program]).current_dir(workplace.path());
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("flowc starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    // Whoever takes only the first rows closes the pipe.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("flowc ends");
    let _ = writer.join();
    Outcome {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        files: std::collections::BTreeMap::default(),
    }
}

fn file(workplace: &Workplace, name: &str) -> String {
    std::fs::read_to_string(workplace.path().join(name)).unwrap_or_default()
}

#[test]
fn standard_input_is_data_with_the_right_line_numbers() {
    let workplace = Workplace::new();
    let mut input = String::from("name,id\n");
    let mut sum = 0u64;
    for i in 0..50_000u64 {
        // A field with a line break now and then: lines are counted, not rows.
        let name = if i % 1000 == 7 { "\"a\nb\"" } else { "plain" };
        input.push_str(&format!("{name},{i}\n"));
        sum += i;
    }
    let program = r#"read "-" as csv schema { id: int, name: string } | reduce { s: sum(id), n: count() }"#;
    for arguments in [&["-q"][..], &["-q", "--chunk-kib", "1", "-j", "1"][..]] {
        let outcome = run(&workplace, program, arguments, &input);
        assert_eq!(outcome.stdout, format!("s,n\n{sum},50000\n"), "{}", outcome.stderr);
    }
    input.push_str("bad,x\n");
    let outcome = run(&workplace, program, &["-q"], &input);
    assert_eq!(outcome.status, Some(3));
    // The header, 50 000 rows, 50 line breaks inside of rows, and then this one.
    assert!(outcome.stderr.contains("<stdin>:50052:5:"), "{}", outcome.stderr);
    let quarantined = program.replace(" | reduce", r#" on_error quarantine("bad.csv") | reduce"#);
    let outcome = run(&workplace, &quarantined, &["-q"], &input);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    assert!(
        file(&workplace, "bad.csv").contains("\n<stdin>,50052,5,id,x,int,"),
        "{}",
        file(&workplace, "bad.csv")
    );
}

#[test]
fn standard_input_is_inferred_shared_and_checked() {
    let workplace = Workplace::new();
    let input = "id;v\n1;a\n2;b\n3;c\n";
    let program = r#"let in_rows = read "-" as csv(sep: ";") from in_rows | take 1 from in_rows | count"#;
    let outcome = run(&workplace, program, &["-q"], input);
    assert_eq!(outcome.stdout, "id,v\n1,a\n\ncount\n3\n", "{}", outcome.stderr);
    let wrong = r#"read "-" as csv schema { id: int } | count"#;
    let outcome = run(&workplace, wrong, &["-q"], input);
    assert_eq!(outcome.status, Some(3));
    assert!(outcome.stderr.contains("F2004") && outcome.stderr.contains("id;v"), "{}", outcome.stderr);
    let twice = r#"read "-" as lines | count read "-" as lines | count"#;
    let outcome = run(&workplace, twice, &["-q"], input);
    assert!(outcome.stderr.contains("F4016"), "{}", outcome.stderr);
    let lines = r#"read "-" as lines | map { n: len(line) } | write "-" as jsonl"#;
    let outcome = run(&workplace, lines, &["-q"], "a\n\nxyz");
    assert_eq!(outcome.stdout, "{\"n\":1}\n{\"n\":0}\n{\"n\":3}\n", "{}", outcome.stderr);
    let program_there = flowc()
        .args(["run", "-"])
        .stdin(Stdio::from(
            std::fs::File::open(crate::process::repository().join("tests/data/stdin.flow"))
                .expect("a program"),
        ))
        .output()
        .expect("flowc runs");
    assert!(String::from_utf8_lossy(&program_there.stderr).contains("F4016"));
}

/// A reader of the first rows does not wait for others, and what still runs is ended.
#[test]
fn the_first_rows_of_an_endless_command_are_enough() {
    let workplace = Workplace::new();
    let begin = Instant::now();
    let program = r#"read "cmd:echo first; echo second; sleep 1000" as lines | take 2"#;
    let outcome = run(&workplace, program, &["-q", "--allow-run"], "");
    assert_eq!(outcome.stdout, "line\nfirst\nsecond\n", "{}", outcome.stderr);
    let endless = run(&workplace, r#"read "cmd:yes" as lines | take 3"#, &["-q", "--allow-run"], "");
    assert_eq!(endless.stdout, "line\ny\ny\ny\n", "{}", endless.stderr);
    assert!(begin.elapsed() < Duration::from_secs(500));
}

#[test]
fn commands_run_only_when_allowed_and_their_failures_count() {
    let workplace = Workplace::new();
    let program = r#"read "cmd:touch ran; echo 1" as lines | write "out/a.txt" as text(line)"#;
    let outcome = run(&workplace, program, &["-q"], "");
    assert_eq!(outcome.status, Some(2), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("F5009") && outcome.stderr.contains("--allow-run"), "{}", outcome.stderr);
    assert!(!workplace.path().join("ran").exists() && !workplace.path().join("out").exists());
    let program =
        r#"read "cmd:echo 1; echo no such pod >&2; exit 4" as lines | write "out/a.txt" as text(line)"#;
    let outcome = run(&workplace, program, &["-q", "--allow-run"], "");
    assert_eq!(outcome.status, Some(3), "{}", outcome.stderr);
    for words in ["cmd:echo 1;", "exit status 4", "no such pod"] {
        assert!(outcome.stderr.contains(words), "{words}: {}", outcome.stderr);
    }
    assert_eq!(file(&workplace, "out/a.txt"), "");
    let csv = r#"read "cmd:printf 'b,a\n2,1\n'" as csv schema { a: int } | map { twice: a * 2 }"#;
    let outcome = run(&workplace, &csv.replace("\\n", "\\\\n"), &["-q", "--allow-run"], "");
    assert_eq!(outcome.stdout, "twice\n2\n", "{}", outcome.stderr);
}

#[test]
fn commands_take_rows_once_everything_else_has_succeeded() {
    let workplace = Workplace::new();
    let rows = "rows [{ a: 1 }, { a: 2 }]";
    let program = format!(r#"{rows} | write "cmd:cat > got.jsonl" as jsonl"#);
    let outcome = run(&workplace, &program, &["-q", "--allow-run"], "");
    assert_eq!((outcome.status, file(&workplace, "got.jsonl").as_str()), (Some(0), "{\"a\":1}\n{\"a\":2}\n"));
    std::fs::remove_file(workplace.path().join("got.jsonl")).expect("removed");
    // A later row error: the command is not started.
    let failing = format!(r#"{program} rows [{{ a: 0 }}] | map {{ b: 1 / a }}"#);
    let outcome = run(&workplace, &failing, &["-q", "--allow-run"], "");
    assert_eq!(outcome.status, Some(3), "{}", outcome.stderr);
    assert!(!workplace.path().join("got.jsonl").exists());
    // A command that fails: no file is put in its place.
    let refused = format!(r#"{rows} | write "out.csv" {rows} | write "cmd:echo full >&2; exit 5" as csv"#);
    let outcome = run(&workplace, &refused, &["-q", "--allow-run"], "");
    assert_eq!(outcome.status, Some(3), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("exit status 5") && outcome.stderr.contains("full"),
        "{}",
        outcome.stderr
    );
    assert!(!workplace.path().join("out.csv").exists());
    // A command that does not want all of it.
    let much = r#"rows [{ a: 1 }] | flat_map { a: each range(0, 200000) } | write "cmd:head -n 2 > head.csv" as csv"#;
    let outcome = run(&workplace, much, &["-q", "--allow-run"], "");
    assert_eq!(
        (outcome.status, file(&workplace, "head.csv").as_str()),
        (Some(0), "a\n0\n"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn modes_append_and_refuse() {
    let workplace = Workplace::new();
    let append = r#"rows [{ a: 1, b: "x" }] | write "out/log.csv" mode append"#;
    for expected in ["a,b\n1,x\n", "a,b\n1,x\n1,x\n"] {
        let outcome = run(&workplace, append, &["-q"], "");
        assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
        assert_eq!(file(&workplace, "out/log.csv"), expected);
    }
    // Other columns do not fit behind this header.
    let outcome = run(&workplace, r#"rows [{ b: 1 }] | write "out/log.csv" mode append"#, &["-q"], "");
    assert_eq!(outcome.status, Some(3), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("header b"), "{}", outcome.stderr);
    // A run that fails later appends nothing.
    let failing = format!(r#"{append} rows [{{ a: 0 }}] | map {{ b: 1 / a }}"#);
    assert_eq!(run(&workplace, &failing, &["-q"], "").status, Some(3));
    assert_eq!(file(&workplace, "out/log.csv"), "a,b\n1,x\n1,x\n");
    // Members of a compressed file stand one behind the other.
    let packed = r#"rows [{ a: 1 }] | write "out/log.jsonl.gz" mode append"#;
    for _ in 0..2 {
        assert_eq!(run(&workplace, packed, &["-q"], "").status, Some(0));
    }
    let outcome = run(&workplace, r#"read "out/log.jsonl.gz" schema { a: int } | count"#, &["-q"], "");
    assert_eq!(outcome.stdout, "count\n2\n", "{}", outcome.stderr);
    let new = r#"rows [{ a: 1 }] | write "out/new.csv" mode error"#;
    assert_eq!(run(&workplace, new, &["-q"], "").status, Some(0));
    let outcome = run(&workplace, &new.replace("a: 1", "a: 2"), &["-q"], "");
    assert_eq!(outcome.status, Some(3), "{}", outcome.stderr);
    assert_eq!(file(&workplace, "out/new.csv"), "a\n1\n");
}

/// `unordered` rows may come in any order, and all of them come.
#[test]
fn unordered_rows_all_come() {
    let workplace = Workplace::new();
    let text: String = (0..40_000).map(|i| format!("{i}\n")).collect();
    std::fs::write(workplace.path().join("in.txt"), text).expect("input written");
    let program = r#"read "in.txt" as lines | write "out.txt" as text(line) unordered"#;
    let outcome = run(&workplace, program, &["-q", "--chunk-kib", "1", "-j", "4"], "");
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    let written = file(&workplace, "out.txt");
    let mut numbers: Vec<u32> = written.lines().map(|l| l.parse().expect("a number")).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..40_000));
}

#[test]
fn effects_are_listed() {
    let workplace = Workplace::new();
    let program = r#"
        read "tests/data/parts/*.csv" schema { id: int } on_error quarantine("bad.jsonl") | write "out/a.csv"
        read "cmd:ls -l" as lines | write "cmd:wc -l" as text(line)
        read "-" as lines | count"#;
    let listed = workplace.run(&["check", "--effects", "-e", program]);
    let words: Vec<Vec<&str>> =
        listed.stdout.lines().map(|l| l.split_whitespace().take(2).collect()).collect();
    let expected = [
        ["read", "tests/data/parts/*.csv"],
        ["write", "bad.jsonl"],
        ["write", "out/a.csv"],
        ["run", "ls"],
        ["run", "wc"],
        ["read", "-"],
    ];
    assert_eq!(words, expected, "{}", listed.stderr);
    let json = workplace.run(&["check", "--effects", "-f", "json", "-e", program]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(json["effects"][3]["effect"], "run");
    assert_eq!(json["effects"][3]["target"], "ls -l");
    assert_eq!(json["effects"][3]["place"], "<inline>:3:9");
    assert!(json["effects"][0]["files"].as_array().is_some_and(|f| f.len() > 1));
    assert_eq!(json["diagnostics"], serde_json::json!([]));
}

/// A file is the same file under every name.
#[test]
fn what_is_written_is_not_read_under_another_name() {
    let workplace = Workplace::new();
    std::fs::create_dir(workplace.path().join("d")).expect("a folder");
    std::fs::write(workplace.path().join("d/a.csv"), "n\n1\n").expect("written");
    std::os::unix::fs::symlink("d", workplace.path().join("e")).expect("a link");
    let absolute = workplace.path().join("d/a.csv");
    for read in ["e/a.csv", "e/*.csv", "d/../d/a.csv", absolute.to_str().expect("a path")] {
        let program = format!(r#"read "{read}" schema {{ n: int }} | write "./d/a.csv""#);
        let outcome = run(&workplace, &program, &["-q"], "");
        assert_eq!(outcome.status, Some(1), "{read}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("F4005"), "{read}: {}", outcome.stderr);
    }
    assert_eq!(file(&workplace, "d/a.csv"), "n\n1\n");
}

/// What is printed is kept in a file once it is large, and still comes whole, or not at all.
#[test]
fn large_prints_come_whole_or_not_at_all() {
    let workplace = Workplace::new();
    let rows = 2_500_000u32;
    let program = r#"rows [{ a: 1 }] | flat_map { x: each range(0, 250) }
| flat_map { x: each range(x * 10000, (x + 1) * 10000) }
| map { x, text: "some text to print for every row" }"#;
    let outcome = run(&workplace, program, &["-q"], "");
    let expected: usize = (0..rows).map(|i| i.to_string().len() + 34).sum();
    assert_eq!(outcome.stdout.len(), "x,text\n".len() + expected, "{}", outcome.stderr);
    assert!(
        outcome.stdout.len() > 64 << 20
            && outcome.stdout.ends_with("2499999,some text to print for every row\n")
    );
    let failing = format!(r#"{program} rows [{{ a: 0 }}] | map {{ b: 1 / a }}"#);
    let outcome = run(&workplace, &failing, &["-q"], "");
    assert_eq!((outcome.status, outcome.stdout.len()), (Some(3), 0));
}

/// Rows that no later stage reads give their memory back.
#[test]
fn memory_comes_back() {
    let workplace = Workplace::new();
    let mut program =
        String::from("let d0 = rows [{ a: 1 }] | flat_map { x: each range(0, 200000) } | sort x desc\n");
    for i in 1..8 {
        program.push_str(&format!("let d{i} = from d{} | map {{ x: x + 1 }} | sort x desc\n", i - 1));
    }
    program.push_str("from d7 | reduce { s: sum(x) }");
    // One sort needs 8 bytes a row for its input, as much for its output and 24 for the order.
    let outcome = run(&workplace, &program, &["-q", "-O", "0", "--memory", "16MB"], "");
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, format!("s\n{}\n", 199_999u64 * 100_000 + 7 * 200_000));
}

/// A broken contract names the lines of a stream, which cannot be read again.
#[test]
fn contracts_of_streams_name_lines() {
    let rows: String = (0..40_000).map(|i| format!("{i},x\n")).collect();
    let input = format!("id,name\n{rows}17,again\n");
    let program = "let known = read \"-\" as csv schema { id: int, name: string }
rows [{ id: 1 }]
| left join known on id expect m:1
";
    for threads in ["1", "3"] {
        let outcome = run(&Workplace::new(), program, &["--threads", threads, "--chunk-kib", "64"], &input);
        assert_eq!(outcome.status, Some(3), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("`known` has two rows for id = 17"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("  <stdin>:19\n  <stdin>:40002\n"), "{}", outcome.stderr);
    }
}
