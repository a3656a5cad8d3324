//! Hands out comments in order, each exactly once.
//!
//! A printer asks at the places where a line may begin. A comment that followed code on its line is printed behind
//! the line that is being written; all others get a line of their own.

use super::layout::Layout;
use crate::ast::Comment;
use crate::span::Span;

/// The comments that have not been printed yet.
pub(super) struct Comments<'s> {
    source: &'s str,
    left: &'s [Comment],
}

impl<'s> Comments<'s> {
    pub(super) fn new(source: &'s str, comments: &'s [Comment]) -> Comments<'s> {
        Comments { source, left: comments }
    }

    /// All comments that begin before `at`.
    pub(super) fn take_before(&mut self, at: u32) -> &'s [Comment] {
        let count = self.left.partition_point(|comment| comment.span.start < at);
        let (taken, left) = self.left.split_at(count);
        self.left = left;
        taken
    }

    /// True if a comment begins before `at`.
    pub(super) fn any_before(&self, at: u32) -> bool {
        self.left.first().is_some_and(|comment| comment.span.start < at)
    }

    /// The comment that belongs behind the line being written, if the next one before `at` does.
    pub(super) fn trailing(&mut self, at: u32) -> Layout {
        match self.left.split_first() {
            Some((comment, left)) if comment.span.start < at && !comment.own_line => {
                self.left = left;
                Layout::Suffix(comment.text.clone())
            }
            _ => Layout::empty(),
        }
    }

    /// The comments before `at`, each on its own line, to be printed where a line begins. A blank line behind a
    /// comment stays, and a `##` that moved gets one: otherwise it would document what follows.
    pub(super) fn leading(&mut self, at: u32) -> Layout {
        let comments = self.take_before(at);
        let mut parts = Vec::new();
        for (position, comment) in comments.iter().enumerate() {
            let next = comments.get(position + 1).map_or(at, |next| next.span.start);
            let gap = Span::new(comment.span.end, next).text(self.source);
            let moved = !gap.trim().is_empty();
            let blank = !moved && gap.bytes().filter(|&byte| byte == b'\n').count() > 1;
            parts.extend([Layout::text(comment.text.clone()), Layout::HardLine]);
            if blank || (moved && comment.text.starts_with("##")) {
                parts.push(Layout::HardLine);
            }
        }
        Layout::Concat(parts)
    }

    /// A possible line break in front of what begins at `at`, with the comments that stand there.
    pub(super) fn line(&mut self, line: Layout, at: u32) -> Layout {
        let trailing = self.trailing(at);
        let leading = self.leading(at);
        Layout::concat([trailing, line, leading])
    }

    /// The comments between the last element of a bracket and its end at `at`, on lines of their own.
    pub(super) fn before_close(&mut self, at: u32) -> Layout {
        let trailing = self.trailing(at);
        let comments = self.take_before(at).iter();
        let own_lines = comments.flat_map(|comment| [Layout::HardLine, Layout::text(comment.text.clone())]);
        Layout::concat(std::iter::once(trailing).chain(own_lines))
    }
}
