//! What the rows of a `persist` are computed from, as a hash: how a later run finds them again.
//!
//! The text that is hashed is the plan as written, before any pass, up to the `persist`: names resolved, values
//! of parameters put in, without places in the program. Invariants: everything that decides what the rows are is
//! in it, but for the contents of files; it does not depend on what else the program does, so columns
//! are numbered anew; `persist`s on the way leave no trace but that they are there.

use flow_ir::location::{Location, without_secrets};
use flow_ir::logical::{LogicalPlan, NodeId, Operator};
use flow_ir::source::{OnError, Source};
use flow_ir::{Persist, PersistLevel, Reuse};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use xxhash_rust::xxh3::xxh3_128;

/// Says of every `persist` of a complete plan whether later runs may use its rows.
pub(crate) fn note_reuse(plan: &mut LogicalPlan) {
    for at in 0..plan.nodes.len() {
        let Operator::Persist { input, .. } = plan.nodes[at].operator else { continue };
        let columns = plan.nodes[at].columns.clone();
        let reuse = Computation::of(plan, input).reuse(&columns);
        if let Operator::Persist { persist, .. } = &mut plan.nodes[at].operator {
            persist.reuse = reuse;
        }
    }
}

/// The part of a plan that some rows are computed by.
struct Computation {
    plan: LogicalPlan,
    /// The node with the rows.
    end: NodeId,
}

impl Computation {
    /// What computes the rows of `end`, in a plan of its own.
    fn of(whole: &LogicalPlan, end: NodeId) -> Self {
        let mut reached: BTreeSet<NodeId> = BTreeSet::new();
        let mut open = vec![end];
        while let Some(id) = open.pop() {
            if reached.insert(id) {
                open.extend(whole.node(id).operator.inputs());
            }
        }
        // The next free id is printed, too; no column has this one.
        let mut plan = LogicalPlan { next_column: u32::MAX, ..LogicalPlan::default() };
        let mut ids: BTreeMap<NodeId, NodeId> = BTreeMap::new();
        // In order of their numbers, inputs come before their users.
        for id in reached {
            let mut node = whole.node(id).clone();
            if let Operator::Persist { persist, .. } = &mut node.operator {
                let (level, name) = (PersistLevel::Disk, String::new());
                *persist = Persist { level, name, reuse: Reuse::Never(String::new()) };
            }
            for input in crate::optimize::inputs_mut(&mut node.operator) {
                *input = ids.get(input).copied().unwrap_or(*input);
            }
            ids.insert(id, plan.push(node));
        }
        let end = ids.get(&end).copied().unwrap_or(end);
        plan.sinks = vec![end];
        Computation { plan, end }
    }

    fn reuse(mut self, columns: &[flow_ir::logical::OutputColumn]) -> Reuse {
        if let Some(why) = self.forbidden() {
            return Reuse::Never(why);
        }
        let files: BTreeSet<String> = self.sources().flat_map(|s| &s.files).map(|f| f.path.clone()).collect();
        let by_file = self.row_wise_source();
        if let Some(source) = by_file {
            // The file, with what the plan knows of it, is added to the key of each.
            source.files.clear();
            source.folders.files = 0;
            for key in &mut source.folders.keys {
                key.values = 0;
            }
        }
        let is_by_file = self.row_wise_source().is_some();
        let mut text = renumbered(&self.plan.to_string());
        for column in columns {
            // Which columns there are, and their order, is decided behind the last node.
            let _ = writeln!(text, "{:?} {}", column.path, column.ty);
        }
        let key = format!("{:032x}", xxh3_128(text.as_bytes()));
        match is_by_file {
            true => Reuse::PerFile { key },
            false => Reuse::Whole { key, files: files.into_iter().collect() },
        }
    }

    fn sources(&self) -> impl Iterator<Item = &Source> {
        self.plan.nodes.iter().filter_map(|node| match &node.operator {
            Operator::Read(source) => Some(source),
            _ => None,
        })
    }

    /// Why later runs may not use the rows, if they may not.
    fn forbidden(&self) -> Option<String> {
        let mut loops: BTreeSet<NodeId> = BTreeSet::new();
        for node in &self.plan.nodes {
            match &node.operator {
                Operator::Through { .. } => {
                    return Some("what a command answers may differ from run to run".to_owned());
                }
                Operator::Iterate { state, .. } => {
                    loops.insert(*state);
                }
                _ => {}
            }
        }
        let open = |(i, node): (usize, &flow_ir::logical::Node)| {
            matches!(node.operator, Operator::LoopRows) && !loops.contains(&NodeId(i as u32))
        };
        if self.plan.nodes.iter().enumerate().any(open) {
            return Some("it is computed in every round of an `iterate`".to_owned());
        }
        self.sources().find_map(|source| match &source.on_error {
            OnError::Quarantine(_) => Some(format!(
                "the rows of `{}` that are set aside would be missing from the quarantine file",
                source.pattern
            )),
            OnError::Skip => {
                Some(format!("the rows of `{}` that are skipped would not be counted", source.pattern))
            }
            OnError::Fail | OnError::Null => source.files.iter().find_map(|file| no_identity(&file.path)),
        })
    }

    /// The only source, if every row is made of one row of it.
    fn row_wise_source(&mut self) -> Option<&mut Source> {
        let mut at = self.end;
        loop {
            at = match &self.plan.node(at).operator {
                Operator::Filter { input, .. }
                | Operator::Map { input, .. }
                | Operator::FlatMap { input, .. }
                | Operator::Check { input, .. }
                | Operator::Repartition { input, .. } => *input,
                Operator::Read(_) => break,
                _ => return None,
            };
        }
        match &mut self.plan.nodes[at.0 as usize].operator {
            Operator::Read(source) => Some(source),
            _ => None,
        }
    }
}

/// Why what `path` names cannot be recognised by a later run, if it cannot.
fn no_identity(path: &str) -> Option<String> {
    match Location::of(path) {
        Location::File(_) => None,
        Location::Standard => Some("standard input is another one in every run".to_owned()),
        Location::Command(_) => Some("what a command prints may differ from run to run".to_owned()),
        Location::Url(url) => {
            Some(format!("nothing tells cheaply whether `{}` has changed", without_secrets(url)))
        }
    }
}

/// IR text with the ids of columns in the order in which they first occur. Texts in quotes stay as they are.
fn renumbered(text: &str) -> String {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut out = String::with_capacity(text.len());
    let (mut quoted, mut escaped) = (false, false);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (_, after) = rest.split_at(c.len_utf8());
        rest = after;
        out.push(c);
        if quoted {
            quoted = escaped || c != '"';
            escaped = c == '\\' && !escaped;
        } else if c == '"' {
            quoted = true;
        } else if c == '#' {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (id, after) = rest.split_at(digits);
            rest = after;
            let next = numbers.len();
            let _ = write!(out, "{}", numbers.entry(id).or_insert(next));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_columns_are_told_from_texts() {
        let text = r##"map %0 { a#7 = (b#3 + "x#7\"#8" + #7) }"##;
        assert_eq!(renumbered(text), r##"map %0 { a#0 = (b#1 + "x#7\"#8" + #0) }"##);
        assert_ne!(renumbered("#1 #2 #1"), renumbered("#1 #2 #2"));
        assert_eq!(renumbered("#1 #2 #1"), renumbered("#5 #9 #5"));
    }
}
