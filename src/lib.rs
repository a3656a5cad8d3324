//! The flowc library.
