//! The `flowc` binary: everything is in the library, so that tests and embedders share it.

use std::process::ExitCode;

fn main() -> ExitCode {
    flowc::cli::main()
}
