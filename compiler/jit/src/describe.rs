//! What `explain` can say about compiled expressions.

/// How a step of an expression is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepKind {
    /// A generated loop over the rows.
    NativeLoop,
    /// A library function over whole columns.
    Vector,
    /// The reference interpreter, row by row.
    Interpreter,
}

impl StepKind {
    /// The words `explain` uses.
    pub fn name(self) -> &'static str {
        match self {
            StepKind::NativeLoop => "native loop",
            StepKind::Vector => "vector",
            StepKind::Interpreter => "interpreter",
        }
    }
}

/// One step of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepDescription {
    /// How it is computed.
    pub kind: StepKind,
    /// What it computes, in IR notation.
    pub text: String,
    /// Why it is not computed in a faster way; empty for native loops.
    pub reason: String,
}

/// The text of one generated function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelText {
    /// What it computes, and for which rows: `select where #1 > 200 (valid rows)`.
    pub name: String,
    /// The Cranelift IR as it was emitted, before optimization.
    pub clif: String,
    /// The machine code in assembler notation.
    pub assembler: String,
    /// Bytes of machine code.
    pub bytes: usize,
}

impl std::fmt::Display for StepDescription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.text)?;
        if self.reason.is_empty() { Ok(()) } else { write!(f, " ({})", self.reason) }
    }
}
