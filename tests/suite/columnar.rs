//! Parquet and Arrow outputs: the same bytes whatever does not matter, and the same rows when read back.

use crate::process::Workplace;
use std::fmt::Write;

const WRITE: &str = r#"
let rows = read "in.jsonl" schema {
  id: int, s: string?, d: decimal(20, 3)?, at: timestamp?, on: date?, long: duration?, f: float?, ok: bool?,
  list: list<int?>?, texts: list<string>, rec: { x: int?, y: { z: string? } },
}
from rows | write "out/plain.jsonl"
from rows | write "out/a.parquet"
from rows | write "out/b.parquet" as parquet(compression: "snappy")
from rows | write "out/c.parquet" as parquet(compression: "gzip")
from rows | write "out/d.parquet" as parquet(compression: "lz4")
from rows | write "out/e.parquet" as parquet(compression: "none")
from rows | write "out/a.arrow"
from rows | write "out/b.arrow" as arrow(compression: "zstd")
from rows | write "out/c.arrow" as arrow(compression: "lz4")
"#;

/// Rows with every type, some of whose values are null.
fn input(rows: usize) -> String {
    let mut text = String::new();
    for i in 0..rows {
        let null = |every: usize, value: String| if i % every == 0 { "null".to_owned() } else { value };
        let _ = writeln!(
            text,
            "{{\"id\":{i},\"s\":{},\"d\":{},\"at\":{},\"on\":{},\"long\":{},\"f\":{},\"ok\":{},\"list\":{},\"texts\":{},\"rec\":{{\"x\":{},\"y\":{{\"z\":{}}}}}}}",
            null(7, format!("\"text {} é\"", i % 91)),
            null(5, format!("{}.{:03}", i as i64 - 100, i % 1000)),
            null(11, format!("\"2024-02-{:02}T10:{:02}:00.000{:03}Z\"", 1 + i % 28, i % 60, i % 1000)),
            null(6, format!("\"19{:02}-03-01\"", i % 100)),
            null(4, format!("\"{}ms\"", i * 3)),
            null(3, format!("{}.5", i)),
            null(8, (i % 2 == 0).to_string()),
            null(9, format!("[{i},null,{}]", i % 3)),
            if i % 4 == 0 { "[]".to_owned() } else { format!("[\"a{}\",\"\"]", i % 13) },
            null(10, i.to_string()),
            null(12, format!("\"z{}\"", i % 17)),
        );
    }
    text
}

#[test]
fn what_is_written_is_read_back() {
    let workplace = Workplace::new();
    std::fs::write(workplace.path().join("in.jsonl"), input(3000)).expect("input written");
    std::fs::write(workplace.path().join("w.flow"), WRITE).expect("program written");
    let mut first = None;
    for (threads, kib, rows) in [("1", "1024", "8192"), ("2", "7", "100"), ("7", "1", "3")] {
        let arguments = ["run", "w.flow", "--threads", threads, "--chunk-kib", kib, "--morsel-rows", rows];
        let outcome = workplace.run(&arguments);
        assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
        assert_eq!(first.get_or_insert_with(|| outcome.files.clone()), &outcome.files, "{arguments:?}");
    }
    let plain = first.and_then(|f| f.get("plain.jsonl").cloned()).expect("the plain file");
    std::fs::rename(workplace.path().join("out"), workplace.path().join("made")).expect("kept");
    for name in
        ["a.parquet", "b.parquet", "c.parquet", "d.parquet", "e.parquet", "a.arrow", "b.arrow", "c.arrow"]
    {
        let program = format!("read \"made/{name}\" | write \"out/back.jsonl\"");
        let outcome = workplace.run(&["run", "-e", &program, "--morsel-rows", "77"]);
        assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
        assert!(outcome.files.get("back.jsonl") == Some(&plain), "{name} holds other rows");
    }
}

#[test]
fn a_failed_run_leaves_the_old_file() {
    let workplace = Workplace::new();
    std::fs::write(workplace.path().join("in.csv"), "a\n1\nx\n").expect("input written");
    std::fs::write(workplace.path().join("old.parquet"), "old").expect("old file written");
    let program = "read \"in.csv\" schema { a: int } | write \"old.parquet\"";
    assert_eq!(workplace.run(&["run", "-e", program]).status, Some(3));
    assert_eq!(std::fs::read(workplace.path().join("old.parquet")).expect("there"), b"old");
    let left: Vec<_> = std::fs::read_dir(workplace.path()).expect("listed").flatten().collect();
    assert!(left.iter().all(|e| !e.file_name().to_string_lossy().contains(".tmp")), "{left:?}");
}

#[test]
fn explain_says_what_is_not_read() {
    let workplace = Workplace::new();
    let program = "read \"tests/data/columnar/sorted.parquet\" | filter id >= 250 and day < @2024-01-28 \
                   | map { id, amount }";
    let outcome = workplace.run(&["explain", "-e", program]);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("(3 of 6 columns)"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("1 of 10 row groups of"), "{}", outcome.stdout);
    let outcome = workplace.run(&["explain", "--format", "json", "-e", program]);
    assert!(outcome.stdout.contains("\"row_groups\": ["), "{}", outcome.stdout);
}

#[test]
fn explain_counts_the_pages_that_are_read() {
    let workplace = Workplace::new();
    let program = |filter: &str| {
        format!("read \"tests/data/columnar/pages.parquet\" | filter {filter} | map {{ id, name, rec.b }}")
    };
    for (filter, said) in [
        (
            "id >= 1000 and id < 1105",
            "1 of 2 row groups of tests/data/columnar/pages.parquet are read, 9 of 60 pages",
        ),
        ("ok", "2 of 2 row groups of tests/data/columnar/pages.parquet are read, by"),
        // Nothing is known of a sum, nor of lists of pages that a filter which may fail stands before.
        ("id + 0 >= 1000", "2 of 2 row groups of tests/data/columnar/pages.parquet are read, by"),
        (
            "1 // (id - 2) > 0 or id < 10",
            "2 of 2 row groups of tests/data/columnar/pages.parquet are read, by",
        ),
    ] {
        for level in ["1", "0"] {
            let outcome = workplace.run(&["explain", "-O", level, "-e", &program(filter)]);
            assert!(outcome.stdout.contains(said), "{filter}: {}", outcome.stdout);
        }
    }
}

#[test]
fn explain_says_which_folders_are_opened() {
    let workplace = Workplace::new();
    let program = "read \"tests/data/lake/parquet/\" | filter day == @2024-02-29 and region in [\"EU\", \"UK\"] \
                   | reduce { total: sum(amount) }";
    let outcome = workplace.run(&["explain", "-e", program]);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    let expected = "(1 of 2 columns, 1 of 8 files; day: 1 of 4, region: 1 of 5)";
    assert!(outcome.stdout.contains(expected), "{}", outcome.stdout);
}
