//! The operators of a stage that are more than expressions: those that multiply rows, and those
//! that must have seen all rows before they deliver one.
//!
//! They work on columns and know nothing of files, plans or threads' work queues.

pub mod distinct;
pub mod exact_sum;
pub(crate) mod flat_map;
pub mod join;
pub mod reduce_by_key;
pub mod set_operation;
pub mod side;
pub mod sort;
pub mod states;
pub mod take_per;
#[cfg(test)]
pub(crate) mod testing;
pub mod window;
