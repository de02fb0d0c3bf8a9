//! Counts by workload, and what the egress guard is told of a socket.

use crate::{Address, Counter, Decision, Left};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Key of the map `WORKLOADS`: how often did this happen to this workload, and why?
#[repr(C)]
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, IntoBytes, FromBytes, Immutable, KnownLayout,
)]
pub struct WorkloadKey {
    /// Id of the cgroup: of the task that called a hook, or of the socket whose packet the guard saw.
    pub cgroup: u64,
    /// Slot of the [`Counter`] that was raised as well.
    pub outcome: u32,
    /// Slot of the counter that says why. The outcome itself where it is its own reason; what the guard sees leaving
    /// by an earlier decision has that decision's.
    pub reason: u32,
}
const _: () = assert!(size_of::<WorkloadKey>() == 16);

impl WorkloadKey {
    /// The key of an outcome that is its own reason.
    #[inline(always)]
    #[must_use]
    pub const fn new(cgroup: u64, outcome: Counter) -> Self {
        Self { cgroup, outcome: outcome.slot(), reason: outcome.slot() }
    }
}

impl Decision {
    /// Whether the attempt was for an endpoint, or in a strict namespace for a configured port, or for our own
    /// listener: those are counted by workload.
    #[inline(always)]
    #[must_use]
    pub const fn is_about_endpoint(self) -> bool {
        match self {
            Self::Leave(
                Left::Inactive
                | Left::Exempt
                | Left::OtherProtocol
                | Left::Loopback
                | Left::OtherPort
                | Left::OtherAddress,
            ) => false,
            Self::Leave(
                Left::UnknownNamespace | Left::NoListener | Left::DaemonSilent | Left::NotRecorded,
            )
            | Self::Redirect(_)
            | Self::Refuse(_) => true,
        }
    }
}

/// What is kept in a socket for the egress guard, which sees packets and neither tasks nor namespaces.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct Mark {
    /// Cookie of the socket's network namespace; 0 where nobody could tell.
    pub netns: u64,
    /// Slot of the counter of the decision by which it was left alone, or [`Mark::UNSEEN`].
    pub reason: u32,
    /// The destination that the guard counted last, so that it counts one once: its port, host byte order.
    pub port: u16,
    /// 1 once the guard counted anything.
    pub is_counted: u16,
    /// The address of that destination.
    pub destination: Address,
}
const _: () = assert!(size_of::<Mark>() == 32);

impl Mark {
    /// No hook saw where it goes.
    pub const UNSEEN: u32 = u32::MAX;

    /// A mark of which the guard has counted nothing.
    #[inline(always)]
    #[must_use]
    pub const fn new(netns: u64, reason: u32) -> Self {
        Self { netns, reason, port: 0, is_counted: 0, destination: Address::from_v6_words([0; 4]) }
    }
}
