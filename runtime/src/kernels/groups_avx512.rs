//! Runs a parse kernel over a column, eight views at a time, with AVX-512.
//!
//! A kernel decides the lanes it understands; every other row goes to its scalar path, so the
//! values and the bad rows are those of the scalar path whatever the kernel understands.
//!
//! Kernels are always inlined into [`parse`], which is compiled for AVX-512 (what an always
//! inlined function cannot be): passing vectors through memory would take longer than the work.
// Values are written through pointers, and functions compiled for AVX-512 may be called only where it is.
#![allow(unsafe_code)]

use super::level::{Instructions, SimdLevel};
use flow_ir::column::View;
use std::arch::x86_64::*;

/// Parses the texts of one type.
pub(super) trait Kernel {
    /// What a text is parsed to.
    type Value: Copy + Default;

    /// Writes the values of eight views to `out` and returns which are right; the others are undecided.
    ///
    /// # Safety
    /// The machine has AVX-512, and eight values can be written to `out`.
    unsafe fn eight(&self, buffer: &[u8], group: &[View; 8], out: *mut Self::Value) -> __mmask8;

    /// The value of any text.
    fn slow(&self, buffer: &[u8], view: View) -> Option<Self::Value>;
}

/// Parses each view; rows that are not a value are added to `bad`.
pub(super) fn parse<K: Kernel>(
    level: SimdLevel,
    kernel: &K,
    buffer: &[u8],
    views: &[View],
    bad: &mut Vec<u32>,
) -> Vec<K::Value> {
    if level.instructions() < Instructions::Avx512 {
        return super::number::parse_each(buffer, views, bad, |buffer, view| kernel.slow(buffer, view));
    }
    // SAFETY: the level says that the machine has these instructions.
    unsafe { parse_groups(kernel, buffer, views, bad) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi,avx512vbmi2")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn parse_groups<K: Kernel>(kernel: &K, buffer: &[u8], views: &[View], bad: &mut Vec<u32>) -> Vec<K::Value> {
    let mut values: Vec<K::Value> = Vec::with_capacity(views.len() + 8);
    let (groups, rest) = views.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    // One loop for all groups, so that the work of a group stands in it once and is inlined.
    for g in 0..views.len().div_ceil(8) {
        let group = groups.get(g).unwrap_or(&last);
        let out = values.as_mut_ptr().wrapping_add(8 * g);
        // SAFETY: this is compiled for AVX-512, and there is room for `views.len()` values and eight more.
        let done = unsafe { kernel.eight(buffer, group, out) };
        let mut undecided = !done;
        while undecided != 0 {
            let row = 8 * g + undecided.trailing_zeros() as usize;
            undecided &= undecided - 1;
            let Some(&view) = views.get(row) else { break };
            let value = kernel.slow(buffer, view).unwrap_or_else(|| {
                bad.push(row as u32);
                K::Value::default()
            });
            // SAFETY: `row` is below `views.len()`, for which there is room.
            unsafe { values.as_mut_ptr().add(row).write(value) };
        }
    }
    // SAFETY: each group wrote its eight values.
    unsafe { values.set_len(views.len()) };
    values
}

/// The eight bytes `past` the start of each view.
///
/// # Safety
/// The machine has AVX-512, and these bytes are readable from `base` on.
#[inline(always)]
pub(super) unsafe fn gather(base: *const u8, group: &[View; 8], past: usize) -> __m512i {
    // SAFETY: the caller says so.
    unsafe {
        let starts = group.as_ptr().cast::<u32>();
        let at = |lane: usize| {
            // Volatile, because the compiler would take the starts out of a vector again, which
            // costs several times as much as eight loads.
            let start = starts.add(2 * lane).read_volatile() as usize;
            base.add(start + past).cast::<i64>().read_unaligned()
        };
        _mm512_setr_epi64(at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7))
    }
}
