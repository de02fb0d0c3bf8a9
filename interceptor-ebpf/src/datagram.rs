//! `sendmsg4` and `sendmsg6`, and UDP in the connect hooks: QUIC to an endpoint is refused.
//!
//! `connect` of a UDP socket is not where it is refused. The C library connects UDP sockets to sort a name's addresses, to
//! the very port that was asked for, and sends nothing: refused, it would take each address for unreachable, and
//! prefer IPv6 where there is none. So a socket is only marked, and its first datagram refused by the egress guard,
//! which gives its sender `EPERM` as well.

use crate::connect::{ALLOW, DENY};
use crate::{context, event, maps, mark, workload};
use aya_ebpf::programs::SockAddrContext;
use interceptor_common::{Attempt, Counter, Datagram, EventKind, Mark, WorkloadKey, World, decide_datagram};

/// A datagram of a socket that is not connected.
#[inline(always)]
pub fn send(ctx: &SockAddrContext, netns: u64, attempt: &Attempt, world: &impl World) -> i32 {
    match decide_datagram(attempt, world) {
        Datagram::Leave => ALLOW,
        Datagram::LeaveUnknown => {
            mark::keep(ctx, netns, Counter::UnknownNamespace.slot());
            ALLOW
        }
        Datagram::Refuse => refuse(ctx, netns, attempt),
    }
}

/// A socket that is being connected. It is refused here only if it cannot be marked.
#[inline(always)]
pub fn connect(ctx: &SockAddrContext, netns: u64, attempt: &Attempt, world: &impl World) -> i32 {
    let reason = match decide_datagram(attempt, world) {
        Datagram::Leave => return ALLOW,
        Datagram::LeaveUnknown => Counter::UnknownNamespace.slot(),
        Datagram::Refuse => Mark::UNSEEN,
    };
    if mark::begin(ctx, netns, reason) || reason != Mark::UNSEEN {
        return ALLOW;
    }
    refuse(ctx, netns, attempt)
}

#[inline(always)]
fn refuse(ctx: &SockAddrContext, netns: u64, attempt: &Attempt) -> i32 {
    maps::count(Counter::DatagramRefused);
    workload::count(&WorkloadKey::new(context::cgroup(), Counter::DatagramRefused));
    event::send(ctx, EventKind::DatagramRefused, netns, attempt);
    DENY
}
