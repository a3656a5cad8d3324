//! Changes texts and bytes at random: letters, words, lines, and pieces of other programs.

use crate::random::Random;

/// What is inserted: words and signs of the language, and numbers at the limits.
const PIECES: &[&str] = &[
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "`",
    "|",
    "||",
    "=",
    "==",
    "=>",
    "->",
    "<",
    ">",
    ",",
    ":",
    ";",
    ".",
    "..",
    "*",
    "**",
    "-",
    "!",
    "?",
    "??",
    "$",
    "@",
    "#",
    "##",
    "\n",
    "\r\n",
    "\\",
    "f\"",
    "r\"",
    "é",
    "\u{feff}",
    "\u{0}",
    "30m",
    "1e",
    "0x1",
    "@2024-13-01",
    "9223372036854775807",
    "9223372036854775808",
    "-1",
    "1e999",
    "0.1",
    "99999999999h",
    " null ",
    " from ",
    " read ",
    " let ",
    " schema T ",
    " match ",
    " if ",
    " each ",
    " not ",
    " is null ",
    " in ",
    " sort ",
    " filter ",
    " rows [",
    " pipe p {",
    " reduce ",
    " fold(",
    " window ",
    " per ",
    " frame -1..1 ",
    " join ",
    " left ",
    " full ",
    " on ",
    " as ",
    " take ",
    " skip ",
    " union ",
    " except all ",
    " sample 10% ",
    " iterate ",
    " for 3 rounds ",
    " until ",
    " try(",
    " count()",
    " sum(",
    " collect(",
    " group_by_key ",
    " into ",
    " * ",
    " write ",
    " distinct on ",
    " int ",
    " float ",
    " decimal(38, 38) ",
    " list<int> ",
    " string? ",
    " {} ",
    " [] ",
];

/// A program with a few random changes; `other` lends pieces.
pub(crate) fn text(random: &mut Random, source: &str, other: &str) -> String {
    let mut text: Vec<char> = source.chars().collect();
    for _ in 0..=random.below(3) {
        if text.is_empty() {
            text.push('x');
        }
        let at = random.below(text.len());
        let end = (at + 1 + random.below(12)).min(text.len());
        match random.below(10) {
            0 => drop(text.drain(at..end)),
            1 => {
                let piece: Vec<char> = text[at..end].to_vec();
                let target = random.below(text.len());
                text.splice(target..target, piece);
            }
            2 if random.chance(30) => text.truncate(at),
            2 | 3 => {
                let other = random.below(text.len());
                text.swap(at, other);
            }
            4 | 5 => drop(text.splice(at..at, random.pick(PIECES).chars())),
            6 => {
                let (start, end) = word(&text, at);
                let lent: Vec<char> = other.chars().collect();
                if !lent.is_empty() {
                    let (from, to) = word(&lent, random.below(lent.len()));
                    text.splice(start..end, lent[from..to].iter().copied());
                }
            }
            7 => {
                let (start, end) = word(&text, at);
                let piece = random.pick(PIECES);
                text.splice(start..end, piece.chars());
            }
            8 => {
                let lines: Vec<&str> = other.lines().collect();
                let line: Vec<char> =
                    format!("\n{}\n", random.pick(if lines.is_empty() { &[""] } else { &lines }))
                        .chars()
                        .collect();
                let start = text[..at].iter().rposition(|c| *c == '\n').unwrap_or(0);
                text.splice(start..start, line);
            }
            _ => {
                let (start, end) = word(&text, at);
                let (from, to) = word(&text, random.below(text.len()));
                let piece: Vec<char> = text[from..to].to_vec();
                text.splice(start..end, piece);
            }
        }
    }
    text.into_iter().collect()
}

/// The word, number or sign around a place.
fn word(text: &[char], at: usize) -> (usize, usize) {
    let part = |c: &char| c.is_alphanumeric() || *c == '_';
    if !text.get(at).is_some_and(part) {
        return (at, (at + 1).min(text.len()));
    }
    let start = text[..at].iter().rposition(|c| !part(c)).map_or(0, |i| i + 1);
    let end = text[at..].iter().position(|c| !part(c)).map_or(text.len(), |i| at + i);
    (start, end)
}

/// What is put into data.
const BYTES: &[&[u8]] = &[
    b",",
    b"\"",
    b"\n",
    b"\r",
    b"\r\n",
    b"\t",
    b";",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xef\xbb\xbf",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"\\",
    b"\\u",
    b"\\ud800",
    b"\\u0000",
    b"null",
    b"true",
    b"nan",
    b"inf",
    b"-",
    b"+",
    b"e",
    b"1e999",
    b"9223372036854775808",
    b"99999999999999999999999999999999999999999",
    b"0000",
    b".",
    b" ",
    b"\"\"",
    b"\n\n\n",
    b"2024-02-30",
    b"2024-01-01T25:00:00Z",
    b"-0",
    b"\x1b",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    b"{\"a\":",
    b"\xe2\x80\xa8",
];

/// Data with a few random changes.
pub(crate) fn bytes(random: &mut Random, source: &[u8]) -> Vec<u8> {
    let mut data = source.to_vec();
    for _ in 0..=random.below(4) {
        if data.is_empty() {
            data.push(b'x');
        }
        let at = random.below(data.len());
        let end = (at + 1 + random.below(20)).min(data.len());
        match random.below(8) {
            0 => data[at] = random.next() as u8,
            1 => data[at] ^= 1 << random.below(8),
            2 | 3 => drop(data.splice(at..at, random.pick(BYTES).iter().copied())),
            4 => drop(data.drain(at..end)),
            5 => {
                let piece = data[at..end].to_vec();
                let target = random.below(data.len());
                data.splice(target..target, piece);
            }
            6 if random.chance(30) => data.truncate(at),
            _ => {
                let other = random.below(data.len());
                data.swap(at, other);
            }
        }
    }
    data
}
