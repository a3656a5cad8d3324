//! Splits the strings of a column at a byte, for `flat_map` over `split`.

use crate::kernels::level::SimdLevel;
use flow_ir::column::{View, view};
use memchr::memchr_iter;

/// Splits every view at `separator` (an ASCII byte) and appends each piece, with the index of
/// the view it comes from. Pieces may be empty, and an empty string has one.
pub fn split_each(
    _level: SimdLevel,
    buffer: &[u8],
    views: &[View],
    separator: u8,
    out_rows: &mut Vec<u32>,
    out_views: &mut Vec<View>,
) {
    for (row, &whole) in views.iter().enumerate() {
        split_one(buffer, whole, separator, |piece| {
            out_rows.push(row as u32);
            out_views.push(piece);
        });
    }
}

fn split_one(buffer: &[u8], whole: View, separator: u8, mut piece: impl FnMut(View)) {
    let (at, length) = (whole as u32, (whole >> 32) as u32);
    let bytes = buffer.get(at as usize..at as usize + length as usize).unwrap_or_default();
    let mut from = 0u32;
    for end in memchr_iter(separator, bytes) {
        piece(view(at + from, end as u32 - from));
        from = end as u32 + 1;
    }
    piece(view(at + from, bytes.len() as u32 - from));
}
