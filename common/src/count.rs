//! The counters of the kernel side: one slot each in the per-CPU map `STATS`.

/// What a connection attempt, or one of the other hooks, ended as. Each attempt raises exactly one of the counters
/// that [`Counter::is_of_attempts`] tells, so that they add up to the attempts seen.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counter {
    /// Left: the daemon is not active.
    Inactive = 0,
    /// Left: the daemon's own cgroup.
    Exempt = 1,
    /// Left: not TCP.
    OtherProtocol = 2,
    /// Left: a loopback destination.
    Loopback = 3,
    /// Left: the port is not configured.
    OtherPort = 4,
    /// Left: the address is no known endpoint.
    OtherAddress = 5,
    /// Left: an endpoint, but the network namespace is not enrolled.
    UnknownNamespace = 6,
    /// Left: an endpoint, but the namespace has no listener for this family, and the workload fails open.
    NoListenerLeft = 7,
    /// Left: an endpoint, but the socket or `FLOWS` could not take the record, and the workload fails open.
    NotRecordedLeft = 8,
    /// Redirected to the listener.
    Redirected = 9,
    /// Refused: a direct connection to our listener.
    DirectConnect = 10,
    /// Refused: no listener for this family, and the workload fails closed.
    NoListenerRefused = 11,
    /// Refused: the socket or `FLOWS` could not take the record, and the workload fails closed.
    NotRecordedRefused = 12,

    /// A redirected connection was entered in the map `FLOWS`.
    FlowEntered = 13,
    /// A redirected connection found no room in `FLOWS`, where there was some a moment before: the daemon will reset
    /// it when it arrives.
    FlowFull = 14,
    /// An event found no room in the ring buffer.
    EventLost = 15,
    /// `getpeername` was answered with the original destination.
    PeerShown = 16,

    /// Left: an endpoint, but the worker that accepts in this namespace gave no sign of life, and the workload
    /// fails open.
    SilentLeft = 17,
    /// Refused: as above, and the workload fails closed.
    SilentRefused = 18,

    /// An answer about a name of the catalogue, from a known resolver, was read.
    DnsAnswer = 19,
    /// An address was learned that was not known before.
    DnsLearned = 20,
    /// An address could not be learned: `LEARNED` has no room. Connections to it are not redirected.
    DnsFull = 21,
    /// An answer about a name of the catalogue came from an unknown resolver, and nothing was learned from it.
    DnsStranger = 22,
    /// An answer about a name of the catalogue was cut off by its sender: the client asks again over TCP.
    DnsTruncated = 23,
    /// An answer about a name of the catalogue has more records than are looked at.
    DnsBound = 24,
    /// An answer of a known resolver breaks the format. What was learned before that place stays.
    DnsBroken = 25,
    /// A packet of a known resolver could not be read: not a whole message, too long, or behind extension headers.
    DnsUnread = 26,
    /// An HTTPS (type 65) answer for a name of the catalogue was dropped.
    DnsServiceDropped = 27,

    /// Refused: a datagram to an endpoint, which would be QUIC.
    DatagramRefused = 28,
    /// Seen leaving for an endpoint: a decision had left it alone.
    GuardLeft = 29,
    /// Seen leaving for an endpoint, and no hook had seen it: a raw socket, or one that is older than the programs.
    GuardUnseen = 30,
    /// Dropped on its way to an endpoint: its network namespace fails closed.
    GuardDropped = 31,
    /// A count by workload found no room. The counters here have it.
    WorkloadsFull = 32,

    /// Refused: an endpoint, but the network namespace is not enrolled, and such namespaces fail closed.
    UnknownRefused = 33,

    /// A raw packet for an endpoint came out of a guarded interface, and went on: no socket of its namespace had sent it.
    RawPacketLeft = 34,
    /// The same, dropped.
    RawPacketRefused = 35,

    /// Refused: an endpoint that policy forbids the caller, whatever is sent there.
    ForbiddenRefused = 36,
    /// An address of a name that is nobody's in the catalogue could not be noted: `OTHERS` has no room.
    OthersFull = 37,
}

impl Counter {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// All, in the order of their numbers.
    pub const ALL: [Self; 38] = [
        Self::Inactive,
        Self::Exempt,
        Self::OtherProtocol,
        Self::Loopback,
        Self::OtherPort,
        Self::OtherAddress,
        Self::UnknownNamespace,
        Self::NoListenerLeft,
        Self::NotRecordedLeft,
        Self::Redirected,
        Self::DirectConnect,
        Self::NoListenerRefused,
        Self::NotRecordedRefused,
        Self::FlowEntered,
        Self::FlowFull,
        Self::EventLost,
        Self::PeerShown,
        Self::SilentLeft,
        Self::SilentRefused,
        Self::DnsAnswer,
        Self::DnsLearned,
        Self::DnsFull,
        Self::DnsStranger,
        Self::DnsTruncated,
        Self::DnsBound,
        Self::DnsBroken,
        Self::DnsUnread,
        Self::DnsServiceDropped,
        Self::DatagramRefused,
        Self::GuardLeft,
        Self::GuardUnseen,
        Self::GuardDropped,
        Self::WorkloadsFull,
        Self::UnknownRefused,
        Self::RawPacketLeft,
        Self::RawPacketRefused,
        Self::ForbiddenRefused,
        Self::OthersFull,
    ];

    /// The slot in `STATS`.
    #[inline(always)]
    #[must_use]
    pub const fn slot(self) -> u32 {
        self as u32
    }

    /// Whether it says how an attempt to connect ended; the others say what happened besides.
    #[must_use]
    pub const fn is_of_attempts(self) -> bool {
        self.slot() < Self::FlowEntered.slot()
            || matches!(
                self,
                Self::SilentLeft | Self::SilentRefused | Self::UnknownRefused | Self::ForbiddenRefused
            )
    }

    /// The counter of a slot, if this build knows it.
    #[must_use]
    pub fn of_slot(slot: u32) -> Option<Self> {
        Self::ALL.get(usize::try_from(slot).ok()?).copied()
    }

    /// The name under which metrics and reports show it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inactive => "left_inactive",
            Self::Exempt => "left_exempt",
            Self::OtherProtocol => "left_other_protocol",
            Self::Loopback => "left_loopback",
            Self::OtherPort => "left_other_port",
            Self::OtherAddress => "left_other_address",
            Self::UnknownNamespace => "left_unknown_namespace",
            Self::NoListenerLeft => "left_no_listener",
            Self::NotRecordedLeft => "left_not_recorded",
            Self::Redirected => "redirected",
            Self::DirectConnect => "refused_direct_connect",
            Self::NoListenerRefused => "refused_no_listener",
            Self::NotRecordedRefused => "refused_not_recorded",
            Self::FlowEntered => "flow_entered",
            Self::FlowFull => "flow_full",
            Self::EventLost => "event_lost",
            Self::PeerShown => "peer_shown",
            Self::SilentLeft => "left_daemon_silent",
            Self::SilentRefused => "refused_daemon_silent",
            Self::DnsAnswer => "dns_answer",
            Self::DnsLearned => "dns_learned",
            Self::DnsFull => "dns_full",
            Self::DnsStranger => "dns_stranger",
            Self::DnsTruncated => "dns_truncated",
            Self::DnsBound => "dns_bound",
            Self::DnsBroken => "dns_broken",
            Self::DnsUnread => "dns_unread",
            Self::DnsServiceDropped => "dns_service_dropped",
            Self::DatagramRefused => "refused_datagram",
            Self::GuardLeft => "guard_left",
            Self::GuardUnseen => "guard_unseen",
            Self::GuardDropped => "guard_dropped",
            Self::WorkloadsFull => "workloads_full",
            Self::UnknownRefused => "refused_unknown_namespace",
            Self::RawPacketLeft => "left_raw_packet",
            Self::RawPacketRefused => "refused_raw_packet",
            Self::ForbiddenRefused => "refused_forbidden",
            Self::OthersFull => "dns_others_full",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_follow_the_order_of_all() {
        for (slot, counter) in (0..).zip(Counter::ALL) {
            assert_eq!(counter.slot(), slot, "{counter:?}");
        }
    }
}
