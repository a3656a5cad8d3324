//! Every example against an independent answer: what `examples/oracles/NAME.py` computed from the same files.
//!
//! The answers are in `examples/expected`, written by `examples/oracles/regenerate.py`. One has what is printed,
//! then a line `--- out/NAME` before the content of each file (the rows as delimited text if it is a binary one), or
//! `--- bad rows in out/NAME` before the places of rows that are set aside.

use crate::process::{BINARY, Outcome, Workplace, repository};
use std::collections::BTreeSet;

/// Programs whose last digits depend on the mathematical library: how far numbers may differ.
const NEAR: [(&str, f64); 2] = [("logistic_regression", 1e-12), ("trip_features", 1e-12)];

#[test]
fn examples_agree_with_their_oracles() {
    let names = |directory: &str, extension: &str| -> BTreeSet<String> {
        let entries = std::fs::read_dir(repository().join(directory)).expect("a directory");
        let paths =
            entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == extension));
        paths.filter_map(|p| Some(p.file_stem()?.to_str()?.to_owned())).collect()
    };
    let programs = names("examples", "flow");
    let mut oracles = names("examples/oracles", "py");
    oracles.remove("regenerate");
    assert_eq!(programs, oracles, "every example has an oracle");
    for name in &programs {
        let workplace = Workplace::new();
        let outcome = workplace.run(&["run", "-q", &format!("examples/{name}.flow")]);
        assert_eq!(outcome.status, Some(0), "{name}: {}", outcome.stderr);
        let path = repository().join("examples/expected").join(name).with_extension("txt");
        let expected = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let found = as_expected(&workplace, &outcome, &expected);
        match NEAR.iter().find(|(near, _)| near == name) {
            Some((_, limit)) => assert!(near(&found, &expected, *limit), "{name}:\n{found}\n{expected}"),
            None => assert_eq!(found, expected, "{name}"),
        }
    }
}

/// What a run printed and wrote, in the form of the answers.
fn as_expected(workplace: &Workplace, outcome: &Outcome, expected: &str) -> String {
    let mut text = outcome.stdout.clone();
    for (name, content) in &outcome.files {
        // The list of the files of a directory is no answer; the files are.
        if name.ends_with("_flowc.json") {
            continue;
        }
        let places = format!("--- bad rows in out/{name}\n");
        if expected.contains(&places) {
            text.push_str(&places);
            content.lines().filter_map(place).for_each(|place| text.push_str(&format!("{place}\n")));
        } else if content.starts_with(BINARY) {
            text.push_str(&format!("--- out/{name}\n{}", workplace.rows(name)));
        } else {
            text.push_str(&format!("--- out/{name}\n{content}"));
        }
    }
    text
}

/// Where the row of a line of a quarantine stands: file and line.
fn place(line: &str) -> Option<String> {
    if line.starts_with('{') {
        let row: serde_json::Value = serde_json::from_str(line).expect("a JSON object");
        return Some(format!("{}:{}", row["file"].as_str()?, row["line"]));
    }
    let mut cells = line.split(',');
    match (cells.next()?, cells.next()?) {
        ("file", "line") => None,
        (file, line) => Some(format!("{file}:{line}")),
    }
}

/// Whether two texts are equal but for numbers that differ by at most `limit`, relatively.
fn near(found: &str, expected: &str, limit: f64) -> bool {
    let parts = |text: &str| -> Vec<String> {
        text.split([',', ':', '{', '}', '[', ']', '\n'])
            .map(|part| part.trim().to_owned())
            .filter(|p| !p.is_empty())
            .collect()
    };
    let (a, b) = (parts(found), parts(expected));
    a.len() == b.len()
        && a.iter().zip(&b).all(|(a, b)| match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => (a - b).abs() <= limit * b.abs(),
            _ => a == b,
        })
}

/// What the first line of the program says.
#[test]
fn partition_pruning_is_explained() {
    let outcome = Workplace::new().run(&["explain", "examples/partition_pruning.flow"]);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    let wanted = "(1 of 2 columns, 2 of 20 files; day: 1 of 6, region: 2 of 4)";
    assert!(outcome.stdout.contains(wanted), "{}", outcome.stdout);
}

#[test]
fn nearness_can_fail() {
    assert!(near("[{\"a\":1.0}]\n", "[{\"a\":1.00}]", 0.0));
    assert!(!near("[{\"a\":1.0}]", "[{\"a\":1.1}]", 1e-3));
    assert!(!near("[{\"a\":1.0}]", "[{\"b\":1.0}]", 1e-3));
}
