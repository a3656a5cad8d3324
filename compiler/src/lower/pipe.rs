//! Uses of a `pipe`: its stages as if they stood here, its parameters as `$` values.
//!
//! A pipe is checked at each use, against the row it is used on. Invariant: pipes do not use
//! themselves, so expansion ends.

use super::Flow;
use crate::check::Scope;
use crate::compiler::{CALLS_DEPTH_MAX, Compiler};
use crate::diagnostic::{Diagnostic, span};
use crate::resolve::Lookup;
use crate::row::Row;
use crate::suggest::closest;
use flow_grammar::ast;
use flow_ir::Span;

impl<'a> Compiler<'a> {
    pub(super) fn use_pipe(
        &mut self,
        flow: Flow,
        path: &'a ast::Path,
        args: &'a [ast::Arg],
        place: Span,
    ) -> Flow {
        let unknown = |flow: Flow| Flow { row: Row::unknown(), ..flow };
        let name = path.to_string();
        let (module, written) = match self.symbols().lookup(path) {
            Lookup::Here(name) => (self.module, name),
            Lookup::In(module, name) => (module, name),
            Lookup::Broken => return unknown(flow),
            Lookup::Nowhere => {
                self.unknown_pipe(&name, span(path.span));
                return unknown(flow);
            }
        };
        let found = self.within(module, |c| c.symbols().pipes.get(written.text.as_str()).copied());
        let Some(def) = found else {
            self.within(module, |c| c.unknown_pipe(&written.text, span(written.span)));
            return unknown(flow);
        };
        let key = (module, def.name.text.as_str());
        if self.open_pipes.iter().any(|(open, _)| *open == key) {
            self.report(
                Diagnostic::error("F4004", place, format!("the pipe `{name}` uses itself"))
                    .label(span(def.name.span), "defined here"),
            );
            return unknown(flow);
        }
        if self.open_pipes.len() >= CALLS_DEPTH_MAX {
            let message = format!("pipes use pipes more than {CALLS_DEPTH_MAX} deep here");
            self.report(Diagnostic::error("F4011", place, message));
            return unknown(flow);
        }
        let (takes, given) = (def.params.len(), args.len());
        if takes != given {
            let plural = if takes == 1 { "argument" } else { "arguments" };
            self.report(
                Diagnostic::error("F3006", place, format!("`{name}` takes {takes} {plural}, not {given}"))
                    .label(span(def.name.span), "defined here"),
            );
            return unknown(flow);
        }
        let mut values = Vec::with_capacity(takes);
        for (param, arg) in def.params.iter().zip(args) {
            let value = self.expr(&arg.value, &mut Scope::constant());
            let value = match &param.ty {
                None => value,
                Some(ty) => {
                    let what = format!("parameter `{}`", param.name.text);
                    let ty = self.within(module, |c| c.data_type(ty));
                    value.zip(ty).and_then(|(v, ty)| self.as_declared(v, &ty, &what, span(param.span)))
                }
            };
            values.push((param.name.text.clone(), value.and_then(|v| self.folded(v))));
        }
        self.open_pipes.push((key, place));
        let flow = self.outside(|compiler| {
            compiler.pipe_values = values;
            compiler.within(module, |compiler| compiler.stages(flow, &def.stages))
        });
        self.open_pipes.pop();
        flow
    }

    fn unknown_pipe(&mut self, name: &str, place: Span) {
        let mut diagnostic =
            Diagnostic::error("F2013", place, format!("there is no stage or pipe called `{name}`"));
        let symbols = self.symbols();
        let known = symbols.pipes.keys().copied().chain(flow_grammar::STAGES.iter().copied());
        if let Some(near) = closest(name, known) {
            diagnostic = diagnostic.caption(format!("did you mean `{near}`?")).fix(near, place, near);
        }
        self.report(diagnostic);
    }
}
