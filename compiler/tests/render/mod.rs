//! Plain text for diagnostics and plans, for snapshots.

use flow_compiler::{Compiled, Diagnostic};
use flow_grammar::LineIndex;
use flow_ir::Span;
use std::fmt::Write;

/// All diagnostics, as language.md draws them.
pub(crate) fn diagnostics(all: &[Diagnostic], source: &str, name: &str) -> String {
    let mut out = String::new();
    for d in all {
        writeln!(out, "{}[{}]: {}", d.severity.word(), d.code, d.message).unwrap();
        let at = LineIndex::new(source).line_column(source, d.span.start);
        writeln!(out, " --> {name}:{}:{}", at.line, at.column).unwrap();
        let caption: Vec<&str> =
            d.labels.iter().filter(|l| l.span == d.span).map(|l| l.text.as_str()).collect();
        excerpt(&mut out, source, d.span, '^', &caption.join("; "));
        for label in d.labels.iter().filter(|l| l.span != d.span) {
            excerpt(&mut out, source, label.span, '-', &label.text);
        }
        for note in &d.notes {
            writeln!(out, "  = {note}").unwrap();
        }
        for help in &d.help {
            writeln!(out, "  = help: {help}").unwrap();
        }
        for fix in &d.fixes {
            let mut fixed = source.to_owned();
            fixed.replace_range(fix.span.start as usize..fix.span.end as usize, &fix.replacement);
            let line = LineIndex::new(source).line_column(source, fix.span.start).line as usize;
            let line = fixed.lines().nth(line - 1).unwrap_or("");
            writeln!(out, "  = fix: {}  =>  {}", fix.title, line.trim()).unwrap();
        }
        out.push('\n');
    }
    out
}

fn excerpt(out: &mut String, source: &str, span: Span, mark: char, text: &str) {
    let index = LineIndex::new(source);
    let at = index.line_column(source, span.start);
    let line = source.lines().nth(at.line as usize - 1).unwrap_or("");
    let column = at.column as usize - 1;
    let length = source
        .get(span.start as usize..span.end as usize)
        .unwrap_or("")
        .lines()
        .next()
        .unwrap_or("")
        .chars()
        .count();
    writeln!(out, "{:>3} | {line}", at.line).unwrap();
    let marks = mark.to_string().repeat(length.max(1));
    writeln!(out, "    | {}{marks} {text}", " ".repeat(column)).unwrap();
}

/// The plan, the inferred schemas and the warnings.
pub(crate) fn compiled(compiled: &Compiled, source: &str, name: &str) -> String {
    let mut out = String::new();
    for schema in &compiled.inferred {
        let fields: Vec<String> = schema.fields.iter().map(|f| f.field.to_string()).collect();
        writeln!(out, "inferred from {}: {{ {} }}", schema.file, fields.join(", ")).unwrap();
    }
    for param in &compiled.params {
        writeln!(out, "param {}: {} = {:?}", param.name, param.ty, param.value).unwrap();
    }
    writeln!(out, "{}", compiled.plan).unwrap();
    out.push_str(&diagnostics(&compiled.diagnostics, source, name));
    out
}
