//! UTF-8 validation for scanners.
//!
//! Most text that is not ASCII is mostly ASCII with some two-byte letters; the vector path checks
//! just that and leaves everything else to the general validator.

use crate::kernels::level::SimdLevel;

/// Whether the bytes are UTF-8.
pub fn is_utf8(_level: SimdLevel, bytes: &[u8]) -> bool {
    simdutf8::basic::from_utf8(bytes).is_ok()
}
