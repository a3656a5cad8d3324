//! Folders whose names say something of the files in them: `sales/day=2024-05-01/part.parquet`.
//!
//! Every folder below the fixed part of a pattern (what stands before its first wildcard) whose name is
//! `key=value` gives its files a column. Invariants: every file of a source has the same keys in the same
//! order; every value is one of its column's type, so a key is never a row error.

use super::format::Use;
use crate::catalog::FileInfo;
use crate::compiler::Compiler;
use crate::diagnostic::Diagnostic;
use crate::glob;
use crate::kept_files::{FolderRead, KnownFiles, file_of_read};
use crate::schema::SchemaField;
use flow_ir::source::{Format, SourceFile};
use flow_ir::{DataType, Field, NodeId, Span, Type, Value, text};

/// How a folder says that its key is null.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// The keys of a source.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    /// One column for each, in the order of the folders.
    pub(super) fields: Vec<SchemaField>,
    /// For each file, the values of these columns.
    pub(super) values: Vec<Vec<Value>>,
    /// For each file, whether it is looked into.
    pub(super) looked_into: Vec<bool>,
}

impl Keys {
    /// Whether a field is one of the keys.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|f| f.field.name == name)
    }

    /// How many different values the key at `at` has.
    pub(super) fn different(&self, at: usize) -> u32 {
        let mut values: Vec<&Value> = self.values.iter().filter_map(|v| v.get(at)).collect();
        values.sort();
        values.dedup();
        u32::try_from(values.len()).unwrap_or(u32::MAX)
    }
}

impl Compiler<'_> {
    /// The format of the files below a directory, which all have the same one.
    pub(super) fn directory_format(&mut self, pattern: &str, target: Span) -> Option<Format> {
        let known = self.read_files.len();
        let files = self.files(pattern, target)?;
        self.read_files.truncate(known);
        let (first, others) = files.split_first()?;
        let format = self.format_by_suffix(&first.path, target, Use::Read)?;
        for other in others {
            if self.format_by_suffix(&other.path, target, Use::Read)? != format {
                let message =
                    format!("`{pattern}` has files of several formats: `{}`, `{}`", first.path, other.path);
                self.report(
                    Diagnostic::error("F4008", target, message)
                        .help(format!("name those of one format: \"{pattern}**/*.csv\"")),
                );
                return None;
            }
        }
        Some(format)
    }

    /// The keys that folders give to the files of a pattern; of a declared schema, those that it names.
    pub(super) fn folder_keys(
        &mut self,
        pattern: &str,
        files: &[FileInfo],
        declared: Option<&[SchemaField]>,
        target: Span,
    ) -> Option<Keys> {
        let found: Vec<Vec<(String, Option<String>)>> =
            files.iter().map(|f| pairs(pattern, &f.path)).collect();
        let names = |pairs: &[(String, Option<String>)]| -> Vec<String> {
            pairs.iter().map(|(name, _)| name.clone()).collect()
        };
        let first = found.first().map(|pairs| names(pairs)).unwrap_or_default();
        if let Some(at) = found.iter().position(|pairs| names(pairs) != first) {
            let said = |names: &[String]| match names {
                [] => "no keys".to_owned(),
                names => format!("the keys {}", names.join(", ")),
            };
            let message = format!(
                "the folders of `{}` name {}, but those of `{}` name {}",
                files[at].path,
                said(&names(&found[at])),
                files[0].path,
                said(&first)
            );
            self.report(Diagnostic::error("F2004", target, message).note("(found before reading any data)"));
            return None;
        }
        if let Some(twice) = first.iter().enumerate().find(|(i, n)| first[..*i].contains(n)) {
            let message = format!("the folders of `{}` name the key `{}` twice", files[0].path, twice.1);
            self.report(Diagnostic::error("F2004", target, message));
            return None;
        }
        let mut keys =
            Keys { fields: Vec::new(), values: vec![Vec::new(); files.len()], looked_into: Vec::new() };
        for (at, name) in first.iter().enumerate() {
            let texts: Vec<Option<&str>> =
                found.iter().map(|pairs| pairs.get(at).and_then(|(_, v)| v.as_deref())).collect();
            let field = match declared {
                None => inferred(name, &texts, target),
                Some(fields) => match fields.iter().find(|f| f.field.name == *name) {
                    Some(field) => field.clone(),
                    None => continue,
                },
            };
            self.add_key(&mut keys, field, &texts, files)?;
        }
        Some(keys)
    }

    /// Decides which of the files are looked into, and gives those that say what the fields are.
    pub(super) fn looks_into(
        &self,
        keys: &mut Keys,
        files: &[FileInfo],
        is_declared: bool,
        place: Span,
    ) -> Vec<FileInfo> {
        let looks = |file: &FileInfo| match &self.known_files {
            KnownFiles::Nothing => keys.fields.is_empty(),
            KnownFiles::Kept(kept) => {
                keys.fields.is_empty() || kept.contains(&file_of_read(place, &file.path))
            }
            KnownFiles::All => true,
        };
        let looked_into: Vec<bool> = files.iter().map(looks).collect();
        let mut about: Vec<FileInfo> =
            files.iter().zip(&looked_into).filter(|(_, looked)| **looked).map(|(f, _)| f.clone()).collect();
        if about.is_empty() && !is_declared {
            // Something must say what the fields are.
            about.extend(files.first().cloned());
        }
        keys.looked_into = looked_into;
        about
    }

    /// Whether the plan only serves to know which of the files its filters exclude.
    pub(super) fn is_to_know_filters(&self, keys: &Keys) -> bool {
        matches!(self.known_files, KnownFiles::Nothing) && !keys.fields.is_empty()
    }

    /// The fields of the first file that has any: it may be excluded, or the next one.
    pub(super) fn fields_of_some(
        &self,
        files: &[FileInfo],
        format: &Format,
        target: Span,
    ) -> Vec<SchemaField> {
        let found = files.iter().find_map(|file| self.catalog.infer(file, format).ok()).unwrap_or_default();
        found.into_iter().map(|f| SchemaField { field: f.field, span: target, because: f.because }).collect()
    }

    /// Notes a `read` of folders, at the next node of the plan, and takes out the files that filters exclude.
    pub(super) fn note_folders(&mut self, keys: &Keys, files: &mut Vec<SourceFile>, place: Span) {
        if keys.fields.is_empty() {
            return;
        }
        let mut excluded = Vec::new();
        if matches!(self.known_files, KnownFiles::Kept(_)) {
            let all = std::mem::take(files).into_iter().zip(&keys.looked_into);
            for (file, looked_into) in all {
                if *looked_into { files.push(file) } else { excluded.push(file) }
            }
        }
        let node = NodeId(u32::try_from(self.plan.nodes.len()).unwrap_or(u32::MAX));
        self.folder_reads.push(FolderRead { node, place, excluded });
    }

    fn add_key(
        &mut self,
        keys: &mut Keys,
        field: SchemaField,
        texts: &[Option<&str>],
        files: &[FileInfo],
    ) -> Option<()> {
        let DataType { kind, nullable } = &field.field.ty;
        let name = &field.field.name;
        if matches!(kind, Type::List(_) | Type::Record(_) | Type::Bytes | Type::Regex | Type::Null) {
            let message = format!("the name of a folder holds no `{}`", field.field.ty);
            self.report(
                Diagnostic::error("F3014", field.span, message)
                    .help("read it as `string`, and convert it in a `map`"),
            );
            return None;
        }
        for ((text, file), values) in texts.iter().zip(files).zip(&mut keys.values) {
            let value = match text {
                None if *nullable => Some(Value::Null),
                None => None,
                Some(text) => text::parse(text, kind),
            };
            let Some(value) = value else {
                let message = match text {
                    None => format!("`{name}` is null in the folders of `{}`", file.path),
                    Some(text) => format!("`{name}={text}` in the folders of `{}` is no `{kind}`", file.path),
                };
                self.report(
                    Diagnostic::error("F2004", field.span, message)
                        .caption(format!("declared as `{}`", field.field.ty))
                        .note("(found before reading any data)"),
                );
                return None;
            };
            values.push(value);
        }
        keys.fields.push(field);
        Some(())
    }
}

/// The keys and values that the folders of a file name, below the fixed part of the pattern.
fn pairs(pattern: &str, path: &str) -> Vec<(String, Option<String>)> {
    let (normal, path) = (glob::normal(pattern), glob::normal(path));
    let is_directory = pattern.ends_with('/');
    let parts = normal.split('/');
    let fixed = parts.take_while(|part| !part.contains(['*', '?', '['])).count();
    if !is_directory && !normal.contains(['*', '?', '[']) {
        return Vec::new();
    }
    let mut folders: Vec<&str> = path.split('/').collect();
    folders.pop();
    let named = folders.iter().skip(fixed).filter_map(|folder| folder.split_once('='));
    named
        .filter(|(key, _)| !key.is_empty())
        .map(|(key, value)| (decoded(key), (value != NULL).then(|| decoded(value))))
        .collect()
}

/// A name in which `%3A` stands for `:`.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = code.filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(code) if *byte == b'%' => {
                out.push(code);
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// A key without a declared type: the narrowest that holds every value as it is written.
fn inferred(name: &str, texts: &[Option<&str>], span: Span) -> SchemaField {
    let all = |fits: &dyn Fn(&str) -> bool| {
        texts.iter().flatten().next().is_some() && texts.iter().flatten().all(|t| fits(t))
    };
    let back = |t: &str, ty: &Type| {
        text::parse(t, ty).is_some_and(|value| {
            let mut out = String::new();
            text::push_value(&mut out, &value, ty);
            out == t
        })
    };
    let kind = if all(&|t| back(t, &Type::Int)) {
        Type::Int
    } else if all(&|t| back(t, &Type::Bool)) {
        Type::Bool
    } else if all(&|t| back(t, &Type::Date)) {
        Type::Date
    } else if all(&|t| text::parse(t, &Type::Timestamp).is_some()) {
        Type::Timestamp
    } else {
        Type::String
    };
    let nullable = texts.contains(&None);
    let field = Field { name: name.to_owned(), ty: DataType { kind, nullable } };
    SchemaField { field, span, because: Some("the names of folders".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pattern: &str, path: &str) -> Vec<(String, Option<String>)> {
        pairs(pattern, path)
    }

    #[test]
    fn keys_are_named_below_the_fixed_part() {
        let day = |v: &str| vec![("day".to_owned(), Some(v.to_owned()))];
        assert_eq!(of("lake/", "lake/day=1/a.csv"), day("1"));
        assert_eq!(of("./lake//**/*.csv", "lake/day=1/x/a.csv"), day("1"));
        assert_eq!(of("lake/day=1/*.csv", "lake/day=1/a.csv"), []);
        assert_eq!(of("lake/day=*/a.csv", "lake/day=1%3A2/a.csv"), day("1:2"));
        assert_eq!(of("lake/day=1/a.csv", "lake/day=1/a.csv"), []);
        assert_eq!(of("lake/", "lake/=1/a=b.csv"), []);
        let null = of("**/*.csv", "k=__HIVE_DEFAULT_PARTITION__/é%C3%A9%zz=/a.csv");
        assert_eq!(null, [("k".to_owned(), None), ("éé%zz".to_owned(), Some(String::new()))]);
    }

    #[test]
    fn types_hold_every_value_as_it_is_written() {
        let of = |texts: &[&str]| {
            let texts: Vec<Option<&str>> = texts.iter().map(|t| Some(*t)).collect();
            inferred("k", &texts, Span::default()).field.ty.to_string()
        };
        assert_eq!(of(&["1", "-20"]), "int");
        assert_eq!(of(&["1", "02"]), "string");
        assert_eq!(of(&["1.5"]), "string");
        assert_eq!(of(&["true", "false"]), "bool");
        assert_eq!(of(&["2024-05-01"]), "date");
        assert_eq!(of(&["2024-05-01", "2024-05-01T10:00:00Z"]), "string");
        assert_eq!(of(&["2024-05-01T10:00:00Z"]), "timestamp");
        assert_eq!(inferred("k", &[None], Span::default()).field.ty.to_string(), "string?");
    }
}
