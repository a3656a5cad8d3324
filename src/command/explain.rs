//! `flowc explain`: what a program compiles to.

use crate::cli::ExplainArgs;
use crate::command::run::physical;
use crate::failure::Failure;
use crate::program::Program;

/// Explains a program.
pub(crate) fn explain(args: &ExplainArgs) -> Result<(), Failure> {
    let program = Program::load(&args.program)?;
    let compiled = program.compile(&args.program)?;
    let plan = physical(&compiled, &args.engine);
    println!("{plan}");
    Ok(())
}
