//! Names to definitions: what the items of a file declare, and what a dotted name means.
//!
//! The first phase after parsing. Three namespaces: values and datasets (`param`, `const`, `let`: what
//! `$` and `from` find), functions and pipes, schemas. Invariant: each name is in its namespace once;
//! repeated definitions are reported and the first one counts.

use crate::diagnostic::{Diagnostic, span};
use crate::import::Module;
use flow_grammar::ast::{self, ItemKind};
use std::collections::BTreeMap;

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
    /// What imports are called, and which module each is; `None` after a mistake, so that nothing is said
    /// about names below it.
    pub(crate) imports: BTreeMap<&'a str, Option<usize>>,
}

impl<'a> Symbols<'a> {
    /// Collects the declarations of a file.
    pub(crate) fn collect(module: &'a Module, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let program = &module.program;
        let mut symbols = Symbols::default();
        let mut values = Namespace::new(diagnostics);
        // `$geo.x` is a value of an import or a field of a dataset, so both share a namespace.
        for link in &module.imports {
            if values.define_as(&link.name, link.span) {
                symbols.imports.insert(&link.name, link.module);
            }
        }
        for item in &program.items {
            match &item.kind {
                ItemKind::Param(def) if values.define(&def.name) => symbols.params.push(def),
                ItemKind::Const(def) if values.define(&def.name) => {
                    symbols.consts.insert(&def.name.text, def);
                }
                ItemKind::Let(def) if values.define(&def.name) => {
                    symbols.datasets.insert(&def.name.text, def);
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

/// Where a dotted name is to be looked up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lookup<'a> {
    /// Among the names of this file.
    Here(&'a ast::Name),
    /// Among those of an imported file.
    In(usize, &'a ast::Name),
    /// In an import that could not be read, which has been reported.
    Broken,
    /// Nowhere: its first part is no import.
    Nowhere,
}

impl<'a> Symbols<'a> {
    /// Where `path` is to be looked up.
    pub(crate) fn lookup(&self, path: &'a ast::Path) -> Lookup<'a> {
        match path.names.as_slice() {
            [name] => Lookup::Here(name),
            [import, name] => match self.imports.get(import.text.as_str()) {
                Some(Some(module)) => Lookup::In(*module, name),
                Some(None) => Lookup::Broken,
                None => Lookup::Nowhere,
            },
            _ => Lookup::Nowhere,
        }
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
        self.define_as(&name.text, name.span)
    }

    fn define_as(&mut self, name: &'a str, place: flow_grammar::Span) -> bool {
        if let Some(first) = self.seen.get(name) {
            self.diagnostics.push(
                Diagnostic::error("F2006", span(place), format!("`{name}` is already defined"))
                    .caption("defined again here")
                    .label(span(*first), "first defined here"),
            );
            return false;
        }
        self.seen.insert(name, place);
        true
    }
}
