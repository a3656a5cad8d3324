//! What strings with escapes stand for. Their escapes are known to be right.

use crate::kernels::structural_match::hex4;

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
