//! The commands around a program: `doc`, `fix` and `illustrate`.

use crate::process::{Outcome, Workplace, repository};

/// A program with a sort that nobody sees, and a name that is nearly right: repairing the name is what
/// makes the sort visible to the lints.
const TO_REPAIR: &str = "\
let orders = rows [{ key: 1, price: 2 }, { key: 2, price: 1 }] # kept

from orders
| sort price desc # | goes
| reduce_by_key key { total: sum(prise) }
";

const REPAIRED: &str = "\
let orders = rows [{ key: 1, price: 2 }, { key: 2, price: 1 }] # kept

from orders # | goes
| reduce_by_key key { total: sum(price) }
";

fn fixed(program: &str, arguments: &[&str]) -> (Outcome, String) {
    let workplace = Workplace::new();
    let path = workplace.path().join("p.flow");
    std::fs::write(&path, program).expect("program written");
    let outcome = workplace.run(&[&["fix", "p.flow"], arguments].concat());
    (outcome, std::fs::read_to_string(path).expect("the program is still there"))
}

#[test]
fn fix_repairs_until_nothing_is_left() {
    let (outcome, text) = fixed(TO_REPAIR, &[]);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    assert_eq!(text, REPAIRED, "{}", outcome.stderr);
    let (outcome, text) = fixed(REPAIRED, &[]);
    assert_eq!((outcome.status, text.as_str()), (Some(0), REPAIRED));
    assert_eq!(outcome.stderr, "p.flow: nothing to repair\n");
}

#[test]
fn a_dry_run_of_fix_changes_nothing() {
    let (outcome, text) = fixed(TO_REPAIR, &["--dry-run"]);
    assert_eq!((outcome.status, text.as_str()), (Some(0), TO_REPAIR));
    insta::assert_snapshot!(outcome.stdout);
}

#[test]
fn fix_reports_what_it_cannot_repair() {
    let program = "rows [{ x: 1 }]\n| map { y: nothing_like_it_at_all }\n| filter y !== 2\n";
    let (outcome, text) = fixed(program, &[]);
    assert_eq!(outcome.status, Some(1));
    assert!(outcome.stderr.contains("nothing_like_it_at_all"), "{}", outcome.stderr);
    assert_eq!(text, program.replace("!==", "!="));
}

/// Every numbered mistake whose repair is certain enough to be an edit.
#[test]
fn fix_repairs_the_usual_mistakes() {
    for (wrong, right) in [
        ("| where a > 1", "| filter a > 1"),
        ("| mutate { b: a + 1 }", "| map { *, b: a + 1 }"),
        ("| select { a }", "| map { a }"),
        ("| group_by a { n: count() }", "| reduce_by_key a { n: count() }"),
        ("| order_by a desc", "| sort a desc"),
        ("| filter a = 1", "| filter a == 1"),
        ("filter a > 1", "| filter a > 1"),
        ("| map { a, b: 1\n| take 1", "| map { a, b: 1 }\n| take 1"),
        ("| map { total: a }\n| sort totl", "| map { total: a }\n| sort total"),
        ("| filter a >= least", "| filter a >= $least"),
        ("| map { label: s + a }", "| map { label: f\"{s}{a}\" }"),
        ("| filter 2h > 30m", "| filter 2h > 30min"),
        ("| filter a == null", "| filter a is null"),
        ("| sort a\n| reduce { n: sum(a) }", "| reduce { n: sum(a) }"),
    ] {
        let program = |stages: &str| {
            format!(
                "param least: int = 1\n\nrows [{{ a: 1, s: \"x\" }}, {{ a: null, s: \"y\" }}]\n{stages}\n"
            )
        };
        let (outcome, text) = fixed(&program(wrong), &[]);
        assert_eq!(outcome.status, Some(0), "{wrong}: {}", outcome.stderr);
        assert_eq!(text, program(right), "{}", outcome.stderr);
    }
}

/// One of the two errors could be repaired.
#[test]
fn fix_writes_nothing_that_does_not_parse() {
    let program = "rows [{ x: 1 }]\n| filter x !== 2\n| map { y: ) }\n";
    for arguments in [&[][..], &["--dry-run"]] {
        let (outcome, text) = fixed(program, arguments);
        assert_eq!((outcome.status, text.as_str()), (Some(1), program), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("so it stays as it is"), "{}", outcome.stderr);
        assert_eq!(outcome.stdout, "");
    }
}

/// Every example can be illustrated, which writes nothing and is the same on any number of threads.
#[test]
fn examples_are_illustrated() {
    insta::glob!("../../examples", "*.flow", |path| {
        let name =
            path.strip_prefix(repository()).expect("a program of the repository").display().to_string();
        let run = |threads| Workplace::new().run(&["illustrate", "-n", "2", "--threads", threads, &name]);
        let outcome = run("1");
        assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
        assert!(outcome.files.is_empty(), "{:?}", outcome.files.keys());
        assert_eq!(outcome, run("3"));
        insta::assert_snapshot!(outcome.stdout);
    });
}

/// Rows that a run sets aside are not shown, and not set aside either.
#[test]
fn illustrate_writes_no_quarantine() {
    let workplace = Workplace::new();
    std::fs::write(workplace.path().join("in.csv"), "n\n1\nx\n3\n").expect("input written");
    let program = "read \"in.csv\" schema { n: int } on_error quarantine(\"out/bad.csv\")
| filter n > 0
| write \"out/good.csv\"
";
    let outcome = workplace.run(&["illustrate", "-e", program]);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    assert!(outcome.files.is_empty(), "{:?}", outcome.files);
    assert!(outcome.stdout.contains("filter n > 0"), "{}", outcome.stdout);
    let rows: Vec<&str> = outcome.stdout.lines().filter(|l| l.contains("│ 3 │")).collect();
    assert_eq!(rows.len(), 2, "one row 3 a stage: {}", outcome.stdout);
}

#[test]
fn doc_shows_functions_modules_and_programs() {
    let workplace = Workplace::new();
    let program = "## What one is.\nconst ONE = 1\n\n## Twice.\n## = twice(2) == 4\nfn twice(n) = n * 2\n\nfn plain(n) = n\n";
    std::fs::write(workplace.path().join("p.flow"), program).expect("program written");
    let shown = |arguments: &[&str]| workplace.run(&[&["doc"], arguments].concat());
    for (arguments, parts) in [
        (&["p.flow"][..], &["ONE\n    const ONE = 1\n  What one is.", "fn twice(n)", "twice(2) == 4"][..]),
        (&["std.url"], &["url.host", "The host, in lower case."]),
        (
            &["haversine_m", "-f", "markdown"],
            &["## `geo.haversine_m`", "fn haversine_m(lat1, lon1, lat2, lon2)\n```"],
        ),
        (&["round"], &["round"]),
        (&[], &["text.slug", "stats.median", "starts_with"]),
    ] {
        let outcome = shown(arguments);
        assert_eq!(outcome.status, Some(0), "{arguments:?}: {}", outcome.stderr);
        for part in parts {
            assert!(outcome.stdout.contains(part), "{arguments:?} lacks {part:?}:\n{}", outcome.stdout);
        }
        assert!(!outcome.stdout.contains("plain"), "only what is documented is shown");
    }
    let outcome = shown(&["no_such_function"]);
    assert_eq!(outcome.status, Some(2));
    assert!(outcome.stderr.contains("no_such_function"), "{}", outcome.stderr);
}

#[test]
fn test_looks_into_directories_and_filters() {
    let workplace = Workplace::new();
    let path = workplace.path().join("programs/deep");
    std::fs::create_dir_all(&path).expect("a directory");
    let holds = "test \"it holds\" {\n  expect rows [{ n: 1 }] == rows [{ n: 1 }]\n}\n";
    std::fs::write(path.join("good.flow"), holds).expect("written");
    std::fs::write(path.join("plain.flow"), "rows [{ n: 1 }]\n").expect("written");
    std::fs::write(path.join("other.txt"), "no program").expect("written");
    let bad = holds.replace("it holds", "it does not").replace("== rows [{ n: 1 }]", "== rows [{ n: 2 }]");
    std::fs::write(workplace.path().join("programs/bad.flow"), bad).expect("written");
    let run = |arguments: &[&str]| workplace.run(&[&["test"], arguments].concat());

    let outcome = run(&["programs"]);
    assert_eq!(outcome.status, Some(1), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("test result: FAILED. 1 passed; 1 failed; 0 filtered out"));
    assert!(!outcome.stdout.contains("plain.flow"), "{}", outcome.stdout);
    for arguments in [&["programs", "--filter", "holds"][..], &["programs/*/*.flow"], &["programs/deep"]] {
        let outcome = run(arguments);
        assert_eq!(outcome.status, Some(0), "{arguments:?}: {}", outcome.stdout);
        assert!(outcome.stdout.contains("  it holds ... ok\n"), "{}", outcome.stdout);
    }
    let outcome = run(&["programs/deep/plain.flow", "programs/deep/good.flow", "programs/deep"]);
    assert!(outcome.stdout.contains("plain.flow: 0 tests\n"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("ok. 1 passed"), "each file once: {}", outcome.stdout);
    assert_eq!(run(&["programs/none.flow"]).status, Some(2));
}

/// `run` leaves tests alone, `check` does not.
#[test]
fn a_wrong_test_is_found_by_check() {
    let program = "rows [{ n: 1 }]\n\ntest \"wrong\" {\n  expect rows [{ n: 1 }] == rows [{ m: 1 }]\n}\n";
    let workplace = Workplace::new();
    let outcome = workplace.run(&["run", "-q", "-e", program]);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(0), "n\n1\n"));
    let outcome = workplace.run(&["check", "-e", program]);
    assert_eq!(outcome.status, Some(1));
    assert!(outcome.stderr.contains("F3020"), "{}", outcome.stderr);
}

/// Lists and records on the command line are JSON, bytes hexadecimal.
#[test]
fn parameters_of_every_type() {
    let program = "param cities: list<string?> = []
param range: { low: int, high: decimal(6, 2)?, days: list<date> } = { low: 0, high: null, days: [] }
param key: bytes = from_hex(\"00\")
rows [{ n: 1 }]
| map {
    cities: $cities.len(), rome: \"Rome\" in $cities, low: $range.low, high: $range.high, day: $range.days.get(0), key: $key, bytes: len($key),
  }
";
    let run = |params: &[&str]| {
        let mut arguments = vec!["run", "-q", "-f", "jsonl", "-e", program];
        params.iter().for_each(|p| arguments.extend(["--param", p]));
        Workplace::new().run(&arguments)
    };
    let outcome = run(&[]);
    let defaults = r#"{"cities":0,"rome":false,"low":0,"high":null,"day":null,"key":"00","bytes":1}"#;
    assert_eq!(outcome.stdout.trim(), defaults, "{}", outcome.stderr);
    let outcome = run(&[
        "cities=[\"Bern\", null, \"Rome\"]",
        "range={\"high\": 12.5, \"low\": -3, \"days\": [\"2024-02-29\"]}",
        "key=C0ffee",
    ]);
    let given =
        r#"{"cities":3,"rome":true,"low":-3,"high":12.50,"day":"2024-02-29","key":"c0ffee","bytes":3}"#;
    assert_eq!(outcome.stdout.trim(), given, "{}", outcome.stderr);
    for (param, why) in [
        ("cities=[1]", "`1` is not a string"),
        ("cities=Rome", "`Rome` is not a list<string?>"),
        ("range={\"low\": 1.5, \"days\": []}", "low: `1.5` is not an int"),
        ("range={\"low\": 1}", "no field `days`"),
        ("range={\"low\": 1, \"days\": [], \"hihg\": 2}", "has no field `hihg`"),
        ("range={\"low\": 1, \"days\": [null]}", "null is not a date"),
        ("key=abc", "`abc` is not bytes"),
    ] {
        let outcome = run(&[param]);
        assert_eq!(outcome.status, Some(1), "{param}: {}", outcome.stdout);
        assert!(
            outcome.stderr.contains("F3013") && outcome.stderr.contains(why),
            "{param}: {}",
            outcome.stderr
        );
    }
}
