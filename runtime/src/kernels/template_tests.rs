//! Every set of instructions takes the same rows by templates.
