//! Signs of life: where each worker says that it accepts, for the connect hooks to see.
//! Knows the map and the clock. Does not know what a worker is.

use super::table::Table;
use super::{CaptureError, monotonic};
use aya::Ebpf;
use std::time::Duration;

/// How old a sign of life may be unless the configuration says otherwise.
pub const HEARTBEAT_LIMIT: Duration = Duration::from_secs(1);

/// A handle on the map of heartbeats, cheap to clone and usable from every thread. Workers are numbered below
/// [`interceptor_common::WORKERS`].
#[derive(Clone, Debug)]
pub struct Heartbeats {
    table: Table<u32, u64>,
}

impl Heartbeats {
    pub(super) fn open(programs: &Ebpf) -> Result<Self, CaptureError> {
        Ok(Self { table: Table::open(programs, "HEARTBEATS")? })
    }

    /// The worker accepts now. Two system calls; nothing to await.
    pub fn beat(&self, worker: u32) -> Result<(), CaptureError> {
        self.table.insert(&worker, &nanoseconds(monotonic()?))
    }

    /// The worker does not accept any more: connections meet their fail policy from now on, instead of from the
    /// moment when its last beat is too old.
    pub fn stop(&self, worker: u32) -> Result<(), CaptureError> {
        self.table.insert(&worker, &0)
    }
}

/// The programs count in 64 bits, which last for 584 years.
pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
