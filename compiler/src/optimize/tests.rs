//! Tests of the passes on IR text.
