//! The registry of codes and the code that uses them agree, and every error of the compiler has a case.

use flow_compiler::codes::{CODES, title};
use std::collections::BTreeSet;
use std::path::Path;

/// Every `"F2001"` in the text of the files below `dir`.
fn mentioned(dir: &Path, extension: &str, quote: &str, out: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            mentioned(&path, extension, quote, out);
        } else if path.extension().is_some_and(|e| e == extension)
            && path.file_name().is_some_and(|n| n != "codes.rs")
        {
            let text = std::fs::read_to_string(&path).expect("a readable file");
            for (at, _) in text.match_indices(['F', 'W']) {
                let code: String = text[at..].chars().take(5).collect();
                let before = text[..at].ends_with(quote);
                if before && code.len() == 5 && code[1..].bytes().all(|b| b.is_ascii_digit()) {
                    out.insert(code);
                }
            }
        }
    }
}

/// Whether the compiler has nothing to do with a code: F5 and W5 are of runs.
fn is_of_runs(code: &str) -> bool {
    code[1..].starts_with('5')
}

#[test]
fn used_codes_are_registered_and_registered_ones_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut used = BTreeSet::new();
    mentioned(&root.join("src"), "rs", "\"", &mut used);
    for code in &used {
        assert!(title(code).is_some(), "{code} is not in the registry");
    }
    for (code, _) in CODES.iter().filter(|(c, _)| !is_of_runs(c)) {
        assert!(used.contains(*code), "{code} is registered, but nothing reports it");
    }
}

#[test]
fn every_error_has_a_case() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut shown = BTreeSet::new();
    mentioned(&root.join("tests/snapshots"), "snap", "[", &mut shown);
    // Mistakes that need files have their cases with the command line's.
    mentioned(&root.join("../tests/suite/snapshots"), "snap", "[", &mut shown);
    // What only a build without a format says has its test in `programs.rs`.
    shown.insert("F4923".to_owned());
    let missing: Vec<&str> =
        CODES.iter().map(|(c, _)| *c).filter(|c| !is_of_runs(c) && !shown.contains(*c)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}
