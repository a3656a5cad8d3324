//! The complete check of one JSON text against RFC 8259, byte by byte.
//!
//! It is the slow path of the JSON lines scanner: every row the structural index cannot vouch
//! for ends here. It is written for precise faults, not for speed, keeps its own stack of one
//! bit a level, and accepts nothing beyond the RFC. Two texts that the RFC's grammar allows are
//! refused, because no value of the language stands for them: escapes that name half a surrogate
//! pair, and nesting deeper than [`DEPTH_MAX`].

use crate::kernels::structural_match::hex4;

/// How deep objects and lists may nest.
pub const DEPTH_MAX: usize = 128;

/// Where and why a text is not JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The byte at which it went wrong, from the start of the text.
    pub at: usize,
    /// What was expected and found.
    pub message: String,
}

/// What the grammar allows next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// A value.
    Value,
    /// A value, or the end of the list that was just opened.
    ValueOrEnd,
    /// A key, or the end of the object that was just opened.
    KeyOrEnd,
    /// A key, after a comma.
    Key,
    /// A comma or the end of the innermost container; outside of all, the end of the text.
    Next,
}

/// Checks that `text` is one JSON value, with white space around it allowed.
pub fn check(text: &[u8]) -> Result<(), Fault> {
    if let Err(e) = std::str::from_utf8(text) {
        return fault(e.valid_up_to(), "invalid UTF-8");
    }
    Checker { text, at: 0, levels: Vec::new() }.run()
}

/// Checks that `text` is one JSON object, as every row of JSON lines must be.
pub(crate) fn check_object(text: &[u8]) -> Result<(), Fault> {
    let start = text.iter().position(|b| !is_space(*b)).unwrap_or(text.len());
    match text.get(start) {
        Some(b'{') => check(text),
        Some(b) => {
            check(text)?;
            let found = match b {
                b'[' => "a list",
                b'"' => "a string",
                b't' | b'f' => "a bool",
                b'n' => "null",
                _ => "a number",
            };
            fault(start, format!("a row must be an object, found {found}"))
        }
        None => fault(start, "expected an object, found the end of the row"),
    }
}

/// White space between tokens.
pub(crate) fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

/// Whether a byte cannot be part of a number, `true`, `false` or `null`.
pub(crate) fn ends_literal(b: u8) -> bool {
    is_space(b) || matches!(b, b',' | b':' | b'[' | b']' | b'{' | b'}' | b'"')
}

/// Checks a whole number, `true`, `false` or `null`; the fault is counted from its first byte.
pub(crate) fn check_literal(text: &[u8]) -> Result<(), Fault> {
    match text.first() {
        Some(b'-' | b'0'..=b'9') => check_number(text),
        _ if matches!(text, b"true" | b"false" | b"null") => Ok(()),
        Some(_) => {
            let shown = String::from_utf8_lossy(text.get(..text.len().min(24)).unwrap_or(text));
            fault(0, format!("expected a value, found `{shown}`"))
        }
        None => fault(0, "expected a value"),
    }
}

fn check_number(text: &[u8]) -> Result<(), Fault> {
    let digits = |from: usize| {
        text.get(from..).unwrap_or(&[]).iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len() - from)
    };
    let mut at = usize::from(text.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 {
        return fault(at, "expected a digit in a number");
    }
    if whole > 1 && text.get(at) == Some(&b'0') {
        return fault(at, "a number may not start with 0");
    }
    at += whole;
    if text.get(at) == Some(&b'.') {
        at += 1;
        let n = digits(at);
        if n == 0 {
            return fault(at, "expected a digit after the point of a number");
        }
        at += n;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(text.get(at), Some(b'+' | b'-')));
        let n = digits(at.min(text.len()));
        if n == 0 {
            return fault(at, "expected a digit in the exponent of a number");
        }
        at += n;
    }
    match text.get(at) {
        None => Ok(()),
        Some(_) => fault(at, "unexpected character in a number"),
    }
}

fn fault<T>(at: usize, message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { at, message: message.into() })
}

struct Checker<'a> {
    text: &'a [u8],
    at: usize,
    /// The open containers: true for objects.
    levels: Vec<bool>,
}

impl Checker<'_> {
    fn run(mut self) -> Result<(), Fault> {
        let mut expect = Expect::Value;
        loop {
            while self.peek().is_some_and(is_space) {
                self.at += 1;
            }
            let Some(b) = self.peek() else { break };
            expect = match expect {
                Expect::KeyOrEnd if b == b'}' => self.close(),
                Expect::Key | Expect::KeyOrEnd => self.key(b)?,
                Expect::ValueOrEnd if b == b']' => self.close(),
                Expect::Value | Expect::ValueOrEnd => self.value(b)?,
                Expect::Next => self.next(b)?,
            };
        }
        let missing = match (expect, self.levels.last()) {
            (Expect::Next, None) => return Ok(()),
            (Expect::Next, Some(true)) => "`,` or `}`",
            (Expect::Next, Some(false)) => "`,` or `]`",
            (Expect::Key | Expect::KeyOrEnd, _) => "a key",
            (Expect::Value | Expect::ValueOrEnd, _) => "a value",
        };
        fault(self.text.len(), format!("expected {missing}, found the end of the row"))
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// The character at the cursor for messages.
    fn shown(&self) -> String {
        let rest = self.text.get(self.at..).unwrap_or(&[]);
        let head = rest.get(..4).unwrap_or(rest);
        match String::from_utf8_lossy(head).chars().next() {
            Some(c) if c.is_control() => format!("U+{:04X}", u32::from(c)),
            Some(c) => format!("`{c}`"),
            None => "the end of the row".to_owned(),
        }
    }

    fn close(&mut self) -> Expect {
        self.at += 1;
        self.levels.pop();
        Expect::Next
    }

    fn key(&mut self, b: u8) -> Result<Expect, Fault> {
        if b != b'"' {
            return fault(self.at, format!("expected a key in quotes, found {}", self.shown()));
        }
        self.string()?;
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
        if self.peek() != Some(b':') {
            return fault(self.at, format!("expected `:` after a key, found {}", self.shown()));
        }
        self.at += 1;
        Ok(Expect::Value)
    }

    fn value(&mut self, b: u8) -> Result<Expect, Fault> {
        match b {
            b'{' | b'[' => {
                if self.levels.len() == DEPTH_MAX {
                    return fault(self.at, format!("nested deeper than {DEPTH_MAX} levels"));
                }
                self.levels.push(b == b'{');
                self.at += 1;
                Ok(if b == b'{' { Expect::KeyOrEnd } else { Expect::ValueOrEnd })
            }
            b'"' => self.string().map(|()| Expect::Next),
            b',' | b':' | b']' | b'}' => fault(self.at, format!("expected a value, found {}", self.shown())),
            _ => {
                let rest = self.text.get(self.at..).unwrap_or(&[]);
                let n = rest.iter().position(|b| ends_literal(*b)).unwrap_or(rest.len());
                check_literal(rest.get(..n).unwrap_or(rest))
                    .map_err(|f| Fault { at: self.at + f.at, message: f.message })?;
                self.at += n;
                Ok(Expect::Next)
            }
        }
    }

    fn next(&mut self, b: u8) -> Result<Expect, Fault> {
        match (b, self.levels.last()) {
            (b',', Some(true)) => {
                self.at += 1;
                Ok(Expect::Key)
            }
            (b',', Some(false)) => {
                self.at += 1;
                Ok(Expect::Value)
            }
            (b'}', Some(true)) | (b']', Some(false)) => Ok(self.close()),
            (_, level) => {
                let wanted = match level {
                    Some(true) => "`,` or `}`",
                    Some(false) => "`,` or `]`",
                    None => "the end of the row",
                };
                fault(self.at, format!("expected {wanted} after a value, found {}", self.shown()))
            }
        }
    }

    /// Passes the string at the cursor.
    fn string(&mut self) -> Result<(), Fault> {
        let opened = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                None => return fault(opened, "a string without a closing quote"),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(0..0x20) => {
                    return fault(self.at, format!("{} in a string must be escaped", self.shown()));
                }
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        let rest = self.text.get(self.at..).unwrap_or(&[]);
        match rest.get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => match hex4(rest, 2) {
                None => return fault(self.at, "expected four hexadecimal digits after `\\u`"),
                Some(0xD800..=0xDBFF) => match (rest.get(6), rest.get(7), hex4(rest, 8)) {
                    (Some(b'\\'), Some(b'u'), Some(0xDC00..=0xDFFF)) => self.at += 12,
                    _ => return fault(self.at, "the escape is half of a surrogate pair"),
                },
                Some(0xDC00..=0xDFFF) => {
                    return fault(self.at, "the escape is half of a surrogate pair");
                }
                Some(_) => self.at += 6,
            },
            _ => return fault(self.at, "an unknown escape in a string"),
        }
        Ok(())
    }
}
