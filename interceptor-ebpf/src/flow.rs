//! `sockops`: at `TCP_CONNECT_CB` the kernel has chosen the source port and not yet sent the SYN. The only moment
//! at which the daemon's key of a connection can be entered before the daemon can see the connection.

use crate::maps::{self, FLOWS, ORIGINS};
use aya_ebpf::bindings::{BPF_ANY, BPF_SOCK_OPS_TCP_CONNECT_CB, bpf_sock_ops};
use aya_ebpf::helpers::generated;
use aya_ebpf::programs::SockOpsContext;
use core::ptr;
use interceptor_common::{Address, Counter, Flow, FlowKey};

/// What a sockops program returns.
const DONE: u32 = 1;
const AF_INET: u32 = 2;

/// Enters a redirected connection in `FLOWS`. Any other operation, and any other socket, is none of ours.
#[inline(always)]
pub fn enter(ctx: &SockOpsContext) -> u32 {
    if ctx.op() != BPF_SOCK_OPS_TCP_CONNECT_CB {
        return DONE;
    }
    let Some(flow) = origin(ctx.ops) else { return DONE };
    let key = FlowKey::new(flow.netns, local_address(ctx), ctx.local_port() as u16);
    // An entry under this key is a dead one: the kernel would not hand out a source port that is in use.
    let entered = FLOWS.insert(&key, flow, u64::from(BPF_ANY));
    maps::count(if entered.is_ok() { Counter::FlowEntered } else { Counter::FlowFull });
    DONE
}

/// Whether a flow could be entered now. Asked before a connection is redirected, which cannot be taken back at
/// `TCP_CONNECT_CB`: there, only connections that raced for the last room are lost, and counted.
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
fn origin<'a>(ops: *mut bpf_sock_ops) -> Option<&'a Flow> {
    // SAFETY: the kernel passes a valid context, and a null pointer where it has no full socket.
    let sk = unsafe { (*ops).__bindgen_anon_2.sk };
    if sk.is_null() {
        return None;
    }
    let map = (&raw const ORIGINS).cast_mut().cast();
    // SAFETY: the map is socket storage with values of type `Flow`, and the socket was checked above. It is locked
    // by the kernel, so that no connect hook changes the value meanwhile.
    unsafe { generated::bpf_sk_storage_get(map, sk.cast(), ptr::null_mut(), 0).cast::<Flow>().as_ref() }
}

/// The address that the listener will see as its peer's.
#[inline(always)]
fn local_address(ctx: &SockOpsContext) -> Address {
    if ctx.family() == AF_INET {
        return Address::from_v4_word(ctx.local_ip4());
    }
    let ops = ctx.ops;
    // SAFETY: the kernel passes a valid context; this one allows loads of single words only.
    unsafe {
        Address::from_v6_words([
            (&raw const (*ops).local_ip6[0]).read_volatile(),
            (&raw const (*ops).local_ip6[1]).read_volatile(),
            (&raw const (*ops).local_ip6[2]).read_volatile(),
            (&raw const (*ops).local_ip6[3]).read_volatile(),
        ])
    }
}
