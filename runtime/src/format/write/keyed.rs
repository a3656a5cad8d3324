//! Rows on their way into folders: pieces of a format, each with the folder it belongs to.
//!
//! Threads cut their rows by folder; the ordered sink gives every piece to the file of its folder. The
//! columns that name folders are not in the files. Invariant: the rows of a folder keep their order.

use flow_ir::source::SinkColumn;
use flow_ir::{Column, Value, text};
use std::collections::HashMap;

/// How a folder says that its key is null.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// A piece of a folder's file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    pub(crate) folder: &'a str,
    pub(crate) rows: u64,
    pub(crate) bytes: &'a [u8],
}

/// Appends a piece.
pub(super) fn push_piece(out: &mut Vec<u8>, piece: &Piece<'_>) {
    for n in [piece.folder.len() as u64, piece.rows, piece.bytes.len() as u64] {
        out.extend_from_slice(&n.to_le_bytes());
    }
    out.extend_from_slice(piece.folder.as_bytes());
    out.extend_from_slice(piece.bytes);
}

/// Takes the first piece of what [`push_piece`] wrote.
pub(crate) fn next_piece<'a>(bytes: &mut &'a [u8]) -> Option<Piece<'a>> {
    let mut number = || {
        let (first, rest) = bytes.split_first_chunk::<8>()?;
        *bytes = rest;
        usize::try_from(u64::from_le_bytes(*first)).ok()
    };
    let (name, rows, length) = (number()?, number()?, number()?);
    let (folder, rest) = bytes.split_at_checked(name)?;
    let (piece, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    Some(Piece { folder: std::str::from_utf8(folder).ok()?, rows: rows as u64, bytes: piece })
}

/// The folders of rows, in the order in which they first occur, with their rows.
pub(super) fn by_folder(about: &[&SinkColumn], columns: &[&Column], rows: usize) -> Vec<(String, Vec<u32>)> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut folders: Vec<(String, Vec<u32>)> = Vec::new();
    let mut name = String::new();
    for row in 0..rows {
        name.clear();
        for (i, (about, column)) in about.iter().zip(columns).enumerate() {
            name.push_str(if i > 0 { "/" } else { "" });
            push_folder(&mut name, about, &column.value(row, &about.ty.kind).unwrap_or(Value::Null));
        }
        let at = match places.get(&name) {
            Some(at) => *at,
            None => {
                places.insert(name.clone(), folders.len());
                folders.push((name.clone(), Vec::new()));
                folders.len() - 1
            }
        };
        folders[at].1.push(row as u32);
    }
    folders
}

fn push_folder(out: &mut String, about: &SinkColumn, value: &Value) {
    push_encoded(out, &about.path.join("."));
    out.push('=');
    if value.is_null() {
        return out.push_str(NULL);
    }
    let mut text = String::new();
    text::push_value(&mut text, value, &about.ty.kind);
    match text == NULL {
        true => out.push_str(&text.replacen('_', "%5F", 1)),
        false => push_encoded(out, &text),
    }
}

/// Writes `%3A` for `:` and whatever else is no part of a plain name; what begins a name of no data, too.
fn push_encoded(out: &mut String, text: &str) {
    for (i, c) in text.char_indices() {
        let first = i == 0 && (c == '.' || c == '_');
        if first || c.is_control() || "\"#%'*/:<>=?\\{}[]^|".contains(c) {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                out.push_str(&format!("%{byte:02X}"));
            }
        } else {
            out.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Piece, next_piece, push_encoded, push_piece};

    #[test]
    fn pieces_come_back_as_they_went() {
        let pieces =
            [Piece { folder: "k=1/s=é", rows: 2, bytes: b"abc" }, Piece { folder: "", rows: 0, bytes: b"" }];
        let mut bytes = Vec::new();
        pieces.iter().for_each(|p| push_piece(&mut bytes, p));
        let mut rest = bytes.as_slice();
        for piece in &pieces {
            assert_eq!(next_piece(&mut rest).as_ref(), Some(piece));
        }
        assert_eq!(next_piece(&mut rest), None);
    }

    #[test]
    fn names_of_folders_are_plain() {
        let encoded = |s: &str| {
            let mut out = String::new();
            push_encoded(&mut out, s);
            out
        };
        assert_eq!(encoded("a/b: 100%"), "a%2Fb%3A 100%25");
        assert_eq!(encoded("..\n_é"), "%2E.%0A_é");
        assert_eq!(encoded("_x"), "%5Fx");
    }
}
