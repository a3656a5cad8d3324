//! Reads IR text: expressions, values and types; the plans are in `parse_logical` and `parse_physical`.
//!
//! A recursive-descent parser over the text itself, without a token list. It never panics and
//! never recurses deeper than [`EXPR_DEPTH_MAX`]. Text without spans reads as default spans. The
//! result may still be a senseless plan: that is what `verify` is for.

use crate::expr::{Expr, ExprKind, LocalId, Span};
use crate::function::Function;
use crate::logical::{ColumnId, Computed};
use crate::print::is_infix;
use crate::types::{DataType, Field, Type};
use crate::typing::default_type;
use crate::verify::EXPR_DEPTH_MAX;
use std::collections::BTreeMap;
use std::fmt;

/// Where and why a text is not IR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Byte offset in the text.
    pub offset: usize,
    /// The line, from 1.
    pub line: usize,
    /// What was expected.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for ParseError {}

pub(crate) type Parsed<T> = Result<T, ParseError>;

/// Reads an expression; `column` gives the types of the columns it may read.
pub fn parse_expr(text: &str, columns: &BTreeMap<ColumnId, DataType>) -> Result<Expr, ParseError> {
    let mut p = Parser::new(text);
    p.types.clone_from(columns);
    let expr = p.expr()?;
    p.end()?;
    Ok(expr)
}

/// A position in IR text, and the types of the columns defined before it.
pub(crate) struct Parser<'a> {
    pub(crate) text: &'a str,
    pub(crate) at: usize,
    pub(crate) depth: usize,
    pub(crate) types: BTreeMap<ColumnId, DataType>,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Parser { text, at: 0, depth: 0, types: BTreeMap::new() }
    }

    pub(crate) fn fail<T>(&self, message: impl Into<String>) -> Parsed<T> {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
        Err(ParseError { offset: self.at, line, message: message.into() })
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    pub(crate) fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    pub(crate) fn end(&mut self) -> Parsed<()> {
        self.skip_space();
        if self.rest().is_empty() { Ok(()) } else { self.fail("expected the end of the text") }
    }

    /// Whether the text goes on with `symbol`, after white space.
    pub(crate) fn sees(&mut self, symbol: &str) -> bool {
        self.skip_space();
        self.rest().starts_with(symbol)
    }

    /// Takes `symbol` if it comes next.
    pub(crate) fn eat(&mut self, symbol: &str) -> bool {
        let seen = self.sees(symbol);
        if seen {
            self.at += symbol.len();
        }
        seen
    }

    pub(crate) fn expect(&mut self, symbol: &str) -> Parsed<()> {
        if self.eat(symbol) { Ok(()) } else { self.fail(format!("expected `{symbol}`")) }
    }

    /// The identifier that comes next, without taking it; empty if there is none.
    pub(crate) fn peek_word(&mut self) -> &'a str {
        self.skip_space();
        let rest = self.rest();
        let end = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        match rest.get(..end) {
            Some(word) if !word.starts_with(|c: char| c.is_ascii_digit()) => word,
            _ => "",
        }
    }

    /// Takes a whole word if it comes next.
    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        let seen = self.peek_word() == word;
        if seen {
            self.at += word.len();
        }
        seen
    }

    pub(crate) fn expect_word(&mut self, word: &str) -> Parsed<()> {
        if self.eat_word(word) { Ok(()) } else { self.fail(format!("expected `{word}`")) }
    }

    pub(crate) fn word(&mut self) -> Parsed<&'a str> {
        let word = self.peek_word();
        if word.is_empty() {
            return self.fail("expected a word");
        }
        self.at += word.len();
        Ok(word)
    }

    /// An unsigned number of any integer type.
    pub(crate) fn number<T: std::str::FromStr>(&mut self) -> Parsed<T> {
        self.skip_space();
        let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        match self.rest().get(..digits).and_then(|d| d.parse().ok()) {
            Some(n) => {
                self.at += digits;
                Ok(n)
            }
            None => self.fail("expected a number"),
        }
    }

    /// Items between `open` and `close`, separated by commas.
    pub(crate) fn list<T>(
        &mut self,
        open: &str,
        close: &str,
        mut item: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        self.expect(open)?;
        let mut items = Vec::new();
        while !self.eat(close) {
            if !items.is_empty() {
                self.expect(",")?;
            }
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// Runs `body` one level deeper.
    pub(crate) fn deeper<T>(&mut self, body: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= EXPR_DEPTH_MAX {
            return self.fail("nested too deeply");
        }
        self.depth += 1;
        let result = body(self);
        self.depth -= 1;
        result
    }

    pub(crate) fn span(&mut self) -> Parsed<Span> {
        if !self.eat("@") {
            return Ok(Span::default());
        }
        let file = self.number()?;
        self.expect(":")?;
        let start = self.number()?;
        self.expect("..")?;
        Ok(Span { file, start, end: self.number()? })
    }

    /// The names before a `#`, if any: `a."b c"`. Gives up (and goes back) unless a `#` follows.
    pub(crate) fn path(&mut self) -> Parsed<Option<Vec<String>>> {
        let start = self.at;
        let path = self.names()?;
        if self.rest().starts_with('#') {
            return Ok(Some(path));
        }
        self.at = start;
        Ok(None)
    }

    /// Names with points between them, perhaps none.
    pub(crate) fn names(&mut self) -> Parsed<Vec<String>> {
        let mut path = Vec::new();
        loop {
            self.skip_space();
            if self.rest().starts_with('"') {
                path.push(self.string()?);
            } else {
                let word = self.peek_word();
                if word.is_empty() {
                    break;
                }
                self.at += word.len();
                path.push(word.to_owned());
            }
            if !self.rest().starts_with('.') {
                break;
            }
            self.at += 1;
        }
        Ok(path)
    }

    /// Columns separated by commas, without brackets: they end where no comma follows.
    pub(crate) fn open_list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let start = self.at;
        let seen = self.path()?.is_some();
        self.at = start;
        let mut items = Vec::new();
        while if items.is_empty() { seen } else { self.eat(",") } {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// A column id; the name before it does not count.
    pub(crate) fn column(&mut self) -> Parsed<ColumnId> {
        self.path()?;
        self.expect("#")?;
        Ok(ColumnId(self.number()?))
    }

    pub(crate) fn columns(&mut self) -> Parsed<Vec<ColumnId>> {
        self.list("[", "]", Self::column)
    }

    pub(crate) fn computed(&mut self) -> Parsed<Computed> {
        let id = self.column()?;
        self.expect("=")?;
        Ok(Computed { id, expr: self.expr()? })
    }

    pub(crate) fn expr(&mut self) -> Parsed<Expr> {
        self.deeper(|p| {
            let (kind, names) = p.form()?;
            let ty = match p.eat(":") {
                true => Some(p.ty()?),
                false => p.predict(&kind, names),
            };
            let Some(ty) = ty else { return p.fail("expected `:` and a type") };
            Ok(Expr { kind, ty, span: p.span()? })
        })
    }

    /// The type the printer would have left out.
    fn predict(&self, kind: &ExprKind, names: Vec<String>) -> Option<DataType> {
        match kind {
            ExprKind::Record(items) => {
                let fields = names.into_iter().zip(items).map(|(name, x)| Field { name, ty: x.ty.clone() });
                Some(DataType::required(Type::Record(fields.collect())))
            }
            ExprKind::Column(id) => default_type(kind, self.types.get(id)),
            _ => default_type(kind, None),
        }
    }

    /// An expression without its type, and a record's field names.
    fn form(&mut self) -> Parsed<(ExprKind, Vec<String>)> {
        let plain = |kind| Ok((kind, Vec::new()));
        if self.path()?.is_some() {
            self.expect("#")?;
            return plain(ExprKind::Column(ColumnId(self.number()?)));
        }
        self.skip_space();
        match self.rest().chars().next() {
            Some('$') => plain(ExprKind::Local(self.local()?)),
            Some('(') => {
                self.at += 1;
                let kind = self.parenthesised()?;
                self.expect(")")?;
                plain(kind)
            }
            Some('[') => plain(ExprKind::List(self.list("[", "]", Self::expr)?)),
            Some('{') => {
                let fields = self.list("{", "}", |p| {
                    let name = p.name()?;
                    p.expect(":")?;
                    Ok((name, p.expr()?))
                })?;
                let (names, items) = fields.into_iter().unzip();
                Ok((ExprKind::Record(items), names))
            }
            Some('`') => plain(self.call()?),
            Some(c) if c.is_ascii_alphabetic() && !self.at_word_literal() => plain(self.call()?),
            _ => plain(ExprKind::Literal(self.value()?)),
        }
    }

    /// Whether the word that comes next is a literal (`null`, `r"..."`) and not a function's name.
    fn at_word_literal(&mut self) -> bool {
        let word = self.peek_word();
        let after = self.rest().get(word.len()..).unwrap_or("");
        matches!(word, "null" | "true" | "false" | "nan" | "inf")
            || (matches!(word, "r" | "b") && after.starts_with('"'))
    }

    fn local(&mut self) -> Parsed<LocalId> {
        self.expect("$")?;
        Ok(LocalId(self.number()?))
    }

    /// What stands between parentheses: `a op b`, `if`, `let`, a lambda.
    fn parenthesised(&mut self) -> Parsed<ExprKind> {
        if self.sees("|") {
            let parameters = self.list("|", "|", Self::local)?;
            return Ok(ExprKind::Lambda { parameters, body: Box::new(self.expr()?) });
        }
        // A column may be called `if`: then a `#` follows, and the word is no keyword.
        if self.path()?.is_none() {
            if self.eat_word("if") {
                let condition = Box::new(self.expr()?);
                self.expect_word("then")?;
                let then = Box::new(self.expr()?);
                self.expect_word("else")?;
                return Ok(ExprKind::If { condition, then, otherwise: Box::new(self.expr()?) });
            }
            if self.eat_word("let") {
                let local = self.local()?;
                self.expect("=")?;
                let value = Box::new(self.expr()?);
                self.expect_word("then")?;
                return Ok(ExprKind::Let { local, value, body: Box::new(self.expr()?) });
            }
        }
        self.infix()
    }

    fn infix(&mut self) -> Parsed<ExprKind> {
        // The names of a leading column have been taken; its `#` comes next, which also is a column.
        let a = self.expr()?;
        self.skip_space();
        let end = self.rest().find(|c: char| c.is_whitespace()).unwrap_or(self.rest().len());
        let operator = self.rest().get(..end).unwrap_or("");
        self.at += operator.len();
        let b = self.expr()?;
        Ok(match operator {
            "and" => ExprKind::And(Box::new(a), Box::new(b)),
            "or" => ExprKind::Or(Box::new(a), Box::new(b)),
            "??" => ExprKind::Coalesce(Box::new(a), Box::new(b)),
            "same" => ExprKind::Same(Box::new(a), Box::new(b)),
            name => match Function::from_name(name) {
                Some(function) if is_infix(function) => ExprKind::Call { function, arguments: vec![a, b] },
                _ => return self.fail(format!("`{name}` is not an operator")),
            },
        })
    }

    fn call(&mut self) -> Parsed<ExprKind> {
        let name = if self.eat("`") {
            let end = self.rest().find('`').unwrap_or(0);
            let name = self.rest().get(..end).unwrap_or("");
            self.at += end;
            self.expect("`")?;
            name
        } else {
            self.word()?
        };
        if name == "field" {
            self.expect("(")?;
            let record = Box::new(self.expr()?);
            self.expect(",")?;
            let index = self.number()?;
            self.expect(")")?;
            return Ok(ExprKind::Field(record, index));
        }
        let mut arguments = self.list("(", ")", Self::expr)?;
        if matches!(name, "is_null" | "try") {
            let (Some(a), true) = (arguments.pop(), arguments.is_empty()) else {
                return self.fail(format!("`{name}` takes one argument"));
            };
            let a = Box::new(a);
            return Ok(if name == "try" { ExprKind::Try(a) } else { ExprKind::IsNull(a) });
        }
        match Function::from_name(name) {
            Some(function) => Ok(ExprKind::Call { function, arguments }),
            None => self.fail(format!("there is no function `{name}`")),
        }
    }

    /// A plain identifier or a string.
    pub(crate) fn name(&mut self) -> Parsed<String> {
        if self.sees("\"") { self.string() } else { Ok(self.word()?.to_owned()) }
    }
}
