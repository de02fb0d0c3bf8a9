//! `cgroup_skb/egress`: sees what leaves for an endpoint all the same. Counts it by workload and reason, refuses
//! datagrams, and drops what leaves a namespace that fails closed; the sender sees `EPERM`.
//!
//! What begins a connection to the loopback device may have been redirected: it is entered in `FLOWS` here.
//!
//! Looks at the packets that begin something, a TCP SYN or any datagram, and counts them once per socket and destination.
//! What goes on is noted for the guard of interfaces.

use crate::maps::{self, CONFIG, NAMESPACES};
use crate::packet::{self, Network, Read, TCP, Transport, UDP};
use crate::{event, flow, mark, note, workload};
use aya_ebpf::programs::SkBuffContext;
use interceptor_common::{Address, Config, Counter, EventKind, Mark, Namespace, NoteKey, WorkloadKey};

const PASS: i32 = 1;
const DROP: i32 = 0;

/// In [`standing`], beside the flags of `Namespace`.
const ENROLLED: u32 = 1 << 31;

/// A packet that begins something.
struct Passage {
    destination: Address,
    /// 0 where extension headers hide it.
    port: u16,
    is_datagram: bool,
}

/// What becomes of it.
struct Verdict {
    counter: Counter,
    reason: u32,
    is_dropped: bool,
}

/// Looks at one packet. Nearly all of them are none of ours: the cheap questions come first.
#[inline(always)]
pub fn egress(ctx: &SkBuffContext) -> i32 {
    if let Some(seen) = packet::glance(ctx) {
        if seen.begins_on_loopback {
            flow::enter(ctx);
            return PASS;
        }
        if seen.is_later_tcp || !is_watched(seen.destination_port) {
            return PASS;
        }
    }
    match packet::read(ctx) {
        Read::Transport(transport) if transport.network.destination.is_loopback_target() => {
            flow::enter(ctx);
            PASS
        }
        Read::Transport(transport) if is_watched(transport.destination_port) => first(ctx, &transport),
        // Nothing of ours sends these. The ports are not read: any packet counts.
        Read::Extended(network) | Read::Overlap(network) => {
            let Network { source, destination } = network;
            let passage = Passage { destination, port: 0, is_datagram: false };
            pass_noted(ctx, &passage, &NoteKey::of_addresses(source, destination))
        }
        _ => PASS,
    }
}

/// Whether anything on this port may be for an endpoint, or for a configured proxy.
#[inline(always)]
fn is_watched(port: u16) -> bool {
    maps::has_port(port) || maps::is_port_of_proxy(port)
}

#[inline(always)]
fn first(ctx: &SkBuffContext, transport: &Transport) -> i32 {
    if transport.protocol == TCP && !transport.may_begin(ctx) {
        return PASS;
    }
    let destination = transport.network.destination;
    let port = transport.destination_port;
    let passage = Passage { destination, port, is_datagram: transport.protocol == UDP };
    pass_noted(ctx, &passage, &transport.note())
}

/// Notes what goes on, and nothing else: a note of what was refused here would be a way out for its copies.
#[inline(always)]
fn pass_noted(ctx: &SkBuffContext, passage: &Passage, key: &NoteKey) -> i32 {
    let verdict = judge(ctx, passage);
    if verdict == PASS {
        note::keep(key);
    }
    verdict
}

#[inline(always)]
fn judge(ctx: &SkBuffContext, passage: &Passage) -> i32 {
    let Some(config) = CONFIG.get(0) else { return PASS };
    if passage.destination.is_loopback_target() {
        flow::enter(ctx);
        return PASS;
    }
    // A port that is only a proxy's says nothing of other addresses, and a proxy is reached over TCP.
    let is_captured = passage.port == 0 || maps::has_port(passage.port);
    let is_known = (is_captured && maps::has_endpoint(passage.destination))
        || (!passage.is_datagram && maps::has_proxy(passage.destination, passage.port));
    if !is_known && !is_captured {
        return PASS;
    }
    let cgroup = packet::cgroup(ctx);
    // A packet without a socket is not sent by a workload: the kernel answers something with it.
    if cgroup == 0 || config.exempts(cgroup) {
        return PASS;
    }
    let mut mark = if is_known { mark::of_packet(ctx) } else { mark::of_packet_if_any(ctx) };
    let standing = mark.as_ref().map_or(0, |mark| standing(config, mark.netns));
    if !is_known && standing & Namespace::STRICT == 0 {
        return PASS;
    }
    let reason = mark.as_ref().map_or(Mark::UNSEEN, |mark| mark.reason);
    let verdict = decide(config, passage, reason, standing);
    if mark.as_mut().is_none_or(|mark| is_new(mark, passage)) {
        tell(cgroup, passage, &verdict);
    }
    if verdict.is_dropped { DROP } else { PASS }
}

#[inline(always)]
fn decide(config: &Config, passage: &Passage, reason: u32, standing: u32) -> Verdict {
    if config.flags & Config::ACTIVE == 0 {
        return Verdict { counter: Counter::GuardLeft, reason: Counter::Inactive.slot(), is_dropped: false };
    }
    if passage.is_datagram && standing & ENROLLED != 0 {
        let counter = Counter::DatagramRefused;
        return Verdict { counter, reason: counter.slot(), is_dropped: true };
    }
    let is_dropped = standing & Namespace::CLOSED != 0;
    let is_unseen = reason == Mark::UNSEEN;
    let reason = if is_unseen { Counter::GuardUnseen.slot() } else { reason };
    let counter = if is_dropped {
        Counter::GuardDropped
    } else if is_unseen {
        Counter::GuardUnseen
    } else {
        Counter::GuardLeft
    };
    Verdict { counter, reason, is_dropped }
}

/// Counts it, and tells the daemon of what nobody decided.
#[inline(always)]
fn tell(cgroup: u64, passage: &Passage, verdict: &Verdict) {
    maps::count(verdict.counter);
    workload::count(&WorkloadKey { cgroup, outcome: verdict.counter.slot(), reason: verdict.reason });
    let kind = match verdict.counter {
        Counter::DatagramRefused => EventKind::DatagramRefused,
        Counter::GuardLeft => return,
        _ => EventKind::Bypass,
    };
    event::send_from_packet(kind, cgroup, passage.destination, passage.port);
}

/// Whether the socket's last packet went elsewhere; from now on it went here.
#[inline(always)]
fn is_new(mark: &mut Mark, passage: &Passage) -> bool {
    let is_new = mark.is_counted == 0 || mark.port != passage.port || mark.destination != passage.destination;
    mark.is_counted = 1;
    mark.port = passage.port;
    mark.destination = passage.destination;
    is_new
}

/// Flags of an enrolled namespace, and one that says that it is one; those of unknown namespaces for any other, and 0
/// where nobody could tell. A number, because the compiler leaves the inside of a `None` undefined, and the verifier
/// refuses what it then makes of two tests in one.
#[inline(always)]
fn standing(config: &Config, netns: u64) -> u32 {
    if netns == 0 {
        return 0;
    }
    // SAFETY: the daemon replaces an entry as a whole, and the kernel frees the old one after a grace period that
    // this program is part of.
    unsafe { NAMESPACES.get(netns) }.map_or(config.unknown, |namespace| namespace.flags | ENROLLED)
}
