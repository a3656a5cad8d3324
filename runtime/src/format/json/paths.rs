//! Where a row holds the values of the wanted columns.
//!
//! [`Paths`] is the tree of the columns' key paths. Here it is walked over rows that are known to
//! be right; the template of a row shape is built from the same walk, so that the fast and the
//! slow path agree on missing keys, on parents that are not objects, and on repeated keys, of
//! which the last one wins together with everything inside it.

use super::unescape::string_text;
use crate::kernels::structural_match::{IS_STRING, MAY_ESCAPE};
use flow_ir::source::SourceColumn;
use std::ops::Range;

/// Where a column's value stands in a buffer of less than 2 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(pub(crate) u64);

impl Slot {
    /// The row does not have the key.
    pub(crate) const ABSENT: Slot = Slot(0);

    /// The row is broken. No parent starts here.
    pub(crate) const BROKEN: Slot = Slot(MAY_ESCAPE);

    /// A value from `start` up to `end`.
    pub(crate) fn value(buffer: &[u8], start: usize, end: usize) -> Self {
        let is_string = buffer.get(start) == Some(&b'"');
        let about = if is_string { IS_STRING | MAY_ESCAPE } else { 0 };
        Slot(start as u64 | (end as u64) << 32 | about)
    }

    /// What should have been an object around the value is something else, and starts here.
    pub(crate) fn inside(parent: usize) -> Self {
        Slot(parent as u64 + 1)
    }

    /// The bytes of the value; white space may follow in them unless it is a string.
    pub(crate) fn range(self) -> Option<Range<usize>> {
        let end = (self.0 & !IS_STRING) >> 32;
        (end != 0).then_some(self.start()..end as usize)
    }

    /// The first byte of the value.
    pub(crate) fn start(self) -> usize {
        (self.0 & (MAY_ESCAPE - 1)) as usize
    }

    /// The start of what stands where an object around the value should.
    pub(crate) fn parent(self) -> Option<usize> {
        (self.0 != 0 && self.0 >> 32 == 0).then(|| (self.0 - 1) as usize)
    }
}

/// A node of the tree: one key, or the row itself.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// The keys below it that lead to columns.
    pub(crate) children: Vec<(Box<[u8]>, usize)>,
    /// The columns that are this very value.
    pub(crate) columns: Vec<usize>,
    /// The columns further below.
    pub(crate) below: Vec<usize>,
}

/// The key paths of a source's columns.
#[derive(Debug)]
pub(crate) struct Paths {
    nodes: Vec<Node>,
}

impl Paths {
    /// The tree of the paths of `columns`.
    pub(crate) fn new(columns: &[SourceColumn]) -> Self {
        let mut paths = Paths { nodes: vec![Node::default()] };
        for (index, column) in columns.iter().enumerate() {
            let mut at = 0;
            for key in &column.path {
                paths.nodes[at].below.push(index);
                at = match paths.child(at, key.as_bytes()) {
                    Some(n) => n,
                    None => {
                        let n = paths.nodes.len();
                        paths.nodes.push(Node::default());
                        paths.nodes[at].children.push((key.as_bytes().into(), n));
                        n
                    }
                };
            }
            paths.nodes[at].columns.push(index);
        }
        paths
    }

    /// A node of the tree; 0 is the row.
    pub(crate) fn node(&self, index: usize) -> &Node {
        &self.nodes[index]
    }

    /// The node of a key below another one.
    pub(crate) fn child(&self, node: usize, key: &[u8]) -> Option<usize> {
        self.nodes[node].children.iter().find(|(k, _)| **k == *key).map(|(_, n)| *n)
    }

    /// Fills `slots`, one a column, from a right JSON value that stands at `span` of `buffer`.
    pub(crate) fn locate(&self, buffer: &[u8], span: Range<usize>, slots: &mut [u64]) {
        slots.fill(Slot::ABSENT.0);
        let start = skip_space(buffer, span.start);
        self.locate_node(0, buffer, start..span.end, slots);
    }

    fn locate_node(&self, node: usize, buffer: &[u8], span: Range<usize>, slots: &mut [u64]) {
        let here = &self.nodes[node];
        for &c in &here.columns {
            slots[c] = Slot::value(buffer, span.start, span.end).0;
        }
        let is_object = buffer.get(span.start) == Some(&b'{');
        for &c in &here.below {
            slots[c] = if is_object { Slot::ABSENT } else { Slot::inside(span.start) }.0;
        }
        if is_object && !here.children.is_empty() {
            members(buffer, span.start, |key, value| {
                if let Some(child) = self.child(node, &string_text(&buffer[key])) {
                    self.locate_node(child, buffer, value, slots);
                }
            });
        }
    }
}

/// The first byte from `at` that is not white space.
pub(crate) fn skip_space(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or(&[]);
    at + rest.iter().position(|b| !super::syntax::is_space(*b)).unwrap_or(rest.len())
}

/// One past the last byte of the value that starts at `at`, in right JSON.
pub(crate) fn value_end(text: &[u8], at: usize) -> usize {
    let mut depth = 0usize;
    let mut at = at;
    while let Some(b) = text.get(at) {
        match b {
            b'"' => at = string_end(text, at),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
                continue;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => {
                at += 1;
                continue;
            }
            _ => {
                let rest = &text[at..];
                at += rest.iter().position(|b| super::syntax::ends_literal(*b)).unwrap_or(rest.len());
            }
        }
        if depth == 0 {
            break;
        }
    }
    at.min(text.len())
}

/// One past the closing quote of the string that starts at `at`, in right JSON.
fn string_end(text: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(b) = text.get(at) {
        match b {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

/// Calls `f` with the place of each key (with its quotes) and value of the object at `at`, in right JSON.
pub(crate) fn members(text: &[u8], at: usize, mut f: impl FnMut(Range<usize>, Range<usize>)) {
    let mut at = skip_space(text, at + 1);
    while text.get(at) == Some(&b'"') {
        let key = at..string_end(text, at);
        let start = skip_space(text, skip_space(text, key.end) + 1);
        let end = value_end(text, start);
        f(key, start..end);
        // Over the comma; after the last member this passes the closing brace, and no key follows.
        let next = skip_space(text, end);
        if text.get(next) != Some(&b',') {
            break;
        }
        at = skip_space(text, next + 1);
    }
}

/// Calls `f` with the place of each element of the list at `at`, in right JSON.
pub(crate) fn elements(text: &[u8], at: usize, mut f: impl FnMut(Range<usize>)) {
    let mut at = skip_space(text, at + 1);
    while text.get(at).is_some_and(|b| *b != b']') {
        let end = value_end(text, at);
        f(at..end);
        let next = skip_space(text, end);
        if text.get(next) != Some(&b',') {
            break;
        }
        at = skip_space(text, next + 1);
    }
}
