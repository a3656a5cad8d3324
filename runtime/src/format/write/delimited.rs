//! Rows of `csv`, `tsv` and other delimited text.

use super::scalar::Scratch;
use flow_ir::column::VALID;
use flow_ir::source::{Dialect, SinkColumn};
use flow_ir::{Column, Values};

/// Writes delimited text.
#[derive(Clone, Debug)]
pub(super) struct DelimitedWriter {
    separator: u8,
    header: bool,
    quote: Option<u8>,
    null: Vec<String>,
    /// Whether the separator or the quote can be part of a number, bool or time.
    odd: bool,
}

impl DelimitedWriter {
    pub(super) fn new(dialect: &Dialect) -> Self {
        let in_scalars = |b: u8| b.is_ascii_alphanumeric() || b"+-.:".contains(&b);
        DelimitedWriter {
            separator: dialect.separator,
            header: dialect.header,
            quote: dialect.quote,
            null: dialect.null.clone(),
            odd: in_scalars(dialect.separator)
                || dialect.quote.is_some_and(in_scalars)
                || !dialect.null.is_empty(),
        }
    }

    pub(super) fn header(&self, columns: &[SinkColumn]) -> Vec<u8> {
        let mut out = Vec::new();
        if self.header {
            for (i, column) in columns.iter().enumerate() {
                if i > 0 {
                    out.push(self.separator);
                }
                self.field(column.path.join(".").as_bytes(), &mut out);
            }
            out.push(b'\n');
        }
        out
    }

    pub(super) fn row(
        &self,
        about: &[SinkColumn],
        columns: &[&Column],
        row: usize,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) {
        for (i, (about, column)) in about.iter().zip(columns).enumerate() {
            if i > 0 {
                out.push(self.separator);
            }
            if column.status.get(row) != VALID {
                continue;
            }
            match &column.values {
                Values::Str(v) => self.field(v.bytes(row), out),
                Values::Any(_) => self.checked(column, row, about, scratch, out),
                _ if self.odd => self.checked(column, row, about, scratch, out),
                _ => scratch.text(column, row, &about.ty.kind, out),
            }
        }
        out.push(b'\n');
    }

    /// A value whose text may need quotes.
    fn checked(
        &self,
        column: &Column,
        row: usize,
        about: &SinkColumn,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) {
        let mut text = Vec::new();
        scratch.text(column, row, &about.ty.kind, &mut text);
        self.field(&text, out);
    }

    /// A text, in quotes if it would not read back as itself without them.
    fn field(&self, text: &[u8], out: &mut Vec<u8>) {
        let Some(quote) = self.quote else {
            out.extend_from_slice(text);
            return;
        };
        let special = |b: &u8| *b == self.separator || *b == quote || *b == b'\n' || *b == b'\r';
        let plain =
            !text.is_empty() && !text.iter().any(special) && !self.null.iter().any(|n| n.as_bytes() == text);
        if plain {
            out.extend_from_slice(text);
            return;
        }
        out.push(quote);
        let mut rest = text;
        while let Some(at) = memchr::memchr(quote, rest) {
            out.extend_from_slice(&rest[..=at]);
            out.push(quote);
            rest = &rest[at + 1..];
        }
        out.extend_from_slice(rest);
        out.push(quote);
    }
}
