//! How a command fails: the text for people and the exit status for scripts.

/// The documented exit statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The program is wrong (or not formatted).
    Program,
    /// The command line is wrong.
    Usage,
    /// The data is wrong, or cannot be read.
    Data,
    /// Memory, disk or time ran out.
    Resources,
    /// A bug in flowc.
    Internal,
    /// Stopped by SIGINT.
    Interrupted,
    /// Stopped by SIGTERM.
    Terminated,
    /// The reader of the output went away: not an error.
    ClosedPipe,
}

impl Status {
    /// The exit status.
    pub fn code(self) -> u8 {
        match self {
            Status::ClosedPipe => 0,
            Status::Program => 1,
            Status::Usage => 2,
            Status::Data => 3,
            Status::Resources => 4,
            Status::Internal => 70,
            Status::Interrupted => 130,
            Status::Terminated => 143,
        }
    }
}

/// A failed command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit status.
    pub status: Status,
    /// What to print on standard error; may be empty when everything has been said.
    pub text: String,
}

impl Failure {
    /// A failure with a finished text.
    pub fn new(status: Status, text: impl Into<String>) -> Self {
        Failure { status, text: text.into() }
    }

    /// `error: {message}`.
    pub fn message(status: Status, message: impl std::fmt::Display) -> Self {
        Failure { status, text: format!("error: {message}\n") }
    }
}
