//! Directories that are written: read back as they were, replaced as a whole or not at all.

use crate::process::Workplace;
use std::path::Path;

const SALES: &str = r#"
let sales = rows [
  { id: 1, day: @2024-02-28, region: "EU", n: 10 },
  { id: 2, day: @2024-02-28, region: "U/K: 100%é", n: 1 },
  { id: 3, day: @2024-02-29, region: null, n: 2 },
  { id: 4, day: @2024-02-28, region: "EU", n: null },
  { id: 5, day: @2024-02-29, region: "__HIVE_DEFAULT_PARTITION__", n: 5 },
  { id: 6, day: @2024-02-29, region: "..", n: 6 },
]
"#;

/// Runs a program that writes below `data/`, which stays between runs.
fn run(workplace: &Workplace, program: &str) -> (Option<i32>, String) {
    let outcome = workplace.run(&["run", "-e", &format!("{SALES}{program}")]);
    (outcome.status, outcome.stderr)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("a directory").flatten();
    let mut names: Vec<String> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn what_is_written_into_folders_is_read_back() {
    let workplace = Workplace::new();
    let plain = workplace.run(&["run", "-q", "-f", "jsonl", "-e", &format!("{SALES}from sales | sort id")]);
    for format in ["csv", "tsv", "jsonl", "parquet", "arrow"] {
        let write = format!("from sales | write \"data/{format}/\" as {format} partition by day, region");
        assert_eq!(run(&workplace, &write), (Some(0), format!("data/{format}/: 6 rows written\n")));
        let read = format!(
            "read \"data/{format}/\" schema {{ id: int, day: date, region: string?, n: int? }} | sort id"
        );
        let back = workplace.run(&["run", "-q", "-f", "jsonl", "-e", &read]);
        assert_eq!(back.stdout, plain.stdout, "{format}: {}", back.stderr);
        let list = std::fs::read_to_string(workplace.path().join(format!("data/{format}/_flowc.json")));
        let list: serde_json::Value = serde_json::from_str(&list.expect("a list")).expect("JSON");
        assert_eq!(list["files"].as_array().map(Vec::len), Some(5), "{list}");
    }
}

#[test]
fn directories_are_replaced_as_a_whole_or_left_alone() {
    let workplace = Workplace::new();
    let data = workplace.path().join("data");
    let write = "from sales | write \"data/out/\" as csv partition by day";
    let other = "from sales | map { id, region: id % 2 } | write \"data/out/\" as csv partition by region";
    assert_eq!(run(&workplace, write).0, Some(0));
    assert_eq!(names(&data.join("out")), ["_flowc.json", "day=2024-02-28", "day=2024-02-29"]);
    assert_eq!(run(&workplace, other).0, Some(0));
    assert_eq!(names(&data.join("out")), ["_flowc.json", "region=0", "region=1"]);
    // A run that fails changes nothing.
    let failing =
        "from sales | map { id, region, x: 1 // (id - 6) } | write \"data/out/\" as csv partition by id";
    assert_eq!(run(&workplace, failing).0, Some(3));
    assert_eq!(names(&data.join("out")), ["_flowc.json", "region=0", "region=1"]);
    let error = format!("{other} mode error");
    let (status, message) = run(&workplace, &error);
    assert!(status == Some(3) && message.contains("is there already"), "{message}");
    // What somebody else has put there is not flowc's to remove.
    std::fs::write(data.join("out/region=1/mine.csv"), "mine").expect("written");
    let (status, message) = run(&workplace, write);
    assert!(status == Some(3) && message.contains("region=1/mine.csv"), "{message}");
    std::fs::create_dir(data.join("theirs")).expect("made");
    std::fs::write(data.join("theirs/a.csv"), "mine").expect("written");
    let (status, message) = run(&workplace, "from sales | write \"data/theirs/\" as csv");
    assert!(status == Some(3) && message.contains("flowc did not write it"), "{message}");
    assert_eq!(names(&data), ["out", "theirs"], "nothing is left over");
    assert_eq!(names(&data.join("out")), ["_flowc.json", "region=0", "region=1"]);
}

#[test]
fn many_folders_have_the_same_bytes_on_any_number_of_threads() {
    let workplace = Workplace::new();
    let rows: String = (0..20_000).map(|i| format!("{i},{},{}\n", i * 7919 % 700, i % 13)).collect();
    std::fs::write(workplace.path().join("in.csv"), format!("id,k,v\n{rows}")).expect("written");
    let program = "let t = read \"in.csv\" schema { id: int, k: int, v: int? }\n\
                   from t | write \"out/a/\" as csv partition by k\n\
                   from t | write \"out/b/\" as parquet partition by v";
    let mut first = None;
    for arguments in [&["--threads", "1"][..], &["--threads", "7", "--chunk-kib", "1", "--morsel-rows", "3"]]
    {
        let mut all = vec!["run", "-e", program];
        all.extend(arguments);
        let outcome = workplace.run(&all);
        assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
        assert_eq!(outcome.files.len(), 700 + 13 + 2);
        assert!(first.get_or_insert_with(|| outcome.files.clone()) == &outcome.files, "{arguments:?}");
    }
    // The encoders of files ask for what they hold.
    let outcome = workplace.run(&["run", "--memory", "200KB", "-e", program]);
    assert_eq!(outcome.status, Some(4), "{}", outcome.stderr);
    assert!(outcome.files.is_empty());
}

#[test]
fn what_is_appended_to_a_directory_is_read_behind_what_was_there() {
    let workplace = Workplace::new();
    for format in ["csv", "tsv", "jsonl", "parquet", "arrow"] {
        let out = format!("data/{format}/");
        for (more, partition) in [("", "partition by day, region"), ("plain/", "")] {
            let out = format!("{out}{more}");
            // Rows of one day in the first run, then all of them: folders that are there, and others.
            for (filter, rows) in [("| filter day == @2024-02-29", 3), ("", 6), ("| filter id < 0", 0)] {
                let write =
                    format!("from sales {filter} | write \"{out}\" as {format} {partition} mode append");
                assert_eq!(run(&workplace, &write), (Some(0), format!("{out}: {rows} rows written\n")));
            }
            let read = format!(
                "read \"{out}\" schema {{ id: int, day: date, region: string?, n: int? }} | map {{ id }}"
            );
            let back = workplace.run(&["run", "-q", "--no-header", "-f", "csv", "-e", &read]);
            let mut ids: Vec<&str> = back.stdout.lines().collect();
            // Without folders, the rows of a run stand behind those of earlier ones.
            let mut expected = ["3", "5", "6", "1", "2", "3", "4", "5", "6"];
            if !partition.is_empty() {
                ids.sort_unstable();
                expected.sort_unstable();
            }
            assert_eq!(ids, expected, "{format}: {}", back.stderr);
        }
    }
}

#[test]
fn only_files_of_the_same_layout_come_beside_each_other() {
    let workplace = Workplace::new();
    let write = "write \"data/out/\" as csv partition by day mode append";
    assert_eq!(run(&workplace, &format!("from sales | {write}")).0, Some(0));
    let whole = names(&workplace.path().join("data/out"));
    for (program, said) in [
        ("from sales | write \"data/out/\" as jsonl partition by day mode append", "\"jsonl\""),
        ("from sales | write \"data/out/\" as csv(sep: \";\") partition by day mode append", "sep: \";\""),
        ("from sales | write \"data/out/\" as csv mode append", "lie in folders of [\"day: date\"]"),
        (
            "from sales | write \"data/out/\" as csv partition by day, region mode append",
            "\"region: string\"",
        ),
        (
            "from sales | map { day, id } | write \"data/out/\" as csv partition by day mode append",
            "[\"id: int\"]",
        ),
        (
            "from sales | map { *, id: float(id) } | write \"data/out/\" as csv partition by day mode append",
            "id: float",
        ),
        ("from sales | write \"data/out/\" as csv partition by day mode error", "it is there already"),
    ] {
        let (status, message) = run(&workplace, program);
        assert!(status == Some(3) && message.contains(said), "{program}\n{message}");
        assert_eq!(names(&workplace.path().join("data/out")), whole);
    }
    // Nullability is no difference.
    let (status, message) = run(&workplace, &format!("from sales | map {{ *, n: n ?? 0 }} | {write}"));
    assert_eq!(status, Some(0), "{message}");
    // A run that fails adds nothing; nor does one that cannot write.
    let list = std::fs::read(workplace.path().join("data/out/_flowc.json")).expect("a list");
    let failing = format!("from sales | map {{ *, n: 1 // (id - 6) }} | {write}");
    assert_eq!(run(&workplace, &failing).0, Some(3));
    assert_eq!(std::fs::read(workplace.path().join("data/out/_flowc.json")).expect("a list"), list);
    assert_eq!(names(&workplace.path().join("data")), ["out"]);
}

/// Files that filters exclude are not part of what is read: nothing of them is looked at, not even when the
/// program is compiled. Here only those of day 2 can be looked at at all.
#[test]
fn excluded_files_are_not_looked_into() {
    let workplace = Workplace::new();
    let write = |name: &str, text: &str| {
        let path = workplace.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    };
    let run = |arguments: &[&str], program: &str| {
        let mut all = vec!["run", "-q", "--no-header", "-f", "csv"];
        all.extend(arguments);
        all.extend(["-e", program]);
        let outcome = workplace.run(&all);
        (outcome.status, outcome.stdout, outcome.stderr)
    };
    let rows = "rows [{ day: 2, id: 7, x: 1.5 }, { day: 2, id: 8, x: 2.5 }]";
    for format in ["parquet", "arrow", "csv", "jsonl"] {
        let made = format!("{rows} | write \"lake/{format}/\" as {format} partition by day");
        assert_eq!(run(&[], &made).0, Some(0));
        for day in ["day=1", "day=3", "day=__HIVE_DEFAULT_PARTITION__"] {
            write(&format!("lake/{format}/{day}/part-0000.{format}"), "nothing,of\u{0},the,kind\n");
        }
    }
    write("lake/csv/day=1/part-0000.csv", "other,names\n1,2\n");
    for format in ["parquet", "arrow", "csv", "jsonl"] {
        let read = format!("read \"lake/{format}/\"");
        let declared = format!("{read} schema {{ id: int, x: float, day: int? }}");
        for (program, answer) in [
            (format!("{read} | filter day == 2 | reduce {{ s: sum(x) }}"), "4.0\n"),
            (format!("{declared} | filter day == 2 | map {{ id }}"), "7\n8\n"),
            (
                format!(
                    "{declared} | map {{ *, next: day + 1 }} | filter id > 7 | filter next == 3 | map {{ id }}"
                ),
                "8\n",
            ),
            (
                format!(
                    "param day: int = 2\n{read} | filter day == $day and id < 8 | filter day in [2, 5] and day > 1 | map {{ x }}"
                ),
                "",
            ),
            (format!("{declared} | filter day > 3 | map {{ id, day }}"), ""),
            (
                format!(
                    "let two = {read} | filter day == 2\nfrom two | join (from two | map {{ id, y: x }}) on id | reduce {{ s: sum(y) }}"
                ),
                "4.0\n",
            ),
        ] {
            for level in [&[][..], &["-O", "0"]] {
                let (status, stdout, stderr) = run(level, &program);
                // `day == $day and id < 8` reads more than keys, so all files are looked into.
                if answer.is_empty() && program.contains("$day") {
                    assert_eq!(stdout, "1.5\n", "{program}\n{stderr}");
                } else {
                    assert_eq!((status, stdout.as_str()), (Some(0), answer), "{program}\n{stderr}");
                }
            }
        }
        // What all files are needed for is looked for in all.
        for program in [
            format!("{declared} | map {{ id }}"),
            format!("{declared} | check id > 0 | filter day == 2 | map {{ id }}"),
            format!("let all = {declared}\nfrom all | filter day == 2 | map {{ id }}\nfrom all | count"),
        ] {
            let (status, stdout, stderr) = run(&[], &program);
            assert!(matches!(status, Some(1 | 3)) && stdout.is_empty(), "{program}\n{stdout}\n{stderr}");
        }
        // Mistakes elsewhere are said about the files that are left.
        let wrong = format!("{read} | filter day == 2 | map {{ id, y: x + nothing }}");
        let (status, _, stderr) = run(&[], &wrong);
        assert!(
            status == Some(1) && stderr.contains("`nothing`") && !stderr.contains("part-0000"),
            "{stderr}"
        );
    }
    // Without any file left, the first one says what the fields are.
    let (status, _, stderr) = run(&[], "read \"lake/parquet/\" | filter day == 9");
    assert!(status == Some(1) && stderr.contains("day=1/part-0000.parquet"), "{stderr}");
}
