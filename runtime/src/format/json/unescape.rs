//! Escapes inside JSON strings: whether they are right, and what they stand for.
//!
//! [`check_escapes`] runs on rows of the fast path that hold a backslash; [`unescape`] on the
//! contents of strings already known to be right.

/// The four hexadecimal digits at `at`.
pub(crate) fn hex4(text: &[u8], at: usize) -> Option<u32> {
    text.get(at..at + 4)?.iter().try_fold(0u32, |n, b| Some(n << 4 | char::from(*b).to_digit(16)?))
}

/// Whether every backslash of `text` starts a right escape and every surrogate has its partner.
///
/// Backslashes outside of strings are not told apart: they cannot be part of a right literal, so
/// whoever checks the literals finds those.
pub(crate) fn check_escapes(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let used = match rest.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') => match hex4(rest, at + 2) {
                None | Some(0xDC00..=0xDFFF) => return false,
                Some(0xD800..=0xDBFF) => match (rest.get(at + 6), rest.get(at + 7), hex4(rest, at + 8)) {
                    (Some(b'\\'), Some(b'u'), Some(0xDC00..=0xDFFF)) => 12,
                    _ => return false,
                },
                Some(_) => 6,
            },
            _ => return false,
        };
        rest = rest.get(at + used..).unwrap_or(&[]);
    }
    true
}

/// Appends the text that the inside of a string literal (without its quotes) stands for.
pub(crate) fn unescape(inside: &[u8], out: &mut Vec<u8>) {
    let mut rest = inside;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(rest.get(..at).unwrap_or(&[]));
        let mut used = 2;
        match rest.get(at + 1) {
            Some(b'b') => out.push(8),
            Some(b'f') => out.push(12),
            Some(b'n') => out.push(b'\n'),
            Some(b'r') => out.push(b'\r'),
            Some(b't') => out.push(b'\t'),
            Some(b'u') => {
                used = 6;
                let mut code = hex4(rest, at + 2).unwrap_or(0xFFFD);
                if (0xD800..0xDC00).contains(&code) {
                    used = 12;
                    let low = hex4(rest, at + 8).unwrap_or(0xDC00);
                    code = 0x10000 + ((code - 0xD800) << 10) + (low.wrapping_sub(0xDC00) & 0x3FF);
                }
                let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Some(b) => out.push(*b),
            None => {}
        }
        rest = rest.get(at + used..).unwrap_or(&[]);
    }
    out.extend_from_slice(rest);
}

/// The text of a string literal with its quotes, borrowed where nothing is escaped.
pub(crate) fn string_text(literal: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    let inside = literal.get(1..literal.len().saturating_sub(1)).unwrap_or(&[]);
    if memchr::memchr(b'\\', inside).is_none() {
        return inside.into();
    }
    let mut out = Vec::with_capacity(inside.len());
    unescape(inside, &mut out);
    out.into()
}
