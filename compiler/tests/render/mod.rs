//! Plain text for diagnostics and plans, for snapshots.

use flow_compiler::{Compiled, Diagnostic, Sources};
use flow_ir::Span;
use std::fmt::Write;

/// All diagnostics, as language.md draws them.
pub(crate) fn diagnostics(all: &[Diagnostic], sources: &Sources) -> String {
    let mut out = String::new();
    for d in all {
        writeln!(out, "{}[{}]: {}", d.severity.word(), d.code, d.message).unwrap();
        writeln!(out, " --> {}", sources.place(d.span)).unwrap();
        let caption: Vec<&str> =
            d.labels.iter().filter(|l| l.span == d.span).map(|l| l.text.as_str()).collect();
        excerpt(&mut out, sources, d.span, '^', &caption.join("; "));
        for label in d.labels.iter().filter(|l| l.span != d.span) {
            excerpt(&mut out, sources, label.span, '-', &label.text);
        }
        for note in &d.notes {
            writeln!(out, "  = {note}").unwrap();
        }
        for help in &d.help {
            writeln!(out, "  = help: {help}").unwrap();
        }
        for fix in &d.fixes {
            let at = sources.local(fix.span);
            let mut fixed = sources.text_of(at.file.into()).to_owned();
            fixed.replace_range(at.start as usize..at.end as usize, &fix.replacement);
            let line = sources.line_column(fix.span.start).line as usize;
            let line = fixed.lines().nth(line - 1).unwrap_or("");
            writeln!(out, "  = fix: {}  =>  {}", fix.title, line.trim()).unwrap();
        }
        out.push('\n');
    }
    out
}

fn excerpt(out: &mut String, sources: &Sources, span: Span, mark: char, text: &str) {
    let at = sources.line_column(span.start);
    let line = sources.line_text(span.start);
    let column = at.column as usize - 1;
    let length = sources.span_text(span).lines().next().unwrap_or("").chars().count();
    writeln!(out, "{:>3} | {line}", at.line).unwrap();
    let marks = mark.to_string().repeat(length.max(1));
    writeln!(out, "    | {}{marks} {text}", " ".repeat(column)).unwrap();
}

/// The plan, the inferred schemas and the warnings.
pub(crate) fn compiled(compiled: &Compiled, sources: &Sources) -> String {
    let mut out = String::new();
    for schema in &compiled.inferred {
        let fields: Vec<String> = schema.fields.iter().map(|f| f.field.to_string()).collect();
        writeln!(out, "inferred from {}: {{ {} }}", schema.file, fields.join(", ")).unwrap();
    }
    for param in &compiled.params {
        writeln!(out, "param {}: {} = {:?}", param.name, param.ty, param.value).unwrap();
    }
    writeln!(out, "{}", compiled.plan).unwrap();
    out.push_str(&diagnostics(&compiled.diagnostics, sources));
    out
}
