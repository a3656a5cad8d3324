//! `flowc doc`: what the stages, aggregates and functions of the language, the modules of the library and the items of a
//! program are for, from their own documentation.

use super::reference;
use crate::cli::{DocArgs, DocFormat};
use crate::failure::{Failure, Status};
use crate::output::say;
use crate::program::read_text;
use flow_grammar::ast::{Item, ItemKind, Program};
use flow_stdlib::{Documented, documentation, modules};
use std::fmt::Write;
use std::path::Path;

/// Prints the documentation of everything, or of what the command line names.
pub(crate) fn doc(args: &DocArgs) -> Result<(), Failure> {
    let pages = match &args.name {
        None => overview(),
        Some(name) => find(name)?,
    };
    let texts: Vec<String> = pages.iter().map(|page| page.text(args.format)).collect();
    say(texts.join("\n"))
}

/// The documentation of one thing.
#[derive(Debug, PartialEq)]
struct Page {
    /// What it is called.
    name: String,
    /// How it is written, one line a shape.
    signatures: Vec<String>,
    /// What it is for.
    text: String,
    /// Expressions that are true.
    examples: Vec<String>,
}

impl Page {
    fn text(&self, format: DocFormat) -> String {
        let mut out = String::new();
        let fenced = format == DocFormat::Markdown;
        let code = |out: &mut String, lines: &[String]| {
            if fenced && !lines.is_empty() {
                let _ = writeln!(out, "\n```flow-fragment\n{}\n```", lines.join("\n"));
            } else {
                lines.iter().for_each(|line| {
                    let _ = writeln!(out, "    {line}");
                });
            }
        };
        let _ = if fenced { writeln!(out, "## `{}`", self.name) } else { writeln!(out, "{}", self.name) };
        code(&mut out, &self.signatures);
        if !self.text.is_empty() {
            let _ = if fenced {
                writeln!(out, "\n{}", self.text)
            } else {
                writeln!(out, "  {}", self.text.replace('\n', "\n  "))
            };
        }
        if !fenced && !self.examples.is_empty() {
            let these = if self.examples.len() == 1 { "this is" } else { "these are" };
            let _ = writeln!(out, "  For example, {these} true:");
        }
        code(&mut out, &self.examples);
        out
    }
}

fn overview() -> Vec<Page> {
    let mut pages: Vec<Page> = reference::entries().into_iter().map(reference_page).collect();
    pages.extend(documentation().iter().map(prelude_page));
    for (name, source) in modules() {
        pages.extend(program_pages(source, short(name)));
    }
    pages
}

fn find(name: &str) -> Result<Vec<Page>, Failure> {
    if let Some((module, source)) =
        modules().iter().find(|(module, _)| *module == name || short(module) == name)
    {
        return Ok(program_pages(source, short(module)));
    }
    let named = reference::entries().into_iter().filter(|e| e.names.contains(&name));
    let mut found: Vec<Page> = named.map(reference_page).collect();
    found.extend(documentation().iter().filter(|d| d.name == name).map(prelude_page));
    for (module, source) in modules() {
        let pages = program_pages(source, short(module));
        let full = |page: &Page| page.name == name || page.name.rsplit('.').next() == Some(name);
        found.extend(pages.into_iter().filter(full));
    }
    if !found.is_empty() {
        return Ok(found);
    }
    let path = Path::new(name);
    if path.exists() {
        let source = read_text(path)
            .map_err(|why| Failure::message(Status::Usage, format!("cannot read `{name}`: {why}")))?;
        return Ok(program_pages(&source, ""));
    }
    let text = format!(
        "there is no stage, aggregate, function, module or file called `{name}`; `flowc doc` lists all"
    );
    Err(Failure::message(Status::Usage, text))
}

/// The name under which a module is used.
fn short(module: &str) -> &str {
    module.rsplit('.').next().unwrap_or(module)
}

fn reference_page(entry: reference::Entry) -> Page {
    let mut names = entry.names;
    names.dedup();
    Page {
        name: names.join(", "),
        signatures: entry.shapes.iter().map(|s| (*s).to_owned()).collect(),
        text: entry.text,
        examples: Vec::new(),
    }
}

fn prelude_page(entry: &Documented) -> Page {
    Page {
        name: entry.name.to_owned(),
        signatures: entry.signatures.iter().map(|s| (*s).to_owned()).collect(),
        text: entry.summary.to_owned(),
        examples: vec![entry.example.to_owned()],
    }
}

/// The documented items of a program; what stands in a module is written with its name in front.
fn program_pages(source: &str, module: &str) -> Vec<Page> {
    let (program, _) = flow_grammar::parse(source);
    let Program { items, .. } = &program;
    let mut pages: Vec<Page> = items.iter().filter_map(|item| item_page(item, source, module)).collect();
    // What the whole file is for stands above its items, with an empty line between.
    let head: Vec<&str> = source.lines().map_while(|line| line.strip_prefix("## ")).collect();
    if !head.is_empty() && source.lines().nth(head.len()).is_some_and(|line| line.trim().is_empty()) {
        let name = if module.is_empty() { "this program" } else { module };
        let text = head.join("\n");
        pages.insert(0, Page { name: name.to_owned(), signatures: Vec::new(), text, examples: Vec::new() });
    }
    pages
}

fn item_page(item: &Item, source: &str, module: &str) -> Option<Page> {
    let (name, end) = match &item.kind {
        ItemKind::Schema(def) => (&def.name, item.span.end),
        ItemKind::Param(def) => (&def.name, item.span.end),
        ItemKind::Const(def) => (&def.name, item.span.end),
        // Of what computes something, only the head is shown.
        ItemKind::Fn(def) => (&def.name, def.result.as_ref().map_or(0, |r| r.span.end)),
        ItemKind::Pipe(def) => (&def.name, 0),
        ItemKind::Let(def) => (&def.name, def.name.span.end),
        _ => return None,
    };
    let doc = item.doc.as_ref()?;
    let written = source.get(item.span.start as usize..item.span.end as usize).unwrap_or("");
    let head = match end {
        0 => written.find(')').map_or(name.text.as_str(), |close| &written[..=close]),
        end => source.get(item.span.start as usize..end as usize).unwrap_or(""),
    };
    let (examples, text): (Vec<&str>, Vec<&str>) = doc.text.lines().partition(|line| line.starts_with("= "));
    Some(Page {
        name: if module.is_empty() { name.text.clone() } else { format!("{module}.{}", name.text) },
        signatures: head.lines().map(str::to_owned).collect(),
        text: text.join("\n"),
        examples: examples.iter().map(|e| e.trim_start_matches("= ").to_owned()).collect(),
    })
}
