//! `write` of directories, with `partition by`: which columns name the folders.
//!
//! Invariant: a key is a field of the row that has one text for each value, and some field is left to be written.

use super::Flow;
use crate::check::{Scope, path_of};
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::glob;
use flow_grammar::ast;
use flow_ir::location::Location;
use flow_ir::logical::OutputColumn;
use flow_ir::source::Target;
use flow_ir::{NodeId, Span, Type};

impl<'a> Compiler<'a> {
    /// The directory that a `write` names, or `None` if something about it is wrong (and reported).
    pub(super) fn folder_target(
        &mut self,
        flow: &Flow,
        write: &'a ast::Write,
        path: String,
    ) -> Option<Target> {
        let columns = flow.row.columns();
        let mut keys: Vec<u32> = Vec::new();
        for key in &write.partition {
            let place = span(key.span);
            let Some(names) = path_of(&key.value).filter(|_| key.name.is_none()) else {
                self.report(
                    Diagnostic::error("F4027", place, "`partition by` takes fields of the row")
                        .help("compute it before: map { *, day: date(at) }"),
                );
                return None;
            };
            let shape = self.field(&names, &mut Scope::of(&flow.row))?;
            let ids = shape.ids();
            let at = match ids.as_slice() {
                [(id, _)] => columns.iter().position(|c| c.id == *id),
                _ => None,
            };
            let (Some(at), [(_, ty)]) = (at, ids.as_slice()) else {
                self.report(Diagnostic::error("F3014", place, "the name of a folder holds no record"));
                return None;
            };
            if !names_folder(&ty.kind) {
                let message = format!("the name of a folder holds no `{}`", ty.kind);
                self.report(
                    Diagnostic::error("F3014", place, message)
                        .help("write what tells its values apart: map { *, key: string(x) }"),
                );
                return None;
            }
            let at = u32::try_from(at).ok()?;
            if keys.contains(&at) {
                self.report(Diagnostic::error("F4027", place, "a field names folders once"));
                return None;
            }
            keys.push(at);
        }
        let is_text = write.format.as_ref().is_some_and(|f| f.name.text == "text");
        if keys.len() >= columns.len() && !is_text {
            let place = write.partition.first().map_or(Span::default(), |k| span(k.span));
            self.report(
                Diagnostic::error("F4027", place, "no field is left to be written into the files")
                    .help("what names a folder is not in its files"),
            );
            return None;
        }
        Some(Target::Folder { path, keys })
    }

    /// Refuses a quarantine file in a directory that the program writes: that is put in place as a whole.
    pub(super) fn outside_of_directories(&mut self, path: &str, place: Span) {
        let inside = |(p, _): &&(String, Span)| p.ends_with('/') && overlap(p, path);
        let Some((directory, written)) = self.writes.iter().find(inside).cloned() else { return };
        let message = format!("`{path}` is inside of `{directory}`, which is written as a whole");
        self.report(Diagnostic::error("F4006", place, message).label(written, "written here"));
    }

    /// What `as text(e)` writes: the line alone, behind the keys of the folders.
    pub(super) fn text_columns(
        &mut self,
        flow: &Flow,
        node: NodeId,
        to: Target,
        line: OutputColumn,
    ) -> (Target, Vec<OutputColumn>) {
        let Target::Folder { path, keys } = to else { return (to, vec![line]) };
        let row = flow.row.columns();
        let mut columns: Vec<OutputColumn> =
            keys.iter().filter_map(|k| row.get(*k as usize).cloned()).collect();
        if let Some(node) = self.plan.nodes.get_mut(node.0 as usize) {
            node.columns.extend(columns.iter().cloned());
        }
        let keys = (0..).take(columns.len()).collect();
        columns.push(line);
        (Target::Folder { path, keys }, columns)
    }

    /// Refuses `partition by` where the target is no directory.
    pub(super) fn partition_fits(&mut self, write: &'a ast::Write, path: &str, target: Span) -> bool {
        if write.partition.is_empty() || (path.ends_with('/') && Location::of(path) == Location::File(path)) {
            return true;
        }
        let mut diagnostic =
            Diagnostic::error("F4027", target, format!("`partition by` writes a directory, not `{path}`"));
        if let Location::File(file) = Location::of(path) {
            let directory = file.split_once('.').map_or(file, |(name, _)| name);
            diagnostic = diagnostic.help(format!("write \"{directory}/\" as csv partition by ..."));
        }
        self.report(diagnostic);
        false
    }
}

/// Whether the values of a type are told apart by their texts, which read back as the same value.
fn names_folder(ty: &Type) -> bool {
    matches!(ty, Type::Bool | Type::Int | Type::Decimal { .. } | Type::String | Type::Date | Type::Timestamp)
}

/// Whether two written paths are the same file, or one is a directory that holds the other.
pub(super) fn overlap(a: &str, b: &str) -> bool {
    let (normal_a, normal_b) = (glob::normal(a), glob::normal(b));
    let inside = |directory: &str, path: &str, is_directory: bool| {
        is_directory && path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
    };
    normal_a == normal_b
        || inside(&normal_a, &normal_b, a.ends_with('/'))
        || inside(&normal_b, &normal_a, b.ends_with('/'))
}

/// Whether a pattern may name files below a directory.
pub(super) fn reaches_into(pattern: &str, directory: &str) -> bool {
    let (normal, directory) = (glob::normal(pattern), glob::normal(directory));
    let parts: Vec<&str> = normal.split('/').collect();
    let depth = directory.split('/').count();
    if pattern.ends_with('/') {
        return overlap(pattern, &format!("{directory}/"));
    }
    match parts.iter().take(depth).position(|part| *part == "**") {
        Some(at) => {
            let before: Vec<&str> = directory.split('/').take(at).collect();
            glob::matches(&parts[..at].join("/"), &before.join("/"))
        }
        None => parts.len() > depth && glob::matches(&parts[..depth].join("/"), &directory),
    }
}

#[cfg(test)]
mod tests {
    use super::{overlap, reaches_into};

    #[test]
    fn directories_hold_what_is_below_them() {
        assert!(overlap("out/", "out/a.csv") && overlap("out/a.csv", "./out//") && overlap("out", "out/"));
        assert!(!overlap("out/", "outer/a.csv") && !overlap("out", "out/a.csv"));
    }

    #[test]
    fn patterns_reach_into_directories() {
        for pattern in ["lake/out/a.csv", "lake/", "lake/*/*.csv", "lake/**/*.csv", "**/*.csv", "l*/out/**"] {
            assert!(reaches_into(pattern, "lake/out/"), "{pattern}");
        }
        for pattern in ["lake/*.csv", "lake/in/*.csv", "data/**", "lake/output/a.csv", "lake/in/"] {
            assert!(!reaches_into(pattern, "lake/out/"), "{pattern}");
        }
    }
}
