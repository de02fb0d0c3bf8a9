//! tc, at the ingress of the host's end of a veth: sees every packet that leaves the namespace behind it, whoever made
//! it. What begins a flow to an endpoint and was sent by no socket that the egress guard has seen comes from a packet
//! socket, a virtual machine, or another kernel in user space: it is counted, and dropped where the daemon says so.
//!
//! Later packets of a flow are never judged; see `interceptor_common::NoteKey`.

use crate::maps::{self, CONFIG, INTERFACES};
use crate::packet::{self, Network, Read, TCP};
use crate::{event, note, workload};
use aya_ebpf::programs::SkBuffContext;
use core::arch::asm;
use interceptor_common::{Config, Counter, EventKind, NoteKey, WorkloadKey};

/// `TC_ACT_UNSPEC`, which is `TCX_NEXT` as well: what other programs on the interface say decides.
const NEXT: i32 = -1;
/// `TC_ACT_SHOT`, which is `TCX_DROP` as well.
const DROP: i32 = 2;

/// Length of an Ethernet header, and of a tag behind it.
const LINK: u32 = 14;
const TAG: u32 = 4;

/// Looks at one packet. Nearly all of them are none of ours: the cheap questions come first.
#[inline(always)]
pub fn ingress(ctx: &SkBuffContext) -> i32 {
    let protocol = packet::protocol(ctx);
    // A tag may look like the version of a packet.
    if protocol == packet::V4_FRAME || protocol == packet::V6_FRAME {
        let seen = packet::glance_at(ctx, LINK as usize);
        if seen.is_some_and(|seen| seen.is_later_tcp || !maps::has_port(seen.destination_port)) {
            return NEXT;
        }
    }
    let (protocol, base) = untagged(ctx, protocol);
    match packet::read_at(ctx, protocol, base) {
        Read::Transport(transport) if maps::has_port(transport.destination_port) => {
            let begins = transport.protocol != TCP || transport.may_begin(ctx);
            if begins { judge(ctx, &transport.note()) } else { NEXT }
        }
        Read::Extended(Network { source, destination }) | Read::Overlap(Network { source, destination }) => {
            judge(ctx, &NoteKey::of_addresses(source, destination))
        }
        _ => NEXT,
    }
}

/// What is behind the tags of virtual networks, and where it begins. The kernel has taken the outermost off already; of
/// the others two are looked behind, as many as are in use.
#[inline(always)]
fn untagged(ctx: &SkBuffContext, protocol: u32) -> (u32, u32) {
    let (mut protocol, mut base) = (protocol, LINK);
    for _ in 0..2 {
        const CUSTOMER: u32 = 0x8100_u16.to_be() as u32;
        const SERVICE: u32 = 0x88a8_u16.to_be() as u32;
        if protocol != CUSTOMER && protocol != SERVICE {
            break;
        }
        let Some([_, inner]) = packet::load::<[u16; 2]>(ctx, base) else { break };
        protocol = u32::from(inner);
        base += TAG;
    }
    (protocol, base)
}

/// Judges what begins a flow.
#[inline(always)]
fn judge(ctx: &SkBuffContext, key: &NoteKey) -> i32 {
    let Some(config) = CONFIG.get(0) else { return NEXT };
    const ON: u32 = Config::ACTIVE | Config::VETH;
    if config.flags & ON != ON || !maps::has_endpoint(key.destination) || note::has(key) {
        return NEXT;
    }
    // The packet's socket, be it a packet socket, is still known here, unless something has held the packet up. The
    // daemon need not be below the cgroup in which sockets are noted.
    let cgroup = packet::cgroup(ctx);
    if config.exempts(cgroup) {
        return NEXT;
    }
    let is_dropped = config.flags & Config::VETH_DROP != 0;
    let counter = if is_dropped { Counter::RawPacketRefused } else { Counter::RawPacketLeft };
    maps::count(counter);
    workload::count(&WorkloadKey::new(cgroup, counter));
    count_by_interface(ctx, is_dropped);
    event::send_from_packet(EventKind::RawPacket, cgroup, key.destination, key.destination_port);
    if is_dropped { DROP } else { NEXT }
}

#[inline(always)]
fn count_by_interface(ctx: &SkBuffContext, is_dropped: bool) {
    // SAFETY: the kernel passes a valid context.
    let index = unsafe { (&raw const (*ctx.skb.skb).ifindex).read_volatile() };
    let Some(counts) = INTERFACES.get_ptr_mut(&index) else { return };
    // SAFETY: the value is two aligned u64. If the daemon removes it meanwhile, it is freed after a grace period that
    // this program is part of.
    unsafe {
        if is_dropped {
            asm!("lock *(u64 *)({counts} + 8) += {one}", counts = in(reg) counts, one = in(reg) 1u64);
        } else {
            asm!("lock *(u64 *)({counts} + 0) += {one}", counts = in(reg) counts, one = in(reg) 1u64);
        }
    }
}
