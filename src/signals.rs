//! Ctrl-C and termination: the first signal stops the run cleanly, the second at once.

use crate::failure::Status;
use flow_runtime::Control;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Which signal asked for the end.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    received: Arc<AtomicUsize>,
}

impl Signals {
    /// Arranges for SIGINT and SIGTERM to cancel the run that `control` belongs to.
    pub(crate) fn watch(control: &Control) -> std::io::Result<Self> {
        let received = Arc::new(AtomicUsize::new(0));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            // The second signal finds `cancel` already set and ends the process.
            signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, control.cancel.clone())?;
            signal_hook::flag::register_usize(signal, received.clone(), signal as usize)?;
            signal_hook::flag::register(signal, control.cancel.clone())?;
        }
        Ok(Signals { received })
    }

    /// The exit status of a run that was cancelled.
    pub(crate) fn status(&self) -> Status {
        if self.received.load(Ordering::Relaxed) == signal_hook::consts::SIGTERM as usize {
            Status::Terminated
        } else {
            Status::Interrupted
        }
    }
}
