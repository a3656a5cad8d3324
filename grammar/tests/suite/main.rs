//! Tests of the grammar through its public face: programs in, trees, errors and formatted text out.

mod errors;
mod formatting;
mod hostile;
mod programs;
mod trees;
mod vocabulary;

use std::path::PathBuf;

/// The programs of the language description, by file name.
fn programs() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
    let mut programs: Vec<(String, String)> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).expect("a readable program"))
        })
        .collect();
    programs.sort();
    assert!(programs.len() >= 25, "the programs are where they were");
    programs
}

/// A small random number generator with a fixed seed, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// Checks what must hold for every program without errors, and returns its formatted text.
fn check_format(source: &str) -> String {
    let (tree, errors) = flow_grammar::parse(source);
    assert!(errors.is_empty(), "{errors:#?}\n{source}");
    let formatted = flow_grammar::format(source).unwrap_or_else(|errors| panic!("{errors:#?}\n{source}"));
    let (again, errors) = flow_grammar::parse(&formatted);
    assert!(errors.is_empty(), "the formatted text does not parse: {errors:#?}\n{source}\n---\n{formatted}");
    assert!(
        tree.same_tree(&again),
        "{source}\n---\n{formatted}\n---\n{}\n---\n{}",
        tree.dump(),
        again.dump()
    );
    let texts = |program: &flow_grammar::ast::Program| {
        let mut texts: Vec<String> = program.comments.iter().map(|comment| comment.text.clone()).collect();
        texts.sort();
        texts
    };
    assert_eq!(texts(&tree), texts(&again), "comments differ\n{source}\n---\n{formatted}");
    let twice = flow_grammar::format(&formatted).unwrap_or_else(|errors| panic!("{errors:#?}\n{formatted}"));
    let differing = formatted.lines().zip(twice.lines()).find(|(once, twice)| once != twice);
    assert_eq!(
        formatted, twice,
        "formatting twice differs at {differing:#?} for\n{source}\n---\n{formatted}"
    );
    formatted
}
