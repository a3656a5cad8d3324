//! The progress bar: on standard error, only on a terminal, only when there is something to wait for.

use flow_runtime::Control;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A bar that follows a run until it is dropped.
pub(crate) struct Progress {
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Shows the progress of the run of `control`, unless `quiet` or not on a terminal.
    pub(crate) fn start(control: &Arc<Control>, quiet: bool) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        if quiet || !std::io::stderr().is_terminal() {
            return Progress { done, thread: None };
        }
        let (control, over) = (control.clone(), done.clone());
        let thread = std::thread::Builder::new()
            .name("progress".to_owned())
            .spawn(move || follow(&control, &over))
            .ok();
        Progress { done, thread }
    }
}

fn follow(control: &Control, over: &AtomicBool) {
    // Short runs show nothing.
    std::thread::park_timeout(Duration::from_millis(150));
    if over.load(Ordering::Acquire) {
        return;
    }
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {msg} {eta}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    while !over.load(Ordering::Acquire) {
        bar.set_length(control.bytes_total.load(Ordering::Relaxed));
        bar.set_position(control.bytes_done.load(Ordering::Relaxed));
        bar.set_message(format!("{} rows", control.rows_read.load(Ordering::Relaxed)));
        std::thread::park_timeout(Duration::from_millis(100));
    }
    bar.finish_and_clear();
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A bar that panicked has nothing more to say.
            let _ = thread.join();
        }
    }
}
