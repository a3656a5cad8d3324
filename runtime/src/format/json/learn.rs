//! Learns the shape of a row: the kinds of its tokens, its keys, and where the columns are.

use super::paths::Paths;
use super::unescape::string_text;
use crate::kernels::structural_match::Shape;

/// The most tokens a row may have for its shape to be kept.
const TOKENS_MAX: usize = 4096;

/// The shape of a row that is known to be right, from its tokens with the line end, or `None` for
/// rows too long to be worth it.
pub(crate) fn learn(
    paths: &Paths,
    columns: usize,
    kinds: &[u8],
    starts: &[u32],
    buffer: &[u8],
) -> Option<Shape> {
    if kinds.len() > TOKENS_MAX {
        return None;
    }
    let mut learner = Learner { paths, kinds, starts, buffer, shape: Shape::new(kinds, columns) };
    learner.value(0, Some(0))?;
    Some(learner.shape)
}

struct Learner<'a> {
    paths: &'a Paths,
    kinds: &'a [u8],
    starts: &'a [u32],
    buffer: &'a [u8],
    shape: Shape,
}

impl Learner<'_> {
    /// Passes the value at a token, which is what the node of the paths stands for, if any is.
    /// Returns the token after it. Nesting is bounded: the row has been checked.
    fn value(&mut self, token: usize, node: Option<usize>) -> Option<usize> {
        let kind = *self.kinds.get(token)?;
        let here = node.map(|n| self.paths.node(n));
        for &column in here.iter().flat_map(|n| &n.below) {
            if kind == b'{' {
                self.shape.column_absent(column);
            } else {
                self.shape.column_inside(column, token);
            }
        }
        let end = match kind {
            b'{' => self.object(token, node)?,
            b'[' => self.list(token)?,
            b'}' | b']' | b':' | b',' | b'\n' => return None,
            _ => {
                self.shape.value(token);
                token + 1
            }
        };
        for &column in here.iter().flat_map(|n| &n.columns) {
            self.shape.column(column, token, end);
        }
        Some(end)
    }

    fn object(&mut self, token: usize, node: Option<usize>) -> Option<usize> {
        let mut at = token + 1;
        if self.kinds.get(at) == Some(&b'}') {
            return Some(at + 1);
        }
        loop {
            let start = *self.starts.get(at)? as usize;
            // From the opening quote up to the colon stand the key and white space.
            let colon = *self.starts.get(at + 1)? as usize;
            let text = self.buffer.get(start..colon)?;
            let text = &text[..=memchr::memrchr(b'"', text)?];
            self.shape.key(at, text);
            let child = node.and_then(|n| self.paths.child(n, &string_text(text)));
            at = self.value(at + 2, child)?;
            match self.kinds.get(at)? {
                b',' => at += 1,
                _ => return Some(at + 1),
            }
        }
    }

    fn list(&mut self, token: usize) -> Option<usize> {
        let mut at = token + 1;
        if self.kinds.get(at) == Some(&b']') {
            return Some(at + 1);
        }
        loop {
            at = self.value(at, None)?;
            match self.kinds.get(at)? {
                b',' => at += 1,
                _ => return Some(at + 1),
            }
        }
    }
}
