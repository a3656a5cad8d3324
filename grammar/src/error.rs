//! Syntax errors as data: what is wrong, where, and one concrete repair. They are built here and rendered
//! elsewhere.
//!
//! Invariants: every code is listed in [`CODES`]; no text of the parser generator ever appears in a message.

use crate::span::Span;

/// One mistake in the program text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The number users look up, such as `F1003`; one of [`CODES`].
    pub code: &'static str,
    /// What is wrong, in one lower-case sentence without a full stop.
    pub message: String,
    /// The place to point at first.
    pub span: Span,
    /// Underlined places with their captions; the first one belongs to `span`.
    pub labels: Vec<(Span, String)>,
    /// What else helps, one line each.
    pub notes: Vec<String>,
    /// An edit that repairs the program, if one is known.
    pub fix: Option<Fix>,
}

/// A textual edit: replace what `span` covers by `replacement`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// The text to replace; empty to insert.
    pub span: Span,
    /// What to put there.
    pub replacement: String,
}

impl SyntaxError {
    /// An error at `span`, without captions, notes or fix yet.
    pub fn new(code: &'static str, span: Span, message: impl Into<String>) -> SyntaxError {
        SyntaxError { code, message: message.into(), span, labels: Vec::new(), notes: Vec::new(), fix: None }
    }

    /// Adds a caption under `span`.
    pub fn label(mut self, span: Span, text: impl Into<String>) -> SyntaxError {
        self.labels.push((span, text.into()));
        self
    }

    /// Adds a line below the excerpt.
    pub fn note(mut self, text: impl Into<String>) -> SyntaxError {
        self.notes.push(text.into());
        self
    }

    /// Proposes an edit.
    pub fn fix(mut self, span: Span, replacement: impl Into<String>) -> SyntaxError {
        self.fix = Some(Fix { span, replacement: replacement.into() });
        self
    }
}

/// Every syntax error code with its one-line title.
pub const CODES: &[(&str, &str)] = &[
    ("F1001", "unknown stage"),
    ("F1002", "an operator of another language"),
    ("F1003", "a stage without its `|`"),
    ("F1004", "a bracket that is never closed"),
    ("F1005", "ambiguous duration"),
    ("F1006", "single-quoted string"),
    ("F1007", "chained comparison"),
    ("F1008", "nesting too deep"),
    ("F1009", "unexpected text"),
    ("F1010", "a string or quoted name that is never closed"),
    ("F1011", "a date or time that does not exist"),
    ("F1012", "a value in a record needs a name"),
    ("F1013", "`let` names a dataset, `const` a value"),
    ("F1014", "a schema with both a name and a body"),
    ("F1015", "a number that is too large"),
    ("F1016", "a clause that is given twice"),
    ("F1017", "an unknown option"),
    ("F1018", "`each` in the wrong place"),
    ("F1019", "an unknown escape in a string"),
    ("F1020", "something that cannot be called"),
    ("F1021", "program too large"),
    ("F1022", "a closing bracket without its opening"),
    ("F1023", "a reserved word used as a name"),
    ("F1024", "a statement of another language"),
];
