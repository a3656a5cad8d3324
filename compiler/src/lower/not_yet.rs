//! Stages of the language that this version does not run: each has its number and says its name.

use crate::compiler::Compiler;
use flow_grammar::ast::StageKind;
use flow_ir::Span;

impl Compiler<'_> {
    pub(super) fn stage_not_yet(&mut self, stage: &StageKind, keyword: Span, place: Span) {
        let (code, what) = match stage {
            StageKind::Persist { .. } => ("F4905", "`persist` on disk"),
            // The rest is lowered; were one forgotten, its text would name it.
            _ => {
                let text = self.text(place).to_owned();
                return self.not_yet("F4916", keyword, &format!("`{text}`"));
            }
        };
        self.not_yet(code, keyword, what);
    }
}
