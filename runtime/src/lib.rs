//! The runtime of flowc: runs physical plans partition-parallel on all local cores.
//!
//! It sees plans and files, never the source language or the compiler.

pub mod format;
pub mod kernels;
pub mod memory;
pub mod operators;
