//! The command line: what can be asked of `flowc`, and the exit status of each outcome.

use crate::command;
use crate::failure::Failure;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// A small typed dataflow language, compiled to native code.
#[derive(Debug, Parser)]
#[command(name = "flowc", version, about, max_term_width = 100, after_help = EXIT_STATUS)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_STATUS: &str = "Exit status: 0 success, 1 the program is wrong or a test fails, 2 wrong usage, 3 the data is wrong, \
4 not enough memory or disk, 70 a bug in flowc, 130 interrupted, 143 terminated.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a program: every pipeline that writes or prints
    Run(RunArgs),
    /// Show what a program compiles to, or what it did
    Explain(ExplainArgs),
    /// Check a program against the real files without reading their data
    Check(CheckArgs),
    /// Run the tests of programs
    Test(TestArgs),
    /// Show a few example rows behind every stage
    Illustrate(IllustrateArgs),
    /// Format programs
    Fmt(FmtArgs),
    /// Apply the repairs that diagnostics and lints propose
    Fix(FixArgs),
    /// Show what functions, modules and the items of a program are for
    Doc(DocArgs),
    /// Look at a data file and print a `schema` block and the `read` that fits it
    Schema(SchemaArgs),
    /// List, check or remove the rows that programs have stored with `persist`
    Cache(CacheCommandArgs),
    /// Explain an error code
    Error(ErrorArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

/// Which program, with which parameters.
#[derive(Debug, Args)]
pub struct ProgramArgs {
    /// The program's file; `-` for standard input
    #[arg(required_unless_present = "inline", conflicts_with = "inline", value_name = "PROGRAM")]
    pub file: Option<PathBuf>,
    /// The program itself
    #[arg(short = 'e', long = "eval", value_name = "TEXT")]
    pub inline: Option<String>,
    /// Give a parameter its value
    #[arg(long = "param", short = 'p', value_name = "NAME=VALUE", value_parser = parse_param)]
    pub params: Vec<(String, String)>,
    /// Refuse inferred schemas: every file needs a declared one
    #[arg(long)]
    pub locked: bool,
    /// When to colour messages
    #[arg(long, value_enum, default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
}

/// How to run it.
#[derive(Debug, Args)]
pub struct EngineArgs {
    /// Worker threads (all cores when not given)
    #[arg(long, short = 'j', env = "FLOWC_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Memory that sorting, grouping and joining may use, such as 512MB or 4GB
    #[arg(long, env = "FLOWC_MEMORY", value_parser = parse_bytes)]
    pub memory: Option<u64>,
    /// Stop when more than this share of the rows of a read is bad, such as 0.1%
    #[arg(long, value_parser = parse_share)]
    pub max_bad: Option<f64>,
    /// Optimizer level: 0 only does what the language demands
    #[arg(short = 'O', long = "optimize", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=1))]
    pub optimize: u8,
    /// Evaluate expressions with the reference interpreter instead of native code
    #[arg(long)]
    pub interpret: bool,
    /// Let the program run the commands it names (`check --effects` lists them)
    #[arg(long)]
    pub allow_run: bool,
    /// KiB of a file that a task reads at a time
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=1_048_576), hide_short_help = true)]
    pub chunk_kib: u32,
    /// Map files of at least so many KiB into memory; smaller ones are read
    #[arg(long, default_value_t = 256, hide_short_help = true)]
    pub map_kib: u32,
    /// Read all files instead of mapping them
    #[arg(long, conflicts_with = "map_kib", hide_short_help = true)]
    pub no_mmap: bool,
    /// Rows that a native loop handles at a time, at most
    #[arg(long, default_value_t = 8192, value_parser = clap::value_parser!(u32).range(1..=1_048_576), hide_short_help = true)]
    pub morsel_rows: u32,
}

/// Where rows that programs `persist` on disk are.
#[derive(Debug, Args)]
pub struct CacheArgs {
    /// The folder of what programs persist on disk (.flow-cache when not given)
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Neither use nor store what programs persist on disk
    #[arg(long, conflicts_with = "cache_dir")]
    pub no_cache: bool,
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct RunArgs {
    #[command(flatten)]
    pub program: ProgramArgs,
    #[command(flatten)]
    pub engine: EngineArgs,
    #[command(flatten)]
    pub cache: CacheArgs,
    /// Format of printed results (a table on a terminal, CSV otherwise)
    #[arg(long, short = 'f', value_enum)]
    pub format: Option<Format>,
    /// Leave the names of the columns out of printed CSV and TSV
    #[arg(long)]
    pub no_header: bool,
    /// No progress bar and no summary
    #[arg(long, short = 'q')]
    pub quiet: bool,
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct ExplainArgs {
    #[command(flatten)]
    pub program: ProgramArgs,
    #[command(flatten)]
    pub engine: EngineArgs,
    #[command(flatten)]
    pub cache: CacheArgs,
    /// The plan after each pass that changed it, and why passes did not apply
    #[arg(long)]
    pub passes: bool,
    /// The intermediate code of every native loop
    #[arg(long)]
    pub clif: bool,
    /// The machine code of every native loop
    #[arg(long)]
    pub asm: bool,
    /// Run the program and show rows, bytes and time for every line (its outputs are written)
    #[arg(long)]
    pub analyze: bool,
    /// Output format
    #[arg(long, short = 'f', value_enum, default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct CheckArgs {
    #[command(flatten)]
    pub program: ProgramArgs,
    #[command(flatten)]
    pub cache: CacheArgs,
    /// List every file the program reads or writes, and every command it runs
    #[arg(long)]
    pub effects: bool,
    /// Also look for what is allowed and probably not meant
    #[arg(long)]
    pub lint: bool,
    /// Output format
    #[arg(long, short = 'f', value_enum, default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct FmtArgs {
    /// The programs; `-` or nothing for standard input
    #[arg(value_name = "PROGRAM")]
    pub files: Vec<PathBuf>,
    /// Change nothing; exit with 1 if a file is not formatted
    #[arg(long)]
    pub check: bool,
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct TestArgs {
    /// Programs, patterns, or directories with programs; the working directory when not given
    #[arg(value_name = "PROGRAM")]
    pub programs: Vec<String>,
    /// Only run tests whose name contains this text
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Give a parameter its value
    #[arg(long = "param", short = 'p', value_name = "NAME=VALUE", value_parser = parse_param)]
    pub params: Vec<(String, String)>,
    /// When to colour messages
    #[arg(long, value_enum, default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
    #[command(flatten)]
    pub engine: EngineArgs,
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct IllustrateArgs {
    #[command(flatten)]
    pub program: ProgramArgs,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// How many rows of each stage
    #[arg(long, short = 'n', default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub rows: u64,
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct FixArgs {
    /// The program
    #[arg(value_name = "PROGRAM")]
    pub file: PathBuf,
    /// Show the lines that would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Give a parameter its value
    #[arg(long = "param", short = 'p', value_name = "NAME=VALUE", value_parser = parse_param)]
    pub params: Vec<(String, String)>,
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct DocArgs {
    /// A function, a module such as std.geo, or a program; everything when not given
    pub name: Option<String>,
    /// Output format
    #[arg(long, short = 'f', value_enum, default_value_t = DocFormat::Text)]
    pub format: DocFormat,
}

/// The formats of documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DocFormat {
    /// For a terminal
    Text,
    /// Markdown
    Markdown,
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct SchemaArgs {
    /// The data file
    pub file: PathBuf,
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct CacheCommandArgs {
    #[command(subcommand)]
    pub action: CacheAction,
    /// The folder (.flow-cache when not given)
    #[arg(long, value_name = "DIR", global = true)]
    pub cache_dir: Option<PathBuf>,
}

/// What is done with stored rows.
#[derive(Debug, Subcommand)]
pub enum CacheAction {
    /// What is stored: by which program, how many rows and bytes, how old
    List,
    /// Compare all checksums; status 3 if something is damaged
    Verify,
    /// Remove what is stored
    Clear {
        /// Only what was stored longer ago than this, such as 12h or 7d
        #[arg(long, value_name = "AGE", value_parser = parse_age)]
        older_than: Option<Duration>,
    },
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct ErrorArgs {
    /// The code, such as F2001
    pub code: String,
}

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// The formats of printed results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns for people
    Table,
    /// Comma-separated
    Csv,
    /// Tab-separated
    Tsv,
    /// One JSON object a line
    Jsonl,
    /// One JSON array
    Json,
}

/// The formats of reports about programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Parses the command line, runs the command, reports its failure.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version are "errors" of clap that belong on standard output with status 0.
            let status = if e.use_stderr() { 2 } else { 0 };
            let _ = e.print();
            if let (clap::error::ErrorKind::InvalidSubcommand, Some(program)) =
                (e.kind(), std::env::args().nth(1))
                && program.ends_with(".flow")
            {
                anstream::eprintln!("  tip: to run the program: flowc run {program}");
            }
            return ExitCode::from(status);
        }
    };
    let outcome = match cli.command {
        Command::Run(args) => command::run::run(&args),
        Command::Explain(args) => command::explain::explain(&args),
        Command::Check(args) => command::check::check(&args),
        Command::Test(args) => command::test::test(&args),
        Command::Illustrate(args) => command::illustrate::illustrate(&args),
        Command::Fmt(args) => command::fmt::fmt(&args),
        Command::Fix(args) => command::fix::fix(&args),
        Command::Doc(args) => command::doc::doc(&args),
        Command::Schema(args) => command::schema::schema(&args),
        Command::Cache(args) => command::cache::cache(&args),
        Command::Error(args) => command::error::error(&args),
        Command::Completions(args) => command::completions::completions(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

fn report(failure: &Failure) -> ExitCode {
    if !failure.text.is_empty() {
        anstream::eprint!("{}", failure.text);
        if !failure.text.ends_with('\n') {
            anstream::eprintln!();
        }
    }
    ExitCode::from(failure.status.code())
}

fn parse_param(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

/// Bytes from `512MB`, `4GiB`, `1000000`.
fn parse_bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..at].parse().map_err(|_| "write a size such as 512MB or 4GB".to_owned())?;
    let unit = match text[at..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "kib" => 1024.0,
        "m" | "mb" => 1e6,
        "mib" => 1_048_576.0,
        "g" | "gb" => 1e9,
        "gib" => 1_073_741_824.0,
        "t" | "tb" => 1e12,
        other => return Err(format!("`{other}` is not a unit of memory; write MB, MiB, GB or GiB")),
    };
    let bytes = number * unit;
    if !(1.0..=9e18).contains(&bytes) {
        return Err("the size must be at least one byte".to_owned());
    }
    Ok(bytes as u64)
}

/// A time span from `90s`, `30min`, `12h`, `7d`.
fn parse_age(text: &str) -> Result<Duration, String> {
    let wrong = || "write an age such as 30min, 12h or 7d".to_owned();
    let at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = text[..at].parse().map_err(|_| wrong())?;
    let unit = match &text[at..] {
        "s" => 1,
        "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit).map(Duration::from_secs).ok_or_else(wrong)
}

/// A share from `0.1%` or `0.001`.
fn parse_share(text: &str) -> Result<f64, String> {
    let (number, scale) = match text.trim().strip_suffix('%') {
        Some(n) => (n, 100.0),
        None => (text.trim(), 1.0),
    };
    let share = number.parse::<f64>().map_err(|_| "write a share such as 0.1% or 0.001".to_owned())? / scale;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("a share lies between 0% and 100%".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_and_shares() {
        assert_eq!(parse_bytes("512MB"), Ok(512_000_000));
        assert_eq!(parse_bytes("1.5 GiB"), Ok(1_610_612_736));
        assert!(parse_bytes("lots").is_err());
        assert!(parse_bytes("0").is_err());
        assert_eq!(parse_share("0.1%"), Ok(0.001));
        assert!(parse_share("101%").is_err());
        assert_eq!(parse_age("12h"), Ok(Duration::from_secs(43_200)));
        assert!(
            parse_age("12").is_err() && parse_age("h").is_err() && parse_age("99999999999999999w").is_err()
        );
    }
}
