//! What connections show that concerns those to come: whom a rule has refused an exchange, and which addresses are not
//! only a provider's. For whoever can refuse the next one before it is made.
//! Knows callers, providers and addresses. Does not know who listens, and waits for nobody.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::telemetry::event::Caller;

/// One thing that was seen.
#[derive(Debug)]
pub enum Hint {
    /// An exchange of this caller was refused.
    Refused(Arc<Caller>),
    /// A connection to this address was for a name of nobody in the catalogue, or for none.
    Other(IpAddr),
}

/// Hints that wait. What finds no room will be seen again, if it matters.
const WAITING: usize = 1024;

/// Where they are left.
#[derive(Debug)]
pub struct Hints {
    are_wanted: AtomicBool,
    sender: Sender<Hint>,
    receiver: Mutex<Option<Receiver<Hint>>>,
}

impl Default for Hints {
    fn default() -> Self {
        let (sender, receiver) = channel(WAITING);
        Self { are_wanted: AtomicBool::new(false), sender, receiver: Mutex::new(Some(receiver)) }
    }
}

impl Hints {
    /// Whether anybody can act upon hints.
    pub fn want(&self, are_wanted: bool) {
        self.are_wanted.store(are_wanted, Ordering::Relaxed);
    }

    /// The reader's end. There is one: the second call returns `None`.
    pub fn take(&self) -> Option<Receiver<Hint>> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Leaves one, made only if it is wanted.
    pub fn leave(&self, hint: impl FnOnce() -> Hint) {
        if self.are_wanted.load(Ordering::Relaxed) {
            // Nothing is lost that matters, see above.
            let _ = self.sender.try_send(hint());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(number: u8) -> Hint {
        Hint::Other(IpAddr::from([203, 0, 113, number]))
    }

    #[test]
    fn hints_are_left_only_while_they_are_wanted_and_never_more_than_there_is_room_for() {
        let hints = Hints::default();
        hints.leave(|| unreachable!("nobody wants it"));
        hints.want(true);
        for _ in 0..WAITING {
            hints.leave(|| other(1));
        }
        hints.leave(|| other(2));
        let mut receiver = hints.take().unwrap();
        assert!(hints.take().is_none());
        let all: Vec<Hint> = std::iter::from_fn(|| receiver.try_recv().ok()).collect();
        assert_eq!(all.len(), WAITING);
        assert!(
            all.iter().all(|hint| matches!(hint, Hint::Other(ip) if *ip == IpAddr::from([203, 0, 113, 1])))
        );
    }
}
