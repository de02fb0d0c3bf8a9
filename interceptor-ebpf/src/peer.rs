//! `getpeername4` and `getpeername6`: the application sees the address that it asked for, not our listener's.

use crate::context;
use crate::maps::{self, ORIGINS};
use aya_ebpf::programs::SockAddrContext;
use interceptor_common::{Counter, Flow};

/// The verifier accepts no other answer from these hooks.
const ALLOW: i32 = 1;

/// The hook of `AF_INET` sockets.
#[inline(always)]
pub fn v4(ctx: &SockAddrContext) -> i32 {
    if let Some(flow) = origin(ctx) {
        context::set_ip4(ctx.sock_addr, flow.destination);
        context::set_port(ctx.sock_addr, flow.port);
    }
    ALLOW
}

/// The hook of `AF_INET6` sockets; a mapped destination is shown mapped.
#[inline(always)]
pub fn v6(ctx: &SockAddrContext) -> i32 {
    if let Some(flow) = origin(ctx) {
        context::set_ip6(ctx.sock_addr, flow.destination);
        context::set_port(ctx.sock_addr, flow.port);
    }
    ALLOW
}

#[inline(always)]
fn origin<'a>(ctx: &SockAddrContext) -> Option<&'a Flow> {
    // SAFETY: the context holds the socket that is asked about, locked by the kernel.
    let flow = unsafe { ORIGINS.get_ptr_mut(ctx).as_ref() }?;
    maps::count(Counter::PeerShown);
    Some(flow)
}
