//! Diagnostics as data: what is wrong with a program, where, what the compiler knows, one repair.
//!
//! Every phase of the compiler makes them; the root crate renders them for terminals, `--format
//! json` and editors. Invariants: the code is in [`crate::codes::CODES`]; the message is one lower-case
//! sentence without a full stop; a label whose span is the primary span is its caption.

use flow_ir::Span;
use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something worth knowing.
    Note,
    /// The program runs, but perhaps does not do what is meant.
    Warning,
    /// The program does not run.
    Error,
}

impl Severity {
    /// The word in front of a rendered diagnostic.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// A caption under a place of the program.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What to know about it; may be empty to underline only.
    pub text: String,
}

/// An edit that repairs the program.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fix {
    /// The edit in words or as the repaired text, as shown after `= fix:`.
    pub title: String,
    /// What to replace; empty to insert.
    pub span: Span,
    /// What to put there.
    pub replacement: String,
}

/// One finding about a program.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnostic {
    /// The number users look up, such as `F2001`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// The place to point at first.
    pub span: Span,
    /// Captions; one for `span` itself has the same span.
    pub labels: Vec<Label>,
    /// What else the compiler knows, one line each (a line may hold line breaks).
    pub notes: Vec<String>,
    /// Repairs in words.
    pub help: Vec<String>,
    /// Repairs that a tool can apply.
    pub fixes: Vec<Fix>,
}

impl Diagnostic {
    /// An error at `span` without captions, notes or repairs yet.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, span, message)
    }

    /// A warning at `span`.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, span, message)
    }

    /// Something worth knowing at `span`.
    pub fn remark(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, span, message)
    }

    fn new(severity: Severity, code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Diagnostic {
            code,
            severity,
            message: message.into(),
            span,
            labels: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
            fixes: Vec::new(),
        }
    }

    /// Adds a caption under `span`.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Adds the caption under the primary span.
    #[must_use]
    pub fn caption(self, text: impl Into<String>) -> Self {
        let span = self.span;
        self.label(span, text)
    }

    /// Adds a line of knowledge.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds a repair in words.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Adds a repair as an edit.
    #[must_use]
    pub fn fix(mut self, title: impl Into<String>, span: Span, replacement: impl Into<String>) -> Self {
        self.fixes.push(Fix { title: title.into(), span, replacement: replacement.into() });
        self
    }
}

/// A syntax error of the grammar crate as a diagnostic.
pub fn from_syntax(error: flow_grammar::SyntaxError) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(error.code, span(error.span), error.message);
    for (place, text) in error.labels {
        diagnostic = diagnostic.label(span(place), text);
    }
    diagnostic.notes = error.notes;
    if let Some(fix) = error.fix {
        let title = match (fix.replacement.trim(), fix.span.is_empty()) {
            ("", _) => "remove this".to_owned(),
            (text, true) => format!("insert `{text}`"),
            (text, false) => text.to_owned(),
        };
        diagnostic = diagnostic.fix(title, span(fix.span), fix.replacement);
    }
    diagnostic
}

/// A span of the syntax tree as plans and diagnostics hold it.
pub(crate) fn span(span: flow_grammar::Span) -> Span {
    Span { file: 0, start: span.start, end: span.end }
}
