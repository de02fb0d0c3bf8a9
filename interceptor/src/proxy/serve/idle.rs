//! How long a connection has been idle, and when that is too long.
//! Knows one timer and when the last exchange ended. Does not know HTTP.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::Served;

/// What the time without an exchange has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quiet {
    /// Long enough to put buffers away.
    Resting,
    /// Long enough to end the connection.
    Over,
}

/// Follows how long a connection has been without an exchange. One timer a connection: it is looked at when it fires,
/// not set back at every exchange.
pub(super) struct Idle {
    timer: Pin<Box<Sleep>>,
    began: Instant,
}

impl Idle {
    /// Begins now, and looks for the first time after `first`.
    pub(super) fn new(first: Duration) -> Self {
        let began = Instant::now();
        Self { timer: Box::pin(tokio::time::sleep_until(began + first)), began }
    }

    /// Something has come after a rest: time counts from now, and is looked at after `first`.
    pub(super) fn again(&mut self, first: Duration) {
        self.began = Instant::now();
        self.timer.as_mut().reset(self.began + first);
    }

    /// Waits for the end of the connection's time.
    pub(super) fn poll_over(&mut self, served: &Served, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_for(served, served.shared.limits.idle, cx)
    }

    /// Waits for either, whichever comes next.
    pub(super) fn poll(&mut self, served: &Served, cx: &mut Context<'_>) -> Poll<Quiet> {
        let limits = &served.shared.limits;
        if limits.idle <= limits.rest {
            return self.poll_for(served, limits.idle, cx).map(|()| Quiet::Over);
        }
        self.poll_for(served, limits.rest, cx).map(|()| Quiet::Resting)
    }

    fn poll_for(&mut self, served: &Served, wait: Duration, cx: &mut Context<'_>) -> Poll<()> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let busy = served.active.get() > 0;
            let last = if busy {
                Instant::now()
            } else {
                served.used.get().map_or(self.began, |used| used.max(self.began))
            };
            if last + wait <= Instant::now() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(last + wait);
        }
        Poll::Pending
    }
}
