//! The formatter: every program has one form, and this prints it.
//!
//! Each stage stands on its own line behind its `|`; what fits in 100 columns stays on one line, what does not is
//! broken at its outermost brackets first, with a trailing comma. Comments stay where they are: behind the text
//! they follow, or above the text they precede.
//! Invariants: the tree stays the same, no comment is lost, and formatting twice changes nothing.

mod comments;
mod expr;
mod item;
mod layout;
mod stage;

use crate::ast::Item;
use crate::error::SyntaxError;
use crate::parse::parse_and;
use crate::span::Span;
use comments::Comments;
use layout::{Layout, render};

/// Columns that a line should not exceed.
const WIDTH: usize = 100;

/// Formats a program; a program with syntax errors is not touched.
pub fn format(source: &str) -> Result<String, Vec<SyntaxError>> {
    let (formatted, errors) = parse_and(source, 0, |program, errors| {
        let formatter = errors.is_empty().then(|| Formatter::new(source, &program.comments));
        formatter.map(|formatter| formatter.program(&program.items)).unwrap_or_default()
    });
    if errors.is_empty() { Ok(formatted) } else { Err(errors) }
}

/// Turns trees into layouts, taking comments along.
struct Formatter<'s> {
    source: &'s str,
    comments: Comments<'s>,
}

/// Something that has lines of its own at the top of a program.
struct Block {
    text: String,
    span: Span,
    comment: bool,
}

impl<'s> Formatter<'s> {
    fn new(source: &'s str, comments: &'s [crate::ast::Comment]) -> Formatter<'s> {
        Formatter { source, comments: Comments::new(source, comments) }
    }

    fn program(mut self, items: &[Item]) -> String {
        let mut blocks: Vec<Block> = Vec::new();
        for item in items {
            self.comment_blocks(item.span.start, &mut blocks);
            let body = self.item(item);
            let next_line = self.end_of_line(item.span.end);
            let trailing = self.comments.trailing(next_line);
            let text = render(&Layout::concat([body, trailing]), WIDTH);
            blocks.push(Block { text, span: item.span, comment: false });
        }
        self.comment_blocks(u32::MAX, &mut blocks);
        self.assemble(&blocks)
    }

    fn comment_blocks(&mut self, before: u32, blocks: &mut Vec<Block>) {
        for comment in self.comments.take_before(before) {
            blocks.push(Block { text: comment.text.clone(), span: comment.span, comment: true });
        }
    }

    fn end_of_line(&self, at: u32) -> u32 {
        let rest = Span::new(at, crate::span::offset(self.source.len())).text(self.source);
        at + crate::span::offset(rest.find('\n').unwrap_or(rest.len()))
    }

    /// Joins the blocks with at most one blank line between two of them: where the author left one, and around
    /// items of several lines.
    fn assemble(&self, blocks: &[Block]) -> String {
        let mut out = String::new();
        for (position, block) in blocks.iter().enumerate() {
            if let Some(previous) = position.checked_sub(1).and_then(|before| blocks.get(before)) {
                let forced = !previous.comment && (is_tall(previous) || self.leads_tall(&blocks[position..]));
                if forced || self.blank_between(previous, block) {
                    out.push('\n');
                }
            }
            out.push_str(&block.text);
            out.push('\n');
        }
        out
    }

    fn blank_between(&self, previous: &Block, next: &Block) -> bool {
        let gap = Span::new(previous.span.end, next.span.start.max(previous.span.end)).text(self.source);
        let lines: Vec<&str> = gap.split('\n').collect();
        // The first and the last part belong to the lines of the blocks themselves.
        let between = lines.get(1..lines.len().saturating_sub(1)).unwrap_or_default();
        // A comment that was moved out of an item must not become documentation of the next one.
        let moved = previous.comment && !gap.trim().is_empty();
        moved || between.iter().any(|line| line.trim().is_empty())
    }

    /// True if the first item of `blocks` has several lines and only its own comments stand in front of it.
    fn leads_tall(&self, blocks: &[Block]) -> bool {
        for pair in blocks.windows(2) {
            let [block, next] = pair else { return false };
            if !block.comment {
                return is_tall(block);
            }
            if self.blank_between(block, next) {
                return false;
            }
        }
        blocks.last().is_some_and(|block| !block.comment && is_tall(block))
    }
}

fn is_tall(block: &Block) -> bool {
    block.text.contains('\n')
}
