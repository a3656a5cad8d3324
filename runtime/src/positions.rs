//! From byte offsets to lines and columns: only computed when there is something to report.

use crate::decompress::open_text;
use std::io::{self, Read};

/// A place in a text file, both parts counted from 1. Columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineColumn {
    /// Lines up to here, this one included.
    pub line: u64,
    /// Characters of the line up to here, this one included.
    pub column: u64,
}

impl LineColumn {
    /// The place right behind `bytes`, which begin with line `first_line`.
    pub(crate) fn behind(bytes: &[u8], first_line: u64) -> Self {
        let (mut line, mut column) = (first_line, 1);
        advance(bytes, &mut line, &mut column);
        LineColumn { line, column }
    }
}

/// The places of `offsets` (ascending) in the text of the file at `path`, in one pass.
pub fn line_columns(path: &str, offsets: &[u64]) -> io::Result<Vec<LineColumn>> {
    debug_assert!(offsets.is_sorted());
    let mut reader = open_text(path)?;
    let mut found = Vec::with_capacity(offsets.len());
    let (mut at, mut line, mut column) = (0u64, 1u64, 1u64);
    let mut wanted = offsets.iter().copied().peekable();
    let mut buffer = vec![0u8; 1 << 18];
    while wanted.peek().is_some() {
        let n = reader.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        let mut from = 0;
        while from < n {
            // Up to the next wanted offset, or the end of what was read.
            let to = wanted.peek().map_or(n, |w| (w.saturating_sub(at) as usize).min(n));
            advance(&buffer[from..to.max(from)], &mut line, &mut column);
            from = to.max(from);
            while wanted.peek().is_some_and(|w| *w == at + from as u64) && from < n {
                found.push(LineColumn { line, column });
                wanted.next();
            }
            if wanted.peek().is_none() {
                return Ok(found);
            }
        }
        at += n as u64;
    }
    // Offsets at the very end of the file.
    found.extend(wanted.map(|_| LineColumn { line, column }));
    Ok(found)
}

fn advance(bytes: &[u8], line: &mut u64, column: &mut u64) {
    match memchr::memrchr(b'\n', bytes) {
        None => *column += characters(bytes),
        Some(last) => {
            *line += memchr::memchr_iter(b'\n', &bytes[..=last]).count() as u64;
            *column = 1 + characters(&bytes[last + 1..]);
        }
    }
}

fn characters(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|b| (**b & 0xC0) != 0x80).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_and_characters() {
        let path = std::env::temp_dir().join(format!("flowc-positions-{}", std::process::id()));
        std::fs::write(&path, "ab\nçd,e\n\nx").expect("write");
        let got = line_columns(&path.to_string_lossy(), &[0, 1, 3, 7, 9, 10, 11]).expect("read");
        let want = [(1, 1), (1, 2), (2, 1), (2, 4), (3, 1), (4, 1), (4, 2)];
        assert_eq!(got, want.map(|(line, column)| LineColumn { line, column }));
        std::fs::remove_file(path).expect("clean");
    }
}
