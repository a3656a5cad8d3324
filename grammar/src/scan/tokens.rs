//! Splits the text into tokens and comments, and reports quotes that are never closed.
//!
//! Strings end on their line, so a forgotten quote spoils one line only. A hole of an interpolated string is
//! tokens like any other code; it ends on its line too.

use crate::ERRORS_MAX;
use crate::ast::Comment;
use crate::error::SyntaxError;
use crate::span::{Span, offset};

/// What a token is, as far as structure goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A bare identifier or keyword.
    Word,
    /// An identifier in back-quotes.
    Quoted,
    /// A number, duration or malformed number.
    Number,
    /// `@...`
    Instant,
    /// `"..."`, `r"..."`, or the mistaken `'...'`.
    Str,
    /// The beginning of an interpolated string, up to its first hole or its end.
    FStart,
    /// Any later part of an interpolated string.
    FRest,
    /// `(`, `[`, `{`, and the `{` of a hole.
    Open,
    /// `)`, `]`, `}`, and the `}` of a hole.
    Close,
    /// An operator or separator.
    Punct,
    /// A character the language has no use for.
    Unknown,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    /// What it is.
    pub(crate) kind: Kind,
    /// Where it is.
    pub(crate) span: Span,
    /// True if it is the first token on its line.
    pub(crate) first_on_line: bool,
}

/// The tokens of a text and everything between them that matters.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// In source order.
    pub(crate) tokens: Vec<Token>,
    /// In source order.
    pub(crate) comments: Vec<Comment>,
    /// Quotes that are never closed.
    pub(crate) errors: Vec<SyntaxError>,
}

/// Splits `source` from byte `base` on into tokens.
pub(crate) fn scan(source: &str, base: usize) -> Scan {
    let marked = source.get(base..).is_some_and(|text| text.starts_with('\u{feff}'));
    let start = if marked { base + '\u{feff}'.len_utf8() } else { base };
    let mut scanner = Scanner {
        source,
        bytes: source.as_bytes(),
        at: start,
        fresh_line: true,
        holes: Vec::new(),
        out: Scan::default(),
    };
    while scanner.at < scanner.bytes.len() {
        scanner.step();
    }
    scanner.close_holes();
    scanner.out
}

/// An interpolated string that has been begun.
struct Hole {
    /// Where the string begins.
    string_start: usize,
    /// Brackets that are open inside the hole.
    open_brackets: usize,
}

struct Scanner<'s> {
    source: &'s str,
    bytes: &'s [u8],
    at: usize,
    fresh_line: bool,
    holes: Vec<Hole>,
    out: Scan,
}

/// Operators, longest first among those that share a beginning.
const OPERATORS: &[&str] = &[
    "===", "!==", "|>", "||", "&&", "==", "=~", "=>", "=<", "!=", "!~", "<=", "<>", ">=", "->", "??", "..",
    "**", "//",
];

impl Scanner<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn push(&mut self, kind: Kind, start: usize) {
        let span = Span::new(offset(start), offset(self.at));
        self.out.tokens.push(Token { kind, span, first_on_line: self.fresh_line });
        self.fresh_line = false;
    }

    fn step(&mut self) {
        let start = self.at;
        match self.peek(0) {
            b'\n' => {
                self.close_holes();
                self.fresh_line = true;
                self.at += 1;
            }
            b' ' | b'\t' | b'\r' => self.at += 1,
            b'#' => self.comment(),
            b'"' => self.string(start, 1),
            b'r' if self.peek(1) == b'"' => self.string(start, 2),
            b'f' if self.peek(1) == b'"' => {
                self.at += 2;
                self.fstring_text(start, start, Kind::FStart);
            }
            b'\'' => self.single_quoted(),
            b'`' => self.quoted_name(),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                self.skip_word();
                self.push(Kind::Word, start);
            }
            b'0'..=b'9' => self.number(),
            b'@' => {
                self.at += 1;
                while self.peek(0).is_ascii_alphanumeric()
                    || matches!(self.peek(0), b'-' | b':' | b'+')
                    || (self.peek(0) == b'.' && self.peek(1).is_ascii_digit())
                {
                    self.at += 1;
                }
                self.push(Kind::Instant, start);
            }
            b'(' | b'[' | b'{' => {
                if let Some(hole) = self.holes.last_mut() {
                    hole.open_brackets += 1;
                }
                self.at += 1;
                self.push(Kind::Open, start);
            }
            b')' | b']' | b'}' => self.close(),
            b':' if self.holes.last().is_some_and(|hole| hole.open_brackets == 0) => self.format_spec(),
            _ => self.operator(),
        }
    }

    fn skip_word(&mut self) {
        while self.peek(0).is_ascii_alphanumeric() || self.peek(0) == b'_' {
            self.at += 1;
        }
    }

    fn comment(&mut self) {
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        self.at += rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        let raw = self.source.get(start..self.at).unwrap_or("");
        let text = raw.trim_end();
        let span = Span::new(offset(start), offset(start + text.len()));
        self.out.comments.push(Comment { span, text: text.to_string(), own_line: self.fresh_line });
    }

    /// Skips quoted text up to `quote`; false if the line ends first.
    fn skip_quoted(&mut self, quote: u8) -> bool {
        while self.at < self.bytes.len() {
            match self.peek(0) {
                b'\n' => return false,
                b'\\' if !matches!(self.peek(1), b'\n' | b'\r') => self.at += 2,
                byte if byte == quote => {
                    self.at += 1;
                    return true;
                }
                _ => self.at += 1,
            }
        }
        self.at = self.bytes.len();
        false
    }

    fn string(&mut self, start: usize, prefix: usize) {
        self.at += prefix;
        if !self.skip_quoted(b'"') {
            self.unclosed(start, "string", "\"");
        }
        self.push(Kind::Str, start);
    }

    fn single_quoted(&mut self) {
        let start = self.at;
        self.at += 1;
        if !self.skip_quoted(b'\'') {
            self.unclosed(start, "string", "'");
        }
        self.push(Kind::Str, start);
    }

    fn quoted_name(&mut self) {
        let start = self.at;
        self.at += 1;
        while !matches!(self.peek(0), b'`' | b'\n') && self.at < self.bytes.len() {
            self.at += 1;
        }
        if self.peek(0) == b'`' {
            self.at += 1;
        } else {
            self.unclosed(start, "name", "`");
        }
        self.push(Kind::Quoted, start);
    }

    /// Reads the text of an interpolated string up to its end or its next hole.
    fn fstring_text(&mut self, start: usize, string_start: usize, kind: Kind) {
        while self.at < self.bytes.len() {
            match self.peek(0) {
                b'\n' => break,
                b'\\' if !matches!(self.peek(1), b'\n' | b'\r') => self.at += 2,
                b'"' => {
                    self.at += 1;
                    self.push(kind, start);
                    return;
                }
                b'{' => {
                    self.push(kind, start);
                    let brace = self.at;
                    self.at += 1;
                    self.push(Kind::Open, brace);
                    self.holes.push(Hole { string_start, open_brackets: 0 });
                    return;
                }
                _ => self.at += 1,
            }
        }
        self.at = self.at.min(self.bytes.len());
        self.unclosed(string_start, "string", "\"");
        self.push(kind, start);
    }

    fn close(&mut self) {
        let start = self.at;
        self.at += 1;
        self.push(Kind::Close, start);
        match self.holes.last_mut() {
            Some(hole) if hole.open_brackets > 0 => hole.open_brackets -= 1,
            Some(hole) if self.bytes.get(start) == Some(&b'}') => {
                let string_start = hole.string_start;
                self.holes.pop();
                self.fstring_text(self.at, string_start, Kind::FRest);
            }
            _ => {}
        }
    }

    fn format_spec(&mut self) {
        let start = self.at;
        while !matches!(self.peek(0), b'}' | b'"' | b'\n') && self.at < self.bytes.len() {
            self.at += 1;
        }
        self.push(Kind::FRest, start);
    }

    fn number(&mut self) {
        let start = self.at;
        self.skip_word();
        if self.peek(0) == b'.' && self.peek(1).is_ascii_digit() {
            self.at += 1;
            self.skip_word();
        }
        let exponent = matches!(self.bytes.get(self.at - 1), Some(b'e' | b'E'));
        if exponent && matches!(self.peek(0), b'+' | b'-') && self.peek(1).is_ascii_digit() {
            self.at += 1;
            self.skip_word();
        }
        self.push(Kind::Number, start);
    }

    fn operator(&mut self) {
        let start = self.at;
        let rest = self.source.get(start..).unwrap_or("");
        let found = OPERATORS.iter().find(|operator| rest.starts_with(**operator));
        let first = rest.chars().next().unwrap_or(' ');
        self.at += found.map_or(first.len_utf8(), |operator| operator.len());
        let known = found.is_some() || "+-*/%<>=!?|.,:;$&^~".contains(first);
        self.push(if known { Kind::Punct } else { Kind::Unknown }, start);
    }

    /// Reports the interpolated strings that are still open where their line ends.
    fn close_holes(&mut self) {
        let open = std::mem::take(&mut self.holes);
        if let Some(outermost) = open.first() {
            self.unclosed(outermost.string_start, "string", "\"");
        }
    }

    fn unclosed(&mut self, start: usize, what: &str, quote: &str) {
        // Inside a hole, the interpolated string around it is reported, once.
        if !self.holes.is_empty() || self.out.errors.len() >= ERRORS_MAX {
            return;
        }
        let line = self.source.get(start..self.at).unwrap_or("");
        let text = line.trim_end();
        let span = Span::new(offset(start), offset(start + text.len()));
        let opening = Span::new(span.start, span.start + 1).to(span.before());
        let error = SyntaxError::new("F1010", span, format!("this {what} is never closed"))
            .label(opening, format!("expected a closing `{quote}` on this line"))
            .note("a string ends on the line it begins on; a line break inside is written `\\n`");
        self.out.errors.push(error);
    }
}
