//! Words for the place where the parser stopped: what stands there, what could have stood there, what to do.
//!
//! Invariant: speaks about the language only; rule names of the grammar never reach a message.

use super::Parse;
use super::expected::phrase;
use crate::error::SyntaxError;
use crate::parser::{Failure, Rule};
use crate::scan::{Kind, Token, token_range};
use crate::span::{Span, offset};
use crate::words;

/// Statements of other languages, with what to write here.
const FOREIGN_STATEMENTS: &[(&str, &str)] = &[
    ("select", "a query begins with its source: read \"people.csv\" | filter age > 3 | map { name }"),
    ("with", "to name a dataset, write `let name = read ...`"),
    ("set", "to name a dataset, write `let name = read ...`; for a value, `const name = ...`"),
    ("var", "to name a dataset, write `let name = read ...`; for a value, `const name = ...`"),
    ("val", "to name a dataset, write `let name = read ...`; for a value, `const name = ...`"),
    ("def", "a function is written `fn name(a, b) = a + b`"),
    ("func", "a function is written `fn name(a, b) = a + b`"),
    ("function", "a function is written `fn name(a, b) = a + b`"),
    ("load", "to read a file, write `read \"file.csv\"`"),
    ("open", "to read a file, write `read \"file.csv\"`"),
    ("scan", "to read a file, write `read \"file.csv\"`"),
    ("create", "a type of rows is written `schema Name { a: int }`"),
    ("table", "a type of rows is written `schema Name { a: int }`"),
    ("type", "a type of rows is written `schema Name { a: int }`"),
    ("struct", "a type of rows is written `schema Name { a: int }`"),
    ("use", "to use another file, write `import \"file.flow\" as name`"),
    ("include", "to use another file, write `import \"file.flow\" as name`"),
    ("insert", "to write rows to a file, write `from rows_to_keep | write \"file.csv\"`"),
];

impl Parse<'_> {
    /// The error for `failure` in the tokens `from..to`.
    pub(super) fn explain(&self, failure: &Failure, from: usize, to: usize) -> SyntaxError {
        let place = token_range(self.tokens, from, to);
        if failure.exhausted {
            let start = place.before();
            return SyntaxError::new("F1008", start, "this is nested too deeply, or too large, to be read")
                .label(start, "the part that begins here")
                .note("name parts of it with `fn` or `let`; large tables belong in files");
        }
        let at = self.tokens.partition_point(|token| token.span.end <= failure.at).clamp(from, to);
        let found = if at < to { self.tokens.get(at).copied() } else { None };
        let error = self.unknown_stage(at, from, to).or_else(|| self.unknown_item(at, from));
        let error = error.or_else(|| found.and_then(|token| self.known_mistake(at, token, failure)));
        error.unwrap_or_else(|| self.unexpected(at, found, failure, from, to))
    }

    /// The word that begins the innermost stage around token `at`, or the chunk.
    fn context(&self, at: usize, from: usize) -> usize {
        let mut depth = u32::MAX;
        for before in (from..at).rev() {
            depth = depth.min(self.depth(before));
            let bar = matches!(self.text(before), "|" | "|>") && self.depth(before) == depth;
            if bar && self.tokens.get(before + 1).is_some_and(|next| next.kind == Kind::Word) {
                return before + 1;
            }
        }
        from
    }

    /// `| where age > 3`
    fn unknown_stage(&self, at: usize, from: usize, to: usize) -> Option<SyntaxError> {
        let word_at = self.context(at, from);
        let bar = word_at.checked_sub(1).map(|bar| self.text(bar))?;
        let word = self.tokens.get(word_at).filter(|token| token.kind == Kind::Word)?;
        let text = self.text(word_at);
        let is_stage = words::STAGES.contains(&text) || self.pipes.contains(&text);
        // Only a word directly in front of the failure is the culprit.
        if !matches!(bar, "|" | "|>") || is_stage || at != word_at + 1 || word_at >= to {
            return None;
        }
        let error = SyntaxError::new("F1001", word.span, format!("there is no stage called `{text}`"));
        if let Some((_, hint)) = words::foreign_stage(text) {
            let error = error.label(word.span, hint);
            return Some(match self.foreign_edit(word_at) {
                Some((place, stage)) => error.fix(place, stage),
                None => error,
            });
        }
        Some(match words::similar(text, words::STAGES) {
            Some(stage) => error.label(word.span, format!("did you mean `{stage}`?")).fix(word.span, stage),
            None => error
                .label(word.span, "neither a stage nor a `pipe` of this program")
                .note("a `pipe` takes its arguments in parentheses: `| newest(10)`"),
        })
    }

    /// The edit for a stage of another language, if its other words can stay.
    fn foreign_edit(&self, word_at: usize) -> Option<(Span, &'static str)> {
        let word = self.tokens.get(word_at)?;
        let is_brace = |at: usize| self.tokens.get(at).is_some() && self.text(at) == "{";
        let record = is_brace(word_at + 1);
        let in_stage =
            (word_at + 1..self.tokens.len()).take_while(|at| !matches!(self.text(*at), "|" | "|>"));
        let later = in_stage.into_iter().any(is_brace);
        let text = words::foreign_edit(self.text(word_at), record, later)?;
        let brace = self.tokens.get(word_at + 1).filter(|_| text.ends_with("*,"));
        Some((brace.map_or(word.span, |brace| word.span.to(brace.span)), text))
    }

    /// A chunk whose first word begins nothing.
    fn unknown_item(&self, at: usize, from: usize) -> Option<SyntaxError> {
        let word = self.tokens.get(from)?;
        let text = self.text(from);
        if from != self.chunk_start
            || words::ITEMS.contains(&text)
            || matches!(text, "given" | "expect")
            || at > from + 1
        {
            return None;
        }
        if matches!(text, "|" | "|>") {
            let error = SyntaxError::new("F1003", word.span, "there is no pipeline here to continue");
            return Some(error.label(word.span, "a pipeline begins with `read`, `from` or `rows`"));
        }
        if word.kind != Kind::Word {
            return None;
        }
        if words::STAGES.contains(&text) {
            let message = format!("`{text}` is a stage, and there is no pipeline here for it to continue");
            let error = SyntaxError::new("F1003", word.span, message);
            return Some(error.label(word.span, "a pipeline begins with `read`, `from` or `rows`"));
        }
        if self.text(from + 1) == "=" {
            let error = SyntaxError::new("F1024", word.span, format!("`{text}` is named without `let`"));
            let error = error.label(word.span, "write `let` for a dataset, `const` for a value");
            return Some(error.fix(word.span.before(), "let "));
        }
        let foreign = FOREIGN_STATEMENTS.iter().find(|(foreign, _)| foreign.eq_ignore_ascii_case(text));
        if let Some((_, hint)) = foreign {
            let message = format!("a program has no statement `{text}`");
            return Some(SyntaxError::new("F1024", word.span, message).label(word.span, *hint));
        }
        let message = format!("`{text}` begins neither a pipeline nor a definition");
        let error = SyntaxError::new("F1009", word.span, message);
        Some(match words::similar(text, words::ITEMS) {
            Some(item) => error.label(word.span, format!("did you mean `{item}`?")).fix(word.span, item),
            None => error.label(word.span, "unexpected here").note(
                "items begin with read, from, rows, let, schema, param, const, fn, pipe, import or test",
            ),
        })
    }

    /// Mistakes that the offending token gives away.
    fn known_mistake(&self, at: usize, token: Token, failure: &Failure) -> Option<SyntaxError> {
        let text = token.span.text(self.source);
        let span = token.span;
        let previous = at.checked_sub(1).map_or("", |before| self.text(before));
        let wants = |rules: &[Rule]| failure.expected.iter().any(|rule| rules.contains(rule));
        let wants_name = wants(&[Rule::ident, Rule::path]) && !wants(&[Rule::expr, Rule::primary]);
        if let Some(error) = self.mistake_of_neighbours(at, token, wants_name) {
            return Some(error);
        }
        let in_brackets = wants(&[Rule::close_paren, Rule::close_bracket]);
        let (code, message, caption, replacement) = match text {
            ";" => (
                "F1009",
                "`;` is not needed: an item ends where the next one begins",
                "remove this",
                Some(""),
            ),
            "?" => (
                "F1009",
                "there is no operator `?`",
                "write `if condition then a else b`, or `a ?? b` for null",
                None,
            ),
            "&" => ("F1002", "to combine conditions, write `and`", "write `and`", Some("and")),
            "|" | "|>" if in_brackets && self.depth(at) > 0 => (
                "F1009",
                "a stage cannot begin inside these brackets",
                "for one condition or another, write `or`; for the next stage, close the bracket first",
                None,
            ),
            "*" if previous == "(" => {
                ("F1009", "`*` is no argument", "remove this: `count()` counts rows", Some(""))
            }
            "//" => ("F1009", "`//` divides whole numbers", "for a comment, write `#`", Some("#")),
            "as" => (
                "F1009",
                "a name stands before its value",
                "write `name: value`, as in `map { total: a + b }`",
                None,
            ),
            "like" => ("F1009", "there is no `like`", "write `=~ r\"...\"`, or `.contains(\"...\")`", None),
            "between" => ("F1009", "there is no `between`", "write `x >= a and x <= b`", None),
            "when" if previous == "case" => (
                "F1009",
                "there is no `case when`",
                "write `if condition then a else b`, or `match x { 1 => a, _ => b }`",
                None,
            ),
            "each" => (
                "F1018",
                "`each` stands directly behind the name of an entry",
                "write `flat_map { name: each list }`",
                None,
            ),
            "->" => ("F1009", "a function value can only be an argument of a call", "unexpected here", None),
            "\u{2013}" | "\u{2014}" | "\u{2212}" => {
                ("F1009", "this dash is not the minus sign", "write `-`", Some("-"))
            }
            _ => return unusual_character(text, span),
        };
        let error = SyntaxError::new(code, span, message).label(span, caption);
        Some(match replacement {
            Some(replacement) => error.fix(span, replacement),
            None => error,
        })
    }

    /// A token that is wrong because of those beside it.
    fn mistake_of_neighbours(&self, at: usize, token: Token, wants_name: bool) -> Option<SyntaxError> {
        let (text, span) = (token.span.text(self.source), token.span);
        let previous = at.checked_sub(1).map_or("", |before| self.text(before));
        if words::RESERVED.contains(&text) && (previous == "." || self.text(at + 1) == ":" || wants_name) {
            let error = SyntaxError::new("F1023", span, format!("`{text}` is a reserved word"))
                .label(span, format!("as a name, write `` `{text}` `` with back-quotes"));
            return Some(error.fix(span, format!("`{text}`")));
        }
        if text == "||" && words::STAGES.contains(&self.text(at + 1)) {
            let error = SyntaxError::new("F1009", span, "stages are separated by a single `|`");
            return Some(error.label(span, "write `|`").fix(span, "|"));
        }
        if text == "(" && previous == "count" {
            let error = SyntaxError::new("F1009", span, "the `count` stage takes no arguments");
            return Some(error.label(span, "remove this; to name the count, write `reduce { n: count() }`"));
        }
        None
    }

    /// The general case: what was found, and what could have been.
    fn unexpected(
        &self,
        at: usize,
        found: Option<Token>,
        failure: &Failure,
        from: usize,
        to: usize,
    ) -> SyntaxError {
        let context = self.context(at, from);
        let subject = if context == at { "" } else { self.text(context) };
        let what = if words::STAGES.contains(&subject) {
            format!("this `{subject}` stage")
        } else if words::ITEMS.contains(&subject) {
            format!("this `{subject}`")
        } else {
            "this".to_string()
        };
        let caption = match phrase(&failure.expected) {
            Some(list) => format!("expected {list}"),
            None => "this cannot stand here".to_string(),
        };
        let Some(token) = found else {
            if to == from + 1 && matches!(self.text(from), "|" | "|>") {
                let bar = token_range(self.tokens, from, to);
                return SyntaxError::new("F1009", bar, "a stage is missing behind this `|`")
                    .label(bar, "remove this");
            }
            let end = token_range(self.tokens, from, to).after();
            return SyntaxError::new("F1009", end, format!("{what} ends too early")).label(end, caption);
        };
        let inside = if what == "this" { String::new() } else { format!(" in {what}") };
        let message = format!("unexpected {}{inside}", shortened(token.span.text(self.source)));
        SyntaxError::new("F1009", token.span, message).label(token.span, caption)
    }
}

/// Characters that word processors put in place of the plain ones.
fn unusual_character(text: &str, span: Span) -> Option<SyntaxError> {
    let first = text.chars().next()?;
    let place = Span::new(span.start, span.start + offset(first.len_utf8()));
    match first {
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{2018}' | '\u{2019}' | '\u{ab}' | '\u{bb}' => Some(
            SyntaxError::new("F1006", place, "strings are written in straight double quotes")
                .label(place, "write \"")
                .fix(place, "\""),
        ),
        '\u{a0}' | '\u{200b}' | '\u{2002}' | '\u{2003}' | '\u{2009}' | '\u{202f}' | '\u{3000}'
        | '\u{feff}' => Some(
            SyntaxError::new("F1009", place, "an invisible character stands here")
                .label(place, "replace it by a blank")
                .fix(place, " "),
        ),
        _ => None,
    }
}

/// The token as it can be shown within a sentence.
fn shortened(text: &str) -> String {
    if text.chars().count() > 24 {
        let beginning: String = text.chars().take(20).collect();
        format!("`{beginning}...`")
    } else {
        format!("`{text}`")
    }
}
