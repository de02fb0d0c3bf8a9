//! What the programs are told while they run: who is exempt, what is looked at, which policy is in force.
//! Knows the one element of `CONFIG`, and the ports. Does not know endpoints.

use super::heartbeat::nanoseconds;
use super::{Capture, CaptureError};
use interceptor_common::{Config, Ports};
use std::time::Duration;

/// What becomes of packets to endpoints that no socket has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawPacketPolicy {
    /// They are not looked for.
    Leave,
    /// They are counted.
    Count,
    /// They are counted and dropped.
    Drop,
}

impl Capture {
    /// The predecessor has ended: its cgroup is not exempt any more.
    pub fn forget_former(&self) -> Result<(), CaptureError> {
        self.change_config(|config| config.former_cgroup = 0)
    }

    /// Takes back what a successor that did not come to serve may have changed.
    pub fn reassert(&self, exempt: u64) -> Result<(), CaptureError> {
        self.change_config(|config| {
            config.daemon_cgroup = exempt;
            config.former_cgroup = 0;
            config.flags |= Config::ACTIVE;
        })
    }

    /// Stops redirecting while the programs stay attached: new connections go where they want to. The first step
    /// of stopping, before listeners are closed.
    pub fn deactivate(&self) -> Result<(), CaptureError> {
        self.change_config(|config| config.flags &= !Config::ACTIVE)
    }

    /// How old a worker's last sign of life may be before connections meet the fail policy of their namespace.
    pub fn set_heartbeat_limit(&self, limit: Duration) -> Result<(), CaptureError> {
        self.change_config(|config| config.heartbeat_limit = nanoseconds(limit))
    }

    /// How connections in namespaces that are not enrolled are treated: flags of [`Namespace`].
    pub fn set_unknown(&self, flags: u32) -> Result<(), CaptureError> {
        self.change_config(|config| config.unknown = flags)
    }

    /// Verdicts of this generation count from now on, and no others. Where policy `forbids` nobody anything as such, none
    /// is looked for.
    pub fn set_policy(&self, generation: u32, forbids: bool) -> Result<(), CaptureError> {
        self.change_config(|config| {
            config.generation = generation;
            config.flags = config.flags & !Config::FORBIDS | if forbids { Config::FORBIDS } else { 0 };
        })
    }

    /// The generation in force, of an earlier daemon perhaps.
    pub fn generation(&self) -> Result<u32, CaptureError> {
        Ok(self.config.look_up(&0)?.map_or(0, |config| config.generation))
    }

    /// What becomes of raw packets that come out of guarded interfaces. Whatever sockets send is noted for that from now
    /// on, so that this comes before [`Capture::guard`].
    pub fn set_raw_packets(&self, raw_packets: RawPacketPolicy) -> Result<(), CaptureError> {
        let flags = match raw_packets {
            RawPacketPolicy::Leave => 0,
            RawPacketPolicy::Count => Config::VETH,
            RawPacketPolicy::Drop => Config::VETH | Config::VETH_DROP,
        };
        self.change_config(|config| {
            config.flags = config.flags & !(Config::VETH | Config::VETH_DROP) | flags;
        })
    }

    /// Only the daemon writes the configuration, and only on one thread.
    pub(super) fn change_config(&self, change: impl FnOnce(&mut Config)) -> Result<(), CaptureError> {
        let mut config = self.config.look_up(&0)?.ok_or(CaptureError::MissingMap { name: "CONFIG" })?;
        change(&mut config);
        self.config.insert(&0, &config)
    }

    /// Replaces the sets of destination ports that may be redirected, and of those at which proxies listen.
    pub fn set_ports(&self, ports: &[u16], proxies: &[u16]) -> Result<(), CaptureError> {
        let mut set = Ports::NONE;
        ports.iter().for_each(|port| set.capture(*port));
        proxies.iter().for_each(|port| set.add_proxy(*port));
        self.ports.insert(&0, &set)
    }
}
