//! The documentation of the prelude as data, for `flowc doc`, hover texts and completion.

use std::sync::OnceLock;

/// The source of the documentation, `flow/prelude.flow`.
pub const PRELUDE: &str = include_str!("../flow/prelude.flow");

/// What the documentation says about a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documented {
    /// The name programs call it by.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// One signature for each shape of arguments.
    pub signatures: Vec<&'static str>,
    /// An expression that is true.
    pub example: &'static str,
}

/// The documented functions, in the order of the file, by family.
pub fn documentation() -> &'static [Documented] {
    static PARSED: OnceLock<Vec<Documented>> = OnceLock::new();
    PARSED.get_or_init(|| parse(PRELUDE))
}

/// The documentation of a function.
pub fn documented(name: &str) -> Option<&'static Documented> {
    documentation().iter().find(|d| d.name == name)
}

fn parse(source: &'static str) -> Vec<Documented> {
    let mut entries: Vec<Documented> = Vec::new();
    for line in source.lines() {
        if let Some(summary) = line.strip_prefix("## ") {
            entries.push(Documented { name: "", summary, signatures: Vec::new(), example: "" });
        } else if let (Some(signature), Some(entry)) = (line.strip_prefix("#: "), entries.last_mut()) {
            entry.name = signature.split('(').next().unwrap_or_default();
            entry.signatures.push(signature);
        } else if let (Some(example), Some(entry)) = (line.strip_prefix("#= "), entries.last_mut()) {
            entry.example = example;
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names;

    #[test]
    fn every_function_is_documented_once() {
        let mut documented: Vec<&str> = documentation().iter().map(|d| d.name).collect();
        documented.sort_unstable();
        assert_eq!(documented, names());
        for entry in documentation() {
            assert!(entry.summary.ends_with('.'), "{}", entry.name);
            assert!(entry.example.contains(entry.name), "{}: {}", entry.name, entry.example);
            let begins = |s: &&str| s.strip_prefix(entry.name).is_some_and(|rest| rest.starts_with('('));
            assert!(entry.signatures.iter().all(begins), "{}", entry.name);
        }
    }
}
