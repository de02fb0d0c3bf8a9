//! When a connection has been idle for too long.
//! Knows one timer and when the last exchange ended. Does not know HTTP.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep};

use super::Served;

/// Ends a connection on which nothing has happened for the limit. One timer a connection: it is looked at
/// when it fires, not set back at every exchange.
pub(super) struct Idle {
    timer: Pin<Box<Sleep>>,
    began: Instant,
}

impl Idle {
    pub(super) fn new(served: &Served) -> Self {
        let began = Instant::now();
        Self { timer: Box::pin(tokio::time::sleep_until(began + served.shared.limits.idle)), began }
    }

    pub(super) fn poll(&mut self, served: &Served, cx: &mut Context<'_>) -> Poll<()> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let idle = served.shared.limits.idle;
            let busy = served.active.get() > 0;
            let last = if busy { Instant::now() } else { served.used.get().unwrap_or(self.began) };
            if last + idle <= Instant::now() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(last + idle);
        }
        Poll::Pending
    }
}
