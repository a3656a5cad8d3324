//! Rows as JSON objects, with nested objects for columns whose names have several parts.

use super::scalar::{Scratch, json_string};
use flow_ir::Column;
use flow_ir::column::VALID;
use flow_ir::source::SinkColumn;

/// Writes objects. What stands between the values is the same in every row.
#[derive(Clone, Debug)]
pub(super) struct JsonWriter {
    row: Object,
}

/// An object that is written whole.
#[derive(Clone, Debug, Default)]
struct Object {
    /// What comes before each value, in the order of the output.
    parts: Vec<(Vec<u8>, Part)>,
    end: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Part {
    Column(usize),
    /// A record that is null if all of these columns are.
    Optional(Vec<usize>, Object),
}

/// A name and what is below it.
struct Node<'a> {
    name: &'a str,
    column: Option<usize>,
    optional: bool,
    children: Vec<Node<'a>>,
}

impl JsonWriter {
    /// Columns that share the first parts of their names share the object around them, at the
    /// place of the first of them.
    pub(super) fn new(columns: &[SinkColumn], optional: &[Vec<String>]) -> Self {
        let mut root = Vec::new();
        for (index, column) in columns.iter().enumerate() {
            insert(&mut root, &column.path, index);
        }
        optional.iter().for_each(|path| mark(&mut root, path));
        JsonWriter { row: Object::of(&root) }
    }

    pub(super) fn row(
        &self,
        about: &[SinkColumn],
        columns: &[&Column],
        row: usize,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) {
        self.row.write(about, columns, row, scratch, out);
    }
}

impl Object {
    fn of(nodes: &[Node<'_>]) -> Self {
        let mut object = Object::default();
        let mut text = Vec::new();
        object.add(nodes, &mut text);
        object.end = text;
        object
    }

    /// Adds the parts of an object; `text` is what has been written since the last value.
    fn add(&mut self, nodes: &[Node<'_>], text: &mut Vec<u8>) {
        text.push(b'{');
        for (i, node) in nodes.iter().enumerate() {
            if i > 0 {
                text.push(b',');
            }
            json_string(node.name.as_bytes(), text);
            text.push(b':');
            match node.column {
                Some(column) => self.parts.push((std::mem::take(text), Part::Column(column))),
                None if node.optional => {
                    let mut columns = Vec::new();
                    columns_of(&node.children, &mut columns);
                    let part = Part::Optional(columns, Object::of(&node.children));
                    self.parts.push((std::mem::take(text), part));
                }
                None => self.add(&node.children, text),
            }
        }
        text.push(b'}');
    }

    // The recursion is as deep as the program's records.
    fn write(
        &self,
        about: &[SinkColumn],
        columns: &[&Column],
        row: usize,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) {
        for (before, part) in &self.parts {
            out.extend_from_slice(before);
            match part {
                Part::Column(index) => {
                    if let (Some(about), Some(column)) = (about.get(*index), columns.get(*index)) {
                        scratch.json(column, row, &about.ty.kind, out);
                    }
                }
                Part::Optional(inside, object) => {
                    let null = |i: &usize| columns.get(*i).is_none_or(|c| c.status.get(row) != VALID);
                    if inside.iter().all(null) {
                        out.extend_from_slice(b"null");
                    } else {
                        object.write(about, columns, row, scratch, out);
                    }
                }
            }
        }
        out.extend_from_slice(&self.end);
    }
}

fn columns_of(nodes: &[Node<'_>], out: &mut Vec<usize>) {
    for node in nodes {
        out.extend(node.column);
        columns_of(&node.children, out);
    }
}

fn mark(nodes: &mut [Node<'_>], path: &[String]) {
    let Some((name, rest)) = path.split_first() else { return };
    let Some(node) = nodes.iter_mut().find(|n| n.name == name && n.column.is_none()) else { return };
    if rest.is_empty() {
        node.optional = true;
    } else {
        mark(&mut node.children, rest);
    }
}

fn insert<'a>(nodes: &mut Vec<Node<'a>>, path: &'a [String], column: usize) {
    let Some((name, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        nodes.push(Node { name, column: Some(column), optional: false, children: Vec::new() });
        return;
    }
    let at = nodes.iter().position(|n| n.name == name && n.column.is_none()).unwrap_or_else(|| {
        nodes.push(Node { name, column: None, optional: false, children: Vec::new() });
        nodes.len() - 1
    });
    insert(&mut nodes[at].children, rest, column);
}
