//! Tells the connections of one worker that the daemon is stopping.
//! Knows nothing of what a connection does about it.

use std::cell::Cell;

use tokio::sync::Notify;

/// A signal that is given once and stays given.
#[derive(Debug, Default)]
pub struct Drain {
    begun: Cell<bool>,
    wake: Notify,
}

impl Drain {
    /// Gives the signal.
    pub fn begin(&self) {
        self.begun.set(true);
        self.wake.notify_waiters();
    }

    /// Waits for the signal; returns at once if it was given before.
    pub async fn begun(&self) {
        let woken = self.wake.notified();
        if !self.begun.get() {
            woken.await;
        }
    }
}
