//! Vectorized loops over bytes and columns, each with a portable twin that defines its result.
//!
//! Scanners and operators call these; nothing here knows plans, files or rows of a program.
//! Invariant: the instruction set changes how long a kernel takes and nothing else.

pub mod date;
#[cfg(target_arch = "x86_64")]
mod date_avx512;
pub mod gather;
#[cfg(target_arch = "x86_64")]
pub(crate) mod groups_avx512;
pub(crate) mod hash;
pub mod level;
pub mod newline;
pub mod number;
#[cfg(target_arch = "x86_64")]
mod number_avx512;
#[cfg(target_arch = "x86_64")]
mod number_lanes;
#[cfg(test)]
mod number_tests;
mod number_words;
pub(crate) mod probe;
#[cfg(target_arch = "x86_64")]
mod probe_avx512;
pub(crate) mod probe_lines;
pub mod split;
#[cfg(target_arch = "x86_64")]
mod split_avx512;
pub mod structural;
pub mod structural_match;
#[cfg(any(test, not(target_arch = "x86_64")))]
mod structural_portable;
#[cfg(target_arch = "x86_64")]
mod structural_sse2;
#[cfg(test)]
mod structural_tests;
#[cfg(target_arch = "x86_64")]
mod structural_x86;
pub mod template;
#[cfg(any(test, not(target_arch = "x86_64")))]
mod template_portable;
#[cfg(test)]
mod template_tests;
#[cfg(target_arch = "x86_64")]
mod template_x86;
pub mod tokenize;
#[cfg(target_arch = "x86_64")]
mod tokenize_avx512;
#[cfg(target_arch = "x86_64")]
mod tokenize_x86;
pub mod utf8;
#[cfg(target_arch = "x86_64")]
mod utf8_avx512;
