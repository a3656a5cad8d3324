//! Rows as JSON objects, with nested objects for columns whose names have several parts.

use super::scalar::{Scratch, json_string};
use flow_ir::Column;
use flow_ir::source::SinkColumn;

/// Writes objects. What stands between the values is the same in every row.
#[derive(Clone, Debug)]
pub(super) struct JsonWriter {
    /// What comes before the value of a column, in the order of the output.
    parts: Vec<(Vec<u8>, usize)>,
    end: Vec<u8>,
}

/// A name and what is below it.
struct Node<'a> {
    name: &'a str,
    column: Option<usize>,
    children: Vec<Node<'a>>,
}

impl JsonWriter {
    /// Columns that share the first parts of their names share the object around them, at the
    /// place of the first of them.
    pub(super) fn new(columns: &[SinkColumn]) -> Self {
        let mut root = Vec::new();
        for (index, column) in columns.iter().enumerate() {
            insert(&mut root, &column.path, index);
        }
        let mut writer = JsonWriter { parts: Vec::new(), end: Vec::new() };
        let mut text = Vec::new();
        writer.object(&root, &mut text);
        writer.end = text;
        writer
    }

    /// Adds the parts of an object; `text` is what has been written since the last value.
    fn object(&mut self, nodes: &[Node<'_>], text: &mut Vec<u8>) {
        text.push(b'{');
        for (i, node) in nodes.iter().enumerate() {
            if i > 0 {
                text.push(b',');
            }
            json_string(node.name.as_bytes(), text);
            text.push(b':');
            match node.column {
                Some(column) => self.parts.push((std::mem::take(text), column)),
                None => self.object(&node.children, text),
            }
        }
        text.push(b'}');
    }

    pub(super) fn row(
        &self,
        about: &[SinkColumn],
        columns: &[&Column],
        row: usize,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) {
        for (before, index) in &self.parts {
            out.extend_from_slice(before);
            if let (Some(about), Some(column)) = (about.get(*index), columns.get(*index)) {
                scratch.json(column, row, &about.ty.kind, out);
            }
        }
        out.extend_from_slice(&self.end);
    }
}

fn insert<'a>(nodes: &mut Vec<Node<'a>>, path: &'a [String], column: usize) {
    let Some((name, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        nodes.push(Node { name, column: Some(column), children: Vec::new() });
        return;
    }
    let at = nodes.iter().position(|n| n.name == name && n.column.is_none()).unwrap_or_else(|| {
        nodes.push(Node { name, column: None, children: Vec::new() });
        nodes.len() - 1
    });
    insert(&mut nodes[at].children, rest, column);
}
