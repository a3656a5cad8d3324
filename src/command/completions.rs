//! `flowc completions`: a completion script for a shell.

use crate::cli::{Cli, CompletionsArgs};
use crate::failure::{Failure, Status};
use clap::CommandFactory;
use std::io::{self, Write};

/// Prints the script.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "flowc", &mut script);
    match io::stdout().lock().write_all(&script) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Err(Failure::new(Status::ClosedPipe, "")),
        Err(e) => Err(Failure::message(Status::Data, format!("cannot write to standard output: {e}"))),
        Ok(()) => Ok(()),
    }
}
