//! UTF-8 validation for scanners.
//!
//! Most text that is not ASCII is mostly ASCII with some two-byte letters; the vector path checks
//! just that and leaves everything from the first longer character on to the general validator.

use crate::kernels::level::SimdLevel;
#[cfg(target_arch = "x86_64")]
use crate::kernels::{level::Instructions, utf8_avx512};

/// Whether the bytes are UTF-8.
pub fn is_utf8(level: SimdLevel, bytes: &[u8]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if level.instructions() >= Instructions::Avx512 {
        let rest = match utf8_avx512::short_letters(level, bytes) {
            Ok(at) => bytes.get(at..).unwrap_or_default(),
            Err(()) => return false,
        };
        return simdutf8::basic::from_utf8(rest).is_ok();
    }
    let _ = level;
    simdutf8::basic::from_utf8(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_agrees_with_the_standard_library() {
        let pieces: [&[u8]; 16] = [
            b"a",
            b"plain text of some length",
            "é".as_bytes(),
            "ü".as_bytes(),
            "€".as_bytes(),
            "😀".as_bytes(),
            b"\xc3",
            b"\x80",
            b"\xc0\x80",
            b"\xc1\xbf",
            b"\xed\xa0\x80",
            b"\xe2\x82",
            b"\xf5\x80\x80\x80",
            b"\xff",
            b"0123456789",
            b"",
        ];
        let mut seed = 0x5555_1234_9876_abcdu64;
        let mut below = |limit: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed >> 33) as usize % limit
        };
        for round in 0..40_000 {
            let mut text = vec![b'x'; below(70)];
            let choices = [4, 4, 6, 16][round % 4];
            for _ in 0..below(120) {
                text.extend_from_slice(pieces[below(choices)]);
            }
            if round % 3 == 0 && !text.is_empty() {
                let at = below(text.len());
                text[at] = [0x80, 0xc3, 0xff, b'a', 0xc1, 0xe2][below(6)];
            }
            let expected = std::str::from_utf8(&text).is_ok();
            for level in SimdLevel::available() {
                assert_eq!(
                    is_utf8(level, &text),
                    expected,
                    "{level:?} {:?}",
                    text.escape_ascii().to_string()
                );
            }
        }
    }
}
