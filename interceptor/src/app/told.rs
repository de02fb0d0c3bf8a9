//! Says in the log what the kernel side tells of, where an operator can do something about it. The kernel side tells of
//! each kind a few times a second at most; its counters have every one. Knows events. Does not act on them.

use std::net::IpAddr;

use interceptor_common::{Event, EventKind};

/// Says one event.
pub(super) fn say(event: &Event) {
    let (address, cgroup) = (IpAddr::from(event.destination), event.cgroup);
    match EventKind::of(event.kind) {
        Some(EventKind::DnsStranger) => tracing::warn!(
            resolver = %address,
            cgroup,
            "an answer about an AI name came from a name server that is not among endpoints.resolvers, and nothing \
             was learned from it"
        ),
        Some(EventKind::DnsFull) => tracing::error!(
            %address,
            cgroup,
            "calls to this address are not redirected: no more addresses can be learned"
        ),
        Some(EventKind::Bypass) => tracing::warn!(
            %address,
            port = event.port,
            cgroup,
            "a packet to an AI endpoint that no connect call asked for: a raw socket, or one older than the programs"
        ),
        Some(EventKind::RawPacket) => tracing::warn!(
            %address,
            port = event.port,
            cgroup,
            "a raw packet to an AI endpoint came out of a guarded interface: a packet socket, or a virtual machine"
        ),
        Some(EventKind::DatagramRefused) => tracing::debug!(
            %address,
            port = event.port,
            cgroup,
            "refused QUIC to an AI endpoint"
        ),
        Some(EventKind::DaemonSilent) => tracing::error!(
            %address,
            cgroup,
            "a connection met the fail policy: the worker that accepts in its namespace gave no sign of life"
        ),
        Some(EventKind::NoListener) => tracing::error!(
            %address,
            cgroup,
            "a connection met the fail policy: nobody listens in its namespace"
        ),
        // What policy refuses is told of in the audit trail.
        Some(EventKind::Forbidden) => {}
        Some(EventKind::UnknownNamespace | EventKind::DirectConnect | EventKind::NotRecorded) | None => {}
    }
}
