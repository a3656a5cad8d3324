//! A light pass over the text before the parser proper: tokens, comments, matching brackets.
//!
//! It exists for what a backtracking parser is bad at. It bounds nesting before any recursion happens, it
//! finds the quote or bracket that was left open, it cuts the program where items and stages begin (so that
//! one mistake costs one stage, not the file), and it keeps the comments.
//! Invariants: iterative and linear; never fails; tokens are in source order and do not overlap.

mod brackets;
mod tokens;

use crate::span::Span;
use crate::words;

pub(crate) use brackets::{Structure, structure};
pub(crate) use tokens::{Kind, Scan, Token, scan};

/// True if a new item begins at token `at`, which no bracket surrounds.
pub(crate) fn begins_item(source: &str, tokens: &[Token], at: usize) -> bool {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.span.text(source));
    let previous = at.checked_sub(1).map_or("", text);
    let first_on_line = tokens.get(at).is_some_and(|token| token.first_on_line);
    if matches!(previous, "|" | "|>" | "=" | "==") {
        return false;
    }
    if first_on_line {
        return begins_definition(source, tokens, at)
            || begins_source(source, tokens, at)
            || begins_broken_definition(source, tokens, at)
            || begins_bare_pipeline(source, tokens, at);
    }
    // On one line, `schema T { ... }` belongs to the `read` before it.
    text(at) != "schema" && begins_definition(source, tokens, at)
}

/// A definition word at the start of a line, in front of something that cannot follow a field of that name.
fn begins_broken_definition(source: &str, tokens: &[Token], at: usize) -> bool {
    let text = |ahead: usize| tokens.get(at + ahead).map_or("", |token| token.span.text(source));
    let next = tokens.get(at + 1).map(|token| token.kind);
    match text(0) {
        "let" | "const" | "param" | "fn" | "pipe" | "import" | "test" => match next {
            Some(Kind::Word) => !is_reserved_operator(text(1)) && !is_clause(text(1)) && text(1) != "not",
            Some(Kind::Quoted | Kind::Str) => true,
            _ => false,
        },
        _ => false,
    }
}

/// A dataset without its `from`, behind something that it cannot continue: `orders | filter ...`
fn begins_bare_pipeline(source: &str, tokens: &[Token], at: usize) -> bool {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.span.text(source));
    let kind = |at: usize| tokens.get(at).map(|token| token.kind);
    let name = |at: usize| matches!(kind(at), Some(Kind::Word | Kind::Quoted));
    let bar = |at: usize| matches!(text(at), "|" | "|>");
    let keyword = |word: &str| {
        [words::RESERVED, words::ITEMS, words::STAGES, words::CONTEXTUAL]
            .iter()
            .any(|list| list.contains(&word))
    };
    let path_and_bar = name(at) && (bar(at + 1) || (text(at + 1) == "." && name(at + 2) && bar(at + 3)));
    let previous = at.checked_sub(1).map_or("", text);
    let after_value = match at.checked_sub(1).and_then(kind) {
        Some(Kind::Word) => !keyword(previous) || previous == "count",
        Some(Kind::Open | Kind::Punct | Kind::Unknown) | None => false,
        Some(_) => true,
    };
    path_and_bar && after_value && !keyword(text(at))
}

/// Words that may follow a key or a name within a stage.
fn is_clause(word: &str) -> bool {
    matches!(
        word,
        "asc"
            | "desc"
            | "nulls"
            | "per"
            | "sort"
            | "as"
            | "on"
            | "expect"
            | "using"
            | "by"
            | "mode"
            | "frame"
            | "into"
    )
}

/// The words that begin a definition, each with a shape nothing else in the language has.
pub(crate) fn begins_definition(source: &str, tokens: &[Token], at: usize) -> bool {
    let kind = |ahead: usize| tokens.get(at + ahead).map(|token| token.kind);
    let text = |ahead: usize| tokens.get(at + ahead).map_or("", |token| token.span.text(source));
    if kind(0) != Some(Kind::Word) {
        return false;
    }
    let named = matches!(kind(1), Some(Kind::Word | Kind::Quoted));
    match text(0) {
        "let" | "const" => named && text(2) == "=",
        "param" => named && text(2) == ":",
        "fn" => named && text(2) == "(",
        "schema" => named && text(2) == "{",
        "pipe" => named && matches!(text(2), "{" | "("),
        "import" => kind(1) == Some(Kind::Str) || (named && text(2) == "."),
        "test" => kind(1) == Some(Kind::Str) && text(2) == "{",
        _ => false,
    }
}

/// The words that begin a pipeline, in a shape no expression has.
pub(crate) fn begins_source(source: &str, tokens: &[Token], at: usize) -> bool {
    let kind = |ahead: usize| tokens.get(at + ahead).map(|token| token.kind);
    let text = |ahead: usize| tokens.get(at + ahead).map_or("", |token| token.span.text(source));
    if kind(0) != Some(Kind::Word) {
        return false;
    }
    match text(0) {
        "read" => matches!(kind(1), Some(Kind::Str | Kind::FStart)) || text(1) == "$",
        "from" => match kind(1) {
            Some(Kind::Word) => !is_clause(text(1)) && !is_reserved_operator(text(1)),
            next => next == Some(Kind::Quoted),
        },
        "rows" => text(1) == "[" && matches!(text(2), "{" | "]"),
        _ => false,
    }
}

/// Reserved words that continue an expression instead of beginning one.
pub(crate) fn is_reserved_operator(word: &str) -> bool {
    matches!(word, "and" | "or" | "in" | "is" | "then" | "else")
}

/// The place from the beginning of token `from` to the end of the token before `to`.
pub(crate) fn token_range(tokens: &[Token], from: usize, to: usize) -> Span {
    let first = tokens.get(from).map_or(Span::at(0), |token| token.span);
    let last = to.checked_sub(1).and_then(|last| tokens.get(last)).map_or(first, |token| token.span);
    first.to(last)
}
