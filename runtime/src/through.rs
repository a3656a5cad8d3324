//! The processes of a `through`: rows go to them as JSON lines, and what they answer is kept until
//! the next stage reads it.
//!
//! Each process has a thread that writes to it and one that reads from it, so that neither side
//! waits for the other whatever the process buffers. Blocks of rows go round the processes, and the
//! answers are put together in the order of the blocks. Invariant: with several processes, each has
//! answered every row it got with one line, or the run fails.

use crate::command::{LOOK, Running, Streams};
use crate::options::Control;
use crate::ordered::Receive;
use crate::spool::Spool;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

/// Rows that go to a process before it is the next one's turn.
const BLOCK_ROWS: u64 = 256;
/// Pieces that may wait for a process before whoever delivers rows waits.
const WAITING_MAX: usize = 8;

/// The processes of one `through`.
pub(crate) struct Processes {
    command: String,
    slots: Vec<Slot>,
    /// Rows given out so far.
    rows: u64,
    control: Arc<Control>,
}

/// One process.
struct Slot {
    running: Running,
    /// To the thread that writes; gone once there is nothing more to write.
    input: Option<SyncSender<Vec<u8>>>,
    writer: JoinHandle<io::Result<()>>,
    reader: JoinHandle<io::Result<Answers>>,
    /// Rows that it got.
    rows: u64,
}

/// What a process wrote.
struct Answers {
    lines: u64,
    text: Spool,
}

impl Processes {
    /// Starts `slots` processes of `command`.
    pub(crate) fn start(command: &str, slots: u32, control: Arc<Control>) -> io::Result<Self> {
        let started: io::Result<Vec<Slot>> = (0..slots.max(1)).map(|_| Slot::start(command)).collect();
        Ok(Processes { command: command.to_owned(), slots: started?, rows: 0, control })
    }

    /// Waits until every process has answered, and puts the answers in the order of the rows.
    pub(crate) fn finish(mut self) -> io::Result<Spool> {
        self.slots.iter_mut().for_each(|slot| slot.input = None);
        let mut finished = Vec::with_capacity(self.slots.len());
        let slots = std::mem::take(&mut self.slots);
        let several = slots.len() > 1;
        for slot in slots {
            let rows = slot.rows;
            let answers = slot.finish(&self.control)?;
            if several && answers.lines != rows {
                return Err(miscounted(&self.command, rows, answers.lines));
            }
            finished.push(answers.text);
        }
        match finished.pop() {
            Some(only) if !several => Ok(only),
            last => in_order(finished.into_iter().chain(last).collect(), self.rows),
        }
    }
}

fn miscounted(command: &str, rows: u64, lines: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!(
            "one of several processes of `{command}` got {rows} rows and answered {lines} lines; with `slots`, each \
             row has one answer (without, one process gets all rows and may answer as it likes)"
        ),
    )
}

/// The answers of several processes to `rows` rows, which went to them in blocks.
fn in_order(answers: Vec<Spool>, rows: u64) -> io::Result<Spool> {
    let mut readers = Vec::with_capacity(answers.len());
    for spool in answers {
        readers.push(BufReader::with_capacity(64 << 10, spool.into_reader()?));
    }
    let (mut whole, mut line) = (Spool::default(), Vec::new());
    let count = readers.len() as u64;
    for row in 0..rows {
        let from = (row / BLOCK_ROWS % count) as usize;
        line.clear();
        readers[from].read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            line.push(b'\n');
        }
        whole.write(&line)?;
    }
    Ok(whole)
}

impl Receive for Processes {
    /// Rows as lines, each with its end.
    fn receive(&mut self, bytes: Vec<u8>, rows: u64) -> io::Result<()> {
        if self.slots.len() == 1 {
            self.rows += rows;
            return self.give(0, bytes, rows);
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let slot = (self.rows / BLOCK_ROWS % self.slots.len() as u64) as usize;
            let wanted = BLOCK_ROWS - self.rows % BLOCK_ROWS;
            let ends = memchr::memchr_iter(b'\n', rest).take(usize::try_from(wanted).unwrap_or(usize::MAX));
            let (given, end) = ends.fold((0, 0), |(count, _), at| (count + 1, at + 1));
            if given == 0 {
                return Err(io::Error::other("a row without a line end"));
            }
            let (block, behind) = rest.split_at(end);
            rest = behind;
            self.rows += given;
            self.give(slot, block.to_vec(), given)?;
        }
        Ok(())
    }
}

impl Processes {
    /// Hands bytes to the thread that writes to a process, waiting while that is far behind.
    fn give(&mut self, slot: usize, bytes: Vec<u8>, rows: u64) -> io::Result<()> {
        let slot = &mut self.slots[slot];
        slot.rows += rows;
        let Some(input) = &slot.input else { return Ok(()) };
        let mut bytes = bytes;
        loop {
            match input.try_send(bytes) {
                Ok(()) => return Ok(()),
                // The process does not read any more. Why is told by how it ends.
                Err(TrySendError::Disconnected(_)) => {
                    slot.input = None;
                    return Ok(());
                }
                Err(TrySendError::Full(back)) => bytes = back,
            }
            if self.control.cancel.load(Ordering::Relaxed) {
                return Err(stopped());
            }
            std::thread::sleep(LOOK / 20);
        }
    }
}

fn stopped() -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, "stopped")
}

impl Slot {
    fn start(command: &str) -> io::Result<Self> {
        let mut running = Running::start(command, Streams { input: true, output: true })?;
        let missing = || io::Error::other("the command has no standard streams");
        let mut to = running.input().ok_or_else(missing)?;
        let mut from = running.output().ok_or_else(missing)?;
        let (input, pieces) = sync_channel::<Vec<u8>>(WAITING_MAX);
        let writer = std::thread::Builder::new().name("write".to_owned()).spawn(move || {
            for piece in pieces {
                match to.write_all(&piece) {
                    Ok(()) => {}
                    Err(e) if e.kind() == io::ErrorKind::BrokenPipe => break,
                    Err(e) => return Err(e),
                }
            }
            Ok(())
        })?;
        let reader = std::thread::Builder::new().name("read".to_owned()).spawn(move || {
            let mut answers = Answers { lines: 0, text: Spool::default() };
            let (mut piece, mut last) = (vec![0; 64 << 10], b'\n');
            loop {
                let n = match from.read(&mut piece) {
                    Ok(0) => break,
                    Ok(n) => n,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    Err(e) => return Err(e),
                };
                answers.lines += memchr::memchr_iter(b'\n', &piece[..n]).count() as u64;
                answers.text.write(&piece[..n])?;
                last = piece[n - 1];
            }
            // A last line without an end is a line.
            answers.lines += u64::from(last != b'\n');
            Ok(answers)
        })?;
        Ok(Slot { running, input: Some(input), writer, reader, rows: 0 })
    }

    fn finish(mut self, control: &Control) -> io::Result<Answers> {
        self.input = None;
        while !(self.writer.is_finished() && self.reader.is_finished()) {
            if control.cancel.load(Ordering::Relaxed) {
                // Both threads end with the process, which is killed when it is dropped.
                return Err(stopped());
            }
            std::thread::sleep(LOOK / 20);
        }
        let ended = |_| io::Error::other("a thread that talks to the command stopped");
        // Answers that could not be kept end the process as well, and are the reason then.
        let answers = self.reader.join().map_err(ended)??;
        self.running.finish(control)?;
        self.writer.join().map_err(ended)??;
        Ok(answers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(command: &str, slots: u32, rows: u64) -> io::Result<String> {
        let mut processes = Processes::start(command, slots, Arc::new(Control::default()))?;
        let mut row = 0;
        // Pieces of many sizes.
        for size in (1..).map(|n: u64| n * 37 % 501) {
            let end = rows.min(row + size);
            let text: String = (row..end).map(|r| format!("{r}\n")).collect();
            processes.receive(text.into_bytes(), end - row)?;
            row = end;
            if row == rows {
                break;
            }
        }
        let mut text = String::new();
        processes.finish()?.into_reader()?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn answers_come_in_the_order_of_the_rows() {
        for rows in [0, 1, 255, 256, 257, 5000] {
            let expected: String = (0..rows).map(|r| format!("<{r}>\n")).collect();
            for slots in [1, 2, 3, 7] {
                let found = answers("sed 's/.*/<&>/'", slots, rows).expect("answers");
                assert!(found == expected, "{rows} rows, {slots} slots");
            }
        }
    }

    #[test]
    fn one_process_may_answer_as_it_likes() {
        assert_eq!(answers("wc -l", 1, 1000).expect("an answer").trim(), "1000");
        assert_eq!(answers("head -2", 1, 100_000).expect("answers"), "0\n1\n");
    }

    #[test]
    fn several_processes_answer_every_row() {
        let error = answers("grep -v 7", 2, 1000).expect_err("too few answers").to_string();
        assert!(error.contains("got 512 rows and answered") && error.contains("slots"), "{error}");
    }

    #[test]
    fn a_crash_is_an_error_with_the_last_words() {
        for slots in [1, 3] {
            let error = answers("head -1 >/dev/null; echo no such model >&2; exit 3", slots, 10_000);
            let error = error.expect_err("a crash").to_string();
            assert!(error.contains("exit status 3") && error.contains("no such model"), "{error}");
        }
    }
}
