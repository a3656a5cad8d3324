//! The serialized form of plans against the one that is written down for its version.
//!
//! `compiler/ir/src/plan_shape.txt` has a line for every record (with its fields) and every variant that the plans of
//! the repository's programs hold as JSON. `PLAN_VERSION` says when its number goes up. After a change of it, or a program
//! that uses a variant for the first time: `FLOWC_PLAN_SHAPE=write cargo test --test suite plan_shape`.

use crate::process::repository;
use flow_compiler::optimize::{OptLevel, optimize};
use flow_compiler::stage::cut_stages;
use flow_ir::physical::PLAN_VERSION;
use flowc::program::Program;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::path::Path;

/// Fields whose texts are names of variants rather than data.
const CHOICES: [&str; 11] = [
    "kind",
    "function",
    "on_error",
    "mode",
    "order",
    "using",
    "operation",
    "format",
    "Parquet",
    "Arrow",
    "ty",
];

fn shape(json: &Json, at: &str, out: &mut BTreeSet<String>) {
    match json {
        Json::Array(items) => items.iter().for_each(|item| shape(item, at, out)),
        Json::Object(fields) => {
            let mut names: Vec<&str> = fields.keys().map(String::as_str).collect();
            names.sort_unstable();
            match names.as_slice() {
                [variant] if variant.starts_with(|c: char| c.is_ascii_uppercase()) => {
                    out.insert(format!("{at}: {variant}"));
                }
                names => {
                    out.insert(format!("{at} {{ {} }}", names.join(", ")));
                }
            }
            fields.iter().for_each(|(name, value)| shape(value, name, out));
        }
        Json::String(choice) if CHOICES.contains(&at) => {
            out.insert(format!("{at}: {choice}"));
        }
        _ => {}
    }
}

/// The shapes in the plans of all programs in a folder.
fn gather(folder: &Path, out: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            gather(&path, out);
        } else if path.extension().is_some_and(|e| e == "flow") {
            let program = Program::read(&path).expect("a readable program");
            // What is not there while nothing has run does not matter here.
            let Ok(compiled) = program.check(&[]) else { continue };
            let plan = cut_stages(&optimize(compiled.plan, OptLevel::Full, &mut |_| {}));
            let json = serde_json::to_string(&plan).expect("a serializable plan");
            shape(&serde_json::from_str(&json).expect("JSON"), "plan", out);
        }
    }
}

#[test]
fn plans_have_the_shape_of_their_version() {
    let mut found = BTreeSet::new();
    for folder in ["tests/cases/run", "examples"] {
        gather(&repository().join(folder), &mut found);
    }
    assert!(found.len() > 150, "only {} shapes", found.len());
    let path = repository().join("compiler/ir/src/plan_shape.txt");
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let known: BTreeSet<String> = written.lines().skip(1).map(str::to_owned).collect();
    let version = format!("version {PLAN_VERSION}");
    let same_version = written.lines().next() == Some(version.as_str());
    let gone: Vec<&String> = known.difference(&found).collect();
    let new: Vec<&String> = found.difference(&known).collect();
    let raise = "the serialized form of plans has changed: raise PLAN_VERSION";
    assert!(!same_version || gone.is_empty(), "{raise}\ngone: {gone:#?}\nnew: {new:#?}");
    if std::env::var("FLOWC_PLAN_SHAPE").is_ok_and(|v| v == "write") {
        let lines: Vec<String> = std::iter::once(version).chain(found).collect();
        std::fs::write(&path, lines.join("\n") + "\n").expect("written");
        return;
    }
    let write = "to write it down: FLOWC_PLAN_SHAPE=write cargo test --test suite plan_shape";
    assert!(
        same_version && new.is_empty(),
        "{} is of another version, or lacks {new:#?}\n{write}",
        path.display()
    );
}

#[test]
fn a_field_that_changes_is_seen() {
    let shapes = |json: &str| {
        let mut out = BTreeSet::new();
        shape(&serde_json::from_str(json).expect("JSON"), "plan", &mut out);
        out
    };
    let before = shapes(r#"{"stages":[{"id":1,"kind":"Collect"}],"version":1}"#);
    assert_eq!(before, shapes(r#"{"stages":[{"id":7,"kind":"Collect"}],"version":2}"#));
    assert!(!before.is_subset(&shapes(r#"{"stages":[{"number":1,"kind":"Collect"}],"version":1}"#)));
    assert!(!before.is_subset(&shapes(r#"{"stages":[{"id":1,"kind":"Gather"}],"version":1}"#)));
}
