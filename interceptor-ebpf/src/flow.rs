//! Enters redirected connections in `FLOWS`, at the first packet of each: the kernel has chosen the source port, and
//! the listener has not heard of it yet. `guard` comes by that packet anyhow. A sockops program at `TCP_CONNECT_CB` sees
//! the same moment, but the kernel would run it four more times for every connection of the node.

use crate::maps::{self, FLOWS, ORIGINS};
use crate::mark;
use aya_ebpf::bindings::{BPF_ANY, BPF_TCP_SYN_SENT, bpf_sock};
use aya_ebpf::helpers::generated;
use aya_ebpf::programs::SkBuffContext;
use core::ptr;
use interceptor_common::{Address, Counter, Flow, FlowKey};

const AF_INET: u32 = 2;

/// Enters the connection that a packet to the loopback device begins, if it was redirected.
#[inline(always)]
pub fn enter(ctx: &SkBuffContext) {
    let Some(sk) = mark::socket(ctx) else { return };
    // SAFETY: a full socket, which lives as long as its packet.
    if unsafe { (&raw const (*sk).state).read_volatile() } != BPF_TCP_SYN_SENT {
        return;
    }
    let Some(flow) = origin(sk) else { return };
    // SAFETY: as above.
    let port = unsafe { (&raw const (*sk).src_port).read_volatile() };
    let key = FlowKey::new(flow.netns, local_address(sk), port as u16);
    // An entry under this key is a dead one, for the kernel would not hand out a source port that is in use; or it is
    // this very connection's, whose first packet found the listener's queue full and is sent again.
    let entered = FLOWS.insert(&key, &*flow, u64::from(BPF_ANY));
    if flow.flags & Flow::ENTERED == 0 {
        maps::count(if entered.is_ok() { Counter::FlowEntered } else { Counter::FlowFull });
        flow.flags |= Flow::ENTERED;
    }
}

/// Whether a flow could be entered now. Asked before a connection is redirected, which cannot be taken back
/// afterwards: only connections that raced for the last room are lost, and counted.
#[inline(always)]
pub fn has_room(flow: &Flow) -> bool {
    let key = FlowKey::trial(flow.netns, flow.socket);
    let has_room = FLOWS.insert(&key, flow, u64::from(BPF_ANY)).is_ok();
    if has_room {
        let _ = FLOWS.remove(&key);
    }
    has_room
}

/// The record that a connect hook left in the socket.
#[inline(always)]
fn origin<'a>(sk: *mut bpf_sock) -> Option<&'a mut Flow> {
    let map = (&raw const ORIGINS).cast_mut().cast();
    // SAFETY: the map is socket storage with values of type `Flow`, and `sk` is a full socket. While its first packet is
    // sent the kernel keeps it locked, so that no connect hook changes the value meanwhile; and when that packet is sent
    // again, `connect` is still under way.
    unsafe { generated::bpf_sk_storage_get(map, sk.cast(), ptr::null_mut(), 0).cast::<Flow>().as_mut() }
}

/// The address that the listener will see as its peer's. All words are loaded before one family's are chosen: the
/// compiler would choose between their places first, and the verifier allows no arithmetic on a socket.
#[inline(always)]
fn local_address(sk: *mut bpf_sock) -> Address {
    // SAFETY: a full socket, of which the verifier allows loads of single words only.
    let (family, v4, v6) = unsafe {
        (
            (&raw const (*sk).family).read_volatile(),
            (&raw const (*sk).src_ip4).read_volatile(),
            [
                (&raw const (*sk).src_ip6[0]).read_volatile(),
                (&raw const (*sk).src_ip6[1]).read_volatile(),
                (&raw const (*sk).src_ip6[2]).read_volatile(),
                (&raw const (*sk).src_ip6[3]).read_volatile(),
            ],
        )
    };
    if family == AF_INET { Address::from_v4_word(v4) } else { Address::from_v6_words(v6) }
}
