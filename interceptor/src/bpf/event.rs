//! What the programs tell the daemon, read from their ring buffer.

use super::CaptureError;
use aya::Ebpf;
use aya::maps::{MapData, RingBuf};
use interceptor_common::Event;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use tokio::io::unix::AsyncFd;
use zerocopy::FromBytes;

/// The reader's end of the ring buffer. Its descriptor becomes readable when there is something to read, and is
/// made for `tokio::io::unix::AsyncFd`: drain with [`Events::next`] until `None`, then clear readiness.
pub struct Events {
    ring: RingBuf<MapData>,
}

impl Events {
    pub(super) fn open(programs: &mut Ebpf) -> Result<Self, CaptureError> {
        const NAME: &str = "EVENTS";
        let map = programs.take_map(NAME).ok_or(CaptureError::MissingMap { name: NAME })?;
        Ok(Self { ring: RingBuf::try_from(map).map_err(|error| CaptureError::of_map(NAME, error))? })
    }

    /// Registers the reader with the reactor of the current runtime.
    ///
    /// # Errors
    /// The reactor has no room for it.
    pub fn watch(self) -> std::io::Result<AsyncFd<Self>> {
        #[expect(unsafe_code, reason = "the reactor wants a promise about the descriptor's life")]
        // SAFETY: the ring buffer owns its descriptor from creation to drop and never exchanges it, and the
        // `AsyncFd` drops its registration before the reader inside it.
        let registered = unsafe { AsyncFd::register(self) };
        registered.map_err(|error| error.into_parts().1)
    }

    /// The next event, without waiting.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator that ends and goes on later is no iterator"
    )]
    pub fn next(&mut self) -> Option<Event> {
        while let Some(item) = self.ring.next() {
            // The object's ABI was checked, so that an entry of another size cannot come; it would not be ours.
            if let Ok(event) = Event::read_from_bytes(&item) {
                return Some(event);
            }
        }
        None
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring.as_fd()
    }
}

impl AsRawFd for Events {
    fn as_raw_fd(&self) -> RawFd {
        self.ring.as_raw_fd()
    }
}
