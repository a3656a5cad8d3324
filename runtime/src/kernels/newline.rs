//! Row ends and quote parity for the reader, which cuts files into chunks of whole rows.
//!
//! Quotes toggle wherever they stand, also in rows that turn out to be broken, so that the state
//! at any place of a file follows from the number of quotes before it.

use memchr::{memchr, memchr2};

/// How many bytes equal `quote`.
pub fn count_quotes(bytes: &[u8], quote: u8) -> u64 {
    memchr::memchr_iter(quote, bytes).count() as u64
}

/// One past the newline that ends the row that `from` lies in; `in_quotes` is the state before
/// the byte at `from`. `None` when no newline outside quotes follows.
pub fn row_end(bytes: &[u8], from: usize, quote: Option<u8>, in_quotes: bool) -> Option<usize> {
    let mut at = from;
    let mut inside = in_quotes;
    let Some(quote) = quote else {
        return Some(at + memchr(b'\n', bytes.get(at..)?)? + 1);
    };
    loop {
        let rest = bytes.get(at..)?;
        if inside {
            at += memchr(quote, rest)? + 1;
            inside = false;
            continue;
        }
        let found = memchr2(quote, b'\n', rest)?;
        at += found + 1;
        if rest.get(found) == Some(&b'\n') {
            return Some(at);
        }
        inside = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow_row_end(bytes: &[u8], from: usize, quote: Option<u8>, mut inside: bool) -> Option<usize> {
        for (i, &b) in bytes.iter().enumerate().skip(from) {
            if Some(b) == quote {
                inside = !inside;
            } else if b == b'\n' && !inside {
                return Some(i + 1);
            }
        }
        None
    }

    #[test]
    fn row_ends_are_newlines_outside_quotes() {
        let text = b"a,\"b\nc\"\n\"\"\"\n\"x\n\n";
        for from in 0..=text.len() + 1 {
            for quote in [None, Some(b'"')] {
                for inside in [false, quote.is_some()] {
                    assert_eq!(row_end(text, from, quote, inside), slow_row_end(text, from, quote, inside));
                }
            }
        }
    }

    #[test]
    fn quotes_are_counted() {
        let text: Vec<u8> = (0..1000u32).map(|i| if i % 7 == 0 { b'"' } else { b'x' }).collect();
        for from in 0..70 {
            let slow = text[from..].iter().filter(|&&b| b == b'"').count() as u64;
            assert_eq!(count_quotes(&text[from..], b'"'), slow);
        }
        assert_eq!(count_quotes(b"", b'"'), 0);
    }
}
