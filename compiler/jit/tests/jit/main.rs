//! The tests of native code, in one binary: against the reference interpreter, against a model of
//! aggregate states, and of what happens to code memory.

mod differential;
mod generate;
mod memory;
mod oracle;
mod regions;
mod update;
