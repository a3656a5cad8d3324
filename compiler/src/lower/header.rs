//! Headers against the schema: every file of a glob, before any data is read.
//!
//! Columns are found by name; their order and further columns do not matter. Invariant: a plan's
//! `positions` are inside the fields of their file.

use super::folders::Keys;
use crate::catalog::{CatalogError, FileInfo};
use crate::compiler::Compiler;
use crate::diagnostic::Diagnostic;
use flow_ir::Span;
use flow_ir::location::Location;
use flow_ir::source::{Dialect, Format, SourceColumn, SourceFile};

/// How a header is not what the schema says.
enum Problem {
    Missing { column: String, header: Vec<String> },
    Twice { column: String },
}

impl Compiler<'_> {
    /// The files as plans see them; `None` if one of them does not fit.
    pub(super) fn headers(
        &mut self,
        (files, keys): (&[FileInfo], &Keys),
        format: &Format,
        columns: &[SourceColumn],
        target: Span,
    ) -> Option<Vec<SourceFile>> {
        let Format::Delimited(dialect) = format else {
            let mut counts = std::mem::take(&mut self.field_counts).into_iter();
            let plain = |(f, looked_into): (&FileInfo, &bool)| {
                let fields = if *looked_into { counts.next().unwrap_or(0) } else { 0 };
                SourceFile { path: f.path.clone(), positions: Vec::new(), fields, keys: Vec::new() }
            };
            return Some(files.iter().zip(&keys.looked_into).map(plain).collect());
        };
        let mut out = Vec::with_capacity(files.len());
        let mut problems: Vec<(&FileInfo, Problem)> = Vec::new();
        for (file, looked_into) in files.iter().zip(&keys.looked_into) {
            if !looked_into {
                out.push(unseen(file, columns));
                continue;
            }
            match self.header(file, dialect, columns, target)? {
                Ok(file) => out.push(file),
                Err(problem) => problems.push((file, problem)),
            }
        }
        let wrong = problems.len();
        match problems.into_iter().next() {
            None => Some(out),
            Some((file, problem)) => {
                let files = keys.looked_into.iter().filter(|looked| **looked).count();
                self.report_header(file, problem, dialect, (wrong, files), target);
                None
            }
        }
    }

    /// One file: its positions, or what is wrong with it; `None` if it cannot be opened (reported).
    fn header(
        &mut self,
        file: &FileInfo,
        dialect: &Dialect,
        columns: &[SourceColumn],
        target: Span,
    ) -> Option<Result<SourceFile, Problem>> {
        // The header of a stream is looked at when it comes.
        if !dialect.header || Location::of(&file.path).is_live() {
            return Some(Ok(unseen(file, columns)));
        }
        let header = match self.catalog.header(file, dialect) {
            Ok(header) => header,
            Err(error) => {
                let why = match error {
                    CatalogError::NotFound => "it is not there any more".to_owned(),
                    CatalogError::Unreadable(why) => why,
                };
                let message = format!("the header of `{}` cannot be read: {why}", file.shown());
                self.report(Diagnostic::error("F2005", target, message));
                return None;
            }
        };
        let mut positions = Vec::with_capacity(columns.len());
        for column in columns {
            let mut found = (0u32..).zip(&header).filter(|(_, name)| **name == column.name).map(|(i, _)| i);
            match (found.next(), found.next()) {
                (Some(position), None) => positions.push(position),
                (Some(_), Some(_)) => return Some(Err(Problem::Twice { column: column.name.clone() })),
                (None, _) => return Some(Err(Problem::Missing { column: column.name.clone(), header })),
            }
        }
        let fields = u32::try_from(header.len()).ok()?;
        Some(Ok(SourceFile { path: file.path.clone(), positions, fields, keys: Vec::new() }))
    }

    fn report_header(
        &mut self,
        file: &FileInfo,
        problem: Problem,
        dialect: &Dialect,
        (wrong, files): (usize, usize),
        target: Span,
    ) {
        let path = file.shown();
        let diagnostic = match problem {
            Problem::Twice { column } => {
                Diagnostic::error("F2004", target, format!("`{path}` has the column `{column}` twice"))
            }
            Problem::Missing { column, header } => {
                let d = Diagnostic::error("F2004", target, format!("`{path}` has no column `{column}`"))
                    .note(format!("its header is: {}", listed(&header)));
                let near = header.iter().find(|name| name.to_lowercase() == column.to_lowercase());
                match near {
                    Some(near) if near.trim() != column.trim() => d.note(format!(
                        "`{near}` differs only in case; if it is the same column, rename it in the file or read it as `{near}` and map it"
                    )),
                    _ if header.len() == 1 && files == wrong => match separator_in(&header[0], dialect) {
                        Some('\t') => d.help("the header is one field with tabs in it: as tsv"),
                        Some(found) => d.help(format!(
                            "the header is one field with `{found}` in it: as csv(sep: \"{found}\")"
                        )),
                        None => d.help("if the files have no header line: as csv(header: false)"),
                    },
                    _ if files == wrong => {
                        d.help("if the files have no header line: as csv(header: false)")
                    }
                    _ => d,
                }
            }
        };
        let diagnostic =
            if files > 1 { diagnostic.caption(format!("{wrong} of {files} files")) } else { diagnostic };
        self.report(diagnostic.note("(found before reading any data)"));
    }
}

/// A file with exactly these columns in this order, as far as is known.
fn unseen(file: &FileInfo, columns: &[SourceColumn]) -> SourceFile {
    let fields = u32::try_from(columns.len()).unwrap_or(u32::MAX);
    SourceFile { path: file.path.clone(), positions: (0..fields).collect(), fields, keys: Vec::new() }
}

/// The separator that a header of one field seems to have: the most frequent of the usual ones.
fn separator_in(header: &str, dialect: &Dialect) -> Option<char> {
    let usual = ['\t', ';', '|', ','].into_iter().filter(|c| *c != char::from(dialect.separator));
    let counted = usual.map(|c| (header.matches(c).count(), c)).filter(|(count, _)| *count > 0);
    // Of equally frequent ones the first.
    counted.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, c)| c)
}

pub(super) fn listed<T: AsRef<str>>(header: &[T]) -> String {
    const NAMES_MAX: usize = 24;
    let mut out = header.iter().take(NAMES_MAX).map(AsRef::as_ref).collect::<Vec<&str>>().join(", ");
    if header.len() > NAMES_MAX {
        out.push_str(&format!(", and {} more", header.len() - NAMES_MAX));
    }
    out
}
