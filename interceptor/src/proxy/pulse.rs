//! A worker's signs of life: as long as it gives them, the kernel side sends it connections.
//! Knows what a connection costs in file descriptors. Does not know connections.
//!
//! A sign says more than that the thread runs: it says that the next connection could be taken. A worker without
//! descriptors stays silent, so that connections meet the fail policy of their workload in the kernel, instead of
//! a backlog that nobody empties.

use std::cell::RefCell;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::bpf::Heartbeats;
use crate::telemetry::chain;

/// How often a worker gives a sign of life. The configured limit must leave room for a few that come late.
pub(super) const BEAT: Duration = Duration::from_millis(250);

/// Missed beats after which other workers hand no connection over.
const MISSED: u32 = 4;

/// The worker's end.
pub(super) struct Pulse {
    worker: u32,
    beats: Heartbeats,
    last: LastBeat,
    /// Given up for a moment when descriptors run out, to take waiting connections and refuse them.
    spare: RefCell<Option<UnixDatagram>>,
}

/// The other workers' view of one worker: when it gave its last sign of life.
#[derive(Debug, Clone)]
pub(super) struct LastBeat {
    /// Milliseconds since `epoch`.
    at: Arc<AtomicU64>,
    epoch: Instant,
}

impl LastBeat {
    /// None was given yet.
    pub(super) fn new(epoch: Instant) -> Self {
        Self { at: Arc::default(), epoch }
    }

    /// Whether the worker takes connections that others have accepted.
    pub(super) fn is_recent(&self) -> bool {
        let at = Duration::from_millis(self.at.load(Ordering::Relaxed));
        self.epoch.elapsed().saturating_sub(at) < BEAT * MISSED
    }

    fn now(&self) {
        let elapsed = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.at.store(elapsed, Ordering::Relaxed);
    }
}

impl Pulse {
    /// The pulse of a worker, which has not begun yet.
    pub(super) fn new(worker: u32, beats: Heartbeats, last: LastBeat) -> Self {
        Self { worker, beats, last, spare: RefCell::new(None) }
    }

    /// Gives a sign of life, if the worker could take a connection.
    pub(super) fn beat(&self) {
        if !self.can_accept() {
            return;
        }
        self.last.now();
        if let Err(error) = self.beats.beat(self.worker) {
            tracing::error!(error = chain(&error), "connections will meet the fail policy");
        }
    }

    /// Takes the sign back: from now on nothing is redirected here.
    pub(super) fn stop(&self) {
        if let Err(error) = self.beats.stop(self.worker) {
            tracing::warn!(
                error = chain(&error),
                "connections are redirected until the last sign of life is old"
            );
        }
    }

    /// Runs `shed` with one descriptor more than there was.
    pub(super) fn without_spare(&self, shed: impl FnOnce()) {
        drop(self.spare.take());
        shed();
        // Tried again at the next beat, which does not come about without it.
        let _ = self.hold_spare();
    }

    fn can_accept(&self) -> bool {
        // A connection takes two descriptors: the application's and the provider's.
        let room = || {
            let spare = self.spare.borrow();
            let Some(socket) = spare.as_ref() else { return Ok(()) };
            socket.try_clone().and_then(|one| socket.try_clone().map(|two| drop((one, two))))
        };
        self.hold_spare().and_then(|()| room()).is_ok()
    }

    fn hold_spare(&self) -> io::Result<()> {
        let mut spare = self.spare.borrow_mut();
        if spare.is_none() {
            *spare = Some(UnixDatagram::unbound()?);
        }
        Ok(())
    }
}

/// Whether accepting failed for want of something that a waiting connection would need as well.
pub(super) fn is_exhausted(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_never_beat_is_given_a_moment_and_no_more() {
        let now = Instant::now();
        assert!(LastBeat::new(now).is_recent());
        let long_ago = now.checked_sub(BEAT * MISSED).expect("the machine runs for longer than a second");
        let last = LastBeat::new(long_ago);
        assert!(!last.is_recent());
        last.now();
        assert!(last.is_recent());
    }
}
