//! The syntax tree: what a program says, with the place of every part, before any name has a meaning.
//! `build_ast` makes it, `format` prints it, the compiler resolves and checks it.
//!
//! Invariants: every span lies in the source; names are stored without their back-quotes; no tree is deeper
//! than [`DEPTH_MAX`](crate::DEPTH_MAX) expressions, so recursive visitors are safe. After a syntax error
//! the tree holds `Error` nodes in the places that could not be read.

mod dump;
pub mod expr;
pub mod item;
pub mod pipeline;

pub use expr::*;
pub use item::*;
pub use pipeline::*;

use crate::span::Span;

/// A whole source file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// Declarations and pipelines in source order.
    pub items: Vec<Item>,
    /// Every comment in source order, `##` ones included.
    pub comments: Vec<Comment>,
}

/// A `# ...` comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// From the `#` to the end of the line, without the line break.
    pub span: Span,
    /// The text with its leading `#`, without trailing blanks.
    pub text: String,
    /// True if nothing but blanks stands before it on its line.
    pub own_line: bool,
}

/// Documentation: the `##` lines directly above an item or field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doc {
    /// The lines without `##` and one following blank, joined by newlines.
    pub text: String,
    /// From the first `##` to the end of the last line.
    pub span: Span,
}

/// A single identifier.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// The identifier, without back-quotes.
    pub text: String,
    /// Where it stands, with its back-quotes.
    pub span: Span,
}

/// A dotted name: `address.city`, `fec.Contribution`, `std.geo`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// At least one name.
    pub names: Vec<Name>,
    /// All of it.
    pub span: Span,
}

impl Path {
    /// The only name, if there is just one.
    pub fn as_single(&self) -> Option<&Name> {
        match self.names.as_slice() {
            [name] => Some(name),
            _ => None,
        }
    }

    /// The last name, which a record entry is called by.
    pub fn last(&self) -> Option<&Name> {
        self.names.last()
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, name) in self.names.iter().enumerate() {
            if position > 0 {
                f.write_str(".")?;
            }
            f.write_str(&name.text)?;
        }
        Ok(())
    }
}

/// A plain `"..."` string where an expression would not make sense: a message, a test name, a file to import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrLit {
    /// The text with its escapes resolved.
    pub value: String,
    /// Where it stands, with its quotes.
    pub span: Span,
}
