//! One file a subcommand.

pub(crate) mod cache;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod doc;
pub(crate) mod error;
pub(crate) mod explain;
pub(crate) mod fix;
pub(crate) mod fmt;
pub(crate) mod illustrate;
mod reference;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod test;
mod test_files;
mod test_rows;
