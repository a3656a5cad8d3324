//! The optimizer: analyses first, passes to follow.

pub(crate) mod consumers;
pub(crate) mod fallible;
