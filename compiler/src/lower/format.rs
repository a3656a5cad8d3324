//! Formats of `read` and `write`: by name with options, or by the suffix of the path.

use crate::check::Scope;
use crate::compiler::Compiler;
use crate::diagnostic::{Diagnostic, span};
use crate::suggest::closest;
use flow_grammar::ast::{self, ExprKind as Ast};
use flow_ir::location::{Location, without_query};
use flow_ir::source::{Dialect, Format, PageCompression};
use flow_ir::{Span, Value, compression};

/// The names of all formats, for suggestions.
const FORMATS: [&str; 8] = ["csv", "tsv", "jsonl", "json", "lines", "text", "parquet", "arrow"];

/// Formats by other names.
const FOREIGN: [(&str, &str); 6] = [
    ("ndjson", "jsonl"),
    ("json_lines", "jsonl"),
    ("jsonlines", "jsonl"),
    ("txt", "lines"),
    ("plain", "lines"),
    ("psv", "csv"),
];

/// How Parquet files are compressed unless the program says otherwise.
pub(crate) const PARQUET_COMPRESSION: PageCompression = PageCompression::Zstd;
/// How Arrow files are compressed unless the program says otherwise.
pub(crate) const ARROW_COMPRESSION: PageCompression = PageCompression::None;

/// What a path is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// `read`.
    Read,
    /// `write`.
    Write,
}

impl<'a> Compiler<'a> {
    /// Refuses paths of kinds that are not supported yet.
    pub(super) fn path_is_supported(&mut self, path: &str, place: Span, purpose: Use) -> bool {
        let lower = path.to_ascii_lowercase();
        let (code, what) = if Location::of(path) == Location::Command("") {
            let message = "`cmd:` names no command";
            self.report(Diagnostic::error("F4018", place, message).help("read \"cmd:ls -l\" as lines"));
            return false;
        } else if Location::of(path).is_live() {
            return true;
        } else if let Location::Url(url) = Location::of(path) {
            match self.url_problem(url, purpose) {
                Some(what) => ("F4919", what),
                None => return self.url_is_built_in(place),
            }
        } else if let Some(suffix) =
            [".zip", ".lz4", ".br", ".tar", ".tgz", ".7z", ".z"].into_iter().find(|s| lower.ends_with(s))
        {
            ("F4918", format!("a file in the form of `{suffix}`"))
        } else {
            return true;
        };
        self.not_yet(code, place, &what);
        false
    }

    /// What about a URL cannot be compiled yet.
    fn url_problem(&mut self, url: &str, purpose: Use) -> Option<String> {
        let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
        let scheme = scheme.to_ascii_lowercase();
        let path = without_query(rest);
        if purpose == Use::Write {
            return Some("a URL as a sink".to_owned());
        }
        if !matches!(scheme.as_str(), "http" | "https" | "s3") {
            return Some(format!("a `{scheme}:` URL"));
        }
        if path.split('/').next().is_some_and(|host| host.contains('@')) {
            return Some("a URL with a user or a password".to_owned());
        }
        if path.ends_with('/') || !path.contains('/') {
            return Some("a URL of a directory".to_owned());
        }
        path.contains('*').then(|| "a pattern of URLs".to_owned())
    }

    /// Whether this flowc can read URLs at all; reported if it cannot.
    fn url_is_built_in(&mut self, place: Span) -> bool {
        if self.catalog.has_remote() {
            return true;
        }
        let message = "a URL needs a flowc that was built with `remote-files`";
        self.report(Diagnostic::error("F4919", place, message).help(
            "cargo build --features remote-files, or a command that fetches: read \"cmd:curl -s ...\"",
        ));
        false
    }

    /// The format a path's suffix names; reported if it names none.
    pub(super) fn format_by_suffix(&mut self, path: &str, place: Span, purpose: Use) -> Option<Format> {
        let (path, _) = compression::split(path);
        // The text of a command may end in anything.
        let name = if Location::of(path).is_live() { "" } else { path.rsplit('/').next().unwrap_or(path) };
        let suffix = name.rsplit_once('.').map_or("", |(_, s)| s).to_ascii_lowercase();
        let format = match suffix.as_str() {
            "csv" => Format::Delimited(Dialect::csv()),
            "tsv" | "tab" => Format::Delimited(Dialect::tsv()),
            "jsonl" | "ndjson" => Format::JsonLines,
            "json" if purpose == Use::Write => Format::Json,
            "parquet" | "pq" => Format::Parquet(PARQUET_COMPRESSION),
            "arrow" | "feather" | "arrows" | "ipc" => Format::Arrow(ARROW_COMPRESSION),
            _ => {
                let verb = if purpose == Use::Read { "read" } else { "write" };
                let message = format!("the name does not tell how to {verb} this file");
                let choices = match (suffix.as_str(), purpose) {
                    ("json", _) => "one object a line: `as jsonl`",
                    (_, Use::Read) => "say it: `as lines`, `as csv(sep: \";\")`, `as jsonl`",
                    (_, Use::Write) => "say it: `as csv`, `as jsonl`, `as text(line)`",
                };
                self.report(Diagnostic::error("F4008", place, message).help(choices));
                return None;
            }
        };
        Some(format)
    }

    /// Refuses what formats of columns cannot be: a stream, and compressed as a whole instead of in parts.
    pub(super) fn columns_fit(&mut self, path: &str, format: &Format, place: Span) -> bool {
        if !format.is_columnar() {
            return true;
        }
        let word = if matches!(format, Format::Parquet(_)) { "parquet" } else { "arrow" };
        if !self.catalog.has_columnar() {
            let message = format!("this flowc was built without the feature `parquet`, which `{word}` needs");
            self.report(
                Diagnostic::error("F4923", place, message)
                    .help("build it with its default features: cargo install flowc"),
            );
            return false;
        }
        if Location::of(path).is_live() {
            let message = format!("`{word}` is read and written in files, not through `{path}`");
            self.report(
                Diagnostic::error("F4009", place, message)
                    .help(format!("name a file: \"name.{word}\"; streams are csv, tsv, jsonl or lines")),
            );
            return false;
        }
        let (inner, compression) = compression::split(path);
        if compression.is_none() {
            return true;
        }
        self.report(
            Diagnostic::error(
                "F4009",
                place,
                format!("`{word}` files are compressed inside, not as a whole"),
            )
            .help(format!("\"{inner}\" as {word}(compression: \"zstd\")")),
        );
        false
    }

    /// The format that `as ...` names. `text(e)` is left to `write`.
    pub(super) fn named_format(&mut self, format: &'a ast::Format, purpose: Use) -> Option<Format> {
        let name = format.name.text.as_str();
        let place = span(format.name.span);
        let plain = match name {
            "csv" => return self.dialect(Dialect::csv(), &format.args).map(Format::Delimited),
            "tsv" => return self.dialect(Dialect::tsv(), &format.args).map(Format::Delimited),
            "jsonl" => Format::JsonLines,
            "json" if purpose == Use::Write => Format::Json,
            "lines" if purpose == Use::Read => Format::Lines,
            "json" => {
                self.not_yet("F4917", place, "reading one JSON document (`json`; JSON lines are `jsonl`)");
                return None;
            }
            "lines" | "text" => {
                let (word, other) =
                    if purpose == Use::Read { ("lines", "text") } else { ("text(...)", "lines") };
                self.report(
                    Diagnostic::error("F2014", place, format!("`{other}` is the other way round"))
                        .caption(format!("write `{word}`")),
                );
                return None;
            }
            "parquet" | "arrow" if purpose == Use::Write => return self.columnar_format(format),
            "parquet" => Format::Parquet(PARQUET_COMPRESSION),
            "arrow" => Format::Arrow(ARROW_COMPRESSION),
            _ => {
                self.unknown_format(name, place);
                return None;
            }
        };
        if let Some(arg) = format.args.first() {
            let message = format!("the format `{name}` has no options");
            self.report(Diagnostic::error("F4009", span(arg.span), message));
            return None;
        }
        Some(plain)
    }

    fn unknown_format(&mut self, name: &str, place: Span) {
        let mut diagnostic = Diagnostic::error("F2014", place, format!("there is no format called `{name}`"));
        let lower = name.to_lowercase();
        let near = match FOREIGN.iter().find(|(foreign, _)| *foreign == lower) {
            Some((_, here)) => Some(*here),
            None => closest(name, FORMATS),
        };
        diagnostic = match near {
            Some(near) => diagnostic.caption(format!("did you mean `{near}`?")).fix(near, place, near),
            None => diagnostic.note(format!("formats are: {}", FORMATS.join(", "))),
        };
        self.report(diagnostic);
    }

    /// `csv(sep: "|", header: false, quote: none, null: ["NA"])`.
    fn dialect(&mut self, mut dialect: Dialect, args: &'a [ast::Arg]) -> Option<Dialect> {
        let mut failed = false;
        for arg in args {
            let Some(name) = &arg.name else {
                self.report(
                    Diagnostic::error("F4009", span(arg.span), "options of a format have names")
                        .help("csv(sep: \"|\", header: false, quote: none, null: [\"NA\"])"),
                );
                failed = true;
                continue;
            };
            let done = match name.text.as_str() {
                "sep" => self.byte_option(&arg.value, "`sep`").map(|b| dialect.separator = b),
                "quote" if is_none(&arg.value) => {
                    dialect.quote = None;
                    Some(())
                }
                "quote" => self.byte_option(&arg.value, "`quote`").map(|b| dialect.quote = Some(b)),
                "header" => self.bool_option(&arg.value).map(|b| dialect.header = b),
                "null" => self.texts_option(&arg.value).map(|texts| dialect.null = texts),
                other => {
                    self.unknown_option(other, span(name.span));
                    None
                }
            };
            failed |= done.is_none();
        }
        if dialect.quote == Some(dialect.separator) {
            let place =
                args.first().zip(args.last()).map_or_else(Span::default, |(a, b)| span(a.span.to(b.span)));
            self.report(Diagnostic::error("F4009", place, "`sep` and `quote` must differ"));
            failed = true;
        }
        (!failed).then_some(dialect)
    }

    /// `parquet(compression: "zstd")`, `arrow(compression: "lz4")`.
    fn columnar_format(&mut self, format: &'a ast::Format) -> Option<Format> {
        let is_parquet = format.name.text == "parquet";
        let mut compression = if is_parquet { PARQUET_COMPRESSION } else { ARROW_COMPRESSION };
        for arg in &format.args {
            let named = arg.name.as_ref().map(|n| n.text.as_str());
            if named != Some("compression") {
                let message = format!("`{}` has one option, `compression`", format.name.text);
                self.report(
                    Diagnostic::error("F4009", span(arg.span), message)
                        .help(format!("{}(compression: \"zstd\")", format.name.text)),
                );
                return None;
            }
            let (value, place) = self.option(&arg.value)?;
            let fits = |c: &PageCompression| {
                is_parquet || !matches!(c, PageCompression::Snappy | PageCompression::Gzip)
            };
            let known = match &value {
                Value::String(name) => PageCompression::from_name(name).filter(fits),
                _ => None,
            };
            let Some(known) = known else {
                let names =
                    PageCompression::ALL.iter().filter(|c| fits(c)).map(|c| format!("\"{}\"", c.name()));
                let names = names.collect::<Vec<_>>().join(", ");
                let message = format!("`compression` of `{}` is one of {names}", format.name.text);
                self.report(Diagnostic::error("F4009", place, message));
                return None;
            };
            compression = known;
        }
        Some(if is_parquet { Format::Parquet(compression) } else { Format::Arrow(compression) })
    }

    fn unknown_option(&mut self, name: &str, place: Span) {
        let known = ["sep", "header", "quote", "null"];
        let mut diagnostic = Diagnostic::error("F4009", place, format!("there is no option `{name}`"));
        let near = match name {
            "delimiter" | "delim" | "separator" | "sep_char" => Some("sep"),
            "quotechar" | "quote_char" => Some("quote"),
            "nulls" | "na" | "null_values" => Some("null"),
            "headers" | "has_header" => Some("header"),
            _ => closest(name, known),
        };
        diagnostic = match near {
            Some(near) => diagnostic.caption(format!("did you mean `{near}`?")).fix(near, place, near),
            None => diagnostic.note(format!("options are: {}", known.join(", "))),
        };
        self.report(diagnostic);
    }

    fn option(&mut self, e: &'a ast::Expr) -> Option<(Value, Span)> {
        let value = self.expr(e, &mut Scope::constant())?;
        let place = value.expr.span;
        Some((self.constant_value(value)?, place))
    }

    fn byte_option(&mut self, e: &'a ast::Expr, what: &str) -> Option<u8> {
        let (value, place) = self.option(e)?;
        if let Value::String(text) = &value
            && let [byte] = text.as_bytes()
            && byte.is_ascii()
            && !matches!(byte, b'\n' | b'\r')
        {
            return Some(*byte);
        }
        let message = format!("{what} is one ASCII character, such as \";\" or \"\\t\"");
        self.report(Diagnostic::error("F4009", place, message));
        None
    }

    fn bool_option(&mut self, e: &'a ast::Expr) -> Option<bool> {
        match self.option(e)? {
            (Value::Bool(b), _) => Some(b),
            (_, place) => {
                self.report(Diagnostic::error("F4009", place, "`header` is `true` or `false`"));
                None
            }
        }
    }

    fn texts_option(&mut self, e: &'a ast::Expr) -> Option<Vec<String>> {
        let (value, place) = self.option(e)?;
        let texts = match &value {
            Value::String(text) => Some(vec![text.to_string()]),
            Value::List(items) => items
                .iter()
                .map(|item| match item {
                    Value::String(text) => Some(text.to_string()),
                    _ => None,
                })
                .collect(),
            _ => None,
        };
        if texts.is_none() {
            self.report(
                Diagnostic::error("F4009", place, "`null` is a list of texts that mean null")
                    .help("null: [\"NA\", \"\\\\N\"]"),
            );
        }
        texts
    }
}

fn is_none(e: &ast::Expr) -> bool {
    matches!(&e.kind, Ast::Ident(name) if name.text == "none") || matches!(e.kind, Ast::Null)
}
