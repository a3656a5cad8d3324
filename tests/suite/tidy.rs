//! The house rules that no compiler checks.

use crate::process::repository;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The crate table of ARCHITECTURE.md: (manifest, what it may import of this repository).
const IMPORTS: [(&str, &[&str]); 6] = [
    ("grammar", &[]),
    ("compiler/ir", &[]),
    ("stdlib", &["flow-ir"]),
    ("compiler", &["flow-grammar", "flow-ir", "flow-stdlib"]),
    ("compiler/jit", &["flow-ir", "flow-stdlib"]),
    ("runtime", &["flow-ir", "flow-jit", "flow-stdlib"]),
];

#[test]
fn crates_import_what_the_table_allows() {
    let table = std::fs::read_to_string(repository().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    for (directory, allowed) in IMPORTS {
        let manifest =
            std::fs::read_to_string(repository().join(directory).join("Cargo.toml")).expect("a manifest");
        let dependencies = manifest.split("[dependencies]").nth(1).expect("dependencies");
        let dependencies = dependencies.split("\n[").next().unwrap_or_default();
        let imported: BTreeSet<&str> = dependencies
            .lines()
            .filter_map(|l| l.split(['.', ' ', '=']).next())
            .filter(|name| name.starts_with("flow-"))
            .collect();
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        assert!(imported.is_subset(&allowed), "{directory} imports {imported:?}, but may import {allowed:?}");
        let name =
            manifest.lines().find_map(|l| l.strip_prefix("name = ")).expect("a name").trim_matches('"');
        let row = table.lines().find(|l| l.starts_with(&format!("| {name} |"))).expect("a row of the table");
        let cell = row.split('|').nth(2).unwrap_or_default();
        let documented: BTreeSet<&str> =
            cell.split(',').map(str::trim).filter(|n| n.starts_with("flow-")).collect();
        assert_eq!(documented, allowed, "the table says something else about {name}");
    }
}

#[test]
fn files_say_what_they_are_for() {
    for path in rust_files(&repository()) {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        assert!(text.starts_with("//!"), "{} does not start with //!", path.display());
        let lines = text.lines().count();
        assert!(lines < 1000, "{} has {lines} lines", path.display());
    }
}

#[test]
fn error_codes_are_documented_once() {
    let reference = std::fs::read_to_string(repository().join("docs/errors.md")).expect("docs/errors.md");
    let mut seen = BTreeSet::new();
    for (code, title) in flow_compiler::codes::CODES.iter().chain(flow_grammar::CODES) {
        assert!(!title.is_empty(), "{code} has no title");
        if !seen.insert(*code) {
            continue;
        }
        let sections = reference.lines().filter(|l| l.split_whitespace().take(2).eq(["##", code])).count();
        assert_eq!(sections, 1, "docs/errors.md has {sections} sections about {code}");
    }
    let documented = reference.lines().filter(|l| l.starts_with("## F") || l.starts_with("## W")).count();
    assert_eq!(documented, seen.len(), "docs/errors.md has sections about codes that do not exist");
}

/// Each of the numbered mistakes has a program, and its snapshot has the code that the table says.
#[test]
fn numbered_mistakes_have_cases() {
    let reference = std::fs::read_to_string(repository().join("docs/errors.md")).expect("docs/errors.md");
    let table = reference.split("# Mistakes by number").nth(1).expect("the table");
    let mut numbers = Vec::new();
    for line in table.lines().filter(|l| l.starts_with("| ") && !l.starts_with("| number")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [number, _, codes, case] = cells.as_slice() else { panic!("not a row of the table: {line}") };
        numbers.push(number.parse::<usize>().expect("a number"));
        let case = case.trim_matches('`');
        let program = repository().join("tests/cases").join(case).with_extension("flow");
        assert!(program.is_file(), "{} is not there", program.display());
        let (kind, name) = case.split_once('/').expect("a folder");
        let snapshot = format!("suite__matrix__{kind}_cases@{}.flow.snap", name.replace('/', "__"));
        let path = repository().join("tests/suite/snapshots").join(&snapshot);
        let shown = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{snapshot}: {e}"));
        for code in codes.split(", ") {
            assert!(shown.contains(&format!("[{code}]")), "{case} does not show {code}");
        }
    }
    assert_eq!(numbers, (1..=22).collect::<Vec<usize>>());
}

#[test]
fn no_work_is_left_undone() {
    for path in rust_files(&repository()) {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        for word in [concat!("to", "do!("), concat!("unimple", "mented!("), concat!("FIX", "ME")] {
            assert!(!text.contains(word), "{} contains {word}", path.display());
        }
    }
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_symlink() || name == "target" || name.to_string_lossy().starts_with('.') {
            continue;
        }
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files
}
