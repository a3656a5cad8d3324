//! The flowc binary.
fn main() {}
