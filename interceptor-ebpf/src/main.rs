//! The kernel side: entry points only. Each reads its context, asks `interceptor_common`, and writes back.
//!
//! | program | hook | what it does |
//! |---|---|---|
//! | `connect4`, `connect6` | `cgroup/connect4`, `cgroup/connect6` | decide an attempt; record and redirect it |
//! | `peer4`, `peer6` | `cgroup/getpeername4`, `cgroup/getpeername6` | show the application the address it asked for |
//! | `dns` | `cgroup_skb/ingress` | learn an endpoint's addresses from DNS answers before the application sees them |
//! | `send4`, `send6` | `cgroup/sendmsg4`, `cgroup/sendmsg6` | refuse QUIC to an endpoint |
//! | `raw` | `cgroup/sock_create` | note the network namespace of a raw socket, for the guard |
//! | `executed` | raw tracepoint `sched_process_exec` | note when a process that has connected becomes another program |
//! | `guard` | `cgroup_skb/egress` | enter redirected connections in `FLOWS`; count, or drop, what leaves for an endpoint all the same |
//! | `interceptor_veth` | tc, ingress of a veth's host end | count or drop what leaves for an endpoint and no socket sent |
//!
//! A connection is redirected only if the daemon is alive and listens, after its record is in the socket
//! (`sk_storage`), and while `FLOWS` has room. Should another take the last room meanwhile, the attempt cannot be
//! taken back any more: it is counted, and the daemon resets a connection it finds no flow for. It never goes to a
//! destination that somebody guessed.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod connect;
mod context;
mod datagram;
mod dns;
mod event;
mod exec;
mod flow;
mod forbid;
mod guard;
mod liveness;
mod maps;
mod mark;
mod note;
mod packet;
mod peer;
mod veth;
mod workload;

use aya_ebpf::macros::{cgroup_skb, cgroup_sock, cgroup_sock_addr, classifier, raw_tracepoint};
use aya_ebpf::programs::{RawTracePointContext, SkBuffContext, SockAddrContext, SockContext, TcContext};
use interceptor_common::Abi;

/// Read by the daemon before it attaches anything.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".rodata.abi")]
#[used]
static ABI: Abi = Abi::CURRENT;

/// The kernel gives GPL-only helpers to GPL-compatible licences only. None of those used here is one.
#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
#[used]
static LICENSE: [u8; 4] = *b"MIT\0";

#[cgroup_sock_addr(connect4)]
fn connect4(ctx: SockAddrContext) -> i32 {
    connect::v4(&ctx)
}

#[cgroup_sock_addr(connect6)]
fn connect6(ctx: SockAddrContext) -> i32 {
    connect::v6(&ctx)
}

#[cgroup_sock_addr(getpeername4)]
fn peer4(ctx: SockAddrContext) -> i32 {
    peer::v4(&ctx)
}

#[cgroup_sock_addr(getpeername6)]
fn peer6(ctx: SockAddrContext) -> i32 {
    peer::v6(&ctx)
}

#[cgroup_skb(ingress)]
fn dns(ctx: SkBuffContext) -> i32 {
    dns::ingress(&ctx)
}

#[cgroup_skb(egress)]
fn guard(ctx: SkBuffContext) -> i32 {
    guard::egress(&ctx)
}

#[cgroup_sock_addr(sendmsg4)]
fn send4(ctx: SockAddrContext) -> i32 {
    connect::datagram4(&ctx)
}

#[cgroup_sock_addr(sendmsg6)]
fn send6(ctx: SockAddrContext) -> i32 {
    connect::datagram6(&ctx)
}

/// Its name is that of its filters, too, by which they are told from those of others where the kernel has no links for
/// them.
#[classifier]
fn interceptor_veth(ctx: TcContext) -> i32 {
    veth::ingress(&SkBuffContext::new(ctx.skb.skb))
}

#[cgroup_sock(sock_create)]
fn raw(ctx: SockContext) -> i32 {
    mark::set_raw(&ctx);
    connect::ALLOW
}

#[raw_tracepoint(tracepoint = "sched_process_exec")]
fn executed(_ctx: RawTracePointContext) -> i32 {
    exec::note();
    0
}

/// Never reached: nothing above can panic, and an object in which something could would not pass the verifier.
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
