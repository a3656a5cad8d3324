//! Commands that a program runs: as a source, as a sink, as a stage.
//!
//! Each runs by `sh -c` in a process group of its own, so that all of it can be ended, and its
//! standard error is read to the end, of which the last lines are kept for messages. Invariant: a
//! command that nobody waited for is killed, with everything it started.

use crate::options::Control;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

/// Bytes of standard error that are kept.
const STDERR_KEPT: usize = 4096;

/// How often a wait looks whether the run was cancelled.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// A command that has been started.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stderr: Option<JoinHandle<Vec<u8>>>,
    over: bool,
}

/// What happens with a command's standard streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Streams {
    /// Whether we write its input; otherwise it has none.
    pub(crate) input: bool,
    /// Whether we read its output; otherwise it goes where ours goes.
    pub(crate) output: bool,
}

impl Running {
    /// Starts `sh -c text`.
    pub(crate) fn start(text: &str, streams: Streams) -> io::Result<Self> {
        let piped = |ours: bool, otherwise: Stdio| if ours { Stdio::piped() } else { otherwise };
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(text)
            .process_group(0)
            .stdin(piped(streams.input, Stdio::null()))
            .stdout(piped(streams.output, Stdio::inherit()))
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().map(|mut stderr| {
            std::thread::spawn(move || {
                let mut kept = Vec::new();
                let mut piece = [0; 4096];
                while let Ok(n) = stderr.read(&mut piece) {
                    if n == 0 {
                        break;
                    }
                    kept.extend_from_slice(&piece[..n]);
                    let extra = kept.len().saturating_sub(STDERR_KEPT);
                    kept.drain(..extra);
                }
                kept
            })
        });
        Ok(Running { child, stderr, over: false })
    }

    /// The end that we write to, once.
    pub(crate) fn input(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// The end that we read from, once.
    pub(crate) fn output(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Waits for its end; an error if that is not a success, or if the run is cancelled.
    pub(crate) fn finish(&mut self, control: &Control) -> io::Result<()> {
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if control.cancel.load(Ordering::Relaxed) {
                return Err(io::Error::new(io::ErrorKind::Interrupted, "stopped"));
            }
            std::thread::sleep(LOOK / 10);
        };
        self.over = true;
        if status.success() { Ok(()) } else { Err(io::Error::other(self.ended(status))) }
    }

    /// Its end in words, with what it last said.
    fn ended(&mut self, status: ExitStatus) -> String {
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("the command ended with exit status {code}"),
            (None, Some(signal)) => format!("the command was ended by signal {signal}"),
            (None, None) => "the command failed".to_owned(),
        };
        how + &self.last_words()
    }

    /// The last lines of its standard error, as an addition to a sentence.
    pub(crate) fn last_words(&mut self) -> String {
        // Whoever it left running in the background may keep the pipe open for ever.
        self.kill();
        let said = self.stderr.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.lines().collect();
        let last = &lines[lines.len().saturating_sub(10)..];
        if last.iter().all(|l| l.trim().is_empty()) {
            return String::new();
        }
        last.iter().fold(String::from("; it said:"), |text, line| text + "\n  > " + line)
    }

    /// Ends it and all that it started.
    pub(crate) fn kill(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may be over already.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.over {
            self.kill();
            let _ = self.child.wait();
        }
    }
}

/// Runs a command on `input`, to its end. That it stops reading early is its own affair.
pub(crate) fn feed(text: &str, input: &mut dyn Read, control: &Control) -> io::Result<()> {
    let mut running = Running::start(text, Streams { input: true, output: false })?;
    if let Some(mut to) = running.input() {
        let mut piece = vec![0; 64 << 10];
        loop {
            let n = input.read(&mut piece)?;
            if n == 0 {
                break;
            }
            match to.write_all(&piece[..n]) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => break,
                Err(e) => return Err(e),
            }
        }
    }
    running.finish(control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_name_the_status_and_the_last_words() {
        let control = Control::default();
        let nothing = || io::Cursor::new(Vec::new());
        assert!(feed("exit 0", &mut nothing(), &control).is_ok());
        let error = feed("echo one >&2; echo two >&2; exit 7", &mut nothing(), &control).unwrap_err();
        assert_eq!(error.to_string(), "the command ended with exit status 7; it said:\n  > one\n  > two");
        let error = feed("kill -9 $$", &mut nothing(), &control).unwrap_err();
        assert_eq!(error.to_string(), "the command was ended by signal 9");
    }

    #[test]
    fn who_stops_reading_early_may_succeed() {
        let control = Control::default();
        let much = vec![b'x'; 4 << 20];
        assert!(feed("head -c 10 > /dev/null", &mut io::Cursor::new(much), &control).is_ok());
    }

    #[test]
    fn what_nobody_waits_for_is_killed_with_its_children() {
        let mut running =
            Running::start("sleep 1000 & echo started; wait", Streams { input: false, output: true })
                .expect("started");
        let mut output = running.output().expect("an output");
        let mut word = [0; 8];
        output.read_exact(&mut word).expect("its first word");
        drop(running);
        // The sleeping child held the other end of the pipe.
        let mut rest = Vec::new();
        output.read_to_end(&mut rest).expect("the end");
        assert!(rest.is_empty());
    }
}
