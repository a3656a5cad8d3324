//! `flowc completions`: a completion script for a shell.

use crate::cli::{Cli, CompletionsArgs};
use crate::failure::Failure;
use crate::output::say;
use clap::CommandFactory;

/// Prints the script.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "flowc", &mut script);
    say(script)
}
