//! Bytes that come when they come: standard input, and what commands print.
//!
//! A thread reads ahead a little, so that whoever wants the bytes can see whether there are any
//! without waiting, and is not kept from noticing that the run is over.

use crate::command::{LOOK, Running, Streams};
use crate::options::{Control, RunOptions};
use flow_ir::location::Location;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};

/// Bytes read at a time.
const PIECE_BYTES: usize = 64 << 10;
/// Pieces read ahead.
const PIECES: usize = 16;

/// A stream that is being read.
#[derive(Debug)]
pub(crate) struct Live {
    pieces: Receiver<io::Result<Vec<u8>>>,
    control: Arc<Control>,
    command: Option<Running>,
    ended: bool,
    taken: u64,
}

impl Live {
    /// Starts reading what `target` names; `None` if that is no live stream.
    pub(crate) fn open(target: &str, options: &RunOptions) -> io::Result<Option<Self>> {
        match Location::of(target) {
            Location::Standard => match options.stdin.take() {
                Some(reader) => Self::reading(reader, None, options).map(Some),
                None => Err(io::Error::other("standard input has been read already")),
            },
            Location::Command(text) => {
                let mut command = Running::start(text, Streams { input: false, output: true })?;
                let output = command.output().ok_or_else(|| io::Error::other("the command has no output"))?;
                Self::reading(Box::new(output), Some(command), options).map(Some)
            }
            Location::File(_) | Location::Url(_) => Ok(None),
        }
    }

    fn reading(
        reader: Box<dyn Read + Send>,
        command: Option<Running>,
        options: &RunOptions,
    ) -> io::Result<Self> {
        let (send, pieces) = sync_channel(PIECES);
        // Not joined: it may wait for bytes that never come, and ends with the process then.
        std::thread::Builder::new().name("read".to_owned()).spawn(move || pump(reader, &send))?;
        Ok(Live { pieces, control: options.control.clone(), command, ended: false, taken: 0 })
    }

    /// Bytes delivered so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Whether all bytes have been delivered.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// Appends what is there already; false if that is nothing.
    pub(crate) fn poll(&mut self, buffer: &mut Vec<u8>) -> io::Result<bool> {
        match self.pieces.try_recv() {
            Ok(piece) => self.take(piece, buffer).map(|()| true),
            Err(TryRecvError::Empty) => Ok(false),
            Err(TryRecvError::Disconnected) => self.end().map(|()| false),
        }
    }

    /// Waits for more bytes and appends them; nothing at the end.
    pub(crate) fn wait(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        while !self.ended {
            if self.control.cancel.load(Ordering::Relaxed) {
                return Err(io::Error::new(io::ErrorKind::Interrupted, "stopped"));
            }
            match self.pieces.recv_timeout(LOOK) {
                Ok(piece) => return self.take(piece, buffer),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.end()?,
            }
        }
        Ok(())
    }

    fn take(&mut self, piece: io::Result<Vec<u8>>, buffer: &mut Vec<u8>) -> io::Result<()> {
        let piece = piece?;
        self.taken += piece.len() as u64;
        buffer.extend_from_slice(&piece);
        Ok(())
    }

    /// There are no more bytes. What a command printed counts only if it succeeded.
    fn end(&mut self) -> io::Result<()> {
        self.ended = true;
        match &mut self.command {
            Some(command) => command.finish(&self.control),
            None => Ok(()),
        }
    }
}

fn pump(mut reader: Box<dyn Read + Send>, send: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut piece = vec![0; PIECE_BYTES];
        let outcome = match reader.read(&mut piece) {
            Ok(0) => return,
            Ok(n) => {
                piece.truncate(n);
                Ok(piece)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => Err(e),
        };
        let failed = outcome.is_err();
        // Nobody listens any more, or nothing more can be said.
        if send.send(outcome).is_err() || failed {
            return;
        }
    }
}
