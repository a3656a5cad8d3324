//! `through`: rows through external processes, in every way that must not matter.

use crate::process::{Outcome, Workplace, flowc};

/// Runs a program over 20,000 numbers.
fn run(workplace: &Workplace, stages: &str, arguments: &[&str]) -> Outcome {
    let program = format!("read \"in.csv\" as csv schema {{ n: int, t: string }}\n{stages}");
    let mut command = flowc();
    command.args(["run", "-q"]).args(arguments).args(["-e", &program]);
    let output = command.current_dir(workplace.path()).output().expect("flowc ends");
    Outcome {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        files: std::collections::BTreeMap::default(),
    }
}

fn workplace() -> Workplace {
    let workplace = Workplace::new();
    let rows: String = (0..20_000).map(|n| format!("{n},\"a \"\"b\"\" {n}\"\n")).collect();
    std::fs::write(workplace.path().join("in.csv"), format!("n,t\n{rows}")).expect("the input");
    // Doubles `n` and counts the rows of this process, which depends on how many there are.
    let script = r#"s/^{"n":\([0-9]*\),"t":\(.*\)}$/{"twice":\1e0,"t":\2}/"#;
    std::fs::write(workplace.path().join("answer.sed"), script).expect("a script");
    workplace
}

const ANSWER: &str = r#"| through "sed -f answer.sed" as jsonl schema { t: string, twice: float }"#;

#[test]
fn answers_are_the_same_bytes_on_every_configuration() {
    let workplace = workplace();
    let expected: String =
        (0..20_000).filter(|n| n % 3 != 0).map(|n| format!("\"a \"\"b\"\" {n}\",{n}.0\n")).collect();
    for slots in ["", " slots 1", " slots 3"] {
        let stages = format!("| filter n % 3 != 0 {ANSWER}{slots}");
        for arguments in [
            &["--allow-run"][..],
            &["--allow-run", "-j", "1"],
            &["--allow-run", "-j", "7", "--chunk-kib", "4", "--morsel-rows", "100"],
            &["--allow-run", "-O0"],
            &["--allow-run", "--interpret", "-j", "2"],
        ] {
            let outcome = run(&workplace, &stages, arguments);
            assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
            assert!(outcome.stdout == format!("t,twice\n{expected}"), "{slots} {arguments:?}");
        }
    }
}

#[test]
fn stages_before_and_behind_it_work_as_elsewhere() {
    let workplace = workplace();
    let sums = run(
        &workplace,
        &format!("{ANSWER}\n| filter twice >= 10.0\n| reduce {{ s: sum(twice), n: count() }}"),
        &["--allow-run"],
    );
    assert_eq!(sums.stdout, "s,n\n199989955.0,19990\n", "{}", sums.stderr);
    // Two readers of the answers, which come once; and a join with what was sent.
    let twice = r#"| filter n < 4
        | through "sed -f answer.sed" as jsonl schema { t: string, twice: float } slots 2
        | join (from input | filter n < 3) on t"#;
    let program = format!(
        "let input = read \"in.csv\" as csv schema {{ n: int, t: string }}\nfrom input {twice} | map {{ n, twice }}\nlet answers = from input {}\nfrom answers | count\nfrom answers | take 1 | map {{ twice }}",
        ANSWER
    );
    let mut command = flowc();
    command.args(["run", "-q", "--allow-run", "-e", &program]).current_dir(workplace.path());
    let output = command.output().expect("flowc ends");
    let found = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(found, "n,twice\n0,0.0\n1,1.0\n2,2.0\n\ncount\n20000\n\ntwice\n0.0\n", "{stderr}");
}

#[test]
fn what_goes_wrong_names_the_command_and_its_last_words() {
    let workplace = workplace();
    let through = |command: &str, rest: &str| {
        format!("| through \"{command}\" as jsonl schema {{ n: int }}{rest} | write \"out.csv\"")
    };
    let fails = |stages: &str, arguments: &[&str], status: i32, expected: &[&str]| {
        let outcome = run(&workplace, stages, arguments);
        assert_eq!(outcome.status, Some(status), "{}", outcome.stderr);
        for text in expected {
            assert!(outcome.stderr.contains(text), "`{text}` is not in {}", outcome.stderr);
        }
        assert!(!workplace.path().join("out.csv").exists());
    };
    let allowed = &["--allow-run"][..];
    fails(&through("cat", ""), &[], 2, &["F5009", "cat"]);
    let crash = "head -5 > /dev/null; echo no such model >&2; exit 7";
    fails(&through(crash, ""), allowed, 3, &["F5010", "exit status 7", "no such model"]);
    fails(&through(crash, " slots 2"), allowed, 3, &["F5010", "exit status 7", "no such model"]);
    fails(&through("head -5", " slots 2"), allowed, 3, &["F5010", "answered 5 lines"]);
    fails(&through("echo 'no json'", ""), allowed, 3, &["cmd:echo 'no json':1"]);
    fails(&through("echo '{\\\"n\\\": \\\"x\\\"}'", ""), allowed, 3, &["cmd:echo", ":1:7", "int"]);
}

/// Both sides may hold back as much as they like.
#[test]
fn a_process_that_answers_late_or_early_does_not_block() {
    let workplace = workplace();
    let late = r#"| through "cat > all; cat all" as jsonl schema { n: int } | count"#;
    assert_eq!(run(&workplace, late, &["--allow-run"]).stdout, "count\n20000\n");
    let early = r#"| through "head -2" as jsonl schema { n: int }"#;
    assert_eq!(run(&workplace, early, &["--allow-run"]).stdout, "n\n0\n1\n");
    let much = r#"| through "awk '{ for (i = 0; i < 50; i++) print }'" as jsonl schema { n: int } | count"#;
    assert_eq!(run(&workplace, much, &["--allow-run", "-j", "2"]).stdout, "count\n1000000\n");
}

/// Ctrl-C ends a run whose process neither reads nor ends.
#[test]
fn an_interrupted_run_ends_its_processes() {
    let workplace = Workplace::new();
    let rows: String = (0..2_000_000).map(|n| format!("{n}\n")).collect();
    std::fs::write(workplace.path().join("in.csv"), format!("n\n{rows}")).expect("the input");
    let program = r#"read "in.csv" schema { n: int } | through "touch started; sleep 1000" as jsonl schema { n: int } | write "out.csv""#;
    let mut command = flowc();
    let mut child = command
        .args(["run", "-q", "--allow-run", "-e", program])
        .current_dir(workplace.path())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("flowc starts");
    while !workplace.path().join("started").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
        assert_eq!(child.try_wait().expect("a status"), None, "it ended by itself");
    }
    // Until the pipe is full, so that somebody waits for the process.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("kill runs").success());
    let outcome = child.wait_with_output().expect("flowc ends");
    assert_eq!(outcome.status.code(), Some(130), "{}", String::from_utf8_lossy(&outcome.stderr));
    assert!(!workplace.path().join("out.csv").exists());
}
