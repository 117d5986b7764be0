//! Ctrl-C, for commands that write files.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of a command that was stopped.
pub(crate) const INTERRUPTED: u8 = 130;

/// The first Ctrl-C stops, the second ends the process: what is written is written. Gives whether the first one came.
pub(crate) fn on_interrupt(stop: impl FnOnce() + Send + 'static) -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&interrupted);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_err() {
            return; // then the system's own handling is in place
        }
        told.store(true, Ordering::Relaxed);
        stop();
        eprintln!("Stopping: requests under way finish. Press Ctrl-C again to leave them.");
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(INTERRUPTED.into());
        }
    });
    interrupted
}
