//! flowc as a command and as a library: loads programs, asks the file system what the compiler
//! wants to know, runs plans, and shows results and errors to people.
//!
//! The compiler below it never opens a file; the runtime below it never sees program text. Both
//! meet here.
#![forbid(unsafe_code)]

mod cache;
pub mod catalog;
pub mod cli;
mod command;
mod effects;
pub mod failure;
mod output;
pub mod program;
mod progress;
pub mod render;
pub mod run_failure;
mod signals;
mod stdin;
