//! Turns the parser's pairs into the syntax tree.
//!
//! Second half of parsing: precedence is applied here, literals get their values, and the nodes that stand for
//! well-known mistakes become errors with a repair.
//! Invariant: total. A pair that is not what the grammar promises becomes an `Error` node, never a panic.

mod expr;
mod item;
mod literal;
mod operators;
mod record;
mod stage;

use crate::ast::{Comment, Doc, Expr, ExprKind, Name, Path, StrLit};
use crate::error::SyntaxError;
use crate::parser::{Node, Rule};
use crate::span::{Span, offset};
use pest::iterators::Pairs;

/// Builds trees from one piece of a source text.
pub(crate) struct Builder<'s> {
    /// The whole text.
    pub(crate) source: &'s str,
    /// Where the program begins in it.
    pub(crate) text_start: u32,
    /// Where the parsed piece begins in it.
    pub(crate) base: u32,
    /// All comments of the text.
    pub(crate) comments: &'s [Comment],
    /// Names of the `pipe`s that the text declares.
    pub(crate) pipes: &'s [&'s str],
    /// What was wrong so far.
    pub(crate) errors: Vec<SyntaxError>,
    /// Height of the expressions around the one being built.
    depth: usize,
}

impl<'s> Builder<'s> {
    /// A builder for pieces of `source`.
    pub(crate) fn new(source: &'s str, comments: &'s [Comment], pipes: &'s [&'s str]) -> Builder<'s> {
        Builder { source, text_start: 0, base: 0, comments, pipes, errors: Vec::new(), depth: 0 }
    }

    /// The place of a node in the whole text, without the blanks and comments that the parser skips before it
    /// finds that an optional last part is missing.
    pub(crate) fn span(&self, node: &Node<'_>) -> Span {
        let span = node.as_span();
        let start = self.base + offset(span.start());
        let mut end = self.base + offset(span.end());
        loop {
            let text = Span::new(start, end).text(self.source);
            end = start + offset(text.trim_end().len());
            let next = self.comments.partition_point(|comment| comment.span.end < end);
            match self.comments.get(next) {
                Some(comment) if comment.span.end == end && comment.span.start >= start => {
                    end = comment.span.start
                }
                _ => return Span::new(start, end),
            }
        }
    }

    pub(crate) fn error(&mut self, error: SyntaxError) {
        self.errors.push(error);
    }

    /// The identifier in `node`.
    pub(crate) fn name(&self, node: &Node<'_>) -> Name {
        let text = node.as_str();
        let bare = text.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')).unwrap_or(text);
        Name { text: bare.to_string(), span: self.span(node) }
    }

    /// The name in `node`, or an empty one where the grammar let none through.
    fn name_or_missing(&self, node: Option<Node<'_>>, near: Span) -> Name {
        match node {
            Some(node) => self.name(&node),
            None => Name { text: String::new(), span: near.after() },
        }
    }

    fn path(&self, node: Node<'_>) -> Path {
        let span = self.span(&node);
        Path { names: node.into_inner().map(|part| self.name(&part)).collect(), span }
    }

    fn path_or_missing(&self, node: Option<Node<'_>>, near: Span) -> Path {
        match node {
            Some(node) => self.path(node),
            None => Path { names: Vec::new(), span: near.after() },
        }
    }

    fn expr_or_missing(&mut self, node: Option<Node<'_>>, near: Span) -> Expr {
        match node {
            Some(node) => self.expr(node),
            None => Expr::new(ExprKind::Error, near.after()),
        }
    }

    fn str_lit(&mut self, node: Option<Node<'_>>, near: Span) -> StrLit {
        match node {
            Some(node) => {
                let span = self.span(&node);
                StrLit { value: self.string_value(&node), span }
            }
            None => StrLit { value: String::new(), span: near.after() },
        }
    }

    /// Stores a clause, or reports that it is there already.
    fn set_once<T>(&mut self, slot: &mut Option<T>, value: T, span: Span, what: &str) {
        if slot.is_some() {
            let error = SyntaxError::new("F1016", span, format!("`{what}` is given twice"))
                .label(span, "remove this one, or the one before");
            self.error(error);
        } else {
            *slot = Some(value);
        }
    }

    /// The `##` lines directly above `start`.
    fn doc_before(&self, start: u32) -> Option<Doc> {
        let end = self.comments.partition_point(|comment| comment.span.start < start);
        let mut next_start = start;
        let mut first = end;
        while let Some(comment) = first.checked_sub(1).and_then(|before| self.comments.get(before)) {
            let gap = Span::new(comment.span.end, next_start).text(self.source);
            let adjacent = gap.trim().is_empty() && gap.bytes().filter(|&byte| byte == b'\n').count() == 1;
            if !(comment.own_line && comment.text.starts_with("##") && adjacent) {
                break;
            }
            next_start = comment.span.start;
            first -= 1;
        }
        let lines = self.comments.get(first..end).filter(|lines| !lines.is_empty())?;
        let texts: Vec<&str> = lines.iter().map(|line| doc_line(&line.text)).collect();
        let span = lines.iter().fold(Span::new(next_start, next_start), |span, line| span.to(line.span));
        Some(Doc { text: texts.join("\n"), span })
    }
}

fn doc_line(comment: &str) -> &str {
    let text = comment.trim_start_matches('#');
    text.strip_prefix(' ').unwrap_or(text)
}

/// Walks over the children of a node, past punctuation and the keywords that only introduce something.
pub(crate) struct Children<'i> {
    pairs: std::iter::Peekable<Pairs<'i, Rule>>,
}

impl<'i> Children<'i> {
    /// The children of `node`.
    pub(crate) fn of(node: Node<'i>) -> Children<'i> {
        Children { pairs: node.into_inner().peekable() }
    }

    /// The rule of the next child that means something.
    pub(crate) fn peek(&mut self) -> Option<Rule> {
        while let Some(node) = self.pairs.peek() {
            if !is_noise(node.as_rule()) {
                return Some(node.as_rule());
            }
            self.pairs.next();
        }
        None
    }

    /// The next child, if it is a `rule`.
    pub(crate) fn accept(&mut self, rule: Rule) -> Option<Node<'i>> {
        if self.peek() == Some(rule) { self.pairs.next() } else { None }
    }
}

impl<'i> Iterator for Children<'i> {
    type Item = Node<'i>;

    fn next(&mut self) -> Option<Node<'i>> {
        self.peek();
        self.pairs.next()
    }
}

/// True for nodes that matter to the parser only.
fn is_noise(rule: Rule) -> bool {
    is_punctuation(rule) || is_introducing_word(rule)
}

fn is_punctuation(rule: Rule) -> bool {
    use Rule::*;
    matches!(
        rule,
        comma
            | colon
            | semicolon
            | dot
            | star
            | assign
            | equals
            | arrow
            | fat_arrow
            | less
            | greater
            | or_bar
            | open_paren
            | close_paren
            | open_bracket
            | close_bracket
            | open_brace
            | close_brace
            | EOI
    )
}

fn is_introducing_word(rule: Rule) -> bool {
    use Rule::*;
    let of_item = matches!(
        rule,
        kw_import
            | kw_schema
            | kw_param
            | kw_const
            | kw_fn
            | kw_pipe
            | kw_let
            | kw_test
            | kw_given
            | kw_expect
            | kw_read
            | kw_from
            | kw_rows
            | kw_iterate
            | kw_for
            | kw_rounds
            | kw_until
    );
    let of_stage = matches!(
        rule,
        kw_filter
            | kw_map
            | kw_flat_map
            | kw_check
            | kw_reduce
            | kw_reduce_by_key
            | kw_group_by_key
            | kw_count
            | kw_distinct
            | kw_sort
            | kw_take
            | kw_skip
            | kw_sample
            | kw_union
            | kw_intersect
            | kw_except
            | kw_join
            | kw_window
            | kw_persist
            | kw_repartition
            | kw_coalesce
            | kw_through
            | kw_write
            | kw_show
    );
    let of_clause = matches!(
        rule,
        kw_all
            | kw_as
            | kw_by
            | kw_decimal
            | kw_each
            | kw_else
            | kw_frame
            | kw_if
            | kw_in
            | kw_into
            | kw_is
            | kw_list
            | kw_match
            | kw_mode
            | kw_on
            | kw_on_error
            | kw_partition
            | kw_per
            | kw_replacement
            | kw_seed
            | kw_slots
            | kw_then
            | kw_unordered
            | kw_using
            | kw_with
    );
    of_item || of_stage || of_clause
}
