//! Makes a failing case small: whatever can be left out while it still fails is left out.
//!
//! It works on text with brackets, commas and lines, and knows nothing of the language: what no longer
//! compiles does not fail in the same way, and is not taken.

use crate::program::Case;
use std::ops::Range;
use std::time::{Duration, Instant};

/// A change of a text: what stands in a range is replaced.
struct Edit {
    range: Range<usize>,
    with: String,
}

/// The smallest case found in some time for which `fails` holds.
pub(crate) fn shrunk(case: &Case, fails: &dyn Fn(&Case) -> bool, time: Duration) -> Case {
    let end = Instant::now() + time;
    let mut best = case.clone();
    loop {
        let before = (best.text.len(), size(&best));
        best = smaller_files(best, fails, end);
        best = smaller_text(best, fails, end);
        if (best.text.len(), size(&best)) == before || Instant::now() > end {
            return best;
        }
    }
}

fn size(case: &Case) -> usize {
    case.files.iter().map(|f| f.1.len()).sum()
}

fn smaller_text(mut best: Case, fails: &dyn Fn(&Case) -> bool, end: Instant) -> Case {
    loop {
        let mut edits = edits(&best.text);
        edits.sort_by_key(|e| e.with.len() as isize - e.range.len() as isize);
        let mut smaller = None;
        for edit in edits {
            if Instant::now() > end {
                return best;
            }
            let mut candidate = best.clone();
            candidate.text.replace_range(edit.range, &edit.with);
            if candidate.text.len() < best.text.len() && fails(&candidate) {
                smaller = Some(candidate);
                break;
            }
        }
        match smaller {
            Some(s) => best = s,
            None => return best,
        }
    }
}

fn smaller_files(mut best: Case, fails: &dyn Fn(&Case) -> bool, end: Instant) -> Case {
    for i in 0..best.files.len() {
        let mut part = best.files[i].1.split_inclusive(|b| *b == b'\n').count();
        while part > 0 {
            let mut at = 0;
            loop {
                let lines: Vec<Vec<u8>> =
                    best.files[i].1.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
                if at >= lines.len() || Instant::now() > end {
                    break;
                }
                let mut candidate = best.clone();
                let stop = (at + part).min(lines.len());
                candidate.files[i].1 = [&lines[..at], &lines[stop..]].concat().concat();
                if fails(&candidate) {
                    best = candidate;
                } else {
                    at += part;
                }
            }
            part /= 2;
        }
    }
    best
}

/// Everything that may be tried.
fn edits(text: &str) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut remove = |range: Range<usize>| edits.push(Edit { range, with: String::new() });
    // Definitions and pipelines, then lines.
    let mut start = 0;
    for block in text.split_inclusive("\n\n") {
        remove(start..start + block.len());
        start += block.len();
    }
    start = 0;
    for line in text.split_inclusive('\n') {
        remove(start..start + line.len());
        start += line.len();
    }
    for group in groups(text) {
        let inner = group.start + 1..group.end - 1;
        let pieces = pieces(text, inner.clone(), b',');
        for (i, piece) in pieces.iter().enumerate() {
            let end = pieces.get(i + 1).map_or(inner.end, |next| next.start);
            let start = if i + 1 == pieces.len() && i > 0 { piece.start - 1 } else { piece.start };
            edits.push(Edit { range: start..end, with: String::new() });
        }
        let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '$');
        let callee = text[..group.start].trim_end_matches(word).len();
        for piece in pieces {
            for unit in self::pieces(text, piece, b' ') {
                let with = text[unit].trim().to_owned();
                if !with.is_empty() {
                    edits.push(Edit { range: callee..group.end, with: with.clone() });
                    edits.push(Edit { range: group.clone(), with });
                }
            }
        }
        for with in ["1", "\"\"", "true", "0.0"] {
            edits.push(Edit { range: callee..group.end, with: with.to_owned() });
        }
    }
    edits
}

/// The places of all bracketed parts, inside of texts too: f-strings hold expressions.
fn groups(text: &str) -> Vec<Range<usize>> {
    let (mut open, mut groups) = (Vec::new(), Vec::new());
    for (at, c) in text.bytes().enumerate() {
        match c {
            b'(' | b'[' | b'{' => open.push((at, c)),
            b')' | b']' | b'}' => {
                let Some((start, opener)) = open.pop() else { continue };
                if matches!((opener, c), (b'(', b')') | (b'[', b']') | (b'{', b'}')) {
                    groups.push(start..at + 1);
                }
            }
            _ => {}
        }
    }
    groups
}

/// A range in pieces at the separators that are inside of no bracket; each piece but the first begins behind one.
fn pieces(text: &str, range: Range<usize>, separator: u8) -> Vec<Range<usize>> {
    let (mut depth, mut start, mut all) = (0usize, range.start, Vec::new());
    for (at, c) in text.bytes().enumerate().take(range.end).skip(range.start) {
        match c {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            c if c == separator && depth == 0 => {
                all.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
    }
    all.push(start..range.end);
    all
}
