//! When processes last executed a program, as the kernel side notes it. Knows the map. Does not know who asks.

use super::CaptureError;
use super::table::Table;
use aya::Ebpf;
use std::time::Duration;

/// A handle on the map, cheap to clone and usable from every thread.
#[derive(Clone, Debug)]
pub struct Execs {
    table: Table<u32, u64>,
}

impl Execs {
    pub(super) fn open(programs: &Ebpf) -> Result<Self, CaptureError> {
        Ok(Self { table: Table::open(programs, "EXECS")? })
    }

    /// When this process last executed a program, of `CLOCK_MONOTONIC`; zero if not since it first connected. `None` for
    /// a process that has not connected, or so long ago that this is forgotten.
    pub fn last(&self, pid: u32) -> Result<Option<Duration>, CaptureError> {
        Ok(self.table.look_up(&pid)?.map(Duration::from_nanos))
    }
}
