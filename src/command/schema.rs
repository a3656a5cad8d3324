//! `flowc schema FILE`: the only place where a format is guessed; the guess is printed, never used.

use crate::catalog::{infer_schema, sniff};
use crate::cli::SchemaArgs;
use crate::failure::{Failure, Status};
use crate::output::say;
use flow_compiler::catalog::CatalogError;
use flow_ir::source::{Dialect, Format};
use flow_ir::types::quote_name;
use flow_ir::{DataType, Type};
use std::fmt::Write;

/// Prints a schema and a read for a file.
pub(crate) fn schema(args: &SchemaArgs) -> Result<(), Failure> {
    let path = &args.file;
    let fail = |e: CatalogError| {
        let why = match e {
            CatalogError::NotFound => "there is no such file".to_owned(),
            CatalogError::Unreadable(why) => why,
        };
        Failure::message(Status::Data, format!("cannot read `{}`: {why}", path.display()))
    };
    let format = sniff(path).map_err(fail)?;
    let fields = infer_schema(path, &format).map_err(fail)?;
    let mut out = String::new();
    if format == Format::Lines {
        let _ = writeln!(out, "read \"{}\" as lines", path.display());
    } else {
        let name = schema_name(path);
        let _ = writeln!(out, "schema {name} {{");
        for f in &fields {
            let _ = writeln!(out, "  {}: {}", quote_name(&f.field.name), type_text(&f.field.ty));
        }
        let _ = writeln!(out, "}}\n");
        let _ = writeln!(out, "read \"{}\"{} schema {name}", path.display(), as_clause(path, &format));
    }
    say(out)
}

/// A type as a program writes it.
fn type_text(ty: &DataType) -> String {
    let null = if ty.nullable { "?" } else { "" };
    match &ty.kind {
        Type::List(t) => format!("list<{}>{null}", type_text(t)),
        Type::Record(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|f| format!("{}: {}", quote_name(&f.name), type_text(&f.ty))).collect();
            format!("{{ {} }}{null}", fields.join(", "))
        }
        kind => format!("{kind}{null}"),
    }
}

/// `Sales2024` for `data/sales_2024.csv`.
fn schema_name(path: &std::path::Path) -> String {
    let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let mut name = String::new();
    for word in stem.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()) {
        let (first, rest) = word.split_at(1);
        name.push_str(&first.to_ascii_uppercase());
        name.push_str(rest);
    }
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert_str(0, "Row");
    }
    name
}

/// The `as` clause, when the name of the file does not say it.
fn as_clause(path: &std::path::Path, format: &Format) -> String {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    match format {
        Format::Parquet(_) if extension != "parquet" => " as parquet".to_owned(),
        Format::Arrow(_) if !["arrow", "feather"].contains(&extension.as_str()) => " as arrow".to_owned(),
        Format::JsonLines if extension == "jsonl" => String::new(),
        Format::JsonLines => " as jsonl".to_owned(),
        Format::Delimited(d) => {
            let default = if extension == "tsv" { Dialect::tsv() } else { Dialect::csv() };
            let word = if extension == "tsv" { "tsv" } else { "csv" };
            let mut options = Vec::new();
            if d.separator != default.separator {
                let shown =
                    if d.separator == b'\t' { "\\t".to_owned() } else { char::from(d.separator).to_string() };
                options.push(format!("sep: \"{shown}\""));
            }
            if !d.header {
                options.push("header: false".to_owned());
            }
            if d.quote.is_none() {
                options.push("quote: none".to_owned());
            }
            match (options.is_empty(), extension == "csv" || extension == "tsv") {
                (true, true) => String::new(),
                (true, false) => format!(" as {word}"),
                (false, _) => format!(" as {word}({})", options.join(", ")),
            }
        }
        _ => String::new(),
    }
}
