//! Part of flowc.
