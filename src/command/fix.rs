//! `flowc fix`: applies the edits that diagnostics and lints propose.
//!
//! Edits that overlap are applied one after the other: after each round the program is checked again.
//! A file is replaced as a whole, and only by a program that parses.

use crate::catalog::FileCatalog;
use crate::cli::{ColorChoice, FixArgs};
use crate::failure::{Failure, Status};
use crate::output::say;
use crate::program::{Program, replace};
use flow_compiler::explain::{Change, diff_lines};
use flow_compiler::{Diagnostic, Fix};

/// Edits can make new ones possible; more rounds than this would be a loop.
const ROUNDS_MAX: usize = 20;

/// Repairs a program in place; errors that are left are reported.
pub(crate) fn fix(args: &FixArgs) -> Result<(), Failure> {
    let original = Program::read(&args.file)?;
    let (text, applied) = repaired(&original, &args.params);
    if !flow_grammar::parse(&text).1.is_empty() {
        return Err(refusal(&original, &args.params, &applied));
    }
    if args.dry_run {
        say(difference(&original.text, &text))?;
    } else if !applied.is_empty() {
        replace(&args.file, &text)?;
    }
    for title in &applied {
        anstream::eprintln!("{}: {title}", original.name);
    }
    if applied.is_empty() {
        anstream::eprintln!("{}: nothing to repair", original.name);
    }
    let program = Program::new(original.name, text);
    match program.check_with_tests(&args.params) {
        Ok(_) => Ok(()),
        Err(left) => Err(program.failure(&left, ColorChoice::Auto)),
    }
}

/// What is wrong with a program that the edits do not make one that parses.
fn refusal(original: &Program, params: &[(String, String)], edits: &[String]) -> Failure {
    let wrong = original.check_with_tests(params).err().unwrap_or_default();
    let mut text = original.render(&wrong, ColorChoice::Auto);
    if !edits.is_empty() {
        text.push_str(&format!(
            "error: `{}` would not parse with the proposed edits ({}), so it stays as it is\n",
            original.name,
            edits.join("; ")
        ));
    }
    Failure::new(Status::Program, text)
}

/// The repaired text and what was done to it.
fn repaired(original: &Program, params: &[(String, String)]) -> (String, Vec<String>) {
    let mut text = original.text.clone();
    let mut applied = Vec::new();
    for _ in 0..ROUNDS_MAX {
        let program = Program::new(original.name.clone(), text.clone());
        let (next, titles) = apply(&text, &edits(&program, params));
        if titles.is_empty() {
            break;
        }
        text = next;
        applied.extend(titles);
    }
    (text, applied)
}

/// The edits to the program's own text, in order.
fn edits(program: &Program, params: &[(String, String)]) -> Vec<Fix> {
    let diagnostics = match program.check_with_tests(params) {
        Ok(compiled) => {
            let mut all = compiled.diagnostics.clone();
            all.extend(flow_compiler::lint::lint(&compiled.plan, program.sources(), &FileCatalog));
            all
        }
        Err(diagnostics) => diagnostics,
    };
    let own = |fix: &Fix| program.sources().file_of(fix.span.start) == 0;
    // Where there are several ways to repair one thing, the first is the most likely one.
    let sure = |d: &&Diagnostic| d.fixes.first().is_some_and(|fix| is_sure(d.code, &program.text, fix));
    let mut edits: Vec<Fix> =
        diagnostics.iter().filter(sure).filter_map(|d| d.fixes.first().cloned()).filter(own).collect();
    edits.sort_by_key(|fix| (fix.span.start, fix.span.end));
    edits
}

/// Whether a proposed edit says what is meant. Of one name for another, only when they hardly differ:
/// a short name that is close to an unknown one may well mean something else.
fn is_sure(code: &str, text: &str, fix: &Fix) -> bool {
    let is_name = |s: &str| s.chars().all(|c| c.is_alphanumeric() || c == '_');
    let old = text.get(fix.span.start as usize..fix.span.end as usize).unwrap_or("");
    if !code.starts_with("F2") || !is_name(old) || !is_name(&fix.replacement) {
        return true;
    }
    let plain = |s: &str| s.to_lowercase().replace('_', "");
    plain(old) == plain(&fix.replacement) || old.chars().count() >= SURE_LENGTH_MIN
}

/// Letters of a name from which on the nearest known name is taken to be meant.
const SURE_LENGTH_MIN: usize = 4;

/// Applies the edits that do not overlap one before.
fn apply(text: &str, edits: &[Fix]) -> (String, Vec<String>) {
    let mut out = String::with_capacity(text.len());
    let (mut done, mut titles) = (0, Vec::new());
    let mut last: Option<(usize, usize)> = None;
    for edit in edits {
        let (start, end) = (edit.span.start as usize, edit.span.end as usize);
        let (Some(before), Some(old)) = (text.get(done..start), text.get(start..end)) else { continue };
        // Two edits of one place are one too many, also if both insert.
        if last == Some((start, end)) || old == edit.replacement {
            continue;
        }
        out.push_str(before);
        out.push_str(&edit.replacement);
        done = end;
        last = Some((start, end));
        titles.push(edit.title.clone());
    }
    out.push_str(text.get(done..).unwrap_or(""));
    (out, titles)
}

fn difference(old: &str, new: &str) -> String {
    let mut out = String::new();
    for change in diff_lines(old, new) {
        match change {
            Change::Same(_) => {}
            Change::Removed(line) => out.push_str(&format!("-{line}\n")),
            Change::Added(line) => out.push_str(&format!("+{line}\n")),
        }
    }
    out
}
