//! Imports: reads and parses every file that a program names, before any name is resolved.
//!
//! `import "file.flow" as x` is relative to the file it stands in, `import std.geo` is a module of the
//! library. Invariants: a file is read and parsed once, however many import it; files that import each
//! other in a circle are an error, so everything behind this works on a tree without circles.

use crate::catalog::{Catalog, CatalogError};
use crate::diagnostic::{self, Diagnostic, span};
use crate::sources::Sources;
use crate::suggest::closest;
use flow_grammar::ast::{self, Import, ItemKind};
use flow_ir::Span;
use std::collections::BTreeMap;

/// How deep files may import files.
const DEPTH_MAX: usize = 64;

/// How many bytes a program and its imports may have together.
const BYTES_MAX: usize = 256 << 20;

/// A file of a program, parsed.
#[derive(Clone, Debug)]
pub(crate) struct Module {
    /// Its tree.
    pub(crate) program: ast::Program,
    /// What it imports, in source order.
    pub(crate) imports: Vec<Link>,
}

/// One `import`.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// What its parts are qualified with.
    pub(crate) name: String,
    /// The place that says so.
    pub(crate) span: flow_grammar::Span,
    /// The module; `None` after a mistake that has been reported.
    pub(crate) module: Option<usize>,
}

/// A program with everything it imports, parsed but not checked.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub(crate) sources: Sources,
    /// The program itself first.
    pub(crate) modules: Vec<Module>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Parses `text`, which messages call `name`, and what it imports.
pub fn load(text: &str, name: &str, catalog: &dyn Catalog) -> Loaded {
    let mut loader = Loader {
        loaded: Loaded { sources: Sources::new(name, text), modules: Vec::new(), diagnostics: Vec::new() },
        catalog,
        known: BTreeMap::new(),
        open: Vec::new(),
    };
    loader.module(normal(name), 0);
    loader.loaded
}

impl Loaded {
    /// The texts that spans are places in.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Whether the program itself has tests.
    pub fn has_tests(&self) -> bool {
        self.tests().next().is_some()
    }

    /// The tests of the program itself.
    pub(crate) fn tests(&self) -> impl Iterator<Item = &ast::TestDef> {
        let items = self.modules.first().into_iter().flat_map(|m| &m.program.items);
        items.filter_map(|item| match &item.kind {
            ItemKind::Test(def) => Some(def),
            _ => None,
        })
    }
}

struct Loader<'c> {
    loaded: Loaded,
    catalog: &'c dyn Catalog,
    /// The modules that are complete, by normalized path or library name.
    known: BTreeMap<String, usize>,
    /// The ones that are being read, the outermost first.
    open: Vec<String>,
}

impl Loader<'_> {
    /// Parses the source that begins at `start` and reads what it imports.
    fn module(&mut self, key: String, start: u32) -> usize {
        let (program, errors) = flow_grammar::parse_from(self.loaded.sources.text(), start);
        self.loaded.diagnostics.extend(errors.into_iter().map(diagnostic::from_syntax));
        let index = self.loaded.modules.len();
        self.loaded.modules.push(Module { program: ast::Program::default(), imports: Vec::new() });
        self.open.push(key);
        let mut imports = Vec::new();
        for item in &program.items {
            if let ItemKind::Import(import) = &item.kind {
                imports.extend(self.link(import, span(item.span)));
            }
        }
        if let Some(key) = self.open.pop() {
            self.known.insert(key, index);
        }
        self.loaded.modules[index] = Module { program, imports };
        index
    }

    fn link(&mut self, import: &Import, place: Span) -> Option<Link> {
        match import {
            Import::Module(path) => {
                let name = path.last()?;
                let module = self.library(path);
                Some(Link { name: name.text.clone(), span: name.span, module })
            }
            Import::File { path, alias } => {
                let module = self.file(path);
                match alias {
                    Some(alias) => Some(Link { name: alias.text.clone(), span: alias.span, module }),
                    None => {
                        let name = self.stem(path, place)?;
                        Some(Link { name, span: path.span, module })
                    }
                }
            }
        }
    }

    /// `std.geo`.
    fn library(&mut self, path: &ast::Path) -> Option<usize> {
        let name = path.to_string();
        if let Some(module) = self.known.get(&name) {
            return Some(*module);
        }
        let Some(text) = flow_stdlib::module(&name) else {
            let place = span(path.span);
            let mut d = Diagnostic::error("F2021", place, format!("there is no module called `{name}`"));
            let names = flow_stdlib::modules().iter().map(|(name, _)| *name);
            if let Some(near) = closest(&name, names.clone()) {
                d = d.caption(format!("did you mean `{near}`?")).fix(near, place, near);
            } else {
                d = d.note(format!("the modules are {}", names.collect::<Vec<_>>().join(", ")));
                d = d.help(format!("for a file: import \"{}.flow\"", name.replace('.', "/")));
            }
            self.loaded.diagnostics.push(d);
            return None;
        };
        let start = self.loaded.sources.add(format!("<{name}>"), text);
        Some(self.module(name, start))
    }

    /// `"shared/crm.flow"`.
    fn file(&mut self, path: &ast::StrLit) -> Option<usize> {
        let place = span(path.span);
        let here = self.open.last().map_or("", String::as_str);
        let target = beside(here, &path.value);
        if let Some(module) = self.known.get(&target) {
            return Some(*module);
        }
        if let Some(first) = self.open.iter().position(|open| *open == target) {
            let mut circle: Vec<&str> = self.open[first..].iter().map(String::as_str).collect();
            circle.push(&target);
            let d = Diagnostic::error("F2022", place, "files import each other in a circle")
                .note(circle.join(" -> "))
                .help("put what both need into a file of its own, which imports neither");
            self.loaded.diagnostics.push(d);
            return None;
        }
        if self.open.len() > DEPTH_MAX {
            let message = format!("files import files more than {DEPTH_MAX} deep here");
            self.loaded.diagnostics.push(Diagnostic::error("F4011", place, message));
            return None;
        }
        let text = match self.catalog.program(&target) {
            Ok(text) => text,
            Err(error) => {
                self.unreadable(&target, place, error);
                return None;
            }
        };
        if self.loaded.sources.text().len() + text.len() > BYTES_MAX {
            let message = format!("the imported files have more than {} MiB together", BYTES_MAX >> 20);
            self.loaded.diagnostics.push(Diagnostic::error("F4011", place, message));
            return None;
        }
        let start = self.loaded.sources.add(target.clone(), &text);
        Some(self.module(target, start))
    }

    fn unreadable(&mut self, target: &str, place: Span, error: CatalogError) {
        let d = match error {
            CatalogError::NotFound => {
                Diagnostic::error("F2021", place, format!("there is no file `{target}` to import"))
                    .note("the path of an import is relative to the file it stands in")
            }
            CatalogError::Unreadable(why) => {
                Diagnostic::error("F2021", place, format!("`{target}` cannot be imported: {why}"))
            }
        };
        self.loaded.diagnostics.push(d);
    }

    /// The name of a file without its folders and suffix, if a program can write it.
    fn stem(&mut self, path: &ast::StrLit, place: Span) -> Option<String> {
        let file = path.value.rsplit('/').next().unwrap_or_default();
        let stem = file.strip_suffix(".flow").unwrap_or(file);
        let starts = stem.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if starts && stem.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Some(stem.to_owned());
        }
        let d = Diagnostic::error("F2023", place, format!("this import needs a name: `{stem}` is none"))
            .help(format!("import \"{}\" as name", path.value));
        self.loaded.diagnostics.push(d);
        None
    }
}

/// `path` as seen from the file `from`.
fn beside(from: &str, path: &str) -> String {
    match from.rsplit_once('/') {
        Some((folder, _)) if !path.starts_with('/') => normal(&format!("{folder}/{path}")),
        _ => normal(path),
    }
}

/// A path without `.` and without `..` behind a name, so that one file has one spelling.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            "" if !parts.is_empty() => {}
            ".." if parts.last().is_some_and(|last| !last.is_empty() && *last != "..") => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_importing_file() {
        assert_eq!(beside("main.flow", "shared/crm.flow"), "shared/crm.flow");
        assert_eq!(beside("jobs/main.flow", "../shared/./crm.flow"), "shared/crm.flow");
        assert_eq!(beside("a/b.flow", "../../c.flow"), "../c.flow");
        assert_eq!(beside("/x/b.flow", "c.flow"), "/x/c.flow");
        assert_eq!(beside("a/b.flow", "/c//d.flow"), "/c/d.flow");
    }
}
