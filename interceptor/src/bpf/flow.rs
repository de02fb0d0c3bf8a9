//! Redirected connections between `connect` and `accept`: taking one out, and sweeping those nobody came for.

use super::table::Table;
use super::{CaptureError, monotonic};
use aya::Ebpf;
use interceptor_common::{Address, Flow, FlowKey};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::netns::NetnsCookie;

/// A handle on the map of flows, cheap to clone and usable from every thread.
#[derive(Clone, Debug)]
pub struct Flows {
    table: Table<FlowKey, Flow>,
    capacity: NonZeroU32,
}

/// What one sweep found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Entries that were looked at.
    pub seen: usize,
    /// Entries that were removed because nobody took them in time.
    pub removed: usize,
}

impl Flows {
    pub(super) fn open(programs: &Ebpf, capacity: NonZeroU32) -> Result<Self, CaptureError> {
        Ok(Self { table: Table::open(programs, "FLOWS")?, capacity })
    }

    /// Takes out the flow of a connection that was accepted in the namespace `netns` from `peer`. `None` means that
    /// nobody was redirected there: reset the connection, whoever it is.
    ///
    /// One system call, about a microsecond; nothing to await.
    pub fn take(&self, netns: NetnsCookie, peer: SocketAddr) -> Result<Option<Flow>, CaptureError> {
        self.table.take(&FlowKey::new(netns.0, Address::from(peer.ip()), peer.port()))
    }

    /// How many flows wait to be accepted, by the cgroup that connected.
    pub fn waiting(&self) -> Result<HashMap<u64, u64>, CaptureError> {
        let mut waiting = HashMap::new();
        for key in self.table.keys(self.capacity.get() as usize)? {
            if let Some(flow) = self.table.look_up(&key)? {
                *waiting.entry(flow.cgroup).or_default() += 1;
            }
        }
        Ok(waiting)
    }

    /// Removes flows older than `age`, and tells of each: their clients gave up before the listener accepted. `age` must
    /// be well above the longest time that an accepted connection may wait for its turn.
    pub fn sweep(&self, age: Duration, mut tell: impl FnMut(&Flow)) -> Result<Swept, CaptureError> {
        let now = monotonic()?;
        let keys = self.table.keys(self.capacity.get() as usize)?;
        let is_old = |flow: &Flow| now.saturating_sub(Duration::from_nanos(flow.at)) > age;
        let mut swept = Swept { seen: keys.len(), removed: 0 };
        for key in keys {
            if !self.table.look_up(&key)?.as_ref().is_some_and(is_old) {
                continue;
            }
            match self.table.take(&key)? {
                // Between the two calls the port was used anew: what we hold is a flow that is wanted.
                Some(flow) if !is_old(&flow) => drop(self.table.insert_new(&key, &flow)?),
                Some(flow) => {
                    tell(&flow);
                    swept.removed += 1;
                }
                None => {}
            }
        }
        Ok(swept)
    }
}
