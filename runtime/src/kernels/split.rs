//! Splits the strings of a column at a byte, for `flat_map` over `split`.
//!
//! Invariant: the pieces of a view, in order, and the separators between them are the view.

use crate::kernels::level::SimdLevel;
#[cfg(target_arch = "x86_64")]
use crate::kernels::{level::Instructions, split_avx512};
use flow_ir::column::{View, view};
use memchr::memchr_iter;

/// Splits every view at `separator` (an ASCII byte) and appends each piece, with the index of
/// the view it comes from. Pieces may be empty, and an empty string has one.
pub fn split_each(
    level: SimdLevel,
    buffer: &[u8],
    views: &[View],
    separator: u8,
    out_rows: &mut Vec<u32>,
    out_views: &mut Vec<View>,
) {
    #[cfg(target_arch = "x86_64")]
    if level.instructions() >= Instructions::Avx512 {
        split_avx512::split_each(level, buffer, views, separator, out_rows, out_views);
        return;
    }
    let _ = level;
    for (row, &whole) in views.iter().enumerate() {
        split_one(buffer, whole, separator, row as u32, out_rows, out_views);
    }
}

/// Splits one view, the pieces of which belong to `row`.
pub(crate) fn split_one(
    buffer: &[u8],
    whole: View,
    separator: u8,
    row: u32,
    out_rows: &mut Vec<u32>,
    out_views: &mut Vec<View>,
) {
    let (at, length) = (whole as u32, (whole >> 32) as u32);
    let bytes = buffer.get(at as usize..at as usize + length as usize).unwrap_or_default();
    let mut from = 0u32;
    for end in memchr_iter(separator, bytes).map(|i| i as u32).chain([bytes.len() as u32]) {
        out_rows.push(row);
        out_views.push(view(at + from, end - from));
        from = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_those_of_the_standard_library() {
        let mut seed = 0x1357_9bdf_0246_8aceu64;
        let mut below = |limit: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed >> 33) as usize % limit
        };
        for round in 0..3000 {
            let alphabet: &[u8] =
                [b" a".as_slice(), b" abcdef", b" ", b"abcdefghijklmnopqrstuvwxyz "][round % 4];
            let longest = [3, 70, 140, 400][below(4)];
            let (mut buffer, mut views) = (b"x ".to_vec(), Vec::new());
            for _ in 0..below(30) {
                let length = below(longest);
                views.push(view(buffer.len() as u32, length as u32));
                buffer.extend((0..length).map(|_| alphabet[below(alphabet.len())]));
                buffer.extend_from_slice([b"".as_slice(), b" ", b"\n"][below(3)]);
            }
            if below(2) == 0 {
                buffer.extend_from_slice(&[b' '; 64]);
            }
            let mut expected = Vec::new();
            for (row, &v) in views.iter().enumerate() {
                let bytes = &buffer[v as u32 as usize..][..(v >> 32) as usize];
                expected.extend(bytes.split(|&b| b == b' ').map(|piece| (row as u32, piece.to_vec())));
            }
            for level in SimdLevel::available() {
                // What is there already must stay.
                let (mut rows, mut pieces) = (vec![7], vec![view(0, 1)]);
                split_each(level, &buffer, &views, b' ', &mut rows, &mut pieces);
                assert_eq!((rows[0], pieces[0]), (7, view(0, 1)));
                let text = |v: &View| buffer[*v as u32 as usize..][..(v >> 32) as usize].to_vec();
                let found: Vec<(u32, Vec<u8>)> =
                    rows[1..].iter().copied().zip(pieces[1..].iter().map(text)).collect();
                assert_eq!(found, expected, "{level:?}");
            }
        }
    }
}
