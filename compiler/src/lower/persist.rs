//! `persist`: rows that are computed once and kept, in memory or on disk.
//!
//! Rows in memory are computed once, as those of every `let` are anyway, so those levels make no node.

use super::Flow;
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::suggest::closest;
use flow_grammar::ast::{self, LetValue};
use flow_ir::logical::Operator;
use flow_ir::{Persist, PersistLevel, Reuse, Span};

/// The levels that keep rows in memory only.
const IN_MEMORY: [&str; 2] = ["memory", "memory_ser"];

impl<'a> Compiler<'a> {
    pub(super) fn persist(&mut self, flow: Flow, level: Option<&'a ast::Name>, place: Span) -> Flow {
        let level = match level {
            None => PersistLevel::MemoryAndDisk,
            Some(name) if IN_MEMORY.contains(&name.text.as_str()) => return flow,
            Some(name) => match PersistLevel::from_name(&name.text) {
                Some(level) => level,
                None => {
                    self.unknown_level(name);
                    return flow;
                }
            },
        };
        // Known once the plan is complete; what tests compute is never stored.
        let reuse = Reuse::Never("it is not computed by a run of the program".to_owned());
        let persist = Persist { level, name: self.dataset_around(place), reuse };
        let input = flow.node;
        let node = self.passing(input, Operator::Persist { input, persist }, place);
        Flow { node, ..flow }
    }

    /// The name of the `let` that a stage is part of; empty if there is none.
    fn dataset_around(&self, place: Span) -> String {
        let symbols = self.symbols();
        let around = symbols.datasets.values().find(|def| {
            let LetValue::Pipeline(pipeline) = &def.value else { return false };
            let def = span(pipeline.span);
            def.file == place.file && def.start <= place.start && place.end <= def.end
        });
        around.map_or(String::new(), |def| def.name.text.clone())
    }

    fn unknown_level(&mut self, name: &'a ast::Name) {
        let levels: Vec<&str> =
            IN_MEMORY.into_iter().chain(PersistLevel::ALL.into_iter().map(PersistLevel::name)).collect();
        let place = span(name.span);
        let message = format!("`persist` has no level `{}`", name.text);
        let mut d = Diagnostic::error("F4035", place, message);
        if let Some(near) = closest(&name.text, levels.iter().copied()) {
            d = d.caption(format!("did you mean `{near}`?")).fix(near, place, near);
        }
        self.report(d.help(format!("the levels are {}", levels.join(", "))));
    }
}
