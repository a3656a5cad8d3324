//! What the generated programs are made of: a stage or function that never comes is noticed.

use flow_compiler::Compiled;
use flow_ir::Function;
use flow_ir::aggregate::AggregateKind;
use serde_json::Value;
use std::collections::BTreeMap;

/// How often words and plan names occurred, each counted once a program.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    words: BTreeMap<String, usize>,
    names: BTreeMap<String, usize>,
}

impl Coverage {
    /// Counts a program.
    pub(crate) fn add(&mut self, text: &str, compiled: &Compiled) {
        let mut words: Vec<&str> = text
            .split("| ")
            .skip(1)
            .filter_map(|rest| rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next())
            .collect();
        words.sort_unstable();
        words.dedup();
        for word in words {
            *self.words.entry(word.to_owned()).or_default() += 1;
        }
        let mut names = Vec::new();
        gather(&serde_json::to_value(&compiled.plan).expect("plans are data"), &mut names);
        names.sort_unstable();
        names.dedup();
        for name in names {
            *self.names.entry(name).or_default() += 1;
        }
    }

    /// Words of stages that no program had.
    pub(crate) fn missing_stages(&self) -> Vec<&'static str> {
        flow_grammar::STAGES.iter().copied().filter(|s| !self.words.contains_key(*s)).collect()
    }

    /// Aggregates that no program had.
    pub(crate) fn missing_aggregates(&self) -> Vec<String> {
        let all = AggregateKind::ALL.iter().map(|k| format!("{k:?}"));
        all.filter(|k| !self.names.contains_key(k)).collect()
    }

    /// Functions that no program had.
    pub(crate) fn missing_functions(&self) -> Vec<String> {
        let all = Function::ALL.iter().map(|f| format!("{f:?}"));
        all.filter(|f| !self.names.contains_key(f)).collect()
    }

    /// The counts as text.
    pub(crate) fn text(&self) -> String {
        let stages: Vec<String> = flow_grammar::STAGES
            .iter()
            .map(|s| format!("{s} {}", self.words.get(*s).copied().unwrap_or_default()))
            .collect();
        let functions: Vec<String> = Function::ALL
            .iter()
            .map(|f| format!("{f:?}"))
            .chain(AggregateKind::ALL.iter().map(|k| format!("{k:?}")))
            .map(|f| format!("{f} {}", self.names.get(&f).copied().unwrap_or_default()))
            .collect();
        format!(
            "programs with a stage: {}\nwith a function or aggregate: {}",
            stages.join(", "),
            functions.join(", ")
        )
    }
}

/// All names of variants in a plan: keys and texts that begin with a capital letter.
fn gather(value: &Value, names: &mut Vec<String>) {
    let is_name =
        |s: &str| s.starts_with(|c: char| c.is_ascii_uppercase()) && s.chars().all(char::is_alphanumeric);
    match value {
        Value::String(s) if is_name(s) => names.push(s.clone()),
        Value::Array(items) => items.iter().for_each(|v| gather(v, names)),
        Value::Object(fields) => {
            for (key, v) in fields {
                if is_name(key) {
                    names.push(key.clone());
                }
                gather(v, names);
            }
        }
        _ => {}
    }
}
