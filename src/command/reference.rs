//! Stages, aggregates and what looks like a function in the language's reference: the rows of its tables.

/// The reference that comes with the program.
const REFERENCE: &str = include_str!("../../docs/language.md");

/// The sections whose tables tell of stages and aggregates.
const SECTIONS: [&str; 2] = ["## 9. Stages", "## 10. Aggregates"];

/// The section whose tables tell of functions, and those of them that the library does not have.
const FUNCTIONS: &str = "## 11. Functions";
const OF_LANGUAGE: [&str; 5] = ["try", "same", "coalesce", "source_file", "source_line"];

/// A row of a table.
pub(super) struct Entry {
    /// The first words of its shapes.
    pub(super) names: Vec<&'static str>,
    /// How it is written.
    pub(super) shapes: Vec<&'static str>,
    /// What it does.
    pub(super) text: String,
}

/// All entries, in the order of the reference.
pub(super) fn entries() -> Vec<Entry> {
    let mut entries = Vec::new();
    for section in SECTIONS.into_iter().chain([FUNCTIONS]) {
        let Some(at) = REFERENCE.find(section) else { continue };
        let text = &REFERENCE[at + section.len()..];
        let text = text.find("\n## ").map_or(text, |end| &text[..end]);
        let tables = text.split("\n### ").flat_map(|part| part.lines().skip_while(|l| !l.starts_with("| ")));
        let known = |e: &Entry| section != FUNCTIONS || e.names.iter().all(|n| OF_LANGUAGE.contains(n));
        entries.extend(tables.filter_map(entry).filter(known));
    }
    entries
}

/// The entry of a table's row; none of other lines and of rows that begin with no name.
fn entry(line: &'static str) -> Option<Entry> {
    let mut cells = line.strip_prefix("| ")?.split(" | ");
    let (first, text) = (cells.next()?, cells.next()?);
    let shapes: Vec<&str> = first.split('`').skip(1).step_by(2).collect();
    let name = |shape: &&'static str| {
        let end = shape.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(shape.len());
        &shape[..end]
    };
    let names: Vec<&str> = shapes.iter().map(name).filter(|n| !n.is_empty()).collect();
    (!names.is_empty()).then(|| Entry { names, shapes, text: text.trim_end_matches(" |").to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_and_aggregates_are_found() {
        let entries = entries();
        for name in ["filter", "reduce_by_key", "window", "sample", "count", "max_by", "quantile", "collect"]
        {
            assert!(entries.iter().any(|e| e.names.contains(&name)), "`{name}` is not in the reference");
        }
        let quantile = entries.iter().find(|e| e.names.contains(&"quantile")).expect("quantile");
        assert_eq!(quantile.shapes, ["median(x)", "quantile(x, q)"]);
        let place = entries.iter().find(|e| e.names.contains(&"source_line")).expect("source_line");
        assert_eq!(place.names, ["source_file", "source_line"]);
        assert!(entries.iter().all(|e| !e.names.contains(&"upper")), "the library tells of its functions");
        assert!(quantile.text.starts_with("floats, of the number types"), "{}", quantile.text);
    }
}
