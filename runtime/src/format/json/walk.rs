//! Checks a row by its tokens and finds the columns in it, for rows of no known shape.
//!
//! The tokens already tell strings from what is between them, so that the grammar, the literals
//! and the keys that lead to columns are all that is left to look at. What this walk accepts is
//! right JSON, given that the contents of its strings are; what it does not accept goes to the
//! complete check, which also finds the words for it.

use super::paths::{Paths, Slot};
use super::syntax::{DEPTH_MAX, ends_literal};
use super::unescape::string_text;
use crate::kernels::structural_match::{IS_STRING, MAY_ESCAPE};

/// A row as its tokens.
pub(crate) struct RowTokens<'a> {
    /// The kinds of its tokens, the line end included.
    pub(crate) kinds: &'a [u8],
    /// Where they start.
    pub(crate) starts: &'a [u32],
    /// The buffer they are in.
    pub(crate) buffer: &'a [u8],
    /// Whether it may hold escapes.
    pub(crate) escapes: bool,
}

/// No node of the paths: nothing below is wanted.
const NOWHERE: usize = usize::MAX;

/// An open container.
#[derive(Clone, Copy)]
struct Open {
    object: bool,
    /// The node of the paths that it is the value of.
    node: usize,
    start: u32,
}

/// Finds the slots of a row. Returns a hash of the kinds of its tokens, or `None` if the row is
/// wrong or too unusual to tell.
pub(crate) fn walk(paths: &Paths, row: &RowTokens<'_>, slots: &mut [u64]) -> Option<u64> {
    slots.fill(Slot::ABSENT.0);
    if row.kinds.first() != Some(&b'{') {
        return None;
    }
    let mut open: Vec<Open> = Vec::with_capacity(8);
    let mut hash = 0u64;
    let (mut at, mut node) = (0, 0);
    loop {
        let kind = *row.kinds.get(at)?;
        let start = *row.starts.get(at)?;
        let class = row.value(kind, start, *row.starts.get(at + 1)?, paths, node, slots)?;
        hash = mix(hash, class);
        at += 1;
        if matches!(kind, b'{' | b'[') {
            if open.len() == DEPTH_MAX {
                return None;
            }
            let object = kind == b'{';
            open.push(Open { object, node, start });
            if *row.kinds.get(at)? != if object { b'}' } else { b']' } {
                node = if object { row.key(&mut at, paths, node)? } else { NOWHERE };
                continue;
            }
        }
        // A value is complete: close containers until one goes on.
        loop {
            let kind = *row.kinds.get(at)?;
            let Some(inner) = open.last() else {
                return (kind == b'\n' && at + 1 == row.kinds.len()).then_some(hash);
            };
            hash = mix(hash, kind);
            let start = *row.starts.get(at)?;
            at += 1;
            if kind == b',' {
                node = if inner.object { row.key(&mut at, paths, inner.node)? } else { NOWHERE };
                break;
            }
            if kind != if inner.object { b'}' } else { b']' } {
                return None;
            }
            if inner.node != NOWHERE {
                for column in &paths.node(inner.node).columns {
                    slots[*column] = u64::from(inner.start) | u64::from(start + 1) << 32;
                }
            }
            open.pop();
        }
    }
}

fn mix(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
}

impl RowTokens<'_> {
    /// Looks at a value that starts at `start` and ends before `next`, and notes it for the
    /// columns at `node`; containers are noted when they end. Returns what kind of value it is.
    #[inline(always)]
    fn value(
        &self,
        kind: u8,
        start: u32,
        next: u32,
        paths: &Paths,
        node: usize,
        slots: &mut [u64],
    ) -> Option<u8> {
        let mut class = kind;
        let mut slot = u64::from(start);
        match kind {
            b'{' | b'[' => {}
            b'"' => {
                if node != NOWHERE {
                    let end = self.string_end(start, next);
                    slot |= IS_STRING | end << 32 | if self.escapes { MAY_ESCAPE } else { 0 };
                }
            }
            b'}' | b']' | b':' | b',' | b'\n' => return None,
            _ => {
                if !is_literal(self.buffer.get(start as usize..)?) {
                    return None;
                }
                // A literal and a string are the same to a shape.
                class = b'"';
                slot |= u64::from(next) << 32;
            }
        }
        if node != NOWHERE {
            let node = paths.node(node);
            for column in &node.columns {
                slots[*column] = slot;
            }
            for column in &node.below {
                slots[*column] = if kind == b'{' { Slot::ABSENT } else { Slot::inside(start as usize) }.0;
            }
        }
        Some(class)
    }

    /// Passes the key at `at` and its colon. Returns the node for its value.
    #[inline(always)]
    fn key(&self, at: &mut usize, paths: &Paths, node: usize) -> Option<usize> {
        let [b'"', b':'] = self.kinds.get(*at..*at + 2)? else { return None };
        let (start, colon) = (*self.starts.get(*at)?, *self.starts.get(*at + 1)?);
        *at += 2;
        if node == NOWHERE || paths.node(node).children.is_empty() {
            return Some(NOWHERE);
        }
        let literal = self.buffer.get(start as usize..self.string_end(start, colon) as usize)?;
        let child = if self.escapes {
            paths.child(node, &string_text(literal))
        } else {
            paths.child(node, literal.get(1..literal.len() - 1)?)
        };
        Some(child.unwrap_or(NOWHERE))
    }

    /// One past the closing quote of the string that starts at `start`; only white space is between
    /// it and `next`.
    #[inline(always)]
    fn string_end(&self, start: u32, next: u32) -> u64 {
        let mut end = next;
        while end > start + 2 && self.buffer.get(end as usize - 1) != Some(&b'"') {
            end -= 1;
        }
        u64::from(end)
    }
}

/// Whether a right literal starts here, in a buffer that goes on after it.
fn is_literal(text: &[u8]) -> bool {
    let word = match text {
        [b't', b'r', b'u', b'e', ..] | [b'n', b'u', b'l', b'l', ..] => 4,
        [b'f', b'a', b'l', b's', b'e', ..] => 5,
        _ => 0,
    };
    if word > 0 {
        return text.get(word).is_some_and(|b| ends_literal(*b));
    }
    let digits = |at: &mut usize| {
        let from = *at;
        while text.get(*at).is_some_and(u8::is_ascii_digit) {
            *at += 1;
        }
        *at - from
    };
    let mut at = usize::from(text.first() == Some(&b'-'));
    let first = text.get(at);
    let whole = digits(&mut at);
    if whole == 0 || (whole > 1 && first == Some(&b'0')) {
        return false;
    }
    if text.get(at) == Some(&b'.') {
        at += 1;
        if digits(&mut at) == 0 {
            return false;
        }
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(text.get(at), Some(b'+' | b'-')));
        if digits(&mut at) == 0 {
            return false;
        }
    }
    text.get(at).is_some_and(|b| ends_literal(*b))
}
