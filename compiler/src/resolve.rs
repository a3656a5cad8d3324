//! Names to definitions: what the items of a program declare.
//!
//! The first phase after parsing. Three namespaces: values and datasets (`param`, `const`, `let`: what
//! `$` and `from` find), functions and pipes, schemas. Invariant: each name is in its namespace once;
//! repeated definitions are reported and the first one counts.

use crate::diagnostic::{Diagnostic, span};
use flow_grammar::ast::{self, ItemKind};
use std::collections::{BTreeMap, BTreeSet};

/// What a program declares.
#[derive(Debug, Default)]
pub(crate) struct Symbols<'a> {
    /// `param`s in source order.
    pub(crate) params: Vec<&'a ast::ParamDef>,
    /// `const`s.
    pub(crate) consts: BTreeMap<&'a str, &'a ast::ConstDef>,
    /// `let`s.
    pub(crate) datasets: BTreeMap<&'a str, &'a ast::LetDef>,
    /// `fn`s.
    pub(crate) functions: BTreeMap<&'a str, &'a ast::FnDef>,
    /// `pipe`s.
    pub(crate) pipes: BTreeMap<&'a str, &'a ast::PipeDef>,
    /// `schema`s.
    pub(crate) schemas: BTreeMap<&'a str, &'a ast::SchemaDef>,
    /// What imports are called: names below them are not known, and nothing is said about them.
    pub(crate) imports: BTreeSet<&'a str>,
}

impl<'a> Symbols<'a> {
    /// Collects the declarations of `program`.
    pub(crate) fn collect(program: &'a ast::Program, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut symbols = Symbols::default();
        let mut values = Namespace::new(diagnostics);
        for item in &program.items {
            match &item.kind {
                ItemKind::Param(def) if values.define(&def.name) => symbols.params.push(def),
                ItemKind::Const(def) if values.define(&def.name) => {
                    symbols.consts.insert(&def.name.text, def);
                }
                ItemKind::Let(def) if values.define(&def.name) => {
                    symbols.datasets.insert(&def.name.text, def);
                }
                ItemKind::Import(ast::Import::Module(path)) => {
                    symbols.imports.extend(path.last().map(|n| n.text.as_str()));
                }
                ItemKind::Import(ast::Import::File { alias, .. }) => {
                    symbols.imports.insert(&alias.text);
                }
                _ => {}
            }
        }
        let mut callables = Namespace::new(diagnostics);
        for item in &program.items {
            match &item.kind {
                ItemKind::Fn(def) if callables.define(&def.name) => {
                    symbols.functions.insert(&def.name.text, def);
                }
                ItemKind::Pipe(def) if callables.define(&def.name) => {
                    symbols.pipes.insert(&def.name.text, def);
                }
                _ => {}
            }
        }
        let mut schemas = Namespace::new(diagnostics);
        for item in &program.items {
            if let ItemKind::Schema(def) = &item.kind
                && schemas.define(&def.name)
            {
                symbols.schemas.insert(&def.name.text, def);
            }
        }
        symbols
    }

    /// The `param` of that name.
    pub(crate) fn param(&self, name: &str) -> Option<&'a ast::ParamDef> {
        self.params.iter().copied().find(|p| p.name.text == name)
    }
}

/// Names that must differ from each other.
pub(crate) struct Namespace<'a, 'd> {
    seen: BTreeMap<&'a str, flow_grammar::Span>,
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl<'a, 'd> Namespace<'a, 'd> {
    pub(crate) fn new(diagnostics: &'d mut Vec<Diagnostic>) -> Self {
        Namespace { seen: BTreeMap::new(), diagnostics }
    }

    /// Notes a definition; false (and reported) if the name is taken.
    pub(crate) fn define(&mut self, name: &'a ast::Name) -> bool {
        if let Some(first) = self.seen.get(name.text.as_str()) {
            self.diagnostics.push(
                Diagnostic::error("F2006", span(name.span), format!("`{}` is already defined", name.text))
                    .caption("defined again here")
                    .label(span(*first), "first defined here"),
            );
            return false;
        }
        self.seen.insert(&name.text, name.span);
        true
    }
}
