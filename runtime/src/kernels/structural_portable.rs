//! [`super::structural`] and [`super::structural_match`] in ordinary registers, for machines whose
//! vector instructions nothing is written for. It defines what the others find.

use super::structural::{Blocks, Masks, STRING, Specials, emit_each, prefix_xor};
use super::structural_match::Compare;

/// The pass in ordinary registers.
pub(super) struct Portable;

/// One bit for each byte of a block that equals `byte`.
#[inline(always)]
pub(super) fn equal(block: &[u8; 64], byte: u8) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let wanted = u64::from_le_bytes([byte; 8]);
    let mut mask = 0;
    for (i, word) in block.as_chunks::<8>().0.iter().enumerate() {
        let x = u64::from_le_bytes(*word) ^ wanted;
        let zero = !(((x & LOW) + LOW) | x | LOW) >> 7;
        mask |= (zero.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i);
    }
    mask
}

/// One bit for each byte below 0x20.
#[inline(always)]
pub(super) fn control(block: &[u8; 64]) -> u64 {
    let mut mask = 0;
    for (i, word) in block.as_chunks::<8>().0.iter().enumerate() {
        // Bits 5 to 7 of such a byte are zero.
        let x = u64::from_le_bytes(*word);
        let any = (x | x << 1 | x << 2) & 0x8080_8080_8080_8080;
        let none = (any ^ 0x8080_8080_8080_8080) >> 7;
        mask |= (none.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i);
    }
    mask
}

impl Blocks for Portable {
    type Seen = u8;

    #[inline(always)]
    fn nothing() -> u8 {
        0
    }

    #[inline(always)]
    fn masks(block: &[u8; 64], seen: &mut u8) -> Masks {
        *seen |= block.iter().fold(0, |all, b| all | b);
        let folded = block.map(|b| b | 0x20);
        let quote = equal(block, b'"');
        let operator = equal(&folded, b'{')
            | equal(&folded, b'}')
            | equal(block, b',')
            | equal(block, b':')
            | equal(block, b'\n');
        let space = equal(block, b' ') | equal(block, b'\t') | equal(block, b'\r');
        let special = equal(block, b'\\') | control(block);
        Masks { quote, operator, known: operator | space | quote, special }
    }

    #[inline(always)]
    fn specials(block: &[u8; 64]) -> Specials {
        Specials { backslash: equal(block, b'\\'), newline: equal(block, b'\n') }
    }

    #[inline(always)]
    fn beyond_ascii(seen: u8) -> bool {
        seen >= 0x80
    }

    #[inline(always)]
    fn prefix_xor(bits: u64) -> u64 {
        prefix_xor(bits)
    }

    #[inline(always)]
    fn emit(block: &[u8; 64], tokens: u64, base: u32, kinds: &mut [u8; 64], starts: &mut [u32; 64]) {
        emit_each(block, tokens, base, kinds, starts);
    }
}

impl Compare for Portable {
    #[inline(always)]
    fn kinds(row: &[u8; 64], shape: &[u8; 64], values: u64) -> (u64, u64) {
        let mut differ = [0; 64];
        for ((d, a), b) in differ.iter_mut().zip(row).zip(shape) {
            *d = a ^ b;
        }
        let string = equal(row, STRING);
        let operator = |m, b: &u8| m | equal(row, *b);
        let literals = !b" \t\r\n,:[]{}".iter().fold(string, operator);
        (!equal(&differ, 0) & !(values & (literals | string)), literals)
    }

    type Differ = u8;

    #[inline(always)]
    fn none() -> u8 {
        0
    }

    #[inline(always)]
    fn key(so_far: u8, text: &[u8; 32], key: &[u8; 32], mask: &[u8; 32]) -> u8 {
        text.iter().zip(key).zip(mask).fold(so_far, |all, ((a, b), m)| all | (a ^ b) & m)
    }

    #[inline(always)]
    fn any(differ: u8) -> bool {
        differ != 0
    }

    #[inline(always)]
    fn digits(text: &[u8; 32]) -> u32 {
        text.iter().enumerate().fold(0, |m, (i, b)| m | u32::from(b.is_ascii_digit()) << i)
    }
}
