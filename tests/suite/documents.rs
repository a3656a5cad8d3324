//! What the documents show works: every block marked `flow` is a program that runs.

use crate::process::{Workplace, repository};

#[test]
fn programs_in_the_documents_run() {
    let mut run = 0;
    for document in ["README.md", "docs/language.md"] {
        let text = std::fs::read_to_string(repository().join(document)).expect("a readable document");
        for (line, program) in blocks(&text) {
            let outcome = Workplace::new().run(&["run", "-q", "-e", &program]);
            assert_eq!(outcome.status, Some(0), "{document}:{line}\n{program}\n{}", outcome.stderr);
            assert_eq!(
                flow_grammar::format(&program).as_deref(),
                Ok(program.as_str()),
                "{document}:{line} is not formatted"
            );
            run += 1;
        }
    }
    assert!(run >= 10, "only {run} programs were found");
}

/// The examples of the standard functions are expressions that must be true.
#[test]
fn examples_of_functions_are_true() {
    let documentation = flow_stdlib::documentation();
    assert!(documentation.len() >= 40, "only {} functions are documented", documentation.len());
    let mut program = String::from("rows [{ n: 1 }]\n| map {\n");
    for (i, entry) in documentation.iter().enumerate() {
        program.push_str(&format!("  e{i}: {},\n", entry.example));
    }
    program.push_str("}\n");
    let outcome = Workplace::new().run(&["run", "-q", "-f", "jsonl", "-e", &program]);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    let values: serde_json::Value = serde_json::from_str(outcome.stdout.trim()).expect("one object");
    for (i, entry) in documentation.iter().enumerate() {
        assert_eq!(values[format!("e{i}")], serde_json::Value::Bool(true), "{}", entry.example);
    }
}

/// The examples of the modules are true too; every function of a module has one.
#[test]
fn examples_of_modules_are_true() {
    for (module, source) in flow_stdlib::modules() {
        let examples: Vec<&str> = source.lines().filter_map(|l| l.strip_prefix("## = ")).collect();
        let functions = source.lines().filter(|l| l.starts_with("fn ")).count();
        assert!(functions >= 8 && examples.len() >= functions, "{module}: {functions} functions");
        let mut program = format!("import {module}\n\nrows [{{ n: 1 }}]\n| map {{\n");
        for (i, example) in examples.iter().enumerate() {
            program.push_str(&format!("  e{i}: {example},\n"));
        }
        program.push_str("}\n");
        let outcome = Workplace::new().run(&["run", "-q", "-f", "jsonl", "-e", &program]);
        assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
        let values: serde_json::Value = serde_json::from_str(outcome.stdout.trim()).expect("one object");
        for (i, example) in examples.iter().enumerate() {
            assert_eq!(values[format!("e{i}")], serde_json::Value::Bool(true), "{example}");
        }
        let shown = Workplace::new().run(&["doc", module]);
        assert_eq!(shown.stdout.matches("    fn ").count(), functions, "{}", shown.stdout);
    }
}

/// The blocks marked `flow`: (line of the fence, program).
fn blocks(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (i, line) in text.lines().enumerate() {
        match &mut open {
            None if line.trim() == "```flow" => open = Some((i + 1, String::new())),
            None => {}
            Some(_) if line.trim() == "```" => found.extend(open.take()),
            Some((_, program)) => {
                program.push_str(line);
                program.push('\n');
            }
        }
    }
    found
}
