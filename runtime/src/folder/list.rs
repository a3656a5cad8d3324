//! The list of a directory's files: `_flowc.json`.
//!
//! It says which files flowc wrote, and how, so that nobody else's are replaced and that only files of the same
//! layout come beside each other. One line for each file, so that a list can be continued without reading more
//! of it than that. Invariant: what is not on the list of a directory is not flowc's.

use flow_ir::source::{Format, SinkColumn};
use flow_ir::types::quote_name;
use flow_ir::{DataType, Field, Type, text};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

/// The list of a directory's files. Readers of directories skip names that begin with `_`.
pub(super) const NAME: &str = "_flowc.json";

/// The names of the lines that say how the files are written.
const LAYOUT: [(&str, &str); 3] = [("format", "are"), ("keys", "lie in folders of"), ("fields", "have")];

/// How the files of a directory are written: what files beside each other must agree in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// JSON values in the order of [`LAYOUT`].
    values: [String; 3],
    /// The end of the names of files.
    pub(super) suffix: &'static str,
}

impl Layout {
    /// Of files in that format, below folders that are named after the first columns, with the other ones in them.
    pub(crate) fn new(format: &Format, keys: &[&SinkColumn], fields: &[&SinkColumn]) -> Self {
        let texts = |columns: &[&SinkColumn]| -> Vec<String> {
            columns.iter().map(|c| format!("{}: {}", name(&c.path), without_nulls(&c.ty.kind))).collect()
        };
        let mut written = String::new();
        text::push_json_string(&mut written, &described(format));
        Layout { values: [written, list(&texts(keys)), list(&texts(fields))], suffix: suffix(format) }
    }
}

/// What a list says.
#[derive(Debug)]
pub(super) struct List {
    values: [Option<String>; 3],
    /// The line of each file, without the comma behind it, by the JSON string of its path.
    files: BTreeMap<String, String>,
}

impl List {
    /// The list of a directory, or `None` if it has none.
    pub(super) fn of(directory: &Path) -> Option<List> {
        let text = std::fs::read_to_string(directory.join(NAME)).ok()?;
        let value = |name: &str| {
            let start = format!("\"{name}\":");
            let line = text.lines().find_map(|l| l.strip_prefix(&start))?;
            Some(line.strip_suffix(',').unwrap_or(line).to_owned())
        };
        let files = text.lines().filter_map(|line| {
            let line = line.strip_suffix(',').unwrap_or(line);
            let (path, _) = line.strip_prefix("{\"path\":")?.split_once(",\"rows\":")?;
            Some((path.to_owned(), line.to_owned()))
        });
        Some(List { values: LAYOUT.map(|(name, _)| value(name)), files: files.collect() })
    }

    /// Whether a file of that path is on it.
    pub(super) fn has(&self, path: &str) -> bool {
        self.files.contains_key(&json(path))
    }

    /// Files of that layout may come beside those that are there, or an error says why not.
    pub(super) fn fits(&self, layout: &Layout) -> io::Result<()> {
        for ((there, new), (_, verb)) in self.values.iter().zip(&layout.values).zip(LAYOUT) {
            let Some(there) = there else {
                return Err(refused("its list does not say how its files are written".to_owned()));
            };
            if there != new {
                let (there, new) = (there.replace("\\\"", "\""), new.replace("\\\"", "\""));
                return Err(refused(format!("its files {verb} {there}, those of this program {new}")));
            }
        }
        Ok(())
    }

    /// The text of the list of those files that are still `there`, and of new ones with their rows and bytes.
    pub(super) fn continued(
        list: Option<&List>,
        there: &[String],
        layout: &Layout,
        new: impl Iterator<Item = (String, u64, u64)>,
    ) -> String {
        let mut lines: BTreeMap<String, String> = BTreeMap::new();
        for path in there {
            if let Some(line) = list.and_then(|l| l.files.get(&json(path))) {
                lines.insert(path.clone(), line.clone());
            }
        }
        for (path, rows, bytes) in new {
            let line = format!("{{\"path\":{},\"rows\":{rows},\"bytes\":{bytes}}}", json(&path));
            lines.insert(path, line);
        }
        let mut text = String::from("{\"flowc\":1,\n");
        for ((name, _), value) in LAYOUT.iter().zip(&layout.values) {
            let _ = writeln!(text, "\"{name}\":{value},");
        }
        text.push_str("\"files\":[");
        for (i, line) in lines.values().enumerate() {
            text.push_str(if i > 0 { ",\n" } else { "\n" });
            text.push_str(line);
        }
        text.push_str("\n]}\n");
        text
    }
}

fn refused(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("nothing can be put beside its files: {why}"))
}

fn json(text: &str) -> String {
    let mut out = String::new();
    text::push_json_string(&mut out, text);
    out
}

fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|t| json(t)).collect::<Vec<_>>().join(","))
}

fn name(path: &[String]) -> String {
    path.iter().map(|p| quote_name(p)).collect::<Vec<_>>().join(".")
}

/// A type as it is written, but for the question marks: files may differ in where nulls can be.
fn without_nulls(kind: &Type) -> Type {
    let inner = |ty: &DataType| DataType::required(without_nulls(&ty.kind));
    match kind {
        Type::List(element) => Type::List(Box::new(inner(element))),
        Type::Record(fields) => {
            Type::Record(fields.iter().map(|f| Field { name: f.name.clone(), ty: inner(&f.ty) }).collect())
        }
        other => other.clone(),
    }
}

/// A format as a program would name it, without what a reader need not know.
fn described(format: &Format) -> String {
    let dialect = match format {
        Format::Delimited(dialect) => dialect,
        Format::JsonLines => return "jsonl".to_owned(),
        Format::Json => return "json".to_owned(),
        Format::Lines => return "lines".to_owned(),
        Format::Text => return "text".to_owned(),
        Format::Parquet(_) => return "parquet".to_owned(),
        Format::Arrow(_) => return "arrow".to_owned(),
    };
    let quote = dialect.quote.map_or("none".to_owned(), |q| json(&char::from(q).to_string()));
    let separator = json(&char::from(dialect.separator).to_string());
    let null = list(&dialect.null);
    format!("csv(sep: {separator}, quote: {quote}, header: {}, null: {null})", dialect.header)
}

/// The suffix of the names of files in a format.
fn suffix(format: &Format) -> &'static str {
    match format {
        Format::Delimited(d) if d.separator == b'\t' => "tsv",
        Format::Delimited(_) => "csv",
        Format::JsonLines => "jsonl",
        Format::Json => "json",
        Format::Lines | Format::Text => "txt",
        Format::Parquet(_) => "parquet",
        Format::Arrow(_) => "arrow",
    }
}
