//! Whether a redirected connection would be served: the accepting worker's last sign of life, and whether somebody
//! listens. Asked for each connection that would be redirected, so that neither a daemon that hangs nor one that is
//! gone takes the node's connections with it. What follows from the answers is decided in `interceptor_common`.

use crate::context;
use crate::maps::{CONFIG, HEARTBEATS};
use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::{BPF_TCP_LISTEN, bpf_sock, bpf_sock_tuple};
use aya_ebpf::helpers::generated;
use aya_ebpf::programs::SockAddrContext;
use core::mem::MaybeUninit;
use interceptor_common::Address;

/// `BPF_F_CURRENT_NETNS`: the namespace of the connecting socket.
const CURRENT_NETNS: u64 = u64::MAX;
/// The kernel tells the families apart by the length of the tuple: addresses, then ports.
const TUPLE4: u32 = 12;
const TUPLE6: u32 = 36;

/// Whether the worker's last sign of life is younger than the configured limit.
#[inline(always)]
pub fn is_fresh(worker: u32) -> bool {
    let (Some(beat), Some(config)) = (HEARTBEATS.get(worker), CONFIG.get(0)) else { return false };
    // SAFETY: a reference is valid; volatile, because the worker writes it meanwhile.
    let beat = unsafe { (&raw const *beat).read_volatile() };
    // The clock is read after the beat, so that a beat is never later than it.
    beat != 0 && context::now().wrapping_sub(beat) < config.heartbeat_limit
}

/// Whether somebody listens on the IPv4 address and port in the namespace of the connecting socket.
#[inline(always)]
pub fn listens4(ctx: &SockAddrContext, address: Address, port: u16) -> bool {
    let mut tuple = MaybeUninit::<bpf_sock_tuple>::zeroed();
    // SAFETY: all zero is a valid tuple. The source stays zero, which only a listener matches.
    let target = unsafe { &mut (*tuple.as_mut_ptr()).__bindgen_anon_1.ipv4 };
    target.daddr = address.v4_word();
    target.dport = port.to_be();
    // SAFETY: the helper reads as many bytes of the tuple as it is told, and takes the program's own context.
    let found =
        unsafe { generated::bpf_sk_lookup_tcp(ctx.as_ptr(), tuple.as_mut_ptr(), TUPLE4, CURRENT_NETNS, 0) };
    is_listener(found)
}

/// The same for IPv6.
#[inline(always)]
pub fn listens6(ctx: &SockAddrContext, address: Address, port: u16) -> bool {
    let mut tuple = MaybeUninit::<bpf_sock_tuple>::zeroed();
    // SAFETY: as above.
    let target = unsafe { &mut (*tuple.as_mut_ptr()).__bindgen_anon_1.ipv6 };
    target.daddr = address.words();
    target.dport = port.to_be();
    // SAFETY: as above.
    let found =
        unsafe { generated::bpf_sk_lookup_tcp(ctx.as_ptr(), tuple.as_mut_ptr(), TUPLE6, CURRENT_NETNS, 0) };
    is_listener(found)
}

/// Gives the reference back, which the verifier insists on.
#[inline(always)]
fn is_listener(found: *mut bpf_sock) -> bool {
    if found.is_null() {
        return false;
    }
    // SAFETY: the look-up returned a socket and holds it until it is released below.
    let state = unsafe { (&raw const (*found).state).read_volatile() };
    // SAFETY: released once, and not used afterwards.
    unsafe { generated::bpf_sk_release(found.cast()) };
    state == BPF_TCP_LISTEN
}
